//! Rules that look at entries one by one.

use super::{AxisIndex, Verdict, deviation, excess, no_axis};
use crate::parity::Array;
use crate::parity::tolerance::{Range, Tolerance, allowed};

pub(super) fn default(stored: &Array, got: &Array, tolerance: &Tolerance) -> Verdict {
    each(stored, got, |w| tolerance.allowed(w))
}

pub(super) fn plus(stored: &Array, got: &Array, tolerance: &Tolerance) -> Verdict {
    each(stored, got, |w| tolerance.abs + tolerance.rel * w.abs())
}

/// Relative to the largest entry of the expected array.
pub(super) fn max_rel(stored: &Array, got: &Array, tolerance: &Tolerance) -> Verdict {
    let top = largest(&stored.to_f64());
    each(stored, got, |_| tolerance.allowed(top))
}

fn each(stored: &Array, got: &Array, allowed: impl Fn(f64) -> f64) -> Verdict {
    let mut verdict = Verdict::default();
    for (w, g) in stored.to_f64().into_iter().zip(got.to_f64()) {
        verdict.push(deviation(w, g), allowed(w));
    }
    verdict
}

/// Largest finite modulus.
pub(in crate::parity) fn largest(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).filter(|value| value.is_finite()).fold(0.0, f64::max)
}

pub(super) fn exact(stored: &Array, got: &Array) -> Verdict {
    let mut verdict = Verdict::default();
    if let (Some(stored), Some(got)) = (stored.to_i64(), got.to_i64()) {
        for (w, g) in stored.into_iter().zip(got) {
            verdict.push(w.abs_diff(g) as f64, 0.0);
        }
        return verdict;
    }
    each(stored, got, |_| 0.0)
}

/// The default inside each range of positions along `axis`, with the range's own numbers.
pub(super) fn ranges(stored: &Array, got: &Array, axis: isize, ranges: &[Range]) -> Verdict {
    let Some(index) = AxisIndex::of(stored.dims(), axis) else {
        return no_axis(stored, axis);
    };
    let mut verdict = Verdict::default();
    for (i, (w, g)) in stored.to_f64().into_iter().zip(got.to_f64()).enumerate() {
        if let Some(range) = ranges.iter().find(|range| range.holds(index.at(i))) {
            verdict.push(deviation(w, g), allowed(range.2, range.3, w));
        }
    }
    verdict
}

/// At least the share `min` within the default, the rest free or within `loose`.
///
/// The excess is the smallest that a share `min` of the entries stays within. An entry that is not
/// finite where it should be fails always.
pub(super) fn fraction(
    stored: &Array,
    got: &Array,
    tolerance: &Tolerance,
    min: f64,
    loose: Option<f64>,
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut excesses = Vec::with_capacity(stored.len());
    for (w, g) in stored.to_f64().into_iter().zip(got.to_f64()) {
        let deviation = deviation(w, g);
        excesses.push(excess(deviation, tolerance.allowed(w)));
        match loose {
            Some(loose) => verdict.push(deviation, loose),
            None if deviation.is_infinite() => verdict.push(deviation, 0.0),
            None => verdict.worst = verdict.worst.max(deviation),
        }
    }
    excesses.sort_unstable_by(f64::total_cmp);
    // The share is a decimal: 0.98 of 50 entries are 49, whatever the last bit of the product.
    let needed = (min * excesses.len() as f64 - 1e-9).ceil().max(0.0) as usize;
    if let Some(&at_share) = needed.checked_sub(1).and_then(|last| excesses.get(last)) {
        verdict.excess = verdict.excess.max(at_share);
    }
    if verdict.excess > 1.0 {
        let within = excesses.partition_point(|&excess| excess <= 1.0);
        verdict.reason =
            Some(format!("{within} of {} entries within the tolerance, needed {needed}", excesses.len()));
    }
    verdict
}

