//! Smoothing of curves.

/// `values` convolved with a Gaussian of standard deviation `sigma` samples, cut off at four of them;
/// the border is mirrored with its edge repeated (c b a | a b c).
pub fn gaussian(values: &[f64], sigma: f64) -> Vec<f64> {
    if values.is_empty() || sigma.is_nan() || sigma <= 0.0 {
        return values.to_vec();
    }
    let radius = (4.0 * sigma + 0.5) as i64;
    let taps: Vec<f64> =
        (-radius..=radius).map(|k| (-((k * k) as f64) / (2.0 * sigma * sigma)).exp()).collect();
    let total: f64 = taps.iter().sum();
    let n = values.len() as i64;
    let mirrored = |at: i64| {
        let at = at.rem_euclid(2 * n);
        values[if at < n { at } else { 2 * n - 1 - at } as usize]
    };
    (0..n)
        .map(|i| (-radius..=radius).zip(&taps).map(|(k, tap)| tap * mirrored(i + k)).sum::<f64>() / total)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_stay_and_peaks_spread_evenly() {
        assert!(gaussian(&[0.7; 9], 2.0).iter().all(|value| (value - 0.7).abs() < 1e-12));
        let mut peak = vec![0.0; 41];
        peak[20] = 1.0;
        let smooth = gaussian(&peak, 2.0);
        assert!((smooth.iter().sum::<f64>() - 1.0).abs() < 1e-12 && smooth[18] == smooth[22]);
        assert!((smooth[20] / smooth[22] - (0.5_f64).exp()).abs() < 1e-9);
    }
}
