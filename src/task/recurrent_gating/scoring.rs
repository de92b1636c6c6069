//! Which timesteps a loss reads, and how its terms are weighted.

use serde::{Deserialize, Serialize};

/// Timesteps of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timesteps {
    All,
    /// From this one to the end.
    From(usize),
    /// These, in this order.
    Only(Vec<usize>),
}

impl Timesteps {
    /// The indices below `timesteps` that are meant.
    pub fn indices(&self, timesteps: usize) -> Vec<usize> {
        match self {
            Self::All => (0..timesteps).collect(),
            Self::From(first) => (*first..timesteps).collect(),
            Self::Only(list) => list.iter().copied().filter(|&t| t < timesteps).collect(),
        }
    }
}

/// The three-term loss of a task as published. A term with weight 0 is only logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scoring {
    /// Where the class is read from the sweeps.
    pub class_timesteps: Timesteps,
    /// Where the gain map is compared with the mask.
    pub mask_timesteps: Timesteps,
    /// Weight of the cross-entropy over `class_timesteps`.
    pub class_weight: f64,
    /// Weight of the squared mask error over `mask_timesteps`.
    pub mask_weight: f64,
    /// Weight of the cross-entropy of the read-out pass.
    pub read_out_weight: f64,
}

impl Scoring {
    /// Timesteps and weights in the order (class of sweeps, mask, class of read-out).
    pub fn new(class_timesteps: Timesteps, mask_timesteps: Timesteps, weights: [f64; 3]) -> Self {
        let [class_weight, mask_weight, read_out_weight] = weights;
        Self { class_timesteps, mask_timesteps, class_weight, mask_weight, read_out_weight }
    }
}
