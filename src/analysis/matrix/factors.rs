//! Decompositions: symmetric eigenvalues, singular values, inverses, functions of a matrix.

use faer::{MatRef, Side};

use super::Matrix;
use crate::error::{Error, Result};

/// Singular values in descending order with their vectors as columns.
#[derive(Clone, Debug)]
pub struct Svd {
    /// `[rows, k]`.
    pub u: Matrix,
    pub values: Vec<f64>,
    /// `[columns, k]`; the entry of largest modulus of every vector is positive, the first of equals.
    pub v: Matrix,
}

impl Matrix {
    /// Eigenvalues in descending order and orthonormal eigenvectors, as columns, of a symmetric matrix.
    /// The entry of largest modulus of every vector is positive, the first of equals.
    ///
    /// # Errors
    /// [`Error::Shape`] unless it is square, [`Error::Unsupported`] for entries that are not finite or
    /// without convergence.
    pub fn symmetric_eigen(&self) -> Result<(Vec<f64>, Self)> {
        let n = self.rows;
        if n != self.columns {
            return Err(Error::shape("symmetric matrix", [n, n], &[n, self.columns]));
        }
        self.require_finite("eigenvalues")?;
        if n == 0 {
            return Ok((Vec::new(), Self::zeros(0, 0)));
        }
        let symmetric = self.plus(&self.transposed()).scaled(0.5);
        let found = symmetric.view().self_adjoint_eigen(Side::Lower);
        let found = found.map_err(|_| without_convergence("eigenvalues"))?;
        // They come in ascending order.
        let values = (0..n).rev().map(|k| found.S()[k]).collect();
        let vectors = found.U().reverse_cols();
        let signs = signs(vectors);
        Ok((values, Self::from_fn(n, n, |i, k| vectors[(i, k)] * signs[k])))
    }

    /// `A = U diag(s) Vᵀ` with `min(rows, columns)` singular values in descending order.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for entries that are not finite or without convergence.
    pub fn svd(&self) -> Result<Svd> {
        self.require_finite("singular values")?;
        let k = self.rows.min(self.columns);
        if k == 0 {
            let [u, v] = [self.rows, self.columns].map(|n| Self::zeros(n, 0));
            return Ok(Svd { u, values: Vec::new(), v });
        }
        let found = self.view().thin_svd().map_err(|_| without_convergence("singular values"))?;
        let signs = signs(found.V());
        let signed =
            |vectors: MatRef<'_, f64>| Self::from_fn(vectors.nrows(), k, |i, j| vectors[(i, j)] * signs[j]);
        let values = (0..k).map(|j| found.S()[j]).collect();
        Ok(Svd { u: signed(found.U()), values, v: signed(found.V()) })
    }

    /// Moore-Penrose inverse; singular values below `tolerance` times the largest count as zero.
    ///
    /// # Errors
    /// As [`Matrix::svd`].
    pub fn pseudo_inverse(&self, tolerance: f64) -> Result<Self> {
        let Svd { u, values, v } = self.svd()?;
        let limit = tolerance * values.first().copied().unwrap_or(0.0);
        let inverse: Vec<f64> =
            values.iter().map(|&value| if value > limit { 1.0 / value } else { 0.0 }).collect();
        Ok(v.with_scaled_columns(&inverse).times_transposed(&u))
    }

    /// The inverse of a square matrix; `None` where a pivot is zero or not finite.
    ///
    /// # Panics
    /// If the matrix is not square.
    pub fn inverse(&self) -> Option<Self> {
        assert_eq!(self.rows, self.columns, "a square matrix");
        if self.rows == 0 {
            return Some(self.clone());
        }
        let factors = self.view().partial_piv_lu();
        let pivots = (0..self.rows).map(|k| factors.U()[(k, k)]);
        if pivots.into_iter().any(|pivot| pivot == 0.0 || !pivot.is_finite()) {
            return None;
        }
        Some(Self::of_view(faer::linalg::solvers::DenseSolveCore::inverse(&factors).as_ref()))
    }

    /// `f` of a symmetric matrix: of its eigenvalues.
    ///
    /// # Errors
    /// As [`Matrix::symmetric_eigen`].
    pub fn symmetric_function(&self, f: impl Fn(f64) -> f64) -> Result<Self> {
        let (values, vectors) = self.symmetric_eigen()?;
        let values: Vec<f64> = values.into_iter().map(f).collect();
        Ok(Self::of_spectrum(&values, &vectors))
    }

    /// `V diag(values) Vᵀ`: the symmetric matrix with these eigenvalues and eigenvectors.
    ///
    /// # Panics
    /// Unless there are as many values as columns of `vectors`.
    pub fn of_spectrum(values: &[f64], vectors: &Self) -> Self {
        vectors.with_scaled_columns(values).times_transposed(vectors)
    }

    fn with_scaled_columns(&self, factors: &[f64]) -> Self {
        assert_eq!(self.columns, factors.len(), "one factor per column");
        Self::from_fn(self.rows, self.columns, |i, j| self.at(i, j) * factors[j])
    }

    fn require_finite(&self, what: &str) -> Result<()> {
        if self.entries.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(Error::Unsupported(format!("a matrix with entries that are not finite has no {what}")))
    }
}

