//! Small dense matrices in double precision: products, symmetric eigenvalues, singular values.

use crate::error::{Error, Result};

/// A row-major matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    entries: Vec<f64>,
}

/// Sweeps of rotations before giving up; a dozen is plenty for any matrix of this size.
const MAX_SWEEPS: usize = 100;

impl Matrix {
    /// # Errors
    /// [`Error::Shape`] if the number of entries differs.
    pub fn new(rows: usize, columns: usize, entries: Vec<f64>) -> Result<Self> {
        if entries.len() != rows * columns {
            return Err(Error::shape("matrix", [rows, columns], &[entries.len()]));
        }
        Ok(Self { rows, columns, entries })
    }

    pub fn from_fn(rows: usize, columns: usize, mut entry: impl FnMut(usize, usize) -> f64) -> Self {
        let entries = (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j)));
        let entries = entries.map(|(i, j)| entry(i, j)).collect();
        Self { rows, columns, entries }
    }

    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, entries: vec![0.0; rows * columns] }
    }

    pub fn identity(n: usize) -> Self {
        Self::diagonal(&vec![1.0; n])
    }

    pub fn diagonal(values: &[f64]) -> Self {
        Self::from_fn(values.len(), values.len(), |i, j| if i == j { values[i] } else { 0.0 })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.entries[row * self.columns + column]
    }

    pub fn set(&mut self, row: usize, column: usize, value: f64) {
        self.entries[row * self.columns + column] = value;
    }

    pub fn row(&self, row: usize) -> &[f64] {
        &self.entries[row * self.columns..(row + 1) * self.columns]
    }

    pub fn column(&self, column: usize) -> Vec<f64> {
        (0..self.rows).map(|row| self.at(row, column)).collect()
    }

    /// All entries, row by row.
    pub fn entries(&self) -> &[f64] {
        &self.entries
    }

    #[must_use]
    pub fn transposed(&self) -> Self {
        Self::from_fn(self.columns, self.rows, |i, j| self.at(j, i))
    }

    #[must_use]
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { entries: self.entries.iter().map(|&value| f(value)).collect(), ..*self }
    }

    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        self.map(|value| value * factor)
    }

    /// # Panics
    /// If the shapes differ.
    #[must_use]
    pub fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns), "matrices of one shape");
        let entries = self.entries.iter().zip(&other.entries).map(|(&a, &b)| f(a, b)).collect();
        Self { entries, ..*self }
    }

    /// # Panics
    /// If the shapes differ.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    /// # Panics
    /// If the shapes differ.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    /// The matrix product.
    ///
    /// # Panics
    /// If the inner sizes differ.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        assert_eq!(self.columns, other.rows, "inner sizes of a product");
        let mut product = Self::zeros(self.rows, other.columns);
        for i in 0..self.rows {
            for k in 0..self.columns {
                let factor = self.at(i, k);
                let row = &mut product.entries[i * other.columns..(i + 1) * other.columns];
                row.iter_mut().zip(other.row(k)).for_each(|(sum, &value)| *sum += factor * value);
            }
        }
        product
    }

    /// Sum of products of entries.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn dot(&self, other: &Self) -> f64 {
        self.zip(other, |a, b| a * b).entries.iter().sum()
    }

    /// Frobenius norm.
    pub fn norm(&self) -> f64 {
        self.entries.iter().map(|value| value * value).sum::<f64>().sqrt()
    }

    /// Each column with its mean taken away.
    #[must_use]
    pub fn centred(&self) -> Self {
        let means: Vec<f64> =
            (0..self.columns).map(|j| self.column(j).iter().sum::<f64>() / self.rows as f64).collect();
        Self::from_fn(self.rows, self.columns, |i, j| self.at(i, j) - means[j])
    }

    /// `H K H` with `H = I - 1/n`: rows and columns of mean 0.
    #[must_use]
    pub fn double_centred(&self) -> Self {
        self.centred().transposed().centred().transposed()
    }

    /// Some of its columns.
    #[must_use]
    pub fn columns_of(&self, columns: std::ops::Range<usize>) -> Self {
        Self::from_fn(self.rows, columns.len(), |i, j| self.at(i, columns.start + j))
    }

    /// Zeros to the right and below.
    #[must_use]
    pub fn padded(&self, rows: usize, columns: usize) -> Self {
        Self::from_fn(
            rows,
            columns,
            |i, j| {
                if i < self.rows && j < self.columns { self.at(i, j) } else { 0.0 }
            },
        )
    }

    /// Eigenvalues in descending order and orthonormal eigenvectors, as columns, of a symmetric matrix.
    ///
    /// # Errors
    /// [`Error::Shape`] unless it is square, [`Error::Unsupported`] for entries that are not finite or
    /// without convergence.
    pub fn symmetric_eigen(&self) -> Result<(Vec<f64>, Self)> {
        let n = self.rows;
        if n != self.columns {
            return Err(Error::shape("symmetric matrix", [n, n], &[n, self.columns]));
        }
        if self.entries.iter().any(|value| !value.is_finite()) {
            let message = "a matrix with entries that are not finite has no eigenvalues";
            return Err(Error::Unsupported(message.to_owned()));
        }
        let mut a = self.plus(&self.transposed()).scaled(0.5);
        let mut vectors = Self::identity(n);
        // What rounding leaves beside the diagonal.
        let floor = (n as f64 * f64::EPSILON).powi(2) * a.dot(&a);
        for _ in 0..MAX_SWEEPS {
            let outside: f64 =
                (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a.at(i, j).powi(2)).sum();
            if outside <= floor {
                let mut order: Vec<usize> = (0..n).collect();
                order.sort_by(|&i, &j| a.at(j, j).total_cmp(&a.at(i, i)));
                let values = order.iter().map(|&i| a.at(i, i)).collect();
                return Ok((values, Self::from_fn(n, n, |i, j| vectors.at(i, order[j]))));
            }
            for p in 0..n {
                for q in p + 1..n {
                    a.eliminate(p, q, &mut vectors);
                }
            }
        }
        Err(Error::Unsupported("eigenvalues did not converge".to_owned()))
    }

    /// One rotation that makes the entries (p, q) and (q, p) of a symmetric matrix zero.
    fn eliminate(&mut self, p: usize, q: usize, vectors: &mut Self) {
        let c = self.at(p, q);
        if c == 0.0 {
            return;
        }
        let zeta = (self.at(q, q) - self.at(p, p)) / (2.0 * c);
        let sign = if zeta < 0.0 { -1.0 } else { 1.0 };
        let t = sign / (zeta.abs() + zeta.hypot(1.0));
        let cosine = 1.0 / t.hypot(1.0);
        let sine = cosine * t;
        for k in 0..self.rows {
            let (x, y) = (self.at(k, p), self.at(k, q));
            self.set(k, p, cosine * x - sine * y);
            self.set(k, q, sine * x + cosine * y);
        }
        for k in 0..self.rows {
            let (x, y) = (self.at(p, k), self.at(q, k));
            self.set(p, k, cosine * x - sine * y);
            self.set(q, k, sine * x + cosine * y);
            let (x, y) = (vectors.at(k, p), vectors.at(k, q));
            vectors.set(k, p, cosine * x - sine * y);
            vectors.set(k, q, sine * x + cosine * y);
        }
        self.set(p, q, 0.0);
        self.set(q, p, 0.0);
    }

    /// `A = U diag(s) Vᵀ` with `min(rows, columns)` singular values in descending order, by one-sided
    /// Jacobi rotations.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for entries that are not finite or without convergence.
    pub fn svd(&self) -> Result<Svd> {
        if self.entries.iter().any(|value| !value.is_finite()) {
            let message = "a matrix with entries that are not finite has no singular values";
            return Err(Error::Unsupported(message.to_owned()));
        }
        if self.rows < self.columns {
            let Svd { u, values, v } = self.transposed().svd()?;
            return Ok(Svd { u: v, values, v: u });
        }
        let n = self.columns;
        let mut columns: Vec<Vec<f64>> = (0..n).map(|j| self.column(j)).collect();
        let mut v: Vec<Vec<f64>> = (0..n).map(|j| Self::identity(n).column(j)).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        // Columns of nothing but rounding errors are never orthogonal to one another.
        let nothing = (self.norm() * f64::EPSILON).powi(2) * self.rows as f64;
        let tolerance = f64::EPSILON * self.rows as f64;
        let mut is_orthogonal = n < 2;
        for _ in 0..MAX_SWEEPS {
            if is_orthogonal {
                break;
            }
            is_orthogonal = true;
            for p in 0..n {
                for q in p + 1..n {
                    let (a, b) = (dot(&columns[p], &columns[p]), dot(&columns[q], &columns[q]));
                    let c = dot(&columns[p], &columns[q]);
                    if c.abs() <= tolerance * (a * b).sqrt() || a.min(b) <= nothing {
                        continue;
                    }
                    is_orthogonal = false;
                    let zeta = (b - a) / (2.0 * c);
                    let sign = if zeta < 0.0 { -1.0 } else { 1.0 };
                    let t = sign / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                    let cosine = 1.0 / (1.0 + t * t).sqrt();
                    rotate(&mut columns, p, q, cosine, cosine * t);
                    rotate(&mut v, p, q, cosine, cosine * t);
                }
            }
        }
        if !is_orthogonal {
            return Err(Error::Unsupported("singular values did not converge".to_owned()));
        }
        let norms: Vec<f64> = columns.iter().map(|column| dot(column, column).sqrt()).collect();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
        let values: Vec<f64> = order.iter().map(|&j| norms[j]).collect();
        let mut u: Vec<Vec<f64>> = Vec::with_capacity(n);
        let floor = nothing.sqrt();
        for (&j, &value) in order.iter().zip(&values) {
            let column = if value > floor {
                columns[j].iter().map(|entry| entry / value).collect()
            } else {
                completing(&u, self.rows)
            };
            u.push(column);
        }
        Ok(Svd {
            u: Self::from_fn(self.rows, n, |i, j| u[j][i]),
            values,
            v: Self::from_fn(n, n, |i, j| v[order[j]][i]),
        })
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
        Ok(v.times(&Self::diagonal(&inverse)).times(&u.transposed()))
    }

    /// `f` of a symmetric matrix: of its eigenvalues.
    ///
    /// # Errors
    /// As [`Matrix::symmetric_eigen`].
    pub fn symmetric_function(&self, f: impl Fn(f64) -> f64) -> Result<Self> {
        let (values, vectors) = self.symmetric_eigen()?;
        let values: Vec<f64> = values.into_iter().map(f).collect();
        Ok(vectors.times(&Self::diagonal(&values)).times(&vectors.transposed()))
    }
}

