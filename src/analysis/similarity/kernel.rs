//! Kernels between stimuli, and the independence criterion made of them.

use crate::analysis::distances::squared_distances;
use crate::analysis::matrix::Matrix;
use crate::error::{Error, Result};

/// The scale of a kernel's distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LengthScale {
    Fixed(f64),
    /// So many times the root of the lower median of the squared distances.
    Median(f64),
    /// So many times the mean of the distances.
    Mean(f64),
}

impl LengthScale {
    /// `auto` and `median`, `mean`, either with `/2` or `*2` behind it, or a number.
    ///
    /// # Errors
    /// [`Error::Config`] for anything else or a scale that is not positive.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            || Error::config("length_scale", "auto, median, mean, median/2 or a number above 0", text);
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if let Ok(value) = text.trim().parse::<f64>() {
            return if positive(value) { Ok(Self::Fixed(value)) } else { Err(wrong()) };
        }
        let (word, factor) = match (text.split_once('/'), text.split_once('*')) {
            (Some((word, by)), _) => (word, 1.0 / by.trim().parse::<f64>().map_err(|_| wrong())?),
            (None, Some((word, by))) => (word, by.trim().parse::<f64>().map_err(|_| wrong())?),
            (None, None) => (text, 1.0),
        };
        match word.trim() {
            "auto" | "median" if positive(factor) => Ok(Self::Median(factor)),
            "mean" if positive(factor) => Ok(Self::Mean(factor)),
            _ => Err(wrong()),
        }
    }

    /// For the rows of `x`.
    pub fn of(self, x: &Matrix) -> f64 {
        match self {
            Self::Fixed(scale) => scale,
            Self::Median(_) | Self::Mean(_) => self.of_squares(&squared_distances(x)),
        }
    }

    /// For squared distances between all rows.
    fn of_squares(self, squares: &Matrix) -> f64 {
        let pairs = (0..squares.rows()).flat_map(|i| squares.row(i)[i + 1..].to_vec());
        match self {
            Self::Fixed(scale) => scale,
            Self::Median(factor) => factor * lower_median(pairs.collect()).sqrt(),
            Self::Mean(factor) => {
                let distances: Vec<f64> = pairs.map(f64::sqrt).collect();
                factor * distances.iter().sum::<f64>() / distances.len() as f64
            }
        }
    }
}

/// The middle of the sorted values, the lower of two; NaN of nothing.
pub fn lower_median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// What two response patterns are alike by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    Linear,
    /// `exp(-|x - y|² / l²)`.
    SquaredExponential(LengthScale),
    /// `exp(-|x - y| / l)`.
    Laplace(LengthScale),
}

impl Kernel {
    /// Between all rows.
    pub fn gram(self, x: &Matrix) -> Matrix {
        match self {
            Self::Linear => x.gram(),
            Self::SquaredExponential(scale) => {
                let squares = squared_distances(x);
                let scale = scale.of_squares(&squares);
                squares.map(|square| (-square / (scale * scale)).exp())
            }
            Self::Laplace(scale) => {
                let squares = squared_distances(x);
                let scale = scale.of_squares(&squares);
                squares.map(|square| (-square.sqrt() / scale).exp())
            }
        }
    }

    /// Between all rows, with the mean taken away in the kernel's feature space: rows and columns of
    /// mean 0.
    pub fn centred_gram(self, x: &Matrix) -> Matrix {
        match self {
            Self::Linear => x.centred_gram(),
            Self::SquaredExponential(_) | Self::Laplace(_) => self.gram(x).double_centred(),
        }
    }

    /// Squared distances between all rows in the kernel's feature space.
    pub fn squared_distances(self, x: &Matrix) -> Matrix {
        match self {
            Self::Linear => squared_distances(x),
            Self::SquaredExponential(_) | Self::Laplace(_) => self.gram(x).map(|k| 2.0 - 2.0 * k),
        }
    }
}

/// Angles between all rows in radians.
pub fn pairwise_angles(x: &Matrix) -> Matrix {
    let gram = Kernel::Linear.gram(x);
    Matrix::from_fn(x.rows(), x.rows(), |i, j| {
        if i == j {
            return 0.0;
        }
        (gram.at(i, j) / (gram.at(i, i) * gram.at(j, j)).sqrt()).clamp(-1.0, 1.0).acos()
    })
}

