//! CORnet-S: each area passes its own output again, with the same convolutions and other norms,
//! before the next area begins.

use candle_core::Tensor;

use crate::dynamics::StepContext;
use crate::error::Result;
use crate::families::blt::config::{CORNET_AREAS, S_PASSES};
use crate::families::blt::norms::{BatchNorms, Statistics};
use crate::families::blt::pooling::HALVING;
use crate::families::blt::tapped::tapped_relu;
use crate::nn::Conv2d;
use crate::ops::{self, ConvSpec};
use crate::weights::Weights;

#[derive(Clone, Debug)]
pub(super) struct S {
    first: [Conv2d; 2],
    /// The areas above the first.
    blocks: Vec<Bottleneck>,
    norms: BatchNorms,
}

#[derive(Clone, Debug)]
struct Bottleneck {
    input: Conv2d,
    skip: Conv2d,
    narrow: Conv2d,
    /// At stride 1; the first pass of an area takes it at stride 2.
    middle: Conv2d,
    wide: Conv2d,
}

/// Area and number of its pass at a timestep within a sweep.
pub(super) fn area_and_pass(index: usize) -> (usize, usize) {
    let (mut area, mut pass) = (0, index);
    while area + 1 < S_PASSES.len() && pass >= S_PASSES[area] {
        pass -= S_PASSES[area];
        area += 1;
    }
    (area, pass.min(S_PASSES[area] - 1))
}

fn spec(stride: usize, padding: usize) -> ConvSpec {
    ConvSpec { stride, padding, ..ConvSpec::default() }
}

impl S {
    pub(super) fn load(weights: &Weights) -> Result<Self> {
        let block = |area: &&str| {
            let conv = |name: &str, stride, padding| {
                Conv2d::load(weights, &format!("{area}.{name}"), spec(stride, padding))
            };
            Ok(Bottleneck {
                input: conv("conv_input", 1, 0)?,
                skip: conv("skip", 2, 0)?,
                narrow: conv("conv1", 1, 0)?,
                middle: conv("conv2", 1, 1)?,
                wide: conv("conv3", 1, 0)?,
            })
        };
        let first = |name: &str, stride, padding| {
            Conv2d::load(weights, &format!("{}.{name}", CORNET_AREAS[0]), spec(stride, padding))
        };
        Ok(Self {
            first: [first("conv1", 2, 3)?, first("conv2", 1, 1)?],
            blocks: CORNET_AREAS[1..].iter().map(block).collect::<Result<_>>()?,
            norms: BatchNorms::load(weights),
        })
    }

    /// One pass of one area: `below` is what comes in from the area below or the picture, `own` the
    /// area's output of its pass before.
    pub(super) fn pass(
        &self,
        (area, pass): (usize, usize),
        below: &Tensor,
        own: &Tensor,
        statistics: &mut Statistics,
        context: &mut StepContext<'_>,
    ) -> Result<Tensor> {
        let name = CORNET_AREAS[area];
        let mut norm =
            |layer: &str, xs: &Tensor| self.norms.forward(&format!("{name}.{layer}"), xs, statistics);
        let Some(block) = area.checked_sub(1).map(|above| &self.blocks[above]) else {
            let xs = ops::relu(&norm("norm1", &self.first[0].forward(below, context.ops)?)?)?;
            let xs = self.first[1].forward(&ops::max_pool2d(&xs, &HALVING)?, context.ops)?;
            return tapped_relu(area, norm("norm2", &xs)?, context);
        };
        let mut middle = block.middle.clone();
        let (xs, kept) = if pass == 0 {
            let xs = block.input.forward(below, context.ops)?;
            let kept = norm("norm_skip", &block.skip.forward(&xs, context.ops)?)?;
            middle.spec.stride = 2;
            (xs, kept)
        } else {
            (own.clone(), own.clone())
        };
        let xs = ops::relu(&norm(&format!("norm1_{pass}"), &block.narrow.forward(&xs, context.ops)?)?)?;
        let xs = ops::relu(&norm(&format!("norm2_{pass}"), &middle.forward(&xs, context.ops)?)?)?;
        let xs = norm(&format!("norm3_{pass}"), &block.wide.forward(&xs, context.ops)?)?;
        tapped_relu(area, ops::add(&xs, &kept)?, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_take_their_turns() {
        let turns: Vec<_> = (0..9).map(area_and_pass).collect();
        assert_eq!(turns[..4], [(0, 0), (1, 0), (1, 1), (2, 0)]);
        assert_eq!(turns[4..], [(2, 1), (2, 2), (2, 3), (3, 0), (3, 1)]);
    }
}
