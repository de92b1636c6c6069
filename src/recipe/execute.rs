//! Runs a recipe, batch by batch; the result does not depend on how trials are batched.

use candle_core::Tensor;

use super::accuracy::first_largest;
use super::showing::{Known, Showing, open_model};
use super::{Accuracy, RunRecipe};
use crate::dynamics::{Area, AreaKind, Departure, Drive, Dynamics, Onset, Pass, Segment, State, flat};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::progress::Progress;
use crate::recording::{Cost, RecordPlan, Recorder, Recording};
use crate::stimulus::DataIdentity;
use crate::task::{Condition, Decision, Question};

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
    /// What else is known of each trial.
    pub conditions: Vec<Condition>,
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
    let model = open_model(recipe)?;
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
    let dynamics = model.dynamics.as_ref();
    let mut showing = Showing::open(model, recipe, execution.batch)?;
    let plan = match recipe.record.as_slice() {
        [] => RecordPlan { areas: Vec::new(), every: recipe.every, ..RecordPlan::everything(dynamics) },
        names => RecordPlan::of(dynamics, names, recipe.every)?,
    };
    let plan = RecordPlan { states: execution.states, ..plan };
    let is_recorded = !plan.areas.is_empty() || plan.states;
    let mut outcome: Option<RunOutcome> = None;
    let (mut questions, mut decisions): (Vec<Question>, Vec<bool>) = (Vec::new(), Vec::new());
    let (mut known, mut from) = (Known::default(), 0);
    while let Some(batch) = showing.batch(from)? {
        let (trials, schedule) = (&batch.trials, &batch.schedule);
        let whole = match &mut outcome {
            Some(outcome) => outcome,
            None => {
                let budget = execution.budget_bytes;
                let cost = plan.check_budget(dynamics, schedule.len(), recipe.n, budget)?;
                outcome.insert(RunOutcome {
                    recipe: showing.recipe.clone(),
                    recordings: Vec::new(),
                    readout: Vec::new(),
                    accuracy: None,
                    data: DataIdentity::default(),
                    captions: Vec::new(),
                    conditions: Vec::new(),
                    classes: dynamics.classes().to_vec(),
                    segments: schedule.segments.clone(),
                    n_timesteps: schedule.len(),
                    published: schedule.published,
                    departures: showing.departures(&batch),
                    cost,
                })
            }
        };
        let mut recorder = Recorder::new(&showing.run(&batch), plan.clone(), execution.budget_bytes)?;
        let mut readout = ReadoutCollector { steps: &mut whole.readout, next: 0 };
        let start = match is_recorded {
            true => showing.rest(&batch)?,
            false => {
                let Onset { state, readouts } = showing.onset(&batch, progress)?;
                for ((t, drive), logits) in schedule.drives.iter().enumerate().zip(&readouts) {
                    readout.push(dynamics, t, drive, logits.as_ref(), None)?;
                }
                state
            }
        };
        showing.show(&batch, start, progress, |t, drive, state| {
            if is_recorded {
                recorder.push(t, drive, state)?;
            }
            let labels = match &trials.labels {
                Some(labels) if state.readout.is_some() => dynamics.scored_labels(labels, drive, state)?,
                _ => None,
            };
            readout.push(dynamics, t, drive, state.readout.as_ref(), labels)?;
            if let Some(decision) = trials.decision.as_ref().filter(|_| is_last_sweep(drive)) {
                decisions.extend(decided(dynamics, decision, state)?);
            }
            Ok(())
        })?;
        if is_recorded {
            whole.recordings.push(recorder.finish());
        }
        known.add(trials);
        from = batch.numbers.end;
        if questions.is_empty() {
            questions = batch.trials.questions;
        } else {
            for (all, more) in questions.iter_mut().zip(batch.trials.questions) {
                all.answers.extend(more.answers);
            }
        }
    }
    let mut outcome = outcome.ok_or_else(|| Error::config("n", "at least 1 trial", recipe.n))?;
    outcome.accuracy = Accuracy::of(&outcome.readout, dynamics.time_unit(), &questions, &decisions);
    (outcome.data, outcome.captions, outcome.conditions) =
        (known.data.finish(), known.captions, known.conditions);
    Ok(outcome)
}

pub(super) fn is_last_sweep(drive: &Drive) -> bool {
    matches!(drive.pass, Pass::Sweep | Pass::SingleSweep) && drive.pass_index + 1 == drive.n_passes
}

/// Whether the gain map of the image prefers the right place, per trial; nothing for a model without
/// such a map.
pub(super) fn decided(model: &dyn Dynamics, decision: &Decision, state: &State) -> Result<Vec<bool>> {
    let on_image = |area: &Area| matches!(&area.kind, AreaKind::Gain(rule) if rule.target == "input");
    let Some(area) = model.areas().iter().position(on_image) else { return Ok(Vec::new()) };
    let values = state.values(area)?;
    let size = values.len() / state.batch().max(1);
    Ok(values.chunks(size.max(1)).enumerate().map(|(trial, map)| decision.is_right(trial, map)).collect())
}

/// Appends the read-outs of one batch after those of the earlier ones.
struct ReadoutCollector<'a> {
    steps: &'a mut Vec<ReadoutStep>,
    /// Which reporting timestep comes next.
    next: usize,
}

impl ReadoutCollector<'_> {
    fn push(
        &mut self,
        model: &dyn Dynamics,
        t: usize,
        drive: &Drive,
        logits: Option<&Tensor>,
        labels: Option<Vec<i64>>,
    ) -> Result<()> {
        let Some(logits) = logits else { return Ok(()) };
        let values = flat(logits)?;
        if values.iter().any(|logit| !logit.is_finite()) {
            return Err(Error::Diverged { what: "the read-out".to_owned(), t });
        }
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
