//! The families that can be trained: their runs, and how those begin and go on.

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::families::blt::{self, BltProcedure, BltRecipe};
use crate::families::cordsnet::{self, CordsProcedure, CordsRecipe};
use crate::families::counter_hebb::{self, HebbProcedure, HebbRecipe};
use crate::families::object_attention::{
    self, AttentionProcedure, AttentionRecipe, DigitsRecipe, PhotographsRecipe,
};
use crate::families::recurrent_gating::{self, GatingProcedure, GatingRecipe};
use crate::model::Model;
use crate::settings::{Field, Overrides};
use crate::train::{Begun, Procedure, TrainingRecipe};
use crate::weights::Weights;

/// Runs of object attention.
const ATTENTION_RUNS: [&str; 2] = ["digits", "coco"];

/// A family that can be trained: its runs by name, their settings, and how they begin and go on.
pub(super) struct Kind {
    pub family: &'static str,
    pub variants: fn() -> Vec<&'static str>,
    pub fields: fn(&str) -> Result<Vec<Field>>,
    pub read: fn(&str, &Map<String, Value>, &Overrides) -> Result<Arc<dyn TrainingRecipe>>,
    /// From the folder of a checkpoint.
    pub resume: fn(&Path, &Device) -> Result<Box<dyn Procedure>>,
    /// From the configuration and weights of a snapshot, with a name.
    pub model: fn(&Value, Weights, &str) -> Result<Model>,
}

/// A run of object attention that does not exist.
fn no_attention_run(other: &str) -> Error {
    Error::unknown("training run of object attention", other, ATTENTION_RUNS)
}

/// The configuration of a snapshot.
fn config_of<C: DeserializeOwned>(config: &Value) -> Result<C> {
    serde_json::from_value(config.clone())
        .map_err(|err| Error::config("configuration of the snapshot", "that of its family", err))
}

pub(super) const KINDS: [Kind; 5] = [
    Kind {
        family: "object_attention",
        variants: || ATTENTION_RUNS.to_vec(),
        fields: |variant| match variant {
            "digits" => Ok(DigitsRecipe::fields()),
            "coco" => Ok(PhotographsRecipe::fields("documented")),
            other => Err(no_attention_run(other)),
        },
        read: |variant, map, overrides| {
            Ok(Arc::new(match variant {
                "digits" => AttentionRecipe::Digits(DigitsRecipe::from_map(map, overrides)?),
                "coco" => AttentionRecipe::Photographs(PhotographsRecipe::from_map(map, overrides)?),
                other => return Err(no_attention_run(other)),
            }))
        },
        resume: |folder, device| Ok(Box::new(AttentionProcedure::resume(folder, device)?)),
        model: |config, weights, name| object_attention::model_of(&config_of(config)?, weights, name),
    },
    Kind {
        family: GATING,
        variants: GatingRecipe::variants,
        fields: GatingRecipe::fields,
        read: |variant, map, overrides| {
            let recipe = GatingRecipe::from_map(variant, map, overrides)?;
            Ok(Arc::new(GatingRun { variant: variant.to_owned(), recipe }))
        },
        resume: |folder, device| Ok(Box::new(GatingProcedure::resume(folder, device)?)),
        model: |config, weights, name| {
            let values: Map<String, Value> = config_of(config)?;
            let variant = recurrent_gating::Variant::from_values(&values);
            let variant =
                variant.ok_or_else(|| Error::config("network", "a gate or block network", "neither"))?;
            let config = recurrent_gating::Config::from_values(variant, &values)?;
            recurrent_gating::model_of(&config, weights, name)
        },
    },
    Kind {
        family: "blt",
        variants: BltRecipe::variants,
        fields: BltRecipe::fields,
        read: |variant, map, overrides| Ok(Arc::new(BltRecipe::from_map(variant, map, overrides)?)),
        resume: |folder, device| Ok(Box::new(BltProcedure::resume(folder, device)?)),
        model: |config, weights, name| blt::model_of(&config_of(config)?, weights, name),
    },
    Kind {
        family: "cordsnet",
        variants: CordsRecipe::variants,
        fields: CordsRecipe::fields,
        read: |variant, map, overrides| Ok(Arc::new(CordsRecipe::from_map(variant, map, overrides)?)),
        resume: |folder, device| Ok(Box::new(CordsProcedure::resume(folder, device)?)),
        model: |config, weights, name| cordsnet::model_of(&config_of(config)?, weights, name),
    },
    Kind {
        family: "counter_hebb",
        variants: HebbRecipe::variants,
        fields: HebbRecipe::fields,
        read: |variant, map, overrides| Ok(Arc::new(HebbRecipe::from_map(variant, map, overrides)?)),
        resume: |folder, device| Ok(Box::new(HebbProcedure::resume(folder, device)?)),
        model: |config, weights, name| counter_hebb::model_of(&config_of(config)?, weights, name),
    },
];

/// Key `family` of recurrent gating's recipes.
pub(super) const GATING: &str = "recurrent_gating";

impl Kind {
    pub fn of(family: &str) -> Result<&'static Self> {
        static FAMILIES: [Kind; KINDS.len()] = KINDS;
        let found = FAMILIES.iter().find(|kind| kind.family == family);
        found.ok_or_else(|| {
            Error::unknown("family that can be trained", family, KINDS.map(|kind| kind.family))
        })
    }
}

/// A recurrent-gating recipe with the name of its run.
struct GatingRun {
    variant: String,
    recipe: GatingRecipe,
}

impl TrainingRecipe for GatingRun {
    fn values(&self) -> Value {
        json!(self.recipe)
    }

    fn n_updates(&self) -> Option<u64> {
        self.recipe.n_updates()
    }

    fn begin(&self, device: &Device, _out: &Path) -> Result<Begun> {
        let procedure = GatingProcedure::new(&self.variant, self.recipe.clone(), device)?;
        let data = procedure.data().clone();
        Ok(Begun { procedure: Box::new(procedure), data })
    }
}
