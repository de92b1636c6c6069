//! GateNet: a convolutional stream (recognition) and a mirrored stream (attention) whose maps
//! multiply the input of each convolution at the next sweep.

use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::Tensor;

use super::config::{Config, GateConfig, NormName, VectorStage};
use super::protocol::Protocol;
use super::stages::{Dropout, ImageInput, add_pooled_current, gained};
use super::top_down::{ControlSet, ShortPrompt, Softness, TopDown, task_row};
use crate::dynamics::{
    Area, AreaKind, Control, Drive, Dynamics, Frame, GainRule, LabelSet, Pass, Prepared, Presentation,
    ProtocolOptions, Schedule, State, StepContext, TimeUnit,
};
use crate::error::{Error, Result};
use crate::nn::{Conv2d, ConvTranspose2d, Embedding, Linear, Norm, RnnCell};
use crate::ops::{self, Activation, ConvSpec, ConvTransposeSpec, PadMode, PoolSpec, Workspace};
use crate::weights::Weights;

/// Counts built networks of the family, so that each has its own generation.
pub(super) static NEXT_GENERATION: AtomicU64 = AtomicU64::new(1);

/// The network with its weights.
pub struct GateNet {
    config: GateConfig,
    areas: Vec<Area>,
    controls: ControlSet,
    protocol: Protocol,
    generation: u64,
    input: ImageInput,
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

/// What the forward stream leaves.
struct BottomUp {
    /// Activities of the convolutions, the flat stage and the recurrent stages.
    areas: Vec<Tensor>,
    /// `[batch, out_dim]`.
    outputs: Tensor,
}

impl GateNet {
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Shape`] for a missing or wrong tensor.
    pub fn new(config: &Config, gate: &GateConfig, weights: &Weights) -> Result<Self> {
        super::weights::check(config, weights)?;
        let protocol = Protocol::new(&config.tasks, config.n_tasks(), config.n_classes());
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
        Ok(Self {
            areas: areas(gate, &softness),
            controls: ControlSet::new(&softness, protocol.tasks(), protocol.classes()),
            protocol,
            generation: NEXT_GENERATION.fetch_add(1, Ordering::Relaxed),
            input: ImageInput::new(gate.in_dims, normalisation, &like)?,
            dropout: None,
            encoder: encoder.collect::<Result<_>>()?,
            flat: Linear::load(weights, "conv_frnn.1")?,
            forward: vectors("frnn_blocks", &gate.forward)?,
            fc_out: Linear::load(weights, "fc_out")?,
            fc_in: Linear::load(weights, "fc_in")?,
            backward: vectors("brnn_blocks", &gate.backward)?,
            unflat: Linear::load(weights, "brnn_deconv.0")?,
            decoder: decoder.collect::<Result<_>>()?,
            config: gate.clone(),
        })
    }

    /// The same network with the dropout of one training update.
    #[must_use]
    pub fn with_dropout(mut self, dropout: Dropout) -> Self {
        self.dropout = Some(dropout);
        self
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

    /// Steps 1 to 5 of a sweep; `gain` scales the maps of `state`, `None` leaves them and the
    /// recurrent states out.
    fn bottom_up(
        &self,
        image: &Tensor,
        state: &State,
        gain: Option<f64>,
        context: &mut StepContext<'_>,
    ) -> Result<BottomUp> {
        let n = self.encoder.len();
        let mut areas = Vec::with_capacity(self.areas.len());
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
            z = add_pooled_current(z, &self.areas[i].shape, stage.pool, |z| context.preactivation(i, z))?;
            z = ops::activate(&z, stage.function)?;
            if stage.residual {
                z = (z + &h)?;
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

    /// Steps 6 to 9 of a sweep: appends the backward vectors and the gain maps to `areas`.
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

impl Vector {
    fn preactivation(&self, x: &Tensor, past: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        match self {
            Self::Recurrent(cell) => cell.preactivation(x, past, ws),
            Self::Plain(linear) => linear.forward(x, ws),
        }
    }
}

/// `z` through the taps and the nonlinearity of an area.
pub(super) fn activated(
    z: Tensor,
    area: usize,
    function: Activation,
    context: &mut StepContext<'_>,
) -> Result<Tensor> {
    let z = context.preactivation(area, z)?;
    context.activity(area, ops::activate(&z, function)?)
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

impl Dynamics for GateNet {
    fn areas(&self) -> &[Area] {
        &self.areas
    }

    fn memory(&self) -> &[String] {
        &[]
    }

    fn controls(&self) -> &[Control] {
        &self.controls.controls
    }

    fn time_unit(&self) -> TimeUnit {
        TimeUnit::Sweep
    }

    fn input_shape(&self) -> [usize; 3] {
        self.input.shape()
    }

    fn classes(&self) -> &[String] {
        self.protocol.classes()
    }

    fn tasks(&self) -> &[String] {
        self.protocol.tasks()
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn rest(&self, batch: usize) -> Result<State> {
        let zeros = |area: &Area| self.input.zeros(batch, &area.shape);
        let areas = self.areas.iter().map(zeros).collect::<Result<_>>()?;
        Ok(State { t: 0, areas, memory: Vec::new(), readout: None })
    }

    fn prepare(&self, frame: &Frame, _ops: &mut Workspace) -> Result<Prepared> {
        Ok(Prepared(vec![self.input.prepare(frame)?]))
    }

    fn step(
        &self,
        prepared: &Prepared,
        drive: &Drive,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        let image = &prepared.0[0];
        let gain = match drive.pass {
            Pass::Sweep | Pass::SingleSweep | Pass::ReadOut => Some(self.controls.softness(context.controls)),
            Pass::FeedForward => None,
            Pass::WarmUp | Pass::Instruction | Pass::Error => return Err(no_such_pass(drive.pass)),
        };
        let bottom_up = self.bottom_up(image, state, gain, context)?;
        let readout = bottom_up.outputs.narrow(1, 0, self.config.n_classes)?;
        let areas = match drive.pass {
            Pass::Sweep | Pass::SingleSweep => {
                let top_down = self.controls.top_down(drive, context.controls, &bottom_up.outputs)?;
                self.top_down(bottom_up, &top_down, state, context)?
            }
            // The read-out pass leaves the backward stream as the last sweep left it.
            _ => {
                let mut areas = bottom_up.areas;
                areas.extend_from_slice(&state.areas[areas.len()..]);
                areas
            }
        };
        Ok(State { t: state.t + 1, areas, memory: Vec::new(), readout: Some(readout) })
    }

    fn schedule(&self, presentation: &Presentation, options: &ProtocolOptions) -> Result<Schedule> {
        self.protocol.schedule(presentation, options)
    }

    fn scored_labels(&self, labels: &LabelSet, drive: &Drive, _state: &State) -> Result<Option<Vec<i64>>> {
        Ok(self.protocol.scored_labels(labels, drive))
    }
}

pub(super) fn no_such_pass(pass: Pass) -> Error {
    Error::Unsupported(format!(
        "recurrent gating has no {pass:?} pass; it has sweeps, read-out and feed-forward passes"
    ))
}
