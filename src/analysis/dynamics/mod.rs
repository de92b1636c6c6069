//! Dynamical similarity analysis: linear dynamics of delay-embedded trajectories, compared up to a
//! change of coordinates (Ostrow et al. 2023, arXiv 2306.10168).

mod alignment;
mod operator;

pub use alignment::{Alignment, AlignmentOptions, Group, Start, align, similarity};
pub use operator::{DelayEmbedding, LinearDynamics, Rank, embedded, hankel};
