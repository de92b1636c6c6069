//! Group, instance and batch normalisation.

use candle_core::{D, Tensor};

use super::kernels;
use super::kernels::channel_affine::ChannelAffine;
use super::kernels::normalise::Normalise;
use super::workspace::Path;
use crate::error::{Error, Result};
use crate::weights::Weight;

/// Mean and biased variance per channel, `[channels]` each.
#[derive(Clone, Debug)]
pub struct Moments {
    pub mean: Tensor,
    pub variance: Tensor,
}

/// What batch normalisation subtracts and divides by.
#[derive(Clone, Copy, Debug)]
pub enum BatchStatistics<'a> {
    /// Those of the present batch.
    Current,
    /// Stored running values, `[channels]` each.
    Stored { mean: &'a Tensor, variance: &'a Tensor },
}

/// Each sample's channels in `groups` equal groups, each group to mean 0 and biased variance 1,
/// then `weight` and `bias` `[channels]`. One group is what PyTorch's `GroupNorm(1, C)` does.
///
/// # Errors
/// [`Error::Shape`] if the channels cannot be divided or the parameters do not fit.
pub fn group_norm(
    x: &Tensor,
    groups: usize,
    weight: Option<&Weight>,
    bias: Option<&Weight>,
    eps: f64,
) -> Result<Tensor> {
    group_norm_by(Path::Auto, x, groups, weight, bias, eps)
}

pub(super) fn group_norm_by(
    path: Path,
    x: &Tensor,
    groups: usize,
    weight: Option<&Weight>,
    bias: Option<&Weight>,
    eps: f64,
) -> Result<Tensor> {
    let (batch, channels, _, _) = checked(x, weight, bias)?;
    if groups == 0 || channels % groups != 0 {
        return Err(Error::shape("input of group normalisation", format!("{groups} equal groups"), x.dims()));
    }
    if path.takes_kernel(x)? {
        return normalise(Normalise::new(groups, false, eps), x, weight, bias);
    }
    let sets = x.reshape((batch, groups, ()))?;
    let normal = standardised(&sets, eps)?.reshape(x.dims())?;
    affine(path, normal, weight, bias)
}

/// Each channel of each sample to mean 0 and biased variance 1, then `weight` and `bias`.
///
/// # Errors
/// As [`group_norm`].
pub fn instance_norm(x: &Tensor, weight: Option<&Weight>, bias: Option<&Weight>, eps: f64) -> Result<Tensor> {
    let (_, channels, _, _) = checked(x, weight, bias)?;
    group_norm(x, channels, weight, bias, eps)
}

/// Each channel to mean 0 and biased variance 1 over the batch, or by stored statistics.
///
/// # Errors
/// [`Error::Shape`] if statistics or parameters do not fit.
pub fn batch_norm(
    x: &Tensor,
    statistics: BatchStatistics<'_>,
    weight: Option<&Weight>,
    bias: Option<&Weight>,
    eps: f64,
) -> Result<Tensor> {
    batch_norm_by(Path::Auto, x, statistics, weight, bias, eps)
}

pub(super) fn batch_norm_by(
    path: Path,
    x: &Tensor,
    statistics: BatchStatistics<'_>,
    weight: Option<&Weight>,
    bias: Option<&Weight>,
    eps: f64,
) -> Result<Tensor> {
    let (batch, channels, h, w) = checked(x, weight, bias)?;
    match statistics {
        BatchStatistics::Current if path.takes_kernel(x)? => {
            normalise(Normalise::new(channels, true, eps), x, weight, bias)
        }
        BatchStatistics::Current => {
            let sets = x.transpose(0, 1)?.reshape((channels, batch * h * w))?;
            let normal = standardised(&sets, eps)?.reshape((channels, batch, h, w))?.transpose(0, 1)?;
            affine(path, normal.contiguous()?, weight, bias)
        }
        BatchStatistics::Stored { mean, variance } => {
            for stored in [mean, variance] {
                if stored.dims() != [channels] {
                    return Err(Error::shape("running statistics", [channels], stored.dims()));
                }
            }
            let deviation = (variance + eps)?.sqrt()?;
            let scale = match weight {
                Some(weight) => weight.tensor().div(&deviation)?,
                None => deviation.recip()?,
            };
            let shift = (mean * &scale)?;
            let shift = match bias {
                Some(bias) => bias.tensor().sub(&shift)?,
                None => shift.neg()?,
            };
            channel_affine(path, x, &scale, &shift)
        }
    }
}

