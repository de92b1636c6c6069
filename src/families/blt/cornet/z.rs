//! CORnet-Z: four convolutions, each rectified and pooled.

use candle_core::Tensor;

use crate::dynamics::StepContext;
use crate::error::Result;
use crate::families::blt::config::CORNET_AREAS;
use crate::families::blt::pooling::HALVING;
use crate::families::blt::tapped::tapped_relu;
use crate::nn::Conv2d;
use crate::ops::{self, ConvSpec};
use crate::weights::Weights;

#[derive(Clone, Debug)]
pub(super) struct Z {
    convs: Vec<Conv2d>,
}

impl Z {
    pub(super) fn load(weights: &Weights) -> Result<Self> {
        let conv = |(index, area): (usize, &&str)| {
            let (stride, padding) = if index == 0 { (2, 3) } else { (1, 1) };
            let spec = ConvSpec { stride, padding, ..ConvSpec::default() };
            Conv2d::load(weights, &format!("{area}.conv"), spec)
        };
        Ok(Self { convs: CORNET_AREAS.iter().enumerate().map(conv).collect::<Result<_>>()? })
    }

    /// All areas from the picture upwards. Rectification and maximum commute, so that the taps see
    /// the pooled map on both sides of it.
    pub(super) fn pass(
        &self,
        image: &Tensor,
        areas: &mut [Tensor],
        context: &mut StepContext<'_>,
    ) -> Result<()> {
        let mut below = image.clone();
        for (area, conv) in self.convs.iter().enumerate() {
            let pooled = ops::max_pool2d(&conv.forward(&below, context.ops)?, &HALVING)?;
            below = tapped_relu(area, pooled, context)?;
            areas[area] = below.clone();
        }
        Ok(())
    }
}
