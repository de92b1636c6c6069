//! One update of a network that is trained to name what it sees, at the last timestep or at all.
//!
//! Source: `engine.py` (loss over the answers), `archive/main.py` (AdamW, StepLR, clipping).

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::config::{Config, is_constant};
use super::contrast::{self, ContrastSettings};
use super::model::Network;
use super::norms::Statistics;
use crate::error::{Error, Result};
use crate::ops;
use crate::train::{Gradients, Optimiser, clip_global_norm, gradients};
use crate::weights::Weights;

/// How earlier answers count against the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossChoice {
    /// The answer `s` timesteps before the last counts `gamma^s`.
    #[default]
    Decay,
    /// Every earlier answer counts `gamma`.
    Weighted,
}

/// What the loss is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossSettings {
    #[serde(rename = "loss_choice")]
    pub choice: LossChoice,
    /// 0 counts the last answer alone.
    #[serde(rename = "loss_gamma")]
    pub gamma: f64,
    /// Share of the target that is spread over the other classes; 0 in the source, whatever its flag says.
    pub smoothing: f64,
    /// Brings pictures of one class together in place of naming them.
    #[serde(skip)]
    pub contrast: Option<ContrastSettings>,
}

/// What one update did.
#[derive(Clone, Debug)]
pub struct Update {
    /// New weights, running statistics of batch norms among them; leaves of the autograd graph.
    pub weights: Weights,
    pub loss: f64,
    /// The part of the loss that the network below its read-out learns from, where that is contrastive.
    pub contrastive: Option<f64>,
    /// Every answer, `[answers, batch, classes]`.
    pub logits: Tensor,
    /// Before clipping.
    pub gradients: Gradients,
    /// L2 norm over all of them, before clipping.
    pub gradient_norm: f64,
}

/// Mean cross-entropy of `logits` `[batch, classes]` against `labels` `[batch]`; `smoothing` of each
/// target is spread over the other classes.
///
/// # Errors
/// [`Error::Shape`] if rows do not match; a label beyond the classes is an error too.
pub fn smoothed_cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    let &[rows, classes] = logits.dims() else {
        return Err(Error::shape("logits", "[batch, classes]", logits.dims()));
    };
    if labels.dims() != [rows] {
        return Err(Error::shape("labels", [rows], labels.dims()));
    }
    let logs = ops::log_softmax(logits, 1)?;
    let own = logs.gather(&labels.contiguous()?.unsqueeze(1)?, 1)?.squeeze(1)?;
    if smoothing == 0.0 || classes < 2 {
        return Ok(own.mean_all()?.neg()?);
    }
    let other = smoothing / (classes - 1) as f64;
    let terms = ((own * (1.0 - smoothing - other))? + (logs.sum(1)? * other)?)?;
    Ok(terms.mean_all()?.neg()?)
}

/// The loss of all answers, the last of which counts 1, divided by the sum of their weights.
///
/// # Errors
/// [`Error::Config`] if there is no answer.
pub fn loss(answers: &[Tensor], labels: &Tensor, settings: &LossSettings) -> Result<Tensor> {
    over_answers(answers, settings, |answer| smoothed_cross_entropy(answer, labels, settings.smoothing))
}

/// The `term` of each answer, weighted as in [`loss`].
fn over_answers(
    answers: &[Tensor],
    settings: &LossSettings,
    term: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let Some((last, earlier)) = answers.split_last() else {
        return Err(Error::config("times", "long enough for an answer", "none"));
    };
    let mut total = term(last)?;
    let mut weight = 1.0;
    if settings.gamma > 0.0 {
        for (back, answer) in (1..).zip(earlier.iter().rev()) {
            let share = match settings.choice {
                LossChoice::Decay => settings.gamma.powi(back),
                LossChoice::Weighted => settings.gamma,
            };
            total = (total + (term(answer)? * share)?)?;
            weight += share;
        }
    }
    Ok((total / weight)?)
}

