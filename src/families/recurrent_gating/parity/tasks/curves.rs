//! Kind `compose_curves`.

use super::reader::{Reader, bytes, insert_timed, stacked, whole};
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::stimulus::Image;
use crate::task::recurrent_gating::curves::{Cued, CurveDraw, CurveParts, Curves, CurvesDraws, QuadrantBars};
use crate::task::recurrent_gating::psychophysics::steep_gabor;
use crate::task::recurrent_gating::stretched_mask;

pub(in super::super) fn compose_curves(inputs: &GoldenInputs) -> Result<Recomputed> {
    let reader = Reader::new(inputs)?;
    let params = reader.params();
    let [n_fixate, n_attend, n_saccade] = params.counts("T", [2, 3, 2])?;
    let task = Curves {
        n_fixate,
        n_attend,
        n_saccade,
        size: params.count("inner", 96),
        padding: params.count("pad", 16),
        points: params.count("points", 100),
        cued: Cued::Target,
    };
    task.validate()?;
    let controls: Vec<[[f64; 2]; 3]> = {
        let values = reader.numbers("control_points")?;
        let pairs = values.as_chunks::<2>().0;
        pairs.as_chunks::<3>().0.to_vec()
    };
    let mut recomputed = Recomputed::new();
    for item in reader.items().iter().filter(|item| inputs.has(&format!("{item}.target_index"))) {
        compose(&reader, &task, &controls, item, &mut recomputed)?;
    }
    samples(inputs, &task, &controls, &mut recomputed)?;
    if inputs.has("tuning.select") {
        bars(&reader, &task, &mut recomputed)?;
        gabors(&reader, &mut recomputed)?;
    }
    Ok(recomputed)
}

fn compose(
    reader: &Reader<'_>,
    task: &Curves,
    controls: &[[[f64; 2]; 3]],
    item: &str,
    recomputed: &mut Recomputed,
) -> Result<()> {
    let name = |suffix: &str| format!("{item}.{suffix}");
    let ends = reader.indices(&name("perm_target_distractor"))?;
    let turns = reader.integers(&name("rotations_deg_target_distractor"))?;
    let curve = |k: usize, index: &str| -> Result<CurveDraw> {
        let index = reader.index(&name(index))?;
        let control = controls.get(index).copied();
        let turn = turns.get(k).copied().unwrap_or_default();
        if turn % 90 != 0 {
            return Err(Error::config(name("rotations_deg_target_distractor"), "quarter turns", turn));
        }
        Ok(CurveDraw {
            control: control
                .ok_or_else(|| Error::config("control_points", format!("more than {index} curves"), index))?,
            quarter_turns: (turn / 90).rem_euclid(4) as usize,
            from_end: ends.get(2 * k) == Some(&1),
        })
    };
    let draws = CurvesDraws { target: curve(0, "target_index")?, distractor: curve(1, "distractor_index")? };
    for (version, cued) in [("target", Cued::Target), ("distractor", Cued::Distractor)] {
        let mut trial = Curves { cued, ..*task }.compose(&draws);
        let version = name(version);
        let frames: Vec<Image> = trial.frames.distinct.clone();
        recomputed.insert(format!("{version}.frames"), bytes(&frames)?);
        let index = trial.frames.index.iter().map(|&k| k as i64);
        recomputed.insert(format!("{version}.frame_index"), whole(index)?);
        if cued == Cued::Target {
            recomputed.insert(name("components"), bytes(&trial.components)?);
            let field = Curves::receptive_field(&trial.components)?;
            let field = Array::u8(&field.shape(), field.data().iter().map(|&v| v as u8).collect())?;
            recomputed.insert(name("rec_field"), field);
            trial.masks.distinct.iter_mut().for_each(|mask| *mask = stretched_mask(mask));
            insert_timed(recomputed, item, "mask", &trial.masks)?;
        }
    }
    Ok(())
}

/// `samples_0_1`: the parts of the samples that its name lists.
fn samples(
    inputs: &GoldenInputs,
    task: &Curves,
    controls: &[[[f64; 2]; 3]],
    recomputed: &mut Recomputed,
) -> Result<()> {
    let names: Vec<String> =
        inputs.output_names().filter(|name| name.starts_with("samples_")).map(str::to_owned).collect();
    for name in names {
        let mut parts = Vec::new();
        let mut n = 0;
        for part in name.split('_').skip(1) {
            let control = part.parse::<usize>().ok().and_then(|index| controls.get(index));
            let control = control.ok_or_else(|| Error::config("samples", "numbers of curves", &name))?;
            let drawn = CurveParts::drawn(control, task.size, task.padding, task.points);
            let [start, end] = drawn.ends;
            parts.extend([drawn.line, start, end]);
            n += 1;
        }
        let flat = bytes(&parts)?;
        let values = flat.to_i64().unwrap_or_default().into_iter().map(|value| value as u8).collect();
        recomputed.insert(name, Array::u8(&[n, 3, 1, task.side(), task.side()], values)?);
    }
    Ok(())
}

fn bars(reader: &Reader<'_>, task: &Curves, recomputed: &mut Recomputed) -> Result<()> {
    let settings = reader.settings("bars");
    let n = settings.count("orientations", 180) as f64;
    let half_length = settings.number("half_length", 0.3);
    let chosen: Vec<QuadrantBars> = reader
        .indices("tuning.select")?
        .into_iter()
        .map(|k| {
            let angle = std::f64::consts::PI * k as f64 / n;
            QuadrantBars::at(angle, task.side(), half_length, task.points)
        })
        .collect();
    let part = |of: fn(&QuadrantBars) -> &Image| {
        bytes(&chosen.iter().map(|bar| of(bar).clone()).collect::<Vec<_>>())
    };
    recomputed.insert("tuning.bar_stim", part(|bar| &bar.both)?);
    recomputed.insert("tuning.bar_target_only", part(|bar| &bar.single)?);
    recomputed.insert("tuning.bar_cue_target", part(|bar| &bar.cue_target)?);
    recomputed.insert("tuning.bar_cue_distractor", part(|bar| &bar.cue_distractor)?);
    Ok(())
}

fn gabors(reader: &Reader<'_>, recomputed: &mut Recomputed) -> Result<()> {
    let settings = reader.settings("gabor");
    let Some(name) = settings.text("tensor") else { return Ok(()) };
    let angles = settings.0.get("theta").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let size = settings.count("crop", 64);
    let frequency = match settings.text("sg") {
        Some("pi/4") | None => settings.number("sg", std::f64::consts::FRAC_PI_4),
        Some(other) => return Err(Error::config("gabor.sg", "a number or pi/4", other)),
    };
    let width = settings.number("k", 2.0);
    let degrees = angles.iter().filter_map(serde_json::Value::as_f64);
    let patches: Vec<Image> = degrees.map(|deg| steep_gabor(size, deg, frequency, width)).collect();
    recomputed.insert(name, stacked(&patches)?);
    Ok(())
}
