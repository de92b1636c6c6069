//! How long a training run will take here: a few of its updates are made and thrown away.

use std::time::{Duration, Instant};

use super::train::{AnyRecipe, TrainTarget};
use crate::compute::yield_to_interactive;
use crate::error::{Error, Result};
use crate::ops::compute_pool;

/// Updates that are timed are no more than these, and end after this long.
const MOST: usize = 8;
const LONG_ENOUGH: Duration = Duration::from_secs(2);
/// Gives way to interactive work for at most this long.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// How fast a run goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Updates of the whole run.
    pub n_updates: u64,
    pub seconds_per_update: f64,
    /// Stimuli that an update learns from.
    pub n_stimuli: usize,
}

impl Pace {
    /// Time for so many updates of so many stimuli, if every stimulus takes as long as those that were
    /// timed; validations are not counted.
    pub fn time_of(&self, n_updates: u64, n_stimuli: f64) -> Duration {
        let share = n_stimuli / self.n_stimuli.max(1) as f64;
        Duration::try_from_secs_f64(n_updates as f64 * self.seconds_per_update * share)
            .unwrap_or(Duration::MAX)
    }
}

impl AnyRecipe {
    /// Times a few updates, without a trace of them. `is_cancelled` is asked between two.
    ///
    /// # Errors
    /// Those of beginning the run and of its updates; [`Error::Cancelled`].
    pub fn pace(&self, target: &TrainTarget, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Pace> {
        let scratch = tempfile::tempdir().map_err(Error::io("make a folder in", std::env::temp_dir()))?;
        compute_pool(target.threads)?.install(|| {
            let mut procedure = self.begin(&target.device, scratch.path())?.procedure;
            let started = Instant::now();
            let mut took: Vec<f64> = Vec::with_capacity(MOST);
            let mut n_stimuli = 0;
            while took.len() < 2 || took.len() < MOST && started.elapsed() < LONG_ENOUGH {
                if is_cancelled() {
                    return Err(Error::Cancelled);
                }
                yield_to_interactive(LONGEST_WAIT);
                let before = Instant::now();
                n_stimuli = procedure.advance()?.n_stimuli;
                took.push(before.elapsed().as_secs_f64());
            }
            // The first also sets up what the others find.
            took.remove(0);
            took.sort_by(f64::total_cmp);
            Ok(Pace { n_updates: procedure.n_updates(), seconds_per_update: took[took.len() / 2], n_stimuli })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Overrides;
    use candle_core::Device;

    #[test]
    fn a_run_is_timed_without_a_trace_and_scaled_by_its_stimuli() {
        let sets = ["passes=2", "batch=4", "updates=30", "training_digits=40"].map(str::to_owned);
        let overrides = Overrides::read(None, &sets).unwrap();
        let recipe = AnyRecipe::named("object_attention/digits", &overrides).unwrap();
        let target = TrainTarget { device: Device::Cpu, threads: 1, beside_window: false };
        let pace = recipe.pace(&target, &|| false).unwrap();
        assert_eq!((pace.n_updates, pace.n_stimuli), (30, 4));
        assert!(pace.seconds_per_update > 0.0);
        let double = Pace { seconds_per_update: 0.5, ..pace }.time_of(100, 8.0);
        assert_eq!(double, Duration::from_secs(100));
        assert!(matches!(recipe.pace(&target, &|| true), Err(Error::Cancelled)));
    }
}
