//! Representational dissimilarity: matrices over stimuli, and comparisons of them.
//!
//! Definitions of rsatoolbox 0.3 (Nili et al. 2014); the whitened ones are those of Diedrichsen et
//! al. 2021, arXiv 2007.02789.

use serde::{Deserialize, Serialize};

use super::distances::squared_distances;
use super::matrix::Matrix;
use super::statistics;
use crate::error::{Error, Result};

/// How different two response patterns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dissimilarity {
    /// Squared Euclidean distance per unit.
    Euclidean,
    /// 1 minus Pearson's correlation.
    Correlation,
}

/// How alike two dissimilarity matrices are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    Cosine,
    #[serde(rename = "corr")]
    Correlation,
    /// Correlation of ranks, equal values sharing theirs.
    Spearman,
    RhoA,
    /// Tau-b, which makes up for equal values.
    Kendall,
    TauA,
    /// Cosine after whitening by the covariance that dissimilarities have because they share stimuli.
    #[serde(rename = "cosine_cov")]
    CosineCov,
    #[serde(rename = "corr_cov")]
    CorrelationCov,
}

impl Comparison {
    pub const ALL: [Self; 8] = [
        Self::Cosine,
        Self::Correlation,
        Self::Spearman,
        Self::RhoA,
        Self::Kendall,
        Self::TauA,
        Self::CosineCov,
        Self::CorrelationCov,
    ];

    /// As in files and figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Correlation => "corr",
            Self::Spearman => "spearman",
            Self::RhoA => "rho-a",
            Self::Kendall => "kendall",
            Self::TauA => "tau-a",
            Self::CosineCov => "cosine_cov",
            Self::CorrelationCov => "corr_cov",
        }
    }
}

/// A symmetric matrix of dissimilarities with a zero diagonal, kept as its upper triangle.
#[derive(Clone, Debug, PartialEq)]
pub struct Rdm {
    n: usize,
    /// Row by row, without the diagonal.
    condensed: Vec<f64>,
}

impl Rdm {
    /// Of `features`, one row per stimulus.
    ///
    /// # Errors
    /// [`Error::Shape`] for fewer than two stimuli or no units.
    pub fn of(features: &Matrix, dissimilarity: Dissimilarity) -> Result<Self> {
        let (n, units) = (features.rows(), features.columns());
        if n < 2 || units == 0 {
            return Err(Error::shape("features", "two or more stimuli and one unit", &[n, units]));
        }
        let all = match dissimilarity {
            Dissimilarity::Euclidean => squared_distances(features).map(|square| square / units as f64),
            Dissimilarity::Correlation => {
                let mut patterns = features.entries().to_vec();
                patterns.chunks_exact_mut(units).for_each(standardise);
                Matrix::new(n, units, patterns)?.gram().map(|correlation| 1.0 - correlation)
            }
        };
        let condensed = (0..n).flat_map(|i| all.row(i)[i + 1..].to_vec()).collect();
        Ok(Self { n, condensed })
    }

    /// From its upper triangle.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are `n (n - 1) / 2` entries.
    pub fn new(n: usize, condensed: Vec<f64>) -> Result<Self> {
        let expected = n * n.saturating_sub(1) / 2;
        if condensed.len() != expected {
            return Err(Error::shape("dissimilarities", [expected], &[condensed.len()]));
        }
        Ok(Self { n, condensed })
    }

    pub fn n_stimuli(&self) -> usize {
        self.n
    }

    /// The upper triangle, row by row.
    pub fn condensed(&self) -> &[f64] {
        &self.condensed
    }

    pub fn at(&self, i: usize, j: usize) -> f64 {
        match i.cmp(&j) {
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Greater => self.at(j, i),
            std::cmp::Ordering::Less => self.condensed[i * (2 * self.n - i - 1) / 2 + j - i - 1],
        }
    }

    pub fn matrix(&self) -> Matrix {
        Matrix::from_fn(self.n, self.n, |i, j| self.at(i, j))
    }

