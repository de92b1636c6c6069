//! BlockNet and its older sibling: residual-style blocks and a mirrored stream of transposed
//! convolutions whose maps multiply the input of each block at the next sweep.

use candle_core::Tensor;

use super::config::{BlockConfig, IMAGENET_MEAN, IMAGENET_STD};
use super::model::{BottomUp, Parts, Streams, activated};
use super::stages::{ImageInput, add_pooled_current, gained};
use super::top_down::{ShortPrompt, Softness, TopDown, task_row};
use super::tracked::TrackedNorm;
use crate::dynamics::{Area, AreaKind, GainRule, Pass, State, StepContext};
use crate::error::Result;
use crate::nn::{Conv2d, ConvTranspose2d, Embedding, Linear, RnnCell};
use crate::ops::{self, Activation, ConvSpec, ConvTransposeSpec, PoolSpec, Workspace};
use crate::weights::Weights;

/// Mean and standard deviation for grey images.
const GREY: ([f64; 1], [f64; 1]) = ([0.5], [0.25]);

/// The streams with their weights.
pub(super) struct BlockNet {
    config: BlockConfig,
    stem: ConvNorm,
    blocks: Vec<Block>,
    middle: Option<(Middle, Middle)>,
    fbottleneck: Linear,
    bbottleneck: Linear,
    task_factor: Option<Embedding>,
    task_offset: Option<Embedding>,
    last_norm: Option<TrackedNorm>,
    last_deconv: ConvTranspose2d,
}

struct ConvNorm {
    conv: Conv2d,
    norm: Option<TrackedNorm>,
}

struct DeconvNorm {
    deconv: ConvTranspose2d,
    norm: Option<TrackedNorm>,
}

struct Block {
    pre_norm: Option<TrackedNorm>,
    first: ConvNorm,
    second: ConvNorm,
    downsample: Option<ConvNorm>,
    post_norm: Option<TrackedNorm>,
    side: Option<DeconvNorm>,
    upsample_norm: Option<TrackedNorm>,
    back_first: DeconvNorm,
    back_second: DeconvNorm,
    post_deconv_norm: Option<TrackedNorm>,
}

/// The stage between the last map and the bottleneck, one per direction.
enum Middle {
    Plain(Linear),
    Recurrent(RnnCell),
}

/// Finds the layers of a network by the reference's names.
struct Loader<'a> {
    config: &'a BlockConfig,
    weights: &'a Weights,
}

impl Loader<'_> {
    fn norm(&self, prefix: &str) -> Option<TrackedNorm> {
        self.config.norm.map(|name| TrackedNorm::load(self.weights, prefix, name.kind()))
    }

    /// `{prefix}.{index}` and the norm that follows it.
    fn conv(&self, prefix: &str, index: usize, stride: usize, padding: usize) -> Result<ConvNorm> {
        let spec = ConvSpec { stride, padding, ..ConvSpec::default() };
        let conv = Conv2d::load(self.weights, &format!("{prefix}.{index}"), spec)?;
        Ok(ConvNorm { conv, norm: self.norm(&format!("{prefix}.{}", index + 1)) })
    }

    fn deconv(&self, prefix: &str, index: usize, stride: usize, padding: usize) -> Result<DeconvNorm> {
        let spec = ConvTransposeSpec { stride, padding, output_padding: 0 };
        let deconv = ConvTranspose2d::load(self.weights, &format!("{prefix}.{index}"), spec)?;
        Ok(DeconvNorm { deconv, norm: self.norm(&format!("{prefix}.{}", index + 1)) })
    }

    fn block(&self, b: usize) -> Result<Block> {
        let (config, halves) = (self.config, self.config.halves(b));
        let name = |part: &str| format!("blocks.{b}.{part}");
        let newer = |part: &str| if config.older { None } else { self.norm(&name(part)) };
        let side = match config.residual {
            true if halves => Some(self.deconv(&name("deconv_res"), 0, 2, 0)?),
            true => Some(self.deconv(&name("deconv_res"), 0, 1, 1)?),
            false => None,
        };
        Ok(Block {
            pre_norm: newer("pre_conv_norm"),
            first: self.conv(&name("conv"), 0, 1, 1)?,
            second: self.conv(&name("conv"), 3, if halves { 2 } else { 1 }, 1)?,
            downsample: match config.resnet && halves {
                true => Some(self.conv(&name("downsample"), 0, 2, 0)?),
                false => None,
            },
            post_norm: newer("post_conv_norm"),
            side,
            upsample_norm: if halves { self.norm(&name("upsample.1")) } else { None },
            back_first: self.deconv(&name("deconv"), 0, 1, 1)?,
            back_second: self.deconv(&name("deconv"), 3, 1, 1)?,
            post_deconv_norm: newer("post_deconv_norm"),
        })
    }

    fn middle(&self) -> Result<Option<(Middle, Middle)>> {
        let plain = |prefix: &str| Linear::load(self.weights, prefix).map(Middle::Plain);
        let recurrent = |prefix: &str| RnnCell::load(self.weights, prefix).map(Middle::Recurrent);
        match self.config {
            config if config.older => Ok(Some((plain("fmid.2")?, plain("bmid.0")?))),
            config if config.recurrent => Ok(Some((recurrent("frnn")?, recurrent("brnn")?))),
            config if config.mid_dim.is_some() => Ok(Some((plain("frnn.0")?, plain("brnn.0")?))),
            _ => Ok(None),
        }
    }
}

