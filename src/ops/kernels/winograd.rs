//! Convolution with 3 x 3 kernels by tiles of 4 x 4 or 2 x 2 positions: F(4 x 4, 3 x 3) and F(2 x 2, 3 x 3)
//! of Winograd.
//!
//! A tile of 4 x 4 takes 36 products per pair of channels instead of 144, one of 2 x 2 takes 16 instead of
//! 36, and both round more (about 1e-5 of the largest value), which is why only the fast numerics use
//! them. Lavin and Gray, "Fast algorithms for convolutional neural networks" (2016), sections 4.1 and 4.3.
//!
//! Vectors run over channels throughout: maps are turned around on the way in and on the way out, and
//! what lies between needs no shuffling and computes no tile in vain.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use std::marker::PhantomData;
use std::ops::Range;

use super::fresh::{Room, written};
use super::geometry::Geometry;
use super::instruction_set::dispatch;
use super::lanes::lanes;
use super::layer::pieces;
use super::panels::CHANNEL_VECTORS;
use super::scratch::Scratch;
use super::slab::source;
use super::tile::Tile;
use super::winograd_tiles::{Four, Products, ReadTiles, Tiling, Two, WriteTiles};
use super::{Real, each};

/// Entries of transformed input that stay in the second-level cache while every panel passes over them.
const STRIPE_ENTRIES: usize = 144 * 1024;

/// Channels from which tiles save more products than their transforms cost.
const DEEP: usize = 16;

/// Entries of the transformed weights of tiles of 4 x 4, which are four times those of the weight.
const MOST_WEIGHTS: usize = 1 << 25;

/// Positions along one side of the tiles that pay for this convolution, if any do.
pub(in crate::ops) fn tile_side(g: &Geometry) -> Option<usize> {
    let serves = (g.kh, g.kw, g.stride) == (3, 3, 1) && g.group_channels().min(g.group_out()) >= DEEP;
    match g.oh.min(g.ow) {
        _ if !serves => None,
        // A tile of 4 x 4 reads four times the weights: too many for few tiles, and too much memory.
        8.. if Four::PRODUCTS * g.channels * g.group_out() <= MOST_WEIGHTS => Some(Four::SIDE),
        4.. => Some(Two::SIDE),
        _ => None,
    }
}

/// Evaluates `$run` with `$W` as the tiling of a convolution.
macro_rules! by_side {
    ($g:expr, $W:ident => $run:expr) => {
        if tile_side($g) == Some(Two::SIDE) {
            type $W = Two;
            $run
        } else {
            type $W = Four;
            $run
        }
    };
}

/// Panels of every group of `weight` `[out, channels / groups, 3, 3]`:
/// `[group, panel of output channels, product, channel, output channel of the panel]`.
pub(super) fn pack<T: Real>(g: &Geometry, weight: &[T]) -> Vec<T> {
    by_side!(g, W => Tiles::<T, W>::of(g).pack(weight))
}

/// `y` `[batch, out, oh, ow]` of `x` `[batch, channels, h, w]`; `panels` as [`pack`] made them.
pub(super) fn forward<T: Real>(
    g: &Geometry,
    x: &[T],
    panels: &[T],
    bias: Option<&[T]>,
    scratch: &Scratch,
) -> Vec<T> {
    by_side!(g, W => Tiles::<T, W>::of(g).forward(x, panels, bias, scratch))
}

/// Output channels of one panel.
fn height<T: Real>() -> usize {
    CHANNEL_VECTORS * lanes::<T>()
}

/// Entry `k` of `G g Gᵀ`, in double precision until the end.
fn transformed<T: Real, W: Tiling>(kernel: &[T], k: usize) -> T {
    let (row, column) = (W::KERNEL[k / W::READ], W::KERNEL[k % W::READ]);
    let mut sum = 0.0;
    for i in 0..3 {
        for j in 0..3 {
            sum += row[i] * kernel[i * 3 + j].to_f64() * column[j];
        }
    }
    T::from_f64(sum)
}

/// How a convolution is cut into tiles of `W`.
struct Tiles<'a, T: Real, W: Tiling> {
    g: &'a Geometry,
    /// Rows and columns of tiles in one map.
    rows: usize,
    columns: usize,
    /// Input channels of a group, rounded up to whole vectors.
    channels: usize,
    kind: PhantomData<(T, W)>,
}

/// Rows of tiles of one group, counted over all samples, that are computed together, with the part of the
/// result that each of them writes.
struct Stripe<'b, T> {
    group: usize,
    first: usize,
    to: Vec<Tile<'b, Room<T>>>,
}

