//! How well gain maps and read-outs meet their targets (the evaluation of the bidirectional gating
//! reference).

/// From `-1..=1` to `0..=1`.
fn unit(value: f32) -> f64 {
    (f64::from(value) + 1.0) / 2.0
}

/// Mean squared difference of maps and targets, both in `-1..=1`, after mapping to `0..=1`.
pub fn pixel_error(maps: &[f32], targets: &[f32]) -> f64 {
    let squares = maps.iter().zip(targets).map(|(&p, &t)| (unit(p) - unit(t)).powi(2));
    squares.sum::<f64>() / maps.len().max(1) as f64
}

/// Mean of the share of target pixels that are attended and of ground pixels that are not.
///
/// A pixel counts as attended where map times target exceeds a half. Targets between 0 and 1 push the
/// score above 1; targets without figure or without ground have none (NaN or infinite).
pub fn attention_accuracy(maps: &[f32], targets: &[f32]) -> f64 {
    let (mut figure, mut ground, mut on, mut off) = (0.0, 0.0, 0.0, 0.0);
    for (&p, &t) in maps.iter().zip(targets) {
        let (p, t) = (unit(p), unit(t));
        figure += t;
        ground += 1.0 - t;
        on += f64::from(p * t > 0.5);
        off += f64::from((1.0 - p) * (1.0 - t) > 0.5);
    }
    0.5 * (on / figure + off / ground)
}

/// Negative log-likelihood of `label` under `logits`; NaN for a label beyond them.
pub fn cross_entropy(logits: &[f32], label: usize) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&value| f64::from(value - largest).exp()).sum();
    logits.get(label).map_or(f64::NAN, |&value| sum.ln() - f64::from(value - largest))
}

/// The object whose target a map meets best by the plain sum of products, the first of equal ones;
/// those already taken are passed over.
pub fn best_match(map: &[f32], targets: &[&[f32]], taken: &[bool]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (k, target) in targets.iter().enumerate() {
        // A taken target is overwritten by -1 in the reference, not left out.
        let product: f64 = match taken.get(k) {
            Some(true) => -map.iter().map(|&p| unit(p)).sum::<f64>(),
            _ => map.iter().zip(*target).map(|(&p, &t)| unit(p) * unit(t)).sum(),
        };
        if best.is_none_or(|(_, largest)| product > largest) {
            best = Some((k, product));
        }
    }
    best.map(|(k, _)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_map_has_no_error_and_full_accuracy() {
        let target = [1.0, -1.0, -1.0, 1.0];
        assert_eq!((pixel_error(&target, &target), attention_accuracy(&target, &target)), (0.0, 1.0));
        let inverted = target.map(|v| -v);
        assert_eq!((pixel_error(&inverted, &target), attention_accuracy(&inverted, &target)), (1.0, 0.0));
        assert!(!attention_accuracy(&[-1.0], &[-1.0]).is_finite());
    }

    #[test]
    fn matching_prefers_the_largest_overlap_and_passes_over_the_taken() {
        let (a, b): ([f32; 3], [f32; 3]) = ([1.0, -1.0, -1.0], [-1.0, 1.0, 1.0]);
        let map = [0.9, 0.5, -1.0];
        assert_eq!(best_match(&map, &[&a, &b], &[false, false]), Some(0));
        assert_eq!(best_match(&map, &[&a, &b], &[true, false]), Some(1));
        assert!((cross_entropy(&[0.0, 0.0], 1) - 2.0_f64.ln()).abs() < 1e-12);
    }
}
