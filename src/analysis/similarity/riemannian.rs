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
    fn is_singular(a: &Matrix) -> Result<bool> {
        let (values, _) = a.symmetric_eigen()?;
        let (largest, smallest) = (values[0], values[values.len() - 1]);
        Ok(smallest <= values.len() as f64 * EPSILON * largest)
    }

    /// `A^(1/2)` and `A^(-1/2)`.
    fn roots(a: &Matrix) -> Result<[Matrix; 2]> {
        if Self::is_singular(a)? {
            let message = "a matrix that is not positive definite has no place on this manifold; raise eps";
            return Err(Error::Unsupported(message.to_owned()));
        }
        Ok([a.symmetric_function(f64::sqrt)?, a.symmetric_function(|value| 1.0 / value.sqrt())?])
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
                reduced.transposed().times(&reduced).scaled(1.0 / n)
            }
        };
        Ok(positive.plus(&Matrix::identity(positive.rows()).scaled(self.eps)))
    }

    fn length(&self, a: &Matrix, b: &Matrix) -> Result<f64> {
        if Self::is_singular(a)? || Self::is_singular(b)? {
            return Ok(f64::INFINITY);
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
        Ok(carrier.times(v).times(&carrier.transposed()))
    }

    fn inner(&self, a: &Matrix, u: &Matrix, v: &Matrix) -> Result<f64> {
        let [_, inverse_root] = Self::roots(a)?;
        Ok(Self::seen_from(&inverse_root, u).dot(&Self::seen_from(&inverse_root, v)))
    }
}
