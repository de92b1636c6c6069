//! The convolutional twin, with batch normalisation (step 1) or folded: what the areas imitate.
//!
//! `class_rnn_1_compatibility.py` and `class_rnn_1_folding.py`. No nonlinearity stands between the
//! two convolutions of an area, which is what lets a recurrent area imitate them.

use candle_core::Tensor;

use super::config::{Config, Stage, TARGET};
use super::network::{Body, Network, pixels};
use super::trunk::{INPUT_POOL, ReadOut, SAME, Trunk};
use crate::dynamics::{Area, Frame, Prepared, Stage as TapStage, State, StepContext};
use crate::error::{Error, Result};
use crate::nn::{Norm, NormKind};
use crate::ops::{self, Activation, Moments, Workspace};
use crate::weights::{Weight, Weights};

/// Share of a batch in the running statistics.
const MOMENTUM: f64 = 0.1;

/// What stands after each convolution.
#[derive(Clone, Debug)]
enum Offsets {
    /// Batch normalisation, by name of the layer.
    Norms { input: Norm, first: Vec<Norm>, second: Vec<Norm>, skips: Vec<Norm> },
    /// One value per unit, per area.
    Maps { first: Vec<Weight>, second: Vec<Weight> },
}

/// Which statistics batch normalisation uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The running ones.
    Stored,
    /// Those of the batch, as in training.
    Batch,
}

/// Sees, and may replace, what passes: (area, is before the nonlinearity, value).
type Tap<'a> = dyn FnMut(usize, bool, Tensor) -> Result<Tensor> + 'a;

/// The twin as a network that answers in one timestep.
pub type Twin = Network<TwinLayers>;

/// The layers of a twin.
#[derive(Clone, Debug)]
pub struct TwinLayers {
    depth: usize,
    trunk: Trunk,
    offsets: Offsets,
    read_out: Option<ReadOut>,
}

/// What one pass gives.
#[derive(Clone, Debug)]
pub struct TwinPass {
    /// Activity of every area.
    pub areas: Vec<Tensor>,
    /// `[batch, classes]`.
    pub logits: Tensor,
    /// Running statistics moved towards the batch, by tensor name; empty with stored statistics.
    pub running: Vec<(String, Tensor)>,
}

impl Twin {
    /// # Errors
    /// [`Error::Config`] for an invalid configuration or a stage with dynamics, [`Error::Unknown`] or
    /// [`Error::Shape`] for weights that are not its own.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self> {
        config.validate()?;
        if !config.stage.is_feed_forward() {
            return Err(Error::config("stage", "cnn or folded for the twin", config.stage.name()));
        }
        let is_used = |name: &str| {
            // The twin with batch normalisation has maps that nothing uses, and counters.
            let is_unused = config.stage == Stage::Cnn && name.starts_with("area_bias.");
            !is_unused && !name.ends_with("num_batches_tracked")
        };
        for (name, shape) in config.tensors().into_iter().filter(|(name, _)| is_used(name)) {
            weights.get_shaped(&name, &shape)?;
        }
        let read_out = Some(ReadOut::load(config, weights)?);
        let body = TwinLayers::load(config, weights, "", read_out)?;
        let shapes = config.area_shapes().into_iter().enumerate();
        let areas = shapes.map(|(area, shape)| Area::activity(format!("area{area}"), &shape)).collect();
        // Weights of normalisations have generations of their own.
        let own = weights.iter().map(|(_, weight)| weight.generation());
        let generation = own.fold(body.trunk.generation(), u64::max);
        Ok(Self::assemble(config, areas, Vec::new(), generation, body))
    }

    /// One pass on a normalised picture `[batch, channels, side, side]`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn forward(&self, image: &Tensor, statistics: Statistics, ws: &mut Workspace) -> Result<TwinPass> {
        self.body.forward(image, statistics, ws)
    }
}

impl TwinLayers {
    /// The folded twin inside a file of the inverse stage, which has no read-out of its own.
    pub(super) fn target(config: &Config, weights: &Weights) -> Result<Self> {
        Self::load(&Config { stage: Stage::Folded, ..config.clone() }, weights, TARGET, None)
    }

    fn load(config: &Config, weights: &Weights, prefix: &str, read_out: Option<ReadOut>) -> Result<Self> {
        let trunk = Trunk::load(config, weights, prefix)?;
        let depth = config.depth;
        let offsets = if config.stage == Stage::Cnn {
            let norms = |name: &str, n: usize| {
                (0..n).map(|i| Norm::load(weights, &format!("{name}.{i}"), NormKind::Batch)).collect()
            };
            Offsets::Norms {
                input: Norm::load(weights, "inp_norm", NormKind::Batch),
                first: norms("area_norm", depth),
                second: norms("area_nrm2", depth),
                skips: norms("skip_norm", config.n_skips()),
            }
        } else {
            let maps = |name: &str| -> Result<Vec<Weight>> {
                (0..depth).map(|area| Ok(weights.get(&format!("{prefix}{name}.{area}"))?.clone())).collect()
            };
            Offsets::Maps { first: maps("area_bias")?, second: maps("conv_bias")? }
        };
        Ok(Self { depth, trunk, offsets, read_out })
    }

