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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::stream;

    fn spread(tensor: &Tensor) -> (f64, f64) {
        let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        let squares: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
        let largest = values.iter().fold(0f64, |top, &v| top.max(f64::from(v).abs()));
        ((squares / values.len() as f64).sqrt(), largest)
    }

    #[test]
    fn bounds_are_those_of_pytorch() {
        // A transposed convolution to one channel with a 4x4 kernel, and a linear map.
        assert_eq!(default_bound(&[40, 1, 4, 4]), 0.25);
        assert_eq!(default_bound(&[10, 1600]), 0.025);
        let rng = &mut stream(1, "init", &[]);
        let (weight, bias) = layer(rng, &[64, 16, 4, 4], 64).unwrap();
        let bound = 1.0 / 16.0;
        let (deviation, largest) = spread(&weight);
        assert!(largest <= bound && largest > 0.99 * bound);
        assert!((deviation - bound / 3f64.sqrt()).abs() < 0.02 * bound);
        assert!(bias.dims() == [64] && spread(&bias).1 <= bound);
    }

    #[test]
    fn xavier_scales_by_both_fans() {
        let rng = &mut stream(2, "init", &[]);
        let bound = (6.0f64 / 300.0).sqrt();
        let (_, largest) = spread(&xavier_uniform(rng, &[100, 200]).unwrap());
        assert!(largest <= bound && largest > 0.99 * bound);
        let (deviation, _) = spread(&xavier_normal(rng, &[100, 200]).unwrap());
        assert!((deviation - (2.0f64 / 300.0).sqrt()).abs() < 0.002);
        // A recurrent bias [1, hidden]: fan in hidden, fan out 1.
        let (_, largest) = spread(&xavier_uniform(rng, &[1, 5000]).unwrap());
        assert!(largest <= (6.0f64 / 5001.0).sqrt());
    }
}
