//! Right answers and losses, counted as trials pass; nothing of a trial is kept.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::accuracy::first_largest;
use crate::analysis::statistics::Running;
use crate::dynamics::Pass;
use crate::error::{Error, Result};
use crate::task::{Condition, Question};

/// Answers among which the right one has to be for the lenient count.
const LENIENT: usize = 5;
/// Classes from which on the lenient count says something.
const LENIENT_CLASSES: usize = 20;

/// When an answer is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// After this timestep of the run.
    Timestep(usize),
    /// At the end of a phase.
    Phase(usize),
    /// The answer of the whole trial: of the read-out pass, else of all phases together, else of the last
    /// timestep that is scored.
    Final,
}

/// Which trials are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    All,
    Class(usize),
    /// Number of the condition, and its value.
    Condition(usize, String),
    Question(usize),
}

/// Counts of a group at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) n: u64,
    pub(super) correct: u64,
    /// With the right answer among the five first.
    pub(super) lenient: u64,
    /// Cross-entropy in nats.
    pub(super) loss: Running,
}

/// The read-out of a batch at one timestep.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) t: usize,
    pub(super) pass: Pass,
    pub(super) phase: usize,
    /// `[trial, class]`.
    pub(super) logits: Vec<f32>,
    /// `[trial]`, where this timestep is scored.
    pub(super) labels: Option<Vec<i64>>,
    /// `[trial]`, where this timestep has such a loss.
    pub(super) mask_losses: Option<Vec<f64>>,
}

/// All counts.
#[derive(Clone, Debug)]
pub(super) struct Tallies {
    n_classes: usize,
    pub(super) counts: BTreeMap<(Moment, Group), Tally>,
    /// Over all trials.
    pub(super) mask_losses: BTreeMap<Moment, Running>,
    /// Pass and phase of each timestep that was judged.
    pub(super) timesteps: BTreeMap<usize, (Pass, usize)>,
}

impl Tallies {
    pub(super) fn new(n_classes: usize) -> Self {
        Self { n_classes, counts: BTreeMap::new(), mask_losses: BTreeMap::new(), timesteps: BTreeMap::new() }
    }

    /// Is the lenient count worth reporting?
    pub(super) fn is_lenient(&self) -> bool {
        self.n_classes >= LENIENT_CLASSES
    }

    /// Counts a batch: all its read-outs in the order of time.
    ///
    /// # Errors
    /// [`Error::Config`] for an answer beyond the classes of the model.
    pub(super) fn add(
        &mut self,
        mut answers: Vec<Answers>,
        conditions: &[Condition],
        questions: &[Question],
    ) -> Result<()> {
        let ends = ends(&answers);
        let has_phases = ends.iter().filter(|&&at| answers[at].pass != Pass::ReadOut).count() > 1;
        let read_out =
            answers.iter().rposition(|answer| answer.pass == Pass::ReadOut && answer.labels.is_some());
        self.add_mask_losses(&answers);
        carry_back(&mut answers);
        for (at, answer) in answers.iter().enumerate() {
            let Some(labels) = &answer.labels else { continue };
            self.timesteps.insert(answer.t, (answer.pass, answer.phase));
            let is_end = ends.contains(&at) && answer.pass != Pass::ReadOut;
            let is_final = match read_out {
                Some(read_out) => at == read_out,
                None if has_phases => is_end,
                None => ends.last() == Some(&at),
            };
            for (trial, (row, &label)) in answer.logits.chunks(self.n_classes.max(1)).zip(labels).enumerate()
            {
                // Nothing was asked of this trial.
                let Ok(label) = usize::try_from(label) else { continue };
                let judged = judge(row, label)?;
                self.count(Moment::Timestep(answer.t), Group::All, judged);
                if has_phases && is_end {
                    self.count_groups(Moment::Phase(answer.phase), trial, label, conditions, judged);
                }
                if is_final {
                    self.count_groups(Moment::Final, trial, label, conditions, judged);
                }
            }
        }
        self.add_questions(&answers, conditions, questions)
    }

    /// Of every timestep that has one, and of the last of each phase.
    fn add_mask_losses(&mut self, answers: &[Answers]) {
        let lossy: Vec<&Answers> = answers.iter().filter(|answer| answer.mask_losses.is_some()).collect();
        let ends: BTreeMap<usize, usize> = lossy.iter().map(|answer| (answer.phase, answer.t)).collect();
        for answer in lossy {
            self.timesteps.insert(answer.t, (answer.pass, answer.phase));
            let is_end = ends.get(&answer.phase) == Some(&answer.t);
            let moments = [
                Some(Moment::Timestep(answer.t)),
                (is_end && ends.len() > 1).then_some(Moment::Phase(answer.phase)),
                is_end.then_some(Moment::Final),
            ];
            for moment in moments.into_iter().flatten() {
                let running = self.mask_losses.entry(moment).or_default();
                answer.mask_losses.iter().flatten().for_each(|&loss| running.add(loss));
            }
        }
    }

