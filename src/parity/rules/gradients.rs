//! Rules for weights after an update, where a small gradient leaves the step's sign open.

use super::entries::largest;
use super::{Verdict, deviation, excess, wrong_shape};
use crate::parity::tolerance::{AdamwDelta, FirstStep};
use crate::parity::{Array, Tolerance};

/// Which entries had a small gradient in at least one update; `None` if a shape does not fit.
pub(in crate::parity) fn small_entries(
    gradients: &[&Array],
    rule: &FirstStep,
    n: usize,
) -> Option<Vec<bool>> {
    let mut small = vec![false; n];
    for gradient in gradients {
        if gradient.len() != n {
            return None;
        }
        let values = gradient.to_f64();
        let relative = rule.threshold_max_rel.map_or(0.0, |rel| rel * largest(&values));
        let threshold = rule.threshold.unwrap_or(0.0).max(relative);
        for (small, value) in small.iter_mut().zip(values) {
            *small |= value.abs() <= threshold;
        }
    }
    Some(small)
}

/// Weights after the first Adam-like steps: `abs`, or `loose` where the gradient is small.
///
/// Without any gradient to decide, every entry is judged strictly.
pub(in crate::parity) fn first_step(
    stored: &Array,
    got: &Array,
    tolerance: &Tolerance,
    rule: &FirstStep,
    small: Option<&[bool]>,
) -> Verdict {
    if stored.dims() != got.dims() {
        return wrong_shape(stored, got);
    }
    let mut verdict = Verdict::default();
    for (i, (w, g)) in stored.to_f64().into_iter().zip(got.to_f64()).enumerate() {
        let is_small = small.is_some_and(|small| small[i]);
        verdict.push(deviation(w, g), if is_small { rule.loose } else { tolerance.abs });
    }
    if small.is_none() && verdict.excess > 1.0 {
        verdict = verdict.because("no gradient decides where the step may differ");
    }
    verdict
}

/// Verdict on one tensor of `(w_end - w_start) / lr`, and its part in the pooled share of outliers.
#[derive(Clone, Debug)]
pub(in crate::parity) struct DeltaVerdict {
    pub verdict: Verdict,
    pub n_compared: usize,
    pub n_outliers: usize,
}

/// Compares entries whose clipped gradient exceeds the threshold.
pub(in crate::parity) fn adamw_delta(
    stored: &Array,
    got: &Array,
    tolerance: &Tolerance,
    rule: &AdamwDelta,
    gradient: Option<&Array>,
    norm: Option<f64>,
) -> DeltaVerdict {
    let failed = |verdict| DeltaVerdict { verdict, n_compared: 0, n_outliers: 0 };
    if stored.dims() != got.dims() {
        return failed(wrong_shape(stored, got));
    }
    let (Some(gradient), Some(norm)) = (gradient.filter(|g| g.len() == stored.len()), norm) else {
        return failed(Verdict::failed(format!(
            "no gradient {:?} or norm {:?} to judge by",
            rule.grads, rule.norm
        )));
    };
    let clip = (rule.limit / (norm + 1e-6)).min(1.0);
    let mut outcome = failed(Verdict::default());
    for ((w, g), gradient) in stored.to_f64().into_iter().zip(got.to_f64()).zip(gradient.to_f64()) {
        let deviation = deviation(w, g);
        if gradient.abs() * clip > rule.threshold {
            outcome.verdict.push(deviation, tolerance.abs);
            outcome.n_compared += 1;
            outcome.n_outliers += usize::from(deviation > rule.outlier);
        } else if deviation.is_infinite() {
            outcome.verdict.push(deviation, 0.0);
        }
    }
    outcome
}

