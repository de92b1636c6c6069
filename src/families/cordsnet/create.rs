//! New networks of this family.

use serde_json::{Value, json};

use super::{Config, Dataset, Stage, initial_weights, resolve};
use crate::checkpoint::Description;
use crate::error::{Error, Result};
use crate::model::{Family, Start};
use crate::settings::{ConfigTable, Overrides, Source};
use crate::weights::Weights;

/// Areas of the published networks, the largest first.
const DEPTHS: [usize; 4] = [8, 6, 4, 2];
/// Channels of the first areas, and side of the pictures in pixels.
const BASE: usize = 64;
const SIDE: usize = 224;

/// Depth, and the data set where it is not ImageNet: `r8`, `r4-cifar10`.
pub fn starts() -> Vec<String> {
    named().into_iter().map(|(name, _)| name).collect()
}

fn named() -> Vec<(String, Config)> {
    let of = |dataset: Dataset, depth: usize| {
        let name = match dataset {
            Dataset::Imagenet => format!("r{depth}"),
            other => format!("r{depth}-{}", other.name()),
        };
        (name, Config::new(Stage::Final, dataset, depth, BASE, SIDE))
    };
    let of = &of;
    Dataset::ALL.into_iter().flat_map(|dataset| DEPTHS.map(|depth| of(dataset, depth))).collect()
}

/// Configuration and weights of a new network.
///
/// # Errors
/// [`Error::Unknown`] or [`Error::Config`] naming the key.
pub fn create(start: Start<'_>, overrides: &Overrides, seed: u64) -> Result<(Description, Weights)> {
    let mut table = match start {
        Start::Named(name) => {
            let found = named().into_iter().find(|(known, _)| known == name);
            let (_, config) = found.ok_or_else(|| Error::unknown("network", name, starts()))?;
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
    Ok((Description::new(Family::CordsNet.name(), config.variant(), &config)?, weights))
}
