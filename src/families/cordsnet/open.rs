//! From a checkpoint to a model of this family.

use std::sync::Arc;

use super::{Config, Shapes, Stage, build, infer, recognise_shapes, resolve};
use crate::checkpoint::{Checkpoint, Report, compare};
use crate::error::{Error, Result};
use crate::model::{Family, Model, ModelInfo, Origin, Target};
use crate::settings::{ConfigTable, Overrides, Source};
use crate::weights::Weights;

/// Are these weights of the family?
pub fn recognise(checkpoint: &Checkpoint) -> bool {
    recognise_shapes(&shapes(&checkpoint.weights))
}

/// The model of a checkpoint, with what it does not tell marked as a default.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for a configuration that contradicts itself,
/// [`Error::Weights`](crate::Error::Weights) for tensors that do not belong to it.
pub fn open(checkpoint: &Checkpoint, overrides: &Overrides, target: &Target) -> Result<Model> {
    let (config, table, report) = configure(checkpoint, overrides)?;
    let weights = checkpoint.weights.to_dtype(target.dtype)?.to_device(&target.device)?;
    let origin = Origin {
        name: checkpoint.identity().name,
        path: Some(checkpoint.path.clone()),
        sha256: Some(checkpoint.sha256.clone()),
    };
    model(&config, table, weights, origin, report)
}

/// What the tensors of a checkpoint tell, what was saved with it and what the user gives, unchecked.
///
/// # Errors
/// [`Error::Weights`] for tensors that nothing can be told from, [`Error::Unknown`] for a key that is
/// none.
pub(crate) fn draft(checkpoint: &Checkpoint, overrides: &Overrides) -> Result<ConfigTable> {
    let unfit = |err: Error| Error::Weights { path: checkpoint.path.clone(), message: err.to_string() };
    let mut table = infer(&shapes(&checkpoint.weights), &checkpoint.path).map_err(unfit)?;
    if let Some(saved) = checkpoint.saved_config() {
        for (key, value) in saved {
            table.set(&key, value, Source::File);
        }
    }
    table.apply(overrides)?;
    Ok(table)
}

/// The configuration of a checkpoint: what its tensors tell, what was saved with it, what the user
/// gives; and how its tensors fit.
///
/// # Errors
/// As [`open`].
pub(super) fn configure(
    checkpoint: &Checkpoint,
    overrides: &Overrides,
) -> Result<(Config, ConfigTable, Report)> {
    let mut table = draft(checkpoint, overrides)?;
    let unfit = |err: Error| Error::Weights { path: checkpoint.path.clone(), message: err.to_string() };
    let config = resolve(&mut table).map_err(|err| match overrides.is_empty() {
        true => unfit(err),
        false => err,
    })?;
    // Counters and the maps that the twin with batch normalisation does not use may be left out.
    let ignored: &[&str] = match config.stage {
        Stage::Cnn => &["*.num_batches_tracked", "area_bias.*"],
        _ => &[],
    };
    let report = compare(&config.tensors(), &checkpoint.weights, ignored).into_result(&checkpoint.path)?;
    Ok((config, table, report))
}

/// The model of a configuration around weights that did not come from a file.
///
/// # Errors
/// As [`open`].
pub fn model_of(config: &Config, weights: Weights, name: &str) -> Result<Model> {
    let mut table = ConfigTable::default();
    if let serde_json::Value::Object(values) = serde_json::json!(config) {
        for (key, value) in values {
            table.set(&key, value, Source::File);
        }
    }
    let report = compare(&config.tensors(), &weights, &[]);
    let origin = Origin { name: name.to_owned(), path: None, sha256: None };
    model(config, table, weights, origin, report)
}

fn model(
    config: &Config,
    table: ConfigTable,
    weights: Weights,
    origin: Origin,
    report: Report,
) -> Result<Model> {
    let variant = config.variant();
    let info = ModelInfo { family: Family::CordsNet, variant, config: table, origin, report };
    Ok(Model { dynamics: build(config, &weights)?, weights, info: Arc::new(info) })
}

fn shapes(weights: &Weights) -> Shapes {
    weights.iter().map(|(name, weight)| (name.to_owned(), weight.dims().to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, generate};
    use super::*;
    use crate::checkpoint;
    use crate::provenance::Provenance;

    #[test]
    fn a_saved_network_opens_with_its_configuration() {
        let folder = tempfile::tempdir().unwrap();
        for stage in Stage::ALL {
            let mut config = Config::new(stage, Dataset::FashionMnist, 4, 4, 61);
            config.alpha = 0.1;
            let weights = generate(&config, 1).unwrap();
            let description = checkpoint::Description::new("cordsnet", config.variant(), &config).unwrap();
            let path = folder.path().join(stage.name());
            let path = checkpoint::save(path, &weights, &description, &Provenance::new("test")).unwrap();
            let read = checkpoint::read(&path).unwrap();
            assert!(recognise(&read));
            let model = open(&read, &Overrides::default(), &Target::default()).unwrap();
            assert_eq!(model.info.config.parse::<Config>().unwrap(), config);
            assert_eq!(model.info.config.get("image_side").unwrap().source, Source::File);
            assert_eq!(model.info.variant, config.variant());
        }
    }
}
