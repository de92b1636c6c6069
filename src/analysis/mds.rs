//! Metric multidimensional scaling by majorisation (SMACOF, de Leeuw 1977).

use super::distances::{pairwise_distances, squared_distance};
use super::matrix::Matrix;
use crate::error::{Error, Result};
use crate::rng;

/// Distance that stands for zero where it is divided by.
const LEAST_DISTANCE: f64 = 1e-5;

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmacofOptions {
    pub max_iterations: usize,
    /// Least improvement of the stress per sum of squared distances.
    pub tolerance: f64,
}

impl Default for SmacofOptions {
    fn default() -> Self {
        Self { max_iterations: 3000, tolerance: 1e-6 }
    }
}

/// Points whose distances come near those given.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// One row per item.
    pub points: Matrix,
    /// Kruskal's stress-1.
    pub stress: f64,
    pub iterations: usize,
}

/// Improves `start` (one row per item) until its distances agree with `distances`.
///
/// # Errors
/// [`Error::Shape`] if the distances are not those of as many items.
pub fn smacof(distances: &Matrix, start: &Matrix, options: &SmacofOptions) -> Result<Embedding> {
    let n = distances.rows();
    if distances.columns() != n || start.rows() != n || n == 0 {
        return Err(Error::shape("distances", [start.rows(), start.rows()], &[n, distances.columns()]));
    }
    let mut points = start.clone();
    let mut current = pairwise_distances(&points);
    let mut previous: Option<f64> = None;
    let mut iterations = 0;
    for _ in 0..options.max_iterations {
        let ratio = |i: usize, j: usize| {
            let d = current.at(i, j);
            distances.at(i, j) / if d == 0.0 { LEAST_DISTANCE } else { d }
        };
        let mut b = Matrix::from_fn(n, n, |i, j| if i == j { 0.0 } else { -ratio(i, j) });
        for i in 0..n {
            let others: f64 = b.row(i).iter().sum();
            b.set(i, i, -others);
        }
        points = b.times(&points).scaled(1.0 / n as f64);
        current = pairwise_distances(&points);
        iterations += 1;
        let stress = raw_stress(distances, &current);
        let size = half_squares(&current);
        if previous.is_some_and(|old| (old - stress) / size < options.tolerance) {
            break;
        }
        previous = Some(stress);
    }
    let stress = (raw_stress(distances, &current) / half_squares(&current)).sqrt();
    Ok(Embedding { points, stress, iterations })
}

/// The best of `n_starts` random starts, uniform in 0 to 1.
///
/// # Errors
/// As [`smacof`]; [`Error::Config`] for no start or no dimension.
pub fn mds(
    distances: &Matrix,
    dimensions: usize,
    n_starts: usize,
    seed: u64,
    options: &SmacofOptions,
) -> Result<Embedding> {
    if dimensions == 0 {
        return Err(Error::config("dimensions", "1 or more", dimensions));
    }
    let mut best: Option<Embedding> = None;
    for start in 0..n_starts {
        let mut rng = rng::stream(seed, "multidimensional scaling", &[start as u64]);
        let start = Matrix::from_fn(distances.rows(), dimensions, |_, _| rng::uniform(&mut rng));
        let found = smacof(distances, &start, options)?;
        if best.as_ref().is_none_or(|best| found.stress < best.stress) {
            best = Some(found);
        }
    }
    best.ok_or_else(|| Error::config("number of starts", "1 or more", n_starts))
}

/// Sum of the steps between consecutive rows, and their mean.
pub fn path_length(points: &Matrix, rows: &[usize]) -> [f64; 2] {
    let step = |pair: &[usize]| squared_distance(points.row(pair[0]), points.row(pair[1])).sqrt();
    let total: f64 = rows.windows(2).map(step).sum();
    [total, total / rows.len().saturating_sub(1).max(1) as f64]
}

/// Over all ordered pairs, halved.
fn raw_stress(wanted: &Matrix, found: &Matrix) -> f64 {
    wanted.zip(found, |a, b| (a - b).powi(2)).entries().iter().sum::<f64>() / 2.0
}

fn half_squares(distances: &Matrix) -> f64 {
    distances.entries().iter().map(|d| d * d).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_a_plane_are_found_again() {
        let points = Matrix::new(5, 2, vec![0.0, 0.0, 1.0, 0.0, 1.0, 2.0, -1.0, 1.5, 0.3, 0.7]).unwrap();
        let distances = pairwise_distances(&points);
        let options = SmacofOptions { tolerance: 1e-14, ..SmacofOptions::default() };
        let found = mds(&distances, 2, 8, 1, &options).unwrap();
        assert!(found.stress < 1e-4, "{}", found.stress);
        assert!(pairwise_distances(&found.points).minus(&distances).norm() < 1e-3);
        let again = mds(&distances, 2, 8, 1, &options).unwrap();
        assert_eq!(found, again);
    }

    #[test]
    fn stress_falls_and_paths_add_up() {
        let distances = Matrix::from_fn(4, 4, |i, j| if i == j { 0.0 } else { 1.0 });
        let start = Matrix::new(4, 2, vec![0.0, 0.1, 0.3, 0.0, 0.2, 0.5, -0.1, 0.2]).unwrap();
        let after = |max_iterations| {
            let options = SmacofOptions { max_iterations, tolerance: 0.0 };
            smacof(&distances, &start, &options).unwrap().stress
        };
        assert!(after(5) < after(1));
        let points = Matrix::new(3, 1, vec![0.0, 1.0, -2.0]).unwrap();
        assert_eq!(path_length(&points, &[0, 1, 2]), [4.0, 2.0]);
        assert!(smacof(&distances, &points, &SmacofOptions::default()).is_err());
    }
}
