//! The deterministic weights of goldens that do not store theirs.

use candle_core::{DType, Device, Tensor};

use super::super::config::Config;
use super::super::tensors::{COUNTER, Role, expected};
use crate::error::Result;
use crate::weights::Weights;

/// `n` numbers in -1 to 1: FNV-1a of the key, a Weyl sequence from it, mixed.
fn hashed(key: &str, n: usize) -> impl Iterator<Item = f64> {
    let seed =
        key.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (0..n).map(move |i| {
        let mut x = seed.wrapping_add((i as u32).wrapping_mul(0x9E37_79B1));
        x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
        x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
        x ^= x >> 16;
        2.0 * (f64::from(x) / 4_294_967_296.0) - 1.0
    })
}

/// The `hashfill` of one tensor, `f32`; counters are 1.
pub(super) fn hashfill(key: &str, shape: &[usize], device: &Device) -> Result<Tensor> {
    if key.ends_with(COUNTER) {
        return Ok(Tensor::ones(shape, DType::I64, device)?);
    }
    let (centre, spread) = match shape {
        [_, later @ ..] if !later.is_empty() => (0.0, (3.0 / later.iter().product::<usize>() as f64).sqrt()),
        _ if key.ends_with("running_var") => (1.0, 0.3),
        _ if key.ends_with(".weight") => (1.0, 0.2),
        _ => (0.0, 0.1),
    };
    let n = shape.iter().product();
    let values: Vec<f32> = hashed(key, n).map(|u| (centre + spread * u) as f32).collect();
    Ok(Tensor::from_vec(values, shape, device)?)
}

/// All tensors of `config` by [`hashfill`].
pub(super) fn hashfilled(config: &Config, device: &Device) -> Result<Weights> {
    let tensors = expected(config)?
        .into_iter()
        .map(|tensor| Ok((tensor.name.clone(), hashfill(&tensor.name, &tensor.shape, device)?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(Weights::from_tensors(tensors))
}

/// All tensors of a network without norms and top-down biases as the training targets begin.
pub(super) fn hashinit(config: &Config, device: &Device) -> Result<Weights> {
    let tensors = expected(config)?.into_iter().map(|tensor| {
        let bound = match tensor.role {
            Role::BackWeight => (6.0 / tensor.shape[1..].iter().product::<usize>() as f64).sqrt(),
            _ => 1.0 / (tensor.fan_in() as f64).sqrt(),
        };
        let n = tensor.shape.iter().product();
        let values: Vec<f32> = hashed(&tensor.name, n).map(|u| (u * bound) as f32).collect();
        Ok((tensor.name.clone(), Tensor::from_vec(values, tensor.shape.as_slice(), device)?))
    });
    Ok(Weights::from_tensors(tensors.collect::<Result<Vec<_>>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_specification() {
        let close = |key: &str, expected: &[f64]| {
            let found: Vec<f64> = hashed(key, expected.len()).collect();
            assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-8), "{key}: {found:?}");
        };
        close("head_layer.weight", &[0.354_541_28, -0.312_517_32, -0.346_515_71, -0.824_252_18]);
        close("core_net.conv1.weight", &[0.148_094_51, -0.418_523_90, -0.224_231_25]);
    }
}
