//! A run: which model, shown what, for how long, recorded where.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::device::DeviceChoice;
use crate::dynamics::{Intervention, Setting};
use crate::error::{Error, Result};
use crate::ops::Numerics;
use crate::provenance::quoted;
use crate::settings::Overrides;
use crate::task::StimulusSpec;

/// Everything a run follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecipe {
    /// Checkpoint file.
    pub model: PathBuf,
    /// TOML or JSON with configuration values that the checkpoint does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// Number of trials.
    #[serde(default = "one_trial")]
    pub n: usize,
    /// Timesteps without the read-out pass; absent is the published number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Timesteps without a stimulus before its onset, where the model has them; absent is the published
    /// number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<usize>,
    /// Areas to record, or `all`; empty records the read-out only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub record: Vec<String>,
    /// Record every n-th timestep.
    #[serde(default = "every_timestep")]
    pub every: NonZeroUsize,
    /// Seed of stimuli and noise.
    #[serde(default)]
    pub seed: u64,
    /// `auto`, `cpu`, `cuda:0`, `metal:0`.
    #[serde(default, with = "device_text")]
    pub device: DeviceChoice,
    /// `exact`, or `fast` where a little more rounding does not matter.
    #[serde(default, skip_serializing_if = "is_default")]
    pub numerics: Numerics,
    /// Folder with the data that the stimulus is made of; absent is the built-in set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Folder for the results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// Configuration values by key, over those of `config`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// Controls of the model that differ from their defaults: numbers, or the labels of choices.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub controls: BTreeMap<String, Setting>,
    /// What is shown, as a table or in the short text form; absent is what the model was trained on
    /// where that is built in, else pictures made from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stimulus")]
    pub stimulus: Option<StimulusSpec>,
    /// Applied in order.
    #[serde(default, rename = "intervention", skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Intervention>,
}

fn one_trial() -> usize {
    1
}

fn is_default(numerics: &Numerics) -> bool {
    *numerics == Numerics::default()
}

fn every_timestep() -> NonZeroUsize {
    NonZeroUsize::MIN
}

fn stimulus<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StimulusSpec>, D::Error> {
    use serde::de::Error as _;
    let spec = match Value::deserialize(deserializer)? {
        Value::String(text) => text.parse::<StimulusSpec>(),
        Value::Object(table) => StimulusSpec::from_table(&table),
        other => Err(Error::config("stimulus", "a table or a text", other)),
    };
    spec.map(Some).map_err(D::Error::custom)
}

