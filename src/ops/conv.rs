//! Convolution and transposed convolution.

use candle_core::{DType, Tensor};

use super::composite::{dilate2d, pad2d, taps};
use super::kernels::Geometry;
use super::kernels::conv::{Convolution, Product, pack};
use super::kernels::winograd;
use super::workspace::{Numerics, Packing, Workspace};
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
    ws: &mut Workspace,
) -> Result<Tensor> {
    let size = output_size(x.dims(), weight.dims(), spec)?;
    check_bias(bias, weight.dims()[0])?;
    if ws.path().takes_kernel(x)? {
        let geometry = geometry(x.dims(), weight.dims(), spec, size);
        return by_kernel(x, weight, bias, geometry, Product::Forward, ws);
    }
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
    let spec = ConvSpec { stride: spec.stride, padding: spec.padding, ..ConvSpec::default() };
    transposed(x, weight, bias, &spec, size, ws)
}

/// What [`conv2d`] with `weight` sends back: `y` `[batch, out, oh, ow]` spread onto a map of `size`,
/// the input of that convolution. Rows and columns that no window covers are 0.
///
/// # Errors
/// [`Error::Shape`] unless a convolution of a map of this size gives maps like `y`;
/// [`Error::Unsupported`] for mirrored edges.
pub fn conv2d_transposed(
    y: &Tensor,
    weight: &Weight,
    spec: &ConvSpec,
    size: (usize, usize),
    ws: &mut Workspace,
) -> Result<Tensor> {
    refuse_mirrored(spec)?;
    let batch = y.dims().first().copied().unwrap_or(0);
    let channels = weight.dims().get(1).copied().unwrap_or(0) * spec.groups;
    let (oh, ow) = output_size(&[batch, channels, size.0, size.1], weight.dims(), spec)?;
    let expected = [batch, weight.dims()[0], oh, ow];
    if y.dims() != expected {
        return Err(Error::shape("output of a convolution to be sent back", expected, y.dims()));
    }
    transposed(y, weight, None, spec, size, ws)
}

/// The gradient of the weight `[out, in / groups, kh, kw]` of [`conv2d`] from its input `x` and the
/// gradient `y` of its output, outside any graph.
///
/// # Errors
/// As [`conv2d_transposed`].
pub fn conv2d_weight_gradient(
    x: &Tensor,
    y: &Tensor,
    (kh, kw): (usize, usize),
    spec: &ConvSpec,
    ws: &Workspace,
) -> Result<Tensor> {
    refuse_mirrored(spec)?;
    let (x, y) = (x.detach(), y.detach());
    let (batch, out, ..) = y.dims4()?;
    let channels = x.dims4()?.1;
    let weight = [out, channels / spec.groups.max(1), kh, kw];
    let size = output_size(x.dims(), &weight, spec)?;
    let expected = [batch, out, size.0, size.1];
    if y.dims() != expected || x.dims()[0] != batch {
        return Err(Error::shape("gradient of a convolution's output", expected, y.dims()));
    }
    if ws.path().takes_kernel(&x)? {
        let geometry = geometry(x.dims(), &weight, spec, size);
        let operation =
            Convolution { geometry, product: Product::Weight, is_packed: false, scratch: ws.scratch() };
        return Ok(x.contiguous()?.apply_op2_no_bwd(&y.contiguous()?, &operation)?);
    }
    let columns = columns(&x, (kh, kw), spec, size)?;
    let maps = y.transpose(0, 1)?.reshape((spec.groups, out / spec.groups, ()))?;
    Ok(maps.matmul(&columns.transpose(1, 2)?.contiguous()?)?.reshape(&weight)?)
}

/// A kernel with `dilation - 1` zeros between its taps: what a dilated convolution is with.
///
/// # Errors
/// [`Error::Config`] for a dilation of 0; those of the tensor library.
pub fn dilated_kernel(weight: &Weight, dilation: usize) -> Result<Weight> {
    match dilation {
        0 => Err(Error::config("dilation", "1 or more", 0)),
        1 => Ok(weight.clone()),
        _ => Ok(Weight::new(dilate2d(weight.tensor(), dilation)?)),
    }
}

