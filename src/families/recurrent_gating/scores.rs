//! Evaluation of a task: losses, mask scores and right answers, summed over batches.

use candle_core::Tensor;

use super::config::Config;
use super::train::{Batch, LossTerms, Mode, Responses, matched, respond};
use crate::analysis::attention_scores::{attention_accuracy, cross_entropy, pixel_error};
use crate::dynamics::flat;
use crate::error::{Error, Result};
use crate::ops;
use crate::weights::Weights;

/// Cross-entropy and right answers of one read-out, summed over trials and questions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelScore {
    pub loss: f64,
    /// Per question.
    pub hits: Vec<u64>,
}

impl LabelScore {
    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        if self.hits.len() < other.hits.len() {
            self.hits.resize(other.hits.len(), 0);
        }
        for (sum, hits) in self.hits.iter_mut().zip(&other.hits) {
            *sum += hits;
        }
    }
}

/// Scores of the maps of one term, each batch weighted by its trials.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MaskScore {
    /// Squared differences (maps from -1 to 1) summed over pixels.
    pub squared: f64,
    /// Maps from 0 to 1.
    pub pixel_error: f64,
    pub attention: f64,
}

/// Sums over the trials of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    pub n_trials: usize,
    /// Per sweep, whichever the loss reads; per visit where objects are matched.
    pub sweeps: Vec<LabelScore>,
    /// Which of `sweeps` the loss reads.
    pub scored: Vec<usize>,
    /// Per mask term of the loss; per visit where objects are matched.
    pub masks: Vec<MaskScore>,
    pub read_out: Option<LabelScore>,
    /// Are the scores those of visits?
    pub matched: bool,
}

impl Scores {
    /// Of one batch, by the sweeps and the class weights that `terms` name.
    ///
    /// # Errors
    /// Those of the network; [`Error::Shape`] for labels or masks that do not fit.
    pub fn of_batch(config: &Config, weights: &Weights, batch: &Batch, terms: &LossTerms) -> Result<Self> {
        ops::on_deep_stack(|| {
            let weights = weights.detached()?;
            let with_read_out = terms.read_out.is_some();
            let responses = respond(config, &weights, batch, with_read_out, Mode::default())?;
            if terms.matched {
                visits(config, batch, terms, &responses)
            } else {
                sweeps(config, batch, terms, &responses)
            }
        })
    }

    /// Adds another batch of the same task.
    pub fn add(&mut self, other: &Self) {
        if self.n_trials == 0 {
            *self = other.clone();
            return;
        }
        self.n_trials += other.n_trials;
        for (sum, more) in self.sweeps.iter_mut().zip(&other.sweeps) {
            sum.add(more);
        }
        for (sum, more) in self.masks.iter_mut().zip(&other.masks) {
            sum.squared += more.squared;
            sum.pixel_error += more.pixel_error;
            sum.attention += more.attention;
        }
        if let (Some(sum), Some(more)) = (&mut self.read_out, &other.read_out) {
            sum.add(more);
        }
    }

    /// What one trial counts; visits share it.
    fn per_visit(&self) -> f64 {
        if self.matched { self.sweeps.len().max(1) as f64 } else { 1.0 }
    }

    /// Cross-entropy summed over the scored sweeps (averaged over visits), summed over trials.
    pub fn class_loss(&self) -> f64 {
        let scored = self.scored.iter().filter_map(|&sweep| self.sweeps.get(sweep));
        scored.map(|score| score.loss).sum::<f64>() / self.per_visit()
    }

    /// Cross-entropy of the read-out pass summed over trials; 0 without such a pass.
    pub fn read_out_loss(&self) -> f64 {
        self.read_out.as_ref().map_or(0.0, |score| score.loss)
    }

    fn mean_mask(&self, of: fn(&MaskScore) -> f64) -> f64 {
        self.masks.iter().map(of).sum::<f64>() / self.masks.len().max(1) as f64
    }

    /// Pixel error times trials; 0 without masks.
    pub fn pixel_error(&self) -> f64 {
        self.mean_mask(|score| score.pixel_error)
    }

    /// Attention accuracy times trials; 0 without masks.
    pub fn attention(&self) -> f64 {
        self.mean_mask(|score| score.attention)
    }

    /// Right answers of the read-out pass, or of the visits (their sum divided by their number).
    pub fn hits(&self) -> u64 {
        let sum = |score: &LabelScore| score.hits.iter().sum::<u64>();
        match &self.read_out {
            Some(score) => sum(score),
            None if self.matched => {
                self.sweeps.iter().map(sum).sum::<u64>() / self.sweeps.len().max(1) as u64
            }
            None => self.scored.last().and_then(|&sweep| self.sweeps.get(sweep)).map_or(0, sum),
        }
    }

    /// Questions that a read-out answers; 0 without labels.
    fn n_questions(&self) -> usize {
        self.sweeps.first().map_or(0, |score| score.hits.len())
    }

    /// Shares of right answers per sweep (or visit) and of the read-out pass, over all questions; the
    /// attention accuracy alone where nothing is named.
    pub fn shares(&self) -> Vec<f64> {
        let answers = (self.n_trials * self.n_questions()) as f64;
        if answers == 0.0 {
            return vec![self.per_trial()[3]];
        }
        let share = |score: &LabelScore| score.hits.iter().sum::<u64>() as f64 / answers;
        self.sweeps.iter().chain(&self.read_out).map(share).collect()
    }

