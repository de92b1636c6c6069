//! Configuration of GateNet: `model_params.json` resolved into stages.

use serde_json::{Map, Value, json};

use super::fields::{self, Fields, is_none};
use super::function::{read_function, read_functions};
use super::norm::{NormName, read_norm};
use crate::error::{Error, Result};
use crate::ops::Activation;

/// ImageNet's mean per colour channel, for images in `0..=1`.
pub const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];

/// ImageNet's standard deviation per colour channel.
pub const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

/// A stage of the forward stream.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderStage {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub bias: bool,
    pub norm: Option<NormName>,
    pub dropout: f64,
    pub function: Activation,
    /// Is the gained input added after the activation?
    pub residual: bool,
    /// Window and stride of the pooling; 1 is none.
    pub pool: usize,
    /// How strongly the gain map acts on the input.
    pub softness: f64,
    /// `[channels, height, width]` before the pooling.
    pub unpooled: [usize; 3],
}

/// A stage of the backward stream, deepest first; it makes the gain map of encoder stage
/// `n - 1 - j`.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderStage {
    pub bias: bool,
    pub norm: Option<NormName>,
    pub dropout: f64,
    pub function: Activation,
    /// Does the task shift and scale the input of this stage?
    pub embedded: bool,
}

/// A recurrent (or plain) stage between vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorStage {
    pub inputs: usize,
    pub units: usize,
    pub bias: bool,
    pub dropout: f64,
    pub function: Activation,
}

/// GateNet: a convolutional stream and a mirrored deconvolutional stream.
#[derive(Clone, Debug, PartialEq)]
pub struct GateConfig {
    pub in_dims: [usize; 3],
    /// `C_0 … C_n`.
    pub channels: Vec<usize>,
    /// `D_0 … D_n`: `[channels, height, width]` at the input of each stage, then of the last output.
    pub sizes: Vec<[usize; 3]>,
    /// Mean and standard deviation per image channel; `None` leaves the image as it is.
    pub normalisation: Option<(Vec<f64>, Vec<f64>)>,
    /// Was softness given as a list?
    pub softness_per_stage: bool,
    pub encoder: Vec<EncoderStage>,
    pub decoder: Vec<DecoderStage>,
    pub affine: bool,
    /// Bias of the linear maps between the last map and the first vector.
    pub flat_bias: bool,
    pub flat_function: Activation,
    /// `R_0 … R_m`.
    pub rnn_dims: Vec<usize>,
    pub rnn_to_fc: bool,
    pub forward: Vec<VectorStage>,
    pub backward: Vec<VectorStage>,
    pub n_classes: usize,
    pub out_dim: usize,
    pub n_tasks: usize,
    pub task_weight: bool,
    pub task_bias: bool,
    pub task_function: Activation,
}

