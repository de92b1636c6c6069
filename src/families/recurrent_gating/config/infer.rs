//! What names and shapes of tensors tell about a configuration.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Variant;
use crate::settings::Source;

/// Shapes of tensors by name.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// A value read off the tensors, or a default that they bound.
pub struct Fact {
    pub key: &'static str,
    pub value: Value,
    pub source: Source,
}

/// Which class the tensors belong to.
pub fn variant_of(shapes: &Shapes) -> Option<Variant> {
    if shapes.contains_key("first_conv.0.weight") && shapes.contains_key("last_deconv.2.weight") {
        let older = shapes.contains_key("fmid.2.weight");
        return Some(if older { Variant::Resatt } else { Variant::Block });
    }
    let is_gate = shapes.contains_key("conv_blocks.0.conv.weight") && shapes.contains_key("fc_in.weight");
    is_gate.then_some(Variant::Gate)
}

/// All facts about a set of tensors of `variant`; none about no tensors.
pub fn facts(variant: Variant, shapes: &Shapes) -> Vec<Fact> {
    if shapes.is_empty() {
        return Vec::new();
    }
    let mut facts = Facts { shapes, facts: Vec::new() };
    match variant {
        Variant::Gate => facts.gate(),
        Variant::Block | Variant::Resatt => facts.block(variant == Variant::Resatt),
    }
    facts.facts
}

struct Facts<'a> {
    shapes: &'a Shapes,
    facts: Vec<Fact>,
}

