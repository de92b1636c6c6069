//! Principal components.

use super::matrix::{Matrix, Svd};
use crate::error::{Error, Result};

/// The directions of largest variance.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    pub means: Vec<f64>,
    /// One row per component, its entry of largest modulus positive.
    pub components: Matrix,
    /// One row per observation.
    pub scores: Matrix,
    /// Share of each component in the whole variance.
    pub explained: Vec<f64>,
}

/// The first `n` components of `observations`, one per row.
///
/// # Errors
/// [`Error::Config`] for more components than the data have.
pub fn pca(observations: &Matrix, n: usize) -> Result<Pca> {
    let most = observations.rows().min(observations.columns());
    if n == 0 || n > most {
        return Err(Error::config("components", format!("1 to {most}"), n));
    }
    let means = observations.column_means();
    let Svd { u, values, v } = observations.centred().svd()?;
    let total: f64 = values.iter().map(|value| value * value).sum();
    Ok(Pca {
        means,
        components: Matrix::from_fn(n, v.rows(), |k, j| v.at(j, k)),
        scores: Matrix::from_fn(u.rows(), n, |i, k| u.at(i, k) * values[k]),
        explained: values[..n].iter().map(|value| value * value / total).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_component() {
        let points = Matrix::from_fn(4, 2, |i, j| [1.0, -2.0][j] * i as f64 + 5.0);
        let found = pca(&points, 1).unwrap();
        assert!((found.explained[0] - 1.0).abs() < 1e-12);
        assert!((found.components.at(0, 1) - 2.0 / 5f64.sqrt()).abs() < 1e-12);
        assert!((found.scores.at(0, 0) - 1.5 * 5f64.sqrt()).abs() < 1e-12);
        assert!(pca(&points, 3).is_err());
    }
}
