//! Training: optimisers, schedules and the job that runs them.

mod ahead;
mod course;
pub mod figures;
mod history;
mod job;
mod latest;
mod measures;
pub mod optim;
mod order;
mod plateau;
mod procedure;
mod recipe;
mod run_folder;
pub mod schedule;
mod tensorboard;
mod unroll;

pub use ahead::Ahead;
pub use course::{Course, Keeping};
pub use history::{Follower, Growth, RunHistory};
pub use job::{
    JobCommand, JobEvent, JobSettings, Observer, Prepared, Reporter, StopReason, TrainingJob, channels, run,
    spawn,
};
pub use latest::{LatestReceiver, LatestSender, latest};
pub use measures::{Measure, Measures, Row, Scale};
pub use optim::{
    Gathering, Gradients, Optimiser, OptimiserConfig, OptimiserState, clip_global_norm, gradients,
};
pub use order::{EpochOrder, Visit};
pub use plateau::{Plateau, PlateauState};
pub use procedure::{Evaluation, Metric, Procedure, Snapshot, UpdateReport};
pub use recipe::{Begun, TrainingRecipe};
pub use run_folder::{MANIFEST, RECIPE, RunFolder, ending, is_claimed};
pub use schedule::{Rate, Schedule};
pub use unroll::Unroll;
