//! Rules for quantities with an arbitrary order, sign or basis.

use super::{AxisIndex, Verdict, deviation, no_axis};
use crate::parity::Array;
use crate::parity::spectrum::{eigenvalue_moduli, singular_values};
use crate::parity::tolerance::{Range, Tolerance, allowed};

/// Both sorted in descending order, then by ranges of ranks.
pub(super) fn sorted(stored: &Array, got: &Array, ranges: &[Range]) -> Verdict {
    let mut verdict = Verdict::default();
    for (rank, (w, g)) in descending(stored.to_f64()).into_iter().zip(descending(got.to_f64())).enumerate() {
        if let Some(range) = ranges.iter().find(|range| range.holds(rank)) {
            verdict.push(deviation(w, g), allowed(range.2, range.3, w));
        }
    }
    verdict
}

fn descending(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values
}

/// Each slice along `axis` (or the whole) may have the opposite sign; `ranges` are of slices.
pub(super) fn up_to_sign(
    stored: &Array,
    got: &Array,
    tolerance: &Tolerance,
    axis: Option<isize>,
    ranges: Option<&[Range]>,
) -> Verdict {
    let index = match axis {
        None => None,
        Some(axis) => match AxisIndex::of(stored.dims(), axis) {
            Some(index) => Some(index),
            None => return no_axis(stored, axis),
        },
    };
    let n_slices = index.as_ref().map_or(1, |index| index.len);
    let mut signed = vec![[Verdict::default(), Verdict::default()]; n_slices];
    for (i, (w, g)) in stored.to_f64().into_iter().zip(got.to_f64()).enumerate() {
        let slice = index.as_ref().map_or(0, |index| index.at(i));
        let (abs, rel) = match ranges {
            None => (tolerance.abs, tolerance.rel),
            Some(ranges) => match ranges.iter().find(|range| range.holds(slice)) {
                Some(range) => (range.2, range.3),
                None => continue,
            },
        };
        for (verdict, sign) in signed[slice].iter_mut().zip([1.0, -1.0]) {
            verdict.push(deviation(w, sign * g), allowed(abs, rel, w));
        }
    }
    let mut verdict = Verdict::default();
    for [same, opposite] in signed {
        let better = if opposite.excess < same.excess { opposite } else { same };
        verdict.worst = verdict.worst.max(better.worst);
        verdict.excess = verdict.excess.max(better.excess);
    }
    verdict
}

/// Complex numbers in any order, matched greedily by distance within each segment.
///
/// `partner`: the expected and recomputed imaginary parts; without one the last axis is (re, im).
pub(super) fn complex_set(
    stored: &Array,
    got: &Array,
    abs: f64,
    partner_name: Option<&str>,
    partner: Option<(&Array, &Array)>,
    segments: Option<&[usize]>,
) -> Verdict {
    let (stored, got) = match (partner_name, partner) {
        (Some(_), Some((stored_im, got_im))) => {
            if stored_im.len() != stored.len() || got_im.len() != got.len() {
                return Verdict::failed("real and imaginary parts differ in shape");
            }
            (pairs(stored.to_f64(), stored_im.to_f64()), pairs(got.to_f64(), got_im.to_f64()))
        }
        (Some(name), None) => return Verdict::failed(format!("no imaginary part {name:?}")),
        (None, _) if stored.dims().last() == Some(&2) => (halves(&stored.to_f64()), halves(&got.to_f64())),
        (None, _) => return Verdict::failed("the last axis is not (re, im)"),
    };
    let whole = [stored.len()];
    let segments = segments.unwrap_or(&whole);
    if segments.iter().sum::<usize>() != stored.len() {
        return Verdict::failed(format!("segments {segments:?} do not make up {} numbers", stored.len()));
    }
    let mut verdict = Verdict::default();
    let mut from = 0;
    for &len in segments {
        match_greedily(&stored[from..from + len], &got[from..from + len], abs, &mut verdict);
        from += len;
    }
    verdict
}

type Complex = (f64, f64);

fn pairs(re: Vec<f64>, im: Vec<f64>) -> Vec<Complex> {
    re.into_iter().zip(im).collect()
}

fn halves(values: &[f64]) -> Vec<Complex> {
    values.as_chunks::<2>().0.iter().map(|&[re, im]| (re, im)).collect()
}

