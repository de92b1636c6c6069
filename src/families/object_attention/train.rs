//! One mini-batch of training: an update of the weights after every phase.
//!
//! Source: `train_mnist.py` and `train_coco.py`. Each phase is back-propagated through all its
//! passes; the inhibition handed to the next phase was made with the weights before the update.

use std::ops::ControlFlow;

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::areas::{AreaIndex, MemoryIndex};
use super::protocol::{self, picked};
use super::{Batch, Config, ObjectAttention};
use crate::dynamics::{Controls, Dynamics as _, ProtocolOptions, Run, Schedule, State, Workspace, rollout};
use crate::error::{Error, Result};
use crate::ops::{self, Reduction};
use crate::train::{Gradients, Optimiser, clip_global_norm, gradients};
use crate::weights::Weights;

/// What the loss of a phase is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossSettings {
    /// Weight of the mask loss against the class loss: 1000 for digits, 5000 for photographs.
    pub penalty: f64,
    /// Weight of each class in the class loss; `None` counts all alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
}

impl LossSettings {
    /// As the source trains on digits.
    pub fn digits() -> Self {
        Self { penalty: 1000.0, class_weights: None }
    }

    /// As the source trains on photographs: classes weighted by the inverse of how often they occur.
    ///
    /// # Errors
    /// As [`class_weights`].
    pub fn photographs(counts: &[usize]) -> Result<Self> {
        Ok(Self { penalty: 5000.0, class_weights: Some(class_weights(counts)?) })
    }
}

/// The inverse prevalence of each class, summing to 1.
///
/// # Errors
/// [`Error::Config`] if a class never occurs.
pub fn class_weights(counts: &[usize]) -> Result<Vec<f64>> {
    if let Some(class) = counts.iter().position(|&count| count == 0) {
        return Err(Error::config("objects of every class", "at least 1", format!("0 of class {class}")));
    }
    let total: usize = counts.iter().sum();
    let inverse: Vec<f64> = counts.iter().map(|&count| total as f64 / count as f64).collect();
    let sum: f64 = inverse.iter().sum();
    Ok(inverse.into_iter().map(|weight| weight / sum).collect())
}

/// What one phase gave, before its update.
#[derive(Clone, Debug)]
pub struct PhaseUpdate {
    pub loss: f64,
    /// Cross-entropy of the scores of the last pass against the class of the picked object.
    pub class_loss: f64,
    /// Mean squared difference of the gated picture of the last pass to the picked target.
    pub mask_loss: f64,
    /// Share of trials whose highest score is the picked object's class.
    pub accuracy: f64,
    /// L2 norm over all gradients.
    pub gradient_norm: f64,
    /// Scores of the last pass, `[batch, classes]`.
    pub logits: Tensor,
    /// Gated picture of the last pass, `[batch, channels, height, width]`.
    pub gated: Tensor,
    /// Index of the picked object per trial.
    pub pick: Vec<i64>,
    /// Its class.
    pub labels: Vec<i64>,
    pub gradients: Gradients,
}

/// What one mini-batch did.
#[derive(Clone, Debug)]
pub struct BatchUpdate {
    /// After the last phase; leaves of the autograd graph, as [`train_batch`] takes them.
    pub weights: Weights,
    pub phases: Vec<PhaseUpdate>,
}

/// Trains on one mini-batch: per phase all passes, the loss, one update.
///
/// # Errors
/// [`Error::Diverged`] if a loss is not finite: `optimiser` may then have done the updates of
/// earlier phases. [`Error::Config`] or [`Error::Shape`] if the batch is not for this network.
pub fn train_batch(
    config: &Config,
    weights: &Weights,
    optimiser: &mut Optimiser,
    batch: &Batch,
    settings: &LossSettings,
    workspace: &mut Workspace,
) -> Result<BatchUpdate> {
    ops::on_deep_stack(|| {
        let is_trainable = weights.iter().all(|(_, weight)| weight.tensor().is_variable());
        let mut weights = if is_trainable { weights.clone() } else { weights.trainable()? };
        let schedule = protocol::schedule(config, &batch.presentation(), &ProtocolOptions::default())?;
        let mut phases = Vec::with_capacity(config.phases);
        let mut start = ObjectAttention::new(config, &weights)?.rest(batch.len())?;
        for phase in 0..config.phases {
            let model = ObjectAttention::new(config, &weights)?;
            let outcome = phase_loss(&model, &schedule, phase, start, batch, settings, workspace)?;
            let update = outcome.update(&weights)?;
            weights = optimiser.update(&weights, &update.gradients)?;
            start = outcome.end;
            phases.push(update);
        }
        Ok(BatchUpdate { weights, phases })
    })
}

