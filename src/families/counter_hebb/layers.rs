//! The weights of a bundle and what they do in each direction.

use candle_core::{DType, Tensor};

use super::architecture::{Bundle, Connection};
use super::tensors::{BACK_NORM, COUNTER};
use crate::error::{Error, Result};
use crate::nn::{Norm, NormKind};
use crate::ops::{self, ConvSpec, Moments, Workspace};
use crate::weights::{Weight, Weights};

/// Share by which running statistics move towards those of a batch.
const MOMENTUM: f64 = 0.1;

/// A bundle with its weights.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) bundle: Bundle,
    weight: Weight,
    bias: Option<Weight>,
    /// Kernel of the top-down stream where it has its own.
    back_weight: Option<Weight>,
    back_bias: Option<Weight>,
    norm: Option<SiteNorm>,
    back_norm: Option<SiteNorm>,
    generation: u64,
}

/// A batch norm whose running statistics live in the state.
#[derive(Clone, Debug)]
struct SiteNorm {
    norm: Norm,
    /// Position of its mean, variance and counter among the statistics.
    slot: usize,
}

/// The running statistics of all norms and how they are used.
#[derive(Clone, Debug)]
pub(super) struct Statistics {
    /// Mean, variance and counter of each norm in turn.
    pub(super) values: Vec<Tensor>,
    /// Normalise by the batch and let the running values follow it, as in training.
    pub(super) of_the_batch: bool,
}

/// Names of the statistics in the order of [`Statistics::values`].
pub(super) fn statistic_names<'a>(bundles: impl Iterator<Item = &'a Bundle>) -> Vec<String> {
    let norms = bundles.filter_map(|bundle| bundle.norm.as_ref().map(|(name, _)| name));
    norms
        .flat_map(|norm| [norm.clone(), format!("{norm}.{BACK_NORM}")])
        .flat_map(|norm| ["running_mean", "running_var", COUNTER].map(|leaf| format!("{norm}.{leaf}")))
        .collect()
}

