//! The unit sphere of matrices under the Frobenius norm.

use crate::analysis::matrix::Matrix;

/// Vectors shorter than this have no direction.
const SHORT: f64 = 1e-7;
/// Points nearer than this are joined by a straight line.
const NEAR: f64 = 1e-6;

pub(super) fn unit(a: &Matrix) -> Matrix {
    a.scaled(1.0 / a.norm())
}

pub(super) fn length(a: &Matrix, b: &Matrix) -> f64 {
    a.dot(b).clamp(-1.0, 1.0).acos()
}

pub(super) fn geodesic(a: &Matrix, b: &Matrix, fraction: f64) -> Matrix {
    let cosine = a.dot(b);
    if cosine > 1.0 - NEAR {
        return unit(&a.scaled(1.0 - fraction).plus(&b.scaled(fraction)));
    }
    let angle = cosine.clamp(-1.0, 1.0).acos();
    let share = |part: f64| (part * angle).sin() / angle.sin();
    a.scaled(share(1.0 - fraction)).plus(&b.scaled(share(fraction)))
}

pub(super) fn log(a: &Matrix, b: &Matrix) -> Matrix {
    let direction = b.minus(&a.scaled(a.dot(b)));
    direction.scaled(length(a, b) / direction.norm().max(SHORT))
}

pub(super) fn exp(a: &Matrix, v: &Matrix) -> Matrix {
    let size = v.norm();
    let share = if size > 0.0 { size.sin() / size } else { 1.0 };
    a.scaled(size.cos()).plus(&v.scaled(share))
}

pub(super) fn transport(a: &Matrix, b: &Matrix, v: &Matrix) -> Matrix {
    let way = log(a, b);
    let t = way.norm();
    if t < SHORT {
        return v.clone();
    }
    let u = way.scaled(1.0 / t);
    let along = v.dot(&u);
    v.minus(&u.scaled(along)).plus(&u.scaled(t.cos()).minus(&a.scaled(t.sin())).scaled(along))
}
