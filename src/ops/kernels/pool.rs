//! Max and average pooling.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::fresh::{Room, filled, written};
use super::instruction_set::vectorised;
use super::{ENTRY, Operand, Real, by_dtype, computed, each, entries};
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
        // SAFETY: the maps are all of `y`, and each of the three writes all of one.
        let y = unsafe {
            written(batch * channels * oh * ow, |y| {
                let maps = y.chunks_mut(oh * ow).zip(x.chunks(h * w));
                each(maps.collect(), ENTRY * x.len(), |(y, x)| match self.pooled {
                    Pooled::Max if self.halves() => self.halved(x, w, y),
                    Pooled::Max => self.max(x, (h, w), filled(y, T::from_f64(f64::NEG_INFINITY))),
                    Pooled::Average => self.average(x, (h, w), filled(y, T::zero())),
                });
            })
        };
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

    /// Larger entries of `x` take the place of those in `y`.
    fn max<T: Real>(&self, x: &[T], hw: (usize, usize), y: &mut [T]) {
        self.runs(hw, |to, from, n| {
            let x = x[from..].iter().step_by(self.spec.stride);
            for (best, &x) in y[to..to + n].iter_mut().zip(x) {
                *best = if (x > *best) | x.is_nan() { x } else { *best };
            }
        });
    }

    /// Whether windows are two by two, side by side: the common case, worth its own loops.
    fn halves(&self) -> bool {
        self.spec == PoolSpec::tiling(2)
    }

    /// The two rows of each row of windows, in pairs of columns.
    fn pairs<'a, T>(&self, x: &'a [T], w: usize) -> impl Iterator<Item = (&'a [[T; 2]], &'a [[T; 2]])> {
        x.chunks_exact(2 * w).map(move |rows| (rows[..w].as_chunks().0, rows[w..].as_chunks().0))
    }

    fn halved<T: Real>(&self, x: &[T], w: usize, y: &mut [Room<T>]) {
        // NaN is passed on: one in `b` fails the comparison, one in `a` has a test of its own.
        let larger = |a: T, b: T| if (a >= b) | a.is_nan() { a } else { b };
        for ((top, bottom), y) in self.pairs(x, w).zip(y.chunks_exact_mut(self.size.1)) {
            for (y, (top, bottom)) in y.iter_mut().zip(top.iter().zip(bottom)) {
                y.write(larger(larger(top[0], top[1]), larger(bottom[0], bottom[1])));
            }
        }
    }

    fn halved_gradient<T: Real>(&self, x: &[T], w: usize, y: &[T], of: &[T], gradient: &mut [T]) {
        let rows = self.pairs(x, w).zip(y.chunks_exact(self.size.1)).zip(of.chunks_exact(self.size.1));
        for ((((top, bottom), y), of), gradient) in rows.zip(gradient.chunks_exact_mut(2 * w)) {
            let (above, below) = gradient.split_at_mut(w);
            let to = above.as_chunks_mut().0.iter_mut().zip(below.as_chunks_mut().0);
            for (((to, x), &y), &of) in to.zip(top.iter().zip(bottom)).zip(y).zip(of) {
                let is_best = |x: T| (x == y) | x.is_nan();
                let best = [x.0[0], x.0[1], x.1[0], x.1[1]].map(is_best);
                let given = |here: bool| if here { of } else { T::zero() };
                *to.0 = [given(best[0]), given(best[1] & !best[0])];
                let above = best[0] | best[1];
                *to.1 = [given(best[2] & !above), given(best[3] & !(above | best[2]))];
            }
        }
    }

    /// `y` holds zeros.
    fn average<T: Real>(&self, x: &[T], hw: (usize, usize), y: &mut [T]) {
        self.runs(hw, |to, from, n| {
            let x = x[from..].iter().step_by(self.spec.stride);
            let sums = y[to..to + n].iter_mut();
            vectorised(
                #[inline(always)]
                || sums.zip(x).for_each(|(sum, &x)| *sum += x),
            );
        });
        let share = self.share::<T>();
        vectorised(
            #[inline(always)]
            || y.iter_mut().for_each(|y| *y *= share),
        );
    }

    fn share<T: Real>(&self) -> T {
        T::from_f64(1.0 / (self.spec.kernel * self.spec.kernel) as f64)
    }

    fn gradient<T: Real>(&self, x: &[T], y: &[T], of: &[T], (h, w): (usize, usize)) -> Vec<T> {
        let n = self.size.0 * self.size.1;
        assert_eq!((y.len(), of.len()), (x.len() / (h * w) * n, y.len()), "maps of one pooling");
        // SAFETY: every map of the gradient is filled.
        unsafe {
            written(x.len(), |gradient| {
                let maps = gradient.chunks_mut(h * w).zip(x.chunks(h * w)).zip(y.chunks(n).zip(of.chunks(n)));
                each(maps.collect(), 2 * ENTRY * x.len(), |((gradient, x), (y, of))| {
                    let gradient = filled(gradient, T::zero());
                    match self.pooled {
                        Pooled::Max if self.halves() => self.halved_gradient(x, w, y, of, gradient),
                        Pooled::Max => self.max_gradient(x, (h, w), y, of, gradient),
                        Pooled::Average => {
                            let share = self.share::<T>();
                            self.runs((h, w), |to, from, n| {
                                let gradient = gradient[from..].iter_mut().step_by(self.spec.stride);
                                gradient
                                    .zip(&of[to..to + n])
                                    .for_each(|(gradient, &of)| *gradient += of * share);
                            });
                        }
                    }
                });
            })
        }
    }

    /// The gradient of `x`, whose pooling is `y`, from that of `y`.
    pub fn back(&self, x: &Tensor, y: &Tensor, of: &Tensor) -> Result<Tensor> {
        let (_, _, h, w) = x.dims4()?;
        computed!([x, y, of] as T, x.shape() => self.gradient::<T>(x, y, of, (h, w)))
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
        self.back(x, y, of).map(Some)
    }
}
