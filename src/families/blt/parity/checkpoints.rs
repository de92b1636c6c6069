//! Kind `checkpoint_forward`: runs of networks in files.

use std::collections::BTreeMap;

use super::forward::record;
use super::{Case, picture_size, pictures};
use crate::checkpoint;
use crate::error::{Error, Result};
use crate::families::blt::build;
use crate::families::blt::config::Config;
use crate::families::blt::open::configure;
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::settings::Overrides;

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    #[derive(serde::Deserialize)]
    struct Filed {
        checkpoint: String,
        /// Another name for the logits; maps are not stored then.
        logits: Option<String>,
        #[serde(flatten)]
        case: Case,
    }
    let cases: BTreeMap<String, Filed> = inputs.parameter("cases")?;
    let pictures = pictures(inputs)?;
    let mut recomputed = Recomputed::new();
    for (tag, Filed { checkpoint, logits, case }) in cases {
        let checkpoint = checkpoint::read(inputs.find_file(&checkpoint)?)?;
        let mut overrides = Overrides::default();
        overrides.push("image_size", picture_size(&pictures)?);
        overrides.push("normalisation", "none");
        // A chain takes a single pass; the file may call for more than the one that is stored.
        let is_blt = case.model.starts_with("blt_");
        if let Some(times) = case.times.filter(|times| is_blt && *times > 1) {
            overrides.push("times", times);
        }
        if let Some(pool) = case.pool.clone().filter(|_| is_blt) {
            overrides.push("pool", pool);
        }
        let config = configure(&checkpoint, &overrides)?.config;
        let weights = checkpoint.weights.to_device(inputs.device())?;
        check(&case, &config)?;
        let model = build(&config, &weights)?;
        match logits {
            None => record(inputs, &tag, model.as_ref(), &pictures, &mut recomputed)?,
            Some(name) => {
                let last = super::record::run(model.as_ref(), &pictures, inputs.numerics(), |_, _| Ok(()))?;
                let logits = last.readout.ok_or_else(|| Error::config("times", "1 or more", 0))?;
                recomputed.insert(name, Array::from_tensor(&logits)?);
            }
        }
    }
    Ok(recomputed)
}

/// What the file was recognised as must be what the case says it is.
fn check(case: &Case, config: &Config) -> Result<()> {
    let found = config.name();
    let is_pair = ["cornet_r", "cornet_rt"].contains(&found.as_str()) && case.model.starts_with("cornet_r");
    if found == case.model || is_pair {
        return Ok(());
    }
    Err(Error::config("model of the checkpoint", &case.model, found))
}
