//! New networks of this family.

use serde_json::{Value, json};

use super::config::{Config, Variant};
use super::{initial_weights, resolve};
use crate::checkpoint::Description;
use crate::error::{Error, Result};
use crate::model::{Family, Start};
use crate::settings::{ConfigTable, Overrides, Source};
use crate::weights::Weights;

/// Objects in a picture of the digit network, unless told.
const DIGITS: usize = 2;

/// The two published networks.
pub fn starts() -> Vec<String> {
    [Variant::Digits, Variant::Photographs].map(|variant| variant.name().to_owned()).to_vec()
}

/// Configuration and weights of a new network.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Config`] naming the key.
pub fn create(start: Start<'_>, overrides: &Overrides, seed: u64) -> Result<(Description, Weights)> {
    let mut table = match start {
        Start::Named(name) => {
            let config = match name {
                "digits" => Config::digits(DIGITS),
                "photographs" => Config::photographs(),
                other => return Err(Error::unknown("network", other, starts())),
            };
            match json!(config) {
                Value::Object(values) => ConfigTable::of(&values, Source::Default),
                _ => ConfigTable::default(),
            }
        }
        Start::Values { values, .. } => ConfigTable::of(values, Source::File),
    };
    table.apply(overrides)?;
    let config = resolve(&mut table)?;
    let weights = initial_weights(&config, seed)?;
    Ok((Description::new(Family::ObjectAttention.name(), config.variant.name(), &config)?, weights))
}
