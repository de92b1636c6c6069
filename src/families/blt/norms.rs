//! Batch norms by name, with stored statistics or with those of the batch.

use std::collections::BTreeMap;

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::nn::{Norm, NormKind};
use crate::ops::Moments;
use crate::weights::Weights;

/// How far running statistics move towards those of a batch.
const MOMENTUM: f64 = 0.1;

/// All batch norms of a network.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchNorms {
    by_name: BTreeMap<String, Norm>,
}

/// Which statistics a pass uses; in training, the running ones that it moved.
#[derive(Clone, Debug, Default)]
pub(super) enum Statistics {
    #[default]
    Stored,
    Batch {
        moved: BTreeMap<String, Moments>,
    },
}

impl BatchNorms {
    /// Every norm of `weights` with running statistics.
    pub(super) fn load(weights: &Weights) -> Self {
        let names = weights.names().filter_map(|name| name.strip_suffix(".running_mean"));
        let by_name =
            names.map(|name| (name.to_owned(), Norm::load(weights, name, NormKind::Batch))).collect();
        Self { by_name }
    }

    pub(super) fn forward(&self, name: &str, xs: &Tensor, statistics: &mut Statistics) -> Result<Tensor> {
        let norm = self.by_name.get(name);
        let norm = norm.ok_or_else(|| Error::unknown("norm", name, self.by_name.keys().cloned()))?;
        match statistics {
            Statistics::Stored => norm.forward(xs),
            Statistics::Batch { moved } => {
                // A norm that is passed twice moves on from where it was moved to.
                if let Some(running) = moved.get(name).or(norm.running.as_ref()) {
                    let moments = norm.moved_towards(running, xs, MOMENTUM)?;
                    moved.insert(name.to_owned(), moments);
                }
                norm.forward_current(xs)
            }
        }
    }
}

impl Statistics {
    /// Those of the batch, nothing moved yet.
    pub(super) fn of_batch() -> Self {
        Self::Batch { moved: BTreeMap::new() }
    }

    /// Running statistics after a pass, by the names of their tensors.
    pub(super) fn moved(self) -> impl Iterator<Item = (String, Tensor)> {
        let moved = match self {
            Self::Stored => BTreeMap::new(),
            Self::Batch { moved } => moved,
        };
        moved.into_iter().flat_map(|(name, moments)| {
            let Moments { mean, variance } = moments;
            [(format!("{name}.running_mean"), mean), (format!("{name}.running_var"), variance)]
        })
    }
}
