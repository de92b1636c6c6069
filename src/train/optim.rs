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
    gathering: Gathering,
    gathered: Gathered,
}

/// What happens to gradients before the weights change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gathering {
    /// Updates whose mean gradient changes the weights once.
    pub accumulate: u64,
    /// Largest norm of that mean over all weights together.
    pub clip: f64,
}

impl Default for Gathering {
    fn default() -> Self {
        Self { accumulate: 1, clip: f64::INFINITY }
    }
}

/// Gradients that wait for others.
#[derive(Clone, Debug, Default)]
struct Gathered {
    n: u64,
    sums: Gradients,
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
    /// Updates whose gradients wait for others.
    #[serde(default)]
    pub gathered: u64,
}

/// Name of the sum of waiting gradients of a weight.
const GATHERED: &str = "gathered";

impl Optimiser {
    pub fn new(config: OptimiserConfig) -> Self {
        let rate = Rate { learning_rate: config.learning_rate(), momentum: None };
        let (slots, gathering, gathered) = (BTreeMap::new(), Gathering::default(), Gathered::default());
        Self { config, rate, slots, gathering, gathered }
    }

    /// Another method from its beginning, with gradients gathered as before.
    pub fn restarted(&self, config: OptimiserConfig) -> Self {
        Self { gathering: self.gathering, ..Self::new(config) }
    }

    /// Sets what happens to the gradients of the updates to come.
    pub fn gather(&mut self, gathering: Gathering) {
        self.gathering = gathering;
    }

    pub fn config(&self) -> &OptimiserConfig {
        &self.config
    }

