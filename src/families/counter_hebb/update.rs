//! One cycle of passes on a batch, the Counter-Hebb changes that follow from it, and the exact gradient
//! to compare them with.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Tensor};
use serde::Serialize;

use super::config::Config;
use super::model::{BATCH_STATISTICS, CounterHebb};
use crate::dynamics::{
    Controls, Drive, Dynamics as _, Frame, Instruction, NoTaps, Pass, State, StepContext, Workspace,
};
use crate::error::Result;
use crate::train::optim::{Gradients, gradients};
use crate::weights::Weights;

/// Pictures with what is asked of them and the right answers.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, channels, height, width]`, pixels in 0 to 1.
    pub images: Tensor,
    /// `[batch, entries]`; `None` makes a plain bottom-up pass.
    pub instruction: Option<Tensor>,
    /// `[batch]`: classes, or 0 and 1 where there is one class.
    pub labels: Tensor,
}

/// What a cycle of passes left.
#[derive(Clone, Debug)]
pub struct Cycle {
    /// After the instruction pass and the prediction, before the error pass.
    pub predicted: State,
    /// After the error pass.
    pub state: State,
    /// Of the decoder that was asked, `[batch, classes]`.
    pub logits: Tensor,
    /// Mean over the batch.
    pub loss: Tensor,
}

/// How Counter-Hebb changes are made.
pub struct UpdateRule<'a> {
    /// Whether top-down weights change too; without, they stay as they began (feedback alignment).
    pub changes_top_down: bool,
    /// Draws the factor of each change of a weight: bundles bottom to top, head last, bottom-up
    /// before top-down.
    pub factor: Option<&'a mut dyn FnMut() -> f64>,
}

impl Default for UpdateRule<'_> {
    fn default() -> Self {
        Self { changes_top_down: true, factor: None }
    }
}

/// A batch on its way through one network.
struct Passes<'a> {
    net: &'a CounterHebb,
    batch: &'a Batch,
    controls: Controls,
    frame: Arc<Frame>,
}

impl<'a> Passes<'a> {
    fn new(net: &'a CounterHebb, batch: &'a Batch, of_the_batch: bool) -> Result<Self> {
        let mut controls = Controls::defaults(net.controls());
        if net.config().has_norms() {
            controls.set(net.controls(), BATCH_STATISTICS, f64::from(u8::from(of_the_batch)))?;
        }
        if net.config().mtl {
            let from_stimulus = if batch.instruction.is_some() { 0.0 } else { 1.0 };
            controls.set(net.controls(), "instruction", from_stimulus)?;
        }
        Ok(Self { net, batch, controls, frame: Arc::new(Frame::new(batch.images.clone())) })
    }

    fn step(&self, pass: Pass, state: &State, ws: &mut Workspace) -> Result<State> {
        let prepared = self.net.prepare(&self.frame, &mut ws.ops)?;
        let prompt = self.batch.instruction.clone();
        let drive = Drive {
            frame: Arc::clone(&self.frame),
            instruction: prompt.map(|prompt| Instruction { task: None, prompt: Some(prompt) }),
            target: Some(self.batch.labels.clone()),
            pass,
            phase: 0,
            pass_index: 0,
            n_passes: 1,
            shown: 0,
        };
        let mut context = StepContext { taps: &mut NoTaps, controls: &self.controls, ops: &mut ws.ops };
        self.net.step(&prepared, &drive, state, &mut context)
    }

    /// Instruction and prediction.
    fn predict(&self, ws: &mut Workspace) -> Result<State> {
        let mut state = self.net.rest(self.frame.batch())?;
        let is_guided = self.net.config().mtl && self.batch.instruction.is_some();
        if is_guided {
            state = self.step(Pass::Instruction, &state, ws)?;
        }
        self.step(if is_guided { Pass::Sweep } else { Pass::FeedForward }, &state, ws)
    }

    fn logits(&self, state: &State) -> Result<Tensor> {
        self.net.picked(&state.areas[self.net.at().logits()], self.batch.instruction.as_ref())
    }
}

