//! Accuracy by phase and pass, and which object is attended first.
//!
//! Source: `test_mnist.py`, `test_coco.py`.

use serde::Serialize;

use super::Trial;
use crate::analysis::statistics::{Interval, wilson};

/// A share with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Accuracy {
    pub correct: u64,
    pub n: u64,
    /// NaN for n = 0.
    pub share: f64,
    /// Wilson's.
    pub interval: Interval,
}

impl Accuracy {
    fn of(outcomes: impl IntoIterator<Item = bool>) -> Self {
        let (mut correct, mut n) = (0, 0);
        for is_correct in outcomes {
            correct += u64::from(is_correct);
            n += 1;
        }
        Self { correct, n, share: correct as f64 / n as f64, interval: wilson(correct, n) }
    }
}

/// Everything the reference's test reports.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccuracyTable {
    /// Last pass, over all stimuli and phases.
    pub overall: Accuracy,
    /// Last pass of each phase.
    pub phases: Vec<Accuracy>,
    /// `[phase][pass]`, always against the object that the phase picks in the end.
    pub passes: Vec<Vec<Accuracy>>,
    /// `[phase][pass]`, right if the prediction is the class of any object.
    pub any_object: Vec<Vec<Accuracy>>,
    /// Mean probability of the winning class, `[phase][pass]`.
    pub confidence: Vec<Vec<f64>>,
    /// Stimuli with every phase right.
    pub all_phases: Accuracy,
    /// `[class of the picked object][prediction]`, last passes.
    pub confusion: Vec<Vec<u64>>,
    /// Mean over the classes that occur of the share recognised.
    pub balanced_accuracy: f64,
    /// Mean F1 over all classes; 0 for one that neither occurs nor is predicted.
    pub macro_f1: f64,
    /// How often each object, by position, was picked in the first phase.
    pub first_choice: Vec<u64>,
}

/// Phases without a pick do not count.
pub fn accuracy(trials: &[Trial], n_classes: usize) -> AccuracyTable {
    let shape = trials.first();
    let n_phases = shape.map_or(0, |trial| trial.phases.len());
    let n_passes = shape.and_then(|trial| trial.phases.first()).map_or(0, |phase| phase.logits.len());
    let n_objects = shape.map_or(0, |trial| trial.labels.len());
    let last = n_passes.saturating_sub(1);
    let by_phase_and_pass = |is_right: &dyn Fn(&Trial, usize, usize) -> Option<bool>| -> Vec<Vec<Accuracy>> {
        let cell = |phase, pass| Accuracy::of(trials.iter().filter_map(|trial| is_right(trial, phase, pass)));
        (0..n_phases).map(|phase| (0..n_passes).map(|pass| cell(phase, pass)).collect()).collect()
    };
    let is_right = |trial: &Trial, phase: usize, pass: usize| {
        trial.label(phase).map(|label| trial.phases[phase].prediction(pass) == label)
    };
    let names_any = |trial: &Trial, phase: usize, pass: usize| {
        Some(trial.labels.contains(&trial.phases[phase].prediction(pass)))
    };
    let confidence = |phase: usize, pass: usize| {
        let top = trials.iter().map(|trial| top_probability(&trial.phases[phase].logits[pass]));
        top.sum::<f64>() / trials.len() as f64
    };
    let mut confusion = vec![vec![0; n_classes]; n_classes];
    let mut first_choice = vec![0; n_objects];
    for trial in trials {
        for (phase, result) in trial.phases.iter().enumerate() {
            let truth = trial.label(phase).and_then(|label| usize::try_from(label).ok());
            let prediction = result.prediction(last) as usize;
            if let Some(cell) = truth.and_then(|truth| confusion.get_mut(truth)?.get_mut(prediction)) {
                *cell += 1;
            }
        }
        if let Some(object) = trial.phases.first().and_then(|phase| phase.pick) {
            first_choice[object] += 1;
        }
    }
    let passes = by_phase_and_pass(&is_right);
    let scored = |trial: &Trial| (0..n_phases).map(|phase| is_right(trial, phase, last)).collect::<Vec<_>>();
    let (balanced_accuracy, macro_f1) = class_scores(&confusion);
    AccuracyTable {
        overall: Accuracy::of(trials.iter().flat_map(scored).flatten()),
        phases: passes.iter().filter_map(|phase| phase.last().copied()).collect(),
        any_object: by_phase_and_pass(&names_any),
        confidence: (0..n_phases)
            .map(|phase| (0..n_passes).map(|pass| confidence(phase, pass)).collect())
            .collect(),
        all_phases: Accuracy::of(
            trials.iter().map(|trial| scored(trial).iter().all(|&right| right == Some(true))),
        ),
        passes,
        confusion,
        balanced_accuracy,
        macro_f1,
        first_choice,
    }
}

