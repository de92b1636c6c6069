//! GateNet: a convolutional stream (recognition) and a mirrored stream (attention) whose maps
//! multiply the input of each convolution at the next sweep.

use candle_core::Tensor;

use super::config::{GateConfig, NormName, VectorStage};
use super::model::{BottomUp, Parts, Streams, activated};
use super::stages::{Dropout, ImageInput, add_pooled_current, gained};
use super::top_down::{ShortPrompt, Softness, TopDown, task_row};
use crate::dynamics::{Area, AreaKind, GainRule, Pass, State, StepContext};
use crate::error::Result;
use crate::nn::{Conv2d, ConvTranspose2d, Embedding, Linear, Norm, RnnCell};
use crate::ops::{self, ConvSpec, ConvTransposeSpec, PadMode, PoolSpec, Workspace};
use crate::weights::Weights;

/// The streams with their weights.
pub(super) struct GateNet {
    config: GateConfig,
    dropout: Option<Dropout>,
    encoder: Vec<Encoder>,
    flat: Linear,
    forward: Vec<Vector>,
    fc_out: Linear,
    fc_in: Linear,
    backward: Vec<Vector>,
    unflat: Linear,
    decoder: Vec<Decoder>,
}

struct Encoder {
    conv: Conv2d,
    norm: Option<Norm>,
}

struct Decoder {
    factor: Option<Embedding>,
    offset: Option<Embedding>,
    deconv: ConvTranspose2d,
    norm: Option<Norm>,
}

/// A stage between vectors: with its past, or plain.
enum Vector {
    Recurrent(RnnCell),
    Plain(Linear),
}

impl GateNet {
    pub fn parts(gate: &GateConfig, weights: &Weights, dropout: Option<Dropout>) -> Result<Parts> {
        let n = gate.n_stages();
        let norm = |prefix: String, kind: Option<NormName>| {
            kind.map(|kind| Norm::load(weights, &format!("{prefix}.norm"), kind.kind()))
        };
        let encoder = gate.encoder.iter().enumerate().map(|(i, stage)| {
            let prefix = format!("conv_blocks.{i}");
            let spec = ConvSpec {
                stride: stage.stride,
                padding: stage.padding,
                pad_mode: PadMode::Reflect,
                groups: 1,
            };
            let conv = Conv2d::load(weights, &format!("{prefix}.conv"), spec)?;
            Ok(Encoder { conv, norm: norm(prefix, stage.norm) })
        });
        let decoder = gate.decoder.iter().enumerate().map(|(j, stage)| {
            let prefix = format!("deconv_blocks.{j}");
            let spec = ConvTransposeSpec { stride: 1, padding: 1, output_padding: 0 };
            let table = |name: &str, wanted: bool| match stage.embedded && wanted {
                true => Embedding::load(weights, &format!("{name}.{j}")).map(Some),
                false => Ok(None),
            };
            Ok(Decoder {
                factor: table("embed_blocks_a", gate.task_weight)?,
                offset: table("embed_blocks_b", gate.task_bias)?,
                deconv: ConvTranspose2d::load(weights, &format!("{prefix}.deconv"), spec)?,
                norm: norm(prefix, stage.norm),
            })
        });
        let vectors = |prefix: &str, stages: &[VectorStage]| -> Result<Vec<Vector>> {
            let load = |j: usize| match gate.rnn_to_fc {
                true => Linear::load(weights, &format!("{prefix}.{j}.0")).map(Vector::Plain),
                false => RnnCell::load(weights, &format!("{prefix}.{j}")).map(Vector::Recurrent),
            };
            (0..stages.len()).map(load).collect()
        };
        let softness = if gate.softness_per_stage {
            Softness::PerMap
        } else {
            Softness::Single(gate.encoder[0].softness)
        };
        let like = weights.get("conv_blocks.0.conv.weight")?.tensor().clone();
        let normalisation = gate.normalisation.as_ref().map(|(mean, std)| (mean.as_slice(), std.as_slice()));
        debug_assert_eq!(gate.sizes.len(), n + 1);
        let streams = Self {
            dropout,
            encoder: encoder.collect::<Result<_>>()?,
            flat: Linear::load(weights, "conv_frnn.1")?,
            forward: vectors("frnn_blocks", &gate.forward)?,
            fc_out: Linear::load(weights, "fc_out")?,
            fc_in: Linear::load(weights, "fc_in")?,
            backward: vectors("brnn_blocks", &gate.backward)?,
            unflat: Linear::load(weights, "brnn_deconv.0")?,
            decoder: decoder.collect::<Result<_>>()?,
            config: gate.clone(),
        };
        Ok(Parts {
            areas: areas(gate, &softness),
            softness,
            input: ImageInput::new(gate.in_dims, normalisation, &like),
            streams: Box::new(streams),
        })
    }

