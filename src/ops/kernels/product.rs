//! Convolution as a matrix times columns, and its transpose.

use std::ops::Range;

use super::columns::{SlabShape, fill_slab, fold_slab, gather, scatter};
use super::gemm::{Matrix, Tile, multiply};
use super::geometry::Geometry;
use super::scratch::Scratch;
use super::{Real, each};

/// `y` `[batch, out, oh, ow]` of `x` `[batch, channels, h, w]`.
pub(super) fn forward<T: Real>(
    g: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    scratch: &Scratch,
) -> Vec<T> {
    let mut y = vec![T::zero(); g.batch * g.out * g.positions()];
    let convolution = Forward { g, x, weight, bias, scratch };
    let together = g.samples_together();
    if together > 1 {
        let sample = g.out * g.positions();
        let jobs: Vec<_> = y.chunks_mut(together * sample).enumerate().collect();
        each(jobs, g.multiplications(), |(i, y)| convolution.small_maps(i * together, y));
    } else {
        let rows = row_parts(g.oh, g.rows_together(g.group_channels() * g.taps()));
        let widths: Vec<usize> = rows.iter().map(|rows| rows.len() * g.ow).collect();
        let mut jobs = Vec::new();
        for (i, y) in y.chunks_mut(g.group_out() * g.positions()).enumerate() {
            let tiles = Tile::cut(y, g.group_out(), &widths);
            jobs.extend(tiles.into_iter().zip(&rows).map(|(tile, rows)| (i, rows.clone(), tile)));
        }
        each(jobs, g.multiplications(), |(i, rows, tile)| {
            convolution.rows(i / g.groups, i % g.groups, rows, tile);
        });
    }
    y
}

struct Forward<'a, T: Real> {
    g: &'a Geometry,
    x: &'a [T],
    weight: &'a [T],
    bias: Option<&'a [T]>,
    scratch: &'a Scratch,
}

impl<T: Real> Forward<'_, T> {
    /// Rows of one group of one sample.
    fn rows(&self, sample: usize, group: usize, rows: Range<usize>, mut y: Tile<'_, T>) {
        let g = self.g;
        let depth = g.group_channels() * g.taps();
        let maps = group_of(g, self.x, sample, group);
        let width = rows.len() * g.ow;
        if g.is_pointwise() {
            let columns =
                Matrix { data: &maps[rows.start * g.ow..], row_stride: g.h * g.w, column_stride: 1 };
            multiply(&mut y, false, weight_rows(g, self.weight, group), columns, depth);
        } else {
            let mut columns = self.scratch.take(depth * width);
            gather_rows(g, maps, rows, &mut columns, (0, width), self.scratch);
            let columns = Matrix { data: &columns, row_stride: width, column_stride: 1 };
            multiply(&mut y, false, weight_rows(g, self.weight, group), columns, depth);
        }
        if let Some(bias) = self.bias {
            for (o, &bias) in bias[group * g.group_out()..(group + 1) * g.group_out()].iter().enumerate() {
                y.row(o).iter_mut().for_each(|y| *y += bias);
            }
        }
    }

    /// All maps of the samples from `first` on that `y` holds.
    fn small_maps(&self, first: usize, y: &mut [T]) {
        let (g, n) = (self.g, self.g.positions());
        let samples = y.len() / (g.out * n);
        let (depth, width) = (g.group_channels() * g.taps(), samples * n);
        let mut columns = self.scratch.take(depth * width);
        let mut product = self.scratch.take(g.group_out() * width);
        for group in 0..g.groups {
            for s in 0..samples {
                let maps = group_of(g, self.x, first + s, group);
                gather_rows(g, maps, 0..g.oh, &mut columns, (s * n, width), self.scratch);
            }
            let columns = Matrix { data: &columns, row_stride: width, column_stride: 1 };
            let mut tile = Tile::whole(&mut product, g.group_out(), width);
            multiply(&mut tile, false, weight_rows(g, self.weight, group), columns, depth);
            for (o, product) in product.chunks_exact(width).enumerate() {
                let o = group * g.group_out() + o;
                let bias = self.bias.map_or(T::zero(), |bias| bias[o]);
                for (s, product) in product.chunks_exact(n).enumerate() {
                    let y = &mut y[(s * g.out + o) * n..][..n];
                    y.iter_mut().zip(product).for_each(|(y, &product)| *y = product + bias);
                }
            }
        }
    }
}

/// `x` `[batch, channels, h, w]` that `y` `[batch, out, oh, ow]` spreads to.
pub(super) fn transposed<T: Real>(
    g: &Geometry,
    y: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    scratch: &Scratch,
) -> Vec<T> {
    let mut x = vec![T::zero(); g.batch * g.channels * g.h * g.w];
    let convolution = Transposed { g, y, weight, bias, scratch };
    let together = g.samples_together();
    if together > 1 {
        let sample = g.channels * g.h * g.w;
        let jobs: Vec<_> = x.chunks_mut(together * sample).enumerate().collect();
        each(jobs, g.multiplications(), |(i, x)| convolution.small_maps(i * together, x));
    } else {
        let channels = g.channels_together();
        let mut jobs = Vec::new();
        for (i, x) in x.chunks_mut(g.group_entries()).enumerate() {
            for (block, x) in x.chunks_mut(channels * g.h * g.w).enumerate() {
                jobs.push((i, block * channels, x));
            }
        }
        each(jobs, g.multiplications(), |(i, channel, x)| {
            convolution.channels(i / g.groups, i % g.groups, channel, x);
        });
    }
    x
}

