//! Analyses: numbers in, numbers out. No model, no figure, no window.

pub mod attention_scores;
pub mod bell;
pub mod distances;
pub mod dynamics;
pub mod eigen;
pub mod fit;
pub mod matrix;
pub mod mds;
pub mod modulation;
pub mod pca;
pub mod psychometric;
pub mod rdm;
pub mod scaling;
pub mod selectivity;
pub mod similarity;
pub mod smoothing;
pub mod statistics;
pub mod tuning;