/// Losses of one phase, still in the graph, and the state to go on from, outside it.
struct PhaseOutcome {
    loss: Tensor,
    class_loss: Tensor,
    mask_loss: Tensor,
    logits: Tensor,
    gated: Tensor,
    pick: Vec<i64>,
    labels: Vec<i64>,
    end: State,
}

fn phase_loss(
    model: &ObjectAttention,
    schedule: &Schedule,
    phase: usize,
    start: State,
    batch: &Batch,
    settings: &LossSettings,
    workspace: &mut Workspace,
) -> Result<PhaseOutcome> {
    let controls = Controls::defaults(model.controls());
    let run = Run::plain(model, schedule, &controls);
    let passes = model.config().passes;
    let steps = phase * passes..(phase + 1) * passes;
    let state = rollout(&run, start, steps, workspace, |_, _, _| Ok(ControlFlow::Continue(())))?;

    let n_stages = model.config().variant.n_stages();
    let scores = &state.areas[AreaIndex::new(n_stages).scores()];
    let gated = &state.areas[AreaIndex::new(n_stages).input()];
    let pick: Vec<i64> = state.memory[MemoryIndex::new(n_stages).pick()].to_vec1()?;
    let target = batch.picked_targets(&pick)?.to_device(gated.device())?.to_dtype(gated.dtype())?;
    let labels = picked(&batch.labels, &pick)?;
    let label_tensor = Tensor::from_slice(&labels, labels.len(), scores.device())?;
    let class_weights = match &settings.class_weights {
        Some(weights) => {
            Some(Tensor::from_slice(weights, weights.len(), scores.device())?.to_dtype(scores.dtype())?)
        }
        None => None,
    };
    let class_loss = ops::cross_entropy(scores, &label_tensor, class_weights.as_ref(), Reduction::Mean)?;
    let mask_loss = ops::mse(gated, &target)?;
    let loss = (&class_loss + (&mask_loss * settings.penalty)?)?;
    Ok(PhaseOutcome {
        loss,
        class_loss,
        mask_loss,
        logits: scores.detach(),
        gated: gated.detach(),
        pick,
        labels,
        end: state.detached(),
    })
}

impl PhaseOutcome {
    fn update(&self, weights: &Weights) -> Result<PhaseUpdate> {
        let loss = scalar(&self.loss)?;
        if !loss.is_finite() {
            return Err(Error::Diverged { what: "the loss".to_owned(), t: self.end.t.saturating_sub(1) });
        }
        let gradients = gradients(&self.loss, weights)?;
        let (_, gradient_norm) = clip_global_norm(&gradients, f64::INFINITY)?;
        let predictions = predictions(&self.logits)?;
        let correct = predictions.iter().zip(&self.labels).filter(|(found, label)| found == label).count();
        Ok(PhaseUpdate {
            loss,
            class_loss: scalar(&self.class_loss)?,
            mask_loss: scalar(&self.mask_loss)?,
            accuracy: correct as f64 / self.labels.len().max(1) as f64,
            gradient_norm,
            logits: self.logits.clone(),
            gated: self.gated.clone(),
            pick: self.pick.clone(),
            labels: self.labels.clone(),
            gradients,
        })
    }
}

fn scalar(tensor: &Tensor) -> Result<f64> {
    match tensor.dtype() {
        DType::F64 => Ok(tensor.to_scalar::<f64>()?),
        _ => Ok(tensor.to_dtype(DType::F32)?.to_scalar::<f32>()?.into()),
    }
}

/// The class with the highest score of each trial, the lowest of equals.
pub fn predictions(logits: &Tensor) -> Result<Vec<i64>> {
    let rows: Vec<Vec<f32>> = logits.to_dtype(DType::F32)?.to_vec2()?;
    Ok(rows.iter().map(|row| highest(row) as i64).collect())
}

