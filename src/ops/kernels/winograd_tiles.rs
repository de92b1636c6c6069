//! What Winograd's convolution does to vectors of channels: transforms of tiles and their products.
#![expect(unsafe_code, reason = "vectors are read and written in buffers whose sizes are checked per call")]
#![expect(clippy::needless_range_loop, reason = "iterators over arrays keep their sums out of registers")]

use std::array::from_fn;
use std::marker::PhantomData;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::Real;
use super::instruction_set::has_many_registers;
use super::panels::{AHEAD, CHANNEL_VECTORS};
use super::prefetch::prefetch_line;
use super::window_channels::tile;

/// The largest [`Tiling::READ`].
const MOST: usize = 6;

/// One column or row of what a tile reads or writes; the entries beyond its size are zeros.
type Line<V> = [V; MOST];

/// F(`SIDE` x `SIDE`, 3 x 3).
pub(super) trait Tiling: Sync {
    /// Positions along one side of a tile.
    const SIDE: usize;
    /// Entries along one side of what a tile reads.
    const READ: usize = Self::SIDE + 2;
    /// Products of a tile.
    const PRODUCTS: usize = Self::READ * Self::READ;
    /// `G`, the transform of a kernel, with [`Self::READ`] rows.
    const KERNEL: [[f64; 3]; MOST];

    /// `Bᵀ` along one axis.
    fn read<T: Real, S: Simd>(simd: S, d: Line<T::Vector<S>>) -> Line<T::Vector<S>>;

    /// `Aᵀ` along one axis.
    fn write<T: Real, S: Simd>(simd: S, m: Line<T::Vector<S>>) -> Line<T::Vector<S>>;
}

/// Tiles of 2 x 2.
pub(super) enum Two {}

impl Tiling for Two {
    const SIDE: usize = 2;
    const KERNEL: [[f64; 3]; MOST] =
        [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0], [0.0; 3], [0.0; 3]];

    #[inline(always)]
    fn read<T: Real, S: Simd>(simd: S, d: Line<T::Vector<S>>) -> Line<T::Vector<S>> {
        let (minus, zero) = (T::splat(simd, T::from_f64(-1.0)), T::splat(simd, T::zero()));
        let less = |a, b| T::mul_add(simd, minus, b, a);
        [less(d[0], d[2]), T::plus(simd, d[1], d[2]), less(d[2], d[1]), less(d[1], d[3]), zero, zero]
    }

    #[inline(always)]
    fn write<T: Real, S: Simd>(simd: S, m: Line<T::Vector<S>>) -> Line<T::Vector<S>> {
        let (minus, zero) = (T::splat(simd, T::from_f64(-1.0)), T::splat(simd, T::zero()));
        let less = |a, b| T::mul_add(simd, minus, b, a);
        let plus = |a, b| T::plus(simd, a, b);
        [plus(plus(m[0], m[1]), m[2]), less(less(m[1], m[2]), m[3]), zero, zero, zero, zero]
    }
}

/// Tiles of 4 x 4.
pub(super) enum Four {}

impl Tiling for Four {
    const SIDE: usize = 4;
    const KERNEL: [[f64; 3]; MOST] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];

    #[inline(always)]
    fn read<T: Real, S: Simd>(simd: S, d: Line<T::Vector<S>>) -> Line<T::Vector<S>> {
        // `factor * a + b`
        let add = |factor: f64, a, b| T::mul_add(simd, T::splat(simd, T::from_f64(factor)), a, b);
        let (even, odd) = (add(-4.0, d[2], d[4]), add(-4.0, d[1], d[3]));
        let (fours, twos) = (add(-1.0, d[2], d[4]), add(-1.0, d[1], d[3]));
        [
            add(4.0, d[0], add(-5.0, d[2], d[4])),
            T::plus(simd, even, odd),
            add(-1.0, odd, even),
            add(2.0, twos, fours),
            add(-2.0, twos, fours),
            add(4.0, d[1], add(-5.0, d[3], d[5])),
        ]
    }

    #[inline(always)]
    fn write<T: Real, S: Simd>(simd: S, m: Line<T::Vector<S>>) -> Line<T::Vector<S>> {
        let add = |factor: f64, a, b| T::mul_add(simd, T::splat(simd, T::from_f64(factor)), a, b);
        let plus = |a, b| T::plus(simd, a, b);
        let (ones, twos) = (plus(m[1], m[2]), plus(m[3], m[4]));
        let (one, two) = (add(-1.0, m[2], m[1]), add(-1.0, m[4], m[3]));
        let zero = T::splat(simd, T::zero());
        [
            plus(plus(m[0], ones), twos),
            add(2.0, two, one),
            add(4.0, twos, ones),
            plus(add(8.0, two, one), m[5]),
            zero,
            zero,
        ]
    }
}

