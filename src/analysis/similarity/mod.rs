//! Similarity of two populations' responses to the same stimuli, as distances on manifolds: kernel
//! alignment, stress of distances, Riemannian and shape metrics, with geodesics and tangent vectors.
//!
//! Definitions of boranw-api/BLT_recurrent_models, `archive/repsim` (after Williams et al. 2021,
//! arXiv 2110.14739, and Lange et al. 2023). Responses are matrices with one row per stimulus.

mod angular;
mod kernel;
mod metric;
mod riemannian;
mod shape;
mod sphere;
mod stress;

pub use crate::analysis::distances::pairwise_distances;
pub use angular::AngularCka;
pub use kernel::{Kernel, LengthScale, cka, hsic, lower_median, pairwise_angles};
pub use metric::{Metric, alexandrov, angle, frechet_mean, norm};
pub use riemannian::{AffineInvariant, Positive};
pub use shape::{Shape, ShapeForm, procrustes, whitened};
pub use stress::Stress;
