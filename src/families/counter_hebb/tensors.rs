//! The tensors of a network: names, shapes, second names and initial values.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::architecture::{Architecture, Bundle};
use super::config::Config;
use crate::error::Result;
use crate::nn::init;
use crate::rng::{self, Rng};
use crate::weights::Weights;

/// Suffix of the norm of the top-down stream.
pub(super) const BACK_NORM: &str = "back_batch_norm";
/// Counter of the batches that a running statistic saw.
pub(super) const COUNTER: &str = "num_batches_tracked";

/// What a tensor is for, and so how it begins and whether it learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Weight,
    Bias,
    BackWeight,
    BackBias,
    NormWeight,
    NormBias,
    RunningMean,
    RunningVariance,
    Counter,
}

/// One tensor of a network.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) name: String,
    /// The second name in the reference's files.
    pub(super) alias: Option<String>,
    pub(super) shape: Vec<usize>,
    pub(super) role: Role,
    /// Shape of the bundle's weight, from which fans are read.
    fan: Vec<usize>,
}

impl Expected {
    /// Inputs that one unit of its bundle reads.
    pub(super) fn fan_in(&self) -> usize {
        self.fan[1..].iter().product()
    }
}

/// All tensors, in the order in which the reference registers them but for norms, which follow
/// their convolution.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a configuration that no network has.
pub(super) fn expected(config: &Config) -> Result<Vec<Expected>> {
    let architecture = Architecture::new(config)?;
    Ok(architecture.bundles().flat_map(tensors_of).collect())
}

/// Names and shapes of all tensors that a network needs.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a configuration that no network has.
pub fn shapes(config: &Config) -> Result<Vec<(String, Vec<usize>)>> {
    Ok(expected(config)?.into_iter().map(|tensor| (tensor.name, tensor.shape)).collect())
}

fn tensors_of(bundle: &Bundle) -> Vec<Expected> {
    let fan = bundle.weight_shape();
    let mut tensors = Vec::new();
    let mut add = |(name, alias): (&str, Option<&str>), leaf: &str, shape: Vec<usize>, role| {
        let named = |prefix: &str| format!("{prefix}.{leaf}");
        tensors.push(Expected { name: named(name), alias: alias.map(named), shape, role, fan: fan.clone() });
    };
    let own = (bundle.name.as_str(), bundle.alias.as_deref());
    add(own, "weight", fan.clone(), Role::Weight);
    if bundle.bias {
        add(own, "bias", vec![bundle.outputs()], Role::Bias);
    }
    if bundle.separate {
        add(own, "back_weight", bundle.back_weight_shape(), Role::BackWeight);
    }
    if bundle.back_bias {
        add(own, "back_bias", vec![bundle.inputs()], Role::BackBias);
    }
    if let Some((norm, alias)) = &bundle.norm {
        for (suffix, channels) in [("", bundle.outputs()), (BACK_NORM, bundle.inputs())] {
            let leaf =
                |leaf: &str| if suffix.is_empty() { leaf.to_owned() } else { format!("{suffix}.{leaf}") };
            for (name, role) in [
                ("weight", Role::NormWeight),
                ("bias", Role::NormBias),
                ("running_mean", Role::RunningMean),
                ("running_var", Role::RunningVariance),
            ] {
                add((norm, alias.as_deref()), &leaf(name), vec![channels], role);
            }
            add((norm, alias.as_deref()), &leaf(COUNTER), Vec::new(), Role::Counter);
        }
    }
    tensors
}

/// Departures from the reference's initial weights, by the names of its constants.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InitOptions {
    /// `SymWeights`: top-down weights start as copies of the bottom-up ones.
    pub symmetric: bool,
    /// `NoiseInit`: those copies times element-wise normal noise of mean 1 and this deviation.
    pub noise: Option<f64>,
    /// `ModifiedInit`: weights of both directions times this; biases stay.
    pub factor: Option<f64>,
}

/// New weights as the reference draws them: weights and biases uniform in `±1/sqrt(fan in)`, top-down
/// weights in `±sqrt(6 / n)` over their own later axes, top-down biases in `±1/sqrt(fan out)`.
///
/// # Errors
/// [`crate::Error::Config`] for an invalid configuration.
pub fn initial_weights(config: &Config, seed: u64, options: &InitOptions) -> Result<Weights> {
    let mut weights: BTreeMap<String, Tensor> = BTreeMap::new();
    for (index, tensor) in expected(config)?.iter().enumerate() {
        let mut rng = rng::stream(seed, "counter-hebb weights", &[index as u64]);
        let value = match tensor.role {
            Role::BackWeight if options.symmetric => {
                let bottom_up = format!("{}weight", tensor.name.trim_end_matches("back_weight"));
                symmetric(&weights[&bottom_up], &tensor.shape, options.noise, &mut rng)?
            }
            _ => initial(tensor, options.factor.unwrap_or(1.0), &mut rng)?,
        };
        weights.insert(tensor.name.clone(), value);
    }
    Ok(Weights::from_tensors(weights))
}

