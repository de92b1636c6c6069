//! How well responses tell one class of stimuli from the rest.

use super::matrix::Matrix;
use super::statistics::mean;
use crate::error::{Error, Result};

/// d′ of every unit: difference of the means over the root of the mean of the two variances, which
/// are those of the population. `responses`: one row per unit, one column per stimulus.
///
/// # Errors
/// [`Error::Shape`] if the flags are not as many as stimuli, or one class has no stimulus.
pub fn d_prime(responses: &Matrix, is_target: &[bool]) -> Result<Vec<f64>> {
    let n_targets = is_target.iter().filter(|&&target| target).count();
    if is_target.len() != responses.columns() || n_targets == 0 || n_targets == is_target.len() {
        let expected = format!("{} flags, some of each class", responses.columns());
        return Err(Error::shape("classes of the stimuli", expected, &[is_target.len(), n_targets]));
    }
    let unit = |row: usize| {
        let of = |wanted: bool| -> Vec<f64> {
            let pairs = responses.row(row).iter().zip(is_target);
            pairs.filter(|(_, target)| **target == wanted).map(|(&response, _)| response).collect()
        };
        let (targets, others) = (of(true), of(false));
        let variance = (population_variance(&targets) + population_variance(&others)) / 2.0;
        (mean(&targets) - mean(&others)) / variance.sqrt()
    };
    Ok((0..responses.rows()).map(unit).collect())
}

/// Every unit to mean 0 and population deviation 1 over the stimuli; units whose mean is exactly 0
/// are left out. Returns the rest with their numbers.
pub fn standardised_units(responses: &Matrix) -> (Matrix, Vec<usize>) {
    let kept: Vec<usize> = (0..responses.rows()).filter(|&row| mean(responses.row(row)) != 0.0).collect();
    let moments: Vec<[f64; 2]> = kept
        .iter()
        .map(|&row| [mean(responses.row(row)), population_variance(responses.row(row)).sqrt()])
        .collect();
    let standardised = Matrix::from_fn(kept.len(), responses.columns(), |i, j| {
        (responses.at(kept[i], j) - moments[i][0]) / moments[i][1]
    });
    (standardised, kept)
}

fn population_variance(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d_prime_by_hand_and_under_scaling() {
        let responses = Matrix::new(1, 4, vec![4.0, 6.0, 1.0, 1.0]).unwrap();
        let flags = [true, true, false, false];
        // Variances 1 and 0.
        assert!((d_prime(&responses, &flags).unwrap()[0] - 4.0 / 0.5f64.sqrt()).abs() < 1e-12);
        let (standardised, kept) = standardised_units(&responses);
        let again = d_prime(&standardised, &flags).unwrap()[0];
        assert!((again - 4.0 / 0.5f64.sqrt()).abs() < 1e-12 && kept == [0]);
        assert!(d_prime(&responses, &[true; 4]).is_err());
        let with_dead = Matrix::new(2, 2, vec![1.0, -1.0, 1.0, 2.0]).unwrap();
        assert_eq!(standardised_units(&with_dead).1, [1]);
    }
}
