//! A model about to be shown the trials of a recipe, batch by batch.

use std::ops::{ControlFlow, Range};

use serde::{Deserialize, Serialize};

use super::RunRecipe;
use super::defaults::{default_controls, default_stimulus};
use crate::dynamics::{
    Controls, Departure, Drive, Dynamics, Onset, ProtocolOptions, Run, Schedule, State, Workspace, onset,
    rollout,
};
use crate::error::{Error, Result};
use crate::families;
use crate::files;
use crate::model::{Model, Target};
use crate::progress::Progress;
use crate::provenance::{DataFile, DataIdentity};
use crate::task::{Canvas, Condition, StimulusKind, StimulusSource, StimulusSpec, Trials};

/// Bytes of state that are computed at a time where the batch is free.
const BATCH_BYTES: usize = 64 << 20;
/// Most trials of a free batch.
const MAX_BATCH: usize = 64;

/// Opens the model of a recipe on its device.
///
/// # Errors
/// Of the device, of reading and recognising the checkpoint.
pub(super) fn open_model(recipe: &RunRecipe) -> Result<Model> {
    let target = Target { device: recipe.device.resolve()?, ..Target::default() };
    families::open(&recipe.model, &recipe.overrides()?, &target)
}

/// A recipe with its data open and everything that it leaves to the model filled in.
pub(super) struct Showing<'a> {
    pub(super) model: &'a Model,
    pub(super) recipe: RunRecipe,
    pub(super) spec: StimulusSpec,
    pub(super) controls: Controls,
    source: TrialSource,
    options: ProtocolOptions,
    workspace: Workspace,
    batch: usize,
}

/// Trials that fit the size of a model's state.
fn free_batch(dynamics: &dyn Dynamics) -> Result<usize> {
    Ok((BATCH_BYTES / dynamics.rest(1)?.size_bytes().max(1)).clamp(1, MAX_BATCH))
}

/// Trials that are computed together.
pub(super) struct Batch {
    pub(super) numbers: Range<usize>,
    pub(super) trials: Trials,
    pub(super) schedule: Schedule,
}

impl<'a> Showing<'a> {
    /// `batch`: trials computed together at most; `None` fits them to the model's size.
    ///
    /// # Errors
    /// [`Error::Config`] about the recipe; what opening the stimulus' data reports.
    pub(super) fn open(model: &'a Model, recipe: &RunRecipe, batch: Option<usize>) -> Result<Self> {
        recipe.validate()?;
        let dynamics = model.dynamics.as_ref();
        let recipe = filled_in(model, recipe)?;
        let Some(spec) = recipe.stimulus.clone() else {
            return Err(Error::config("stimulus", "what is shown", "nothing"));
        };
        let source = TrialSource::open(&spec, &recipe, dynamics)?;
        let batch = match batch {
            Some(batch) => batch.max(1),
            None => free_batch(dynamics)?,
        };
        let mut controls = Controls::defaults(dynamics.controls());
        for (name, setting) in &recipe.controls {
            controls.set_to(dynamics.controls(), name, setting)?;
        }
        let options = ProtocolOptions {
            timesteps: recipe.steps,
            warm_up: recipe.warm_up,
            ..ProtocolOptions::default()
        };
        let workspace = Workspace::with_numerics(recipe.numerics);
        Ok(Self { model, spec, controls, source, options, workspace, batch, recipe })
    }

    /// As [`Showing::open`], for every different stimulus once where `n` is absent.
    ///
    /// # Errors
    /// [`Error::Config`] where a stimulus has no end and `n` is absent.
    pub(super) fn open_all(model: &'a Model, recipe: &RunRecipe, n: Option<usize>) -> Result<Self> {
        if let Some(n) = n {
            return Self::open(model, &RunRecipe { n, ..recipe.clone() }, None);
        }
        let mut showing = Self::open(model, &RunRecipe { n: 1, ..recipe.clone() }, None)?;
        let Some(n) = showing.source.source.distinct().filter(|_| showing.source.all.is_none()) else {
            let requirement = format!("given: the stimulus {} has no end", showing.spec.name());
            return Err(Error::config("n", requirement, "nothing"));
        };
        // Several pictures may make a trial.
        showing.recipe.n = n.div_ceil(showing.spec.timing.pictures.max(1));
        Ok(showing)
    }

