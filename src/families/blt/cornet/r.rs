//! CORnet-R and CORnet-RT: areas with a state of their own, all updated at every timestep.

use candle_core::Tensor;

use crate::dynamics::StepContext;
use crate::error::Result;
use crate::families::blt::config::{CORNET_AREAS, GROUPS};
use crate::families::blt::tapped::tapped_relu;
use crate::nn::{Conv2d, Norm, NormKind};
use crate::ops::{self, ConvSpec};
use crate::weights::Weights;

#[derive(Clone, Debug)]
pub(super) struct R {
    areas: Vec<Recurrent>,
}

#[derive(Clone, Debug)]
struct Recurrent {
    input: Conv2d,
    norm_input: Norm,
    conv: Conv2d,
    norm: Norm,
}

impl R {
    pub(super) fn load(weights: &Weights) -> Result<Self> {
        let area = |(index, area): (usize, &&str)| {
            let (stride, padding) = if index == 0 { (4, 3) } else { (2, 1) };
            let spec = |stride, padding| ConvSpec { stride, padding, ..ConvSpec::default() };
            let norm = |name: &str| Norm::load(weights, &format!("{area}.{name}"), NormKind::Group(GROUPS));
            Ok(Recurrent {
                input: Conv2d::load(weights, &format!("{area}.conv_input"), spec(stride, padding))?,
                norm_input: norm("norm_input"),
                conv: Conv2d::load(weights, &format!("{area}.conv1"), spec(1, 1))?,
                norm: norm("norm1"),
            })
        };
        Ok(Self { areas: CORNET_AREAS.iter().enumerate().map(area).collect::<Result<_>>()? })
    }

    /// `below`: what comes in, `None` for zeros that replace it as well as its norm; `own`: the
    /// area's output of the timestep before, zeros before the first.
    pub(super) fn pass(
        &self,
        area: usize,
        below: Option<&Tensor>,
        own: &Tensor,
        context: &mut StepContext<'_>,
    ) -> Result<Tensor> {
        let Recurrent { input, norm_input, conv, norm } = &self.areas[area];
        let xs = match below {
            Some(below) => {
                let input = norm_input.forward(&input.forward(below, context.ops)?)?;
                ops::add_rectified(&input, own, false)?
            }
            None => own.clone(),
        };
        tapped_relu(area, norm.forward(&conv.forward(&xs, context.ops)?)?, context)
    }
}
