//! The recurrent networks: areas joined upwards, laterally and downwards, all updated at once from
//! the timestep before; and the chain of one pass.

use candle_core::Tensor;

use super::config::{AREA_NAMES, BltConfig, Config, N_AREAS};
use super::graph::graph;
use super::layers::Layers;
use super::protocol;
use super::tapped::{areas_at_rest, class_names, generation, tapped, tapped_relu};
use crate::dynamics::{
    Area, AreaKind, Control, Drive, Dynamics, Frame, Graph, LabelSet, Prepared, Presentation,
    ProtocolOptions, Schedule, State, StepContext, TimeUnit,
};
use crate::error::Result;
use crate::ops;
use crate::stimulus::{PixelScale, Preparation};
use crate::weights::Weights;

/// A network made by its connection matrix.
///
/// Areas are the six responses, then what arrives at each of them before its group norm. At
/// timestep `t` an area reads its sources' responses of `t - 1`; an area that nothing has reached yet
/// is undefined, holds zeros, sends nothing and passes no tap.
#[derive(Clone, Debug)]
pub struct BltNetwork {
    config: Config,
    is_one_pass: bool,
    live_from: [Option<usize>; N_AREAS],
    layers: Layers,
    areas: Vec<Area>,
    classes: Vec<String>,
    generation: u64,
}

impl BltNetwork {
    /// # Errors
    /// [`crate::Error::Config`] for an invalid configuration, [`crate::Error::Unknown`] or
    /// [`crate::Error::Shape`] for weights that are not its own.
    pub fn new(config: &BltConfig, weights: &Weights) -> Result<Self> {
        config.validate()?;
        for (name, shape) in config.tensors().iter().filter(|(name, _)| !name.ends_with(".filt")) {
            weights.get_shaped(name, shape)?;
        }
        let sizes = config.map_sizes();
        let shape = |area: usize| [config.widths[area], sizes[area], sizes[area]];
        let responses = (0..N_AREAS).map(|area| Area::activity(AREA_NAMES[area], &shape(area)));
        let arriving = (0..N_AREAS)
            .map(|area| Area::new(format!("{}.prenorm", AREA_NAMES[area]), &shape(area), AreaKind::Hidden));
        Ok(Self {
            is_one_pass: config.is_one_pass(),
            live_from: config.connections.live_from(),
            layers: Layers::load(config, weights)?,
            areas: responses.chain(arriving).collect(),
            classes: class_names(config.n_classes),
            generation: generation(weights),
            config: Config::Blt(config.clone()),
        })
    }

    /// The response to what arrived, through the taps of both.
    fn respond(
        &self,
        area: usize,
        arrived: Tensor,
        areas: &mut [Tensor],
        context: &mut StepContext<'_>,
    ) -> Result<()> {
        let arrived = tapped(N_AREAS + area, arrived, context)?;
        let normed = self.layers.norm(area, &arrived)?;
        areas[N_AREAS + area] = arrived;
        areas[area] = tapped_relu(area, normed, context)?;
        Ok(())
    }
}

impl Dynamics for BltNetwork {
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
        self.live_from[area % N_AREAS]
    }

    fn graph(&self) -> Graph {
        graph(&self.config)
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn rest(&self, batch: usize) -> Result<State> {
        areas_at_rest(&self.areas, batch, self.layers.read_out_weight())
    }

    fn prepare(&self, frame: &Frame, ops: &mut ops::Workspace) -> Result<Prepared> {
        let like = self.layers.read_out_weight();
        let image = protocol::normalised(&self.config, frame, like.dtype(), like.device())?;
        Ok(Prepared(vec![self.layers.drive(&image, ops)?]))
    }

    fn step(
        &self,
        prepared: &Prepared,
        _drive: &Drive,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        let picture = protocol::input(prepared, state, self.areas.len())?;
        let mut areas = state.areas.clone();
        for post in 0..N_AREAS {
            let past = |area: usize| {
                let is_defined = self.live_from[area].is_some_and(|from| from < state.t);
                is_defined.then(|| &state.areas[area])
            };
            let arrived = if self.is_one_pass {
                let below = post.checked_sub(1).map(|below| areas[below].clone());
                self.layers.arriving(post, |_| below.as_ref(), context.ops)?
            } else {
                self.layers.arriving(post, past, context.ops)?
            };
            let arrived = match (arrived, post) {
                (Some(arrived), 0) => Some((arrived + picture)?),
                (None, 0) => Some(picture.clone()),
                (arrived, _) => arrived,
            };
            if let Some(arrived) = arrived {
                self.respond(post, arrived, &mut areas, context)?;
            }
        }
        let top = N_AREAS - 1;
        let is_answering = self.live_from[top].is_some_and(|from| from <= state.t);
        let readout = if is_answering { Some(self.layers.read_out(&areas[top], context.ops)?) } else { None };
        Ok(State { t: state.t + 1, areas, memory: Vec::new(), readout })
    }

    fn schedule(&self, presentation: &Presentation, options: &ProtocolOptions) -> Result<Schedule> {
        let period = options.timesteps.unwrap_or(self.config.n_timesteps()).max(1);
        let period = if self.is_one_pass { 1 } else { period };
        protocol::schedule(&self.config, presentation, options, period)
    }

    fn scored_labels(&self, labels: &LabelSet, _drive: &Drive, state: &State) -> Result<Option<Vec<i64>>> {
        Ok(protocol::scored_labels(labels, state))
    }
}