/// Keys of `model_params.json` in the reference's order, with what an absent one means. Null marks
/// keys that only the weights or a file can give.
pub fn gate_defaults() -> Map<String, Value> {
    let defaults = json!({
        "in_dims": null,
        "n_classes": null,
        "out_dim": null,
        "normalize": true,
        "softness": 0.5,
        "channels": null,
        "residuals": false,
        "kernels": 3,
        "strides": 1,
        "paddings": "same",
        "conv_bias": true,
        "conv_norms": null,
        "conv_dropouts": 0.0,
        "conv_funs": "ReLU()",
        "deconv_funs": "Tanh()",
        "deconv_norms": null,
        "pools": 2,
        "rnn_dims": null,
        "rnn_bias": true,
        "rnn_dropouts": 0.0,
        "rnn_funs": "ReLU()",
        "n_tasks": 1,
        "task_layers": -1,
        "task_weight": true,
        "task_bias": true,
        "task_funs": null,
        "norm_mean": null,
        "norm_std": null,
        "rnn_to_fc": false,
        "trans_fun": "Identity()",
        "affine": true,
    });
    match defaults {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl GateConfig {
    /// Resolves a complete set of values.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub fn read(values: &Map<String, Value>) -> Result<Self> {
        let fields = Fields::new(values);
        let in_dims = fields.image("in_dims")?;
        let channels = fields.sizes("channels", 2)?;
        if channels[0] != in_dims[0] {
            let requirement = format!("a list that starts with the {} channels of in_dims", in_dims[0]);
            return Err(Error::config("channels", requirement, channels[0]));
        }
        let (encoder, sizes) = encoder(&fields, in_dims, &channels)?;
        let n_tasks = fields.size("n_tasks")?;
        let decoder = decoder(&fields, encoder.len(), n_tasks)?;
        let rnn_dims = fields.sizes("rnn_dims", 1)?;
        let (forward, backward) = vector_stages(&fields, &rnn_dims)?;
        let (n_classes, out_dim) = (fields.size("n_classes")?, fields.size("out_dim")?);
        if n_classes > out_dim {
            return Err(Error::config("n_classes", format!("at most out_dim = {out_dim}"), n_classes));
        }
        let (task_weight, task_bias) = (fields.flag("task_weight")?, fields.flag("task_bias")?);
        if n_tasks > 1 && task_bias && !task_weight && decoder.iter().any(|stage| stage.embedded) {
            return Err(Error::config("task_bias", "false without task_weight", task_bias));
        }
        Ok(Self {
            in_dims,
            sizes,
            normalisation: normalisation(&fields, in_dims[0])?,
            softness_per_stage: fields.raw("softness").is_array(),
            encoder,
            decoder,
            affine: fields.flag("affine")?,
            flat_bias: fields.spread("rnn_bias", fields::flag)?.nth("rnn_bias", 0, 1)?,
            flat_function: read_function("trans_fun", fields.raw("trans_fun"))?,
            rnn_to_fc: fields.flag("rnn_to_fc")?,
            rnn_dims,
            forward,
            backward,
            n_classes,
            out_dim,
            n_tasks,
            task_weight,
            task_bias,
            task_function: read_function("task_funs", fields.raw("task_funs"))?,
            channels,
        })
    }

    /// Number of convolution stages, `n`.
    pub fn n_stages(&self) -> usize {
        self.encoder.len()
    }

    /// Units of the flattened last map, `F`.
    pub fn flat_size(&self) -> usize {
        self.sizes[self.n_stages()].iter().product()
    }

    /// Length of the vector that enters the backward stream.
    pub fn bottleneck_size(&self) -> usize {
        self.out_dim + if self.n_tasks > 1 { self.n_tasks } else { 0 }
    }
}

fn normalisation(fields: &Fields<'_>, channels: usize) -> Result<Option<(Vec<f64>, Vec<f64>)>> {
    if !fields.flag("normalize")? {
        return Ok(None);
    }
    let per_channel = |field: &str, default: [f64; 3]| -> Result<Vec<f64>> {
        let value = fields.raw(field);
        let list = match value {
            none if is_none(none) => default.to_vec(),
            Value::Array(items) => {
                items.iter().map(|item| fields::number(field, item)).collect::<Result<_>>()?
            }
            single => vec![fields::number(field, single)?],
        };
        match list.len() {
            n if n == channels => Ok(list),
            1 => Ok(vec![list[0]; channels]),
            n => {
                let found = if is_none(value) { format!("{n} of ImageNet") } else { n.to_string() };
                Err(Error::config(field, format!("one number for each of {channels} channels"), found))
            }
        }
    };
    let (mean, std) = (per_channel("norm_mean", IMAGENET_MEAN)?, per_channel("norm_std", IMAGENET_STD)?);
    match std.iter().find(|&&value| value <= 0.0) {
        Some(value) => Err(Error::config("norm_std", "above 0", value)),
        None => Ok(Some((mean, std))),
    }
}

/// Padding that `"same"` stands for.
fn same_padding(kernel: usize) -> usize {
    match kernel {
        3 => 1,
        5 => 2,
        _ => 3,
    }
}

fn encoder(
    fields: &Fields<'_>,
    in_dims: [usize; 3],
    channels: &[usize],
) -> Result<(Vec<EncoderStage>, Vec<[usize; 3]>)> {
    let n = channels.len() - 1;
    let kernels = fields.spread("kernels", fields::size)?;
    let strides = fields.spread("strides", fields::size)?;
    let paddings = match fields.raw("paddings") {
        Value::String(text) if text == "same" => None,
        _ => Some(fields.spread("paddings", fields::count)?),
    };
    let pools = fields.spread("pools", fields::size)?;
    let biases = fields.spread("conv_bias", fields::flag)?;
    let norms = fields.spread("conv_norms", read_norm)?;
    let dropouts = fields.spread("conv_dropouts", fields::share)?;
    let functions = read_functions("conv_funs", fields.raw("conv_funs"))?;
    let residuals = fields.spread("residuals", fields::flag)?;
    let softness = fields.spread("softness", fields::number)?;
    let mut sizes = vec![in_dims];
    let mut stages = Vec::with_capacity(n);
    for i in 0..n {
        let [_, height, width] = sizes[i];
        let kernel = kernels.nth("kernels", i, n)?;
        let stride = strides.nth("strides", i, n)?;
        let padding = match &paddings {
            None => same_padding(kernel),
            Some(paddings) => paddings.nth("paddings", i, n)?,
        };
        let pool = pools.nth("pools", i, n)?;
        if padding > 0 && padding >= height.min(width) {
            let requirement =
                format!("smaller than the {height} × {width} map of stage {i}, which it mirrors");
            return Err(Error::config("paddings", requirement, padding));
        }
        let convolved = |length: usize| Some((length + 2 * padding).checked_sub(kernel)? / stride + 1);
        let empty = || {
            let found = format!("nothing left of {height} × {width} at stage {i}");
            Error::config(
                "in_dims, kernels, strides, paddings and pools",
                "such that every map is at least 1 × 1",
                found,
            )
        };
        let (h, w) = convolved(height).zip(convolved(width)).ok_or_else(empty)?;
        if h < pool || w < pool {
            return Err(empty());
        }
        // The first stage never has a skip.
        let residual = i > 0 && residuals.nth("residuals", i, n)?;
        let unpooled = [channels[i + 1], h, w];
        if residual && unpooled != sizes[i] {
            let requirement =
                format!("false at stage {i}, whose input {:?} and output {unpooled:?} differ", sizes[i]);
            return Err(Error::config("residuals", requirement, true));
        }
        stages.push(EncoderStage {
            kernel,
            stride,
            padding,
            bias: biases.nth("conv_bias", i, n)?,
            norm: norms.nth("conv_norms", i, n)?,
            dropout: dropouts.nth("conv_dropouts", i, n)?,
            function: functions.nth("conv_funs", i, n)?,
            residual,
            pool,
            softness: softness.nth("softness", i, n)?,
            unpooled,
        });
        sizes.push([channels[i + 1], h / pool, w / pool]);
    }
    Ok((stages, sizes))
}

/// Lists are counted from their end here: stage `j` takes the entry of the stage it mirrors, or the
/// last `n` entries of a longer list.
fn decoder(fields: &Fields<'_>, n: usize, n_tasks: usize) -> Result<Vec<DecoderStage>> {
    let biases = fields.spread("conv_bias", fields::flag)?;
    let norms = fields.spread("deconv_norms", read_norm)?;
    let dropouts = fields.spread("conv_dropouts", fields::share)?;
    let functions = read_functions("deconv_funs", fields.raw("deconv_funs"))?;
    let layers = match fields.integer("task_layers")? {
        -1 => n,
        layers if (0..=n as i64).contains(&layers) => layers as usize,
        layers => return Err(Error::config("task_layers", format!("-1 (all) or 0 to {n}"), layers)),
    };
    (0..n)
        .map(|j| {
            Ok(DecoderStage {
                bias: biases.nth_back("conv_bias", j, n)?,
                norm: norms.nth_back("deconv_norms", j, n)?,
                dropout: dropouts.nth_back("conv_dropouts", j, n)?,
                // The map of the image is always between -1 and 1.
                function: if j + 1 == n {
                    Activation::Tanh
                } else {
                    functions.nth_back("deconv_funs", j, n - 1)?
                },
                embedded: n_tasks > 1 && j < layers,
            })
        })
        .collect()
}

fn vector_stages(fields: &Fields<'_>, dims: &[usize]) -> Result<(Vec<VectorStage>, Vec<VectorStage>)> {
    let m = dims.len() - 1;
    let biases = fields.spread("rnn_bias", fields::flag)?;
    let dropouts = fields.spread("rnn_dropouts", fields::share)?;
    let functions = read_functions("rnn_funs", fields.raw("rnn_funs"))?;
    let forward = (0..m).map(|j| {
        Ok(VectorStage {
            inputs: dims[j],
            units: dims[j + 1],
            bias: biases.nth("rnn_bias", j, m)?,
            dropout: dropouts.nth("rnn_dropouts", j, m)?,
            function: functions.nth("rnn_funs", j, m)?,
        })
    });
    let backward = (0..m).map(|j| {
        Ok(VectorStage {
            inputs: dims[m - j],
            units: dims[m - 1 - j],
            bias: biases.nth_back("rnn_bias", j, m)?,
            dropout: dropouts.nth_back("rnn_dropouts", j, m)?,
            function: functions.nth_back("rnn_funs", j, m)?,
        })
    });
    Ok((forward.collect::<Result<_>>()?, backward.collect::<Result<_>>()?))
}