/// Entry `i` along `axis` may differ in at most `max_flips[i]` pixels; the deviation is their number.
pub(super) fn flips(stored: &Array, got: &Array, axis: isize, max_flips: &[u64]) -> Verdict {
    let Some(index) = AxisIndex::of(stored.dims(), axis) else {
        return no_axis(stored, axis);
    };
    let mut counts = vec![0u64; index.len];
    for (i, (w, g)) in stored.to_f64().into_iter().zip(got.to_f64()).enumerate() {
        let deviation = deviation(w, g);
        if deviation.is_infinite() {
            return Verdict::failed("an entry is not finite");
        }
        counts[index.at(i)] += u64::from(deviation != 0.0);
    }
    let mut verdict = Verdict::default();
    for (i, &count) in counts.iter().enumerate() {
        verdict.push(count as f64, max_flips.get(i).copied().unwrap_or(0) as f64);
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn array(values: &[f64]) -> Array {
        Array::f64(&[values.len()], values.to_vec()).unwrap()
    }

    fn tolerance(abs: f64, rel: f64) -> Tolerance {
        Tolerance::parse(&json!({"abs": abs, "rel": rel})).unwrap()
    }

    #[test]
    fn the_larger_of_both_tolerances_counts() {
        let verdict = default(&array(&[1.0, 100.0]), &array(&[1.5, 101.0]), &tolerance(1.0, 0.02));
        assert_eq!(verdict, Verdict { worst: 1.0, excess: 0.5, reason: None });
    }

    #[test]
    fn equal_infinities_and_nan_against_nan_are_equal() {
        let special = array(&[f64::INFINITY, f64::NAN]);
        assert_eq!(default(&special, &special, &tolerance(0.0, 1.0)).excess, 0.0);
        let other = array(&[f64::NEG_INFINITY, 0.0]);
        assert_eq!(default(&special, &other, &tolerance(1.0, 1.0)).excess, f64::INFINITY);
    }

    #[test]
    fn plus_adds_both_tolerances_and_max_rel_looks_at_the_largest() {
        let (w, g) = (array(&[0.0, 10.0]), array(&[1.5, 12.0]));
        assert_eq!(plus(&w, &g, &tolerance(1.0, 0.1)).excess, 1.5);
        assert_eq!(max_rel(&w, &g, &tolerance(0.0, 0.2)).excess, 1.0);
    }

    #[test]
    fn exact_tells_neighbouring_large_integers_apart() {
        let integer = |value| Array::i64(&[1], vec![value]).unwrap();
        assert_eq!(exact(&integer(i64::MAX), &integer(i64::MAX)).excess, 0.0);
        assert_eq!(exact(&integer(i64::MAX), &integer(i64::MAX - 1)).excess, f64::INFINITY);
    }

    #[test]
    fn entries_outside_every_range_are_free() {
        let split = [Range(0, Some(1), 0.1, 0.0), Range(2, None, 1.0, 0.0)];
        let (w, g) = (array(&[0.0, 0.0, 0.0]), array(&[0.1, 9.0, 0.5]));
        assert_eq!(ranges(&w, &g, 0, &split).excess, 1.0);
        assert_eq!(ranges(&w, &g, 1, &split).excess, f64::INFINITY);
    }

    #[test]
    fn a_fraction_lets_the_rest_go_unless_it_is_not_finite() {
        let w = array(&[0.0; 50]);
        let with = |entries: &[f64]| {
            let mut values = vec![0.0; 50];
            values[..entries.len()].copy_from_slice(entries);
            fraction(&w, &array(&values), &tolerance(0.1, 0.0), 0.98, None).excess
        };
        assert!(with(&[7.0]) <= 1.0);
        assert!(with(&[7.0, 0.2]) > 1.0);
        assert!(with(&[f64::NAN]) > 1.0);
        let loose = fraction(&array(&[0.0; 2]), &array(&[0.0, 3.0]), &tolerance(0.1, 0.0), 0.5, Some(2.0));
        assert_eq!(loose.excess, 1.5);
    }

    #[test]
    fn flips_are_counted_per_map() {
        let map = |values: &[u8]| Array::u8(&[2, 2], values.to_vec()).unwrap();
        let verdict = flips(&map(&[0, 1, 1, 1]), &map(&[0, 1, 0, 0]), 0, &[0, 2]);
        assert_eq!((verdict.worst, verdict.excess), (2.0, 1.0));
        assert_eq!(flips(&map(&[0, 1, 1, 1]), &map(&[1, 1, 1, 1]), 0, &[0, 2]).excess, f64::INFINITY);
    }
}