/// A transform along both axes of a tile: `read` gives entry `(i, j)` of `from` x `from`, `write` takes
/// entry `(i, j)` of `to` x `to`.
#[inline(always)]
fn both_axes<V: Copy>(
    (from, to): (usize, usize),
    zero: V,
    along: impl Fn(Line<V>) -> Line<V>,
    read: impl Fn(usize, usize) -> V,
    mut write: impl FnMut(usize, usize, V),
) {
    let mut columns = [[zero; MOST]; MOST];
    for j in 0..MOST {
        if j < from {
            columns[j] = along(from_fn(|i| if i < from { read(i, j) } else { zero }));
        }
    }
    for i in 0..MOST {
        if i < to {
            let row = along(from_fn(|j| columns[j][i]));
            for j in 0..MOST {
                if j < to {
                    write(i, j, row[j]);
                }
            }
        }
    }
}

/// `Bᵀ d B` of a row of tiles of one vector of channels.
pub(super) struct ReadTiles<'a, T, W> {
    /// `[row, column, channel]` of what the tiles read.
    from: &'a [T],
    columns: usize,
    /// `[product, tile, channel]`.
    to: &'a mut [T],
    tiles: usize,
    first: usize,
    kind: PhantomData<W>,
}

impl<'a, T: Real, W: Tiling> ReadTiles<'a, T, W> {
    /// Of `columns` tiles, the first of which is tile `first` of the `tiles` in `to`.
    pub fn new(from: &'a [T], columns: usize, to: &'a mut [T], tiles: usize, first: usize) -> Self {
        Self { from, columns, to, tiles, first, kind: PhantomData }
    }
}

impl<T: Real, W: Tiling> WithSimd for ReadTiles<'_, T, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = T::lanes::<S>();
        let pitch = (self.columns * W::SIDE + 2) * lanes;
        assert!(self.from.len() >= W::READ * pitch, "rows that the tiles read");
        assert!(self.to.len() >= W::PRODUCTS * self.tiles * lanes, "room for every product");
        assert!(self.first + self.columns <= self.tiles, "tiles of this stripe");
        let zero = T::splat(simd, T::zero());
        for column in 0..self.columns {
            // SAFETY: the sizes were checked; tile `column` reads `READ` columns from `SIDE * column` on.
            unsafe {
                let from = self.from.as_ptr().add(column * W::SIDE * lanes);
                let to = self.to.as_mut_ptr().add((self.first + column) * lanes);
                both_axes(
                    (W::READ, W::READ),
                    zero,
                    #[inline(always)]
                    |line| W::read::<T, S>(simd, line),
                    #[inline(always)]
                    |i, j| T::load::<S>(from.add(i * pitch + j * lanes)),
                    #[inline(always)]
                    |i, j, x| T::store::<S>(to.add((i * W::READ + j) * self.tiles * lanes), x),
                );
            }
        }
    }
}

/// `Aᵀ m A` of a row of tiles of one panel of output channels.
pub(super) struct WriteTiles<'a, T, W> {
    /// `[product, tile, channel]`.
    from: &'a [T],
    tiles: usize,
    which: Range<usize>,
    vectors: usize,
    /// `[row, column, channel]`.
    to: &'a mut [T],
    kind: PhantomData<W>,
}

impl<'a, T: Real, W: Tiling> WriteTiles<'a, T, W> {
    /// Of tiles `which` of the `tiles` in `from`, the first `vectors` of its channels.
    pub fn new(from: &'a [T], tiles: usize, which: Range<usize>, vectors: usize, to: &'a mut [T]) -> Self {
        Self { from, tiles, which, vectors, to, kind: PhantomData }
    }
}

