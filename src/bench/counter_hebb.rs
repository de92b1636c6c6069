//! Cases of the Counter-Hebb networks: a guided (or plain) prediction, and one Adam update by either rule.

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use super::{Build, Call, Case, Origin};
use crate::error::{Error, Result};
use crate::families::counter_hebb::{
    Batch, Config, CounterHebb, InitOptions, UpdateRule, counter_hebb, exact_gradient, initial_weights,
    predicted, run_cycle, with_statistics,
};
use crate::rng;
use crate::train::{Optimiser, OptimiserConfig};

/// Most calls of one case.
const REPEATS: usize = 9;

/// Learning rate of the timed updates.
const LEARNING_RATE: f64 = 1e-5;

#[derive(Clone, Copy)]
enum Work {
    Predict,
    CounterHebb,
    Backprop,
}

/// Name, settings and batch of each network, as in the peers.
fn setups() -> [(&'static str, Value, usize); 6] {
    let instructed = json!({"mtl": true, "task_embedding_size": 50});
    let joined = |own: Value, instructed: &Value| {
        let pairs = own.as_object().into_iter().chain(instructed.as_object()).flatten();
        Value::Object(pairs.map(|(key, value)| (key.clone(), value.clone())).collect())
    };
    [
        ("simple", joined(json!({"network_name": "simple net"}), &instructed), 32),
        ("fc500", json!({"network_name": "fc net", "shared_weights": false}), 32),
        ("convnet", joined(json!({"network_name": "conv net"}), &instructed), 32),
        ("tiny_resnet", joined(json!({"network_name": "tiny resnet"}), &instructed), 16),
        ("resnet18_cifar", json!({"network_name": "resnet18"}), 4),
        (
            "resnet18_bn_cifar_mtl",
            joined(json!({"network_name": "resnet18", "norm_layer": null}), &instructed),
            4,
        ),
    ]
}

/// # Errors
/// [`Error::Config`] if a network of the list could not be.
pub(super) fn cases(batch: Option<usize>) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, values, own_batch) in setups() {
        let values = values.as_object().cloned().unwrap_or_default();
        let config = Config::from_values(&values)?;
        let batches = batch.map_or_else(|| vec![1, own_batch], |batch| vec![batch]);
        for n in batches {
            let forward = if config.mtl { "td_bu_forward" } else { "bu_forward" };
            cases.push(case(name, forward, &config, n, Work::Predict));
            if n > 1 || batch.is_some() {
                cases.push(case(name, "counter_hebb_adam_step", &config, n, Work::CounterHebb));
                if !config.has_norms() {
                    cases.push(case(name, "backprop_adam_step", &config, n, Work::Backprop));
                }
            }
        }
    }
    Ok(cases)
}

fn case(name: &str, kind: &str, config: &Config, batch: usize, work: Work) -> Case {
    let config = config.clone();
    let build: Build = Box::new(move |sources| {
        let weights = initial_weights(&config, 0, &InitOptions::default())?;
        let stimuli = stimuli(&config, batch)?;
        let config = config.clone();
        let of_the_batch = config.has_norms() && batch > 1;
        let mut optimiser = Optimiser::new(OptimiserConfig::adam(LEARNING_RATE));
        let mut workspace = sources.workspace();
        let mut weights = weights;
        let call: Call = match work {
            Work::Predict => {
                let net = CounterHebb::new(&config, &weights)?;
                Box::new(move || predicted(&net, &stimuli, of_the_batch, &mut workspace).map(|_| ()))
            }
            Work::CounterHebb => Box::new(move || {
                let net = CounterHebb::new(&config, &weights)?;
                let cycle = run_cycle(&net, &stimuli, of_the_batch, &mut workspace)?;
                let changes = counter_hebb(&net, &cycle.state, &mut UpdateRule::default(), &workspace)?;
                let moved = with_statistics(&net, &weights, &cycle.state)?;
                weights = optimiser.update(&moved, &changes)?;
                Ok(())
            }),
            Work::Backprop => Box::new(move || {
                let exact = exact_gradient(&config, &weights, &stimuli, of_the_batch, &mut workspace)?;
                weights = optimiser.update(&weights, &exact.gradients)?;
                Ok(())
            }),
        };
        Ok((call, Origin::Random))
    });
    let repeats = if work_is_small(name) { 3 * REPEATS } else { REPEATS };
    Case { name: format!("{name}_{kind}"), batch, items: batch, frames: None, repeats, build }
}

fn work_is_small(name: &str) -> bool {
    matches!(name, "simple" | "fc500" | "convnet")
}

/// Drawn pictures, the two instructions in turn, the classes in turn.
fn stimuli(config: &Config, batch: usize) -> Result<Batch> {
    let mut rng = rng::stream(0, "bench", &[batch as u64]);
    let [channels, height, width] = config.in_shape;
    let n = batch * channels * height * width;
    let pixels: Vec<f32> = (0..n).map(|_| rng::uniform(&mut rng) as f32).collect();
    let images = Tensor::from_vec(pixels, (batch, channels, height, width), &Device::Cpu)?;
    let instruction = match config.mtl {
        false => None,
        true => {
            let rows = (0..batch).flat_map(|trial| [f32::from(trial % 2 == 0), f32::from(trial % 2 == 1)]);
            Some(Tensor::from_vec(rows.collect::<Vec<f32>>(), (batch, 2), &Device::Cpu)?)
        }
    };
    let labels: Vec<i64> = (0..batch as i64).map(|trial| trial % 10).collect();
    let labels = Tensor::from_vec(labels, batch, &Device::Cpu).map_err(Error::from)?;
    Ok(Batch { images, instruction, labels })
}
