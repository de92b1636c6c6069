//! Eigenvalues of real matrices that need not be symmetric: all of a small dense one, the outermost
//! of a large one that is only applied.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, EvdParams, evd_real, evd_scratch};
use faer::traits::RealField;
use faer::{Auto, Col, MatRef, Par};

use crate::error::{Error, Result};

/// A complex number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Complex {
    pub re: f64,
    pub im: f64,
}

impl Complex {
    pub fn abs(self) -> f64 {
        self.re.hypot(self.im)
    }
}

/// All eigenvalues of the row-major `n` x `n` matrix, largest modulus first.
///
/// # Errors
/// [`Error::Shape`] unless there are `n * n` entries, [`Error::Unsupported`] for entries that are not
/// finite or without convergence.
pub fn eigenvalues(matrix: &[f64], n: usize) -> Result<Vec<Complex>> {
    spectrum(matrix, n)
}

/// As [`eigenvalues`], computed in single precision: twice as fast, with errors of some 1e-6 of the
/// matrix' norm, more where eigenvectors are nearly parallel.
///
/// # Errors
/// As [`eigenvalues`].
pub fn eigenvalues_f32(matrix: &[f32], n: usize) -> Result<Vec<Complex>> {
    spectrum(matrix, n)
}

/// Reduction to Hessenberg form, then the small-bulge multishift QR iteration with aggressive early
/// deflation (Braman, Byers and Mathias 2002), on the calling thread.
fn spectrum<T: RealField + Copy + Into<f64>>(matrix: &[T], n: usize) -> Result<Vec<Complex>> {
    if matrix.len() != n * n {
        return Err(Error::shape("square matrix", [n, n], &[matrix.len()]));
    }
    if matrix.iter().any(|&entry| !entry.into().is_finite()) {
        return Err(Error::Unsupported(
            "a matrix with entries that are not finite has no eigenvalues".to_owned(),
        ));
    }
    let mut params: EvdParams = Auto::<T>::auto();
    params.schur.recommended_shift_count = shifts;
    params.schur.recommended_deflation_window = deflation_window;
    let (mut re, mut im) = (Col::<T>::zeros(n), Col::<T>::zeros(n));
    let no = ComputeEigenvectors::No;
    let mut memory = MemBuffer::new(evd_scratch::<T>(n, no, no, Par::Seq, params.into()));
    let found = evd_real(
        // Row by row it is the transposed one, whose eigenvalues are the same.
        MatRef::from_column_major_slice(matrix, n, n),
        re.as_diagonal_mut(),
        im.as_diagonal_mut(),
        None,
        None,
        Par::Seq,
        MemStack::new(&mut memory),
        params.into(),
    );
    let mut values: Vec<Complex> = (0..n).map(|k| Complex { re: re[k].into(), im: im[k].into() }).collect();
    if found.is_err() || !has_trace(&values, matrix, n) {
        return Err(Error::Unsupported("the eigenvalues did not converge; scale the matrix".to_owned()));
    }
    values
        .sort_by(|a, b| b.abs().total_cmp(&a.abs()).then(b.re.total_cmp(&a.re)).then(b.im.total_cmp(&a.im)));
    Ok(values)
}

/// Whether the values sum to the trace, as far as their precision goes: the library does not say
/// where an iteration ended early.
fn has_trace<T: RealField + Copy + Into<f64>>(values: &[Complex], matrix: &[T], n: usize) -> bool {
    let trace: f64 = matrix.iter().step_by(n + 1).map(|&entry| entry.into()).sum();
    let largest = matrix.iter().fold(f64::MIN_POSITIVE, |largest, &entry| largest.max(entry.into().abs()));
    let squares: f64 = matrix.iter().map(|&entry| (entry.into() / largest).powi(2)).sum();
    let found: f64 = values.iter().map(|value| value.re).sum();
    let precision: f64 = faer::traits::math_utils::eps::<T>().into();
    (found - trace).abs() <= 100.0 * precision * largest * (squares * n as f64).sqrt()
}

/// Shifts of one sweep.
extern "C" fn shifts(n: usize, _active: usize) -> usize {
    match n {
        0..30 => 2,
        30..60 => 4,
        60..150 => 12,
        150..1500 => 24,
        1500..6000 => 64,
        _ => 128,
    }
}