impl BlockNet {
    pub fn parts(block: &BlockConfig, weights: &Weights) -> Result<Parts> {
        let loader = Loader { config: block, weights };
        let table = |name: &str| match block.n_tasks > 1 {
            true => Embedding::load(weights, name).map(Some),
            false => Ok(None),
        };
        let like = weights.get("first_conv.0.weight")?.tensor().clone();
        let (mean, std): (&[f64], &[f64]) =
            if block.in_dims[0] == 3 { (&IMAGENET_MEAN, &IMAGENET_STD) } else { (&GREY.0, &GREY.1) };
        let softness = Softness::Single(block.softness);
        let streams = Self {
            stem: loader.conv("first_conv", 0, 2, (block.first_k - 1) / 2)?,
            blocks: (0..block.n_blocks()).map(|b| loader.block(b)).collect::<Result<_>>()?,
            middle: loader.middle()?,
            fbottleneck: Linear::load(weights, "fbottleneck")?,
            bbottleneck: Linear::load(weights, "bbottleneck")?,
            task_factor: table("task_w")?,
            task_offset: table("task_b")?,
            last_norm: loader.norm("last_deconv.1"),
            last_deconv: ConvTranspose2d::load(
                weights,
                "last_deconv.2",
                ConvTransposeSpec { stride: 1, padding: 1, output_padding: 0 },
            )?,
            config: block.clone(),
        };
        Ok(Parts {
            areas: areas(block, &softness),
            softness,
            input: ImageInput::new(block.in_dims, Some((mean, std)), &like),
            streams: Box::new(streams),
        })
    }

    fn norms(&self) -> impl Iterator<Item = &TrackedNorm> {
        let ends = [&self.stem.norm, &self.last_norm];
        ends.into_iter().chain(self.blocks.iter().flat_map(Block::norms)).flatten()
    }

    fn norms_mut(&mut self) -> impl Iterator<Item = &mut TrackedNorm> {
        let ends = [&mut self.stem.norm, &mut self.last_norm];
        ends.into_iter().chain(self.blocks.iter_mut().flat_map(Block::norms_mut)).flatten()
    }

    fn n_middle(&self) -> usize {
        usize::from(self.middle.is_some())
    }

    /// Positions in the list of areas: stem and blocks, then the two middles, then the maps.
    fn forward_area(&self) -> usize {
        self.blocks.len() + 1
    }

    fn backward_area(&self) -> usize {
        self.blocks.len() + 2
    }

    fn gain_area(&self, i: usize) -> usize {
        self.blocks.len() + 1 + 2 * self.n_middle() + i
    }

    /// Past of a recurrent stage. The published code creates it and never writes it back.
    fn past(&self, state: &State, area: usize) -> Result<Tensor> {
        let past = &state.areas[area];
        if self.config.recurrent_update { Ok(past.clone()) } else { Ok(past.zeros_like()?) }
    }