    fn forward(&self, image: &Tensor, statistics: Statistics, ws: &mut Workspace) -> Result<TwinPass> {
        let mut pass = Pass { twin: self, statistics, running: Vec::new() };
        let pooled = pass.pooled_input(image, ws)?;
        let areas = pass.areas(&pooled, ws, &mut |_, _, value| Ok(value))?;
        let logits = self.read_out()?.logits(&areas, ws)?;
        Ok(TwinPass { areas, logits, running: pass.running })
    }

    /// Activity of every area with stored statistics.
    pub(super) fn evaluate(&self, image: &Tensor, ws: &mut Workspace) -> Result<Vec<Tensor>> {
        let mut pass = Pass { twin: self, statistics: Statistics::Stored, running: Vec::new() };
        let pooled = pass.pooled_input(image, ws)?;
        pass.areas(&pooled, ws, &mut |_, _, value| Ok(value))
    }

    fn read_out(&self) -> Result<&ReadOut> {
        self.read_out.as_ref().ok_or_else(|| Error::Unsupported("a target has no read-out".to_owned()))
    }
}

/// One pass under way.
struct Pass<'a> {
    twin: &'a TwinLayers,
    statistics: Statistics,
    running: Vec<(String, Tensor)>,
}

impl Pass<'_> {
    fn norm(&mut self, norm: &Norm, name: String, x: &Tensor) -> Result<Tensor> {
        if self.statistics == Statistics::Stored {
            return norm.forward(x);
        }
        if let Some(running) = &norm.running {
            let Moments { mean, variance } = norm.moved_towards(running, &x.detach(), MOMENTUM)?;
            self.running.push((format!("{name}.running_mean"), mean));
            self.running.push((format!("{name}.running_var"), variance));
        }
        norm.forward_current(x)
    }

    fn pooled_input(&mut self, image: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        let twin = self.twin;
        let mut x = twin.trunk.input(image, ws)?;
        if let Offsets::Norms { input, .. } = &twin.offsets {
            x = self.norm(input, "inp_norm".to_owned(), &x)?;
        }
        ops::avg_pool2d(&x, &INPUT_POOL)
    }

    fn areas(&mut self, pooled: &Tensor, ws: &mut Workspace, tap: &mut Tap<'_>) -> Result<Vec<Tensor>> {
        let twin = self.twin;
        let mut areas: Vec<Tensor> = Vec::with_capacity(twin.depth);
        for area in 0..twin.depth {
            let below = match area {
                0 => pooled.clone(),
                1 => ops::add(&areas[0], &twin.trunk.input_skip(pooled, ws)?)?,
                _ if area.is_multiple_of(2) => ops::add(&areas[area - 1], &areas[area - 2])?,
                _ => {
                    let skip = (area - 3) / 2;
                    let mut x = twin.trunk.skip(skip, &areas[area - 2], ws)?;
                    if let Offsets::Norms { skips, .. } = &twin.offsets {
                        x = self.norm(&skips[skip], format!("skip_norm.{skip}"), &x)?;
                    }
                    ops::add(&areas[area - 1], &x)?
                }
            };
            let x = twin.trunk.forward(area, &below, ws)?;
            let x = match &twin.offsets {
                Offsets::Norms { first, .. } => self.norm(&first[area], format!("area_norm.{area}"), &x)?,
                Offsets::Maps { first, .. } => x.broadcast_add(first[area].tensor())?,
            };
            let x = ops::conv2d(&x, &twin.trunk.area_conv[area], None, &SAME, ws)?;
            let x = match &twin.offsets {
                Offsets::Norms { second, .. } => self.norm(&second[area], format!("area_nrm2.{area}"), &x)?,
                Offsets::Maps { second, .. } => x.broadcast_add(second[area].tensor())?,
            };
            let x = ops::activate(&tap(area, true, x)?, Activation::Relu)?;
            areas.push(tap(area, false, x)?);
        }
        Ok(areas)
    }
}

impl Body for TwinLayers {
    fn trunk(&self) -> &Trunk {
        &self.trunk
    }

    /// The picture through the first convolution.
    fn prepare(&self, config: &Config, frame: &Frame, ops: &mut Workspace) -> Result<Prepared> {
        let image = pixels(config, frame, self.trunk.like())?;
        let mut pass = Pass { twin: self, statistics: Statistics::Stored, running: Vec::new() };
        Ok(Prepared(vec![pass.pooled_input(&image, ops)?]))
    }

    fn advance(
        &self,
        prepared: &Prepared,
        _state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<(Vec<Tensor>, Tensor)> {
        let mut pass = Pass { twin: self, statistics: Statistics::Stored, running: Vec::new() };
        let StepContext { taps, ops, .. } = context;
        let areas = pass.areas(&prepared.0[0], ops, &mut |area, is_before, value| {
            taps.tap(area, if is_before { TapStage::Preactivation } else { TapStage::Activity }, value)
        })?;
        let logits = self.read_out()?.logits(&areas, ops)?;
        Ok((areas, logits))
    }
}