/// Applies the pooled limit: if outliers are too many over all tensors of the rule, those whose own
/// share is too high fail (there is at least one).
pub(in crate::parity) fn pool_outliers(verdicts: &mut [&mut DeltaVerdict], max_outliers: f64) {
    let share = |n_outliers: usize, n: usize| n_outliers as f64 / n.max(1) as f64;
    let compared = verdicts.iter().map(|v| v.n_compared).sum();
    let pooled = share(verdicts.iter().map(|v| v.n_outliers).sum(), compared);
    if pooled <= max_outliers {
        return;
    }
    for outcome in verdicts.iter_mut() {
        if share(outcome.n_outliers, outcome.n_compared) > max_outliers {
            outcome.verdict.excess = outcome.verdict.excess.max(excess(pooled, max_outliers));
            let reason = format!("{pooled:.3} of all compared entries are outliers, allowed {max_outliers}");
            outcome.verdict.reason = Some(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn array(values: &[f64]) -> Array {
        Array::f64(&[values.len()], values.to_vec()).unwrap()
    }

    fn tolerance(abs: f64) -> Tolerance {
        Tolerance::parse(&json!({"abs": abs, "rel": 0.0})).unwrap()
    }

    #[test]
    fn a_small_gradient_in_any_update_loosens_its_entry() {
        let rule = FirstStep { loose: 1.0, threshold: Some(0.1), threshold_max_rel: None, grads: None };
        let (first, second) = (array(&[0.05, 1.0, 1.0]), array(&[1.0, 0.0, 1.0]));
        let small = small_entries(&[&first, &second], &rule, 3).unwrap();
        assert_eq!(small, [true, true, false]);
        let judge = |g: &[f64], small| {
            first_step(&array(&[0.0; 3]), &array(g), &tolerance(0.01), &rule, small).excess
        };
        assert!(judge(&[0.9, 0.9, 0.0], Some(&small)) <= 1.0);
        assert!(judge(&[0.0, 0.0, 0.9], Some(&small)) > 1.0);
        assert!(judge(&[0.9, 0.0, 0.0], None) > 1.0);
    }

    #[test]
    fn a_relative_threshold_looks_at_the_largest_gradient() {
        let rule = FirstStep { loose: 1.0, threshold: None, threshold_max_rel: Some(0.1), grads: None };
        assert_eq!(small_entries(&[&array(&[10.0, 1.0, 1.1])], &rule, 3).unwrap(), [false, true, false]);
    }

    #[test]
    fn outliers_are_pooled_over_the_file() {
        let rule = AdamwDelta {
            grads: String::new(),
            norm: String::new(),
            limit: 1.0,
            threshold: 0.1,
            outlier: 0.01,
            max_outliers: 0.25,
        };
        let judge = |values: &[f64]| {
            let gradient = array(&vec![1.0; values.len()]);
            let zeros = array(&vec![0.0; values.len()]);
            adamw_delta(&zeros, &array(values), &tolerance(1.0), &rule, Some(&gradient), Some(0.5))
        };
        let (mut a, mut b) = (judge(&[0.5, 0.0]), judge(&[0.0; 2]));
        pool_outliers(&mut [&mut a, &mut b], rule.max_outliers);
        assert!(a.verdict.excess <= 1.0 && b.verdict.excess <= 1.0);
        let (mut a, mut b) = (judge(&[0.5, 0.5]), judge(&[0.0; 2]));
        pool_outliers(&mut [&mut a, &mut b], rule.max_outliers);
        assert!(a.verdict.excess > 1.0 && b.verdict.excess <= 1.0);
    }

    #[test]
    fn entries_with_a_small_clipped_gradient_are_free() {
        let rule = AdamwDelta {
            grads: String::new(),
            norm: String::new(),
            limit: 1.0,
            threshold: 0.1,
            outlier: 0.01,
            max_outliers: 1.0,
        };
        let gradient = array(&[0.5, 5.0]);
        let outcome = adamw_delta(
            &array(&[0.0; 2]),
            &array(&[9.0, 0.5]),
            &tolerance(1.0),
            &rule,
            Some(&gradient),
            Some(10.0),
        );
        assert_eq!((outcome.n_compared, outcome.verdict.excess), (1, 0.5));
    }
}
