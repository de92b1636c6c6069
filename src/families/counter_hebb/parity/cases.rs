//! Kinds `ch_case`, `ch_case_bn` and `bu_only_bn`: whole cycles, both updates, running statistics.

use candle_core::Tensor;

use super::super::architecture::{Architecture, Connection, Node};
use super::super::config::{Config, Trunk};
use super::super::model::CounterHebb;
use super::super::tensors::{BACK_NORM, expected};
use super::super::update::{Cycle, UpdateRule, counter_hebb, exact_gradient, run_cycle};
use super::thin::Slicing;
use super::{batch, config, fill, weights};
use crate::dynamics::{State, Workspace};
use crate::error::Result;
use crate::parity::{GoldenInputs, Recomputed};

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let config = config(inputs, &[("loss_name", inputs.text("loss_name")?.into())])?;
    let weights = weights(inputs, &config, "param/")?;
    let is_single = inputs.find_parameter("single_task").is_some() && inputs.text("single_task")? == "true";
    let is_plain = !config.mtl || is_single;
    let batch = batch(inputs, is_plain)?;
    let of_the_batch = inputs.text("mode")? == "train";
    let mut ws = Workspace::with_numerics(inputs.numerics());
    let net = CounterHebb::new(&config, &weights)?;
    let cycle = run_cycle(&net, &batch, of_the_batch, &mut ws)?;
    let changes = counter_hebb(&net, &cycle.state, &mut UpdateRule::default(), &ws)?;
    let gradient = exact_gradient(&config, &weights, &batch, of_the_batch, &mut ws)?.gradients;

    let slicing = Slicing::of(inputs, true)?;
    let mut recomputed = Recomputed::new();
    let mut put = |name: String, tensor: &Tensor| slicing.insert(&mut recomputed, &name, tensor);
    activities(&net, &cycle, is_plain, &mut put)?;
    put("out/logits".to_owned(), &cycle.logits)?;
    put("out/loss".to_owned(), &cycle.loss)?;
    put("out/dl_do".to_owned(), &config.loss_name.delta(&cycle.logits, &batch.labels)?)?;
    if config.multi_decoders {
        put("out/dl_do_scattered".to_owned(), &cycle.state.areas[net.at().error_of_logits()])?;
    }
    for (prefix, tensors) in [("ch", &changes), ("bp", &gradient)] {
        for (name, tensor) in tensors {
            put(format!("{prefix}/{name}"), tensor)?;
        }
    }
    for (name, tensor) in net.statistics(&cycle.state) {
        put(format!("after_cycle/{name}"), tensor)?;
    }
    Ok(recomputed)
}

/// The bottom-up and top-down inputs of every bundle and block.
fn activities(
    net: &CounterHebb,
    cycle: &Cycle,
    is_plain: bool,
    put: &mut impl FnMut(String, &Tensor) -> Result<()>,
) -> Result<()> {
    let at = net.at();
    let (predicted, state) = (&cycle.predicted.areas, &cycle.state.areas);
    for site in sites(&net.architecture) {
        let below = &predicted[at.bottom_up(site.from)];
        let below = if site.is_flat { below.flatten_from(1)? } else { below.clone() };
        put(format!("bu/{}", site.name), &below)?;
        if !is_plain {
            put(format!("td/{}", site.name), &predicted[at.top_down(site.to)])?;
        }
        put(format!("err/{}", site.name), &state[at.error(site.to)])?;
    }
    let top = &predicted[at.bottom_up(net.architecture.top())];
    put("bu/head_layer".to_owned(), &top.flatten_from(1)?)?;
    put("err/head_layer".to_owned(), &state[at.error_of_logits()])?;
    put("err/out".to_owned(), &state[at.error(0)])?;
    if !is_plain {
        put("td/out".to_owned(), &predicted[at.top_down(0)])?;
        for k in 0..net.architecture.task_head.len() {
            put(format!("td/task_head.{k}"), &predicted[at.instruction(k)])?;
        }
    }
    Ok(())
}

/// A bundle or block with the sets of units below and above it.
struct Site {
    name: String,
    from: usize,
    to: usize,
    is_flat: bool,
}

fn sites(architecture: &Architecture) -> Vec<Site> {
    let bundles = architecture.trunk.iter().zip(architecture.ends()).map(|(bundle, (from, to))| Site {
        name: bundle.name.clone(),
        from,
        to,
        is_flat: bundle.connection == Connection::Linear,
    });
    let blocks = architecture.nodes.iter().filter_map(|node| match *node {
        Node::Block { from, to, .. } => {
            let name = format!("core_net.{}", architecture.units[to].name);
            Some(Site { name, from, to, is_flat: false })
        }
        _ => None,
    });
    bundles.chain(blocks).collect()
}

pub(super) fn recompute_bottom_up(inputs: &GoldenInputs) -> Result<Recomputed> {
    let config = config(inputs, &[("loss_name", inputs.text("loss")?.into())])?;
    let weights = weights(inputs, &config, "param/")?;
    let batch = batch(inputs, true)?;
    let mut ws = Workspace::with_numerics(inputs.numerics());
    let net = CounterHebb::new(&config, &weights)?;
    let exact = exact_gradient(&config, &weights, &batch, true, &mut ws)?;
    let after = exact.state;
    let logits = |state: &State| state.areas[net.at().logits()].clone();
    let evaluated = run_cycle(&net, &batch, false, &mut ws)?;

    let slicing = Slicing::of(inputs, false)?;
    let mut recomputed = Recomputed::new();
    let mut put = |name: String, tensor: &Tensor| slicing.insert(&mut recomputed, &name, tensor);
    put("out/logits".to_owned(), &logits(&after))?;
    put("out/logits_eval".to_owned(), &evaluated.logits)?;
    put("out/loss".to_owned(), &exact.loss)?;
    for (name, tensor) in &exact.gradients {
        put(format!("bp/{name}"), tensor)?;
    }
    for (name, tensor) in net.statistics(&after) {
        if name.contains(".running_") {
            let tensor = match unused_norm(&config, name)? {
                Some(shape) => fill::hashfill(name, &shape, inputs.device())?,
                None => tensor.clone(),
            };
            put(format!("after_fwd/{name}"), &tensor)?;
        }
    }
    Ok(recomputed)
}

/// The shape that the reference gives to a top-down norm of its tiny ResNet, which no pass can use.
fn unused_norm(config: &Config, name: &str) -> Result<Option<Vec<usize>>> {
    if config.network_name != Trunk::TinyResnet || !name.contains(BACK_NORM) {
        return Ok(None);
    }
    let bottom_up = name.replacen(&format!("{BACK_NORM}."), "", 1);
    Ok(expected(config)?.into_iter().find(|tensor| tensor.name == bottom_up).map(|tensor| tensor.shape))
}
