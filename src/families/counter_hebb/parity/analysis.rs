//! Kind `trained_multimnist`: the answers of a trained network and its sub-networks.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use serde::Deserialize;

use super::super::model::CounterHebb;
use super::super::subnetworks::subnetworks;
use super::super::update::{Batch, run_cycle};
use super::{config, weights};
use crate::dynamics::Workspace;
use crate::error::{Error, Result};
use crate::parity::{Array, GoldenInputs, Recomputed};

/// One entry of the parameter `slicing_axis`.
#[derive(Deserialize)]
struct Thinned {
    axis: usize,
    step: usize,
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let config = config(inputs, &[])?;
    let weights = weights(inputs, &config, "param/")?;
    let net = CounterHebb::new(&config, &weights)?;
    let images = inputs.tensor("in/image")?;
    let n = images.dims()[0];
    let labels = Tensor::zeros(n, DType::I64, inputs.device())?;
    let tasks: Vec<usize> = inputs.parameter("tasks")?;
    let instructions = config.instructions();
    let mut ws = Workspace::new();
    let mut logits = |instruction: Option<Tensor>| {
        let batch = Batch { images: images.clone(), instruction, labels: labels.clone() };
        Array::from_tensor(&run_cycle(&net, &batch, false, &mut ws)?.logits)
    };
    let mut recomputed = Recomputed::new();
    recomputed.insert("out/logits_plain", logits(None)?);
    let mut rows = Vec::new();
    for &task in &tasks {
        let Some((_, vector)) = instructions.get(task) else {
            return Err(Error::config("tasks", format!("below {}", instructions.len()), task));
        };
        let vector = Tensor::new(vector.as_slice(), inputs.device())?.unsqueeze(0)?;
        let size = config.task_vector_size;
        recomputed.insert(
            format!("out/logits_task{task}"),
            logits(Some(vector.broadcast_as((n, size))?.contiguous()?))?,
        );
        rows.push(vector);
    }
    let thinned: BTreeMap<String, Thinned> = match inputs.find_parameter("slicing_axis") {
        Some(_) => inputs.parameter("slicing_axis")?,
        None => BTreeMap::new(),
    };
    for (i, layer) in subnetworks(&net, &Tensor::cat(&rows, 0)?)?.into_iter().enumerate() {
        let name = format!("analysis/layer{i}_td");
        let mut activity = layer.activity;
        if let Some(&Thinned { axis, step }) = thinned.get(&name) {
            let index: Vec<u32> = (0..activity.dim(axis)? as u32).step_by(step.max(1)).collect();
            activity = activity.index_select(&Tensor::new(index.as_slice(), inputs.device())?, axis)?;
        }
        recomputed.insert(name, Array::from_tensor(&activity)?);
        let mut numbers = layer.active.clone();
        numbers.extend(layer.cosine.first().and_then(|row| row.get(1)));
        let name = format!("analysis/layer{i}_active_and_cosine");
        recomputed.insert(name, Array::f64(&[numbers.len()], numbers)?);
    }
    Ok(recomputed)
}
