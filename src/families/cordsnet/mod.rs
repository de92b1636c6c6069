//! CordsNet: areas of leaky rate units with convolutional recurrence in place of the layers of a
//! convolutional network, in continuous time.
//!
//! Reference code: wmws2/cordsnet, `cordsnet.py` and `class_rnn_*.py` (networks), `utils.py` (data),
//! `main_training_*.py` (training), `analysis/` (spectra).
//!
//! Deviations: what does not depend on the state is computed once per picture; widths and sides
//! are data; labels may be integers or shares of classes in every step of training.

mod batches;
mod config;
mod create;
mod dataset;
mod fields;
mod fold;
mod generator;
mod graph;
mod infer;
mod inverse;
mod model;
mod network;
mod open;
mod parity;
mod procedure;
mod protocol;
mod recipe;
pub mod spectrum;
mod stages;
mod training;
mod trunk;
mod twin;
mod weights;

use std::sync::Arc;

pub use config::{ALPHA, Config, DT_MS, STEPS, Stage};
pub use create::{create, starts};
pub use dataset::Dataset;
pub use fields::fields;
pub use fold::fold;
pub use generator::{generate, uniform};
pub use infer::{Shapes, infer, recognise_shapes, resolve};
pub use inverse::inverse_weights;
pub use model::{CordsNet, LeakyAreas};
pub use network::Network;
pub(crate) use open::draft;
pub use open::{model_of, open, recognise};
pub use parity::GOLDEN_KINDS;
pub use procedure::CordsProcedure;
pub use recipe::{CordsRecipe, StepSettings, TwinSettings};
pub use training::{Batch, READ_TIMESTEPS, Terms, Update, loss_gradients, trained_names, update};
pub use twin::{Statistics, Twin, TwinLayers, TwinPass};
pub use weights::{initial_weights, without_weight_norm};

use crate::dynamics::Dynamics;
use crate::error::Result;
use crate::weights::Weights;

/// The network of `config` with `weights`, which are named as in the reference.
///
/// # Errors
/// As [`CordsNet::new`] and [`Twin::new`].
pub fn build(config: &Config, weights: &Weights) -> Result<Arc<dyn Dynamics>> {
    Ok(match config.stage.is_feed_forward() {
        true => Arc::new(Twin::new(config, weights)?),
        false => Arc::new(CordsNet::new(config, weights)?),
    })
}
