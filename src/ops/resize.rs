//! Resizing of maps.

use candle_core::Tensor;

use crate::error::{Error, Result};

/// Nearest neighbour to `size`: entry `i` is taken from `floor(i * (in / out))`.
///
/// Ratio and product are rounded to `f32`, as in PyTorch; integer arithmetic differs by one
/// source entry at some odd ratios.
///
/// # Errors
/// [`Error::Shape`] unless `x` is a non-empty map and `size` is not empty.
pub fn upsample_nearest(x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
    let (h, w) = map_size(x, size)?;
    if (h, w) == size {
        return Ok(x.clone());
    }
    let mut x = x.contiguous()?;
    for (dim, n, out) in [(2, h, size.0), (3, w, size.1)] {
        if n != out {
            let index: Vec<u32> = nearest_index(n, out).map(|i| i as u32).collect();
            x = x.index_select(&Tensor::from_vec(index, out, x.device())?, dim)?;
        }
    }
    Ok(x)
}

/// Bicubic interpolation to `size`: pixel centres, edges repeated, `A = -0.75`, no anti-aliasing.
///
/// # Errors
/// [`Error::Shape`] unless `x` is a non-empty map and `size` is not empty.
pub fn resize_bicubic(x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
    resample(x, size, bicubic_matrix)
}

/// Source index of each of `out` entries over `n`.
pub(crate) fn nearest_index(n: usize, out: usize) -> impl Iterator<Item = usize> {
    let ratio = n as f32 / out as f32;
    (0..out).map(move |i| ((i as f32 * ratio).floor() as usize).min(n - 1))
}

/// The map through one matrix per axis: `matrix(n, out)` is `[out, n]` in row-major order.
pub(crate) fn resample(
    x: &Tensor,
    size: (usize, usize),
    matrix: impl Fn(usize, usize) -> Vec<f64>,
) -> Result<Tensor> {
    let (h, w) = map_size(x, size)?;
    let (batch, channels, _, _) = x.dims4()?;
    let axis = |n, out| -> Result<Tensor> {
        let matrix = Tensor::from_vec(matrix(n, out), (out, n), x.device())?;
        Ok(matrix.to_dtype(x.dtype())?.t()?)
    };
    let maps = batch * channels;
    let rows = x.reshape((maps * h, w))?.matmul(&axis(w, size.1)?)?;
    let columns = rows.reshape((maps, h, size.1))?.transpose(1, 2)?.reshape((maps * size.1, h))?;
    let both = columns.matmul(&axis(h, size.0)?)?.reshape((maps, size.1, size.0))?;
    Ok(both.transpose(1, 2)?.reshape((batch, channels, size.0, size.1))?)
}

/// Weights of the four taps of each entry, rounded to `f32` at the steps where PyTorch rounds.
fn bicubic_matrix(n: usize, out: usize) -> Vec<f64> {
    const A: f32 = -0.75;
    let near = |v: f32| ((A + 2.0).mul_add(v, -(A + 3.0)) * v).mul_add(v, 1.0);
    let far = |v: f32| A.mul_add(v, -5.0 * A).mul_add(v, 8.0 * A).mul_add(v, -4.0 * A);
    let ratio = n as f32 / out as f32;
    let mut matrix = vec![0.0; out * n];
    for i in 0..out {
        let centre = ratio.mul_add(i as f32 + 0.5, -0.5);
        let floor = centre.floor();
        let d = centre - floor;
        let e = 1.0 - d;
        for (tap, weight) in [far(d + 1.0), near(d), near(e), far(e + 1.0)].into_iter().enumerate() {
            let index = (floor as isize + tap as isize - 1).clamp(0, n as isize - 1) as usize;
            matrix[i * n + index] += f64::from(weight);
        }
    }
    matrix
}

fn map_size(x: &Tensor, size: (usize, usize)) -> Result<(usize, usize)> {
    match x.dims() {
        &[_, _, h, w] if h * w > 0 && size.0 * size.1 > 0 => Ok((h, w)),
        dims => {
            let expected = format!("a map of [batch, channels, height, width] to resize to {size:?}");
            Err(Error::shape("input of resizing", expected, dims))
        }
    }
}