/// The state after sending `instructions` `[batch, entries]` down, with no picture shown.
pub(super) fn instructed(net: &CounterHebb, instructions: &Tensor) -> Result<State> {
    let batch = instructions.dims()[0];
    let [channels, height, width] = net.input_shape();
    let dark = Batch {
        images: Tensor::zeros((batch, channels, height, width), net.dtype(), net.device())?,
        instruction: Some(instructions.clone()),
        labels: Tensor::zeros(batch, DType::I64, net.device())?,
    };
    let passes = Passes::new(net, &dark, false)?;
    passes.step(Pass::Instruction, &net.rest(batch)?, &mut Workspace::new())
}

/// Instruction and prediction on `batch`, as in [`run_cycle`].
///
/// # Errors
/// As a step of the network.
pub fn predicted(net: &CounterHebb, batch: &Batch, of_the_batch: bool, ws: &mut Workspace) -> Result<State> {
    Passes::new(net, batch, of_the_batch)?.predict(ws)
}

/// The logits of [`predicted`], of the decoder that was asked, `[batch, classes]`.
///
/// # Errors
/// As a step of the network.
pub fn predicted_logits(
    net: &CounterHebb,
    batch: &Batch,
    of_the_batch: bool,
    ws: &mut Workspace,
) -> Result<Tensor> {
    let passes = Passes::new(net, batch, of_the_batch)?;
    passes.logits(&passes.predict(ws)?)
}

/// Instruction, prediction and error pass on `batch`; norms divide by the statistics of the batch
/// (which their running statistics follow) or by the running ones.
///
/// # Errors
/// As a step of the network; [`crate::Error::Shape`] if labels do not fit.
pub fn run_cycle(net: &CounterHebb, batch: &Batch, of_the_batch: bool, ws: &mut Workspace) -> Result<Cycle> {
    let passes = Passes::new(net, batch, of_the_batch)?;
    let predicted = passes.predict(ws)?;
    let logits = passes.logits(&predicted)?;
    let loss = net.config().loss_name.value(&logits, &batch.labels)?;
    let state = passes.step(Pass::Error, &predicted, ws)?;
    Ok(Cycle { predicted, state, logits, loss })
}

/// The Counter-Hebb changes after an error pass, by tensor name, in the place of gradients: what an
/// optimiser subtracts.
///
/// # Errors
/// Those of the tensor library.
pub fn counter_hebb(
    net: &CounterHebb,
    state: &State,
    rule: &mut UpdateRule<'_>,
    ws: &Workspace,
) -> Result<Gradients> {
    let at = net.at();
    let top = net.architecture.top();
    let mut changes = Gradients::new();
    let trunk = net.trunk.iter().zip(net.architecture.ends());
    let trunk = trunk.map(|(layer, (from, to))| (layer, at.bottom_up(from), at.error(to)));
    for (layer, below, above) in trunk.chain([(&net.head, at.bottom_up(top), at.error_of_logits())]) {
        for (leaf, change) in layer.changes(&state.areas[below], &state.areas[above], &ws.ops)? {
            if leaf == "back_weight" && !rule.changes_top_down {
                continue;
            }
            let change = match &mut rule.factor {
                Some(factor) if leaf.ends_with("weight") => (change * factor())?,
                _ => change,
            };
            changes.insert(format!("{}.{leaf}", layer.bundle.name), change);
        }
    }
    Ok(changes)
}

/// The gradient of a prediction.
#[derive(Clone, Debug)]
pub struct ExactGradient {
    /// Tensors that the loss does not reach are absent.
    pub gradients: Gradients,
    /// After the prediction, outside any graph.
    pub state: State,
    /// Of the decoder that was asked, `[batch, classes]`.
    pub logits: Tensor,
    /// Mean over the batch.
    pub loss: Tensor,
}

