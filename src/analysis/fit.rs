//! Curve fits the field uses: von Mises, Gaussian, Naka-Rushton, by Levenberg-Marquardt.

use std::f64::consts::{LN_2, PI};

use serde::{Deserialize, Serialize};

use super::{statistics, tuning};

const MAX_ITERATIONS: usize = 200;
/// Relative fall of the squared error below which a fit has arrived.
const TOLERANCE: f64 = 1e-10;

/// Which curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// `baseline + amplitude · exp(κ (cos 2(θ − preferred) − 1))`, θ in radians, period π.
    VonMises,
    /// `baseline + amplitude · exp(−(x − preferred)² / 2σ²)`.
    Gaussian,
    /// `baseline + amplitude · cⁿ / (cⁿ + c50ⁿ)`, c ≥ 0.
    NakaRushton,
}

/// A fitted curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    pub curve: Curve,
    /// At least 0 if all responses were.
    pub baseline: f64,
    pub amplitude: f64,
    /// Preferred value (radians for orientations); the semi-saturation contrast c50 for Naka-Rushton.
    pub centre: f64,
    /// κ, σ or the exponent n.
    pub shape: f64,
    /// Share of variance explained, over the points that were fitted.
    pub r2: f64,
    pub n_points: usize,
}

impl Fit {
    /// Value at `x`.
    pub fn at(&self, x: f64) -> f64 {
        value(self.curve, &[self.baseline, self.amplitude, self.centre, self.shape], x)
    }

    /// Full width at half height above the baseline, in the unit of x; `None` where there is none
    /// (Naka-Rushton, or a von Mises curve that never falls to half).
    pub fn full_width(&self) -> Option<f64> {
        match self.curve {
            Curve::VonMises => {
                let cosine = 1.0 - LN_2 / self.shape;
                (cosine >= -1.0).then(|| cosine.acos())
            }
            Curve::Gaussian => Some(2.0 * (2.0 * LN_2).sqrt() * self.shape.abs()),
            Curve::NakaRushton => None,
        }
    }
}

fn value(curve: Curve, p: &[f64; 4], x: f64) -> f64 {
    let [baseline, amplitude, centre, shape] = *p;
    let unit = match curve {
        Curve::VonMises => (shape * ((2.0 * (x - centre)).cos() - 1.0)).exp(),
        Curve::Gaussian => (-(x - centre).powi(2) / (2.0 * shape * shape)).exp(),
        Curve::NakaRushton => {
            let power = x.max(0.0).powf(shape);
            let half = centre.powf(shape);
            if power + half > 0.0 { power / (power + half) } else { 0.0 }
        }
    };
    baseline + amplitude * unit
}

/// Fits `curve` to `y` over `x` from several starts; `None` with fewer than five points or no spread.
///
/// The baseline is kept at or above 0 if no response is negative (rectified units).
pub fn fit(curve: Curve, x: &[f64], y: &[f64]) -> Option<Fit> {
    // A half turn shown at both ends is one orientation.
    let n = if curve == Curve::VonMises { tuning::distinct_orientations(x) } else { x.len() };
    let (x, y) = (&x[..n], &y[..n]);
    let mean = statistics::mean(y);
    let total: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
    if n < 5 || total.is_nan() || total <= 0.0 {
        return None;
    }
    let low = y.iter().copied().fold(f64::INFINITY, f64::min);
    let high = y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bounded = low >= 0.0;
    let mut best: Option<(f64, [f64; 4])> = None;
    for start in starts(curve, x, y, low, high) {
        let model = |p: &[f64; 4], x: f64| value(curve, p, x);
        let (error, parameters) = descend(&model, &|p| confine(curve, p, bounded), x, y, start);
        if error.is_finite() && best.is_none_or(|(least, _)| error < least) {
            best = Some((error, parameters));
        }
    }
    let (error, [baseline, amplitude, centre, shape]) = best?;
    let centre = if curve == Curve::VonMises { centre.rem_euclid(PI) } else { centre };
    Some(Fit { curve, baseline, amplitude, centre, shape, r2: 1.0 - error / total, n_points: n })
}

fn starts(curve: Curve, x: &[f64], y: &[f64], low: f64, high: f64) -> Vec<[f64; 4]> {
    let peak = x[tuning::peak(y).unwrap_or(0)];
    let span =
        x.iter().copied().fold(f64::NEG_INFINITY, f64::max) - x.iter().copied().fold(f64::INFINITY, f64::min);
    let start = |centre, shape| [low, high - low, centre, shape];
    match curve {
        Curve::VonMises => {
            let vector = tuning::orientation_vector(x, y).preferred_orientation_rad.unwrap_or(peak);
            vec![start(peak, 2.0), start(vector, 1.0), start(vector, 6.0)]
        }
        Curve::Gaussian => vec![start(peak, span / 4.0), start(peak, span / 12.0)],
        Curve::NakaRushton => vec![start(span / 4.0, 2.0), start(span / 2.0, 1.0), start(span / 8.0, 4.0)],
    }
}

/// Keeps parameters where the curve is defined.
fn confine(curve: Curve, p: &mut [f64; 4], bounded: bool) {
    if bounded {
        p[0] = p[0].max(0.0);
    }
    match curve {
        Curve::VonMises => p[3] = p[3].clamp(1e-3, 500.0),
        Curve::Gaussian => p[3] = p[3].abs().max(1e-9),
        Curve::NakaRushton => {
            p[2] = p[2].max(1e-9);
            p[3] = p[3].clamp(0.1, 20.0);
        }
    }
}

/// A curve of four parameters, evaluated at x.
pub(super) type Model<'a> = &'a dyn Fn(&[f64; 4], f64) -> f64;

