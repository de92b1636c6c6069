//! Shares of right answers, with their uncertainty.

use serde::Serialize;

use super::ReadoutStep;
use crate::analysis::statistics::wilson;
use crate::dynamics::{Pass, TimeUnit};

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
}

impl Accuracy {
    /// `None` if nothing was scored.
    pub(super) fn of(steps: &[ReadoutStep], time_unit: TimeUnit) -> Option<Self> {
        let mut accuracy = Self::default();
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
        let phases = Accuracy::of(&steps, TimeUnit::Pass).unwrap();
        assert_eq!(phases.mean.unwrap().accuracy, 0.75);
        assert_eq!(phases.phases[1].share.correct, 1);
        let sweeps = Accuracy::of(&steps, TimeUnit::Sweep).unwrap();
        assert!(sweeps.mean.is_none() && sweeps.sweeps.len() == 2 && sweeps.read_out.is_none());
    }

    #[test]
    fn the_read_out_pass_stands_alone() {
        let steps = [step(Pass::ReadOut, 0, &[2.0, 1.0], &[0])];
        let accuracy = Accuracy::of(&steps, TimeUnit::Sweep).unwrap();
        assert_eq!(accuracy.read_out.unwrap().accuracy, 1.0);
        assert!(accuracy.sweeps.is_empty());
    }
}
