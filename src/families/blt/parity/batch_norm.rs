//! Kind `batchnorm_eval_train`: one pass with stored statistics and one with those of the batch.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use super::forward::{areas_of_timestep, seed};
use super::thinned::{Slicing, Trace};
use super::{Case, pictures};
use crate::dynamics::{Controls, Dynamics, Frame, NoTaps, Presentation, ProtocolOptions, State, StepContext};
use crate::error::{Error, Result};
use crate::families::blt::config::Config;
use crate::families::blt::norms::Statistics;
use crate::families::blt::{CornetNetwork, ResnetNetwork, generated_weights};
use crate::ops::Workspace;
use crate::parity::{Array, GoldenInputs, Recomputed};

/// A network whose norms can take the statistics of the batch.
enum Network {
    Cornet(CornetNetwork),
    Resnet(ResnetNetwork),
}

impl Network {
    fn dynamics(&self) -> &dyn Dynamics {
        match self {
            Self::Cornet(network) => network,
            Self::Resnet(network) => network,
        }
    }
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let cases: BTreeMap<String, Case> = inputs.parameter("cases")?;
    let pictures = pictures(inputs)?;
    let slicing: Slicing = inputs.parameter("slicing")?;
    let mut recomputed = Recomputed::new();
    for (tag, case) in cases {
        let config = case.config(inputs, &pictures)?;
        let weights = generated_weights(&config, seed(inputs)?)?.to_device(inputs.device())?;
        let network = match &config {
            Config::Cornet(config) => Network::Cornet(CornetNetwork::new(config, &weights)?),
            Config::Resnet(config) => Network::Resnet(ResnetNetwork::new(config, &weights)?),
            Config::Blt(_) => return Err(Error::config("model", "a network with batch norms", case.model)),
        };
        let names: Vec<String> = match &network {
            Network::Cornet(network) => {
                network.areas().iter().map(|area| format!("{}.output", area.name)).collect()
            }
            Network::Resnet(network) => network.areas().iter().map(|area| area.name.clone()).collect(),
        };
        for (mode, mut statistics) in [("eval", Statistics::Stored), ("train", Statistics::of_batch())] {
            let mut traces = vec![Trace::default(); names.len()];
            let last = pass(&network, &pictures, &mut statistics, |t, state| {
                let areas = match &network {
                    Network::Cornet(_) => areas_of_timestep(&config, t),
                    Network::Resnet(_) => (0..names.len()).collect(),
                };
                areas.into_iter().try_for_each(|area| traces[area].push(&state.areas[area], slicing))
            })?;
            for (name, trace) in names.iter().zip(&traces) {
                recomputed.insert(format!("{tag}.{mode}.{name}"), trace.maps()?);
                recomputed.insert_if_stored(format!("{tag}.{mode}.stat.{name}"), trace.statistics()?);
            }
            let logits = last.readout.ok_or_else(|| Error::config("times", "1 or more", 0))?;
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

/// All timesteps from rest, with the given statistics.
fn pass(
    network: &Network,
    pictures: &Tensor,
    statistics: &mut Statistics,
    mut observe: impl FnMut(usize, &State) -> Result<()>,
) -> Result<State> {
    let dynamics = network.dynamics();
    let presentation = Presentation::held(pictures.clone());
    let schedule = dynamics.schedule(&presentation, &ProtocolOptions::default())?;
    let controls = Controls::defaults(dynamics.controls());
    let mut workspace = Workspace::new();
    let prepared = dynamics.prepare(&Frame::new(pictures.clone()), &mut workspace)?;
    let mut state = dynamics.rest(pictures.dims()[0])?;
    for (t, drive) in schedule.drives.iter().enumerate() {
        let mut context = StepContext { taps: &mut NoTaps, controls: &controls, ops: &mut workspace };
        state = match network {
            Network::Cornet(network) => {
                network.advance(&prepared, drive, &state, statistics, &mut context)?
            }
            Network::Resnet(network) => network.advance(&prepared, &state, statistics, &mut context)?,
        };
        observe(t, &state)?;
    }
    Ok(state)
}
