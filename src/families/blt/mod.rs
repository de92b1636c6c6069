//! Recurrent networks of bottom-up, lateral and top-down connections, trained on objects and faces,
//! with the CORnet and ResNet networks they are compared with.
//!
//! Reference code: boranw-api/BLT_recurrent_models, `models/blt.py`, `models/cornet.py`,
//! `models/ResNet.py` (networks), `datasets/`, `engine.py` (training), `archive/` (analyses).
//! CORnet: Kubilius et al. 2018, bioRxiv 408385. ResNet: He et al. 2016, arXiv 1512.03385.
//!
//! Every network is told by its connection matrix `[pre][post]`; the builder's names are some of
//! them. An area is defined from the timestep on at which a signal from the picture can have reached
//! it ([`Dynamics::live_from`]), and it answers nothing and takes part in nothing before.
//!
//! Deviations: what arrives at an area is recorded and can be changed at every timestep, the first
//! and the single pass included, where the source records it later. `average` means `avg` (the
//! source builds a broken network). Matrices without a name, and connections of two and three hops
//! into vector areas, which crash there, are built by the same rules. CORnet-R and -RT take pictures
//! of other sizes.

mod batches;
mod config;
mod connected;
mod contrast;
mod cornet;
mod create;
mod fields;
mod fill;
mod graph;
mod layers;
mod model;
mod norms;
mod open;
mod parity;
mod pooling;
mod procedure;
mod protocol;
mod recipe;
mod resnet;
mod tapped;
mod train;
mod weights;

use std::sync::Arc;

pub use config::{
    AREA_NAMES, BltConfig, Config, ConnectionMatrix, Cornet, CornetConfig, Geometry, Link, N_AREAS,
    Normalisation, Pooling, ResnetConfig, Shapes, Tensors, all_names, infer, recognise_shapes,
};
pub use contrast::{ContrastSettings, Objective, contrastive_loss};
pub use create::{create, starts};
pub use fields::fields;
pub use fill::{generated_pixels, generated_values, generated_weights};
pub use graph::graph;
pub use model::Network;
pub(crate) use open::draft;
pub use open::{model_of, open, recognise};
pub use parity::GOLDEN_KINDS;
pub use procedure::BltProcedure;
pub use recipe::BltRecipe;
pub use train::{LossChoice, LossSettings, Update, loss, smoothed_cross_entropy, update};
pub use weights::initial_weights;

use crate::dynamics::Dynamics;
use crate::error::Result;
use crate::weights::Weights;

/// The network of `config` with `weights`, which are named as in the reference.
///
/// # Errors
/// [`crate::Error::Config`] for an invalid configuration, [`crate::Error::Unknown`] or
/// [`crate::Error::Shape`] for weights that are not its own.
pub fn build(config: &Config, weights: &Weights) -> Result<Arc<dyn Dynamics>> {
    Ok(Arc::new(Network::new(config, weights)?))
}
