//! Tuning curves over orientation described by a bell: amplitude, preference, width, asymptote.

use serde::{Deserialize, Serialize};

/// A bell around the largest response.
///
/// Source: `FitBellCurve` of the bidirectional gating reference; no optimiser is involved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bell {
    /// Largest response above the smallest.
    pub amplitude: f64,
    /// Position of the largest response, the first of equal ones.
    pub preferred: f64,
    /// Standard deviation from the width at half height; half the curve's length without two crossings.
    pub width: f64,
    /// Smallest response.
    pub asymptote: f64,
    /// Root of the summed squared difference of curve and bell, divided by the number of points.
    pub error: f64,
}

/// The bell of a closed curve of equally spaced responses; `None` of fewer than two or a flat one.
///
/// As published, the asymptote is added to the bell but not to the curve when the two are compared.
pub fn bell(responses: &[f64]) -> Option<Bell> {
    let n = responses.len();
    let lowest = responses.iter().copied().fold(f64::INFINITY, f64::min);
    let raised: Vec<f64> = responses.iter().map(|value| value - lowest).collect();
    let preferred = super::tuning::peak(&raised)?;
    let amplitude = raised[preferred];
    if n < 2 || amplitude <= 0.0 {
        return None;
    }
    let middle = n / 2;
    let centred: Vec<f64> = (0..n).map(|i| raised[(i + preferred + n - middle) % n] / amplitude).collect();
    let side = |value: f64| (value - 0.5 > 0.0) as i8 - ((value - 0.5 < 0.0) as i8);
    let crossings: Vec<usize> =
        (0..n - 1).filter(|&i| side(centred[i + 1]) != side(centred[i])).take(2).collect();
    let width = match crossings[..] {
        [first, second] => (second - first) as f64 / (2.0 * (2.0 * std::f64::consts::LN_2).sqrt()),
        _ => middle as f64,
    };
    let model = |i: usize| (-(i as f64 - middle as f64).powi(2) / (2.0 * width * width)).exp();
    let squares: f64 = centred.iter().enumerate().map(|(i, y)| (y - model(i) - lowest).powi(2)).sum();
    let error = squares.sqrt() / n as f64;
    Some(Bell { amplitude, preferred: preferred as f64, width, asymptote: lowest, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_is_described_wherever_it_peaks() {
        for peak in [3_i32, 90, 170] {
            let away = |i: i32| f64::from((i - peak + 90).rem_euclid(180) - 90);
            let curve: Vec<f64> = (0..180).map(|i| 2.0 * (-away(i).powi(2) / 200.0).exp()).collect();
            let bell = bell(&curve).unwrap();
            assert_eq!(bell.preferred, f64::from(peak));
            assert!((bell.amplitude - 2.0).abs() < 1e-6 && (bell.width - 10.0).abs() < 0.5);
            assert!(bell.error < 0.01);
        }
        assert!(bell(&[1.0; 180]).is_none());
    }
}
