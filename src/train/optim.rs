//! Adam and stochastic gradient descent as functions from weights to weights.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::schedule::Rate;
use crate::error::{Error, Result};
use crate::ops;
use crate::weights::Weights;

/// Gradients by the name of their weight; a weight that the loss does not depend on has none.
pub type Gradients = BTreeMap<String, Tensor>;

/// Where the decay of weights enters Adam.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Added to the gradient before the moments.
    #[default]
    L2,
    /// Applied to the weight itself.
    Decoupled,
}

/// The method and its constants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimiserConfig {
    Adam {
        learning_rate: f64,
        #[serde(default = "default_betas")]
        betas: [f64; 2],
        #[serde(default = "default_eps")]
        eps: f64,
        #[serde(default)]
        weight_decay: f64,
        #[serde(default)]
        decay: Decay,
    },
    Sgd {
        learning_rate: f64,
        #[serde(default)]
        momentum: f64,
        #[serde(default)]
        nesterov: bool,
        #[serde(default)]
        weight_decay: f64,
    },
}

fn default_betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn default_eps() -> f64 {
    1e-8
}

impl OptimiserConfig {
    /// Adam with PyTorch's defaults.
    pub fn adam(learning_rate: f64) -> Self {
        Self::Adam {
            learning_rate,
            betas: default_betas(),
            eps: default_eps(),
            weight_decay: 0.0,
            decay: Decay::L2,
        }
    }

    pub fn learning_rate(&self) -> f64 {
        match *self {
            Self::Adam { learning_rate, .. } | Self::Sgd { learning_rate, .. } => learning_rate,
        }
    }

    /// Names of the tensors kept per weight.
    fn moments(&self) -> &'static [&'static str] {
        match self {
            Self::Adam { .. } => &["first_moment", "second_moment"],
            Self::Sgd { .. } => &["velocity"],
        }
    }
}

/// An optimiser with its state: per weight the count of its updates and its moments.
#[derive(Clone, Debug)]
pub struct Optimiser {
    config: OptimiserConfig,
    rate: Rate,
    slots: BTreeMap<String, Slot>,
}

#[derive(Clone, Debug)]
struct Slot {
    updates: u64,
    moments: Vec<Tensor>,
}

/// All that [`Optimiser::restored`] needs to go on bit for bit.
#[derive(Clone, Debug)]
pub struct OptimiserState {
    /// Moments, named `{weight}.{moment}`.
    pub tensors: BTreeMap<String, Tensor>,
    pub scalars: OptimiserScalars,
}

/// The part of the state that is not tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimiserScalars {
    pub config: OptimiserConfig,
    pub rate: Rate,
    /// How often each weight was updated.
    pub updates: BTreeMap<String, u64>,
}

impl Optimiser {
    pub fn new(config: OptimiserConfig) -> Self {
        let rate = Rate { learning_rate: config.learning_rate(), momentum: None };
        Self { config, rate, slots: BTreeMap::new() }
    }

    pub fn config(&self) -> &OptimiserConfig {
        &self.config
    }

