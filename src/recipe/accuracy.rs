//! Shares of right answers, with their uncertainty.

use serde::Serialize;

use super::ReadoutStep;
use crate::analysis::statistics::wilson;
use crate::dynamics::{Pass, TimeUnit};
use crate::task::Question;

/// A share of trials with its Wilson interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    pub accuracy: f64,
    pub correct: u64,
    pub n: u64,
    /// 95 %, Wilson score: low and high.
    pub interval: [f64; 2],
}

impl Share {
    pub fn of(correct: u64, n: u64) -> Self {
        let interval = wilson(correct, n);
        let accuracy = correct as f64 / n.max(1) as f64;
        Self { accuracy, correct, n, interval: [interval.low, interval.high] }
    }
}

/// Right answers at one scored timestep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// Phase or sweep, from 0.
    pub index: usize,
    /// Timestep whose read-out was scored.
    pub t: usize,
    #[serde(flatten)]
    pub share: Share,
}

/// Accuracy of a run on labelled stimuli: per phase or per sweep, and of the read-out pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Accuracy {
    /// Of the read-out at the end of each phase, against the object picked then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Scored>,
    /// Over all phases together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Share>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sweeps: Vec<Scored>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_out: Option<Share>,
    /// Separate questions, each answered by outputs of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<QuestionAccuracy>,
    /// Trials whose gain map of the image prefers the right one of two places after the last sweep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Share>,
}

/// Right answers to one of several questions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuestionAccuracy {
    pub name: String,
    pub sweeps: Vec<Scored>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_out: Option<Share>,
}

impl QuestionAccuracy {
    /// `question`: with the answers of all trials.
    fn of(question: &Question, steps: &[ReadoutStep]) -> Self {
        let mut accuracy = Self { name: question.name.clone(), sweeps: Vec::new(), read_out: None };
        for step in steps {
            let rows = step.logits.chunks(step.n_classes.max(1)).zip(&question.answers);
            let right = rows.filter(|(row, answer)| {
                let outputs = row.get(question.outputs.clone()).unwrap_or_default();
                first_largest(outputs) as i64 == **answer
            });
            let share = Share::of(right.count() as u64, question.answers.len() as u64);
            match step.pass {
                Pass::ReadOut => accuracy.read_out = Some(share),
                _ => accuracy.sweeps.push(Scored { index: step.pass_index, t: step.t, share }),
            }
        }
        accuracy
    }
}

/// Position of the largest value, the first of equal ones.
pub(super) fn first_largest(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

impl Accuracy {
    /// `None` if nothing was scored. `decisions`: whether each trial's was right.
    pub(super) fn of(
        steps: &[ReadoutStep],
        time_unit: TimeUnit,
        questions: &[Question],
        decisions: &[bool],
    ) -> Option<Self> {
        let questions = questions.iter().map(|question| QuestionAccuracy::of(question, steps)).collect();
        let mut accuracy = Self { questions, ..Self::default() };
        if !decisions.is_empty() {
            let right = decisions.iter().filter(|&&right| right).count();
            accuracy.decision = Some(Share::of(right as u64, decisions.len() as u64));
        }
        for step in steps {
            let Some(labels) = &step.labels else { continue };
            let right = step.predictions().zip(labels).filter(|(found, label)| *found as i64 == **label);
            let share = Share::of(right.count() as u64, labels.len() as u64);
            match (step.pass, time_unit) {
                (Pass::ReadOut, _) => accuracy.read_out = Some(share),
                (_, TimeUnit::Pass) => {
                    accuracy.phases.push(Scored { index: step.phase, t: step.t, share });
                }
                _ => accuracy.sweeps.push(Scored { index: step.pass_index, t: step.t, share }),
            }
        }
        if !accuracy.phases.is_empty() {
            let sum = |of: fn(&Share) -> u64| accuracy.phases.iter().map(|phase| of(&phase.share)).sum();
            accuracy.mean = Some(Share::of(sum(|share| share.correct), sum(|share| share.n)));
        }
        (accuracy != Self::default()).then_some(accuracy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(pass: Pass, phase: usize, logits: &[f32], labels: &[i64]) -> ReadoutStep {
        ReadoutStep {
            t: phase,
            pass,
            phase,
            pass_index: phase,
            n_classes: 2,
            logits: logits.to_vec(),
            labels: Some(labels.to_vec()),
        }
    }

    #[test]
    fn phases_are_pooled_and_sweeps_are_not() {
        let steps = [
            step(Pass::Sweep, 0, &[0.0, 1.0, 1.0, 0.0], &[1, 0]),
            step(Pass::Sweep, 1, &[0.0, 1.0, 1.0, 0.0], &[0, 0]),
        ];
        let phases = Accuracy::of(&steps, TimeUnit::Pass, &[], &[]).unwrap();
        assert_eq!(phases.mean.unwrap().accuracy, 0.75);
        assert_eq!(phases.phases[1].share.correct, 1);
        let sweeps = Accuracy::of(&steps, TimeUnit::Sweep, &[], &[]).unwrap();
        assert!(sweeps.mean.is_none() && sweeps.sweeps.len() == 2 && sweeps.read_out.is_none());
    }

    #[test]
    fn the_read_out_pass_stands_alone() {
        let steps = [step(Pass::ReadOut, 0, &[2.0, 1.0], &[0])];
        let accuracy = Accuracy::of(&steps, TimeUnit::Sweep, &[], &[]).unwrap();
        assert_eq!(accuracy.read_out.unwrap().accuracy, 1.0);
        assert!(accuracy.sweeps.is_empty());
    }
}
