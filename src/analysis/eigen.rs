//! Eigenvalues of real matrices that need not be symmetric: all of a small dense one, the outermost
//! of a large one that is only applied.

use std::ops::Range;

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

/// QR steps per eigenvalue before giving up.
const MAX_STEPS: usize = 300;

/// All eigenvalues of the row-major `n` x `n` matrix, largest modulus first.
///
/// Reduction to Hessenberg form by reflections, then the double-shift QR iteration.
///
/// # Errors
/// [`Error::Shape`] unless there are `n * n` entries, [`Error::Unsupported`] for entries that are not
/// finite or without convergence.
pub fn eigenvalues(matrix: &[f64], n: usize) -> Result<Vec<Complex>> {
    if matrix.len() != n * n {
        return Err(Error::shape("square matrix", [n, n], &[matrix.len()]));
    }
    if matrix.iter().any(|x| !x.is_finite()) {
        return Err(Error::Unsupported(
            "a matrix with entries that are not finite has no eigenvalues".to_owned(),
        ));
    }
    let mut h = Square { n, entries: matrix.to_vec() };
    h.reduce();
    let mut values = h.values()?;
    values
        .sort_by(|a, b| b.abs().total_cmp(&a.abs()).then(b.re.total_cmp(&a.re)).then(b.im.total_cmp(&a.im)));
    Ok(values)
}

struct Square {
    n: usize,
    entries: Vec<f64>,
}

impl Square {
    fn at(&self, row: usize, column: usize) -> f64 {
        self.entries[row * self.n + column]
    }

    fn set(&mut self, row: usize, column: usize, value: f64) {
        self.entries[row * self.n + column] = value;
    }

    /// To Hessenberg form: zeros below the first subdiagonal.
    fn reduce(&mut self) {
        let n = self.n;
        for m in 1..n.saturating_sub(1) {
            let scale: f64 = (m..n).map(|i| self.at(i, m - 1).abs()).sum();
            if scale == 0.0 {
                continue;
            }
            let mut v: Vec<f64> = (m..n).map(|i| self.at(i, m - 1) / scale).collect();
            let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            let g = if v[0] > 0.0 { -norm } else { norm };
            let h = norm * norm - v[0] * g;
            v[0] -= g;
            // From the left: rows m.. of columns m - 1.., row by row for the sake of the cache.
            let mut sums = vec![0.0; n];
            for (k, v) in v.iter().enumerate() {
                let row = &self.entries[(m + k) * n..(m + k + 1) * n];
                sums[m - 1..].iter_mut().zip(&row[m - 1..]).for_each(|(sum, x)| *sum += v * x);
            }
            for (k, v) in v.iter().enumerate() {
                let row = &mut self.entries[(m + k) * n..(m + k + 1) * n];
                row[m - 1..].iter_mut().zip(&sums[m - 1..]).for_each(|(x, sum)| *x -= v * sum / h);
            }
            // From the right: columns m.. of all rows.
            for row in self.entries.chunks_exact_mut(n) {
                let sum: f64 = row[m..].iter().zip(&v).map(|(x, v)| x * v).sum::<f64>() / h;
                row[m..].iter_mut().zip(&v).for_each(|(x, v)| *x -= sum * v);
            }
            for i in m + 1..n {
                self.set(i, m - 1, 0.0);
            }
        }
    }

    /// Eigenvalues of a Hessenberg matrix, which is used up.
    fn values(mut self) -> Result<Vec<Complex>> {
        let n = self.n;
        let norm: f64 = self.entries.iter().map(|x| x.abs()).sum();
        let mut values = Vec::with_capacity(n);
        let (mut end, mut shifted, mut steps) = (n, 0.0, 0);
        while end > 0 {
            let last = end - 1;
            let from = self.split(last, norm);
            if from == last {
                values.push(Complex { re: self.at(last, last) + shifted, im: 0.0 });
                (end, steps) = (end - 1, 0);
                continue;
            }
            let (x, y) = (self.at(last, last), self.at(last - 1, last - 1));
            let w = self.at(last, last - 1) * self.at(last - 1, last);
            if from + 1 == last {
                values.extend(pair(x, y, w).map(|value| Complex { re: value.re + shifted, ..value }));
                (end, steps) = (end - 2, 0);
                continue;
            }
            if steps == MAX_STEPS {
                return Err(Error::Unsupported(format!(
                    "the eigenvalues did not converge in {MAX_STEPS} steps; scale the matrix"
                )));
            }
            let mut shift = [x, y, w];
            // Exceptional shifts break cycles.
            if steps > 0 && steps % 10 == 0 {
                shifted += x;
                for i in 0..end {
                    let moved = self.at(i, i) - x;
                    self.set(i, i, moved);
                }
                let s = self.at(last, last - 1).abs() + self.at(last - 1, last - 2).abs();
                shift = [0.75 * s, 0.75 * s, -0.4375 * s * s];
            }
            steps += 1;
            self.double_step(from..end, shift);
        }
        Ok(values)
    }

