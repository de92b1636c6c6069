//! The custom operation of an affine map's product.

use candle_core::{CpuStorage, Result, Shape, Tensor};

use super::matrix::{Entries, dots, product};
use super::{Gradients, Operand, Real, entries, operation_on_two};
use crate::ops::leaves::collect;

/// Which product an operation computes; `x` is `[rows, in]`, `y` `[rows, out]`, the weight `[out, in]`.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) enum LinearMap {
    /// `x` and weight to `y`.
    Forward,
    /// `y` and weight to `x`.
    Transposed,
    /// `y` and `x` to weight; it has no gradient of its own.
    Weight,
}

impl LinearMap {
    fn compute<T: Real>(self, a: Operand<'_>, b: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        let ((m, k), (l, n)) = (a.1.shape().dims2()?, b.1.shape().dims2()?);
        let (a, b) = (entries::<T>(a)?, entries::<T>(b)?);
        let shape = match self {
            Self::Forward => (m, l),
            Self::Transposed => (m, n),
            Self::Weight => (k, n),
        };
        let mut to = vec![T::zero(); shape.0 * shape.1];
        match self {
            Self::Forward => dots(a, b, (m, l, k), &mut to),
            Self::Transposed => {
                product(Entries { data: a, row_stride: k, column_stride: 1 }, b, (m, n, k), &mut to);
            }
            Self::Weight => {
                product(Entries { data: a, row_stride: 1, column_stride: k }, b, (k, n, m), &mut to);
            }
        }
        Ok((T::to_cpu_storage_owned(to), shape.into()))
    }

    fn gradients(self, rows: &Tensor, weight: &Tensor, of: &Tensor) -> Gradients {
        let of = &of.contiguous()?;
        let (back, x, y) = match self {
            Self::Transposed => (Self::Forward, of, rows),
            Self::Forward | Self::Weight => (Self::Transposed, rows, of),
        };
        let of_rows = || of.apply_op2_no_bwd(weight, &back);
        let of_weight = || y.apply_op2_no_bwd(x, &Self::Weight);
        let of_rows = rows.track_op().then(of_rows).transpose()?;
        let of_weight = weight.track_op().then(of_weight).transpose()?;
        Ok((of_rows, of_weight.map(|gradient| collect(weight, gradient)).transpose()?.flatten()))
    }
}

operation_on_two!(LinearMap, "linear map");
