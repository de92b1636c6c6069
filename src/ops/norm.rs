//! Group, instance and batch normalisation.

use candle_core::{D, Tensor};

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
    let (batch, channels, _, _) = checked(x, weight, bias)?;
    if groups == 0 || channels % groups != 0 {
        return Err(Error::shape("input of group normalisation", format!("{groups} equal groups"), x.dims()));
    }
    let sets = x.reshape((batch, groups, ()))?;
    let normal = standardised(&sets, D::Minus1, eps)?.reshape(x.dims())?;
    affine(normal, weight, bias)
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
    let (batch, channels, h, w) = checked(x, weight, bias)?;
    let normal = match statistics {
        BatchStatistics::Current => {
            let sets = x.transpose(0, 1)?.reshape((channels, batch * h * w))?;
            let normal = standardised(&sets, D::Minus1, eps)?;
            normal.reshape((channels, batch, h, w))?.transpose(0, 1)?.contiguous()?
        }
        BatchStatistics::Stored { mean, variance } => {
            for stored in [mean, variance] {
                if stored.dims() != [channels] {
                    return Err(Error::shape("running statistics", [channels], stored.dims()));
                }
            }
            let deviation = (variance + eps)?.sqrt()?;
            x.broadcast_sub(&per_channel(mean)?)?.broadcast_div(&per_channel(&deviation)?)?
        }
    };
    affine(normal, weight, bias)
}

/// Mean and biased variance of each channel over the batch, outside any graph.
///
/// # Errors
/// [`Error::Shape`] unless `x` is a non-empty map.
pub fn batch_moments(x: &Tensor) -> Result<Moments> {
    let (batch, channels, h, w) = checked(x, None, None)?;
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
    checked(x, None, None)?;
    let sets = x.detach().flatten_from(2)?;
    let mean = sets.mean_keepdim(2)?;
    let variance = sets.broadcast_sub(&mean)?.sqr()?.mean(2)?;
    Ok(Moments { mean: mean.squeeze(2)?.mean(0)?, variance: variance.mean(0)? })
}

fn standardised(sets: &Tensor, dim: D, eps: f64) -> Result<Tensor> {
    let centred = sets.broadcast_sub(&sets.mean_keepdim(dim)?)?;
    let variance = centred.sqr()?.mean_keepdim(dim)?;
    Ok(centred.broadcast_div(&(variance + eps)?.sqrt()?)?)
}

fn affine(x: Tensor, weight: Option<&Weight>, bias: Option<&Weight>) -> Result<Tensor> {
    let x = match weight {
        Some(weight) => x.broadcast_mul(&per_channel(weight.tensor())?)?,
        None => x,
    };
    match bias {
        Some(bias) => Ok(x.broadcast_add(&per_channel(bias.tensor())?)?),
        None => Ok(x),
    }
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
