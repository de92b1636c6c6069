//! Sums over windows: every output channel at a stretch of positions, from a slab and panels.
//!
//! Here vectors run over positions, in `window_channels` over output channels. Positions run along the
//! slab, row after row, so that vectors stay full on maps of any width; the few entries between the end
//! of one row and the start of the next are computed and dropped.
#![expect(unsafe_code, reason = "vectors are read from slab and panels, whose sizes are checked per call")]

use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::Real;
use super::fresh::Room;
use super::instruction_set::dispatch;
use super::panels::{Layout, Vectors};
use super::slab::{SLACK, Slab};
use super::tile::Tile;
use super::window_channels::SumByChannels;

/// The windows of output rows `rows` over one group of one sample.
pub(super) struct Windows<'a, T: Real> {
    pub slab: &'a Slab,
    /// `[channels]` maps as `slab` lays them out; the slack behind them where vectors run over positions.
    pub maps: &'a [T],
    pub channels: usize,
    /// Panels of all output channels of the result.
    pub panels: &'a [T],
    pub layout: Layout,
    /// Of all output channels of the result.
    pub bias: Option<&'a [T]>,
    pub rows: Range<usize>,
    /// Columns of the output.
    pub width: usize,
}

/// Entries that one step computes at the most: vectors of eight channels.
const STEP: usize = 1024;

/// Products that are summed one after the other in a long sum.
pub(super) const SHORT: usize = 72;

/// Products of a sum that is not long: those of first layers are summed in the order of other libraries.
const WHOLE: usize = 160;

/// Short sums that are summed one after the other.
pub(super) const SUMS: usize = 8;

impl<T: Real> Windows<'_, T> {
    /// Writes `to`, a row per output channel with the positions of `rows`.
    pub fn sum(&self, to: &mut Tile<'_, Room<T>>) {
        if self.rows.is_empty() || self.width == 0 || to.n_rows() == 0 {
            return;
        }
        let depth = self.channels * self.slab.offsets.len();
        assert!(self.panels.len() >= self.layout.len(to.n_rows(), depth), "panels of every channel");
        let last = self.slab.offsets.iter().max().map_or(0, |offset| offset + self.end());
        let slack = if self.layout.vectors == Vectors::Positions { SLACK } else { 0 };
        let read = self.channels.saturating_sub(1) * self.slab.channel + last + slack;
        assert!(self.channels == 0 || read <= self.maps.len(), "a slab with slack");
        match self.layout.vectors {
            Vectors::Positions => dispatch(Sum { windows: self, to }),
            Vectors::Channels => dispatch(SumByChannels::new(self, to)),
        }
    }

    fn start(&self) -> usize {
        self.rows.start * self.slab.pitch
    }

    fn end(&self) -> usize {
        (self.rows.end - 1) * self.slab.pitch + self.width
    }
}

/// Channels whose products, `taps` each, are summed one after the other.
pub(super) fn short(channels: usize, taps: usize) -> usize {
    if channels * taps <= WHOLE { channels.max(1) } else { (SHORT / taps).max(1) }
}

struct Sum<'a, 'b, T: Real> {
    windows: &'a Windows<'a, T>,
    to: &'a mut Tile<'b, Room<T>>,
}

impl<T: Real> WithSimd for Sum<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { windows, to } = self;
        let (n, height) = (to.n_rows(), windows.layout.height);
        let depth = windows.channels * windows.slab.offsets.len();
        for first in (0..n).step_by(height) {
            let panel = &windows.panels[first * depth..][..height * depth];
            let mut block = Block { windows, panel, to, first };
            let mut channels = height.min(n - first);
            while channels > 0 {
                // Fewer channels than a panel has are computed in powers of two.
                channels -= match channels {
                    8.. => block.stretch::<S, 8, 3>(simd),
                    4.. => block.stretch::<S, 4, 3>(simd),
                    2.. => block.stretch::<S, 2, 4>(simd),
                    _ => block.stretch::<S, 1, 8>(simd),
                };
            }
        }
    }
}

/// Some output channels from `first` on.
struct Block<'a, 'b, T: Real> {
    windows: &'a Windows<'a, T>,
    /// From the first channel on.
    panel: &'a [T],
    to: &'a mut Tile<'b, Room<T>>,
    first: usize,
}

