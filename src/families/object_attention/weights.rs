//! Initial weights as the source draws them.

use super::config::Config;
use crate::error::Result;
use crate::nn::init;
use crate::rng;
use crate::weights::Weights;

/// New weights: each layer's weight and bias uniform in `±1/sqrt(fan in)`, the fan-in read from the
/// second axis of the weight, which for a transposed convolution is its output.
///
/// # Errors
/// [`crate::Error::Config`] for an invalid configuration.
pub fn initial_weights(config: &Config, seed: u64) -> Result<Weights> {
    config.validate()?;
    let shapes = config.tensors()?;
    let mut tensors = Vec::with_capacity(shapes.len());
    for pair in shapes.chunks(2) {
        let [(weight_name, weight_shape), (bias_name, bias_shape)] = pair else { continue };
        let mut rng = rng::stream(seed, "object attention weights", &[tensors.len() as u64]);
        let (weight, bias) = init::layer(&mut rng, weight_shape, bias_shape[0])?;
        tensors.extend([(weight_name.clone(), weight), (bias_name.clone(), bias)]);
    }
    Ok(Weights::from_tensors(tensors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_source() {
        let weights = initial_weights(&Config::digits(2), 1).unwrap();
        let largest = |name: &str| {
            let tensor = weights.get(name).unwrap().tensor().abs().unwrap().flatten_all().unwrap();
            tensor.max(0).unwrap().to_scalar::<f32>().unwrap()
        };
        for (name, bound) in [
            ("conv1.weight", 0.25),
            ("conv2.weight", 0.055_901_7),
            ("conv1_t.weight", 0.25),
            ("conv2_t.weight", 0.055_901_7),
            ("linear_out.weight", 0.025),
            ("linear_out_t.bias", 0.316_227_8),
        ] {
            let found = largest(name);
            assert!(found <= bound && found > 0.9 * bound, "{name}: {found}");
        }
    }
}
