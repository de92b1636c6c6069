//! Weights that are a function of name, position and seed alone: those of the reference outputs
//! and of the timed cases.

use candle_core::{Device, Tensor};

use super::config::Config;
use super::weights::blur_kernel;
use crate::error::Result;
use crate::weights::Weights;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// FNV-1a of the name, mixed with the seed, then one splitmix step per entry: `[-1, 1)`.
fn stream(name: &str, seed: u64, n: usize) -> impl Iterator<Item = f32> {
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let hash = hash ^ seed.wrapping_mul(GOLDEN);
    (1..=n as u64).map(move |entry| {
        let z = hash.wrapping_add(entry.wrapping_mul(GOLDEN));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let z = z ^ (z >> 31);
        (z >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    })
}

fn filled(name: &str, shape: &[usize], seed: u64) -> Result<Tensor> {
    if name.ends_with(".filt") {
        return blur_kernel(shape);
    }
    let n: usize = shape.iter().product();
    let (offset, scale) = if shape.len() >= 2 {
        (0.0, (3.0 / (n / shape[0]) as f64).sqrt() as f32)
    } else if name.ends_with("bias") || name.ends_with("running_mean") {
        (0.0, 0.1)
    } else if name.ends_with("running_var") {
        (1.0, 0.5)
    } else {
        (1.0, 0.25)
    };
    let values: Vec<f32> = stream(name, seed, n).map(|value| offset + scale * value).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

/// All tensors of `config` by the fill of `seed`.
///
/// # Errors
/// Those of the tensor library.
pub fn generated_weights(config: &Config, seed: u64) -> Result<Weights> {
    let tensors = config.tensors();
    let tensors = tensors.iter().map(|(name, shape)| Ok((name.to_owned(), filled(name, shape, seed)?)));
    Ok(Weights::from_tensors(tensors.collect::<Result<Vec<_>>>()?))
}

/// `n` numbers in -1 to 1, those of the timed cases: entries of the stream `name` of seed 0.
pub fn generated_values(name: &str, n: usize) -> Vec<f32> {
    stream(name, 0, n).collect()
}

/// `n` pixels as bytes, those of the timed cases: entries of the stream `name` of seed 0.
pub fn generated_pixels(name: &str, n: usize) -> Vec<u8> {
    stream(name, 0, n).map(|value| ((value + 1.0) * 127.5) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_the_definition() {
        let first = stream("norm_0.weight", 1, 3).collect::<Vec<_>>();
        assert!(first.iter().all(|value| (-1.0..1.0).contains(value)));
        assert_eq!(first, stream("norm_0.weight", 1, 5).take(3).collect::<Vec<_>>());
        assert_ne!(first, stream("norm_0.weight", 2, 3).collect::<Vec<_>>());
        let weights = generated_weights(&Config::named("cornet_s").unwrap(), 3).unwrap();
        let range = |name: &str| {
            let values: Vec<f32> = weights.get(name).unwrap().tensor().to_vec1().unwrap();
            (values.iter().copied().fold(f32::MAX, f32::min), values.iter().copied().fold(f32::MIN, f32::max))
        };
        let (low, high) = range("V2.norm1_0.running_var");
        assert!(low >= 0.5 && high <= 1.5 && high - low > 0.9);
        let (low, high) = range("V2.norm1_0.bias");
        assert!(low >= -0.1 && high <= 0.1);
    }
}
