//! One dynamics core for all systems: a model holds weights, activity is a [`State`] value, and
//! [`rollout`] is the only time loop.
//!
//! Everything that reaches a network at one timestep is its [`Drive`]; warm-up, sweeps, read-out,
//! instruction, inhibition-of-return and error passes are timesteps of one [`Schedule`]. Every area
//! is named, shaped and tapped in one place, and the same taps serve recording, probing and
//! [`Intervention`]s.

mod area;
mod control;
mod departure;
mod drive;
mod graph;
mod intervention;
mod model;
mod onset;
mod rollout;
mod state;
mod taps;
mod units;

pub use area::{Area, AreaKind, GainRule, find_area};
pub use control::{Control, Controls, Reciprocal, Setting};
pub use departure::Departure;
pub use drive::{
    Drive, Frame, Instruction, LabelSet, Pass, Presentation, ProtocolOptions, Schedule, Segment, SegmentKind,
};
pub use graph::{Direction, Graph, GraphConnection, GraphNode, NodeRole};
pub use intervention::{Action, Intervention, InterventionFile, MapSource};
pub use model::{Dynamics, Prepared, StepContext, TimeUnit};
pub use onset::{Onset, onset};
pub use rollout::{Run, Workspace, rollout};
pub use state::{State, flat};
pub use taps::{NoTaps, Stage, Taps};
pub use units::Units;