/// Rows that deflation looks at: few, because the reduction of that window is not blocked. On matrices
/// of 200 to 1000 rows these take four fifths of the time of the library's own choice.
extern "C" fn deflation_window(n: usize, _active: usize) -> usize {
    match n {
        0..30 => 2,
        30..60 => 4,
        60..150 => 10,
        150..600 => 16,
        600..1500 => 32,
        1500..6000 => 96,
        _ => 192,
    }
}

/// What `m` Arnoldi iterations leave.
#[derive(Clone, Debug)]
pub struct Arnoldi {
    /// Row-major `(m + 1)` x `m`; the rows beyond an early end are zero.
    pub hessenberg: Vec<f64>,
    /// Iterations asked for.
    pub m: usize,
    /// Iterations done: fewer where the space that `start` spans was exhausted.
    pub done: usize,
}

impl Arnoldi {
    /// Approximations of the outermost eigenvalues, largest modulus first.
    ///
    /// # Errors
    /// As [`eigenvalues`].
    pub fn ritz_values(&self) -> Result<Vec<Complex>> {
        let rows = self.hessenberg.chunks(self.m.max(1)).take(self.done);
        let block: Vec<f64> = rows.flat_map(|row| &row[..self.done]).copied().collect();
        eigenvalues(&block, self.done)
    }
}

