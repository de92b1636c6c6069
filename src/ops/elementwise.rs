//! Elementwise functions with PyTorch's subgradients at their corners.

use candle_core::Tensor;

use crate::error::Result;

/// `|x|` with gradient 0 at 0.
///
/// # Errors
/// Those of the tensor library.
pub fn abs(x: &Tensor) -> Result<Tensor> {
    Ok((x * x.detach().sign()?)?)
}

/// `x` within `low ..= high`, gradient 1 inside and on the bounds; NaN is passed on.
///
/// # Errors
/// Those of the tensor library.
pub fn clamp(x: &Tensor, low: f64, high: f64) -> Result<Tensor> {
    let bound = |value: f64| Tensor::full(value, x.dims(), x.device())?.to_dtype(x.dtype());
    let x = x.lt(low)?.where_cond(&bound(low)?, x)?;
    Ok(x.gt(high)?.where_cond(&bound(high)?, &x)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::testing::{check_gradients, gradients, normal, values};
    use super::*;

    #[test]
    fn gradients_agree_with_differences() {
        check_gradients(&[normal(1, &[40])], |x| abs(&x[0]));
        check_gradients(&[normal(1, &[40])], |x| clamp(&x[0], -0.5, 0.8));
    }

    #[test]
    fn corners_have_the_subgradients_of_pytorch() {
        let x = Tensor::new(&[0f64, -1.0, 2.0], &Device::Cpu).unwrap();
        let signs = |f: &dyn Fn(&Tensor) -> Result<Tensor>| {
            let gradient = gradients(std::slice::from_ref(&x), &|x: &[Tensor]| f(&x[0]));
            let projection = values(&normal(99, &[3]));
            values(&gradient[0]).iter().zip(projection).map(|(g, p)| g / p).collect::<Vec<_>>()
        };
        assert_eq!(signs(&|x| abs(x)), [0.0, -1.0, 1.0]);
        assert_eq!(signs(&|x| clamp(x, -1.0, 1.0)), [1.0, 1.0, 0.0]);
        assert_eq!(signs(&|x| clamp(x, 0.0, 2.0)), [1.0, 0.0, 1.0]);
    }

    #[test]
    fn nan_passes() {
        let x = Tensor::new(&[f32::NAN], &Device::Cpu).unwrap();
        assert!(values(&clamp(&x, 0.0, 1.0).unwrap())[0].is_nan() && values(&abs(&x).unwrap())[0].is_nan());
    }
}
