//! Kinds `train_conductor` and `train_psych`: optimisation steps of whole tasks.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::super::spec::Sweeps;
use crate::dynamics::{Frame, Instruction};
use crate::error::{Error, Result};
use crate::families::recurrent_gating::config::{Config, Shapes, Variant};
use crate::families::recurrent_gating::scores::Scores;
use crate::families::recurrent_gating::train::{Batch, LossTerms, Term, Update, UpdateSettings, update};
use crate::families::recurrent_gating::weights::expected;
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::settings::Overrides;
use crate::train::optim::Decay;
use crate::train::{Optimiser, OptimiserConfig, Rate, Schedule, clip_global_norm};
use crate::weights::Weights;

/// Added to losses where they are logged.
const LOGGED_OFFSET: f64 = 1e-6;

#[derive(Deserialize)]
struct OptimiserSpec {
    lr: Option<f64>,
    l2: f64,
    clip: f64,
    scheduler: SchedulerSpec,
}

#[derive(Deserialize)]
#[serde(tag = "name")]
enum SchedulerSpec {
    OneCycle { max_lr: f64, pct_start: f64, total_steps: u64 },
    MultiStep { milestones: Vec<u64>, gamma: f64 },
}

impl OptimiserSpec {
    fn optimiser(&self, learning_rate: f64) -> Optimiser {
        Optimiser::new(OptimiserConfig::Adam {
            learning_rate,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: self.l2,
            decay: Decay::L2,
        })
    }

    fn settings(&self) -> UpdateSettings {
        UpdateSettings { max_grad_norm: self.clip, dropout: None, moving_statistics: false }
    }

    fn rate(&self, k: u64) -> Rate {
        match &self.scheduler {
            SchedulerSpec::OneCycle { max_lr, pct_start, total_steps } => {
                Schedule::OneCycle { total: *total_steps, rise: *pct_start }.rate(*max_lr, k)
            }
            SchedulerSpec::MultiStep { milestones, gamma } => {
                let schedule = Schedule::Multistep { milestones: milestones.clone(), factor: *gamma };
                schedule.rate(self.lr.unwrap_or_default(), k)
            }
        }
    }
}

/// The network of the file, its weights given as `{prefix}before.{key}`.
fn network(inputs: &GoldenInputs, prefix: &str) -> Result<(Config, Weights)> {
    let start = format!("{prefix}before.");
    let mut tensors = Vec::new();
    for name in inputs.names() {
        if let Some(key) = name.strip_prefix(&start) {
            tensors.push((key.to_owned(), inputs.tensor(name)?));
        }
    }
    let weights = Weights::from_tensors(tensors);
    let values: Map<String, Json> = inputs.parameter("cfg")?;
    let variant = Variant::from_values(&values).unwrap_or(Variant::Gate);
    let shapes: Shapes =
        weights.iter().map(|(name, weight)| (name.to_owned(), weight.dims().to_vec())).collect();
    let config = Config::resolve(variant, &values, &shapes, &Overrides::default())?;
    Ok((config, weights))
}

/// The prefix of a file's tensors: `A.` or `B.`.
fn prefix(inputs: &GoldenInputs) -> Result<String> {
    let found = inputs.names().find_map(|name| name.split_once("before."));
    match found {
        Some((prefix, _)) => Ok(prefix.to_owned()),
        None => Err(Error::config("tensors", "the weights before the step, called X.before.…", "none")),
    }
}

/// `[batch, timesteps, …]` as frames.
fn frames(x: &Tensor) -> Result<Vec<Arc<Frame>>> {
    (0..x.dim(1)?).map(|t| Ok(Arc::new(Frame::new(x.narrow(1, t, 1)?.squeeze(1)?)))).collect()
}

/// What the optimiser saw of each gradient: clipped, with the L2 term.
fn deciding(update: &Update, before: &Weights, spec: &OptimiserSpec) -> Result<Vec<(String, Array)>> {
    let (clipped, _) = clip_global_norm(&update.gradients, spec.clip)?;
    let named = clipped.iter().map(|(name, gradient)| {
        let weight = before.get(name)?.tensor().detach();
        Ok((name.clone(), Array::from_tensor(&(gradient + (weight * spec.l2)?)?)?))
    });
    named.collect()
}

