//! A norm whose running statistics move while a network trains.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Tensor};

use crate::error::Result;
use crate::nn::{Norm, NormKind};
use crate::ops::Moments;
use crate::weights::Weights;

/// How far one call moves the statistics (PyTorch's default).
const MOMENTUM: f64 = 0.1;

/// A norm that knows its name.
pub(super) struct TrackedNorm {
    prefix: String,
    norm: Norm,
    /// Counted calls; `None` if nothing stores it.
    calls: Option<Tensor>,
    /// `None` outside training and where no statistics are stored.
    moving: Option<Mutex<Moving>>,
}

struct Moving {
    moments: Moments,
    calls: u64,
}

impl TrackedNorm {
    /// As [`Norm::load`].
    pub(super) fn load(weights: &Weights, prefix: &str, kind: NormKind) -> Self {
        let calls = weights.find(&format!("{prefix}.num_batches_tracked"));
        Self {
            prefix: prefix.to_owned(),
            norm: Norm::load(weights, prefix, kind),
            calls: calls.map(|weight| weight.tensor().clone()),
            moving: None,
        }
    }

    /// From now on every call normalises by its own input and moves the stored statistics.
    pub(super) fn start_moving(&mut self) {
        let moments = self.norm.running.clone();
        self.moving = moments.map(|moments| Mutex::new(Moving { moments, calls: 0 }));
    }

    /// # Errors
    /// As [`Norm::forward`]; for an instance of a single entry, which has no unbiased variance.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Some(moving) = &self.moving else { return self.norm.forward(x) };
        let mut moving = moving.lock().unwrap_or_else(PoisonError::into_inner);
        moving.moments = self.norm.moved_towards(&moving.moments, &x.detach(), MOMENTUM)?;
        moving.calls += 1;
        self.norm.forward_current(x)
    }

    /// The statistics by their names, if any call moved them. Only batch norms count their calls.
    pub(super) fn moved(&self) -> Result<Vec<(String, Tensor)>> {
        let Some(moving) = &self.moving else { return Ok(Vec::new()) };
        let moving = moving.lock().unwrap_or_else(PoisonError::into_inner);
        if moving.calls == 0 {
            return Ok(Vec::new());
        }
        let name = |suffix: &str| format!("{}.{suffix}", self.prefix);
        let Moments { mean, variance } = &moving.moments;
        let mut moved = vec![(name("running_mean"), mean.detach()), (name("running_var"), variance.detach())];
        if let (NormKind::Batch, Some(calls)) = (self.norm.kind, &self.calls) {
            let more = Tensor::full(moving.calls as i64, calls.dims(), calls.device())?;
            moved.push((name("num_batches_tracked"), (calls.to_dtype(DType::I64)? + more)?));
        }
        Ok(moved)
    }
}
