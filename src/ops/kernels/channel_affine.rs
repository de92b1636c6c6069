//! Every channel times a number, plus a number.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor};

use super::fresh::{paired, written};
use super::instruction_set::vectorised;
use super::{ENTRY, Operand, Real, by_dtype, each, entries, sum, with_entries};

/// `x * scale + shift` for maps `[batch, channels, h, w]`, scale and shift `[channels]`.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct ChannelAffine;

fn compute<T: Real>(x: Operand<'_>, scale: Operand<'_>, shift: Operand<'_>) -> Result<(CpuStorage, Shape)> {
    let shape = x.1.shape().clone();
    let (_, channels, h, w) = shape.dims4()?;
    let (x, scale, shift) = (entries::<T>(x)?, entries::<T>(scale)?, entries::<T>(shift)?);
    // SAFETY: maps of the result and of `x` have the same lengths.
    let y = unsafe {
        written(x.len(), |y| {
            let maps = y.chunks_mut(h * w).zip(x.chunks(h * w)).enumerate();
            each(maps.collect(), ENTRY * x.len(), |(i, (y, x))| {
                let (scale, shift) = (scale[i % channels], shift[i % channels]);
                vectorised(
                    #[inline(always)]
                    || y.iter_mut().zip(x).for_each(|(y, &x)| _ = y.write(x * scale + shift)),
                );
            });
        })
    };
    Ok((T::to_cpu_storage_owned(y), shape))
}

/// Gradients of the input, the scale and the shift.
fn gradients<T: Real>(x: &[T], scale: &[T], of: &[T], map: usize) -> [Vec<T>; 3] {
    let channels = scale.len();
    // Sums of `of * x` and of `of` per map.
    let mut sums = vec![[0.0; 2]; x.len() / map];
    // SAFETY: maps of the result, of `x` and of `of` have the same lengths.
    let gradient = unsafe {
        written(x.len(), |gradient| {
            let maps = gradient.chunks_mut(map).zip(x.chunks(map).zip(of.chunks(map)));
            let maps = maps.zip(&mut sums).enumerate().collect();
            each(maps, 2 * ENTRY * x.len(), |(i, ((gradient, (x, of)), sums))| {
                let scale = scale[i % channels];
                vectorised(
                    #[inline(always)]
                    || {
                        let gradient = paired(gradient, x, of, |x, of| of * x);
                        *sums = [sum(gradient), sum(of)];
                        gradient.iter_mut().zip(of).for_each(|(gradient, &of)| *gradient = of * scale);
                    },
                );
            });
        })
    };
    let mut of_channels = vec![[0.0; 2]; channels];
    for (i, [slope, offset]) in sums.into_iter().enumerate() {
        let [a, b] = &mut of_channels[i % channels];
        (*a, *b) = (*a + slope, *b + offset);
    }
    let of_scale = of_channels.iter().map(|sums| T::from_f64(sums[0])).collect();
    let of_shift = of_channels.iter().map(|sums| T::from_f64(sums[1])).collect();
    [gradient, of_scale, of_shift]
}

impl CustomOp3 for ChannelAffine {
    fn name(&self) -> &'static str {
        "affine map of channels"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        scale: &CpuStorage,
        lscale: &Layout,
        shift: &CpuStorage,
        lshift: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => compute::<T>((x, lx), (scale, lscale), (shift, lshift)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        _: &Tensor,
        _: &Tensor,
        of: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (_, channels, h, w) = x.dims4()?;
        let [x, scale, shift] = with_entries([x, scale, of], |[x, scale, of]| {
            by_dtype!(x.0, T => {
                let [of_x, of_scale, of_shift] =
                    gradients::<T>(entries(x)?, entries(scale)?, entries(of)?, h * w);
                Ok([
                    Tensor::from_vec(of_x, x.1.shape(), &Device::Cpu)?,
                    Tensor::from_vec(of_scale, channels, &Device::Cpu)?,
                    Tensor::from_vec(of_shift, channels, &Device::Cpu)?,
                ])
            })
        })?;
        Ok((Some(x), Some(scale), Some(shift)))
    }
}
