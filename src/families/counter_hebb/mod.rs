//! Instructed vision with Counter-Hebb learning: one set of weights serves a bottom-up and a top-down
//! stream. An instruction, sent down first, opens the gates of the units that may answer; the error,
//! sent down last, changes each synapse by the product of the activities at its two ends.
//!
//! Reference code: royabel/Top-Down-Networks, `butd_layers.py` and `butd_architectures.py` (trunks),
//! `network_models.py` (heads), `utils.py` (losses), `data/multi_mnist_loader.py` (stimuli); paper:
//! Abel & Ullman, "Biologically Inspired Learning Model for Instructed Vision", NeurIPS 2024.
//!
//! Deviations: top-down norms of the tiny ResNet have the sizes they need; any number of decoders;
//! where no label is given, the error is that of the network's own answer.

mod architecture;
mod areas;
mod config;
mod create;
mod examples;
mod fields;
mod flow;
mod foreign;
mod graph;
mod infer;
mod layer_list;
mod layers;
mod loss;
mod model;
mod open;
mod parity;
mod presets;
mod procedure;
mod protocol;
mod recipe;
mod subnetworks;
mod tensors;
mod train;
mod update;

pub use config::{Config, FROM_STIMULUS, NO_INSTRUCTION, NormLayer, Task, Trunk};
pub use create::{create, starts};
pub use fields::fields;
pub use layer_list::LayerSpec;
pub use loss::Loss;
pub use model::CounterHebb;
pub(crate) use open::draft;
pub use open::{description, model_of, open, recognise};
pub use parity::GOLDEN_KINDS;
pub use procedure::HebbProcedure;
pub use recipe::HebbRecipe;
pub use subnetworks::{Subnetwork, subnetworks};
pub use tensors::{InitOptions, initial_weights, shapes, with_aliases};
pub use train::{Learner, LearningRule, Score};
pub use update::{
    Agreement, Batch, BundleAgreement, Cycle, ExactGradient, UpdateRule, agreement, counter_hebb,
    exact_gradient, predicted, predicted_logits, run_cycle, with_statistics,
};
