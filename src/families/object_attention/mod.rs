//! Object-based attention through internal gating: a convolutional classifier whose top-down path,
//! driven by its own class scores, gates its next pass until one object is left; inhibition of
//! return then passes on to the next object.
//!
//! Reference code: KordingLab/object-based-attention, `models/mnist_model.py` and
//! `models/coco_model.py` (networks), `data/` (stimuli), `train_*.py`, `test_*.py`, `analysis/`.
//!
//! Deviations: widths and heights are kept apart where the reference derives one from the other;
//! where every object is taken nothing is picked (the reference then picks the first again).

pub mod analysis;
mod areas;
mod attention;
mod batch;
mod config;
mod create;
mod fields;
mod graph;
mod infer;
mod layers;
mod lessons;
mod model;
mod open;
mod parity;
mod photograph_recipe;
mod procedure;
mod protocol;
mod recipe;
mod train;
mod weights;

use std::sync::Arc;

pub use batch::Batch;
pub use config::{Config, KERNEL, PUBLISHED_PASSES, Stage, Variant};
pub use create::{create, starts};
pub use fields::fields;
pub use infer::{Shapes, infer, recognise_shapes, resolve};
pub use model::ObjectAttention;
pub(crate) use open::draft;
pub use open::{model_of, open, recognise};
pub use parity::GOLDEN_KINDS;
pub use photograph_recipe::PhotographsRecipe;
pub use procedure::{AttentionProcedure, AttentionRecipe};
pub use recipe::{DigitsRecipe, PROCEDURAL};
pub use train::{BatchUpdate, LossSettings, PhaseUpdate, class_weights, predictions, train_batch};
pub use weights::initial_weights;

use crate::dynamics::Dynamics;
use crate::error::Result;
use crate::weights::Weights;

/// The network of `config` with `weights`, which are named as in the reference.
///
/// # Errors
/// As [`ObjectAttention::new`].
pub fn build(config: &Config, weights: &Weights) -> Result<Arc<dyn Dynamics>> {
    Ok(Arc::new(ObjectAttention::new(config, weights)?))
}