fn refuse_mirrored(spec: &ConvSpec) -> Result<()> {
    match spec.pad_mode {
        PadMode::Zero => Ok(()),
        PadMode::Reflect => {
            Err(Error::Unsupported("convolutions with mirrored edges are not sent back".to_owned()))
        }
    }
}

/// `y` sent back to a map of `size`; the sizes were checked.
fn transposed(
    y: &Tensor,
    weight: &Weight,
    bias: Option<&Weight>,
    spec: &ConvSpec,
    size: (usize, usize),
    ws: &mut Workspace,
) -> Result<Tensor> {
    let (batch, out, oh, ow) = y.dims4()?;
    let &[_, per_group, kh, kw] = weight.dims() else {
        return Err(Error::shape("weight of a transposed convolution", "four axes", weight.dims()));
    };
    if ws.path().takes_kernel(y)? {
        let x = [batch, per_group * spec.groups, size.0, size.1];
        let geometry = geometry(&x, weight.dims(), spec, (oh, ow));
        return by_kernel(y, weight, bias, geometry, Product::Transposed, ws);
    }
    let groups = spec.groups;
    let flipped = ws.packed(weight, Packing::FlippedTransposed, |weight| {
        let by_group = weight.flip(&[2, 3])?.reshape((groups, out / groups, per_group, kh * kw))?;
        Ok(by_group.transpose(1, 2)?.reshape((groups * per_group, out / groups, kh, kw))?)
    })?;
    let y = dilate2d(y, spec.stride)?;
    let y = grow(&y, 2, kh, size.0, spec.padding)?;
    let y = grow(&y, 3, kw, size.1, spec.padding)?;
    with_bias(composite_conv2d(&y, &flipped, &ConvSpec { groups, ..ConvSpec::default() }, size)?, bias)
}

/// Of a convolution from maps `[batch, channels, h, w]` to maps of `oh` x `ow`.
fn geometry(x: &[usize], weight: &[usize], spec: &ConvSpec, (oh, ow): (usize, usize)) -> Geometry {
    Geometry {
        batch: x[0],
        channels: x[1],
        h: x[2],
        w: x[3],
        out: weight[0],
        oh,
        ow,
        kh: weight[2],
        kw: weight[3],
        stride: spec.stride,
        padding: spec.padding,
        pad_mode: spec.pad_mode,
        groups: spec.groups,
    }
}

fn by_kernel(
    x: &Tensor,
    weight: &Weight,
    bias: Option<&Weight>,
    geometry: Geometry,
    product: Product,
    ws: &mut Workspace,
) -> Result<Tensor> {
    let is_tracked =
        x.track_op() || weight.tensor().track_op() || bias.is_some_and(|bias| bias.tensor().track_op());
    let may_tile = product == Product::Forward && !is_tracked && x.dtype() == DType::F32;
    let product = match ws.numerics() {
        Numerics::Fast if may_tile && winograd::tile_side(&geometry).is_some() => Product::Tiled,
        Numerics::Fast | Numerics::Exact => product,
    };
    let panels = if is_tracked {
        weight.tensor().contiguous()?
    } else {
        let packing = match product {
            Product::Tiled => {
                Packing::Tiles { groups: geometry.groups, side: winograd::tile_side(&geometry) }
            }
            Product::Forward => Packing::Windows { groups: geometry.groups },
            _ => Packing::Spread { stride: geometry.stride, padding: geometry.padding },
        };
        ws.packed(weight, packing, |weight| Ok(pack(weight, &geometry, product)?))?
    };
    let operation = Convolution { geometry, product, is_packed: !is_tracked, scratch: ws.scratch() };
    let x = x.contiguous()?;
    match bias {
        Some(bias) => Ok(x.apply_op3(&panels, &bias.tensor().contiguous()?, operation)?),
        None => Ok(x.apply_op2(&panels, operation)?),
    }
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
    let columns = columns(x, (kh, kw), spec, (oh, ow))?;
    let weight = weight.reshape((spec.groups, out / spec.groups, channels / spec.groups * kh * kw))?;
    Ok(weight.matmul(&columns)?.reshape((out, batch, oh, ow))?.transpose(0, 1)?.contiguous()?)
}

