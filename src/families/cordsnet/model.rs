//! The network in time: areas of leaky units with convolutional recurrence, driven from below.
//!
//! `tau dr/dt = -r + f(W r + b + input)`; every area reads the rates of the timestep before, so that
//! one pair of areas responds per timestep after onset.

use candle_core::{DType, Device, Tensor};

use super::config::{Config, Stage};
use super::graph::graph;
use super::protocol;
use super::trunk::{InputDrive, ReadOut, Trunk};
use super::twin::Twin;
use crate::dynamics::{
    Area, Control, Departure, Drive, Dynamics, Frame, Graph, LabelSet, Prepared, Presentation,
    ProtocolOptions, Reciprocal, Schedule, Stage as TapStage, State, StepContext, TimeUnit,
};
use crate::error::{Error, Result};
use crate::ops::{self, LeakyRule, LeakyTerms};
use crate::stimulus::{PixelScale, Preparation};
use crate::weights::{Weight, Weights};

/// Position of α among the controls.
const ALPHA: usize = 0;
/// Position of the slope below zero, of the parametric stage alone.
const SLOPE: usize = 1;

/// A network of the stages with dynamics. Areas are `area0`, `area1` … from the picture upwards; the
/// inverse stage also shows its folded twin as `target0`, `target1` ….
#[derive(Clone, Debug)]
pub struct CordsNet {
    config: Config,
    trunk: Trunk,
    conv_bias: Vec<Weight>,
    read_out: ReadOut,
    target: Option<Twin>,
    areas: Vec<Area>,
    controls: Vec<Control>,
    classes: Vec<String>,
    generation: u64,
}

impl CordsNet {
    /// # Errors
    /// [`Error::Config`] for an invalid configuration or a feed-forward stage, [`Error::Unknown`] or
    /// [`Error::Shape`] for weights that are not its own.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self> {
        config.validate()?;
        if config.stage.is_feed_forward() {
            let requirement = "inverse, linear, parametric or final for a network in time";
            return Err(Error::config("stage", requirement, config.stage.name()));
        }
        for (name, shape) in config.tensors() {
            weights.get_shaped(&name, &shape)?;
        }
        let trunk = Trunk::load(config, weights, "")?;
        let conv_bias = (0..config.depth)
            .map(|area| Ok(weights.get(&format!("conv_bias.{area}"))?.clone()))
            .collect::<Result<Vec<_>>>()?;
        let target = match config.stage {
            Stage::Inverse => Some(Twin::target(config, weights)?),
            _ => None,
        };
        let mut controls = vec![alpha_control(config)];
        if config.stage == Stage::Parametric {
            controls.push(slope_control(weights)?);
        }
        let own = conv_bias.iter().map(Weight::generation);
        Ok(Self {
            generation: own.fold(trunk.generation(), u64::max),
            areas: areas(config),
            controls,
            classes: config.class_names(),
            read_out: ReadOut::load(config, weights)?,
            config: config.clone(),
            trunk,
            conv_bias,
            target,
        })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn dtype(&self) -> DType {
        self.trunk.dtype()
    }

    pub fn device(&self) -> &Device {
        self.trunk.device()
    }

    /// The kernel of the recurrence inside `area`, `[channels, channels, 3, 3]`.
    pub(super) fn recurrence(&self, area: usize) -> &Weight {
        &self.trunk.area_conv[area]
    }

    /// How units move under the controls in force.
    pub(super) fn rule(&self, context: &StepContext<'_>) -> LeakyRule {
        let slope = match self.config.stage {
            Stage::Parametric => context.controls.get(SLOPE),
            stage => stage.slope(),
        };
        LeakyRule { alpha: context.controls.get(ALPHA), slope }
    }

    /// The rates of all areas one timestep after `r`.
    fn advance(
        &self,
        r: &[Tensor],
        drive: Option<&InputDrive>,
        context: &mut StepContext<'_>,
    ) -> Result<Vec<Tensor>> {
        let rule = self.rule(context);
        let mut next = Vec::with_capacity(self.areas.len());
        for (area, r_area) in r.iter().enumerate().take(self.config.depth) {
            let recurrent =
                ops::conv2d(r_area, &self.trunk.area_conv[area], None, &super::trunk::SAME, context.ops)?;
            let arriving = self.trunk.arriving(area, r, drive, context.ops)?;
            let bias = self.conv_bias[area].tensor();
            let terms = LeakyTerms { recurrent: &recurrent, bias, input: arriving.as_ref() };
            let rates = if context.is_tapped(area, TapStage::Preactivation) {
                let z = context.preactivation(area, terms.sum()?)?;
                ops::leaky_step(r_area, &z, rule)?
            } else {
                ops::leaky_update(r_area, &terms, rule)?
            };
            next.push(context.activity(area, rates)?);
        }
        Ok(next)
    }