    /// Positions in the list of areas.
    fn flat_area(&self) -> usize {
        self.encoder.len()
    }

    fn forward_area(&self, j: usize) -> usize {
        self.encoder.len() + 1 + j
    }

    fn backward_area(&self, j: usize) -> usize {
        self.encoder.len() + 1 + self.forward.len() + j
    }

    fn gain_area(&self, i: usize) -> usize {
        self.encoder.len() + 1 + 2 * self.forward.len() + i
    }

    fn drop_maps(&self, z: Tensor, p: f64, t: usize, stage: usize) -> Result<Tensor> {
        match self.dropout {
            Some(dropout) if p > 0.0 => dropout.maps(&z, p, t, stage),
            _ => Ok(z),
        }
    }

    fn drop_entries(&self, z: Tensor, p: f64, t: usize, stage: usize) -> Result<Tensor> {
        match self.dropout {
            Some(dropout) if p > 0.0 => dropout.entries(&z, p, t, stage),
            _ => Ok(z),
        }
    }
}

impl Streams for GateNet {
    fn bottom_up(
        &self,
        image: &Tensor,
        state: &State,
        _pass: Pass,
        gain: Option<f64>,
        context: &mut StepContext<'_>,
    ) -> Result<BottomUp> {
        let n = self.encoder.len();
        let mut areas = Vec::with_capacity(self.gain_area(n));
        let mut h = image.clone();
        for (i, (stage, layers)) in self.config.encoder.iter().zip(&self.encoder).enumerate() {
            if let Some(gain) = gain {
                let softness = if self.config.softness_per_stage { gain * stage.softness } else { gain };
                h = gained(&h, &state.areas[self.gain_area(i)], softness)?;
            }
            let mut z = layers.conv.forward(&h, context.ops)?;
            if let Some(norm) = &layers.norm {
                z = norm.forward(&z)?;
            }
            z = self.drop_maps(z, stage.dropout, state.t, i)?;
            z = add_pooled_current(z, &self.config.sizes[i + 1], stage.pool, |z| {
                context.preactivation(i, z)
            })?;
            z = ops::activate(&z, stage.function)?;
            if stage.residual {
                z = ops::add(&z, &h)?;
            }
            if stage.pool > 1 {
                let window = PoolSpec::tiling(stage.pool);
                z = if i + 1 == n { ops::avg_pool2d(&z, &window)? } else { ops::max_pool2d(&z, &window)? };
            }
            h = context.activity(i, z)?;
            areas.push(h.clone());
        }
        let z = self.flat.forward(&h.flatten_from(1)?, context.ops)?;
        h = activated(z, self.flat_area(), self.config.flat_function, context)?;
        areas.push(h.clone());
        for (j, (stage, layer)) in self.config.forward.iter().zip(&self.forward).enumerate() {
            let area = self.forward_area(j);
            let past = match gain {
                Some(_) => state.areas[area].clone(),
                None => state.areas[area].zeros_like()?,
            };
            let z = layer.preactivation(&h, &past, context.ops)?;
            let z = self.drop_entries(z, stage.dropout, state.t, area)?;
            h = activated(z, area, stage.function, context)?;
            areas.push(h.clone());
        }
        let outputs = self.fc_out.forward(&h, context.ops)?;
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
        let (n, config) = (self.encoder.len(), &self.config);
        let v = top_down.bottleneck(&outputs, config.n_classes, config.n_tasks, ShortPrompt::Padded)?;
        let mut h = self.fc_in.forward(&v, context.ops)?;
        for (j, (stage, layer)) in config.backward.iter().zip(&self.backward).enumerate() {
            let area = self.backward_area(j);
            let z = layer.preactivation(&h, &state.areas[area], context.ops)?;
            let z = self.drop_entries(z, stage.dropout, state.t, area)?;
            h = activated(z, area, stage.function, context)?;
            areas.push(h.clone());
        }
        let z = self.unflat.forward(&h, context.ops)?;
        let [channels, height, width] = config.sizes[n];
        h = ops::activate(&z, config.flat_function)?.reshape((z.dim(0)?, channels, height, width))?;
        let mut maps = Vec::with_capacity(n);
        for (j, (stage, layers)) in config.decoder.iter().zip(&self.decoder).enumerate() {
            let i = n - 1 - j;
            let area = self.gain_area(i);
            h = Tensor::cat(&[&h, &areas[i]], 1)?;
            if let (true, Some(task)) = (stage.embedded, top_down.task) {
                if let Some(factor) = &layers.factor {
                    h = h.broadcast_mul(&task_row(factor, task)?)?;
                }
                if let Some(offset) = &layers.offset {
                    h = h.broadcast_add(&task_row(offset, task)?)?;
                }
                h = ops::activate(&h, config.task_function)?;
            }
            let [_, height, width] = config.sizes[i];
            h = ops::upsample_nearest(&h, (height, width))?;
            let mut z = layers.deconv.forward(&h, context.ops)?;
            if let Some(norm) = &layers.norm {
                z = norm.forward(&z)?;
            }
            z = self.drop_maps(z, stage.dropout, state.t, area)?;
            h = activated(z, area, stage.function, context)?;
            maps.push(h.clone());
        }
        areas.extend(maps.into_iter().rev());
        Ok(areas)
    }
}

