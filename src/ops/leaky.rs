//! Leaky rate units: their Euler step.

use candle_core::Tensor;

use super::kernels::leaky::{FusedLeaky, Leaky};
use super::workspace::Path;
use super::{Activation, activate};
use crate::error::{Error, Result};

/// How rate units move: to `(1 - alpha) * r + alpha * f(z)`, where `f(z)` is `z` above 0 and
/// `slope * z` elsewhere: 0 is relu, 1 is linear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeakyRule {
    /// Timestep over time constant.
    pub alpha: f64,
    pub slope: f64,
}

impl LeakyRule {
    fn kernel(self) -> Leaky {
        Leaky { kept: 1.0 - self.alpha, gain: self.alpha, slope: self.slope }
    }
}

/// What drives the units, `z = recurrent + bias + input`.
#[derive(Clone, Copy, Debug)]
pub struct LeakyTerms<'a> {
    /// `[batch, channels, height, width]`.
    pub recurrent: &'a Tensor,
    /// One value per unit, `[channels, height, width]`.
    pub bias: &'a Tensor,
    /// As `recurrent`; `None` where nothing arrives.
    pub input: Option<&'a Tensor>,
}

impl LeakyTerms<'_> {
    /// `z`, summed in the order of the fields.
    ///
    /// # Errors
    /// Those of the tensor library, for terms that do not fit together.
    pub fn sum(&self) -> Result<Tensor> {
        let z = self.recurrent.broadcast_add(self.bias)?;
        Ok(match self.input {
            Some(input) => (z + input)?,
            None => z,
        })
    }
}

/// `r` one timestep later, driven by `z` of the same shape.
///
/// The slope at `z = 0` is `slope`, as in PyTorch's relu and PReLU.
///
/// # Errors
/// [`Error::Shape`] if they differ.
pub fn leaky_step(r: &Tensor, z: &Tensor, rule: LeakyRule) -> Result<Tensor> {
    leaky_step_by(Path::Auto, r, z, rule)
}

fn leaky_step_by(path: Path, r: &Tensor, z: &Tensor, rule: LeakyRule) -> Result<Tensor> {
    if r.dims() != z.dims() {
        return Err(Error::shape("drive of leaky units", r.dims(), z.dims()));
    }
    if path.takes_kernel(r)? {
        return Ok(r.contiguous()?.apply_op2(&z.contiguous()?, rule.kernel())?);
    }
    let above = z.detach().gt(0.0)?.to_dtype(z.dtype())?;
    let rate = match rule.slope {
        0.0 => activate(z, Activation::Relu)?,
        slope => (z * above.affine(1.0 - slope, slope)?)?,
    };
    Ok(((r * (1.0 - rule.alpha))? + (rate * rule.alpha)?)?)
}

/// [`leaky_step`] with `z` the sum of `terms`, which is not kept where nothing is differentiated.
///
/// # Errors
/// [`Error::Shape`] if the terms do not fit the units.
pub fn leaky_update(r: &Tensor, terms: &LeakyTerms<'_>, rule: LeakyRule) -> Result<Tensor> {
    leaky_update_by(Path::Auto, r, terms, rule)
}

pub(super) fn leaky_update_by(
    path: Path,
    r: &Tensor,
    terms: &LeakyTerms<'_>,
    rule: LeakyRule,
) -> Result<Tensor> {
    let units = r.dims().get(1..).unwrap_or_default();
    if terms.bias.dims() != units {
        return Err(Error::shape("bias of leaky units", units, terms.bias.dims()));
    }
    for term in std::iter::once(terms.recurrent).chain(terms.input) {
        if term.dims() != r.dims() {
            return Err(Error::shape("drive of leaky units", r.dims(), term.dims()));
        }
    }
    let is_differentiated = [Some(r), Some(terms.recurrent), Some(terms.bias), terms.input]
        .into_iter()
        .flatten()
        .any(Tensor::track_op);
    if is_differentiated || !path.takes_kernel(r)? {
        return leaky_step_by(path, r, &terms.sum()?, rule);
    }
    let input = terms.input.map(Tensor::contiguous).transpose()?;
    let fused = FusedLeaky { rule: rule.kernel(), input };
    let (recurrent, bias) = (terms.recurrent.contiguous()?, terms.bias.contiguous()?);
    Ok(r.contiguous()?.apply_op3_no_bwd(&recurrent, &bias, &fused)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::super::testing::{PATHS, check_gradients, check_paths, difference, normal, values};
    use super::*;

    const RULES: [LeakyRule; 4] = [
        LeakyRule { alpha: 0.2, slope: 0.0 },
        LeakyRule { alpha: 0.2, slope: 1.0 },
        LeakyRule { alpha: 0.7, slope: 0.65 },
        LeakyRule { alpha: 0.95, slope: 0.25 },
    ];

    fn update(x: &[Tensor], rule: LeakyRule, path: Path) -> Result<Tensor> {
        let terms = LeakyTerms { recurrent: &x[1], bias: &x[2], input: x.get(3) };
        leaky_update_by(path, &x[0], &terms, rule)
    }

    #[test]
    fn gradients_agree_with_differences_on_both_paths() {
        let dims = [2, 3, 4, 3];
        let x = [normal(1, &dims), normal(2, &dims), normal(3, &dims[1..]), normal(4, &dims)];
        for rule in RULES {
            for path in PATHS {
                check_gradients(&x, |x| update(x, rule, path));
                check_gradients(&x[..3], |x| update(x, rule, path));
            }
            check_paths(&x, |x, path| update(x, rule, path));
        }
    }

    #[test]
    fn the_fused_update_is_the_step_of_the_sum() {
        // More units than one piece of work.
        let dims = [3, 2, 101, 97];
        let x = [normal(1, &dims), normal(2, &dims), normal(3, &dims[1..]), normal(4, &dims)];
        let x: Vec<Tensor> = x.iter().map(|x| x.to_dtype(DType::F32).unwrap()).collect();
        for rule in RULES {
            for n in [3, 4] {
                let terms = LeakyTerms { recurrent: &x[1], bias: &x[2], input: x[..n].get(3) };
                let stepped = leaky_step(&x[0], &terms.sum().unwrap(), rule).unwrap();
                let fused = leaky_update(&x[0], &terms, rule).unwrap();
                assert_eq!(difference(&fused, &stepped), 0.0);
            }
        }
    }

    #[test]
    fn nothing_of_the_past_is_kept_at_alpha_one() {
        let (r, z) = (normal(1, &[2, 3]), normal(2, &[2, 3]));
        for path in PATHS {
            let y = leaky_step_by(path, &r, &z, LeakyRule { alpha: 1.0, slope: 1.0 }).unwrap();
            assert_eq!(difference(&y, &z), 0.0);
        }
    }

    #[test]
    fn extremes_and_corners() {
        let of = |values: &[f64]| Tensor::new(values, &Device::Cpu).unwrap();
        let (r, z) = (of(&[1.0, 1.0, 1.0]), of(&[f64::NEG_INFINITY, 0.0, f64::NAN]));
        for path in PATHS {
            let y = values(&leaky_step_by(path, &r, &z, RULES[0]).unwrap());
            assert!(y[0] == 0.8 && y[1] == 0.8 && y[2].is_nan(), "{path:?}: {y:?}");
        }
        let b = Tensor::zeros((2, 3), DType::F64, &Device::Cpu).unwrap();
        assert!(leaky_step(&r, &b, RULES[0]).is_err());
    }
}