fn squared_error(model: Model<'_>, x: &[f64], y: &[f64], p: &[f64; 4]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (y - model(p, *x)).powi(2)).sum()
}

/// Levenberg-Marquardt with numerical derivatives: the squared error and the parameters that were
/// reached. `confine` keeps parameters where the model is defined.
pub(super) fn descend(
    model: Model<'_>,
    confine: &dyn Fn(&mut [f64; 4]),
    x: &[f64],
    y: &[f64],
    start: [f64; 4],
) -> (f64, [f64; 4]) {
    let mut p = start;
    confine(&mut p);
    let mut error = squared_error(model, x, y, &p);
    let mut damping = 1e-3;
    for _ in 0..MAX_ITERATIONS {
        let (normal, gradient) = normal_equations(model, x, y, &p);
        let mut improved = false;
        for _ in 0..12 {
            let mut damped = normal;
            for (i, row) in damped.iter_mut().enumerate() {
                row[i] += damping * row[i].max(1e-12);
            }
            if let Some(delta) = solve(damped, gradient) {
                let mut next = p;
                for (value, change) in next.iter_mut().zip(delta) {
                    *value += change;
                }
                confine(&mut next);
                let next_error = squared_error(model, x, y, &next);
                if next_error < error {
                    let fall = (error - next_error) / error.max(f64::MIN_POSITIVE);
                    (p, error) = (next, next_error);
                    damping = (damping / 5.0).max(1e-12);
                    improved = fall > TOLERANCE;
                    break;
                }
            }
            damping *= 4.0;
        }
        if !improved {
            break;
        }
    }
    (error, p)
}

/// JᵀJ and Jᵀr.
fn normal_equations(model: Model<'_>, x: &[f64], y: &[f64], p: &[f64; 4]) -> ([[f64; 4]; 4], [f64; 4]) {
    let mut normal = [[0.0; 4]; 4];
    let mut gradient = [0.0; 4];
    for (x, y) in x.iter().zip(y) {
        let mut row = [0.0; 4];
        for (i, slope) in row.iter_mut().enumerate() {
            let h = 1e-6 * p[i].abs().max(1e-3);
            let (mut above, mut below) = (*p, *p);
            above[i] += h;
            below[i] -= h;
            *slope = (model(&above, *x) - model(&below, *x)) / (2.0 * h);
        }
        let residual = y - model(p, *x);
        for i in 0..4 {
            gradient[i] += row[i] * residual;
            for j in 0..4 {
                normal[i][j] += row[i] * row[j];
            }
        }
    }
    (normal, gradient)
}

/// Gaussian elimination with partial pivoting; `None` if singular.
fn solve(mut a: [[f64; 4]; 4], mut b: [f64; 4]) -> Option<[f64; 4]> {
    for column in 0..4 {
        let pivot = (column..4).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        if a[pivot][column].abs() < 1e-300 {
            return None;
        }
        a.swap(column, pivot);
        b.swap(column, pivot);
        for row in column + 1..4 {
            let factor = a[row][column] / a[column][column];
            let upper = a[column];
            for (entry, above) in a[row].iter_mut().zip(upper) {
                *entry -= factor * above;
            }
            b[row] -= factor * b[column];
        }
    }
    let mut x = [0.0; 4];
    for row in (0..4).rev() {
        let known: f64 = (row + 1..4).map(|column| a[row][column] * x[column]).sum();
        x[row] = (b[row] - known) / a[row][row];
    }
    x.iter().all(|value| value.is_finite()).then_some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recovers(curve: Curve, truth: [f64; 4], x: &[f64]) {
        let y: Vec<f64> = x.iter().map(|x| value(curve, &truth, *x)).collect();
        let fit = fit(curve, x, &y).unwrap();
        assert!(fit.r2 > 0.999_999, "{curve:?}: {fit:?}");
        let found = [fit.baseline, fit.amplitude, fit.centre, fit.shape];
        for (found, truth) in found.iter().zip(truth) {
            assert!((found - truth).abs() < 1e-3 * truth.abs().max(1.0), "{curve:?}: {found} for {truth}");
        }
    }

    #[test]
    fn each_curve_is_recovered_from_its_own_points() {
        let orientations: Vec<f64> = (0..21).map(|i| f64::from(i) * PI / 20.0).collect();
        recovers(Curve::VonMises, [0.1, 1.0, 0.4, 2.5], &orientations);
        recovers(Curve::VonMises, [0.0, 0.7, 3.0, 1.2], &orientations);
        let positions: Vec<f64> = (-10..=10).map(f64::from).collect();
        recovers(Curve::Gaussian, [0.2, 3.0, 1.5, 2.0], &positions);
        let contrasts: Vec<f64> = (0..=12).map(|i| f64::from(i) / 12.0).collect();
        recovers(Curve::NakaRushton, [0.1, 2.0, 0.3, 2.0], &contrasts);
    }

    #[test]
    fn widths_are_where_the_curve_is_half() {
        let fit = Fit {
            curve: Curve::VonMises,
            baseline: 0.0,
            amplitude: 1.0,
            centre: 1.0,
            shape: 2.0,
            r2: 1.0,
            n_points: 9,
        };
        let half = fit.full_width().unwrap() / 2.0;
        assert!((fit.at(1.0 + half) - 0.5).abs() < 1e-9);
        let fit = Fit { curve: Curve::Gaussian, ..fit };
        assert!((fit.at(1.0 - fit.full_width().unwrap() / 2.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn flat_or_short_data_have_no_fit() {
        assert!(fit(Curve::Gaussian, &[0.0, 1.0, 2.0, 3.0, 4.0], &[1.0; 5]).is_none());
        assert!(fit(Curve::Gaussian, &[0.0, 1.0], &[1.0, 2.0]).is_none());
    }
}