impl<'a, T: Real, W: Tiling> Tiles<'a, T, W> {
    fn of(g: &'a Geometry) -> Self {
        let (rows, columns) = (g.oh.div_ceil(W::SIDE), g.ow.div_ceil(W::SIDE));
        let channels = g.group_channels().next_multiple_of(lanes::<T>());
        Self { g, rows, columns, channels, kind: PhantomData }
    }

    /// Entries of one panel.
    fn panel(&self) -> usize {
        W::PRODUCTS * self.channels * height::<T>()
    }

    /// Entries of the panels of one group.
    fn group_panels(&self) -> usize {
        self.g.group_out().div_ceil(height::<T>()) * self.panel()
    }

    fn pack(&self, weight: &[T]) -> Vec<T> {
        let (out, channels) = (self.g.group_out(), self.g.group_channels());
        let mut all = vec![T::zero(); self.g.groups * self.group_panels()];
        let groups = all.chunks_exact_mut(self.group_panels()).zip(weight.chunks_exact(out * channels * 9));
        let panels = groups.flat_map(|(panels, weight)| {
            panels.chunks_exact_mut(self.panel()).zip(weight.chunks(height::<T>() * channels * 9))
        });
        each(panels.collect(), 9 * W::PRODUCTS * weight.len(), |(panel, weight)| {
            for (i, kernel) in weight.chunks_exact(9).enumerate() {
                let (o, channel) = (i / channels, i % channels);
                let of_kernel = panel[channel * height::<T>() + o..].iter_mut();
                let entries = of_kernel.step_by(self.channels * height::<T>());
                entries.enumerate().for_each(|(k, to)| *to = transformed::<T, W>(kernel, k));
            }
        });
        all
    }

    fn forward(&self, x: &[T], panels: &[T], bias: Option<&[T]>, scratch: &Scratch) -> Vec<T> {
        let g = self.g;
        // SAFETY: the stripes are all of `y`, and `compute` writes all of one.
        unsafe {
            written(g.batch * g.out * g.positions(), |y| {
                each(self.stripes(y), g.multiplications() / W::SIDE, |stripe| {
                    let group = stripe.group;
                    let panels = &panels[group * self.group_panels()..][..self.group_panels()];
                    let bias = bias.map(|bias| &bias[group * g.group_out()..][..g.group_out()]);
                    self.compute(x, panels, bias, scratch, stripe);
                });
            })
        }
    }

