//! Recomputation of the family's goldens, for the self-test.

mod augment;
mod dynamics;
mod folding;
mod preprocess;
mod spectra;
mod training;

use candle_core::Tensor;
use serde::Deserialize;

use super::{Config, Dataset, Stage, generate, infer, resolve};
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, GoldenKind};
use crate::settings::Source;
use crate::weights::Weights;

/// Kinds of golden files with `family` = `cordsnet`.
pub const GOLDEN_KINDS: &[GoldenKind] = &[
    kind("forward", dynamics::forward),
    kind("forward_generated", dynamics::forward),
    kind("sequence", dynamics::sequence),
    kind("fold", folding::recompute),
    kind("preprocess", preprocess::recompute),
    kind("compat_train", training::compat),
    kind("inverse_train", training::inverse),
    kind("dyn_train", training::dynamic),
    kind("eigen", spectra::eigen),
    kind("jacobian", spectra::jacobian),
    kind("augment", augment::recompute),
];

const fn kind(kind: &'static str, recompute: crate::parity::Recompute) -> GoldenKind {
    GoldenKind { family: "cordsnet", kind, recompute }
}

/// The parameter `spec` of a header, as far as kinds share it.
#[derive(Deserialize)]
struct Spec {
    kind: String,
    dataset: Dataset,
    depth: usize,
    base: usize,
    img: usize,
    #[serde(default)]
    seed: u64,
    #[serde(default = "published_alpha")]
    alpha: f64,
    warm: Option<usize>,
    stim: Option<usize>,
    /// Timesteps whose areas are stored.
    #[serde(default)]
    steps: Vec<usize>,
    /// Steps over channels and over rows and columns that the areas are thinned by.
    #[serde(default = "unthinned")]
    sub: [usize; 2],
}

fn published_alpha() -> f64 {
    super::ALPHA
}

fn unthinned() -> [usize; 2] {
    [1, 1]
}

/// Configuration and weights that a golden file describes or holds.
struct Network {
    config: Config,
    weights: Weights,
    spec: Spec,
}

impl Network {
    /// The network of the header: weights that the file holds under `in.w.`, else generated ones.
    fn read(inputs: &GoldenInputs) -> Result<Self> {
        let spec: Spec = inputs.parameter("spec")?;
        let stored = stored(inputs, "in.w.")?;
        let stage = stage(&spec.kind)?;
        let (mut config, weights) = match stored.is_empty() {
            true => {
                let config = Config::new(stage, spec.dataset, spec.depth, spec.base, spec.img);
                let weights = generate(&config, spec.seed)?.to_device(inputs.device())?;
                (config, weights)
            }
            false => (config_of(inputs, &stored, stage, spec.img)?, stored),
        };
        // Stored pictures are normalised already.
        config.normalise = false;
        config.alpha = spec.alpha;
        config.warm_up = spec.warm.unwrap_or(config.warm_up);
        config.timesteps = spec.stim.unwrap_or(config.timesteps);
        Ok(Self { config, weights, spec })
    }
}

/// The configuration that stored weights tell.
fn config_of(inputs: &GoldenInputs, weights: &Weights, stage: Stage, side: usize) -> Result<Config> {
    let shapes = weights.iter().map(|(name, weight)| (name.to_owned(), weight.dims().to_vec())).collect();
    let mut table = infer(&shapes, inputs.path())?;
    table.set("stage", stage.name(), Source::Given);
    table.set("image_side", side, Source::Given);
    table.set("normalise", false, Source::Given);
    resolve(&mut table)
}

/// Given tensors whose names begin with `prefix`, without it and without the prefix of wrappers.
fn stored(inputs: &GoldenInputs, prefix: &str) -> Result<Weights> {
    let mut tensors = Vec::new();
    for name in inputs.names() {
        if let Some(key) = name.strip_prefix(prefix) {
            let key = key.strip_prefix("module.").unwrap_or(key);
            tensors.push((key.to_owned(), inputs.tensor(name)?));
        }
    }
    Ok(Weights::from_tensors(tensors))
}

/// The stage that goldens call `compat` is the twin with batch normalisation.
fn stage(name: &str) -> Result<Stage> {
    let found =
        Stage::ALL.into_iter().find(|stage| stage.name() == name || (name, *stage) == ("compat", Stage::Cnn));
    found.ok_or_else(|| Error::unknown("stage", name, Stage::ALL.map(Stage::name)))
}

/// Pictures as networks take them: stored as numbers, or as bytes with their normalisation.
fn pictures(inputs: &GoldenInputs) -> Result<Tensor> {
    #[derive(Deserialize)]
    struct Normalisation {
        mean: Vec<f32>,
        std: Vec<f32>,
    }
    if inputs.has("in.image") {
        return inputs.tensor("in.image");
    }
    let image = inputs.picture("in.image_u8")?;
    let Normalisation { mean, std } = inputs.parameter("normalisation")?;
    let row = |values: &[f32]| Tensor::from_slice(values, (1, values.len(), 1, 1), inputs.device());
    Ok(image.broadcast_sub(&row(&mean)?)?.broadcast_div(&row(&std)?)?)
}

fn array(tensor: &Tensor) -> Result<Array> {
    Array::from_tensor(&tensor.detach())
}
