//! Training of an instructed network as a resumable procedure.
//!
//! The stimuli, instructions and noise of an update depend on the seed and its number alone, so a run
//! resumes exactly from weights, optimiser state and a count.

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use serde_json::{Value, json};

use super::config::Config;
use super::examples::{Examples, Sets};
use super::model::CounterHebb;
use super::open::description;
use super::recipe::HebbRecipe;
use super::tensors::{initial_weights, with_aliases};
use super::train::{Lesson, Score};
use super::update::Batch;
use crate::dynamics::Workspace;
use crate::error::{Error, Result};
use crate::provenance::DataIdentity;
use crate::rng;
use crate::train::{
    Ahead, Course, EpochOrder, Evaluation, Keeping, Measure, Measures, Metric, Optimiser, Procedure, Rate,
    Row, Scale, Snapshot, UpdateReport, clip_global_norm,
};

/// An instructed network on pictures, by either learning rule.
pub struct HebbProcedure {
    recipe: HebbRecipe,
    config: Config,
    config_json: Arc<Value>,
    sets: Arc<Sets>,
    batches: Ahead<Vec<Batch>>,
    course: Course,
    device: Device,
    workspace: Workspace,
}

impl HebbProcedure {
    /// A run from its beginning, with weights drawn from the recipe's seed.
    ///
    /// # Errors
    /// [`Error::Config`] for a value out of range, or what reading the data gives.
    pub fn new(recipe: HebbRecipe, device: &Device) -> Result<Self> {
        let config = recipe.config()?;
        let weights = initial_weights(&config, recipe.seed, &recipe.init())?.to_device(device)?;
        let sets = Arc::new(Sets::load(&recipe, &config)?);
        let lessons = Lessons { sets: Arc::clone(&sets), recipe: recipe.clone(), device: device.clone() };
        Ok(Self {
            batches: Ahead::new(move |update| lessons.batches(update), sets.training.reads_files())?,
            sets,
            config_json: Arc::new(json!(config)),
            course: Course::new(weights, Optimiser::new(recipe.optimiser())),
            device: device.clone(),
            workspace: Workspace::new(),
            recipe,
            config,
        })
    }

