//! The training step of a golden file.

use candle_core::{DType, Tensor};

use super::runner::{GoldenNetwork, Stimulus};
use super::spec::{Case, TrainSpec};
use super::thin::thinned;
use crate::error::Result;
use crate::families::recurrent_gating::config::{Config, Network};
use crate::families::recurrent_gating::train::{Batch, LossTerms, Term, UpdateSettings, update};
use crate::families::recurrent_gating::weights::expected;
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::train::optim::Decay;
use crate::train::{Optimiser, OptimiserConfig, clip_global_norm};

/// Losses, gradients and new weights after one update on the first case.
pub(super) fn train_step(
    inputs: &GoldenInputs,
    network: &GoldenNetwork,
    case: &Case,
    train: &TrainSpec,
    recomputed: &mut Recomputed,
) -> Result<()> {
    let n = train.n_sweeps.unwrap_or(case.n_sweeps);
    let stimulus = Stimulus::read(inputs, case, n)?;
    let batch_size = stimulus.last()?.0.batch();
    let config = &network.config;
    let batch = Batch {
        labels: Some(target_labels(inputs, train, batch_size, n)?),
        masks: Some(target_masks(inputs, config, batch_size, n)?),
        frames: stimulus.frames,
        instructions: stimulus.instructions,
    };
    let terms = LossTerms {
        labels: vec![Term { sweeps: train.labels.resolve(n)?, weight: train.weights[0] }],
        masks: vec![Term { sweeps: train.masks.resolve(n)?, weight: train.weights[1] }],
        read_out: Some(train.weights[2]),
        groups: train.groups.iter().map(|&(from, to)| from..to.unwrap_or(config.n_classes())).collect(),
        ..LossTerms::default()
    };
    let mut optimiser = Optimiser::new(OptimiserConfig::Adam {
        learning_rate: train.lr,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: train.l2,
        decay: Decay::L2,
    });
    let settings = UpdateSettings { max_grad_norm: train.clip, dropout: None, moving_statistics: false };
    let update = update(config, &network.weights, &batch, &terms, &settings, &mut optimiser)?;
    let losses = &update.losses;
    let losses = [losses.labels, losses.masks, losses.read_out, losses.total, losses.gradient_norm];
    recomputed.insert("train.losses", Array::f64(&[5], losses.to_vec())?);

    let gsub = inputs.count("gsub")?;
    let flat =
        |tensor: &Tensor| -> Result<Vec<f32>> { Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?) };
    let thin = |values: &[f32]| -> Result<Array> {
        let kept: Vec<f32> = thinned(values, gsub).collect();
        Array::f32(&[kept.len()], kept)
    };
    for (name, gradient) in &update.gradients {
        let values = flat(gradient)?;
        let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        recomputed.insert(format!("train.grad.{name}.sub"), thin(&values)?);
        recomputed.insert(format!("train.grad.{name}.norm"), Array::f64(&[1], vec![norm])?);
    }
    let (clipped, _) = clip_global_norm(&update.gradients, train.clip)?;
    for tensor in expected(config).iter().filter(|tensor| tensor.learnable) {
        let name = format!("train.new.{}.sub", tensor.name);
        recomputed.insert(name.clone(), thin(&flat(update.weights.get(&tensor.name)?.tensor())?)?);
        if let Some(gradient) = clipped.get(&tensor.name) {
            let old = flat(network.weights.get(&tensor.name)?.tensor())?;
            let deciding: Vec<f32> = flat(gradient)?
                .iter()
                .zip(&old)
                .map(|(&gradient, &weight)| gradient + train.l2 as f32 * weight)
                .collect();
            recomputed.decide(name, vec![thin(&deciding)?]);
        }
    }
    Ok(())
}

/// `[batch, sweeps, groups]`.
fn target_labels(inputs: &GoldenInputs, train: &TrainSpec, batch: usize, n: usize) -> Result<Tensor> {
    let device = inputs.device();
    if let Some(label) = train.label {
        return Ok(Tensor::full(label, (batch, n, 1), device)?);
    }
    let labels = inputs.tensor("target_label")?.narrow(1, 0, n)?;
    let groups = train.groups.len().max(1);
    Ok(labels.reshape((batch, n, groups))?)
}

/// `[batch, sweeps, 1, height, width]`; zeros where the file stores none.
fn target_masks(inputs: &GoldenInputs, config: &Config, batch: usize, n: usize) -> Result<Tensor> {
    let masks = if inputs.has("target_mask") {
        inputs.tensor("target_mask")?
    } else if inputs.has("target_mask_u8") {
        ((inputs.picture("target_mask_u8")? * 2.0)? - 1.0)?
    } else {
        let [_, height, width] = match &config.network {
            Network::Gate(gate) => gate.in_dims,
            Network::Block(block) => block.in_dims,
        };
        return Ok(Tensor::zeros((batch, n, 1, height, width), DType::F32, inputs.device())?);
    };
    if masks.dim(1)? == 1 && n > 1 { Ok(masks.repeat((1, n, 1, 1, 1))?) } else { Ok(masks.narrow(1, 0, n)?) }
}