/// Singular values in descending order with their vectors as columns.
#[derive(Clone, Debug)]
pub struct Svd {
    /// `[rows, k]`.
    pub u: Matrix,
    pub values: Vec<f64>,
    /// `[columns, k]`.
    pub v: Matrix,
}

fn rotate(columns: &mut [Vec<f64>], p: usize, q: usize, cosine: f64, sine: f64) {
    let (left, right) = columns.split_at_mut(q);
    for (a, b) in left[p].iter_mut().zip(&mut right[0]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

/// A unit vector orthogonal to all of `others`, of which there are fewer than entries.
fn completing(others: &[Vec<f64>], n: usize) -> Vec<f64> {
    for axis in 0..n {
        let mut vector = vec![0.0; n];
        vector[axis] = 1.0;
        // Twice, against rounding.
        for _ in 0..2 {
            for other in others {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(entry, other)| *entry -= along * other);
            }
        }
        let norm = vector.iter().map(|entry| entry * entry).sum::<f64>().sqrt();
        if norm > 0.5 / (n as f64).sqrt() {
            return vector.into_iter().map(|entry| entry / norm).collect();
        }
    }
    vec![0.0; n]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    fn random(rows: usize, columns: usize) -> Matrix {
        let mut rng = rng::stream(1, "matrix", &[rows as u64, columns as u64]);
        Matrix::from_fn(rows, columns, |_, _| rng::normal(&mut rng))
    }

    fn near(a: &Matrix, b: &Matrix) {
        assert!(a.minus(b).norm() < 1e-10 * b.norm().max(1.0), "{a:?} {b:?}");
    }

    #[test]
    fn singular_vectors_are_orthonormal_and_give_the_matrix_back() {
        let low = random(7, 2).times(&random(2, 5));
        for a in [random(6, 4), random(3, 8), low, Matrix::zeros(3, 2)] {
            let Svd { u, values, v } = a.svd().unwrap();
            near(&u.times(&Matrix::diagonal(&values)).times(&v.transposed()), &a);
            near(&u.transposed().times(&u), &Matrix::identity(values.len()));
            near(&v.transposed().times(&v), &Matrix::identity(values.len()));
            assert!(values.is_sorted_by(|a, b| a >= b));
        }
    }

    #[test]
    fn symmetric_functions_agree_with_products() {
        let a = random(5, 5);
        let a = a.plus(&a.transposed());
        near(&a.symmetric_function(|value| value * value).unwrap(), &a.times(&a));
        let low = random(30, 12).times(&random(12, 30));
        let (values, _) = low.times(&low.transposed()).symmetric_eigen().unwrap();
        assert!(values[11] > 1e-3 && values[12..].iter().all(|value| value.abs() < 1e-11 * values[0]));
        let (values, vectors) = a.symmetric_eigen().unwrap();
        near(&a.times(&vectors), &vectors.times(&Matrix::diagonal(&values)));
        assert!(values.iter().any(|&value| value < 0.0));
    }

    #[test]
    fn the_pseudo_inverse_inverts_where_it_can() {
        let a = random(4, 4);
        near(&a.times(&a.pseudo_inverse(1e-12).unwrap()), &Matrix::identity(4));
        let low = random(5, 2).times(&random(2, 4));
        let inverse = low.pseudo_inverse(1e-12).unwrap();
        near(&low.times(&inverse).times(&low), &low);
    }
}
