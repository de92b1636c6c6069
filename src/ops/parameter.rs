//! Embedding, weight normalisation and dropout.

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::rng::{Rng, uniform};

/// Rows `ids` (`[n]`, `u32` or `i64`) of `weight` `[rows, width]`: `[n, width]`.
///
/// # Errors
/// [`Error::Shape`] if either has another rank; an id beyond the rows is an error too.
pub fn embedding(ids: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if ids.rank() != 1 {
        return Err(Error::shape("ids of an embedding", "[n]", ids.dims()));
    }
    if weight.rank() != 2 {
        return Err(Error::shape("weight of an embedding", "[rows, width]", weight.dims()));
    }
    Ok(weight.contiguous()?.index_select(&ids.contiguous()?, 0)?)
}

/// `gain * direction / |direction|`, the norm over all axes but the first.
///
/// `gain` has one entry per row of `direction`, as `[out, 1, …]` or `[out]`.
///
/// # Errors
/// [`Error::Shape`] if the gain does not fit.
pub fn weight_norm(direction: &Tensor, gain: &Tensor) -> Result<Tensor> {
    let out = direction.dims().first().copied().unwrap_or(0);
    if out == 0 || gain.elem_count() != out {
        return Err(Error::shape("gain of weight normalisation", [out], gain.dims()));
    }
    let rows = direction.reshape((out, ()))?;
    let norm = rows.sqr()?.sum_keepdim(1)?.sqrt()?;
    let scale = (gain.reshape((out, 1))? / norm)?;
    Ok(rows.broadcast_mul(&scale)?.reshape(direction.dims())?)
}

/// Entries dropped with probability `p`, the rest divided by `1 - p`.
///
/// # Errors
/// [`Error::Config`] unless `p` lies in `0..=1`.
pub fn dropout(x: &Tensor, p: f64, rng: &mut Rng) -> Result<Tensor> {
    masked(x, x.dims().to_vec(), p, rng)
}

/// Whole maps (a channel of a sample) dropped with probability `p`, the rest divided by `1 - p`.
///
/// # Errors
/// [`Error::Config`] unless `p` lies in `0..=1`; [`Error::Shape`] unless `x` has two axes or more.
pub fn dropout2d(x: &Tensor, p: f64, rng: &mut Rng) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    if dims.len() < 2 {
        return Err(Error::shape("input of dropout", "[batch, channels, …]", x.dims()));
    }
    dims[2..].fill(1);
    masked(x, dims, p, rng)
}

fn masked(x: &Tensor, dims: Vec<usize>, p: f64, rng: &mut Rng) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::config("dropout probability", "between 0 and 1", p));
    }
    if p == 0.0 {
        return Ok(x.clone());
    }
    let kept = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
    let n = dims.iter().product();
    let mask: Vec<f64> = (0..n).map(|_| if uniform(rng) < p { 0.0 } else { kept }).collect();
    let mask = Tensor::from_vec(mask, dims, x.device())?.to_dtype(x.dtype())?;
    Ok(x.broadcast_mul(&mask)?)
}
