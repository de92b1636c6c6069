//! One update of each step of training, without loops over batches.
//!
//! Sources: `main_training_1_compatibility.py`, `class_rnn_2_inverse.py` to `class_rnn_5_final.py`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::{DType, Tensor, Var};

use super::config::{Config, STEPS, Stage};
use super::inverse::inverse_loss;
use super::model::CordsNet;
use super::twin::{Statistics, Twin};
use crate::dynamics::{
    Controls, Dynamics as _, Frame, Presentation, ProtocolOptions, Run, State, Workspace, rollout,
};
use crate::error::{Error, Result};
use crate::ops::{self, Reduction};
use crate::train::{Gradients, Optimiser, Unroll, clip_global_norm, gradients};
use crate::weights::Weights;

/// Timesteps with a picture at whose end the dynamic stages read the answer: the last of them.
pub const READ_TIMESTEPS: usize = 30;
/// Timesteps after offset that are compared with the spontaneous state: the last of them.
const SPONTANEOUS_TIMESTEPS: usize = 10;
/// Weight of that comparison in the loss.
const SPONTANEOUS_WEIGHT: f64 = 1e-3;
/// Weight of the term that keeps the series of the inverse stage short.
const EIGEN_WEIGHT: f64 = 10.0;

/// Pictures, normalised as the network takes them, and shares of classes.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, channels, side, side]`.
    pub images: Tensor,
    /// `[batch, classes]`, one-hot or mixed.
    pub labels: Tensor,
}

/// What one update gave, before it was applied.
#[derive(Clone, Debug)]
pub struct Update {
    /// After the update; outside any graph.
    pub weights: Weights,
    pub loss: f64,
    /// L2 norm over all gradients.
    pub norm: f64,
    /// Before clipping.
    pub gradients: Gradients,
    pub terms: Terms,
}

/// What the loss is made of, by stage.
#[derive(Clone, Debug)]
pub enum Terms {
    Twin {
        areas: Vec<Tensor>,
        logits: Tensor,
    },
    /// Per area.
    Inverse {
        errors: Vec<f64>,
        eigens: Vec<f64>,
        target: Vec<Tensor>,
    },
    Dynamic {
        /// Cross-entropy at each of the last timesteps with the picture.
        cross_entropy: Vec<f64>,
        /// Share of right answers at the same timesteps.
        accuracy: Vec<f64>,
        /// Mean squared distance to the spontaneous state after offset; 0 for the linear stage.
        spontaneous: f64,
    },
}

/// One update of `weights` on one batch, by the loss of the configuration's stage. Gradients are
/// clipped to the norm `limit`.
///
/// # Errors
/// [`Error::Diverged`] if the loss is not finite, [`Error::Config`] for the folded stage, which is not
/// trained, [`Error::Shape`] for a batch of another network.
pub fn update(
    config: &Config,
    weights: &Weights,
    batch: &Batch,
    optimiser: &mut Optimiser,
    limit: f64,
) -> Result<Update> {
    // The graph is dropped inside as well.
    ops::on_deep_stack(|| {
        let measured = measured(config, weights, batch)?;
        let (clipped, norm) = clip_global_norm(&measured.gradients, limit)?;
        let weights = optimiser.update(weights, &clipped)?.with(measured.running);
        let Measured { loss, gradients, terms, .. } = measured;
        Ok(Update { weights, loss, norm, gradients, terms })
    })
}

/// Loss and gradients of `weights` on one batch, without an update.
///
/// # Errors
/// As [`update`].
pub fn loss_gradients(config: &Config, weights: &Weights, batch: &Batch) -> Result<(f64, Gradients)> {
    ops::on_deep_stack(|| {
        let Measured { loss, gradients, .. } = measured(config, weights, batch)?;
        Ok((loss, gradients))
    })
}

/// An objective outside its graph.
struct Measured {
    loss: f64,
    gradients: Gradients,
    terms: Terms,
    running: Vec<(String, Tensor)>,
}

fn measured(config: &Config, weights: &Weights, batch: &Batch) -> Result<Measured> {
    let trainable = trainable(config, weights)?;
    let Objective { loss, terms, running } = match config.stage {
        Stage::Cnn => twin_objective(config, &trainable, batch)?,
        Stage::Inverse => inverse_objective(config, &trainable, batch)?,
        Stage::Linear | Stage::Parametric | Stage::Final => return dynamic(config, &trainable, batch, None),
        Stage::Folded => {
            let requirement = "one that is trained (cnn, inverse, linear, parametric, final)";
            return Err(Error::config("stage", requirement, config.stage.name()));
        }
    };
    let value = finite(config, scalar(&loss)?)?;
    Ok(Measured { loss: value, gradients: gradients(&loss, &trainable)?, terms, running })
}

