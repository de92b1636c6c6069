//! Rules for summaries of large tensors and for results of random starts.

use super::{Verdict, deviation, wrong_shape};
use crate::parity::{Array, Tolerance};

/// Rows of [sum, sum of moduli, sum of squares, largest modulus].
pub(super) fn stat4(stored: &Array, got: &Array, tolerance: &Tolerance) -> Verdict {
    if stored.dims().last() != Some(&4) {
        return Verdict::failed(format!("expected 4 statistics, found shape {:?}", stored.dims()));
    }
    let (stored, got) = (stored.to_f64(), got.to_f64());
    let mut verdict = Verdict::default();
    for (w, g) in stored.as_chunks::<4>().0.iter().zip(got.as_chunks::<4>().0) {
        for i in 0..4 {
            // Large terms cancel in a sum: its scale is the sum of moduli.
            let scale = if i == 0 { w[1] } else { w[i].abs() };
            verdict.push(deviation(w[i], g[i]), tolerance.abs + tolerance.rel * scale);
        }
    }
    verdict
}

/// [sum, L2 norm] or [sum, L2 norm, largest modulus] of a parameter of `n_entries` entries.
pub(super) fn stats(stored: &Array, got: &Array, tolerance: &Tolerance, n_entries: Option<usize>) -> Verdict {
    let (w, g) = (stored.to_f64(), got.to_f64());
    if !(2..=3).contains(&w.len()) {
        return Verdict::failed(format!("expected 2 or 3 statistics, found shape {:?}", stored.dims()));
    }
    let Some(n_entries) = n_entries else {
        return Verdict::failed("the size of the parameter is not known");
    };
    let mut verdict = Verdict::default();
    verdict.push(deviation(w[0], g[0]), tolerance.rel * (n_entries as f64).sqrt() * w[1].abs());
    for (&w, &g) in w.iter().zip(&g).skip(1) {
        verdict.push(deviation(w, g), tolerance.allowed(w));
    }
    verdict
}

/// Medians over random starts: expected over `axis` (or a single value), recomputed over three or more.
pub(super) fn statistical(
    stored: &Array,
    got: &Array,
    tolerance: &Tolerance,
    axis: Option<isize>,
) -> Verdict {
    let n_dims = stored.dims().len();
    let axis = match axis {
        None => None,
        Some(axis) => {
            let from_front = if axis < 0 { axis + n_dims as isize } else { axis };
            match usize::try_from(from_front).ok().filter(|&axis| axis < n_dims) {
                Some(axis) => Some(axis),
                None => return super::no_axis(stored, axis),
            }
        }
    };
    // Recomputed starts lie along the same axis, or along a new first one.
    let starts_axis = axis.unwrap_or(0);
    let mut rest = got.dims().to_vec();
    if rest.len() != n_dims + usize::from(axis.is_none()) || starts_axis >= rest.len() {
        return wrong_shape(stored, got);
    }
    let starts = rest.remove(starts_axis);
    let mut expected = stored.dims().to_vec();
    if let Some(axis) = axis {
        expected.remove(axis);
    }
    if rest != expected {
        return wrong_shape(stored, got);
    }
    if starts < 3 {
        return Verdict::failed(format!("expected at least 3 random starts, recomputed {starts}"));
    }
    let w = match axis {
        Some(axis) => medians(stored, axis),
        None => stored.to_f64(),
    };
    let mut verdict = Verdict::default();
    for (w, g) in w.into_iter().zip(medians(got, starts_axis)) {
        verdict.push(deviation(w, g), tolerance.abs);
    }
    verdict
}

/// Median over one axis; NaN where an entry is NaN.
fn medians(array: &Array, axis: usize) -> Vec<f64> {
    let dims = array.dims();
    let (n, inner) = (dims[axis], dims[axis + 1..].iter().product::<usize>());
    let outer: usize = dims[..axis].iter().product();
    let values = array.to_f64();
    let mut medians = Vec::with_capacity(outer * inner);
    for o in 0..outer {
        for i in 0..inner {
            let mut starts: Vec<f64> = (0..n).map(|k| values[(o * n + k) * inner + i]).collect();
            starts.sort_unstable_by(f64::total_cmp);
            let is_nan = starts.iter().any(|value| value.is_nan());
            medians.push(if is_nan { f64::NAN } else { 0.5 * (starts[(n - 1) / 2] + starts[n / 2]) });
        }
    }
    medians
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn array(dims: &[usize], values: &[f64]) -> Array {
        Array::f64(dims, values.to_vec()).unwrap()
    }

    fn tolerance(abs: f64, rel: f64) -> Tolerance {
        Tolerance::parse(&json!({"abs": abs, "rel": rel})).unwrap()
    }

    #[test]
    fn a_sum_is_judged_by_the_sum_of_moduli() {
        let w = array(&[4], &[0.0, 100.0, 50.0, 3.0]);
        let g = array(&[4], &[0.5, 100.0, 50.0, 3.0]);
        assert!((stat4(&w, &g, &tolerance(0.0, 0.01)).excess - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_sum_of_a_parameter_is_judged_by_its_norm_and_size() {
        let (w, g) = (array(&[2], &[0.0, 2.0]), array(&[2], &[0.1, 2.0]));
        let judge = |n| stats(&w, &g, &tolerance(0.0, 0.01), n).excess;
        assert!((judge(Some(25)) - 1.0).abs() < 1e-12);
        assert_eq!(judge(None), f64::INFINITY);
    }

    #[test]
    fn medians_over_starts_are_compared() {
        let w = array(&[3, 1], &[0.0, 1.0, 9.0]);
        let g = array(&[5, 1], &[0.9, 1.1, 1.05, -5.0, 7.0]);
        assert!((statistical(&w, &g, &tolerance(0.1, 0.0), Some(0)).excess - 0.5).abs() < 1e-9);
        let single = array(&[], &[1.0]);
        let starts = array(&[3], &[0.8, 1.0, 1.3]);
        assert_eq!(statistical(&single, &starts, &tolerance(0.1, 0.0), None).excess, 0.0);
        let few = array(&[2], &[1.0, 1.0]);
        assert_eq!(statistical(&single, &few, &tolerance(0.1, 0.0), None).excess, f64::INFINITY);
    }
}
