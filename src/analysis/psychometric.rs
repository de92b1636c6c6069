//! Psychometric functions: scores over the strength of a stimulus.

use serde::{Deserialize, Serialize};

use super::{fit, statistics};

/// `baseline + amplitude / (1 + exp(-slope (x - threshold)))`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Psychometric {
    pub slope: f64,
    pub threshold: f64,
    pub amplitude: f64,
    pub baseline: f64,
    /// Share of variance explained.
    pub r2: f64,
}

impl Psychometric {
    /// Score at `x`.
    pub fn at(&self, x: f64) -> f64 {
        value(&[self.slope, self.threshold, self.amplitude, self.baseline], x)
    }
}

fn value(&[slope, threshold, amplitude, baseline]: &[f64; 4], x: f64) -> f64 {
    baseline + amplitude / (1.0 + (-slope * (x - threshold)).exp())
}

/// Unbounded least squares from the published start: slope 1, threshold at the mean of `x`, amplitude
/// 1, baseline 0. `None` with fewer than five points, without spread, or where it does not converge.
///
/// Source: the psychophysics notebooks of the bidirectional gating reference.
pub fn psychometric(x: &[f64], y: &[f64]) -> Option<Psychometric> {
    let mean = statistics::mean(y);
    let total: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
    if x.len() != y.len() || x.len() < 5 || total.is_nan() || total <= 0.0 {
        return None;
    }
    let start = [1.0, statistics::mean(x), 1.0, 0.0];
    let (error, parameters) = fit::descend(&value, &|_| {}, x, y, start);
    let [slope, threshold, amplitude, baseline] = parameters;
    let is_finite = parameters.iter().all(|value| value.is_finite()) && error.is_finite();
    is_finite.then_some(Psychometric { slope, threshold, amplitude, baseline, r2: 1.0 - error / total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_recovered_from_its_points() {
        let x: Vec<f64> = (0..26).map(|i| f64::from(i) * 0.02).collect();
        let truth = [18.0, 0.22, 1.02, -0.01];
        let y: Vec<f64> = x.iter().map(|x| value(&truth, *x)).collect();
        let found = psychometric(&x, &y).unwrap();
        assert!((found.threshold - 0.22).abs() < 1e-5 && (found.slope - 18.0).abs() < 1e-2, "{found:?}");
        assert!((found.at(0.22) - 0.5).abs() < 1e-4 && found.r2 > 0.999_999);
        assert!(psychometric(&x, &[0.5; 26]).is_none());
    }
}
