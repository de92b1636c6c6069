//! Products of matrices whose rows lie one after the other.
#![expect(unsafe_code, reason = "vectors are read from operands whose sizes are checked per call")]

use pulp::{Simd, WithSimd};

use super::instruction_set::dispatch;
use super::windows::{SHORT, plus};
use super::{Real, each};

/// Rows of the result in one piece of work, at the most.
const ROWS: usize = 64;

/// Pieces of work that a machine of many cores should find.
const PIECES: usize = 8;

/// `[m, n]` dot products of the rows of `a` `[m, depth]` with the rows of `b` `[n, depth]`.
pub(super) fn dots<T: Real>(a: &[T], b: &[T], (m, n, depth): (usize, usize, usize), to: &mut [T]) {
    assert_eq!((a.len(), b.len(), to.len()), (m * depth, n * depth, m * n), "operands of a product");
    if m * n * depth == 0 {
        return to.fill(T::zero());
    }
    // The result is cut along the rows of `b`, so that one sample keeps many cores busy, too.
    let mut columns: Vec<Vec<&mut [T]>> = Vec::new();
    for row in to.chunks_exact_mut(n) {
        for (i, part) in row.chunks_mut(ROWS).enumerate() {
            match columns.get_mut(i) {
                Some(parts) => parts.push(part),
                None => columns.push(vec![part]),
            }
        }
    }
    let jobs: Vec<_> = columns.into_iter().zip(b.chunks((ROWS * depth).max(1))).collect();
    each(jobs, m * n * depth, |(to, b)| dispatch(Dots { a, b, depth, to }));
}

struct Dots<'a, T> {
    a: &'a [T],
    b: &'a [T],
    depth: usize,
    /// A row per row of `a`.
    to: Vec<&'a mut [T]>,
}

impl<T: Real> WithSimd for Dots<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (m, n) = (self.to.len(), self.b.len() / self.depth);
        let mut i = 0;
        while i < m {
            let rows = if m - i >= 4 { 4 } else { 1 };
            let mut j = 0;
            while j < n {
                j += match (rows, n - j) {
                    (4, 6..) => self.tile::<S, 4, 6>(simd, i, j),
                    (4, _) => self.tile::<S, 4, 1>(simd, i, j),
                    (_, 6..) => self.tile::<S, 1, 6>(simd, i, j),
                    _ => self.tile::<S, 1, 1>(simd, i, j),
                };
            }
            i += rows;
        }
    }
}

impl<T: Real> Dots<'_, T> {
    /// `M` rows of `a` with `N` rows of `b`.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const N: usize>(&mut self, simd: S, i: usize, j: usize) -> usize {
        let (lanes, depth) = (T::lanes::<S>(), self.depth);
        let (a, b) = (&self.a[i * depth..(i + M) * depth], &self.b[j * depth..(j + N) * depth]);
        let mut sums = [[T::splat(simd, T::zero()); N]; M];
        let whole = depth / lanes * lanes;
        for k in (0..whole).step_by(lanes) {
            // SAFETY: a vector from `k` on lies within every row.
            unsafe {
                let mut bs = [T::splat(simd, T::zero()); N];
                for (n, to) in bs.iter_mut().enumerate() {
                    *to = T::load::<S>(b.as_ptr().add(n * depth + k));
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let a = T::load::<S>(a.as_ptr().add(m * depth + k));
                    for (sum, b) in sums.iter_mut().zip(bs) {
                        *sum = T::mul_add(simd, a, b, *sum);
                    }
                }
            }
        }
        if whole < depth {
            let rest = |x: &[T], row: usize| T::load_some(simd, &x[row * depth + whole..(row + 1) * depth]);
            for (m, sums) in sums.iter_mut().enumerate() {
                let a = rest(a, m);
                for (n, sum) in sums.iter_mut().enumerate() {
                    *sum = T::mul_add(simd, a, rest(b, n), *sum);
                }
            }
        }
        for (m, sums) in sums.into_iter().enumerate() {
            for (n, sum) in sums.into_iter().enumerate() {
                self.to[i + m][j + n] = T::total(simd, sum);
            }
        }
        N
    }
}

