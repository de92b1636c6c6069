//! Singular values and eigenvalue moduli of small dense matrices, for the rule `spectrum`.

/// Sweeps or iterations per value before giving up.
const MAX_ITERATIONS: usize = 100;

/// Singular values of the row-major `n` × `n` matrix, descending (one-sided Jacobi).
pub(super) fn singular_values(matrix: &[f64], n: usize) -> Vec<f64> {
    // Columns of the transpose have the same singular values and are contiguous here.
    let mut rows: Vec<Vec<f64>> = matrix.chunks(n.max(1)).map(<[f64]>::to_vec).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    for _ in 0..MAX_ITERATIONS {
        let mut is_rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                let (alpha, beta) = (dot(&rows[p], &rows[p]), dot(&rows[q], &rows[q]));
                let gamma = dot(&rows[p], &rows[q]);
                if gamma.abs() <= 1e-15 * (alpha * beta).sqrt() {
                    continue;
                }
                is_rotated = true;
                let zeta = (beta - alpha) / (2.0 * gamma);
                let t = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                let (head, tail) = rows.split_at_mut(q);
                for (x, y) in head[p].iter_mut().zip(&mut tail[0]) {
                    (*x, *y) = (c * (*x - t * *y), c * (t * *x + *y));
                }
            }
        }
        if !is_rotated {
            break;
        }
    }
    let mut values: Vec<f64> = rows.iter().map(|row| dot(row, row).sqrt()).collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values
}

/// Moduli of the eigenvalues of the row-major `n` × `n` matrix, descending; `None` without convergence.
///
/// Shifted QR iteration with Givens rotations on the complex matrix, deflating from the end.
pub(super) fn eigenvalue_moduli(matrix: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut a: Vec<Vec<C>> =
        matrix.chunks(n.max(1)).map(|row| row.iter().map(|&re| C { re, im: 0.0 }).collect()).collect();
    to_hessenberg(&mut a);
    let mut moduli = Vec::with_capacity(n);
    let mut size = n;
    let mut iterations = 0;
    while size > 0 {
        let mut from = size - 1;
        while from > 0 {
            let scale = a[from][from].abs() + a[from - 1][from - 1].abs();
            if a[from][from - 1].abs() <= f64::EPSILON * scale.max(f64::MIN_POSITIVE) {
                a[from][from - 1] = C::default();
                break;
            }
            from -= 1;
        }
        if from + 1 == size {
            moduli.push(a[from][from].abs());
            size -= 1;
            iterations = 0;
            continue;
        }
        iterations += 1;
        if iterations > MAX_ITERATIONS {
            return None;
        }
        // An exceptional shift now and then breaks cycles.
        let shift = if iterations % 11 == 0 {
            C { re: a[size - 1][size - 2].abs(), im: 0.0 }
        } else {
            wilkinson_shift(&a, size)
        };
        qr_step(&mut a, from, size, shift);
    }
    moduli.sort_unstable_by(|a, b| b.total_cmp(a));
    Some(moduli)
}

#[derive(Clone, Copy, Debug, Default)]
struct C {
    re: f64,
    im: f64,
}

impl C {
    fn abs(self) -> f64 {
        self.re.hypot(self.im)
    }

    fn conj(self) -> Self {
        Self { re: self.re, im: -self.im }
    }

    fn scaled(self, by: f64) -> Self {
        Self { re: self.re * by, im: self.im * by }
    }

    fn sqrt(self) -> Self {
        let modulus = self.abs();
        let re = ((modulus + self.re).max(0.0) / 2.0).sqrt();
        let im = ((modulus - self.re).max(0.0) / 2.0).sqrt();
        Self { re, im: if self.im < 0.0 { -im } else { im } }
    }
}

impl std::ops::Add for C {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }
}

impl std::ops::Sub for C {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }
}

impl std::ops::Mul for C {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}

