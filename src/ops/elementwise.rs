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
