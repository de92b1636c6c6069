//! Gradients of a convolution's weight and bias.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use std::ops::Range;

use super::depthwise;
use super::fresh::{Room, written};
use super::geometry::Geometry;
use super::scratch::Scratch;
use super::slab::Slab;
use super::tile::Tile;
use super::window_products::{WindowProducts, block};
use super::{ENTRY, Real, each};

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
    let n = g.groups * g.group_out() * g.depth();
    if g.batch * g.positions() * n == 0 {
        return vec![T::zero(); n];
    }
    // SAFETY: the last samples write the sums of all windows and output channels.
    unsafe { written(n, |gradient| add_samples(g, x, y, scratch, gradient)) }
}

fn add_samples<T: Real>(g: &Geometry, x: &[T], y: &[T], scratch: &Scratch, gradient: &mut [Room<T>]) {
    let (out, depth, channels) = (g.group_out(), g.depth(), g.group_channels());
    let (slab, block) = (g.slab(), block::<T>(out));
    let blocks = out.div_ceil(block);
    let together = (SLAB_ENTRIES / (g.groups * slab.len(channels))).clamp(1, g.batch);
    // Of some samples, `[group, block, window, output channel of the block]`; all samples need none.
    let of_some = if together < g.batch { g.groups * blocks * depth * block } else { 0 };
    let mut of_some = scratch.take::<T>(of_some);
    for first in (0..g.batch).step_by(together) {
        let samples = first..(first + together).min(g.batch);
        let n = samples.len() * g.groups;
        let mut slabs = scratch.take::<T>(n * slab.len(channels));
        let mut gradients = scratch.take::<T>(n * blocks * g.positions() * block);
        let filled = slabs.chunks_exact_mut(slab.len(channels));
        let turned = gradients.chunks_exact_mut(blocks * g.positions() * block);
        let groups = samples.start * g.groups..samples.end * g.groups;
        let jobs: Vec<_> = groups.zip(filled.zip(turned)).collect();
        each(jobs, ENTRY * n * (slab.len(channels) + out * g.positions()), |(i, (filled, turned))| {
            slab.fill(&x[i * g.group_entries()..][..g.group_entries()], filled);
            turn(&y[i * out * g.positions()..][..out * g.positions()], g.positions(), block, turned);
        });
        let sample = Sample { g, slab: &slab, slabs: &slabs, gradients: &gradients, block, blocks };
        let jobs = pieces(g, block, gradient, &mut of_some);
        let work = samples.len() * (g.multiplications() / g.batch);
        each(jobs, work, |Piece { group, block: of_block, from, mut to, sums }| {
            let mut own;
            let sums = if sums.is_empty() {
                own = scratch.take(to.n_columns() * block);
                &mut own[..]
            } else {
                sums
            };
            sample.add(samples.len(), group, of_block, from, sums, first == 0);
            if samples.end == g.batch {
                turn_back(sums, block, &mut to);
            }
        });
    }
}

/// Some windows of one block of output channels.
struct Piece<'a, T> {
    group: usize,
    block: usize,
    /// The first window.
    from: usize,
    /// Their gradients, a row per output channel.
    to: Tile<'a, Room<T>>,
    /// Their sums over earlier samples, if there are some to come.
    sums: &'a mut [T],
}

fn pieces<'a, T: Real>(
    g: &Geometry,
    block: usize,
    gradient: &'a mut [Room<T>],
    of_some: &'a mut [T],
) -> Vec<Piece<'a, T>> {
    let (out, depth) = (g.group_out(), g.depth());
    let widths: Vec<usize> = (0..depth).step_by(WINDOWS).map(|from| WINDOWS.min(depth - from)).collect();
    let mut of_some = of_some.chunks_mut(depth * block);
    let mut pieces = Vec::new();
    for (group, gradient) in gradient.chunks_exact_mut(out * depth).enumerate() {
        for (of_block, gradient) in gradient.chunks_mut(block * depth).enumerate() {
            let mut sums = of_some.next().unwrap_or_default().chunks_mut(WINDOWS * block);
            let n = gradient.len() / depth;
            for (part, to) in Tile::cut(gradient, n, &widths).into_iter().enumerate() {
                let sums = sums.next().unwrap_or_default();
                pieces.push(Piece { group, block: of_block, from: part * WINDOWS, to, sums });
            }
        }
    }
    pieces
}

/// `[windows, block]` as a row per output channel.
fn turn_back<T: Real>(sums: &[T], block: usize, to: &mut Tile<'_, Room<T>>) {
    for o in 0..to.n_rows() {
        let from = sums[o..].iter().step_by(block);
        to.row(o).iter_mut().zip(from).for_each(|(to, &sum)| _ = to.write(sum));
    }
}

/// `[out, positions]` as `[blocks, positions, block]`, channels that fill the last block up at zero.
fn turn<T: Real>(y: &[T], positions: usize, block: usize, turned: &mut [T]) {
    // Few enough positions that they stay in the first-level cache while every channel passes.
    const TOGETHER: usize = 64;
    for (y, turned) in y.chunks(block * positions).zip(turned.chunks_exact_mut(positions * block)) {
        let n = y.len() / positions;
        for (part, turned) in turned.chunks_mut(TOGETHER * block).enumerate() {
            for o in 0..n {
                let from = &y[o * positions + part * TOGETHER..(o + 1) * positions];
                turned[o..].iter_mut().step_by(block).zip(from).for_each(|(to, &y)| *to = y);
            }
            if n < block {
                turned.chunks_exact_mut(block).for_each(|turned| turned[n..].fill(T::zero()));
            }
        }
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
    let mut sums = vec![T::zero(); channels];
    each(sums.iter_mut().enumerate().collect(), ENTRY * y.len(), |(channel, to)| {
        let maps = y.chunks_exact(n.max(1)).skip(channel).step_by(channels);
        *to = T::from_f64(maps.map(super::sum).sum());
    });
    sums
}
