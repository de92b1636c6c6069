//! Recomputing the family's goldens.

mod procedure;
mod runner;
mod spec;
mod tasks;
mod thin;
mod train_step;

use std::collections::BTreeMap;

use candle_core::Tensor;

use super::build;
use super::config::{Config, Network, Variant};
use crate::error::{Error, Result};
use crate::parity::{GoldenInputs, GoldenKind, Recomputed};
use runner::{GoldenNetwork, Seen, Stimulus, array, labels};
use spec::{Case, Spec};
use thin::forms;
use train_step::train_step;

/// What this family can recompute.
pub const GOLDEN_KINDS: &[GoldenKind] = &[
    GoldenKind { family: "brg", kind: "forward", recompute: forward },
    GoldenKind { family: "brg", kind: "forward_train", recompute: forward_train },
    GoldenKind { family: "brg", kind: "static_batch", recompute: static_batch },
    task_kind("compose_mnist_tasks", tasks::compose_mnist_tasks),
    task_kind("compose_mnist_extra", tasks::compose_mnist_extra),
    task_kind("compose_curves", tasks::compose_curves),
    task_kind("compose_psych", tasks::compose_psych),
    task_kind("compose_shapes", tasks::compose_shapes),
    task_kind("compose_stl", tasks::compose_stl),
    task_kind("compose_coco", tasks::compose_coco),
    task_kind("losses_metrics_fits", procedure::losses_metrics_fits),
    task_kind("schedule", procedure::schedule),
    task_kind("train_conductor", procedure::train_conductor),
    task_kind("train_psych", procedure::train_psych),
];

const fn task_kind(kind: &'static str, recompute: crate::parity::Recompute) -> GoldenKind {
    GoldenKind { family: "brg_tasks", kind, recompute }
}

fn forward(inputs: &GoldenInputs) -> Result<Recomputed> {
    let spec: Spec = inputs.parameter("spec")?;
    let network = GoldenNetwork::read(inputs)?;
    let mut recomputed = Recomputed::new();
    for case in &spec.cases {
        run_case(inputs, &network, case, &mut recomputed)?;
    }
    Ok(recomputed)
}

fn forward_train(inputs: &GoldenInputs) -> Result<Recomputed> {
    let spec: Spec = inputs.parameter("spec")?;
    let mut recomputed = forward(inputs)?;
    match (&spec.train, spec.cases.first()) {
        (Some(train), Some(case)) => {
            train_step(inputs, &GoldenNetwork::read(inputs)?, case, train, &mut recomputed)?;
        }
        _ => return Err(Error::config("spec", "one with a first case and train", "none")),
    }
    Ok(recomputed)
}

fn static_batch(inputs: &GoldenInputs) -> Result<Recomputed> {
    let spec: Spec = inputs.parameter("spec")?;
    let checkpoints: BTreeMap<String, String> = inputs.parameter("checkpoints")?;
    let configs: BTreeMap<String, String> = inputs.parameter("checkpoint_configs")?;
    let mut recomputed = Recomputed::new();
    for case in &spec.cases {
        let named = |files: &BTreeMap<String, String>| -> Result<String> {
            let tag = case.prefix.trim_end_matches('.');
            let found = files.get(&case.prefix).or_else(|| files.get(tag));
            found
                .cloned()
                .ok_or_else(|| Error::unknown("checkpoint of a case", &case.prefix, files.keys().cloned()))
        };
        let network = GoldenNetwork::of_checkpoint(inputs, &named(&checkpoints)?, &named(&configs)?)?;
        let stimulus = Stimulus::read(inputs, case, case.n_sweeps)?;
        let model = build(&network.config, &network.weights)?;
        let seen = stimulus.run(model.as_ref())?;
        recomputed.insert(format!("{}labels", case.prefix), seen.labels()?);
        recomputed.insert(format!("{}labels_post", case.prefix), array(seen.read_out.readout.as_ref())?);
    }
    Ok(recomputed)
}

