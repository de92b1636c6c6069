//! Kind `fold`: batch normalisation folded into kernels and maps.

use super::super::fold::fold;
use super::super::{Statistics, Twin};
use super::{Network, array, pictures};
use crate::error::Result;
use crate::ops::Workspace;
use crate::parity::{GoldenInputs, Recomputed};

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let Network { config, weights, .. } = Network::read(inputs)?;
    let ws = &mut Workspace::new();
    let (folded_config, folded) = fold(&config, &weights, ws)?;
    let image = pictures(inputs)?;
    let mut recomputed = Recomputed::new();
    for (name, config, weights) in [("bn", &config, &weights), ("folded", &folded_config, &folded)] {
        let logits = Twin::new(config, weights)?.forward(&image, Statistics::Stored, ws)?.logits;
        recomputed.insert(format!("out.logits_{name}"), array(&logits)?);
    }
    for (name, weight) in folded.iter() {
        recomputed.insert(format!("out.new.{name}"), array(weight.tensor())?);
    }
    Ok(recomputed)
}
