//! Training on digits or photographs as a resumable procedure.
//!
//! The stimuli of an update depend on the seed and its number alone, so a run resumes exactly from
//! weights, optimiser state and a count.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use serde::{Deserialize, Serialize};

use super::analysis::class_scores;
use super::lessons::{Lessons, Part, batches};
use super::photograph_recipe::PhotographsRecipe;
use super::recipe::DigitsRecipe;
use super::train::{BatchUpdate, LossSettings, predictions, train_batch};
use super::{Batch, Config, ObjectAttention, initial_weights};
use crate::checkpoint::Description;
use crate::dynamics::{Controls, Dynamics as _, ProtocolOptions, Run, Workspace, rollout};
use crate::error::{Error, Result};
use crate::stimulus::DataIdentity;
use crate::train::{
    Ahead, Begun, Course, Evaluation, Keeping, Measure, Measures, Metric, Optimiser, OptimiserConfig,
    Procedure, Row, Scale, Snapshot, TrainingRecipe, UpdateReport,
};

/// The settings of either run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttentionRecipe {
    Digits(DigitsRecipe),
    Photographs(PhotographsRecipe),
}

/// Settings that both have.
struct Common {
    seed: u64,
    batch: usize,
    learning_rate: f64,
    /// 0: those of the epochs.
    updates: u64,
    epochs: u64,
    /// 0: every epoch.
    validate_every: u64,
    /// Of validation and test; 0 is all.
    stimuli: [usize; 2],
}

impl AttentionRecipe {
    /// Name of the run.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Digits(_) => "digits",
            Self::Photographs(_) => "coco",
        }
    }

    fn common(&self) -> Common {
        match self {
            Self::Digits(recipe) => Common {
                seed: recipe.seed,
                batch: recipe.batch,
                learning_rate: recipe.learning_rate,
                updates: recipe.updates,
                epochs: 0,
                validate_every: recipe.validate_every,
                stimuli: [recipe.validation_stimuli, recipe.test_stimuli],
            },
            Self::Photographs(recipe) => Common {
                seed: recipe.seed,
                batch: recipe.batch,
                learning_rate: recipe.learning_rate,
                updates: recipe.updates,
                epochs: recipe.epochs,
                validate_every: recipe.validate_every,
                stimuli: [recipe.validation_stimuli, recipe.test_stimuli],
            },
        }
    }

    fn config(&self) -> Config {
        match self {
            Self::Digits(recipe) => recipe.config(),
            Self::Photographs(recipe) => recipe.config(),
        }
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of its range.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Digits(recipe) => recipe.validate(),
            Self::Photographs(recipe) => recipe.validate(),
        }
    }

    fn lessons(&self) -> Result<Lessons> {
        match self {
            Self::Digits(recipe) => Lessons::of_digits(recipe),
            Self::Photographs(recipe) => Lessons::of_photographs(recipe),
        }
    }

    fn loss(&self, lessons: &Lessons) -> Result<LossSettings> {
        match self {
            Self::Digits(recipe) => lessons.loss(recipe.penalty, false),
            Self::Photographs(recipe) => lessons.loss(recipe.penalty, recipe.class_weights),
        }
    }
}

impl TrainingRecipe for AttentionRecipe {
    fn values(&self) -> serde_json::Value {
        serde_json::json!(self)
    }

    fn begin(&self, device: &Device, _out: &Path) -> Result<Begun> {
        let procedure = AttentionProcedure::new(self.clone(), device)?;
        let data = procedure.data().clone();
        Ok(Begun { procedure: Box::new(procedure), data })
    }
}

/// Object attention: one optimiser step per phase, validation by pass.
pub struct AttentionProcedure {
    recipe: AttentionRecipe,
    config: Config,
    config_json: Arc<serde_json::Value>,
    lessons: Arc<Lessons>,
    identity: DataIdentity,
    batches: Ahead<Batch>,
    loss: LossSettings,
    course: Course,
    workspace: Workspace,
    device: Device,
}