/// Pairs the two closest unmatched numbers until none is left.
fn match_greedily(stored: &[Complex], got: &[Complex], abs: f64, verdict: &mut Verdict) {
    let mut candidates = Vec::with_capacity(stored.len() * got.len());
    for (i, w) in stored.iter().enumerate() {
        for (j, g) in got.iter().enumerate() {
            let distance = (w.0 - g.0).hypot(w.1 - g.1);
            candidates.push((if distance.is_nan() { f64::INFINITY } else { distance }, i, j));
        }
    }
    candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let (mut stored_taken, mut got_taken) = (vec![false; stored.len()], vec![false; got.len()]);
    for (distance, i, j) in candidates {
        if !stored_taken[i] && !got_taken[j] {
            (stored_taken[i], got_taken[j]) = (true, true);
            verdict.push(distance, abs);
        }
    }
}

/// A square matrix in an arbitrary basis: singular values and eigenvalue moduli, both descending.
pub(super) fn spectrum(stored: &Array, got: &Array, tolerance: &Tolerance) -> Verdict {
    let &[n, columns] = stored.dims() else {
        return Verdict::failed("expected a square matrix");
    };
    if n != columns {
        return Verdict::failed("expected a square matrix");
    }
    let (w, g) = (stored.to_f64(), got.to_f64());
    if w.iter().chain(&g).any(|value| !value.is_finite()) {
        return Verdict::failed("an entry is not finite");
    }
    let mut verdict = Verdict::default();
    let values = |matrix: &[f64]| Some((singular_values(matrix, n), eigenvalue_moduli(matrix, n)?));
    let (Some((w_singular, w_moduli)), Some((g_singular, g_moduli))) = (values(&w), values(&g)) else {
        return Verdict::failed("the eigenvalues did not converge");
    };
    for (w, g) in w_singular.into_iter().chain(w_moduli).zip(g_singular.into_iter().chain(g_moduli)) {
        verdict.push(deviation(w, g), tolerance.allowed(w));
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn array(dims: &[usize], values: &[f64]) -> Array {
        Array::f64(dims, values.to_vec()).unwrap()
    }

    fn tolerance(abs: f64) -> Tolerance {
        Tolerance::parse(&json!({"abs": abs, "rel": 0.0})).unwrap()
    }

    #[test]
    fn order_is_free_where_sorted() {
        let top = [Range(0, Some(2), 0.1, 0.0)];
        let w = array(&[3], &[1.0, 3.0, 2.0]);
        assert_eq!(sorted(&w, &array(&[3], &[3.0, -9.0, 2.0]), &top).excess, 0.0);
        assert!(sorted(&w, &array(&[3], &[3.0, 1.0, 1.0]), &top).excess > 1.0);
    }

    #[test]
    fn each_slice_chooses_its_sign() {
        let w = array(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let g = array(&[2, 2], &[-1.0, -2.0, 3.0, 4.0]);
        assert_eq!(up_to_sign(&w, &g, &tolerance(0.1), Some(0), None).excess, 0.0);
        assert!(up_to_sign(&w, &g, &tolerance(0.1), None, None).excess > 1.0);
        assert!(up_to_sign(&w, &g, &tolerance(0.1), Some(1), None).excess > 1.0);
    }

    #[test]
    fn complex_numbers_match_in_any_order_within_segments() {
        let w = array(&[2, 2], &[1.0, 1.0, 2.0, -1.0]);
        let g = array(&[2, 2], &[2.0, -1.0, 1.0, 1.05]);
        let judge = |segments: Option<&[usize]>| complex_set(&w, &g, 0.1, None, None, segments).excess;
        assert!((judge(None) - 0.5).abs() < 1e-9);
        assert!(judge(Some(&[1, 1])) > 1.0);
        let (re, im) = (array(&[1], &[1.0]), array(&[1], &[f64::NAN]));
        let with_nan = complex_set(&re, &re, 0.1, Some("im"), Some((&re, &im)), None);
        assert_eq!(with_nan.excess, f64::INFINITY);
    }

    #[test]
    fn a_change_of_basis_keeps_the_spectrum() {
        let w = array(&[2, 2], &[2.0, 0.0, 0.0, -1.0]);
        let rotated = array(&[2, 2], &[0.5, 1.5, 1.5, 0.5]);
        assert!(spectrum(&w, &rotated, &tolerance(1e-9)).excess <= 1.0);
        assert!(spectrum(&w, &array(&[2, 2], &[2.0, 0.0, 0.0, -1.1]), &tolerance(1e-3)).excess > 1.0);
    }
}
