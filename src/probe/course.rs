//! Responses over time: the same sums as for tuning curves, at every timestep on the way to the read.

use serde::{Deserialize, Serialize};

use super::Responses;

/// Responses of the chosen units to every value at every timestep, pooled over stimuli.
///
/// Times count from the beginning of what is read: the sweeps of a run, or the passes of the phase in
/// which the stimulus was attended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    times: Vec<Responses>,
}

impl Course {
    pub(super) fn new(n_times: usize, n_values: usize, n_units: usize) -> Self {
        Self { times: vec![Responses::new(n_values, n_units); n_times] }
    }

    pub(super) fn add(&mut self, time: usize, value: usize, responses: impl Iterator<Item = f32>) {
        if let Some(at) = self.times.get_mut(time) {
            at.add(value, responses);
        }
    }

    pub fn n_times(&self) -> usize {
        self.times.len()
    }

    /// Mean response of a unit to one value over time; NaN where nothing was read.
    pub fn mean(&self, unit: usize, value: usize) -> Vec<f64> {
        self.times.iter().map(|at| at.mean(unit)[value]).collect()
    }

    /// Its standard deviation over the pooled stimuli.
    pub fn standard_deviation(&self, unit: usize, value: usize) -> Vec<f64> {
        self.times.iter().map(|at| at.standard_deviation(unit)[value]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_its_own_mean() {
        let mut course = Course::new(2, 1, 1);
        course.add(0, 0, [1.0].into_iter());
        course.add(0, 0, [3.0].into_iter());
        course.add(1, 0, [5.0].into_iter());
        course.add(7, 0, [9.0].into_iter());
        assert_eq!(course.mean(0, 0), [2.0, 5.0]);
        assert!(course.standard_deviation(0, 0)[1].is_nan());
    }
}
