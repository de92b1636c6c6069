//! Updates in a row by either rule, and evaluation.

use candle_core::{DType, Tensor};

use super::config::Config;
use super::model::CounterHebb;
use super::update::{
    Batch, UpdateRule, counter_hebb, exact_gradient, predicted_logits, run_cycle, with_statistics,
};
use crate::dynamics::Workspace;
use crate::error::{Error, Result};
use crate::train::{Optimiser, OptimiserConfig, Rate};
use crate::weights::Weights;

/// What changes the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LearningRule {
    /// The local rule; `changes_top_down` is false for feedback alignment.
    CounterHebb { changes_top_down: bool },
    /// Backpropagation through the guided prediction; top-down weights of their own stay fixed.
    Backprop,
}

/// A network in training. Instruction heads are never trained, as in the reference.
pub struct Learner {
    config: Config,
    rule: LearningRule,
    weights: Weights,
    optimiser: Optimiser,
    updates: usize,
    workspace: Workspace,
}

/// Answers to a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Mean over the batch.
    pub loss: f64,
    pub correct: usize,
    pub n: usize,
}

impl Learner {
    pub fn new(config: &Config, rule: LearningRule, weights: Weights, optimiser: OptimiserConfig) -> Self {
        Self {
            config: config.clone(),
            rule,
            weights,
            optimiser: Optimiser::new(optimiser),
            updates: 0,
            workspace: Workspace::new(),
        }
    }

    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Learning rate of the updates to come.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.optimiser.set_rate(Rate { learning_rate, momentum: None });
    }

    /// One update; returns the mean loss before it.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite, which leaves the weights as they were.
    pub fn update(&mut self, batch: &Batch) -> Result<f64> {
        let ws = &mut self.workspace;
        let net = CounterHebb::new(&self.config, &self.weights)?;
        let (changes, loss, state) = match self.rule {
            LearningRule::CounterHebb { changes_top_down } => {
                let cycle = run_cycle(&net, batch, true, ws)?;
                let mut rule = UpdateRule { changes_top_down, factor: None };
                (counter_hebb(&net, &cycle.state, &mut rule, ws)?, cycle.loss, cycle.state)
            }
            LearningRule::Backprop => {
                let exact = exact_gradient(&self.config, &self.weights, batch, true, ws)?;
                (exact.gradients, exact.loss, exact.state)
            }
        };
        let loss = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        if !loss.is_finite() {
            return Err(Error::Diverged { what: "the loss".to_owned(), t: self.updates });
        }
        let moved = with_statistics(&net, &self.weights, &state)?;
        self.weights = self.optimiser.update(&moved, &changes)?;
        self.updates += 1;
        Ok(loss)
    }

    /// Answers with running statistics; nothing changes.
    ///
    /// # Errors
    /// As a step of the network.
    pub fn evaluate(&mut self, batch: &Batch) -> Result<Score> {
        let net = CounterHebb::new(&self.config, &self.weights)?;
        let logits = predicted_logits(&net, batch, false, &mut self.workspace)?;
        let loss = self.config.loss_name.value(&logits, &batch.labels)?;
        let found = answers(&logits)?;
        let labels: Vec<i64> = batch.labels.to_dtype(DType::I64)?.to_vec1()?;
        Ok(Score {
            loss: loss.to_dtype(DType::F64)?.to_scalar::<f64>()?,
            correct: found.iter().zip(&labels).filter(|(found, label)| found == label).count(),
            n: labels.len(),
        })
    }
}

/// The class with the largest logit, or whether a single logit is positive.
fn answers(logits: &Tensor) -> Result<Vec<i64>> {
    let found = match logits.dims()[1] {
        1 => logits.gt(0.0)?.squeeze(1)?.to_dtype(DType::I64)?,
        _ => logits.argmax(1)?.to_dtype(DType::I64)?,
    };
    Ok(found.to_vec1()?)
}
