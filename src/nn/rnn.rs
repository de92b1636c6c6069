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

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn one_step_by_hand() {
        let tensor = |value: f64| Tensor::full(value, (1, 1), &Device::Cpu).unwrap();
        let named = |name: &str, value| (format!("cell.{name}"), tensor(value));
        let weights = Weights::from_tensors([
            named("weight_ih_l0", 2.0),
            named("weight_hh_l0", -1.0),
            named("bias_ih_l0", 0.25),
            named("bias_hh_l0", 0.5),
        ]);
        let cell = RnnCell::load(&weights, "cell").unwrap();
        let ws = &mut Workspace::new();
        let h = cell.forward(&tensor(3.0), &tensor(4.0), Activation::Relu, ws).unwrap();
        assert_eq!(h.to_vec2::<f64>().unwrap(), [[6.0 + 0.25 - 4.0 + 0.5]]);
        let h = cell.forward(&tensor(0.0), &tensor(4.0), Activation::Relu, ws).unwrap();
        assert_eq!(h.to_vec2::<f64>().unwrap(), [[0.0]]);
        assert_eq!(cell.hidden(), 1);
        assert!(RnnCell::load(&weights, "other").is_err());
    }
}
