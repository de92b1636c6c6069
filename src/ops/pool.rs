//! Pooling.

use candle_core::{D, Tensor};

use super::composite::taps;
use super::resize::resample;
use crate::error::{Error, Result};

/// Square pooling windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    pub kernel: usize,
    pub stride: usize,
    /// At most half the kernel.
    pub padding: usize,
}

impl PoolSpec {
    /// Windows of `kernel` side by side, without padding.
    pub fn tiling(kernel: usize) -> Self {
        Self { kernel, stride: kernel, padding: 0 }
    }
}

/// Largest entry of each window; what does not fill a window is left out.
///
/// Equal entries: the gradient goes to the first in row-major order. NaN is passed on.
///
/// # Errors
/// [`Error::Shape`] if no window fits, [`Error::Config`] for an impossible window.
pub fn max_pool2d(x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let size = pooled_size(x, spec)?;
    let padded = if spec.padding > 0 { pad_with_lowest(x, spec.padding)? } else { x.clone() };
    let mut taps = taps(&padded, (spec.kernel, spec.kernel), spec.stride, size)?.into_iter();
    let mut best = taps.next().expect("a kernel has at least one entry");
    for tap in taps {
        let better = (tap.gt(&best)? + tap.ne(&tap)?)?;
        best = better.where_cond(&tap, &best)?;
    }
    Ok(best.contiguous()?)
}

/// Mean of each window, padding counted as zeros; what does not fill a window is left out.
///
/// # Errors
/// As [`max_pool2d`].
pub fn avg_pool2d(x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let size = pooled_size(x, spec)?;
    let p = spec.padding;
    let padded = if p > 0 { x.pad_with_zeros(2, p, p)?.pad_with_zeros(3, p, p)? } else { x.clone() };
    let mut taps = taps(&padded, (spec.kernel, spec.kernel), spec.stride, size)?.into_iter();
    let mut sum = taps.next().expect("a kernel has at least one entry");
    for tap in taps {
        sum = (sum + tap)?;
    }
    Ok((sum / (spec.kernel * spec.kernel) as f64)?)
}

/// Mean of the cells of a `size` grid; cell `i` spans `floor(i*n/out) .. ceil((i+1)*n/out)`.
///
/// # Errors
/// [`Error::Shape`] unless `x` is a non-empty map.
pub fn adaptive_avg_pool2d(x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
    resample(x, size, |n, out| {
        let mut matrix = vec![0.0; out * n];
        for i in 0..out {
            let (from, to) = (i * n / out, ((i + 1) * n).div_ceil(out));
            matrix[i * n + from..i * n + to].fill(1.0 / (to - from) as f64);
        }
        matrix
    })
}

/// Mean over each map: `[batch, channels]`.
///
/// # Errors
/// [`Error::Shape`] unless `x` is a non-empty map.
pub fn global_avg_pool2d(x: &Tensor) -> Result<Tensor> {
    match x.dims() {
        &[_, _, h, w] if h * w > 0 => Ok(x.flatten_from(2)?.mean(D::Minus1)?),
        dims => Err(Error::shape("input of pooling", "[batch, channels, height, width]", dims)),
    }
}

fn pad_with_lowest(x: &Tensor, padding: usize) -> Result<Tensor> {
    let mut x = x.clone();
    for dim in [2, 3] {
        let mut dims = x.dims().to_vec();
        dims[dim] = padding;
        let edge = Tensor::full(f64::NEG_INFINITY, dims, x.device())?.to_dtype(x.dtype())?;
        x = Tensor::cat(&[&edge, &x, &edge], dim)?;
    }
    Ok(x)
}

fn pooled_size(x: &Tensor, spec: &PoolSpec) -> Result<(usize, usize)> {
    let &[_, _, h, w] = x.dims() else {
        return Err(Error::shape("input of pooling", "[batch, channels, height, width]", x.dims()));
    };
    let PoolSpec { kernel, stride, padding } = *spec;
    if kernel == 0 || stride == 0 {
        return Err(Error::config("kernel and stride of pooling", "1 or more", kernel.min(stride)));
    }
    if padding * 2 > kernel {
        return Err(Error::config("padding of pooling", format!("at most half of {kernel}"), padding));
    }
    let (h, w) = (h + 2 * padding, w + 2 * padding);
    if h < kernel || w < kernel {
        let expected = format!("at least {kernel} rows and columns with padding");
        return Err(Error::shape("input of pooling", expected, x.dims()));
    }
    Ok(((h - kernel) / stride + 1, (w - kernel) / stride + 1))
}
