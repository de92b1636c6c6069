//! Recomputing losses, scores, fits, schedules and optimisation steps.

mod measures;
mod steps;

pub(super) use measures::{losses_metrics_fits, schedule};
pub(super) use steps::{train_conductor, train_psych};
