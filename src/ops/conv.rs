//! Convolution and transposed convolution.

use candle_core::Tensor;

use super::composite::{dilate2d, pad2d, taps};
use super::workspace::{Packing, Workspace};
use crate::error::{Error, Result};
use crate::weights::Weight;

/// What lies beyond the edge of a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PadMode {
    #[default]
    Zero,
    /// Mirrored without repeating the edge.
    Reflect,
}

/// How a convolution walks over its input; the same along rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    pub stride: usize,
    pub padding: usize,
    pub pad_mode: PadMode,
    pub groups: usize,
}

impl Default for ConvSpec {
    fn default() -> Self {
        Self { stride: 1, padding: 0, pad_mode: PadMode::Zero, groups: 1 }
    }
}

/// How a transposed convolution spreads its input; the same along rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTransposeSpec {
    pub stride: usize,
    pub padding: usize,
    /// Rows and columns added at the bottom and the right.
    pub output_padding: usize,
}

impl Default for ConvTransposeSpec {
    fn default() -> Self {
        Self { stride: 1, padding: 0, output_padding: 0 }
    }
}

/// Cross-correlation of `x` with `weight` `[out, in / groups, kh, kw]`, plus `bias` `[out]`.
///
/// # Errors
/// [`Error::Shape`] if channels do not match or the kernel does not fit into the padded map.
pub fn conv2d(
    x: &Tensor,
    weight: &Weight,
    bias: Option<&Weight>,
    spec: &ConvSpec,
    _ws: &mut Workspace,
) -> Result<Tensor> {
    let size = output_size(x, weight.tensor(), spec)?;
    check_bias(bias, weight.dims()[0])?;
    with_bias(composite_conv2d(x, weight.tensor(), spec, size)?, bias)
}

/// Transposed convolution of `x` with `weight` `[in, out, kh, kw]`, plus `bias` `[out]`.
///
/// `out[o, s*r + i - p, s*q + j - p] += x[c, r, q] * weight[c, o, i, j]`: the map grows to
/// `(n - 1) * stride - 2 * padding + k + output_padding`.
///
/// # Errors
/// [`Error::Shape`] if channels do not match or nothing would remain of the map.
pub fn conv_transpose2d(
    x: &Tensor,
    weight: &Weight,
    bias: Option<&Weight>,
    spec: &ConvTransposeSpec,
    ws: &mut Workspace,
) -> Result<Tensor> {
    let size = transposed_size(x, weight.tensor(), spec)?;
    check_bias(bias, weight.dims()[1])?;
    let (kh, kw) = (weight.dims()[2], weight.dims()[3]);
    let flipped = ws.packed(weight, Packing::FlippedTransposed, |weight| {
        Ok(weight.flip(&[2, 3])?.transpose(0, 1)?.contiguous()?)
    })?;
    let x = dilate2d(x, spec.stride)?;
    let x = grow(&x, 2, kh, size.0, spec.padding)?;
    let x = grow(&x, 3, kw, size.1, spec.padding)?;
    with_bias(composite_conv2d(&x, &flipped, &ConvSpec::default(), size)?, bias)
}

/// Zeros before and after, so that windows of `k` give `out` entries, the first `padding` left out.
fn grow(x: &Tensor, dim: usize, k: usize, out: usize, padding: usize) -> Result<Tensor> {
    let before = (k - 1).saturating_sub(padding);
    let skip = padding.saturating_sub(k - 1);
    let needed = out + k - 1;
    let after = (needed + skip).saturating_sub(before + x.dim(dim)?);
    Ok(x.pad_with_zeros(dim, before, after)?.narrow(dim, skip, needed)?)
}

fn composite_conv2d(
    x: &Tensor,
    weight: &Tensor,
    spec: &ConvSpec,
    (oh, ow): (usize, usize),
) -> Result<Tensor> {
    let (batch, channels, _, _) = x.dims4()?;
    let (out, _, kh, kw) = weight.dims4()?;
    let padded = pad2d(x, spec.padding, spec.pad_mode)?;
    let taps = taps(&padded, (kh, kw), spec.stride, (oh, ow))?;
    let columns = Tensor::stack(&taps, 2)?.permute((1, 2, 0, 3, 4))?.reshape((
        spec.groups,
        channels / spec.groups * kh * kw,
        batch * oh * ow,
    ))?;
    let weight = weight.reshape((spec.groups, out / spec.groups, channels / spec.groups * kh * kw))?;
    Ok(weight.matmul(&columns)?.reshape((out, batch, oh, ow))?.transpose(0, 1)?.contiguous()?)
}

