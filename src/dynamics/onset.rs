//! Activity at the onset of a stimulus: what comes before it is the same for every picture, and is
//! computed once per model, controls and numerics.

use std::ops::ControlFlow;

use candle_core::Tensor;

use super::{Run, State, Workspace, rollout};
use crate::error::Result;
use crate::ops::Numerics;

/// Onsets kept at a time: a few values of α of a few models.
const KEPT: usize = 4;

/// What a run has come to when its stimulus appears.
#[derive(Clone, Debug)]
pub struct Onset {
    pub state: State,
    /// The read-out of every timestep before, `[trial, class]`; `None` where there was none.
    pub readouts: Vec<Option<Tensor>>,
}

/// All that activity before onset depends on.
#[derive(Clone, Debug, PartialEq)]
struct Spontaneous {
    generation: u64,
    controls: Vec<f64>,
    numerics: Numerics,
    timesteps: usize,
}

/// Onsets of earlier runs, of one trial each, oldest first.
#[derive(Default)]
pub(super) struct KnownOnsets {
    kept: Vec<(Spontaneous, Onset)>,
}

/// The timesteps of `run` before its stimulus, from rest. `go_on(t)` is asked at the end of every timestep
/// that has to be computed, and may end the run with an error.
///
/// Without an intervention before onset all trials are alike then, and the next run takes what this one
/// came to.
///
/// # Errors
/// Whatever the model, an intervention or `go_on` reports.
pub fn onset(
    run: &Run<'_>,
    workspace: &mut Workspace,
    mut go_on: impl FnMut(usize) -> Result<()>,
) -> Result<Onset> {
    let (timesteps, batch) = (run.schedule.onset(), run.schedule.batch());
    let rest = run.model.rest(batch)?;
    if timesteps == 0 {
        return Ok(Onset { state: rest, readouts: Vec::new() });
    }
    let is_plain = !run.interventions.iter().any(|one| one.enabled && one.from < timesteps);
    let key = Spontaneous {
        generation: run.model.generation(),
        controls: run.controls.values().to_vec(),
        numerics: workspace.ops.numerics(),
        timesteps,
    };
    if is_plain && let Some((_, known)) = workspace.onsets.kept.iter().find(|(known, _)| *known == key) {
        return known.for_trials(batch);
    }
    let mut readouts = Vec::with_capacity(timesteps);
    let state = rollout(run, rest, 0..timesteps, workspace, |t, _, state| {
        readouts.push(state.readout.clone());
        go_on(t)?;
        Ok(ControlFlow::Continue(()))
    })?;
    let onset = Onset { state, readouts };
    if is_plain {
        let kept = &mut workspace.onsets.kept;
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((key, onset.of_first_trial()?));
    }
    Ok(onset)
}

impl Onset {
    /// Of the first trial alone, without the memory of the others.
    fn of_first_trial(&self) -> Result<Self> {
        self.map(|x| Ok(x.narrow(0, 0, 1)?.contiguous()?.detach()))
    }

    /// The one trial it is of, `batch` times.
    fn for_trials(&self, batch: usize) -> Result<Self> {
        self.map(|x| {
            let shape = [&[batch], &x.dims()[1..]].concat();
            Ok(x.broadcast_as(shape)?)
        })
    }

    fn map(&self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let all = |tensors: &[Tensor]| tensors.iter().map(&change).collect::<Result<Vec<_>>>();
        let one = |tensor: &Option<Tensor>| tensor.as_ref().map(&change).transpose();
        let State { t, areas, memory, readout } = &self.state;
        let state = State { t: *t, areas: all(areas)?, memory: all(memory)?, readout: one(readout)? };
        Ok(Self { state, readouts: self.readouts.iter().map(one).collect::<Result<_>>()? })
    }
}
