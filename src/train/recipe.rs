//! The settings of a run, with what it takes to begin it.

use std::path::Path;

use candle_core::Device;
use serde_json::Value;

use super::Procedure;
use crate::error::Result;
use crate::provenance::DataIdentity;

/// A run that is about to begin.
pub struct Begun {
    pub procedure: Box<dyn Procedure>,
    /// What it learns from.
    pub data: DataIdentity,
}

/// One struct of settings that a form, a file and `--set` share; `seed`, `updates`, `save_every` and
/// `snapshot_every` are among its keys.
pub trait TrainingRecipe: Send + Sync {
    /// The settings by key, as a file holds them.
    fn values(&self) -> Value;

    fn seed(&self) -> u64 {
        count(&self.values(), "seed")
    }

    /// Updates of the whole run; `None` where the data decide.
    fn n_updates(&self) -> Option<u64> {
        Some(count(&self.values(), "updates")).filter(|&updates| updates > 0)
    }

    /// Updates between two checkpoints.
    fn save_every(&self) -> u64 {
        count(&self.values(), "save_every").max(1)
    }

    /// Updates between two snapshots.
    fn snapshot_every(&self) -> u64 {
        count(&self.values(), "snapshot_every").max(1)
    }

    /// The procedure before its first update; `out` is the folder of the run.
    ///
    /// # Errors
    /// What reading the data gives.
    fn begin(&self, device: &Device, out: &Path) -> Result<Begun>;
}

/// The whole number under a key that every recipe has.
fn count(values: &Value, key: &str) -> u64 {
    values[key].as_u64().unwrap_or_default()
}
