//! Analyses: numbers in, numbers out. No model, no figure, no window.

pub mod eigen;
pub mod fit;
pub mod scaling;
pub mod statistics;
pub mod tuning;