    /// Sets the learning rate (and momentum) of the updates to come.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
    }

    /// The weights after one update. Weights without a gradient stay as they are, undecayed.
    ///
    /// Weights that are variables are replaced by variables.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Shape`] for a gradient that no weight has.
    pub fn update(&mut self, weights: &Weights, gradients: &Gradients) -> Result<Weights> {
        let mut changes = Vec::with_capacity(gradients.len());
        for (name, gradient) in gradients {
            let old = weights.get(name)?.tensor();
            if old.dims() != gradient.dims() {
                return Err(Error::shape(format!("gradient of {name}"), old.dims(), gradient.dims()));
            }
            let (new, slot) = self.moved(&old.detach(), &gradient.detach(), self.slots.get(name))?;
            let new = if old.is_variable() { Var::from_tensor(&new)?.into_inner() } else { new };
            changes.push((name.clone(), new, slot));
        }
        // Only now, so that a failed update leaves no trace.
        Ok(weights.with(changes.into_iter().map(|(name, new, slot)| {
            self.slots.insert(name.clone(), slot);
            (name, new)
        })))
    }

    fn moved(&self, old: &Tensor, gradient: &Tensor, slot: Option<&Slot>) -> Result<(Tensor, Slot)> {
        let rate = self.rate.learning_rate;
        let updates = slot.map_or(0, |slot| slot.updates) + 1;
        match self.config {
            OptimiserConfig::Adam { betas: [beta1, beta2], eps, weight_decay, decay, .. } => {
                let beta1 = self.rate.momentum.unwrap_or(beta1);
                let (old, gradient) = match decay {
                    _ if weight_decay == 0.0 => (old.clone(), gradient.clone()),
                    Decay::L2 => (old.clone(), (gradient + (old * weight_decay)?)?),
                    Decay::Decoupled => ((old * (1.0 - rate * weight_decay))?, gradient.clone()),
                };
                let (first, second) = match slot {
                    Some(slot) => (slot.moments[0].clone(), slot.moments[1].clone()),
                    None => (gradient.zeros_like()?, gradient.zeros_like()?),
                };
                let first = (&first + ((&gradient - &first)? * (1.0 - beta1))?)?;
                let second = ((second * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
                let correction1 = 1.0 - beta1.powf(updates as f64);
                let correction2 = (1.0 - beta2.powf(updates as f64)).sqrt();
                let deviation = ((second.sqrt()? / correction2)? + eps)?;
                let new = (old - ((&first / deviation)? * (rate / correction1))?)?;
                Ok((new, Slot { updates, moments: vec![first, second] }))
            }
            OptimiserConfig::Sgd { momentum, nesterov, weight_decay, .. } => {
                let momentum = self.rate.momentum.unwrap_or(momentum);
                let gradient = match weight_decay {
                    0.0 => gradient.clone(),
                    _ => (gradient + (old * weight_decay)?)?,
                };
                let velocity = match slot {
                    Some(slot) => ((&slot.moments[0] * momentum)? + &gradient)?,
                    None => gradient.clone(),
                };
                let step = if nesterov { (gradient + (&velocity * momentum)?)? } else { velocity.clone() };
                Ok(((old - (step * rate)?)?, Slot { updates, moments: vec![velocity] }))
            }
        }
    }

    /// The state, sharing its tensors.
    pub fn state(&self) -> OptimiserState {
        let mut tensors = BTreeMap::new();
        let mut updates = BTreeMap::new();
        for (name, slot) in &self.slots {
            updates.insert(name.clone(), slot.updates);
            for (moment, tensor) in self.config.moments().iter().zip(&slot.moments) {
                tensors.insert(format!("{name}.{moment}"), tensor.clone());
            }
        }
        OptimiserState {
            tensors,
            scalars: OptimiserScalars { config: self.config, rate: self.rate, updates },
        }
    }

    /// The optimiser that `state` was taken from.
    ///
    /// # Errors
    /// [`Error::Unknown`] if a moment is missing.
    pub fn restored(state: &OptimiserState) -> Result<Self> {
        let config = state.scalars.config;
        let mut slots = BTreeMap::new();
        for (name, &updates) in &state.scalars.updates {
            let mut moments = Vec::new();
            for moment in config.moments() {
                let key = format!("{name}.{moment}");
                let Some(tensor) = state.tensors.get(&key) else {
                    return Err(Error::unknown("optimiser tensor", key, state.tensors.keys().cloned()));
                };
                moments.push(tensor.clone());
            }
            slots.insert(name.clone(), Slot { updates, moments });
        }
        Ok(Self { config, rate: state.scalars.rate, slots })
    }
}

/// Gradients of `loss` with respect to all variables among `weights`.
///
/// # Errors
/// As [`ops::backward`].
pub fn gradients(loss: &Tensor, weights: &Weights) -> Result<Gradients> {
    let variables: Vec<_> = weights.iter().filter(|(_, weight)| weight.tensor().is_variable()).collect();
    let tensors: Vec<_> = variables.iter().map(|(_, weight)| weight.tensor()).collect();
    let found = ops::backward(loss, &tensors)?;
    let named = variables.iter().zip(found);
    Ok(named.filter_map(|((name, _), gradient)| Some(((*name).to_owned(), gradient?))).collect())
}

/// All gradients times `min(1, max / (norm + 1e-6))`, and their joint L2 norm before that.
///
/// # Errors
/// Those of the tensor library.
pub fn clip_global_norm(gradients: &Gradients, max: f64) -> Result<(Gradients, f64)> {
    let mut squares = 0.0;
    for gradient in gradients.values() {
        // Metal has no double precision.
        let wide = if gradient.device().is_metal() { DType::F32 } else { DType::F64 };
        let sum = gradient.to_dtype(wide)?.sqr()?.sum_all()?.to_dtype(wide)?;
        squares += if wide == DType::F64 { sum.to_scalar::<f64>()? } else { sum.to_scalar::<f32>()?.into() };
    }
    let norm = squares.sqrt();
    let factor = max / (norm + 1e-6);
    // Not `factor >= 1`: a norm that is not finite must not pass as small.
    if factor > 1.0 {
        return Ok((gradients.clone(), norm));
    }
    let clipped = gradients.iter().map(|(name, gradient)| Ok((name.clone(), (gradient * factor)?)));
    Ok((clipped.collect::<Result<_>>()?, norm))
}
