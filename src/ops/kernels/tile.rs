//! Columns of a matrix that one piece of work writes.
#![expect(unsafe_code, reason = "tiles of one matrix are written in parallel")]

use std::marker::PhantomData;

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
    pub fn cut(data: &'a mut [T], rows: usize, widths: &[usize]) -> Vec<Self> {
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

    /// Tiles of `height` rows each, the last of what is left.
    pub fn rows(self, height: usize) -> impl Iterator<Item = Self> {
        (0..self.rows).step_by(height).map(move |from| {
            // SAFETY: row `from` lies within the matrix, and no other part has its rows.
            let start = unsafe { self.start.add(from * self.stride) };
            Self { start, rows: height.min(self.rows - from), owner: PhantomData, ..self }
        })
    }

    pub fn n_rows(&self) -> usize {
        self.rows
    }

    pub fn n_columns(&self) -> usize {
        self.columns
    }

    #[inline(always)]
    pub fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: the row lies within the matrix the tile was cut from, its columns belong to this
        // tile alone, and `&mut self` keeps a second slice of it from existing.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride), self.columns) }
    }
}