    /// The share of right answers that stands for the task, or its attention accuracy.
    pub fn headline(&self) -> f64 {
        match self.n_trials * self.n_questions() {
            0 => self.per_trial()[3],
            answers => self.hits() as f64 / answers as f64,
        }
    }

    /// Class loss, read-out loss, pixel error, attention accuracy and accuracy per trial.
    pub fn per_trial(&self) -> [f64; 5] {
        let sums = [
            self.class_loss(),
            self.read_out_loss(),
            self.pixel_error(),
            self.attention(),
            self.hits() as f64,
        ];
        sums.map(|sum| sum / self.n_trials.max(1) as f64)
    }
}

/// Negative log-likelihoods and hits of `logits` `[batch, classes]` against `labels` `[batch, groups]`.
fn label_score(logits: &Tensor, labels: &[i64], config: &Config, terms: &LossTerms) -> Result<LabelScore> {
    let whole = std::iter::once(0..config.n_classes());
    let groups: Vec<_> = if terms.groups.is_empty() { whole.collect() } else { terms.groups.clone() };
    let (values, classes) = (flat(logits)?, logits.dim(1)?);
    let mut score = LabelScore { loss: 0.0, hits: vec![0; groups.len()] };
    for (row, labels) in values.chunks(classes).zip(labels.chunks(groups.len())) {
        for (g, (group, &label)) in groups.iter().zip(labels).enumerate() {
            let logits = row.get(group.clone()).unwrap_or_default();
            let Some(label) = usize::try_from(label).ok().filter(|&label| label < logits.len()) else {
                return Err(Error::config("label", format!("0 to {}", logits.len()), label));
            };
            let weights = terms.class_weights.as_ref();
            let weight = weights.map_or(1.0, |weights| weights[group.start + label]);
            score.loss += weight * cross_entropy(logits, label);
            let best = (1..logits.len()).fold(0, |best, k| if logits[k] > logits[best] { k } else { best });
            score.hits[g] += u64::from(best == label);
        }
    }
    Ok(score)
}

fn mask_score(maps: &[f32], targets: &[f32], n: usize) -> MaskScore {
    let squared = maps.iter().zip(targets).map(|(&p, &t)| (f64::from(p) - f64::from(t)).powi(2)).sum();
    MaskScore {
        squared,
        pixel_error: pixel_error(maps, targets) * n as f64,
        attention: attention_accuracy(maps, targets) * n as f64,
    }
}

/// `[batch, sweeps, groups]` as one list per sweep.
fn label_columns(labels: &Tensor) -> Result<Vec<Vec<i64>>> {
    let labels = labels.to_dtype(candle_core::DType::I64)?;
    (0..labels.dim(1)?).map(|t| Ok(labels.narrow(1, t, 1)?.flatten_all()?.to_vec1()?)).collect()
}

fn sweeps(config: &Config, batch: &Batch, terms: &LossTerms, responses: &Responses) -> Result<Scores> {
    let n = responses.maps.first().map_or(Ok(0), |map| map.dim(0))?;
    let mut scores = Scores { n_trials: n, ..Scores::default() };
    if let Some(labels) = &batch.labels {
        let columns = label_columns(labels)?;
        if columns.len() != responses.labels.len() {
            return Err(Error::shape("labels per sweep", [responses.labels.len()], &[columns.len()]));
        }
        for (logits, labels) in responses.labels.iter().zip(&columns) {
            scores.sweeps.push(label_score(logits, labels, config, terms)?);
        }
        scores.scored = terms.labels.iter().flat_map(|term| term.sweeps.clone()).collect();
        if let (Some(logits), Some(last)) = (&responses.read_out, columns.last()) {
            scores.read_out = Some(label_score(logits, last, config, terms)?);
        }
    }
    if let Some(masks) = &batch.masks {
        for term in &terms.masks {
            let (mut maps, mut targets) = (Vec::new(), Vec::new());
            for &sweep in &term.sweeps {
                maps.extend(flat(&responses.maps[sweep])?);
                targets.extend(flat(&masks.narrow(1, sweep, 1)?)?);
            }
            scores.masks.push(mask_score(&maps, &targets, n));
        }
    }
    Ok(scores)
}

fn visits(config: &Config, batch: &Batch, terms: &LossTerms, responses: &Responses) -> Result<Scores> {
    let last: &[usize] = terms.masks.first().map_or(&[], |term| &term.sweeps);
    let maps: Vec<&Tensor> = last.iter().map(|&sweep| &responses.maps[sweep]).collect();
    let found = matched(&maps, batch)?;
    let n = responses.maps.first().map_or(Ok(0), |map| map.dim(0))?;
    let mut scores = Scores { n_trials: n, matched: true, ..Scores::default() };
    let columns = found.labels.as_ref().map(label_columns).transpose()?.unwrap_or_default();
    for (visit, &sweep) in last.iter().enumerate() {
        if let Some(labels) = columns.get(visit) {
            scores.sweeps.push(label_score(&responses.labels[sweep], labels, config, terms)?);
        }
        let target = flat(&found.masks.narrow(1, visit, 1)?)?;
        scores.masks.push(mask_score(&flat(maps[visit])?, &target, n));
    }
    scores.scored = (0..scores.sweeps.len()).collect();
    Ok(scores)
}
