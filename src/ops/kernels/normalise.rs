//! Group and batch normalisation with scale and shift.
#![expect(unsafe_code, reason = "results are not cleared before they are written")]

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Device, Layout, Result, Shape, Tensor};

use super::fresh::{Room, paired, written};
use super::instruction_set::vectorised;
use super::{ENTRY, Operand, Real, by_dtype, computed, each, entries, sum, with_entries};

/// Each of `groups` equal groups of channels to mean 0 and biased variance 1, in each sample by
/// itself or over all samples of the batch.
#[derive(Clone, Debug)]
pub(in crate::ops) struct Normalise {
    groups: usize,
    is_over_batch: bool,
    eps: f64,
    /// Mean and reciprocal deviation of every set, which the way forward leaves for the way back.
    found: Arc<OnceLock<Vec<[f64; 2]>>>,
}

/// How entries that share mean and variance lie in one tensor.
///
/// A piece is a group of channels of one sample; a set is one piece, or that of every sample.
#[derive(Clone, Copy)]
struct Sizes {
    channels: usize,
    group_channels: usize,
    map: usize,
    sets: usize,
}

impl Sizes {
    fn piece(self) -> usize {
        self.group_channels * self.map
    }

    /// First channel of all pieces of set `i`.
    fn channel(self, i: usize) -> usize {
        i * self.group_channels % self.channels
    }

    /// The maps of a piece of two tensors, counted.
    fn maps<'a, T>(self, a: &'a [T], b: &'a [T]) -> impl Iterator<Item = (usize, (&'a [T], &'a [T]))> {
        a.chunks(self.map).zip(b.chunks(self.map)).enumerate()
    }

    /// The pieces of every set, in the order of the samples.
    fn gather<P>(self, pieces: impl Iterator<Item = P>) -> Vec<Vec<P>> {
        let mut sets: Vec<Vec<P>> = (0..self.sets).map(|_| Vec::new()).collect();
        for (i, piece) in pieces.enumerate() {
            sets[i % self.sets].push(piece);
        }
        sets
    }
}

/// Mean and biased variance of all entries of `pieces`.
fn moments<'a, T: Real>(pieces: impl Iterator<Item = &'a [T]> + Clone) -> (T, f64) {
    let n = pieces.clone().map(<[T]>::len).sum::<usize>() as f64;
    let mean = T::from_f64(pieces.clone().map(sum).sum::<f64>() / n);
    // The mean is rounded, hence the second term.
    let (mut squares, mut rest) = (0.0, 0.0);
    let mut centred = [T::zero(); 1024];
    for x in pieces.flat_map(|piece| piece.chunks(1024)) {
        let centred = &mut centred[..x.len()];
        vectorised(
            #[inline(always)]
            || {
                centred.iter_mut().zip(x).for_each(|(centred, &x)| *centred = x - mean);
                rest += sum(centred);
                centred.iter_mut().for_each(|x| *x = *x * *x);
                squares += sum(centred);
            },
        );
    }
    (mean, ((squares - rest * rest / n) / n).max(0.0))
}

fn moments_of_sets<T: Real>(x: &[T], sizes: Sizes) -> Result<[Tensor; 2]> {
    let mut found = vec![(T::zero(), T::zero()); sizes.sets];
    let sets = sizes.gather(x.chunks(sizes.piece()));
    each(found.iter_mut().zip(sets).collect(), ENTRY * x.len(), |(found, pieces)| {
        let (mean, variance) = moments(pieces.into_iter());
        *found = (mean, T::from_f64(variance));
    });
    let (means, variances): (Vec<T>, Vec<T>) = found.into_iter().unzip();
    Ok([
        Tensor::from_vec(means, sizes.sets, &Device::Cpu)?,
        Tensor::from_vec(variances, sizes.sets, &Device::Cpu)?,
    ])
}

impl Normalise {
    pub fn new(groups: usize, is_over_batch: bool, eps: f64) -> Self {
        Self { groups, is_over_batch, eps, found: Arc::default() }
    }

    fn sizes(&self, shape: &Shape) -> Result<Sizes> {
        let (batch, channels, h, w) = shape.dims4()?;
        let sets = if self.is_over_batch { self.groups } else { self.groups * batch };
        Ok(Sizes { channels, group_channels: channels / self.groups, map: h * w, sets })
    }

    /// Mean and biased variance of every set.
    pub fn moments(&self, x: &Tensor) -> Result<[Tensor; 2]> {
        let sizes = self.sizes(x.shape())?;
        with_entries([x], |[x]| by_dtype!(x.0, T => moments_of_sets::<T>(entries(x)?, sizes)))
    }