/// Gaussian similarity transforms with pivoting clear what lies below the first subdiagonal.
fn to_hessenberg(a: &mut [Vec<C>]) {
    let n = a.len();
    for k in 1..n.saturating_sub(1) {
        let pivot = (k..n).max_by(|&i, &j| a[i][k - 1].abs().total_cmp(&a[j][k - 1].abs())).unwrap_or(k);
        if a[pivot][k - 1].abs() == 0.0 {
            continue;
        }
        a.swap(pivot, k);
        a.iter_mut().for_each(|row| row.swap(pivot, k));
        let divisor = a[k][k - 1];
        let inverse = divisor.conj().scaled(1.0 / divisor.abs().powi(2));
        for i in k + 1..n {
            let factor = a[i][k - 1] * inverse;
            if factor.abs() == 0.0 {
                continue;
            }
            let (upper, lower) = a.split_at_mut(i);
            for (x, &y) in lower[0].iter_mut().zip(&upper[k]) {
                *x = *x - factor * y;
            }
            for row in a.iter_mut() {
                row[k] = row[k] + factor * row[i];
            }
        }
    }
}

/// The eigenvalue of the last 2 × 2 block that is nearer to its last entry.
fn wilkinson_shift(a: &[Vec<C>], size: usize) -> C {
    let (i, j) = (size - 2, size - 1);
    let half_trace = (a[i][i] + a[j][j]).scaled(0.5);
    let determinant = a[i][i] * a[j][j] - a[i][j] * a[j][i];
    let root = (half_trace * half_trace - determinant).sqrt();
    let (plus, minus) = (half_trace + root, half_trace - root);
    if (plus - a[j][j]).abs() < (minus - a[j][j]).abs() { plus } else { minus }
}

/// One step A - s = QR, A = RQ + s on the active block `from..size`.
fn qr_step(a: &mut [Vec<C>], from: usize, size: usize, shift: C) {
    for (i, row) in a.iter_mut().enumerate().take(size).skip(from) {
        row[i] = row[i] - shift;
    }
    let mut rotations = Vec::with_capacity(size - from);
    for k in from..size - 1 {
        let (x, y) = (a[k][k], a[k + 1][k]);
        let r = x.abs().hypot(y.abs());
        let (c, s) = if r == 0.0 {
            (C { re: 1.0, im: 0.0 }, C::default())
        } else {
            (x.scaled(1.0 / r), y.scaled(1.0 / r))
        };
        rotations.push((c, s));
        let (upper, lower) = a.split_at_mut(k + 1);
        for (p, q) in upper[k][from..size].iter_mut().zip(&mut lower[0][from..size]) {
            (*p, *q) = (c.conj() * *p + s.conj() * *q, c * *q - s * *p);
        }
    }
    for (k, (c, s)) in (from..size - 1).zip(rotations) {
        for row in &mut a[from..k + 2] {
            let (p, q) = (row[k], row[k + 1]);
            (row[k], row[k + 1]) = (p * c + q * s, q * c.conj() - p * s.conj());
        }
    }
    for (i, row) in a.iter_mut().enumerate().take(size).skip(from) {
        row[i] = row[i] + shift;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-9, "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn a_rotation_has_unit_moduli_and_unit_singular_values() {
        let (s, c) = 0.3f64.sin_cos();
        let matrix = [c, -s, 0.0, s, c, 0.0, 0.0, 0.0, -2.0];
        close(&eigenvalue_moduli(&matrix, 3).unwrap(), &[2.0, 1.0, 1.0]);
        close(&singular_values(&matrix, 3), &[2.0, 1.0, 1.0]);
    }

    #[test]
    fn a_companion_matrix_has_the_roots_of_its_polynomial() {
        // x^4 - 10 x^3 + 35 x^2 - 50 x + 24 has the roots 1, 2, 3, 4.
        let matrix = [10.0, -35.0, 50.0, -24.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        close(&eigenvalue_moduli(&matrix, 4).unwrap(), &[4.0, 3.0, 2.0, 1.0]);
    }

    #[test]
    fn trace_and_determinant_of_a_dense_matrix_agree() {
        let n = 12;
        let mut rng = crate::rng::stream(5, "spectrum", &[]);
        let matrix: Vec<f64> = (0..n * n).map(|_| crate::rng::normal(&mut rng)).collect();
        let product = |values: Vec<f64>| values.into_iter().map(f64::ln).sum::<f64>();
        let by_eigenvalues = product(eigenvalue_moduli(&matrix, n).unwrap());
        let by_singular_values = product(singular_values(&matrix, n));
        assert!((by_eigenvalues - by_singular_values).abs() < 1e-9, "both are ln |det|");
    }

    #[test]
    fn a_permutation_converges() {
        let matrix = [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        close(&eigenvalue_moduli(&matrix, 3).unwrap(), &[1.0, 1.0, 1.0]);
        assert!(eigenvalue_moduli(&[], 0).unwrap().is_empty());
    }
}