/// Index of the largest value, the first of equals; 0 for none.
pub(super) fn highest(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, at| if values[at] > values[best] { at } else { best })
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::families::object_attention::{Variant, initial_weights};
    use crate::rng;
    use crate::train::OptimiserConfig;

    /// Small enough to difference every weight.
    fn tiny() -> Config {
        Config {
            variant: Variant::Digits,
            objects: 2,
            image_height: 14,
            image_width: 17,
            channels: vec![1, 2, 3],
            n_classes: 3,
            strength: 0.4,
            passes: 4,
            phases: 2,
        }
    }

    fn batch(config: &Config, n: usize) -> Batch {
        let mut rng = rng::stream(3, "test", &[]);
        let mut tensor = |shape: &[usize]| {
            let values: Vec<f64> = (0..shape.iter().product()).map(|_| rng::uniform(&mut rng)).collect();
            Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
        };
        let (h, w) = (config.image_height, config.image_width);
        let (x, targets) = (tensor(&[n, 1, h, w]), tensor(&[2, n, 1, h, w]));
        let labels = (0..2).map(|k| (0..n).map(|trial| ((trial + k) % 3) as i64).collect()).collect();
        Batch::new(x, targets, labels, 0.4).unwrap()
    }

    fn loss_of(
        config: &Config,
        weights: &Weights,
        phase: usize,
        start: &State,
        batch: &Batch,
    ) -> PhaseOutcome {
        let model = ObjectAttention::new(config, weights).unwrap();
        let schedule = model.schedule(&batch.presentation(), &ProtocolOptions::default()).unwrap();
        let weights = Some(vec![0.2, 0.5, 0.3]);
        let settings = LossSettings { penalty: 3.0, class_weights: weights };
        let mut workspace = Workspace::new();
        phase_loss(&model, &schedule, phase, start.clone(), batch, &settings, &mut workspace).unwrap()
    }

    #[test]
    fn gradients_of_both_phases_are_those_of_central_differences() {
        let config = tiny();
        // Doubled, so that gates move far enough to matter.
        let drawn = initial_weights(&config, 4).unwrap().to_dtype(DType::F64).unwrap();
        let doubled = drawn.iter().map(|(name, weight)| (name.to_owned(), (weight.tensor() * 2.0).unwrap()));
        let weights = Weights::from_tensors(doubled);
        let batch = batch(&config, 2);
        let mut start = ObjectAttention::new(&config, &weights).unwrap().rest(2).unwrap();
        for phase in 0..2 {
            let trainable = weights.trainable().unwrap();
            let outcome = loss_of(&config, &trainable, phase, &start, &batch);
            let gradients = gradients(&outcome.loss, &trainable).unwrap();
            assert_eq!(gradients.len(), weights.len());
            for (name, weight) in weights.iter() {
                let analytic: Vec<f64> = gradients[name].flatten_all().unwrap().to_vec1().unwrap();
                let values: Vec<f64> = weight.tensor().flatten_all().unwrap().to_vec1().unwrap();
                for (entry, &gradient) in analytic.iter().enumerate() {
                    let at = |delta: f64| {
                        let mut moved = values.clone();
                        moved[entry] += delta;
                        let moved = Tensor::from_vec(moved, weight.dims(), &Device::Cpu).unwrap();
                        let weights = weights.with([(name.to_owned(), moved)]);
                        scalar(&loss_of(&config, &weights, phase, &start, &batch).loss).unwrap()
                    };
                    let step = 1e-6;
                    let numeric = (at(step) - at(-step)) / (2.0 * step);
                    let allowed = 1e-8 + 1e-5 * gradient.abs();
                    assert!(
                        (numeric - gradient).abs() <= allowed,
                        "phase {phase}, {name}[{entry}]: {gradient} instead of {numeric}"
                    );
                }
                assert!(analytic.iter().any(|gradient| gradient.abs() > 1e-5), "{name} is not reached");
            }
            start = outcome.end;
        }
    }

    #[test]
    fn every_phase_updates_the_weights_and_the_loss_falls() {
        let config = Config { phases: 2, ..tiny() };
        let weights = initial_weights(&config, 4).unwrap();
        let batch = batch(&config, 4);
        let settings = LossSettings { penalty: 1.0, class_weights: None };
        let mut optimiser = Optimiser::new(OptimiserConfig::adam(1e-2));
        let mut workspace = Workspace::new();
        let mut weights = weights.trainable().unwrap();
        let mut losses = Vec::new();
        for _ in 0..12 {
            let done =
                train_batch(&config, &weights, &mut optimiser, &batch, &settings, &mut workspace).unwrap();
            losses.push(done.phases.iter().map(|phase| phase.loss).sum::<f64>());
            assert_eq!(done.phases.len(), 2);
            weights = done.weights;
        }
        assert!(losses[11] < 0.9 * losses[0], "{losses:?}");
        let updates = optimiser.state().scalars.updates;
        assert!(updates.values().all(|&n| n == 24), "{updates:?}");
    }

    #[test]
    fn training_needs_an_object_for_every_phase() {
        let config = Config { phases: 3, ..tiny() };
        let weights = initial_weights(&config, 4).unwrap();
        let mut optimiser = Optimiser::new(OptimiserConfig::adam(1e-3));
        let settings = LossSettings::digits();
        let batch = batch(&config, 1);
        let result = train_batch(&config, &weights, &mut optimiser, &batch, &settings, &mut Workspace::new());
        assert!(result.unwrap_err().to_string().starts_with("phases"));
    }

    #[test]
    fn class_weights_are_the_normalised_inverse_prevalence() {
        let weights = class_weights(&[1, 3]).unwrap();
        assert!((weights[0] - 0.75).abs() < 1e-15 && (weights[1] - 0.25).abs() < 1e-15);
        assert!(class_weights(&[1, 0]).is_err());
    }
}
