//! Dense matrices in double precision. Products and decompositions are those of `faer`, which gets pieces
//! that depend on sizes alone, so that results have the same bits on any number of cores.

mod factors;
mod products;

pub use factors::Svd;

use crate::error::{Error, Result};

/// A row-major matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    entries: Vec<f64>,
}

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

    /// Sum of products of entries.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn dot(&self, other: &Self) -> f64 {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns), "matrices of one shape");
        self.entries.iter().zip(&other.entries).map(|(a, b)| a * b).sum()
    }

    /// Frobenius norm.
    pub fn norm(&self) -> f64 {
        self.entries.iter().map(|value| value * value).sum::<f64>().sqrt()
    }

    /// Each column with its mean taken away.
    #[must_use]
    pub fn centred(&self) -> Self {
        let means = self.column_means();
        let mut centred = self.clone();
        for row in centred.entries.chunks_exact_mut(self.columns.max(1)) {
            row.iter_mut().zip(&means).for_each(|(entry, mean)| *entry -= mean);
        }
        centred
    }

    /// The mean of every column; NaN without rows.
    pub fn column_means(&self) -> Vec<f64> {
        let mut means = vec![0.0; self.columns];
        for row in self.entries.chunks_exact(self.columns.max(1)) {
            means.iter_mut().zip(row).for_each(|(sum, entry)| *sum += entry);
        }
        means.iter_mut().for_each(|sum| *sum /= self.rows as f64);
        means
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
}

#[cfg(test)]
pub(super) mod testing {
    use super::Matrix;
    use crate::rng;

    pub fn random(rows: usize, columns: usize) -> Matrix {
        let mut rng = rng::stream(1, "matrix", &[rows as u64, columns as u64]);
        Matrix::from_fn(rows, columns, |_, _| rng::normal(&mut rng))
    }

    pub fn near(a: &Matrix, b: &Matrix) {
        assert!(a.minus(b).norm() < 1e-10 * b.norm().max(1.0), "{a:?} {b:?}");
    }
}
