//! Sums over pooled stimuli, from which means, spreads and maxima follow.

use serde::{Deserialize, Serialize};

/// Responses of the chosen units to every value, pooled over stimuli.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Responses {
    n_units: usize,
    /// Stimuli behind each value.
    pub n: Vec<usize>,
    sum: Vec<f64>,
    squares: Vec<f64>,
    max: Vec<f64>,
    min: Vec<f64>,
}

impl Responses {
    pub(super) fn new(n_values: usize, n_units: usize) -> Self {
        let entries = n_values * n_units;
        Self {
            n_units,
            n: vec![0; n_values],
            sum: vec![0.0; entries],
            squares: vec![0.0; entries],
            max: vec![f64::NEG_INFINITY; entries],
            min: vec![f64::INFINITY; entries],
        }
    }

    /// Adds one stimulus' responses of all units.
    pub(super) fn add(&mut self, value: usize, responses: impl Iterator<Item = f32>) {
        self.n[value] += 1;
        let from = value * self.n_units;
        for (entry, response) in (from..from + self.n_units).zip(responses) {
            let response = f64::from(response);
            self.sum[entry] += response;
            self.squares[entry] += response * response;
            self.max[entry] = self.max[entry].max(response);
            self.min[entry] = self.min[entry].min(response);
        }
    }

    pub fn n_values(&self) -> usize {
        self.n.len()
    }

    pub fn n_units(&self) -> usize {
        self.n_units
    }

    /// Mean over the pooled stimuli of every value; NaN where there is none.
    pub fn mean(&self, unit: usize) -> Vec<f64> {
        self.each(unit, |entry, n| self.sum[entry] / n)
    }

    /// Standard deviation over the pooled stimuli (n − 1): the spread of a design, not of trials.
    pub fn standard_deviation(&self, unit: usize) -> Vec<f64> {
        self.each(unit, |entry, n| {
            let mean = self.sum[entry] / n;
            if n < 2.0 {
                f64::NAN
            } else {
                ((self.squares[entry] - n * mean * mean).max(0.0) / (n - 1.0)).sqrt()
            }
        })
    }

    /// Largest response over the pooled stimuli; NaN where there is none.
    pub fn max(&self, unit: usize) -> Vec<f64> {
        self.each(unit, |entry, n| if n > 0.0 { self.max[entry] } else { f64::NAN })
    }

    /// Smallest response over the pooled stimuli; NaN where there is none.
    pub fn min(&self, unit: usize) -> Vec<f64> {
        self.each(unit, |entry, n| if n > 0.0 { self.min[entry] } else { f64::NAN })
    }

    fn each(&self, unit: usize, of: impl Fn(usize, f64) -> f64) -> Vec<f64> {
        (0..self.n.len()).map(|value| of(value * self.n_units + unit, self.n[value] as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_give_mean_spread_and_maximum_per_value() {
        let mut responses = Responses::new(2, 2);
        responses.add(0, [1.0, 10.0].into_iter());
        responses.add(0, [3.0, 30.0].into_iter());
        assert_eq!(responses.mean(0)[0], 2.0);
        assert_eq!(responses.max(1)[0], 30.0);
        assert_eq!(responses.min(1)[0], 10.0);
        assert!((responses.standard_deviation(0)[0] - 2.0_f64.sqrt()).abs() < 1e-12);
        assert!(responses.mean(0)[1].is_nan() && responses.max(0)[1].is_nan());
        assert_eq!(responses.n, [2, 0]);
    }
}