/// 1 or -1 per column: what makes its entry of largest modulus positive, the first of equals.
fn signs(vectors: MatRef<'_, f64>) -> Vec<f64> {
    let sign = |k: usize| {
        let entries = (0..vectors.nrows()).map(|i| vectors[(i, k)]);
        let top = entries.fold(0.0f64, |top, x| if x.abs() > top.abs() { x } else { top });
        if top < 0.0 { -1.0 } else { 1.0 }
    };
    (0..vectors.ncols()).map(sign).collect()
}

fn without_convergence(what: &str) -> Error {
    Error::Unsupported(format!("{what} did not converge"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{near, random};
    use super::*;

    fn has_signs(vectors: &Matrix) {
        for k in 0..vectors.columns() {
            let column = vectors.column(k);
            let top = column.iter().map(|x| x.abs()).fold(0.0, f64::max);
            assert!(column.contains(&top), "{column:?}");
        }
    }

    #[test]
    fn singular_vectors_are_orthonormal_and_give_the_matrix_back() {
        let low = random(7, 2).times(&random(2, 5));
        let large = random(160, 150);
        for a in [random(6, 4), random(3, 8), low, Matrix::zeros(3, 2), random(1, 1), random(4, 400), large] {
            let Svd { u, values, v } = a.svd().unwrap();
            near(&u.times(&Matrix::diagonal(&values)).times(&v.transposed()), &a);
            near(&u.transposed().times(&u), &Matrix::identity(values.len()));
            near(&v.transposed().times(&v), &Matrix::identity(values.len()));
            assert!(values.is_sorted_by(|a, b| a >= b) && values.len() == a.rows().min(a.columns()));
            has_signs(&v);
        }
        let Svd { u, values, v } = Matrix::zeros(0, 3).svd().unwrap();
        assert!(values.is_empty() && (u.rows(), u.columns(), v.rows(), v.columns()) == (0, 0, 3, 0));
        assert!(Matrix::new(1, 1, vec![f64::NAN]).unwrap().svd().is_err());
    }

    #[test]
    fn symmetric_functions_agree_with_products() {
        let a = random(5, 5);
        let a = a.plus(&a.transposed());
        near(&a.symmetric_function(|value| value * value).unwrap(), &a.times(&a));
        let low = random(30, 12).times(&random(12, 30));
        let (values, _) = low.times(&low.transposed()).symmetric_eigen().unwrap();
        assert!(values[11] > 1e-3 && values[12..].iter().all(|value| value.abs() < 1e-11 * values[0]));
        for n in [1, 5, 150] {
            let a = random(n, n);
            let a = a.plus(&a.transposed());
            let (values, vectors) = a.symmetric_eigen().unwrap();
            near(&a.times(&vectors), &vectors.times(&Matrix::diagonal(&values)));
            near(&vectors.transposed().times(&vectors), &Matrix::identity(n));
            assert!(values.is_sorted_by(|a, b| a >= b) && (n == 1 || values[n - 1] < 0.0));
            has_signs(&vectors);
        }
        assert!(Matrix::zeros(0, 0).symmetric_eigen().unwrap().0.is_empty());
        assert!(Matrix::zeros(2, 3).symmetric_eigen().is_err());
        assert!(Matrix::new(1, 1, vec![f64::INFINITY]).unwrap().symmetric_eigen().is_err());
    }

    #[test]
    fn sizes_far_from_one_are_no_obstacle() {
        let a = random(6, 6);
        let symmetric = a.plus(&a.transposed());
        let (values, _) = symmetric.symmetric_eigen().unwrap();
        let singular = a.svd().unwrap().values;
        for scale in [1e-120, 1e120] {
            let (scaled, _) = symmetric.scaled(scale).symmetric_eigen().unwrap();
            for (found, expected) in scaled.iter().zip(&values) {
                assert!((found / scale - expected).abs() < 1e-12 * values[0].abs());
            }
            let found = a.scaled(scale).svd().unwrap().values;
            for (found, expected) in found.iter().zip(&singular) {
                assert!((found / scale - expected).abs() < 1e-12 * singular[0]);
            }
        }
    }

    #[test]
    fn the_pseudo_inverse_inverts_where_it_can() {
        let a = random(4, 4);
        near(&a.times(&a.pseudo_inverse(1e-12).unwrap()), &Matrix::identity(4));
        let low = random(5, 2).times(&random(2, 4));
        let inverse = low.pseudo_inverse(1e-12).unwrap();
        near(&low.times(&inverse).times(&low), &low);
    }

    #[test]
    fn what_can_be_inverted_is() {
        for n in [1, 3, 20] {
            let a = random(n, n);
            near(&a.times(&a.inverse().unwrap()), &Matrix::identity(n));
        }
        let singular = Matrix::new(2, 2, vec![1.0, 2.0, 2.0, 4.0]).unwrap();
        assert!(singular.inverse().is_none() && Matrix::zeros(3, 3).inverse().is_none());
        assert!(Matrix::new(1, 1, vec![f64::NAN]).unwrap().inverse().is_none());
    }
}
