//! Gates that let entries through or not, in one pass over memory.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType};

use super::entrywise::{mapped, zipped};
use super::{Gradients, Operand, Real, by_dtype, entries, operation_on_two};

/// 1 where `x` is above 0, else 0; without a gradient.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Positive;

#[inline(always)]
fn positive<T: Real>(x: T) -> T {
    if x > T::zero() { T::one() } else { T::zero() }
}

#[inline(always)]
fn rectified<T: Real>(x: T) -> T {
    if x <= T::zero() { T::zero() } else { x }
}

impl CustomOp1 for Positive {
    fn name(&self) -> &'static str {
        "positive"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => {
            let y = mapped(entries::<T>((x, layout))?, 1, positive);
            Ok((T::to_cpu_storage_owned(y), layout.shape().clone()))
        })
    }
}

/// How the second operand lets the first through.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) enum Gate {
    /// Where it is above 0; it gets no gradient.
    WherePositive,
    /// As a factor of the first one's positive part.
    Rectified,
    /// The slope of the latter; it has no gradient of its own.
    Slope,
}

impl Gate {
    fn compute<T: Real>(self, x: Operand<'_>, gate: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        let shape = x.1.shape().clone();
        let (x, gate) = (entries::<T>(x)?, entries::<T>(gate)?);
        let y = match self {
            Self::WherePositive => zipped(x, gate, 2, |x, gate| x * positive(gate)),
            Self::Rectified => zipped(x, gate, 2, |x, gate| rectified(x) * gate),
            Self::Slope => zipped(x, gate, 2, |x, gate| if x <= T::zero() { T::zero() } else { gate }),
        };
        Ok((T::to_cpu_storage_owned(y), shape))
    }

    fn gradients(self, x: &Tensor, gate: &Tensor, of: &Tensor) -> Gradients {
        let of = of.contiguous()?;
        let of_x = || match self {
            Self::Rectified => &of * x.apply_op2_no_bwd(gate, &Self::Slope)?,
            Self::WherePositive | Self::Slope => of.apply_op2_no_bwd(gate, &Self::WherePositive),
        };
        let of_gate = || x.apply_op2_no_bwd(&of, &Self::Rectified);
        let has_two = matches!(self, Self::Rectified) && gate.track_op();
        Ok((x.track_op().then(of_x).transpose()?, has_two.then(of_gate).transpose()?))
    }
}

operation_on_two!(Gate, "gate");
