//! From a checkpoint to a model of this family.

use super::{Config, Stage, build, infer, recognise_shapes, resolve};
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
    let expected = |config: &Config| Ok(expected(config));
    model(Opened::read(checkpoint, overrides, inferred(checkpoint), resolve, expected)?.on(target)?)
}

/// What the tensors of a checkpoint tell, what was saved with it and what the user gives, unchecked.
///
/// # Errors
/// As [`model::draft`].
pub(crate) fn draft(checkpoint: &Checkpoint, overrides: &Overrides) -> Result<ConfigTable> {
    model::draft(checkpoint, overrides, inferred(checkpoint))
}

fn inferred(checkpoint: &Checkpoint) -> Result<ConfigTable> {
    infer(&checkpoint.weights.shapes(), &checkpoint.path)
}

/// The model of a configuration around weights that did not come from a file.
///
/// # Errors
/// As [`build`].
pub fn model_of(config: &Config, weights: Weights, name: &str) -> Result<Model> {
    model(Opened::made(config.clone(), weights, name, expected(config)))
}

/// Counters and the maps that the twin with batch normalisation does not use may be left out.
fn expected(config: &Config) -> Expected {
    let optional: &[&str] = match config.stage {
        Stage::Cnn => &["*.num_batches_tracked", "area_bias.*"],
        _ => &[],
    };
    (config.tensors(), optional)
}

fn model(opened: Opened<Config>) -> Result<Model> {
    let dynamics = build(&opened.config, &opened.weights)?;
    let variant = opened.config.variant();
    Ok(opened.model(Family::CordsNet, variant, dynamics))
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, generate};
    use super::*;
    use crate::checkpoint;
    use crate::provenance::Provenance;
    use crate::settings::Source;

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
