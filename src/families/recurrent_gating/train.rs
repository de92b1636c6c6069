//! One training update: the loss of a task over a run, gradients through all its sweeps, clipping,
//! the optimiser.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::RecurrentGating;
use super::config::Config;
use super::protocol::drive;
use super::stages::Dropout;
use super::tasks::{LossSpec, TaskSpec};
use super::weights::trainable;
use crate::dynamics::{
    Controls, Dynamics, Frame, Instruction, Pass, Run, Schedule, Workspace, find_area, rollout,
};
use crate::error::{Error, Result};
use crate::ops::{self, Reduction};
use crate::train::{Gradients, Optimiser, clip_global_norm, gradients};
use crate::weights::Weights;

/// The stimuli of one update, all of one task.
#[derive(Clone, Debug)]
pub struct Batch {
    /// One per sweep.
    pub frames: Vec<Arc<Frame>>,
    /// One per sweep, or empty.
    pub instructions: Vec<Option<Instruction>>,
    /// `[batch, sweeps, label groups]`, `i64`; each an index inside its group.
    pub labels: Option<Tensor>,
    /// Maps that the attention output should equal, -1…1: `[batch, sweeps, 1, height, width]`.
    pub masks: Option<Tensor>,
}

/// Some sweeps that one term of a loss averages over.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    pub sweeps: Vec<usize>,
    /// A term of weight 0 is reported but not added.
    pub weight: f64,
}

/// The terms of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct LossTerms {
    /// Cross-entropies of the labels after sweeps.
    pub labels: Vec<Term>,
    /// Squared errors of the attention output.
    pub masks: Vec<Term>,
    /// Weight of the cross-entropy of the read-out pass; `None` runs no such pass.
    pub read_out: Option<f64>,
    /// Ranges of outputs that are separate labels, whose cross-entropies are summed; empty is all
    /// outputs as one.
    pub groups: Vec<Range<usize>>,
    /// Weight of each class in the cross-entropies.
    pub class_weights: Option<Vec<f64>>,
}

/// What an update reports; sums over the terms of a kind, each unweighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    pub labels: f64,
    pub masks: f64,
    pub read_out: f64,
    /// The weighted sum that is minimised.
    pub total: f64,
    /// Joint L2 norm of all gradients before clipping.
    pub gradient_norm: f64,
}

/// How an update is made, besides the optimiser.
#[derive(Clone, Copy, Debug)]
pub struct UpdateSettings {
    /// Largest joint norm of the gradients.
    pub max_grad_norm: f64,
    /// The configured dropout with these draws; `None` leaves it out.
    pub dropout: Option<Dropout>,
}

/// The outcome of one update.
#[derive(Clone, Debug)]
pub struct Update {
    pub losses: Losses,
    /// Before clipping; weights that the loss does not depend on have none.
    pub gradients: Gradients,
    pub weights: Weights,
}

impl LossTerms {
    /// The published loss of a task over a run of `n_sweeps`.
    ///
    /// # Errors
    /// [`Error::Config`] for a sweep beyond the run.
    pub fn of_task(task: &TaskSpec, n_sweeps: usize, n_classes: usize) -> Result<Self> {
        let groups = task.label_groups.iter().map(|&(from, to)| from..to.unwrap_or(n_classes)).collect();
        let (labels, masks, read_out) = match &task.loss {
            LossSpec::ThreeTerms { weights, labels, masks } => {
                let term = |selection: &super::Selection, weight| -> Result<Vec<Term>> {
                    Ok(vec![Term { sweeps: selection.resolve("loss_s", n_sweeps)?, weight }])
                };
                (term(labels, weights[0])?, term(masks, weights[1])?, Some(weights[2]))
            }
            LossSpec::PerSweep { labels, masks } => {
                let terms = |listed: &[(i64, f64)]| -> Result<Vec<Term>> {
                    let each = listed.iter().map(|&(sweep, weight)| {
                        let sweeps = super::Selection::Each(vec![sweep]).resolve("loss_s", n_sweeps)?;
                        Ok(Term { sweeps, weight })
                    });
                    each.collect()
                };
                (terms(labels)?, terms(masks)?, None)
            }
        };
        Ok(Self { labels, masks, read_out, groups, class_weights: task.class_weights.clone() })
    }
}