    /// Similarity to another matrix over the same stimuli; 0 where one of them does not vary.
    ///
    /// # Errors
    /// [`Error::Shape`] if the numbers of stimuli differ.
    pub fn compare(&self, other: &Self, comparison: Comparison) -> Result<f64> {
        if self.n != other.n {
            return Err(Error::shape("dissimilarities to compare", [self.n], &[other.n]));
        }
        let (x, y) = (self.condensed.as_slice(), other.condensed.as_slice());
        let whitened = |x: &[f64], y: &[f64]| -> Result<f64> {
            let centred = |values: &[f64]| -> Result<Matrix> {
                Ok(Self::new(self.n, values.to_vec())?.matrix().double_centred())
            };
            Ok(cosine(centred(x)?.entries(), centred(y)?.entries()))
        };
        Ok(match comparison {
            Comparison::Cosine => cosine(x, y),
            Comparison::Correlation => cosine(&without_mean(x), &without_mean(y)),
            Comparison::Spearman => cosine(&without_mean(&ranks(x)), &without_mean(&ranks(y))),
            Comparison::RhoA => {
                let (x, y) = (without_mean(&ranks(x)), without_mean(&ranks(y)));
                let n = x.len() as f64;
                x.iter().zip(&y).map(|(a, b)| a * b).sum::<f64>() * 12.0 / (n.powi(3) - n)
            }
            Comparison::Kendall => Concordance::of(x, y).tau_b(),
            Comparison::TauA => Concordance::of(x, y).tau_a(),
            Comparison::CosineCov => whitened(x, y)?,
            Comparison::CorrelationCov => whitened(&without_mean(x), &without_mean(y))?,
        })
    }
}

/// Similarities of all pairs.
///
/// # Errors
/// As [`Rdm::compare`].
pub fn compare_all(rdms: &[Rdm], comparison: Comparison) -> Result<Matrix> {
    let n = rdms.len();
    let mut similarities = Matrix::zeros(n, n);
    for i in 0..n {
        for j in i..n {
            let similarity = rdms[i].compare(&rdms[j], comparison)?;
            similarities.set(i, j, similarity);
            similarities.set(j, i, similarity);
        }
    }
    Ok(similarities)
}

/// Angles between dissimilarity matrices in radians, exactly 0 of each with itself.
///
/// # Errors
/// As [`Rdm::compare`].
pub fn angles(rdms: &[Rdm]) -> Result<Matrix> {
    let cosines = compare_all(rdms, Comparison::Cosine)?;
    Ok(Matrix::from_fn(rdms.len(), rdms.len(), |i, j| {
        if i == j { 0.0 } else { cosines.at(i, j).clamp(-1.0, 1.0).acos() }
    }))
}

fn without_mean(values: &[f64]) -> Vec<f64> {
    let mean = statistics::mean(values);
    values.iter().map(|value| value - mean).collect()
}

/// To mean 0 and norm 1, or to zeros where nothing varies.
fn standardise(values: &mut [f64]) {
    let mean = statistics::mean(values);
    values.iter_mut().for_each(|value| *value -= mean);
    let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    values.iter_mut().for_each(|value| *value = if norm > 0.0 { *value / norm } else { 0.0 });
}

fn cosine(x: &[f64], y: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norm = (dot(x, x) * dot(y, y)).sqrt();
    if norm > 0.0 { dot(x, y) / norm } else { 0.0 }
}

/// Ranks from 1, equal values sharing the mean of theirs.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = before as f64 + (tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|&index| ranks[index] = mean);
        before += tied.len();
    }
    ranks
}

/// Pairs by the order of their values in two lists.
#[derive(Clone, Copy, Debug)]
struct Concordance {
    pairs: f64,
    /// In the same order minus in the opposite one.
    difference: f64,
    untied: [f64; 2],
}

impl Concordance {
    /// Knight's algorithm: sort by the first list, count exchanges of the second.
    fn of(x: &[f64], y: &[f64]) -> Self {
        let n = x.len();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| x[a].total_cmp(&x[b]).then(y[a].total_cmp(&y[b])));
        let two_of = |n: usize| (n * n.saturating_sub(1) / 2) as f64;
        let ties_x: f64 = order.chunk_by(|&a, &b| x[a] == x[b]).map(|tied| two_of(tied.len())).sum();
        let ties_both: f64 =
            order.chunk_by(|&a, &b| x[a] == x[b] && y[a] == y[b]).map(|tied| two_of(tied.len())).sum();
        let mut second: Vec<f64> = order.iter().map(|&index| y[index]).collect();
        let exchanges = exchanges(&mut second);
        let ties_y: f64 = second.chunk_by(|a, b| a == b).map(|tied| two_of(tied.len())).sum();
        let pairs = two_of(n);
        let difference = pairs - ties_x - ties_y + ties_both - 2.0 * exchanges;
        Self { pairs, difference, untied: [pairs - ties_x, pairs - ties_y] }
    }

    fn tau_a(self) -> f64 {
        if self.pairs > 0.0 { self.difference / self.pairs } else { 0.0 }
    }

    fn tau_b(self) -> f64 {
        let norm = (self.untied[0] * self.untied[1]).sqrt();
        if norm > 0.0 { self.difference / norm } else { 0.0 }
    }
}

