//! How much attention changes a response.

/// `(attended - unattended) / (attended + unattended)`; 0 where that is not finite.
pub fn modulation_index(attended: f64, unattended: f64) -> f64 {
    let index = (attended - unattended) / (attended + unattended);
    if index.is_finite() { index } else { 0.0 }
}

/// The middle value, the lower of two; `None` of nothing.
pub fn lower_median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_not_modulated() {
        assert_eq!(modulation_index(0.0, 0.0), 0.0);
        assert_eq!(modulation_index(1.0, -1.0), 0.0);
        assert_eq!(modulation_index(3.0, 1.0), 0.5);
        assert_eq!(lower_median(&[4.0, 1.0, 3.0, 2.0]), Some(2.0));
        assert_eq!(lower_median(&[]), None);
    }
}
