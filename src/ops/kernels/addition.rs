//! Sums of two maps, of which some are rectified.

use candle_core::{CpuStorage, Result, Shape, Tensor};

use super::entrywise::zipped;
use super::{Gradients, Operand, Real, computed, entries, operation_on_two};

/// `a + b`, of which none, the first or both are rectified.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) enum Sum {
    Plain,
    FirstRectified,
    BothRectified,
}

#[inline(always)]
fn rectified<T: Real>(x: T) -> T {
    if x <= T::zero() { T::zero() } else { x }
}

impl Sum {
    fn compute<T: Real>(self, a: Operand<'_>, b: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        let shape = a.1.shape().clone();
        let (a, b) = (entries::<T>(a)?, entries::<T>(b)?);
        let y = match self {
            Self::Plain => zipped(a, b, 1, |a, b| a + b),
            Self::FirstRectified => zipped(a, b, 4, |a, b| rectified(a) + b),
            Self::BothRectified => zipped(a, b, 4, |a, b| rectified(a) + rectified(b)),
        };
        Ok((T::to_cpu_storage_owned(y), shape))
    }

    fn gradients(self, a: &Tensor, b: &Tensor, of: &Tensor) -> Gradients {
        let back = |x: &Tensor, is_rectified: bool| {
            let of_x = || if is_rectified { passed_back(x, of) } else { Ok(of.clone()) };
            x.track_op().then(of_x).transpose()
        };
        Ok((back(a, !matches!(self, Self::Plain))?, back(b, matches!(self, Self::BothRectified))?))
    }
}

fn passed<T: Real>(x: &[T], of: &[T]) -> Vec<T> {
    zipped(of, x, 4, |of, x| if x <= T::zero() { T::zero() } else { of })
}

/// `of` where `x` is above 0.
fn passed_back(x: &Tensor, of: &Tensor) -> Result<Tensor> {
    computed!([x, of] as T, x.shape() => passed::<T>(x, of))
}

operation_on_two!(Sum, "sum of rates");
