//! From a checkpoint to a model of this family.

use super::{Config, build, infer, recognise_shapes, resolve};
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
    infer(&checkpoint.weights.shapes())
}

/// The model of a resolved configuration around weights that did not come from a file.
///
/// # Errors
/// As [`build`].
pub fn model_of(config: &Config, weights: Weights, name: &str) -> Result<Model> {
    model(Opened::made(config.clone(), weights, name, expected(config)?))
}

fn expected(config: &Config) -> Result<Expected> {
    Ok((config.tensors()?, &[]))
}

fn model(opened: Opened<Config>) -> Result<Model> {
    let dynamics = build(&opened.config, &opened.weights)?;
    let variant = opened.config.variant.name();
    Ok(opened.model(Family::ObjectAttention, variant, dynamics))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint;
    use crate::provenance::Provenance;
    use crate::settings::Source;

    #[test]
    fn a_saved_network_opens_with_its_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { strength: 0.35, passes: 4, ..Config::digits(3) };
        let weights = super::super::initial_weights(&config, 1).unwrap();
        let description = checkpoint::Description::new("object_attention", "digits", &config).unwrap();
        let path =
            checkpoint::save(folder.path().join("n"), &weights, &description, &Provenance::new("test"))
                .unwrap();
        let read = checkpoint::read(&path).unwrap();
        assert!(recognise(&read));
        let model = open(&read, &Overrides::default(), &Target::default()).unwrap();
        assert_eq!(model.info.config.parse::<Config>().unwrap(), config);
        assert_eq!(model.info.config.get("strength").unwrap().source, Source::File);
        let given = Overrides::read(None, &["strength=0.5".to_owned()]).unwrap();
        let model = open(&read, &given, &Target::default()).unwrap();
        assert_eq!(model.info.config.get("strength").unwrap().source, Source::Given);
    }
}
