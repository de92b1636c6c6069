//! Training: optimisers, schedules and the job that runs them.

pub mod figures;
mod job;
mod latest;
pub mod optim;
mod plateau;
mod procedure;
mod run_folder;
pub mod schedule;

pub use job::{JobCommand, JobEvent, JobSettings, Reporter, StopReason, TrainingJob, channels, run, spawn};
pub use latest::{LatestReceiver, LatestSender, latest};
pub use optim::{Gradients, Optimiser, OptimiserConfig, OptimiserState, clip_global_norm, gradients};
pub use plateau::{Plateau, PlateauState};
pub use procedure::{Evaluation, Metric, Procedure, Snapshot, UpdateReport};
pub use run_folder::{MANIFEST, RECIPE, RunFolder, RunHistory};
pub use schedule::{Rate, Schedule};
