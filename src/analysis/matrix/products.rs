//! Products of matrices, and of a matrix with itself.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef, Par};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::Matrix;

/// A mean pattern this many times as large as the squared deviations from it is taken away before the
/// product: after it, the difference would have lost digits.
const FAR: f64 = 10.0;

impl Matrix {
    pub(super) fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.entries, self.rows, self.columns)
    }

    fn view_mut(&mut self) -> MatMut<'_, f64> {
        MatMut::from_row_major_slice_mut(&mut self.entries, self.rows, self.columns)
    }

    pub(super) fn of_view(view: MatRef<'_, f64>) -> Self {
        Self::from_fn(view.nrows(), view.ncols(), |i, j| view[(i, j)])
    }

    /// The matrix product.
    ///
    /// # Panics
    /// If the inner sizes differ.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        product(self.view(), other.view())
    }

    /// `Aᵀ B`.
    ///
    /// # Panics
    /// If the numbers of rows differ.
    #[must_use]
    pub fn transposed_times(&self, other: &Self) -> Self {
        product(self.view().transpose(), other.view())
    }

    /// `A Bᵀ`.
    ///
    /// # Panics
    /// If the numbers of columns differ.
    #[must_use]
    pub fn times_transposed(&self, other: &Self) -> Self {
        product(self.view(), other.view().transpose())
    }

    /// `A Aᵀ`, exactly symmetric.
    #[must_use]
    pub fn gram(&self) -> Self {
        lower_gram(self.view()).mirrored()
    }

    /// `A Aᵀ` of the columns with their means taken away, without the cancellation that
    /// [`Matrix::double_centred`] has where the means are far from zero.
    #[must_use]
    pub fn centred_gram(&self) -> Self {
        let gram = self.gram();
        let n = self.rows as f64;
        let mean = gram.entries.iter().sum::<f64>() / (n * n);
        let size = (0..self.rows).map(|i| gram.at(i, i)).sum::<f64>() / n;
        if !(mean > FAR * (size - mean)) {
            return gram.double_centred();
        }
        // Seen from one of the rows first: their differences are exact where the mean is not.
        let mut near = self.clone();
        for row in near.entries.chunks_exact_mut(self.columns) {
            row.iter_mut().zip(self.row(0)).for_each(|(entry, origin)| *entry -= origin);
        }
        near.centred().gram()
    }

    /// The entries below the diagonal also above it.
    fn mirrored(mut self) -> Self {
        for i in 0..self.rows {
            for j in i + 1..self.columns {
                self.set(i, j, self.at(j, i));
            }
        }
        self
    }
}

fn product(left: MatRef<'_, f64>, right: MatRef<'_, f64>) -> Matrix {
    assert_eq!(left.ncols(), right.nrows(), "inner sizes of a product");
    let mut product = Matrix::zeros(left.nrows(), right.ncols());
    matmul(product.view_mut(), Accum::Replace, left, right, 1.0, Par::Seq);
    product
}

/// Rows up to which there is room for a Gram matrix per piece of columns.
const FEW_ROWS: usize = 1024;

/// Columns of a piece, at the least.
const PIECE: usize = 2048;

/// Pieces, at the most.
const PIECES: usize = 8;

/// On and below the diagonal: the sum of those of some pieces of columns.
fn lower_gram(rows: MatRef<'_, f64>) -> Matrix {
    let (n, columns) = rows.shape();
    let pieces = if n > FEW_ROWS { 1 } else { (columns / PIECE).clamp(1, PIECES) };
    let piece = columns.div_ceil(pieces).max(1);
    let grams: Vec<Matrix> = (0..pieces)
        .into_par_iter()
        .map(|i| {
            let from = (i * piece).min(columns);
            let some = rows.subcols(from, piece.min(columns - from));
            let (lower, all) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
            let mut gram = Matrix::zeros(n, n);
            let to = gram.view_mut();
            triangular::matmul(to, lower, Accum::Replace, some, all, some.transpose(), all, 1.0, Par::Seq);
            gram
        })
        .collect();
    grams.into_iter().reduce(|sum, gram| sum.plus(&gram)).unwrap_or_else(|| Matrix::zeros(n, n))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{near, random};
    use super::*;

    fn by_hand(a: &Matrix, b: &Matrix) -> Matrix {
        Matrix::from_fn(a.rows(), b.columns(), |i, j| (0..a.columns()).map(|k| a.at(i, k) * b.at(k, j)).sum())
    }

    #[test]
    fn products_are_sums_of_products() {
        for (rows, inner, columns) in [(1, 1, 1), (3, 4, 2), (33, 70, 41), (5, 300, 1), (2, 0, 3), (0, 2, 2)]
        {
            let (a, b) = (random(rows, inner), random(inner, columns));
            let expected = by_hand(&a, &b);
            near(&a.times(&b), &expected);
            near(&a.transposed().transposed_times(&b), &expected);
            near(&a.times_transposed(&b.transposed()), &expected);
        }
    }

    #[test]
    fn gram_matrices_are_symmetric_products() {
        for (rows, columns) in [(1, 5), (7, 3), (40, 1000), (300, 130), (3, 0), (9, 6001)] {
            let a = random(rows, columns);
            near(&a.gram(), &by_hand(&a, &a.transposed()));
            assert_eq!(a.gram(), a.gram().transposed());
            let centred = a.centred();
            near(&a.centred_gram(), &by_hand(&centred, &centred.transposed()));
            near(&a.gram().double_centred(), &a.centred_gram());
        }
    }

    #[test]
    fn gram_matrices_are_the_same_on_any_number_of_threads() {
        let a = random(90, 5000);
        let [one, three] = [1, 3].map(|threads| {
            let pool = crate::ops::compute_pool(threads).unwrap();
            pool.install(|| a.gram())
        });
        assert_eq!(one, three);
    }

    #[test]
    fn means_far_from_zero_cost_no_digits() {
        let a = random(20, 500);
        let far = a.map(|entry| (entry * 1024.0).round() / 1024.0 + 1e9);
        let here = far.map(|entry| entry - 1e9);
        near(&far.centred_gram(), &here.centred_gram());
    }
}