fn with_bias(y: Tensor, bias: Option<&Weight>) -> Result<Tensor> {
    match bias {
        Some(bias) => Ok(y.broadcast_add(&bias.tensor().reshape((1, (), 1, 1))?)?),
        None => Ok(y),
    }
}

fn check_bias(bias: Option<&Weight>, out: usize) -> Result<()> {
    match bias {
        Some(bias) if bias.dims() != [out] => Err(Error::shape("bias of a convolution", [out], bias.dims())),
        _ => Ok(()),
    }
}

/// Height and width of the result of [`conv2d`].
fn output_size(x: &Tensor, weight: &Tensor, spec: &ConvSpec) -> Result<(usize, usize)> {
    let &[_, channels, h, w] = x.dims() else {
        return Err(Error::shape("input of a convolution", "[batch, channels, height, width]", x.dims()));
    };
    let &[out, per_group, kh, kw] = weight.dims() else {
        return Err(Error::shape("weight of a convolution", "[out, in / groups, kh, kw]", weight.dims()));
    };
    if spec.stride == 0 || spec.groups == 0 || kh == 0 || kw == 0 {
        return Err(Error::config("stride, groups and kernel of a convolution", "1 or more", 0));
    }
    if per_group * spec.groups != channels || out % spec.groups != 0 {
        let expected = format!("{} input channels and {} groups", per_group * spec.groups, spec.groups);
        return Err(Error::shape("input of a convolution", expected, x.dims()));
    }
    if spec.pad_mode == PadMode::Reflect && spec.padding >= h.min(w) {
        let expected = format!("more than {} rows and columns for reflect padding", spec.padding);
        return Err(Error::shape("input of a convolution", expected, x.dims()));
    }
    let (h, w) = (h + 2 * spec.padding, w + 2 * spec.padding);
    if kh > h || kw > w {
        let expected = format!("at least {kh} rows and {kw} columns with padding");
        return Err(Error::shape("input of a convolution", expected, x.dims()));
    }
    Ok(((h - kh) / spec.stride + 1, (w - kw) / spec.stride + 1))
}

/// Height and width of the result of [`conv_transpose2d`].
fn transposed_size(x: &Tensor, weight: &Tensor, spec: &ConvTransposeSpec) -> Result<(usize, usize)> {
    let what = "input of a transposed convolution";
    let &[_, channels, h, w] = x.dims() else {
        return Err(Error::shape(what, "[batch, channels, height, width]", x.dims()));
    };
    let &[inputs, _, kh, kw] = weight.dims() else {
        let what = "weight of a transposed convolution";
        return Err(Error::shape(what, "[in, out, kh, kw]", weight.dims()));
    };
    if spec.stride == 0 || kh == 0 || kw == 0 || h == 0 || w == 0 {
        return Err(Error::config("stride, kernel and map of a transposed convolution", "1 or more", 0));
    }
    if spec.output_padding >= spec.stride {
        let requirement = format!("smaller than the stride {}", spec.stride);
        return Err(Error::config(
            "output padding of a transposed convolution",
            requirement,
            spec.output_padding,
        ));
    }
    if inputs != channels {
        return Err(Error::shape(what, format!("{inputs} channels"), x.dims()));
    }
    let grown = |n: usize, k: usize| {
        let full = (n - 1) * spec.stride + k + spec.output_padding;
        full.checked_sub(2 * spec.padding).filter(|&n| n > 0)
    };
    match (grown(h, kh), grown(w, kw)) {
        (Some(oh), Some(ow)) => Ok((oh, ow)),
        _ => Err(Error::shape(
            what,
            format!("more than nothing left after padding {}", spec.padding),
            x.dims(),
        )),
    }
}
