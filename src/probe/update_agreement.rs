//! The Counter-Hebb update beside the exact gradient, bundle by bundle.

use std::path::PathBuf;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::dynamics::Workspace;
use crate::error::{Error, Result};
use crate::families::counter_hebb::{Agreement, Batch, Config, Loss, agreement};
use crate::model::{Family, Model};
use crate::task::{Canvas, StimulusSource, StimulusSpec};

/// On which stimuli the two are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgreementRecipe {
    /// Labelled stimuli in their text form; absent is what the model was trained on.
    pub stimulus: Option<String>,
    /// Folder with the data that the stimulus is made of; absent is the built-in set.
    pub data: Option<PathBuf>,
    /// Stimuli of the batch.
    pub n: usize,
    /// Of the stimuli.
    pub seed: u64,
    /// Loss; absent is the model's own.
    pub loss: Option<Loss>,
    /// Norms divide by the statistics of the batch, as in training, instead of their running ones.
    pub batch_statistics: bool,
}

impl Default for AgreementRecipe {
    fn default() -> Self {
        Self { stimulus: None, data: None, n: 32, seed: 0, loss: None, batch_statistics: true }
    }
}

/// Makes a batch of `default` stimuli, unless the recipe names others, and compares both updates on it.
///
/// # Errors
/// [`Error::Unsupported`] for another family or stimuli without labels; as [`agreement`].
pub fn update_agreement(recipe: &AgreementRecipe, default: StimulusSpec, model: &Model) -> Result<Agreement> {
    if model.info.family != Family::CounterHebb {
        let family = model.info.family.label();
        return Err(Error::Unsupported(format!(
            "the update of Counter-Hebb networks is compared with their gradient; this model is of {family}"
        )));
    }
    let mut config: Config = model.info.config.parse()?;
    config.loss_name = recipe.loss.unwrap_or(config.loss_name);
    let spec = match &recipe.stimulus {
        Some(text) => text.parse()?,
        None => default,
    };
    let source = StimulusSource::open(&spec, recipe.data.as_deref())?;
    let [channels, height, width] = config.in_shape;
    let trials = source.trials_on(Canvas { channels, height, width }, 0, recipe.n, recipe.seed)?;
    let weight = model.weights.get("head_layer.weight")?.tensor();
    let shown = trials.presentation(weight.device())?;
    let Some(labels) = shown.target.clone().filter(|labels| labels.dims() == [recipe.n]) else {
        return Err(Error::Unsupported(format!(
            "the stimulus {} has no label per trial; choose a labelled one, for example multi-mnist",
            spec.name()
        )));
    };
    let given = shown.instructions.first().and_then(|instruction| instruction.as_ref()?.prompt.clone());
    let named = config.instructions().into_iter().find(|(name, _)| *name == config.instruction);
    let instruction = match (config.mtl, named, given) {
        (false, _, _) => None,
        (true, Some((_, vector)), _) => {
            let vector = Tensor::new(vector.as_slice(), weight.device())?.unsqueeze(0)?;
            Some(vector.broadcast_as((recipe.n, config.task_vector_size))?.contiguous()?)
        }
        (true, None, given) => given,
    };
    let batch = Batch { images: shown.frames[0].image().clone(), instruction, labels };
    agreement(&config, &model.weights, &batch, recipe.batch_statistics, &mut Workspace::new())
}
