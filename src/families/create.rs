//! Networks that nobody has trained yet: a configuration, and weights drawn from a seed.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::Tensor;
use serde_json::Value;

use super::{entry_of, open_as};
use crate::checkpoint::{Checkpoint, Container, Description};
use crate::error::{Error, Result};
use crate::model::{Family, Model, ModelInfo, Origin, Start, Target};
use crate::settings::Overrides;
use crate::weights::Weights;

/// What a new network is made from.
#[derive(Clone, Copy)]
pub struct Creation<'a> {
    pub family: Family,
    /// One of the names of [`starts`]; the first of them, or the configuration of `like`, if absent.
    pub start: Option<&'a str>,
    /// A network of the family whose weights are kept wherever name and shape agree.
    pub like: Option<&'a Model>,
    /// Values of the configuration that differ.
    pub overrides: &'a Overrides,
    pub seed: u64,
}

/// A new network, and which of its tensors are new.
pub struct Created {
    pub model: Model,
    pub description: Description,
    /// Tensors with the values of the network it was made like.
    pub kept: Vec<String>,
    /// Tensors drawn from the seed.
    pub drawn: Vec<String>,
}

/// Names of published networks of a family that a new one can start from.
pub fn starts(family: Family) -> Vec<String> {
    (entry_of(family).starts)()
}

/// Makes a network. Equal arguments give equal weights.
///
/// # Errors
/// [`Error::Unknown`] for a name or key that there is not, [`Error::Config`] naming the value that is
/// out of range or a network of another family.
pub fn create(creation: &Creation<'_>) -> Result<Created> {
    let Creation { family, like, overrides, seed, .. } = *creation;
    if let Some(other) = like.map(|like| like.info.family).filter(|other| *other != family) {
        let requirement = format!("a network of {}", family.name());
        return Err(Error::config("the network whose weights are kept", requirement, other.name()));
    }
    let values = like.map(|like| (like.info.variant.as_str(), like.info.config.values()));
    let named = starts(family);
    let start = match (creation.start, &values) {
        (Some(name), _) => Start::Named(name),
        (None, Some((variant, Value::Object(values)))) => Start::Values { variant, values },
        (None, _) => Start::Named(named.first().map_or("", String::as_str)),
    };
    let (description, fresh) = (entry_of(family).create)(start, overrides, seed)?;
    let known = |name: &str, shape: &[usize]| -> Option<Tensor> {
        let weight = like?.weights.find(name)?;
        (weight.dims() == shape).then(|| weight.tensor().clone())
    };
    let (mut kept, mut drawn, mut tensors) = (Vec::new(), Vec::new(), Vec::new());
    for (name, weight) in fresh.iter() {
        let old = known(name, weight.dims());
        if old.is_some() {
            kept.push(name.to_owned())
        } else {
            drawn.push(name.to_owned())
        }
        tensors.push((name.to_owned(), old.unwrap_or_else(|| weight.tensor().clone())));
    }
    let model = model_of(family, &description, Weights::from_tensors(tensors))?;
    Ok(Created { model, description, kept, drawn })
}

