//! Convolution with 3 x 3 kernels by tiles of 4 x 4 positions: F(4 x 4, 3 x 3) of Winograd.
//!
//! A tile takes 36 products per pair of channels instead of 144, and rounds more (about 1e-5 of the
//! largest value), which is why only the fast numerics use it. Lavin and Gray, "Fast algorithms for
//! convolutional neural networks" (2016), section 4.3.

use std::array::from_fn;
use std::ops::Range;

use super::geometry::Geometry;
use super::instruction_set::vectorised;
use super::panels::Layout;
use super::scratch::Scratch;
use super::slab::{SLACK, Slab, source};
use super::tile::Tile;
use super::windows::Windows;
use super::{Real, each};
use crate::ops::conv::PadMode;

/// Positions along one side of a tile.
const SIDE: usize = 4;
/// Entries along one side of what a tile reads.
const READ: usize = SIDE + 2;
/// Products of a tile.
const PRODUCTS: usize = READ * READ;
/// Tiles transformed together.
const LANES: usize = 16;
/// Tiles whose products stay in the second-level cache.
const STRIPE: usize = 64;

/// One number of each of some tiles.
type Block<T> = [T; LANES];

/// Whether tiles save more products than their transforms cost.
pub(in crate::ops) fn pays(g: &Geometry) -> bool {
    (g.kh, g.kw, g.stride) == (3, 3, 1)
        && g.group_channels().min(g.group_out()) >= 16
        && g.oh.min(g.ow) >= 2 * SIDE
}

/// Panels of every group and product of `weight` `[out, channels / groups, 3, 3]`.
pub(super) fn pack<T: Real>(g: &Geometry, weight: &[T]) -> Vec<T> {
    let (out, channels) = (g.group_out(), g.group_channels());
    let panel = Layout::of_positions().len(out, channels);
    let mut all = vec![T::zero(); g.groups * PRODUCTS * panel];
    for (group, panels) in all.chunks_exact_mut((PRODUCTS * panel).max(1)).enumerate() {
        let weight = &weight[group * out * channels * 9..][..out * channels * 9];
        let kernels: Vec<[T; PRODUCTS]> = weight.chunks_exact(9).map(transformed_kernel).collect();
        for (k, panels) in panels.chunks_exact_mut(panel).enumerate() {
            Layout::of_positions().pack((out, channels, 1), panels, |o, part, column| {
                column.zip(&kernels[o * channels..][part]).for_each(|(to, kernel)| *to = kernel[k]);
            });
        }
    }
    all
}

/// `G g Gᵀ`, in double precision until the end.
fn transformed_kernel<T: Real>(kernel: &[T]) -> [T; PRODUCTS] {
    const G: [[f64; 3]; READ] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    from_fn(|k| {
        let mut sum = 0.0;
        for i in 0..3 {
            for j in 0..3 {
                sum += G[k / READ][i] * kernel[i * 3 + j].to_f64() * G[k % READ][j];
            }
        }
        T::from_f64(sum)
    })
}

/// `y` `[batch, out, oh, ow]` of `x` `[batch, channels, h, w]`; `panels` as [`pack`] made them.
pub(super) fn forward<T: Real>(
    g: &Geometry,
    x: &[T],
    panels: &[T],
    bias: Option<&[T]>,
    scratch: &Scratch,
) -> Vec<T> {
    let mut y = vec![T::zero(); g.batch * g.out * g.positions()];
    let stripes = stripes(g);
    let widths: Vec<usize> = stripes.iter().map(|rows| positions(g, rows)).collect();
    let panel = PRODUCTS * Layout::of_positions().len(g.group_out(), g.group_channels());
    let mut jobs = Vec::new();
    let groups = x.chunks_exact(g.group_entries()).zip(y.chunks_exact_mut(g.group_out() * g.positions()));
    for (i, (x, y)) in groups.enumerate() {
        let group = i % g.groups;
        let tiles = Tile::cut(y, g.group_out(), &widths);
        jobs.extend(tiles.into_iter().zip(&stripes).map(|(y, rows)| (group, x, rows.clone(), y)));
    }
    each(jobs, g.multiplications() / SIDE, |(group, x, rows, mut y)| {
        let stripe = Stripe {
            g,
            rows,
            pitch: g.ow.div_ceil(SIDE) + 1,
            panels: &panels[group * panel..][..panel],
            bias: bias.map(|bias| &bias[group * g.group_out()..][..g.group_out()]),
        };
        stripe.compute(x, scratch, &mut y);
    });
    y
}

