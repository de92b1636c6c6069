//! Kinds `losses_metrics_fits` and `schedule`.

use candle_core::Tensor;
use serde_json::Value as Json;

use crate::analysis::attention_scores::{attention_accuracy, pixel_error};
use crate::analysis::bell::bell;
use crate::analysis::modulation::modulation_index;
use crate::analysis::psychometric::psychometric;
use crate::analysis::smoothing::gaussian;
use crate::dynamics::flat;
use crate::error::{Error, Result};
use crate::families::recurrent_gating::Selection;
use crate::families::recurrent_gating::train::{Batch, LossTerms, Scorer, matched};
use crate::ops::{self, Reduction};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::train::Schedule;

pub(in super::super) fn losses_metrics_fits(inputs: &GoldenInputs) -> Result<Recomputed> {
    let mut recomputed = Recomputed::new();
    let frames: serde_json::Map<String, Json> = inputs.parameter("frames")?;
    for (suffix, chosen) in &frames {
        selected_frames(inputs, suffix, &selection(chosen)?, &mut recomputed)?;
    }
    let labels = inputs.tensor("labels")?;
    let last = labels.narrow(1, labels.dim(1)? - 1, 1)?.squeeze(1)?;
    let value = ops::cross_entropy(&inputs.tensor("p_last")?, &last, None, Reduction::Mean)?;
    recomputed.insert("ce_last", Array::from_tensor(&value)?);
    visits(inputs, &mut recomputed)?;
    curves(inputs, &mut recomputed)?;
    Ok(recomputed)
}

fn selection(chosen: &Json) -> Result<Selection> {
    let indices = |list: &[Json]| list.iter().map(Json::as_i64).collect::<Option<Vec<i64>>>();
    let found = match chosen {
        Json::Null => Some(Selection::All),
        Json::Number(index) => index.as_i64().map(|index| Selection::Each(vec![index])),
        Json::Array(list) => indices(list).map(Selection::Each),
        Json::Object(slice) => slice.get("slice").and_then(Json::as_array).map(|ends| Selection::Slice {
            start: ends.first().and_then(Json::as_i64),
            stop: ends.get(1).and_then(Json::as_i64),
            step: None,
        }),
        _ => None,
    };
    found.ok_or_else(|| Error::config("frames", "null, an index, a list or a slice", chosen))
}

fn selected_frames(
    inputs: &GoldenInputs,
    suffix: &str,
    chosen: &Selection,
    recomputed: &mut Recomputed,
) -> Result<()> {
    let logits = inputs.tensor("p_labels")?;
    let labels = inputs.tensor("labels")?;
    let (batch, classes, n) = logits.dims3()?;
    let sweeps = chosen.resolve("frames", n)?;
    let class_weights = inputs.array("class_weights")?.to_f64();
    let per_sweep: Vec<Tensor> =
        (0..n).map(|t| Ok(logits.narrow(2, t, 1)?.squeeze(2)?)).collect::<Result<_>>()?;
    let picked: Vec<&Tensor> = sweeps.iter().map(|&t| &per_sweep[t]).collect();
    let columns = labels.unsqueeze(2)?;
    let term = |terms: &LossTerms| -> Result<Array> {
        let scorer = Scorer::new(terms, &columns, classes, [batch, n], &logits)?;
        Array::from_tensor(&scorer.term(&picked, &sweeps)?)
    };
    let weighted = LossTerms { class_weights: Some(class_weights), ..LossTerms::default() };
    let sequential = LossTerms { sequential: true, ..LossTerms::default() };
    recomputed.insert(format!("ce.{suffix}"), term(&LossTerms::default())?);
    recomputed.insert(format!("ce_weighted.{suffix}"), term(&weighted)?);
    // Stored for one selection alone.
    recomputed.insert_if_stored(format!("ce_sequential.{suffix}"), term(&sequential)?);

    let all = Tensor::cat(&picked, 0)?;
    let targets: Vec<Tensor> =
        sweeps.iter().map(|&t| Ok(labels.narrow(1, t, 1)?.squeeze(1)?)).collect::<Result<_>>()?;
    let targets = Tensor::cat(&targets, 0)?;
    let weights = inputs.tensor("class_weights")?;
    for (name, weights) in [("ce_sum", None), ("ce_sum_weighted", Some(&weights))] {
        let value = ops::cross_entropy(&all, &targets, weights, Reduction::Sum)?;
        recomputed.insert(format!("{name}.{suffix}"), Array::from_tensor(&value)?);
    }

    let gathered = |name: &str| -> Result<Tensor> {
        let all = inputs.tensor(name)?;
        let parts: Vec<Tensor> = sweeps.iter().map(|&t| Ok(all.narrow(1, t, 1)?)).collect::<Result<_>>()?;
        Ok(Tensor::cat(&parts, 1)?)
    };
    let (maps, masks) = (gathered("p_masks")?, gathered("masks")?);
    recomputed.insert(format!("mse.{suffix}"), Array::from_tensor(&ops::mse(&maps, &masks)?)?);
    let (maps, masks) = (flat(&maps)?, flat(&masks)?);
    let scalar = |value: f64| Array::f64(&[], vec![value]);
    recomputed.insert(format!("pixel_error.{suffix}"), scalar(pixel_error(&maps, &masks))?);
    recomputed.insert(format!("normed_acc.{suffix}"), scalar(attention_accuracy(&maps, &masks))?);
    Ok(())
}

