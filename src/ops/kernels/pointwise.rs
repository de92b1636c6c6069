//! Pointwise nonlinearities, vectorised for the machine at hand.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

use super::instruction_set::vectorised;
use super::{Operand, Real, by_dtype, each, entries, with_entries};

/// A nonlinearity with a kernel.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) enum Pointwise {
    Relu,
    Gelu,
    Tanh,
}

/// Entries of one piece of work.
const PIECE: usize = 16 * 1024;

impl Pointwise {
    fn compute<T: Real>(self, x: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        let (shape, x) = (x.1.shape().clone(), entries::<T>(x)?);
        let mut y = vec![T::zero(); x.len()];
        let pieces: Vec<_> = y.chunks_mut(PIECE).zip(x.chunks(PIECE)).collect();
        each(pieces, self.cost() * x.len(), |(y, x)| match self {
            Self::Relu => map(y, x, |x| if x <= T::zero() { T::zero() } else { x }),
            Self::Gelu => map(y, x, T::gelu),
            Self::Tanh => map(y, x, T::tanh),
        });
        Ok((T::to_cpu_storage_owned(y), shape))
    }

    /// `of` times the slope, which relu and tanh know from their result `y`, gelu from `x`.
    fn gradient<T: Real>(self, x: &[T], y: &[T], of: &[T]) -> Vec<T> {
        let mut gradient = vec![T::zero(); of.len()];
        let from = if matches!(self, Self::Gelu) { x } else { y };
        let pieces = gradient.chunks_mut(PIECE).zip(of.chunks(PIECE)).zip(from.chunks(PIECE));
        each(pieces.collect(), self.cost() * of.len(), |((gradient, of), from)| match self {
            Self::Relu => zip(gradient, of, from, |of, y| if y <= T::zero() { T::zero() } else { of }),
            Self::Gelu => zip(gradient, of, from, |of, x| of * T::gelu_slope(x)),
            Self::Tanh => zip(gradient, of, from, |of, y| of * (T::one() - y * y)),
        });
        gradient
    }

    /// In multiplications per entry.
    fn cost(self) -> usize {
        if matches!(self, Self::Relu) { 4 } else { 32 }
    }
}

#[inline(always)]
fn map<T: Real>(to: &mut [T], from: &[T], f: impl Fn(T) -> T) {
    vectorised(
        #[inline(always)]
        || to.iter_mut().zip(from).for_each(|(to, &from)| *to = f(from)),
    );
}

#[inline(always)]
fn zip<T: Real>(to: &mut [T], a: &[T], b: &[T], f: impl Fn(T, T) -> T) {
    vectorised(
        #[inline(always)]
        || to.iter_mut().zip(a).zip(b).for_each(|((to, &a), &b)| *to = f(a, b)),
    );
}

impl CustomOp1 for Pointwise {
    fn name(&self) -> &'static str {
        "pointwise nonlinearity"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => self.compute::<T>((x, layout)))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, of: &Tensor) -> Result<Option<Tensor>> {
        let gradient = with_entries([x, y, of], |[x, y, of]| {
            by_dtype!(x.0, T => {
                let gradient = self.gradient::<T>(entries(x)?, entries(y)?, entries(of)?);
                Tensor::from_vec(gradient, x.1.shape(), &Device::Cpu)
            })
        })?;
        Ok(Some(gradient))
    }
}
