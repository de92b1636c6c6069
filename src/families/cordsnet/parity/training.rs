//! Kinds `compat_train`, `inverse_train` and `dyn_train`: losses, gradients and weights of updates.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use serde::Deserialize;

use super::super::training::{Batch, Terms, Update, trained_names, update};
use super::super::{Config, Stage, Statistics, Twin, inverse_weights};
use super::{Network, array, config_of, pictures, stored};
use crate::error::{Error, Result};
use crate::ops::Workspace;
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::train::optim::Decay;
use crate::train::{Gradients, Optimiser, OptimiserConfig, Schedule, clip_global_norm};
use crate::weights::Weights;

/// The parameter `optimiser` of the header.
#[derive(Deserialize)]
struct StoredOptimiser {
    name: String,
    lr: f64,
    #[serde(default)]
    momentum: f64,
    weight_decay: f64,
    /// Gradients are clipped to this norm.
    #[serde(default = "unlimited")]
    clip: f64,
    updates: usize,
    schedule: Option<StoredSchedule>,
}

#[derive(Deserialize)]
struct StoredSchedule {
    name: String,
    start_factor: f64,
    total_iters: u64,
}

fn unlimited() -> f64 {
    f64::INFINITY
}

impl StoredOptimiser {
    fn config(&self) -> Result<OptimiserConfig> {
        Ok(match self.name.as_str() {
            "SGD" => OptimiserConfig::Sgd {
                learning_rate: self.lr,
                momentum: self.momentum,
                nesterov: false,
                weight_decay: self.weight_decay,
            },
            "AdamW" => OptimiserConfig::Adam {
                learning_rate: self.lr,
                betas: [0.9, 0.999],
                eps: 1e-8,
                weight_decay: self.weight_decay,
                decay: Decay::Decoupled,
            },
            other => return Err(Error::unknown("optimiser", other, ["SGD", "AdamW"])),
        })
    }

    fn schedule(&self) -> Result<Schedule> {
        match &self.schedule {
            None => Ok(Schedule::Constant),
            Some(StoredSchedule { name, start_factor, total_iters }) if name == "LinearLR" => {
                Ok(Schedule::Linear { from: *start_factor, total: *total_iters })
            }
            Some(other) => Err(Error::unknown("learning-rate schedule", &other.name, ["LinearLR"])),
        }
    }
}

/// Updates on the same batch, and what they leave.
struct Trained {
    config: Config,
    start: Weights,
    end: Weights,
    updates: Vec<(Update, f64)>,
    learning_rate: f64,
    limit: f64,
}

fn train(inputs: &GoldenInputs, config: Config, start: Weights) -> Result<Trained> {
    let stored: StoredOptimiser = inputs.parameter("optimiser")?;
    let labels = match inputs.has("in.label") {
        true => inputs.tensor("in.label")?,
        false => Tensor::zeros((1, config.n_classes), DType::F32, inputs.device())?,
    };
    let batch = Batch { images: pictures(inputs)?, labels };
    let mut optimiser = Optimiser::new(stored.config()?);
    let schedule = stored.schedule()?;
    let (mut end, mut updates) = (start.clone(), Vec::new());
    for k in 0..stored.updates {
        let rate = schedule.rate(stored.lr, k as u64);
        optimiser.set_rate(rate);
        let done = update(&config, &end, &batch, &mut optimiser, stored.clip)?;
        end = done.weights.clone();
        updates.push((done, rate.learning_rate));
    }
    Ok(Trained { config, start, end, updates, learning_rate: stored.lr, limit: stored.clip })
}

impl Trained {
    fn first(&self) -> Result<&Update> {
        let first = self.updates.first().map(|(update, _)| update);
        first.ok_or_else(|| Error::config("updates", "1 or more", 0))
    }

    /// Loss, norm and gradients, which all kinds store.
    fn common(&self, recomputed: &mut Recomputed) -> Result<()> {
        for (n, (update, _)) in self.updates.iter().enumerate() {
            recomputed.insert(format!("out.s{n}.loss"), Array::f64(&[], vec![update.loss])?);
        }
        let first = self.first()?;
        for name in trained_names(&self.config) {
            let gradient = match first.gradients.get(&name) {
                Some(gradient) => gradient.clone(),
                None => self.start.get(&name)?.tensor().zeros_like()?,
            };
            recomputed.insert(format!("out.s0.grad.{name}"), array(&gradient)?);
        }
        Ok(())
    }

