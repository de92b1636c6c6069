//! Training on digits as a resumable procedure.
//!
//! The stimuli of an update depend on the seed and its number alone, so a run resumes exactly from
//! weights, optimiser state and a count.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use candle_core::Device;

use super::recipe::{DigitsRecipe, PROCEDURAL};
use super::train::{BatchUpdate, LossSettings, predictions, train_batch};
use super::{Batch, Config, ObjectAttention, initial_weights};
use crate::checkpoint::Description;
use crate::dynamics::{Controls, Dynamics as _, ProtocolOptions, Run, Workspace, rollout};
use crate::error::{Error, Result};
use crate::rng;
use crate::stimulus::procedural_digits::procedural_digits;
use crate::stimulus::{DataIdentity, Digits, Split, idx};
use crate::train::{
    Course, Evaluation, Keeping, Measure, Measures, Metric, Optimiser, OptimiserConfig, Procedure, Row,
    Scale, Snapshot, UpdateReport,
};

/// Share of the training digits that is trained on; the rest validates (`train_mnist.py`).
const TRAINED_SHARE: f64 = 0.7;
/// Draws of held-out stimuli are those of an epoch that training never reaches.
const HELD_OUT_EPOCH: u64 = u64::MAX;

/// The three sets of a run. They share no digit.
struct Sets {
    training: Digits,
    validation: Digits,
    test: Digits,
}

/// Object attention on digits: one optimiser step per phase, validation by pass.
pub struct DigitsProcedure {
    recipe: DigitsRecipe,
    config: Config,
    config_json: Arc<serde_json::Value>,
    sets: Sets,
    course: Course,
    workspace: Workspace,
    device: Device,
}

impl DigitsProcedure {
    /// A run from its beginning, with weights drawn from the recipe's seed.
    ///
    /// # Errors
    /// [`Error::Config`] for a value out of range, or what reading the digits gives.
    pub fn new(recipe: DigitsRecipe, device: &Device) -> Result<Self> {
        recipe.validate()?;
        let config = recipe.config();
        let weights = initial_weights(&config, recipe.seed)?.to_device(device)?.trainable()?;
        let config_json =
            serde_json::to_value(&config).map_err(|err| Error::config("recipe", "serialisable", err))?;
        Ok(Self {
            sets: Sets::load(&recipe)?,
            config_json: Arc::new(config_json),
            course: Course::new(weights, Optimiser::new(OptimiserConfig::adam(recipe.learning_rate))),
            workspace: Workspace::new(),
            device: device.clone(),
            recipe,
            config,
        })
    }

