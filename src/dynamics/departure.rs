//! In what a run leaves the protocol that its network was trained on.

use std::fmt;

use serde::Serialize;

use super::{Schedule, TimeUnit};

/// One way in which a run differs from those that the network was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Departure {
    /// `length`, `strength`, `preparation of the picture`.
    pub what: String,
    /// The value in training, or of the publication, with its unit.
    pub published: String,
    /// The value of the run.
    pub found: String,
}

impl Departure {
    pub fn new(what: impl Into<String>, published: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self { what: what.into(), published: published.to_string(), found: found.to_string() }
    }

    /// Another number of timesteps than published.
    pub fn of_length(schedule: &Schedule, unit: TimeUnit) -> Option<Self> {
        let published = schedule.published.filter(|&published| published != schedule.len())?;
        let words = |n: usize| match unit {
            TimeUnit::Ms { dt_ms } => format!("{n} timesteps ({} ms)", n as f64 * dt_ms),
            TimeUnit::Pass => format!("{n} {}", if n == 1 { "pass" } else { "passes" }),
            unit => format!("{n} {}{}", unit.name(), if n == 1 { "" } else { "s" }),
        };
        Some(Self::new("length", words(published), words(schedule.len())))
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, published {}", self.what, self.found, self.published)
    }
}
