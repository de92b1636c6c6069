//! What a tuning curve says: preferred value, width, selectivity.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// Vector sums shorter than this share of the total response have no direction.
const SHORTEST_VECTOR: f64 = 1e-6;

/// Direction and length of the vector sum Σ r(θ) · exp(2iθ) of responses to orientations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrientationVector {
    /// In `[0, π)`; `None` for an untuned or silent unit.
    pub preferred_orientation_rad: Option<f64>,
    /// 1 − circular variance, `0..=1`; `None` for a silent unit.
    pub orientation_selectivity: Option<f64>,
}

/// Orientation tuning by the vector sum; negative responses count as zero.
///
/// `orientations_rad`: equally spaced over a half turn. 0 and π are one orientation: if both ends
/// are present the last is left out, so that it is counted once.
///
/// Source: circular statistics of axial data, angles doubled (Batschelet 1981).
pub fn orientation_vector(orientations_rad: &[f64], responses: &[f64]) -> OrientationVector {
    let n = distinct_orientations(orientations_rad);
    let (mut x, mut y, mut total) = (0.0, 0.0, 0.0);
    for (theta, response) in orientations_rad[..n].iter().zip(responses) {
        let response = response.max(0.0);
        x += response * (2.0 * theta).cos();
        y += response * (2.0 * theta).sin();
        total += response;
    }
    if total <= 0.0 {
        return OrientationVector { preferred_orientation_rad: None, orientation_selectivity: None };
    }
    let length = x.hypot(y) / total;
    let preferred = (length > SHORTEST_VECTOR).then(|| (y.atan2(x) / 2.0).rem_euclid(PI));
    OrientationVector { preferred_orientation_rad: preferred, orientation_selectivity: Some(length) }
}

/// How many of `orientations_rad` are distinct, given that θ and θ + π are one.
pub fn distinct_orientations(orientations_rad: &[f64]) -> usize {
    match orientations_rad {
        [first, .., last] if ((last - first).abs() - PI).abs() < 1e-9 => orientations_rad.len() - 1,
        all => all.len(),
    }
}

/// Difference `a − b` of two orientations, in `[−π/2, π/2)`.
pub fn orientation_difference(a_rad: f64, b_rad: f64) -> f64 {
    (a_rad - b_rad + PI / 2.0).rem_euclid(PI) - PI / 2.0
}

/// Position of the largest response, the first on ties; `None` of nothing finite.
pub fn peak(responses: &[f64]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (i, response) in responses.iter().enumerate().filter(|(_, response)| response.is_finite()) {
        if best.is_none_or(|b| *response > responses[b]) {
            best = Some(i);
        }
    }
    best
}

/// Lifetime sparseness `(1 − (Σr/n)² / (Σr²/n)) / (1 − 1/n)`, `0..=1` (Vinje & Gallant 2000);
/// `None` for a silent unit or fewer than two stimuli. Negative responses count as zero.
pub fn sparseness(responses: &[f64]) -> Option<f64> {
    let n = responses.len() as f64;
    let sum: f64 = responses.iter().map(|r| r.max(0.0)).sum();
    let squares: f64 = responses.iter().map(|r| r.max(0.0).powi(2)).sum();
    if responses.len() < 2 || squares <= 0.0 {
        return None;
    }
    Some((1.0 - (sum / n).powi(2) / (squares / n)) / (1.0 - 1.0 / n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degrees(n: usize, to: f64) -> Vec<f64> {
        (0..n).map(|i| i as f64 * to / (n - 1) as f64 * PI / 180.0).collect()
    }

    #[test]
    fn the_preferred_orientation_turns_with_the_stimulus() {
        let thetas = degrees(18, 170.0);
        for preferred in [0.3, 1.2, 3.0] {
            let responses: Vec<f64> = thetas.iter().map(|t| (2.0 * (t - preferred)).cos() + 1.0).collect();
            let vector = orientation_vector(&thetas, &responses);
            assert!((vector.preferred_orientation_rad.unwrap() - preferred).abs() < 1e-9);
            assert!((vector.orientation_selectivity.unwrap() - 0.5).abs() < 1e-9);
        }
    }

    #[test]
    fn the_repeated_end_is_counted_once() {
        let thetas = degrees(21, 180.0);
        assert_eq!(distinct_orientations(&thetas), 20);
        let flat = orientation_vector(&thetas, &[1.0; 21]);
        assert_eq!(flat.preferred_orientation_rad, None);
        assert!(flat.orientation_selectivity.unwrap() < 1e-12);
    }

    #[test]
    fn one_response_is_fully_selective_and_silence_has_no_number() {
        let thetas = degrees(18, 170.0);
        let mut responses = vec![0.0; 18];
        assert_eq!(orientation_vector(&thetas, &responses).orientation_selectivity, None);
        responses[4] = 2.0;
        assert!(
            (orientation_vector(&thetas, &responses).orientation_selectivity.unwrap() - 1.0).abs() < 1e-12
        );
        assert!((sparseness(&responses).unwrap() - 1.0).abs() < 1e-12);
        assert!(sparseness(&[1.0; 5]).unwrap().abs() < 1e-12);
    }

    #[test]
    fn orientations_differ_by_at_most_a_quarter_turn() {
        assert!((orientation_difference(0.1, PI - 0.1) - 0.2).abs() < 1e-12);
        assert!((orientation_difference(0.0, PI / 2.0) + PI / 2.0).abs() < 1e-12);
    }
}
