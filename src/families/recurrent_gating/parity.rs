//! Recomputing the family's goldens.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::{DType, Tensor};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::{Config, Network, Shapes, Variant};
use super::protocol::drive;
use super::train::{Batch, LossTerms, Term, UpdateSettings, update};
use super::weights::expected;
use super::{Selection, build};
use crate::checkpoint;
use crate::dynamics::{
    Controls, Dynamics, Frame, Instruction, Pass, Run, Schedule, State, Workspace, rollout,
};
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, GoldenKind, Recomputed};
use crate::settings::Overrides;
use crate::train::optim::Decay;
use crate::train::{Optimiser, OptimiserConfig, clip_global_norm};
use crate::weights::Weights;

/// What this family can recompute.
pub const GOLDEN_KINDS: &[GoldenKind] = &[
    GoldenKind { family: "brg", kind: "forward", recompute: forward },
    GoldenKind { family: "brg", kind: "forward_train", recompute: forward_train },
    GoldenKind { family: "brg", kind: "static_batch", recompute: static_batch },
];

#[derive(Deserialize)]
struct Spec {
    cases: Vec<Case>,
    train: Option<TrainSpec>,
}

/// One run of the network.
#[derive(Deserialize)]
struct Case {
    prefix: String,
    task: Option<usize>,
    #[serde(rename = "T")]
    n_sweeps: usize,
    #[serde(default)]
    flip_last: bool,
    #[serde(default, rename = "override")]
    overrides: Map<String, Value>,
    /// Are gain maps and hidden vectors stored?
    #[serde(default = "yes", rename = "fb")]
    feedback: bool,
    /// Are single sweeps stored?
    #[serde(default, rename = "seq")]
    single_sweeps: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct TrainSpec {
    #[serde(rename = "w")]
    weights: [f64; 3],
    #[serde(rename = "s1")]
    labels: Sweeps,
    #[serde(rename = "s2")]
    masks: Sweeps,
    lr: f64,
    l2: f64,
    clip: f64,
    #[serde(rename = "T")]
    n_sweeps: Option<usize>,
    label: Option<i64>,
    #[serde(default)]
    groups: Vec<(usize, Option<usize>)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sweeps {
    Each(Vec<i64>),
    Slice { slice: (Option<i64>, Option<i64>) },
}

impl Sweeps {
    fn resolve(&self, n: usize) -> Result<Vec<usize>> {
        let selection = match self {
            Self::Each(indices) => Selection::Each(indices.clone()),
            Self::Slice { slice: (start, stop) } => {
                Selection::Slice { start: *start, stop: *stop, step: None }
            }
        };
        selection.resolve("sweeps of a loss term", n)
    }
}

fn forward(inputs: &GoldenInputs) -> Result<Recomputed> {
    let spec: Spec = inputs.parameter("spec")?;
    let network = GoldenNetwork::read(inputs)?;
    let mut recomputed = Recomputed::new();
    for case in &spec.cases {
        run_case(inputs, &network, case, &mut recomputed)?;
    }
    Ok(recomputed)
}

fn forward_train(inputs: &GoldenInputs) -> Result<Recomputed> {
    let spec: Spec = inputs.parameter("spec")?;
    let mut recomputed = forward(inputs)?;
    match (&spec.train, spec.cases.first()) {
        (Some(train), Some(case)) => {
            train_step(inputs, &GoldenNetwork::read(inputs)?, case, train, &mut recomputed)?;
        }
        _ => return Err(Error::config("spec", "one with a first case and train", "none")),
    }
    Ok(recomputed)
}

fn static_batch(inputs: &GoldenInputs) -> Result<Recomputed> {
    let spec: Spec = inputs.parameter("spec")?;
    let checkpoints: BTreeMap<String, String> = inputs.parameter("checkpoints")?;
    let configs: BTreeMap<String, String> = inputs.parameter("checkpoint_configs")?;
    let mut recomputed = Recomputed::new();
    for case in &spec.cases {
        let named = |files: &BTreeMap<String, String>| -> Result<String> {
            let tag = case.prefix.trim_end_matches('.');
            let found = files.get(&case.prefix).or_else(|| files.get(tag));
            found
                .cloned()
                .ok_or_else(|| Error::unknown("checkpoint of a case", &case.prefix, files.keys().cloned()))
        };
        let network = GoldenNetwork::of_checkpoint(inputs, &named(&checkpoints)?, &named(&configs)?)?;
        let stimulus = Stimulus::read(inputs, case, case.n_sweeps)?;
        let model = build(&network.config, &network.weights)?;
        let seen = stimulus.run(model.as_ref())?;
        recomputed.insert(format!("{}labels", case.prefix), seen.labels()?);
        recomputed.insert(format!("{}labels_post", case.prefix), array(seen.read_out.readout.as_ref())?);
    }
    Ok(recomputed)
}

/// Configuration and weights that a golden file names or holds.
struct GoldenNetwork {
    config: Config,
    weights: Weights,
}

impl GoldenNetwork {
    fn read(inputs: &GoldenInputs) -> Result<Self> {
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

    fn of_checkpoint(inputs: &GoldenInputs, checkpoint: &str, config: &str) -> Result<Self> {
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
struct Stimulus {
    frames: Vec<Arc<Frame>>,
    instructions: Vec<Option<Instruction>>,
}

/// What one case of a network leaves: the states after every sweep and after the read-out pass.
struct Seen {
    sweeps: Vec<State>,
    read_out: State,
}

impl Stimulus {
    fn read(inputs: &GoldenInputs, case: &Case, n_sweeps: usize) -> Result<Self> {
        let name = if inputs.has("x") { "x" } else { "x_u8" };
        let x = inputs.picture(name)?;
        let mut frames: Vec<Arc<Frame>> = Vec::with_capacity(n_sweeps);
        match inputs.text("x_layout")?.as_str() {
            "frames" => {
                for t in 0..n_sweeps {
                    let frame = x.narrow(1, t.min(x.dim(1)? - 1), 1)?.squeeze(1)?;
                    frames.push(Arc::new(Frame::new(frame)));
                }
            }
            "one_frame" | "batch" => {
                let frame = Arc::new(Frame::new(x.clone()));
                frames = vec![frame; n_sweeps];
                if case.flip_last && n_sweeps > 0 {
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
                Some(y) => Some(y.narrow(1, t.min(y.dim(1)? - 1), 1)?.squeeze(1)?),
                None => None,
            };
            instructions.push(Some(Instruction { task: case.task, prompt }));
        }
        Ok(Self { frames, instructions })
    }

    fn last(&self) -> Result<(&Arc<Frame>, Option<Instruction>)> {
        let frame = self.frames.last().ok_or_else(|| Error::config("T", "1 or more", 0))?;
        Ok((frame, self.instructions.last().cloned().flatten()))
    }

    /// All sweeps, then the read-out pass.
    fn run(&self, model: &dyn Dynamics) -> Result<Seen> {
        let n = self.frames.len();
        let (last, instruction) = self.last()?;
        let sweeps = self.frames.iter().zip(&self.instructions).enumerate();
        let mut drives: Vec<_> =
            sweeps.map(|(t, (frame, given))| drive(frame, given.clone(), Pass::Sweep, t, n)).collect();
        drives.push(drive(last, instruction, Pass::ReadOut, 0, 1));
        let mut sweeps = states(model, drives)?;
        match sweeps.pop() {
            Some(read_out) => Ok(Seen { sweeps, read_out }),
            None => Err(Error::config("T", "1 or more", 0)),
        }
    }

    /// One single sweep more than there are frames, the last frame twice.
    fn single_sweeps(&self, model: &dyn Dynamics) -> Result<Vec<State>> {
        let n = self.frames.len() + 1;
        let (last, instruction) = self.last()?;
        let sweeps = self.frames.iter().zip(&self.instructions).enumerate();
        let mut drives: Vec<_> =
            sweeps.map(|(t, (frame, given))| drive(frame, given.clone(), Pass::SingleSweep, t, n)).collect();
        drives.push(drive(last, instruction, Pass::SingleSweep, n - 1, n));
        states(model, drives)
    }

    fn feed_forward(&self, model: &dyn Dynamics) -> Result<State> {
        let (last, _) = self.last()?;
        let mut states = states(model, vec![drive(last, None, Pass::FeedForward, 0, 1)])?;
        states.pop().ok_or_else(|| Error::config("T", "1 or more", 0))
    }
}

/// The state after each timestep, from rest.
fn states(model: &dyn Dynamics, drives: Vec<crate::dynamics::Drive>) -> Result<Vec<State>> {
    let schedule = Schedule { drives, segments: Vec::new(), published: None };
    let controls = Controls::defaults(model.controls());
    let run =
        Run { model, schedule: &schedule, controls: &controls, interventions: &[], seed: 0, first_trial: 0 };
    let mut states = Vec::with_capacity(schedule.len());
    let rest = model.rest(schedule.batch())?;
    rollout(&run, rest, 0..schedule.len(), &mut Workspace::new(), |_, _, state| {
        states.push(state.clone());
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(states)
}

impl Seen {
    /// `[batch, classes, sweeps]`.
    fn labels(&self) -> Result<Array> {
        labels(&self.sweeps)
    }

    /// One area after every sweep, `[batch, sweeps, …]`.
    fn area(&self, area: usize) -> Result<Tensor> {
        let maps: Vec<&Tensor> = self.sweeps.iter().map(|state| &state.areas[area]).collect();
        Ok(Tensor::stack(&maps, 1)?)
    }
}

fn labels(states: &[State]) -> Result<Array> {
    let readouts: Vec<Tensor> = states.iter().filter_map(|state| state.readout.clone()).collect();
    Array::from_tensor(&Tensor::stack(&readouts, 2)?)
}

fn array(readout: Option<&Tensor>) -> Result<Array> {
    match readout {
        Some(readout) => Array::from_tensor(readout),
        None => Err(Error::Unsupported("a pass without a read-out".to_owned())),
    }
}

fn run_case(
    inputs: &GoldenInputs,
    network: &GoldenNetwork,
    case: &Case,
    recomputed: &mut Recomputed,
) -> Result<()> {
    let mut config = network.config.clone();
    for (key, value) in &case.overrides {
        config = config.with(key, value.clone())?;
    }
    let model = build(&config, &network.weights)?;
    let position = |name: &str| model.areas().iter().position(|area| area.name == name);
    let stimulus = Stimulus::read(inputs, case, case.n_sweeps)?;
    let seen = stimulus.run(model.as_ref())?;
    let ksub = inputs.count("ksub")?;
    let prefix = &case.prefix;
    let name = |quantity: &str| format!("{prefix}{quantity}");

    recomputed.insert(name("labels"), seen.labels()?);
    recomputed.insert(name("labels_post"), array(seen.read_out.readout.as_ref())?);
    let mut in_any_form = |quantity: &str, full: &Tensor| -> Result<()> {
        recomputed.insert_one_of(forms(&name(quantity), full, ksub)?);
        Ok(())
    };
    let activities = activity_areas(&config);
    for (i, area) in activities.iter().enumerate() {
        let Some(area) = position(area) else { continue };
        in_any_form(&format!("act{i}"), &seen.area(area)?)?;
        if i == 0 || i + 1 == activities.len() {
            in_any_form(&format!("post_act{i}"), &seen.read_out.areas[area].unsqueeze(1)?)?;
        }
    }
    let maps: Vec<usize> = (0..).map_while(|i| position(&format!("m{i}"))).collect();
    in_any_form("mask0", &seen.area(maps[0])?)?;
    if case.feedback {
        for (i, &area) in maps.iter().enumerate().skip(1) {
            in_any_form(&format!("mask_{i}"), &seen.area(area)?)?;
        }
        for (quantity, vectors) in hidden(&config, &seen, &position)? {
            in_any_form(&quantity, &vectors)?;
        }
    }
    if case.single_sweeps && config.variant != Variant::Resatt {
        let singles = stimulus.single_sweeps(model.as_ref())?;
        if let Some(last) = singles.last() {
            in_any_form("seq_mask0", &last.areas[maps[0]].unsqueeze(1)?)?;
        }
        recomputed.insert(name("seq_labels"), labels(&singles)?);
        if config.variant == Variant::Gate {
            let state = stimulus.feed_forward(model.as_ref())?;
            recomputed.insert(name("simp_labels"), array(state.readout.as_ref())?);
        }
    }
    Ok(())
}

/// Names of the areas that the reference lists as activations, in its order.
fn activity_areas(config: &Config) -> Vec<String> {
    match &config.network {
        Network::Gate(gate) => {
            let conv = (1..=gate.n_stages()).map(|i| format!("conv{i}"));
            let vectors = (1..=gate.forward.len()).map(|j| format!("frnn{j}"));
            conv.chain(std::iter::once("fc".to_owned())).chain(vectors).collect()
        }
        Network::Block(block) => {
            let blocks = (1..=block.n_blocks()).map(|b| format!("block{b}"));
            std::iter::once("stem".to_owned()).chain(blocks).collect()
        }
    }
}

/// Hidden vectors under the reference's names, and BlockNet's map that acts on nothing.
fn hidden(
    config: &Config,
    seen: &Seen,
    position: &impl Fn(&str) -> Option<usize>,
) -> Result<Vec<(String, Tensor)>> {
    let mut vectors = Vec::new();
    match &config.network {
        Network::Gate(gate) => {
            for j in 0..gate.forward.len() {
                for (quantity, area) in [("f_state", "frnn"), ("b_state", "brnn")] {
                    if let Some(area) = position(&format!("{area}{}", j + 1)) {
                        vectors.push((format!("{quantity}{j}"), seen.area(area)?));
                    }
                }
            }
        }
        Network::Block(block) => {
            let zeros = |shape: &[usize]| -> Result<Tensor> {
                let first = &seen.read_out.areas[0];
                let dims = [&[first.dim(0)?, seen.sweeps.len()], shape].concat();
                Ok(Tensor::zeros(dims, first.dtype(), first.device())?)
            };
            let nb = block.n_blocks();
            vectors.push((format!("mask_{}", nb + 1), zeros(&block.sizes[nb + 1])?));
            if block.recurrent {
                // The published states are created and never written back.
                vectors.push(("fh".to_owned(), zeros(&[block.middle()])?));
                vectors.push(("bh".to_owned(), zeros(&[block.channels[nb]])?));
            }
        }
    }
    Ok(vectors)
}

/// A quantity `[batch, sweeps, …]` in full, or thinned with mean and norm of each full map.
fn forms(name: &str, full: &Tensor, ksub: usize) -> Result<[Vec<(String, crate::parity::Value)>; 2]> {
    let dims = full.dims().to_vec();
    let values = full.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let n = dims[2..].iter().product::<usize>().max(1);
    let mut statistics = Vec::with_capacity(values.len() / n * 2);
    let mut kept = Vec::new();
    for map in values.chunks(n) {
        kept.extend(thinned(map, ksub));
        let sum: f64 = map.iter().map(|&value| f64::from(value)).sum();
        let squares: f64 = map.iter().map(|&value| f64::from(value).powi(2)).sum();
        statistics.extend([(sum / n as f64) as f32, squares.sqrt() as f32]);
    }
    let per_map = n.div_ceil(stride(n, ksub));
    Ok([
        vec![(name.to_owned(), Array::f32(&dims, values)?.into())],
        vec![
            (format!("{name}.sub"), Array::f32(&[dims[0], dims[1], per_map], kept)?.into()),
            (format!("{name}.stat"), Array::f32(&[dims[0], dims[1], 2], statistics)?.into()),
        ],
    ])
}

fn stride(n: usize, keep: usize) -> usize {
    n.div_ceil(keep.max(1)).max(1)
}

fn thinned(values: &[f32], keep: usize) -> impl Iterator<Item = f32> {
    values.iter().copied().step_by(stride(values.len(), keep))
}

fn train_step(
    inputs: &GoldenInputs,
    network: &GoldenNetwork,
    case: &Case,
    train: &TrainSpec,
    recomputed: &mut Recomputed,
) -> Result<()> {
    let n = train.n_sweeps.unwrap_or(case.n_sweeps);
    let stimulus = Stimulus::read(inputs, case, n)?;
    let batch_size = stimulus.last()?.0.batch();
    let config = &network.config;
    let batch = Batch {
        labels: Some(target_labels(inputs, train, batch_size, n)?),
        masks: Some(target_masks(inputs, config, batch_size, n)?),
        frames: stimulus.frames,
        instructions: stimulus.instructions,
    };
    let terms = LossTerms {
        labels: vec![Term { sweeps: train.labels.resolve(n)?, weight: train.weights[0] }],
        masks: vec![Term { sweeps: train.masks.resolve(n)?, weight: train.weights[1] }],
        read_out: Some(train.weights[2]),
        groups: train.groups.iter().map(|&(from, to)| from..to.unwrap_or(config.n_classes())).collect(),
        class_weights: None,
    };
    let mut optimiser = Optimiser::new(OptimiserConfig::Adam {
        learning_rate: train.lr,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: train.l2,
        decay: Decay::L2,
    });
    let settings = UpdateSettings { max_grad_norm: train.clip, dropout: None };
    let update = update(config, &network.weights, &batch, &terms, &settings, &mut optimiser)?;
    let losses = &update.losses;
    let losses = [losses.labels, losses.masks, losses.read_out, losses.total, losses.gradient_norm];
    recomputed.insert("train.losses", Array::f64(&[5], losses.to_vec())?);

    let gsub = inputs.count("gsub")?;
    let flat =
        |tensor: &Tensor| -> Result<Vec<f32>> { Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?) };
    let thin = |values: &[f32]| -> Result<Array> {
        let kept: Vec<f32> = thinned(values, gsub).collect();
        Array::f32(&[kept.len()], kept)
    };
    for (name, gradient) in &update.gradients {
        let values = flat(gradient)?;
        let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        recomputed.insert(format!("train.grad.{name}.sub"), thin(&values)?);
        recomputed.insert(format!("train.grad.{name}.norm"), Array::f64(&[1], vec![norm])?);
    }
    let (clipped, _) = clip_global_norm(&update.gradients, train.clip)?;
    for tensor in expected(config).iter().filter(|tensor| tensor.learnable) {
        let name = format!("train.new.{}.sub", tensor.name);
        recomputed.insert(name.clone(), thin(&flat(update.weights.get(&tensor.name)?.tensor())?)?);
        if let Some(gradient) = clipped.get(&tensor.name) {
            let old = flat(network.weights.get(&tensor.name)?.tensor())?;
            let deciding: Vec<f32> = flat(gradient)?
                .iter()
                .zip(&old)
                .map(|(&gradient, &weight)| gradient + train.l2 as f32 * weight)
                .collect();
            recomputed.decide(name, vec![thin(&deciding)?]);
        }
    }
    Ok(())
}

/// `[batch, sweeps, groups]`.
fn target_labels(inputs: &GoldenInputs, train: &TrainSpec, batch: usize, n: usize) -> Result<Tensor> {
    let device = inputs.device();
    if let Some(label) = train.label {
        return Ok(Tensor::full(label, (batch, n, 1), device)?);
    }
    let labels = inputs.tensor("target_label")?.narrow(1, 0, n)?;
    let groups = train.groups.len().max(1);
    Ok(labels.reshape((batch, n, groups))?)
}

/// `[batch, sweeps, 1, height, width]`; zeros where the file stores none.
fn target_masks(inputs: &GoldenInputs, config: &Config, batch: usize, n: usize) -> Result<Tensor> {
    let masks = if inputs.has("target_mask") {
        inputs.tensor("target_mask")?
    } else if inputs.has("target_mask_u8") {
        ((inputs.picture("target_mask_u8")? * 2.0)? - 1.0)?
    } else {
        let [_, height, width] = match &config.network {
            Network::Gate(gate) => gate.in_dims,
            Network::Block(block) => block.in_dims,
        };
        return Ok(Tensor::zeros((batch, n, 1, height, width), DType::F32, inputs.device())?);
    };
    if masks.dim(1)? == 1 && n > 1 { Ok(masks.repeat((1, n, 1, 1, 1))?) } else { Ok(masks.narrow(1, 0, n)?) }
}
