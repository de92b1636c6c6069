//! Sums over windows with vectors of output channels, from the same slab as with vectors of positions.
//!
//! An entry of the slab is read alone and spread over a vector, so that tiles are made of any positions
//! and none is computed in vain; taps that only read the zeros around a map are left out. The results
//! are turned around at the end.
#![expect(unsafe_code, reason = "vectors are read from slab and panels, whose sizes are checked per call")]
#![expect(clippy::needless_range_loop, reason = "iterators over arrays keep their sums out of registers")]

use std::array::from_fn;
use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::Real;
use super::fresh::Room;
use super::instruction_set::has_many_registers;
use super::panels::{AHEAD, CHANNEL_VECTORS};
use super::prefetch::prefetch_line;
use super::tile::Tile;
use super::windows::{SUMS, Windows, plus, short};

/// Entries of one tile at the most: vectors of channels at all of its positions.
const STEP: usize = 512;

pub(super) struct SumByChannels<'a, 'b, T: Real> {
    windows: &'a Windows<'a, T>,
    to: &'a mut Tile<'b, Room<T>>,
    /// Where the window of each position begins in a map of the slab.
    at: Vec<usize>,
}

impl<'a, 'b, T: Real> SumByChannels<'a, 'b, T> {
    /// `windows` were checked against slab and panels.
    pub fn new(windows: &'a Windows<'a, T>, to: &'a mut Tile<'b, Room<T>>) -> Self {
        let (width, pitch) = (windows.width, windows.slab.pitch);
        let at = windows.rows.clone().flat_map(|r| (0..width).map(move |c| r * pitch + c)).collect();
        Self { windows, to, at }
    }
}

impl<T: Real> WithSimd for SumByChannels<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (n, height) = (self.to.n_rows(), self.windows.layout.height);
        let depth = self.windows.channels * self.windows.slab.offsets.len();
        assert_eq!(height, CHANNEL_VECTORS * T::lanes::<S>(), "panels for vectors of channels");
        for first in (0..n).step_by(height) {
            let panel = &self.windows.panels[first * depth..][..height * depth];
            if n - first > T::lanes::<S>() {
                self.panel::<S, CHANNEL_VECTORS>(simd, panel, first);
            } else {
                self.panel::<S, 1>(simd, panel, first);
            }
        }
    }
}

/// Columns from which a row of the map is worth tiles of its own.
const WIDE: usize = 5;

/// How many positions to compute next where `left` of `n` are left: one of `sizes`.
pub(super) fn tile(left: usize, n: usize, sizes: &[usize]) -> usize {
    let most = sizes.last().copied().unwrap_or(1);
    // A small rest would leave the multipliers waiting: two tiles of middle size instead.
    let wanted = match left {
        left if left > most && left < most + most / 2 => left.div_ceil(2),
        left => left.min(most),
    };
    let fitting = sizes.iter().copied().find(|&size| size >= wanted && size <= n);
    fitting.unwrap_or_else(|| sizes.iter().copied().rfind(|&size| size <= wanted).unwrap_or(1))
}

impl<T: Real> SumByChannels<'_, '_, T> {
    /// `V` vectors of channels from `first` on at all positions.
    #[inline(always)]
    fn panel<S: Simd, const V: usize>(&mut self, simd: S, panel: &[T], first: usize) {
        let (width, rows) = (self.windows.width, self.windows.rows.len());
        let many = has_many_registers();
        if width < WIDE {
            let sizes: &[usize] = if many { &[1, 2, 4, 8] } else { &[1, 2, 4] };
            let n = rows * width;
            let mut done = 0;
            while done < n {
                let size = tile(n - done, n, sizes);
                // The last tile may compute some positions once more.
                let from = done.min(n - size);
                match size {
                    1 => self.scattered::<S, V, 1>(simd, panel, first, from),
                    2 => self.scattered::<S, V, 2>(simd, panel, first, from),
                    4 => self.scattered::<S, V, 4>(simd, panel, first, from),
                    _ => self.scattered::<S, V, 8>(simd, panel, first, from),
                }
                done = from + size;
            }
            return;
        }
        let sizes: &[usize] = if many { &[2, 4, 5, 6, 7, 8, 10, 12, 14] } else { &[2, 4, 5, 6] };
        for row in 0..rows {
            let mut done = 0;
            while done < width {
                let size = tile(width - done, width, sizes);
                let at = done.min(width - size);
                let from = row * width + at;
                match size {
                    2 => self.run::<S, V, 2>(simd, panel, first, from),
                    4 => self.run::<S, V, 4>(simd, panel, first, from),
                    5 => self.run::<S, V, 5>(simd, panel, first, from),
                    6 => self.run::<S, V, 6>(simd, panel, first, from),
                    7 => self.run::<S, V, 7>(simd, panel, first, from),
                    8 => self.run::<S, V, 8>(simd, panel, first, from),
                    10 => self.run::<S, V, 10>(simd, panel, first, from),
                    12 => self.run::<S, V, 12>(simd, panel, first, from),
                    _ => self.run::<S, V, 14>(simd, panel, first, from),
                }
                done = at + size;
            }
        }
    }

