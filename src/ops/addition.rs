//! Sums of two maps, rectified before they are summed or not.

use candle_core::Tensor;

use super::kernels::addition::Sum;
use super::workspace::Path;
use super::{Activation, activate};
use crate::error::{Error, Result};

/// `a + b`.
///
/// # Errors
/// [`Error::Shape`] if the shapes differ.
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    sum_by(Path::Auto, a, b, Sum::Plain)
}

/// `max(a, 0) + b`, or with `both` `max(a, 0) + max(b, 0)`; the slope of the maximum at 0 is 0.
///
/// # Errors
/// [`Error::Shape`] if the shapes differ.
pub fn add_rectified(a: &Tensor, b: &Tensor, both: bool) -> Result<Tensor> {
    sum_by(Path::Auto, a, b, if both { Sum::BothRectified } else { Sum::FirstRectified })
}

pub(super) fn sum_by(path: Path, a: &Tensor, b: &Tensor, sum: Sum) -> Result<Tensor> {
    if a.dims() != b.dims() {
        return Err(Error::shape("second summand", a.dims(), b.dims()));
    }
    if path.takes_kernel(a)? {
        return Ok(a.contiguous()?.apply_op2(&b.contiguous()?, sum)?);
    }
    let rectified = |x: &Tensor, is_rectified: bool| match is_rectified {
        true => activate(x, Activation::Relu),
        false => Ok(x.clone()),
    };
    let a = rectified(a, !matches!(sum, Sum::Plain))?;
    Ok((a + rectified(b, matches!(sum, Sum::BothRectified))?)?)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{PATHS, check_gradients, check_paths, normal};
    use super::*;

    #[test]
    fn gradients_agree_with_differences_on_both_paths() {
        let x = [normal(1, &[2, 3, 4, 3]), normal(2, &[2, 3, 4, 3])];
        for sum in [Sum::Plain, Sum::FirstRectified, Sum::BothRectified] {
            for path in PATHS {
                check_gradients(&x, |x| sum_by(path, &x[0], &x[1], sum));
            }
            check_paths(&x, |x, path| sum_by(path, &x[0], &x[1], sum));
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        let (a, b) = (normal(1, &[3]), normal(2, &[2, 3]));
        assert!(add_rectified(&a, &b, true).is_err() && add(&a, &b).is_err());
    }
}
