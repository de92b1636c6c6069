//! New networks of this family.

use serde_json::{Value, json};

use super::config::{CORNETS, Config, RESNETS, all_names};
use super::initial_weights;
use crate::checkpoint::Description;
use crate::error::Result;
use crate::model::{Family, Start};
use crate::settings::{ConfigTable, Overrides, Source};
use crate::weights::Weights;

/// Names of the source's builder, the one of the published face networks first.
pub fn starts() -> Vec<String> {
    let first = "blt_bl".to_owned();
    let others = all_names().into_iter().filter(|name| *name != "blt_bl");
    let rivals = CORNETS.map(|member| member.name().to_owned()).into_iter().chain(RESNETS.map(str::to_owned));
    std::iter::once(first).chain(others).chain(rivals).collect()
}

/// Configuration and weights of a new network.
///
/// # Errors
/// [`crate::Error::Unknown`] or [`crate::Error::Config`] naming the key.
pub fn create(start: Start<'_>, overrides: &Overrides, seed: u64) -> Result<(Description, Weights)> {
    let mut table = match start {
        Start::Named(name) => match json!(Config::named(name)?) {
            Value::Object(values) => ConfigTable::of(&values, Source::Default),
            _ => ConfigTable::default(),
        },
        Start::Values { values, .. } => ConfigTable::of(values, Source::File),
    };
    table.apply(overrides)?;
    let config = Config::resolve(&table)?;
    let weights = initial_weights(&config, seed)?;
    Ok((Description::new(Family::Blt.name(), config.name(), &config)?, weights))
}