    /// [`Self::advance`] without a picture from rates that are the same in every trial: computed for
    /// one of them. `None` where trials may differ.
    fn advance_alike(&self, r: &[Tensor], context: &mut StepContext<'_>) -> Result<Option<Vec<Tensor>>> {
        let is_alike = |x: &Tensor| x.dims()[0] > 1 && x.stride()[0] == 0;
        let stages = [TapStage::Preactivation, TapStage::Activity];
        let is_tapped =
            (0..self.areas.len()).any(|area| stages.iter().any(|&stage| context.is_tapped(area, stage)));
        if is_tapped || !r.iter().all(is_alike) {
            return Ok(None);
        }
        let one: Vec<Tensor> = r.iter().map(|x| Ok(x.narrow(0, 0, 1)?)).collect::<Result<_>>()?;
        let next = self.advance(&one, None, context)?;
        let batch = r.first().map_or(0, |x| x.dims()[0]);
        next.iter().map(|x| repeated(x, batch)).collect::<Result<_>>().map(Some)
    }

    fn logits(&self, r: &[Tensor], ws: &mut ops::Workspace) -> Result<Tensor> {
        self.read_out.logits(&r[..self.config.depth], ws)
    }
}

/// One trial for a whole batch, without copies.
fn repeated(one: &Tensor, batch: usize) -> Result<Tensor> {
    let mut dims = one.dims().to_vec();
    dims[0] = batch;
    Ok(one.broadcast_as(dims)?)
}

fn areas(config: &Config) -> Vec<Area> {
    let shapes = config.area_shapes();
    let named = |name: &'static str| {
        let shapes = shapes.clone().into_iter().enumerate();
        shapes.map(move |(area, shape)| Area::activity(format!("{name}{area}"), &shape))
    };
    match config.stage {
        Stage::Inverse => named("area").chain(named("target")).collect(),
        _ => named("area").collect(),
    }
}

fn alpha_control(config: &Config) -> Control {
    Control {
        name: "alpha".to_owned(),
        label: "α".to_owned(),
        definition: format!(
            "α = dt / τ: the share of the way to its drive that a unit goes in one timestep of {} ms; \
             {} stands for a time constant of {} ms",
            config.dt_ms,
            config.alpha,
            config.dt_ms / config.alpha
        ),
        unit: String::new(),
        min: 0.0,
        max: 1.0,
        default: config.alpha,
        source: "every script of the source: 0.2, 2 ms of 10 ms".to_owned(),
        trained: Some(config.alpha),
        reciprocal: Some(Reciprocal {
            label: "τ".to_owned(),
            definition: format!(
                "Time constant of every unit, dt / α with timesteps of {} ms: how long its rate takes to come \
                 within 1/e of its drive",
                config.dt_ms
            ),
            unit: "ms".to_owned(),
            numerator: config.dt_ms,
            min: config.dt_ms,
            max: 50.0 * config.dt_ms,
        }),
        ..Control::default()
    }
}

fn slope_control(weights: &Weights) -> Result<Control> {
    let slope = weights.get("prelu.weight")?.tensor().flatten_all()?.to_dtype(DType::F64)?;
    let slope: f64 = slope.detach().to_vec1()?.first().copied().unwrap_or(1.0);
    Ok(Control {
        name: "slope".to_owned(),
        label: "Slope".to_owned(),
        definition: "p: a drive z below zero becomes p·z; 1 is linear, 0 is rectified".to_owned(),
        unit: String::new(),
        min: slope.min(0.0),
        max: slope.max(1.0),
        default: slope,
        source: "prelu.weight of the file, lowered from 1 to 0 in 20 epochs of step 4".to_owned(),
        trained: Some(slope),
        ..Control::default()
    })
}

/// `image` as networks take it: on their device, in their type, normalised if `config` says so.
pub(super) fn normalised(config: &Config, image: &Tensor, like: &Trunk) -> Result<Tensor> {
    let shape = [config.image_channels, config.image_side, config.image_side];
    if image.rank() != 4 || image.dims()[1..] != shape {
        let [channels, height, width] = shape;
        let expected = format!("[batch, {channels}, {height}, {width}]");
        return Err(Error::shape("the stimulus", expected, image.dims()));
    }
    let image = image.to_device(like.device())?.to_dtype(like.dtype())?.contiguous()?;
    let Some(scale) = config.pixel_scale() else { return Ok(image) };
    let row = |values: &[f32]| -> Result<Tensor> {
        let values = Tensor::from_slice(values, (1, values.len(), 1, 1), like.device())?;
        Ok(values.to_dtype(like.dtype())?)
    };
    Ok(image.broadcast_sub(&row(&scale.mean)?)?.broadcast_div(&row(&scale.std)?)?)
}

