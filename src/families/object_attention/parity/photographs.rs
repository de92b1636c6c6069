//! Kinds `coco_loader` and `polygons`: photographs with two objects, and masks of polygons.

use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::task::coco::{PHOTOGRAPH_SIZE, PairRule, PhotographPairs, rasterised};

/// Every usable picture of the annotations through the loader.
pub(super) fn load(inputs: &GoldenInputs) -> Result<Recomputed> {
    let rule = PairRule { min_area: inputs.number("min_area")?, max_overlap: inputs.number("max_overlap")? };
    let pairs = PhotographPairs::open(&inputs.file("images")?, &inputs.file("annotations")?, rule)?;
    let all: Vec<usize> = (0..pairs.len()).collect();
    let scenes = pairs.scenes(&all, inputs.number("strength")?).into_iter().collect::<Result<Vec<_>>>()?;
    let n = scenes.len();
    let side = PHOTOGRAPH_SIZE;
    let pictures = scenes.iter().flat_map(|scene| scene.picture.iter().copied()).collect();
    let targets = (0..2)
        .flat_map(|object| scenes.iter().flat_map(move |scene| scene.targets[object].iter().copied()))
        .collect();
    let labels =
        (0..2).flat_map(|object| scenes.iter().map(move |scene| i64::from(scene.labels[object]))).collect();
    let images = pairs.pairs().map(|pair| pair.picture.id).collect();
    let annotations = pairs.pairs().flat_map(|pair| pair.annotation_ids).collect();
    let mut recomputed = Recomputed::new();
    recomputed.insert("x_u8", Array::u8(&[n, 3, side, side], pictures)?);
    recomputed.insert("data_u8", Array::u8(&[2, n, 3, side, side], targets)?);
    recomputed.insert("labels", Array::i64(&[2, n], labels)?);
    recomputed.insert("image_ids", Array::i64(&[n], images)?);
    recomputed.insert("annotation_ids", Array::i64(&[n, 2], annotations)?);
    Ok(recomputed)
}

/// The mask of every set of polygons.
pub(super) fn polygons(inputs: &GoldenInputs) -> Result<Recomputed> {
    let sets: Vec<Vec<Vec<f64>>> = read(inputs, "polygons")?;
    let (heights, widths): (Vec<usize>, Vec<usize>) = (read(inputs, "height")?, read(inputs, "width")?);
    let (mut counts, mut compressed, mut areas) = (Vec::new(), Vec::new(), Vec::new());
    for (polygons, (height, width)) in sets.iter().zip(heights.into_iter().zip(widths)) {
        let mask = rasterised(polygons, height, width)?;
        counts.push(json!(mask.counts()));
        compressed.push(json!(mask.compressed()));
        areas.push(json!(mask.area()));
    }
    let mut recomputed = Recomputed::new();
    recomputed.insert("cases[].counts", json!(counts));
    recomputed.insert("cases[].compressed", json!(compressed));
    recomputed.insert("cases[].area", json!(areas));
    Ok(recomputed)
}

/// One field of all cases.
fn read<T: DeserializeOwned>(inputs: &GoldenInputs, field: &str) -> Result<T> {
    serde_json::from_value(inputs.json(&format!("cases[].{field}"))?.clone()).map_err(|err| {
        Error::file(
            inputs.path(),
            format!("a {field:?} of every case"),
            err.to_string(),
            "restore the file from a copy",
        )
    })
}
