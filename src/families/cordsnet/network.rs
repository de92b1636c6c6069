//! A network of the family as dynamics: what areas in time and their convolutional twin have in common.

use candle_core::{DType, Device, Tensor};

use super::config::Config;
use super::graph::graph;
use super::protocol;
use super::trunk::Trunk;
use crate::dynamics::{
    Area, Control, Departure, Drive, Dynamics, Frame, Graph, LabelSet, Prepared, Presentation,
    ProtocolOptions, Schedule, State, StepContext, TimeUnit,
};
use crate::error::Result;
use crate::ops::Workspace;
use crate::stimulus::{PixelScale, Preparation};

/// A network with its weights.
#[derive(Clone, Debug)]
pub struct Network<B> {
    pub(super) config: Config,
    pub(super) areas: Vec<Area>,
    pub(super) controls: Vec<Control>,
    pub(super) generation: u64,
    pub(super) classes: Vec<String>,
    pub(super) body: B,
}

/// What the kind of a network decides.
pub trait Body: Send + Sync {
    /// Its kernels, which also tell its type and device.
    fn trunk(&self) -> &Trunk;

    /// What depends on the picture alone.
    ///
    /// # Errors
    /// As [`Frame::pixels`].
    fn prepare(&self, config: &Config, frame: &Frame, ops: &mut Workspace) -> Result<Prepared>;

    /// Areas and logits one timestep after `state`.
    ///
    /// # Errors
    /// Those of the tensor library.
    fn advance(
        &self,
        prepared: &Prepared,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<(Vec<Tensor>, Tensor)>;
}

impl<B: Body> Network<B> {
    pub(super) fn assemble(
        config: &Config,
        areas: Vec<Area>,
        controls: Vec<Control>,
        generation: u64,
        body: B,
    ) -> Self {
        Self { config: config.clone(), areas, controls, generation, classes: config.class_names(), body }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn dtype(&self) -> DType {
        self.body.trunk().like().dtype()
    }

    pub fn device(&self) -> &Device {
        self.body.trunk().like().device()
    }
}

impl<B: Body> Dynamics for Network<B> {
    fn areas(&self) -> &[Area] {
        &self.areas
    }

    fn memory(&self) -> &[String] {
        &[]
    }

    fn controls(&self) -> &[Control] {
        &self.controls
    }

    /// The twin has the clock of the network in time.
    fn time_unit(&self) -> TimeUnit {
        TimeUnit::Ms { dt_ms: self.config.dt_ms }
    }

    fn input_shape(&self) -> [usize; 3] {
        self.config.input_shape()
    }

    fn preparation(&self) -> Option<Preparation> {
        Some(protocol::preparation(&self.config))
    }

    fn normalisation(&self) -> Option<PixelScale> {
        self.config.pixel_scale()
    }

    /// The twin answers in one pass.
    fn warm_up(&self) -> Option<usize> {
        (!self.config.stage.is_feed_forward()).then_some(self.config.warm_up)
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

    /// All rates 0, one trial standing for the batch.
    fn rest(&self, batch: usize) -> Result<State> {
        let one = State::at_rest(&self.areas, 1, self.body.trunk().like())?;
        let areas = one.areas.iter().map(|area| repeated(area, batch)).collect::<Result<_>>()?;
        Ok(State { areas, ..one })
    }

    fn prepare(&self, frame: &Frame, ops: &mut Workspace) -> Result<Prepared> {
        self.body.prepare(&self.config, frame, ops)
    }

    fn step(
        &self,
        prepared: &Prepared,
        drive: &Drive,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<State> {
        state.check(self.areas.len(), drive.frame.batch())?;
        let (areas, logits) = self.body.advance(prepared, state, context)?;
        Ok(State { t: state.t + 1, areas, memory: Vec::new(), readout: Some(logits) })
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

/// One trial for a whole batch, without copies.
pub(super) fn repeated(one: &Tensor, batch: usize) -> Result<Tensor> {
    let mut dims = one.dims().to_vec();
    dims[0] = batch;
    Ok(one.broadcast_as(dims)?)
}

/// The picture as networks take it, normalised if `config` says so; a blank is zeros in normalised
/// units.
pub(super) fn pixels(config: &Config, frame: &Frame, like: &Tensor) -> Result<Tensor> {
    let scale = config.pixel_scale().filter(|_| !frame.is_blank());
    frame.normalised(config.input_shape(), scale.as_ref(), like)
}
