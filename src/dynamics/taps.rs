//! Taps: the two places per area where a run can look or reach in.

use candle_core::Tensor;
use serde::Serialize;

use crate::error::Result;

/// Where a tap sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Before the nonlinearity: current and noise enter here.
    Preactivation,
    /// After it: silencing, clamping, scaling; this is what is recorded.
    Activity,
}

/// Sees, and may replace, what passes each tap during one timestep.
pub trait Taps {
    /// `value`: `[batch, ..areas()[area].shape]`. Returns what the network goes on with.
    fn tap(&mut self, area: usize, stage: Stage, value: Tensor) -> Result<Tensor>;

    /// May [`Taps::tap`] look at or change this value? Where not, a network need not compute it.
    fn touches(&self, _area: usize, _stage: Stage) -> bool {
        true
    }
}

/// Lets everything pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTaps;

impl Taps for NoTaps {
    fn tap(&mut self, _area: usize, _stage: Stage, value: Tensor) -> Result<Tensor> {
        Ok(value)
    }

    fn touches(&self, _area: usize, _stage: Stage) -> bool {
        false
    }
}