/// The initial value of one tensor.
pub(super) fn initial(tensor: &Expected, factor: f64, rng: &mut Rng) -> Result<Tensor> {
    let shape = tensor.shape.as_slice();
    let fan_in = tensor.fan_in() as f64;
    let fan_out = (tensor.fan[0] * tensor.fan[2..].iter().product::<usize>()) as f64;
    let constant = |value: f32| Ok(Tensor::full(value, shape, &Device::Cpu)?);
    match tensor.role {
        Role::Weight => init::uniform(rng, shape, factor / fan_in.sqrt()),
        Role::Bias => init::uniform(rng, shape, 1.0 / fan_in.sqrt()),
        Role::BackWeight => {
            let n = shape[1..].iter().product::<usize>() as f64;
            init::uniform(rng, shape, factor * (6.0 / n).sqrt())
        }
        Role::BackBias => init::uniform(rng, shape, 1.0 / fan_out.sqrt()),
        Role::NormWeight | Role::RunningVariance => constant(1.0),
        Role::NormBias | Role::RunningMean => constant(0.0),
        Role::Counter => Ok(Tensor::zeros(shape, DType::I64, &Device::Cpu)?),
    }
}

fn symmetric(weight: &Tensor, shape: &[usize], noise: Option<f64>, rng: &mut Rng) -> Result<Tensor> {
    let copy = if shape.len() == 2 { weight.t()?.contiguous()? } else { weight.clone() };
    match noise {
        None => Ok(copy),
        Some(deviation) => Ok((copy * (init::normal(rng, shape, deviation)? + 1.0)?)?),
    }
}

/// The same weights under all names that the reference's files have them.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a configuration that no network has.
pub fn with_aliases(config: &Config, weights: &Weights) -> Result<Weights> {
    let tensors = expected(config)?;
    let second = tensors
        .iter()
        .filter_map(|tensor| Some((tensor.alias.clone()?, weights.find(&tensor.name)?.tensor().clone())));
    Ok(weights.with(second))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(values: serde_json::Value) -> Config {
        Config::from_values(values.as_object().unwrap()).unwrap()
    }

    fn largest(weights: &Weights, name: &str) -> f32 {
        let tensor = weights.get(name).unwrap().tensor().abs().unwrap().flatten_all().unwrap();
        tensor.max(0).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn bounds_are_those_of_the_reference() {
        let net = config(json!({
            "network_name": "layers", "in_shape": [8, 30, 30], "shared_weights": false, "back_bias": true,
            "n_classes": 100,
            "layers": [{"kind": "conv", "channels": 16, "kernel": 5}, {"kind": "linear", "units": 200}],
        }));
        let weights = initial_weights(&net, 1, &InitOptions::default()).unwrap();
        for (name, bound) in [
            ("core_net.layers.0.weight", 0.070_71),
            ("core_net.layers.0.back_weight", 0.173_2),
            ("core_net.layers.0.back_bias", 0.05),
            ("head_layer.weight", 0.070_71),
            ("head_layer.back_weight", 0.244_95),
        ] {
            let found = largest(&weights, name);
            assert!(found <= bound * 1.0001 && found > 0.85 * bound, "{name}: {found}");
        }
    }

    #[test]
    fn top_down_weights_can_begin_as_copies() {
        let net = config(json!({"network_name": "simple net", "shared_weights": false}));
        let noisy = InitOptions { symmetric: true, noise: Some(0.05), factor: Some(0.1) };
        let weights = initial_weights(&net, 1, &noisy).unwrap();
        let (w, v) =
            (weights.get("core_net._fc.weight").unwrap(), weights.get("core_net._fc.back_weight").unwrap());
        let ratio = (v.tensor().t().unwrap() / w.tensor()).unwrap();
        let ratio: Vec<f32> = ratio.flatten_all().unwrap().to_vec1().unwrap();
        let mean = ratio.iter().sum::<f32>() / ratio.len() as f32;
        assert!((mean - 1.0).abs() < 0.005 && ratio.iter().any(|r| (r - 1.0).abs() > 0.1));
        assert!(largest(&weights, "core_net._fc.weight") < 0.1 / 288f32.sqrt());
    }

    #[test]
    fn second_names_share_their_tensors() {
        let net = config(json!({"network_name": "tiny resnet", "norm_layer": null}));
        let weights = initial_weights(&net, 1, &InitOptions::default()).unwrap();
        let all = with_aliases(&net, &weights).unwrap();
        assert!(all.contains("core_net.layers.1.0.bn1.back_batch_norm.num_batches_tracked"));
        assert_eq!(all.get("core_net.layers.2.weight").unwrap().dims(), [64, 64, 5, 5]);
    }
}