    /// As many trials together as fit the model's size, however few it was before.
    ///
    /// # Errors
    /// Those of the model's state.
    pub(super) fn free_batch(&mut self) -> Result<()> {
        self.batch = free_batch(self.model.dynamics.as_ref())?;
        Ok(())
    }

    /// Computes at most `n` trials together.
    pub(super) fn limit_batch(&mut self, n: usize) {
        self.batch = self.batch.min(n.max(1));
    }

    /// The batch that begins with trial `from`; `None` at the end.
    ///
    /// # Errors
    /// What composing the trials reports; those of the model's schedule.
    pub(super) fn batch(&mut self, from: usize) -> Result<Option<Batch>> {
        if from >= self.recipe.n {
            return Ok(None);
        }
        let wanted = from..(from + self.batch).min(self.recipe.n);
        let numbers = from..from + self.source.source.alike(wanted).max(1);
        let trials = self.source.trials(numbers.clone())?;
        let presentation = trials.presentation(&self.device())?;
        let schedule = self.model.dynamics.schedule(&presentation, &self.options)?;
        Ok(Some(Batch { numbers, trials, schedule }))
    }

    /// What a batch runs.
    pub(super) fn run<'b>(&'b self, batch: &'b Batch) -> Run<'b> {
        Run {
            model: self.model.dynamics.as_ref(),
            schedule: &batch.schedule,
            controls: &self.controls,
            interventions: &self.recipe.interventions,
            seed: self.recipe.seed,
            first_trial: batch.numbers.start as u64,
        }
    }

    /// A batch before anything happens to it.
    ///
    /// # Errors
    /// Those of the model's state.
    pub(super) fn rest(&self, batch: &Batch) -> Result<State> {
        self.model.dynamics.rest(batch.numbers.len())
    }

    /// A batch at the onset of its stimulus, from the batch before where nothing differs until then.
    ///
    /// # Errors
    /// Whatever the model reports, [`Error::Cancelled`].
    pub(super) fn onset(&mut self, batch: &Batch, progress: &mut dyn Progress) -> Result<Onset> {
        let mut workspace = std::mem::take(&mut self.workspace);
        let onset = onset(&self.run(batch), &mut workspace, |t| self.passed(batch, t, progress));
        self.workspace = workspace;
        onset
    }

    /// Tells that a batch has passed timestep `t`.
    fn passed(&self, batch: &Batch, t: usize, progress: &mut dyn Progress) -> Result<()> {
        let (steps, n) = (batch.schedule.len(), batch.numbers.len());
        progress.report(
            "timesteps x trials",
            batch.numbers.start * steps + (t + 1) * n,
            steps * self.recipe.n,
        );
        if progress.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Runs a batch on from `start`; `observe(t, drive, state)` sees the state at the end of every timestep.
    ///
    /// # Errors
    /// Whatever the model or `observe` reports, [`Error::Cancelled`].
    pub(super) fn show(
        &mut self,
        batch: &Batch,
        start: State,
        progress: &mut dyn Progress,
        mut observe: impl FnMut(usize, &Drive, &State) -> Result<()>,
    ) -> Result<()> {
        let mut workspace = std::mem::take(&mut self.workspace);
        let run = self.run(batch);
        let steps = start.t..batch.schedule.len();
        let shown = rollout(&run, start, steps, &mut workspace, |t, drive, state| {
            self.passed(batch, t, progress)?;
            observe(t, drive, state)?;
            Ok(ControlFlow::Continue(()))
        });
        // What was prepared for this batch is of no use to the next.
        workspace.forget_frames();
        self.workspace = workspace;
        shown.map(|_| ())
    }

    /// In what a batch leaves the protocol the network was trained on.
    pub(super) fn departures(&self, batch: &Batch) -> Vec<Departure> {
        super::departures(self.model, &self.spec, &batch.schedule, &self.controls)
    }

    /// The device that the model's tensors are on.
    fn device(&self) -> candle_core::Device {
        let first = self.model.weights.iter().next();
        first.map_or(candle_core::Device::Cpu, |(_, weight)| weight.tensor().device().clone())
    }
}

/// Files of the data that are named one by one; more are counted and hashed together.
const NAMED_FILES: usize = 256;

/// Which data trials were made of, in bounded memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownData {
    identity: DataIdentity,
    /// Files beyond those that are named, and the digest of their names and digests in turn.
    more: usize,
    digest: String,
}