impl Facts<'_> {
    fn dims(&self, name: &str) -> Option<&[usize]> {
        self.shapes.get(name).map(Vec::as_slice)
    }

    fn has(&self, name: &str) -> bool {
        self.shapes.contains_key(name)
    }

    /// Entry `axis` of the shape of `name`.
    fn dim(&self, name: &str, axis: usize) -> Option<usize> {
        self.dims(name)?.get(axis).copied()
    }

    /// How many of `{before}0{after}`, `{before}1{after}`, … there are in a row.
    fn run(&self, before: &str, after: &str) -> usize {
        (0..).take_while(|i| self.has(&format!("{before}{i}{after}"))).count()
    }

    fn inferred(&mut self, key: &'static str, value: impl Into<Value>) {
        self.facts.push(Fact { key, value: value.into(), source: Source::Inferred });
    }

    fn default(&mut self, key: &'static str, value: impl Into<Value>) {
        self.facts.push(Fact { key, value: value.into(), source: Source::Default });
    }

    fn gate(&mut self) {
        let n = self.run("conv_blocks.", ".conv.weight");
        let conv = |i: usize| format!("conv_blocks.{i}.conv.weight");
        let mut channels: Vec<usize> = self.dim(&conv(0), 1).into_iter().collect();
        channels.extend((0..n).filter_map(|i| self.dim(&conv(i), 0)));
        let kernels: Vec<usize> = (0..n).filter_map(|i| self.dim(&conv(i), 2)).collect();
        self.gate_image(&channels);
        self.inferred("channels", channels);
        self.inferred("kernels", kernels);
        let biases: Vec<bool> = (0..n).map(|i| self.has(&format!("conv_blocks.{i}.conv.bias"))).collect();
        self.inferred("conv_bias", same_or_each(biases));
        self.gate_norms(n);

        let recurrent = self.run("frnn_blocks.", ".weight_ih_l0");
        let plain = self.run("frnn_blocks.", ".0.weight");
        let mut rnn_dims: Vec<usize> = self.dim("conv_frnn.1.weight", 0).into_iter().collect();
        let rows = (0..recurrent).map(|j| format!("frnn_blocks.{j}.weight_ih_l0"));
        let rows = rows.chain((0..plain).map(|j| format!("frnn_blocks.{j}.0.weight")));
        rnn_dims.extend(rows.filter_map(|name| self.dim(&name, 0)));
        self.inferred("rnn_dims", rnn_dims);
        self.inferred("rnn_to_fc", plain > 0);
        self.inferred("rnn_bias", self.has("conv_frnn.1.bias"));
        self.outputs("fc_out.weight", "fc_in.weight");
        let tables = self.run("embed_blocks_a.", ".weight");
        if tables > 0 {
            self.inferred("task_layers", tables);
            self.inferred("task_weight", true);
            self.inferred("task_bias", self.has("embed_blocks_b.0.weight"));
        }
    }

    /// Norms with parameters show where they are, but not which kind they are.
    fn gate_norms(&mut self, n: usize) {
        let layer = |has: bool| if has { json!("layer") } else { Value::Null };
        let conv: Vec<bool> = (0..n).map(|i| self.has(&format!("conv_blocks.{i}.norm.weight"))).collect();
        let deconv: Vec<bool> =
            (0..n).map(|i| self.has(&format!("deconv_blocks.{}.norm.weight", n - 1 - i))).collect();
        self.default("conv_norms", same_or_each(conv.into_iter().map(layer).collect()));
        self.default("deconv_norms", same_or_each(deconv.into_iter().map(layer).collect()));
    }

    /// The flattened last map bounds the image, given how stages shrink it: by 2 each by default.
    fn gate_image(&mut self, channels: &[usize]) {
        let (Some(&image), Some(&last)) = (channels.first(), channels.last()) else { return };
        if image != 3 {
            // ImageNet's statistics are for colour images.
            self.default("normalize", false);
        }
        let Some(flat) = self.dim("conv_frnn.1.weight", 1) else { return };
        let side = flat.checked_div(last).map_or(0, usize::isqrt);
        let n = channels.len() - 1;
        if side > 0 && side * side * last == flat && n < 16 {
            self.default("in_dims", vec![image, side << n, side << n]);
        }
    }

    /// Outputs of the forward stream, and by what the backward stream takes more: the tasks.
    fn outputs(&mut self, forward: &str, backward: &str) {
        let (Some(out), Some(inputs)) = (self.dim(forward, 0), self.dim(backward, 1)) else { return };
        self.inferred("out_dim", out);
        self.default("n_classes", out);
        self.inferred("n_tasks", inputs.saturating_sub(out).max(1));
    }

    fn block(&mut self, older: bool) {
        let nb = self.run("blocks.", ".conv.0.weight");
        let mut channels: Vec<usize> = self.dim("first_conv.0.weight", 0).into_iter().collect();
        channels.extend((0..nb).filter_map(|b| self.dim(&format!("blocks.{b}.conv.0.weight"), 0)));
        if let Some(image) = self.dim("first_conv.0.weight", 1) {
            self.default("in_dims", vec![image, 256, 256]);
        }
        if let Some(kernel) = self.dim("first_conv.0.weight", 2) {
            self.inferred("first_k", kernel);
        }
        if self.has("first_conv.0.bias") {
            self.inferred("norm", "layer");
        } else if !self.has("first_conv.1.weight") {
            self.inferred("norm", Value::Null);
        } else {
            // Batch or instance; both keep the same tensors.
            self.default("norm", "batch");
        }
        self.inferred("residual", self.has("blocks.0.deconv_res.0.weight"));
        let widths: Vec<usize> = channels.clone();
        self.inferred("channels", channels);
        if older {
            self.outputs("fbottleneck.weight", "bbottleneck.weight");
            if let Some(middle) = self.dim("fmid.2.weight", 0) {
                self.inferred("mid_dim", middle);
            }
            return;
        }
        let halving = (1..widths.len()).find(|&b| widths[b - 1] != widths[b]);
        if let Some(b) = halving {
            self.inferred("resnet", self.has(&format!("blocks.{}.downsample.0.weight", b - 1)));
        }
        if let (Some(rows), Some(&width)) = (self.dim("blocks.0.deconv.0.weight", 0), widths.get(1)) {
            self.inferred("concat", rows == 2 * width);
        }
        let recurrent = self.dim("frnn.weight_ih_l0", 0);
        match recurrent.or_else(|| self.dim("frnn.0.weight", 0)) {
            Some(middle) => self.inferred("mid_dim", middle),
            None => self.inferred("mid_dim", -1),
        }
        self.inferred("recurrent", recurrent.is_some());
        self.outputs("fbottleneck.weight", "bbottleneck.weight");
    }
}

/// A single value if all are equal, else the list.
fn same_or_each<T: PartialEq + Clone + Into<Value>>(values: Vec<T>) -> Value {
    match values.first() {
        Some(first) if values.iter().all(|value| value == first) => first.clone().into(),
        _ => Value::Array(values.into_iter().map(Into::into).collect()),
    }
}
