//! The model families: each a self-contained folder with configuration, network and analyses.

use std::path::Path;

use crate::checkpoint::{self, Checkpoint};
use crate::error::{Error, Result};
use crate::model::{Family, Model, Target};
use crate::parity::{GoldenKind, Registry};
use crate::pretrained;
use crate::settings::Overrides;

pub mod blt;
pub mod cordsnet;
pub mod counter_hebb;
pub mod object_attention;
pub mod recurrent_gating;

/// How a family finds its own among checkpoints and opens it.
struct Entry {
    family: Family,
    recognise: fn(&Checkpoint) -> bool,
    open: fn(&Checkpoint, &Overrides, &Target) -> Result<Model>,
    /// Kinds of reference outputs that it recomputes.
    goldens: &'static [GoldenKind],
}

const FAMILIES: &[Entry] = &[
    Entry {
        family: Family::RecurrentGating,
        recognise: recurrent_gating::recognise,
        open: recurrent_gating::open,
        goldens: recurrent_gating::GOLDEN_KINDS,
    },
    Entry {
        family: Family::ObjectAttention,
        recognise: object_attention::recognise,
        open: object_attention::open,
        goldens: object_attention::GOLDEN_KINDS,
    },
    Entry { family: Family::Blt, recognise: blt::recognise, open: blt::open, goldens: blt::GOLDEN_KINDS },
    Entry {
        family: Family::CordsNet,
        recognise: cordsnet::recognise,
        open: cordsnet::open,
        goldens: cordsnet::GOLDEN_KINDS,
    },
    // Last, because it also takes plain networks of others.
    Entry {
        family: Family::CounterHebb,
        recognise: counter_hebb::recognise,
        open: counter_hebb::open,
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

/// Opens a checkpoint file, or the bundled network by its name, as a model.
///
/// # Errors
/// Of reading, of recognising, or of weights and configuration that contradict each other.
pub fn open(path: &Path, overrides: &Overrides, target: &Target) -> Result<Model> {
    let checkpoint =
        if pretrained::is_name(path) { pretrained::checkpoint()? } else { checkpoint::read(path)? };
    open_checkpoint(&checkpoint, overrides, target)
}

/// As [`open`], of a checkpoint that was read already.
///
/// # Errors
/// As [`open`].
pub fn open_checkpoint(checkpoint: &Checkpoint, overrides: &Overrides, target: &Target) -> Result<Model> {
    (entry(checkpoint)?.open)(checkpoint, overrides, target)
}

/// Every kind of reference outputs that a family recomputes.
pub fn goldens() -> Registry {
    Registry::new(FAMILIES.iter().flat_map(|entry| entry.goldens).copied())
}
