//! A transposed convolution as convolutions, one per remainder modulo the stride.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use super::fresh::{Room, room};
use super::geometry::Geometry;
use super::layer::Layer;
use super::panels::Layout;
use super::prefetch::prefetch;
use super::scratch::{Buffer, Scratch};
use super::slab::{Slab, Stretch, source};
use super::{ENTRY, Real, each};
use crate::ops::conv::PadMode;

/// Outputs whose kernels are asked for before they are laid out.
const AHEAD: usize = 4;

/// Rows and columns of the padded input with one remainder modulo the stride: there the transposed
/// convolution is a convolution with every stride-th tap, turned by 180 degrees.
pub(super) struct Phase {
    at: (usize, usize),
    taps: (usize, usize),
    /// Rows and columns of this phase.
    size: (usize, usize),
}

impl Phase {
    /// Whether the only phase gives the input itself, without anything to fold.
    pub fn is_whole(g: &Geometry) -> bool {
        g.stride == 1 && g.pad_mode == PadMode::Zero && g.padding < g.kh.min(g.kw)
    }

    /// Whether every entry of the input belongs to one of the phases, and to no more.
    pub fn are_partition(g: &Geometry, phases: &[Self]) -> bool {
        let reaches = |n: usize, taps: usize, to: usize| (n.max(1) - 1) * g.stride + taps >= to + g.padding;
        g.pad_mode == PadMode::Zero
            && phases.len() == g.stride * g.stride
            && reaches(g.oh, g.kh, g.h)
            && reaches(g.ow, g.kw, g.w)
    }

    pub fn all(g: &Geometry) -> Vec<Self> {
        if Self::is_whole(g) {
            return vec![Self { at: (0, 0), taps: (g.kh, g.kw), size: (g.h, g.w) }];
        }
        let s = g.stride;
        // Padded rows that some window reads.
        let (rows, columns) = ((g.oh.max(1) - 1) * s + g.kh, (g.ow.max(1) - 1) * s + g.kw);
        let of = |extent: usize, remainder: usize| extent.saturating_sub(remainder).div_ceil(s);
        let phases = (0..s * s).map(|phase| {
            let at = (phase / s, phase % s);
            Self { at, taps: (of(g.kh, at.0), of(g.kw, at.1)), size: (of(rows, at.0), of(columns, at.1)) }
        });
        phases.filter(|phase| phase.taps.0 * phase.taps.1 > 0).collect()
    }

    /// Products in a sum of this phase.
    fn depth(&self, g: &Geometry) -> usize {
        g.group_out() * self.taps.0 * self.taps.1
    }

    pub fn panels<T: Real>(&self, g: &Geometry) -> usize {
        Layout::of::<T>(g.group_channels(), self.depth(g)).len(g.group_channels(), self.depth(g))
    }

    /// Which taps of the kernel, row by row, are those of this phase in their order.
    fn source_taps(&self, g: &Geometry) -> Vec<usize> {
        let of = |remainder: usize, taps: usize| (0..taps).rev().map(move |i| remainder + g.stride * i);
        let rows = of(self.at.0, self.taps.0);
        rows.flat_map(|i| of(self.at.1, self.taps.1).map(move |j| i * g.kw + j)).collect()
    }

    /// Writes the panels of one group.
    pub fn pack<T: Real>(&self, g: &Geometry, weight: &[T], panels: &mut [Room<T>]) {
        let depth = self.depth(g);
        let height = Layout::of::<T>(g.group_channels(), depth).height;
        let work = ENTRY * panels.len();
        each(panels.chunks_exact_mut(depth * height).enumerate().collect(), work, |(i, panel)| {
            self.pack_panel(g, weight, i, panel);
        });
    }

