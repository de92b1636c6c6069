//! Kind `compose_psych`.

use serde_json::Value as Json;

use super::reader::{Reader, insert_timed, stacked, whole};
use super::recorded::Recorded;
use crate::error::{Error, Result};
use crate::families::recurrent_gating::stimuli::psychophysics;
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::stimulus::{Image, gaussian_patch};
use crate::task::recurrent_gating::Timed;
use crate::task::recurrent_gating::psychophysics::{
    CHANGE_NOISE, Change, Clean, Contrast, Discrimination, GaborTable,
};

pub(in super::super) fn compose_psych(inputs: &GoldenInputs) -> Result<Recomputed> {
    let reader = Reader::new(inputs)?;
    let gabors = GaborTable::default();
    let mut recomputed = Recomputed::new();
    for item in reader.items().iter().filter(|item| inputs.has(&format!("{item}.random_sequence"))) {
        compose(&reader, &gabors, item, &mut recomputed)?;
    }
    if inputs.has("gabor.orientation_deg") {
        let chosen = reader.integers("gabor.orientation_deg")?;
        let patches: Vec<Image> = chosen.iter().map(|&deg| gabors.at(deg).clone()).collect();
        recomputed.insert("gabor.table", stacked(&patches)?);
    }
    let windows: Vec<String> =
        inputs.output_names().filter(|name| name.starts_with("gauss.")).map(str::to_owned).collect();
    for name in windows {
        let settings = reader.settings(&name);
        let size = settings.count("size", 32);
        let window = gaussian_patch(size, size, settings.number("sigma", 1.0));
        let value = match settings.0.get("row").and_then(Json::as_u64) {
            Some(row) => {
                let row = row as usize * size;
                let values = window.data().get(row..row + size).unwrap_or_default().to_vec();
                Array::f32(&[values.len()], values)?
            }
            None => Array::f32(&[size, size], window.into_data())?,
        };
        recomputed.insert(name, value);
    }
    Ok(recomputed)
}

fn compose(reader: &Reader<'_>, gabors: &GaborTable, item: &str, recomputed: &mut Recomputed) -> Result<()> {
    let name = |suffix: &str| format!("{item}.{suffix}");
    let settings = reader.settings(item);
    let given = settings.0.as_object().cloned().unwrap_or_default();
    let mut recorded = Recorded::of(reader.numbers(&name("random_sequence"))?);
    if reader.inputs.has(&name("perm8")) {
        recorded = recorded.with_permutation(reader.indices(&name("perm8"))?);
    }
    let composer = settings.text("composer").unwrap_or(item);
    let clean: Clean = match composer {
        "PsychGrating" => {
            let task: Contrast = psychophysics(&given, &[])?;
            task.validate()?;
            task.compose(gabors, &task.draw(&mut recorded)?)
        }
        "PsychCompare" => {
            let task: Discrimination = psychophysics(&given, &["d_range", "force_cue"])?;
            task.validate()?;
            task.compose(gabors, &task.draw(&mut recorded)?)
        }
        "PsychChange" => {
            let task: Change = psychophysics(&given, &["noise"])?;
            task.validate()?;
            let noise = settings.number("noise", CHANGE_NOISE);
            task.compose(gabors, &task.draw(&mut recorded)?, noise)
        }
        other => {
            return Err(Error::unknown("composer", other, ["PsychGrating", "PsychCompare", "PsychChange"]));
        }
    };
    let normals = reader.images(&name("randn_s2"))?;
    let step = clean.frames.first().map_or(1, |frame| frame.height() / normals[0].height().max(1)).max(1);
    let noisy: Vec<Image> = (clean.frames.iter().zip(&normals).enumerate())
        .map(|(t, (frame, normals))| clean.with_normals(&frame.thinned(step), t, normals.data()))
        .collect();
    let composites = if step > 1 { "composites_s2" } else { "composites" };
    recomputed.insert(name(composites), stacked(&noisy)?);
    recomputed.insert(name("labels"), whole(clean.labels.iter().map(|&label| i64::from(label)))?);
    let masks = Timed::distinct(clean.masks);
    insert_timed(recomputed, item, "mask", &masks)?;
    Ok(())
}
