//! Evaluation: how often and how surely a network is right, over time, phases, classes and conditions.

mod output;
mod tally;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use output::{figure, write};
pub use tally::Moment;
use tally::{Answers, Group, Tallies, Tally};

use super::execute::{decided, is_last_sweep};
use super::showing::{KnownData, Showing, open_model};
use super::{RunRecipe, Share};
use crate::analysis::statistics::Running;
use crate::dynamics::{Departure, Pass, TimeUnit, flat};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::progress::Progress;
use crate::stimulus::DataIdentity;

/// Everything an evaluation follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateRecipe {
    /// Number of trials; absent is every different stimulus once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<usize>,
    /// Which model, shown what; its own number of trials is not read.
    pub run: RunRecipe,
}

/// A mean with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub n: u64,
    pub mean: f64,
    /// Low and high, by the normal distribution; `null` below two values.
    pub interval: [f64; 2],
}

impl Estimate {
    fn of(values: &Running) -> Self {
        let interval = values.interval();
        Self { n: values.n(), mean: values.mean(), interval: [interval.low, interval.high] }
    }
}

/// One line of an evaluation: some trials, judged at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// `timestep`, `phase` or `final`.
    pub moment: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<Pass>,
    /// From 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<usize>,
    /// `all`, `class`, `question`, or the name of a condition.
    pub group: String,
    /// Which class, question or value; empty for all.
    pub value: String,
    /// Absent where nothing is named and attention alone is judged.
    #[serde(flatten)]
    pub share: Option<Share>,
    /// With the right answer among the five first, for networks of 20 classes or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top5: Option<Share>,
    /// Cross-entropy of the answers in nats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Estimate>,
    /// Mean squared difference of what attention leaves to what it should leave, for families with such
    /// a loss; over all trials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_loss: Option<Estimate>,
}

impl Row {
    /// Trials, or trials times phases.
    pub fn n(&self) -> u64 {
        self.share.map_or_else(|| self.mask_loss.map_or(0, |loss| loss.n), |share| share.n)
    }
}

/// What an evaluation found.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// With stimulus and number of trials filled in.
    pub recipe: RunRecipe,
    pub rows: Vec<Row>,
    /// Trials whose gain map of the image prefers the right one of two places after the last sweep.
    pub decision: Option<Share>,
    pub data: DataIdentity,
    pub time_unit: TimeUnit,
    pub n_timesteps: usize,
    pub published: Option<usize>,
    /// In what it leaves the protocol the network was trained on.
    pub departures: Vec<Departure>,
}

/// Opens the recipe's model and evaluates it.
///
/// # Errors
/// Of opening; as [`evaluate_on`].
pub fn evaluate(recipe: &EvaluateRecipe, progress: &mut dyn Progress) -> Result<(Model, Evaluation)> {
    let model = open_model(&recipe.run)?;
    let evaluation = evaluate_on(&model, recipe, progress)?;
    Ok((model, evaluation))
}