fn finite(config: &Config, loss: f64) -> Result<f64> {
    if loss.is_finite() {
        return Ok(loss);
    }
    Err(Error::Diverged { what: "the loss".to_owned(), t: config.timesteps })
}

/// Names of the weights that the stage's optimiser changes, where it has a gradient for them.
fn is_trained(stage: Stage, name: &str) -> bool {
    let is_statistic = name.contains(".running_") || name.ends_with(".num_batches_tracked");
    match stage {
        Stage::Inverse => name.starts_with("area_conv.") || name.starts_with("conv_bias."),
        _ => !is_statistic && name != "prelu.weight",
    }
}

/// The weights with those that are trained as leaves of the graph.
fn trainable(config: &Config, weights: &Weights) -> Result<Weights> {
    let mut leaves = Vec::new();
    for (name, weight) in weights.iter() {
        let tensor = weight.tensor().detach();
        let is_number = matches!(tensor.dtype(), DType::F32 | DType::F64);
        leaves.push((
            name.to_owned(),
            match is_number && is_trained(config.stage, name) {
                true => Var::from_tensor(&tensor)?.into_inner(),
                false => tensor,
            },
        ));
    }
    Ok(Weights::from_tensors(leaves))
}

struct Objective {
    loss: Tensor,
    terms: Terms,
    /// Statistics that the pass moved.
    running: Vec<(String, Tensor)>,
}

fn twin_objective(config: &Config, weights: &Weights, batch: &Batch) -> Result<Objective> {
    let twin = Twin::new(config, weights)?;
    let pass = twin.forward(&batch.images, Statistics::Batch, &mut ops::Workspace::new())?;
    let loss = ops::soft_cross_entropy(&pass.logits, &batch.labels, Reduction::Mean)?;
    let mut running = pass.running;
    for (name, weight) in weights.iter().filter(|(name, _)| name.ends_with(".num_batches_tracked")) {
        running.push((name.to_owned(), (weight.tensor() + 1.0)?));
    }
    let areas = pass.areas.iter().map(Tensor::detach).collect();
    Ok(Objective { loss, terms: Terms::Twin { areas, logits: pass.logits.detach() }, running })
}

fn inverse_objective(config: &Config, weights: &Weights, batch: &Batch) -> Result<Objective> {
    let found = inverse_loss(config, weights, &batch.images, &mut ops::Workspace::new())?;
    let (errors, eigens) = (Tensor::stack(&found.errors, 0)?, Tensor::stack(&found.eigens, 0)?);
    let loss = (errors.mean_all()? + (eigens.mean_all()? * EIGEN_WEIGHT)?)?;
    let terms = Terms::Inverse { errors: numbers(&errors)?, eigens: numbers(&eigens)?, target: found.target };
    Ok(Objective { loss, terms, running: Vec::new() })
}

/// Holds the graph of `stretch` timesteps at a time; by their size if absent.
fn dynamic(config: &Config, weights: &Weights, batch: &Batch, stretch: Option<usize>) -> Result<Measured> {
    let config = &Config { normalise: false, ..config.clone() };
    let has_rest = config.stage.warm_up() > 0;
    let n = batch.images.dims()[0];
    let shape = [config.image_channels, config.image_side, config.image_side];
    let blank = Arc::new(Frame::blank(n, shape)?);
    let shown = Arc::new(Frame::new(batch.images.clone()));
    let mut frames = vec![shown; config.timesteps];
    frames.extend(std::iter::repeat_n(blank, if has_rest { STEPS } else { 0 }));
    let presentation = Presentation { frames, ..Presentation::held(batch.images.clone()) };
    let model = CordsNet::new(config, weights)?;
    let schedule = model.schedule(&presentation, &ProtocolOptions::default())?;
    let controls = Controls::defaults(model.controls());
    let tracked = Run::plain(&model, &schedule, &controls);
    let (onset, end) = (config.warm_up, schedule.len());
    let offset = onset + config.timesteps;
    // The spontaneous state is a constant, made without a graph.
    let resting = CordsNet::new(config, &weights.detached()?)?;
    let go_on = |_: usize, _: &_, _: &State| Ok(ControlFlow::Continue(()));
    let plain = Run { model: &resting, ..tracked };
    let rest = rollout(&plain, resting.rest(n)?, 0..onset, &mut Workspace::new(), go_on)?.detached();

    let n_read = READ_TIMESTEPS.min(config.timesteps);
    let ramp = ramp(n_read);
    let (mut cross_entropy, mut accuracy) = (vec![0.0; n_read], vec![0.0; n_read]);
    let n_resting = if has_rest { SPONTANEOUS_TIMESTEPS.min(end - offset) * rest.areas.len() } else { 0 };
    let mut distance = 0.0;
    let unroll = Unroll { tracked, plain, steps: onset..end };
    let stretch = stretch.unwrap_or_else(|| unroll.stretch(&rest));
    let (loss, gradients) = unroll.gradients(&rest, weights, stretch, |t, state| {
        if let Some(logits) = state.readout.as_ref().filter(|_| t < offset && t + n_read >= offset) {
            let reading = t + n_read - offset;
            let term = ops::soft_cross_entropy(logits, &batch.labels, Reduction::Mean)?;
            cross_entropy[reading] = scalar(&term)?;
            accuracy[reading] = share_right(logits, &batch.labels)?;
            return Ok(Some((term * (ramp[reading] / n_read as f64))?));
        }
        if t < offset || t + SPONTANEOUS_TIMESTEPS < end {
            return Ok(None);
        }
        let mut distances = Vec::with_capacity(rest.areas.len());
        for (now, rest) in state.areas.iter().zip(&rest.areas) {
            distances.push(ops::mse(now, &rest.contiguous()?)?);
        }
        let sum = Tensor::stack(&distances, 0)?.sum_all()?;
        distance += scalar(&sum)?;
        Ok(Some((sum * (SPONTANEOUS_WEIGHT / n_resting as f64))?))
    })?;
    let spontaneous = if n_resting > 0 { distance / n_resting as f64 } else { 0.0 };
    let terms = Terms::Dynamic { cross_entropy, accuracy, spontaneous };
    Ok(Measured { loss: finite(config, loss)?, gradients, terms, running: Vec::new() })
}

