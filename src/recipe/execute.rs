//! Runs a recipe, batch by batch; the result does not depend on how trials are batched.

use std::ops::{ControlFlow, Range};

use super::accuracy::first_largest;
use super::defaults::{default_controls, default_stimulus};
use super::{Accuracy, RunRecipe, departures};
use crate::dynamics::{
    Area, AreaKind, Controls, Departure, Drive, Dynamics, LabelSet, Pass, ProtocolOptions, Run, Segment,
    State, Workspace, flat, rollout,
};
use crate::error::{Error, Result};
use crate::families;
use crate::model::{Model, Target};
use crate::progress::Progress;
use crate::recording::{Cost, RecordPlan, Recorder, Recording};
use crate::stimulus::DataIdentity;
use crate::task::{Canvas, Decision, Question, StimulusKind, StimulusSource, StimulusSpec, Trials};

/// How a recipe is carried out; none of it changes the result.
#[derive(Clone, Copy, Debug)]
pub struct Execution {
    /// Trials computed together; `None` fits them to the model's size.
    pub batch: Option<usize>,
    /// Most bytes that recorded values (and states) may take.
    pub budget_bytes: u64,
    /// Keep states, so that a branch can start at any recorded timestep.
    pub states: bool,
}

impl Default for Execution {
    fn default() -> Self {
        Self { batch: None, budget_bytes: 1 << 30, states: false }
    }
}

/// Bytes of state that are computed at a time where the batch is free.
const BATCH_BYTES: usize = 64 << 20;
/// Most trials of a free batch.
const MAX_BATCH: usize = 64;

/// The read-out of all trials at one timestep.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadoutStep {
    pub t: usize,
    pub pass: Pass,
    pub phase: usize,
    pub pass_index: usize,
    pub n_classes: usize,
    /// `[trial, class]`.
    pub logits: Vec<f32>,
    /// `[trial]`, where this timestep is scored.
    pub labels: Option<Vec<i64>>,
}

impl ReadoutStep {
    /// The class with the largest logit of each trial, the first of equal ones.
    pub fn predictions(&self) -> impl Iterator<Item = usize> {
        self.logits.chunks(self.n_classes.max(1)).map(first_largest)
    }
}

/// What a run gave.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// With the stimulus that was shown filled in.
    pub recipe: RunRecipe,
    /// One per batch, in trial order; empty if nothing was to be recorded.
    pub recordings: Vec<Recording>,
    /// Timesteps that report a read-out, in order.
    pub readout: Vec<ReadoutStep>,
    /// For labelled stimuli.
    pub accuracy: Option<Accuracy>,
    pub data: DataIdentity,
    /// One line per trial.
    pub captions: Vec<String>,
    pub classes: Vec<String>,
    pub segments: Vec<Segment>,
    pub n_timesteps: usize,
    /// Timesteps the network was trained on, where the source fixes them.
    pub published: Option<usize>,
    /// In what the run leaves the protocol the network was trained on.
    pub departures: Vec<Departure>,
    /// Of the whole recording.
    pub cost: Cost,
}

/// Opens the recipe's model and runs it.
///
/// # Errors
/// Of opening, of the stimulus' data, [`Error::Budget`] before anything runs, [`Error::Cancelled`].
pub fn execute(
    recipe: &RunRecipe,
    execution: &Execution,
    progress: &mut dyn Progress,
) -> Result<(Model, RunOutcome)> {
    recipe.validate()?;
    let device = recipe.device.resolve()?;
    let target = Target { device, ..Target::default() };
    let model = families::open(&recipe.model, &recipe.overrides()?, &target)?;
    let outcome = execute_on(&model, recipe, execution, progress)?;
    Ok((model, outcome))
}

