//! Kinds `mnist_train_step` and `coco_train_step`: one mini-batch, an update per phase.

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use super::super::train::train_batch;
use super::super::{LossSettings, PhaseUpdate};
use super::{Network, given_batch, integers, stacked};
use crate::dynamics::Workspace;
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::train::{Optimiser, OptimiserConfig};
use crate::weights::Weights;

/// The parameter `optimiser` of the header.
#[derive(Deserialize)]
struct StoredOptimiser {
    name: String,
    lr: f64,
    betas: [f64; 2],
    eps: f64,
    weight_decay: f64,
}

impl StoredOptimiser {
    fn config(&self) -> Result<OptimiserConfig> {
        if self.name != "Adam" {
            return Err(Error::config("optimiser", "Adam", &self.name));
        }
        Ok(OptimiserConfig::Adam {
            learning_rate: self.lr,
            betas: self.betas,
            eps: self.eps,
            weight_decay: self.weight_decay,
            decay: crate::train::optim::Decay::L2,
        })
    }
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let network = Network::load(inputs)?;
    let batch = given_batch(inputs)?;
    let class_weights = match inputs.has("class_weight") {
        true => Some(inputs.array("class_weight")?.to_f64()),
        false => None,
    };
    let settings = LossSettings { penalty: inputs.number("penalty")?, class_weights };
    let optimiser = inputs.parameter::<StoredOptimiser>("optimiser")?.config()?;
    let mut optimiser = Optimiser::new(optimiser);
    let done = train_batch(
        &network.config,
        &network.weights,
        &mut optimiser,
        &batch,
        &settings,
        &mut Workspace::new(),
    )?;

    let mut recomputed = Recomputed::new();
    losses(&mut recomputed, &done.phases)?;
    let updated: Vec<String> = inputs.parameter("updated")?;
    for (phase, update) in done.phases.iter().enumerate() {
        let gradients = Weights::from_tensors(update.gradients.clone());
        statistics(&mut recomputed, &format!("gradstat.p{phase}"), &network.weights, &gradients, true)?;
        tensors(&mut recomputed, &format!("grad.p{phase}"), &network.weights, &gradients, &updated)?;
    }
    statistics(&mut recomputed, "afterstat", &network.weights, &done.weights, false)?;
    tensors(&mut recomputed, "after", &network.weights, &done.weights, &updated)?;
    Ok(recomputed)
}

fn losses(recomputed: &mut Recomputed, phases: &[PhaseUpdate]) -> Result<()> {
    let numbers: [(&str, fn(&PhaseUpdate) -> f64); 4] = [
        ("loss", |phase| phase.loss),
        ("class_loss", |phase| phase.class_loss),
        ("mask_loss", |phase| phase.mask_loss),
        ("acc", |phase| f64::from(phase.accuracy as f32)),
    ];
    for (name, number) in numbers {
        recomputed.insert(name, Array::f64(&[phases.len()], phases.iter().map(number).collect())?);
    }
    let logits: Vec<Tensor> = phases.iter().map(|phase| phase.logits.clone()).collect();
    recomputed.insert("logits", stacked(&logits, &[phases.len()])?);
    let labels: Vec<Vec<i64>> = phases.iter().map(|phase| phase.labels.clone()).collect();
    recomputed.insert("selected_label", integers(&labels)?);
    Ok(())
}

/// All tensors in full: those `updated` are stored, others may be. What has no gradient has zeros.
fn tensors(
    recomputed: &mut Recomputed,
    prefix: &str,
    of: &Weights,
    values: &Weights,
    updated: &[String],
) -> Result<()> {
    for (name, weight) in of.iter() {
        let array = Array::from_tensor(&value_or_zeros(values, name, weight.tensor())?)?;
        if updated.iter().any(|updated| updated == name) {
            recomputed.insert(format!("{prefix}.{name}"), array);
        } else {
            recomputed.insert_if_stored(format!("{prefix}.{name}"), array);
        }
    }
    Ok(())
}

/// [sum, L2 norm] of every tensor, and its largest modulus.
fn statistics(
    recomputed: &mut Recomputed,
    prefix: &str,
    of: &Weights,
    values: &Weights,
    with_largest: bool,
) -> Result<()> {
    for (name, weight) in of.iter() {
        let tensor = value_or_zeros(values, name, weight.tensor())?.to_device(&Device::Cpu)?;
        let entries: Vec<f64> = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
        let norm = entries.iter().map(|entry| entry * entry).sum::<f64>().sqrt();
        let mut statistics = vec![entries.iter().sum(), norm];
        if with_largest {
            statistics.push(entries.iter().fold(0.0, |largest: f64, entry| largest.max(entry.abs())));
        }
        let name = format!("{prefix}.{name}");
        recomputed.entries(name.clone(), entries.len());
        recomputed.insert(name, Array::f64(&[statistics.len()], statistics)?);
    }
    Ok(())
}

fn value_or_zeros(values: &Weights, name: &str, like: &Tensor) -> Result<Tensor> {
    match values.find(name) {
        Some(value) => Ok(value.tensor().clone()),
        None => Ok(like.zeros_like()?),
    }
}