/// Weights of the readings: from 0.001 up to 1, equal factors apart.
fn ramp(n: usize) -> Vec<f64> {
    (0..n).map(|i| 10f64.powf(-3.0 + 3.0 * i as f64 / (n.max(2) - 1) as f64)).collect()
}

/// Share of rows whose largest entry is where that of `labels` is.
pub(super) fn share_right(logits: &Tensor, labels: &Tensor) -> Result<f64> {
    let largest = |rows: &Tensor| -> Result<Vec<u32>> { Ok(rows.detach().argmax(1)?.to_vec1()?) };
    let (found, right) = (largest(logits)?, largest(labels)?);
    let n = found.iter().zip(&right).filter(|(found, right)| found == right).count();
    Ok(n as f64 / right.len().max(1) as f64)
}

fn scalar(x: &Tensor) -> Result<f64> {
    Ok(x.detach().to_dtype(DType::F64)?.to_scalar()?)
}

fn numbers(x: &Tensor) -> Result<Vec<f64>> {
    Ok(x.detach().to_dtype(DType::F64)?.to_vec1()?)
}

/// Names of the weights that have been trained in the stage, of those of a network.
pub fn trained_names(config: &Config) -> BTreeSet<String> {
    let is_used = |name: &String| config.stage != Stage::Cnn || !name.starts_with("area_bias.");
    let names = config.tensors().into_iter().map(|(name, _)| name);
    names.filter(|name| is_trained(config.stage, name) && is_used(name)).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::dataset::Dataset;
    use super::super::generator::{generate, uniform};
    use super::*;

    #[test]
    fn gradients_do_not_depend_on_how_many_timesteps_are_held_together() {
        for stage in [Stage::Linear, Stage::Final] {
            let config = Config {
                warm_up: stage.warm_up().min(3),
                timesteps: 7,
                ..Config::new(stage, Dataset::Mnist, 4, 2, 32)
            };
            let weights = trainable(&config, &generate(&config, 3).unwrap()).unwrap();
            let pixels: Vec<f32> = uniform("pictures", 1, 2 * 32 * 32).collect();
            let images = Tensor::from_vec(pixels, (2, 1, 32, 32), &Device::Cpu).unwrap();
            let mut labels = vec![0f32; 20];
            (labels[3], labels[11]) = (1.0, 1.0);
            let labels = Tensor::from_vec(labels, (2, 10), &Device::Cpu).unwrap();
            let batch = Batch { images, labels };
            let whole = dynamic(&config, &weights, &batch, Some(1000)).unwrap();
            assert!(whole.gradients.len() > 8);
            for stretch in [1, 3] {
                let cut = dynamic(&config, &weights, &batch, Some(stretch)).unwrap();
                assert!((cut.loss - whole.loss).abs() < 1e-6 * whole.loss.abs());
                assert!(cut.gradients.keys().eq(whole.gradients.keys()));
                for (name, gradient) in &whole.gradients {
                    let norm = |x: &Tensor| scalar(&x.sqr().unwrap().sum_all().unwrap()).unwrap().sqrt();
                    let difference = norm(&(gradient - &cut.gradients[name]).unwrap());
                    assert!(difference <= 1e-5 * norm(gradient), "{name} at {stretch}: {difference}");
                }
            }
        }
    }
}
