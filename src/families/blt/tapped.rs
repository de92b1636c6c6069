//! How every network of the family passes its areas through their taps.

use candle_core::Tensor;

use crate::dynamics::StepContext;
use crate::error::Result;
use crate::ops;

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
