//! Blurred halving of maps: rows first, then columns, one output row at a time.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::fresh::{Room, filled, written};
use super::instruction_set::vectorised;
use super::{ENTRY, Operand, Real, by_dtype, computed, each, entries};

/// Entries of a window along one axis.
const TAPS: usize = 4;

/// The same weights along rows and columns; windows move by two from one entry before the map on, and
/// what lies around it is given per axis.
#[derive(Clone, Debug)]
pub(in crate::ops) struct Blur {
    pub weights: [f64; TAPS],
    /// The row of the map that each padded row is, from the first that a window reads.
    pub rows: Vec<usize>,
    pub columns: Vec<usize>,
}

impl Blur {
    /// Rows and columns of a blurred map.
    fn size(&self) -> (usize, usize) {
        let of = |axis: &[usize]| (axis.len() - TAPS) / 2 + 1;
        (of(&self.rows), of(&self.columns))
    }

    fn weights<T: Real>(&self) -> [T; TAPS] {
        self.weights.map(T::from_f64)
    }

    fn compute<T: Real>(&self, x: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        let (batch, channels, h, w) = x.1.shape().dims4()?;
        let (x, (rows, columns)) = (entries::<T>(x)?, self.size());
        // SAFETY: `blur` writes all rows of a map.
        let y = unsafe {
            written(batch * channels * rows * columns, |y| {
                let maps = y.chunks_mut(rows * columns).zip(x.chunks(h * w));
                each(maps.collect(), ENTRY * x.len(), |(y, x)| self.blur(x, w, y));
            })
        };
        Ok((T::to_cpu_storage_owned(y), (batch, channels, rows, columns).into()))
    }

    fn blur<T: Real>(&self, x: &[T], w: usize, y: &mut [Room<T>]) {
        let [a, b, c, d] = self.weights::<T>();
        let mut sums = vec![T::zero(); w];
        let mut padded = vec![T::zero(); self.columns.len().next_multiple_of(2)];
        for (y, sources) in y.chunks_exact_mut(self.size().1).zip(self.rows.windows(TAPS).step_by(2)) {
            let row = |i: usize| &x[sources[i] * w..][..w];
            let rows = row(0).iter().zip(row(1)).zip(row(2)).zip(row(3));
            vectorised(
                #[inline(always)]
                || {
                    sums.iter_mut().zip(rows).for_each(|(sum, (((&x0, &x1), &x2), &x3))| {
                        *sum = a * x0 + b * x1 + c * x2 + d * x3;
                    });
                },
            );
            padded.iter_mut().zip(&self.columns).for_each(|(to, &column)| *to = sums[column]);
            let pairs = padded.as_chunks::<2>().0;
            vectorised(
                #[inline(always)]
                || {
                    y.iter_mut().zip(pairs.iter().zip(&pairs[1..])).for_each(
                        |(y, (&[x0, x1], &[x2, x3]))| {
                            y.write(a * x0 + b * x1 + c * x2 + d * x3);
                        },
                    );
                },
            );
        }
    }

    fn gradient<T: Real>(&self, of: &[T], (h, w): (usize, usize)) -> Vec<T> {
        let (rows, columns) = self.size();
        let n = of.len() / (rows * columns) * h * w;
        // SAFETY: every map is filled.
        unsafe {
            written(n, |gradient| {
                let maps = gradient.chunks_mut(h * w).zip(of.chunks(rows * columns));
                each(maps.collect(), ENTRY * n, |(gradient, of)| {
                    self.spread(of, w, filled(gradient, T::zero()));
                });
            })
        }
    }

    /// Adds to `gradient`.
    fn spread<T: Real>(&self, of: &[T], w: usize, gradient: &mut [T]) {
        let weights = self.weights::<T>();
        for (of, sources) in of.chunks_exact(self.size().1).zip(self.rows.windows(TAPS).step_by(2)) {
            let mut sums = vec![T::zero(); w];
            for (&of, columns) in of.iter().zip(self.columns.windows(TAPS).step_by(2)) {
                columns.iter().zip(weights).for_each(|(&column, weight)| sums[column] += weight * of);
            }
            for (&row, weight) in sources.iter().zip(weights) {
                let gradient = &mut gradient[row * w..][..w];
                gradient.iter_mut().zip(&sums).for_each(|(gradient, &sum)| *gradient += weight * sum);
            }
        }
    }
}

impl CustomOp1 for Blur {
    fn name(&self) -> &'static str {
        "blurred halving"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => self.compute::<T>((x, layout)))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, of: &Tensor) -> Result<Option<Tensor>> {
        let (_, _, h, w) = x.dims4()?;
        computed!([of] as T, x.shape() => self.gradient::<T>(of, (h, w))).map(Some)
    }
}
