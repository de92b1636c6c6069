//! Convolution forwards and backwards: slabs filled, panels packed, work cut into pieces.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use std::ops::Range;

use super::depthwise;
use super::fresh::{Room, room, written};
use super::geometry::Geometry;
use super::panels::{Layout, Vectors};
use super::scratch::{Buffer, Scratch};
use super::slab::{Slab, Stretch, source};
use super::tile::Tile;
use super::windows::Windows;
use super::{Real, each};
use crate::ops::conv::PadMode;

/// Entries of a slab that stay in the second-level cache while every panel passes over them.
const BAND_ENTRIES: usize = 64 * 1024;

/// Pieces of work that a machine of many cores should find.
const SIDE_BY_SIDE: usize = 8;

/// `y` `[batch, out, oh, ow]` of `x` `[batch, channels, h, w]`; `panels` as [`pack_forward`] made them.
pub(super) fn forward<T: Real>(
    g: &Geometry,
    x: &[T],
    panels: &[T],
    bias: Option<&[T]>,
    scratch: &Scratch,
) -> Vec<T> {
    if depthwise::serves(g) {
        return depthwise::forward(g, x, panels, bias);
    }
    let layer = Layer {
        slab: &g.slab(),
        channels: g.group_channels(),
        out: g.group_out(),
        size: (g.oh, g.ow),
        scratch,
        layout: Layout::of::<T>(g.group_out(), g.depth()),
    };
    let panel = layer.layout.len(g.group_out(), g.depth());
    // SAFETY: `Layer::compute` writes all that it is given, and the parts are all of `y`.
    unsafe {
        written(g.batch * g.out * g.positions(), |y| {
            // Counted by what is written: maps may be empty where padding makes windows of nothing.
            each(y.chunks_mut(layer.len().max(1)).enumerate().collect(), g.multiplications(), |(i, y)| {
                let (group, x) = (i % g.groups, &x[i * g.group_entries()..][..g.group_entries()]);
                let bias = bias.map(|bias| &bias[group * g.group_out()..][..g.group_out()]);
                layer.compute(x, &panels[group * panel..][..panel], bias, y);
            });
        })
    }
}

/// Panels of every group, one after the other, of `weight` `[out, channels / groups, kh, kw]`.
pub(super) fn pack_forward<T: Real>(g: &Geometry, weight: &[T]) -> Vec<T> {
    if depthwise::serves(g) {
        return weight.to_vec();
    }
    let (out, depth) = (g.group_out(), g.depth());
    let layout = Layout::of::<T>(out, depth);
    let group_panels = layout.len(out, depth);
    // SAFETY: `Layout::pack` writes all panels of a group.
    unsafe {
        written(g.groups * group_panels, |all| {
            for (group, panels) in all.chunks_exact_mut(group_panels.max(1)).enumerate() {
                layout.pack(&weight[group * out * depth..][..out * depth], (out, depth), panels);
            }
        })
    }
}

/// `x` `[batch, channels, h, w]` that `y` `[batch, out, oh, ow]` spreads to; `panels` as
/// [`pack_transposed`] made them.
pub(super) fn transposed<T: Real>(
    g: &Geometry,
    y: &[T],
    panels: &[T],
    bias: Option<&[T]>,
    scratch: &Scratch,
) -> Vec<T> {
    if depthwise::serves(g) {
        return depthwise::transposed(g, y, panels, bias);
    }
    let n = g.batch * g.channels * g.h * g.w;
    let phases = Phase::all(g);
    let group_panels: usize = phases.iter().map(|phase| phase.panels::<T>(g)).sum();
    let of_group = |i: usize| {
        let group = i % g.groups;
        let bias = bias.map(|bias| &bias[group * g.group_channels()..][..g.group_channels()]);
        (&panels[group * group_panels..][..group_panels], bias)
    };
    let ys = |i: usize| &y[i * g.group_out() * g.positions()..][..g.group_out() * g.positions()];
    if let [phase] = phases.as_slice()
        && Phase::is_whole(g)
    {
        // SAFETY: `Layer::compute` writes all that it is given, and the parts are all of `x`.
        return unsafe {
            written(n, |x| {
                let parts = x.chunks_mut(g.group_entries().max(1)).enumerate();
                each(parts.collect(), g.multiplications(), |(i, x)| {
                    let (panels, bias) = of_group(i);
                    phase.layer::<T>(g, &phase.slab(g), scratch).compute(ys(i), panels, bias, x);
                });
            })
        };
    }
    let spread = |i: usize, is_biased: bool, place: &mut dyn FnMut(&Phase, &[T])| {
        let (mut panels, bias) = of_group(i);
        for phase in &phases {
            let (of_phase, rest) = panels.split_at(phase.panels::<T>(g));
            place(phase, &phase.spread(g, ys(i), of_phase, bias.filter(|_| is_biased), scratch));
            panels = rest;
        }
    };
    if Phase::are_partition(g, &phases) {
        // SAFETY: every entry belongs to one phase, which writes it.
        return unsafe {
            written(n, |x| {
                let parts = x.chunks_mut(g.group_entries().max(1)).enumerate();
                each(parts.collect(), g.multiplications(), |(i, x)| {
                    spread(i, true, &mut |phase, from| {
                        phase.place(g, from, x, |to, from| _ = to.write(from))
                    });
                });
            })
        };
    }
    let mut x = vec![T::zero(); n];
    let parts = x.chunks_mut(g.group_entries().max(1)).enumerate();
    each(parts.collect(), g.multiplications(), |(i, x)| {
        if let (_, Some(bias)) = of_group(i) {
            x.chunks_exact_mut(g.h * g.w).zip(bias).for_each(|(x, &bias)| x.fill(bias));
        }
        spread(i, false, &mut |phase, from| phase.place(g, from, x, |to, from| *to += from));
    });
    x
}

