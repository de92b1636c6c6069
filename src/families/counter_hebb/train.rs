//! Updates in a row by either rule, and evaluation.

use candle_core::{DType, Tensor};

use super::config::Config;
use super::model::CounterHebb;
use super::update::{
    Batch, UpdateRule, counter_hebb, exact_gradient, predicted_logits, run_cycle, with_statistics,
};
use crate::dynamics::Workspace;
use crate::error::{Error, Result};
use crate::train::{Gradients, Optimiser, OptimiserConfig, Rate};
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
        let lesson = Lesson::learn(&self.config, self.rule, &self.weights, batch, None, &mut self.workspace)?;
        if !lesson.loss.is_finite() {
            return Err(Error::Diverged { what: "the loss".to_owned(), t: self.updates });
        }
        self.weights = self.optimiser.update(&lesson.weights, &lesson.changes)?;
        self.updates += 1;
        Ok(lesson.loss)
    }

    /// Answers with running statistics; nothing changes.
    ///
    /// # Errors
    /// As a step of the network.
    pub fn evaluate(&mut self, batch: &Batch) -> Result<Score> {
        let net = CounterHebb::new(&self.config, &self.weights)?;
        Score::of(&net, batch, &mut self.workspace)
    }
}

impl Score {
    /// Answers with running statistics.
    ///
    /// # Errors
    /// As a step of the network.
    pub fn of(net: &CounterHebb, batch: &Batch, ws: &mut Workspace) -> Result<Self> {
        let logits = predicted_logits(net, batch, false, ws)?;
        let loss = net.config().loss_name.value(&logits, &batch.labels)?;
        let loss = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        Ok(Self { loss, correct: n_correct(&logits, &batch.labels)?, n: logits.dims()[0] })
    }
}

/// What a batch teaches, before an optimiser applies it.
pub(super) struct Lesson {
    /// In the place of gradients.
    pub(super) changes: Gradients,
    /// Mean over the batch.
    pub(super) loss: f64,
    pub(super) correct: usize,
    /// The weights with the running statistics that the batch moved.
    pub(super) weights: Weights,
}

impl Lesson {
    /// `factor` draws the noise on each Counter-Hebb change.
    ///
    /// # Errors
    /// As a step of the network.
    pub(super) fn learn(
        config: &Config,
        rule: LearningRule,
        weights: &Weights,
        batch: &Batch,
        factor: Option<&mut dyn FnMut() -> f64>,
        ws: &mut Workspace,
    ) -> Result<Self> {
        let net = CounterHebb::new(config, weights)?;
        let (changes, loss, state, logits) = match rule {
            LearningRule::CounterHebb { changes_top_down } => {
                let cycle = run_cycle(&net, batch, true, ws)?;
                let mut rule = UpdateRule { changes_top_down, factor };
                (counter_hebb(&net, &cycle.state, &mut rule, ws)?, cycle.loss, cycle.state, cycle.logits)
            }
            LearningRule::Backprop => {
                let exact = exact_gradient(config, weights, batch, true, ws)?;
                (exact.gradients, exact.loss, exact.state, exact.logits)
            }
        };
        Ok(Self {
            changes,
            loss: loss.to_dtype(DType::F64)?.to_scalar::<f64>()?,
            correct: n_correct(&logits, &batch.labels)?,
            weights: with_statistics(&net, weights, &state)?,
        })
    }
}

fn n_correct(logits: &Tensor, labels: &Tensor) -> Result<usize> {
    let labels: Vec<i64> = labels.to_dtype(DType::I64)?.to_vec1()?;
    Ok(answers(logits)?.iter().zip(&labels).filter(|(found, label)| found == label).count())
}

/// The class with the largest logit, or whether a single logit is positive.
fn answers(logits: &Tensor) -> Result<Vec<i64>> {
    let found = match logits.dims()[1] {
        1 => logits.gt(0.0)?.squeeze(1)?.to_dtype(DType::I64)?,
        _ => logits.argmax(1)?.to_dtype(DType::I64)?,
    };
    Ok(found.to_vec1()?)
}
