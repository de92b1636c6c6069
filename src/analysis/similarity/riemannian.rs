//! The affine-invariant metric of positive definite matrices.

use super::kernel::Kernel;
use super::metric::Metric;
use crate::analysis::matrix::{Matrix, Svd};
use crate::error::{Error, Result};

/// Which positive definite matrix stands for responses, whose mean row is taken away first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Positive {
    /// Between stimuli.
    Gram(Kernel),
    /// Between so many units: the principal axes of more, zeros for those that are missing.
    Covariance(usize),
}

/// Distance by generalised eigenvalues: no linear map of both changes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AffineInvariant {
    pub of: Positive,
    /// Added to the diagonal; without it matrices of low rank are infinitely far from all.
    pub eps: f64,
}

/// The smallest positive double above 1, minus 1.
const EPSILON: f64 = f64::EPSILON;

impl AffineInvariant {
    /// Whether a matrix with these eigenvalues, in descending order, is not positive definite.
    fn is_singular(values: &[f64]) -> bool {
        let limit = values.len() as f64 * EPSILON;
        matches!((values.first(), values.last()), (Some(largest), Some(smallest)) if *smallest <= limit * largest)
    }

    /// `A^(1/2)` and `A^(-1/2)`.
    fn roots(a: &Matrix) -> Result<[Matrix; 2]> {
        let (values, vectors) = a.symmetric_eigen()?;
        if Self::is_singular(&values) {
            let message = "a matrix that is not positive definite has no place on this manifold; raise eps";
            return Err(Error::Unsupported(message.to_owned()));
        }
        let roots: Vec<f64> = values.iter().map(|value| value.sqrt()).collect();
        let inverse: Vec<f64> = roots.iter().map(|root| 1.0 / root).collect();
        Ok([roots, inverse].map(|values| Matrix::of_spectrum(&values, &vectors)))
    }

    fn seen_from(inverse_root: &Matrix, b: &Matrix) -> Matrix {
        inverse_root.times(b).times(inverse_root)
    }
}

impl Metric for AffineInvariant {
    fn point(&self, responses: &Matrix) -> Result<Matrix> {
        let centred = responses.centred();
        let positive = match self.of {
            Positive::Gram(kernel) => kernel.gram(&centred),
            Positive::Covariance(p) => {
                let units = centred.columns();
                let reduced = if units > p {
                    let Svd { v, .. } = centred.svd()?;
                    let axes = v.columns_of(0..p.min(v.columns()));
                    centred.times(&axes).padded(centred.rows(), p)
                } else {
                    centred.padded(centred.rows(), p)
                };
                let n = reduced.rows().saturating_sub(1).max(1) as f64;
                reduced.transposed_times(&reduced).scaled(1.0 / n)
            }
        };
        Ok(positive.plus(&Matrix::identity(positive.rows()).scaled(self.eps)))
    }

    fn length(&self, a: &Matrix, b: &Matrix) -> Result<f64> {
        for point in [a, b] {
            if Self::is_singular(&point.symmetric_eigen()?.0) {
                return Ok(f64::INFINITY);
            }
        }
        let [_, inverse_root] = Self::roots(a)?;
        let (values, _) = Self::seen_from(&inverse_root, b).symmetric_eigen()?;
        Ok(values.iter().map(|value| value.ln().powi(2)).sum::<f64>().sqrt())
    }

    fn geodesic(&self, a: &Matrix, b: &Matrix, fraction: f64) -> Result<Matrix> {
        let [root, inverse_root] = Self::roots(a)?;
        let between = Self::seen_from(&inverse_root, b).symmetric_function(|value| value.powf(fraction))?;
        Ok(root.times(&between).times(&root))
    }

    fn log(&self, a: &Matrix, b: &Matrix) -> Result<Matrix> {
        let [root, inverse_root] = Self::roots(a)?;
        let between = Self::seen_from(&inverse_root, b).symmetric_function(f64::ln)?;
        Ok(root.times(&between).times(&root))
    }

    fn exp(&self, a: &Matrix, v: &Matrix) -> Result<Matrix> {
        let [root, inverse_root] = Self::roots(a)?;
        let grown = Self::seen_from(&inverse_root, v).symmetric_function(f64::exp)?;
        Ok(root.times(&grown).times(&root))
    }

    fn transport(&self, a: &Matrix, b: &Matrix, v: &Matrix) -> Result<Matrix> {
        let [root, inverse_root] = Self::roots(a)?;
        let middle = Self::seen_from(&inverse_root, b).symmetric_function(f64::sqrt)?;
        let carrier = root.times(&middle).times(&inverse_root);
        Ok(carrier.times(v).times_transposed(&carrier))
    }

    fn inner(&self, a: &Matrix, u: &Matrix, v: &Matrix) -> Result<f64> {
        let [_, inverse_root] = Self::roots(a)?;
        Ok(Self::seen_from(&inverse_root, u).dot(&Self::seen_from(&inverse_root, v)))
    }
}
