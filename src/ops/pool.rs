//! Pooling.

use candle_core::{D, Tensor, Var};

use super::composite::taps;
use super::deep_stack::backward;
use super::kernels::pool::{Pool, Pooled};
use super::resize::resample;
use super::workspace::Path;
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
    max_pool2d_by(Path::Auto, x, spec)
}

pub(super) fn max_pool2d_by(path: Path, x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let size = pooled_size(x, spec)?;
    if path.takes_kernel(x)? {
        return Ok(x.contiguous()?.apply_op1(Pool { pooled: Pooled::Max, spec: *spec, size })?);
    }
    if let Some(nothing) = nothing(x, size)? {
        return Ok(nothing);
    }
    let padded = if spec.padding > 0 { pad_with_lowest(x, spec.padding)? } else { x.clone() };
    let mut taps = taps(&padded, (spec.kernel, spec.kernel), spec.stride, size)?.into_iter();
    let mut best = taps.next().expect("a kernel has at least one entry");
    for tap in taps {
        let better = (tap.gt(&best)? + tap.ne(&tap)?)?;
        best = better.where_cond(&tap, &best)?;
    }
    Ok(best.contiguous()?)
}

/// What [`max_pool2d`] of `x` sends back of `of`, one entry per window: each to its window's first maximum.
///
/// # Errors
/// As [`max_pool2d`], and [`Error::Shape`] for an `of` of other windows.
pub fn max_pool2d_back(x: &Tensor, of: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    max_pool2d_back_by(Path::Auto, x, of, spec)
}

pub(super) fn max_pool2d_back_by(path: Path, x: &Tensor, of: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let x = Var::from_tensor(&x.detach())?;
    let y = max_pool2d_by(path, x.as_tensor(), spec)?;
    if of.dims() != y.dims() {
        return Err(Error::shape("what is sent back through a pooling", y.dims(), of.dims()));
    }
    if path.takes_kernel(of)? {
        let pool = Pool { pooled: Pooled::Max, spec: *spec, size: pooled_size(x.as_tensor(), spec)? };
        return Ok(pool.back(x.as_tensor(), &y, of)?);
    }
    let joint = (y * of.detach())?.sum_all()?;
    let gradient = backward(&joint, &[x.as_tensor()])?.pop().flatten();
    Ok(gradient.map_or_else(|| x.zeros_like(), Ok)?)
}

/// Mean of each window, padding counted as zeros; what does not fill a window is left out.
///
/// # Errors
/// As [`max_pool2d`].
pub fn avg_pool2d(x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    avg_pool2d_by(Path::Auto, x, spec)
}

pub(super) fn avg_pool2d_by(path: Path, x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let size = pooled_size(x, spec)?;
    if path.takes_kernel(x)? {
        return Ok(x.contiguous()?.apply_op1(Pool { pooled: Pooled::Average, spec: *spec, size })?);
    }
    if let Some(nothing) = nothing(x, size)? {
        return Ok(nothing);
    }
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

/// The result where there are no maps: the tensor library reads beyond the end of parts of an empty tensor.
fn nothing(x: &Tensor, (h, w): (usize, usize)) -> Result<Option<Tensor>> {
    let (batch, channels, ..) = x.dims4()?;
    let is_empty = batch * channels == 0;
    Ok(is_empty.then(|| Tensor::zeros((batch, channels, h, w), x.dtype(), x.device())).transpose()?)
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

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::testing::{PATHS, check_gradients, check_paths, gradients, normal, shuffled, values};
    use super::*;

    fn cases() -> Vec<([usize; 4], PoolSpec)> {
        let spec = |kernel, stride, padding| PoolSpec { kernel, stride, padding };
        vec![
            ([2, 3, 6, 4], spec(2, 2, 0)),
            ([1, 2, 5, 7], spec(2, 2, 0)),
            ([2, 1, 7, 6], spec(3, 2, 1)),
            ([1, 2, 5, 5], spec(3, 1, 1)),
            ([1, 1, 6, 6], spec(3, 3, 0)),
            ([1, 2, 5, 6], spec(2, 3, 1)),
            ([2, 2, 3, 3], spec(1, 1, 0)),
            ([2, 2, 1, 1], spec(1, 1, 0)),
            ([1, 1, 1, 1], spec(2, 2, 1)),
        ]
    }

    #[test]
    fn gradients_agree_with_differences_on_both_paths() {
        for (x, spec) in cases() {
            let x = [shuffled(1, &x)];
            for path in PATHS {
                check_gradients(&x, |x| max_pool2d_by(path, &x[0], &spec));
                check_gradients(&x, |x| avg_pool2d_by(path, &x[0], &spec));
            }
            check_paths(&x, |x, path| max_pool2d_by(path, &x[0], &spec));
            check_paths(&x, |x, path| avg_pool2d_by(path, &x[0], &spec));
        }
        for size in [(1, 1), (2, 3), (5, 4), (7, 6)] {
            check_gradients(&[normal(1, &[2, 2, 5, 4])], |x| adaptive_avg_pool2d(&x[0], size));
        }
        check_gradients(&[normal(1, &[2, 3, 5, 4])], |x| global_avg_pool2d(&x[0]));
    }

    #[test]
    fn a_tie_gives_its_gradient_to_the_first_entry() {
        let x = Tensor::new(&[[[[1f64, 5., 0., 0.], [5., 5., 0., 0.]]]], &Device::Cpu).unwrap();
        for path in PATHS {
            let f = |x: &[Tensor]| max_pool2d_by(path, &x[0], &PoolSpec::tiling(2));
            let gradient = values(&gradients(std::slice::from_ref(&x), &f)[0]);
            let given: Vec<bool> = gradient.iter().map(|&g| g != 0.0).collect();
            assert_eq!(given, [false, true, true, false, false, false, false, false]);
        }
    }

    #[test]
    fn nan_and_infinities_pass() {
        let (nan, low) = (f64::NAN, f64::NEG_INFINITY);
        let x = Tensor::new(&[[[[1.0, nan, low, low], [nan, 2.0, low, low]]]], &Device::Cpu).unwrap();
        for path in PATHS {
            let y = values(&max_pool2d_by(path, &x, &PoolSpec::tiling(2)).unwrap());
            assert!(y[0].is_nan() && y[1] == low, "{path:?}: {y:?}");
        }
    }

    #[test]
    fn adaptive_cells_overlap_as_in_the_definition() {
        let x = Tensor::new(&[[[[1f64, 2., 4., 8., 16.]]]], &Device::Cpu).unwrap();
        let y = adaptive_avg_pool2d(&x, (1, 3)).unwrap();
        let expected = [1.5, 14.0 / 3.0, 12.0];
        assert!(values(&y).iter().zip(expected).all(|(y, e)| (y - e).abs() < 1e-14), "{y}");
        assert_eq!(values(&adaptive_avg_pool2d(&x, (1, 1)).unwrap()), [6.2]);
    }

    #[test]
    fn impossible_windows_are_refused() {
        let x = normal(1, &[1, 1, 4, 4]);
        let spec = |kernel, stride, padding| PoolSpec { kernel, stride, padding };
        for spec in [spec(0, 1, 0), spec(2, 0, 0), spec(5, 1, 0), spec(2, 1, 2)] {
            assert!(max_pool2d(&x, &spec).is_err() && avg_pool2d(&x, &spec).is_err());
        }
        assert!(global_avg_pool2d(&normal(1, &[1, 1, 0, 4])).is_err());
    }
}
