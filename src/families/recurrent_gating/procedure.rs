//! The multi-task training loop of the reference ("conductor") as a resumable procedure.
//!
//! The tasks take turns, one update each per batch. The stimuli of an update depend on the seed and its
//! number alone, so a run resumes exactly from weights, optimiser state and a few counts.

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use serde::{Deserialize, Serialize};

use super::config::Config;
use super::recipe::GatingRecipe;
use super::run_data::RunData;
use super::scores::Scores;
use super::stages::Dropout;
use super::stimuli::TaskStimulus;
use super::tasks::TaskSpec;
use super::train::{Batch, LossTerms, Losses, UpdateSettings, update};
use super::weights::initial_weights;
use crate::checkpoint::Description;
use crate::error::{Error, Result};
use crate::rng;
use crate::stimulus::DataIdentity;
use crate::task::recurrent_gating::faces::SUBSETS;
use crate::task::recurrent_gating::{FaceSex, GatingTask, Ior, Materials, Mode};
use crate::task::{StimulusKind, StimulusSource, Trials};
use crate::train::{
    Ahead, Course, Evaluation, Keeping, Measure, Measures, Metric, Optimiser, Plateau, PlateauState,
    Procedure, Rate, Row, Scale, Schedule, Snapshot, UpdateReport,
};

/// Marks the seeds of held-out stimuli.
const VALIDATION: u64 = 0x9e37_79b9_7f4a_7c15;
const TEST: u64 = 0xd1b5_4a32_d192_ed03;

/// What a checkpoint holds besides tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedState {
    variant: String,
    recipe: GatingRecipe,
    plateau: Option<PlateauState>,
}

/// Recurrent gating on one or several tasks.
pub struct GatingProcedure {
    variant: String,
    recipe: GatingRecipe,
    config: Config,
    config_json: Arc<serde_json::Value>,
    tasks: Vec<(TaskSpec, TaskStimulus)>,
    data: RunData,
    identity: DataIdentity,
    n_samples: usize,
    batches: Ahead<Trials>,
    course: Course,
    plateau: Option<(Plateau, PlateauState)>,
    device: Device,
}

