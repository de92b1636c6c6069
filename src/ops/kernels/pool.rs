//! Max and average pooling.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

use super::{Operand, Real, by_dtype, each, entries, with_entries};
use crate::ops::pool::PoolSpec;

/// Which pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Pooled {
    Max,
    Average,
}

/// Pooling of `[batch, channels, h, w]` to `[batch, channels, size.0, size.1]`.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Pool {
    pub pooled: Pooled,
    pub spec: PoolSpec,
    pub size: (usize, usize),
}

impl Pool {
    fn compute<T: Real>(&self, x: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        let (batch, channels, h, w) = x.1.shape().dims4()?;
        let (oh, ow) = self.size;
        let x = entries::<T>(x)?;
        let mut y = vec![T::zero(); batch * channels * oh * ow];
        let maps: Vec<_> = y.chunks_mut(oh * ow).zip(x.chunks(h * w)).collect();
        each(maps, x.len() * 4, |(y, x)| match self.pooled {
            Pooled::Max => self.max(x, (h, w), y),
            Pooled::Average => self.average(x, (h, w), y),
        });
        Ok((T::to_cpu_storage_owned(y), (batch, channels, oh, ow).into()))
    }

    /// Calls `visit(output, input, length)` for runs of outputs that read inputs a stride apart,
    /// tap by tap in row-major order within each window.
    fn runs(&self, (h, w): (usize, usize), mut visit: impl FnMut(usize, usize, usize)) {
        let PoolSpec { kernel, stride, padding } = self.spec;
        let (oh, ow) = self.size;
        for oy in 0..oh {
            for i in 0..kernel {
                let Some(y) = (oy * stride + i).checked_sub(padding).filter(|&y| y < h) else { continue };
                for j in 0..kernel {
                    // Outputs whose tap lies on the map: padding <= ox * stride + j < padding + w.
                    let first = padding.saturating_sub(j).div_ceil(stride);
                    let end = (padding + w).saturating_sub(j).div_ceil(stride).min(ow);
                    if first < end {
                        visit(oy * ow + first, y * w + first * stride + j - padding, end - first);
                    }
                }
            }
        }
    }

    fn max<T: Real>(&self, x: &[T], hw: (usize, usize), y: &mut [T]) {
        y.fill(T::from_f64(f64::NEG_INFINITY));
        self.runs(hw, |to, from, n| {
            let x = x[from..].iter().step_by(self.spec.stride);
            for (best, &x) in y[to..to + n].iter_mut().zip(x) {
                if x > *best || x.is_nan() {
                    *best = x;
                }
            }
        });
    }

    fn average<T: Real>(&self, x: &[T], hw: (usize, usize), y: &mut [T]) {
        self.runs(hw, |to, from, n| {
            let x = x[from..].iter().step_by(self.spec.stride);
            y[to..to + n].iter_mut().zip(x).for_each(|(sum, &x)| *sum += x);
        });
        let share = self.share::<T>();
        y.iter_mut().for_each(|y| *y *= share);
    }

    fn share<T: Real>(&self) -> T {
        T::from_f64(1.0 / (self.spec.kernel * self.spec.kernel) as f64)
    }

    fn gradient<T: Real>(&self, x: &[T], y: &[T], of: &[T], (h, w): (usize, usize)) -> Vec<T> {
        let mut gradient = vec![T::zero(); x.len()];
        let n = self.size.0 * self.size.1;
        let maps = gradient.chunks_mut(h * w).zip(x.chunks(h * w)).zip(y.chunks(n).zip(of.chunks(n)));
        each(maps.collect(), x.len() * 8, |((gradient, x), (y, of))| match self.pooled {
            Pooled::Max => self.max_gradient(x, (h, w), y, of, gradient),
            Pooled::Average => {
                let share = self.share::<T>();
                self.runs((h, w), |to, from, n| {
                    let gradient = gradient[from..].iter_mut().step_by(self.spec.stride);
                    gradient.zip(&of[to..to + n]).for_each(|(gradient, &of)| *gradient += of * share);
                });
            }
        });
        gradient
    }

    /// Each output's gradient goes to the first entry of its window that is the maximum.
    fn max_gradient<T: Real>(&self, x: &[T], hw: (usize, usize), y: &[T], of: &[T], gradient: &mut [T]) {
        let mut given = vec![false; y.len()];
        self.runs(hw, |to, from, n| {
            for k in 0..n {
                let (output, input) = (to + k, from + k * self.spec.stride);
                let (value, best) = (x[input], y[output]);
                if !given[output] && (value == best || value.is_nan()) {
                    given[output] = true;
                    gradient[input] += of[output];
                }
            }
        });
    }
}

impl CustomOp1 for Pool {
    fn name(&self) -> &'static str {
        "pooling"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => self.compute::<T>((x, layout)))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, of: &Tensor) -> Result<Option<Tensor>> {
        let (_, _, h, w) = x.dims4()?;
        let gradient = with_entries([x, y, of], |[x, y, of]| {
            by_dtype!(x.0, T => {
                let gradient = self.gradient::<T>(entries(x)?, entries(y)?, entries(of)?, (h, w));
                Tensor::from_vec(gradient, x.1.shape(), &Device::Cpu)
            })
        })?;
        Ok(Some(gradient))
    }
}
