//! What a configuration is made of: sets of units, the bundles of synapses between them, and blocks.
//!
//! Every bundle lies between a lower and an upper set of units and is used in both directions.
//! The bottom-up input of a bundle is the activity of its lower set, its top-down input that of its
//! upper set, so that activity belongs to sets of units and weights to bundles.

use super::config::{Config, Trunk};
use super::layer_list::LayerSpec;
use crate::error::{Error, Result};
use crate::ops::ConvSpec;

/// A set of units, `[channels, height, width]` or `[units]`; its name is that of what drives it
/// bottom-up, without `core_net.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Units {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
}

/// How a bundle connects its two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connection {
    Linear,
    Conv { kernel: usize, dilation: usize, spec: ConvSpec },
}

/// The synapses between two sets of units, with the names of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bundle {
    /// Prefix of its tensors, for example `core_net._conv1`.
    pub(super) name: String,
    /// A second name of the same tensors in the reference's files.
    pub(super) alias: Option<String>,
    pub(super) connection: Connection,
    /// Shape of the lower set.
    pub(super) input: Vec<usize>,
    /// Shape of the upper set.
    pub(super) output: Vec<usize>,
    pub(super) bias: bool,
    /// Has top-down weights of its own.
    pub(super) separate: bool,
    pub(super) back_bias: bool,
    /// Prefix of its batch norms and its second name.
    pub(super) norm: Option<(String, Option<String>)>,
}

/// What follows on what, by positions among the bundles and the sets of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Bundle {
        bundle: usize,
        from: usize,
        to: usize,
    },
    /// `hidden`: the units between the two convolutions.
    Block {
        conv1: usize,
        conv2: usize,
        shortcut: Option<usize>,
        from: usize,
        hidden: usize,
        to: usize,
    },
    MaxPool {
        kernel: usize,
        stride: usize,
        padding: usize,
        from: usize,
        to: usize,
    },
    GlobalAveragePool {
        from: usize,
        to: usize,
    },
}

/// The parts of a network.
#[derive(Clone, Debug)]
pub(super) struct Architecture {
    /// The picture first, the units that the head reads last.
    pub(super) units: Vec<Units>,
    /// From the picture upwards.
    pub(super) nodes: Vec<Node>,
    /// Of the trunk, bottom to top (of a block: both convolutions, then the shortcut).
    pub(super) trunk: Vec<Bundle>,
    pub(super) head: Bundle,
    /// From the trunk to the instruction; used downwards only and never trained.
    pub(super) task_head: Vec<Bundle>,
}

struct Builder<'a> {
    config: &'a Config,
    architecture: Architecture,
}

impl Architecture {
    /// # Errors
    /// [`Error::Config`] naming the key under which a layer does not fit.
    pub(super) fn new(config: &Config) -> Result<Self> {
        let head = linear("head_layer", &[1], config.n_outputs());
        let architecture = Self {
            units: vec![Units { name: "in".to_owned(), shape: config.in_shape.to_vec() }],
            nodes: Vec::new(),
            trunk: Vec::new(),
            head,
            task_head: Vec::new(),
        };
        let mut builder = Builder { config, architecture };
        match config.network_name {
            Trunk::FullyConnected => builder.fully_connected()?,
            Trunk::Simple => builder.simple()?,
            Trunk::Conv => builder.conv_net()?,
            Trunk::TinyResnet => builder.tiny_resnet()?,
            Trunk::Resnet18 => builder.resnet18()?,
            Trunk::Layers => builder.listed()?,
        }
        Ok(builder.with_heads())
    }

    /// Position of the units that the head reads.
    pub(super) fn top(&self) -> usize {
        self.units.len() - 1
    }