/// The model that a file of these weights would open as.
fn model_of(family: Family, description: &Description, weights: Weights) -> Result<Model> {
    let name = description.variant.clone();
    let checkpoint = Checkpoint {
        path: PathBuf::from(&name),
        sha256: String::new(),
        container: Container::Safetensors,
        order: weights.names().map(str::to_owned).collect(),
        weights,
        metadata: description.metadata(),
        sidecars: Vec::new(),
        key: None,
        prefix_stripped: None,
        left_out: Vec::new(),
    };
    let model = open_as(family, &checkpoint, &Overrides::default(), &Target::default())?;
    let origin = Origin { name, path: None, sha256: None };
    let info = ModelInfo { origin, ..ModelInfo::clone(&model.info) };
    Ok(Model { info: Arc::new(info), ..model })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint;
    use crate::families;
    use crate::provenance::Provenance;

    fn created(family: Family, sets: &[&str], seed: u64, like: Option<&Model>) -> Result<Created> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let overrides = Overrides::read(None, &sets)?;
        create(&Creation { family, start: None, like, overrides: &overrides, seed })
    }

    /// Small networks of every family.
    const SMALL: [(Family, &[&str]); 5] = [
        (Family::RecurrentGating, &[]),
        (Family::ObjectAttention, &["channels=[1,3,4]"]),
        (Family::CounterHebb, &["last_hidden_size=12"]),
        (Family::Blt, &["widths=[32,32,32,32,32,32]", "image_size=64", "n_classes=5"]),
        (Family::CordsNet, &["widths=[4,4]", "depth=2", "image_side=32", "n_classes=10", "dataset=cifar10"]),
    ];

    #[test]
    fn every_family_makes_networks_that_open_again() {
        let folder = tempfile::tempdir().unwrap();
        for (family, sets) in SMALL {
            let made = created(family, sets, 3, None).unwrap();
            assert!(made.kept.is_empty() && !made.drawn.is_empty(), "{}", family.name());
            let model = &made.model;
            let path = folder.path().join(family.name());
            let provenance = Provenance::new("test");
            let path = checkpoint::save(path, &model.weights, &made.description, &provenance).unwrap();
            let read = families::open(&path, &Overrides::default(), &Target::default()).unwrap();
            assert_eq!((read.info.family, &read.info.variant), (family, &model.info.variant));
            assert_eq!(read.info.config.values(), model.info.config.values(), "{}", family.name());
            assert_eq!(read.n_parameters(), model.n_parameters());
            assert!(model.info.origin.path.is_none());
        }
    }

    #[test]
    fn a_variant_keeps_what_it_shares_and_draws_the_rest_from_the_seed() {
        let (family, sets) = SMALL[3];
        let base = created(family, sets, 1, None).unwrap().model;
        let with_top_down = "connections=[[1,1,0,0,0,0],[1,1,1,0,0,0],[0,0,1,1,0,0],[0,0,0,1,1,0],\
                             [0,0,0,0,1,1],[0,0,0,0,0,1]]";
        let made = created(family, &[with_top_down], 2, Some(&base)).unwrap();
        assert_eq!(made.model.info.variant, "blt_custom");
        assert!(made.kept.contains(&"norm_3.weight".to_owned()));
        let own = base.weights.names().filter(|name| !made.kept.iter().any(|kept| kept == name));
        for name in made.drawn.iter().map(String::as_str).chain(own) {
            assert!(name.starts_with("conv_"), "{name}");
        }
        assert!(made.drawn.contains(&"conv_1_0.weight".to_owned()));
        let values = |model: &Model, name: &str| -> Vec<f32> {
            model.weights.get(name).unwrap().tensor().flatten_all().unwrap().to_vec1().unwrap()
        };
        assert_eq!(values(&made.model, "conv_0_1.weight"), values(&base, "conv_0_1.weight"));
        let again = created(family, &[with_top_down], 2, Some(&base)).unwrap();
        let other = created(family, &[with_top_down], 3, Some(&base)).unwrap();
        let drawn = |made: &Created| values(&made.model, "conv_1_0.weight");
        assert_eq!(drawn(&made), drawn(&again));
        assert_ne!(drawn(&made), drawn(&other));
    }

    #[test]
    fn what_cannot_be_made_names_the_reason() {
        let message = |sets: &[&str], like: Option<&Model>| {
            created(Family::Blt, sets, 0, like).err().map(|err| err.to_string()).unwrap_or_default()
        };
        assert!(message(&["times=2"], None).starts_with("times"));
        assert!(message(&["tims=2"], None).contains("did you mean \"times\""));
        let other = created(Family::ObjectAttention, SMALL[1].1, 0, None).unwrap().model;
        assert!(message(&[], Some(&other)).contains("object_attention"));
        let overrides = Overrides::default();
        let named = Creation {
            family: Family::CordsNet,
            start: Some("r9"),
            like: None,
            overrides: &overrides,
            seed: 0,
        };
        assert!(create(&named).err().unwrap().to_string().contains("r8"));
    }
}