/// The windows of `x` as columns: `[groups, channels / groups * kh * kw, batch * oh * ow]`.
fn columns(
    x: &Tensor,
    (kh, kw): (usize, usize),
    spec: &ConvSpec,
    (oh, ow): (usize, usize),
) -> Result<Tensor> {
    let (batch, channels, _, _) = x.dims4()?;
    let padded = pad2d(x, spec.padding, spec.pad_mode)?;
    let taps = taps(&padded, (kh, kw), spec.stride, (oh, ow))?;
    Ok(Tensor::stack(&taps, 2)?.permute((1, 2, 0, 3, 4))?.reshape((
        spec.groups,
        channels / spec.groups * kh * kw,
        batch * oh * ow,
    ))?)
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
fn output_size(x: &[usize], weight: &[usize], spec: &ConvSpec) -> Result<(usize, usize)> {
    let &[_, channels, h, w] = x else {
        return Err(Error::shape("input of a convolution", "[batch, channels, height, width]", x));
    };
    let &[out, per_group, kh, kw] = weight else {
        return Err(Error::shape("weight of a convolution", "[out, in / groups, kh, kw]", weight));
    };
    if spec.stride * spec.groups * channels * out * kh * kw == 0 {
        return Err(Error::config("stride, groups, channels and kernel of a convolution", "1 or more", 0));
    }
    if per_group * spec.groups != channels || out % spec.groups != 0 {
        let expected = format!("{} input channels and {} groups", per_group * spec.groups, spec.groups);
        return Err(Error::shape("input of a convolution", expected, x));
    }
    if spec.pad_mode == PadMode::Reflect && spec.padding >= h.min(w) {
        let expected = format!("more than {} rows and columns for reflect padding", spec.padding);
        return Err(Error::shape("input of a convolution", expected, x));
    }
    let (h, w) = (h + 2 * spec.padding, w + 2 * spec.padding);
    if kh > h || kw > w {
        let expected = format!("at least {kh} rows and {kw} columns with padding");
        return Err(Error::shape("input of a convolution", expected, x));
    }
    Ok(((h - kh) / spec.stride + 1, (w - kw) / spec.stride + 1))
}

/// Height and width of the result of [`conv_transpose2d`].
fn transposed_size(x: &Tensor, weight: &Tensor, spec: &ConvTransposeSpec) -> Result<(usize, usize)> {
    let what = "input of a transposed convolution";
    let &[_, channels, h, w] = x.dims() else {
        return Err(Error::shape(what, "[batch, channels, height, width]", x.dims()));
    };
    let &[inputs, out, kh, kw] = weight.dims() else {
        let what = "weight of a transposed convolution";
        return Err(Error::shape(what, "[in, out, kh, kw]", weight.dims()));
    };
    if spec.stride * channels * out * kh * kw * h * w == 0 {
        let field = "stride, channels, kernel and map of a transposed convolution";
        return Err(Error::config(field, "1 or more", 0));
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

#[cfg(test)]
mod tests {
    use super::super::testing::{
        PATHS, check_gradients, check_paths, difference, normal, values, variable, weight, workspace,
    };
    use super::*;
    use crate::ops::{Path, backward};
    use crate::rng;

    /// Input and weight shapes with the way to walk.
    fn cases() -> Vec<([usize; 4], [usize; 4], ConvSpec)> {
        let spec = |stride, padding, pad_mode, groups| ConvSpec { stride, padding, pad_mode, groups };
        use PadMode::{Reflect, Zero};
        vec![
            ([2, 3, 5, 6], [4, 3, 3, 3], spec(1, 1, Zero, 1)),
            ([1, 2, 7, 5], [3, 2, 3, 3], spec(2, 1, Zero, 1)),
            ([2, 2, 6, 5], [2, 2, 4, 4], spec(1, 0, Zero, 1)),
            ([1, 2, 6, 7], [2, 2, 3, 3], spec(1, 1, Reflect, 1)),
            ([2, 1, 6, 7], [2, 1, 5, 5], spec(2, 2, Reflect, 1)),
            ([2, 4, 4, 3], [6, 2, 3, 1], spec(1, 1, Zero, 2)),
            ([1, 3, 7, 7], [3, 1, 2, 3], spec(3, 2, Zero, 3)),
            ([3, 5, 4, 3], [2, 5, 1, 1], spec(1, 0, Zero, 1)),
            ([2, 3, 5, 5], [2, 3, 1, 1], spec(2, 0, Zero, 1)),
            ([3, 2, 1, 1], [4, 2, 1, 1], spec(1, 0, Zero, 1)),
            ([1, 1, 3, 3], [1, 1, 3, 3], spec(1, 0, Zero, 1)),
        ]
    }

    fn transposed_cases() -> Vec<([usize; 4], [usize; 4], ConvTransposeSpec)> {
        let spec = |stride, padding, output_padding| ConvTransposeSpec { stride, padding, output_padding };
        vec![
            ([2, 4, 3, 4], [4, 3, 4, 4], spec(1, 0, 0)),
            ([1, 3, 5, 4], [3, 2, 3, 3], spec(1, 1, 0)),
            ([2, 3, 3, 4], [3, 2, 2, 2], spec(2, 0, 0)),
            ([1, 2, 3, 3], [2, 2, 3, 3], spec(2, 1, 1)),
            ([2, 2, 4, 5], [2, 1, 3, 2], spec(3, 0, 2)),
            ([1, 2, 5, 6], [2, 2, 2, 2], spec(1, 2, 0)),
            ([3, 2, 1, 1], [2, 5, 1, 1], spec(1, 0, 0)),
        ]
    }

    fn run(inputs: &[Tensor], spec: &ConvSpec, path: Path) -> Result<Tensor> {
        let bias = inputs.get(2).map(weight);
        conv2d(&inputs[0], &weight(&inputs[1]), bias.as_ref(), spec, &mut workspace(path))
    }

    fn run_transposed(inputs: &[Tensor], spec: &ConvTransposeSpec, path: Path) -> Result<Tensor> {
        let bias = inputs.get(2).map(weight);
        conv_transpose2d(&inputs[0], &weight(&inputs[1]), bias.as_ref(), spec, &mut workspace(path))
    }

    #[test]
    fn gradients_agree_with_differences() {
        for (x, w, spec) in cases() {
            let inputs = [normal(1, &x), normal(2, &w), normal(3, &[w[0]])];
            for path in PATHS {
                check_gradients(&inputs, |inputs| run(inputs, &spec, path));
            }
        }
        for (x, w, spec) in transposed_cases() {
            let inputs = [normal(1, &x), normal(2, &w), normal(3, &[w[1]])];
            for path in PATHS {
                check_gradients(&inputs, |inputs| run_transposed(inputs, &spec, path));
            }
        }
    }

    /// Sent back, with groups, and with rows that no window covers.
    #[test]
    fn what_is_sent_back_is_the_gradient() {
        for (x, w, spec) in cases().into_iter().filter(|(_, _, spec)| spec.pad_mode == PadMode::Zero) {
            let inputs = [variable(&normal(1, &x)), variable(&normal(2, &w))];
            for path in PATHS {
                let y = run(&inputs, &spec, path).unwrap();
                let of = normal(3, y.dims());
                let found =
                    backward(&(&y * &of).unwrap().sum_all().unwrap(), &[&inputs[0], &inputs[1]]).unwrap();
                let mut ws = workspace(path);
                let back = conv2d_transposed(&of, &weight(&inputs[1]), &spec, (x[2], x[3]), &mut ws).unwrap();
                assert!(difference(&back, found[0].as_ref().unwrap()) < 1e-12);
                let of_weight = conv2d_weight_gradient(&inputs[0], &of, (w[2], w[3]), &spec, &ws).unwrap();
                assert!(difference(&of_weight, found[1].as_ref().unwrap()) < 1e-12);
                let short = (x[2] + spec.stride * 2, x[3]);
                assert!(conv2d_transposed(&of, &weight(&inputs[1]), &spec, short, &mut ws).is_err());
            }
        }
    }

    /// Tiles that are cut at the edges, several stripes of them, groups, both kinds of padding.
    #[test]
    fn fast_numerics_round_a_little_more() {
        let spec = |padding, pad_mode, groups| ConvSpec { stride: 1, padding, pad_mode, groups };
        for (x, w, spec) in [
            ([2, 16, 9, 8], [16, 16, 3, 3], spec(1, PadMode::Zero, 1)),
            ([2, 33, 7, 5], [31, 33, 3, 3], spec(1, PadMode::Zero, 1)),
            ([1, 20, 15, 11], [24, 20, 3, 3], spec(0, PadMode::Zero, 1)),
            ([3, 32, 14, 13], [40, 16, 3, 3], spec(1, PadMode::Reflect, 2)),
            ([1, 16, 57, 58], [17, 16, 3, 3], spec(1, PadMode::Zero, 1)),
            ([1, 16, 10, 120], [16, 16, 3, 3], spec(2, PadMode::Zero, 1)),
        ] {
            let single = |seed, dims: &[usize]| normal(seed, dims).to_dtype(DType::F32).unwrap();
            let (x, w, b) = (single(1, &x), weight(&single(2, &w)), weight(&single(3, &w[..1])));
            let mut fast = Workspace::with_numerics(Numerics::Fast);
            let found = conv2d(&x, &w, Some(&b), &spec, &mut fast).unwrap();
            let exact = conv2d(&x, &w, Some(&b), &spec, &mut Workspace::new()).unwrap();
            let largest = values(&exact).into_iter().fold(0.0, |a: f64, b| a.max(b.abs()));
            let difference = difference(&found, &exact);
            assert!(difference > 0.0 && difference < 2e-5 * largest, "{difference} of {largest}");
            let again = conv2d(&x, &w, Some(&b), &spec, &mut fast).unwrap();
            assert_eq!(values(&again), values(&found));
        }
    }

    /// Windows that read padding alone leave the bias.
    #[test]
    fn an_empty_map_gives_the_bias() {
        let spec = ConvSpec { padding: 1, ..ConvSpec::default() };
        // A weight that is packed as a whole, and one that is packed panel by panel in training.
        for (out, channels) in [(3, 2), (140, 130)] {
            let x = Tensor::zeros((2, channels, 0, 0), DType::F64, &candle_core::Device::Cpu).unwrap();
            let (w, b) = (normal(1, &[out, channels, 2, 2]), normal(2, &[out]));
            for w in [w.clone(), variable(&w)] {
                let y = run(&[x.clone(), w, b.clone()], &spec, Path::Kernel).unwrap();
                assert_eq!(y.dims(), [2, out, 1, 1]);
                assert_eq!(values(&y), [values(&b), values(&b)].concat());
            }
        }
    }

    #[test]
    fn a_dilated_kernel_skips_entries() {
        let kernel = dilated_kernel(&weight(&normal(1, &[1, 1, 2, 2])), 3).unwrap();
        assert_eq!(kernel.dims(), [1, 1, 4, 4]);
        let (small, large) = (values(&normal(1, &[1, 1, 2, 2])), values(kernel.tensor()));
        assert_eq!([large[0], large[3], large[12], large[15]], small[..]);
        assert_eq!(large.iter().filter(|&&v| v != 0.0).count(), 4);
        assert!(dilated_kernel(&kernel, 0).is_err());
    }

    #[test]
    fn kernels_agree_with_the_composition() {
        let mut sizes: Vec<_> = cases();
        let spec = |stride, padding, pad_mode| ConvSpec { stride, padding, pad_mode, groups: 1 };
        // Several tiles of rows, blocks of channels, samples side by side and left over.
        sizes.push(([1, 40, 33, 29], [24, 40, 3, 3], spec(1, 1, PadMode::Reflect)));
        sizes.push(([11, 16, 6, 5], [12, 16, 3, 3], spec(1, 1, PadMode::Zero)));
        sizes.push(([9, 3, 31, 30], [16, 3, 7, 7], spec(2, 3, PadMode::Zero)));
        sizes.push(([3, 70, 12, 11], [9, 70, 1, 1], spec(1, 0, PadMode::Zero)));
        // Small maps that kernels of one tap see as one row.
        sizes.push(([2, 180, 7, 9], [40, 180, 1, 1], spec(1, 0, PadMode::Zero)));
        for (x, w, spec) in sizes {
            check_paths(&[normal(1, &x), normal(2, &w)], |inputs, path| run(inputs, &spec, path));
            let inputs = [normal(1, &x), normal(2, &w), normal(3, &[w[0]])];
            check_paths(&inputs, |inputs, path| run(inputs, &spec, path));
        }
        let mut sizes = transposed_cases();
        sizes.push(([1, 30, 21, 25], [30, 40, 4, 4], ConvTransposeSpec::default()));
        sizes.push(([10, 17, 6, 5], [17, 9, 3, 3], ConvTransposeSpec { padding: 1, ..Default::default() }));
        for (x, w, spec) in sizes {
            let inputs = [normal(1, &x), normal(2, &w), normal(3, &[w[1]])];
            check_paths(&inputs, |inputs, path| run_transposed(inputs, &spec, path));
        }
    }

    #[test]
    fn random_geometries_agree() {
        let mut rng = rng::stream(5, "geometries", &[]);
        let mut draw = |from, to| rng::index(&mut rng, from, to);
        for _ in 0..60 {
            let groups = draw(1, 3);
            let (kh, kw) = (draw(1, 5), draw(1, 5));
            let padding = draw(0, 4);
            let x = [draw(1, 4), groups * draw(1, 4), draw(5, 10), draw(5, 10)];
            let w = [groups * draw(1, 4), x[1] / groups, kh, kw];
            let pad_mode = if draw(0, 2) == 0 { PadMode::Zero } else { PadMode::Reflect };
            let spec = ConvSpec { stride: draw(1, 4), padding, pad_mode, groups };
            check_paths(&[normal(1, &x), normal(2, &w)], |inputs, path| run(inputs, &spec, path));
        }
    }

    #[test]
    fn a_small_convolution_by_hand() {
        let x = Tensor::new(&[[[[1f64, 2., 3.], [4., 5., 6.], [7., 8., 9.]]]], x_device()).unwrap();
        let w = Tensor::new(&[[[[1f64, 0.], [0., -1.]]]], x_device()).unwrap();
        for path in PATHS {
            let y = run(&[x.clone(), w.clone()], &ConvSpec::default(), path).unwrap();
            assert_eq!(values(&y), [-4.0, -4.0, -4.0, -4.0]);
            let spec = ConvSpec { padding: 1, pad_mode: PadMode::Reflect, ..Default::default() };
            let y = run(&[x.clone(), w.clone()], &spec, path).unwrap();
            assert_eq!(values(&y)[..4], [5.0 - 1.0, 4.0 - 2.0, 5.0 - 3.0, 6.0 - 2.0]);
            let y = run_transposed(&[x.clone(), w.clone()], &ConvTransposeSpec::default(), path).unwrap();
            assert_eq!(values(&y)[..8], [1.0, 2.0, 3.0, 0.0, 4.0, 4.0, 4.0, -3.0]);
        }
    }

    fn x_device() -> &'static candle_core::Device {
        &candle_core::Device::Cpu
    }

    #[test]
    fn strided_views_are_operands_too() {
        let x = normal(1, &[2, 6, 5, 3]).transpose(1, 3).unwrap().narrow(3, 1, 4).unwrap();
        let w = normal(2, &[3, 4, 3, 2]).transpose(1, 2).unwrap();
        let [a, b] = PATHS.map(|path| run(&[x.clone(), w.clone()], &ConvSpec::default(), path).unwrap());
        assert!(difference(&a, &b) < 1e-12);
    }

    #[test]
    fn large_weights_on_few_positions_agree_on_both_paths() {
        for groups in [1, 2] {
            let inputs = [
                normal(1, &[3, 90 * groups, 5, 4]),
                normal(2, &[100 * groups, 90, 3, 3]),
                normal(3, &[100 * groups]),
            ];
            for (stride, padding) in [(1, 1), (1, 0), (2, 1)] {
                let spec = ConvSpec { stride, padding, groups, ..Default::default() };
                check_paths(&inputs, |inputs, path| run(inputs, &spec, path));
            }
        }
    }

    #[test]
    fn what_is_not_asked_for_is_not_computed() {
        for path in PATHS {
            let (x, w) = (normal(1, &[1, 2, 4, 4]), normal(2, &[2, 2, 3, 3]));
            let y = run(&[x.clone(), variable(&w)], &ConvSpec::default(), path).unwrap();
            assert!(backward(&y.sum_all().unwrap(), &[&x]).unwrap()[0].is_none());
            let y = run(&[variable(&x), w.clone()], &ConvSpec::default(), path).unwrap();
            assert!(backward(&y.sum_all().unwrap(), &[&w]).unwrap()[0].is_none());
        }
    }

    #[test]
    fn the_result_is_the_same_on_any_number_of_threads() {
        let inputs = [normal(1, &[9, 32, 17, 19]), normal(2, &[40, 32, 3, 3]), normal(3, &[40])];
        let inputs = inputs.map(|x| x.to_dtype(candle_core::DType::F32).unwrap());
        let spec = ConvSpec { padding: 1, ..Default::default() };
        let [one, three] = [1, 3].map(|threads| {
            let pool = crate::ops::compute_pool(threads).unwrap();
            pool.install(|| {
                let f = |inputs: &[Tensor]| run(inputs, &spec, Path::Kernel);
                let mut fast = Workspace::with_numerics(Numerics::Fast);
                let tiled = conv2d(&inputs[0], &weight(&inputs[1]), None, &spec, &mut fast);
                let mut results = vec![f(&inputs).unwrap(), tiled.unwrap()];
                results.extend(super::super::testing::gradients(&inputs, &f));
                results.iter().map(values).collect::<Vec<_>>()
            })
        });
        assert!(one == three);
    }

    #[test]
    fn a_new_generation_is_packed_anew() {
        let x = normal(1, &[1, 2, 4, 4]);
        let mut ws = workspace(Path::Composite);
        let mut y = |w: &Tensor| {
            let y = conv_transpose2d(&x, &weight(w), None, &ConvTransposeSpec::default(), &mut ws);
            values(&y.unwrap())[0]
        };
        let w = normal(2, &[2, 1, 3, 3]);
        let first = y(&w);
        assert_eq!(y(&(&w * 2.0).unwrap()), 2.0 * first);
    }

    #[test]
    fn packed_copies_end_with_their_weights() {
        let x = normal(1, &[1, 2, 4, 4]);
        let mut ws = workspace(Path::Kernel);
        let kept = weight(&normal(2, &[2, 2, 3, 3]));
        for seed in 0..5 {
            for w in [&kept, &weight(&normal(seed, &[2, 2, 3, 3]))] {
                conv2d(&x, w, None, &ConvSpec::default(), &mut ws).unwrap();
            }
            assert!(ws.n_packed() <= 2);
        }
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let refused = |x: &[usize], w: &[usize], spec: ConvSpec| {
            for path in PATHS {
                assert!(run(&[normal(1, x), normal(2, w)], &spec, path).is_err());
            }
        };
        let spec = ConvSpec::default();
        refused(&[1, 2, 3], &[1, 2, 3, 3], spec);
        refused(&[1, 2, 3, 3], &[1, 3, 3, 3], spec);
        refused(&[1, 2, 3, 3], &[1, 2, 4, 4], spec);
        refused(&[1, 2, 3, 3], &[1, 2, 3, 3], ConvSpec { stride: 0, ..spec });
        refused(&[1, 2, 3, 3], &[3, 1, 3, 3], ConvSpec { groups: 2, ..spec });
        refused(&[1, 2, 3, 3], &[0, 2, 3, 3], spec);
        refused(&[1, 2, 3, 3], &[1, 2, 3, 3], ConvSpec { padding: 3, pad_mode: PadMode::Reflect, ..spec });
    }

    #[test]
    fn the_convolution_of_no_samples_is_empty() {
        for path in PATHS {
            let y = run(&[normal(1, &[0, 2, 5, 5]), normal(2, &[3, 2, 3, 3])], &ConvSpec::default(), path);
            assert_eq!(y.unwrap().dims(), [0, 3, 3, 3]);
        }
    }
}