/// Balanced accuracy and macro F1 of a confusion matrix `[truth][prediction]`.
pub fn class_scores(confusion: &[Vec<u64>]) -> (f64, f64) {
    let mut recalls = Vec::new();
    let mut f1 = 0.0;
    for (class, row) in confusion.iter().enumerate() {
        let hits = row[class] as f64;
        let occurs = row.iter().sum::<u64>() as f64;
        let predicted = confusion.iter().map(|row| row[class]).sum::<u64>() as f64;
        if occurs > 0.0 {
            recalls.push(hits / occurs);
        }
        if occurs + predicted > 0.0 {
            f1 += 2.0 * hits / (occurs + predicted);
        }
    }
    (recalls.iter().sum::<f64>() / recalls.len() as f64, f1 / confusion.len() as f64)
}

fn top_probability(logits: &[f32]) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    1.0 / logits.iter().map(|&logit| f64::from(logit - max).exp()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::super::PhaseResult;
    use super::*;

    fn phase(pick: Option<usize>, predictions: &[usize]) -> PhaseResult {
        let one_hot = |&class: &usize| (0..3).map(|k| if k == class { 2.0 } else { 0.0 }).collect();
        PhaseResult {
            logits: predictions.iter().map(one_hot).collect(),
            pick,
            distances: vec![0.0; 2],
            gate: None,
            inhibited: Vec::new(),
            overlap: None,
            gate_where_added: None,
            gate_elsewhere: None,
        }
    }

    #[test]
    fn every_pass_is_judged_by_the_object_picked_in_the_end() {
        let trials = [
            Trial { labels: vec![0, 1], phases: vec![phase(Some(1), &[0, 1]), phase(Some(0), &[1, 0])] },
            Trial { labels: vec![2, 1], phases: vec![phase(Some(1), &[1, 1]), phase(Some(0), &[0, 0])] },
        ];
        let table = accuracy(&trials, 3);
        let shares = |phase: usize| table.passes[phase].iter().map(|cell| cell.share).collect::<Vec<_>>();
        assert_eq!(shares(0), [0.5, 1.0]);
        assert_eq!(shares(1), [0.0, 0.5]);
        assert_eq!((table.overall.correct, table.overall.n), (3, 4));
        assert_eq!((table.all_phases.correct, table.all_phases.n), (1, 2));
        assert_eq!(table.first_choice, [0, 2]);
        assert_eq!(table.any_object[0][0].share, 1.0);
        assert_eq!(table.confusion, [[1, 0, 0], [0, 2, 0], [1, 0, 0]]);
        assert!((table.balanced_accuracy - 2.0 / 3.0).abs() < 1e-12);
        assert!((table.macro_f1 - (2.0 / 3.0 + 1.0 + 0.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn phases_without_a_pick_do_not_count() {
        let trials = [Trial { labels: vec![1], phases: vec![phase(Some(0), &[1]), phase(None, &[1])] }];
        let table = accuracy(&trials, 3);
        assert_eq!((table.phases[0].n, table.phases[1].n, table.overall.n), (1, 0, 1));
        assert_eq!(table.all_phases.correct, 0);
    }
}