/// As [`evaluate`] on a model that is open already, whatever the recipe's model says. Trials pass in
/// batches and are only counted.
///
/// # Errors
/// Of the stimulus and its data, [`Error::Unsupported`] for stimuli without right answers that the model
/// can be judged by, [`Error::Cancelled`].
pub fn evaluate_on(
    model: &Model,
    recipe: &EvaluateRecipe,
    progress: &mut dyn Progress,
) -> Result<Evaluation> {
    let dynamics = model.dynamics.as_ref();
    let mut run = recipe.run.clone();
    if let (None, Some(data)) = (&run.stimulus, &run.data) {
        run.stimulus = Some(super::stimulus_of_data(model, data)?);
    }
    let mut showing = Showing::open_all(model, &run, recipe.n)?;
    let mut tallies = Tallies::new(dynamics.classes().len());
    let (mut names, mut questions): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut decisions, mut data) = ([0_u64; 2], KnownData::default());
    let (mut about, mut from) = (None, 0);
    while let Some(batch) = showing.batch(from)? {
        let trials = &batch.trials;
        let mut answers: Vec<Answers> = Vec::new();
        let start = showing.onset(&batch, progress)?.state;
        showing.show(&batch, start, progress, |t, drive, state| {
            if let Some(decision) = trials.decision.as_ref().filter(|_| is_last_sweep(drive)) {
                let decided = decided(dynamics, decision, state)?;
                decisions[0] += decided.iter().filter(|&&right| right).count() as u64;
                decisions[1] += decided.len() as u64;
            }
            let Some(logits) = &state.readout else { return Ok(()) };
            let logits = flat(logits)?;
            if logits.iter().any(|logit| !logit.is_finite()) {
                return Err(Error::Diverged { what: "the read-out".to_owned(), t });
            }
            let labels = match &trials.labels {
                Some(labels) => dynamics.scored_labels(labels, drive, state)?,
                None => None,
            };
            let mask = trials.mask_at(drive.shown);
            let mask_losses = dynamics.mask_losses(mask.as_deref(), drive, state)?;
            answers.push(Answers { t, pass: drive.pass, phase: drive.phase, logits, labels, mask_losses });
            Ok(())
        })?;
        tallies.add(answers, &trials.conditions, &trials.questions)?;
        if about.is_none() {
            about = Some((batch.schedule.len(), batch.schedule.published, showing.departures(&batch)));
            names = trials.conditions.iter().map(|condition| condition.name.clone()).collect();
            questions = trials.questions.iter().map(|question| question.name.clone()).collect();
        }
        data.add(&trials.data);
        from = batch.numbers.end;
    }
    let decision = (decisions[1] > 0).then(|| Share::of(decisions[0], decisions[1]));
    if tallies.counts.is_empty() && tallies.mask_losses.is_empty() && decision.is_none() {
        return Err(Error::Unsupported(format!(
            "the stimulus {} has no right answers that this model can be judged by; \
             show a data set (--stimulus set:NAME), or a list of trials with a column \"label\"",
            showing.spec.name()
        )));
    }
    let (n_timesteps, published, departures) = about.unwrap_or_default();
    Ok(Evaluation {
        rows: rows(&tallies, dynamics.classes(), &names, &questions),
        recipe: showing.recipe,
        decision,
        data: data.finish(),
        time_unit: dynamics.time_unit(),
        n_timesteps,
        published,
        departures,
    })
}

fn rows(tallies: &Tallies, classes: &[String], conditions: &[String], questions: &[String]) -> Vec<Row> {
    let named = |list: &[String], at: usize| list.get(at).cloned().unwrap_or_else(|| at.to_string());
    let row = |moment: Moment, group: &Group, tally: Option<&Tally>| {
        let (name, t, phase) = match moment {
            Moment::Timestep(t) => ("timestep", Some(t), tallies.timesteps.get(&t).map(|at| at.1)),
            Moment::Phase(phase) => ("phase", None, Some(phase)),
            Moment::Final => ("final", None, None),
        };
        let mask_loss = tallies.mask_losses.get(&moment).filter(|_| *group == Group::All);
        let (group, value) = match group {
            Group::All => ("all".to_owned(), String::new()),
            Group::Class(class) => ("class".to_owned(), named(classes, *class)),
            Group::Question(question) => ("question".to_owned(), named(questions, *question)),
            Group::Condition(number, value) => (named(conditions, *number), value.clone()),
        };
        let lenient = tally.filter(|_| tallies.is_lenient());
        Row {
            moment: name,
            t,
            pass: t.and_then(|t| tallies.timesteps.get(&t)).map(|at| at.0),
            phase,
            group,
            value,
            share: tally.map(|tally| Share::of(tally.correct, tally.n)),
            top5: lenient.map(|tally| Share::of(tally.lenient, tally.n)),
            loss: tally.map(|tally| Estimate::of(&tally.loss)),
            mask_loss: mask_loss.map(Estimate::of),
        }
    };
    let masked = tallies.mask_losses.keys().map(|&moment| (moment, Group::All));
    let keys: BTreeSet<(Moment, Group)> = tallies.counts.keys().cloned().chain(masked).collect();
    keys.iter().map(|key| row(key.0, &key.1, tallies.counts.get(key))).collect()
}