    fn add_questions(
        &mut self,
        answers: &[Answers],
        conditions: &[Condition],
        questions: &[Question],
    ) -> Result<()> {
        let last =
            answers.iter().rposition(|answer| answer.pass == Pass::ReadOut).or(answers.len().checked_sub(1));
        for (at, answer) in answers.iter().enumerate().filter(|_| !questions.is_empty()) {
            self.timesteps.insert(answer.t, (answer.pass, answer.phase));
            for (number, question) in questions.iter().enumerate() {
                let rows = answer.logits.chunks(self.n_classes.max(1)).zip(&question.answers);
                for (trial, (row, &label)) in rows.enumerate() {
                    let Range { start, end } = question.outputs;
                    let outputs = row.get(start..end).unwrap_or_default();
                    let Ok(label) = usize::try_from(label) else { continue };
                    let judged = judge(outputs, label)?;
                    self.count(Moment::Timestep(answer.t), Group::Question(number), judged);
                    if last == Some(at) {
                        self.count(Moment::Final, Group::Question(number), judged);
                        self.count_conditions(Moment::Final, trial, conditions, judged);
                    }
                }
            }
        }
        Ok(())
    }

    fn count_groups(
        &mut self,
        moment: Moment,
        trial: usize,
        label: usize,
        conditions: &[Condition],
        judged: Judged,
    ) {
        self.count(moment, Group::All, judged);
        self.count(moment, Group::Class(label), judged);
        self.count_conditions(moment, trial, conditions, judged);
    }

    fn count_conditions(&mut self, moment: Moment, trial: usize, conditions: &[Condition], judged: Judged) {
        for (number, condition) in conditions.iter().enumerate() {
            if let Some(value) = condition.values.get(trial) {
                self.count(moment, Group::Condition(number, value.clone()), judged);
            }
        }
    }

    fn count(&mut self, moment: Moment, group: Group, judged: Judged) {
        let tally = self.counts.entry((moment, group)).or_default();
        tally.n += 1;
        tally.correct += u64::from(judged.is_right);
        tally.lenient += u64::from(judged.is_near);
        tally.loss.add(judged.loss);
    }
}

/// Positions of the last scored read-out of every phase, and of the read-out pass.
fn ends(answers: &[Answers]) -> Vec<usize> {
    let mut ends: BTreeMap<(usize, bool), usize> = BTreeMap::new();
    for (at, answer) in answers.iter().enumerate().filter(|(_, answer)| answer.labels.is_some()) {
        ends.insert((answer.phase, answer.pass == Pass::ReadOut), at);
    }
    let mut ends: Vec<usize> = ends.into_values().collect();
    ends.sort_unstable();
    ends
}

/// Read-outs that are not scored themselves are judged by the next scored one of their phase.
fn carry_back(answers: &mut [Answers]) {
    let mut next: Option<(usize, Vec<i64>)> = None;
    for answer in answers.iter_mut().rev() {
        match (&answer.labels, &next) {
            (Some(labels), _) => next = Some((answer.phase, labels.clone())),
            (None, Some((phase, labels))) if *phase == answer.phase && answer.pass != Pass::WarmUp => {
                answer.labels = Some(labels.clone());
            }
            (None, _) => {}
        }
    }
}

/// What became of one answer.
#[derive(Clone, Copy, Debug)]
struct Judged {
    is_right: bool,
    is_near: bool,
    loss: f64,
}

