//! Cases of recurrent gating: all sweeps of a sequence with the read-out pass, and one training update.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Build, Call, Case};
use crate::dynamics::{Controls, Frame, Instruction, Pass, Run, Schedule, Workspace, rollout};
use crate::error::{Error, Result};
use crate::families::recurrent_gating::{
    Batch, Config, LossTerms, Term, UpdateSettings, Variant, build, drive, initial_weights, update,
};
use crate::rng;
use crate::train::optim::Decay;
use crate::train::{Optimiser, OptimiserConfig};
use crate::weights::Weights;

/// Names, sequences and configurations of the published networks.
const NETWORKS: &str = include_str!("networks.json");

const REPEATS: usize = 7;

#[derive(Clone, Debug, Deserialize)]
struct Setup {
    name: String,
    variant: String,
    /// Frames of one sequence.
    frames: usize,
    task: Option<usize>,
    /// Batches that the peers use by default.
    batches: Vec<usize>,
    /// Names of the cases, in the peers' order.
    cases: Vec<(Kind, String)>,
    /// Sweeps that the loss scores; all and the read-out pass if absent.
    label_sweeps: Option<Vec<usize>>,
    mask_sweeps: Option<Vec<usize>>,
    config: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Forward,
    Train,
}

pub(super) fn cases(batch: Option<usize>) -> Result<Vec<Case>> {
    let setups: Vec<Setup> = serde_json::from_str(NETWORKS)
        .map_err(|err| Error::Unsupported(format!("the list of timed networks is damaged: {err}")))?;
    let mut cases = Vec::new();
    for setup in setups {
        let setup = Arc::new(setup);
        for batch in batch.map_or_else(|| setup.batches.clone(), |batch| vec![batch]) {
            cases.extend(setup.cases.iter().map(|(kind, name)| case(&setup, *kind, name, batch)));
        }
    }
    Ok(cases)
}

fn case(setup: &Arc<Setup>, kind: Kind, name: &str, batch: usize) -> Case {
    let own = Arc::clone(setup);
    let build: Build = Box::new(move |sources| {
        let config = Config::from_values(Variant::from_name(&own.variant)?, &own.config)?;
        let file = PathBuf::from("brg").join(&own.name).join("model.pth");
        let (weights, origin) = sources.weights(&file, || initial_weights(&config, 0))?;
        let frames = frames(&own, batch)?;
        let call = match kind {
            Kind::Forward => forward(&own, config, weights, frames, sources.workspace()),
            Kind::Train => train(&own, config, weights, frames),
        }?;
        Ok((call, origin))
    });
    Case { name: name.to_owned(), batch, items: batch, frames: Some(setup.frames), repeats: REPEATS, build }
}

/// Uniform noise, another picture at every sweep.
fn frames(setup: &Setup, batch: usize) -> Result<Vec<Arc<Frame>>> {
    let shape: [usize; 3] =
        setup.config.get("in_dims").and_then(|dims| serde_json::from_value(dims.clone()).ok()).ok_or_else(
            || Error::config("in_dims", "three numbers", format!("{:?}", setup.config.get("in_dims"))),
        )?;
    let dims = [batch, shape[0], shape[1], shape[2]];
    (0..setup.frames)
        .map(|t| {
            let mut rng = rng::stream(0, "bench", &[batch as u64, t as u64]);
            let values: Vec<f32> =
                (0..dims.iter().product()).map(|_| rng::uniform(&mut rng) as f32).collect();
            Ok(Arc::new(Frame::new(Tensor::from_vec(values, dims.as_slice(), &Device::Cpu)?)))
        })
        .collect()
}

fn instruction(setup: &Setup) -> Option<Instruction> {
    setup.task.map(|task| Instruction { task: Some(task), prompt: None })
}

/// All sweeps and the read-out pass on the last frame.
fn forward(
    setup: &Setup,
    config: Config,
    weights: Weights,
    frames: Vec<Arc<Frame>>,
    mut workspace: Workspace,
) -> Result<Call> {
    let model = build(&config, &weights)?;
    let n = frames.len();
    let mut drives: Vec<_> = frames
        .iter()
        .enumerate()
        .map(|(t, frame)| drive(frame, instruction(setup), Pass::Sweep, t, n))
        .collect();
    drives.extend(frames.last().map(|last| drive(last, instruction(setup), Pass::ReadOut, 0, 1)));
    let schedule = Schedule { drives, segments: Vec::new(), published: None };
    let controls = Controls::defaults(model.controls());
    let rest = model.rest(schedule.batch())?;
    Ok(Box::new(move || {
        // Frames are prepared anew in every call, as in the peer.
        workspace.forget_frames();
        let run = Run::plain(model.as_ref(), &schedule, &controls);
        rollout(&run, rest.clone(), 0..schedule.len(), &mut workspace, |_, _, _| {
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(())
    }))
}

/// Forward, three losses, backward, clip, one Adam update, from the same weights every time.
fn train(setup: &Setup, config: Config, weights: Weights, frames: Vec<Arc<Frame>>) -> Result<Call> {
    let (n, n_trials) = (frames.len(), frames[0].batch());
    let masks = frames
        .iter()
        .map(|frame| Ok(frame.image().narrow(1, 0, 1)?.unsqueeze(1)?))
        .collect::<Result<Vec<_>>>()?;
    let batch = Batch {
        labels: Some(Tensor::zeros((n_trials, n, 1), DType::I64, &Device::Cpu)?),
        masks: Some(Tensor::cat(&masks, 1)?),
        instructions: vec![instruction(setup); n],
        frames,
    };
    let term = |sweeps: &Option<Vec<usize>>| {
        vec![Term { sweeps: sweeps.clone().unwrap_or_else(|| (0..n).collect()), weight: 1.0 }]
    };
    let terms = LossTerms {
        labels: term(&setup.label_sweeps),
        masks: term(&setup.mask_sweeps),
        read_out: setup.label_sweeps.is_none().then_some(1.0),
        ..LossTerms::default()
    };
    let settings = UpdateSettings { max_grad_norm: 10.0, dropout: None, moving_statistics: false };
    Ok(Box::new(move || {
        let mut optimiser = Optimiser::new(OptimiserConfig::Adam {
            learning_rate: 5e-4,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 1e-6,
            decay: Decay::L2,
        });
        update(&config, &weights, &batch, &terms, &settings, &mut optimiser)?;
        Ok(())
    }))
}
