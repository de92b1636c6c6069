//! The network of a golden file and its runs on the stored stimuli.

use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::Tensor;
use serde_json::{Map, Value};

use super::spec::Case;
use crate::checkpoint;
use crate::dynamics::{
    Controls, Drive, Dynamics, Frame, Instruction, Pass, Run, Schedule, State, Workspace, rollout,
};
use crate::error::{Error, Result};
use crate::families::recurrent_gating::config::{Config, Shapes, Variant};
use crate::families::recurrent_gating::protocol::drive;
use crate::ops::Numerics;
use crate::parity::{Array, GoldenInputs};
use crate::settings::Overrides;
use crate::weights::Weights;

/// Most sweeps of a case.
const MAX_SWEEPS: usize = 10_000;

/// Configuration and weights that a golden file names or holds.
pub(super) struct GoldenNetwork {
    pub(super) config: Config,
    pub(super) weights: Weights,
}

impl GoldenNetwork {
    pub(super) fn read(inputs: &GoldenInputs) -> Result<Self> {
        if inputs.text("weights")? != "stored" {
            let (checkpoint, config) = (inputs.text("checkpoint")?, inputs.text("checkpoint_config")?);
            return Self::of_checkpoint(inputs, &checkpoint, &config);
        }
        let mut tensors = Vec::new();
        for name in inputs.names() {
            if let Some(key) = name.strip_prefix("w.") {
                tensors.push((key.to_owned(), inputs.tensor(name)?));
            }
        }
        let variant = Variant::from_name(&inputs.text("model_class")?)?;
        Self::new(variant, &inputs.parameter("cfg")?, Weights::from_tensors(tensors))
    }

    pub(super) fn of_checkpoint(inputs: &GoldenInputs, checkpoint: &str, config: &str) -> Result<Self> {
        let path = inputs.find_file(config)?;
        let text = crate::files::read_text(&path, 1 << 20)?;
        let values: Map<String, Value> = serde_json::from_str(&text)
            .map_err(|err| Error::file(&path, "a JSON object", err.to_string(), "check the file"))?;
        let weights = checkpoint::read(inputs.find_file(checkpoint)?)?.weights;
        let variant = Variant::from_name(&inputs.text("model_class")?)?;
        Self::new(variant, &values, weights.to_device(inputs.device())?)
    }

    fn new(variant: Variant, values: &Map<String, Value>, weights: Weights) -> Result<Self> {
        let shapes: Shapes =
            weights.iter().map(|(name, weight)| (name.to_owned(), weight.dims().to_vec())).collect();
        let config = Config::resolve(variant, values, &shapes, &Overrides::default())?;
        Ok(Self { config, weights })
    }
}

/// Frames and prompts of a case.
pub(super) struct Stimulus {
    pub(super) frames: Vec<Arc<Frame>>,
    pub(super) instructions: Vec<Option<Instruction>>,
    numerics: Numerics,
}

/// What one case of a network leaves: the states after every sweep and after the read-out pass.
pub(super) struct Seen {
    pub(super) sweeps: Vec<State>,
    pub(super) read_out: State,
}

impl Stimulus {
    pub(super) fn read(inputs: &GoldenInputs, case: &Case, n_sweeps: usize) -> Result<Self> {
        let name = if inputs.has("x") { "x" } else { "x_u8" };
        if !(1..=MAX_SWEEPS).contains(&n_sweeps) {
            return Err(Error::config("T", format!("1 to {MAX_SWEEPS}"), n_sweeps));
        }
        let x = inputs.picture(name)?;
        let mut frames: Vec<Arc<Frame>> = Vec::with_capacity(n_sweeps);
        match inputs.text("x_layout")?.as_str() {
            "frames" => {
                for t in 0..n_sweeps {
                    let frame = x.narrow(1, t.min(x.dim(1)?.saturating_sub(1)), 1)?.squeeze(1)?;
                    frames.push(Arc::new(Frame::new(frame)));
                }
            }
            "one_frame" | "batch" => {
                let frame = Arc::new(Frame::new(x.clone()));
                frames = vec![frame; n_sweeps];
                if case.flip_last {
                    frames[n_sweeps - 1] = Arc::new(Frame::new(x.flip(&[3])?));
                }
            }
            other => return Err(Error::unknown("x_layout", other, ["frames", "one_frame", "batch"])),
        }
        let prompts = format!("{}y", case.prefix);
        let prompts = if inputs.has(&prompts) { Some(inputs.tensor(&prompts)?) } else { None };
        let mut instructions = Vec::with_capacity(n_sweeps);
        for t in 0..n_sweeps {
            let prompt = match &prompts {
                Some(y) => Some(y.narrow(1, t.min(y.dim(1)?.saturating_sub(1)), 1)?.squeeze(1)?),
                None => None,
            };
            instructions.push(Some(Instruction { task: case.task, prompt }));
        }
        Ok(Self { frames, instructions, numerics: inputs.numerics() })
    }