impl Vector {
    fn preactivation(&self, x: &Tensor, past: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        match self {
            Self::Recurrent(cell) => cell.preactivation(x, past, ws),
            Self::Plain(linear) => linear.forward(x, ws),
        }
    }
}

fn areas(gate: &GateConfig, softness: &Softness) -> Vec<Area> {
    let n = gate.n_stages();
    let conv = |i: usize| format!("conv{}", i + 1);
    let mut areas: Vec<Area> = (0..n).map(|i| Area::activity(conv(i), &gate.sizes[i + 1])).collect();
    areas.push(Area::activity("fc", &gate.rnn_dims[..1]));
    let vectors = |name: &str, stages: &[VectorStage]| -> Vec<Area> {
        let named = stages.iter().enumerate();
        named
            .map(|(j, stage)| Area::new(format!("{name}{}", j + 1), &[stage.units], AreaKind::Hidden))
            .collect()
    };
    areas.extend(vectors("frnn", &gate.forward));
    areas.extend(vectors("brnn", &gate.backward));
    areas.extend((0..n).map(|i| {
        let [channels, height, width] = gate.sizes[i];
        // One map for all image channels.
        let channels = if i == 0 { 1 } else { channels };
        let rule = GainRule {
            target: if i == 0 { "input".to_owned() } else { conv(i - 1) },
            sign: if gate.softness_per_stage { gate.encoder[i].softness } else { 1.0 },
            control: softness.control_name().to_owned(),
        };
        Area::new(format!("m{i}"), &[channels, height, width], AreaKind::Gain(rule))
    }));
    areas
}
