//! Pointwise nonlinearities.

use candle_core::Tensor;

use crate::error::Result;

/// A pointwise nonlinearity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    #[default]
    Identity,
    Relu,
    /// The exact form, with the error function.
    Gelu,
    Tanh,
    Sigmoid,
    Softplus,
}

/// `x` through `activation`.
///
/// # Errors
/// Those of the tensor library.
pub fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(x.clone()),
        Activation::Relu => relu(x),
        Activation::Gelu => {
            let density = ((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)?;
            Ok((x * (density * 0.5)?)?)
        }
        Activation::Tanh => Ok(x.tanh()?),
        // Through tanh, because 1 / (1 + exp(-x)) has no finite gradient at large negative x.
        Activation::Sigmoid => Ok((((x * 0.5)?.tanh()? + 1.0)? * 0.5)?),
        // max(x, 0) + ln(1 + exp(-|x|)), whose exponential cannot overflow.
        Activation::Softplus => {
            let tail = (super::abs(x)?.neg()?.exp()? + 1.0)?.log()?;
            Ok((relu(x)? + tail)?)
        }
    }
}

/// `max(x, 0)` with gradient 0 at 0; NaN is passed on.
///
/// # Errors
/// Those of the tensor library.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    Ok(x.le(0.0)?.where_cond(&x.zeros_like()?, x)?)
}