    pub(super) fn last(&self) -> Result<(&Arc<Frame>, Option<Instruction>)> {
        let frame = self.frames.last().ok_or_else(|| Error::config("T", "1 or more", 0))?;
        Ok((frame, self.instructions.last().cloned().flatten()))
    }

    /// All sweeps, then the read-out pass.
    pub(super) fn run(&self, model: &dyn Dynamics) -> Result<Seen> {
        let n = self.frames.len();
        let (last, instruction) = self.last()?;
        let sweeps = self.frames.iter().zip(&self.instructions).enumerate();
        let mut drives: Vec<_> =
            sweeps.map(|(t, (frame, given))| drive(frame, given.clone(), Pass::Sweep, t, n)).collect();
        drives.push(drive(last, instruction, Pass::ReadOut, 0, 1));
        let mut sweeps = states(model, drives, self.numerics)?;
        match sweeps.pop() {
            Some(read_out) => Ok(Seen { sweeps, read_out }),
            None => Err(Error::config("T", "1 or more", 0)),
        }
    }

    /// One single sweep more than there are frames, the last frame twice.
    pub(super) fn single_sweeps(&self, model: &dyn Dynamics) -> Result<Vec<State>> {
        let n = self.frames.len() + 1;
        let (last, instruction) = self.last()?;
        let sweeps = self.frames.iter().zip(&self.instructions).enumerate();
        let mut drives: Vec<_> =
            sweeps.map(|(t, (frame, given))| drive(frame, given.clone(), Pass::SingleSweep, t, n)).collect();
        drives.push(drive(last, instruction, Pass::SingleSweep, n - 1, n));
        states(model, drives, self.numerics)
    }

    pub(super) fn feed_forward(&self, model: &dyn Dynamics) -> Result<State> {
        let (last, _) = self.last()?;
        let mut states = states(model, vec![drive(last, None, Pass::FeedForward, 0, 1)], self.numerics)?;
        states.pop().ok_or_else(|| Error::config("T", "1 or more", 0))
    }
}

/// The state after each timestep, from rest.
fn states(model: &dyn Dynamics, drives: Vec<Drive>, numerics: Numerics) -> Result<Vec<State>> {
    let schedule = Schedule { drives, segments: Vec::new(), published: None };
    let controls = Controls::defaults(model.controls());
    let run = Run::plain(model, &schedule, &controls);
    let mut states = Vec::with_capacity(schedule.len());
    let rest = model.rest(schedule.batch())?;
    rollout(&run, rest, 0..schedule.len(), &mut Workspace::with_numerics(numerics), |_, _, state| {
        states.push(state.clone());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(states)
}

impl Seen {
    /// `[batch, classes, sweeps]`.
    pub(super) fn labels(&self) -> Result<Array> {
        labels(&self.sweeps)
    }

    /// One area after every sweep, `[batch, sweeps, …]`.
    pub(super) fn area(&self, area: usize) -> Result<Tensor> {
        let maps: Vec<&Tensor> = self.sweeps.iter().map(|state| &state.areas[area]).collect();
        Ok(Tensor::stack(&maps, 1)?)
    }
}

pub(super) fn labels(states: &[State]) -> Result<Array> {
    let readouts: Vec<Tensor> = states.iter().filter_map(|state| state.readout.clone()).collect();
    Array::from_tensor(&Tensor::stack(&readouts, 2)?)
}

pub(super) fn array(readout: Option<&Tensor>) -> Result<Array> {
    match readout {
        Some(readout) => Array::from_tensor(readout),
        None => Err(Error::Unsupported("a pass without a read-out".to_owned())),
    }
}
