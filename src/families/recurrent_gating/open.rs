//! From a checkpoint to a model of this family.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::build;
use super::config::{Config, Shapes, TASKS, Variant, variant_of};
use super::weights::{Expected, expected};
use crate::checkpoint::{Checkpoint, Report, Sidecar, compare};
use crate::error::{Error, Result};
use crate::model::{self, Family, Model, ModelInfo, Origin, Target, key_of};
use crate::settings::{ConfigTable, Field, Overrides, Source};
use crate::weights::Weights;

/// Statistics counters may be absent: nothing is computed from them.
const OPTIONAL: &[&str] = &["*.num_batches_tracked"];

/// Are these weights of the family?
pub fn recognise(checkpoint: &Checkpoint) -> bool {
    variant_of(&checkpoint.weights.shapes()).is_some()
}

/// What the tensors of a checkpoint, the JSON files beside it and the user say, unchecked.
///
/// # Errors
/// As [`configuration`]; [`Error::Unknown`] for a key that is none.
pub(crate) fn draft(checkpoint: &Checkpoint, overrides: &Overrides) -> Result<ConfigTable> {
    let shapes = checkpoint.weights.shapes();
    let variant = known_variant(checkpoint, &shapes)?;
    let (values, _) = configuration(checkpoint)?;
    Config::draft(variant, &values, &shapes, overrides)
}

/// Every key of a variant's configuration, documented.
pub(crate) fn fields(variant: &str) -> Vec<Field> {
    super::config::fields(Variant::from_name(variant).unwrap_or(Variant::Gate))
}

/// Which network the tensors of a checkpoint are of.
fn known_variant(checkpoint: &Checkpoint, shapes: &Shapes) -> Result<Variant> {
    variant_of(shapes).ok_or_else(|| Error::Weights {
        path: checkpoint.path.clone(),
        message: "expected weights of a recurrent-gating network, found others".to_owned(),
    })
}

/// The model of a checkpoint and the JSON files beside it; what neither tells is a marked default.
///
/// # Errors
/// [`Error::File`] or [`Error::Config`] for a configuration that is wrong, [`Error::Weights`] naming
/// tensor and configuration keys where the two contradict each other.
pub fn open(checkpoint: &Checkpoint, overrides: &Overrides, target: &Target) -> Result<Model> {
    let shapes = checkpoint.weights.shapes();
    let variant = known_variant(checkpoint, &shapes)?;
    let (values, source) = configuration(checkpoint)?;
    let described = Variant::from_values(&values);
    if described.is_some_and(|described| (described == Variant::Gate) != (variant == Variant::Gate)) {
        let name = if variant == Variant::Gate { "mid_dim" } else { "kernels and rnn_dims" };
        let message = format!(
            "{source} has the keys of another network ({name}), the tensors are of a {} network; put the \
             configuration of these weights beside them",
            variant.name()
        );
        return Err(Error::Weights { path: checkpoint.path.clone(), message });
    }
    let config = Config::resolve(variant, &values, &shapes, overrides)
        .map_err(|err| naming_file(err, checkpoint, &source, &values, overrides))?;
    let table = expected(&config);
    let report = compare(&named_shapes(&table), &checkpoint.weights, OPTIONAL);
    check(&report, &table, &config, &shapes, &checkpoint.path, &source)?;
    let used = table.iter().filter_map(|tensor| {
        Some((tensor.name.clone(), checkpoint.weights.find(&tensor.name)?.tensor().clone()))
    });
    let weights = Weights::from_tensors(used).to_dtype(target.dtype)?.to_device(&target.device)?;
    model(&config, weights, Origin::of(checkpoint), report)
}

/// The model of a configuration around weights that did not come from a file.
///
/// # Errors
/// As [`build`].
pub fn model_of(config: &Config, weights: Weights, name: &str) -> Result<Model> {
    let report = compare(&named_shapes(&expected(config)), &weights, OPTIONAL);
    model(config, weights, Origin::named(name), report)
}