/// The gradient of the mean loss by backpropagation through the guided prediction, the gates fixed.
///
/// # Errors
/// As [`CounterHebb::new`] and a step of the network.
pub fn exact_gradient(
    config: &Config,
    weights: &Weights,
    batch: &Batch,
    of_the_batch: bool,
    ws: &mut Workspace,
) -> Result<ExactGradient> {
    let variables = weights.trainable()?;
    let net = CounterHebb::new(config, &variables)?;
    let passes = Passes::new(&net, batch, of_the_batch)?;
    let state = passes.predict(ws)?;
    let logits = passes.logits(&state)?;
    let loss = config.loss_name.value(&logits, &batch.labels)?;
    let gradients = gradients(&loss, &variables)?;
    Ok(ExactGradient { gradients, state: state.detached(), logits: logits.detach(), loss: loss.detach() })
}

/// How far the Counter-Hebb change of a bundle is from the gradient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BundleAgreement {
    /// Prefix of the bundle's tensors.
    pub bundle: String,
    /// Of the two changes of its weight and bias as one vector; 1 is the same direction.
    pub cosine: f64,
    /// Largest modulus of the difference of the two.
    pub max_difference: f64,
    /// Largest modulus of the gradient.
    pub max_gradient: f64,
}

/// Both rules on one batch, bundle by bundle and over all tensors that both change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    pub loss: f64,
    /// Over all bundles.
    pub whole: BundleAgreement,
    /// Bottom to top, the head last.
    pub bundles: Vec<BundleAgreement>,
}

/// Compares the Counter-Hebb change with the gradient on one batch. With tied weights and no norms
/// they are equal; separate weights and norms make them differ.
///
/// # Errors
/// As [`run_cycle`] and [`exact_gradient`].
pub fn agreement(
    config: &Config,
    weights: &Weights,
    batch: &Batch,
    of_the_batch: bool,
    ws: &mut Workspace,
) -> Result<Agreement> {
    let net = CounterHebb::new(config, weights)?;
    let cycle = run_cycle(&net, batch, of_the_batch, ws)?;
    let changes = counter_hebb(&net, &cycle.state, &mut UpdateRule::default(), ws)?;
    let exact = exact_gradient(config, weights, batch, of_the_batch, ws)?.gradients;
    let names = net.trunk.iter().chain([&net.head]).map(|layer| layer.bundle.name.as_str());
    let mut whole = Sums::default();
    let mut bundles = Vec::new();
    for name in names {
        let mut sums = Sums::default();
        for leaf in ["weight", "bias"] {
            let name = format!("{name}.{leaf}");
            if let (Some(change), Some(gradient)) = (changes.get(&name), exact.get(&name)) {
                sums.add(&numbers(change)?, &numbers(gradient)?);
            }
        }
        whole.join(&sums);
        bundles.push(sums.agreement(name));
    }
    let loss = cycle.loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
    Ok(Agreement { loss, whole: whole.agreement("all"), bundles })
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}

#[derive(Default)]
struct Sums {
    product: f64,
    squares: [f64; 2],
    max_difference: f64,
    max_gradient: f64,
}

impl Sums {
    fn add(&mut self, change: &[f64], gradient: &[f64]) {
        for (&change, &gradient) in change.iter().zip(gradient) {
            self.product += change * gradient;
            self.squares[0] += change * change;
            self.squares[1] += gradient * gradient;
            self.max_difference = self.max_difference.max((change - gradient).abs());
            self.max_gradient = self.max_gradient.max(gradient.abs());
        }
    }

    fn join(&mut self, other: &Self) {
        self.product += other.product;
        self.squares[0] += other.squares[0];
        self.squares[1] += other.squares[1];
        self.max_difference = self.max_difference.max(other.max_difference);
        self.max_gradient = self.max_gradient.max(other.max_gradient);
    }

    fn agreement(&self, bundle: &str) -> BundleAgreement {
        let norm = (self.squares[0] * self.squares[1]).sqrt();
        let cosine = if norm > 0.0 {
            self.product / norm
        } else {
            // Two changes of nothing agree.
            f64::from(u8::from(self.squares == [0.0; 2]))
        };
        let Self { max_difference, max_gradient, .. } = *self;
        BundleAgreement { bundle: bundle.to_owned(), cosine, max_difference, max_gradient }
    }
}

