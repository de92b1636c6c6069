//! The network in time: areas of leaky units with convolutional recurrence, driven from below.
//!
//! `tau dr/dt = -r + f(W r + b + input)`; every area reads the rates of the timestep before, so that
//! one pair of areas responds per timestep after onset.

use candle_core::{DType, Tensor};

use super::config::{Config, Stage};
use super::network::{Body, Network, pixels, repeated};
use super::trunk::{InputDrive, ReadOut, Trunk};
use super::twin::TwinLayers;
use crate::dynamics::{Area, Control, Frame, Prepared, Reciprocal, Stage as TapStage, State, StepContext};
use crate::error::{Error, Result};
use crate::ops::{self, LeakyRule, LeakyTerms};
use crate::weights::{Weight, Weights};

/// Position of α among the controls.
const ALPHA: usize = 0;
/// Position of the slope below zero, of the parametric stage alone.
const SLOPE: usize = 1;

/// A network of the stages with dynamics. Areas are `area0`, `area1` … from the picture upwards; the
/// inverse stage also shows its folded twin as `target0`, `target1` ….
pub type CordsNet = Network<LeakyAreas>;

/// The areas of a network in time.
#[derive(Clone, Debug)]
pub struct LeakyAreas {
    stage: Stage,
    trunk: Trunk,
    conv_bias: Vec<Weight>,
    read_out: ReadOut,
    target: Option<TwinLayers>,
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
            Stage::Inverse => Some(TwinLayers::target(config, weights)?),
            _ => None,
        };
        let mut controls = vec![alpha_control(config)];
        if config.stage == Stage::Parametric {
            controls.push(slope_control(weights)?);
        }
        let generation = conv_bias.iter().map(Weight::generation).fold(trunk.generation(), u64::max);
        let read_out = ReadOut::load(config, weights)?;
        let body = LeakyAreas { stage: config.stage, trunk, conv_bias, read_out, target };
        Ok(Self::assemble(config, areas(config), controls, generation, body))
    }

    /// The kernel of the recurrence inside `area`, `[channels, channels, 3, 3]`.
    pub(super) fn recurrence(&self, area: usize) -> &Weight {
        &self.body.trunk.area_conv[area]
    }

    /// How units move under the controls in force.
    pub(super) fn rule(&self, context: &StepContext<'_>) -> LeakyRule {
        self.body.rule(context)
    }
}

impl LeakyAreas {
    /// How units move under the controls in force.
    fn rule(&self, context: &StepContext<'_>) -> LeakyRule {
        let slope = match self.stage {
            Stage::Parametric => context.controls.get(SLOPE),
            stage => stage.slope(),
        };
        LeakyRule { alpha: context.controls.get(ALPHA), slope }
    }

    /// The rates of all areas one timestep after `r`.
    fn next_rates(
        &self,
        r: &[Tensor],
        drive: Option<&InputDrive>,
        context: &mut StepContext<'_>,
    ) -> Result<Vec<Tensor>> {
        let rule = self.rule(context);
        let mut next = Vec::with_capacity(self.conv_bias.len());
        for (area, r_area) in r.iter().enumerate().take(self.conv_bias.len()) {
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

    /// [`Self::next_rates`] without a picture from rates that are the same in every trial: computed for
    /// one of them. `None` where trials may differ.
    fn next_alike(&self, r: &[Tensor], context: &mut StepContext<'_>) -> Result<Option<Vec<Tensor>>> {
        let is_alike = |x: &Tensor| x.dims()[0] > 1 && x.stride()[0] == 0;
        let stages = [TapStage::Preactivation, TapStage::Activity];
        let is_tapped = (0..r.len()).any(|area| stages.iter().any(|&stage| context.is_tapped(area, stage)));
        if is_tapped || !r.iter().all(is_alike) {
            return Ok(None);
        }
        let one: Vec<Tensor> = r.iter().map(|x| Ok(x.narrow(0, 0, 1)?)).collect::<Result<_>>()?;
        let next = self.next_rates(&one, None, context)?;
        let batch = r.first().map_or(0, |x| x.dims()[0]);
        next.iter().map(|x| repeated(x, batch)).collect::<Result<_>>().map(Some)
    }

    fn logits(&self, r: &[Tensor], ws: &mut ops::Workspace) -> Result<Tensor> {
        self.read_out.logits(&r[..self.conv_bias.len()], ws)
    }
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

impl Body for LeakyAreas {
    fn trunk(&self) -> &Trunk {
        &self.trunk
    }

    /// The picture up to the first two areas, and the twin's areas; nothing for a blank.
    fn prepare(&self, config: &Config, frame: &Frame, ops: &mut ops::Workspace) -> Result<Prepared> {
        if frame.is_blank() && self.target.is_none() {
            return Ok(Prepared(Vec::new()));
        }
        let image = pixels(config, frame, self.trunk.like())?;
        let InputDrive { area0, skip } = self.trunk.drive(&image, ops)?;
        let mut prepared = vec![area0, skip];
        if let Some(target) = &self.target {
            prepared.extend(target.evaluate(&image, ops)?);
        }
        Ok(Prepared(prepared))
    }

    fn advance(
        &self,
        prepared: &Prepared,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<(Vec<Tensor>, Tensor)> {
        let (drive, targets) = match prepared.0.as_slice() {
            [area0, skip, targets @ ..] => {
                (Some(InputDrive { area0: area0.clone(), skip: skip.clone() }), targets)
            }
            _ => (None, &[][..]),
        };
        let alike = match drive {
            None => self.next_alike(&state.areas, context)?,
            Some(_) => None,
        };
        let (mut areas, logits) = match alike {
            Some(areas) => {
                let one: Vec<Tensor> = areas.iter().map(|x| Ok(x.narrow(0, 0, 1)?)).collect::<Result<_>>()?;
                let logits = self.logits(&one, context.ops)?;
                (areas, repeated(&logits, state.batch())?)
            }
            None => {
                let areas = self.next_rates(&state.areas, drive.as_ref(), context)?;
                let logits = self.logits(&areas, context.ops)?;
                (areas, logits)
            }
        };
        for (area, target) in (self.conv_bias.len()..).zip(targets) {
            let target = context.preactivation(area, target.clone())?;
            areas.push(context.activity(area, target)?);
        }
        Ok((areas, logits))
    }
}