    /// Goes on from a checkpoint folder written by [`Procedure::save`].
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Io`] if the folder is incomplete.
    pub fn resume(folder: &Path, device: &Device) -> Result<Self> {
        let (course, recipe): (Course, HebbRecipe) = Course::resume(folder, device)?;
        // A network builds only around weights of its own.
        CounterHebb::new(&recipe.config()?, &course.weights)?;
        Ok(Self { course, ..Self::new(recipe, device)? })
    }

    /// What it learns from.
    pub fn data(&self) -> &DataIdentity {
        self.sets.training.identity()
    }

    fn order(&self) -> EpochOrder {
        order(&self.sets, &self.recipe)
    }

    /// What the batches teach together; each counts equally.
    fn learn(&mut self, batches: &[Batch]) -> Result<Lesson> {
        let mut rng = rng::stream(self.recipe.seed, "noise of changes", &[self.course.update]);
        let deviation = self.recipe.update_noise;
        let mut draw = || 1.0 + deviation * rng::normal(&mut rng);
        let mut together: Option<Lesson> = None;
        for batch in batches {
            let factor = (deviation > 0.0).then_some(&mut draw as &mut dyn FnMut() -> f64);
            let weights = together.as_ref().map_or(&self.course.weights, |lesson| &lesson.weights);
            let rule = self.recipe.rule();
            let lesson = Lesson::learn(&self.config, rule, weights, batch, factor, &mut self.workspace)?;
            together = Some(match together {
                None => lesson,
                Some(mut sum) => {
                    for (name, change) in lesson.changes {
                        let total = match sum.changes.get(&name) {
                            Some(other) => (other + change)?,
                            None => change,
                        };
                        sum.changes.insert(name, total);
                    }
                    Lesson {
                        loss: sum.loss + lesson.loss,
                        correct: sum.correct + lesson.correct,
                        weights: lesson.weights,
                        changes: sum.changes,
                    }
                }
            });
        }
        let Some(mut lesson) = together else {
            return Err(Error::config("data", "at least one stimulus", "none"));
        };
        let n = batches.len() as f64;
        if batches.len() > 1 {
            for change in lesson.changes.values_mut() {
                *change = (&*change / n)?;
            }
        }
        lesson.loss /= n;
        Ok(lesson)
    }

    fn evaluate_on(
        &self,
        split: &str,
        examples: &Examples,
        n: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Evaluation> {
        let net = CounterHebb::new(&self.config, &self.course.weights)?;
        let mut ws = Workspace::new();
        let mut pooled = vec![Score::default(); examples.n_questions()];
        let (mut losses, mut n_batches) = (0.0, 0);
        let items: Vec<usize> = (0..n.min(examples.len())).collect();
        for chunk in items.chunks(self.recipe.evaluation_batch) {
            for (question, pooled) in pooled.iter_mut().enumerate() {
                if cancelled() {
                    return Err(Error::Cancelled);
                }
                let batch = examples.batch(chunk, &vec![question; chunk.len()], &self.device)?;
                let score = Score::of(&net, &batch, &mut ws)?;
                (losses, n_batches) = (losses + score.loss, n_batches + 1);
                pooled.correct += score.correct;
                pooled.n += score.n;
            }
        }
        let share = |correct: usize, n: usize| correct as f64 / n.max(1) as f64;
        let (correct, asked) = pooled.iter().fold((0, 0), |(c, n), score| (c + score.correct, n + score.n));
        let loss = losses / f64::from(n_batches.max(1));
        Ok(Evaluation {
            update: self.course.update,
            split: split.to_owned(),
            n_stimuli: items.len(),
            accuracy: pooled.iter().map(|score| vec![share(score.correct, score.n)]).collect(),
            score: share(correct, asked),
            is_best: false,
            metrics: vec![Metric { name: "loss".to_owned(), value: loss }],
        })
    }
}

fn order(sets: &Sets, recipe: &HebbRecipe) -> EpochOrder {
    EpochOrder { n: sets.training.len(), batch: recipe.batch_size, drops_rest: false }
}

/// What updates are shown, by their number alone.
struct Lessons {
    sets: Arc<Sets>,
    recipe: HebbRecipe,
    device: Device,
}

impl Lessons {
    /// The batches of an update: one, or one per question.
    fn batches(&self, update: u64) -> Result<Vec<Batch>> {
        let (seed, training) = (self.recipe.seed, &self.sets.training);
        let visit = order(&self.sets, &self.recipe).visit(seed, "order of the pictures", update);
        let n_questions = training.n_questions();
        if self.recipe.train_all_tasks {
            let of = |q| training.batch(&visit.items, &vec![q; visit.items.len()], &self.device);
            return (0..n_questions).map(of).collect();
        }
        let mut rng = rng::stream(seed, "instructions", &[visit.epoch, visit.batch]);
        let questions: Vec<usize> =
            visit.items.iter().map(|_| rng::index(&mut rng, 0, n_questions)).collect();
        Ok(vec![training.batch(&visit.items, &questions, &self.device)?])
    }
}

impl Procedure for HebbProcedure {
    fn n_updates(&self) -> u64 {
        match self.recipe.updates {
            0 => self.recipe.epochs * self.order().batches(),
            updates => updates,
        }
    }

    fn course(&self) -> &Course {
        &self.course
    }

    fn course_mut(&mut self) -> &mut Course {
        &mut self.course
    }

    fn measures(&self) -> Measures {
        let metrics = vec![
            Measure::new("loss", "Loss", "Mean loss of the guided prediction over the batch."),
            Measure::new("accuracy", "Training accuracy", "Share of right answers in the batch.")
                .scaled(Scale::Share),
        ];
        let chance = match self.config.n_classes {
            1 => 0.5,
            n => 1.0 / n as f64,
        };
        let row = |k: usize| Row { label: format!("Instruction {}", k + 1), chance: Some(chance) };
        let rows = match self.sets.training.n_questions() {
            1 => vec![Row { label: "Answers".to_owned(), chance: Some(chance) }],
            n => (0..n).map(row).collect(),
        };
        Measures { metrics, rows, ..Measures::default() }
    }

    fn advance(&mut self) -> Result<UpdateReport> {
        let n_updates = self.n_updates();
        let batches = self.batches.take(self.course.update, n_updates)?;
        let epoch = self.course.update / self.order().batches();
        let lesson = self.learn(&batches)?;
        if !lesson.loss.is_finite() {
            return Err(Error::Diverged { what: "the loss".to_owned(), t: 0 });
        }
        let learning_rate = self.recipe.learning_rate * self.recipe.lr_decay.powi(epoch as i32);
        let (_, gradient_norm) = clip_global_norm(&lesson.changes, f64::INFINITY)?;
        let mut optimiser = self.course.optimiser.clone();
        optimiser.set_rate(Rate { learning_rate, momentum: None });
        let weights = optimiser.update(&lesson.weights, &lesson.changes)?;
        self.course.advance(weights, optimiser)?;
        let n_stimuli: usize = batches.iter().map(|batch| batch.images.dims()[0]).sum();
        let metric = |name: &str, value| Metric { name: name.to_owned(), value };
        Ok(UpdateReport {
            update: self.course.update,
            metrics: vec![
                metric("loss", lesson.loss),
                metric("accuracy", lesson.correct as f64 / n_stimuli.max(1) as f64),
            ],
            learning_rate,
            gradient_norm,
            n_stimuli,
        })
    }

    fn is_evaluation_due(&self) -> bool {
        let every = match self.recipe.validate_every {
            0 => 2 * self.order().batches(),
            every => every,
        };
        self.course.is_due(every, self.n_updates())
    }

    fn evaluate(&mut self, cancelled: &dyn Fn() -> bool) -> Result<Vec<Evaluation>> {
        let sets = &self.sets;
        let validation =
            self.evaluate_on("validation", &sets.validation, sets.validation.len(), cancelled)?;
        let mut others = Vec::new();
        if self.recipe.training_stimuli > 0 {
            let n = self.recipe.training_stimuli;
            others.push(self.evaluate_on("train", &sets.training, n, cancelled)?);
        }
        let is_last = self.course.ends_with(&validation, self.n_updates());
        if let (true, Some(test)) = (is_last, &sets.test) {
            others.push(self.evaluate_on("test", test, test.len(), cancelled)?);
        }
        Ok(self.course.judged(validation, others))
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.course.snapshot(&self.config_json)
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let provenance = self.course.provenance(
            json!(self.recipe),
            self.recipe.seed,
            self.data().clone(),
            self.n_updates(),
        );
        let keeping = Keeping {
            network: &description(&self.config)?,
            weights: &with_aliases(&self.config, &self.course.weights)?,
            provenance: &provenance,
            state: &self.recipe,
        };
        self.course.save(folder, &keeping)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::settings::Overrides;
    use crate::weights::Weights;

    fn procedure(variant: &str, sets: &[&str]) -> HebbProcedure {
        let common = ["drawn=60", "batch_size=8", "updates=6", "validate_every=3", "test_stimuli=12"];
        let sets: Vec<String> = common.iter().chain(sets).map(|&set| set.to_owned()).collect();
        let recipe = HebbRecipe::from_map(variant, &Map::new(), &Overrides::read(None, &sets).unwrap());
        HebbProcedure::new(recipe.unwrap(), &Device::Cpu).unwrap()
    }

    fn run(procedure: &mut HebbProcedure, to: u64) -> (Vec<UpdateReport>, Vec<Evaluation>) {
        let (mut reports, mut evaluations) = (Vec::new(), Vec::new());
        while procedure.update() < to {
            if procedure.is_evaluation_due() {
                evaluations.extend(procedure.evaluate(&|| false).unwrap());
            }
            reports.push(procedure.advance().unwrap());
        }
        (reports, evaluations)
    }

    fn bits(weights: &Weights) -> Vec<u32> {
        let values = |tensor: &candle_core::Tensor| crate::dynamics::flat(tensor).unwrap();
        weights.iter().flat_map(|(_, weight)| values(weight.tensor())).map(f32::to_bits).collect()
    }

    #[test]
    fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
        for (variant, sets) in [
            ("multi_mnist", &["ch_learning=true", "update_noise=0.05", "network={conv_channels=[4, 4]}"][..]),
            ("mnist", &["network={last_hidden_size=20}", "weight_decay=0.01"]),
            ("resnet18", &["network={network_name=\"tiny resnet\"}", "batch_size=2", "ch_learning=false"]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut whole = procedure(variant, sets);
            let (reports, _) = run(&mut whole, 6);
            let mut halved = procedure(variant, sets);
            run(&mut halved, 4);
            halved.save(folder.path()).unwrap();
            let mut resumed = HebbProcedure::resume(folder.path(), &Device::Cpu).unwrap();
            assert_eq!(run(&mut resumed, 6).0, reports[4..], "{variant}");
            assert!(bits(&resumed.course.weights) == bits(&whole.course.weights), "{variant}");
            assert!(reports.iter().all(|report| report.gradient_norm > 0.0));
        }
    }

    #[test]
    fn both_rules_learn_alike_with_shared_weights() {
        let sets = |rule: &'static str| ["network={conv_channels=[4, 4], last_hidden_size=20}", rule];
        let [local, exact] = ["ch_learning=true", "ch_learning=false"].map(|rule| {
            let mut procedure = procedure("multi_mnist", &sets(rule));
            run(&mut procedure, 4).0
        });
        for (local, exact) in local.iter().zip(&exact) {
            let difference = (local.metrics[0].value - exact.metrics[0].value).abs();
            assert!(difference < 1e-5, "{local:?} {exact:?}");
        }
    }

    #[test]
    fn evaluations_ask_every_question_and_pick_the_best() {
        let mut procedure = procedure("multi_mnist", &["network={conv_channels=[4, 4]}", "held_out=10"]);
        let (_, mut evaluations) = run(&mut procedure, 6);
        evaluations.extend(procedure.evaluate(&|| false).unwrap());
        let kinds: Vec<(u64, &str)> = evaluations.iter().map(|e| (e.update, e.split.as_str())).collect();
        assert_eq!(kinds, [(0, "validation"), (3, "validation"), (6, "validation"), (6, "test")]);
        assert!(evaluations[0].is_best && evaluations.iter().all(|e| e.accuracy.len() == 2));
        assert!(evaluations.iter().all(|e| e.metrics[0].value.is_finite()));
    }

    #[test]
    fn all_tasks_at_once_average_their_changes() {
        let network = "network={conv_channels=[4, 4], last_hidden_size=20}";
        let mut together = procedure("multi_mnist", &[network, "train_all_tasks=true"]);
        let report = together.advance().unwrap();
        assert_eq!(report.n_stimuli, 16);
        let batches =
            procedure("multi_mnist", &[network, "train_all_tasks=true"]).batches.take(0, 1).unwrap();
        let mut again = procedure("multi_mnist", &[network]);
        let losses: Vec<f64> =
            batches.iter().map(|batch| again.learn(std::slice::from_ref(batch)).unwrap().loss).collect();
        assert!((report.metrics[0].value - (losses[0] + losses[1]) / 2.0).abs() < 1e-9);
    }

    #[test]
    fn the_saved_network_opens_under_the_references_names() {
        let folder = tempfile::tempdir().unwrap();
        let mut procedure = procedure("mnist", &["network={last_hidden_size=20}"]);
        procedure.advance().unwrap();
        procedure.save(folder.path()).unwrap();
        let file = crate::checkpoint::read(folder.path().join("weights.safetensors")).unwrap();
        assert!(file.weights.contains("core_net._fc_layers.0.back_weight"));
        assert!(file.weights.contains("core_net.layers.1.back_weight"));
        let target = crate::model::Target::default();
        let model = super::super::open(&file, &Overrides::default(), &target).unwrap();
        assert_eq!(model.info.variant, "fc");
    }
}