/// As [`execute`] on a model that is open already, whatever `recipe.model` says.
pub fn execute_on(
    model: &Model,
    recipe: &RunRecipe,
    execution: &Execution,
    progress: &mut dyn Progress,
) -> Result<RunOutcome> {
    recipe.validate()?;
    let dynamics = model.dynamics.as_ref();
    let recipe = &filled_in(model, recipe)?;
    let spec = shown(recipe)?;
    let mut source = TrialSource::open(spec, recipe, dynamics)?;
    let plan = match recipe.record.as_slice() {
        [] => RecordPlan { areas: Vec::new(), every: recipe.every, ..RecordPlan::everything(dynamics) },
        names => RecordPlan::of(dynamics, names, recipe.every)?,
    };
    let plan = RecordPlan { states: execution.states, ..plan };
    let is_recorded = !plan.areas.is_empty() || plan.states;
    let batch = match execution.batch {
        Some(batch) => batch.max(1),
        None => (BATCH_BYTES / dynamics.rest(1)?.size_bytes().max(1)).clamp(1, MAX_BATCH),
    };
    let controls = controls(recipe, dynamics)?;
    let options =
        ProtocolOptions { timesteps: recipe.steps, warm_up: recipe.warm_up, ..ProtocolOptions::default() };
    let mut workspace = Workspace::with_numerics(recipe.numerics);
    let mut outcome: Option<RunOutcome> = None;
    let (mut questions, mut decisions): (Vec<Question>, Vec<bool>) = (Vec::new(), Vec::new());
    for from in (0..recipe.n).step_by(batch) {
        let trials = source.trials(from..(from + batch).min(recipe.n))?;
        let presentation = trials.presentation(&device_of(model))?;
        let schedule = dynamics.schedule(&presentation, &options)?;
        let run = Run {
            model: dynamics,
            schedule: &schedule,
            controls: &controls,
            interventions: &recipe.interventions,
            seed: recipe.seed,
            first_trial: from as u64,
        };
        let whole = match &mut outcome {
            Some(outcome) => outcome,
            None => {
                let budget = execution.budget_bytes;
                let cost = plan.check_budget(dynamics, schedule.len(), recipe.n, budget)?;
                outcome.insert(RunOutcome {
                    recipe: recipe.clone(),
                    recordings: Vec::new(),
                    readout: Vec::new(),
                    accuracy: None,
                    data: trials.data.clone(),
                    captions: Vec::new(),
                    classes: dynamics.classes().to_vec(),
                    segments: schedule.segments.clone(),
                    n_timesteps: schedule.len(),
                    published: schedule.published,
                    departures: departures(model, spec, &schedule, &controls),
                    cost,
                })
            }
        };
        let mut recorder = Recorder::new(&run, plan.clone(), execution.budget_bytes)?;
        let mut readout =
            ReadoutCollector { labels: trials.labels.as_ref(), steps: &mut whole.readout, next: 0 };
        let rest = dynamics.rest(trials.batch())?;
        let (total, n) = (schedule.len() * recipe.n, trials.batch());
        rollout(&run, rest, 0..schedule.len(), &mut workspace, |t, drive, state| {
            progress.report("timesteps x trials", from * schedule.len() + (t + 1) * n, total);
            if progress.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if is_recorded {
                recorder.push(t, drive, state)?;
            }
            readout.push(dynamics, t, drive, state)?;
            if let Some(decision) = trials.decision.as_ref().filter(|_| is_last_sweep(drive)) {
                decisions.extend(decided(dynamics, decision, state)?);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if is_recorded {
            whole.recordings.push(recorder.finish());
        }
        whole.captions.extend(trials.captions);
        if questions.is_empty() {
            questions = trials.questions;
        } else {
            for (all, more) in questions.iter_mut().zip(trials.questions) {
                all.answers.extend(more.answers);
            }
        }
        for file in trials.data.files {
            if !whole.data.files.contains(&file) {
                whole.data.files.push(file);
            }
        }
    }
    let mut outcome = outcome.ok_or_else(|| Error::config("n", "at least 1 trial", recipe.n))?;
    outcome.accuracy = Accuracy::of(&outcome.readout, dynamics.time_unit(), &questions, &decisions);
    Ok(outcome)
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

/// What a recipe that is filled in shows.
fn shown(recipe: &RunRecipe) -> Result<&StimulusSpec> {
    recipe.stimulus.as_ref().ok_or_else(|| Error::config("stimulus", "what is shown", "nothing"))
}

/// The model's controls as the recipe sets them.
fn controls(recipe: &RunRecipe, dynamics: &dyn Dynamics) -> Result<Controls> {
    let mut controls = Controls::defaults(dynamics.controls());
    for (name, setting) in &recipe.controls {
        controls.set_to(dynamics.controls(), name, setting)?;
    }
    Ok(controls)
}

fn is_last_sweep(drive: &Drive) -> bool {
    matches!(drive.pass, Pass::Sweep | Pass::SingleSweep) && drive.pass_index + 1 == drive.n_passes
}

/// Whether the gain map of the image prefers the right place, per trial; nothing for a model without
/// such a map.
fn decided(model: &dyn Dynamics, decision: &Decision, state: &State) -> Result<Vec<bool>> {
    let on_image = |area: &Area| matches!(&area.kind, AreaKind::Gain(rule) if rule.target == "input");
    let Some(area) = model.areas().iter().position(on_image) else { return Ok(Vec::new()) };
    let values = state.values(area)?;
    let size = values.len() / state.batch().max(1);
    Ok(values.chunks(size.max(1)).enumerate().map(|(trial, map)| decision.is_right(trial, map)).collect())
}

/// The device that a model's tensors are on.
fn device_of(model: &Model) -> candle_core::Device {
    let first = model.weights.iter().next();
    first.map_or(candle_core::Device::Cpu, |(_, weight)| weight.tensor().device().clone())
}

/// Appends the read-outs of one batch after those of the earlier ones.
struct ReadoutCollector<'a> {
    labels: Option<&'a LabelSet>,
    steps: &'a mut Vec<ReadoutStep>,
    /// Which reporting timestep comes next.
    next: usize,
}

impl ReadoutCollector<'_> {
    fn push(&mut self, model: &dyn Dynamics, t: usize, drive: &Drive, state: &State) -> Result<()> {
        let Some(logits) = &state.readout else { return Ok(()) };
        let values = flat(logits)?;
        if values.iter().any(|logit| !logit.is_finite()) {
            return Err(Error::Diverged { what: "the read-out".to_owned(), t });
        }
        let labels = match self.labels {
            Some(labels) => model.scored_labels(labels, drive, state)?,
            None => None,
        };
        if self.next == self.steps.len() {
            self.steps.push(ReadoutStep {
                t,
                pass: drive.pass,
                phase: drive.phase,
                pass_index: drive.pass_index,
                n_classes: model.classes().len(),
                logits: Vec::new(),
                labels: labels.is_some().then(Vec::new),
            });
        }
        let step = &mut self.steps[self.next];
        step.logits.extend(values);
        // One batch without labels (every object taken) leaves the timestep unscored.
        match (&mut step.labels, labels) {
            (Some(all), Some(labels)) => all.extend(labels),
            (all, _) => *all = None,
        }
        self.next += 1;
        Ok(())
    }
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
        let source = StimulusSource::open(spec, recipe.data.as_deref())?.prepared_by(model.preparation());
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
