//! Group normalisation with its scale and shift.

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Device, Layout, Result, Shape, Tensor};

use super::{Operand, Real, by_dtype, each, entries, sum, with_entries};

/// Each of `groups` equal groups of channels of each sample to mean 0 and biased variance 1.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Normalise {
    pub groups: usize,
    pub eps: f64,
}

/// Sizes of the groups of one tensor.
#[derive(Clone, Copy)]
struct Sizes {
    channels: usize,
    group_channels: usize,
    map: usize,
}

impl Sizes {
    fn group(self) -> usize {
        self.group_channels * self.map
    }

    /// First channel of group `i`, counted over all samples.
    fn channel(self, i: usize) -> usize {
        i * self.group_channels % self.channels
    }
}

impl Normalise {
    fn sizes(&self, shape: &Shape) -> Result<Sizes> {
        let (_, channels, h, w) = shape.dims4()?;
        Ok(Sizes { channels, group_channels: channels / self.groups, map: h * w })
    }

    /// Mean and reciprocal deviation.
    fn moments<T: Real>(&self, x: &[T]) -> (T, T) {
        let n = x.len() as f64;
        let mean = T::from_f64(sum(x) / n);
        // The mean is rounded, hence the second term.
        let (mut squares, mut rest) = (0.0, 0.0);
        let mut centred = [T::zero(); 1024];
        for x in x.chunks(centred.len()) {
            let centred = &mut centred[..x.len()];
            centred.iter_mut().zip(x).for_each(|(centred, &x)| *centred = x - mean);
            rest += sum(centred);
            centred.iter_mut().for_each(|x| *x = *x * *x);
            squares += sum(centred);
        }
        let variance = (squares - rest * rest / n) / n;
        (mean, T::from_f64(1.0 / (variance.max(0.0) + self.eps).sqrt()))
    }

    fn compute<T: Real>(
        &self,
        x: Operand<'_>,
        affine: Option<[Operand<'_>; 2]>,
    ) -> Result<(CpuStorage, Shape)> {
        let (shape, sizes) = (x.1.shape().clone(), self.sizes(x.1.shape())?);
        let x = entries::<T>(x)?;
        let affine = match affine {
            Some([weight, bias]) => Some((entries::<T>(weight)?, entries::<T>(bias)?)),
            None => None,
        };
        let mut y = vec![T::zero(); x.len()];
        let groups: Vec<_> = y.chunks_mut(sizes.group()).zip(x.chunks(sizes.group())).enumerate().collect();
        each(groups, x.len() * 4, |(i, (y, x))| {
            let (mean, scale) = self.moments(x);
            for (c, (y, x)) in y.chunks_mut(sizes.map).zip(x.chunks(sizes.map)).enumerate() {
                let channel = sizes.channel(i) + c;
                let (weight, bias) =
                    affine.map_or((T::one(), T::zero()), |(weight, bias)| (weight[channel], bias[channel]));
                let scale = scale * weight;
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - mean) * scale + bias);
            }
        });
        Ok((T::to_cpu_storage_owned(y), shape))
    }

    /// Gradients of the input, the weight and the bias (the last two zero without a weight).
    fn gradients<T: Real>(&self, x: &[T], weight: Option<&[T]>, of: &[T], sizes: Sizes) -> [Vec<T>; 3] {
        let mut gradient = vec![T::zero(); x.len()];
        // Sums of `of` and of `of * normal` per map, then per channel in the order of the samples.
        let mut sums = vec![[0.0; 2]; x.len() / sizes.map];
        let group = sizes.group();
        let groups = gradient
            .chunks_mut(group)
            .zip(x.chunks(group).zip(of.chunks(group)))
            .zip(sums.chunks_mut(sizes.group_channels))
            .enumerate();
        each(groups.collect(), x.len() * 8, |(i, ((gradient, (x, of)), sums))| {
            let (mean, scale) = self.moments(x);
            let weight_of = |c| weight.map_or(T::one(), |weight| weight[sizes.channel(i) + c]);
            let maps = || x.chunks(sizes.map).zip(of.chunks(sizes.map));
            // `gradient` holds the products for the sums before it holds the result.
            let products = gradient.chunks_mut(sizes.map);
            let mut total = [0.0; 2];
            for (c, ((product, (x, of)), sums)) in products.zip(maps()).zip(&mut *sums).enumerate() {
                for ((product, &x), &of) in product.iter_mut().zip(x).zip(of) {
                    *product = of * ((x - mean) * scale);
                }
                *sums = [sum(of), sum(product)];
                let weight = weight_of(c).to_f64();
                total = [total[0] + weight * sums[0], total[1] + weight * sums[1]];
            }
            let n = group as f64;
            let [shift, slope] = total.map(|total| T::from_f64(total / n));
            for (c, (gradient, (x, of))) in gradient.chunks_mut(sizes.map).zip(maps()).enumerate() {
                let weight = weight_of(c);
                for ((gradient, &x), &of) in gradient.iter_mut().zip(x).zip(of) {
                    *gradient = (of * weight - shift - (x - mean) * scale * slope) * scale;
                }
            }
        });
        let mut channels = vec![[0.0; 2]; sizes.channels];
        for (i, sums) in sums.iter().enumerate() {
            let channel = &mut channels[i % sizes.channels];
            *channel = [channel[0] + sums[0], channel[1] + sums[1]];
        }
        let of_bias = channels.iter().map(|sums| T::from_f64(sums[0])).collect();
        let of_weight = channels.iter().map(|sums| T::from_f64(sums[1])).collect();
        [gradient, of_weight, of_bias]
    }
}

impl CustomOp1 for Normalise {
    fn name(&self) -> &'static str {
        "group normalisation"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => self.compute::<T>((x, layout), None))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, of: &Tensor) -> Result<Option<Tensor>> {
        let sizes = self.sizes(x.shape())?;
        let gradient = with_entries([x, of], |[x, of]| {
            by_dtype!(x.0, T => {
                let [gradient, ..] = self.gradients::<T>(entries(x)?, None, entries(of)?, sizes);
                Tensor::from_vec(gradient, x.1.shape(), &Device::Cpu)
            })
        })?;
        Ok(Some(gradient))
    }
}

impl CustomOp3 for Normalise {
    fn name(&self) -> &'static str {
        "affine group normalisation"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        weight: &CpuStorage,
        lweight: &Layout,
        bias: &CpuStorage,
        lbias: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => self.compute::<T>((x, lx), Some([(weight, lweight), (bias, lbias)])))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        _: &Tensor,
        of: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let sizes = self.sizes(x.shape())?;
        let [x, weight, bias] = with_entries([x, weight, of], |[x, weight, of]| {
            by_dtype!(x.0, T => {
                let [of_x, of_weight, of_bias] =
                    self.gradients::<T>(entries(x)?, Some(entries(weight)?), entries(of)?, sizes);
                let channels = sizes.channels;
                Ok([
                    Tensor::from_vec(of_x, x.1.shape(), &Device::Cpu)?,
                    Tensor::from_vec(of_weight, channels, &Device::Cpu)?,
                    Tensor::from_vec(of_bias, channels, &Device::Cpu)?,
                ])
            })
        })?;
        Ok((Some(x), Some(weight), Some(bias)))
    }
}
