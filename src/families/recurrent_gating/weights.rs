//! Names and shapes of the reference's tensors, in the order of construction, each with the
//! configuration key that decides it.

use candle_core::{DType, Device, Tensor};

use super::config::{BlockConfig, Config, GateConfig, Network};
use crate::error::Result;
use crate::nn::init;
use crate::rng;
use crate::weights::Weights;

/// A tensor that a configuration asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    pub name: String,
    pub dims: Vec<usize>,
    /// Configuration keys that decide whether it exists and its shape.
    pub field: &'static str,
    /// Is it changed by training?
    pub learnable: bool,
    /// May it be absent?
    pub optional: bool,
}

/// All tensors of a network.
pub fn expected(config: &Config) -> Vec<Expected> {
    let mut table = Table(Vec::new());
    match &config.network {
        Network::Gate(gate) => table.gate(gate),
        Network::Block(block) => table.block(block),
    }
    table.0
}

struct Table(Vec<Expected>);

impl Table {
    fn push(&mut self, name: impl Into<String>, dims: &[usize], field: &'static str) {
        let (name, dims) = (name.into(), dims.to_vec());
        self.0.push(Expected { name, dims, field, learnable: true, optional: false });
    }

    fn weight_and_bias(
        &mut self,
        prefix: &str,
        dims: &[usize],
        bias: Option<usize>,
        field: &'static str,
        bias_field: &'static str,
    ) {
        self.push(format!("{prefix}.weight"), dims, field);
        if let Some(units) = bias {
            self.push(format!("{prefix}.bias"), &[units], bias_field);
        }
    }

    fn recurrent(&mut self, prefix: &str, inputs: usize, units: usize, bias: bool, field: &'static str) {
        self.push(format!("{prefix}.weight_ih_l0"), &[units, inputs], field);
        self.push(format!("{prefix}.weight_hh_l0"), &[units, units], field);
        if bias {
            self.push(format!("{prefix}.bias_ih_l0"), &[1, units], "rnn_bias");
            self.push(format!("{prefix}.bias_hh_l0"), &[1, units], "rnn_bias");
        }
    }

    fn gate(&mut self, gate: &GateConfig) {
        let (n, channels) = (gate.n_stages(), &gate.channels);
        for (i, stage) in gate.encoder.iter().enumerate() {
            let (inputs, out, k) = (channels[i], channels[i + 1], stage.kernel);
            let bias = stage.bias.then_some(out);
            let prefix = format!("conv_blocks.{i}");
            self.weight_and_bias(
                &format!("{prefix}.conv"),
                &[out, inputs, k, k],
                bias,
                "channels, kernels",
                "conv_bias",
            );
            if gate.affine && stage.norm.is_some() {
                self.weight_and_bias(
                    &format!("{prefix}.norm"),
                    &[out],
                    Some(out),
                    "conv_norms, affine",
                    "conv_norms, affine",
                );
            }
        }
        self.vectors("frnn_blocks", gate, true);
        self.vectors("brnn_blocks", gate, false);
        for (j, stage) in gate.decoder.iter().enumerate() {
            let inputs = 2 * channels[n - j];
            let out = if j + 1 == n { 1 } else { channels[n - 1 - j] };
            let bias = stage.bias.then_some(out);
            let prefix = format!("deconv_blocks.{j}");
            self.weight_and_bias(
                &format!("{prefix}.deconv"),
                &[inputs, out, 3, 3],
                bias,
                "channels",
                "conv_bias",
            );
            if gate.affine && stage.norm.is_some() {
                self.weight_and_bias(
                    &format!("{prefix}.norm"),
                    &[out],
                    Some(out),
                    "deconv_norms, affine",
                    "deconv_norms, affine",
                );
            }
        }
        for (table, wanted) in [("embed_blocks_a", gate.task_weight), ("embed_blocks_b", gate.task_bias)] {
            for j in (0..n).filter(|&j| wanted && gate.decoder[j].embedded) {
                let field = "n_tasks, task_layers, task_weight, task_bias";
                self.push(format!("{table}.{j}.weight"), &[gate.n_tasks, 2 * channels[n - j]], field);
            }
        }
        let (first, flat) = (gate.rnn_dims[0], gate.flat_size());
        let last = gate.rnn_dims[gate.rnn_dims.len() - 1];
        let flat_field = "rnn_dims, in_dims, channels, kernels, strides, paddings, pools";
        let bias = |units: usize| gate.flat_bias.then_some(units);
        self.weight_and_bias("conv_frnn.1", &[first, flat], bias(first), flat_field, "rnn_bias");
        self.weight_and_bias(
            "fc_out",
            &[gate.out_dim, last],
            Some(gate.out_dim),
            "out_dim, rnn_dims",
            "out_dim",
        );
        let inputs = gate.bottleneck_size();
        self.weight_and_bias("fc_in", &[last, inputs], Some(last), "out_dim, n_tasks, rnn_dims", "rnn_dims");
        self.weight_and_bias("brnn_deconv.0", &[flat, first], bias(flat), flat_field, "rnn_bias");
    }

