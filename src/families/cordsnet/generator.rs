//! The seeded generator of weights that reference files of any size are made with.
//!
//! Every entry is a hash of the tensor's name, the seed and the entry's position, so that a network
//! of 50 MB is described by one number.

use candle_core::{DType, Device, Tensor};

use super::config::{Config, DIRECTION, GAIN, TARGET};
use crate::error::{Error, Result};
use crate::weights::Weights;

const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;

/// The weights of `config` for `seed`, bit for bit those of the reference generator.
///
/// The slope of the parametric stage is not generated: it is 1.
///
/// # Errors
/// [`Error::Config`] for an invalid configuration or one without weight normalisation, which the
/// generator does not know.
pub fn generate(config: &Config, seed: u64) -> Result<Weights> {
    config.validate()?;
    if !config.weight_norm {
        return Err(Error::config("weight_norm", "true for generated weights", false));
    }
    let mut tensors = Vec::new();
    for (name, shape) in config.tensors() {
        let tensor = if name == "prelu.weight" {
            Tensor::ones(shape, DType::F32, &Device::Cpu)?
        } else if name.ends_with("num_batches_tracked") {
            Tensor::zeros(shape, DType::I64, &Device::Cpu)?
        } else {
            let (centre, scale) = centre_and_scale(&name, &shape);
            let uniform = uniform(&name, seed, shape.iter().product());
            let values: Vec<f32> = uniform.map(|u| centre + scale * u).collect();
            Tensor::from_vec(values, shape, &Device::Cpu)?
        };
        tensors.push((name, tensor));
    }
    Ok(Weights::from_tensors(tensors))
}

/// `n` numbers in `[-1, 1)`, exact in single precision: the SplitMix64 stream that starts at the
/// FNV-1a hash of `name` and the seed.
pub fn uniform(name: &str, seed: u64, n: usize) -> impl Iterator<Item = f32> + use<> {
    let start = fnv1a(name) ^ seed.wrapping_mul(GOLDEN_RATIO);
    (1..=n as u64).map(move |i| {
        let mut z = start.wrapping_add(i.wrapping_mul(GOLDEN_RATIO));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 40) as f32 * (1.0 / 8_388_608.0) - 1.0
    })
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// Middle and half width of the entries of a tensor.
fn centre_and_scale(name: &str, shape: &[usize]) -> (f32, f32) {
    let name = name.strip_prefix(TARGET).unwrap_or(name);
    let layer = name.split('.').next().unwrap_or_default();
    if name.ends_with(DIRECTION) {
        let fan_in: usize = shape[1..].iter().product();
        return (0.0, (1.0 / (fan_in as f64).sqrt()) as f32);
    }
    if name.ends_with(GAIN) {
        return match layer {
            "inp_skip" => (0.7, 0.2),
            "area_conv" => (0.7, 0.15),
            "area_area" => (1.4, 0.3),
            "skip_area" => (0.8, 0.2),
            _ => (1.0, 0.2),
        };
    }
    match (layer, name.rsplit('.').next().unwrap_or_default()) {
        ("conv_bias", _) => (0.02, 0.1),
        ("area_bias" | "out_fc", _) => (0.0, 0.1),
        (_, "running_mean") => (0.0, 0.3),
        (_, "running_var") => (1.0, 0.5),
        (_, "weight") => (1.0, 0.3),
        _ => (0.0, 0.2),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, Stage};
    use super::*;

    fn values(weights: &Weights, name: &str) -> Vec<f32> {
        weights.get(name).unwrap().tensor().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_published_test_vectors_are_met() {
        assert_eq!(fnv1a("conv_bias.0"), 0xf4f5_2c85_c174_309b);
        let found: Vec<f32> = uniform("conv_bias.0", 8, 4).collect();
        assert_eq!(found, [-0.658_683_4, -0.742_448_7, 0.683_924_1, -0.213_785_17]);
        let config = Config::new(Stage::Final, Dataset::Imagenet, 8, 64, 224);
        let weights = generate(&config, 8).unwrap();
        let bias = values(&weights, "conv_bias.7");
        assert_eq!(bias[..3], [0.046_438_593, 0.068_509_35, 0.071_546_84]);
        let sum: f64 = bias.iter().map(|&x| f64::from(x)).sum();
        assert!((sum - 517.493_449_7).abs() < 1e-6, "{sum}");
        let direction = values(&weights, "inp_conv.parametrizations.weight.original1");
        assert_eq!(direction[..3], [0.003_206_856, -0.079_333_52, 0.005_118_495]);
        assert_eq!(values(&weights, "inp_conv.parametrizations.weight.original0")[0], 0.901_092);
        let bias = values(&weights, "out_fc.bias");
        let sum: f64 = bias.iter().map(|&x| f64::from(x)).sum();
        assert!(bias[0] == -0.035_934_45 && (sum + 2.640_382_1).abs() < 1e-6, "{sum}");
    }
}