/// The scores of one trial against its class; a single score is that of yes (1) against no (0).
fn judge(scores: &[f32], label: usize) -> Result<Judged> {
    let n = scores.len().max(2);
    if label >= n || scores.is_empty() {
        let requirement = format!("below the {n} classes that the model tells apart");
        return Err(Error::config("right answers of the stimulus", requirement, label));
    }
    if let &[score] = scores {
        let (score, is_yes) = (f64::from(score), label == 1);
        let against = if is_yes { -score } else { score };
        let is_right = (score > 0.0) == is_yes;
        return Ok(Judged {
            is_right,
            is_near: is_right,
            loss: against.max(0.0) + (-against.abs()).exp().ln_1p(),
        });
    }
    let own = scores[label];
    let before =
        scores.iter().enumerate().filter(|&(at, &score)| score > own || (score == own && at < label));
    let top = f64::from(scores[first_largest(scores)]);
    let sum: f64 = scores.iter().map(|&score| (f64::from(score) - top).exp()).sum();
    let rank = before.count();
    Ok(Judged { is_right: rank == 0, is_near: rank < LENIENT, loss: top + sum.ln() - f64::from(own) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(t: usize, phase: usize, logits: &[f32], labels: Option<&[i64]>) -> Answers {
        let labels = labels.map(<[i64]>::to_vec);
        Answers { t, pass: Pass::Sweep, phase, logits: logits.to_vec(), labels, mask_losses: None }
    }

    fn get(tallies: &Tallies, moment: Moment, group: Group) -> (u64, u64) {
        tallies.counts.get(&(moment, group)).map_or((0, 0), |tally| (tally.correct, tally.n))
    }

    #[test]
    fn earlier_answers_are_judged_by_the_end_of_their_phase() {
        let mut tallies = Tallies::new(2);
        let batch = vec![
            answers(0, 0, &[1.0, 0.0, 0.0, 1.0], None),
            answers(1, 0, &[0.0, 1.0, 0.0, 1.0], Some(&[1, 1])),
            answers(2, 1, &[0.0, 1.0, 0.0, 1.0], Some(&[0, 1])),
        ];
        let side = Condition { name: "side".to_owned(), values: vec!["left".to_owned(), "right".to_owned()] };
        tallies.add(batch, &[side], &[]).unwrap();
        assert_eq!(get(&tallies, Moment::Timestep(0), Group::All), (1, 2));
        assert_eq!(get(&tallies, Moment::Phase(0), Group::All), (2, 2));
        assert_eq!(get(&tallies, Moment::Phase(1), Group::Class(0)), (0, 1));
        // Both phases together.
        assert_eq!(get(&tallies, Moment::Final, Group::All), (3, 4));
        assert_eq!(get(&tallies, Moment::Final, Group::Condition(0, "left".to_owned())), (1, 2));
    }

    #[test]
    fn the_read_out_pass_is_the_final_answer() {
        let mut tallies = Tallies::new(2);
        let read_out = Answers { pass: Pass::ReadOut, ..answers(1, 0, &[1.0, 0.0], Some(&[0])) };
        tallies.add(vec![answers(0, 0, &[0.0, 1.0], Some(&[0])), read_out], &[], &[]).unwrap();
        assert_eq!(get(&tallies, Moment::Final, Group::All), (1, 1));
        assert_eq!(get(&tallies, Moment::Timestep(0), Group::All), (0, 1));
        assert_eq!(get(&tallies, Moment::Phase(0), Group::All), (0, 0));
    }

    #[test]
    fn mask_losses_need_no_labels() {
        let mut tallies = Tallies::new(2);
        let lossy = |t, loss| Answers { mask_losses: Some(vec![loss]), ..answers(t, 0, &[0.0, 1.0], None) };
        tallies.add(vec![lossy(0, 4.0), lossy(1, 1.0)], &[], &[]).unwrap();
        tallies.add(vec![lossy(0, 2.0), lossy(1, 3.0)], &[], &[]).unwrap();
        let mean = |moment| tallies.mask_losses[&moment].mean();
        assert_eq!((mean(Moment::Timestep(0)), mean(Moment::Final)), (3.0, 2.0));
        assert!(tallies.counts.is_empty() && !tallies.mask_losses.contains_key(&Moment::Phase(0)));
    }

    #[test]
    fn losses_and_ranks_are_those_of_the_definition() {
        let judged = judge(&[1.0, 3.0, 2.0], 2).unwrap();
        let sum = 1f64.exp() + 3f64.exp() + 2f64.exp();
        assert!((judged.loss - (sum.ln() - 2.0)).abs() < 1e-12 && !judged.is_right && judged.is_near);
        // The first of equal scores is the answer.
        assert!(judge(&[1.0, 1.0], 0).unwrap().is_right && !judge(&[1.0, 1.0], 1).unwrap().is_right);
        let yes = judge(&[2.0], 1).unwrap();
        assert!(yes.is_right && (yes.loss - (1.0 + (-2f64).exp()).ln()).abs() < 1e-12);
        assert!(!judge(&[2.0], 0).unwrap().is_right);
        assert!(judge(&[1.0, 3.0, 2.0], 3).unwrap_err().to_string().contains("3 classes"));
    }

    #[test]
    fn questions_are_answered_by_their_own_outputs() {
        let mut tallies = Tallies::new(4);
        let question = Question { name: "colour".to_owned(), outputs: 2..4, answers: vec![1] };
        tallies.add(vec![answers(0, 0, &[9.0, 0.0, 0.0, 1.0], None)], &[], &[question]).unwrap();
        assert_eq!(get(&tallies, Moment::Final, Group::Question(0)), (1, 1));
        assert_eq!(get(&tallies, Moment::Final, Group::All), (0, 0));
    }
}
