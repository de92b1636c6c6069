//! Pointwise nonlinearities, vectorised for the machine at hand.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::entrywise::{mapped, zipped};
use super::{Operand, Real, by_dtype, computed, entries};

/// A nonlinearity with a kernel.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) enum Pointwise {
    Relu,
    Gelu,
    Tanh,
}

impl Pointwise {
    fn compute<T: Real>(self, x: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        let (shape, x) = (x.1.shape().clone(), entries::<T>(x)?);
        let cost = self.cost();
        let y = match self {
            Self::Relu => mapped(x, cost, |x| if x <= T::zero() { T::zero() } else { x }),
            Self::Gelu => mapped(x, cost, T::gelu),
            Self::Tanh => mapped(x, cost, T::tanh),
        };
        Ok((T::to_cpu_storage_owned(y), shape))
    }

    /// `of` times the slope, which relu and tanh know from their result `y`, gelu from `x`.
    fn gradient<T: Real>(self, x: &[T], y: &[T], of: &[T]) -> Vec<T> {
        let cost = self.cost();
        match self {
            Self::Relu => zipped(of, y, cost, |of, y| if y <= T::zero() { T::zero() } else { of }),
            Self::Gelu => zipped(of, x, cost, |of, x| of * T::gelu_slope(x)),
            Self::Tanh => zipped(of, y, cost, |of, y| of * (T::one() - y * y)),
        }
    }

    /// In multiplications per entry.
    fn cost(self) -> usize {
        if matches!(self, Self::Relu) { 4 } else { 32 }
    }
}

impl CustomOp1 for Pointwise {
    fn name(&self) -> &'static str {
        "pointwise nonlinearity"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => self.compute::<T>((x, layout)))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, of: &Tensor) -> Result<Option<Tensor>> {
        computed!([x, y, of] as T, x.shape() => self.gradient::<T>(x, y, of)).map(Some)
    }
}
