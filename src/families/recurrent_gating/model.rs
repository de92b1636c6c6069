//! A network of the family as dynamics: what GateNet and BlockNet have in common around their streams.

use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::Tensor;

use super::block_net::BlockNet;
use super::config::{Config, Network};
use super::gate_net::GateNet;
use super::protocol::Protocol;
use super::stages::{Dropout, ImageInput};
use super::top_down::{ControlSet, Softness, TopDown};
use crate::dynamics::{
    Area, Control, Drive, Dynamics, Frame, Graph, LabelSet, Pass, Prepared, Presentation, ProtocolOptions,
    Schedule, State, StepContext, TimeUnit, find_area,
};
use crate::error::{Error, Result};
use crate::ops::{self, Activation, Workspace};
use crate::stimulus::PixelScale;
use crate::weights::Weights;

/// Counts built networks, so that each has its own generation.
static NEXT_GENERATION: AtomicU64 = AtomicU64::new(1);

/// Area of what attention leaves, which losses compare with masks.
pub(super) const ATTENTION: &str = "m0";

/// A network with its weights.
pub struct RecurrentGating {
    areas: Vec<Area>,
    graph: Graph,
    controls: ControlSet,
    protocol: Protocol,
    generation: u64,
    input: ImageInput,
    n_classes: usize,
    streams: Box<dyn Streams>,
}

/// The two streams of a network. Areas come in the order bottom-up, backward vectors, gain maps.
pub(super) trait Streams: Send + Sync {
    /// The forward stream; `gain` scales the maps of `state`, `None` leaves maps and past out.
    fn bottom_up(
        &self,
        image: &Tensor,
        state: &State,
        pass: Pass,
        gain: Option<f64>,
        context: &mut StepContext<'_>,
    ) -> Result<BottomUp>;

    /// The backward stream: all areas, those of the forward stream as they were.
    fn top_down(
        &self,
        bottom_up: BottomUp,
        top_down: &TopDown,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<Vec<Tensor>>;

    /// From now on norms with running statistics normalise by their input and move these.
    fn start_moving_statistics(&mut self) {}

    /// The statistics that moved since, by name.
    ///
    /// # Errors
    /// Those of the tensor library.
    fn moved_statistics(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(Vec::new())
    }
}

/// What the forward stream leaves.
pub(super) struct BottomUp {
    pub areas: Vec<Tensor>,
    /// `[batch, out_dim]`.
    pub outputs: Tensor,
}

/// The parts of a network that its kind decides.
pub(super) struct Parts {
    pub areas: Vec<Area>,
    pub softness: Softness,
    pub input: ImageInput,
    pub streams: Box<dyn Streams>,
}

impl RecurrentGating {
    /// The network of `config` with `weights`, which are named as in the reference; `dropout`: that
    /// of one training update.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Shape`] for a missing or wrong tensor, [`Error::Config`] for
    /// tasks that do not belong to it.
    pub fn new(config: &Config, weights: &Weights, dropout: Option<Dropout>) -> Result<Self> {
        super::weights::check(config, weights)?;
        let protocol = Protocol::new(&config.tasks, config.n_tasks(), config.n_classes());
        let parts = match &config.network {
            Network::Gate(gate) => GateNet::parts(gate, weights, dropout)?,
            Network::Block(block) => BlockNet::parts(block, weights)?,
        };
        Ok(Self {
            graph: super::graph::graph(config, &parts.areas),
            areas: parts.areas,
            controls: ControlSet::new(&parts.softness, protocol.tasks(), protocol.classes()),
            protocol,
            generation: NEXT_GENERATION.fetch_add(1, Ordering::Relaxed),
            input: parts.input,
            n_classes: config.n_classes(),
            streams: parts.streams,
        })
    }

    /// Training mode: norms with running statistics normalise by the batch and move these.
    pub fn start_moving_statistics(&mut self) {
        self.streams.start_moving_statistics();
    }

    /// The running statistics that moved since, by name.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn moved_statistics(&self) -> Result<Vec<(String, Tensor)>> {
        self.streams.moved_statistics()
    }
}

impl Dynamics for RecurrentGating {
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

    fn normalisation(&self) -> Option<PixelScale> {
        self.input.scale()
    }

    fn classes(&self) -> &[String] {
        self.protocol.classes()
    }

    fn tasks(&self) -> &[String] {
        self.protocol.tasks()
    }

    fn graph(&self) -> Graph {
        self.graph.clone()
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn rest(&self, batch: usize) -> Result<State> {
        State::at_rest(&self.areas, batch, self.input.like())
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
        let bottom_up = self.streams.bottom_up(image, state, drive.pass, gain, context)?;
        let readout = bottom_up.outputs.narrow(1, 0, self.n_classes)?;
        let areas = match drive.pass {
            Pass::Sweep | Pass::SingleSweep => {
                let top_down = self.controls.top_down(drive, context.controls, &bottom_up.outputs)?;
                self.streams.top_down(bottom_up, &top_down, state, context)?
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

    fn mask_losses(&self, mask: Option<&[f32]>, drive: &Drive, state: &State) -> Result<Option<Vec<f64>>> {
        let Some(mask) = mask.filter(|_| matches!(drive.pass, Pass::Sweep | Pass::SingleSweep)) else {
            return Ok(None);
        };
        let map = state.values(find_area(self.areas(), ATTENTION)?)?;
        if map.len() != mask.len() {
            return Err(Error::shape("target mask", [map.len()], &[mask.len()]));
        }
        let size = (map.len() / state.batch().max(1)).max(1);
        let squares = |(map, mask): (&[f32], &[f32])| {
            let square = |(&a, &b): (&f32, &f32)| (f64::from(a) - f64::from(b)).powi(2);
            map.iter().zip(mask).map(square).sum::<f64>() / size as f64
        };
        Ok(Some(map.chunks(size).zip(mask.chunks(size)).map(squares).collect()))
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

fn no_such_pass(pass: Pass) -> Error {
    Error::Unsupported(format!(
        "recurrent gating has no {pass:?} pass; it has sweeps, read-out and feed-forward passes"
    ))
}
