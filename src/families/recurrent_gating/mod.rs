//! Bidirectional recurrent gating: a convolutional stream that recognises and a mirrored stream that
//! attends run in alternation; each backward map multiplies the input of its convolution at the next
//! sweep by `1 + s · m`, with `m` in -1…1.
//!
//! Paper: "Modeling Attention and Binding in the Brain through Bidirectional Recurrent Gating",
//! doi 10.1101/2024.09.09.612033. Reference code: ssnio/bio-attention, `src/model.py` (GateNet),
//! `src/modelv2.py` (BlockNet), `src/resatt_.py` (its older sibling), `src/conductor.py` (training).
//!
//! A run is a number of sweeps and one read-out pass: the forward stream once more on the last frame
//! with the gains and states that the last sweep left. Reported accuracies are those of that pass.
//!
//! Deviations: the feed-forward pass starts from recurrent states of zero, where the reference goes
//! on from whatever is there and overwrites it. `recurrent_update` (off by default) writes BlockNet's
//! recurrent states back, which the published code forgets. A map that acts on nothing (the size of
//! BlockNet's last output) is not an area.

mod batch;
mod block_net;
mod config;
mod create;
mod gate_net;
mod graph;
mod model;
mod open;
mod parity;
mod preset_photographs;
mod presets;
mod procedure;
mod protocol;
mod python_repr;
mod recipe;
mod recipe_fields;
mod run_data;
mod scores;
mod stages;
mod stimuli;
mod tasks;
mod top_down;
mod tracked;
mod train;
mod train_params;
mod weights;

use std::sync::Arc;

pub use config::{
    BlockConfig, Config, DecoderStage, EncoderStage, GateConfig, Network, NormName, REQUIRED, Shapes, TASKS,
    Variant, VectorStage, variant_of,
};
pub use create::{create, starts};
pub use model::RecurrentGating;
pub(crate) use open::{draft, fields};
pub use open::{model_of, open, recognise};
pub use parity::GOLDEN_KINDS;
pub use presets::Preset;
pub use procedure::GatingProcedure;
pub use protocol::{Protocol, drive};
pub use recipe::GatingRecipe;
pub use scores::{LabelScore, MaskScore, Scores};
pub use stages::Dropout;
pub use stimuli::{TaskStimulus, default_stimulus};
pub use tasks::{LossSpec, Selection, TaskSpec, read_tasks};
pub use train::{Batch, LossTerms, Losses, Term, Update, UpdateSettings, loss, update};
pub use train_params::TrainParams;
pub use weights::{Expected, expected, initial_weights, trainable};

use crate::dynamics::Dynamics;
use crate::error::Result;
use crate::weights::Weights;

/// The network of `config` with `weights`, which are named as in the reference.
///
/// # Errors
/// [`Error::Unknown`](crate::Error::Unknown) or [`Error::Shape`](crate::Error::Shape) for a missing
/// or wrong tensor, [`Error::Config`](crate::Error::Config) for tasks that do not belong to it.
pub fn build(config: &Config, weights: &Weights) -> Result<Arc<dyn Dynamics>> {
    Ok(Arc::new(RecurrentGating::new(config, weights, None)?))
}