    fn vectors(&mut self, prefix: &str, gate: &GateConfig, forward: bool) {
        let stages = if forward { &gate.forward } else { &gate.backward };
        for (j, stage) in stages.iter().enumerate() {
            if gate.rnn_to_fc {
                let bias = stage.bias.then_some(stage.units);
                let prefix = format!("{prefix}.{j}.0");
                self.weight_and_bias(
                    &prefix,
                    &[stage.units, stage.inputs],
                    bias,
                    "rnn_dims, rnn_to_fc",
                    "rnn_bias",
                );
            } else {
                self.recurrent(
                    &format!("{prefix}.{j}"),
                    stage.inputs,
                    stage.units,
                    stage.bias,
                    "rnn_dims, rnn_to_fc",
                );
            }
        }
    }

    fn block(&mut self, block: &BlockConfig) {
        let (nb, channels) = (block.n_blocks(), &block.channels);
        let (stem, last) = (channels[0], channels[nb]);
        let k = block.first_k;
        let image = block.in_dims[0];
        self.conv(block, "first_conv.0", &[stem, image, k, k], stem, "channels, in_dims, first_k");
        self.norm(block, "first_conv.1", stem);
        for b in 0..nb {
            let (a, o) = (channels[b], channels[b + 1]);
            let joined = block.joined(o);
            let name = |part: &str| format!("blocks.{b}.{part}");
            if !block.older {
                self.norm(block, &name("pre_conv_norm"), a);
                self.norm(block, &name("post_conv_norm"), o);
                self.norm(block, &name("post_deconv_norm"), a);
            }
            if block.resnet && block.halves(b) {
                self.conv(block, &name("downsample.0"), &[o, a, 1, 1], o, "channels, resnet");
                self.norm(block, &name("downsample.1"), o);
            }
            if block.halves(b) {
                self.norm(block, &name("upsample.1"), joined);
            }
            if block.residual {
                let k = if block.halves(b) { 2 } else { 3 };
                self.conv(block, &name("deconv_res.0"), &[joined, a, k, k], a, "channels, residual, concat");
                self.norm(block, &name("deconv_res.1"), a);
            }
            self.conv(block, &name("conv.0"), &[o, a, 3, 3], o, "channels");
            self.norm(block, &name("conv.1"), o);
            self.conv(block, &name("conv.3"), &[o, o, 3, 3], o, "channels");
            self.norm(block, &name("conv.4"), o);
            self.conv(block, &name("deconv.0"), &[joined, a, 3, 3], a, "channels, concat");
            self.norm(block, &name("deconv.1"), a);
            self.conv(block, &name("deconv.3"), &[a, a, 3, 3], a, "channels");
            self.norm(block, &name("deconv.4"), a);
        }
        let joined = block.joined(stem);
        self.norm(block, "last_deconv.1", joined);
        self.conv(block, "last_deconv.2", &[joined, 1, 3, 3], 1, "channels, concat");
        let middle = block.middle();
        let field = "mid_dim, channels, recurrent";
        if block.older {
            self.weight_and_bias("fmid.2", &[middle, last], Some(middle), field, field);
            self.weight_and_bias("bmid.0", &[last, middle], Some(last), field, field);
        } else if block.recurrent {
            self.recurrent("frnn", last, middle, true, field);
            self.recurrent("brnn", middle, last, true, field);
        } else if block.mid_dim.is_some() {
            self.weight_and_bias("frnn.0", &[middle, last], Some(middle), field, field);
            self.weight_and_bias("brnn.0", &[last, middle], Some(last), field, field);
        }
        let (out, inputs) = (block.out_dim, block.bottleneck_size());
        self.weight_and_bias("fbottleneck", &[out, middle], Some(out), "out_dim, mid_dim", "out_dim");
        self.weight_and_bias(
            "bbottleneck",
            &[middle, inputs],
            Some(middle),
            "out_dim, n_tasks, mid_dim",
            "mid_dim",
        );
        if block.n_tasks > 1 {
            for table in ["task_w.weight", "task_b.weight"] {
                self.push(table, &[block.n_tasks, block.joined(last)], "n_tasks, channels, concat");
            }
        }
    }

