//! What every metric offers, and what follows from it.

use crate::analysis::matrix::Matrix;
use crate::error::{Error, Result};

/// A manifold on which responses are points. Points and tangent vectors are matrices.
pub trait Metric {
    /// The point of responses, one row per stimulus.
    fn point(&self, responses: &Matrix) -> Result<Matrix>;

    /// Distance along the geodesic.
    fn length(&self, a: &Matrix, b: &Matrix) -> Result<f64>;

    /// The point at `fraction` of the way from `a` to `b`.
    fn geodesic(&self, a: &Matrix, b: &Matrix, fraction: f64) -> Result<Matrix>;

    /// The tangent vector at `a` that leads to `b`.
    fn log(&self, a: &Matrix, b: &Matrix) -> Result<Matrix>;

    /// The point that the tangent vector `v` leads to from `a`.
    fn exp(&self, a: &Matrix, v: &Matrix) -> Result<Matrix>;

    /// The tangent vector `v` at `a`, carried along the geodesic to `b`.
    fn transport(&self, a: &Matrix, b: &Matrix, v: &Matrix) -> Result<Matrix>;

    /// Inner product of tangent vectors at `a`.
    fn inner(&self, a: &Matrix, u: &Matrix, v: &Matrix) -> Result<f64>;
}

/// Length of a tangent vector.
///
/// # Errors
/// As [`Metric::inner`].
pub fn norm(metric: &dyn Metric, a: &Matrix, v: &Matrix) -> Result<f64> {
    Ok(metric.inner(a, v, v)?.max(0.0).sqrt())
}

/// Angle at `b` between the ways to `a` and `c`, in radians.
///
/// # Errors
/// As [`Metric::log`] and [`Metric::inner`].
pub fn angle(metric: &dyn Metric, a: &Matrix, b: &Matrix, c: &Matrix) -> Result<f64> {
    let (u, v) = (metric.log(b, a)?, metric.log(b, c)?);
    let cosine = metric.inner(b, &u, &v)? / (norm(metric, b, &u)? * norm(metric, b, &v)?);
    Ok(cosine.clamp(-1.0, 1.0).acos())
}

/// Distance of `b` from the middle of `a` and `c`, minus what it would be in a flat space: positive
/// where the space is positively curved.
///
/// # Errors
/// As [`Metric::length`] and [`Metric::geodesic`].
pub fn alexandrov(metric: &dyn Metric, a: &Matrix, b: &Matrix, c: &Matrix) -> Result<f64> {
    let middle = metric.geodesic(a, c, 0.5)?;
    let (ab, bc, ac) = (metric.length(a, b)?, metric.length(b, c)?, metric.length(a, c)?);
    let flat = (ab * ab / 2.0 + bc * bc / 2.0 - ac * ac / 4.0).max(0.0).sqrt();
    Ok(metric.length(b, &middle)? - flat)
}

/// The mean of points, one after the other: each moves it by its share of the way. It depends on
/// their order.
///
/// # Errors
/// [`Error::Config`] for no point; as [`Metric::log`].
pub fn frechet_mean(metric: &dyn Metric, points: &[Matrix]) -> Result<Matrix> {
    let Some((first, others)) = points.split_first() else {
        return Err(Error::config("points of a mean", "1 or more", 0));
    };
    let mut mean = first.clone();
    for (n, point) in (2..).zip(others) {
        let step = metric.log(&mean, point)?.scaled(1.0 / f64::from(n));
        mean = metric.exp(&mean, &step)?;
    }
    Ok(mean)
}
