//! From a checkpoint to a model of this family.

use super::build;
use super::config::{Config, infer, recognise_shapes};
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::model::{self, Expected, Family, Model, Opened, Target};
use crate::settings::{ConfigTable, Overrides};
use crate::weights::Weights;

/// Are these weights of the family?
pub fn recognise(checkpoint: &Checkpoint) -> bool {
    recognise_shapes(&checkpoint.weights.shapes())
}

/// The model of a checkpoint, with what it does not tell marked as a default.
///
/// # Errors
/// As [`Opened::read`].
pub fn open(checkpoint: &Checkpoint, overrides: &Overrides, target: &Target) -> Result<Model> {
    model(configure(checkpoint, overrides)?.on(target)?)
}

/// A checkpoint with its configuration: what its tensors tell, what was saved with it, what the user
/// gives.
///
/// # Errors
/// As [`Opened::read`].
pub(super) fn configure(checkpoint: &Checkpoint, overrides: &Overrides) -> Result<Opened<Config>> {
    let resolve = |table: &mut ConfigTable| Config::resolve(table);
    let expected = |config: &Config| Ok(expected(config));
    Opened::read(checkpoint, overrides, inferred(checkpoint), resolve, expected)
}

/// What the tensors of a checkpoint tell, what was saved with it and what the user gives, unchecked.
///
/// # Errors
/// As [`model::draft`].
pub(crate) fn draft(checkpoint: &Checkpoint, overrides: &Overrides) -> Result<ConfigTable> {
    model::draft(checkpoint, overrides, inferred(checkpoint))
}

fn inferred(checkpoint: &Checkpoint) -> Result<ConfigTable> {
    infer(&checkpoint.weights.shapes(), &checkpoint.metadata)
}

/// The model of a configuration around weights that did not come from a file.
///
/// # Errors
/// As [`build`].
pub fn model_of(config: &Config, weights: Weights, name: &str) -> Result<Model> {
    model(Opened::made(config.clone(), weights, name, expected(config)))
}

/// Nothing is computed from the counters of norms.
fn expected(config: &Config) -> Expected {
    (config.tensors().as_slice().to_vec(), &["*.num_batches_tracked"])
}

fn model(opened: Opened<Config>) -> Result<Model> {
    let dynamics = build(&opened.config, &opened.weights)?;
    let variant = opened.config.name();
    Ok(opened.model(Family::Blt, variant, dynamics))
}

#[cfg(test)]
mod tests {
    use super::super::config::BltConfig;
    use super::super::initial_weights;
    use super::*;
    use crate::checkpoint::{self, Description};
    use crate::provenance::Provenance;
    use crate::settings::Source;

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