/// Rows of tiles that are computed together.
fn stripes(g: &Geometry) -> Vec<Range<usize>> {
    let (rows, pitch) = (g.oh.div_ceil(SIDE), g.ow.div_ceil(SIDE) + 1);
    let together = (STRIPE / pitch).clamp(1, rows);
    // Equal parts instead of a small rest.
    let together = rows.div_ceil(rows.div_ceil(together));
    (0..rows).step_by(together).map(|from| from..(from + together).min(rows)).collect()
}

/// Output positions in rows `rows` of tiles.
fn positions(g: &Geometry, rows: &Range<usize>) -> usize {
    ((rows.end * SIDE).min(g.oh) - rows.start * SIDE) * g.ow
}

/// Some rows of tiles of one group of one sample. Tiles run along `pitch`, row after row, so that
/// vectors stay full; the one between the end of a row and the start of the next is dropped.
struct Stripe<'a, T: Real> {
    g: &'a Geometry,
    rows: Range<usize>,
    pitch: usize,
    panels: &'a [T],
    bias: Option<&'a [T]>,
}

impl<T: Real> Stripe<'_, T> {
    /// Tiles, rounded up to whole blocks.
    fn tiles(&self) -> usize {
        (self.rows.len() * self.pitch).next_multiple_of(LANES)
    }

    fn compute(&self, x: &[T], scratch: &Scratch, y: &mut Tile<'_, T>) {
        let (channels, out, n) = (self.g.group_channels(), self.g.group_out(), self.tiles());
        // `[product, channel, tile]`, with slack behind each product.
        let of_product = channels * n + SLACK;
        let mut read = scratch.take(PRODUCTS * of_product);
        let mut planes = scratch.take(SIDE * SIDE * (n + self.pitch + LANES));
        let mut row = scratch.take((self.pitch + 1) * SIDE);
        let size = self.g.h * self.g.w;
        for (channel, map) in x.chunks_exact(size).enumerate() {
            self.split(map, &mut row, &mut planes);
            vectorised(
                #[inline(always)]
                || self.transform_input(&planes, &mut read[channel * n..], of_product),
            );
        }
        let mut products = scratch.take(PRODUCTS * out * n);
        let slab = Slab::new((1, n), (0, 0), (1, n), PadMode::Zero, (1, 1), 1);
        let panel = Layout::of_positions().len(out, channels);
        for (k, products) in products.chunks_exact_mut(out * n).enumerate() {
            let windows = Windows {
                slab: &slab,
                maps: &read[k * of_product..][..of_product],
                channels,
                panels: &self.panels[k * panel..][..panel],
                layout: Layout::of_positions(),
                bias: None,
                rows: 0..1,
                width: n,
            };
            for mut tile in Tile::cut(products, out, &[n]) {
                windows.sum(&mut tile);
            }
        }
        for o in 0..out {
            let bias = self.bias.map_or(T::zero(), |bias| bias[o]);
            vectorised(
                #[inline(always)]
                || {
                    self.transform_output(&products[o * n..], out * n, &mut planes);
                    self.join(&planes, bias, y.row(o));
                },
            );
        }
    }

    /// Entries of one of the planes: those with one remainder of row and column modulo [`SIDE`].
    fn plane(&self) -> usize {
        self.tiles() + self.pitch + LANES
    }

    /// Sorts the padded rows that the stripe reads by remainders of row and column.
    fn split(&self, map: &[T], row: &mut [T], planes: &mut [T]) {
        let g = self.g;
        let plane = self.plane();
        let columns = self.pitch * SIDE;
        for r in 0..self.rows.len() * SIDE + READ - SIDE {
            let from = source(self.rows.start * SIDE + r, g.padding, g.h, g.pad_mode);
            let padded = &mut row[..columns];
            match from {
                Some(from) => {
                    let map = &map[from * g.w..(from + 1) * g.w];
                    let inner = g.w.min(columns - g.padding);
                    padded[g.padding..g.padding + inner].copy_from_slice(&map[..inner]);
                    for c in (0..g.padding).chain(g.padding + inner..columns) {
                        padded[c] = source(c, g.padding, g.w, g.pad_mode).map_or(T::zero(), |c| map[c]);
                    }
                }
                None => padded.fill(T::zero()),
            }
            let at = r / SIDE * self.pitch;
            let mut of_row = planes[r % SIDE * SIDE * plane..].chunks_exact_mut(plane);
            let four: [Option<&mut [T]>; SIDE] = from_fn(|_| of_row.next());
            for (j, plane) in four.into_iter().flatten().enumerate() {
                let to = plane[at..at + self.pitch].iter_mut();
                to.zip(padded.chunks_exact(SIDE)).for_each(|(to, from)| *to = from[j]);
            }
        }
    }

    /// `Bᵀ d B` of every tile of one channel.
    #[inline(always)]
    fn transform_input(&self, planes: &[T], to: &mut [T], of_product: usize) {
        let plane = self.plane();
        for tile in (0..self.tiles()).step_by(LANES) {
            let read = |i: usize, j: usize| -> Block<T> {
                let at = (i % SIDE * SIDE + j % SIDE) * plane + i / SIDE * self.pitch + j / SIDE + tile;
                let from = &planes[at..at + LANES];
                from_fn(|lane| from[lane])
            };
            let columns: [[Block<T>; READ]; READ] = from_fn(|j| input_transform(from_fn(|i| read(i, j))));
            for i in 0..READ {
                for (j, block) in input_transform(from_fn(|j| columns[j][i])).into_iter().enumerate() {
                    to[(i * READ + j) * of_product + tile..][..LANES].copy_from_slice(&block);
                }
            }
        }
    }

    /// `Aᵀ m A` of every tile of one output channel, into a plane per position of a tile.
    #[inline(always)]
    fn transform_output(&self, products: &[T], of_product: usize, planes: &mut [T]) {
        let plane = self.plane();
        for tile in (0..self.tiles()).step_by(LANES) {
            let read = |i: usize, j: usize| -> Block<T> {
                let from = &products[(i * READ + j) * of_product + tile..][..LANES];
                from_fn(|lane| from[lane])
            };
            let columns: [[Block<T>; SIDE]; READ] = from_fn(|j| output_transform(from_fn(|i| read(i, j))));
            for i in 0..SIDE {
                for (j, block) in output_transform(from_fn(|j| columns[j][i])).into_iter().enumerate() {
                    planes[(i * SIDE + j) * plane + tile..][..LANES].copy_from_slice(&block);
                }
            }
        }
    }

    /// Lays the positions of all tiles side by side.
    #[inline(always)]
    fn join(&self, planes: &[T], bias: T, to: &mut [T]) {
        let (plane, width) = (self.plane(), self.g.ow);
        for (r, row) in to.chunks_exact_mut(width).enumerate() {
            let at = r / SIDE * self.pitch;
            let of_row: [&[T]; SIDE] =
                from_fn(|j| &planes[(r % SIDE * SIDE + j) * plane + at..][..self.pitch]);
            let mut whole = row.chunks_exact_mut(SIDE);
            for (tile, to) in whole.by_ref().enumerate() {
                for (to, plane) in to.iter_mut().zip(of_row) {
                    *to = plane[tile] + bias;
                }
            }
            for (to, plane) in whole.into_remainder().iter_mut().zip(of_row) {
                *to = plane[width / SIDE] + bias;
            }
        }
    }
}

