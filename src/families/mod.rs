//! The model families: each a self-contained folder with configuration, network and analyses.

use std::path::Path;

use crate::checkpoint::{self, Checkpoint, Description};
use crate::error::{Error, Result};
use crate::model::{Family, Model, Start, Target};
use crate::parity::{GoldenKind, Registry};
use crate::pretrained;
use crate::settings::{ConfigTable, Field, Overrides};
use crate::weights::Weights;

pub mod blt;
pub mod cordsnet;
pub mod counter_hebb;
mod create;
mod missing;
pub mod object_attention;
pub mod recurrent_gating;

pub use create::{Created, Creation, create, starts};
pub use missing::{missing_after, missing_values};

/// Configuration and weights of a new network.
type Create = fn(Start<'_>, &Overrides, u64) -> Result<(Description, Weights)>;

/// How a family finds its own among checkpoints and opens it.
struct Entry {
    family: Family,
    recognise: fn(&Checkpoint) -> bool,
    open: fn(&Checkpoint, &Overrides, &Target) -> Result<Model>,
    /// Its configuration before it is checked.
    draft: fn(&Checkpoint, &Overrides) -> Result<ConfigTable>,
    /// Every key of the configuration of a variant, documented.
    fields: fn(&str) -> Vec<Field>,
    /// Keys that say how the network is run, besides its controls and the length of a run.
    protocol: &'static [&'static str],
    /// Keys without a default.
    required: &'static [&'static str],
    /// Published networks that a new one can start from.
    starts: fn() -> Vec<String>,
    create: Create,
    /// Kinds of reference outputs that it recomputes.
    goldens: &'static [GoldenKind],
}

const FAMILIES: &[Entry] = &[
    Entry {
        family: Family::RecurrentGating,
        recognise: recurrent_gating::recognise,
        open: recurrent_gating::open,
        draft: recurrent_gating::draft,
        fields: recurrent_gating::fields,
        protocol: &["normalize", "norm_mean", "norm_std", "norm_1st", "recurrent_update"],
        required: &recurrent_gating::REQUIRED,
        starts: recurrent_gating::starts,
        create: recurrent_gating::create,
        goldens: recurrent_gating::GOLDEN_KINDS,
    },
    Entry {
        family: Family::ObjectAttention,
        recognise: object_attention::recognise,
        open: object_attention::open,
        draft: object_attention::draft,
        fields: |_| object_attention::fields(),
        protocol: &["passes", "phases"],
        required: &[],
        starts: object_attention::starts,
        create: object_attention::create,
        goldens: object_attention::GOLDEN_KINDS,
    },
    Entry {
        family: Family::Blt,
        recognise: blt::recognise,
        open: blt::open,
        draft: blt::draft,
        fields: |_| blt::fields(),
        protocol: &["times", "normalisation"],
        required: &[],
        starts: blt::starts,
        create: blt::create,
        goldens: blt::GOLDEN_KINDS,
    },
    Entry {
        family: Family::CordsNet,
        recognise: cordsnet::recognise,
        open: cordsnet::open,
        draft: cordsnet::draft,
        fields: |_| cordsnet::fields(),
        protocol: &["dt_ms", "normalise", "warm_up", "timesteps"],
        required: &[],
        starts: cordsnet::starts,
        create: cordsnet::create,
        goldens: cordsnet::GOLDEN_KINDS,
    },
    // Last, because it also takes plain networks of others.
    Entry {
        family: Family::CounterHebb,
        recognise: counter_hebb::recognise,
        open: counter_hebb::open,
        draft: counter_hebb::draft,
        fields: |_| counter_hebb::fields(),
        protocol: &["mean", "std"],
        required: &[],
        starts: counter_hebb::starts,
        create: counter_hebb::create,
        goldens: counter_hebb::GOLDEN_KINDS,
    },
];

/// Which family the names and shapes of a checkpoint belong to.
///
/// # Errors
/// [`Error::Weights`] if no family knows them.
pub fn recognise(checkpoint: &Checkpoint) -> Result<Family> {
    Ok(entry(checkpoint)?.family)
}

fn entry(checkpoint: &Checkpoint) -> Result<&'static Entry> {
    let found = FAMILIES.iter().find(|entry| (entry.recognise)(checkpoint));
    found.ok_or_else(|| {
        let names: Vec<&str> = checkpoint.weights.names().take(4).collect();
        let families: Vec<&str> = FAMILIES.iter().map(|entry| entry.family.label()).collect();
        Error::Weights {
            path: checkpoint.path.clone(),
            message: format!(
                "expected weights of one of the systems {}, found {} tensors such as {}; \
                 check that the file is a checkpoint of one of them",
                families.join(", "),
                checkpoint.weights.len(),
                names.join(", ")
            ),
        }
    })
}

fn entry_of(family: Family) -> &'static Entry {
    // Every family has an entry, as a test sees to.
    FAMILIES.iter().find(|entry| entry.family == family).unwrap_or(&FAMILIES[0])
}

/// Opens a checkpoint file, or a bundled network by its name, as a model.
///
/// # Errors
/// Of reading, of recognising, or of weights and configuration that contradict each other.
pub fn open(path: &Path, overrides: &Overrides, target: &Target) -> Result<Model> {
    let checkpoint = match pretrained::named(path)? {
        Some(bundled) => bundled.checkpoint()?,
        None => checkpoint::read(path)?,
    };
    open_checkpoint(&checkpoint, overrides, target)
}

/// As [`open`], of a checkpoint that was read already.
///
/// # Errors
/// As [`open`].
pub fn open_checkpoint(checkpoint: &Checkpoint, overrides: &Overrides, target: &Target) -> Result<Model> {
    (entry(checkpoint)?.open)(checkpoint, overrides, target)
}

/// Every key of the configuration of a variant with its meaning, range and default.
pub fn fields(family: Family, variant: &str) -> Vec<Field> {
    (entry_of(family).fields)(variant)
}

/// Keys of a configuration that say how a network is run, besides its controls and the length of a run.
pub fn protocol_keys(family: Family) -> &'static [&'static str] {
    entry_of(family).protocol
}

/// As [`open_checkpoint`], of a checkpoint whose family is known.
fn open_as(family: Family, checkpoint: &Checkpoint, overrides: &Overrides, target: &Target) -> Result<Model> {
    (entry_of(family).open)(checkpoint, overrides, target)
}

/// Every kind of reference outputs that a family recomputes.
pub fn goldens() -> Registry {
    Registry::new(FAMILIES.iter().flat_map(|entry| entry.goldens).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_its_entry() {
        for family in Family::ALL {
            assert_eq!(entry_of(family).family, family);
            assert!(!starts(family).is_empty());
        }
    }
}
