//! The ResNet baseline: one pass through four stages of bottleneck blocks.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::config::{Block, ResnetConfig};
use super::model::{Body, Parts};
use super::norms::{BatchNorms, Statistics};
use super::pooling::HALVING;
use super::tapped::tapped_relu;
use crate::dynamics::{Area, Drive, State, StepContext};
use crate::error::{Error, Result};
use crate::nn::{Conv2d, Linear};
use crate::ops::{self, ConvSpec};
use crate::weights::Weights;

/// A residual network. Its areas are the map behind the first pooling and the end of each stage.
#[derive(Clone, Debug)]
pub(super) struct Stages {
    blocks: Vec<Block>,
    /// By name, without the `.0` of the source's pairs of convolution and norm.
    convs: BTreeMap<String, Conv2d>,
    norms: BatchNorms,
    classifier: Linear,
}

impl Stages {
    pub(super) fn parts(config: &ResnetConfig, weights: &Weights) -> Result<Parts> {
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
        let areas = names.zip(config.area_shapes()).map(|(name, shape)| Area::activity(name, &shape));
        let classifier = Linear::load(weights, "classifier")?;
        Ok(Parts {
            areas: areas.collect(),
            like: classifier.weight.tensor().clone(),
            body: Box::new(Self { blocks, convs, norms: BatchNorms::load(weights), classifier }),
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
}

impl Body for Stages {
    fn pass(
        &self,
        image: &Tensor,
        _drive: &Drive,
        state: &State,
        statistics: &mut Statistics,
        context: &mut StepContext<'_>,
    ) -> Result<(Vec<Tensor>, Option<Tensor>)> {
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
            let sum = ops::add(&self.unit(&format!("{name}.conv3"), &ys, statistics, context.ops)?, &kept)?;
            xs = if block.is_last {
                let area = block.stage + 1;
                areas[area] = tapped_relu(area, sum, context)?;
                areas[area].clone()
            } else {
                ops::relu(&sum)?
            };
        }
        let readout = Some(self.classifier.forward(&ops::global_avg_pool2d(&xs)?, context.ops)?);
        Ok((areas, readout))
    }

    fn period(&self, _n_timesteps: usize) -> usize {
        1
    }
}
