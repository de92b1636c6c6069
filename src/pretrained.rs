//! The network that ships inside the programs, trained on the built-in digits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Device;
use safetensors::SafeTensors;

use crate::checkpoint::{Checkpoint, Container};
use crate::error::{Error, Result};
use crate::files;
use crate::weights::Weights;

/// Its name wherever a path to a checkpoint is taken.
pub const NAME: &str = "pretrained:object_attention_digits";

const WEIGHTS: &[u8] = include_bytes!("../pretrained/object_attention_digits/weights.safetensors");

/// Is this the name of the bundled network rather than a file?
pub fn is_name(path: &Path) -> bool {
    path.as_os_str() == NAME
}

/// The bundled weights as a checkpoint.
///
/// # Errors
/// [`Error::Unsupported`] if the bundled file is damaged, which a test rules out.
pub fn checkpoint() -> Result<Checkpoint> {
    let damaged = |what: &dyn std::fmt::Display| {
        Error::Unsupported(format!("the bundled network is damaged: {what}; build the program again"))
    };
    let (_, header) = SafeTensors::read_metadata(WEIGHTS).map_err(|err| damaged(&err))?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let tensors: BTreeMap<_, _> =
        candle_core::safetensors::load_buffer(WEIGHTS, &Device::Cpu)?.into_iter().collect();
    Ok(Checkpoint {
        path: PathBuf::from(NAME),
        sha256: files::sha256_bytes(WEIGHTS),
        container: Container::Safetensors,
        order: tensors.keys().cloned().collect(),
        weights: Weights::from_tensors(tensors),
        metadata,
        sidecars: Vec::new(),
        key: None,
        prefix_stripped: None,
        left_out: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families;
    use crate::model::Target;
    use crate::recipe::train::AnyRecipe;
    use crate::settings::{Overrides, Source};

    #[test]
    fn the_bundled_network_opens_whole() {
        let open = |sets: &[String]| {
            let overrides = Overrides::read(None, sets).unwrap();
            families::open(Path::new(NAME), &overrides, &Target::default()).unwrap()
        };
        let model = open(&[]);
        assert!(model.info.report.is_complete());
        assert_eq!(model.n_parameters(), 82_661);
        assert_eq!(model.info.variant, "digits");
        assert_eq!(model.info.config.get("strength").unwrap().source, Source::File);
        let given = open(&["strength=0.4".to_owned()]);
        assert_eq!(given.info.config.get("strength").unwrap().value, 0.4);
    }

    #[test]
    fn its_recipe_is_the_one_it_was_trained_with() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pretrained/object_attention_digits");
        let recipe = AnyRecipe::read(&path.join("recipe.toml"), &Overrides::default()).unwrap();
        let text = std::fs::read_to_string(path.join("weights.provenance.json")).unwrap();
        let provenance: crate::provenance::Provenance = serde_json::from_str(&text).unwrap();
        // Settings that came later are defaults of a run that the provenance does not know.
        let values = recipe.values();
        let trained_with = provenance.config.as_object().unwrap();
        assert!(trained_with.len() > 10);
        for (key, value) in trained_with {
            assert_eq!(values[key], *value, "{key}");
        }
    }
}
