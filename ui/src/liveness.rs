//! Areas that hold nothing yet: from when on each is live, and what is said of it before.

use gainfield::dynamics::{NodeRole, TimeUnit};

use crate::derived::time_text;
use crate::item::ModelInfo;
use crate::view::View;

/// From when on an area of the shown recording is live, and the words for the time before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sleep {
    /// `None` if it never is.
    pub until: Option<usize>,
    /// "V4 is not live before timestep 3".
    pub words: String,
}

impl Sleep {
    /// The sleep of `area`; `None` where it is live from the start.
    pub fn of(view: &View<'_>, area: &str) -> Option<Self> {
        let recording = view.document.current_recording()?;
        Self::in_model(view.document.model_info(recording.model)?, area)
    }

    /// The time before the shown model answers; `None` where it does from the start.
    pub fn of_readout(view: &View<'_>) -> Option<Self> {
        let recording = view.document.current_recording()?;
        let model = view.document.model_info(recording.model)?;
        let readout = model.graph.nodes.iter().find(|node| node.role == NodeRole::Readout)?;
        let until = readout.live_from;
        (until != Some(0)).then(|| Self { until, words: words(model.time_unit, "The read-out", until) })
    }

    /// As [`Sleep::of`], whatever is recorded.
    pub fn in_model(model: &ModelInfo, area: &str) -> Option<Self> {
        let until = model.live_from(area);
        (until != Some(0)).then(|| Self { until, words: words(model.time_unit, area, until) })
    }

    /// Whether it still sleeps at timestep `t`.
    pub fn lasts_at(&self, t: usize) -> bool {
        self.until.is_none_or(|until| t < until)
    }

    /// Timesteps of a run of `n` that it sleeps through.
    pub fn len(&self, n: usize) -> usize {
        self.until.map_or(n, |until| until.min(n))
    }
}

/// "V4 is not live before timestep 3".
pub fn words(unit: TimeUnit, area: &str, live_from: Option<usize>) -> String {
    match live_from {
        Some(from) => format!("{area} is not live before {}", moment(unit, from)),
        None => format!("{area} is never live: no signal reaches it"),
    }
}

/// Timestep `t` with its unit, as the ruler counts it: "timestep 3", "6 ms".
pub fn moment(unit: TimeUnit, t: usize) -> String {
    match unit {
        TimeUnit::Ms { .. } => format!("{} ms", time_text(unit, t)),
        TimeUnit::Sweep | TimeUnit::Pass | TimeUnit::Timestep => {
            format!("{} {}", unit.name(), time_text(unit, t))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_count_as_the_ruler_does() {
        let unit = TimeUnit::Timestep;
        assert_eq!(words(unit, "V4", Some(2)), "V4 is not live before timestep 3");
        assert_eq!(words(TimeUnit::Ms { dt_ms: 2.0 }, "V4", Some(2)), "V4 is not live before 6 ms");
        assert!(words(unit, "AM", None).contains("never"));
    }

    #[test]
    fn a_sleep_ends_where_the_area_wakes() {
        let sleep = Sleep { until: Some(2), words: String::new() };
        assert!(sleep.lasts_at(1) && !sleep.lasts_at(2));
        assert_eq!((sleep.len(5), sleep.len(1)), (2, 1));
        let never = Sleep { until: None, words: String::new() };
        assert!(never.lasts_at(99) && never.len(5) == 5);
    }
}