struct Transposed<'a, T: Real> {
    g: &'a Geometry,
    y: &'a [T],
    weight: &'a [T],
    bias: Option<&'a [T]>,
    scratch: &'a Scratch,
}

impl<T: Real> Transposed<'_, T> {
    /// The channels of one group of one sample from `first` on that `x` holds.
    fn channels(&self, sample: usize, group: usize, first: usize, x: &mut [T]) {
        let g = self.g;
        let depth = g.group_out();
        let height = x.len() / (g.h * g.w) * g.taps();
        let weight = weight_columns(g, self.weight, group, first);
        let y = &self.y[(sample * g.groups + group) * depth * g.positions()..][..depth * g.positions()];
        self.spread(group, first, x, |slab, shape| {
            for rows in row_parts(g.oh, g.rows_together(height)) {
                let width = rows.len() * g.ow;
                let mut columns = self.scratch.take(height * width);
                let y = Matrix { data: &y[rows.start * g.ow..], row_stride: g.positions(), column_stride: 1 };
                multiply(&mut Tile::whole(&mut columns, height, width), false, weight, y, depth);
                scatter(g, &columns, (0, width), rows, shape, slab);
            }
        });
    }

    /// All maps of the samples from `first` on that `x` holds.
    fn small_maps(&self, first: usize, x: &mut [T]) {
        let (g, n, depth) = (self.g, self.g.positions(), self.g.group_out());
        let samples = x.len() / (g.channels * g.h * g.w);
        let (height, width) = (g.group_channels() * g.taps(), samples * n);
        let mut joined = self.scratch.take(depth * width);
        let mut columns = self.scratch.take(height * width);
        for group in 0..g.groups {
            for (o, joined) in joined.chunks_exact_mut(width).enumerate() {
                for (s, joined) in joined.chunks_exact_mut(n).enumerate() {
                    let map = (first + s) * g.out + group * depth + o;
                    joined.copy_from_slice(&self.y[map * n..(map + 1) * n]);
                }
            }
            let y = Matrix { data: &joined, row_stride: width, column_stride: 1 };
            let weight = weight_columns(g, self.weight, group, 0);
            multiply(&mut Tile::whole(&mut columns, height, width), false, weight, y, depth);
            for s in 0..samples {
                let x = &mut x[(s * g.groups + group) * g.group_entries()..][..g.group_entries()];
                self.spread(group, 0, x, |slab, shape| {
                    scatter(g, &columns, (s * n, width), 0..g.oh, shape, slab);
                });
            }
        }
    }

    /// Lets `add` sum into the padded maps of the channels in `x` (zeros so far), folds the padding
    /// back and adds the bias.
    fn spread(&self, group: usize, first: usize, x: &mut [T], add: impl FnOnce(&mut [T], SlabShape)) {
        let g = self.g;
        if g.reads_in_place() {
            add(x, SlabShape::in_place(g));
        } else {
            let shape = SlabShape::new(g, g.padded().0);
            let mut slab = self.scratch.take(x.len() / (g.h * g.w) * shape.channel());
            slab.fill(T::zero());
            add(&mut slab, shape);
            fold_slab(g, &slab, shape, x);
        }
        if let Some(bias) = self.bias {
            let bias = &bias[group * g.group_channels() + first..];
            for (x, &bias) in x.chunks_exact_mut(g.h * g.w).zip(bias) {
                x.iter_mut().for_each(|x| *x += bias);
            }
        }
    }
}

/// Columns `offset ..` of `columns` (of `width`) from the windows of output rows `rows` of `maps`.
pub(super) fn gather_rows<T: Real>(
    g: &Geometry,
    maps: &[T],
    rows: Range<usize>,
    columns: &mut [T],
    (offset, width): (usize, usize),
    scratch: &Scratch,
) {
    if g.reads_in_place() {
        gather(g, maps, SlabShape::in_place(g), rows, columns, (offset, width));
    } else {
        let shape = SlabShape::new(g, (rows.len() - 1) * g.stride + g.kh);
        let mut slab = scratch.take(maps.len() / (g.h * g.w) * shape.channel());
        fill_slab(g, maps, rows.start * g.stride, shape, &mut slab);
        gather(g, &slab, shape, 0..rows.len(), columns, (offset, width));
    }
}

/// `0 .. n` in parts of `size`.
pub(super) fn row_parts(n: usize, size: usize) -> Vec<Range<usize>> {
    (0..n).step_by(size).map(|from| from..(from + size).min(n)).collect()
}

/// One group of one sample of `x`.
pub(super) fn group_of<'a, T>(g: &Geometry, x: &'a [T], sample: usize, group: usize) -> &'a [T] {
    &x[(sample * g.groups + group) * g.group_entries()..][..g.group_entries()]
}

/// The weight of a group as `[out, channels * taps]`.
fn weight_rows<'a, T>(g: &Geometry, weight: &'a [T], group: usize) -> Matrix<'a, T> {
    let depth = g.group_channels() * g.taps();
    Matrix { data: &weight[group * g.group_out() * depth..], row_stride: depth, column_stride: 1 }
}

/// The weight of a group as `[channels * taps, out]`, from channel `first` on.
fn weight_columns<'a, T>(g: &Geometry, weight: &'a [T], group: usize, first: usize) -> Matrix<'a, T> {
    let height = g.group_channels() * g.taps();
    let data = &weight[group * g.group_out() * height + first * g.taps()..];
    Matrix { data, row_stride: 1, column_stride: height }
}
