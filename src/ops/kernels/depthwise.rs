//! Convolutions of each channel with a kernel of its own: too little work per map for slabs and panels.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use std::ops::Range;

use super::fresh::{filled, written};
use super::geometry::Geometry;
use super::instruction_set::vectorised;
use super::slab::source;
use super::{Real, each};

/// Multiplications of a product of matrices that take as long as one here.
const COST: usize = 16;

/// Whether every channel has one kernel and no other channel reads it.
pub(super) fn serves(g: &Geometry) -> bool {
    g.channels == g.groups && g.out == g.groups
}

/// `y` `[batch, channels, oh, ow]` of `x` `[batch, channels, h, w]`; `weight` `[channels, kh, kw]`.
pub(super) fn forward<T: Real>(g: &Geometry, x: &[T], weight: &[T], bias: Option<&[T]>) -> Vec<T> {
    let (map, positions) = (g.h * g.w, g.positions());
    let walk = Walk::new(g);
    // SAFETY: every map of `y` is filled.
    unsafe {
        written(g.batch * g.out * positions, |y| {
            let jobs = y.chunks_mut(positions.max(1)).enumerate().collect();
            each(jobs, COST * g.multiplications(), |(i, y)| {
                let (channel, x) = (i % g.groups, &x[i * map..(i + 1) * map]);
                let y = filled(y, bias.map_or(T::zero(), |bias| bias[channel]));
                let kernel = &weight[channel * g.taps()..][..g.taps()];
                vectorised(
                    #[inline(always)]
                    || {
                        walk.each_row(|r, from, tap, columns| {
                            let (y, x) = (&mut y[r * g.ow..][..g.ow], &x[from * g.w..][..g.w]);
                            columns.each(y, x, |y, &x| *y += kernel[tap] * x);
                        })
                    },
                );
            });
        })
    }
}

/// `x` that `y` spreads to.
pub(super) fn transposed<T: Real>(g: &Geometry, y: &[T], weight: &[T], bias: Option<&[T]>) -> Vec<T> {
    let (map, positions) = (g.h * g.w, g.positions());
    let walk = Walk::new(g);
    // SAFETY: every map of `x` is filled.
    unsafe {
        written(g.batch * g.channels * map, |x| {
            let jobs = x.chunks_mut(map.max(1)).enumerate().collect();
            each(jobs, COST * g.multiplications(), |(i, x)| {
                let (channel, y) = (i % g.groups, &y[i * positions..(i + 1) * positions]);
                let x = filled(x, bias.map_or(T::zero(), |bias| bias[channel]));
                let kernel = &weight[channel * g.taps()..][..g.taps()];
                vectorised(
                    #[inline(always)]
                    || {
                        walk.each_row(|r, to, tap, columns| {
                            let (y, x) = (&y[r * g.ow..][..g.ow], &mut x[to * g.w..][..g.w]);
                            columns.each_back(y, x, |&y, x| *x += kernel[tap] * y);
                        })
                    },
                );
            });
        })
    }
}

/// Gradient `[channels, 1, kh, kw]` of the weight from the input `x` and the gradient `y` of the output.
pub(super) fn weight_gradient<T: Real>(g: &Geometry, x: &[T], y: &[T]) -> Vec<T> {
    let (map, positions) = (g.h * g.w, g.positions());
    let mut gradient = vec![T::zero(); g.groups * g.taps()];
    let walk = Walk::new(g);
    let jobs = gradient.chunks_mut(g.taps()).enumerate().collect();
    each(jobs, COST * g.multiplications(), |(channel, gradient)| {
        let mut sums = vec![0.0; g.taps()];
        for i in (0..g.batch).map(|sample| sample * g.groups + channel) {
            let (x, y) = (&x[i * map..][..map], &y[i * positions..][..positions]);
            vectorised(
                #[inline(always)]
                || {
                    walk.each_row(|r, from, tap, columns| {
                        let (y, x) = (&y[r * g.ow..(r + 1) * g.ow], &x[from * g.w..(from + 1) * g.w]);
                        let mut sum = T::zero();
                        columns.each_pair(y, x, |&y, &x| sum += y * x);
                        // Rows in their own type, all of them in double precision.
                        sums[tap] += sum.to_f64();
                    })
                },
            );
        }
        gradient.iter_mut().zip(sums).for_each(|(to, sum)| *to = T::from_f64(sum));
    });
    gradient
}

