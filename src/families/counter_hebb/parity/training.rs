//! Kinds `options` and `optimiser_trajectories`: single updates with options, and five in a row.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use serde::Deserialize;
use serde_json::Value;

use super::super::model::CounterHebb;
use super::super::update::{Batch, UpdateRule, counter_hebb, run_cycle};
use super::{batch, config, row, stored};
use crate::dynamics::Workspace;
use crate::error::{Error, Result};
use crate::glob;
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::train::optim::{Decay, OptimiserConfig};
use crate::train::{Optimiser, Rate};

/// One entry of the parameter `case_params`.
#[derive(Deserialize)]
struct OptionCase {
    /// Prefix of its weights.
    params: String,
    update_back: bool,
    /// The tensor with the factors that were drawn.
    noise: Option<String>,
}

pub(super) fn options(inputs: &GoldenInputs) -> Result<Recomputed> {
    let cases: BTreeMap<String, OptionCase> = inputs.parameter("case_params")?;
    let config = config(inputs, &[("loss_name", inputs.text("loss")?.into())])?;
    let batch = batch(inputs, !config.mtl)?;
    let of_the_batch = inputs.text("mode")? == "train";
    let mut recomputed = Recomputed::new();
    for (name, case) in cases {
        let weights = stored(inputs, &format!("{}/", case.params))?;
        let net = CounterHebb::new(&config, &weights)?;
        let mut ws = Workspace::new();
        let cycle = run_cycle(&net, &batch, of_the_batch, &mut ws)?;
        let mut draws = match &case.noise {
            Some(noise) => inputs.array(noise)?.to_f64(),
            None => Vec::new(),
        }
        .into_iter();
        let mut next = || draws.next().unwrap_or(1.0);
        let factor = case.noise.is_some().then_some(&mut next as &mut dyn FnMut() -> f64);
        let mut rule = UpdateRule { changes_top_down: case.update_back, factor };
        for (parameter, change) in counter_hebb(&net, &cycle.state, &mut rule, &ws)? {
            recomputed.insert(format!("{name}/ch/{parameter}"), Array::from_tensor(&change)?);
        }
        // The noise changes no answer: its case stores none.
        let logits = Array::from_tensor(&cycle.logits)?;
        match case.noise {
            None => recomputed.insert(format!("{name}/logits"), logits),
            Some(_) => recomputed.insert_if_stored(format!("{name}/logits"), logits),
        }
    }
    Ok(recomputed)
}

/// An entry of the parameter `schedule`.
#[derive(Deserialize)]
struct Step {
    after_update: usize,
    factor: f64,
}

pub(super) fn trajectories(inputs: &GoldenInputs) -> Result<Recomputed> {
    let optimisers: BTreeMap<String, (String, f64, f64)> = inputs.parameter("optimisers")?;
    let starts: BTreeMap<String, String> = inputs.parameter("starts")?;
    let schedule: BTreeMap<String, Option<Step>> = inputs.parameter("schedule")?;
    let frozen: Vec<String> = inputs.parameter("frozen")?;
    let n_updates = inputs.count("updates")?;
    let mut recomputed = Recomputed::new();
    for (name, (kind, lr, l2)) in optimisers {
        let Some(start) = starts.get(&name) else {
            return Err(Error::config("starts", "one per optimiser", name));
        };
        let mut weights = stored(inputs, &format!("{start}/"))?;
        let is_shared = !weights.names().any(|name| name.ends_with(".back_weight"));
        let changes =
            [("loss_name", Value::from(inputs.text("loss")?)), ("shared_weights", is_shared.into())];
        let config = config(inputs, &changes)?;
        let begun = weights.clone();
        let mut optimiser = Optimiser::new(optimiser(&kind, lr, l2)?);
        let (mut losses, mut rates) = (Vec::new(), Vec::new());
        let mut rate = lr;
        let mut ws = Workspace::new();
        for update in 0..n_updates {
            let batch = Batch {
                images: row(&inputs.tensor("in/image")?, update)?,
                instruction: Some(row(&inputs.tensor("in/task")?, update)?),
                labels: row(&inputs.tensor("in/labels")?, update)?,
            };
            let net = CounterHebb::new(&config, &weights)?;
            let cycle = run_cycle(&net, &batch, true, &mut ws)?;
            let mut changes = counter_hebb(&net, &cycle.state, &mut UpdateRule::default(), &ws)?;
            changes.retain(|parameter, _| !frozen.iter().any(|pattern| glob::matches(pattern, parameter)));
            losses.push(cycle.loss.to_dtype(DType::F64)?.to_scalar::<f64>()?);
            rates.push(rate);
            optimiser.set_rate(Rate { learning_rate: rate, momentum: None });
            weights = optimiser.update(&weights, &changes)?;
            if let Some(Some(step)) = schedule.get(&name)
                && step.after_update == update + 1
            {
                rate *= step.factor;
            }
        }
        recomputed.insert(format!("{name}/loss"), Array::f64(&[n_updates], losses)?);
        recomputed.insert(format!("{name}/lr"), Array::f64(&[n_updates], rates)?);
        for (parameter, weight) in weights.iter() {
            recomputed.insert(format!("{name}/final/{parameter}"), Array::from_tensor(weight.tensor())?);
        }
        if !is_shared {
            let difference = |weights: &crate::weights::Weights| -> Result<Tensor> {
                let get = |leaf: &str| {
                    Ok::<_, Error>(weights.get(&format!("core_net._fc.{leaf}"))?.tensor().clone())
                };
                Ok((get("weight")? - get("back_weight")?.t()?)?)
            };
            let drift = (difference(&weights)? - difference(&begun)?)?.abs()?.max_all()?;
            let drift = drift.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            recomputed.insert(format!("{name}/asym_drift"), Array::f64(&[1], vec![drift])?);
        }
    }
    Ok(recomputed)
}

fn optimiser(kind: &str, learning_rate: f64, weight_decay: f64) -> Result<OptimiserConfig> {
    match kind {
        "Adam" => Ok(OptimiserConfig::Adam {
            learning_rate,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay,
            decay: Decay::L2,
        }),
        "SGD" => Ok(OptimiserConfig::Sgd { learning_rate, momentum: 0.0, nesterov: false, weight_decay }),
        other => Err(Error::unknown("optimiser", other, ["Adam", "SGD"])),
    }
}