/// Mean and biased variance of each channel over the batch, outside any graph.
///
/// # Errors
/// [`Error::Shape`] unless `x` is a non-empty map.
pub fn batch_moments(x: &Tensor) -> Result<Moments> {
    let (batch, channels, h, w) = checked(x, None, None)?;
    if kernels::serve(x) {
        let [mean, variance] = Normalise::new(channels, true, 0.0).moments(x)?;
        return Ok(Moments { mean, variance });
    }
    let sets = x.detach().transpose(0, 1)?.reshape((channels, batch * h * w))?;
    let mean = sets.mean_keepdim(1)?;
    let variance = sets.broadcast_sub(&mean)?.sqr()?.mean(1)?;
    Ok(Moments { mean: mean.squeeze(1)?, variance })
}

/// Mean and biased variance of each channel of each sample, averaged over the samples.
///
/// # Errors
/// [`Error::Shape`] unless `x` is a non-empty map.
pub fn instance_moments(x: &Tensor) -> Result<Moments> {
    let (batch, channels, ..) = checked(x, None, None)?;
    if kernels::serve(x) {
        let sets = Normalise::new(channels, false, 0.0).moments(x)?;
        let [mean, variance] = sets.map(|of_maps| of_maps.reshape((batch, channels))?.mean(0));
        return Ok(Moments { mean: mean?, variance: variance? });
    }
    let sets = x.detach().flatten_from(2)?;
    let mean = sets.mean_keepdim(2)?;
    let variance = sets.broadcast_sub(&mean)?.sqr()?.mean(2)?;
    Ok(Moments { mean: mean.squeeze(2)?.mean(0)?, variance: variance.mean(0)? })
}

