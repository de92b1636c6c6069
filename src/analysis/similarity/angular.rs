//! The angle between centred Gram matrices.

use super::kernel::{Kernel, without_diagonal};
use super::metric::Metric;
use super::sphere;
use crate::analysis::matrix::Matrix;
use crate::error::Result;

/// arccos of the centred kernel alignment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AngularCka {
    pub kernel: Kernel,
    /// Leave a stimulus' similarity to itself out. This is not the estimator of [`super::hsic`].
    pub is_diagonal_zeroed: bool,
}

impl AngularCka {
    fn projected(&self, a: &Matrix) -> Matrix {
        sphere::unit(&if self.is_diagonal_zeroed { without_diagonal(a) } else { a.clone() })
    }
}

impl Metric for AngularCka {
    fn point(&self, responses: &Matrix) -> Result<Matrix> {
        Ok(self.projected(&self.kernel.centred_gram(responses)))
    }

    fn length(&self, a: &Matrix, b: &Matrix) -> Result<f64> {
        Ok(sphere::length(a, b))
    }

    fn geodesic(&self, a: &Matrix, b: &Matrix, fraction: f64) -> Result<Matrix> {
        Ok(self.projected(&sphere::geodesic(a, b, fraction)))
    }

    fn log(&self, a: &Matrix, b: &Matrix) -> Result<Matrix> {
        Ok(sphere::log(a, b))
    }

    fn exp(&self, a: &Matrix, v: &Matrix) -> Result<Matrix> {
        Ok(sphere::exp(a, v))
    }

    fn transport(&self, a: &Matrix, b: &Matrix, v: &Matrix) -> Result<Matrix> {
        Ok(sphere::transport(a, b, v))
    }

    fn inner(&self, _a: &Matrix, u: &Matrix, v: &Matrix) -> Result<f64> {
        Ok(u.dot(v))
    }
}
