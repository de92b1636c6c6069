//! The custom operations of convolution and transposed convolution.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Device, Layout, Result, Shape, Tensor};

use super::geometry::Geometry;
use super::product::{Kernels, forward, pack_forward, pack_transposed, transposed};
use super::scratch::Scratch;
use super::weight_gradient::{channel_sums, weight_gradient};
use super::{Gradients, Operand, Real, by_dtype, entries, operation_on_two, winograd, with_entries};
use crate::ops::leaves::collect;

/// Which of the three products of a convolution an operation computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Product {
    /// `x` and weight to `y`.
    Forward,
    /// The same by tiles, from panels that [`pack`] made; it has no gradient of its own.
    Tiled,
    /// `y` and weight to `x`: the gradient of the input, and the transposed convolution.
    Transposed,
    /// `x` and `y` to weight; it has no gradient of its own.
    Weight,
}

/// One product of a convolution, on two tensors or three with a bias.
#[derive(Clone, Debug)]
pub(in crate::ops) struct Convolution {
    pub geometry: Geometry,
    pub product: Product,
    /// Whether the weight comes as [`pack`] made it rather than in its own shape.
    pub is_packed: bool,
    pub scratch: Arc<Scratch>,
}

impl Convolution {
    fn compute<T: Real>(&self, a: Operand<'_>, b: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        self.compute_biased::<T>(a, b, None)
    }

    fn compute_biased<T: Real>(
        &self,
        a: Operand<'_>,
        b: Operand<'_>,
        bias: Option<Operand<'_>>,
    ) -> Result<(CpuStorage, Shape)> {
        let (a, b) = (entries::<T>(a)?, entries::<T>(b)?);
        let bias = bias.map(entries::<T>).transpose()?;
        let (g, row) = (&self.geometry, &self.geometry.in_one_row());
        let (result, shape): (Vec<T>, Shape) = match self.product {
            Product::Forward => {
                let y = forward(row, a, self.kernels(b), bias, &self.scratch);
                (y, (g.batch, g.out, g.oh, g.ow).into())
            }
            Product::Tiled => {
                (winograd::forward(g, a, b, bias, &self.scratch), (g.batch, g.out, g.oh, g.ow).into())
            }
            Product::Transposed => {
                let x = transposed(row, a, self.kernels(b), bias, &self.scratch);
                (x, (g.batch, g.channels, g.h, g.w).into())
            }
            Product::Weight => {
                (weight_gradient(row, a, b, &self.scratch), (g.out, g.group_channels(), g.kh, g.kw).into())
            }
        };
        Ok((T::to_cpu_storage_owned(result), shape))
    }

    fn kernels<'a, T>(&self, weight: &'a [T]) -> Kernels<'a, T> {
        if self.is_packed { Kernels::Packed(weight) } else { Kernels::Plain(weight) }
    }

    /// `product` of `a` and `b`, outside any graph.
    fn product(&self, product: Product, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let operation = Self { product, is_packed: false, ..self.clone() };
        a.contiguous()?.apply_op2_no_bwd(&b.contiguous()?, &operation)
    }

    /// Gradients of the map and of the weight, where something asks for them.
    fn gradients(&self, map: &Tensor, weight: &Tensor, of: &Tensor) -> Gradients {
        let transposed = self.product == Product::Transposed;
        let of_map = if transposed { Product::Forward } else { Product::Transposed };
        let (x, y) = if transposed { (of, map) } else { (map, of) };
        let of_weight = weight.track_op().then(|| self.product(Product::Weight, x, y)).transpose()?;
        Ok((
            map.track_op().then(|| self.product(of_map, of, weight)).transpose()?,
            of_weight.map(|gradient| collect(weight, gradient)).transpose()?.flatten(),
        ))
    }
}

/// The panels of a contiguous weight, `[entries]`, for a convolution like this one.
pub(in crate::ops) fn pack(weight: &Tensor, geometry: &Geometry, product: Product) -> Result<Tensor> {
    with_entries([weight], |[weight]| {
        by_dtype!(weight.0, T => {
            let weight = entries::<T>(weight)?;
            let panels = match product {
                Product::Forward => pack_forward(geometry, weight),
                Product::Tiled => winograd::pack(geometry, weight),
                Product::Transposed | Product::Weight => pack_transposed(geometry, weight),
            };
            let n = panels.len();
            Tensor::from_vec(panels, n, &Device::Cpu)
        })
    })
}

operation_on_two!(Convolution, "convolution");

impl CustomOp3 for Convolution {
    fn name(&self) -> &'static str {
        "convolution with bias"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        la: &Layout,
        b: &CpuStorage,
        lb: &Layout,
        bias: &CpuStorage,
        lbias: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        by_dtype!(a, T => self.compute_biased::<T>((a, la), (b, lb), Some((bias, lbias))))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        of: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (of_a, of_b) = self.gradients(a, b, of)?;
        let of_bias = || of.contiguous()?.apply_op1_no_bwd(&ChannelSums);
        Ok((of_a, of_b, bias.track_op().then(of_bias).transpose()?))
    }
}

/// Sum of each channel over batch and map: the gradient of a bias.
pub(in crate::ops) struct ChannelSums;

impl ChannelSums {
    fn compute<T: Real>(operand: Operand<'_>) -> Result<(CpuStorage, Shape)> {
        let (_, channels, h, w) = operand.1.shape().dims4()?;
        let sums = channel_sums(entries::<T>(operand)?, channels, h * w);
        Ok((T::to_cpu_storage_owned(sums), channels.into()))
    }
}

impl CustomOp1 for ChannelSums {
    fn name(&self) -> &'static str {
        "channel sums"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => Self::compute::<T>((x, layout)))
    }
}