impl AttentionProcedure {
    /// A run from its beginning, with weights drawn from the recipe's seed.
    ///
    /// # Errors
    /// [`Error::Config`] for a value out of range, or what reading the stimuli gives.
    pub fn new(recipe: AttentionRecipe, device: &Device) -> Result<Self> {
        recipe.validate()?;
        let (config, common) = (recipe.config(), recipe.common());
        let weights = initial_weights(&config, common.seed)?.to_device(device)?.trainable()?;
        let config_json =
            serde_json::to_value(&config).map_err(|err| Error::config("recipe", "serialisable", err))?;
        let lessons = Arc::new(recipe.lessons()?);
        Ok(Self {
            identity: lessons.identity(),
            loss: recipe.loss(&lessons)?,
            batches: Ahead::new(batches(&lessons, device), lessons.reads_files())?,
            lessons,
            config_json: Arc::new(config_json),
            course: Course::new(weights, Optimiser::new(OptimiserConfig::adam(common.learning_rate))),
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
        let (mut course, recipe): (Course, AttentionRecipe) = Course::resume(folder, device)?;
        for (name, shape) in recipe.config().tensors()? {
            course.weights.get_shaped(&name, &shape)?;
        }
        course.weights = course.weights.trainable()?;
        Ok(Self { course, ..Self::new(recipe, device)? })
    }

    pub fn recipe(&self) -> &AttentionRecipe {
        &self.recipe
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What it learns from, with hashes of files.
    pub fn data(&self) -> &DataIdentity {
        &self.identity
    }

    fn evaluate_on(
        &mut self,
        part: Part,
        n_stimuli: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Evaluation> {
        let model = ObjectAttention::new(&self.config, &self.course.weights.detached()?)?;
        let (phases, passes) = (self.config.phases, self.config.passes);
        let mut correct = vec![vec![0_usize; passes]; phases];
        let n_classes = self.config.n_classes;
        let mut confusion = vec![vec![0_u64; n_classes]; n_classes];
        let n = match n_stimuli {
            0 => self.lessons.len(part),
            n => n.min(self.lessons.len(part)),
        };
        let items: Vec<usize> = (0..n).collect();
        for chunk in items.chunks(self.recipe.common().batch) {
            if cancelled() {
                return Err(Error::Cancelled);
            }
            let batch = self.lessons.held_out(part, chunk, &self.device)?;
            let answers = answers(&model, &batch, &mut self.workspace)?;
            for (phase, (by_pass, labels)) in answers.iter().enumerate() {
                for (pass, found) in by_pass.iter().enumerate() {
                    correct[phase][pass] +=
                        found.iter().zip(labels).filter(|(found, label)| found == label).count();
                }
                for (&found, &label) in by_pass.last().into_iter().flatten().zip(labels) {
                    confusion[label as usize][found as usize] += 1;
                }
            }
        }
        let share = |correct: &usize| *correct as f64 / n.max(1) as f64;
        let accuracy: Vec<Vec<f64>> =
            correct.iter().map(|passes| passes.iter().map(share).collect()).collect();
        let last: Vec<f64> = accuracy.iter().filter_map(|passes| passes.last().copied()).collect();
        let score = last.iter().sum::<f64>() / last.len().max(1) as f64;
        let metrics = match self.recipe {
            AttentionRecipe::Digits(_) => Vec::new(),
            AttentionRecipe::Photographs(_) => {
                let (balanced, f1) = class_scores(&confusion);
                let named = [("balanced_accuracy", balanced), ("macro_f1", f1)];
                named.map(|(name, value)| Metric { name: name.to_owned(), value }).into()
            }
        };
        Ok(Evaluation {
            update: self.course.update,
            split: if part == Part::Test { "test" } else { "validation" }.to_owned(),
            n_stimuli: n,
            accuracy,
            score,
            is_best: false,
            metrics,
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

impl Procedure for AttentionProcedure {
    fn n_updates(&self) -> u64 {
        match self.recipe.common() {
            Common { updates: 0, epochs, .. } => epochs * self.lessons.per_epoch(),
            Common { updates, .. } => updates,
        }
    }

    fn course(&self) -> &Course {
        &self.course
    }

    fn course_mut(&mut self) -> &mut Course {
        &mut self.course
    }

    fn measures(&self) -> Measures {
        let penalty = self.loss.penalty;
        let class = "Cross-entropy of the scores of a phase's last pass, mean over phases.";
        let mask =
            "Mean squared difference of the gated picture of the last pass to the attended object alone.";
        let sum = format!("Class loss + {penalty} × mask loss, mean over phases.");
        let right = "Share right after a phase's last pass, mean over phases.";
        let metrics = vec![
            Measure::new("class_loss", "Class loss", class).nats(),
            Measure::new("mask_loss", "Mask loss", mask).in_unit("intensity²").scaled(Scale::Logarithmic),
            Measure::new("loss", "Loss", &sum),
            Measure::new("accuracy", "Training accuracy", right).scaled(Scale::Share),
        ];
        let chance = Some(1.0 / self.config.n_classes.max(1) as f64);
        let row = |phase: usize| Row { label: format!("Phase {phase}"), chance };
        let rows = (1..=self.config.phases).map(row).collect();
        let (columns, first_column) = ("pass".to_owned(), "no gain".to_owned());
        Measures { metrics, rows, columns, first_column, n_updates: 0 }
    }

    fn advance(&mut self) -> Result<UpdateReport> {
        let n_updates = self.n_updates();
        let batch = self.batches.take(self.course.update, n_updates)?;
        // A divergence in a later phase must not leave the optimiser half-way.
        let mut optimiser = self.course.optimiser.clone();
        let done = train_batch(
            &self.config,
            &self.course.weights,
            &mut optimiser,
            &batch,
            &self.loss,
            &mut self.workspace,
        )?;
        let metrics = metrics(&done);
        let gradient_norm = done.phases.iter().map(|phase| phase.gradient_norm).fold(0.0, f64::max);
        self.course.advance(done.weights, optimiser)?;
        Ok(UpdateReport {
            update: self.course.update,
            metrics,
            learning_rate: self.recipe.common().learning_rate,
            gradient_norm,
            n_stimuli: batch.len(),
        })
    }

    fn is_evaluation_due(&self) -> bool {
        let every = match self.recipe.common().validate_every {
            0 => self.lessons.per_epoch(),
            every => every,
        };
        self.course.is_due(every, self.n_updates())
    }

    fn evaluate(&mut self, cancelled: &dyn Fn() -> bool) -> Result<Vec<Evaluation>> {
        let [validation_stimuli, test_stimuli] = self.recipe.common().stimuli;
        let validation = self.evaluate_on(Part::Validation, validation_stimuli, cancelled)?;
        let mut others = Vec::new();
        if self.course.ends_with(&validation, self.n_updates()) {
            others.push(self.evaluate_on(Part::Test, test_stimuli, cancelled)?);
        }
        Ok(self.course.judged(validation, others))
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.course.snapshot(&self.config_json)
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let provenance = self.course.provenance(
            serde_json::json!(self.recipe),
            self.recipe.common().seed,
            self.identity.clone(),
            self.n_updates(),
        );
        let keeping = Keeping {
            network: &Description::new("object_attention", self.config.variant.name(), &self.config)?,
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

#[cfg(test)]
mod tests {
    use candle_core::Tensor;
    use serde_json::Map;

    use super::*;
    use crate::settings::{Overrides, Source};
    use crate::weights::Weights;

    /// Two drawn pairs of things per update.
    fn photographs(sets: &[&str]) -> AttentionRecipe {
        let common =
            ["passes=2", "batch=2", "updates=4", "validation_stimuli=4", "drawn=60", "test_stimuli=4"];
        let sets: Vec<String> = common.iter().chain(sets).map(|&set| set.to_owned()).collect();
        let overrides = Overrides::read(None, &sets).unwrap();
        AttentionRecipe::Photographs(PhotographsRecipe::from_map(&Map::new(), &overrides).unwrap())
    }

    fn small() -> AttentionRecipe {
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
        AttentionRecipe::Digits(table.parse().unwrap())
    }

    fn bits(weights: &Weights) -> Vec<u32> {
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        weights.iter().flat_map(|(_, weight)| values(weight.tensor())).map(f32::to_bits).collect()
    }

    #[test]
    fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
        for recipe in [small(), photographs(&[])] {
            let folder = tempfile::tempdir().unwrap();
            let mut whole = AttentionProcedure::new(recipe, &Device::Cpu).unwrap();
            let mut reports = Vec::new();
            for update in 0..4 {
                if update == 2 {
                    whole.save(&folder.path().join("last")).unwrap();
                }
                reports.push(whole.advance().unwrap());
            }
            let mut resumed = AttentionProcedure::resume(&folder.path().join("last"), &Device::Cpu).unwrap();
            assert_eq!((resumed.update(), resumed.recipe()), (2, whole.recipe()));
            assert_eq!(resumed.advance().unwrap(), reports[2]);
            assert_eq!(resumed.advance().unwrap(), reports[3]);
            assert_eq!(bits(&resumed.course.weights), bits(&whole.course.weights));
        }
    }

    #[test]
    fn photographs_of_a_folder_are_read_ahead_weighted_and_scored() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        crate::task::coco::drawn_folder(root, 40);
        let data = format!("data={:?}", root.to_string_lossy());
        let mut own = AttentionProcedure::new(photographs(&[&data]), &Device::Cpu).unwrap();
        assert!(!own.data().procedural && own.lessons.reads_files());
        let weights = own.loss.class_weights.clone().unwrap();
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let evaluation = own.evaluate(&|| false).unwrap().remove(0);
        assert_eq!((evaluation.accuracy.len(), evaluation.metrics.len()), (2, 2));
        // The same bits with and without reading ahead.
        let mut other = AttentionProcedure::new(photographs(&[&data]), &Device::Cpu).unwrap();
        other.batches = Ahead::new(batches(&other.lessons, &Device::Cpu), false).unwrap();
        for _ in 0..3 {
            assert_eq!(own.advance().unwrap(), other.advance().unwrap());
        }
        assert_eq!(bits(&own.course.weights), bits(&other.course.weights));
        std::fs::write(root.join("images/3.png"), "no picture").unwrap();
        let names = |sets: &[&str]| {
            let procedure = AttentionProcedure::new(photographs(sets), &Device::Cpu).unwrap();
            procedure.data().skipped.iter().map(|file| file.name.clone()).collect::<Vec<_>>()
        };
        assert!(names(&[&data]).is_empty());
        let skipped = names(&[&data, "broken=skip"]);
        assert!(skipped.len() == 1 && skipped[0].ends_with("3.png"), "{skipped:?}");
    }

    #[test]
    fn an_evaluation_is_due_at_its_updates_and_reports_every_pass() {
        let mut procedure = AttentionProcedure::new(small(), &Device::Cpu).unwrap();
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
        AttentionProcedure::new(small(), &Device::Cpu).unwrap().save(&last).unwrap();
        std::fs::copy(last.join("weights.safetensors"), last.join("resume.safetensors")).unwrap();
        let message = AttentionProcedure::resume(&last, &Device::Cpu).err().unwrap().to_string();
        assert!(message.contains("resume.safetensors"), "{message}");
    }
}
