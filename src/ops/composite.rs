//! Padding and window taps from tensor primitives, the base of the device-independent path.

use candle_core::Tensor;

use super::conv::PadMode;
use crate::error::Result;

/// Source index of each padded position along an axis of `n` entries, mirrored without repeating
/// the edge.
pub(crate) fn reflected(n: usize, padding: usize) -> impl Iterator<Item = usize> {
    (0..n + 2 * padding).map(move |i| {
        let i = i.abs_diff(padding);
        if i < n { i } else { 2 * (n - 1) - i }
    })
}

/// `x` with `padding` more rows and columns on every side.
pub(crate) fn pad2d(x: &Tensor, padding: usize, mode: PadMode) -> Result<Tensor> {
    if padding == 0 {
        return Ok(x.clone());
    }
    match mode {
        PadMode::Zero => Ok(x.pad_with_zeros(2, padding, padding)?.pad_with_zeros(3, padding, padding)?),
        PadMode::Reflect => {
            let mut x = x.clone();
            for dim in [2, 3] {
                let index: Vec<u32> = reflected(x.dim(dim)?, padding).map(|i| i as u32).collect();
                let n = index.len();
                x = x.contiguous()?.index_select(&Tensor::from_vec(index, n, x.device())?, dim)?;
            }
            Ok(x)
        }
    }
}

/// The entries `start, start + stride, …` (`n` of them) along `dim`.
pub(crate) fn strided(x: &Tensor, dim: usize, start: usize, stride: usize, n: usize) -> Result<Tensor> {
    if stride == 1 {
        return Ok(x.narrow(dim, start, n)?);
    }
    let short = (start + n * stride).saturating_sub(x.dim(dim)?);
    let x = if short > 0 { x.pad_with_zeros(dim, 0, short)? } else { x.clone() };
    let mut dims = x.dims().to_vec();
    dims[dim] = n;
    dims.insert(dim + 1, stride);
    Ok(x.narrow(dim, start, n * stride)?.reshape(dims)?.narrow(dim + 1, 0, 1)?.squeeze(dim + 1)?)
}

/// The entries of every window, tap by tap in row-major order: `kernel.0 * kernel.1` tensors of
/// `[batch, channels, size.0, size.1]`.
pub(crate) fn taps(
    padded: &Tensor,
    kernel: (usize, usize),
    stride: usize,
    size: (usize, usize),
) -> Result<Vec<Tensor>> {
    let mut taps = Vec::with_capacity(kernel.0 * kernel.1);
    for i in 0..kernel.0 {
        let rows = strided(padded, 2, i, stride, size.0)?;
        for j in 0..kernel.1 {
            taps.push(strided(&rows, 3, j, stride, size.1)?);
        }
    }
    Ok(taps)
}

/// `x` with `stride - 1` zeros between neighbours along the last two axes.
pub(crate) fn dilate2d(x: &Tensor, stride: usize) -> Result<Tensor> {
    if stride == 1 {
        return Ok(x.clone());
    }
    let mut x = x.clone();
    for dim in [2, 3] {
        let n = x.dim(dim)?;
        let spread = x.unsqueeze(dim + 1)?.pad_with_zeros(dim + 1, 0, stride - 1)?;
        let mut dims = x.dims().to_vec();
        dims[dim] = n * stride;
        x = spread.reshape(dims)?.narrow(dim, 0, (n - 1) * stride + 1)?;
    }
    Ok(x)
}
