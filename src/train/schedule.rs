//! Learning-rate schedules.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// What a schedule sets before an update.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    pub learning_rate: f64,
    /// Replaces Adam's first beta or the momentum of gradient descent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
}

/// How the learning rate changes with `k`, the number of updates (or epochs) already done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    #[default]
    Constant,
    /// Multiplied by `factor` at each milestone reached.
    Multistep { milestones: Vec<u64>, factor: f64 },
    /// Up from 1/25 of the learning rate along half a cosine, then down to 1/250,000 of it; the
    /// momentum goes from 0.95 to 0.85 and back.
    OneCycle {
        total: u64,
        /// Share of `total` that goes upwards.
        rise: f64,
    },
    /// Down to `floor` times the learning rate along half a cosine.
    Cosine { total: u64, floor: f64 },
    /// From `from` times the learning rate along a straight line to all of it.
    Linear { from: f64, total: u64 },
}

impl Schedule {
    /// The rate of update `k`, given the configured (largest) learning rate.
    pub fn rate(&self, learning_rate: f64, k: u64) -> Rate {
        let fixed = |learning_rate| Rate { learning_rate, momentum: None };
        match *self {
            Self::Constant => fixed(learning_rate),
            Self::Multistep { ref milestones, factor } => {
                let reached = milestones.iter().filter(|&&milestone| milestone <= k).count();
                fixed(learning_rate * factor.powi(reached as i32))
            }
            Self::OneCycle { total, rise } => one_cycle(learning_rate, total as f64, rise, k as f64),
            Self::Cosine { total, floor } => {
                let done = (k as f64 / total.max(1) as f64).min(1.0);
                fixed(cosine(learning_rate, learning_rate * floor, done))
            }
            Self::Linear { from, total } => {
                let done = (k as f64 / total.max(1) as f64).min(1.0);
                fixed(learning_rate * (from + (1.0 - from) * done))
            }
        }
    }
}

fn one_cycle(max: f64, total: f64, rise: f64, k: f64) -> Rate {
    let (top, end) = (rise * total - 1.0, total - 1.0);
    let (low, lowest) = (max / 25.0, max / 25.0 / 1e4);
    if k <= top {
        let p = if top > 0.0 { k / top } else { 1.0 };
        Rate { learning_rate: cosine(low, max, p), momentum: Some(cosine(0.95, 0.85, p)) }
    } else {
        let p = if end > top { ((k - top) / (end - top)).min(1.0) } else { 1.0 };
        Rate { learning_rate: cosine(max, lowest, p), momentum: Some(cosine(0.85, 0.95, p)) }
    }
}

/// From `a` at `p` = 0 to `b` at `p` = 1.
fn cosine(a: f64, b: f64, p: f64) -> f64 {
    b + (a - b) / 2.0 * (1.0 + (PI * p).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cycle_ends_where_the_stored_optimiser_of_the_shapes_network_stands() {
        let schedule = Schedule::OneCycle { total: 19_760, rise: 0.125 };
        let rate = schedule.rate(2e-4, 64 * 304);
        assert!((rate.learning_rate - 1.5231e-7).abs() < 5e-12, "{rate:?}");
        assert!((rate.momentum.unwrap() - 0.949924).abs() < 5e-7, "{rate:?}");
    }

    #[test]
    fn one_cycle_starts_low_and_peaks_at_the_top() {
        let schedule = Schedule::OneCycle { total: 400, rise: 0.25 };
        assert!((schedule.rate(1.0, 0).learning_rate - 0.04).abs() < 1e-15);
        assert_eq!(schedule.rate(1.0, 99).learning_rate, 1.0);
        assert!((schedule.rate(1.0, 399).learning_rate - 4e-6).abs() < 1e-15);
        assert_eq!(schedule.rate(1.0, 4000), schedule.rate(1.0, 399));
    }

    #[test]
    fn milestones_count_from_the_one_reached() {
        let schedule = Schedule::Multistep { milestones: vec![32, 64], factor: 0.2 };
        let at = |k| schedule.rate(1.0, k).learning_rate;
        assert_eq!((at(31), at(32)), (1.0, 0.2));
        assert!((at(64) - 0.04).abs() < 1e-15);
    }

    #[test]
    fn cosine_goes_from_one_to_the_floor() {
        let schedule = Schedule::Cosine { total: 10, floor: 0.1 };
        let at = |k| schedule.rate(2.0, k).learning_rate;
        assert_eq!(at(0), 2.0);
        assert!((at(5) - 1.1).abs() < 1e-15 && (at(10) - 0.2).abs() < 1e-15 && at(11) == at(10));
    }

    #[test]
    fn schedules_survive_toml() {
        let schedule = Schedule::OneCycle { total: 8320, rise: 0.25 };
        let text = toml::to_string(&schedule).unwrap();
        assert_eq!(toml::from_str::<Schedule>(&text).unwrap(), schedule);
    }
}
