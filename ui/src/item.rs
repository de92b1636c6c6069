//! What the library holds: models, stimuli, recordings, probe results, training runs, figures.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use gainfield::dynamics::{Area, Control, Graph, Intervention, TimeUnit};
use gainfield::families;
use gainfield::model::Model;
use gainfield::ops::Numerics;
use gainfield::probe::ProbeRecipe;
use gainfield::settings::{Field, MissingValue};
use gainfield::task::StimulusSpec;
use serde::Serialize;

use crate::icons::{self, Icon};

/// Names an item for as long as the session lives; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ItemId(pub u64);

/// One thing in the library.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: ItemId,
    pub name: String,
    pub content: Content,
}

/// What an item is. Contents are immutable and shared; an edit puts another one in its place.
#[derive(Clone, Debug)]
pub enum Content {
    Model(Arc<ModelInfo>),
    Stimulus(Arc<StimulusInfo>),
    Recording(Arc<RecordingInfo>),
    Probe(Arc<ProbeInfo>),
    Training(Arc<TrainingInfo>),
    Figure(Arc<FigureInfo>),
}

/// The groups of the library, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Models,
    Stimuli,
    Recordings,
    ProbeResults,
    TrainingRuns,
    Figures,
}

impl Group {
    pub const ALL: [Self; 6] = [
        Self::Models,
        Self::Stimuli,
        Self::Recordings,
        Self::ProbeResults,
        Self::TrainingRuns,
        Self::Figures,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Models => "Models",
            Self::Stimuli => "Stimuli",
            Self::Recordings => "Recordings",
            Self::ProbeResults => "Probe results",
            Self::TrainingRuns => "Training runs",
            Self::Figures => "Figures",
        }
    }
}

impl Content {
    pub fn group(&self) -> Group {
        match self {
            Self::Model(_) => Group::Models,
            Self::Stimulus(_) => Group::Stimuli,
            Self::Recording(_) => Group::Recordings,
            Self::Probe(_) => Group::ProbeResults,
            Self::Training(_) => Group::TrainingRuns,
            Self::Figure(_) => Group::Figures,
        }
    }

    pub fn icon(&self) -> Icon {
        match self {
            Self::Model(_) => icons::MODEL,
            Self::Stimulus(_) => icons::STIMULUS,
            Self::Recording(recording) if recording.parent.is_some() => icons::BRANCH,
            Self::Recording(_) => icons::RECORDING,
            Self::Probe(_) => icons::PROBE,
            Self::Training(_) => icons::SLIDERS,
            Self::Figure(_) => icons::EXPORT,
        }
    }
}

/// What is known of an opened model, without its tensors.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Digest of weights and configuration.
    pub identity: u64,
    /// Family, variant, configuration with sources, origin and the report of its tensors.
    pub about: Arc<gainfield::model::ModelInfo>,
    pub parameters: usize,
    pub areas: Vec<Area>,
    pub controls: Vec<Control>,
    pub time_unit: TimeUnit,
    pub input_shape: [usize; 3],
    pub classes: Vec<String>,
    pub tasks: Vec<String>,
    /// Timesteps without a stimulus before onset as published, where the family has them.
    pub warm_up: Option<usize>,
    /// Every key of the configuration, documented.
    pub fields: Vec<Field>,
    /// Values that are defaults because neither file nor weights tell them.
    pub missing: Vec<MissingValue>,
    /// Per area, the first timestep at whose end it holds a value; `None` if it never does.
    pub live_from: Vec<Option<usize>>,
    /// Areas and connections, counted.
    pub graph: Arc<Graph>,
    /// Timesteps of a run as published.
    pub timesteps: Option<usize>,
    /// The command that makes its file, for a network that was built here.
    pub made_by: Option<String>,
}

impl ModelInfo {
    pub fn of(model: &Model) -> Self {
        let dynamics = &model.dynamics;
        let config = serde_json::to_string(&model.info.config).unwrap_or_default();
        let file = model.info.origin.sha256.clone();
        let weights = file.unwrap_or_else(|| dynamics.generation().to_string());
        Self {
            identity: digest(&(weights, config)),
            about: Arc::clone(&model.info),
            parameters: model.n_parameters(),
            areas: dynamics.areas().to_vec(),
            controls: dynamics.controls().to_vec(),
            time_unit: dynamics.time_unit(),
            input_shape: dynamics.input_shape(),
            classes: dynamics.classes().to_vec(),
            tasks: dynamics.tasks().to_vec(),
            warm_up: dynamics.warm_up(),
            fields: families::fields(model.info.family, &model.info.variant),
            missing: families::missing_values(&model.info),
            live_from: (0..dynamics.areas().len()).map(|area| dynamics.live_from(area)).collect(),
            graph: Arc::new(model.graph()),
            timesteps: model.published_timesteps(),
            made_by: None,
        }
    }

    /// First timestep at whose end the area holds a value; `None` if it never does. An area that the
    /// model does not have is taken to be live.
    pub fn live_from(&self, area: &str) -> Option<usize> {
        match self.areas.iter().position(|known| known.name == area) {
            Some(index) => self.live_from.get(index).copied().flatten(),
            None => Some(0),
        }
    }

    /// Timesteps before onset of a run; `None` where the family has none.
    pub fn warm_up_of(&self, spec: &RunSpec) -> Option<usize> {
        self.warm_up.map(|published| spec.warm_up.unwrap_or(published))
    }

    pub fn area(&self, name: &str) -> Option<&Area> {
        self.areas.iter().find(|area| area.name == name)
    }
}

