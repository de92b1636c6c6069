//! CORnet: four areas that are passed once (Z), several times one after the other (S), or
//! together at every timestep with a state of their own (R, RT).

mod r;
mod s;
mod z;

use super::config::{CORNET_AREAS, Config, Cornet, CornetConfig, S_PASSES};
use super::graph::graph;
use super::norms::Statistics;
use super::protocol;
use super::tapped::{areas_at_rest, class_names, generation};
use crate::dynamics::{
    Area, Control, Drive, Dynamics, Frame, Graph, LabelSet, Prepared, Presentation, ProtocolOptions,
    Schedule, State, StepContext, TimeUnit,
};
use crate::error::Result;
use crate::nn::Linear;
use crate::ops;
use crate::stimulus::{PixelScale, Preparation};
use crate::weights::Weights;
use r::R;
use s::S;
use z::Z;

/// A network of the CORnet family. Every timestep of R and RT answers, the last counts; a sweep of S
/// answers at its end.
#[derive(Clone, Debug)]
pub struct CornetNetwork {
    config: Config,
    body: Body,
    decoder: Linear,
    areas: Vec<Area>,
    classes: Vec<String>,
    generation: u64,
}

#[derive(Clone, Debug)]
enum Body {
    Z(Z),
    S(S),
    /// Each area sees its predecessor of the same timestep.
    R(R),
    /// Each area sees its predecessor of the timestep before.
    Rt(R),
}

impl CornetNetwork {
    /// # Errors
    /// [`crate::Error::Config`] for an invalid configuration, [`crate::Error::Unknown`] or
    /// [`crate::Error::Shape`] for weights that are not its own.
    pub fn new(config: &CornetConfig, weights: &Weights) -> Result<Self> {
        config.validate()?;
        for (name, shape) in config.tensors().iter() {
            weights.get_shaped(name, shape)?;
        }
        let body = match config.member {
            Cornet::Z => Body::Z(Z::load(weights)?),
            Cornet::S => Body::S(S::load(weights)?),
            Cornet::R => Body::R(R::load(weights)?),
            Cornet::Rt => Body::Rt(R::load(weights)?),
        };
        let shapes = config.widths.iter().zip(config.map_sizes());
        let areas = CORNET_AREAS.iter().zip(shapes);
        Ok(Self {
            body,
            decoder: Linear::load(weights, "decoder.linear")?,
            areas: areas.map(|(name, (&width, side))| Area::activity(*name, &[width, side, side])).collect(),
            classes: class_names(config.n_classes),
            generation: generation(weights),
            config: Config::Cornet(config.clone()),
        })
    }

    /// One timestep with stored statistics or those of the batch.
    pub(super) fn advance(
        &self,
        prepared: &Prepared,
        drive: &Drive,
        state: &State,
        statistics: &mut Statistics,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        let image = protocol::input(prepared, state, self.areas.len())?;
        let mut areas = state.areas.clone();
        let mut is_answering = true;
        match &self.body {
            Body::Z(z) => z.pass(image, &mut areas, context)?,
            Body::S(s) => {
                let (area, pass) = s::area_and_pass(drive.pass_index);
                let below = if area == 0 { image } else { &state.areas[area - 1] };
                areas[area] = s.pass((area, pass), below, &state.areas[area], statistics, context)?;
                is_answering = drive.pass_index + 1 == drive.n_passes;
            }
            Body::R(r) | Body::Rt(r) => {
                let is_sweeping = matches!(self.body, Body::R(_));
                for area in 0..areas.len() {
                    let below = match area.checked_sub(1) {
                        None => Some(image),
                        // Before the second timestep the areas above the first get zeros.
                        Some(_) if state.t == 0 => None,
                        Some(below) if is_sweeping => Some(&areas[below]),
                        Some(below) => Some(&state.areas[below]),
                    };
                    let next = r.pass(area, below, &state.areas[area], context)?;
                    areas[area] = next;
                }
            }
        }
        let top = ops::global_avg_pool2d(&areas[areas.len() - 1])?;
        let readout = if is_answering { Some(self.decoder.forward(&top, context.ops)?) } else { None };
        Ok(State { t: state.t + 1, areas, memory: Vec::new(), readout })
    }
}

impl Dynamics for CornetNetwork {
    fn areas(&self) -> &[Area] {
        &self.areas
    }

    fn memory(&self) -> &[String] {
        &[]
    }

    fn controls(&self) -> &[Control] {
        &[]
    }

    fn time_unit(&self) -> TimeUnit {
        TimeUnit::Timestep
    }

    fn input_shape(&self) -> [usize; 3] {
        [3, self.config.image_size(), self.config.image_size()]
    }

    fn preparation(&self) -> Option<Preparation> {
        Some(protocol::preparation(&self.config))
    }

    fn normalisation(&self) -> Option<PixelScale> {
        self.config.normalisation().scale()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn live_from(&self, area: usize) -> Option<usize> {
        match self.body {
            Body::S(_) => Some(S_PASSES[..area].iter().sum()),
            Body::Z(_) | Body::R(_) | Body::Rt(_) => Some(0),
        }
    }

    fn graph(&self) -> Graph {
        graph(&self.config)
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn rest(&self, batch: usize) -> Result<State> {
        areas_at_rest(&self.areas, batch, self.decoder.weight.tensor())
    }

    fn prepare(&self, frame: &Frame, _ops: &mut ops::Workspace) -> Result<Prepared> {
        let like = self.decoder.weight.tensor();
        Ok(Prepared(vec![protocol::normalised(&self.config, frame, like.dtype(), like.device())?]))
    }

    fn step(
        &self,
        prepared: &Prepared,
        drive: &Drive,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        self.advance(prepared, drive, state, &mut Statistics::Stored, context)
    }

    fn schedule(&self, presentation: &Presentation, options: &ProtocolOptions) -> Result<Schedule> {
        let period = match self.body {
            Body::S(_) => S_PASSES.iter().sum(),
            Body::Z(_) => 1,
            Body::R(_) | Body::Rt(_) => options.timesteps.unwrap_or(self.config.n_timesteps()).max(1),
        };
        protocol::schedule(&self.config, presentation, options, period)
    }

    fn scored_labels(&self, labels: &LabelSet, _drive: &Drive, state: &State) -> Result<Option<Vec<i64>>> {
        Ok(protocol::scored_labels(labels, state))
    }
}
