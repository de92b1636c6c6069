//! Kinds `forward`, `full_maps` and `cornet_forward`: runs of generated networks.

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::record::run;
use super::thinned::{Slicing, Trace};
use super::{Case, pictures};
use crate::dynamics::Dynamics;
use crate::error::{Error, Result};
use crate::families::blt::config::{CORNET_AREAS, Config, N_AREAS, S_PASSES};
use crate::families::blt::{build, generated_weights};
use crate::parity::{Array, GoldenInputs, Recomputed};

/// The seed of the generated weights.
pub(super) fn seed(inputs: &GoldenInputs) -> Result<u64> {
    Ok(inputs.count("seed")? as u64)
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let cases: BTreeMap<String, Case> = inputs.parameter("cases")?;
    let pictures = pictures(inputs)?;
    let mut recomputed = Recomputed::new();
    for (tag, case) in cases {
        let config = case.config(inputs, &pictures)?;
        let weights = generated_weights(&config, seed(inputs)?)?.to_device(inputs.device())?;
        record(inputs, &tag, build(&config, &weights)?.as_ref(), &pictures, &mut recomputed)?;
    }
    Ok(recomputed)
}

/// Logits, thinned maps, their statistics and the first timestep of every area.
pub(super) fn record(
    inputs: &GoldenInputs,
    tag: &str,
    model: &dyn Dynamics,
    pictures: &Tensor,
    recomputed: &mut Recomputed,
) -> Result<()> {
    let slicing: Slicing = inputs.parameter("slicing")?;
    let mut traces = vec![Trace::default(); N_AREAS];
    let mut logits = Vec::new();
    run(model, pictures, inputs.numerics(), |t, state| {
        for (area, trace) in traces.iter_mut().enumerate() {
            if model.live_from(area).is_some_and(|from| from <= t) {
                trace.push(&state.areas[area], slicing)?;
            }
        }
        logits.extend(state.readout.clone());
        Ok(())
    })?;
    recomputed.insert(format!("logits.{tag}"), Array::from_tensor(&Tensor::stack(&logits, 0)?)?);
    let mut first = Vec::with_capacity(N_AREAS);
    for (area, trace) in traces.iter().enumerate().filter(|(_, trace)| !trace.thinned.is_empty()) {
        recomputed.insert(format!("act.{tag}.output_{area}"), trace.maps()?);
        recomputed.insert(format!("stat.{tag}.output_{area}"), trace.statistics()?);
        first.extend(model.live_from(area).map(|from| from as i64));
    }
    recomputed.insert(format!("first_t.{tag}"), Array::i64(&[first.len()], first)?);
    Ok(())
}

pub(super) fn recompute_full_maps(inputs: &GoldenInputs) -> Result<Recomputed> {
    let case =
        Case { model: inputs.text("model")?, pool: None, times: None, num_classes: None, widths: None };
    let steps: Vec<usize> = inputs.parameter("steps")?;
    let sliced: Vec<String> =
        if inputs.find_parameter("sliced").is_some() { inputs.parameter("sliced")? } else { Vec::new() };
    let slicing: Slicing = inputs.parameter("slicing")?;
    let pictures = pictures(inputs)?;
    let config = case.config(inputs, &pictures)?;
    let weights = generated_weights(&config, seed(inputs)?)?.to_device(inputs.device())?;
    let model = build(&config, &weights)?;
    let mut recomputed = Recomputed::new();
    let mut logits = Vec::new();
    run(model.as_ref(), &pictures, inputs.numerics(), |t, state| {
        logits.extend(state.readout.clone());
        let is_live = |area: &usize| model.live_from(*area).is_some_and(|from| from <= t);
        for area in (0..model.areas().len()).filter(is_live).filter(|_| steps.contains(&t)) {
            let name = match area.checked_sub(N_AREAS) {
                None => format!("output_{area}.t{t}"),
                Some(area) => format!("output_prenorm_{area}.t{t}"),
            };
            let map = &state.areas[area];
            let map = if sliced.contains(&name) { slicing.apply(map)? } else { map.clone() };
            recomputed.insert(name, Array::from_tensor(&map)?);
        }
        Ok(())
    })?;
    recomputed.insert("logits", Array::from_tensor(&Tensor::stack(&logits, 0)?)?);
    Ok(recomputed)
}

pub(super) fn recompute_cornet(inputs: &GoldenInputs) -> Result<Recomputed> {
    let cases: BTreeMap<String, Case> = inputs.parameter("cases")?;
    let pictures = pictures(inputs)?;
    let slicing: Slicing = inputs.parameter("slicing")?;
    let mut recomputed = Recomputed::new();
    for (tag, case) in cases {
        let config = case.config(inputs, &pictures)?;
        let weights = generated_weights(&config, seed(inputs)?)?.to_device(inputs.device())?;
        let model = build(&config, &weights)?;
        let mut traces = vec![Trace::default(); CORNET_AREAS.len()];
        let last = run(model.as_ref(), &pictures, inputs.numerics(), |t, state| {
            for area in areas_of_timestep(&config, t) {
                traces[area].push(&state.areas[area], slicing)?;
            }
            Ok(())
        })?;
        let logits = last.readout.ok_or_else(|| Error::config("times", "1 or more", 0))?;
        recomputed.insert(format!("logits.{tag}"), Array::from_tensor(&logits)?);
        for (area, trace) in CORNET_AREAS.iter().zip(&traces) {
            recomputed.insert(format!("act.{tag}.{area}.output"), trace.maps()?);
            recomputed.insert(format!("stat.{tag}.{area}.output"), trace.statistics()?);
        }
    }
    Ok(recomputed)
}

/// Areas that compute at a timestep: one at a time in CORnet-S, all in the others.
pub(super) fn areas_of_timestep(config: &Config, t: usize) -> Vec<usize> {
    match config {
        Config::Cornet(cornet) if cornet.member == crate::families::blt::Cornet::S => {
            let turns = S_PASSES.iter().enumerate().flat_map(|(area, &n)| std::iter::repeat_n(area, n));
            turns.skip(t).take(1).collect()
        }
        _ => (0..CORNET_AREAS.len()).collect(),
    }
}
