//! What every network of the family does with its areas: taps, rest, names.

use candle_core::Tensor;

use crate::dynamics::{Area, State, StepContext};
use crate::error::Result;
use crate::ops;
use crate::weights::Weights;

/// Through both taps of an area without a nonlinearity between them.
pub(super) fn tapped(area: usize, value: Tensor, context: &mut StepContext<'_>) -> Result<Tensor> {
    let value = context.preactivation(area, value)?;
    context.activity(area, value)
}

/// Through the taps of an area on either side of its rectification.
pub(super) fn tapped_relu(area: usize, value: Tensor, context: &mut StepContext<'_>) -> Result<Tensor> {
    let value = context.preactivation(area, value)?;
    context.activity(area, ops::relu(&value)?)
}

/// All areas at zero, of the type and on the device of `like`.
pub(super) fn areas_at_rest(areas: &[Area], batch: usize, like: &Tensor) -> Result<State> {
    let zeros = |area: &Area| {
        let shape = [&[batch], area.shape.as_slice()].concat();
        Ok(Tensor::zeros(shape, like.dtype(), like.device())?)
    };
    let areas = areas.iter().map(zeros).collect::<Result<_>>()?;
    Ok(State { t: 0, areas, memory: Vec::new(), readout: None })
}

/// The classes by number: no file of the source names them.
pub(super) fn class_names(n_classes: usize) -> Vec<String> {
    (0..n_classes).map(|class| class.to_string()).collect()
}

/// The highest generation of any weight.
pub(super) fn generation(weights: &Weights) -> u64 {
    weights.iter().map(|(_, weight)| weight.generation()).max().unwrap_or(0)
}
