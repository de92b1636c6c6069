//! New networks of this family.

use super::config::{Config, Trunk, trunk_of};
use super::{InitOptions, description, initial_weights};
use crate::checkpoint::Description;
use crate::error::{Error, Result};
use crate::model::Start;
use crate::settings::{Overrides, Source};
use crate::weights::Weights;

/// The trunks of the source, and a list of layers (give `layers`).
pub fn starts() -> Vec<String> {
    Trunk::ALL.map(|trunk| trunk.variant().to_owned()).to_vec()
}

/// Configuration and weights of a new network.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Config`] naming the key.
pub fn create(start: Start<'_>, overrides: &Overrides, seed: u64) -> Result<(Description, Weights)> {
    let mut table = match start {
        Start::Named(name) => {
            let trunk = Trunk::ALL.into_iter().find(|trunk| trunk.variant() == name);
            Config::defaults(trunk.ok_or_else(|| Error::unknown("trunk", name, starts()))?)
        }
        Start::Values { values, .. } => {
            let mut table = Config::defaults(trunk_of(values)?);
            for (key, value) in values {
                table.set(key, value.clone(), Source::File);
            }
            table
        }
    };
    table.apply(overrides)?;
    let config = Config::resolve(&mut table)?;
    let weights = initial_weights(&config, seed, &InitOptions::default())?;
    Ok((description(&config)?, weights))
}