/// Shows `images` `[batch, 3, side, side]`, compares the answers with `labels` (`[batch]`, `u32` or
/// `i64`) and updates the weights once. Batch norms use and move the statistics of the batch.
///
/// # Errors
/// [`Error::Diverged`] if the loss is not finite; nothing is updated then.
pub fn update(
    config: &Config,
    weights: &Weights,
    images: &Tensor,
    labels: &Tensor,
    settings: &LossSettings,
    max_gradient_norm: Option<f64>,
    optimiser: &mut Optimiser,
) -> Result<Update> {
    ops::on_deep_stack(|| {
        let is_leaf =
            |name: &str| is_constant(name) || weights.find(name).is_some_and(|w| w.tensor().is_variable());
        let weights = if weights.names().all(is_leaf) { weights.clone() } else { weights.trainable()? };
        let Answers { logits: mut answers, top, moved } = answers(config, &weights, images, settings)?;
        let mut total = loss(&answers, labels, settings)?;
        let mut contrastive = None;
        if let Some(contrast) = settings.contrast {
            let beside = |features| contrast::beside(config, features, &weights);
            answers = top.iter().map(beside).collect::<Result<_>>()?;
            let labels_u32 = labels.to_dtype(DType::U32)?;
            let term = |features: &Tensor| {
                contrast::contrastive_loss(&contrast::projected(features, &weights)?, &labels_u32, contrast)
            };
            let own = over_answers(&top, settings, term)?;
            contrastive = Some(contrast::number(&own)?);
            total = (own + loss(&answers, labels, settings)?)?;
        }
        let value = total.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        if !value.is_finite() {
            return Err(Error::Diverged { what: "the loss".to_owned(), t: config.n_timesteps() - 1 });
        }
        let mut gradients = gradients(&total, &weights)?;
        gradients.retain(|name, _| !is_constant(name));
        let (clipped, gradient_norm) =
            clip_global_norm(&gradients, max_gradient_norm.unwrap_or(f64::INFINITY))?;
        let logits = Tensor::stack(&answers, 0)?.detach();
        let weights = optimiser.update(&weights, &clipped)?.with(moved);
        Ok(Update { weights, loss: value, contrastive, logits, gradients, gradient_norm })
    })
}

/// Running statistics by the names of their tensors.
type Moved = Vec<(String, Tensor)>;

/// All answers in the graph of the weights, and running statistics that the batch moved.
struct Answers {
    logits: Vec<Tensor>,
    /// Spatial means of the area that answers, where the loss reads them.
    top: Vec<Tensor>,
    moved: Moved,
}