impl KnownData {
    pub(super) fn add(&mut self, data: &DataIdentity) {
        if self.identity.name.is_empty() {
            self.identity = DataIdentity { files: Vec::new(), ..data.clone() };
        }
        for file in &data.files {
            if self.identity.files.contains(file) {
                continue;
            }
            if self.identity.files.len() < NAMED_FILES {
                self.identity.files.push(file.clone());
            } else {
                self.more += 1;
                let text = format!("{}{}{}", self.digest, file.name, file.sha256);
                self.digest = files::sha256_bytes(text.as_bytes());
            }
        }
    }

    pub(super) fn finish(mut self) -> DataIdentity {
        if self.more > 0 {
            let name = format!("{} more files", self.more);
            self.identity.files.push(DataFile { name, sha256: self.digest });
        }
        self.identity
    }
}

/// What is known of all trials together, from batches in turn.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    pub(super) data: KnownData,
    pub(super) captions: Vec<String>,
    pub(super) conditions: Vec<Condition>,
}

impl Known {
    pub(super) fn add(&mut self, trials: &Trials) {
        self.data.add(&trials.data);
        self.captions.extend(trials.captions.iter().cloned());
        Condition::append(&mut self.conditions, trials.conditions.clone());
    }
}

/// The recipe with what it leaves to the model: stimulus and task.
fn filled_in(model: &Model, recipe: &RunRecipe) -> Result<RunRecipe> {
    if recipe.stimulus.is_some() {
        return Ok(recipe.clone());
    }
    let stimulus = default_stimulus(model)?;
    let mut controls = default_controls(model, &stimulus);
    controls.extend(recipe.controls.clone());
    Ok(RunRecipe { stimulus: Some(stimulus), controls, ..recipe.clone() })
}

/// Trials by number. Kinds that spread a feature over all trials are composed at once.
struct TrialSource {
    source: StimulusSource,
    canvas: Canvas,
    seed: u64,
    all: Option<Trials>,
}

impl TrialSource {
    fn open(spec: &StimulusSpec, recipe: &RunRecipe, model: &dyn Dynamics) -> Result<Self> {
        let source = StimulusSource::open(spec, recipe.data.as_deref())?.for_model(model)?;
        let [channels, height, width] = model.input_shape();
        let canvas = Canvas { channels, height, width };
        let is_spread = matches!(spec.kind, StimulusKind::Bar(_) | StimulusKind::Grating(_));
        let all = if is_spread { Some(source.trials_on(canvas, 0, recipe.n, recipe.seed)?) } else { None };
        Ok(Self { source, canvas, seed: recipe.seed, all })
    }

    fn trials(&mut self, range: Range<usize>) -> Result<Trials> {
        match &self.all {
            Some(all) => Ok(pictures_of(all, range)),
            None => self.source.trials_on(self.canvas, range.start, range.len(), self.seed),
        }
    }
}

/// Some of the trials of held pictures without answers.
fn pictures_of(all: &Trials, range: Range<usize>) -> Trials {
    let part = |frame: &ndarray::Array4<f32>| {
        frame.slice(ndarray::s![range.start..range.end, .., .., ..]).to_owned()
    };
    Trials {
        frames: all.frames.iter().map(part).collect(),
        captions: all.captions[range.clone()].to_vec(),
        ..all.clone()
    }
}
