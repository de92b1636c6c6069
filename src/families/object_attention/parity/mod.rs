//! Recomputation of the family's goldens, for the self-test.

mod dynamics;
mod evaluation;
mod operations;
mod photographs;
mod thinned;
mod training;
mod tuning;

use candle_core::Tensor;

use super::open::configure;
use super::{Batch, Config, ObjectAttention};
use crate::checkpoint;
use crate::dynamics::{
    Controls, Drive, Dynamics as _, ProtocolOptions, Run, Schedule, State, Workspace, rollout,
};
use crate::error::{Error, Result};
use crate::ops::Numerics;
use crate::parity::{Array, GoldenInputs, GoldenKind};
use crate::settings::Overrides;
use crate::weights::Weights;

/// Kinds of golden files with `family` = `oba`.
pub const GOLDEN_KINDS: &[GoldenKind] = &[
    kind("mnist_dynamics", dynamics::recompute),
    kind("coco_dynamics", dynamics::recompute),
    kind("mnist_train_step", training::recompute),
    kind("coco_train_step", training::recompute),
    kind("mnist_eval", evaluation::recompute),
    kind("mnist_tuning", tuning::recompute),
    kind("mnist_tuning_grid", tuning::recompute_grid),
    kind("published_tuning", tuning::recompute_published),
    kind("ops", operations::recompute),
    kind("coco_loader", photographs::load),
    kind("polygons", photographs::polygons),
];

const fn kind(kind: &'static str, recompute: crate::parity::Recompute) -> GoldenKind {
    GoldenKind { family: "oba", kind, recompute }
}

/// The network that the header names, with the header's strength, passes and number of objects.
struct Network {
    config: Config,
    weights: Weights,
    model: ObjectAttention,
    numerics: Numerics,
}

impl Network {
    fn load(inputs: &GoldenInputs) -> Result<Self> {
        let checkpoint = checkpoint::read(inputs.file("checkpoint")?)?;
        let mut overrides = Overrides::default();
        overrides.push("strength", inputs.number("strength")?);
        overrides.push("objects", inputs.count("n")?);
        overrides.push("phases", inputs.count("n")?);
        if inputs.find_parameter("passes").is_some() {
            overrides.push("passes", inputs.count("passes")?);
        }
        let config = configure(&checkpoint, &overrides)?.config;
        let weights = checkpoint.weights.to_device(inputs.device())?;
        let model = ObjectAttention::new(&config, &weights)?;
        Ok(Self { config, weights, model, numerics: inputs.numerics() })
    }

    fn controls(&self) -> Controls {
        Controls::defaults(self.model.controls())
    }
}

/// The given stimuli `x`, targets `data` and `labels` `[objects, batch]`.
fn given_batch(inputs: &GoldenInputs) -> Result<Batch> {
    let labels = inputs.array("labels")?;
    let (x, targets) = (inputs.picture("x")?, inputs.picture("data")?);
    Batch::new(x, targets, label_rows(labels, "labels")?, inputs.number("strength")?)
}

fn label_rows(labels: &Array, what: &str) -> Result<Vec<Vec<i64>>> {
    match (labels.to_i64(), labels.dims()) {
        (Some(values), &[_, batch]) if batch > 0 => Ok(values.chunks(batch).map(<[i64]>::to_vec).collect()),
        (_, dims) => Err(Error::shape(what, "[objects, batch] integers", dims)),
    }
}

/// Timestep by timestep: the drives of the protocol and the states at their ends. `between(t, state)`
/// may change the state before timestep `t`.
fn states(
    network: &Network,
    batch: &Batch,
    between: impl Fn(usize, &mut State) -> Result<()>,
) -> Result<Vec<(Drive, State)>> {
    let model = &network.model;
    let schedule: Schedule = model.schedule(&batch.presentation(), &ProtocolOptions::default())?;
    let controls = network.controls();
    let run = Run::plain(model, &schedule, &controls);
    let mut workspace = Workspace::with_numerics(network.numerics);
    let mut state = model.rest(batch.len())?;
    let mut states = Vec::with_capacity(schedule.len());
    for (t, drive) in schedule.drives.iter().enumerate() {
        between(t, &mut state)?;
        let go_on = |_: usize, _: &Drive, _: &State| Ok(std::ops::ControlFlow::Continue(()));
        state = rollout(&run, state, t..t + 1, &mut workspace, go_on)?;
        states.push((drive.clone(), state.clone()));
    }
    Ok(states)
}

/// Tensors stacked along new leading axes `dims`.
fn stacked(tensors: &[Tensor], dims: &[usize]) -> Result<Array> {
    let stack = Tensor::stack(tensors, 0)?;
    Array::from_tensor(&stack.reshape([dims, tensors[0].dims()].concat())?)
}

/// Integers `[rows, columns]`.
fn integers(rows: &[Vec<i64>]) -> Result<Array> {
    Array::i64(&[rows.len(), rows.first().map_or(0, Vec::len)], rows.concat())
}
