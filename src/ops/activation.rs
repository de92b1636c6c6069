//! Pointwise nonlinearities.

use candle_core::Tensor;

use super::kernels::pointwise::Pointwise;
use super::workspace::Path;
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
    activate_by(Path::Auto, x, activation)
}

/// `max(x, 0)` with gradient 0 at 0; NaN is passed on.
///
/// # Errors
/// Those of the tensor library.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    activate(x, Activation::Relu)
}

pub(super) fn activate_by(path: Path, x: &Tensor, activation: Activation) -> Result<Tensor> {
    let kernel = match activation {
        Activation::Relu => Some(Pointwise::Relu),
        Activation::Gelu => Some(Pointwise::Gelu),
        Activation::Tanh => Some(Pointwise::Tanh),
        Activation::Identity | Activation::Sigmoid | Activation::Softplus => None,
    };
    if let Some(kernel) = kernel
        && path.takes_kernel(x)?
    {
        return Ok(x.contiguous()?.apply_op1(kernel)?);
    }
    match activation {
        Activation::Identity => Ok(x.clone()),
        Activation::Relu => Ok(x.le(0.0)?.where_cond(&x.zeros_like()?, x)?),
        Activation::Gelu => {
            let distribution = (((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)? * 0.5)?;
            Ok((x * distribution)?)
        }
        Activation::Tanh => Ok(x.tanh()?),
        // Through tanh, because 1 / (1 + exp(-x)) has no finite gradient at large negative x.
        Activation::Sigmoid => {
            let tanh = activate_by(path, &(x * 0.5)?, Activation::Tanh)?;
            Ok(((tanh + 1.0)? * 0.5)?)
        }
        // max(x, 0) + ln(1 + exp(-|x|)), whose exponential cannot overflow.
        Activation::Softplus => {
            let tail = (super::abs(x)?.neg()?.exp()? + 1.0)?.log()?;
            Ok((activate_by(path, x, Activation::Relu)? + tail)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::super::testing::{PATHS, check_gradients, check_paths, gradients, normal, values};
    use super::*;

    const ALL: [Activation; 6] = [
        Activation::Identity,
        Activation::Relu,
        Activation::Gelu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Softplus,
    ];

    #[test]
    fn gradients_agree_with_differences_on_both_paths() {
        let x = [(normal(1, &[3, 40]) * 2.0).unwrap()];
        for activation in ALL {
            for path in PATHS {
                check_gradients(&x, |x| activate_by(path, &x[0], activation));
            }
            check_paths(&x, |x, path| activate_by(path, &x[0], activation));
        }
    }

    #[test]
    fn the_slope_of_relu_at_zero_is_zero() {
        for path in PATHS {
            for dtype in [DType::F32, DType::F64] {
                let x = Tensor::zeros((2, 3), dtype, &Device::Cpu).unwrap();
                let gradient = gradients(&[x], &|x: &[Tensor]| activate_by(path, &x[0], Activation::Relu));
                assert_eq!(values(&gradient[0]), [0.0; 6]);
            }
        }
    }

    #[test]
    fn nan_passes_and_extremes_stay_finite() {
        let x = Tensor::new(&[f32::NAN, 1e30, -1e30], &Device::Cpu).unwrap();
        for activation in ALL {
            for path in PATHS {
                let y = values(&activate_by(path, &x, activation).unwrap());
                assert!(y[0].is_nan() && y[1].is_finite() && y[2].is_finite(), "{activation:?}: {y:?}");
            }
        }
        let x = Tensor::new(&[200f32, -200.0], &Device::Cpu).unwrap();
        for activation in ALL {
            for path in PATHS {
                let gradient =
                    gradients(std::slice::from_ref(&x), &|x: &[Tensor]| activate_by(path, &x[0], activation));
                assert!(values(&gradient[0]).iter().all(|g| g.is_finite()), "{activation:?}");
            }
        }
    }

    #[test]
    fn values_by_hand() {
        let x = Tensor::new(&[1f64], &Device::Cpu).unwrap();
        let at_one = |activation| values(&activate(&x, activation).unwrap())[0];
        assert!((at_one(Activation::Gelu) - 0.841_344_746_068_543).abs() < 1e-14);
        assert!((at_one(Activation::Sigmoid) - 0.731_058_578_630_005).abs() < 1e-14);
        assert!((at_one(Activation::Softplus) - 1.313_261_687_518_223).abs() < 1e-14);
    }
}