/// A matrix read entry by entry.
#[derive(Clone, Copy)]
pub(super) struct Entries<'a, T> {
    pub data: &'a [T],
    pub row_stride: usize,
    pub column_stride: usize,
}

/// `[m, n]` products of `a` `[m, depth]` with `b` `[depth, n]`.
pub(super) fn product<T: Real>(
    a: Entries<'_, T>,
    b: &[T],
    (m, n, depth): (usize, usize, usize),
    to: &mut [T],
) {
    assert_eq!((b.len(), to.len()), (depth * n, m * n), "operands of a product");
    if m * n * depth == 0 {
        return to.fill(T::zero());
    }
    let last = (m - 1) * a.row_stride + (depth - 1) * a.column_stride;
    assert!(last < a.data.len(), "{m}x{depth} entries of a slice of {}", a.data.len());
    let rows = m.div_ceil(PIECES).next_multiple_of(4).min(ROWS);
    let jobs: Vec<_> = to.chunks_mut(rows * n).enumerate().collect();
    each(jobs, m * n * depth, |(i, to)| dispatch(Rows { a, first: i * rows, b, n, depth, to }));
}

struct Rows<'a, T> {
    a: Entries<'a, T>,
    first: usize,
    b: &'a [T],
    n: usize,
    depth: usize,
    to: &'a mut [T],
}

impl<T: Real> WithSimd for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (m, lanes) = (self.to.len() / self.n, T::lanes::<S>());
        let mut j = 0;
        while j < self.n {
            let left = self.n - j;
            let vectors = if left >= 3 * lanes { 3 } else { 1 };
            let mut i = 0;
            while i < m {
                i += match (vectors, m - i) {
                    (3, 4..) => self.tile::<S, 4, 3>(simd, i, j),
                    (3, _) => self.tile::<S, 1, 3>(simd, i, j),
                    (_, 4..) => self.tile::<S, 4, 1>(simd, i, j),
                    _ => self.tile::<S, 1, 1>(simd, i, j),
                };
            }
            j += vectors * lanes;
        }
    }
}

impl<T: Real> Rows<'_, T> {
    /// `M` rows at `V` vectors of columns; the last one may reach beyond the end.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const V: usize>(&mut self, simd: S, i: usize, j: usize) -> usize {
        let (lanes, n) = (T::lanes::<S>(), self.n);
        let is_whole = j + V * lanes <= n;
        let mut totals = [[T::splat(simd, T::zero()); V]; M];
        for first in (0..self.depth).step_by(SHORT) {
            let mut sums = [[T::splat(simd, T::zero()); V]; M];
            for s in first..(first + SHORT).min(self.depth) {
                let row = &self.b[s * n + j..(s + 1) * n];
                let mut bs = [T::splat(simd, T::zero()); V];
                for (v, to) in bs.iter_mut().enumerate() {
                    *to = if is_whole {
                        // SAFETY: the row has all vectors.
                        unsafe { T::load::<S>(row.as_ptr().add(v * lanes)) }
                    } else {
                        T::load_some(simd, &row[(v * lanes).min(row.len())..])
                    };
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let at = (self.first + i + m) * self.a.row_stride + s * self.a.column_stride;
                    let a = T::splat(simd, self.a.data[at]);
                    for (sum, b) in sums.iter_mut().zip(bs) {
                        *sum = T::mul_add(simd, a, b, *sum);
                    }
                }
            }
            plus::<T, S, M, V>(simd, &mut totals, sums);
        }
        for (m, totals) in totals.into_iter().enumerate() {
            let row = &mut self.to[(i + m) * n + j..(i + m + 1) * n];
            for (v, sum) in totals.into_iter().enumerate() {
                let end = row.len().min((v + 1) * lanes);
                T::store_some(simd, &mut row[(v * lanes).min(end)..end], sum);
            }
        }
        M
    }
}