impl<T: Real> Block<'_, '_, T> {
    /// `M` channels at all positions, `V` vectors of them at a time; goes on to the next ones.
    #[inline(always)]
    fn stretch<S: Simd, const M: usize, const V: usize>(&mut self, simd: S) -> usize {
        let lanes = T::lanes::<S>();
        let (mut from, end) = (self.windows.start(), self.windows.end());
        while from < end {
            let left = (end - from).div_ceil(lanes);
            from += lanes
                * match left {
                    left if left >= V => self.step::<S, M, V>(simd, from),
                    2.. => self.step::<S, M, 2>(simd, from),
                    _ => self.step::<S, M, 1>(simd, from),
                };
        }
        self.first += M;
        self.panel = &self.panel[M.min(self.panel.len())..];
        M
    }

    /// `M` channels at `V` vectors of positions from `from` on.
    #[inline(always)]
    fn step<S: Simd, const M: usize, const V: usize>(&mut self, simd: S, from: usize) -> usize {
        const { assert!(M * V <= 24) };
        let Windows { slab, maps, channels, layout: Layout { height, .. }, .. } = self.windows;
        let lanes = T::lanes::<S>();
        // Sums of short sums of short stretches round less than one long sum.
        let short = short(*channels, slab.offsets.len());
        let zeros = [[T::splat(simd, T::zero()); V]; M];
        let mut totals = zeros;
        let mut weights = self.panel.as_ptr();
        for long in (0..*channels).step_by(short * SUMS) {
            let mut sums_of_sums = zeros;
            for first in (long..(long + short * SUMS).min(*channels)).step_by(short) {
                let mut sums = zeros;
                for channel in first..(first + short).min(*channels) {
                    for &offset in &slab.offsets {
                        // SAFETY: `sum` checked that slab and panels reach as far; the last panel may
                        // be entered at a later channel, whose weights still lie in it.
                        unsafe {
                            let x = maps.as_ptr().add(channel * slab.channel + offset + from);
                            let mut xs = [T::splat(simd, T::zero()); V];
                            for (v, to) in xs.iter_mut().enumerate() {
                                *to = T::load::<S>(x.add(v * lanes));
                            }
                            for (m, sums) in sums.iter_mut().enumerate() {
                                let weight = T::splat(simd, *weights.add(m));
                                for (sum, x) in sums.iter_mut().zip(xs) {
                                    *sum = T::mul_add(simd, weight, x, *sum);
                                }
                            }
                        }
                        weights = weights.wrapping_add(*height);
                    }
                }
                plus::<T, S, M, V>(simd, &mut sums_of_sums, sums);
            }
            plus::<T, S, M, V>(simd, &mut totals, sums_of_sums);
        }
        let mut step = MaybeUninit::<[T; STEP]>::uninit();
        let start = step.as_mut_ptr().cast::<T>();
        assert!(M * V * lanes <= STEP, "room for one step");
        // SAFETY: there is room for `M * V` vectors, and those are written before they are read.
        let step = unsafe {
            for (m, totals) in totals.into_iter().enumerate() {
                for (v, sum) in totals.into_iter().enumerate() {
                    T::store::<S>(start.add((m * V + v) * lanes), sum);
                }
            }
            std::slice::from_raw_parts(start, M * V * lanes)
        };
        self.keep::<M>(step, from, V * lanes);
        V
    }

    /// Copies what `step` (`[M, n]`) has at real positions, with the bias.
    #[inline(always)]
    fn keep<const M: usize>(&mut self, step: &[T], from: usize, n: usize) {
        let Windows { slab, rows, width, bias, .. } = self.windows;
        let end = self.windows.end().min(from + n);
        let mut at = from;
        while at < end {
            let (r, c) = (at / slab.pitch, at % slab.pitch);
            if c >= *width {
                at = (r + 1) * slab.pitch;
                continue;
            }
            let run = (width - c).min(end - at);
            for m in 0..M {
                let bias = bias.map_or(T::zero(), |bias| bias[self.first + m]);
                let to = &mut self.to.row(self.first + m)[(r - rows.start) * width + c..][..run];
                let from = &step[m * n + at - from..][..run];
                to.iter_mut().zip(from).for_each(|(to, &sum)| _ = to.write(sum + bias));
            }
            at += run;
        }
    }
}

/// Adds `found` to `sums`, entry by entry.
#[inline(always)]
pub(super) fn plus<T: Real, S: Simd, const M: usize, const V: usize>(
    simd: S,
    sums: &mut [[T::Vector<S>; V]; M],
    found: [[T::Vector<S>; V]; M],
) {
    for (sums, found) in sums.iter_mut().zip(found) {
        for (sum, found) in sums.iter_mut().zip(found) {
            *sum = T::plus(simd, *sum, found);
        }
    }
}
