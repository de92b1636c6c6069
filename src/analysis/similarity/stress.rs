//! The difference between matrices of distances.

use super::kernel::{Kernel, lower_median};
use super::metric::Metric;
use crate::analysis::matrix::Matrix;
use crate::error::Result;

/// Root mean square difference of the distances between stimuli.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stress {
    /// Whose feature space the distances are in.
    pub kernel: Kernel,
    /// Divide by the lower median of the distances, so that the scale does not matter.
    pub is_scaled: bool,
}

/// Mean over all pairs of stimuli.
fn mean_over_pairs(n: usize, value: impl Fn(usize, usize) -> f64) -> f64 {
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    let (sum, count) = pairs.fold((0.0, 0usize), |(sum, count), (i, j)| (sum + value(i, j), count + 1));
    sum / count as f64
}

impl Metric for Stress {
    fn point(&self, responses: &Matrix) -> Result<Matrix> {
        let distances = self.kernel.squared_distances(responses).map(f64::sqrt);
        if !self.is_scaled {
            return Ok(distances);
        }
        let pairs = (0..distances.rows()).flat_map(|i| distances.row(i)[i + 1..].to_vec());
        let median = lower_median(pairs.collect());
        Ok(distances.scaled(1.0 / median))
    }

    fn length(&self, a: &Matrix, b: &Matrix) -> Result<f64> {
        let difference = a.minus(b);
        Ok(mean_over_pairs(a.rows(), |i, j| difference.at(i, j).powi(2)).sqrt())
    }

    fn geodesic(&self, a: &Matrix, b: &Matrix, fraction: f64) -> Result<Matrix> {
        Ok(a.scaled(1.0 - fraction).plus(&b.scaled(fraction)))
    }

    fn log(&self, a: &Matrix, b: &Matrix) -> Result<Matrix> {
        Ok(b.minus(a))
    }

    fn exp(&self, a: &Matrix, v: &Matrix) -> Result<Matrix> {
        Ok(a.plus(v))
    }

    fn transport(&self, _a: &Matrix, _b: &Matrix, v: &Matrix) -> Result<Matrix> {
        Ok(v.clone())
    }

    fn inner(&self, _a: &Matrix, u: &Matrix, v: &Matrix) -> Result<f64> {
        Ok(mean_over_pairs(u.rows(), |i, j| u.at(i, j) * v.at(i, j)))
    }
}
