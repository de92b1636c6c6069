//! Shapes: responses up to translation and rotation.

use serde::{Deserialize, Serialize};

use super::metric::Metric;
use super::sphere;
use crate::analysis::matrix::{Matrix, Svd};
use crate::error::Result;

/// Whether sizes matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShapeForm {
    Euclidean,
    /// Scaled to norm 1, and compared by angle.
    Angular,
}

/// Distance of two populations' responses, after the best rotation or as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub form: ShapeForm,
    /// Number of axes: the principal ones of more, zeros for those that are missing.
    pub p: usize,
    /// 1 keeps the variances of the axes, 0 makes them all 1.
    pub alpha: f64,
    /// Turn one onto the other first, reflections allowed; without it the metric is that of preshapes.
    pub is_rotated: bool,
}

/// Smallest eigenvalue that is divided by.
const LEAST_VARIANCE: f64 = 1e-9;

/// Centred responses with the variance of every principal axis moved towards 1: kept for `alpha` 1,
/// made equal for 0.
///
/// # Errors
/// [`crate::Error::Unsupported`] for entries that are not finite.
pub fn whitened(responses: &Matrix, alpha: f64) -> Result<Matrix> {
    let covariance = responses.transposed_times(responses).scaled(1.0 / responses.rows() as f64);
    let change = covariance
        .symmetric_function(|variance| alpha + (1.0 - alpha) / variance.max(LEAST_VARIANCE).sqrt())?;
    Ok(responses.times(&change))
}

/// The rotation `Q`, reflections allowed, for which `b Q` is nearest to `a`.
///
/// # Errors
/// [`crate::Error::Unsupported`] for entries that are not finite.
pub fn procrustes(a: &Matrix, b: &Matrix) -> Result<Matrix> {
    let Svd { u, v, .. } = a.transposed_times(b).svd()?;
    Ok(v.times_transposed(&u))
}

impl Shape {
    fn aligned(&self, a: &Matrix, b: &Matrix) -> Result<Matrix> {
        if self.is_rotated { Ok(b.times(&procrustes(a, b)?)) } else { Ok(b.clone()) }
    }

    /// The part of a tangent vector that is no rotation: `aᵀ h` is symmetric.
    fn horizontal(&self, a: &Matrix, v: &Matrix) -> Result<Matrix> {
        if !self.is_rotated {
            return Ok(v.clone());
        }
        let (values, vectors) = a.transposed_times(a).symmetric_eigen()?;
        let across = a.transposed_times(v);
        let skew = vectors.transposed_times(&across.minus(&across.transposed())).times(&vectors);
        let floor = 1e-12 * values.first().copied().unwrap_or(0.0);
        let turn = Matrix::from_fn(skew.rows(), skew.columns(), |i, j| {
            let sum = values[i] + values[j];
            if sum > floor { skew.at(i, j) / sum } else { 0.0 }
        });
        let turn = vectors.times(&turn).times_transposed(&vectors);
        Ok(v.minus(&a.times(&turn)))
    }
}

impl Metric for Shape {
    fn point(&self, responses: &Matrix) -> Result<Matrix> {
        let centred = responses.centred();
        let reduced = if centred.columns() > self.p {
            let Svd { v, .. } = centred.svd()?;
            let axes = v.columns_of(0..self.p.min(v.columns()));
            centred.times(&axes).padded(centred.rows(), self.p)
        } else {
            centred.padded(centred.rows(), self.p)
        };
        let reduced = if self.alpha == 1.0 { reduced } else { whitened(&reduced, self.alpha)? };
        Ok(match self.form {
            ShapeForm::Euclidean => reduced,
            ShapeForm::Angular => sphere::unit(&reduced),
        })
    }

    fn length(&self, a: &Matrix, b: &Matrix) -> Result<f64> {
        let b = self.aligned(a, b)?;
        Ok(match self.form {
            ShapeForm::Euclidean => a.minus(&b).norm(),
            ShapeForm::Angular => sphere::length(a, &b),
        })
    }

    fn geodesic(&self, a: &Matrix, b: &Matrix, fraction: f64) -> Result<Matrix> {
        let b = self.aligned(a, b)?;
        Ok(match self.form {
            ShapeForm::Euclidean => a.scaled(1.0 - fraction).plus(&b.scaled(fraction)),
            ShapeForm::Angular => sphere::geodesic(a, &b, fraction),
        })
    }

    fn log(&self, a: &Matrix, b: &Matrix) -> Result<Matrix> {
        let b = self.aligned(a, b)?;
        Ok(match self.form {
            ShapeForm::Euclidean => b.minus(a),
            ShapeForm::Angular => sphere::log(a, &b),
        })
    }

    /// The part of `v` that only rotates leaves the shape as it is.
    fn exp(&self, a: &Matrix, v: &Matrix) -> Result<Matrix> {
        let v = self.horizontal(a, v)?;
        Ok(match self.form {
            ShapeForm::Euclidean => a.plus(&v),
            ShapeForm::Angular => sphere::exp(a, &v),
        })
    }

    fn transport(&self, a: &Matrix, b: &Matrix, v: &Matrix) -> Result<Matrix> {
        let q = if self.is_rotated { procrustes(a, b)? } else { Matrix::identity(b.columns()) };
        let carried = match self.form {
            ShapeForm::Euclidean => v.clone(),
            ShapeForm::Angular => sphere::transport(a, &b.times(&q), v),
        };
        Ok(carried.times_transposed(&q))
    }

    fn inner(&self, a: &Matrix, u: &Matrix, v: &Matrix) -> Result<f64> {
        Ok(self.horizontal(a, u)?.dot(&self.horizontal(a, v)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Metric, norm};
    use super::*;
    use crate::rng;

    fn random(seed: u64, columns: usize) -> Matrix {
        let mut rng = rng::stream(seed, "shapes", &[]);
        Matrix::from_fn(9, columns, |_, _| rng::normal(&mut rng))
    }

    #[test]
    fn rotation_and_translation_do_not_matter() {
        let x = random(1, 4);
        let turned = x.times(&random(2, 4).svd().unwrap().v).map(|value| value + 3.0);
        let metric = Shape { form: ShapeForm::Euclidean, p: 4, alpha: 1.0, is_rotated: true };
        let (a, b) = (metric.point(&x).unwrap(), metric.point(&turned).unwrap());
        assert!(metric.length(&a, &b).unwrap() < 1e-10);
        let preshape = Shape { is_rotated: false, ..metric };
        assert!(preshape.length(&a, &b).unwrap() > 1.0);
    }

    #[test]
    fn logarithms_are_horizontal_and_as_long_as_the_way() {
        for form in [ShapeForm::Euclidean, ShapeForm::Angular] {
            let metric = Shape { form, p: 5, alpha: 0.5, is_rotated: true };
            let points = [random(1, 4), random(2, 6)].map(|x| metric.point(&x).unwrap());
            let [a, b] = &points;
            let log = metric.log(a, b).unwrap();
            let across = a.transposed().times(&metric.horizontal(a, &log).unwrap());
            assert!(across.minus(&across.transposed()).norm() < 1e-9);
            assert!((norm(&metric, a, &log).unwrap() - metric.length(a, b).unwrap()).abs() < 1e-8);
            let vertical = a.times(&Matrix::from_fn(5, 5, |i, j| i as f64 - j as f64));
            assert!(norm(&metric, a, &vertical).unwrap() < 1e-6 * vertical.norm());
        }
    }
}