fn model(config: &Config, weights: Weights, origin: Origin, report: Report) -> Result<Model> {
    let info = ModelInfo {
        family: Family::RecurrentGating,
        variant: config.variant.name().to_owned(),
        config: config.table.clone(),
        origin,
        report,
    };
    Ok(Model { dynamics: build(config, &weights)?, weights, info: Arc::new(info) })
}

/// The values that came with the weights, tasks included, and the name of the file they stood in.
fn configuration(checkpoint: &Checkpoint) -> Result<(Map<String, Value>, String)> {
    if let Some(saved) = checkpoint.saved_config() {
        return Ok((saved, checkpoint.identity().name));
    }
    let sidecar = |name: &str| checkpoint.sidecars.iter().find(|sidecar| sidecar.name == name);
    let mut values = match sidecar("model_params.json") {
        Some(Sidecar { json: Value::Object(values), .. }) => values.clone(),
        Some(Sidecar { path, .. }) => {
            let hint = "write the network's parameters by name, or move the file elsewhere";
            return Err(Error::file(path, "a JSON object", "another value", hint));
        }
        None => Map::new(),
    };
    if let Some(tasks) = sidecar("tasks.json") {
        values.insert(TASKS.to_owned(), tasks.json.clone());
    }
    Ok((values, "model_params.json".to_owned()))
}

/// Says in which file a wrong value stands, or for which file the user gave it.
fn naming_file(
    err: Error,
    checkpoint: &Checkpoint,
    source: &str,
    values: &Map<String, Value>,
    overrides: &Overrides,
) -> Error {
    // Nothing is resolved yet that could say where each value comes from.
    let mut table = ConfigTable::default();
    for (key, value) in values {
        table.set(key, value.clone(), Source::File);
    }
    for (key, value) in overrides.iter() {
        table.set(key, value.clone(), Source::Given);
    }
    let is_told = matches!(&err, Error::Config { field, .. } if table.get(key_of(field)).is_some());
    match err {
        Error::Config { field, requirement, value } if !is_told => {
            let value = format!("{value} for {}", checkpoint.path.display());
            Error::Config { field, requirement, value }
        }
        err => model::naming_file(err, &table, &checkpoint.path.with_file_name(source), &checkpoint.path),
    }
}

/// Do the tensors fit the configuration? Tensors that only a given value made superfluous may stay.
fn check(
    report: &Report,
    table: &[Expected],
    config: &Config,
    shapes: &Shapes,
    path: &Path,
    source: &str,
) -> Result<()> {
    let field_of = |name: &str| {
        let known = table.iter().find(|tensor| tensor.name == name);
        known.map_or("the configuration", |tensor| tensor.field)
    };
    let is_given = config.table.iter().any(|(_, entry)| entry.source == Source::Given);
    let found = if let Some(wrong) = report.mismatched.first() {
        let (name, field) = (&wrong.name, field_of(&wrong.name));
        Some(format!("{field} ask for {name} of shape {:?}, the file has {:?}", wrong.expected, wrong.found))
    } else if let Some(name) = report.missing.first() {
        Some(format!("{} ask for {name}, which the file does not have", field_of(name)))
    } else if let Some(name) = report.unexpected.first().filter(|_| !is_given) {
        let told = config.contradictions(shapes).into_iter().map(|(key, value)| format!("{key} {value}"));
        let told: Vec<String> = told.collect();
        let told =
            if told.is_empty() { String::new() } else { format!(" (the tensors tell {})", told.join(", ")) };
        Some(format!("the file has {name}, for which the configuration has no place{told}"))
    } else {
        None
    };
    match found {
        None => Ok(()),
        Some(found) => {
            let message = format!(
                "{found}; correct {source} beside the weights or give the values with --set ({report})"
            );
            Err(Error::Weights { path: path.to_owned(), message })
        }
    }
}

fn named_shapes(table: &[Expected]) -> Vec<(String, Vec<usize>)> {
    table.iter().map(|tensor| (tensor.name.clone(), tensor.dims.clone())).collect()
}