/// Inhibition of return on stored predictions: the loss, and the scores summed over samples.
fn visits(inputs: &GoldenInputs, recomputed: &mut Recomputed) -> Result<()> {
    let (logits, maps) = (inputs.tensor("ior.p_labels")?, inputs.tensor("ior.p_masks")?);
    let labels = inputs.tensor("ior.labels")?;
    let (samples, objects, steps) = (labels.dim(0)?, labels.dim(1)?, maps.dim(1)?);
    let batch = Batch {
        frames: Vec::new(),
        instructions: Vec::new(),
        labels: Some(labels.unsqueeze(2)?),
        masks: Some(inputs.tensor("ior.masks")?),
    };
    let each = (steps / objects.max(1)).max(1);
    let visits: Vec<usize> = (each - 1..steps).step_by(each).collect();
    let per_visit: Vec<Tensor> =
        visits.iter().map(|&t| Ok(maps.narrow(1, t, 1)?.squeeze(1)?)).collect::<Result<_>>()?;
    let found = matched(&per_visit.iter().collect::<Vec<_>>(), &batch)?;
    let ordered = found.labels.ok_or_else(|| Error::config("ior.labels", "one per object", "none"))?;
    let (mut entropy, mut squares, mut error, mut attention, mut hits) = (0.0, 0.0, 0.0, 0.0, 0_u64);
    for (visit, &sweep) in visits.iter().enumerate() {
        let row = logits.narrow(2, sweep, 1)?.squeeze(2)?;
        let target = ordered.narrow(1, visit, 1)?.flatten_all()?;
        let value = ops::cross_entropy(&row, &target, None, Reduction::Mean)?;
        entropy += f64::from(value.to_dtype(candle_core::DType::F32)?.to_scalar::<f32>()?);
        let map = flat(&per_visit[visit])?;
        let mask = flat(&found.masks.narrow(1, visit, 1)?)?;
        squares += pixel_error(&map, &mask);
        error += pixel_error(&map, &mask) * samples as f64;
        attention += attention_accuracy(&map, &mask) * samples as f64;
        let (row, target) = (flat(&row)?, target.to_vec1::<i64>()?);
        let classes = row.len() / samples.max(1);
        for (row, label) in row.chunks(classes.max(1)).zip(target) {
            let best = (1..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
            hits += u64::from(best as i64 == label);
        }
    }
    let n = visits.len().max(1) as f64;
    let scores = [
        entropy * samples as f64 / n,
        0.0,
        error / n,
        attention / n,
        (hits / visits.len().max(1) as u64) as f64,
    ];
    recomputed.insert("ior.loss_ce", Array::f64(&[], vec![entropy])?);
    recomputed.insert("ior.loss_mse", Array::f64(&[], vec![squares])?);
    recomputed.insert("ior.eval_scores_undivided", Array::f64(&[5], scores.to_vec())?);
    Ok(())
}

fn curves(inputs: &GoldenInputs, recomputed: &mut Recomputed) -> Result<()> {
    let values = |name: &str| -> Result<Vec<f64>> { Ok(inputs.array(name)?.to_f64()) };
    let (attended, unattended) = (values("mi.a")?, values("mi.u")?);
    let index: Vec<f64> = attended.iter().zip(&unattended).map(|(&a, &u)| modulation_index(a, u)).collect();
    recomputed.insert("mi.out", Array::f64(&[index.len()], index)?);

    let smooth = gaussian(&values("gf1d.in")?, 2.0);
    recomputed.insert("gf1d.sigma2", Array::f64(&[smooth.len()], smooth)?);

    let curves = inputs.array("bell.curves")?;
    let &[n, points] = curves.dims() else {
        return Err(Error::shape("bell.curves", "[curves, points]", curves.dims()));
    };
    let mut rows = Vec::with_capacity(5 * n);
    for curve in curves.to_f64().chunks(points.max(1)) {
        let bell = bell(curve);
        rows.extend(
            bell.map_or([f64::NAN; 5], |b| [b.amplitude, b.preferred, b.width, b.asymptote, b.error]),
        );
    }
    recomputed.insert("bell.a_b_c_d_err", Array::f64(&[n, 5], rows)?);

    let fit = psychometric(&values("sigmoid.x")?, &values("sigmoid.y")?);
    let fit = fit.map_or([f64::NAN; 4], |fit| [fit.slope, fit.threshold, fit.amplitude, fit.baseline]);
    recomputed.insert("sigmoid.params_abcd", Array::f64(&[4], fit.to_vec())?);
    Ok(())
}

pub(in super::super) fn schedule(inputs: &GoldenInputs) -> Result<Recomputed> {
    let params: serde_json::Map<String, Json> = inputs.parameter("params")?;
    let number = |key: &str, default: f64| params.get(key).and_then(Json::as_f64).unwrap_or(default);
    match params.get("schedule").and_then(Json::as_str) {
        Some("OneCycle") | None => {}
        Some(other) => return Err(Error::unknown("schedule", other, ["OneCycle"])),
    }
    let beta1: Vec<f64> = params
        .get("beta1")
        .and_then(Json::as_array)
        .map_or_else(|| vec![0.95, 0.85], |list| list.iter().filter_map(Json::as_f64).collect());
    if number("div_factor", 25.0) != 25.0 || number("final_div_factor", 1e4) != 1e4 || beta1 != [0.95, 0.85] {
        let requirement = "25, 10000 and beta1 from 0.95 to 0.85, which the one-cycle schedule has";
        return Err(Error::config("div_factor, final_div_factor, beta1", requirement, Json::Object(params)));
    }
    let total = number("total_steps", 100.0) as u64;
    let schedule = Schedule::OneCycle { total, rise: number("pct_start", 0.3) };
    let mut rows = Vec::new();
    for k in 0..total {
        let rate = schedule.rate(number("max_lr", 1e-3), k);
        rows.extend([rate.learning_rate, rate.momentum.unwrap_or(f64::NAN)]);
    }
    let mut recomputed = Recomputed::new();
    let names: Vec<String> = inputs.output_names().map(str::to_owned).collect();
    for name in names {
        recomputed.insert(name, Array::f64(&[total as usize, 2], rows.clone())?);
    }
    Ok(recomputed)
}