/// Along the last axis.
fn standardised(sets: &Tensor, eps: f64) -> Result<Tensor> {
    let centred = sets.broadcast_sub(&sets.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    Ok(centred.broadcast_div(&(variance + eps)?.sqrt()?)?)
}

fn normalise(
    kernel: Normalise,
    x: &Tensor,
    weight: Option<&Weight>,
    bias: Option<&Weight>,
) -> Result<Tensor> {
    let x = x.contiguous()?;
    match (weight, bias) {
        (Some(weight), Some(bias)) => {
            Ok(x.apply_op3(&weight.tensor().contiguous()?, &bias.tensor().contiguous()?, kernel)?)
        }
        _ => affine(Path::Kernel, x.apply_op1(kernel)?, weight, bias),
    }
}

fn affine(path: Path, x: Tensor, weight: Option<&Weight>, bias: Option<&Weight>) -> Result<Tensor> {
    match (weight, bias) {
        (Some(weight), Some(bias)) => channel_affine(path, &x, weight.tensor(), bias.tensor()),
        (Some(weight), None) => Ok(x.broadcast_mul(&per_channel(weight.tensor())?)?),
        (None, Some(bias)) => Ok(x.broadcast_add(&per_channel(bias.tensor())?)?),
        (None, None) => Ok(x),
    }
}

/// `x * scale + shift`, one number of each per channel.
fn channel_affine(path: Path, x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
    if path.takes_kernel(x)? {
        return Ok(x.contiguous()?.apply_op3(&scale.contiguous()?, &shift.contiguous()?, ChannelAffine)?);
    }
    Ok(x.broadcast_mul(&per_channel(scale)?)?.broadcast_add(&per_channel(shift)?)?)
}

fn per_channel(values: &Tensor) -> Result<Tensor> {
    Ok(values.reshape((1, (), 1, 1))?)
}

fn checked(
    x: &Tensor,
    weight: Option<&Weight>,
    bias: Option<&Weight>,
) -> Result<(usize, usize, usize, usize)> {
    let &[batch, channels, h, w] = x.dims() else {
        return Err(Error::shape("input of normalisation", "[batch, channels, height, width]", x.dims()));
    };
    if x.elem_count() == 0 {
        return Err(Error::shape("input of normalisation", "at least one entry", x.dims()));
    }
    for parameter in [weight, bias].into_iter().flatten() {
        if parameter.dims() != [channels] {
            return Err(Error::shape("parameter of normalisation", [channels], parameter.dims()));
        }
    }
    Ok((batch, channels, h, w))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{PATHS, check_gradients, check_paths, difference, normal, values, weight};
    use super::*;

    const EPS: f64 = 1e-5;

    fn group(inputs: &[Tensor], groups: usize, path: Path) -> Result<Tensor> {
        let (w, b) = (inputs.get(1).map(weight), inputs.get(2).map(weight));
        group_norm_by(path, &inputs[0], groups, w.as_ref(), b.as_ref(), EPS)
    }

    fn batch(inputs: &[Tensor], path: Path) -> Result<Tensor> {
        let (w, b) = (inputs.get(1).map(weight), inputs.get(2).map(weight));
        batch_norm_by(path, &inputs[0], BatchStatistics::Current, w.as_ref(), b.as_ref(), EPS)
    }

    #[test]
    fn gradients_agree_with_differences_on_both_paths() {
        for (dims, groups) in [([2, 4, 3, 2], 1), ([1, 6, 2, 3], 3), ([2, 3, 4, 1], 3), ([3, 2, 1, 1], 1)] {
            let inputs = [normal(1, &dims), normal(2, &[dims[1]]), normal(3, &[dims[1]])];
            for n in 1..=3 {
                for path in PATHS {
                    check_gradients(&inputs[..n], |inputs| group(inputs, groups, path));
                    check_gradients(&inputs[..n], |inputs| batch(inputs, path));
                }
                check_paths(&inputs[..n], |inputs, path| group(inputs, groups, path));
                check_paths(&inputs[..n], batch);
            }
        }
        let big = [normal(1, &[2, 8, 40, 37]), normal(2, &[8]), normal(3, &[8])];
        check_paths(&big, |inputs, path| group(inputs, 2, path));
    }

    #[test]
    fn stored_statistics_are_used_and_differentiated_through() {
        let inputs = [normal(1, &[2, 3, 2, 2]), normal(2, &[3]), normal(3, &[3])];
        let (mean, variance) = (normal(4, &[3]), normal(5, &[3]).sqr().unwrap());
        check_gradients(&inputs, |inputs| {
            let statistics = BatchStatistics::Stored { mean: &mean, variance: &variance };
            batch_norm(&inputs[0], statistics, Some(&weight(&inputs[1])), Some(&weight(&inputs[2])), EPS)
        });
        let moments = batch_moments(&inputs[0]).unwrap();
        let statistics = BatchStatistics::Stored { mean: &moments.mean, variance: &moments.variance };
        let stored = batch_norm(&inputs[0], statistics, None, None, EPS).unwrap();
        assert!(difference(&stored, &batch(&inputs[..1], Path::Auto).unwrap()) < 1e-12);
    }

    #[test]
    fn a_large_mean_does_not_drown_the_variance() {
        let x = (normal(1, &[1, 2, 30, 30]) + 3000.0).unwrap();
        let exact = group(std::slice::from_ref(&x), 1, Path::Composite).unwrap();
        let single = x.to_dtype(candle_core::DType::F32).unwrap();
        let found = group(&[single], 1, Path::Kernel).unwrap();
        // The entries themselves are only given to 2e-4.
        assert!(difference(&exact, &found) < 1e-3);
    }

    #[test]
    fn moments_by_hand() {
        let x =
            Tensor::from_vec(vec![1f64, 3., 0., 0., 5., 7., 0., 2.], (2, 2, 1, 2), &candle_core::Device::Cpu);
        let x = x.unwrap();
        let batch = batch_moments(&x).unwrap();
        assert_eq!((values(&batch.mean), values(&batch.variance)), (vec![4.0, 0.5], vec![5.0, 0.75]));
        let instance = instance_moments(&x).unwrap();
        assert_eq!((values(&instance.mean), values(&instance.variance)), (vec![4.0, 0.5], vec![1.0, 0.5]));
    }

    #[test]
    fn wrong_shapes_are_refused() {
        let x = normal(1, &[1, 3, 2, 2]);
        assert!(group_norm(&x, 2, None, None, EPS).is_err() && group_norm(&x, 0, None, None, EPS).is_err());
        let wrong = weight(&normal(1, &[2]));
        assert!(instance_norm(&x, Some(&wrong), None, EPS).is_err());
        let stored = BatchStatistics::Stored { mean: wrong.tensor(), variance: wrong.tensor() };
        assert!(batch_norm(&x, stored, None, None, EPS).is_err());
    }
}
