//! From a checkpoint to a model of this family.

use std::sync::Arc;

use super::build;
use super::config::{Config, Shapes, infer, recognise_shapes};
use crate::checkpoint::{Checkpoint, Report, compare};
use crate::error::{Error, Result};
use crate::model::{Family, Model, ModelInfo, Origin, Target};
use crate::settings::{ConfigTable, Overrides, Source};
use crate::weights::Weights;

/// Counters that nothing is computed from.
const OPTIONAL: &[&str] = &["*.num_batches_tracked"];

/// Are these weights of the family?
pub fn recognise(checkpoint: &Checkpoint) -> bool {
    recognise_shapes(&shapes(&checkpoint.weights))
}

/// The model of a checkpoint, with what it does not tell marked as a default.
///
/// # Errors
/// [`Error::Config`] for a configuration that contradicts itself, [`Error::Weights`] for tensors that
/// do not belong to it.
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
    let mut table = infer(&shapes(&checkpoint.weights), &checkpoint.metadata).map_err(unfit)?;
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
    let table = draft(checkpoint, overrides)?;
    let config = Config::resolve(&table)?;
    let tensors = config.tensors();
    let report = compare(tensors.as_slice(), &checkpoint.weights, OPTIONAL).into_result(&checkpoint.path)?;
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
    let report = compare(config.tensors().as_slice(), &weights, OPTIONAL);
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
    let info = ModelInfo { family: Family::Blt, variant: config.name(), config: table, origin, report };
    Ok(Model { dynamics: build(config, &weights)?, weights, info: Arc::new(info) })
}

fn shapes(weights: &Weights) -> Shapes {
    weights.iter().map(|(name, weight)| (name.to_owned(), weight.dims().to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::config::BltConfig;
    use super::super::initial_weights;
    use super::*;
    use crate::checkpoint::{self, Description};
    use crate::provenance::Provenance;

    fn small() -> Config {
        let config = BltConfig {
            widths: vec![32; 6],
            image_size: 64,
            times: 7,
            n_classes: 5,
            ..BltConfig::named("blt_bt").unwrap()
        };
        Config::Blt(config)
    }

    #[test]
    fn a_saved_network_opens_with_its_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let config = small();
        let weights = initial_weights(&config, 1).unwrap();
        let description = Description::new("blt", config.name(), &config).unwrap();
        let path = folder.path().join("n");
        let path = checkpoint::save(path, &weights, &description, &Provenance::new("test")).unwrap();
        let read = checkpoint::read(&path).unwrap();
        assert!(recognise(&read));
        let model = open(&read, &Overrides::default(), &Target::default()).unwrap();
        assert_eq!(
            (Config::resolve(&model.info.config).unwrap(), model.info.variant.as_str()),
            (config, "blt_bt")
        );
        let given = Overrides::read(None, &["times=9".to_owned(), "pool=avg".to_owned()]).unwrap();
        let model = open(&read, &given, &Target::default()).unwrap();
        assert_eq!(model.info.config.get("times").unwrap().source, Source::Given);
    }

    #[test]
    fn a_contradiction_names_file_and_tensors() {
        let folder = tempfile::tempdir().unwrap();
        let config = small();
        let weights = initial_weights(&config, 1).unwrap();
        let description = Description::new("blt", config.name(), &config).unwrap();
        let path = folder.path().join("net");
        let path = checkpoint::save(path, &weights, &description, &Provenance::new("test")).unwrap();
        let read = checkpoint::read(&path).unwrap();
        let message = |set: &str| {
            let given = Overrides::read(None, &[set.to_owned()]).unwrap();
            open(&read, &given, &Target::default()).err().map(|err| err.to_string()).unwrap_or_default()
        };
        assert!(message("pool=blur").contains("net.safetensors") && message("pool=blur").contains(".filt"));
        assert!(message("times=4").starts_with("times"), "{}", message("times=4"));
        assert!(message("pool=median").contains("pool"), "{}", message("pool=median"));
        assert!(message("n_classes=6").contains("read_out"));
        assert!(message("member=z").contains("member"));
    }
}
