//! Training: optimisers, schedules and the job that runs them.

pub mod optim;
pub mod schedule;

pub use optim::{Gradients, Optimiser, OptimiserConfig, OptimiserState, clip_global_norm, gradients};
pub use schedule::{Rate, Schedule};
