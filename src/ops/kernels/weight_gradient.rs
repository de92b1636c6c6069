//! Gradients of a convolution's weight and bias.

use std::ops::Range;

use super::depthwise;
use super::geometry::Geometry;
use super::scratch::Scratch;
use super::slab::Slab;
use super::window_products::{WindowProducts, block};
use super::{Real, each};

/// Entries of the slabs that are filled at a time.
const SLAB_ENTRIES: usize = 1 << 21;

/// Positions whose gradients stay in the second-level cache while every window passes over them.
const BAND_POSITIONS: usize = 1024;

/// Windows of one piece of work.
const WINDOWS: usize = 126;

/// Gradient `[out, channels / groups, kh, kw]` of the weight from the input `x` and the gradient
/// `y` of the output.
pub(super) fn weight_gradient<T: Real>(g: &Geometry, x: &[T], y: &[T], scratch: &Scratch) -> Vec<T> {
    if depthwise::serves(g) {
        return depthwise::weight_gradient(g, x, y);
    }
    let (out, depth, channels) = (g.group_out(), g.depth(), g.group_channels());
    let mut gradient = vec![T::zero(); g.groups * out * depth];
    if g.batch * g.positions() * gradient.len() == 0 {
        return gradient;
    }
    let (slab, block) = (g.slab(), block::<T>(out));
    let blocks = out.div_ceil(block);
    // [groups, blocks, depth, block]
    let mut sums = scratch.take::<T>(g.groups * blocks * depth * block);
    let together = (SLAB_ENTRIES / (g.groups * slab.len(channels))).clamp(1, g.batch);
    for first in (0..g.batch).step_by(together) {
        let samples = first..(first + together).min(g.batch);
        let n = samples.len() * g.groups;
        let mut slabs = scratch.take::<T>(n * slab.len(channels));
        let mut gradients = scratch.take::<T>(n * blocks * g.positions() * block);
        let filled = slabs.chunks_exact_mut(slab.len(channels));
        let turned = gradients.chunks_exact_mut(blocks * g.positions() * block);
        let groups = samples.start * g.groups..samples.end * g.groups;
        let jobs: Vec<_> = groups.zip(filled.zip(turned)).collect();
        each(jobs, n * (slab.len(channels) + out * g.positions()) * 4, |(i, (filled, turned))| {
            slab.fill(&x[i * g.group_entries()..][..g.group_entries()], filled);
            turn(&y[i * out * g.positions()..][..out * g.positions()], g.positions(), block, turned);
        });
        let sample = Sample { g, slab: &slab, slabs: &slabs, gradients: &gradients, block, blocks };
        let mut jobs = Vec::new();
        for (i, sums) in sums.chunks_exact_mut(depth * block).enumerate() {
            let parts = sums.chunks_mut(WINDOWS * block).enumerate();
            jobs.extend(parts.map(|(part, sums)| (i / blocks, i % blocks, part * WINDOWS, sums)));
        }
        let work = samples.len() * (g.multiplications() / g.batch);
        each(jobs, work, |(group, block, from, sums)| {
            sample.add(samples.len(), group, block, from, sums, first == 0);
        });
    }
    for (i, sums) in sums.chunks_exact(depth * block).enumerate() {
        let (group, first) = (i / blocks, i % blocks * block);
        let n = block.min(out - first);
        turn_back(sums, block, &mut gradient[(group * out + first) * depth..][..n * depth], depth);
    }
    gradient
}

/// `[depth, block]` as rows of `depth`, as many as `rows` holds.
fn turn_back<T: Real>(sums: &[T], block: usize, rows: &mut [T], depth: usize) {
    // Few enough windows that their sums stay in the first-level cache while every row passes.
    const TOGETHER: usize = 64;
    for first in (0..depth).step_by(TOGETHER) {
        let sums = &sums[first * block..(first + TOGETHER).min(depth) * block];
        for (o, row) in rows.chunks_exact_mut(depth).enumerate() {
            let from = sums[o..].iter().step_by(block);
            row[first..].iter_mut().zip(from).for_each(|(to, &sum)| *to = sum);
        }
    }
}

/// `[out, positions]` as `[blocks, positions, block]`, channels that fill the last block up at zero.
fn turn<T: Real>(y: &[T], positions: usize, block: usize, turned: &mut [T]) {
    turned.fill(T::zero());
    for (o, y) in y.chunks_exact(positions).enumerate() {
        let to = turned[o / block * positions * block + o % block..].iter_mut().step_by(block);
        to.zip(y).for_each(|(to, &y)| *to = y);
    }
}

/// Slabs and turned gradients of some samples.
struct Sample<'a, T: Real> {
    g: &'a Geometry,
    slab: &'a Slab,
    /// `[samples, groups]` slabs.
    slabs: &'a [T],
    /// `[samples, groups, blocks, positions, block]`.
    gradients: &'a [T],
    block: usize,
    blocks: usize,
}

impl<T: Real> Sample<'_, T> {
    /// Adds the windows from `first` on that `sums` holds, over `n` samples in order; with `is_first`
    /// `sums` holds nothing yet.
    fn add(&self, n: usize, group: usize, block: usize, first: usize, sums: &mut [T], is_first: bool) {
        let (g, len) = (self.g, self.slab.len(self.g.group_channels()));
        let windows = first..first + sums.len() / self.block;
        for sample in 0..n {
            let i = sample * g.groups + group;
            let size = g.positions() * self.block;
            let gradients = &self.gradients[(i * self.blocks + block) * size..][..size];
            for rows in bands(g) {
                let is_first_band = rows.start == 0;
                let products = WindowProducts {
                    slab: self.slab,
                    maps: &self.slabs[i * len..][..len],
                    gradients: &gradients[rows.start * g.ow * self.block..rows.end * g.ow * self.block],
                    rows,
                    width: g.ow,
                    windows: windows.clone(),
                    out: g.group_out(),
                    is_first: is_first && sample == 0 && is_first_band,
                };
                products.add(sums);
            }
        }
    }
}

fn bands(g: &Geometry) -> impl Iterator<Item = Range<usize>> {
    let (rows, together) = (g.oh, (BAND_POSITIONS / g.ow.max(1)).max(1));
    (0..rows).step_by(together).map(move |from| from..(from + together).min(rows))
}

/// Sum of each channel of `y` (`[batch, channels, n]`).
pub(super) fn channel_sums<T: Real>(y: &[T], channels: usize, n: usize) -> Vec<T> {
    let mut sums = vec![0.0; channels];
    for (i, map) in y.chunks_exact(n.max(1)).enumerate() {
        sums[i % channels] += super::sum(map);
    }
    sums.into_iter().map(T::from_f64).collect()
}
