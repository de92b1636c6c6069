//! Which units each instruction selects, and how much the selections share.

use candle_core::{DType, Tensor};

use super::model::CounterHebb;
use super::update::instructed;
use crate::error::Result;

/// The selections at the upper side of one bundle of the trunk.
#[derive(Clone, Debug)]
pub struct Subnetwork {
    /// Prefix of the bundle's tensors.
    pub bundle: String,
    /// Top-down activity, `[instructions, ..units]`.
    pub activity: Tensor,
    /// Share of units with positive activity under each instruction.
    pub active: Vec<f64>,
    /// Cosine of the binary selections of each two instructions: the shared units over the geometric
    /// mean of both numbers, 0 for an empty selection.
    pub cosine: Vec<Vec<f64>>,
}

/// Sends each row of `instructions` `[n, entries]` down and reads off every bundle of the trunk, bottom
/// to top.
///
/// # Errors
/// As a step of the network.
pub fn subnetworks(net: &CounterHebb, instructions: &Tensor) -> Result<Vec<Subnetwork>> {
    let state = instructed(net, instructions)?;
    let at = net.at();
    let mut found = Vec::new();
    for (layer, (_, to)) in net.trunk.iter().zip(net.architecture.ends()) {
        let activity = state.areas[at.top_down(to)].clone();
        let rows: Vec<Vec<u8>> = activity.gt(0.0)?.to_dtype(DType::U8)?.flatten_from(1)?.to_vec2()?;
        let counts: Vec<usize> =
            rows.iter().map(|row| row.iter().filter(|&&open| open > 0).count()).collect();
        let cosine = |a: usize, b: usize| {
            let shared = rows[a].iter().zip(&rows[b]).filter(|(a, b)| **a > 0 && **b > 0).count();
            let both = (counts[a] * counts[b]) as f64;
            if both > 0.0 { shared as f64 / both.sqrt() } else { 0.0 }
        };
        found.push(Subnetwork {
            bundle: layer.bundle.name.clone(),
            active: (rows.iter().zip(&counts)).map(|(row, &n)| n as f64 / row.len().max(1) as f64).collect(),
            cosine: (0..rows.len()).map(|a| (0..rows.len()).map(|b| cosine(a, b)).collect()).collect(),
            activity,
        });
    }
    Ok(found)
}
