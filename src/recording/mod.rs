//! Recordings: what was kept of a run, decided and costed before it.
//!
//! A [`Recording`] is immutable and cheap to clone; a running recorder publishes growing ones.
//! Its numbers are plain `f32` slices on the CPU, safe to read while painting.

mod npz;
mod plan;
mod recorder;
mod store;
mod summary;

pub use npz::{NpyArray, NpyData, write_npz};
pub use plan::{Cost, RecordPlan, Reduce};
pub use recorder::Recorder;
pub use store::{RecordedStep, Recording};
pub use summary::Summary;