/// Weights after a cycle in training: those given, with the running statistics of `state`.
///
/// # Errors
/// Those of the tensor library.
pub fn with_statistics(net: &CounterHebb, weights: &Weights, state: &State) -> Result<Weights> {
    let mut moved: BTreeMap<String, Tensor> = BTreeMap::new();
    for (name, value) in net.statistics(state) {
        moved.insert(name.to_owned(), value.to_dtype(weights.get(name)?.tensor().dtype())?);
    }
    Ok(weights.with(moved))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use serde_json::json;

    use super::super::tensors::{InitOptions, initial_weights};
    use super::*;
    use crate::rng;

    fn agreement_of(values: serde_json::Value) -> Agreement {
        let config = Config::from_values(values.as_object().unwrap()).unwrap();
        let weights = initial_weights(&config, 3, &InitOptions::default()).unwrap();
        let weights = weights.to_dtype(DType::F64).unwrap();
        let mut rng = rng::stream(1, "test", &[]);
        let [channels, height, width] = config.in_shape;
        let shape = (4, channels, height, width);
        let pixels: Vec<f64> = (0..4 * channels * height * width).map(|_| rng::uniform(&mut rng)).collect();
        let images = Tensor::from_vec(pixels, shape, &Device::Cpu).unwrap();
        let instruction = config.mtl.then(|| {
            let rows: Vec<f64> = (0..4usize)
                .flat_map(|trial| {
                    (0..config.task_vector_size).map(move |i| f64::from(u8::from(i == trial % 2)))
                })
                .collect();
            Tensor::from_vec(rows, (4, config.task_vector_size), &Device::Cpu).unwrap()
        });
        let labels: Vec<i64> = (0..4).map(|trial| trial % config.n_classes as i64).collect();
        let batch =
            Batch { images, instruction, labels: Tensor::new(labels.as_slice(), &Device::Cpu).unwrap() };
        agreement(&config, &weights, &batch, true, &mut Workspace::new()).unwrap()
    }

    #[test]
    fn tied_weights_without_norms_give_the_gradient() {
        let conv =
            json!({"kind": "conv", "channels": 6, "kernel": 3, "stride": 2, "dilation": 2, "groups": 2});
        let layers = json!([
            {"kind": "conv", "channels": 4, "kernel": 3, "padding": 1},
            {"kind": "max_pool", "kernel": 3, "stride": 2, "padding": 1},
            conv,
            {"kind": "block", "channels": 5, "stride": 2},
            {"kind": "global_average_pool"},
            {"kind": "linear", "units": 7},
        ]);
        for values in [
            json!({"network_name": "fc net", "last_hidden_size": 9, "depth": 3}),
            json!({"network_name": "fc net", "last_hidden_size": 9, "mtl": true, "back_bias": true, "loss_name": "MSE"}),
            json!({"network_name": "simple net", "mtl": true, "task_embedding_size": 9, "conv_channels": [5, 4]}),
            json!({"network_name": "simple net", "mtl": true, "conv_channels": [5, 4], "multi_decoders": true,
                   "n_tasks": 3, "task_vector_size": 3}),
            json!({"network_name": "simple net", "mtl": true, "conv_channels": [5, 4], "loss_name": "BCE"}),
            json!({"network_name": "tiny resnet", "mtl": true, "in_shape": [2, 15, 13], "n_classes": 1}),
            json!({"network_name": "layers", "layers": layers, "mtl": true, "in_shape": [2, 20, 21]}),
        ] {
            let found = agreement_of(values.clone());
            assert!(found.whole.max_difference < 1e-15, "{values}: {:?}", found.whole);
            assert!(found.whole.max_gradient > 1e-4 && found.whole.cosine > 1.0 - 1e-12);
        }
    }

    #[test]
    fn separate_weights_and_norms_do_not() {
        let separate =
            agreement_of(json!({"network_name": "simple net", "mtl": true, "shared_weights": false}));
        assert!(separate.whole.cosine < 0.9, "{:?}", separate.whole);
        let head = separate.bundles.last().unwrap();
        assert!(head.bundle == "head_layer" && head.max_difference < 1e-15);
        let normed = agreement_of(json!({"network_name": "tiny resnet", "norm_layer": null}));
        assert!(normed.whole.cosine < 0.99, "{:?}", normed.whole);
    }
}
