//! Configuration of BlockNet and its older sibling: `model_params.json` resolved.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::function::read_function;
use super::norm::{NormName, read_norm};
use crate::error::{Error, Result};
use crate::ops::Activation;

/// BlockNet: residual-style blocks with a mirrored stream of transposed convolutions.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockConfig {
    /// The older sibling: no norms around the blocks, statistics never stored, another middle.
    pub older: bool,
    pub in_dims: [usize; 3],
    /// `c_0 … c_nb`: channels of the stem, then of each block; without the image channels.
    pub channels: Vec<usize>,
    /// `m_0 … m_(nb+1)`: `[1, height, width]` of the image map, then of the stem and each block.
    pub sizes: Vec<[usize; 3]>,
    pub function: Activation,
    pub task_function: Activation,
    pub norm: Option<NormName>,
    pub out_dim: usize,
    pub n_classes: usize,
    /// Units between the last map and the bottleneck; `None` leaves them out.
    pub mid_dim: Option<usize>,
    pub n_tasks: usize,
    pub softness: f64,
    /// Has the backward stream a side path?
    pub residual: bool,
    pub skip_maxpool: bool,
    /// Kernel of the stem.
    pub first_k: usize,
    pub recurrent: bool,
    /// Are the streams joined by concatenation (else by addition)?
    pub concat: bool,
    /// Have the forward blocks a shortcut?
    pub resnet: bool,
    /// Is the norm before each block applied in the first sweep too?
    pub norm_1st: bool,
    /// Are recurrent states carried to the next sweep? The published code never writes them back.
    pub recurrent_update: bool,
}

/// Keys of `model_params.json` with the reference's defaults. Null marks what the older sibling
/// does not have a choice in.
pub fn block_defaults(older: bool) -> Map<String, Value> {
    let shared = json!({
        "channels": [32, 64, 128, 256],
        "in_dims": [3, 256, 256],
        "fun": "GELU(approximate='none')",
        "task_fun": "Tanh()",
        "norm": "layer",
        "out_dim": 20,
        "n_classes": 10,
        "mid_dim": 512,
        "n_tasks": 3,
        "softness": 0.5,
        "residual": false,
        "skip_maxpool": false,
        "first_k": 7,
    });
    let newer = json!({
        "recurrent": false,
        "concat": true,
        "resnet": true,
        "norm_1st": false,
        "bnpti": false,
        "reinit": false,
        "recurrent_update": false,
    });
    let mut defaults = Map::new();
    for part in [Some(shared), (!older).then_some(newer)] {
        if let Some(Value::Object(part)) = part {
            defaults.extend(part);
        }
    }
    defaults
}

impl BlockConfig {
    /// Resolves a complete set of values.
    ///
    /// # Errors
    /// [`Error::Config`] naming the field.
    pub fn read(values: &Map<String, Value>, older: bool) -> Result<Self> {
        let fields = Fields::new(values);
        let in_dims = fields.image("in_dims")?;
        let image_channels: &[usize] = if older { &[3] } else { &[1, 3] };
        if !image_channels.contains(&in_dims[0]) {
            let requirement = if older { "of 3 channels" } else { "of 1 or 3 channels" };
            return Err(Error::config("in_dims", requirement, in_dims[0]));
        }
        let channels = fields.sizes("channels", 2)?;
        let skip_maxpool = fields.flag("skip_maxpool")?;
        let sizes = sizes(in_dims, &channels, if skip_maxpool { 2 } else { 4 })?;
        let mid_dim = match fields.integer("mid_dim")? {
            units if units > 0 => Some(fields.size("mid_dim")?),
            units if units < 0 && !older => None,
            units => {
                let requirement = if older { "1 or more" } else { "1 or more, or -1 for none" };
                return Err(Error::config("mid_dim", requirement, units));
            }
        };
        let (n_classes, out_dim) = (fields.size("n_classes")?, fields.size("out_dim")?);
        if n_classes > out_dim {
            return Err(Error::config("n_classes", format!("at most out_dim = {out_dim}"), n_classes));
        }
        let newer = |field: &str, older_value: bool| {
            if older { Ok(older_value) } else { fields.flag(field) }
        };
        Ok(Self {
            older,
            in_dims,
            sizes,
            function: read_function("fun", fields.raw("fun"))?,
            task_function: read_function("task_fun", fields.raw("task_fun"))?,
            norm: read_norm("norm", fields.raw("norm"))?,
            out_dim,
            n_classes,
            mid_dim,
            n_tasks: fields.size("n_tasks")?,
            softness: fields.number("softness")?,
            residual: fields.flag("residual")?,
            skip_maxpool,
            first_k: fields.size("first_k")?,
            recurrent: newer("recurrent", false)? && mid_dim.is_some(),
            concat: newer("concat", true)?,
            resnet: newer("resnet", true)?,
            norm_1st: newer("norm_1st", false)?,
            recurrent_update: newer("recurrent_update", false)?,
            channels,
        })
    }

    /// Number of blocks, `nb`.
    pub fn n_blocks(&self) -> usize {
        self.channels.len() - 1
    }

    /// Does block `b` halve the map?
    pub fn halves(&self, b: usize) -> bool {
        self.channels[b] != self.channels[b + 1]
    }

    /// Channels of two joined streams of `channels` each.
    pub fn joined(&self, channels: usize) -> usize {
        if self.concat { 2 * channels } else { channels }
    }

    /// Units of the vector next to the bottleneck, `M`.
    pub fn middle(&self) -> usize {
        self.mid_dim.unwrap_or_else(|| self.channels[self.n_blocks()])
    }

    /// From the image to the map of the stem: 2 or 4.
    pub fn stem_stride(&self) -> usize {
        if self.skip_maxpool { 2 } else { 4 }
    }

    /// Length of the vector that enters the backward stream.
    pub fn bottleneck_size(&self) -> usize {
        self.out_dim + if self.n_tasks > 1 { self.n_tasks } else { 0 }
    }

    /// Have convolutions a bias?
    pub fn conv_bias(&self) -> bool {
        self.norm == Some(NormName::Layer)
    }

    /// Do the norms keep running statistics?
    pub fn stores_statistics(&self) -> bool {
        !self.older && matches!(self.norm, Some(NormName::Batch | NormName::Instance))
    }
}

fn sizes(in_dims: [usize; 3], channels: &[usize], stem_stride: usize) -> Result<Vec<[usize; 3]>> {
    let [_, height, width] = in_dims;
    let mut sizes = vec![[1, height, width]];
    let uneven = |found: String| {
        let requirement = "such that every halved map has an even height and width";
        Error::config("in_dims", requirement, found)
    };
    if height % stem_stride != 0 || width % stem_stride != 0 {
        return Err(uneven(format!("{height} × {width} before the stem, which divides it by {stem_stride}")));
    }
    let (mut h, mut w) = (height / stem_stride, width / stem_stride);
    sizes.push([channels[0], h, w]);
    for (b, pair) in channels.windows(2).enumerate() {
        if pair[0] != pair[1] {
            if h % 2 != 0 || w % 2 != 0 {
                return Err(uneven(format!("{h} × {w} before block {b}")));
            }
            (h, w) = (h / 2, w / 2);
        }
        sizes.push([pair[1], h, w]);
    }
    Ok(sizes)
}