    /// Goes on from a checkpoint folder written by [`Procedure::save`].
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Io`] if the folder is incomplete.
    pub fn resume(folder: &Path, device: &Device) -> Result<Self> {
        let (mut course, recipe): (Course, DigitsRecipe) = Course::resume(folder, device)?;
        for (name, shape) in recipe.config().tensors()? {
            course.weights.get_shaped(&name, &shape)?;
        }
        course.weights = course.weights.trainable()?;
        Ok(Self { course, ..Self::new(recipe, device)? })
    }

    pub fn recipe(&self) -> &DigitsRecipe {
        &self.recipe
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Which digits it learns from, with hashes of files.
    pub fn data(&self) -> &DataIdentity {
        self.sets.training.identity()
    }

    /// Digits of update `update` (from 0): the training set in a new order every epoch.
    fn first_digits(&self, update: u64) -> (Vec<usize>, u64) {
        let n = self.sets.training.len();
        let per_epoch = n.div_ceil(self.recipe.batch) as u64;
        let epoch = update / per_epoch;
        let order = rng::permutation(&mut rng::stream(self.recipe.seed, "order of the digits", &[epoch]), n);
        let from = (update % per_epoch) as usize * self.recipe.batch;
        (order[from..(from + self.recipe.batch).min(n)].to_vec(), epoch)
    }

    fn batch(&self, digits: &Digits, first: &[usize], epoch: u64) -> Result<Batch> {
        let composed = self.recipe.composer().batch(digits, first, self.recipe.seed, epoch)?;
        Batch::from_digits(&composed, self.recipe.strength, &self.device)
    }

    fn evaluate_on(
        &mut self,
        split: &str,
        digits: &Digits,
        n_stimuli: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Evaluation> {
        let model = ObjectAttention::new(&self.config, &self.course.weights.detached()?)?;
        let (phases, passes) = (self.config.phases, self.config.passes);
        let mut correct = vec![vec![0_usize; passes]; phases];
        let first: Vec<usize> = (0..n_stimuli.min(digits.len())).collect();
        for chunk in first.chunks(self.recipe.batch) {
            if cancelled() {
                return Err(Error::Cancelled);
            }
            let batch = self.batch(digits, chunk, HELD_OUT_EPOCH)?;
            let answers = answers(&model, &batch, &mut self.workspace)?;
            for (phase, (by_pass, labels)) in answers.iter().enumerate() {
                for (pass, found) in by_pass.iter().enumerate() {
                    correct[phase][pass] +=
                        found.iter().zip(labels).filter(|(found, label)| found == label).count();
                }
            }
        }
        let share = |n: &usize| *n as f64 / first.len().max(1) as f64;
        let accuracy: Vec<Vec<f64>> =
            correct.iter().map(|passes| passes.iter().map(share).collect()).collect();
        let last: Vec<f64> = accuracy.iter().filter_map(|passes| passes.last().copied()).collect();
        let score = last.iter().sum::<f64>() / last.len().max(1) as f64;
        Ok(Evaluation {
            update: self.course.update,
            split: split.to_owned(),
            n_stimuli: first.len(),
            accuracy,
            score,
            is_best: false,
            metrics: Vec::new(),
        })
    }
}

/// Per phase: the predictions of every pass, and the classes of the objects finally picked.
type Answers = Vec<(Vec<Vec<i64>>, Vec<i64>)>;

fn answers(model: &ObjectAttention, batch: &Batch, workspace: &mut Workspace) -> Result<Answers> {
    let schedule = model.schedule(&batch.presentation(), &ProtocolOptions::default())?;
    let controls = Controls::defaults(model.controls());
    let run = Run::plain(model, &schedule, &controls);
    let labels = batch.label_set();
    let mut answers: Answers = vec![(Vec::new(), Vec::new()); model.config().phases];
    rollout(&run, model.rest(batch.len())?, 0..schedule.len(), workspace, |_, drive, state| {
        let (by_pass, picked) = &mut answers[drive.phase];
        if let Some(readout) = &state.readout {
            by_pass.push(predictions(readout)?);
        }
        if let Some(labels) = model.scored_labels(&labels, drive, state)? {
            *picked = labels;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(answers)
}

impl Procedure for DigitsProcedure {
    fn n_updates(&self) -> u64 {
        self.recipe.updates
    }

    fn course(&self) -> &Course {
        &self.course
    }

    fn course_mut(&mut self) -> &mut Course {
        &mut self.course
    }

    fn measures(&self) -> Measures {
        let penalty = self.recipe.penalty;
        let metrics = vec![
            Measure::new(
                "class_loss",
                "Class loss",
                "Cross-entropy of the scores of a phase's last pass, mean over phases.",
            )
            .nats(),
            Measure::new(
                "mask_loss",
                "Mask loss",
                "Mean squared difference of the gated picture of the last pass to the attended object alone.",
            )
            .scaled(Scale::Logarithmic),
            Measure::new("loss", "Loss", &format!("Class loss + {penalty} × mask loss, mean over phases.")),
            Measure::new(
                "accuracy",
                "Training accuracy",
                "Share right after a phase's last pass, mean over phases.",
            )
            .scaled(Scale::Share),
        ];
        let chance = Some(1.0 / self.config.n_classes.max(1) as f64);
        let rows = (1..=self.config.phases).map(|phase| Row { label: format!("Phase {phase}"), chance });
        let (columns, first_column) = ("pass".to_owned(), "no gain".to_owned());
        Measures { metrics, rows: rows.collect(), columns, first_column, n_updates: 0 }
    }

    fn advance(&mut self) -> Result<UpdateReport> {
        let (first, epoch) = self.first_digits(self.course.update);
        let batch = self.batch(&self.sets.training, &first, epoch)?;
        let settings = LossSettings { penalty: self.recipe.penalty, class_weights: None };
        // A divergence in a later phase must not leave the optimiser half-way.
        let mut optimiser = self.course.optimiser.clone();
        let done = train_batch(
            &self.config,
            &self.course.weights,
            &mut optimiser,
            &batch,
            &settings,
            &mut self.workspace,
        )?;
        self.course.advance(done.weights.clone(), optimiser)?;
        Ok(UpdateReport {
            update: self.course.update,
            metrics: metrics(&done),
            learning_rate: self.recipe.learning_rate,
            gradient_norm: done.phases.iter().map(|phase| phase.gradient_norm).fold(0.0, f64::max),
            n_stimuli: batch.len(),
        })
    }

    fn is_evaluation_due(&self) -> bool {
        self.course.is_due(self.recipe.validate_every, self.recipe.updates)
    }

    fn evaluate(&mut self, cancelled: &dyn Fn() -> bool) -> Result<Vec<Evaluation>> {
        let (validation, test) = (self.sets.validation.clone(), self.sets.test.clone());
        let mut evaluation =
            self.evaluate_on("validation", &validation, self.recipe.validation_stimuli, cancelled)?;
        let mut evaluations = Vec::new();
        if self.course.ends_with(&evaluation, self.recipe.updates) {
            evaluations.push(self.evaluate_on("test", &test, self.recipe.test_stimuli, cancelled)?);
        }
        self.course.judge(&mut evaluation);
        evaluations.insert(0, evaluation);
        Ok(evaluations)
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.course.snapshot(&self.config_json)
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let provenance = self.course.provenance(
            serde_json::json!(self.recipe),
            self.recipe.seed,
            self.sets.training.identity().clone(),
            self.recipe.updates,
        );
        let keeping = Keeping {
            network: &Description::new("object_attention", "digits", &self.config)?,
            weights: &self.course.weights,
            provenance: &provenance,
            state: &self.recipe,
        };
        self.course.save(folder, &keeping)
    }
}

fn metrics(done: &BatchUpdate) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for (phase, update) in done.phases.iter().enumerate() {
        let mut metric =
            |name: &str, value| metrics.push(Metric { name: format!("{name}/phase{phase}"), value });
        metric("loss", update.loss);
        metric("class_loss", update.class_loss);
        metric("mask_loss", update.mask_loss);
        metric("accuracy", update.accuracy);
    }
    metrics
}

impl Sets {
    fn load(recipe: &DigitsRecipe) -> Result<Self> {
        if recipe.data == PROCEDURAL {
            let all = procedural_digits(recipe.seed, Split::Train, recipe.training_digits);
            let (training, validation) = all.divided(TRAINED_SHARE, recipe.seed)?;
            let test = procedural_digits(recipe.seed, Split::Test, recipe.test_stimuli);
            return Ok(Self { training, validation, test });
        }
        let folder = Path::new(&recipe.data);
        let all = idx::load_digits(folder, Split::Train)?;
        let (training, validation) = all.divided(TRAINED_SHARE, recipe.seed)?;
        Ok(Self { training, validation, test: idx::load_digits(folder, Split::Test)? })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    use super::*;
    use crate::settings::{Overrides, Source};
    use crate::weights::Weights;

    fn small() -> DigitsRecipe {
        let mut table = DigitsRecipe::table();
        let sets = [
            "objects=2",
            "passes=2",
            "batch=4",
            "updates=6",
            "validate_every=3",
            "validation_stimuli=8",
            "test_stimuli=10",
            "training_digits=40",
        ];
        table.apply(&Overrides::read(None, &sets.map(str::to_owned)).unwrap()).unwrap();
        assert_eq!(table.get("batch").unwrap().source, Source::Given);
        table.parse().unwrap()
    }

    fn bits(weights: &Weights) -> Vec<u32> {
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        weights.iter().flat_map(|(_, weight)| values(weight.tensor())).map(f32::to_bits).collect()
    }

    #[test]
    fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let mut whole = DigitsProcedure::new(small(), &Device::Cpu).unwrap();
        let mut reports = Vec::new();
        for update in 0..4 {
            if update == 2 {
                whole.save(&folder.path().join("last")).unwrap();
            }
            reports.push(whole.advance().unwrap());
        }
        let mut resumed = DigitsProcedure::resume(&folder.path().join("last"), &Device::Cpu).unwrap();
        assert_eq!(resumed.update(), 2);
        assert_eq!(resumed.advance().unwrap(), reports[2]);
        assert_eq!(resumed.advance().unwrap(), reports[3]);
        assert_eq!(bits(&resumed.course.weights), bits(&whole.course.weights));
    }

    #[test]
    fn an_evaluation_is_due_at_its_updates_and_reports_every_pass() {
        let mut procedure = DigitsProcedure::new(small(), &Device::Cpu).unwrap();
        assert!(procedure.is_evaluation_due());
        let evaluations = procedure.evaluate(&|| false).unwrap();
        assert_eq!((evaluations.len(), evaluations[0].n_stimuli), (1, 8));
        assert_eq!(evaluations[0].accuracy.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert!(evaluations[0].is_best && !procedure.is_evaluation_due());
        assert!(matches!(procedure.evaluate(&|| true), Err(Error::Cancelled)));
    }

    #[test]
    fn a_damaged_checkpoint_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let last = folder.path().join("last");
        DigitsProcedure::new(small(), &Device::Cpu).unwrap().save(&last).unwrap();
        std::fs::copy(last.join("weights.safetensors"), last.join("resume.safetensors")).unwrap();
        let message = DigitsProcedure::resume(&last, &Device::Cpu).err().unwrap().to_string();
        assert!(message.contains("resume.safetensors"), "{message}");
    }
}