    /// The lower and the upper set of each bundle of the trunk.
    pub(super) fn ends(&self) -> Vec<(usize, usize)> {
        let mut ends = vec![(0, 0); self.trunk.len()];
        for node in &self.nodes {
            match *node {
                Node::Bundle { bundle, from, to } => ends[bundle] = (from, to),
                Node::Block { conv1, conv2, shortcut, from, hidden, to } => {
                    ends[conv1] = (from, hidden);
                    ends[conv2] = (hidden, to);
                    if let Some(shortcut) = shortcut {
                        ends[shortcut] = (from, to);
                    }
                }
                Node::MaxPool { .. } | Node::GlobalAveragePool { .. } => {}
            }
        }
        ends
    }

    /// All bundles: trunk, head, instruction head.
    pub(super) fn bundles(&self) -> impl Iterator<Item = &Bundle> {
        self.trunk.iter().chain([&self.head]).chain(&self.task_head)
    }
}

impl Bundle {
    /// Shape of its weight: `[out, in]` or `[out, in / groups, k, k]`.
    pub(super) fn weight_shape(&self) -> Vec<usize> {
        match self.connection {
            Connection::Linear => vec![self.output.iter().product(), self.input.iter().product()],
            Connection::Conv { kernel, spec, .. } => {
                vec![self.output[0], self.input[0] / spec.groups, kernel, kernel]
            }
        }
    }

    /// Shape of its top-down weight.
    pub(super) fn back_weight_shape(&self) -> Vec<usize> {
        let shape = self.weight_shape();
        match self.connection {
            Connection::Linear => vec![shape[1], shape[0]],
            Connection::Conv { .. } => shape,
        }
    }

    /// Entries of its bottom-up bias: outputs or output channels.
    pub(super) fn outputs(&self) -> usize {
        self.weight_shape()[0]
    }

    /// Entries of its top-down bias: inputs or input channels.
    pub(super) fn inputs(&self) -> usize {
        match self.connection {
            Connection::Linear => self.input.iter().product(),
            Connection::Conv { .. } => self.input[0],
        }
    }
}

fn linear(name: &str, input: &[usize], units: usize) -> Bundle {
    Bundle {
        name: name.to_owned(),
        alias: None,
        connection: Connection::Linear,
        input: input.to_vec(),
        output: vec![units],
        bias: true,
        separate: false,
        back_bias: false,
        norm: None,
    }
}

/// A convolution still without its place.
struct Conv {
    name: String,
    channels: usize,
    kernel: usize,
    spec: ConvSpec,
    dilation: usize,
}

fn conv(name: impl Into<String>, channels: usize, kernel: usize) -> Conv {
    Conv { name: name.into(), channels, kernel, spec: ConvSpec::default(), dilation: 1 }
}

impl Conv {
    fn stride(mut self, stride: usize) -> Self {
        self.spec.stride = stride;
        self
    }

    fn padding(mut self, padding: usize) -> Self {
        self.spec.padding = padding;
        self
    }

    fn groups(mut self, groups: usize) -> Self {
        self.spec.groups = groups;
        self
    }
}

