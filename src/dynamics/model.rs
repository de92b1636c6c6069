//! What a network has to offer to be stepped, recorded, probed and intervened on.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{
    Area, Control, Controls, Departure, Drive, Frame, Graph, LabelSet, Presentation, ProtocolOptions,
    Schedule, Stage, State, Taps,
};
use crate::error::Result;
use crate::ops;
use crate::stimulus::{PixelScale, Preparation};

/// The natural unit of a family's timestep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Continuous time; one timestep lasts `dt_ms`.
    Ms {
        dt_ms: f64,
    },
    Sweep,
    Pass,
    Timestep,
}

impl TimeUnit {
    /// `ms`, `sweep`, `pass` or `timestep`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ms { .. } => "ms",
            Self::Sweep => "sweep",
            Self::Pass => "pass",
            Self::Timestep => "timestep",
        }
    }
}

/// What a model computes from a frame alone, once per distinct frame.
#[derive(Clone, Debug)]
pub struct Prepared(pub Vec<Tensor>);

/// What a timestep may use besides its inputs.
pub struct StepContext<'a> {
    pub taps: &'a mut dyn Taps,
    /// Values in force at this timestep.
    pub controls: &'a Controls,
    /// Scratch and packed weights; never changes a result.
    pub ops: &'a mut ops::Workspace,
}

impl StepContext<'_> {
    /// May the taps look at or change the value of `area` at `stage`?
    pub fn is_tapped(&self, area: usize, stage: Stage) -> bool {
        self.taps.touches(area, stage)
    }

    /// Passes the preactivation of `area` through the taps.
    pub fn preactivation(&mut self, area: usize, value: Tensor) -> Result<Tensor> {
        self.taps.tap(area, Stage::Preactivation, value)
    }

    /// Passes the activity (or gain) of `area` through the taps.
    pub fn activity(&mut self, area: usize, value: Tensor) -> Result<Tensor> {
        self.taps.tap(area, Stage::Activity, value)
    }
}

/// A network that evolves in discrete timesteps. It holds weights only: activity lives in [`State`].
pub trait Dynamics: Send + Sync {
    /// The stages that can be recorded, from the image upwards, gain maps after the activities.
    fn areas(&self) -> &[Area];

    /// Names of what [`State::memory`] holds besides the areas.
    fn memory(&self) -> &[String];

    /// Live scalars.
    fn controls(&self) -> &[Control];

    fn time_unit(&self) -> TimeUnit;

    /// `[channels, height, width]` of the image it takes.
    fn input_shape(&self) -> [usize; 3];

    /// How the source brings any picture to its input, where it says so.
    fn preparation(&self) -> Option<Preparation> {
        None
    }

    /// By what it normalises the pixels it is shown, channel by channel.
    fn normalisation(&self) -> Option<PixelScale> {
        None
    }

    /// Timesteps without a stimulus before its onset, as published; `None` where the family has none.
    fn warm_up(&self) -> Option<usize> {
        None
    }

    /// Names of the classes of the read-out, in order.
    fn classes(&self) -> &[String];

    /// Names of the tasks an [`Instruction`](super::Instruction) can name; empty if there are none.
    fn tasks(&self) -> &[String] {
        &[]
    }

    /// First timestep of a run from rest at whose end the area holds a value: before it the area is
    /// undefined, holds zeros and takes part in nothing. `None` if that never happens.
    fn live_from(&self, _area: usize) -> Option<usize> {
        Some(0)
    }

    /// What is joined to what; parameters and multiply-adds are counted by
    /// [`Graph::counted`](super::Graph::counted).
    fn graph(&self) -> Graph {
        let live_from = |area| self.live_from(area);
        Graph::default_of(&self.input_shape(), self.areas(), self.classes().len(), live_from)
    }

    /// Unique per built model, so that what was prepared for other weights is never used.
    fn generation(&self) -> u64;

    /// The state before stimulus onset.
    fn rest(&self, batch: usize) -> Result<State>;

    /// What depends on the frame alone.
    fn prepare(&self, frame: &Frame, ops: &mut ops::Workspace) -> Result<Prepared>;

    /// The state one timestep later. The same arguments give the same result.
    fn step(
        &self,
        prepared: &Prepared,
        drive: &Drive,
        state: &State,
        context: &mut StepContext<'_>,
    ) -> Result<State>;

    /// The family's protocol for what is shown.
    fn schedule(&self, presentation: &Presentation, options: &ProtocolOptions) -> Result<Schedule>;

    /// In what `schedule` differs from the protocol of the source.
    fn departures(&self, schedule: &Schedule) -> Vec<Departure> {
        Departure::of_length(schedule, self.time_unit()).into_iter().collect()
    }

    /// The labels this timestep's read-out is judged by, `[trial]`; `None` where it is not scored.
    fn scored_labels(&self, labels: &LabelSet, drive: &Drive, state: &State) -> Result<Option<Vec<i64>>>;

    /// How far what attention leaves is from what it should leave after this timestep: the mean squared
    /// difference of each trial to the target of `drive`, or to `mask` `[trial, row, column]` in
    /// `-1..=1`. `None` where the family or this timestep has no such loss.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for a mask of another size.
    fn mask_losses(&self, _mask: Option<&[f32]>, _drive: &Drive, _state: &State) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }
}
