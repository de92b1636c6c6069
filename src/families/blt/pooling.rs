//! Halving of maps.

use candle_core::Tensor;

use super::config::Pooling;
use crate::error::Result;
use crate::ops::{self, PoolSpec};

/// Windows of three, every second one.
pub(super) const HALVING: PoolSpec = PoolSpec { kernel: 3, stride: 2, padding: 1 };

/// `xs` with half the rows and columns.
pub(super) fn halve(xs: &Tensor, pool: Pooling) -> Result<Tensor> {
    match pool {
        Pooling::Max => ops::max_pool2d(xs, &HALVING),
        Pooling::Avg => ops::avg_pool2d(xs, &HALVING),
        Pooling::Blur => ops::blur_pool2d(xs),
    }
}
