//! A way of changing weights, and what it reports. Knows nothing of threads, channels or windows.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Course, Measures};
use crate::error::Result;
use crate::weights::Weights;

/// One named number of an update, in the order a family reports them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// For example `class_loss/phase0`.
    pub name: String,
    pub value: f64,
}

/// What one update did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateReport {
    /// Updates done, this one included.
    pub update: u64,
    pub metrics: Vec<Metric>,
    pub learning_rate: f64,
    /// Global norm before clipping.
    pub gradient_norm: f64,
    /// Stimuli this update learnt from.
    pub n_stimuli: usize,
}

/// Accuracies and losses on held-out stimuli.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Updates done when it ran.
    pub update: u64,
    /// `validation` picks the best weights, `test` is what is reported.
    pub split: String,
    pub n_stimuli: usize,
    /// Share correct, `[phase][pass]` or `[0][timestep]`.
    pub accuracy: Vec<Vec<f64>>,
    /// The number that picks the best weights; higher is better.
    pub score: f64,
    /// Higher than in every evaluation before, also those before a resume.
    pub is_best: bool,
    pub metrics: Vec<Metric>,
}

/// The network under training at one moment: opened by any view as a file is.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Outside any autograd graph.
    pub weights: Weights,
    /// The model's resolved configuration.
    pub config: Arc<serde_json::Value>,
    pub update: u64,
}

/// Back-propagation through time, Counter-Hebb learning, …
pub trait Procedure: Send {
    /// Updates of the whole run.
    fn n_updates(&self) -> u64;

    /// How far it has come.
    fn course(&self) -> &Course;

    /// For the settings of the run that are the same for every procedure.
    fn course_mut(&mut self) -> &mut Course;

    /// What its numbers are called and mean.
    fn measures(&self) -> Measures;

    /// Updates done so far.
    fn update(&self) -> u64 {
        self.course().update
    }

    /// Is there nothing left to do but what is due?
    fn is_over(&self) -> bool {
        self.update() >= self.n_updates() || self.course().is_out_of_patience()
    }

    /// One update.
    ///
    /// # Errors
    /// [`Error::Diverged`](crate::Error::Diverged) or [`Error::NotFinite`](crate::Error::NotFinite) if a
    /// loss or gradient is not finite. Whatever the error, the course stays that of the last good update.
    fn advance(&mut self) -> Result<UpdateReport>;

    /// Is an evaluation due at this update?
    fn is_evaluation_due(&self) -> bool;

    /// Runs the held-out sets that are due; `cancelled` is asked between batches.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled) if it was; the evaluation then stays due.
    fn evaluate(&mut self, cancelled: &dyn Fn() -> bool) -> Result<Vec<Evaluation>>;

    fn snapshot(&self) -> Result<Snapshot>;

    /// Writes everything an exact resume needs into `folder`, atomically per file.
    fn save(&self, folder: &Path) -> Result<()>;
}