    /// `V` vectors of channels at `P` positions of one row.
    #[inline(always)]
    fn run<S: Simd, const V: usize, const P: usize>(
        &mut self,
        simd: S,
        panel: &[T],
        first: usize,
        from: usize,
    ) {
        let start = self.at[from];
        let sums = self.sums::<S, V, P>(simd, panel, self.taps(from, from), |p| start + p);
        self.keep::<S, V, P>(sums, first, from);
    }

    /// `V` vectors of channels at `P` positions of some rows.
    #[inline(always)]
    fn scattered<S: Simd, const V: usize, const P: usize>(
        &mut self,
        simd: S,
        panel: &[T],
        first: usize,
        from: usize,
    ) {
        let at: [usize; P] = from_fn(|p| self.at[from + p]);
        let sums = self.sums::<S, V, P>(simd, panel, self.taps(from, from + P - 1), |p| at[p]);
        self.keep::<S, V, P>(sums, first, from);
    }

    /// The taps that matter somewhere between two positions.
    fn taps(&self, from: usize, to: usize) -> Range<usize> {
        let Windows { slab, rows, width, .. } = self.windows;
        slab.taps(rows.start + from / width, rows.start + to / width)
    }

    #[inline(always)]
    fn sums<S: Simd, const V: usize, const P: usize>(
        &self,
        simd: S,
        panel: &[T],
        taps: Range<usize>,
        at: impl Fn(usize) -> usize,
    ) -> [[T::Vector<S>; V]; P] {
        let Windows { slab, maps, channels, layout, .. } = self.windows;
        let lanes = T::lanes::<S>();
        let short = short(*channels, slab.offsets.len());
        let zeros = [[T::splat(simd, T::zero()); V]; P];
        let mut totals = zeros;
        let offsets = &slab.offsets[taps.clone()];
        for long in (0..*channels).step_by(short * SUMS) {
            let mut sums_of_sums = zeros;
            for begin in (long..(long + short * SUMS).min(*channels)).step_by(short) {
                let mut sums = zeros;
                for channel in begin..(begin + short).min(*channels) {
                    let first = (channel * slab.offsets.len() + taps.start) * layout.height;
                    let mut weights = panel.as_ptr().wrapping_add(first);
                    for &offset in offsets {
                        // SAFETY: `Windows::sum` checked that slab and panels reach as far.
                        unsafe {
                            let map = maps.as_ptr().add(channel * slab.channel + offset);
                            let ws: [T::Vector<S>; V] = from_fn(|v| T::load::<S>(weights.add(v * lanes)));
                            for v in 0..V {
                                prefetch_line(weights.wrapping_add(AHEAD * layout.height + v * lanes));
                            }
                            for p in 0..P {
                                let x = T::splat(simd, *map.add(at(p)));
                                for v in 0..V {
                                    sums[p][v] = T::mul_add(simd, ws[v], x, sums[p][v]);
                                }
                            }
                        }
                        weights = weights.wrapping_add(layout.height);
                    }
                }
                plus::<T, S, P, V>(simd, &mut sums_of_sums, sums);
            }
            plus::<T, S, P, V>(simd, &mut totals, sums_of_sums);
        }
        totals
    }

    /// Turns sums around: a row per channel, with the bias.
    #[inline(always)]
    fn keep<S: Simd, const V: usize, const P: usize>(
        &mut self,
        sums: [[T::Vector<S>; V]; P],
        first: usize,
        from: usize,
    ) {
        let lanes = T::lanes::<S>();
        let mut step = MaybeUninit::<[T; STEP]>::uninit();
        let start = step.as_mut_ptr().cast::<T>();
        assert!(P * V * lanes <= STEP, "room for one tile");
        // SAFETY: there is room for `P * V` vectors, and those are written before they are read.
        let step = unsafe {
            for (p, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    T::store::<S>(start.add((p * V + v) * lanes), sum);
                }
            }
            std::slice::from_raw_parts(start, P * V * lanes)
        };
        let height = V * lanes;
        for m in 0..height.min(self.to.n_rows() - first) {
            let bias = self.windows.bias.map_or(T::zero(), |bias| bias[first + m]);
            let to = &mut self.to.row(first + m)[from..from + P];
            for (p, to) in to.iter_mut().enumerate() {
                to.write(step[p * height + m] + bias);
            }
        }
    }
}