mod device_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::device::DeviceChoice;

    pub fn serialize<S: Serializer>(device: &DeviceChoice, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(device)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeviceChoice, D::Error> {
        use serde::de::Error as _;
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl RunRecipe {
    /// One trial of what the model was trained on, its read-out recorded.
    pub fn new(model: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            config: None,
            n: 1,
            steps: None,
            warm_up: None,
            record: Vec::new(),
            every: NonZeroUsize::MIN,
            seed: 0,
            device: DeviceChoice::default(),
            numerics: Numerics::default(),
            data: None,
            out: None,
            set: Map::new(),
            controls: BTreeMap::new(),
            stimulus: None,
            interventions: Vec::new(),
        }
    }

    /// # Errors
    /// [`Error::Config`] naming the key that is out of range.
    pub fn validate(&self) -> Result<()> {
        if self.n == 0 {
            return Err(Error::config("n", "at least 1 trial", self.n));
        }
        if self.steps == Some(0) {
            return Err(Error::config("steps", "at least 1 timestep", 0));
        }
        match &self.stimulus {
            Some(stimulus) => stimulus.validate(),
            None => Ok(()),
        }
    }

    /// Configuration values that the recipe gives.
    pub fn overrides(&self) -> Result<Overrides> {
        let mut overrides = Overrides::read(self.config.as_deref(), &[])?;
        for (key, value) in &self.set {
            overrides.push(key, value.clone());
        }
        Ok(overrides)
    }

    /// The command that runs this recipe. With interventions or a stimulus that has no text form,
    /// it refers to the recipe as the file `recipe`.
    pub fn command_line(&self, recipe: &Path) -> String {
        self.line_of("run", recipe)
    }

    /// As [`RunRecipe::command_line`] for another command that takes the same flags.
    pub(super) fn line_of(&self, command: &str, recipe: &Path) -> String {
        let spec = self.stimulus.as_ref();
        let is_said_by_text =
            spec.is_none_or(|spec| spec.to_string().parse::<StimulusSpec>().is_ok_and(|same| same == *spec));
        if !self.interventions.is_empty() || !is_said_by_text {
            return format!("gainfield {command} --recipe {}", quoted(&recipe.to_string_lossy()));
        }
        let mut line = format!("gainfield {command} {}", quoted(&self.model.to_string_lossy()));
        let mut flag = |name: &str, value: &dyn std::fmt::Display| {
            // Writing to a string cannot fail.
            let _ = write!(line, " --{name} {}", quoted(&value.to_string()));
        };
        if let Some(config) = &self.config {
            flag("config", &config.display());
        }
        for (key, value) in &self.set {
            flag("set", &format!("{key}={value}"));
        }
        for (name, setting) in &self.controls {
            flag("control", &format!("{name}={setting}"));
        }
        if let Some(spec) = spec {
            flag("stimulus", spec);
        }
        if let Some(data) = &self.data {
            flag("data", &data.display());
        }
        flag("n", &self.n);
        if let Some(steps) = self.steps {
            flag("steps", &steps);
        }
        if let Some(warm_up) = self.warm_up {
            flag("warm-up", &warm_up);
        }
        if !self.record.is_empty() {
            flag("record", &self.record.join(","));
        }
        if self.every != NonZeroUsize::MIN {
            flag("every", &self.every);
        }
        flag("seed", &self.seed);
        if self.device != DeviceChoice::default() {
            flag("device", &self.device);
        }
        if self.numerics != Numerics::default() {
            flag("numerics", &self.numerics);
        }
        if let Some(out) = &self.out {
            flag("out", &out.display());
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamics::{Action, Units};

    fn recipe() -> RunRecipe {
        let mut recipe = RunRecipe::new("a net.pt");
        recipe.stimulus = Some("digits:n=3".parse().unwrap());
        recipe.steps = Some(10);
        recipe.record = vec!["conv1".to_owned(), "gate2".to_owned()];
        recipe.set.insert("strength".to_owned(), 0.3.into());
        recipe.controls.insert("task".to_owned(), Setting::Choice("Cue".to_owned()));
        recipe.device = DeviceChoice::Cpu;
        recipe.numerics = Numerics::Fast;
        recipe
    }

    #[test]
    fn a_recipe_survives_toml() {
        let mut recipe = recipe();
        recipe.interventions =
            vec![Intervention::new("conv1", Units::channel(2), Action::Scale { factor: 0.5 }, 1, Some(4))];
        let text = crate::recipe::to_toml(&recipe).unwrap();
        assert_eq!(toml::from_str::<RunRecipe>(&text).unwrap(), recipe, "{text}");
    }

    #[test]
    fn a_stimulus_may_be_written_as_text() {
        let text: RunRecipe = toml::from_str("model = \"m\"\nstimulus = \"digits:n=3\"").unwrap();
        let table: RunRecipe = toml::from_str("model = \"m\"\n[stimulus]\nkind = \"digits\"\nn = 3").unwrap();
        assert_eq!(text, table);
        let message = toml::from_str::<RunRecipe>("model = \"m\"\nstimulus = \"digit\"").unwrap_err();
        assert!(message.to_string().contains("did you mean \"digits\""));
    }

    #[test]
    fn the_command_line_says_what_the_recipe_says() {
        let line = recipe().command_line(Path::new("r.toml"));
        assert_eq!(
            line,
            "gainfield run 'a net.pt' --set strength=0.3 --control task=Cue --stimulus digits:n=3 --n 1 --steps 10 \
             --record conv1,gate2 --seed 0 --device cpu --numerics fast"
        );
        let mut recipe = recipe();
        recipe.interventions = vec![Intervention::new("conv1", Units::all(), Action::Silence, 0, None)];
        assert_eq!(recipe.command_line(Path::new("r.toml")), "gainfield run --recipe r.toml");
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("a/b.pt"), "a/b.pt");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
