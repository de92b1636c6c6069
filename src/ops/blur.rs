//! Blurred halving of maps.

use candle_core::Tensor;

use super::composite::reflected;
use super::kernels::blur::Blur;
use super::resize::resample;
use super::workspace::Path;
use crate::error::{Error, Result};

/// Binomial weights of the four entries that make one.
const BINOMIAL: [f64; 4] = [1.0 / 8.0, 3.0 / 8.0, 3.0 / 8.0, 1.0 / 8.0];

/// Every second entry of the map blurred by the outer product of (1, 3, 3, 1) / 8, one entry before
/// and two behind the edge mirrored without repeating it: `BlurPool` of size 4 and stride 2
/// (Zhang 2019, "Making convolutional networks shift-invariant again").
///
/// # Errors
/// [`Error::Shape`] unless both sides have 3 entries or more, which the mirror needs.
pub fn blur_pool2d(x: &Tensor) -> Result<Tensor> {
    blur_pool2d_by(Path::Auto, x)
}

pub(super) fn blur_pool2d_by(path: Path, x: &Tensor) -> Result<Tensor> {
    match x.dims() {
        &[_, _, h, w] if h > 2 && w > 2 && path.takes_kernel(x)? => {
            let kernel = Blur { weights: BINOMIAL, rows: sources(h), columns: sources(w) };
            Ok(x.contiguous()?.apply_op1(kernel)?)
        }
        &[_, _, h, w] if h > 2 && w > 2 => resample(x, (halved(h), halved(w)), blur_matrix),
        dims => {
            let expected = "[batch, channels, height, width] with sides of 3 or more";
            Err(Error::shape("input of blur pooling", expected, dims))
        }
    }
}

/// Which of `n` entries each padded one is, from the first that is used.
fn sources(n: usize) -> Vec<usize> {
    // Mirrored by two on both sides; the first of them is not used.
    reflected(n, 2).skip(1).collect()
}

fn halved(n: usize) -> usize {
    n.div_ceil(2)
}

/// `[out, n]` in row-major order.
fn blur_matrix(n: usize, out: usize) -> Vec<f64> {
    let source = sources(n);
    let mut matrix = vec![0.0; out * n];
    for i in 0..out {
        for (tap, weight) in BINOMIAL.into_iter().enumerate() {
            matrix[i * n + source[2 * i + tap]] += weight;
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::super::testing::{PATHS, check_gradients, check_paths, normal, values};
    use super::*;

    #[test]
    fn gradients_agree_with_differences() {
        for size in [[2, 3, 6, 7], [1, 2, 3, 4]] {
            for path in PATHS {
                check_gradients(&[normal(1, &size)], |x| blur_pool2d_by(path, &x[0]));
            }
            check_paths(&[normal(1, &size)], |x, path| blur_pool2d_by(path, &x[0]));
        }
    }

    #[test]
    fn edges_are_mirrored_one_before_and_two_behind() {
        let x = Tensor::arange(0f64, 4.0, &candle_core::Device::Cpu).unwrap().reshape((1, 1, 1, 4)).unwrap();
        let x = x.repeat((1, 1, 4, 1)).unwrap();
        // Columns 1 0 1 2 and 1 2 3 2; rows are equal and leave it so.
        let expected = [(1.0 + 0.0 + 3.0 + 2.0) / 8.0, (1.0 + 6.0 + 9.0 + 2.0) / 8.0];
        let found = values(&blur_pool2d(&x).unwrap());
        assert_eq!(found.len(), 4);
        for (found, expected) in found.iter().zip([expected, expected].concat()) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        let odd = blur_pool2d(&normal(1, &[1, 1, 5, 7])).unwrap();
        assert_eq!(odd.dims(), [1, 1, 3, 4]);
        assert!(blur_pool2d(&normal(1, &[1, 1, 2, 7])).is_err());
    }
}