    /// Start of the block that ends with row `last`: where the subdiagonal vanishes.
    fn split(&mut self, last: usize, norm: f64) -> usize {
        let mut from = last;
        while from > 0 {
            let size = self.at(from - 1, from - 1).abs() + self.at(from, from).abs();
            let size = if size == 0.0 { norm } else { size };
            if self.at(from, from - 1).abs() <= f64::EPSILON * size {
                self.set(from, from - 1, 0.0);
                break;
            }
            from -= 1;
        }
        from
    }

    /// One QR step with two shifts at once, `shift` being the sum's halves and the product.
    fn double_step(&mut self, block: Range<usize>, [x, y, w]: [f64; 3]) {
        let (from, last, n) = (block.start, block.end - 1, self.n);
        let first_column = |a: &Self, m: usize| {
            let z = a.at(m, m);
            let (r, s) = (x - z, y - z);
            let p = (r * s - w) / a.at(m + 1, m) + a.at(m, m + 1);
            let q = a.at(m + 1, m + 1) - z - r - s;
            let r = a.at(m + 2, m + 1);
            let scale = p.abs() + q.abs() + r.abs();
            [p / scale, q / scale, r / scale]
        };
        // Two small subdiagonal entries in a row let the step begin further down.
        let mut m = last - 2;
        let mut v = first_column(self, m);
        while m > from {
            let small = self.at(m, m - 1).abs() * (v[1].abs() + v[2].abs());
            let near = self.at(m - 1, m - 1).abs() + self.at(m, m).abs() + self.at(m + 1, m + 1).abs();
            if small < f64::EPSILON * v[0].abs() * near {
                break;
            }
            m -= 1;
            v = first_column(self, m);
        }
        for i in m + 2..=last {
            self.set(i, i - 2, 0.0);
            if i > m + 2 {
                self.set(i, i - 3, 0.0);
            }
        }
        for k in m..last {
            let is_last = k + 1 == last;
            let mut scale = 1.0;
            if k > m {
                let third = if is_last { 0.0 } else { self.at(k + 2, k - 1) };
                v = [self.at(k, k - 1), self.at(k + 1, k - 1), third];
                scale = v.iter().map(|x| x.abs()).sum();
                if scale == 0.0 {
                    continue;
                }
                v = v.map(|x| x / scale);
            }
            let size = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            let s = if v[0] < 0.0 { -size } else { size };
            if s == 0.0 {
                continue;
            }
            if k > m {
                self.set(k, k - 1, -s * scale);
            } else if from != m {
                let flipped = -self.at(k, k - 1);
                self.set(k, k - 1, flipped);
            }
            let p = v[0] + s;
            let left = [1.0, v[1] / p, v[2] / p];
            let right = [p / s, v[1] / s, v[2] / s];
            let rows = if is_last { 2 } else { 3 };
            for j in k..n {
                let sum: f64 = (0..rows).map(|i| left[i] * self.at(k + i, j)).sum();
                for (i, right) in right.iter().enumerate().take(rows) {
                    self.entries[(k + i) * n + j] -= sum * right;
                }
            }
            for row in self.entries.chunks_exact_mut(n).take((k + 4).min(last + 1)) {
                let entries = &mut row[k..k + rows];
                let sum: f64 = entries.iter().zip(&right).map(|(x, right)| x * right).sum();
                entries.iter_mut().zip(&left).for_each(|(x, left)| *x -= sum * left);
            }
        }
    }
}

/// Eigenvalues of the last 2 x 2 block with diagonal `y`, `x` and product `w` of the others.
fn pair(x: f64, y: f64, w: f64) -> [Complex; 2] {
    let p = (y - x) / 2.0;
    let q = p * p + w;
    let root = q.abs().sqrt();
    if q < 0.0 {
        return [root, -root].map(|im| Complex { re: x + p, im });
    }
    let z = p + if p < 0.0 { -root } else { root };
    let second = if z == 0.0 { x } else { x - w / z };
    [x + z, second].map(|re| Complex { re, im: 0.0 })
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
        for n in [5, 40, 90] {
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
