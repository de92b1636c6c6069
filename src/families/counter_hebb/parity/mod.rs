//! Recomputation of the family's goldens, for the self-test.

mod analysis;
mod cases;
mod curves;
mod fill;
mod operations;
mod thin;
mod training;
mod units;

use candle_core::Tensor;
use serde_json::{Map, Value};

use super::config::Config;
use super::open::{configure, without_training};
use super::update::Batch;
use crate::checkpoint;
use crate::error::{Error, Result};
use crate::parity::{GoldenInputs, GoldenKind};
use crate::settings::Overrides;
use crate::weights::Weights;

/// Kinds of golden files with `family` = `butd`.
pub const GOLDEN_KINDS: &[GoldenKind] = &[
    kind("ch_case", cases::recompute),
    kind("ch_case_bn", cases::recompute),
    kind("bu_only_bn", cases::recompute_bottom_up),
    kind("units", units::recompute),
    kind("losses", operations::losses),
    kind("multimnist_compose", operations::composition),
    kind("trained_multimnist", analysis::recompute),
    kind("options", training::options),
    kind("optimiser_trajectories", training::trajectories),
    kind("training_curves", curves::recompute),
];

const fn kind(kind: &'static str, recompute: crate::parity::Recompute) -> GoldenKind {
    GoldenKind { family: "butd", kind, recompute }
}

/// The header's `config`, for images that are normalised already. `changes` win over it.
fn config(inputs: &GoldenInputs, changes: &[(&str, Value)]) -> Result<Config> {
    let mut values: Map<String, Value> = inputs.parameter("config")?;
    without_training(&mut values);
    for (key, value) in changes {
        values.insert((*key).to_owned(), value.clone());
    }
    let channels = values.get("in_shape").and_then(|shape| shape.get(0)?.as_u64()).unwrap_or(1) as usize;
    values.insert("mean".to_owned(), vec![0.0; channels].into());
    values.insert("std".to_owned(), vec![1.0; channels].into());
    Config::from_values(&values)
}

/// The weights that the header speaks of: stored under `prefix`, generated, or in a checkpoint.
fn weights(inputs: &GoldenInputs, config: &Config, prefix: &str) -> Result<Weights> {
    match inputs.find_parameter("weights").and_then(Value::as_str) {
        Some("hashfill") => fill::hashfilled(config, inputs.device()),
        Some("hashinit") => fill::hashinit(config, inputs.device()),
        Some("checkpoint") => {
            let checkpoint = checkpoint::read(inputs.file("checkpoint")?)?;
            configure(&checkpoint, &Overrides::default())?.weights.to_device(inputs.device())
        }
        Some("stored") | None => stored(inputs, prefix),
        Some(other) => {
            let requirement = "stored, hashfill, hashinit or checkpoint";
            Err(Error::config("weights", requirement, other))
        }
    }
}

/// The given tensors below `prefix`, counters as integers.
fn stored(inputs: &GoldenInputs, prefix: &str) -> Result<Weights> {
    let named = inputs.names().filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
    let tensors = named.map(|(name, own)| {
        let tensor = inputs.tensor(name)?;
        let is_counter = own.ends_with(super::tensors::COUNTER);
        let tensor = if is_counter { tensor.to_dtype(candle_core::DType::I64)? } else { tensor };
        Ok((own.to_owned(), tensor))
    });
    Ok(Weights::from_tensors(tensors.collect::<Result<Vec<_>>>()?))
}

/// The given pictures, instructions (unless `is_plain`) and labels.
fn batch(inputs: &GoldenInputs, is_plain: bool) -> Result<Batch> {
    let instruction = if is_plain { None } else { Some(inputs.tensor("in/task")?) };
    Ok(Batch { images: inputs.tensor("in/image")?, instruction, labels: inputs.tensor("in/labels")? })
}

/// Row `index` of a tensor, without its first axis.
fn row(tensor: &Tensor, index: usize) -> Result<Tensor> {
    Ok(tensor.get(index)?.contiguous()?)
}