    fn conv(&mut self, block: &BlockConfig, prefix: &str, dims: &[usize], out: usize, field: &'static str) {
        self.weight_and_bias(prefix, dims, block.conv_bias().then_some(out), field, "norm");
    }

    fn norm(&mut self, block: &BlockConfig, prefix: &str, channels: usize) {
        if block.norm.is_none() {
            return;
        }
        self.weight_and_bias(prefix, &[channels], Some(channels), "norm, channels", "norm, channels");
        if block.stores_statistics() {
            for name in ["running_mean", "running_var"] {
                self.push(format!("{prefix}.{name}"), &[channels], "norm");
            }
            self.push(format!("{prefix}.num_batches_tracked"), &[], "norm");
            let tracked = self.0.len();
            for statistic in &mut self.0[tracked - 3..] {
                statistic.learnable = false;
            }
            self.0[tracked - 1].optional = true;
        }
    }
}

/// Are all tensors of `config` in `weights` with their shapes?
///
/// # Errors
/// [`Error::Unknown`](crate::Error::Unknown) or [`Error::Shape`](crate::Error::Shape) for the first that is missing or wrong.
pub fn check(config: &Config, weights: &Weights) -> Result<()> {
    for tensor in expected(config) {
        if !tensor.optional || weights.contains(&tensor.name) {
            weights.get_shaped(&tensor.name, &tensor.dims)?;
        }
    }
    Ok(())
}

/// The trainable copy of `weights`: learnable tensors are leaves of the autograd graph, statistics
/// are not.
///
/// # Errors
/// Those of the tensor library.
pub fn trainable(config: &Config, weights: &Weights) -> Result<Weights> {
    let fixed = expected(config).into_iter().filter(|tensor| !tensor.learnable);
    let fixed = fixed.filter_map(|tensor| {
        let kept = weights.find(&tensor.name)?.tensor().detach();
        Some((tensor.name, kept))
    });
    Ok(weights.trainable()?.with(fixed))
}

/// New weights as the reference draws them, `f32` on the CPU.
///
/// # Errors
/// Those of the tensor library.
pub fn initial_weights(config: &Config, seed: u64) -> Result<Weights> {
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    let table = expected(config);
    for (index, tensor) in table.iter().enumerate() {
        let rng = &mut rng::stream(seed, "recurrent gating weights", &[index as u64]);
        let last = tensor.name.rsplit('.').next().unwrap_or_default();
        let dims = tensor.dims.as_slice();
        let is_table = |a: &str, b: &str| tensor.name.starts_with(a) || tensor.name.starts_with(b);
        let constant = |dtype: DType, value: f64| -> Result<Tensor> {
            Ok(Tensor::full(value, dims, &Device::Cpu)?.to_dtype(dtype)?)
        };
        let value = match last {
            "weight_ih_l0" | "weight_hh_l0" | "bias_ih_l0" | "bias_hh_l0" => init::xavier_uniform(rng, dims)?,
            "num_batches_tracked" => constant(DType::I64, 0.0)?,
            "running_mean" => constant(DType::F32, 0.0)?,
            "running_var" => constant(DType::F32, 1.0)?,
            _ if is_table("embed_blocks_a", "task_w") => init::xavier_normal(rng, dims)?,
            _ if is_table("embed_blocks_b", "task_b") => constant(DType::F32, 0.0)?,
            "weight" if dims.len() == 1 => constant(DType::F32, 1.0)?,
            "weight" => init::uniform(rng, dims, init::default_bound(dims))?,
            // The weight of the same layer comes right before its bias.
            _ => match table[index - 1].dims.as_slice() {
                [_] => constant(DType::F32, 0.0)?,
                weight => init::uniform(rng, dims, init::default_bound(weight))?,
            },
        };
        tensors.push((tensor.name.clone(), value));
    }
    Ok(Weights::from_tensors(tensors))
}
