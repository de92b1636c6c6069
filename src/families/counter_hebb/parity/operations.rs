//! Kinds `losses` and `multimnist_compose`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::loss::Loss;
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Numbers, Recomputed};
use crate::task::multi_mnist::Composer;

/// One entry of the parameter `losses`.
#[derive(Deserialize)]
struct StoredLoss {
    loss: Loss,
    logits: String,
    labels: String,
}

pub(super) fn losses(inputs: &GoldenInputs) -> Result<Recomputed> {
    let losses: BTreeMap<String, StoredLoss> = inputs.parameter("losses")?;
    let mut recomputed = Recomputed::new();
    for (name, StoredLoss { loss, logits, labels }) in losses {
        let (logits, labels) = (inputs.tensor(&logits)?, inputs.tensor(&labels)?);
        recomputed.insert(format!("{name}_loss"), Array::from_tensor(&loss.value(&logits, &labels)?)?);
        recomputed.insert(format!("{name}_grad"), Array::from_tensor(&loss.delta(&logits, &labels)?)?);
    }
    Ok(recomputed)
}

/// The parameter `normalisation`.
#[derive(Deserialize)]
struct Normalisation {
    mean: f32,
    std: f32,
}

pub(super) fn composition(inputs: &GoldenInputs) -> Result<Recomputed> {
    let composer = Composer {
        canvas: inputs.count("canvas")?,
        right_offset: inputs.count("right_offset")?,
        size: inputs.count("size")?,
    };
    let (left, right) = (inputs.array("left")?, inputs.array("right")?);
    let (Numbers::U8(lefts), Numbers::U8(rights), &[n, rows, columns]) =
        (left.numbers(), right.numbers(), left.dims())
    else {
        return Err(Error::shape("left and right", "[pairs, rows, columns] bytes", left.dims()));
    };
    if rows != columns || left.dims() != right.dims() {
        return Err(Error::shape("right", left.dims(), right.dims()));
    }
    let mut bytes = Vec::new();
    for (left, right) in lefts.chunks(rows * columns).zip(rights.chunks(rows * columns)) {
        bytes.extend(composer.compose(left, right, rows)?);
    }
    let Normalisation { mean, std } = inputs.parameter("normalisation")?;
    let normalised = bytes.iter().map(|&byte| (f32::from(byte) / 255.0 - mean) / std).collect();
    let size = composer.size;
    let map = composer.nearest_map().into_iter().map(|from| from as i64).collect();
    let mut recomputed = Recomputed::new();
    recomputed.insert("nearest_map", Array::i64(&[size], map)?);
    recomputed.insert("composite_u8", Array::u8(&[n, size, size], bytes)?);
    recomputed.insert("normalised", Array::f32(&[n, 1, size, size], normalised)?);
    Ok(recomputed)
}
