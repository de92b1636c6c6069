//! The network that ships inside the programs, trained on the built-in digits.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::Device;
use safetensors::SafeTensors;

use crate::error::{Error, Result};
use crate::families::object_attention::{self, Config};
use crate::files;
use crate::model::{Model, ModelInfo, Origin};
use crate::weights::Weights;

/// Its name wherever a path to a checkpoint is taken.
pub const NAME: &str = "pretrained:object_attention_digits";

const WEIGHTS: &[u8] = include_bytes!("../pretrained/object_attention_digits/weights.safetensors");

/// Opens the bundled network.
///
/// # Errors
/// [`Error::Unsupported`] if the bundled file is damaged, which a test rules out.
pub fn open() -> Result<Model> {
    let damaged = |what: String| Error::Unsupported(format!("the bundled network is damaged: {what}"));
    let (_, header) = SafeTensors::read_metadata(WEIGHTS).map_err(|err| damaged(err.to_string()))?;
    let config =
        header.metadata().as_ref().and_then(|metadata| metadata.get("config")).map_or("", String::as_str);
    let config: Config = serde_json::from_str(config).map_err(|err| damaged(err.to_string()))?;
    let tensors: BTreeMap<_, _> =
        candle_core::safetensors::load_buffer(WEIGHTS, &Device::Cpu)?.into_iter().collect();
    let model = object_attention::model_of(&config, Weights::from_tensors(tensors), NAME)?;
    let info = ModelInfo {
        origin: Origin { sha256: Some(files::sha256_bytes(WEIGHTS)), ..model.info.origin.clone() },
        ..(*model.info).clone()
    };
    Ok(Model { info: Arc::new(info), ..model })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_network_opens_whole() {
        let model = open().unwrap();
        assert!(model.info.report.is_complete());
        assert_eq!(model.n_parameters(), 82_661);
        assert_eq!(model.info.variant, "digits");
        assert_eq!(model.info.origin.sha256.as_deref().map(str::len), Some(64));
    }

    #[test]
    fn its_recipe_is_the_one_it_was_trained_with() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pretrained/object_attention_digits");
        let overrides = crate::settings::Overrides::default();
        let (recipe, _) =
            crate::recipe::train::TrainRecipe::read(&path.join("recipe.toml"), &overrides).unwrap();
        let crate::recipe::train::TrainRecipe::Digits(recipe) = recipe;
        let text = std::fs::read_to_string(path.join("weights.provenance.json")).unwrap();
        let provenance: crate::provenance::Provenance = serde_json::from_str(&text).unwrap();
        assert_eq!(provenance.config, serde_json::json!(recipe));
    }
}
