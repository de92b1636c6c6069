//! Recomputation of the family's goldens, for the self-test.

mod batch_norm;
mod checkpoints;
mod diagrams;
mod forward;
mod geometry;
mod record;
mod similarity;
mod systems;
mod thinned;
mod training;

use candle_core::Tensor;
use serde::Deserialize;

use super::config::{Config, Normalisation};
use crate::error::{Error, Result};
use crate::parity::{GoldenInputs, GoldenKind};
use crate::settings::{ConfigTable, Source};

/// Kinds of golden files with `family` = `blt`.
pub const GOLDEN_KINDS: &[GoldenKind] = &[
    kind("forward", forward::recompute),
    kind("full_maps", forward::recompute_full_maps),
    kind("cornet_forward", forward::recompute_cornet),
    kind("batchnorm_eval_train", batch_norm::recompute),
    kind("checkpoint_forward", checkpoints::recompute),
    kind("tikz_layout", diagrams::recompute),
    kind("train_step", training::recompute),
    kind("rdm_mds_dprime", geometry::recompute),
    kind("repsim_metrics", similarity::recompute),
    kind("dsa", systems::recompute),
];

const fn kind(kind: &'static str, recompute: crate::parity::Recompute) -> GoldenKind {
    GoldenKind { family: "blt", kind, recompute }
}

/// One entry of the parameter `cases`; what it does not say stands in the header.
#[derive(Clone, Debug, Deserialize)]
struct Case {
    model: String,
    pool: Option<String>,
    #[serde(rename = "T", alias = "times")]
    times: Option<usize>,
    num_classes: Option<usize>,
    widths: Option<Vec<usize>>,
}

impl Case {
    /// The network of a case for pictures of the given size, which are normalised already.
    fn config(&self, inputs: &GoldenInputs, picture: &Tensor) -> Result<Config> {
        let named = serde_json::json!(Config::named(&self.model)?);
        let mut table = ConfigTable::default();
        for (key, value) in named.as_object().into_iter().flatten() {
            table.set(key, value.clone(), Source::Default);
        }
        let mut give = |key: &str, value: Option<serde_json::Value>| {
            if let Some(value) = value.filter(|_| table.get(key).is_some()) {
                table.set(key, value, Source::Given);
            }
        };
        let pool = self.pool.clone().or_else(|| inputs.text("pool").ok());
        give("pool", pool.map(Into::into));
        give("widths", self.widths.clone().map(Into::into));
        // A single pass is over before the second timestep, whatever their number.
        let times = self.times.or_else(|| inputs.count("T").or_else(|_| inputs.count("times")).ok());
        give("times", times.map(Into::into));
        let n_classes = self.num_classes.or_else(|| inputs.count("num_classes").ok());
        give("n_classes", n_classes.map(Into::into));
        give("image_size", Some(picture_size(picture)?.into()));
        give("normalisation", Some(serde_json::json!(Normalisation::None)));
        Config::resolve(&table)
    }
}

/// The given pictures, normalised as the header says where they are bytes.
fn pictures(inputs: &GoldenInputs) -> Result<Tensor> {
    #[derive(Deserialize)]
    struct Moments {
        mean: Vec<f32>,
        std: Vec<f32>,
    }
    if inputs.has("input") {
        return inputs.picture("input");
    }
    let Moments { mean, std } = inputs.parameter("normalisation")?;
    let per_channel = |values: Vec<f32>| Tensor::from_vec(values, (1, 3, 1, 1), inputs.device());
    let pixels = inputs.picture("input_u8")?;
    Ok(pixels.broadcast_sub(&per_channel(mean)?)?.broadcast_div(&per_channel(std)?)?)
}

fn picture_size(picture: &Tensor) -> Result<usize> {
    match *picture.dims() {
        [_, 3, height, width] if height == width => Ok(height),
        ref dims => Err(Error::shape("input", "[batch, 3, side, side]", dims)),
    }
}
