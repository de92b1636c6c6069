//! One training update: the loss of a task over a run, gradients through all its sweeps, clipping,
//! the optimiser.

mod matching;
mod terms;

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::config::Config;
use super::model::{ATTENTION, RecurrentGating};
use super::protocol::drive;
use super::stages::Dropout;
use super::tasks::{LossSpec, TaskSpec};
use super::weights::trainable;
use crate::dynamics::{
    Controls, Dynamics, Frame, Instruction, Pass, Run, Schedule, Workspace, find_area, rollout,
};
use crate::error::{Error, Result};
use crate::ops;
use crate::train::{Gradients, Optimiser, clip_global_norm, gradients};
use crate::weights::Weights;
pub(super) use matching::matched;
pub(super) use terms::Scorer;

/// The stimuli of one update, all of one task.
#[derive(Clone, Debug)]
pub struct Batch {
    /// One per sweep.
    pub frames: Vec<Arc<Frame>>,
    /// One per sweep, or empty.
    pub instructions: Vec<Option<Instruction>>,
    /// `[batch, sweeps, label groups]`, `i64`; each an index inside its group. Objects in place of
    /// sweeps where they are matched.
    pub labels: Option<Tensor>,
    /// Maps that the attention output should equal, -1…1: `[batch, sweeps, 1, height, width]`, or
    /// objects in place of sweeps.
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
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// Weight of the mean attention (0…1) after the last sweep.
    pub mask_penalty: f64,
    /// Cross-entropies over sweeps are weighted by `(sweep + 1) / sweeps of the term` and summed,
    /// instead of averaged over all together.
    pub sequential: bool,
    /// Inhibition of return: labels and masks are sets, and each term's sweeps visit their members.
    pub matched: bool,
}

/// What an update reports; sums over the terms of a kind, each unweighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    pub labels: f64,
    pub masks: f64,
    pub read_out: f64,
    /// Mean attention (0…1) after the last sweep; 0 where it costs nothing.
    pub attention: f64,
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
    /// Normalise by the statistics of the batch and move the stored ones, as in training mode; BlockNet
    /// with batch or instance norms only.
    pub moving_statistics: bool,
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
        let mut terms = Self {
            labels,
            masks,
            read_out,
            groups,
            class_weights: task.class_weights.clone(),
            mask_penalty: 0.0,
            sequential: false,
            matched: false,
        };
        if task.is_matched() {
            let visits = task.visits(n_sweeps)?;
            terms.matched = true;
            terms.read_out = None;
            for term in terms.labels.iter_mut().chain(&mut terms.masks) {
                term.sweeps.clone_from(&visits);
            }
        }
        Ok(terms)
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
        let mode = Mode { dropout: settings.dropout, moving_statistics: settings.moving_statistics };
        let (loss, mut losses, statistics) = loss_in(config, &variables, batch, terms, mode)?;
        if !losses.total.is_finite() {
            return Err(Error::Diverged { what: "the loss".to_owned(), t: batch.frames.len() });
        }
        let gradients = gradients(&loss, &variables)?;
        let (clipped, norm) = clip_global_norm(&gradients, settings.max_grad_norm)?;
        losses.gradient_norm = norm;
        let weights = optimiser.update(weights, &clipped)?.with(statistics);
        Ok(Update { losses, gradients, weights })
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
    let mode = Mode { dropout, moving_statistics: false };
    let (total, losses, _) = loss_in(config, weights, batch, terms, mode)?;
    Ok((total, losses))
}

/// What training does differently from showing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mode {
    pub(super) dropout: Option<Dropout>,
    pub(super) moving_statistics: bool,
}

/// As [`loss`], and the statistics that the run moved.
fn loss_in(
    config: &Config,
    weights: &Weights,
    batch: &Batch,
    terms: &LossTerms,
    mode: Mode,
) -> Result<(Tensor, Losses, Vec<(String, Tensor)>)> {
    let mut responses = respond(config, weights, batch, terms.read_out.is_some(), mode)?;
    let statistics = std::mem::take(&mut responses.statistics);
    let mut parts = Parts::default();
    if terms.mask_penalty != 0.0 {
        let last = responses.maps.last().map(|map| (map + 1.0)? / 2.0).transpose()?;
        if let Some(attention) = last {
            parts.add(attention.mean_all()?, terms.mask_penalty, |losses| &mut losses.attention)?;
        }
    }
    if terms.matched {
        matching::add(&mut parts, config, batch, terms, &responses)?;
        let total = parts.total.ok_or_else(nothing_to_learn)?;
        parts.losses.total = scalar(&total)?;
        return Ok((total, parts.losses, statistics));
    }
    if let Some(labels) = &batch.labels {
        let (n, sweeps) = (responses.maps[0].dim(0)?, responses.maps.len());
        let scorer = Scorer::new(terms, labels, config.n_classes(), [n, sweeps], &responses.labels[0])?;
        for term in &terms.labels {
            let logits: Vec<&Tensor> = term.sweeps.iter().map(|&sweep| &responses.labels[sweep]).collect();
            parts.add(scorer.term(&logits, &term.sweeps)?, term.weight, |losses| &mut losses.labels)?;
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
    let total = parts.total.ok_or_else(nothing_to_learn)?;
    parts.losses.total = scalar(&total)?;
    Ok((total, parts.losses, statistics))
}

fn nothing_to_learn() -> Error {
    Error::config("loss", "of at least one term with a weight and a target", "none")
}

/// What the loss reads of a run, per sweep.
pub(super) struct Responses {
    /// Logits `[batch, classes]`.
    pub(super) labels: Vec<Tensor>,
    /// Attention outputs `[batch, 1, height, width]`.
    pub(super) maps: Vec<Tensor>,
    pub(super) read_out: Option<Tensor>,
    /// Running statistics after the run, by name; empty unless it moved them.
    pub(super) statistics: Vec<(String, Tensor)>,
}

/// Runs a batch, with the read-out pass if asked for.
///
/// # Errors
/// Those of the network.
pub(super) fn respond(
    config: &Config,
    weights: &Weights,
    batch: &Batch,
    with_read_out: bool,
    mode: Mode,
) -> Result<Responses> {
    let mut model = RecurrentGating::new(config, weights, mode.dropout)?;
    if mode.moving_statistics {
        model.start_moving_statistics();
    }
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
    let run = Run::plain(&model, &schedule, &controls);
    let map = find_area(model.areas(), ATTENTION)?;
    let mut responses =
        Responses { labels: Vec::new(), maps: Vec::new(), read_out: None, statistics: Vec::new() };
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
    responses.statistics = model.moved_statistics()?;
    Ok(responses)
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