/// One update of `weights` on `batch`: a run with the read-out pass if the loss has one, gradients
/// through all sweeps, clipping by the joint norm, `optimiser`.
///
/// # Errors
/// [`Error::Diverged`] if the loss is not finite; `optimiser` is then as before.
pub fn update(
    config: &Config,
    weights: &Weights,
    batch: &Batch,
    terms: &LossTerms,
    settings: &UpdateSettings,
    optimiser: &mut Optimiser,
) -> Result<Update> {
    ops::on_deep_stack(|| {
        let variables = trainable(config, weights)?;
        let (loss, mut losses) = loss(config, &variables, batch, terms, settings.dropout)?;
        if !losses.total.is_finite() {
            return Err(Error::Diverged { what: "the loss".to_owned(), t: batch.frames.len() });
        }
        let gradients = gradients(&loss, &variables)?;
        let (clipped, norm) = clip_global_norm(&gradients, settings.max_grad_norm)?;
        losses.gradient_norm = norm;
        Ok(Update { losses, gradients, weights: optimiser.update(weights, &clipped)? })
    })
}

/// The loss of a run as a scalar in the graph of `weights`, and its terms (without gradient norm).
///
/// # Errors
/// Those of the network, [`Error::Shape`] for labels or masks that do not fit the run.
pub fn loss(
    config: &Config,
    weights: &Weights,
    batch: &Batch,
    terms: &LossTerms,
    dropout: Option<Dropout>,
) -> Result<(Tensor, Losses)> {
    let responses = respond(config, weights, batch, terms.read_out.is_some(), dropout)?;
    let mut parts = Parts::default();
    if let Some(labels) = &batch.labels {
        let scorer = Scorer::new(terms, labels, config.n_classes(), &responses)?;
        for term in &terms.labels {
            let logits: Vec<&Tensor> = term.sweeps.iter().map(|&sweep| &responses.labels[sweep]).collect();
            parts.add(scorer.cross_entropy(&logits, &term.sweeps)?, term.weight, |losses| {
                &mut losses.labels
            })?;
        }
        if let (Some(weight), Some(read_out)) = (terms.read_out, &responses.read_out) {
            let last = batch.frames.len() - 1;
            let value = scorer.cross_entropy(&[read_out], &[last])?;
            parts.add(value, weight, |losses| &mut losses.read_out)?;
        }
    }
    if let Some(masks) = &batch.masks {
        for term in &terms.masks {
            let mut maps = Vec::with_capacity(term.sweeps.len());
            let mut targets = Vec::with_capacity(term.sweeps.len());
            for &sweep in &term.sweeps {
                maps.push(responses.maps[sweep].clone());
                targets.push(masks.narrow(1, sweep, 1)?.squeeze(1)?);
            }
            let maps = Tensor::stack(&maps, 1)?;
            let targets = Tensor::stack(&targets, 1)?.to_device(maps.device())?.to_dtype(maps.dtype())?;
            parts.add(ops::mse(&maps, &targets)?, term.weight, |losses| &mut losses.masks)?;
        }
    }
    let total = parts
        .total
        .ok_or_else(|| Error::config("loss", "of at least one term with a weight and a target", "none"))?;
    parts.losses.total = scalar(&total)?;
    Ok((total, parts.losses))
}

/// What the loss reads of a run, per sweep.
struct Responses {
    labels: Vec<Tensor>,
    maps: Vec<Tensor>,
    read_out: Option<Tensor>,
}

