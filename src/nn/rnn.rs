//! The plain recurrent cell.

use candle_core::Tensor;

use crate::error::Result;
use crate::ops::{self, Activation, Workspace};
use crate::weights::{Weight, Weights};

/// `h' = f(x Wihᵀ + bih + h Whhᵀ + bhh)`.
///
/// `{prefix}.weight_ih_l0` `[hidden, in]`, `.weight_hh_l0` `[hidden, hidden]` and, where present,
/// `.bias_ih_l0` and `.bias_hh_l0` (`[hidden]` or `[1, hidden]`).
#[derive(Clone, Debug)]
pub struct RnnCell {
    pub weight_ih: Weight,
    pub weight_hh: Weight,
    pub bias_ih: Option<Weight>,
    pub bias_hh: Option<Weight>,
}

impl RnnCell {
    /// # Errors
    /// [`crate::Error::Unknown`] if a matrix is missing.
    pub fn load(weights: &Weights, prefix: &str) -> Result<Self> {
        let find = |name: &str| weights.find(&format!("{prefix}.{name}")).cloned();
        Ok(Self {
            weight_ih: weights.get(&format!("{prefix}.weight_ih_l0"))?.clone(),
            weight_hh: weights.get(&format!("{prefix}.weight_hh_l0"))?.clone(),
            bias_ih: find("bias_ih_l0"),
            bias_hh: find("bias_hh_l0"),
        })
    }

    /// Size of the hidden state.
    pub fn hidden(&self) -> usize {
        self.weight_hh.dims()[0]
    }

    /// The summed input before the function: `x` `[batch, in]`, `h` `[batch, hidden]`.
    ///
    /// # Errors
    /// As [`ops::linear`].
    pub fn preactivation(&self, x: &Tensor, h: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        let input = ops::linear(x, &self.weight_ih, self.bias_ih.as_ref(), ws)?;
        let recurrent = ops::linear(h, &self.weight_hh, self.bias_hh.as_ref(), ws)?;
        Ok((input + recurrent)?)
    }

    /// The next hidden state.
    ///
    /// # Errors
    /// As [`ops::linear`].
    pub fn forward(
        &self,
        x: &Tensor,
        h: &Tensor,
        function: Activation,
        ws: &mut Workspace,
    ) -> Result<Tensor> {
        ops::activate(&self.preactivation(x, h, ws)?, function)
    }
}