/// Sorts, and counts the pairs that stood in falling order.
fn exchanges(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n < 2 {
        return 0.0;
    }
    let (left, right) = values.split_at_mut(n / 2);
    let mut count = exchanges(left) + exchanges(right);
    let mut merged = Vec::with_capacity(n);
    let (mut i, mut j) = (0, 0);
    while i < left.len() || j < right.len() {
        if j == right.len() || (i < left.len() && left[i] <= right[j]) {
            merged.push(left[i]);
            i += 1;
        } else {
            count += (left.len() - i) as f64;
            merged.push(right[j]);
            j += 1;
        }
    }
    values.copy_from_slice(&merged);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rdm(values: &[f64]) -> Rdm {
        let n = (1..).find(|n| n * (n - 1) / 2 == values.len()).unwrap();
        Rdm::new(n, values.to_vec()).unwrap()
    }

    #[test]
    fn distances_by_hand() {
        let features = Matrix::new(3, 2, vec![0.0, 0.0, 3.0, 4.0, 1.0, 0.0]).unwrap();
        let rdm = Rdm::of(&features, Dissimilarity::Euclidean).unwrap();
        assert_eq!(rdm.condensed(), [12.5, 0.5, 10.0]);
        assert_eq!((rdm.at(2, 1), rdm.at(1, 1)), (10.0, 0.0));
        let features = Matrix::new(3, 3, vec![1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 3.0, 2.0, 1.0]).unwrap();
        let rdm = Rdm::of(&features, Dissimilarity::Correlation).unwrap();
        for (found, expected) in rdm.condensed().iter().zip([0.0, 2.0, 2.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn equal_values_count_for_tau_b_but_not_for_tau_a() {
        let (x, y) = (rdm(&[1.0, 2.0, 2.0, 3.0, 4.0, 4.0]), rdm(&[1.0, 3.0, 2.0, 2.0, 5.0, 4.0]));
        let compare = |comparison| x.compare(&y, comparison).unwrap();
        // 15 pairs: 11 in the same order, 1 in the opposite one, ties 2 and 1.
        assert!((compare(Comparison::TauA) - 10.0 / 15.0).abs() < 1e-12);
        assert!((compare(Comparison::Kendall) - 10.0 / (13.0f64 * 14.0).sqrt()).abs() < 1e-12);
        let (rx, ry) = ([1.0, 2.5, 2.5, 4.0, 5.5, 5.5], [1.0, 4.0, 2.5, 2.5, 6.0, 5.0]);
        assert_eq!((ranks(x.condensed()), ranks(y.condensed())), (rx.to_vec(), ry.to_vec()));
        let products: f64 = rx.iter().zip(ry).map(|(a, b)| (a - 3.5) * (b - 3.5)).sum();
        assert!((compare(Comparison::RhoA) - products * 12.0 / 210.0).abs() < 1e-12);
    }

    #[test]
    fn whitening_is_the_quadratic_form_of_pair_contrasts() {
        let (x, y) = (rdm(&[1.0, 2.0, 4.0, 3.0, 7.0, 5.0]), rdm(&[2.0, 1.0, 3.0, 3.5, 4.0, 9.0]));
        let pairs: Vec<(usize, usize)> = (0..4).flat_map(|i| (i + 1..4).map(move |j| (i, j))).collect();
        let contrast =
            |p: usize, i: usize| f64::from(u8::from(pairs[p].0 == i)) - f64::from(u8::from(pairs[p].1 == i));
        let v = Matrix::from_fn(6, 6, |p, q| {
            (0..4).map(|i| contrast(p, i) * contrast(q, i)).sum::<f64>().powi(2)
        });
        let inverse = v.pseudo_inverse(1e-12).unwrap();
        let form = |a: &Rdm, b: &Rdm| {
            let column = |rdm: &Rdm| Matrix::new(6, 1, rdm.condensed().to_vec()).unwrap();
            column(a).transposed().times(&inverse).times(&column(b)).at(0, 0)
        };
        let expected = form(&x, &y) / (form(&x, &x) * form(&y, &y)).sqrt();
        assert!((x.compare(&y, Comparison::CosineCov).unwrap() - expected).abs() < 1e-10);
    }

    #[test]
    fn what_does_not_vary_is_like_nothing() {
        let (x, flat) = (rdm(&[1.0, 2.0, 4.0]), rdm(&[1.0; 3]));
        for comparison in [Comparison::Correlation, Comparison::Spearman, Comparison::Kendall] {
            assert_eq!(x.compare(&flat, comparison).unwrap(), 0.0);
        }
        assert!(x.compare(&rdm(&[1.0]), Comparison::Cosine).is_err());
    }
}
