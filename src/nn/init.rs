//! Initial weights, `f32` on the CPU, drawn from the seeded streams.

use candle_core::{Device, Tensor};

use crate::error::Result;
use crate::rng::{self, Rng};

/// Uniform in `±bound`.
///
/// # Errors
/// Those of the tensor library.
pub fn uniform(rng: &mut Rng, dims: &[usize], bound: f64) -> Result<Tensor> {
    filled(dims, || (2.0 * rng::uniform(rng) - 1.0) * bound)
}

/// Normal with mean 0.
///
/// # Errors
/// Those of the tensor library.
pub fn normal(rng: &mut Rng, dims: &[usize], deviation: f64) -> Result<Tensor> {
    filled(dims, || rng::normal(rng) * deviation)
}

/// PyTorch's bound for weights and biases of linear, convolution and transposed convolution:
/// `1 / sqrt(fan in)`, where the fan in is read from the second axis of the weight whatever it is.
pub fn default_bound(weight_dims: &[usize]) -> f64 {
    1.0 / (fan_in(weight_dims) as f64).sqrt()
}

/// PyTorch's default weight of this shape and a bias of `bias` entries.
///
/// # Errors
/// Those of the tensor library.
pub fn layer(rng: &mut Rng, weight_dims: &[usize], bias: usize) -> Result<(Tensor, Tensor)> {
    let bound = default_bound(weight_dims);
    Ok((uniform(rng, weight_dims, bound)?, uniform(rng, &[bias], bound)?))
}

/// Uniform in `±sqrt(6 / (fan in + fan out))`.
///
/// # Errors
/// Those of the tensor library.
pub fn xavier_uniform(rng: &mut Rng, dims: &[usize]) -> Result<Tensor> {
    uniform(rng, dims, (6.0 / (fan_in(dims) + fan_out(dims)) as f64).sqrt())
}

/// Normal with deviation `sqrt(2 / (fan in + fan out))`.
///
/// # Errors
/// Those of the tensor library.
pub fn xavier_normal(rng: &mut Rng, dims: &[usize]) -> Result<Tensor> {
    normal(rng, dims, (2.0 / (fan_in(dims) + fan_out(dims)) as f64).sqrt())
}

fn fan_in(dims: &[usize]) -> usize {
    dims[1..].iter().product()
}

fn fan_out(dims: &[usize]) -> usize {
    dims[0] * dims[2..].iter().product::<usize>()
}

fn filled(dims: &[usize], mut value: impl FnMut() -> f64) -> Result<Tensor> {
    let values: Vec<f32> = (0..dims.iter().product()).map(|_| value() as f32).collect();
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?)
}
