//! A finished or growing recording.

use std::sync::Arc;

use super::{RecordPlan, Summary};
use crate::dynamics::{Area, Intervention, Pass, Segment, State, TimeUnit};

/// One recorded timestep.
#[derive(Clone, Debug)]
pub struct RecordedStep {
    /// Timestep whose end this is.
    pub t: usize,
    pub pass: Pass,
    pub phase: usize,
    pub pass_index: usize,
    /// Per recorded area: `[batch, ..]`, row-major.
    pub values: Vec<Arc<[f32]>>,
    /// Per recorded area.
    pub summaries: Vec<Summary>,
    /// Logits `[batch, classes]`, if this pass reports any.
    pub readout: Option<Arc<[f32]>>,
    /// For branching; `None` if the plan keeps no states.
    pub state: Option<State>,
}

/// Activity over time. Cloning copies pointers.
#[derive(Clone, Debug)]
pub struct Recording {
    pub plan: RecordPlan,
    /// The recorded areas, in plan order, with the shape that was kept.
    pub areas: Vec<Area>,
    pub classes: Vec<String>,
    pub time_unit: TimeUnit,
    pub batch: usize,
    /// Length of the schedule; more than `steps` while it runs.
    pub n_timesteps: usize,
    pub segments: Vec<Segment>,
    pub published: Option<usize>,
    pub interventions: Vec<Intervention>,
    pub seed: u64,
    pub steps: Vec<Arc<RecordedStep>>,
}

impl Recording {
    /// Position of a recorded area by name.
    pub fn area(&self, name: &str) -> Option<usize> {
        self.areas.iter().position(|area| area.name == name)
    }

    /// The recorded step of timestep `t`, if that was kept.
    pub fn at(&self, t: usize) -> Option<&Arc<RecordedStep>> {
        let index = self.steps.partition_point(|step| step.t < t);
        self.steps.get(index).filter(|step| step.t == t)
    }

    /// Values of one trial of a recorded area at recorded step `step`.
    pub fn trial(&self, step: usize, area: usize, trial: usize) -> &[f32] {
        let values = &self.steps[step].values[area];
        let n = values.len() / self.batch.max(1);
        &values[trial * n..(trial + 1) * n]
    }

    /// One unit over the recorded steps.
    pub fn unit_trace(&self, area: usize, trial: usize, unit: usize) -> Vec<(usize, f32)> {
        (0..self.steps.len()).map(|step| (self.steps[step].t, self.trial(step, area, trial)[unit])).collect()
    }

    /// Softmax of the read-out of one trial at recorded step `step`.
    pub fn probabilities(&self, step: usize, trial: usize) -> Option<Vec<f32>> {
        let logits = self.steps[step].readout.as_deref()?;
        let n = self.classes.len();
        let logits = &logits[trial * n..(trial + 1) * n];
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exp: Vec<f32> = logits.iter().map(|logit| (logit - max).exp()).collect();
        let sum: f32 = exp.iter().sum();
        Some(exp.into_iter().map(|e| e / sum).collect())
    }

    /// Bytes of values, class scores and states held.
    pub fn size_bytes(&self) -> u64 {
        let step_bytes = |step: &RecordedStep| {
            let values: usize = step.values.iter().map(|values| size_of_val(values.as_ref())).sum();
            let scores = step.readout.as_deref().map_or(0, size_of_val);
            let states = step.state.as_ref().map_or(0, State::size_bytes);
            (values + scores + states) as u64
        };
        self.steps.iter().map(|step| step_bytes(step)).sum()
    }

    pub fn is_complete(&self) -> bool {
        self.steps.len() >= self.n_timesteps.div_ceil(self.plan.every.get())
    }
}