/// New weights under their names, judged by the gradients of all updates so far.
fn insert_weights(
    recomputed: &mut Recomputed,
    start: &str,
    config: &Config,
    weights: &Weights,
    history: &[Vec<(String, Array)>],
) -> Result<()> {
    for tensor in expected(config).iter().filter(|tensor| tensor.learnable) {
        let name = format!("{start}{}", tensor.name);
        recomputed.insert(name.clone(), Array::from_tensor(&weights.get(&tensor.name)?.tensor().detach())?);
        let gradients: Vec<Array> = history
            .iter()
            .filter_map(|update| update.iter().find(|(key, _)| *key == tensor.name))
            .map(|(_, gradient)| gradient.clone())
            .collect();
        if !gradients.is_empty() {
            recomputed.decide(name, gradients);
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct TaskStep {
    task: usize,
    x: String,
    y: String,
    masks: String,
    prompt: Option<String>,
    w: [f64; 3],
    s1: Sweeps,
    s2: Sweeps,
}

impl TaskStep {
    fn batch(&self, inputs: &GoldenInputs) -> Result<Batch> {
        let frames = frames(&inputs.tensor(&self.x)?)?;
        let prompts = self.prompt.as_ref().map(|name| inputs.tensor(name)).transpose()?;
        let instruction = |t: usize| -> Result<Option<Instruction>> {
            let prompt = match &prompts {
                Some(prompts) => Some(prompts.narrow(1, t, 1)?.squeeze(1)?),
                None => None,
            };
            Ok(Some(Instruction { task: Some(self.task), prompt }))
        };
        Ok(Batch {
            instructions: (0..frames.len()).map(instruction).collect::<Result<_>>()?,
            labels: Some(inputs.tensor(&self.y)?.unsqueeze(2)?),
            masks: Some(inputs.tensor(&self.masks)?),
            frames,
        })
    }

    fn terms(&self, n: usize, mask_penalty: f64) -> Result<LossTerms> {
        Ok(LossTerms {
            labels: vec![Term { sweeps: self.s1.resolve(n)?, weight: self.w[0] }],
            masks: vec![Term { sweeps: self.s2.resolve(n)?, weight: self.w[1] }],
            read_out: Some(self.w[2]),
            mask_penalty,
            ..LossTerms::default()
        })
    }
}

pub(in super::super) fn train_conductor(inputs: &GoldenInputs) -> Result<Recomputed> {
    let prefix = prefix(inputs)?;
    let (config, mut weights) = network(inputs, &prefix)?;
    let tasks: Vec<TaskStep> = inputs.parameter("tasks")?;
    let spec: OptimiserSpec = inputs.parameter("optimiser")?;
    let mask_penalty = inputs.number("mask_mp")?;
    let name = |suffix: &str| format!("{prefix}{suffix}");
    let mut recomputed = Recomputed::new();
    let scores = |weights: &Weights| -> Result<Array> {
        let mut rows = Vec::new();
        for task in &tasks {
            let batch = task.batch(inputs)?;
            let terms = task.terms(batch.frames.len(), mask_penalty)?;
            rows.extend(Scores::of_batch(&config, weights, &batch, &terms)?.per_trial());
        }
        Array::f64(&[tasks.len(), 5], rows)
    };
    recomputed.insert(name("eval_before_CEi_CEe_Pix_Att_Acc"), scores(&weights)?);
    let learning_rate = spec.rate(0).learning_rate;
    let mut optimiser = spec.optimiser(learning_rate);
    let (mut losses, mut norms, mut history) = (Vec::new(), Vec::new(), Vec::new());
    for task in &tasks {
        let batch = task.batch(inputs)?;
        let terms = task.terms(batch.frames.len(), mask_penalty)?;
        let done = update(&config, &weights, &batch, &terms, &spec.settings(), &mut optimiser)?;
        let found = &done.losses;
        losses.extend([found.labels, found.masks, found.read_out].map(|loss| loss + LOGGED_OFFSET));
        norms.push(found.gradient_norm);
        history.push(deciding(&done, &weights, &spec)?);
        weights = done.weights;
        let start = name(&format!("after_task{}.", task.task));
        insert_weights(&mut recomputed, &start, &config, &weights, &history)?;
    }
    recomputed.insert(name("losses_task_x_ce_mse_last"), Array::f64(&[tasks.len(), 3], losses)?);
    recomputed.insert(name("grad_norm_before_clip"), Array::f64(&[norms.len()], norms)?);
    recomputed.insert(name("eval_after_CEi_CEe_Pix_Att_Acc"), scores(&weights)?);
    recomputed.insert(name("lr_after_epoch"), Array::f64(&[], vec![spec.rate(1).learning_rate])?);
    Ok(recomputed)
}

#[derive(Deserialize)]
struct PsychLoss {
    ce_frames: Vec<i64>,
    ce_weights: Vec<f64>,
    mse_frames: Vec<i64>,
    mse_weights: Vec<f64>,
}

pub(in super::super) fn train_psych(inputs: &GoldenInputs) -> Result<Recomputed> {
    let prefix = prefix(inputs)?;
    let (config, weights) = network(inputs, &prefix)?;
    let spec: OptimiserSpec = inputs.parameter("optimiser")?;
    let loss: PsychLoss = inputs.parameter("loss")?;
    let name = |suffix: &str| format!("{prefix}{suffix}");
    let frames = frames(&inputs.tensor(&name("x"))?)?;
    let n = frames.len();
    let terms = |frames: &[i64], weights: &[f64]| -> Result<Vec<Term>> {
        let each = frames
            .iter()
            .zip(weights)
            .map(|(&frame, &weight)| Ok(Term { sweeps: Sweeps::Each(vec![frame]).resolve(n)?, weight }));
        each.collect()
    };
    let terms = LossTerms {
        labels: terms(&loss.ce_frames, &loss.ce_weights)?,
        masks: terms(&loss.mse_frames, &loss.mse_weights)?,
        ..LossTerms::default()
    };
    let batch = Batch {
        labels: Some(inputs.tensor(&name("y"))?.unsqueeze(2)?),
        masks: Some(scored_masks(inputs, &name, n)?),
        instructions: Vec::new(),
        frames,
    };
    let (first, next) = (spec.rate(0), spec.rate(1));
    let mut optimiser = spec.optimiser(first.learning_rate);
    optimiser.set_rate(first);
    let done = update(&config, &weights, &batch, &terms, &spec.settings(), &mut optimiser)?;
    let mut recomputed = Recomputed::new();
    recomputed.insert(name("loss_step1"), Array::f64(&[1], vec![done.losses.total])?);
    let (clipped, _) = clip_global_norm(&done.gradients, spec.clip)?;
    for (key, gradient) in &clipped {
        recomputed.insert(name(&format!("grad_clipped.{key}")), Array::from_tensor(gradient)?);
    }
    let history = [deciding(&done, &weights, &spec)?];
    insert_weights(&mut recomputed, &name("after1."), &config, &done.weights, &history)?;
    let betas = [first, next].map(|rate| [rate.learning_rate, rate.momentum.unwrap_or(0.9)]).concat();
    recomputed.insert(name("lr_beta1_before_and_after_step"), Array::f64(&[4], betas)?);
    let scores = Scores::of_batch(&config, &done.weights, &batch, &terms)?;
    let trials = scores.n_trials.max(1) as f64;
    let chosen: Vec<_> = scores.scored.iter().map(|&sweep| &scores.sweeps[sweep]).collect();
    let row = chosen
        .iter()
        .map(|score| score.loss / trials)
        .chain(chosen.iter().map(|score| score.hits.iter().sum::<u64>() as f64 / trials))
        .chain(scores.masks.iter().map(|score| score.squared / trials))
        .collect::<Vec<f64>>();
    recomputed.insert(name("eval_after_ce_acc_mse"), Array::f64(&[row.len()], row)?);
    Ok(recomputed)
}

/// The stored masks in their frames, zeros in the others, `[batch, timesteps, 1, height, width]`.
fn scored_masks(inputs: &GoldenInputs, name: &impl Fn(&str) -> String, n: usize) -> Result<Tensor> {
    let masks = inputs.tensor(&name("mask"))?;
    let places = inputs.array(&name("mask_note_frames"))?.to_i64().unwrap_or_default();
    let nothing = masks.narrow(1, 0, 1)?.zeros_like()?.to_dtype(DType::F32)?;
    let frames = (0..n).map(|t| match places.iter().position(|&place| place == t as i64) {
        Some(k) => Ok(masks.narrow(1, k, 1)?.to_dtype(DType::F32)?),
        None => Ok(nothing.clone()),
    });
    Ok(Tensor::cat(&frames.collect::<Result<Vec<_>>>()?, 1)?)
}