impl<T: Real, W: Tiling> WithSimd for WriteTiles<'_, T, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = T::lanes::<S>();
        let height = CHANNEL_VECTORS * lanes;
        let pitch = self.which.len() * W::SIDE * height;
        assert!(self.from.len() >= W::PRODUCTS * self.tiles * height, "sums of every product");
        assert!(self.to.len() >= W::SIDE * pitch, "room for the rows of a tile");
        assert!(self.which.end <= self.tiles && self.vectors <= CHANNEL_VECTORS, "tiles of this stripe");
        let zero = T::splat(simd, T::zero());
        for (column, tile) in self.which.enumerate() {
            for vector in 0..self.vectors {
                // SAFETY: the sizes were checked.
                unsafe {
                    let from = self.from.as_ptr().add(tile * height + vector * lanes);
                    let to = self.to.as_mut_ptr().add(column * W::SIDE * height + vector * lanes);
                    both_axes(
                        (W::READ, W::SIDE),
                        zero,
                        #[inline(always)]
                        |line| W::write::<T, S>(simd, line),
                        #[inline(always)]
                        |i, j| T::load::<S>(from.add((i * W::READ + j) * self.tiles * height)),
                        #[inline(always)]
                        |i, j, x| T::store::<S>(to.add(i * pitch + j * height), x),
                    );
                }
            }
        }
    }
}

/// The products of transformed input and transformed weights, summed over channels.
pub(super) struct Products<'a, T> {
    /// `[vector of channels, product, tile, channel of the vector]`.
    pub read: &'a [T],
    /// `[product, channel, output channel]`.
    pub panel: &'a [T],
    pub products: usize,
    pub tiles: usize,
    /// Vectors of output channels of the panel that matter.
    pub vectors: usize,
    /// `[product, tile, output channel]`.
    pub to: &'a mut [T],
}

impl<T: Real> WithSimd for Products<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lanes = T::lanes::<S>();
        let (of_vector, height) = (self.products * self.tiles * lanes, CHANNEL_VECTORS * lanes);
        let channels = self.read.len() / of_vector.max(1) * lanes;
        assert!(self.panel.len() >= self.products * channels * height, "weights of every product");
        assert!(self.to.len() >= self.products * self.tiles * height, "room for every product");
        for product in 0..self.products {
            if self.vectors > 1 {
                self.product::<S, CHANNEL_VECTORS>(simd, product);
            } else {
                self.product::<S, 1>(simd, product);
            }
        }
    }
}

impl<T: Real> Products<'_, T> {
    #[inline(always)]
    fn product<S: Simd, const V: usize>(&mut self, simd: S, product: usize) {
        let sizes: &[usize] = if has_many_registers() { &[1, 2, 4, 6, 8, 10, 12, 14] } else { &[1, 2, 4, 6] };
        let mut done = 0;
        while done < self.tiles {
            let size = tile(self.tiles - done, self.tiles, sizes);
            // The last ones may be computed once more.
            let from = done.min(self.tiles - size);
            match size {
                1 => self.sums::<S, V, 1>(simd, product, from),
                2 => self.sums::<S, V, 2>(simd, product, from),
                4 => self.sums::<S, V, 4>(simd, product, from),
                6 => self.sums::<S, V, 6>(simd, product, from),
                8 => self.sums::<S, V, 8>(simd, product, from),
                10 => self.sums::<S, V, 10>(simd, product, from),
                12 => self.sums::<S, V, 12>(simd, product, from),
                _ => self.sums::<S, V, 14>(simd, product, from),
            }
            done = from + size;
        }
    }

    /// `V` vectors of output channels of `P` tiles from `from` on.
    #[inline(always)]
    fn sums<S: Simd, const V: usize, const P: usize>(&mut self, simd: S, product: usize, from: usize) {
        let lanes = T::lanes::<S>();
        let (of_vector, height) = (self.products * self.tiles * lanes, CHANNEL_VECTORS * lanes);
        let mut sums = [[T::splat(simd, T::zero()); V]; P];
        let vectors = self.read.len() / of_vector;
        let at = product * self.tiles + from;
        // SAFETY: `with_simd` checked that input, panel and result reach as far.
        unsafe {
            let mut weights = self.panel.as_ptr().add(product * vectors * lanes * height);
            for vector in 0..vectors {
                let xs = self.read.as_ptr().add(vector * of_vector + at * lanes);
                for lane in 0..lanes {
                    let ws: [T::Vector<S>; V] = from_fn(|v| T::load::<S>(weights.add(v * lanes)));
                    for v in 0..V {
                        prefetch_line(weights.wrapping_add(AHEAD * height + v * lanes));
                    }
                    for p in 0..P {
                        let x = T::splat(simd, *xs.add(p * lanes + lane));
                        for v in 0..V {
                            sums[p][v] = T::mul_add(simd, ws[v], x, sums[p][v]);
                        }
                    }
                    weights = weights.add(height);
                }
            }
            let to = self.to.as_mut_ptr().add(at * height);
            for p in 0..P {
                for v in 0..V {
                    T::store::<S>(to.add(p * height + v * lanes), sums[p][v]);
                }
            }
        }
    }
}
