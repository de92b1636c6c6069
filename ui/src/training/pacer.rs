//! How long a run would take: a few updates are timed on a thread of their own before it is started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use gainfield::recipe::Pace;
use gainfield::recipe::train::{AnyRecipe, TrainTarget};
use serde_json::Value;

use crate::worker::guarded;

/// Settings that change how long a run takes, but not an update of it; the batch is reckoned with.
const NO_MATTER: [&str; 18] = [
    "batch",
    "batch_size",
    "updates",
    "validate_every",
    "validation_stimuli",
    "test_stimuli",
    "n_validation",
    "n_test",
    "save_every",
    "keep_every",
    "snapshot_every",
    "patience",
    "probe_every",
    "probe",
    "probe_area",
    "probe_units",
    "seed",
    "learning_rate",
];

/// What runs are alike in speed, and stimuli per update where a setting says so.
fn key_of(recipe: &AnyRecipe) -> (String, Option<f64>) {
    let mut values = recipe.values();
    let batch = ["batch", "batch_size"].into_iter().find_map(|key| values[key].as_f64());
    if let Value::Object(values) = &mut values {
        values.retain(|key, _| !NO_MATTER.contains(&key.as_str()));
    }
    (format!("{} {values}", recipe.name()), batch)
}

struct Timed {
    key: String,
    batch: Option<f64>,
    pace: Result<Pace, String>,
}

/// How long a run will take, as far as is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Estimate {
    Unknown,
    Timing,
    About { n_updates: u64, time: Duration },
    Failed(String),
}

/// Times runs, one at a time; the newest wins.
pub struct Pacer {
    answers: Receiver<Timed>,
    sender: Sender<Timed>,
    known: BTreeMap<String, (Option<f64>, Result<Pace, String>)>,
    timing: Option<(String, Arc<AtomicBool>)>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Pacer {
    /// `wake` is called after every answer.
    pub fn new(wake: Box<dyn Fn() + Send + Sync>) -> Self {
        let (sender, answers) = unbounded();
        Self { answers, sender, known: BTreeMap::new(), timing: None, wake: wake.into() }
    }

    /// Times a few updates of a run.
    pub fn time(&mut self, recipe: AnyRecipe, target: TrainTarget) {
        let (key, batch) = key_of(&recipe);
        if self.timing.as_ref().is_some_and(|(timed, _)| *timed == key) {
            return;
        }
        self.stop();
        let cancel = Arc::new(AtomicBool::new(false));
        self.timing = Some((key.clone(), Arc::clone(&cancel)));
        let (sender, wake) = (self.sender.clone(), Arc::clone(&self.wake));
        let work = move || {
            let pace = guarded(|| recipe.pace(&target, &|| cancel.load(Ordering::Relaxed)));
            if !cancel.load(Ordering::Relaxed) {
                // A window that is gone has no use for it.
                let _ = sender.send(Timed { key, batch, pace });
                wake();
            }
        };
        if let Err(err) = std::thread::Builder::new().name("pace".to_owned()).spawn(work) {
            tracing::error!("cannot start a thread that times updates: {err}");
            self.timing = None;
        }
    }

    /// Gives up what is being timed, after its update.
    pub fn stop(&mut self) {
        if let Some((_, cancel)) = self.timing.take() {
            cancel.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn poll(&mut self) {
        for Timed { key, batch, pace } in self.answers.try_iter() {
            if self.timing.as_ref().is_some_and(|(timed, _)| *timed == key) {
                self.timing = None;
            }
            self.known.insert(key, (batch, pace));
        }
    }

    /// How long this run will take.
    pub fn of(&self, recipe: &AnyRecipe) -> Estimate {
        let (key, batch) = key_of(recipe);
        if self.timing.as_ref().is_some_and(|(timed, _)| *timed == key) {
            return Estimate::Timing;
        }
        match self.known.get(&key) {
            None => Estimate::Unknown,
            Some((_, Err(why))) => Estimate::Failed(why.clone()),
            Some((timed, Ok(pace))) => {
                let n_updates = recipe.n_updates().unwrap_or(pace.n_updates);
                let share = batch.zip(*timed).map_or(1.0, |(now, then)| now / then.max(1.0));
                let time = pace.time_of(n_updates, pace.n_stimuli as f64 * share);
                Estimate::About { n_updates, time }
            }
        }
    }
}

/// `4 min 21 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// `about 4 min`: no finer than an estimate is.
pub fn about(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        s if s < 90.0 => format!("about {:.0} s", (s / 10.0).ceil() * 10.0),
        s if s < 90.0 * 60.0 => format!("about {:.0} min", (s / 60.0).ceil()),
        s if s < 48.0 * 3600.0 => format!("about {:.0} h", s / 3600.0),
        s => format!("about {:.0} days", s / 86400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gainfield::settings::Overrides;

    fn digits(sets: &[&str]) -> AnyRecipe {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        AnyRecipe::named("object_attention/digits", &Overrides::read(None, &sets).unwrap()).unwrap()
    }

    #[test]
    fn what_was_timed_tells_of_longer_runs_and_larger_batches() {
        let mut pacer = Pacer::new(Box::new(|| {}));
        let small = digits(&["batch=16", "updates=600"]);
        assert_eq!(pacer.of(&small), Estimate::Unknown);
        let (key, batch) = key_of(&small);
        let pace = Pace { n_updates: 600, seconds_per_update: 0.1, n_stimuli: 16 };
        pacer.sender.send(Timed { key, batch, pace: Ok(pace) }).unwrap();
        pacer.poll();
        let about = |n_updates, seconds| Estimate::About { n_updates, time: Duration::from_secs(seconds) };
        assert_eq!(pacer.of(&small), about(600, 60));
        assert_eq!(pacer.of(&digits(&["updates=1000", "seed=7"])), about(1000, 400));
        assert_eq!(pacer.of(&digits(&["passes=3"])), Estimate::Unknown);
    }

    #[test]
    fn estimates_are_no_finer_than_they_are_sure() {
        let words = |seconds| about(Duration::from_secs(seconds));
        assert_eq!([words(41), words(200), words(17_000)], ["about 50 s", "about 4 min", "about 5 h"]);
        assert_eq!(words(400_000), "about 5 days");
        assert_eq!(duration(Duration::from_secs(261)), "4 min 21 s");
    }
}
