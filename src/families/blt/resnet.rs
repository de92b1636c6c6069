//! The ResNet baseline: one pass through four stages of bottleneck blocks.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::config::{Block, Config, ResnetConfig};
use super::graph::graph;
use super::norms::{BatchNorms, Statistics};
use super::pooling::HALVING;
use super::protocol;
use super::tapped::{areas_at_rest, class_names, generation, tapped_relu};
use crate::dynamics::{
    Area, Control, Drive, Dynamics, Frame, Graph, LabelSet, Prepared, Presentation, ProtocolOptions,
    Schedule, State, StepContext, TimeUnit,
};
use crate::error::{Error, Result};
use crate::nn::{Conv2d, Linear};
use crate::ops::{self, ConvSpec};
use crate::stimulus::{PixelScale, Preparation};
use crate::weights::Weights;

/// A residual network. Its areas are the map behind the first pooling and the end of each stage.
#[derive(Clone, Debug)]
pub struct ResnetNetwork {
    config: Config,
    blocks: Vec<Block>,
    /// By name, without the `.0` of the source's pairs of convolution and norm.
    convs: BTreeMap<String, Conv2d>,
    norms: BatchNorms,
    classifier: Linear,
    areas: Vec<Area>,
    classes: Vec<String>,
    generation: u64,
}

impl ResnetNetwork {
    /// # Errors
    /// [`crate::Error::Config`] for an invalid configuration, [`crate::Error::Unknown`] or
    /// [`crate::Error::Shape`] for weights that are not its own.
    pub fn new(config: &ResnetConfig, weights: &Weights) -> Result<Self> {
        config.validate()?;
        for (name, shape) in config.tensors().iter() {
            weights.get_shaped(name, shape)?;
        }
        let blocks = config.all_blocks();
        let mut convs = BTreeMap::new();
        let mut load = |name: String, stride, padding| -> Result<()> {
            let spec = ConvSpec { stride, padding, ..ConvSpec::default() };
            let conv = Conv2d::load(weights, &format!("{name}.0"), spec)?;
            convs.insert(name, conv);
            Ok(())
        };
        load("basic_conv".to_owned(), 2, 3)?;
        for block in &blocks {
            load(format!("{}.conv1", block.name), 1, 0)?;
            load(format!("{}.conv2", block.name), block.stride, 1)?;
            load(format!("{}.conv3", block.name), 1, 0)?;
            if block.has_projection() {
                load(format!("{}.shortcut", block.name), block.stride, 0)?;
            }
        }
        let names =
            std::iter::once("basic_conv".to_owned()).chain((1..=4).map(|stage| format!("stage_{stage}")));
        Ok(Self {
            areas: names
                .zip(config.area_shapes())
                .map(|(name, shape)| Area::activity(name, &shape))
                .collect(),
            blocks,
            convs,
            norms: BatchNorms::load(weights),
            classifier: Linear::load(weights, "classifier")?,
            classes: class_names(config.n_classes),
            generation: generation(weights),
            config: Config::Resnet(config.clone()),
        })
    }

    /// A convolution and its norm.
    fn unit(
        &self,
        name: &str,
        xs: &Tensor,
        statistics: &mut Statistics,
        ws: &mut ops::Workspace,
    ) -> Result<Tensor> {
        let conv = self.convs.get(name);
        let conv = conv.ok_or_else(|| Error::unknown("layer", name, self.convs.keys().cloned()))?;
        self.norms.forward(&format!("{name}.1"), &conv.forward(xs, ws)?, statistics)
    }

    /// One pass with stored statistics or those of the batch.
    pub(super) fn advance(
        &self,
        prepared: &Prepared,
        state: &State,
        statistics: &mut Statistics,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        let image = protocol::input(prepared, state, self.areas.len())?;
        let mut areas = state.areas.clone();
        // Rectification and maximum commute, so that the taps see the pooled map.
        let xs = self.unit("basic_conv", image, statistics, context.ops)?;
        let mut xs = tapped_relu(0, ops::max_pool2d(&xs, &HALVING)?, context)?;
        areas[0] = xs.clone();
        for block in &self.blocks {
            let name = &block.name;
            let kept = if block.has_projection() {
                self.unit(&format!("{name}.shortcut"), &xs, statistics, context.ops)?
            } else {
                xs.clone()
            };
            let ys = ops::relu(&self.unit(&format!("{name}.conv1"), &xs, statistics, context.ops)?)?;
            let ys = ops::relu(&self.unit(&format!("{name}.conv2"), &ys, statistics, context.ops)?)?;
            let sum = (self.unit(&format!("{name}.conv3"), &ys, statistics, context.ops)? + kept)?;
            xs = if block.is_last {
                let area = block.stage + 1;
                areas[area] = tapped_relu(area, sum, context)?;
                areas[area].clone()
            } else {
                ops::relu(&sum)?
            };
        }
        let readout = Some(self.classifier.forward(&ops::global_avg_pool2d(&xs)?, context.ops)?);
        Ok(State { t: state.t + 1, areas, memory: Vec::new(), readout })
    }
}

impl Dynamics for ResnetNetwork {
    fn areas(&self) -> &[Area] {
        &self.areas
    }

    fn memory(&self) -> &[String] {
        &[]
    }

    fn controls(&self) -> &[Control] {
        &[]
    }

    fn time_unit(&self) -> TimeUnit {
        TimeUnit::Timestep
    }

    fn input_shape(&self) -> [usize; 3] {
        [3, self.config.image_size(), self.config.image_size()]
    }

    fn preparation(&self) -> Option<Preparation> {
        Some(protocol::preparation(&self.config))
    }

    fn normalisation(&self) -> Option<PixelScale> {
        self.config.normalisation().scale()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn graph(&self) -> Graph {
        graph(&self.config)
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn rest(&self, batch: usize) -> Result<State> {
        areas_at_rest(&self.areas, batch, self.classifier.weight.tensor())
    }

    fn prepare(&self, frame: &Frame, _ops: &mut ops::Workspace) -> Result<Prepared> {
        let like = self.classifier.weight.tensor();
        Ok(Prepared(vec![protocol::normalised(&self.config, frame, like.dtype(), like.device())?]))
    }

    fn step(
        &self,
        prepared: &Prepared,
        _drive: &Drive,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        self.advance(prepared, state, &mut Statistics::Stored, context)
    }

    fn schedule(&self, presentation: &Presentation, options: &ProtocolOptions) -> Result<Schedule> {
        protocol::schedule(&self.config, presentation, options, 1)
    }

    fn scored_labels(&self, labels: &LabelSet, _drive: &Drive, state: &State) -> Result<Option<Vec<i64>>> {
        Ok(protocol::scored_labels(labels, state))
    }
}