impl Layer {
    /// `slots` counts the norms that were loaded before.
    pub(super) fn load(bundle: &Bundle, weights: &Weights, slots: &mut usize) -> Result<Self> {
        let tensor = |leaf: &str, shape: &[usize]| {
            weights.get_shaped(&format!("{}.{leaf}", bundle.name), shape).cloned()
        };
        let when =
            |is_there: bool, leaf: &str, shape: &[usize]| is_there.then(|| tensor(leaf, shape)).transpose();
        let weight = tensor("weight", &bundle.weight_shape())?;
        let bias = when(bundle.bias, "bias", &[bundle.outputs()])?;
        let back_weight = when(bundle.separate, "back_weight", &bundle.back_weight_shape())?;
        let back_bias = when(bundle.back_bias, "back_bias", &[bundle.inputs()])?;
        let mut norm = |name: String| {
            let norm = SiteNorm { norm: Norm::load(weights, &name, NormKind::Batch), slot: 3 * *slots };
            *slots += 1;
            norm
        };
        let (norm, back_norm) = match &bundle.norm {
            Some((name, _)) => (Some(norm(name.clone())), Some(norm(format!("{name}.{BACK_NORM}")))),
            None => (None, None),
        };
        let all = [Some(&weight), bias.as_ref(), back_weight.as_ref(), back_bias.as_ref()];
        let norms = norm.iter().chain(&back_norm).flat_map(|site| [&site.norm.weight, &site.norm.bias]);
        let generations = all.into_iter().flatten().chain(norms.flatten()).map(Weight::generation);
        let generation = generations.max().unwrap_or(0);
        let spread = |weight: &Weight| match bundle.connection {
            Connection::Linear => Ok(weight.clone()),
            Connection::Conv { dilation, .. } => ops::dilated_kernel(weight, dilation),
        };
        Ok(Self {
            weight: spread(&weight)?,
            back_weight: back_weight.as_ref().map(spread).transpose()?,
            bundle: bundle.clone(),
            bias,
            back_bias,
            norm,
            back_norm,
            generation,
        })
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn weight(&self) -> &Tensor {
        self.weight.tensor()
    }

    /// Bottom-up, norm included: the activity of the lower set onto the upper set. `with_bias` is
    /// false where biases are blocked.
    pub(super) fn up(
        &self,
        x: &Tensor,
        with_bias: bool,
        statistics: &mut Statistics,
        ws: &mut Workspace,
    ) -> Result<Tensor> {
        let bias = self.bias.as_ref().filter(|_| with_bias);
        let y = match &self.bundle.connection {
            Connection::Linear => ops::linear(&x.flatten_from(1)?, &self.weight, bias, ws)?,
            Connection::Conv { spec, .. } => ops::conv2d(x, &self.weight, bias, spec, ws)?,
        };
        normalised(&self.norm, y, statistics)
    }

    /// Top-down, norm included: the activity of the upper set onto the lower set. Only linear bundles
    /// add their bias; the reference keeps one for convolutions and never adds it.
    pub(super) fn down(
        &self,
        e: &Tensor,
        with_bias: bool,
        statistics: &mut Statistics,
        ws: &mut Workspace,
    ) -> Result<Tensor> {
        let batch = e.dims()[0];
        let x = match &self.bundle.connection {
            Connection::Linear => {
                let bias = self.back_bias.as_ref().filter(|_| with_bias);
                let e = e.flatten_from(1)?;
                match &self.back_weight {
                    Some(own) => ops::linear(&e, own, bias, ws)?,
                    None => ops::linear_transposed(&e, &self.weight, bias)?,
                }
            }
            Connection::Conv { spec, .. } => {
                let &[_, height, width] = self.bundle.input.as_slice() else {
                    return Err(Error::shape(
                        "lower side of a convolution",
                        "three axes",
                        &self.bundle.input,
                    ));
                };
                let kernel = self.back_weight.as_ref().unwrap_or(&self.weight);
                ops::conv2d_transposed(e, kernel, spec, (height, width), ws)?
            }
        };
        let x = x.reshape([&[batch], self.bundle.input.as_slice()].concat())?;
        normalised(&self.back_norm, x, statistics)
    }

    /// The Counter-Hebb changes by leaf name, averaged over the batch, from the bottom-up input `a`
    /// and the top-down input `e` of the bundle.
    pub(super) fn changes(
        &self,
        a: &Tensor,
        e: &Tensor,
        ws: &Workspace,
    ) -> Result<Vec<(&'static str, Tensor)>> {
        let n = a.dims()[0].max(1) as f64;
        let per_channel = |x: &Tensor| -> Result<Tensor> {
            let x = match &self.bundle.connection {
                Connection::Linear => x.flatten_from(1)?,
                Connection::Conv { .. } => x.flatten_from(2)?.sum(2)?,
            };
            Ok((x.sum(0)? / n)?)
        };
        let (weight, back_weight) = match &self.bundle.connection {
            Connection::Linear => {
                // The factor goes to the smaller of the two, not to their product.
                let (a, e) = (a.flatten_from(1)?, (e.flatten_from(1)? / n)?);
                let back = || ops::linear_weight_gradient(&e, &a);
                (ops::linear_weight_gradient(&a, &e)?, self.back_weight.is_some().then(back).transpose()?)
            }
            Connection::Conv { spec, kernel, dilation } => {
                let change = (conv_change(a, e, *kernel, *dilation, spec, ws)? / n)?;
                (change.clone(), self.back_weight.is_some().then_some(change))
            }
        };
        let mut changes = Vec::new();
        if self.bias.is_some() {
            changes.push(("bias", per_channel(e)?));
        }
        if let Some(back_weight) = back_weight {
            changes.push(("back_weight", back_weight));
        }
        if self.back_bias.is_some() {
            changes.push(("back_bias", per_channel(a)?));
        }
        changes.insert(0, ("weight", weight));
        Ok(changes)
    }
}

/// Sum over batch and positions of products of `e` with what its kernel covers in `a`.
fn conv_change(
    a: &Tensor,
    e: &Tensor,
    kernel: usize,
    dilation: usize,
    spec: &ConvSpec,
    ws: &Workspace,
) -> Result<Tensor> {
    let extent = dilation * (kernel - 1) + 1;
    let change = ops::conv2d_weight_gradient(a, e, (extent, extent), spec, ws)?;
    if dilation == 1 {
        return Ok(change);
    }
    let taps: Vec<u32> = (0..kernel as u32).map(|tap| tap * dilation as u32).collect();
    let taps = Tensor::new(taps.as_slice(), change.device())?;
    Ok(change.index_select(&taps, 2)?.index_select(&taps, 3)?)
}

fn normalised(site: &Option<SiteNorm>, x: Tensor, statistics: &mut Statistics) -> Result<Tensor> {
    let Some(SiteNorm { norm, slot }) = site else { return Ok(x) };
    let values = &mut statistics.values[*slot..slot + 3];
    let running = Moments { mean: values[0].clone(), variance: values[1].clone() };
    if !statistics.of_the_batch {
        let x = Norm { running: Some(running), ..norm.clone() }.forward(&x)?;
        return Ok(x);
    }
    let moved = norm.moved_towards(&running, &x, MOMENTUM)?;
    values[0] = moved.mean;
    values[1] = moved.variance;
    values[2] = (values[2].to_dtype(DType::F64)? + 1.0)?.to_dtype(values[2].dtype())?;
    norm.forward_current(&x)
}