/// Which entries of a map each tap meets.
struct Walk<'a> {
    g: &'a Geometry,
    /// Of each column of the kernel.
    columns: Vec<Columns>,
}

impl<'a> Walk<'a> {
    fn new(g: &'a Geometry) -> Self {
        Self { g, columns: (0..g.kw).map(|j| Columns::new(g, j)).collect() }
    }

    /// Calls `visit(output row, input row, tap, columns)` wherever a tap meets a row of the map.
    #[inline(always)]
    fn each_row(&self, mut visit: impl FnMut(usize, usize, usize, &Columns)) {
        let g = self.g;
        for r in 0..g.oh {
            for i in 0..g.kh {
                let Some(row) = source(r * g.stride + i, g.padding, g.h, g.pad_mode) else { continue };
                for (j, columns) in self.columns.iter().enumerate() {
                    visit(r, row, i * g.kw + j, columns);
                }
            }
        }
    }
}

/// The columns of the input that the columns of the output read with one tap.
struct Columns {
    /// Columns of the output that read the map itself, every `stride`-th column from `first` on.
    run: Range<usize>,
    first: usize,
    stride: usize,
    /// Columns of the output that read what is mirrored, and which column that is.
    mirrored: Vec<(usize, usize)>,
}

impl Columns {
    fn new(g: &Geometry, j: usize) -> Self {
        // Column `c` reads padded column `c * stride + j`.
        let until = |padded: usize| padded.saturating_sub(j).div_ceil(g.stride).min(g.ow);
        let run = until(g.padding)..until(g.padding + g.w);
        let around = (0..run.start).chain(run.end..g.ow);
        let mirrored =
            around.filter_map(|c| Some((c, source(c * g.stride + j, g.padding, g.w, g.pad_mode)?)));
        let first = (run.start * g.stride + j).saturating_sub(g.padding);
        Self { mirrored: mirrored.collect(), run, first, stride: g.stride }
    }

    #[inline(always)]
    fn each<T>(&self, y: &mut [T], x: &[T], mut f: impl FnMut(&mut T, &T)) {
        let (to, from) = (&mut y[self.run.clone()], &x[self.first.min(x.len())..]);
        match self.stride {
            1 => to.iter_mut().zip(from).for_each(|(y, x)| f(y, x)),
            2 => to.iter_mut().zip(from.chunks(2)).for_each(|(y, x)| f(y, &x[0])),
            stride => to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(y, x)| f(y, x)),
        }
        self.mirrored.iter().for_each(|&(c, from)| f(&mut y[c], &x[from]));
    }

    #[inline(always)]
    fn each_back<T>(&self, y: &[T], x: &mut [T], mut f: impl FnMut(&T, &mut T)) {
        let n = x.len();
        let (from, to) = (&y[self.run.clone()], &mut x[self.first.min(n)..]);
        match self.stride {
            1 => from.iter().zip(to).for_each(|(y, x)| f(y, x)),
            stride => from.iter().zip(to.iter_mut().step_by(stride)).for_each(|(y, x)| f(y, x)),
        }
        self.mirrored.iter().for_each(|&(c, to)| f(&y[c], &mut x[to]));
    }

    #[inline(always)]
    fn each_pair<T>(&self, y: &[T], x: &[T], mut f: impl FnMut(&T, &T)) {
        let from = x[self.first.min(x.len())..].iter().step_by(self.stride);
        y[self.run.clone()].iter().zip(from).for_each(|(y, x)| f(y, x));
        self.mirrored.iter().for_each(|&(c, from)| f(&y[c], &x[from]));
    }
}