impl Builder<'_> {
    fn shape(&self, units: usize) -> &[usize] {
        &self.architecture.units[units].shape
    }

    fn top(&self) -> usize {
        self.architecture.top()
    }

    fn add_units(&mut self, name: &str, shape: &[usize]) -> usize {
        let name = name.strip_prefix("core_net.").unwrap_or(name).to_owned();
        self.architecture.units.push(Units { name, shape: shape.to_vec() });
        self.top()
    }

    /// A bundle above `input` with the biases and weights that the configuration asks for.
    fn conv_bundle(&self, conv: &Conv, input: &[usize], plain: bool) -> Result<Bundle> {
        let key = if self.config.network_name == Trunk::Layers { "layers" } else { "in_shape" };
        let &[channels, height, width] = input else {
            return Err(Error::config(key, "convolutions below linear layers", &conv.name));
        };
        let side = |side: usize| {
            let kernel = conv.dilation * (conv.kernel - 1) + 1;
            (side + 2 * conv.spec.padding).checked_sub(kernel).map(|room| room / conv.spec.stride + 1)
        };
        let (Some(height), Some(width)) = (side(height), side(width)) else {
            let requirement =
                format!("a picture large enough for the {0} x {0} kernel of {1}", conv.kernel, conv.name);
            let found = format!("{height} x {width} below it");
            return Err(Error::config(key, requirement, found));
        };
        if channels % conv.spec.groups != 0 {
            let requirement =
                format!("{} groups dividing the {channels} channels below {}", conv.spec.groups, conv.name);
            return Err(Error::config(key, requirement, conv.spec.groups));
        }
        Ok(Bundle {
            name: conv.name.clone(),
            alias: None,
            connection: Connection::Conv { kernel: conv.kernel, dilation: conv.dilation, spec: conv.spec },
            input: input.to_vec(),
            output: vec![conv.channels, height, width],
            bias: plain && self.config.bias,
            separate: !self.config.shared_weights,
            back_bias: plain && self.config.back_bias,
            norm: None,
        })
    }

    fn linear_bundle(&self, name: &str, input: &[usize], units: usize) -> Bundle {
        Bundle {
            bias: self.config.bias,
            separate: !self.config.shared_weights,
            back_bias: self.config.back_bias,
            ..linear(name, input, units)
        }
    }

    /// Adds a bundle on top.
    fn push(&mut self, bundle: Bundle) {
        let from = self.top();
        let to = self.add_units(&bundle.name, &bundle.output);
        self.architecture.nodes.push(Node::Bundle { bundle: self.architecture.trunk.len(), from, to });
        self.architecture.trunk.push(bundle);
    }

    fn push_conv(&mut self, conv: Conv, alias: Option<&str>) -> Result<()> {
        let bundle = self.conv_bundle(&conv, self.shape(self.top()), true)?;
        self.push(Bundle { alias: alias.map(str::to_owned), ..bundle });
        Ok(())
    }

    fn push_linear(&mut self, name: &str, units: usize, alias: Option<String>) {
        let bundle = self.linear_bundle(name, self.shape(self.top()), units);
        self.push(Bundle { alias, ..bundle });
    }

    fn fully_connected(&mut self) -> Result<()> {
        for k in 0..self.config.depth {
            let alias = format!("core_net.layers.{}", k + 1);
            self.push_linear(&format!("core_net._fc_layers.{k}"), self.config.last_hidden_size, Some(alias));
        }
        Ok(())
    }

    fn simple(&mut self) -> Result<()> {
        let (first, second) = (self.config.conv_channels[0], self.config.conv_channels[1]);
        let name = |name: &str| format!("core_net.{name}");
        self.push_conv(conv(name("_conv1"), first, 5), Some("core_net.layers.0"))?;
        let pool = conv(name("_conv1_pool"), first, 2).stride(2).groups(first);
        self.push_conv(pool, Some("core_net.layers.1"))?;
        self.push_conv(conv(name("_conv2"), second, 5), Some("core_net.layers.2"))?;
        let pool = conv(name("_conv2_pool"), second, 3).stride(2).groups(second);
        self.push_conv(pool, Some("core_net.layers.3"))?;
        self.push_linear(&name("_fc"), self.config.last_hidden_size, Some(name("layers.5")));
        Ok(())
    }

    fn conv_net(&mut self) -> Result<()> {
        for k in 0..4 {
            self.push_conv(conv(format!("core_net.layers.{k}"), 32, 5), None)?;
        }
        self.push_linear("core_net.layers.5", 100, None);
        Ok(())
    }

    /// A convolution without biases and its norm, if there are norms.
    fn residual_conv(
        &self,
        conv: &Conv,
        input: &[usize],
        norm: &str,
        alias: Option<(&str, &str)>,
    ) -> Result<Bundle> {
        let bundle = self.conv_bundle(conv, input, false)?;
        let aliased = |own: &str| {
            let (path, other) = alias?;
            Some(own.replacen(path, other, 1))
        };
        let has_norm = self.config.has_norms();
        Ok(Bundle {
            alias: aliased(&bundle.name),
            norm: has_norm.then(|| (norm.to_owned(), aliased(norm))),
            ..bundle
        })
    }

    fn stem(&mut self, channels: usize) -> Result<()> {
        let stem = conv("core_net.conv1", channels, 3).padding(1);
        let bundle = self.residual_conv(&stem, self.shape(0), "core_net.bn1", None)?;
        self.push(bundle);
        Ok(())
    }

    /// A residual block under the name `path`, which the reference's files also call `alias`.
    fn block(&mut self, path: &str, alias: Option<&str>, channels: usize, stride: usize) -> Result<()> {
        let from = self.top();
        let input = self.shape(from).to_vec();
        let alias = alias.map(|alias| (path, alias));
        let at = |name: &str| format!("{path}.{name}");
        let first = conv(at("conv1"), channels, 3).stride(stride).padding(1);
        let first = self.residual_conv(&first, &input, &at("bn1"), alias)?;
        let second = conv(at("conv2"), channels, 3).padding(1);
        let second = self.residual_conv(&second, &first.output, &at("bn2"), alias)?;
        let shortcut = if stride != 1 || input[0] != channels {
            let shortcut = conv(at("downsample"), channels, 1).stride(stride);
            let bundle = self.residual_conv(&shortcut, &input, &at("downsample_norm_layer"), alias)?;
            // The reference shares the weights of shortcuts whatever the rest does.
            Some(Bundle { separate: false, ..bundle })
        } else {
            None
        };
        let hidden = self.add_units(&first.name, &first.output);
        let to = self.add_units(path, &second.output);
        let conv1 = self.architecture.trunk.len();
        self.architecture.nodes.push(Node::Block {
            conv1,
            conv2: conv1 + 1,
            shortcut: shortcut.as_ref().map(|_| conv1 + 2),
            from,
            hidden,
            to,
        });
        self.architecture.trunk.extend([first, second].into_iter().chain(shortcut));
        Ok(())
    }

    fn tiny_resnet(&mut self) -> Result<()> {
        self.stem(32)?;
        self.block("core_net.layer1.0", Some("core_net.layers.0.0"), 64, 1)?;
        self.block("core_net.layer2.0", Some("core_net.layers.1.0"), 64, 2)?;
        let pool = conv("core_net.conv_pooling", 64, 5).stride(3).padding(1);
        let bundle = self.conv_bundle(&pool, self.shape(self.top()), false)?;
        self.push(Bundle { bias: true, alias: Some("core_net.layers.2".to_owned()), ..bundle });
        Ok(())
    }

    fn resnet18(&mut self) -> Result<()> {
        self.stem(64)?;
        for (stage, channels) in [64, 128, 256, 512].into_iter().enumerate() {
            for block in 0..2 {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let alias = format!("core_net.layers.{stage}.{block}");
                self.block(&format!("core_net.layer{}.{block}", stage + 1), Some(&alias), channels, stride)?;
            }
        }
        Ok(())
    }

    fn listed(&mut self) -> Result<()> {
        if self.config.layers.is_empty() {
            return Err(Error::config("layers", "one layer or more, from the picture upwards", "none"));
        }
        // Flattening counts as a layer, as in the reference's lists.
        let (mut number, mut is_flat) = (0, false);
        for (index, layer) in self.config.layers.iter().enumerate() {
            layer.validate(index)?;
            let name = |number: usize| format!("core_net.layers.{number}");
            match *layer {
                LayerSpec::Conv { channels, kernel, stride, padding, dilation, groups, bias } => {
                    let conv = Conv { dilation, ..conv(name(number), channels, kernel) };
                    let conv = conv.stride(stride).padding(padding).groups(groups);
                    let norm = format!("{}.norm", name(number));
                    let bundle = self.residual_conv(&conv, self.shape(self.top()), &norm, None)?;
                    self.push(Bundle { bias, back_bias: bias && self.config.back_bias, ..bundle });
                }
                LayerSpec::Linear { units, bias } => {
                    if !is_flat && self.shape(self.top()).len() == 3 {
                        (number, is_flat) = (number + 1, true);
                    }
                    let bundle = self.linear_bundle(&name(number), self.shape(self.top()), units);
                    self.push(Bundle { bias, ..bundle });
                }
                LayerSpec::Block { channels, stride } => self.block(&name(number), None, channels, stride)?,
                LayerSpec::MaxPool { kernel, stride, padding } => {
                    self.max_pool(&name(number), kernel, stride, padding)?;
                }
                LayerSpec::GlobalAveragePool => {
                    let from = self.top();
                    let channels = self.shape(from)[0];
                    let to = self.add_units(&name(number), &[channels, 1, 1]);
                    self.architecture.nodes.push(Node::GlobalAveragePool { from, to });
                }
            }
            number += 1;
        }
        Ok(())
    }

    fn max_pool(&mut self, name: &str, kernel: usize, stride: usize, padding: usize) -> Result<()> {
        let from = self.top();
        let &[channels, height, width] = self.shape(from) else {
            return Err(Error::config("layers", "pooling below linear layers", name));
        };
        let side = |side: usize| (side + 2 * padding).checked_sub(kernel).map(|room| room / stride + 1);
        let (Some(height), Some(width)) = (side(height), side(width)) else {
            let requirement = format!("a picture large enough for the window of {name}");
            return Err(Error::config("layers", requirement, format!("{height} x {width} below it")));
        };
        let to = self.add_units(name, &[channels, height, width]);
        self.architecture.nodes.push(Node::MaxPool { kernel, stride, padding, from, to });
        Ok(())
    }

    fn with_heads(mut self) -> Architecture {
        let top = self.shape(self.top()).to_vec();
        self.architecture.head = self.linear_bundle("head_layer", &top, self.config.n_outputs());
        if self.config.mtl {
            let mut lower = top;
            let sizes = self.config.task_embedding_size.into_iter().chain([self.config.task_vector_size]);
            for (k, units) in sizes.enumerate() {
                let bundle = self.linear_bundle(&format!("task_head.{k}"), &lower, units);
                lower = bundle.output.clone();
                self.architecture.task_head.push(bundle);
            }
        }
        self.architecture
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn built(values: serde_json::Value) -> Architecture {
        let config = Config::from_values(values.as_object().unwrap()).unwrap();
        Architecture::new(&config).unwrap()
    }

    #[test]
    fn sizes_are_those_of_the_specification() {
        let simple = built(json!({"network_name": "simple net"}));
        let sides: Vec<usize> = simple.units[..5].iter().map(|units| units.shape[1]).collect();
        assert_eq!((sides, simple.head.input.clone()), (vec![28, 24, 12, 8, 3], vec![50]));
        let conv = built(json!({"network_name": "conv net"}));
        assert_eq!(conv.trunk[4].inputs(), 4608);
        let tiny = built(json!({"network_name": "tiny resnet"}));
        assert_eq!(tiny.head.inputs(), 1024);
        let resnet = built(json!({"network_name": "resnet18", "in_shape": [3, 218, 178]}));
        assert_eq!(resnet.head.inputs(), 329_728);
    }

    #[test]
    fn listed_layers_are_those_of_the_named_trunk() {
        let named = built(json!({"network_name": "conv net"}));
        let conv = json!({"kind": "conv", "channels": 32, "kernel": 5});
        let layers = json!([conv, conv, conv, conv, {"kind": "linear", "units": 100}]);
        let listed = built(json!({"network_name": "layers", "layers": layers}));
        assert_eq!((listed.trunk, listed.units, listed.nodes), (named.trunk, named.units, named.nodes));
    }

    #[test]
    fn shortcuts_are_always_shared() {
        let tiny = built(json!({"network_name": "tiny resnet", "shared_weights": false}));
        let separate: Vec<bool> = tiny.trunk.iter().map(|bundle| bundle.separate).collect();
        assert_eq!(separate, [true, true, true, false, true, true, false, true]);
    }
}