    /// Writes panel `i` of one group.
    pub fn pack_panel<T: Real>(&self, g: &Geometry, weight: &[T], i: usize, panel: &mut [Room<T>]) {
        let taps = self.source_taps(g);
        let height = Layout::of::<T>(g.group_channels(), self.depth(g)).height;
        let channels = i * height..((i + 1) * height).min(g.group_channels());
        // The kernels of one output lie next to one another, and so do their places in a panel.
        let of_output = |o: usize| {
            let kernels = weight.get(o * g.depth()..(o + 1) * g.depth()).unwrap_or_default();
            kernels.get(channels.start * g.taps()..channels.end * g.taps()).unwrap_or_default()
        };
        for (o, panel) in panel.chunks_exact_mut(taps.len() * height).enumerate() {
            prefetch(of_output(o + AHEAD));
            let kernels = of_output(o);
            for (to, &tap) in panel.chunks_exact_mut(height).zip(&taps) {
                let (filled, rest) = to.split_at_mut(channels.len());
                let from = kernels[tap..].iter().step_by(g.taps());
                filled.iter_mut().zip(from).for_each(|(to, &weight)| _ = to.write(weight));
                rest.iter_mut().for_each(|to| _ = to.write(T::zero()));
            }
        }
    }

    /// How `y` is laid out for the windows of this phase.
    pub fn slab(&self, g: &Geometry) -> Slab {
        let (rows, columns) = (self.size.0 + self.taps.0 - 1, self.size.1 + self.taps.1 - 1);
        let cut = if Self::is_whole(g) { g.padding } else { 0 };
        let before = (self.taps.0 - 1 - cut, self.taps.1 - 1 - cut);
        Slab::new((g.oh, g.ow), before, (rows, columns), PadMode::Zero, self.taps, 1)
    }

    pub fn layer<'a, T: Real>(&self, g: &Geometry, slab: &'a Slab, scratch: &'a Scratch) -> Layer<'a> {
        Layer {
            slab,
            channels: g.group_out(),
            out: g.group_channels(),
            size: self.size,
            scratch,
            layout: Layout::of::<T>(g.group_channels(), self.depth(g)),
        }
    }

    /// What `y` spreads to this phase, all of one group of one sample.
    pub fn spread<'s, T: Real>(
        &self,
        g: &Geometry,
        y: &[T],
        panels: &[T],
        bias: Option<&[T]>,
        scratch: &'s Scratch,
    ) -> Buffer<'s, T> {
        let slab = self.slab(g);
        let layer = self.layer::<T>(g, &slab, scratch);
        let mut spread = scratch.take(layer.len());
        // SAFETY: `Layer::compute` writes numbers.
        layer.compute(y, panels, bias, unsafe { room(&mut spread) });
        spread
    }

    /// Brings every entry of this phase to where the padded input came from.
    pub fn place<T: Real, X>(&self, g: &Geometry, spread: &[T], x: &mut [X], place: impl Fn(&mut X, T)) {
        let columns = Stretch::of((g.padding, g.w), (self.at.1, g.stride), self.size.1);
        let around: Vec<(usize, usize)> = (0..columns.at.start)
            .chain(columns.at.end..self.size.1)
            .filter_map(|c| Some((c, source(c * g.stride + self.at.1, g.padding, g.w, g.pad_mode)?)))
            .collect();
        let maps = x.chunks_exact_mut((g.h * g.w).max(1)).zip(spread.chunks_exact(self.size.0 * self.size.1));
        for (x, spread) in maps {
            for (r, spread) in spread.chunks_exact(self.size.1).enumerate() {
                let row = source(r * g.stride + self.at.0, g.padding, g.h, g.pad_mode);
                let Some(row) = row else { continue };
                let x = &mut x[row * g.w..(row + 1) * g.w];
                let inner = x[columns.from.min(g.w)..].iter_mut().step_by(g.stride);
                inner.zip(&spread[columns.at.clone()]).for_each(|(x, &spread)| place(x, spread));
                for &(c, column) in &around {
                    place(&mut x[column], spread[c]);
                }
            }
        }
    }
}
