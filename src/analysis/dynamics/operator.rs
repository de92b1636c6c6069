//! From trajectories to the operator that moves their delay embedding on by one step.

use crate::analysis::eigen::{Complex, eigenvalues};
use crate::analysis::matrix::{Matrix, Svd};
use crate::error::{Error, Result};

/// How many singular directions are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rank {
    All,
    Fixed(usize),
    /// The index of the first direction at which more than this share of the variance is reached: one
    /// direction fewer than that share needs, and none where the first suffices, as the source has it.
    BelowShare(f64),
    /// Directions with singular values of at least this.
    Threshold(f64),
}

/// Delays and rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DelayEmbedding {
    pub n_delays: usize,
    /// Timesteps between the delays.
    pub interval: usize,
    pub rank: Rank,
    /// Ridge of the regression.
    pub ridge: f64,
}

/// The dynamics of one system.
#[derive(Clone, Debug)]
pub struct LinearDynamics {
    /// Of the embedding of all trials.
    pub singular_values: Vec<f64>,
    /// Share of the variance up to each direction.
    pub cumulative: Vec<f64>,
    pub rank: usize,
    /// `v(t + 1) = A v(t)` in the first `rank` right singular directions.
    pub operator: Matrix,
}

/// The delay embedding of one trial (one row per timestep): rows hold the newest state first.
///
/// # Errors
/// [`Error::Config`] for no delay or a trial too short for them.
pub fn hankel(trial: &Matrix, n_delays: usize, interval: usize) -> Result<Matrix> {
    if n_delays == 0 || interval == 0 {
        return Err(Error::config("delays and their interval", "1 or more", n_delays.min(interval)));
    }
    let lost = (n_delays - 1) * interval;
    // Two rows make one step.
    if trial.rows() < lost + 2 {
        return Err(Error::config("timesteps of a trial", format!("{} or more", lost + 2), trial.rows()));
    }
    let units = trial.columns();
    Ok(Matrix::from_fn(trial.rows() - lost, n_delays * units, |t, column| {
        let (delay, unit) = (column / units, column % units);
        trial.at(t + (n_delays - 1 - delay) * interval, unit)
    }))
}

/// The dynamics of trials of equal length.
///
/// # Errors
/// [`Error::Config`] for trials that are too short or too few for the embedding, or a rank beyond it.
pub fn embedded(trials: &[Matrix], embedding: &DelayEmbedding) -> Result<LinearDynamics> {
    let parts: Vec<Matrix> = trials
        .iter()
        .map(|trial| hankel(trial, embedding.n_delays, embedding.interval))
        .collect::<Result<_>>()?;
    let Some(first) = parts.first() else {
        return Err(Error::config("trials", "1 or more", 0));
    };
    let (steps, width) = (first.rows(), first.columns());
    if parts.iter().any(|part| (part.rows(), part.columns()) != (steps, width)) {
        return Err(Error::config("trials", "of one length and number of units", "several"));
    }
    if parts.len() > 1 && parts.len() * steps < width {
        let requirement = format!("at least {width} rows of the embedding, as many as it has columns");
        return Err(Error::config("trials", requirement, parts.len() * steps));
    }
    let stacked =
        Matrix::from_fn(parts.len() * steps, width, |row, column| parts[row / steps].at(row % steps, column));
    // Rows of `u` are the embedding's coordinates along its singular directions.
    let Svd { u, values, .. } = stacked.svd()?;
    let total: f64 = values.iter().map(|value| value * value).sum();
    let mut sum = 0.0;
    let cumulative: Vec<f64> = values
        .iter()
        .map(|value| {
            sum += value * value;
            sum / total
        })
        .collect();
    let rank = match embedding.rank {
        Rank::All => values.len(),
        Rank::Fixed(rank) => rank,
        Rank::BelowShare(share) => {
            cumulative.iter().position(|&reached| reached > share).unwrap_or(values.len())
        }
        Rank::Threshold(least) => values.iter().filter(|&&value| value >= least).count(),
    };
    if rank > values.len() {
        return Err(Error::config("rank", format!("at most {}", values.len()), rank));
    }
    // Never from the end of one trial to the start of the next.
    let moved = |by: usize| {
        Matrix::from_fn(parts.len() * (steps - 1), rank, |row, column| {
            u.at(row / (steps - 1) * steps + row % (steps - 1) + by, column)
        })
    };
    let (before, after) = (moved(0), moved(1));
    let gram = before.transposed_times(&before).plus(&Matrix::identity(rank).scaled(embedding.ridge));
    let operator = if rank == 0 {
        Matrix::zeros(0, 0)
    } else {
        gram.pseudo_inverse(1e-15)?.times_transposed(&before).times(&after).transposed()
    };
    Ok(LinearDynamics { singular_values: values, cumulative, rank, operator })
}

impl LinearDynamics {
    /// Of the operator, largest modulus first.
    ///
    /// # Errors
    /// As [`eigenvalues`].
    pub fn eigenvalues(&self) -> Result<Vec<Complex>> {
        eigenvalues(self.operator.entries(), self.rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_state_comes_first() {
        let trial = Matrix::from_fn(6, 2, |t, unit| (10 * t + unit) as f64);
        let hankel = hankel(&trial, 2, 3).unwrap();
        assert_eq!((hankel.rows(), hankel.row(0)), (3, &[30.0, 31.0, 0.0, 1.0][..]));
        assert!(super::hankel(&trial, 3, 3).is_err());
    }

    #[test]
    fn a_rotation_has_its_eigenvalues() {
        let trial = |phase: f64| {
            Matrix::from_fn(30, 2, |t, unit| (0.3 * t as f64 + phase + 1.571 * unit as f64).cos())
        };
        let embedding = DelayEmbedding { n_delays: 2, interval: 1, rank: Rank::Fixed(2), ridge: 0.0 };
        let dynamics = embedded(&[trial(0.0), trial(1.0)], &embedding).unwrap();
        for eigenvalue in dynamics.eigenvalues().unwrap() {
            assert!((eigenvalue.re - 0.3f64.cos()).abs() < 1e-8);
            assert!((eigenvalue.im.abs() - 0.3f64.sin()).abs() < 1e-8);
        }
        let below = DelayEmbedding { rank: Rank::BelowShare(0.9), ..embedding };
        assert_eq!(embedded(&[trial(0.0), trial(1.0)], &below).unwrap().rank, 1);
    }
}
