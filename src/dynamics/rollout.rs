//! The only time loop: timeline, recording, training through time and probing are observers of it.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};

use super::intervention::ActiveInterventions;
use super::onset::KnownOnsets;
use super::{Controls, Drive, Dynamics, Frame, Intervention, Prepared, Schedule, State, StepContext};
use crate::error::{Error, Result};
use crate::ops;

/// Prepared frames kept at a time: enough for any cue-and-stimulus sequence of the tasks.
const PREPARED_FRAMES: usize = 16;

/// Scratch that outlives a run: packed weights, prepared frames, activity at onset. Never changes a result.
#[derive(Default)]
pub struct Workspace {
    pub ops: ops::Workspace,
    /// By (model generation, frame), oldest first.
    prepared: VecDeque<((u64, u64), Prepared)>,
    pub(super) onsets: KnownOnsets,
}

impl Workspace {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_numerics(numerics: ops::Numerics) -> Self {
        Self { ops: ops::Workspace::with_numerics(numerics), ..Self::default() }
    }

    /// Drops what was prepared, and keeps packed weights.
    pub fn forget_frames(&mut self) {
        self.prepared.clear();
    }

    /// Takes `prepared` for what `model` makes of `frame`.
    pub fn hold(&mut self, model: &dyn Dynamics, frame: &Frame, prepared: Prepared) {
        if self.prepared.len() == PREPARED_FRAMES {
            self.prepared.pop_front();
        }
        self.prepared.push_back(((model.generation(), frame.id()), prepared));
    }

    fn prepare(&mut self, model: &dyn Dynamics, frame: &Frame) -> Result<Prepared> {
        let key = (model.generation(), frame.id());
        if let Some((_, prepared)) = self.prepared.iter().find(|(known, _)| *known == key) {
            return Ok(prepared.clone());
        }
        let prepared = model.prepare(frame, &mut self.ops)?;
        self.hold(model, frame, prepared.clone());
        Ok(prepared)
    }
}

/// What is run. A value: the same run gives the same states, in one go or step by step.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub model: &'a dyn Dynamics,
    pub schedule: &'a Schedule,
    /// Values of the controls before any intervention.
    pub controls: &'a Controls,
    pub interventions: &'a [Intervention],
    /// Noise is drawn from (seed, intervention, timestep, trial).
    pub seed: u64,
    /// Number of the first trial of the batch, so that a trial's noise does not depend on batching.
    pub first_trial: u64,
}

impl<'a> Run<'a> {
    /// Without interventions, hence without noise: neither seed nor number of trials matters.
    pub fn plain(model: &'a dyn Dynamics, schedule: &'a Schedule, controls: &'a Controls) -> Self {
        Self { model, schedule, controls, interventions: &[], seed: 0, first_trial: 0 }
    }
}

/// Applies timesteps `steps` of `run` to `start`, the state at the beginning of `steps.start`.
///
/// `observe(t, drive, state)` sees the state at the end of timestep `t` and may stop the run.
/// Returns the last state.
///
/// # Errors
/// Whatever the model, an intervention or the observer reports.
pub fn rollout(
    run: &Run<'_>,
    start: State,
    steps: Range<usize>,
    workspace: &mut Workspace,
    mut observe: impl FnMut(usize, &Drive, &State) -> Result<ControlFlow<()>>,
) -> Result<State> {
    if steps.end > run.schedule.len() {
        let requirement = format!("at most {}, the length of the schedule", run.schedule.len());
        return Err(Error::config("timesteps", requirement, steps.end));
    }
    let mut interventions = ActiveInterventions::resolve(run)?;
    let mut state = start;
    for t in steps {
        let drive = &run.schedule.drives[t];
        let prepared = workspace.prepare(run.model, &drive.frame)?;
        let (controls, mut taps) = interventions.at(t)?;
        let mut context = StepContext { taps: &mut taps, controls: &controls, ops: &mut workspace.ops };
        state = run.model.step(&prepared, drive, &state, &mut context)?;
        state.t = t + 1;
        if observe(t, drive, &state)?.is_break() {
            break;
        }
    }
    Ok(state)
}
