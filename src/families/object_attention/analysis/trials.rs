//! The protocol run on a batch, reduced to what the analyses read of each stimulus.

use std::ops::ControlFlow;

use super::super::areas::{AreaIndex, MemoryIndex};
use super::super::attention::NO_PICK;
use super::super::train::highest;
use super::super::{Batch, ObjectAttention};
use super::gating::{GateContrast, gate_contrast};
use crate::dynamics::{Controls, Dynamics as _, ProtocolOptions, Run, State, Workspace, flat, rollout};
use crate::error::Result;

/// One stimulus after all phases.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Class of each object, in the order of the targets.
    pub labels: Vec<i64>,
    pub phases: Vec<PhaseResult>,
}

/// What one phase did to one stimulus.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseResult {
    /// Class scores `[pass][class]`.
    pub logits: Vec<Vec<f32>>,
    /// Index of the picked object; `None` if all were taken.
    pub pick: Option<usize>,
    /// Squared distance of the gated picture to each target, whether taken or not.
    pub distances: Vec<f32>,
    /// The gate of the picture that decided the inhibition, on the picked object and elsewhere.
    pub gate: Option<GateContrast>,
    /// Share of inhibited pixels after this phase, per gate from the picture upwards.
    pub inhibited: Vec<f64>,
    /// Share of the picked object's pixels that this phase added to the picture's inhibition.
    pub overlap: Option<f64>,
    /// Mean gate of the picture where this phase adds inhibition, and where it does not.
    pub gate_where_added: Option<f64>,
    pub gate_elsewhere: Option<f64>,
}

impl Trial {
    /// Class of the object picked in `phase`.
    pub fn label(&self, phase: usize) -> Option<i64> {
        self.labels.get(self.phases.get(phase)?.pick?).copied()
    }
}

impl PhaseResult {
    /// Class with the highest score after `pass`, the lowest of equals.
    pub fn prediction(&self, pass: usize) -> i64 {
        highest(&self.logits[pass]) as i64
    }
}