/// Panels of every group and phase, one after the other, of `weight` `[out, channels / groups, kh, kw]`.
pub(super) fn pack_transposed<T: Real>(g: &Geometry, weight: &[T]) -> Vec<T> {
    if depthwise::serves(g) {
        return weight.to_vec();
    }
    let phases = Phase::all(g);
    let group_panels: usize = phases.iter().map(|phase| phase.panels::<T>(g)).sum();
    // SAFETY: the panels of all phases are all panels, and each phase writes its own.
    unsafe {
        written(g.groups * group_panels, |mut all| {
            for weight in weight.chunks_exact((g.group_out() * g.depth()).max(1)) {
                for phase in &phases {
                    let (panels, rest) = all.split_at_mut(phase.panels::<T>(g));
                    phase.pack(g, weight, panels);
                    all = rest;
                }
            }
        })
    }
}

/// Sums over windows of one group of one sample.
struct Layer<'a> {
    slab: &'a Slab,
    channels: usize,
    out: usize,
    /// Rows and columns of the result.
    size: (usize, usize),
    scratch: &'a Scratch,
    /// Of the panels.
    layout: Layout,
}

impl Layer<'_> {
    /// Entries of the result.
    fn len(&self) -> usize {
        self.out * self.size.0 * self.size.1
    }

    /// Writes all of `to`, `[out, rows, columns]`.
    fn compute<T: Real>(&self, maps: &[T], panels: &[T], bias: Option<&[T]>, to: &mut [Room<T>]) {
        let (slab, (rows, width)) = (self.slab, self.size);
        let buffer;
        let filled = if slab.is_plain() && self.layout.vectors == Vectors::Channels {
            maps
        } else {
            let mut copy = self.scratch.take(slab.len(self.channels));
            slab.fill(maps, &mut copy);
            buffer = copy;
            &buffer[..]
        };
        let bands = self.bands();
        let widths: Vec<usize> = bands.iter().map(|rows| rows.len() * width).collect();
        let outs = self.outs_together(bands.len());
        let mut jobs = Vec::new();
        for (part, to) in to.chunks_mut((outs * rows * width).max(1)).enumerate() {
            let n = to.len() / (rows * width).max(1);
            let tiles = Tile::cut(to, n, &widths);
            jobs.extend(tiles.into_iter().zip(&bands).map(|(tile, rows)| (part * outs, rows.clone(), tile)));
        }
        let depth = self.channels * slab.offsets.len();
        each(jobs, self.len() * depth, |(first, rows, mut tile)| {
            let n = tile.n_rows();
            let windows = Windows {
                slab,
                maps: filled,
                channels: self.channels,
                panels: &panels[first * depth..][..self.layout.len(n, depth)],
                layout: self.layout,
                bias: bias.map(|bias| &bias[first..first + n]),
                rows,
                width,
            };
            windows.sum(&mut tile);
        });
    }

    /// Output rows computed together.
    fn bands(&self) -> Vec<Range<usize>> {
        let rows = self.size.0;
        let together = (BAND_ENTRIES / (self.channels * self.slab.pitch).max(1)).clamp(1, rows.max(1));
        // Equal parts instead of a small rest.
        let together = rows.div_ceil(rows.div_ceil(together).max(1)).max(1);
        (0..rows).step_by(together).map(|from| from..(from + together).min(rows)).collect()
    }

    /// Output channels computed together.
    fn outs_together(&self, bands: usize) -> usize {
        let panels = self.out.div_ceil(self.layout.height);
        let parts = SIDE_BY_SIDE.div_ceil(bands.max(1)).min(panels).max(1);
        panels.div_ceil(parts) * self.layout.height
    }
}