    /// The two streams side by side (attention first), or their sum.
    fn join(&self, attention: &Tensor, activity: &Tensor) -> Result<Tensor> {
        if self.config.concat {
            Ok(Tensor::cat(&[attention, activity], 1)?)
        } else {
            Ok((attention + activity)?)
        }
    }
}

impl Streams for BlockNet {
    fn bottom_up(
        &self,
        image: &Tensor,
        state: &State,
        pass: Pass,
        gain: Option<f64>,
        context: &mut StepContext<'_>,
    ) -> Result<BottomUp> {
        let (config, function) = (&self.config, self.config.function);
        // As published: a run's first sweep leaves out the norm before each block, while a single
        // sweep and the read-out pass never do.
        let pre_norm = config.norm_1st || pass != Pass::Sweep || state.t > 0;
        let with_gain = |h: Tensor, i: usize| match gain {
            Some(softness) => gained(&h, &state.areas[self.gain_area(i)], softness),
            None => Ok(h),
        };
        let mut areas = Vec::with_capacity(self.gain_area(self.blocks.len() + 1));
        let h = with_gain(image.clone(), 0)?;
        let scale = if config.skip_maxpool { 1 } else { 2 };
        let z = self.stem.forward(&h, context.ops)?;
        let z = add_pooled_current(z, &config.sizes[1], scale, |z| context.preactivation(0, z))?;
        let mut h = ops::activate(&z, function)?;
        if !config.skip_maxpool {
            h = ops::max_pool2d(&h, &PoolSpec { kernel: 3, stride: 2, padding: 1 })?;
        }
        h = context.activity(0, h)?;
        areas.push(h.clone());
        for (b, block) in self.blocks.iter().enumerate() {
            h = with_gain(h, b + 1)?;
            if let Some(norm) = block.pre_norm.as_ref().filter(|_| pre_norm) {
                h = norm.forward(&h)?;
            }
            let z = ops::activate(&block.first.forward(&h, context.ops)?, function)?;
            let mut z = block.second.forward(&z, context.ops)?;
            if config.resnet {
                let shortcut = match &block.downsample {
                    Some(downsample) => downsample.forward(&h, context.ops)?,
                    None => h,
                };
                z = (z + shortcut)?;
                z = normed(&block.post_norm, z)?;
            }
            h = activated(z, b + 1, function, context)?;
            areas.push(h.clone());
        }
        h = ops::global_avg_pool2d(&h)?;
        if let Some((middle, _)) = &self.middle {
            let area = self.forward_area();
            let z = middle.preactivation(&h, &self.past(state, area)?, context.ops)?;
            h = activated(z, area, function, context)?;
            areas.push(h.clone());
        }
        let outputs = self.fbottleneck.forward(&h, context.ops)?;
        Ok(BottomUp { areas, outputs })
    }