    /// Sets the learning rate (and momentum) of the updates to come.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
    }

    /// The weights after one update. Weights without a gradient stay as they are, undecayed; where
    /// gradients are accumulated, all do until enough have come.
    ///
    /// Weights that are variables are replaced by variables.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Shape`] for a gradient that no weight has, [`Error::NotFinite`] for
    /// gradients to clip that are not.
    pub fn update(&mut self, weights: &Weights, gradients: &Gradients) -> Result<Weights> {
        let Gathering { accumulate, clip } = self.gathering;
        if accumulate <= 1 && clip.is_infinite() {
            return self.applied(weights, gradients);
        }
        let mut gathered = std::mem::take(&mut self.gathered);
        gathered.n += 1;
        for (name, gradient) in gradients {
            let sum = match gathered.sums.get(name) {
                Some(sum) => (sum + gradient)?,
                None => gradient.clone(),
            };
            gathered.sums.insert(name.clone(), sum.detach());
        }
        if gathered.n < accumulate {
            self.gathered = gathered;
            return Ok(weights.clone());
        }
        let share = 1.0 / gathered.n as f64;
        let mean = gathered.sums.iter().map(|(name, sum)| Ok((name.clone(), (sum * share)?)));
        let mean = mean.collect::<Result<Gradients>>()?;
        let (clipped, _) = clip_global_norm(&mean, clip)?;
        self.applied(weights, &clipped)
    }

    fn applied(&mut self, weights: &Weights, gradients: &Gradients) -> Result<Weights> {
        for (name, gradient) in gradients {
            let old = weights.get(name)?.tensor();
            if old.dims() != gradient.dims() {
                return Err(Error::shape(format!("gradient of {name}"), old.dims(), gradient.dims()));
            }
        }
        let mut moved = Vec::with_capacity(gradients.len());
        for (name, gradient) in gradients {
            let old = weights.get(name)?.tensor();
            let (new, slot) = self.moved(old, &gradient.detach(), self.slots.get(name))?;
            let new = if old.is_variable() { Var::from_tensor(&new)?.into_inner() } else { new };
            // At once, so that the moments of one weight alone are there twice.
            self.slots.insert(name.clone(), slot);
            moved.push((name.clone(), new));
        }
        Ok(weights.with(moved))
    }

    fn moved(&self, old: &Tensor, gradient: &Tensor, slot: Option<&Slot>) -> Result<(Tensor, Slot)> {
        let rate = self.rate.learning_rate;
        let updates = slot.map_or(0, |slot| slot.updates) + 1;
        match self.config {
            OptimiserConfig::Adam { betas: [beta1, beta2], eps, weight_decay, decay, .. } => {
                let (l2, kept) = match decay {
                    Decay::L2 => (weight_decay, 1.0),
                    Decay::Decoupled => (0.0, 1.0 - rate * weight_decay),
                };
                let betas = [self.rate.momentum.unwrap_or(beta1), beta2];
                let step = ops::AdamStep { rate, betas, eps, l2, kept, updates };
                let (first, second) = match slot {
                    Some(slot) => (slot.moments[0].clone(), slot.moments[1].clone()),
                    None => (gradient.zeros_like()?, gradient.zeros_like()?),
                };
                let [new, first, second] = ops::adam(&step, old, gradient, [&first, &second])?;
                Ok((new, Slot { updates, moments: vec![first, second] }))
            }
            OptimiserConfig::Sgd { momentum, nesterov, weight_decay, .. } => {
                let (old, momentum) = (old.detach(), self.rate.momentum.unwrap_or(momentum));
                let gradient = match weight_decay {
                    0.0 => gradient.clone(),
                    _ => (gradient + (&old * weight_decay)?)?,
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
        for (name, sum) in &self.gathered.sums {
            tensors.insert(format!("{name}.{GATHERED}"), sum.clone());
        }
        OptimiserState {
            tensors,
            scalars: OptimiserScalars {
                config: self.config,
                rate: self.rate,
                updates,
                gathered: self.gathered.n,
            },
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
        let sums = state.tensors.iter().filter_map(|(key, sum)| {
            let name = key.strip_suffix(GATHERED)?.strip_suffix('.')?;
            Some((name.to_owned(), sum.clone()))
        });
        let gathered = Gathered { n: state.scalars.gathered, sums: sums.collect() };
        Ok(Self { rate: state.scalars.rate, slots, gathered, ..Self::new(config) })
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
/// [`Error::NotFinite`] if the norm is not, so that no such gradient reaches a weight.
pub fn clip_global_norm(gradients: &Gradients, max: f64) -> Result<(Gradients, f64)> {
    let mut squares = 0.0;
    for gradient in gradients.values() {
        // Metal has no double precision.
        let wide = if gradient.device().is_metal() { DType::F32 } else { DType::F64 };
        let sum = gradient.to_dtype(wide)?.sqr()?.sum_all()?.to_dtype(wide)?;
        squares += if wide == DType::F64 { sum.to_scalar::<f64>()? } else { sum.to_scalar::<f32>()?.into() };
    }
    let norm = squares.sqrt();
    if !norm.is_finite() {
        return Err(Error::NotFinite { what: "the gradient".to_owned() });
    }
    let factor = max / (norm + 1e-6);
    if factor > 1.0 {
        return Ok((gradients.clone(), norm));
    }
    let clipped = gradients.iter().map(|(name, gradient)| Ok((name.clone(), (gradient * factor)?)));
    Ok((clipped.collect::<Result<_>>()?, norm))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::{ConvSpec, Reduction, Workspace, conv2d, cross_entropy, linear, max_pool2d, relu};
    use crate::train::Schedule;

    fn weights(values: &[(&str, &[f64])]) -> Weights {
        let tensors = values.iter().map(|(name, values)| ((*name).to_owned(), tensor(values)));
        Weights::from_tensors(tensors)
    }

    fn tensor(values: &[f64]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    fn gradient(name: &str, values: &[f64]) -> Gradients {
        Gradients::from([(name.to_owned(), tensor(values))])
    }

    fn read(weights: &Weights, name: &str) -> Vec<f64> {
        weights.get(name).unwrap().tensor().to_vec1().unwrap()
    }

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        let near = found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-14);
        assert!(near, "{found:?} against {expected:?}");
    }

    #[test]
    fn adam_by_hand() {
        let mut adam = Optimiser::new(OptimiserConfig::adam(0.1));
        let w = weights(&[("w", &[1.0, -2.0])]);
        let w = adam.update(&w, &gradient("w", &[0.5, -4.0])).unwrap();
        // First step: m / (1 - b1) = g and sqrt(v / (1 - b2)) = |g|.
        close(&read(&w, "w"), &[1.0 - 0.1 * 0.5 / (0.5 + 1e-8), -2.0 + 0.1 * 4.0 / (4.0 + 1e-8)]);
        let first = read(&w, "w")[0];
        let w = adam.update(&w, &gradient("w", &[0.25, 0.0])).unwrap();
        let (m, v) = (0.9 * 0.05 + 0.1 * 0.25, 0.999 * 0.00025 + 0.001 * 0.0625);
        let step = (m / (1.0 - 0.9f64.powi(2))) / ((v / (1.0 - 0.999f64.powi(2))).sqrt() + 1e-8);
        close(&read(&w, "w")[..1], &[first - 0.1 * step]);
    }

    #[test]
    fn decay_enters_the_gradient_or_the_weight() {
        let config = |decay| OptimiserConfig::Adam {
            learning_rate: 0.1,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.5,
            decay,
        };
        let step = |decay| {
            let w = weights(&[("w", &[2.0])]);
            read(&Optimiser::new(config(decay)).update(&w, &gradient("w", &[-3.0])).unwrap(), "w")
        };
        // L2: the gradient becomes -3 + 0.5 * 2 = -2, whose first step still is its sign.
        close(&step(Decay::L2), &[2.0 + 0.1 * 2.0 / (2.0 + 1e-8)]);
        close(&step(Decay::Decoupled), &[2.0 * 0.95 + 0.1 * 3.0 / (3.0 + 1e-8)]);
    }

    #[test]
    fn gradient_descent_by_hand() {
        let run = |momentum, nesterov| {
            let config = OptimiserConfig::Sgd { learning_rate: 0.1, momentum, nesterov, weight_decay: 0.0 };
            let mut descent = Optimiser::new(config);
            let w = descent.update(&weights(&[("w", &[1.0])]), &gradient("w", &[2.0])).unwrap();
            read(&descent.update(&w, &gradient("w", &[1.0])).unwrap(), "w")[0]
        };
        close(&[run(0.0, false)], &[1.0 - 0.2 - 0.1]);
        // Velocities 2 and 0.5 * 2 + 1 = 2.
        close(&[run(0.5, false)], &[1.0 - 0.2 - 0.2]);
        // Steps 2 + 0.5 * 2 = 3 and 1 + 0.5 * 2 = 2.
        close(&[run(0.5, true)], &[1.0 - 0.3 - 0.2]);
    }

    #[test]
    fn weights_without_a_gradient_stay_undecayed_and_uncounted() {
        let config = OptimiserConfig::Adam {
            learning_rate: 0.1,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.5,
            decay: Decay::L2,
        };
        let mut adam = Optimiser::new(config);
        let old = weights(&[("a", &[1.0]), ("b", &[1.0])]);
        let new = adam.update(&old, &gradient("a", &[1.0])).unwrap();
        assert_eq!(new.get("b").unwrap().generation(), old.get("b").unwrap().generation());
        assert!(new.get("a").unwrap().generation() > old.get("a").unwrap().generation());
        assert_eq!(adam.state().scalars.updates, BTreeMap::from([("a".to_owned(), 1)]));
        // A zero gradient still counts: L2 moves the weight.
        let moved = adam.update(&new, &gradient("b", &[0.0])).unwrap();
        assert!(read(&moved, "b")[0] < 1.0);
    }

    #[test]
    fn a_gradient_without_a_weight_is_refused_and_leaves_no_trace() {
        let mut adam = Optimiser::new(OptimiserConfig::adam(0.1));
        let w = weights(&[("b", &[1.0])]);
        let both = Gradients::from([("a".to_owned(), tensor(&[1.0])), ("b".to_owned(), tensor(&[1.0]))]);
        assert!(adam.update(&w, &both).is_err());
        assert!(adam.update(&w, &gradient("b", &[1.0, 2.0])).is_err());
        assert!(adam.state().tensors.is_empty());
    }

    #[test]
    fn clipping_is_by_the_joint_norm() {
        let gradients =
            Gradients::from([("a".to_owned(), tensor(&[3.0])), ("b".to_owned(), tensor(&[0.0, 4.0]))]);
        let (clipped, norm) = clip_global_norm(&gradients, 1.0).unwrap();
        assert_eq!(norm, 5.0);
        close(&clipped["b"].to_vec1::<f64>().unwrap(), &[0.0, 4.0 / (5.0 + 1e-6)]);
        let (same, _) = clip_global_norm(&gradients, 10.0).unwrap();
        close(&same["a"].to_vec1::<f64>().unwrap(), &[3.0]);
    }

    /// A convolution, a pool and a readout, with a weight that the loss does not use.
    fn network() -> Weights {
        let mut rng = crate::rng::stream(3, "network", &[]);
        let mut tensors = Vec::new();
        for (name, dims) in [("conv", vec![4, 1, 3, 3]), ("out", vec![3, 16]), ("unused", vec![2, 2])] {
            let (weight, bias) = crate::nn::init::layer(&mut rng, &dims, dims[0]).unwrap();
            tensors.extend([(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)]);
        }
        Weights::from_tensors(tensors).trainable().unwrap()
    }

    fn loss(weights: &Weights, k: u64) -> Tensor {
        let mut rng = crate::rng::stream(4, "images", &[k]);
        let x = crate::nn::init::normal(&mut rng, &[5, 1, 6, 6], 1.0).unwrap();
        let labels = Tensor::new(&[0u32, 1, 2, 1, 0], &Device::Cpu).unwrap();
        let ws = &mut Workspace::new();
        let get = |name: &str| weights.get(name).unwrap();
        let y = conv2d(&x, get("conv.weight"), Some(get("conv.bias")), &ConvSpec::default(), ws).unwrap();
        let y = max_pool2d(&relu(&y).unwrap(), &crate::ops::PoolSpec::tiling(2)).unwrap();
        let y = y.flatten_from(1).unwrap();
        let logits = linear(&y, get("out.weight"), Some(get("out.bias")), ws).unwrap();
        cross_entropy(&logits, &labels, None, Reduction::Mean).unwrap()
    }

    #[test]
    fn every_weight_that_the_loss_uses_has_a_finite_gradient() {
        let weights = network();
        let gradients = gradients(&loss(&weights, 0), &weights).unwrap();
        assert_eq!(
            gradients.keys().collect::<Vec<_>>(),
            ["conv.bias", "conv.weight", "out.bias", "out.weight"]
        );
        for (name, gradient) in &gradients {
            let size = gradient.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(size.is_finite() && size > 0.0, "{name}: {size}");
            assert!(!gradient.track_op(), "{name} keeps the graph alive");
        }
    }

    fn train(mut weights: Weights, optimiser: &mut Optimiser, updates: std::ops::Range<u64>) -> Weights {
        let schedule = Schedule::OneCycle { total: 12, rise: 0.3 };
        for k in updates {
            optimiser.set_rate(schedule.rate(1e-2, k));
            let found = gradients(&loss(&weights, k), &weights).unwrap();
            weights = optimiser.update(&weights, &clip_global_norm(&found, 1.0).unwrap().0).unwrap();
        }
        weights
    }

    fn bits(weights: &Weights) -> Vec<u32> {
        let entries = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        weights.iter().flat_map(|(_, weight)| entries(weight.tensor())).map(f32::to_bits).collect()
    }

    #[test]
    fn resuming_equals_going_on() {
        for config in [
            OptimiserConfig::adam(1e-2),
            OptimiserConfig::Sgd { learning_rate: 1e-2, momentum: 0.9, nesterov: true, weight_decay: 1e-3 },
        ] {
            let mut through = Optimiser::new(config);
            let straight = train(network(), &mut through, 0..10);

            let mut first = Optimiser::new(config);
            let half = train(network(), &mut first, 0..6);
            let state = first.state();
            let text = toml::to_string(&state.scalars).unwrap();
            let scalars: OptimiserScalars = toml::from_str(&text).unwrap();
            assert_eq!(scalars, state.scalars);
            let mut second = Optimiser::restored(&OptimiserState { scalars, ..state }).unwrap();
            assert_eq!(bits(&train(half, &mut second, 6..10)), bits(&straight));
            assert_ne!(bits(&straight), bits(&network()));
        }
    }

    #[test]
    fn a_state_with_a_missing_moment_is_refused() {
        let mut adam = Optimiser::new(OptimiserConfig::adam(0.1));
        adam.update(&weights(&[("w", &[1.0])]), &gradient("w", &[1.0])).unwrap();
        let mut state = adam.state();
        state.tensors.remove("w.second_moment");
        let message = Optimiser::restored(&state).unwrap_err().to_string();
        assert!(message.contains("w.second_moment"), "{message}");
    }

    #[test]
    fn accumulated_gradients_change_the_weights_once_by_their_mean_and_survive_a_checkpoint() {
        let start = weights(&[("w", &[1.0, -2.0])]);
        let [first, second] = [gradient("w", &[3.0, 0.0]), gradient("w", &[1.0, -4.0])];
        let sgd =
            OptimiserConfig::Sgd { learning_rate: 0.5, momentum: 0.0, nesterov: false, weight_decay: 0.0 };
        let mut optimiser = Optimiser::new(sgd);
        optimiser.gather(Gathering { accumulate: 2, ..Gathering::default() });
        let same = optimiser.update(&start, &first).unwrap();
        close(&read(&same, "w"), &[1.0, -2.0]);
        let mut resumed = Optimiser::restored(&optimiser.state()).unwrap();
        resumed.gather(Gathering { accumulate: 2, ..Gathering::default() });
        for mut optimiser in [optimiser, resumed] {
            let moved = optimiser.update(&same, &second).unwrap();
            close(&read(&moved, "w"), &[1.0 - 0.5 * 2.0, -2.0 + 0.5 * 2.0]);
            assert_eq!(optimiser.state().scalars.gathered, 0);
            close(&read(&optimiser.update(&moved, &first).unwrap(), "w"), &read(&moved, "w"));
        }
        // Of norm sqrt(8), clipped to 1.
        let mut clipped = Optimiser::new(sgd);
        clipped.gather(Gathering { accumulate: 2, clip: 1.0 });
        let moved = clipped.update(&clipped.clone().update(&start, &first).unwrap(), &first).unwrap();
        close(&read(&moved, "w"), &[1.0, -2.0]);
        let moved = clipped.update(&moved, &second).unwrap();
        let norm = 8.0_f64.sqrt() + 1e-6;
        close(&read(&moved, "w"), &[1.0 - 0.5 * 2.0 / norm, -2.0 + 0.5 * 2.0 / norm]);
        let wrong = gradient("w", &[f64::NAN, 0.0]);
        assert!(matches!(clip_global_norm(&wrong, 1.0), Err(Error::NotFinite { .. })));
    }
}