/// Arnoldi iteration with modified Gram-Schmidt from `start`, which need not have norm 1.
///
/// # Errors
/// Those of `apply`; [`Error::Shape`] if it changes the length; [`Error::Config`] for a start of zeros.
pub fn arnoldi(
    mut apply: impl FnMut(&[f64]) -> Result<Vec<f64>>,
    start: &[f64],
    m: usize,
) -> Result<Arnoldi> {
    let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let scaled = |v: &[f64], by: f64| v.iter().map(|x| x / by).collect::<Vec<f64>>();
    let size = norm(start);
    if !(size > 0.0 && size.is_finite()) {
        return Err(Error::config("start of an Arnoldi iteration", "a vector of finite norm above 0", size));
    }
    let mut basis = vec![scaled(start, size)];
    let mut found = Arnoldi { hessenberg: vec![0.0; (m + 1) * m], m, done: 0 };
    for k in 0..m {
        let mut v = apply(&basis[k])?;
        if v.len() != start.len() {
            return Err(Error::shape("result of a linear map", [start.len()], &[v.len()]));
        }
        let before = norm(&v);
        for (l, q) in basis.iter().enumerate() {
            let h: f64 = q.iter().zip(&v).map(|(q, v)| q * v).sum();
            found.hessenberg[l * m + k] = h;
            v.iter_mut().zip(q).for_each(|(v, q)| *v -= h * q);
        }
        let rest = norm(&v);
        found.done = k + 1;
        if rest <= 1e-12 * before {
            break;
        }
        found.hessenberg[(k + 1) * m + k] = rest;
        basis.push(scaled(&v, rest));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    fn random(seed: u64, n: usize) -> Vec<f64> {
        let mut rng = rng::stream(seed, "matrix", &[]);
        (0..n * n).map(|_| rng::normal(&mut rng)).collect()
    }

    fn near(found: &[Complex], expected: &[(f64, f64)], within: f64) {
        let mut left: Vec<Complex> = found.to_vec();
        assert_eq!(left.len(), expected.len());
        for &(re, im) in expected {
            let at = (0..left.len())
                .min_by(|&a, &b| {
                    let distance = |i: usize| (left[i].re - re).hypot(left[i].im - im);
                    distance(a).total_cmp(&distance(b))
                })
                .unwrap();
            let value = left.swap_remove(at);
            assert!((value.re - re).hypot(value.im - im) < within, "{re} {im}: {value:?}");
        }
    }

    #[test]
    fn small_matrices_by_hand() {
        near(&eigenvalues(&[0.0, -1.0, 1.0, 0.0], 2).unwrap(), &[(0.0, 1.0), (0.0, -1.0)], 1e-14);
        near(&eigenvalues(&[2.0, 1.0, 0.0, 3.0], 2).unwrap(), &[(2.0, 0.0), (3.0, 0.0)], 1e-14);
        // A cyclic permutation, on which unshifted iterations never end.
        let third = std::f64::consts::TAU / 3.0;
        let cycle = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let roots = [0.0, 1.0, 2.0].map(|k| ((third * k).cos(), (third * k).sin()));
        near(&eigenvalues(&cycle, 3).unwrap(), &roots, 1e-12);
        assert_eq!(eigenvalues(&[0.0; 9], 3).unwrap(), [Complex::default(); 3]);
        assert!(eigenvalues(&[f64::NAN], 1).is_err() && eigenvalues(&[1.0], 2).is_err());
        assert!(eigenvalues(&[], 0).unwrap().is_empty());
    }

    #[test]
    fn sums_of_powers_are_traces_of_powers() {
        for n in [5, 40, 90, 180] {
            let a = random(1, n);
            let values = eigenvalues(&a, n).unwrap();
            let mut power = a.clone();
            for k in 1..=3 {
                let trace: f64 = (0..n).map(|i| power[i * n + i]).sum();
                let (mut re, mut im) = (0.0, 0.0);
                for value in &values {
                    let (modulus, angle) = (value.abs().powi(k), value.im.atan2(value.re) * f64::from(k));
                    re += modulus * angle.cos();
                    im += modulus * angle.sin();
                }
                let size = (n as f64).powf(f64::from(k) / 2.0) * n as f64;
                assert!(
                    (re - trace).abs() < 1e-10 * size && im.abs() < 1e-10 * size,
                    "{n} {k}: {re} {trace}"
                );
                let mut next = vec![0.0; n * n];
                for i in 0..n {
                    for l in 0..n {
                        for j in 0..n {
                            next[i * n + j] += power[i * n + l] * a[l * n + j];
                        }
                    }
                }
                power = next;
            }
        }
    }

    #[test]
    fn single_precision_agrees_to_single_precision() {
        for n in [1, 7, 65, 160] {
            let a = random(3, n);
            let single: Vec<f32> = a.iter().map(|&entry| entry as f32).collect();
            let found = eigenvalues_f32(&single, n).unwrap();
            assert!(found.is_sorted_by(|a, b| a.abs() >= b.abs()));
            let exact: Vec<f64> = single.iter().map(|&entry| f64::from(entry)).collect();
            let expected = eigenvalues(&exact, n).unwrap();
            let expected: Vec<(f64, f64)> = expected.iter().map(|value| (value.re, value.im)).collect();
            near(&found, &expected, 1e-3 * (n as f64).sqrt());
        }
        assert!(eigenvalues_f32(&[f32::INFINITY], 1).is_err() && eigenvalues_f32(&[], 1).is_err());
    }

    #[test]
    fn what_misses_the_trace_is_not_believed() {
        let value = |re| Complex { re, im: 0.0 };
        let matrix = [2.0, 1.0, 0.0, 3.0];
        assert!(has_trace(&[value(3.0), value(2.0)], &matrix, 2));
        assert!(!has_trace(&[value(3.0), value(0.0)], &matrix, 2));
        assert!(has_trace(&[value(0.0)], &[0.0], 1) && has_trace(&[value(1e-300)], &[1e-300], 1));
    }

    #[test]
    fn arnoldi_finds_all_of_a_small_matrix_and_the_outermost_of_a_larger_one() {
        let n = 30;
        let a = random(2, n);
        let apply =
            |v: &[f64]| Ok(a.chunks(n).map(|row| row.iter().zip(v).map(|(a, v)| a * v).sum()).collect());
        let start: Vec<f64> = (0..n).map(|i| 1.0 + i as f64).collect();
        let all = eigenvalues(&a, n).unwrap();
        let expected: Vec<(f64, f64)> = all.iter().map(|value| (value.re, value.im)).collect();
        near(&arnoldi(apply, &start, n).unwrap().ritz_values().unwrap(), &expected, 1e-8);
        let part = arnoldi(apply, &start, n + 10).unwrap();
        assert!(part.done <= n + 1, "{}", part.done);
        assert!(arnoldi(apply, &vec![0.0; n], 3).is_err());
        assert!(arnoldi(|_: &[f64]| Ok(vec![0.0]), &start, 3).is_err());
    }
}