/// Rows and columns of the padded input with one remainder modulo the stride: there the transposed
/// convolution is a convolution with every stride-th tap, turned by 180 degrees.
struct Phase {
    at: (usize, usize),
    taps: (usize, usize),
    /// Rows and columns of this phase.
    size: (usize, usize),
}

impl Phase {
    /// Whether the only phase gives the input itself, without anything to fold.
    fn is_whole(g: &Geometry) -> bool {
        g.stride == 1 && g.pad_mode == PadMode::Zero && g.padding < g.kh.min(g.kw)
    }

    /// Whether every entry of the input belongs to one of the phases, and to no more.
    fn are_partition(g: &Geometry, phases: &[Self]) -> bool {
        let reaches = |n: usize, taps: usize, to: usize| (n.max(1) - 1) * g.stride + taps >= to + g.padding;
        g.pad_mode == PadMode::Zero
            && phases.len() == g.stride * g.stride
            && reaches(g.oh, g.kh, g.h)
            && reaches(g.ow, g.kw, g.w)
    }

    fn all(g: &Geometry) -> Vec<Self> {
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

    fn panels<T: Real>(&self, g: &Geometry) -> usize {
        Layout::of::<T>(g.group_channels(), self.depth(g)).len(g.group_channels(), self.depth(g))
    }

    /// Which taps of the kernel, row by row, are those of this phase in their order.
    fn source_taps(&self, g: &Geometry) -> Vec<usize> {
        let of = |remainder: usize, taps: usize| (0..taps).rev().map(move |i| remainder + g.stride * i);
        let rows = of(self.at.0, self.taps.0);
        rows.flat_map(|i| of(self.at.1, self.taps.1).map(move |j| i * g.kw + j)).collect()
    }

    /// Writes the panels of one group.
    fn pack<T: Real>(&self, g: &Geometry, weight: &[T], panels: &mut [Room<T>]) {
        let (taps, depth) = (self.source_taps(g), self.depth(g));
        let height = Layout::of::<T>(g.group_channels(), depth).height;
        // The kernels of one output lie next to one another here, and so do their places in each panel.
        for (source, kernels) in weight.chunks_exact(g.depth()).enumerate() {
            for (panel, kernels) in
                panels.chunks_exact_mut(depth * height).zip(kernels.chunks(height * g.taps()))
            {
                let to = panel[source * taps.len() * height..].chunks_exact_mut(height);
                for (to, &tap) in to.zip(&taps) {
                    let (filled, rest) = to.split_at_mut(kernels.len() / g.taps());
                    let from = kernels[tap..].iter().step_by(g.taps());
                    filled.iter_mut().zip(from).for_each(|(to, &weight)| _ = to.write(weight));
                    rest.iter_mut().for_each(|to| _ = to.write(T::zero()));
                }
            }
        }
    }

    /// How `y` is laid out for the windows of this phase.
    fn slab(&self, g: &Geometry) -> Slab {
        let (rows, columns) = (self.size.0 + self.taps.0 - 1, self.size.1 + self.taps.1 - 1);
        let cut = if Self::is_whole(g) { g.padding } else { 0 };
        let before = (self.taps.0 - 1 - cut, self.taps.1 - 1 - cut);
        Slab::new((g.oh, g.ow), before, (rows, columns), PadMode::Zero, self.taps, 1)
    }

    fn layer<'a, T: Real>(&self, g: &Geometry, slab: &'a Slab, scratch: &'a Scratch) -> Layer<'a> {
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
    fn spread<'s, T: Real>(
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
    fn place<T: Real, X>(&self, g: &Geometry, spread: &[T], x: &mut [X], place: impl Fn(&mut X, T)) {
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
