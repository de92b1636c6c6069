//! Fills a recording from the observer of a rollout.

use std::sync::Arc;

use super::{Cost, RecordPlan, RecordedStep, Recording, Reduce, Summary};
use crate::dynamics::{Area, Drive, Run, State};
use crate::error::{Error, Result};

/// A recording under way.
pub struct Recorder {
    recording: Recording,
    cost: Cost,
}

impl Recorder {
    /// Checks the budget before anything runs.
    ///
    /// # Errors
    /// [`Error::Budget`] if the whole run would not fit `budget_bytes`.
    pub fn new(run: &Run<'_>, plan: RecordPlan, budget_bytes: u64) -> Result<Self> {
        let batch = run.schedule.batch();
        let cost = plan.check_budget(run.model, run.schedule.len(), batch, budget_bytes)?;
        let kept = |&area: &usize| {
            let area = &run.model.areas()[area];
            match plan.reduce {
                Reduce::Nothing => area.clone(),
                Reduce::SpatialMean => Area { shape: vec![area.map_shape()[0]], ..area.clone() },
            }
        };
        let recording = Recording {
            areas: plan.areas.iter().map(kept).collect(),
            plan,
            classes: run.model.classes().to_vec(),
            time_unit: run.model.time_unit(),
            batch,
            n_timesteps: run.schedule.len(),
            segments: run.schedule.segments.clone(),
            published: run.schedule.published,
            interventions: run.interventions.to_vec(),
            seed: run.seed,
            steps: Vec::new(),
        };
        Ok(Self { recording, cost })
    }

    /// Goes on from the first timesteps of `earlier`, for branches and continued runs.
    pub fn with_history(mut self, earlier: &Recording, before: usize) -> Self {
        self.recording.steps = earlier.steps.iter().filter(|step| step.t < before).cloned().collect();
        self
    }

    /// Announced cost of the whole run.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// Keeps what the plan asks for.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the read-out is not finite.
    pub fn push(&mut self, t: usize, drive: &Drive, state: &State) -> Result<()> {
        let plan = &self.recording.plan;
        if !plan.keeps(t) {
            return Ok(());
        }
        let mut values: Vec<Arc<[f32]>> = Vec::with_capacity(plan.areas.len());
        let mut summaries = Vec::with_capacity(plan.areas.len());
        for (&area, kept) in plan.areas.iter().zip(&self.recording.areas) {
            let all = state.values(area)?;
            summaries.push(Summary::of(&all));
            values.push(match plan.reduce {
                Reduce::Nothing => all.into(),
                Reduce::SpatialMean => {
                    let n_channels = self.recording.batch * kept.n_units();
                    let per_channel = (all.len() / n_channels.max(1)).max(1);
                    all.chunks(per_channel).map(|map| map.iter().sum::<f32>() / per_channel as f32).collect()
                }
            });
        }
        let readout = match &state.readout {
            Some(logits) => {
                let logits: Vec<f32> = crate::dynamics::flat(logits)?;
                if logits.iter().any(|logit| !logit.is_finite()) {
                    return Err(Error::Diverged { what: "the read-out".to_owned(), t });
                }
                Some(logits.into())
            }
            None => None,
        };
        self.recording.steps.push(Arc::new(RecordedStep {
            t,
            pass: drive.pass,
            phase: drive.phase,
            pass_index: drive.pass_index,
            values,
            summaries,
            readout,
            state: plan.states.then(|| state.detached()),
        }));
        Ok(())
    }

    /// What has been recorded so far.
    pub fn snapshot(&self) -> Arc<Recording> {
        Arc::new(self.recording.clone())
    }

    pub fn finish(self) -> Recording {
        self.recording
    }
}
