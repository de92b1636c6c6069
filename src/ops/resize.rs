//! Resizing of maps.

use candle_core::Tensor;

use super::kernels::nearest::Nearest;
use super::workspace::Path;
use crate::error::{Error, Result};

/// Nearest neighbour to `size`: entry `i` is taken from `floor(i * (in / out))`.
///
/// Ratio and product are rounded to `f32`, as in PyTorch; integer arithmetic differs by one
/// source entry at some odd ratios.
///
/// # Errors
/// [`Error::Shape`] unless `x` is a non-empty map and `size` is not empty.
pub fn upsample_nearest(x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
    upsample_nearest_by(Path::Auto, x, size)
}

pub(super) fn upsample_nearest_by(path: Path, x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
    let (h, w) = map_size(x, size)?;
    if (h, w) == size {
        return Ok(x.clone());
    }
    if path.takes_kernel(x)? {
        let (rows, columns) = (nearest_index(h, size.0).collect(), nearest_index(w, size.1).collect());
        return Ok(x.contiguous()?.apply_op1(Nearest { rows, columns })?);
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

#[cfg(test)]
mod tests {
    use super::super::testing::{PATHS, check_gradients, check_paths, gradients, normal, values};
    use super::*;

    #[test]
    fn gradients_agree_with_differences_on_both_paths() {
        for (h, w, size) in [(2, 3, (5, 7)), (3, 2, (6, 4)), (4, 4, (3, 2)), (1, 1, (2, 3)), (3, 3, (3, 5))] {
            let x = [normal(1, &[2, 2, h, w])];
            for path in PATHS {
                check_gradients(&x, |x| upsample_nearest_by(path, &x[0], size));
            }
            check_paths(&x, |x, path| upsample_nearest_by(path, &x[0], size));
            check_gradients(&x, |x| resize_bicubic(&x[0], size));
        }
    }

    #[test]
    fn a_tensor_resized_twice_collects_both_gradients() {
        // 4 from the first, 4 from the second, 9 from the third, 2 from the tensor itself.
        for path in PATHS {
            let f = |x: &[Tensor]| {
                let x = &x[0];
                let two = upsample_nearest_by(path, x, (2, 2))?;
                let again = upsample_nearest_by(path, x, (2, 2))?;
                let three = upsample_nearest_by(path, x, (3, 3))?;
                let sums = [two, again, three].map(|y| y.sum_all());
                let [a, b, c] = sums;
                Ok(((((a? + b?)? + c?)? + x.sum_all()?)? + x.sum_all()?)?)
            };
            let x = Tensor::ones((1, 1, 1, 1), candle_core::DType::F64, &candle_core::Device::Cpu).unwrap();
            let projection = values(&normal(99, &[]))[0];
            let gradient = values(&gradients(&[x], &f)[0])[0] / projection;
            assert!((gradient - 19.0).abs() < 1e-12, "{path:?}: {gradient}");
        }
    }

    #[test]
    fn nearest_rounds_as_single_precision_does() {
        let differing = |n, out| nearest_index(n, out).enumerate().any(|(i, s)| s != i * n / out);
        for (n, out) in [(24, 74), (26, 44), (64, 194)] {
            assert!(differing(n, out), "{n} to {out}");
        }
        for (n, out) in [(12, 25), (19, 39), (4, 9), (2, 6), (6, 12), (48, 96)] {
            assert!(!differing(n, out), "{n} to {out}");
        }
    }

    #[test]
    fn bicubic_weights_of_an_entry_sum_to_one() {
        for (n, out) in [(3, 6), (48, 97), (97, 48), (1, 4)] {
            for row in bicubic_matrix(n, out).chunks(n) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn empty_maps_are_refused() {
        assert!(upsample_nearest(&normal(1, &[1, 1, 2, 2]), (0, 3)).is_err());
        assert!(resize_bicubic(&normal(1, &[1, 1, 0, 2]), (2, 3)).is_err());
        assert!(resize_bicubic(&normal(1, &[1, 2, 2]), (2, 3)).is_err());
    }
}
