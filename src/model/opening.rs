//! How the families get from a checkpoint to a configuration that its tensors fit, and to a model.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::{Family, Model, ModelInfo, Origin, Target};
use crate::checkpoint::{Checkpoint, Report, compare};
use crate::dynamics::Dynamics;
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Overrides, Source};
use crate::weights::Weights;

/// Names and shapes that a configuration asks for, and globs of names that may be absent.
pub type Expected = (Vec<(String, Vec<usize>)>, &'static [&'static str]);

/// Everything of a model but its dynamics.
#[derive(Clone, Debug)]
pub struct Opened<C> {
    pub config: C,
    pub table: ConfigTable,
    pub weights: Weights,
    pub origin: Origin,
    pub report: Report,
}

impl<C> Opened<C> {
    /// A checkpoint whose tensors tell `inferred`; over it stands what was saved with it, then what the
    /// user gives.
    ///
    /// # Errors
    /// [`Error::Weights`] for tensors that tell nothing or do not fit; for a wrong value as
    /// [`naming_file`].
    pub fn read(
        checkpoint: &Checkpoint,
        overrides: &Overrides,
        inferred: Result<ConfigTable>,
        resolve: impl FnOnce(&mut ConfigTable) -> Result<C>,
        expected: impl FnOnce(&C) -> Result<Expected>,
    ) -> Result<Self> {
        let path = &checkpoint.path;
        let mut table = draft(checkpoint, overrides, inferred)?;
        let file = checkpoint.config_file();
        let config = resolve(&mut table).map_err(|err| naming_file(err, &table, &file, path))?;
        let (tensors, optional) = expected(&config)?;
        let report = compare(&tensors, &checkpoint.weights, optional);
        let report = report.into_result(path).map_err(|err| naming_given(err, &table))?;
        let weights = checkpoint.weights.clone();
        Ok(Self { config, table, weights, origin: Origin::of(checkpoint), report })
    }

    /// A configuration around weights that did not come from a file.
    pub fn made(config: C, weights: Weights, name: &str, (tensors, optional): Expected) -> Self
    where
        C: Serialize,
    {
        let report = compare(&tensors, &weights, optional);
        let values = serde_json::to_value(&config).ok();
        let values = values.as_ref().and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
        let table = ConfigTable::of(&values, Source::File);
        Self { config, table, weights, origin: Origin::named(name), report }
    }

    /// The same with its weights where they are computed with.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn on(self, target: &Target) -> Result<Self> {
        let weights = self.weights.to_dtype(target.dtype)?.to_device(&target.device)?;
        Ok(Self { weights, ..self })
    }

    /// The model with the dynamics that were built from it.
    pub fn model(self, family: Family, variant: impl Into<String>, dynamics: Arc<dyn Dynamics>) -> Model {
        let Self { table: config, weights, origin, report, .. } = self;
        let info = ModelInfo { family, variant: variant.into(), config, origin, report };
        Model { dynamics, weights, info: Arc::new(info) }
    }
}

/// What the tensors of a checkpoint tell, what was saved with it and what the user gives, unchecked.
///
/// # Errors
/// [`Error::Weights`] for tensors that nothing can be told from, [`Error::Unknown`] for a key that is
/// none.
pub fn draft(
    checkpoint: &Checkpoint,
    overrides: &Overrides,
    inferred: Result<ConfigTable>,
) -> Result<ConfigTable> {
    let unfit = |err: Error| Error::Weights { path: checkpoint.path.clone(), message: err.to_string() };
    let mut table = inferred.map_err(unfit)?;
    for (key, value) in checkpoint.saved_config().into_iter().flatten() {
        table.set(&key, value, Source::File);
    }
    table.apply(overrides)?;
    Ok(table)
}

/// The configuration key that the field of an error is, or lies in: `layers` of `layers[1].kind`.
pub fn key_of(field: &str) -> &str {
    field.split(['.', '[']).next().unwrap_or_default()
}

/// Says where the wrong value of `err` comes from: the configuration `file`, the user, or the tensors
/// of the file `weights`.
pub fn naming_file(err: Error, table: &ConfigTable, file: &Path, weights: &Path) -> Error {
    let Error::Config { field, requirement, value } = err else { return err };
    let key = key_of(&field);
    match table.get(key).map(|entry| entry.source) {
        Some(Source::File) => {
            let hint = format!("correct it, or give it with --set {key}=…{}", given(table));
            Error::file(file, format!("{field} to be {requirement}"), value, hint)
        }
        Some(Source::Given) => {
            let value = format!("{value} given for {}", weights.display());
            Error::Config { field, requirement, value }
        }
        _ => {
            let message = Error::Config { field, requirement, value }.to_string();
            naming_given(Error::Weights { path: weights.to_owned(), message }, table)
        }
    }
}

/// Adds to what is wrong with weights which values the user gave.
pub fn naming_given(err: Error, table: &ConfigTable) -> Error {
    match err {
        Error::Weights { path, message } => {
            Error::Weights { path, message: format!("{message}{}", given(table)) }
        }
        other => other,
    }
}

/// What the user gave, as the end of a sentence; empty for nothing.
fn given(table: &ConfigTable) -> String {
    let given = table.iter().filter(|(_, entry)| entry.source == Source::Given);
    let given: Vec<String> = given.map(|(key, entry)| format!("{key} = {}", entry.value)).collect();
    if given.is_empty() { String::new() } else { format!("; given were {}", given.join(", ")) }
}