fn answers(config: &Config, weights: &Weights, images: &Tensor, settings: &LossSettings) -> Result<Answers> {
    let mut statistics = Statistics::of_batch();
    let network = Network::new(config, weights)?;
    let (mut logits, mut top) = (Vec::new(), Vec::new());
    network.run(images, &mut statistics, |_, state| {
        if let Some(readout) = &state.readout {
            logits.push(readout.clone());
            if settings.contrast.is_some() {
                top.push(contrast::pooled(&state.areas[config.top_area()])?);
            }
        }
        Ok(())
    })?;
    if matches!(config, Config::Cornet(_)) {
        // Only the end of a run is decoded in the source.
        logits.drain(..logits.len().saturating_sub(1));
        top.drain(..top.len().saturating_sub(1));
    }
    let moved = statistics.moved().map(|(name, tensor)| (name, tensor.detach())).collect();
    Ok(Answers { logits, top, moved })
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::{BltConfig, Cornet, CornetConfig, initial_weights};
    use super::*;
    use crate::train::OptimiserConfig;

    fn logits(values: &[f32]) -> Tensor {
        Tensor::from_slice(values, (1, values.len()), &Device::Cpu).unwrap()
    }

    fn value(tensor: &Tensor) -> f64 {
        f64::from(tensor.to_scalar::<f32>().unwrap())
    }

    #[test]
    fn earlier_answers_count_by_choice() {
        let labels = Tensor::new(&[0u32], &Device::Cpu).unwrap();
        let answers = [logits(&[0.0, 0.0]), logits(&[1.0, 0.0]), logits(&[2.0, 0.0])];
        let one: Vec<f64> =
            answers.iter().map(|a| value(&smoothed_cross_entropy(a, &labels, 0.0).unwrap())).collect();
        let of = |choice, gamma| {
            value(
                &loss(&answers, &labels, &LossSettings { choice, gamma, ..LossSettings::default() }).unwrap(),
            )
        };
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        near(of(LossChoice::Decay, 0.0), one[2]);
        near(of(LossChoice::Decay, 0.5), (one[2] + 0.5 * one[1] + 0.25 * one[0]) / 1.75);
        near(of(LossChoice::Weighted, 0.5), (one[2] + 0.5 * one[1] + 0.5 * one[0]) / 2.0);
        let smooth = value(&smoothed_cross_entropy(&answers[2], &labels, 0.1).unwrap());
        near(smooth, 0.9 * one[2] + 0.1 * (one[2] + 2.0));
        assert!(loss(&[], &labels, &LossSettings::default()).is_err());
    }

    #[test]
    fn the_contrastive_objective_reaches_all_weights_and_its_read_out_learns_beside_it() {
        let blt = BltConfig {
            widths: vec![32; 6],
            times: 7,
            n_classes: 3,
            image_size: 64,
            ..BltConfig::named("blt_bl").unwrap()
        };
        let cornet =
            CornetConfig { widths: vec![8; 4], n_classes: 3, image_size: 64, ..CornetConfig::new(Cornet::Z) };
        for config in [Config::Blt(blt), Config::Cornet(cornet)] {
            let own = initial_weights(&config, 1).unwrap();
            let projection = contrast::projection(&config, 16, 1).unwrap();
            let all = projection.iter().map(|(name, weight)| (name.to_owned(), weight.tensor().clone()));
            let weights = own.with(all);
            assert_eq!(contrast::without_projection(&weights).len(), own.len());
            let images = Tensor::rand(0f32, 1.0, (4, 3, 64, 64), &Device::Cpu).unwrap();
            let labels = Tensor::new(&[0u32, 2, 0, 2], &Device::Cpu).unwrap();
            let contrast = Some(ContrastSettings { temperature: 0.1 });
            let settings = LossSettings { gamma: 0.5, contrast, ..LossSettings::default() };
            let mut optimiser = Optimiser::new(OptimiserConfig::adam(1e-3));
            let update = |settings: &LossSettings, optimiser: &mut Optimiser| {
                super::update(&config, &weights, &images, &labels, settings, None, optimiser).unwrap()
            };
            let step = update(&settings, &mut optimiser);
            assert!(step.contrastive.unwrap() < step.loss);
            let missing: Vec<&str> =
                weights.names().filter(|name| !step.gradients.contains_key(*name)).collect();
            assert!(missing.is_empty(), "{missing:?}");
            // Beside it the read-out gives the network's own answers and gets their gradients.
            let plain = update(&LossSettings { contrast: None, ..settings }, &mut optimiser);
            let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let near =
                |a: &Tensor, b: &Tensor| values(a).iter().zip(values(b)).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(near(&step.logits, &plain.logits));
            let name = format!("{}.weight", config.read_out());
            assert!(near(&step.gradients[&name], &plain.gradients[&name]));
            assert!((step.loss - step.contrastive.unwrap() - plain.loss).abs() < 1e-5);
        }
    }

    #[test]
    fn updates_move_weights_and_statistics_and_leave_constants() {
        let blt = BltConfig {
            widths: vec![32; 6],
            times: 7,
            n_classes: 3,
            image_size: 64,
            pool: super::super::Pooling::Blur,
            ..BltConfig::named("blt_bl").unwrap()
        };
        let cornet =
            CornetConfig { widths: vec![8; 4], n_classes: 3, image_size: 64, ..CornetConfig::new(Cornet::S) };
        for config in [Config::Blt(blt), Config::Cornet(cornet)] {
            let start = initial_weights(&config, 1).unwrap();
            let mut weights = start.clone();
            let mut optimiser = Optimiser::new(OptimiserConfig::adam(1e-3));
            let images = Tensor::rand(0f32, 1.0, (2, 3, 64, 64), &Device::Cpu).unwrap();
            let labels = Tensor::new(&[0u32, 2], &Device::Cpu).unwrap();
            let settings = LossSettings { gamma: 0.5, ..LossSettings::default() };
            let mut losses = Vec::new();
            for _ in 0..3 {
                let step = update(&config, &weights, &images, &labels, &settings, Some(1.0), &mut optimiser)
                    .unwrap();
                losses.push(step.loss);
                weights = step.weights;
            }
            assert!(losses.iter().all(|loss| loss.is_finite()) && losses[2] != losses[0], "{losses:?}");
            let values = |weights: &Weights, name: &str| -> Vec<f32> {
                weights.get(name).unwrap().tensor().flatten_all().unwrap().to_vec1().unwrap()
            };
            for (name, _) in start.iter().filter(|(name, _)| name.ends_with(".filt")) {
                assert_eq!(values(&start, name), values(&weights, name));
            }
            for (name, _) in start.iter().filter(|(name, _)| name.ends_with(".running_mean")) {
                assert_ne!(values(&start, name), values(&weights, name), "{name}");
            }
        }
    }
}