pub(super) fn without_diagonal(k: &Matrix) -> Matrix {
    Matrix::from_fn(k.rows(), k.columns(), |i, j| if i == j { 0.0 } else { k.at(i, j) })
}

/// Hilbert-Schmidt independence criterion of two Gram matrices; without bias after Song et al. 2007,
/// where only the second one is centred first.
///
/// # Panics
/// If the matrices are of different sizes.
pub fn hsic(k: &Matrix, l: &Matrix, is_unbiased: bool) -> f64 {
    let n = k.rows() as f64;
    let l = l.double_centred();
    if !is_unbiased {
        return k.dot(&l) / (n - 1.0).powi(2);
    }
    let (k, l) = (without_diagonal(k), without_diagonal(&l));
    let sums = |m: &Matrix| -> Vec<f64> { (0..m.rows()).map(|i| m.row(i).iter().sum()).collect() };
    let (rows_k, rows_l) = (sums(&k), sums(&l));
    let across: f64 = rows_k.iter().zip(&rows_l).map(|(a, b)| a * b).sum();
    let totals = rows_k.iter().sum::<f64>() * rows_l.iter().sum::<f64>();
    (k.dot(&l) - 2.0 / (n - 2.0) * across + totals / ((n - 1.0) * (n - 2.0))) / (n * (n - 3.0))
}

/// Centred kernel alignment (Kornblith et al. 2019, arXiv 1905.00414).
///
/// # Panics
/// If the matrices are of different sizes.
pub fn cka(k: &Matrix, l: &Matrix, is_unbiased: bool) -> f64 {
    hsic(k, l, is_unbiased) / (hsic(k, k, is_unbiased) * hsic(l, l, is_unbiased)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_of_two_middles_is_taken() {
        assert_eq!(lower_median(vec![7.0, 1.0, 3.0, 2.0, 6.0, 4.0]), 3.0);
        assert!(lower_median(Vec::new()).is_nan());
    }

    #[test]
    fn scales_are_read_and_applied() {
        let x = Matrix::new(4, 1, vec![0.0, 1.0, 3.0, 7.0]).unwrap();
        // Distances 1 2 3 4 6 7.
        assert_eq!(LengthScale::parse("median").unwrap().of(&x), 3.0);
        assert_eq!(LengthScale::parse("median/2").unwrap().of(&x), 1.5);
        assert_eq!(LengthScale::parse("mean*2").unwrap().of(&x), 2.0 * 23.0 / 6.0);
        assert_eq!(LengthScale::parse("2.5").unwrap().of(&x), 2.5);
        for wrong in ["middle", "-1", "median/x", "median/0"] {
            assert!(LengthScale::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn feature_spaces_are_seen_through_the_gram_matrix() {
        let x = Matrix::from_fn(7, 40, |i, j| ((i * 31 + j * 17) % 23) as f64 / 23.0 + 2.0);
        let scale = LengthScale::Median(1.0);
        for kernel in [Kernel::Linear, Kernel::SquaredExponential(scale), Kernel::Laplace(scale)] {
            let gram = kernel.gram(&x);
            let squares = Matrix::from_fn(7, 7, |i, j| gram.at(i, i) + gram.at(j, j) - 2.0 * gram.at(i, j));
            assert!(kernel.squared_distances(&x).minus(&squares).norm() < 1e-11 * squares.norm());
            let centred = gram.double_centred();
            assert!(kernel.centred_gram(&x).minus(&centred).norm() < 1e-11 * centred.norm());
        }
    }

    #[test]
    fn alignment_with_itself_is_one() {
        let x = Matrix::from_fn(6, 3, |i, j| ((i * 7 + j * 3) % 5) as f64);
        let gram = Kernel::Linear.gram(&x);
        assert!((cka(&gram, &gram.scaled(3.0), false) - 1.0).abs() < 1e-12);
        assert!((cka(&gram, &gram.scaled(3.0), true) - 1.0).abs() < 1e-12);
    }
}