    /// Norms, and changes of the weights over the learning rate.
    fn changes(&self, recomputed: &mut Recomputed) -> Result<()> {
        for (n, (update, _)) in self.updates.iter().enumerate() {
            recomputed.insert(format!("out.s{n}.norm"), Array::f64(&[], vec![update.norm])?);
        }
        let mut deciding: BTreeMap<String, Vec<Array>> = BTreeMap::new();
        for (update, _) in &self.updates {
            let (clipped, _): (Gradients, f64) = clip_global_norm(&update.gradients, self.limit)?;
            for (name, gradient) in clipped {
                deciding.entry(name).or_default().push(array(&gradient)?);
            }
        }
        for name in trained_names(&self.config) {
            let wide = |weights: &Weights| Ok::<_, Error>(weights.get(&name)?.tensor().to_dtype(DType::F64)?);
            let delta = ((wide(&self.end)? - wide(&self.start)?)? / self.learning_rate)?;
            recomputed.insert(format!("out.delta.{name}"), array(&delta)?);
            recomputed.decide(format!("out.delta.{name}"), deciding.remove(&name).unwrap_or_default());
        }
        Ok(())
    }
}

pub(super) fn compat(inputs: &GoldenInputs) -> Result<Recomputed> {
    let Network { config, weights, .. } = Network::read(inputs)?;
    let trained = train(inputs, config, weights)?;
    let mut recomputed = Recomputed::new();
    trained.common(&mut recomputed)?;
    for (n, (update, rate)) in trained.updates.iter().enumerate() {
        let Terms::Twin { areas, logits } = &update.terms else { continue };
        recomputed.insert(format!("out.s{n}.lr"), Array::f64(&[], vec![*rate])?);
        recomputed.insert(format!("out.s{n}.logits"), array(logits)?);
        for (area, activity) in areas.iter().enumerate().filter(|_| n == 0) {
            recomputed.insert(format!("out.s0.area{area}"), array(activity)?);
        }
    }
    for (name, weight) in trained.end.iter().filter(|(name, _)| !name.starts_with("area_bias.")) {
        recomputed.insert(format!("out.new.{name}"), array(&weight.tensor().to_dtype(DType::F32)?)?);
    }
    let twin = Twin::new(&trained.config, &trained.end)?;
    let pass = twin.forward(&pictures(inputs)?, Statistics::Stored, &mut Workspace::new())?;
    recomputed.insert("out.eval_logits", array(&pass.logits)?);
    Ok(recomputed)
}

pub(super) fn inverse(inputs: &GoldenInputs) -> Result<Recomputed> {
    let (twin, template) = (stored(inputs, "in.folded.")?, stored(inputs, "in.template.")?);
    let (config, weights) = match twin.is_empty() || template.is_empty() {
        true => {
            let Network { config, weights, .. } = Network::read(inputs)?;
            (config, weights)
        }
        false => {
            let folded = config_of(inputs, &twin, Stage::Folded, inputs.count("img")?)?;
            inverse_weights(&folded, &twin, &template)?
        }
    };
    let trained = train(inputs, config, weights)?;
    let mut recomputed = Recomputed::new();
    trained.common(&mut recomputed)?;
    trained.changes(&mut recomputed)?;
    for (n, (update, _)) in trained.updates.iter().enumerate() {
        let Terms::Inverse { errors, eigens, target } = &update.terms else { continue };
        let areas = [errors.len()];
        recomputed.insert(format!("out.s{n}.errors"), Array::f64(&areas, errors.clone())?);
        recomputed.insert(format!("out.s{n}.eigens"), Array::f64(&areas, eigens.clone())?);
        for (area, activity) in target.iter().enumerate().filter(|_| n == 0) {
            recomputed.insert(format!("out.cnn{area}"), array(activity)?);
        }
    }
    Ok(recomputed)
}

pub(super) fn dynamic(inputs: &GoldenInputs) -> Result<Recomputed> {
    let Network { config, weights, .. } = Network::read(inputs)?;
    let trained = train(inputs, config, weights)?;
    let mut recomputed = Recomputed::new();
    trained.common(&mut recomputed)?;
    trained.changes(&mut recomputed)?;
    for (n, (update, _)) in trained.updates.iter().enumerate() {
        let Terms::Dynamic { cross_entropy, accuracy, spontaneous } = &update.terms else { continue };
        let readings = [cross_entropy.len()];
        recomputed.insert(format!("out.s{n}.ce"), Array::f64(&readings, cross_entropy.clone())?);
        recomputed.insert(format!("out.s{n}.acc"), Array::f64(&readings, accuracy.clone())?);
        recomputed.insert(format!("out.s{n}.spon"), Array::f64(&[], vec![*spontaneous])?);
    }
    Ok(recomputed)
}
