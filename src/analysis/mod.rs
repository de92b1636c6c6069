//! Analyses: numbers in, numbers out. No model, no figure, no window.

pub mod attention_scores;
pub mod bell;
pub mod eigen;
pub mod fit;
pub mod modulation;
pub mod psychometric;
pub mod scaling;
pub mod smoothing;
pub mod statistics;
pub mod tuning;
