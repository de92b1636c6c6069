//! Matrix products on slices, with every index checked once per product.
#![expect(unsafe_code, reason = "gemm takes raw pointers, and tiles of one matrix are written in parallel")]

use std::marker::PhantomData;

use gemm::Parallelism;

use super::Real;

/// A matrix in a slice: entry `(i, j)` is `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a, T> {
    pub data: &'a [T],
    pub row_stride: usize,
    pub column_stride: usize,
}

/// A block of columns of a row-major matrix that no other tile overlaps.
pub(super) struct Tile<'a, T> {
    start: *mut T,
    rows: usize,
    columns: usize,
    stride: usize,
    owner: PhantomData<&'a mut [T]>,
}

// SAFETY: a tile is an exclusive borrow of its entries, like the `&mut [T]` it was cut from.
unsafe impl<T: Send> Send for Tile<'_, T> {}

impl<'a, T> Tile<'a, T> {
    /// The row-major matrix in `data`, cut into tiles of `widths` columns.
    pub(super) fn cut(data: &'a mut [T], rows: usize, widths: &[usize]) -> Vec<Self> {
        let stride: usize = widths.iter().sum();
        assert_eq!(data.len(), rows * stride, "tiles must cover the matrix");
        let mut tiles = Vec::with_capacity(widths.len());
        let mut from = 0;
        for &columns in widths {
            // SAFETY: `from` is at most one row's length. An empty matrix has no entries to reach.
            let start = unsafe { data.as_mut_ptr().add(if rows == 0 { 0 } else { from }) };
            tiles.push(Self { start, rows, columns, stride, owner: PhantomData });
            from += columns;
        }
        tiles
    }

    pub(super) fn whole(data: &'a mut [T], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a tile must cover the matrix");
        Self { start: data.as_mut_ptr(), rows, columns, stride: columns, owner: PhantomData }
    }

    pub(super) fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: the row lies within the matrix the tile was cut from, its columns belong to this
        // tile alone, and `&mut self` keeps a second slice of it from existing.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride), self.columns) }
    }
}

impl<T> Matrix<'_, T> {
    fn check(&self, rows: usize, columns: usize) {
        if rows > 0 && columns > 0 {
            let last = (rows - 1) * self.row_stride + (columns - 1) * self.column_stride;
            assert!(last < self.data.len(), "{rows}x{columns} entries of a slice of {}", self.data.len());
        }
    }
}

/// Rows times depth from which a product is worth cutting into strips.
const WORTH_A_STRIP: usize = 1024;

/// Columns computed at once, or none for all: with AVX-512, gemm's widest microkernel (four vectors)
/// runs at half the speed of the one for two vectors.
fn strip<T>() -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        return Some(2 * 64 / size_of::<T>());
    }
    None
}

/// `to = a · b`, or `to += a · b`, on the calling thread; `depth` is the inner size.
pub(super) fn multiply<T: Real>(
    to: &mut Tile<'_, T>,
    accumulate: bool,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    depth: usize,
) {
    a.check(to.rows, depth);
    b.check(depth, to.columns);
    let strip = strip::<T>().filter(|_| to.rows * depth >= WORTH_A_STRIP).unwrap_or(to.columns);
    for first in (0..to.columns).step_by(strip.max(1)) {
        let columns = strip.min(to.columns - first);
        // SAFETY: both operands were checked to hold every entry the product reads; the tile holds
        // `rows` rows of `to.columns` entries at `stride`, exclusively borrowed, so it overlaps
        // neither, and the strip lies within it. `Real` is `f32` or `f64`, which gemm implements.
        unsafe {
            gemm::gemm(
                to.rows,
                columns,
                depth,
                to.start.add(first),
                1,
                to.stride as isize,
                accumulate,
                a.data.as_ptr(),
                a.column_stride as isize,
                a.row_stride as isize,
                b.data.as_ptr().add(first * b.column_stride),
                b.column_stride as isize,
                b.row_stride as isize,
                T::one(),
                T::one(),
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}