impl Dynamics for CordsNet {
    fn areas(&self) -> &[Area] {
        &self.areas
    }

    fn memory(&self) -> &[String] {
        &[]
    }

    fn controls(&self) -> &[Control] {
        &self.controls
    }

    fn time_unit(&self) -> TimeUnit {
        TimeUnit::Ms { dt_ms: self.config.dt_ms }
    }

    fn input_shape(&self) -> [usize; 3] {
        [self.config.image_channels, self.config.image_side, self.config.image_side]
    }

    fn preparation(&self) -> Option<Preparation> {
        Some(protocol::preparation(&self.config))
    }

    fn normalisation(&self) -> Option<PixelScale> {
        self.config.pixel_scale()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn graph(&self) -> Graph {
        graph(&self.config, &self.areas)
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    /// All rates 0.
    fn rest(&self, batch: usize) -> Result<State> {
        let zeros = |area: &Area| {
            let one = Tensor::zeros([&[1], area.shape.as_slice()].concat(), self.dtype(), self.device())?;
            repeated(&one, batch)
        };
        let areas = self.areas.iter().map(zeros).collect::<Result<_>>()?;
        Ok(State { t: 0, areas, memory: Vec::new(), readout: None })
    }

    /// The picture up to the first two areas, and the twin's areas; nothing for a blank.
    fn prepare(&self, frame: &Frame, ops: &mut ops::Workspace) -> Result<Prepared> {
        if frame.is_blank() && self.target.is_none() {
            return Ok(Prepared(Vec::new()));
        }
        let image = match frame.is_blank() {
            true => frame.image().to_device(self.device())?.to_dtype(self.dtype())?.contiguous()?,
            false => normalised(&self.config, frame.image(), &self.trunk)?,
        };
        let InputDrive { area0, skip } = self.trunk.drive(&image, ops)?;
        let mut prepared = vec![area0, skip];
        if let Some(target) = &self.target {
            prepared.extend(target.evaluate(&image, ops)?);
        }
        Ok(Prepared(prepared))
    }

    fn step(
        &self,
        prepared: &Prepared,
        drive: &Drive,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        if state.areas.len() != self.areas.len() || state.batch() != drive.frame.batch() {
            let expected = [self.areas.len(), drive.frame.batch()];
            return Err(Error::shape("state (areas, trials)", expected, &[state.areas.len(), state.batch()]));
        }
        let (drive, targets) = match prepared.0.as_slice() {
            [area0, skip, targets @ ..] => {
                (Some(InputDrive { area0: area0.clone(), skip: skip.clone() }), targets)
            }
            _ => (None, &[][..]),
        };
        let alike = match drive {
            None => self.advance_alike(&state.areas, context)?,
            Some(_) => None,
        };
        let (mut areas, readout) = match alike {
            Some(areas) => {
                let one: Vec<Tensor> = areas.iter().map(|x| Ok(x.narrow(0, 0, 1)?)).collect::<Result<_>>()?;
                let logits = self.logits(&one, context.ops)?;
                (areas, repeated(&logits, state.batch())?)
            }
            None => {
                let areas = self.advance(&state.areas, drive.as_ref(), context)?;
                let logits = self.logits(&areas, context.ops)?;
                (areas, logits)
            }
        };
        for (area, target) in (self.config.depth..).zip(targets) {
            let target = context.preactivation(area, target.clone())?;
            areas.push(context.activity(area, target)?);
        }
        Ok(State { t: state.t + 1, areas, memory: Vec::new(), readout: Some(readout) })
    }

    fn warm_up(&self) -> Option<usize> {
        Some(self.config.warm_up)
    }

    fn schedule(&self, presentation: &Presentation, options: &ProtocolOptions) -> Result<Schedule> {
        protocol::schedule(&self.config, presentation, options)
    }

    fn departures(&self, schedule: &Schedule) -> Vec<Departure> {
        protocol::departures(&self.config, schedule)
    }

    fn scored_labels(&self, labels: &LabelSet, drive: &Drive, _state: &State) -> Result<Option<Vec<i64>>> {
        Ok(protocol::scored_labels(labels, drive))
    }
}