fn respond(
    config: &Config,
    weights: &Weights,
    batch: &Batch,
    with_read_out: bool,
    dropout: Option<Dropout>,
) -> Result<Responses> {
    let model = RecurrentGating::new(config, weights, dropout)?;
    let n = batch.frames.len();
    let Some(last) = batch.frames.last() else {
        return Err(Error::config("frames of a batch", "at least one", "none"));
    };
    let instruction = |t: usize| batch.instructions.get(t).cloned().flatten();
    let sweeps = batch.frames.iter().enumerate();
    let mut drives: Vec<_> =
        sweeps.map(|(t, frame)| drive(frame, instruction(t), Pass::Sweep, t, n)).collect();
    if with_read_out {
        drives.push(drive(last, None, Pass::ReadOut, 0, 1));
    }
    let schedule = Schedule { drives, segments: Vec::new(), published: None };
    let controls = Controls::defaults(model.controls());
    let run = Run {
        model: &model,
        schedule: &schedule,
        controls: &controls,
        interventions: &[],
        seed: 0,
        first_trial: 0,
    };
    let map = find_area(model.areas(), "m0")?;
    let mut responses = Responses { labels: Vec::new(), maps: Vec::new(), read_out: None };
    let rest = model.rest(last.batch())?;
    rollout(&run, rest, 0..schedule.len(), &mut Workspace::new(), |_, drive, state| {
        match drive.pass {
            Pass::ReadOut => responses.read_out.clone_from(&state.readout),
            _ => {
                responses.labels.extend(state.readout.clone());
                responses.maps.push(state.areas[map].clone());
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(responses)
}

/// Cross-entropies against the labels of a batch.
struct Scorer<'a> {
    groups: Vec<Range<usize>>,
    labels: &'a Tensor,
    class_weights: Option<Tensor>,
}

impl<'a> Scorer<'a> {
    fn new(terms: &LossTerms, labels: &'a Tensor, n_classes: usize, responses: &Responses) -> Result<Self> {
        let groups = if terms.groups.is_empty() { vec![0..n_classes] } else { terms.groups.clone() };
        if let Some(group) = groups.iter().find(|group| group.start >= group.end || group.end > n_classes) {
            let found = format!("{}..{}", group.start, group.end);
            return Err(Error::config(
                "label groups",
                format!("non-empty ranges of {n_classes} outputs"),
                found,
            ));
        }
        let (batch, sweeps) = (responses.maps[0].dim(0)?, responses.maps.len());
        if labels.dims() != [batch, sweeps, groups.len()] {
            return Err(Error::shape("labels", [batch, sweeps, groups.len()], labels.dims()));
        }
        let logits = &responses.labels[0];
        let class_weights = match &terms.class_weights {
            None => None,
            Some(weights) if weights.len() == n_classes => {
                Some(Tensor::from_slice(weights, n_classes, logits.device())?.to_dtype(logits.dtype())?)
            }
            Some(weights) => {
                return Err(Error::config("class_weights", format!("{n_classes} numbers"), weights.len()));
            }
        };
        Ok(Self { groups, labels, class_weights })
    }

    /// Mean over batch and sweeps together; summed over label groups.
    fn cross_entropy(&self, logits: &[&Tensor], sweeps: &[usize]) -> Result<Tensor> {
        let all = Tensor::cat(logits, 0)?;
        let mut sum: Option<Tensor> = None;
        for (g, group) in self.groups.iter().enumerate() {
            let mut labels = Vec::with_capacity(sweeps.len());
            for &sweep in sweeps {
                labels.push(self.labels.narrow(1, sweep, 1)?.narrow(2, g, 1)?.flatten_all()?);
            }
            let labels = Tensor::cat(&labels, 0)?.to_device(all.device())?.to_dtype(DType::I64)?;
            let logits = all.narrow(1, group.start, group.len())?;
            let weights = match &self.class_weights {
                Some(weights) => Some(weights.narrow(0, group.start, group.len())?),
                None => None,
            };
            let term = ops::cross_entropy(&logits, &labels, weights.as_ref(), Reduction::Mean)?;
            sum = Some(match sum {
                Some(sum) => (sum + term)?,
                None => term,
            });
        }
        sum.ok_or_else(|| Error::config("label groups", "at least one", "none"))
    }
}

/// The sum under construction.
#[derive(Default)]
struct Parts {
    total: Option<Tensor>,
    losses: Losses,
}

impl Parts {
    fn add(
        &mut self,
        value: Tensor,
        weight: f64,
        reported: impl FnOnce(&mut Losses) -> &mut f64,
    ) -> Result<()> {
        *reported(&mut self.losses) += scalar(&value)?;
        if weight != 0.0 {
            let weighted = (value * weight)?;
            self.total = Some(match self.total.take() {
                Some(total) => (total + weighted)?,
                None => weighted,
            });
        }
        Ok(())
    }
}

fn scalar(value: &Tensor) -> Result<f64> {
    match value.dtype() {
        DType::F64 => Ok(value.to_scalar::<f64>()?),
        _ => Ok(f64::from(value.to_dtype(DType::F32)?.to_scalar::<f32>()?)),
    }
}
