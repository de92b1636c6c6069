//! New networks of this family.

use serde_json::{Map, Value};

use super::config::{Config, Shapes, TASKS, Variant};
use super::presets::{self, Preset, RUNS};
use super::weights::initial_weights;
use crate::checkpoint::Description;
use crate::error::Result;
use crate::model::{Family, Start};
use crate::settings::Overrides;
use crate::weights::Weights;

/// The networks of the published runs.
pub fn starts() -> Vec<String> {
    RUNS.map(str::to_owned).to_vec()
}

/// Configuration and weights of a new network.
///
/// # Errors
/// [`crate::Error::Unknown`] or [`crate::Error::Config`] naming the key.
pub fn create(start: Start<'_>, overrides: &Overrides, seed: u64) -> Result<(Description, Weights)> {
    let (variant, values) = match start {
        Start::Named(name) => {
            let run = presets::run(name, Preset::default())?;
            let mut values = run.network.as_object().cloned().unwrap_or_default();
            values.insert(TASKS.to_owned(), run.tasks);
            (Variant::from_values(&values).unwrap_or(Variant::Gate), values)
        }
        Start::Values { variant, values } => (Variant::from_name(variant)?, values.clone()),
    };
    let config = Config::resolve(variant, &values, &Shapes::new(), overrides)?;
    let weights = initial_weights(&config, seed)?;
    let values: Map<String, Value> = config.table.values().as_object().cloned().unwrap_or_default();
    Ok((Description::new(Family::RecurrentGating.name(), variant.name(), &values)?, weights))
}