fn run_case(
    inputs: &GoldenInputs,
    network: &GoldenNetwork,
    case: &Case,
    recomputed: &mut Recomputed,
) -> Result<()> {
    let mut config = network.config.clone();
    for (key, value) in &case.overrides {
        config = config.with(key, value.clone())?;
    }
    let model = build(&config, &network.weights)?;
    let position = |name: &str| model.areas().iter().position(|area| area.name == name);
    let stimulus = Stimulus::read(inputs, case, case.n_sweeps)?;
    let seen = stimulus.run(model.as_ref())?;
    let ksub = inputs.count("ksub")?;
    let prefix = &case.prefix;
    let name = |quantity: &str| format!("{prefix}{quantity}");

    recomputed.insert(name("labels"), seen.labels()?);
    recomputed.insert(name("labels_post"), array(seen.read_out.readout.as_ref())?);
    let mut in_any_form = |quantity: &str, full: &Tensor| -> Result<()> {
        recomputed.insert_one_of(forms(&name(quantity), full, ksub)?);
        Ok(())
    };
    let activities = activity_areas(&config);
    for (i, area) in activities.iter().enumerate() {
        let Some(area) = position(area) else { continue };
        in_any_form(&format!("act{i}"), &seen.area(area)?)?;
        if i == 0 || i + 1 == activities.len() {
            in_any_form(&format!("post_act{i}"), &seen.read_out.areas[area].unsqueeze(1)?)?;
        }
    }
    let maps: Vec<usize> = (0..).map_while(|i| position(&format!("m{i}"))).collect();
    in_any_form("mask0", &seen.area(maps[0])?)?;
    if case.feedback {
        for (i, &area) in maps.iter().enumerate().skip(1) {
            in_any_form(&format!("mask_{i}"), &seen.area(area)?)?;
        }
        for (quantity, vectors) in hidden(&config, &seen, &position)? {
            in_any_form(&quantity, &vectors)?;
        }
    }
    if case.single_sweeps && config.variant != Variant::Resatt {
        let singles = stimulus.single_sweeps(model.as_ref())?;
        if let Some(last) = singles.last() {
            in_any_form("seq_mask0", &last.areas[maps[0]].unsqueeze(1)?)?;
        }
        recomputed.insert(name("seq_labels"), labels(&singles)?);
        if config.variant == Variant::Gate {
            let state = stimulus.feed_forward(model.as_ref())?;
            recomputed.insert(name("simp_labels"), array(state.readout.as_ref())?);
        }
    }
    Ok(())
}

/// Names of the areas that the reference lists as activations, in its order.
fn activity_areas(config: &Config) -> Vec<String> {
    match &config.network {
        Network::Gate(gate) => {
            let conv = (1..=gate.n_stages()).map(|i| format!("conv{i}"));
            let vectors = (1..=gate.forward.len()).map(|j| format!("frnn{j}"));
            conv.chain(std::iter::once("fc".to_owned())).chain(vectors).collect()
        }
        Network::Block(block) => {
            let blocks = (1..=block.n_blocks()).map(|b| format!("block{b}"));
            std::iter::once("stem".to_owned()).chain(blocks).collect()
        }
    }
}

/// Hidden vectors under the reference's names, and BlockNet's map that acts on nothing.
fn hidden(
    config: &Config,
    seen: &Seen,
    position: &impl Fn(&str) -> Option<usize>,
) -> Result<Vec<(String, Tensor)>> {
    let mut vectors = Vec::new();
    match &config.network {
        Network::Gate(gate) => {
            for j in 0..gate.forward.len() {
                for (quantity, area) in [("f_state", "frnn"), ("b_state", "brnn")] {
                    if let Some(area) = position(&format!("{area}{}", j + 1)) {
                        vectors.push((format!("{quantity}{j}"), seen.area(area)?));
                    }
                }
            }
        }
        Network::Block(block) => {
            let zeros = |shape: &[usize]| -> Result<Tensor> {
                let first = &seen.read_out.areas[0];
                let dims = [&[first.dim(0)?, seen.sweeps.len()], shape].concat();
                Ok(Tensor::zeros(dims, first.dtype(), first.device())?)
            };
            let nb = block.n_blocks();
            vectors.push((format!("mask_{}", nb + 1), zeros(&block.sizes[nb + 1])?));
            if block.recurrent {
                // The published states are created and never written back.
                vectors.push(("fh".to_owned(), zeros(&[block.middle()])?));
                vectors.push(("bh".to_owned(), zeros(&[block.channels[nb]])?));
            }
        }
    }
    Ok(vectors)
}