    /// Mean and reciprocal deviation.
    fn mean_and_scale<'a, T: Real>(&self, pieces: impl Iterator<Item = &'a [T]> + Clone) -> [f64; 2] {
        let (mean, variance) = moments(pieces);
        [mean.to_f64(), 1.0 / (variance + self.eps).sqrt()]
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
        let of_channel = |channel: usize| {
            affine.map_or((T::one(), T::zero()), |(weight, bias)| (weight[channel], bias[channel]))
        };
        let mut found = vec![[0.0; 2]; sizes.sets];
        // SAFETY: every piece belongs to one set, and those of the result and of `x` have the same lengths.
        let y = unsafe {
            written(x.len(), |y| {
                let sets = sizes.gather(y.chunks_mut(sizes.piece()).zip(x.chunks(sizes.piece())));
                let sets: Vec<_> = found.iter_mut().zip(sets).enumerate().collect();
                each(sets, 2 * ENTRY * x.len(), |(i, (found, pieces))| {
                    *found = self.mean_and_scale(pieces.iter().map(|(_, x)| *x));
                    let [mean, scale] = found.map(T::from_f64);
                    for (y, x) in pieces {
                        for (c, (y, x)) in y.chunks_mut(sizes.map).zip(x.chunks(sizes.map)).enumerate() {
                            let (weight, bias) = of_channel(sizes.channel(i) + c);
                            let scale = scale * weight;
                            let entries = y.iter_mut().zip(x);
                            vectorised(
                                #[inline(always)]
                                || entries.for_each(|(y, &x)| _ = y.write((x - mean) * scale + bias)),
                            );
                        }
                    }
                });
            })
        };
        self.found.get_or_init(|| found);
        Ok((T::to_cpu_storage_owned(y), shape))
    }

    /// Gradients of the input, the weight and the bias (the last two zero without a weight).
    fn gradients<T: Real>(&self, x: &[T], weight: Option<&[T]>, of: &[T], sizes: Sizes) -> [Vec<T>; 3] {
        // Sums of `of` and of `of * normal` per map, then per channel in the order of the samples.
        let mut sums = vec![[0.0; 2]; x.len() / sizes.map];
        // SAFETY: every piece belongs to one set, which writes all of it.
        let gradient = unsafe {
            written(x.len(), |gradient| self.write_gradient(x, weight, of, sizes, (gradient, &mut sums)))
        };
        let mut channels = vec![[0.0; 2]; sizes.channels];
        for (i, sums) in sums.iter().enumerate() {
            let channel = &mut channels[i % sizes.channels];
            *channel = [channel[0] + sums[0], channel[1] + sums[1]];
        }
        let of_bias = channels.iter().map(|sums| T::from_f64(sums[0])).collect();
        let of_weight = channels.iter().map(|sums| T::from_f64(sums[1])).collect();
        [gradient, of_weight, of_bias]
    }

    /// Writes the gradient of the input, and of each map the sums of `of` and of `of * normal`.
    fn write_gradient<T: Real>(
        &self,
        x: &[T],
        weight: Option<&[T]>,
        of: &[T],
        sizes: Sizes,
        (gradient, sums): (&mut [Room<T>], &mut [[f64; 2]]),
    ) {
        let (piece, found) = (sizes.piece(), self.found.get());
        let pieces = gradient
            .chunks_mut(piece)
            .zip(x.chunks(piece).zip(of.chunks(piece)))
            .zip(sums.chunks_mut(sizes.group_channels));
        let sets: Vec<_> = sizes.gather(pieces).into_iter().enumerate().collect();
        each(sets, 4 * ENTRY * x.len(), |(i, mut pieces)| {
            let anew = || self.mean_and_scale(pieces.iter().map(|((_, (x, _)), _)| *x));
            let [mean, scale] = found.map_or_else(anew, |found| found[i]).map(T::from_f64);
            let weight_of = |c| weight.map_or(T::one(), |weight| weight[sizes.channel(i) + c]);
            // `gradient` holds the products for the sums before it holds the result.
            let mut total = [0.0; 2];
            for ((gradient, (x, of)), sums) in &mut pieces {
                let products = gradient.chunks_mut(sizes.map).zip(sums.iter_mut());
                for ((c, (x, of)), (product, sums)) in sizes.maps(x, of).zip(products) {
                    vectorised(
                        #[inline(always)]
                        || {
                            let products = paired(product, x, of, |x, of| of * ((x - mean) * scale));
                            *sums = [sum(of), sum(products)];
                        },
                    );
                    let weight = weight_of(c).to_f64();
                    total = [total[0] + weight * sums[0], total[1] + weight * sums[1]];
                }
            }
            let n = (piece * pieces.len()) as f64;
            let [shift, slope] = total.map(|total| T::from_f64(total / n));
            for ((gradient, (x, of)), _) in pieces {
                for ((c, (x, of)), gradient) in sizes.maps(x, of).zip(gradient.chunks_mut(sizes.map)) {
                    let weight = weight_of(c);
                    vectorised(
                        #[inline(always)]
                        || {
                            for ((gradient, &x), &of) in gradient.iter_mut().zip(x).zip(of) {
                                gradient.write((of * weight - shift - (x - mean) * scale * slope) * scale);
                            }
                        },
                    );
                }
            }
        });
    }
}

impl CustomOp1 for Normalise {
    fn name(&self) -> &'static str {
        "normalisation"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        by_dtype!(x, T => self.compute::<T>((x, layout), None))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, of: &Tensor) -> Result<Option<Tensor>> {
        let sizes = self.sizes(x.shape())?;
        let gradient = computed!([x, of] as T, x.shape() => {
            let [of_x, ..] = self.gradients::<T>(x, None, of, sizes);
            of_x
        });
        gradient.map(Some)
    }
}

impl CustomOp3 for Normalise {
    fn name(&self) -> &'static str {
        "affine normalisation"
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
