//! Kind `train_step`: one update by AdamW in several settings, and the losses that follow.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use serde::Deserialize;

use super::{Case as Network, pictures};
use crate::error::Result;
use crate::families::blt::config::is_constant;
use crate::families::blt::generated_weights;
use crate::families::blt::train::{LossChoice, LossSettings, smoothed_cross_entropy, update};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::train::optim::Decay;
use crate::train::{Optimiser, OptimiserConfig, clip_global_norm};
use crate::weights::Weights;

#[derive(Deserialize)]
struct Case {
    loss_choice: LossChoice,
    loss_gamma: f64,
    lr: f64,
    weight_decay: f64,
    /// 0 is none.
    clip: f64,
}

#[derive(Deserialize)]
struct Method {
    betas: [f64; 2],
    eps: f64,
    #[serde(default)]
    further_losses: usize,
}

/// A loss with label smoothing of logits of one of the cases.
#[derive(Deserialize)]
struct Smoothing {
    tensor: String,
    smoothing: f64,
    logits: String,
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let images = pictures(inputs)?;
    let labels = inputs.tensor("labels")?;
    let labels = if labels.dtype() == DType::I64 { labels } else { labels.to_dtype(DType::U32)? };
    let network = Network {
        model: inputs.text("model")?,
        pool: None,
        times: None,
        num_classes: None,
        widths: inputs.parameter("widths_list").ok(),
    };
    let config = network.config(inputs, &images)?;
    let start = generated_weights(&config, super::forward::seed(inputs)?)?.to_device(inputs.device())?;
    let cases: BTreeMap<String, Case> = inputs.parameter("cases")?;
    let method: Method = inputs.parameter("optimiser")?;
    let is_clipped: BTreeMap<String, bool> = inputs.parameter("grad_clipped").unwrap_or_default();
    let mut recomputed = Recomputed::new();
    let mut answers: BTreeMap<String, Tensor> = BTreeMap::new();
    for (tag, case) in cases {
        let mut optimiser = Optimiser::new(OptimiserConfig::Adam {
            learning_rate: case.lr,
            betas: method.betas,
            eps: method.eps,
            weight_decay: case.weight_decay,
            decay: Decay::Decoupled,
        });
        let (choice, gamma) = (case.loss_choice, case.loss_gamma);
        let settings = LossSettings { choice, gamma, ..LossSettings::default() };
        let limit = (case.clip > 0.0).then_some(case.clip);
        let mut step =
            |weights: &Weights| update(&config, weights, &images, &labels, &settings, limit, &mut optimiser);
        let first = step(&start)?;
        recomputed.insert(format!("{tag}.loss"), Array::f64(&[1], vec![first.loss])?);
        recomputed.insert(format!("{tag}.logits"), Array::from_tensor(&first.logits)?);
        let norm = Array::f64(&[], vec![first.gradient_norm])?;
        recomputed.insert_if_stored(format!("{tag}.grad_norm_before_clip"), norm);
        let (clipped, _) = clip_global_norm(&first.gradients, limit.unwrap_or(f64::INFINITY))?;
        let shown = if is_clipped.get(&tag) == Some(&true) { &clipped } else { &first.gradients };
        for (name, gradient) in shown {
            let norm = gradient.to_dtype(DType::F64)?.sqr()?.sum_all()?.sqrt()?.to_scalar::<f64>()?;
            recomputed.insert(format!("{tag}.gradnorm.{name}"), Array::f64(&[1], vec![norm])?);
            recomputed.insert_if_stored(format!("{tag}.grad.{name}"), Array::from_tensor(gradient)?);
        }
        for (name, weight) in first.weights.iter().filter(|(name, _)| !is_constant(name)) {
            let name = (format!("{tag}.after.{name}"), clipped.get(name));
            recomputed.insert_if_stored(name.0.clone(), Array::from_tensor(weight.tensor())?);
            if let Some(gradient) = name.1 {
                recomputed.decide(name.0, vec![Array::from_tensor(gradient)?]);
            }
        }
        let mut weights = first.weights.clone();
        let mut losses = Vec::with_capacity(method.further_losses);
        for _ in 0..method.further_losses {
            let next = step(&weights)?;
            losses.push(next.loss);
            weights = next.weights;
        }
        recomputed.insert_if_stored(format!("{tag}.next_losses"), Array::f64(&[losses.len()], losses)?);
        answers.insert(format!("{tag}.logits"), first.logits);
    }
    if inputs.find_parameter("label_smoothing").is_some() {
        let smoothing: Smoothing = inputs.parameter("label_smoothing")?;
        if let Some(logits) = answers.get(&smoothing.logits) {
            let last = logits.get(logits.dims()[0] - 1)?;
            let loss = smoothed_cross_entropy(&last, &labels, smoothing.smoothing)?;
            let loss = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            recomputed.insert(smoothing.tensor, Array::f64(&[1], vec![loss])?);
        }
    }
    Ok(recomputed)
}
