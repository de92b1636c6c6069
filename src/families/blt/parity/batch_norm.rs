//! Kind `batchnorm_eval_train`: one pass with stored statistics and one with those of the batch.

use std::collections::BTreeMap;

use candle_core::DType;

use super::forward::{areas_of_timestep, seed};
use super::thinned::{Slicing, Trace};
use super::{Case, pictures};
use crate::dynamics::Dynamics;
use crate::error::{Error, Result};
use crate::families::blt::config::Config;
use crate::families::blt::norms::Statistics;
use crate::families::blt::{Network, generated_weights};
use crate::parity::{Array, GoldenInputs, Recomputed};

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let cases: BTreeMap<String, Case> = inputs.parameter("cases")?;
    let pictures = pictures(inputs)?;
    let slicing: Slicing = inputs.parameter("slicing")?;
    let mut recomputed = Recomputed::new();
    for (tag, case) in cases {
        let config = case.config(inputs, &pictures)?;
        let weights = generated_weights(&config, seed(inputs)?)?.to_device(inputs.device())?;
        let is_cornet = match &config {
            Config::Cornet(_) => true,
            Config::Resnet(_) => false,
            Config::Blt(_) => return Err(Error::config("model", "a network with batch norms", case.model)),
        };
        let network = Network::new(&config, &weights)?;
        let suffix = if is_cornet { ".output" } else { "" };
        let names: Vec<String> =
            network.areas().iter().map(|area| format!("{}{suffix}", area.name)).collect();
        for (mode, mut statistics) in [("eval", Statistics::Stored), ("train", Statistics::of_batch())] {
            let mut traces = vec![Trace::default(); names.len()];
            let mut logits = None;
            network.run(&pictures, &mut statistics, |t, state| {
                logits.clone_from(&state.readout);
                let areas = match is_cornet {
                    true => areas_of_timestep(&config, t),
                    false => (0..names.len()).collect(),
                };
                areas.into_iter().try_for_each(|area| traces[area].push(&state.areas[area], slicing))
            })?;
            for (name, trace) in names.iter().zip(&traces) {
                recomputed.insert(format!("{tag}.{mode}.{name}"), trace.maps()?);
                recomputed.insert_if_stored(format!("{tag}.{mode}.stat.{name}"), trace.statistics()?);
            }
            let logits = logits.ok_or_else(|| Error::config("times", "1 or more", 0))?;
            recomputed.insert(format!("{tag}.{mode}.logits"), Array::from_tensor(&logits)?);
            for (name, tensor) in statistics.moved() {
                let counter =
                    name.strip_suffix("running_var").map(|norm| format!("{norm}num_batches_tracked"));
                if let Some(counter) = counter {
                    // Every norm was passed once.
                    let one = Array::f32(&[], vec![1.0])?;
                    recomputed.insert_if_stored(format!("{tag}.after_train.{counter}"), one);
                }
                let values = Array::from_tensor(&tensor.to_dtype(DType::F32)?)?;
                recomputed.insert_if_stored(format!("{tag}.after_train.{name}"), values);
            }
        }
    }
    Ok(recomputed)
}
