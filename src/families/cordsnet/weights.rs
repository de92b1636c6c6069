//! Initial weights as the source draws them, and kernels out of gains and directions.

use candle_core::{DType, Device, Tensor};

use super::config::{Config, DIRECTION, GAIN};
use crate::error::Result;
use crate::nn::init;
use crate::ops;
use crate::rng;
use crate::weights::{Weight, Weights};

/// New weights: directions uniform in `±1/sqrt(fan in)` with gains equal to their norms, maps of
/// biases 0, the normalisation of the twin neutral, the slope of the parametric stage 1.
///
/// # Errors
/// [`crate::Error::Config`] for an invalid configuration.
pub fn initial_weights(config: &Config, seed: u64) -> Result<Weights> {
    config.validate()?;
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    for (i, (name, shape)) in config.tensors().into_iter().enumerate() {
        let mut rng = rng::stream(seed, "cordsnet weights", &[i as u64]);
        let constant = |value: f64| Tensor::full(value as f32, shape.as_slice(), &Device::Cpu);
        let (layer, part) = name.rsplit_once('.').unwrap_or((&name, ""));
        let tensor = match part {
            "num_batches_tracked" => Tensor::zeros(shape, DType::I64, &Device::Cpu)?,
            "running_mean" => constant(0.0)?,
            "running_var" => constant(1.0)?,
            "bias" if layer == "out_fc" => {
                let fan_in = config.widths[config.depth - 1] as f64;
                init::uniform(&mut rng, &shape, 1.0 / fan_in.sqrt())?
            }
            "bias" => constant(0.0)?,
            "weight" if shape.len() == 1 => constant(1.0)?,
            "weight" => init::uniform(&mut rng, &shape, init::default_bound(&shape))?,
            // The gain comes first in a file but follows from the direction.
            "original0" => constant(0.0)?,
            "original1" => {
                let direction = init::uniform(&mut rng, &shape, init::default_bound(&shape))?;
                let gain = name.replace(DIRECTION, GAIN);
                if let Some((_, tensor)) = tensors.iter_mut().find(|(name, _)| *name == gain) {
                    *tensor = row_norms(&direction)?.reshape(tensor.dims())?;
                }
                direction
            }
            // The twin has maps of biases that nothing uses.
            _ if layer == "area_bias" => init::normal(&mut rng, &shape, 1.0)?,
            _ => constant(0.0)?,
        };
        tensors.push((name, tensor));
    }
    Ok(Weights::from_tensors(tensors))
}

/// L2 norm over all axes but the first: `[rows]`.
pub(super) fn row_norms(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.flatten_from(1)?.sqr()?.sum(1)?.sqrt()?)
}

/// The effective kernel of a layer: `name.weight`, or gain times direction over its norm.
///
/// # Errors
/// [`crate::Error::Unknown`] or [`crate::Error::Shape`] for a missing or misshapen tensor.
pub(super) fn kernel(weights: &Weights, name: &str) -> Result<Weight> {
    if let Some(plain) = weights.find(&format!("{name}.weight")) {
        return Ok(plain.clone());
    }
    let gain = weights.get(&format!("{name}{GAIN}"))?.tensor();
    let direction = weights.get(&format!("{name}{DIRECTION}"))?.tensor();
    Ok(Weight::new(ops::weight_norm(direction, gain)?))
}

/// The same network with every gain and direction folded into one kernel.
///
/// # Errors
/// As for a missing or misshapen tensor.
pub fn without_weight_norm(config: &Config, weights: &Weights) -> Result<(Config, Weights)> {
    let mut tensors = Vec::new();
    for (name, weight) in weights.iter() {
        if let Some(layer) = name.strip_suffix(DIRECTION) {
            tensors.push((format!("{layer}.weight"), kernel(weights, layer)?.tensor().clone()));
        } else if !name.ends_with(GAIN) {
            tensors.push((name.to_owned(), weight.tensor().clone()));
        }
    }
    Ok((Config { weight_norm: false, ..config.clone() }, Weights::from_tensors(tensors)))
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, Stage};
    use super::*;
    use crate::checkpoint::compare;

    #[test]
    fn initial_weights_fit_every_stage_and_are_unnormalised_draws() {
        for stage in Stage::ALL {
            for weight_norm in [true, false] {
                let config = Config { weight_norm, ..Config::new(stage, Dataset::Cifar10, 4, 4, 32) };
                let weights = initial_weights(&config, 1).unwrap();
                assert!(compare(&config.tensors(), &weights, &[]).is_complete());
                let kernel = kernel(&weights, "area_conv.2").unwrap();
                let largest = kernel.tensor().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
                let (largest, bound) = (largest.to_scalar::<f32>().unwrap(), 1.0 / 72.0_f32.sqrt());
                assert!(largest < 1.0001 * bound && largest > 0.95 * bound, "{stage:?}: {largest}");
            }
        }
    }

    #[test]
    fn folding_weight_normalisation_keeps_the_kernels() {
        let config = Config::new(Stage::Inverse, Dataset::Mnist, 4, 4, 32);
        let weights = super::super::generate(&config, 3).unwrap();
        let (plain_config, plain) = without_weight_norm(&config, &weights).unwrap();
        assert!(compare(&plain_config.tensors(), &plain, &[]).is_complete());
        for name in ["out_fc", "skip_area.0", "target_area_area.1"] {
            let [a, b] = [&weights, &plain].map(|weights| kernel(weights, name).unwrap());
            let difference = (a.tensor() - b.tensor()).unwrap().abs().unwrap().sum_all().unwrap();
            assert_eq!(difference.to_scalar::<f32>().unwrap(), 0.0);
        }
    }
}