    /// Cuts the result.
    fn stripes<'b>(&self, y: &'b mut [Room<T>]) -> Vec<Stripe<'b, T>> {
        let g = self.g;
        let widths: Vec<usize> = (0..self.rows).map(|row| self.rows_of(row).len() * g.ow).collect();
        let mut of_group: Vec<Vec<Tile<'b, Room<T>>>> = (0..g.groups).map(|_| Vec::new()).collect();
        for (i, y) in y.chunks_exact_mut(g.group_out() * g.positions()).enumerate() {
            of_group[i % g.groups].extend(Tile::cut(y, g.group_out(), &widths));
        }
        let row = W::PRODUCTS * self.columns * self.channels;
        let all = g.batch * self.rows;
        let cached = (STRIPE_ENTRIES / row).clamp(1, all.max(1));
        let panels = g.groups * g.group_out().div_ceil(height::<T>());
        let pieces = pieces(g.multiplications() / W::SIDE, panels);
        let together = cached.min(all.div_ceil(pieces).max(1));
        // Equal parts instead of a small rest.
        let together = all.div_ceil(all.div_ceil(together).max(1)).max(1);
        let mut stripes = Vec::with_capacity(g.groups * all.div_ceil(together));
        for (group, tiles) in of_group.into_iter().enumerate() {
            let mut tiles = tiles.into_iter();
            for first in (0..all).step_by(together) {
                stripes.push(Stripe { group, first, to: tiles.by_ref().take(together).collect() });
            }
        }
        stripes
    }

    /// Rows of the result that one row of tiles covers.
    fn rows_of(&self, row: usize) -> Range<usize> {
        row * W::SIDE..((row + 1) * W::SIDE).min(self.g.oh)
    }

    fn compute(&self, x: &[T], panels: &[T], bias: Option<&[T]>, scratch: &Scratch, stripe: Stripe<'_, T>) {
        let (g, lanes, height) = (self.g, lanes::<T>(), height::<T>());
        let Stripe { group, first, to } = stripe;
        let (rows, n) = (first..first + to.len(), to.len() * self.columns);
        let work = n * W::PRODUCTS * g.group_channels() * g.group_out();
        // `[vector of channels, product, tile, channel of the vector]`.
        let of_vector = W::PRODUCTS * n * lanes;
        let mut read = scratch.take(self.channels / lanes * of_vector);
        each(read.chunks_exact_mut(of_vector).enumerate().collect(), work, |(vector, read)| {
            self.read(x, group, vector, rows.clone(), scratch, read);
        });
        let read = &*read;
        let mut of_panel: Vec<Vec<Tile<'_, Room<T>>>> =
            panels.chunks_exact(self.panel()).map(|_| Vec::new()).collect();
        for tile in to {
            of_panel.iter_mut().zip(tile.rows(height)).for_each(|(panel, tile)| panel.push(tile));
        }
        each(of_panel.into_iter().enumerate().collect(), work, |(i, to)| {
            let panel = &panels[i * self.panel()..][..self.panel()];
            let outs = i * height..((i + 1) * height).min(g.group_out());
            let bias = bias.map(|bias| &bias[outs.clone()]);
            let mut sums = scratch.take(W::PRODUCTS * n * height);
            let vectors = outs.len().div_ceil(lanes);
            dispatch(Products { read, panel, products: W::PRODUCTS, tiles: n, vectors, to: &mut sums });
            self.write(&sums, bias, first, scratch, to);
        });
    }

    /// Transforms what the tiles of some rows read of one vector of channels.
    fn read(
        &self,
        x: &[T],
        group: usize,
        vector: usize,
        rows: Range<usize>,
        scratch: &Scratch,
        to: &mut [T],
    ) {
        let (g, lanes) = (self.g, lanes::<T>());
        let pitch = (self.columns * W::SIDE + 2) * lanes;
        let mut around = scratch.take(W::READ * pitch);
        let tiles = rows.len() * self.columns;
        let channels = vector * lanes..((vector + 1) * lanes).min(g.group_channels());
        if channels.len() < lanes {
            around.fill(T::zero());
        }
        let mut last = None;
        for (i, at) in rows.enumerate() {
            let (sample, row) = (at / self.rows, at % self.rows);
            let follows = last == Some((sample, row.wrapping_sub(1)));
            last = Some((sample, row));
            if follows {
                // The last two rows of the tiles above are the first two here.
                around.copy_within(W::SIDE * pitch.., 0);
            }
            let maps = &x[(sample * g.groups + group) * g.group_entries()..][..g.group_entries()];
            for r in if follows { 2 } else { 0 }..W::READ {
                let from = source(row * W::SIDE + r, g.padding, g.h, g.pad_mode);
                self.turn_in(maps, channels.clone(), from, &mut around[r * pitch..][..pitch]);
            }
            dispatch(ReadTiles::<T, W>::new(&around, self.columns, to, tiles, i * self.columns));
        }
    }

    /// Writes row `from` of some channels, with its padding, channel next to channel.
    fn turn_in(&self, maps: &[T], channels: Range<usize>, from: Option<usize>, to: &mut [T]) {
        let (g, lanes) = (self.g, lanes::<T>());
        let Some(from) = from else { return to.fill(T::zero()) };
        let inner = g.padding..g.padding + g.w;
        let columns = to.len() / lanes;
        for (lane, channel) in channels.enumerate() {
            let map = &maps[(channel * g.h + from) * g.w..][..g.w];
            for column in (0..inner.start).chain(inner.end..columns) {
                let from = source(column, g.padding, g.w, g.pad_mode);
                to[column * lanes + lane] = from.map_or(T::zero(), |from| map[from]);
            }
            let inner = to[inner.start * lanes..inner.end * lanes].chunks_exact_mut(lanes);
            inner.zip(map).for_each(|(to, &x)| to[lane] = x);
        }
    }

    /// Transforms the sums of some output channels and writes them to their rows of tiles.
    fn write(
        &self,
        sums: &[T],
        bias: Option<&[T]>,
        first: usize,
        scratch: &Scratch,
        to: Vec<Tile<'_, Room<T>>>,
    ) {
        let (g, height) = (self.g, height::<T>());
        let width = self.columns * W::SIDE;
        let n = to.len() * self.columns;
        let mut around = scratch.take(W::SIDE * width * height);
        for (i, mut to) in to.into_iter().enumerate() {
            let vectors = to.n_rows().div_ceil(lanes::<T>());
            dispatch(WriteTiles::<T, W>::new(
                sums,
                n,
                i * self.columns..(i + 1) * self.columns,
                vectors,
                &mut around,
            ));
            let rows = self.rows_of((first + i) % self.rows).len();
            for o in 0..to.n_rows() {
                let bias = bias.map_or(T::zero(), |bias| bias[o]);
                let from = around.chunks_exact(width * height);
                for (to, from) in to.row(o).chunks_exact_mut(g.ow).zip(from.take(rows)) {
                    to.iter_mut()
                        .zip(from.chunks_exact(height))
                        .for_each(|(to, from)| _ = to.write(from[o] + bias));
                }
            }
        }
    }
}