/// Runs the whole protocol on `batch`.
///
/// # Errors
/// Those of the run: stimuli of another size, another number of objects than targets.
pub fn attend(
    model: &ObjectAttention,
    batch: &Batch,
    controls: &Controls,
    workspace: &mut Workspace,
) -> Result<Vec<Trial>> {
    let config = model.config();
    let schedule = model.schedule(&batch.presentation(), &ProtocolOptions::default())?;
    let run = Run::plain(model, &schedule, controls);
    let mut reader = Reader::new(model, batch)?;
    rollout(&run, model.rest(batch.len())?, 0..schedule.len(), workspace, |_, drive, state| {
        reader.read_scores(state)?;
        if drive.pass_index + 2 == config.passes {
            reader.gate = flat(&state.areas[reader.at.gate(0)])?;
        }
        if drive.pass_index + 1 == config.passes {
            reader.finish_phase(state)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(reader.trials)
}

/// Takes what the analyses need out of the states as they pass.
struct Reader<'a> {
    at: AreaIndex,
    memory: MemoryIndex,
    n_stages: usize,
    batch: &'a Batch,
    x: Vec<f32>,
    targets: Vec<f32>,
    /// Scores of the present phase, `[pass][trial * class]`.
    scores: Vec<Vec<f32>>,
    /// Gate of the picture after the last pass but one.
    gate: Vec<f32>,
    trials: Vec<Trial>,
}

impl<'a> Reader<'a> {
    fn new(model: &ObjectAttention, batch: &'a Batch) -> Result<Self> {
        let n_stages = model.config().variant.n_stages();
        let labels = |trial: usize| batch.labels.iter().map(|row| row[trial]).collect();
        let trials = (0..batch.len()).map(|trial| Trial { labels: labels(trial), phases: Vec::new() });
        let x = flat(&batch.x)?;
        Ok(Self {
            at: AreaIndex::new(n_stages),
            memory: MemoryIndex::new(n_stages),
            n_stages,
            batch,
            gate: vec![0.0; x.len()],
            x,
            targets: flat(&batch.targets)?,
            scores: Vec::new(),
            trials: trials.collect(),
        })
    }

    fn read_scores(&mut self, state: &State) -> Result<()> {
        self.scores.push(flat(&state.areas[self.at.scores()])?);
        Ok(())
    }

    fn finish_phase(&mut self, state: &State) -> Result<()> {
        let n = self.batch.len();
        let pick: Vec<i64> = state.memory[self.memory.pick()].to_vec1()?;
        let distances: Vec<Vec<f32>> = state.memory[self.memory.distance()].to_vec2()?;
        let maps = |index: &dyn Fn(usize) -> usize| -> Result<Vec<Vec<f32>>> {
            (0..self.n_stages).map(|stage| flat(&state.memory[index(stage)])).collect()
        };
        let next = maps(&|stage| self.memory.next(stage))?;
        let before = flat(&state.memory[self.memory.inhibition(0)])?;
        let n_classes = self.scores.first().map_or(0, |scores| scores.len() / n.max(1));
        for trial in 0..n {
            let picked = usize::try_from(pick[trial]).ok().filter(|_| pick[trial] != NO_PICK);
            let gate = part(&self.gate, trial, n);
            let added: Vec<bool> =
                part(&next[0], trial, n).iter().zip(part(&before, trial, n)).map(|(a, b)| a > b).collect();
            let target =
                picked.map(|object| part(&self.targets, object * n + trial, self.batch.n_objects() * n));
            let x = part(&self.x, trial, n);
            let strength = self.batch.target_strength as f32;
            self.trials[trial].phases.push(PhaseResult {
                logits: self
                    .scores
                    .iter()
                    .map(|all| all[trial * n_classes..][..n_classes].to_vec())
                    .collect(),
                pick: picked,
                distances: distances[trial].clone(),
                gate: target.map(|target| gate_contrast(x, target, gate, strength)),
                inhibited: next.iter().map(|map| share(part(map, trial, n), |&value| value == 1.0)).collect(),
                overlap: target.and_then(|target| overlap(x, target, strength, &added)),
                gate_where_added: mean_where(gate, &added, true),
                gate_elsewhere: mean_where(gate, &added, false),
            });
        }
        self.scores.clear();
        self.gate.fill(0.0);
        Ok(())
    }
}

/// The `index`-th of `n` equal parts.
fn part<T>(values: &[T], index: usize, n: usize) -> &[T] {
    let size = values.len() / n.max(1);
    &values[index * size..][..size]
}

fn share<T>(values: &[T], is_counted: impl Fn(&T) -> bool) -> f64 {
    values.iter().filter(|value| is_counted(value)).count() as f64 / values.len().max(1) as f64
}

/// Share of the object's pixels that are added; the object is where its target keeps more than the
/// background does. `None` without any.
fn overlap(x: &[f32], target: &[f32], strength: f32, added: &[bool]) -> Option<f64> {
    // Half a grey level of a byte.
    let threshold = 0.5 / 255.0 * strength;
    let object = x.iter().zip(target).map(|(&x, &target)| target - (1.0 - strength) * x > threshold);
    let on: Vec<bool> =
        object.zip(added).filter(|(is_object, _)| *is_object).map(|(_, &added)| added).collect();
    (!on.is_empty()).then(|| share(&on, |&added| added))
}

fn mean_where(values: &[f32], mask: &[bool], wanted: bool) -> Option<f64> {
    let chosen: Vec<f64> = values
        .iter()
        .zip(mask)
        .filter(|(_, is_in)| **is_in == wanted)
        .map(|(&value, _)| f64::from(value))
        .collect();
    (!chosen.is_empty()).then(|| chosen.iter().sum::<f64>() / chosen.len() as f64)
}