/// What is shown to a network: a description and the number of one trial of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StimulusInfo {
    pub spec: StimulusSpec,
    /// Which trial of the stimulus.
    pub trial: usize,
    pub seed: u64,
}

impl StimulusInfo {
    pub fn new(spec: StimulusSpec) -> Self {
        Self { spec, trial: 0, seed: 0 }
    }

    /// Digest of everything that determines the pixels, for a model that takes `canvas`.
    pub fn identity(&self) -> u64 {
        digest(&serde_json::to_string(self).unwrap_or_default())
    }
}

fn digest(value: &impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A run: everything that determines it. Its numbers are kept elsewhere, by [`RunKey`].
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingInfo {
    pub model: ItemId,
    pub stimulus: ItemId,
    pub spec: RunSpec,
    /// The recording this one left, and the timestep from which it differs.
    pub parent: Option<(ItemId, usize)>,
}

/// What is run, besides model and stimulus.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunSpec {
    /// Controls that differ from their defaults.
    pub controls: BTreeMap<String, f64>,
    pub interventions: Vec<Intervention>,
    /// `None` is the published length.
    pub timesteps: Option<usize>,
    /// Timesteps without a stimulus before its onset; `None` is the published number.
    pub warm_up: Option<usize>,
    pub numerics: Numerics,
    pub seed: u64,
    /// Areas to record; empty is all.
    pub record: Vec<String>,
    /// Every how manieth timestep is kept.
    pub every: NonZeroUsize,
}

impl Default for RunSpec {
    fn default() -> Self {
        Self {
            controls: BTreeMap::new(),
            interventions: Vec::new(),
            timesteps: None,
            warm_up: None,
            numerics: Numerics::Exact,
            seed: 0,
            record: Vec::new(),
            every: NonZeroUsize::MIN,
        }
    }
}

/// Names the numbers of a run: equal specifications of the same model and stimulus share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey(pub u64);

impl RunSpec {
    /// The key of this run of `model` on `stimulus`. Disabled interventions do not count.
    pub fn key(&self, model: u64, stimulus: u64) -> RunKey {
        let mut counted = self.clone();
        counted.interventions.retain(|intervention| intervention.enabled);
        for intervention in &mut counted.interventions {
            intervention.name.clear();
        }
        // A specification holds numbers and names only, which always have a JSON form.
        let text = serde_json::to_string(&counted).unwrap_or_default();
        RunKey(digest(&(model, stimulus, text)))
    }

    /// First timestep at which a run of `self` can differ from one of `other`; `None` if it never does.
    pub fn first_difference(&self, other: &Self) -> Option<usize> {
        if self.controls != other.controls
            || self.seed != other.seed
            || self.warm_up != other.warm_up
            || self.numerics != other.numerics
            || self.record != other.record
            || self.every != other.every
        {
            return Some(0);
        }
        let active = |spec: &Self| -> Vec<Intervention> {
            spec.interventions.iter().filter(|i| i.enabled).cloned().collect()
        };
        let (ours, theirs) = (active(self), active(other));
        let common = ours.iter().zip(&theirs).take_while(|(a, b)| same_effect(a, b)).count();
        ours[common..].iter().chain(&theirs[common..]).map(|intervention| intervention.from).min()
    }
}

fn same_effect(a: &Intervention, b: &Intervention) -> bool {
    a.area == b.area && a.units == b.units && a.action == b.action && a.from == b.from && a.to == b.to
}

/// A finished probe; its numbers are kept elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeInfo {
    pub model: ItemId,
    pub recipe: ProbeRecipe,
    /// The line that makes it without a window.
    pub command: String,
    /// Where it is one of a training run over its updates.
    pub film: Option<FilmInfo>,
}

/// The probes that a training run makes of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FilmInfo {
    pub run: ItemId,
    /// Name of the probe.
    pub name: String,
}

/// A training run, in progress or done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrainingInfo {
    pub recipe: String,
    pub out: PathBuf,
}

/// An exported figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FigureInfo {
    pub files: Vec<PathBuf>,
    /// The command that makes it without a window.
    pub command: String,
    /// What came out, in a sentence, where that can be said.
    pub summary: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use gainfield::dynamics::{Action, Units};

    fn silence(from: usize) -> Intervention {
        Intervention::new("conv1", Units::channel(3), Action::Silence, from, None)
    }

    #[test]
    fn a_disabled_or_renamed_intervention_is_the_same_run() {
        let plain = RunSpec::default();
        let mut edited = plain.clone();
        edited.interventions.push(Intervention { enabled: false, ..silence(4) });
        assert_eq!(plain.key(1, 2), edited.key(1, 2));
        edited.interventions[0].enabled = true;
        let named = edited.key(1, 2);
        assert_ne!(plain.key(1, 2), named);
        edited.interventions[0].name = "mine".to_owned();
        assert_eq!(edited.key(1, 2), named);
        assert_ne!(edited.key(1, 3), named);
    }

    #[test]
    fn runs_differ_from_the_first_intervention_they_do_not_share() {
        let mut a = RunSpec { interventions: vec![silence(2)], ..RunSpec::default() };
        let mut b = a.clone();
        assert_eq!(a.first_difference(&b), None);
        b.interventions.push(silence(9));
        assert_eq!(a.first_difference(&b), Some(9));
        a.interventions.push(silence(7));
        assert_eq!(a.first_difference(&b), Some(7));
        b.controls.insert("softness".to_owned(), 0.2);
        assert_eq!(a.first_difference(&b), Some(0));
    }
}
