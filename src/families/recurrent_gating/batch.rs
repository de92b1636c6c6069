//! Composed trials as a training batch.

use candle_core::{Device, Tensor};

use super::tasks::TaskSpec;
use super::train::Batch;
use crate::dynamics::{Instruction, LabelSet};
use crate::error::Result;
use crate::task::Trials;
use crate::task::presentation::tensor;

impl Batch {
    /// `trials` of the task `spec` on `device`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn of_trials(trials: &Trials, spec: &TaskSpec, device: &Device) -> Result<Self> {
        let shown = trials.presentation(device)?;
        let prompt = match &trials.prompt {
            Some(prompt) if spec.has_prompt => Some(tensor(prompt, device)?),
            _ => None,
        };
        let instruction = Instruction { task: Some(spec.key), prompt };
        let (batch, n) = (trials.batch(), shown.frames.len());
        let rows = |rows: &[Vec<i64>]| -> Result<Tensor> {
            let columns = (0..batch).flat_map(|trial| rows.iter().map(move |row| row[trial]));
            let values: Vec<i64> = columns.collect();
            Ok(Tensor::from_vec(values, (batch, rows.len(), 1), device)?)
        };
        let labels = match &trials.labels {
            Some(LabelSet::PerTimestep(labels) | LabelSet::PerObject(labels)) => Some(rows(labels)?),
            None if trials.questions.is_empty() => None,
            None => {
                let questions = &trials.questions;
                let of_trial = |trial: usize| questions.iter().map(move |question| question.answers[trial]);
                let values: Vec<i64> =
                    (0..batch).flat_map(|trial| (0..n).flat_map(move |_| of_trial(trial))).collect();
                Some(Tensor::from_vec(values, (batch, n, questions.len()), device)?)
            }
        };
        let masks = match trials.mask_index.is_empty() {
            true => None,
            false => {
                let distinct: Vec<Tensor> =
                    trials.masks.iter().map(|mask| tensor(mask, device)).collect::<Result<_>>()?;
                let over_time: Vec<&Tensor> = trials.mask_index.iter().map(|&k| &distinct[k]).collect();
                Some(Tensor::stack(&over_time, 1)?)
            }
        };
        Ok(Self { instructions: vec![Some(instruction); n], frames: shown.frames, labels, masks })
    }
}