/// `a * x + b * y + …`, entry by entry.
macro_rules! mix {
    ($first:literal * $x:expr $(, $factor:literal * $y:expr)+) => {
        from_fn(|lane| T::from_f64($first) * $x[lane] $(+ T::from_f64($factor) * $y[lane])+)
    };
}

/// `Bᵀ` along one axis.
#[inline(always)]
fn input_transform<T: Real>(d: [Block<T>; READ]) -> [Block<T>; READ] {
    [
        mix!(4.0 * d[0], -5.0 * d[2], 1.0 * d[4]),
        mix!(-4.0 * d[1], -4.0 * d[2], 1.0 * d[3], 1.0 * d[4]),
        mix!(4.0 * d[1], -4.0 * d[2], -1.0 * d[3], 1.0 * d[4]),
        mix!(-2.0 * d[1], -1.0 * d[2], 2.0 * d[3], 1.0 * d[4]),
        mix!(2.0 * d[1], -1.0 * d[2], -2.0 * d[3], 1.0 * d[4]),
        mix!(4.0 * d[1], -5.0 * d[3], 1.0 * d[5]),
    ]
}

/// `Aᵀ` along one axis.
#[inline(always)]
fn output_transform<T: Real>(m: [Block<T>; READ]) -> [Block<T>; SIDE] {
    [
        mix!(1.0 * m[0], 1.0 * m[1], 1.0 * m[2], 1.0 * m[3], 1.0 * m[4]),
        mix!(1.0 * m[1], -1.0 * m[2], 2.0 * m[3], -2.0 * m[4]),
        mix!(1.0 * m[1], 1.0 * m[2], 4.0 * m[3], 4.0 * m[4]),
        mix!(1.0 * m[1], -1.0 * m[2], 8.0 * m[3], -8.0 * m[4], 1.0 * m[5]),
    ]
}