    fn top_down(
        &self,
        bottom_up: BottomUp,
        top_down: &TopDown,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<Vec<Tensor>> {
        let BottomUp { mut areas, outputs } = bottom_up;
        let (config, nb) = (&self.config, self.blocks.len());
        let v = top_down.bottleneck(&outputs, config.n_classes, config.n_tasks, ShortPrompt::Refused)?;
        let mut h = self.bbottleneck.forward(&v, context.ops)?;
        if let Some((_, middle)) = &self.middle {
            let area = self.backward_area();
            let z = middle.preactivation(&h, &self.past(state, area)?, context.ops)?;
            h = activated(z, area, config.function, context)?;
            areas.push(h.clone());
        }
        let (batch, units) = h.dims2()?;
        let [_, height, width] = config.sizes[nb + 1];
        h = h.reshape((batch, units, 1, 1))?.broadcast_as((batch, units, height, width))?;
        h = self.join(&h, &areas[nb])?;
        if let (Some(factor), Some(offset), Some(task)) =
            (&self.task_factor, &self.task_offset, top_down.task)
        {
            h = h.broadcast_mul(&task_row(factor, task)?)?.broadcast_add(&task_row(offset, task)?)?;
            h = ops::activate(&h, config.task_function)?;
        }
        let mut maps = Vec::with_capacity(nb + 1);
        for (b, block) in self.blocks.iter().enumerate().rev() {
            if b + 1 < nb {
                h = self.join(&h, &areas[b + 1])?;
            }
            let side = match &block.side {
                Some(side) => Some(side.forward(&h, context.ops)?),
                None => None,
            };
            if config.halves(b) {
                let [_, height, width] = config.sizes[b + 1];
                h = normed(&block.upsample_norm, ops::upsample_nearest(&h, (height, width))?)?;
            }
            h = ops::activate(&block.back_first.forward(&h, context.ops)?, config.function)?;
            let mut z = block.back_second.forward(&h, context.ops)?;
            if let Some(side) = side {
                z = normed(&block.post_deconv_norm, (z + side)?)?;
            }
            h = activated(z, self.gain_area(b + 1), Activation::Tanh, context)?;
            maps.push(h.clone());
        }
        h = self.join(&h, &areas[0])?;
        let [_, height, width] = config.sizes[0];
        h = normed(&self.last_norm, ops::upsample_nearest(&h, (height, width))?)?;
        let z = self.last_deconv.forward(&h, context.ops)?;
        maps.push(activated(z, self.gain_area(0), Activation::Tanh, context)?);
        areas.extend(maps.into_iter().rev());
        Ok(areas)
    }

    fn start_moving_statistics(&mut self) {
        self.norms_mut().for_each(TrackedNorm::start_moving);
    }

    fn moved_statistics(&self) -> Result<Vec<(String, Tensor)>> {
        let mut statistics = Vec::new();
        for norm in self.norms() {
            statistics.extend(norm.moved()?);
        }
        Ok(statistics)
    }
}

impl Block {
    fn norms(&self) -> impl Iterator<Item = &Option<TrackedNorm>> {
        let own = [&self.pre_norm, &self.post_norm, &self.upsample_norm, &self.post_deconv_norm];
        let convs = [&self.first.norm, &self.second.norm, &self.back_first.norm, &self.back_second.norm];
        let down = self.downsample.as_ref().map(|stage| &stage.norm);
        own.into_iter().chain(convs).chain(down).chain(self.side.as_ref().map(|stage| &stage.norm))
    }

    fn norms_mut(&mut self) -> impl Iterator<Item = &mut Option<TrackedNorm>> {
        let own = [
            &mut self.pre_norm,
            &mut self.post_norm,
            &mut self.upsample_norm,
            &mut self.post_deconv_norm,
            &mut self.first.norm,
            &mut self.second.norm,
            &mut self.back_first.norm,
            &mut self.back_second.norm,
        ];
        let down = self.downsample.as_mut().map(|stage| &mut stage.norm);
        own.into_iter().chain(down).chain(self.side.as_mut().map(|stage| &mut stage.norm))
    }
}

impl ConvNorm {
    fn forward(&self, x: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        normed(&self.norm, self.conv.forward(x, ws)?)
    }
}

impl DeconvNorm {
    fn forward(&self, x: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        normed(&self.norm, self.deconv.forward(x, ws)?)
    }
}

impl Middle {
    fn preactivation(&self, x: &Tensor, past: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        match self {
            Self::Plain(linear) => linear.forward(x, ws),
            Self::Recurrent(cell) => cell.preactivation(x, past, ws),
        }
    }
}

fn normed(norm: &Option<TrackedNorm>, x: Tensor) -> Result<Tensor> {
    match norm {
        Some(norm) => norm.forward(&x),
        None => Ok(x),
    }
}

fn areas(block: &BlockConfig, softness: &Softness) -> Vec<Area> {
    let nb = block.n_blocks();
    let name = |i: usize| if i == 0 { "stem".to_owned() } else { format!("block{i}") };
    let mut areas: Vec<Area> = (0..=nb).map(|i| Area::activity(name(i), &block.sizes[i + 1])).collect();
    if block.mid_dim.is_some() {
        let (forward, backward) = if block.older { ("fmid", "bmid") } else { ("frnn", "brnn") };
        areas.push(Area::new(forward, &[block.middle()], AreaKind::Hidden));
        areas.push(Area::new(backward, &[block.channels[nb]], AreaKind::Hidden));
    }
    areas.extend((0..=nb).map(|i| {
        let rule = GainRule {
            target: if i == 0 { "input".to_owned() } else { name(i - 1) },
            sign: 1.0,
            control: softness.control_name().to_owned(),
        };
        Area::new(format!("m{i}"), &block.sizes[i], AreaKind::Gain(rule))
    }));
    areas
}
