//! Kinds `forward`, `forward_generated` and `sequence`: areas, their means and logits over time.

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::super::CordsNet;
use super::{Network, Spec, array, pictures};
use crate::dynamics::{
    Controls, Dynamics as _, Frame, Presentation, ProtocolOptions, Run, State, Workspace, rollout,
};
use crate::error::{Error, Result};
use crate::ops::Numerics;
use crate::parity::{Array, GoldenInputs, Recomputed};

/// A held picture after the spontaneous phase.
pub(super) fn forward(inputs: &GoldenInputs) -> Result<Recomputed> {
    let network = Network::read(inputs)?;
    let seen = run(&network, &Presentation::held(pictures(inputs)?), inputs.numerics())?;
    let mut recomputed = seen.recomputed()?;
    match &seen.logits[..] {
        [.., last] => recomputed.insert("out.logits", array(last)?),
        [] => return Err(Error::config("stim", "1 or more", 0)),
    }
    Ok(recomputed)
}

/// Another picture, or none, at every timestep.
pub(super) fn sequence(inputs: &GoldenInputs) -> Result<Recomputed> {
    let mut network = Network::read(inputs)?;
    network.config.warm_up = 0;
    let images = pictures(inputs)?;
    let index = inputs.array("in.index")?;
    let index = index.to_i64().ok_or_else(|| Error::shape("in.index", "integers", index.dims()))?;
    network.config.timesteps = index.len().max(1);
    let dims = images.dims4()?;
    let blank = Arc::new(Frame::blank(1, [dims.1, dims.2, dims.3])?);
    let distinct =
        (0..dims.0).map(|i| Ok(Arc::new(Frame::new(images.narrow(0, i, 1)?)))).collect::<Result<Vec<_>>>()?;
    let frames = index
        .iter()
        .map(|&i| match usize::try_from(i) {
            Err(_) => Ok(blank.clone()),
            Ok(i) => match distinct.get(i) {
                Some(frame) => Ok(frame.clone()),
                None => Err(Error::config("in.index", format!("below {}", distinct.len()), i)),
            },
        })
        .collect::<Result<Vec<_>>>()?;
    let shown = Presentation { frames, ..Presentation::held(images) };
    let seen = run(&network, &shown, inputs.numerics())?;
    let mut recomputed = seen.recomputed()?;
    recomputed.insert("out.logits", array(&Tensor::cat(&seen.logits, 0)?)?);
    Ok(recomputed)
}

/// What a run leaves.
struct Seen {
    /// Per area: at the timesteps of the header, thinned.
    areas: Vec<Vec<Tensor>>,
    /// `[timestep, area, trial]`.
    means: Vec<f64>,
    dims: [usize; 3],
    /// At every timestep with a picture or after one.
    logits: Vec<Tensor>,
}

fn run(network: &Network, presentation: &Presentation, numerics: Numerics) -> Result<Seen> {
    let Network { config, weights, spec } = network;
    let model = CordsNet::new(config, weights)?;
    let schedule = model.schedule(presentation, &ProtocolOptions::default())?;
    let controls = Controls::defaults(model.controls());
    let run = Run::plain(&model, &schedule, &controls);
    let depth = config.depth;
    let mut seen = Seen {
        areas: vec![Vec::new(); depth],
        means: Vec::new(),
        dims: [schedule.len(), depth, schedule.batch()],
        logits: Vec::new(),
    };
    let rest = model.rest(schedule.batch())?;
    rollout(
        &run,
        rest,
        0..schedule.len(),
        &mut Workspace::with_numerics(numerics),
        |t, _, state: &State| {
            for (area, kept) in state.areas.iter().zip(&mut seen.areas) {
                seen.means.extend(means(area)?);
                if spec.steps.contains(&t) {
                    kept.push(thinned(area, spec)?);
                }
            }
            seen.logits.extend(state.readout.clone().filter(|_| t >= config.warm_up));
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(seen)
}

impl Seen {
    fn recomputed(&self) -> Result<Recomputed> {
        let mut recomputed = Recomputed::new();
        for (area, kept) in self.areas.iter().enumerate() {
            recomputed.insert(format!("out.area{area}"), array(&Tensor::stack(kept, 0)?)?);
        }
        recomputed.insert("out.mean", Array::f64(&self.dims, self.means.clone())?);
        Ok(recomputed)
    }
}

/// Mean over channels and map of every trial.
fn means(area: &Tensor) -> Result<Vec<f64>> {
    let rows: Vec<Vec<f32>> = area.flatten_from(1)?.to_dtype(DType::F32)?.to_vec2()?;
    let mean = |row: Vec<f32>| row.iter().map(|&x| f64::from(x)).sum::<f64>() / row.len().max(1) as f64;
    Ok(rows.into_iter().map(mean).collect())
}

fn thinned(area: &Tensor, spec: &Spec) -> Result<Tensor> {
    let [channels, map] = spec.sub;
    let mut thinned = area.contiguous()?;
    for (dim, step) in [(1, channels), (2, map), (3, map)] {
        thinned = every(&thinned, dim, step)?;
    }
    Ok(thinned)
}

/// Every `step`-th entry along `dim`.
pub(super) fn every(tensor: &Tensor, dim: usize, step: usize) -> Result<Tensor> {
    let index: Vec<u32> = (0..tensor.dim(dim)? as u32).step_by(step.max(1)).collect();
    let index = Tensor::new(index, tensor.device())?;
    Ok(tensor.index_select(&index, dim)?)
}
