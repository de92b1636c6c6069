//! The parameters of a golden file.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::families::recurrent_gating::Selection;

/// The cases and, where there is one, the training step.
#[derive(Deserialize)]
pub(super) struct Spec {
    pub(super) cases: Vec<Case>,
    pub(super) train: Option<TrainSpec>,
}

/// One run of the network.
#[derive(Deserialize)]
pub(super) struct Case {
    pub(super) prefix: String,
    pub(super) task: Option<usize>,
    #[serde(rename = "T")]
    pub(super) n_sweeps: usize,
    #[serde(default)]
    pub(super) flip_last: bool,
    #[serde(default, rename = "override")]
    pub(super) overrides: Map<String, Value>,
    /// Are gain maps and hidden vectors stored?
    #[serde(default = "yes", rename = "fb")]
    pub(super) feedback: bool,
    /// Are single sweeps stored?
    #[serde(default, rename = "seq")]
    pub(super) single_sweeps: bool,
}

fn yes() -> bool {
    true
}

/// One training step on the first case.
#[derive(Deserialize)]
pub(super) struct TrainSpec {
    #[serde(rename = "w")]
    pub(super) weights: [f64; 3],
    #[serde(rename = "s1")]
    pub(super) labels: Sweeps,
    #[serde(rename = "s2")]
    pub(super) masks: Sweeps,
    pub(super) lr: f64,
    pub(super) l2: f64,
    pub(super) clip: f64,
    #[serde(rename = "T")]
    pub(super) n_sweeps: Option<usize>,
    pub(super) label: Option<i64>,
    #[serde(default)]
    pub(super) groups: Vec<(usize, Option<usize>)>,
}

/// Indices, or the start and stop of a slice.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Sweeps {
    Each(Vec<i64>),
    Slice { slice: (Option<i64>, Option<i64>) },
}

impl Sweeps {
    pub(super) fn resolve(&self, n: usize) -> Result<Vec<usize>> {
        let selection = match self {
            Self::Each(indices) => Selection::Each(indices.clone()),
            Self::Slice { slice: (start, stop) } => {
                Selection::Slice { start: *start, stop: *stop, step: None }
            }
        };
        selection.resolve("sweeps of a loss term", n)
    }
}