impl GatingProcedure {
    /// A run from its beginning, with weights drawn from the recipe's seed; `variant` names the run.
    ///
    /// # Errors
    /// [`Error::Config`] for a value out of range, or what reading the digits gives.
    pub fn new(variant: &str, recipe: GatingRecipe, device: &Device) -> Result<Self> {
        recipe.validate()?;
        let config = recipe.config()?;
        let mut tasks = Vec::new();
        for spec in recipe.specs()? {
            let stimulus = TaskStimulus::of_spec(&spec, recipe.canvas())?;
            tasks.push((spec, stimulus));
        }
        let shown = || tasks.iter().map(|(_, stimulus)| &stimulus.task);
        let data = RunData::load(&recipe, shown())?;
        let (identity, n_samples) = (data.identity(shown()), data.n_samples(shown(), recipe.n_samples)?);
        if n_samples == 0 {
            return Err(Error::config("data", "a folder with training digits", "none"));
        }
        let reads_files = shown().any(|task| data.training.reads_files(task));
        for (spec, _) in &mut tasks {
            if let (true, Some(animals)) = (spec.balances_classes, &data.training.animals) {
                spec.class_weights = Some(animals.set.class_weights()?);
            }
        }
        let training = tasks.iter().map(|(_, stimulus)| stimulus.clone()).collect();
        let order = Order {
            tasks: training,
            materials: data.training.clone(),
            n_samples,
            batch_size: recipe.batch_size,
            seed: recipe.seed,
        };
        let training = recipe.training(0);
        let plateau = training.plateau().map(|plateau| (plateau, PlateauState::new(recipe.lr)));
        Ok(Self {
            variant: variant.to_owned(),
            course: Course::new(
                initial_weights(&config, recipe.seed)?.to_device(device)?,
                Optimiser::new(training.optimiser()?),
            ),
            config_json: Arc::new(config.table.values()),
            tasks,
            data,
            identity,
            batches: Ahead::new(move |update| order.trials(update), reads_files)?,
            n_samples,
            plateau,
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
        let (course, saved): (Course, SavedState) = Course::resume(folder, device)?;
        let mut procedure = Self::new(&saved.variant, saved.recipe, device)?;
        super::weights::check(&procedure.config, &course.weights)?;
        procedure.course = course;
        if let (Some((_, state)), Some(saved)) = (&mut procedure.plateau, saved.plateau) {
            *state = saved;
        }
        Ok(procedure)
    }

    pub fn recipe(&self) -> &GatingRecipe {
        &self.recipe
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What it learns from, with hashes of files.
    pub fn data(&self) -> &DataIdentity {
        &self.identity
    }

    fn batches_per_epoch(&self) -> u64 {
        self.n_samples.div_ceil(self.recipe.batch_size) as u64
    }

    fn updates_per_epoch(&self) -> u64 {
        self.batches_per_epoch() * self.tasks.len() as u64
    }

    /// Learning rate and momentum of the update to come.
    fn rate(&self) -> Result<Rate> {
        if let Some((_, state)) = &self.plateau {
            return Ok(Rate { learning_rate: state.learning_rate, momentum: None });
        }
        let whole_batches = (self.n_samples / self.recipe.batch_size) as u64;
        let total = self.tasks.len() as u64 * (1 + self.recipe.n_epochs) * whole_batches.max(1);
        let schedule = self.recipe.training(total).schedule()?;
        let k = match schedule {
            Schedule::OneCycle { .. } => self.course.update,
            _ => self.course.update / self.updates_per_epoch(),
        };
        Ok(schedule.rate(self.recipe.lr, k))
    }

    /// Task, stimuli and loss of the update to come.
    fn next_batch(&mut self) -> Result<(usize, Batch, LossTerms)> {
        let n_updates = self.n_updates();
        let trials = self.batches.take(self.course.update, n_updates)?;
        let which = (self.course.update % self.tasks.len() as u64) as usize;
        let (spec, _) = &self.tasks[which];
        let terms = self.terms(spec, trials.timesteps())?;
        Ok((which, Batch::of_trials(&trials, spec, &self.device)?, terms))
    }

    fn terms(&self, spec: &TaskSpec, timesteps: usize) -> Result<LossTerms> {
        Ok(LossTerms {
            mask_penalty: self.recipe.mask_mp,
            sequential: self.recipe.sequential,
            ..LossTerms::of_task(spec, timesteps, self.config.n_classes())?
        })
    }

    /// Scores of every task on `n` held-out stimuli.
    fn evaluate_on(
        &self,
        split: &str,
        materials: &Materials,
        n: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(Evaluation, f64)> {
        let seed = self.recipe.seed ^ if split == "test" { TEST } else { VALIDATION };
        let (mut accuracy, mut metrics, mut headline) = (Vec::new(), Vec::new(), Vec::new());
        let mut watched = f64::NAN;
        for (k, (spec, stimulus)) in self.tasks.iter().enumerate() {
            let kind = StimulusKind::Gating { task: stimulus.task.clone(), mode: Mode::Test, noise: None };
            let source = StimulusSource::with_materials(&kind.into(), materials.clone())?;
            let mut scores = Scores::default();
            for (name, numbers) in subsets(&stimulus.task, materials, n) {
                let mut own = Scores::default();
                for numbers in numbers.chunks(self.recipe.batch_size) {
                    if cancelled() {
                        return Err(Error::Cancelled);
                    }
                    let trials = source.trials_of(numbers, seed)?;
                    let terms = self.terms(spec, trials.timesteps())?;
                    let batch = Batch::of_trials(&trials, spec, &self.device)?;
                    own.add(&Scores::of_batch(&self.config, &self.course.weights, &batch, &terms)?);
                }
                if let Some(name) = name {
                    let value = if own.n_trials > 0 { own.per_trial()[4] } else { f64::NAN };
                    metrics.push(Metric { name: format!("{}/ClsAcc {name}", spec.name), value });
                }
                if own.n_trials > 0 {
                    scores.add(&own);
                }
            }
            let row = scores.per_trial();
            let names = ["CEi", "CEe", "PixErr", "AttAcc", "ClsAcc"];
            metrics.extend(
                names
                    .iter()
                    .zip(row)
                    .map(|(name, value)| Metric { name: format!("{}/{name}", spec.name), value }),
            );
            if k == 0 {
                watched = row[1];
            }
            let shares = scores.shares();
            headline.push(scores.headline());
            accuracy.push(shares);
        }
        let score = headline.iter().sum::<f64>() / headline.len().max(1) as f64;
        let evaluation = Evaluation {
            update: self.course.update,
            split: split.to_owned(),
            n_stimuli: n,
            accuracy,
            score,
            is_best: false,
            metrics,
        };
        Ok((evaluation, watched))
    }
}

/// Trials `0..n` of a test, apart where accuracies are reported by subset.
fn subsets(task: &GatingTask, materials: &Materials, n: usize) -> Vec<(Option<&'static str>, Vec<usize>)> {
    match (task, &materials.faces) {
        (GatingTask::CelebaSex(FaceSex { which: 0, .. }), Some(faces)) => {
            let of = |subset: usize| (0..n).filter(|&number| faces.subset_of(number) == subset).collect();
            SUBSETS.into_iter().enumerate().map(|(subset, name)| (Some(name), of(subset))).collect()
        }
        _ => vec![(None, (0..n).collect())],
    }
}

/// Which stimuli an update is shown.
struct Order {
    tasks: Vec<TaskStimulus>,
    materials: Materials,
    n_samples: usize,
    batch_size: usize,
    seed: u64,
}

impl Order {
    /// The stimuli of update `update`; they depend on nothing else.
    fn trials(&self, update: u64) -> Result<Trials> {
        let n_tasks = self.tasks.len() as u64;
        let per_epoch = self.n_samples.div_ceil(self.batch_size) as u64;
        let epoch = update / (per_epoch * n_tasks);
        let batch = (update / n_tasks % per_epoch) as usize;
        let which = (update % n_tasks) as usize;
        let (seed, n) = (self.seed, self.n_samples);
        let order =
            rng::permutation(&mut rng::stream(seed, "order of the samples", &[which as u64, epoch]), n);
        let from = batch * self.batch_size;
        let chosen = &order[from..(from + self.batch_size).min(n)];
        let numbers: Vec<usize> = chosen.iter().map(|&sample| epoch as usize * n + sample).collect();
        let stimulus = &self.tasks[which];
        let task = match &stimulus.task {
            // The number of digits changes from epoch to epoch.
            GatingTask::Ior(task) => {
                let mut rng = rng::stream(seed, "number of digits", &[epoch]);
                GatingTask::Ior(Ior { n_digits: rng::index(&mut rng, 1, task.n_digits + 1), ..*task })
            }
            task => task.clone(),
        };
        let kind = StimulusKind::Gating { task, mode: Mode::Train, noise: stimulus.noise };
        StimulusSource::with_materials(&kind.into(), self.materials.clone())?.trials_of(&numbers, seed)
    }
}

impl Procedure for GatingProcedure {
    fn n_updates(&self) -> u64 {
        match self.recipe.updates {
            0 => self.recipe.n_epochs * self.updates_per_epoch(),
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
            Measure::new("loss", "Loss", "All terms of the update's task, weighted as the task says."),
            Measure::new("class_loss", "Class loss", "Cross-entropy of the sweeps that the task scores.")
                .nats(),
            Measure::new(
                "mask_loss",
                "Mask loss",
                "Mean squared error of the attention map against its target.",
            )
            .in_unit("gain²")
            .scaled(Scale::Logarithmic),
            Measure::new("read_out_loss", "Read-out loss", "Cross-entropy of the read-out pass.").nats(),
            Measure::new("task", "Task", "Place of the update's task in the list, from 0."),
        ];
        let row = |(spec, _): &(TaskSpec, TaskStimulus)| Row { label: spec.name.clone(), chance: None };
        let rows = self.tasks.iter().map(row).collect();
        let (columns, first_column) = ("sweep".to_owned(), "no gain".to_owned());
        Measures { metrics, rows, columns, first_column, n_updates: 0 }
    }

    fn advance(&mut self) -> Result<UpdateReport> {
        let (which, batch, terms) = self.next_batch()?;
        let rate = self.rate()?;
        // A divergence must not leave the optimiser half-way.
        let mut optimiser = self.course.optimiser.clone();
        optimiser.set_rate(rate);
        let settings = UpdateSettings {
            max_grad_norm: self.recipe.max_grad_norm,
            dropout: Some(Dropout { seed: self.recipe.seed, update: self.course.update }),
            moving_statistics: true,
        };
        let done = update(&self.config, &self.course.weights, &batch, &terms, &settings, &mut optimiser)?;
        self.course.advance(done.weights, optimiser)?;
        Ok(UpdateReport {
            update: self.course.update,
            metrics: metrics(which, &done.losses),
            learning_rate: rate.learning_rate,
            gradient_norm: done.losses.gradient_norm,
            n_stimuli: batch.frames[0].batch(),
        })
    }

    fn is_evaluation_due(&self) -> bool {
        let every = match self.recipe.validate_every {
            0 => self.updates_per_epoch(),
            every => every,
        };
        self.course.is_due(every, self.n_updates())
    }

    fn evaluate(&mut self, cancelled: &dyn Fn() -> bool) -> Result<Vec<Evaluation>> {
        let n = self.recipe.n_validation;
        let (validation, watched) = self.evaluate_on("validation", &self.data.validation, n, cancelled)?;
        let mut others = Vec::new();
        if self.course.ends_with(&validation, self.n_updates()) {
            let n = self.recipe.n_test;
            others.push(self.evaluate_on("test", &self.data.test, n, cancelled)?.0);
        }
        let is_epoch = self.course.update > 0 && self.course.update.is_multiple_of(self.updates_per_epoch());
        if let (Some((plateau, state)), true) = (&mut self.plateau, is_epoch) {
            state.observe(plateau, watched);
        }
        Ok(self.course.judged(validation, others))
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.course.snapshot(&self.config_json)
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let saved = SavedState {
            variant: self.variant.clone(),
            recipe: self.recipe.clone(),
            plateau: self.plateau.map(|(_, state)| state),
        };
        let provenance = self.course.provenance(
            serde_json::json!(self.recipe),
            self.recipe.seed,
            self.data().clone(),
            self.n_updates(),
        );
        let variant = self.config.variant.name();
        let keeping = Keeping {
            network: &Description::new("recurrent_gating", variant, self.config_json.as_ref())?,
            weights: &self.course.weights,
            provenance: &provenance,
            state: &saved,
        };
        self.course.save(folder, &keeping)
    }
}

fn metrics(task: usize, losses: &Losses) -> Vec<Metric> {
    let named = [
        ("loss", losses.total),
        ("class_loss", losses.labels),
        ("mask_loss", losses.masks),
        ("read_out_loss", losses.read_out),
        ("task", task as f64),
    ];
    named.map(|(name, value)| Metric { name: name.to_owned(), value }).into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use candle_core::Tensor;

    use super::*;
    use crate::settings::Overrides;
    use crate::weights::Weights;

    fn small(variant: &str, sets: &[&str]) -> GatingRecipe {
        let common = [
            "batch_size=4",
            "n_validation=4",
            "n_test=4",
            "training_digits=600",
            "updates=5",
            "validate_every=3",
            "n_samples=8",
        ];
        let sets: Vec<String> = common.iter().chain(sets).map(|&set| set.to_owned()).collect();
        let mut map = Map::new();
        let network = match variant {
            "digits" => json!({"channels": [3, 4, 4, 4, 4, 4], "rnn_dims": [8, 4]}),
            "curves" => json!({"channels": [1, 2, 2, 2, 2, 2, 2, 2, 2], "rnn_dims": [8]}),
            "shapes" => json!({"channels": [2, 4, 4], "norm": "batch"}),
            "coco" => json!({"in_dims": [3, 64, 64], "channels": [3, 2, 2, 4, 4, 4, 4], "rnn_dims": [8],
                "kernels": 3, "softness": 0.5, "conv_norms": "none", "deconv_norms": "none"}),
            "coco_v2" => json!({"in_dims": [3, 64, 64], "channels": [2, 4, 4]}),
            "stl10" => json!({"in_dims": [3, 48, 48], "channels": [3, 2, 2, 4, 4], "rnn_dims": [8],
                "conv_norms": "none", "deconv_norms": "none", "pools": 2}),
            "celeba" => json!({"in_dims": [3, 32, 32], "channels": [3, 2, 4, 4], "rnn_dims": [8, 4]}),
            _ => json!({"channels": [1, 2, 2, 2, 2, 2]}),
        };
        map.insert("network".to_owned(), network);
        GatingRecipe::from_map(variant, &map, &Overrides::read(None, &sets).unwrap()).unwrap()
    }

    fn run(procedure: &mut GatingProcedure, to: u64) -> Vec<UpdateReport> {
        let mut reports = Vec::new();
        while procedure.update() < to {
            if procedure.is_evaluation_due() {
                procedure.evaluate(&|| false).unwrap();
            }
            reports.push(procedure.advance().unwrap());
        }
        reports
    }

    fn bits(weights: &Weights) -> Vec<u32> {
        let values = |tensor: &Tensor| crate::dynamics::flat(tensor).unwrap();
        weights.iter().flat_map(|(_, weight)| values(weight.tensor())).map(f32::to_bits).collect()
    }

    #[test]
    fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
        for (variant, sets) in [
            ("digits", &["tasks=[\"IOR\", \"Search\"]", "n_samples=0"][..]),
            ("change", &["scheduler=ReduceLROnPlateau"]),
            ("shapes", &[]),
            ("coco", &["tasks=[\"PerceptualGrouping\", \"SearchGrid\"]"]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let new = || GatingProcedure::new(variant, small(variant, sets), &Device::Cpu).unwrap();
            let mut whole = new();
            let reports = run(&mut whole, 5);
            let mut halved = new();
            run(&mut halved, 3);
            halved.save(folder.path()).unwrap();
            let mut resumed = GatingProcedure::resume(folder.path(), &Device::Cpu).unwrap();
            assert_eq!(run(&mut resumed, 5), reports[3..], "{variant}");
            assert!(bits(&resumed.course.weights) == bits(&whole.course.weights), "{variant}");
            assert!(reports.iter().all(|report| report.gradient_norm > 0.0));
        }
    }

    #[test]
    fn every_run_learns_something_and_scores() {
        for variant in ["curves", "contrast", "discrimination", "coco", "coco_v2", "stl10", "celeba"] {
            let mut procedure = GatingProcedure::new(variant, small(variant, &[]), &Device::Cpu).unwrap();
            let before = bits(&procedure.course.weights);
            let reports: Vec<_> = (0..4).map(|_| procedure.advance().unwrap()).collect();
            assert!(
                reports.iter().all(|report| report.metrics[0].value.is_finite())
                    && bits(&procedure.course.weights) != before,
                "{variant}"
            );
            procedure.course.update = 5;
            let evaluations = procedure.evaluate(&|| false).unwrap();
            assert_eq!(evaluations.len(), 2);
            assert!(evaluations[0].score.is_finite(), "{variant}");
        }
    }

    #[test]
    fn photographs_are_named_balanced_and_scored_by_subset() {
        let coco = GatingProcedure::new("coco", small("coco", &[]), &Device::Cpu).unwrap();
        assert!(coco.data().procedural && coco.data().name.contains("schematic"), "{}", coco.data().name);
        let weights = coco.tasks[0].0.class_weights.as_ref().unwrap();
        assert_eq!((coco.tasks.len(), weights.len(), coco.tasks[2].0.class_weights.is_none()), (4, 10, true));
        let mut celeba = GatingProcedure::new("celeba", small("celeba", &[]), &Device::Cpu).unwrap();
        let evaluation = &celeba.evaluate(&|| false).unwrap()[0];
        let names: Vec<&str> = evaluation.metrics.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names[..4], SUBSETS.map(|name| format!("Celeb/ClsAcc {name}")));
        assert_eq!(names[8], "Celeb/ClsAcc");
    }

    #[test]
    fn training_moves_the_statistics_of_batch_norms() {
        let mut procedure = GatingProcedure::new("shapes", small("shapes", &[]), &Device::Cpu).unwrap();
        let counted = |procedure: &GatingProcedure, name: &str| {
            let tensor = procedure.course.weights.get(name).unwrap().tensor().clone();
            tensor.flatten_all().unwrap().to_vec1::<i64>().unwrap()[0]
        };
        procedure.advance().unwrap();
        // One sweep and the read-out pass; the norm before a block is skipped in the first sweep, and the
        // backward stream runs once.
        assert_eq!(counted(&procedure, "first_conv.1.num_batches_tracked"), 2);
        assert_eq!(counted(&procedure, "blocks.0.pre_conv_norm.num_batches_tracked"), 1);
        assert_eq!(counted(&procedure, "last_deconv.1.num_batches_tracked"), 1);
        assert_eq!(counted(&procedure, "blocks.0.post_conv_norm.num_batches_tracked"), 0);
    }
}
