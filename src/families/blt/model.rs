//! A network of the family as dynamics: what its three kinds have in common around their bodies.

use std::fmt::Debug;

use candle_core::Tensor;

use super::config::{Config, Tensors};
use super::connected::ConnectedAreas;
use super::cornet::CornetAreas;
use super::graph::graph;
use super::norms::Statistics;
use super::protocol;
use super::resnet::Stages;
use crate::dynamics::{
    Area, Control, Controls, Drive, Dynamics, Frame, Graph, LabelSet, NoTaps, Prepared, Presentation,
    ProtocolOptions, Schedule, State, StepContext, TimeUnit,
};
use crate::error::Result;
use crate::ops::Workspace;
use crate::stimulus::{PixelScale, Preparation};
use crate::weights::Weights;

/// A network with its weights.
#[derive(Debug)]
pub struct Network {
    config: Config,
    areas: Vec<Area>,
    classes: Vec<String>,
    generation: u64,
    /// A tensor of its type on its device.
    like: Tensor,
    body: Box<dyn Body>,
}

/// What the kind of a network decides.
pub(super) trait Body: Debug + Send + Sync {
    /// What the normalised picture sends at every timestep.
    fn drive(&self, image: Tensor, _ops: &mut Workspace) -> Result<Tensor> {
        Ok(image)
    }

    /// Areas and class scores one timestep after `state`; no scores where it does not answer yet.
    /// `statistics`: those that batch norms use, which the connected networks do not have.
    fn pass(
        &self,
        input: &Tensor,
        drive: &Drive,
        state: &State,
        statistics: &mut Statistics,
        context: &mut StepContext<'_>,
    ) -> Result<(Vec<Tensor>, Option<Tensor>)>;

    /// As [`Dynamics::live_from`].
    fn live_from(&self, _area: usize) -> Option<usize> {
        Some(0)
    }

    /// Timesteps of one run through the network, of a run of `n_timesteps`.
    fn period(&self, n_timesteps: usize) -> usize;
}

/// The parts of a network that its kind decides.
pub(super) struct Parts {
    pub areas: Vec<Area>,
    pub like: Tensor,
    pub body: Box<dyn Body>,
}

impl Network {
    /// The network of `config` with `weights`, which are named as in the reference.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for an invalid configuration, [`crate::Error::Unknown`] or
    /// [`crate::Error::Shape`] for weights that are not its own.
    pub fn new(config: &Config, weights: &Weights) -> Result<Self> {
        config.validate()?;
        check(&config.tensors(), weights)?;
        let parts = match config {
            Config::Blt(config) => ConnectedAreas::parts(config, weights)?,
            Config::Cornet(config) => CornetAreas::parts(config, weights)?,
            Config::Resnet(config) => Stages::parts(config, weights)?,
        };
        Ok(Self {
            areas: parts.areas,
            // No file of the source names the classes.
            classes: (0..config.n_classes()).map(|class| class.to_string()).collect(),
            generation: weights.iter().map(|(_, weight)| weight.generation()).max().unwrap_or(0),
            like: parts.like,
            body: parts.body,
            config: config.clone(),
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
        let input = protocol::input(prepared, state, self.areas.len())?;
        let (areas, readout) = self.body.pass(input, drive, state, statistics, context)?;
        Ok(State { t: state.t + 1, areas, memory: Vec::new(), readout })
    }

    /// All timesteps of the protocol from rest on `images`, without interventions; `observe(t, state)`
    /// sees the end of each.
    pub(super) fn run(
        &self,
        images: &Tensor,
        statistics: &mut Statistics,
        mut observe: impl FnMut(usize, &State) -> Result<()>,
    ) -> Result<()> {
        let presentation = Presentation::held(images.clone());
        let schedule = self.schedule(&presentation, &ProtocolOptions::default())?;
        let controls = Controls::defaults(self.controls());
        let mut ops = Workspace::new();
        let prepared = self.prepare(&presentation.frames[0], &mut ops)?;
        let mut state = self.rest(schedule.batch())?;
        for (t, drive) in schedule.drives.iter().enumerate() {
            let mut context = StepContext { taps: &mut NoTaps, controls: &controls, ops: &mut ops };
            state = self.advance(&prepared, drive, &state, statistics, &mut context)?;
            observe(t, &state)?;
        }
        Ok(())
    }
}

/// Constant filters are known without the weights.
fn check(tensors: &Tensors, weights: &Weights) -> Result<()> {
    for (name, shape) in tensors.iter().filter(|(name, _)| !name.ends_with(".filt")) {
        weights.get_shaped(name, shape)?;
    }
    Ok(())
}

impl Dynamics for Network {
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
        self.body.live_from(area)
    }

    fn graph(&self) -> Graph {
        graph(&self.config)
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn rest(&self, batch: usize) -> Result<State> {
        State::at_rest(&self.areas, batch, &self.like)
    }

    fn prepare(&self, frame: &Frame, ops: &mut Workspace) -> Result<Prepared> {
        let scale = self.config.normalisation().scale();
        let image = frame.normalised(self.input_shape(), scale.as_ref(), &self.like)?;
        Ok(Prepared(vec![self.body.drive(image, ops)?]))
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
        let n_timesteps = options.n_timesteps(self.config.n_timesteps())?;
        protocol::schedule(&self.config, presentation, n_timesteps, self.body.period(n_timesteps))
    }

    fn scored_labels(&self, labels: &LabelSet, _drive: &Drive, state: &State) -> Result<Option<Vec<i64>>> {
        Ok(protocol::scored_labels(labels, state))
    }
}
