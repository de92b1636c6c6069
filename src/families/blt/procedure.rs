//! Classification of pictures as a resumable procedure.
//!
//! Pictures, their changes and their order depend on the seed and the number of the update alone, so a
//! run resumes exactly from weights, optimiser state and a count.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

use super::batches::Sets;
use super::build;
use super::config::Config;
use super::contrast::{Objective, projection, without_projection};
use super::model::Network;
use super::norms::Statistics;
use super::recipe::BltRecipe;
use super::train::{smoothed_cross_entropy, update};
use super::weights::initial_weights;
use crate::checkpoint::Description;
use crate::error::{Error, Result};
use crate::model::Family;
use crate::provenance::DataIdentity;
use crate::stimulus::PictureSet;
use crate::train::{
    Ahead, Course, EpochOrder, Evaluation, Keeping, Measure, Measures, Metric, Optimiser, Procedure, Scale,
    Snapshot, UpdateReport,
};
use crate::weights::Weights;

/// Pictures of a batch of an evaluation.
const EVALUATION_BATCH: usize = 32;
/// Stream of the order of the pictures.
const ORDER: &str = "order of the pictures";
/// Guesses of which one has to be right in the second score.
const TOP: usize = 5;

/// A network that learns to name what it sees.
pub struct BltProcedure {
    recipe: BltRecipe,
    config: Config,
    config_json: Arc<Value>,
    sets: Arc<Sets>,
    batches: Ahead<(Tensor, Tensor)>,
    course: Course,
    device: Device,
}

impl BltProcedure {
    /// A run from its beginning, with weights drawn from the recipe's seed.
    ///
    /// # Errors
    /// [`Error::Config`] for a value out of range, or what reading the data gives.
    pub fn new(recipe: BltRecipe, device: &Device) -> Result<Self> {
        let sets = Arc::new(Sets::load(&recipe)?);
        let config = recipe.config(sets.division.training.class_names().len())?;
        let mut weights = initial_weights(&config, recipe.seed)?;
        if recipe.objective == Objective::Contrastive {
            let projection = projection(&config, recipe.projection, recipe.seed)?;
            weights =
                weights.with(projection.iter().map(|(name, new)| (name.to_owned(), new.tensor().clone())));
        }
        let weights = weights.to_device(device)?;
        let reads_files = sets.division.training.reads_files();
        Ok(Self {
            batches: Ahead::new(batches(&sets, &recipe, &config, device), reads_files)?,
            config_json: Arc::new(json!(config)),
            course: Course::new(weights, Optimiser::new(recipe.optimiser())),
            device: device.clone(),
            sets,
            config,
            recipe,
        })
    }

    /// Goes on from a checkpoint folder written by [`Procedure::save`].
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Io`] if the folder is incomplete.
    pub fn resume(folder: &Path, device: &Device) -> Result<Self> {
        let (course, recipe): (Course, BltRecipe) = Course::resume(folder, device)?;
        let procedure = Self::new(recipe, device)?;
        // A network builds only around weights of its own.
        build(&procedure.config, &course.weights)?;
        Ok(Self { course, ..procedure })
    }

    /// What it learns from.
    pub fn data(&self) -> &DataIdentity {
        self.sets.division.training.identity()
    }

    fn order(&self) -> EpochOrder {
        order(&self.sets, &self.recipe)
    }

    /// The network's own weights, without what only its objective needs.
    fn weights(&self) -> Weights {
        match self.recipe.objective {
            Objective::Classification => self.course.weights.clone(),
            Objective::Contrastive => without_projection(&self.course.weights),
        }
    }

    /// Shares of right answers after every timestep that answers, and the mean loss of the last.
    fn evaluate_on(
        &self,
        split: &str,
        set: &PictureSet,
        n: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Evaluation> {
        let network = Network::new(&self.config, &self.weights().detached()?)?;
        let n = if n == 0 { set.len() } else { n.min(set.len()) };
        let items: Vec<usize> = (0..n).collect();
        let (mut right, mut near, mut loss) = (Vec::new(), 0, 0.0);
        for chunk in items.chunks(EVALUATION_BATCH) {
            if cancelled() {
                return Err(Error::Cancelled);
            }
            let (images, labels) = self.sets.shown(&self.config, set, chunk, &self.device)?;
            let mut answers = Vec::new();
            network.run(&images, &mut Statistics::Stored, |_, state| {
                answers.extend(state.readout.clone());
                Ok(())
            })?;
            let wanted: Vec<u32> = labels.to_vec1()?;
            right.resize(answers.len(), 0_usize);
            for (count, answer) in right.iter_mut().zip(&answers) {
                let found: Vec<u32> = answer.argmax(1)?.to_vec1()?;
                *count += found.iter().zip(&wanted).filter(|(found, wanted)| found == wanted).count();
            }
            if let Some(last) = answers.last() {
                near += n_near(last, &wanted)?;
                let mean = smoothed_cross_entropy(last, &labels, 0.0)?;
                loss += mean.to_dtype(DType::F64)?.to_scalar::<f64>()? * chunk.len() as f64;
            }
        }
        let share = |count: usize| count as f64 / n.max(1) as f64;
        let accuracy: Vec<f64> = right.into_iter().map(share).collect();
        let metric = |name: &str, value| Metric { name: name.to_owned(), value };
        Ok(Evaluation {
            update: self.course.update,
            split: split.to_owned(),
            n_stimuli: n,
            score: accuracy.last().copied().unwrap_or_default(),
            accuracy: vec![accuracy],
            is_best: false,
            metrics: vec![metric("top5", share(near)), metric("loss", loss / n.max(1) as f64)],
        })
    }
}

fn order(sets: &Sets, recipe: &BltRecipe) -> EpochOrder {
    EpochOrder { n: sets.division.training.len(), batch: recipe.batch_size, drops_rest: true }
}

/// The pictures and classes of an update by its number, for threads of their own.
fn batches(
    sets: &Arc<Sets>,
    recipe: &BltRecipe,
    config: &Config,
    device: &Device,
) -> impl Fn(u64) -> Result<(Tensor, Tensor)> + Send + Sync + 'static {
    let (sets, recipe) = (Arc::clone(sets), recipe.clone());
    let (config, device) = (config.clone(), device.clone());
    move |update| {
        let visit = order(&sets, &recipe).visit(recipe.seed, ORDER, update);
        sets.changed(&recipe, &config, &visit.items, update, &device)
    }
}

/// Rows whose label is among the largest entries.
fn n_near(logits: &Tensor, labels: &[u32]) -> Result<usize> {
    let rows: Vec<Vec<f32>> = logits.to_dtype(DType::F32)?.to_vec2()?;
    let is_near = |(row, label): &(&Vec<f32>, &u32)| {
        let own = row[**label as usize];
        row.iter().filter(|&&other| other > own).count() < TOP
    };
    Ok(rows.iter().zip(labels).filter(is_near).count())
}

impl Procedure for BltProcedure {
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
        let mut metrics = vec![
            Measure::new("loss", "Loss", "Cross-entropy of the answers, weighed as the settings say.").nats(),
            Measure::new("accuracy", "Training accuracy", "Share of right last answers in the batch.")
                .scaled(Scale::Share),
        ];
        if self.recipe.objective == Objective::Contrastive {
            let own = "How far views of one class are apart from those of others, by their projections.";
            metrics.push(Measure::new("contrastive_loss", "Contrastive loss", own).nats());
        }
        Measures::one_row(metrics, "Answers", self.config.n_classes(), "answer")
    }

    fn advance(&mut self) -> Result<UpdateReport> {
        let (done, n_updates) = (self.course.update, self.n_updates());
        let (images, labels) = self.batches.take(done, n_updates)?;
        let recipe = &self.recipe;
        let rate = recipe.schedule().rate(recipe.lr, done / self.order().batches());
        let limit = (recipe.clip_max_norm > 0.0).then_some(recipe.clip_max_norm);
        // A divergence must not leave the optimiser half-way.
        let mut optimiser = self.course.optimiser.clone();
        optimiser.set_rate(rate);
        let step = update(
            &self.config,
            &self.course.weights,
            &images,
            &labels,
            &recipe.loss(),
            limit,
            &mut optimiser,
        )?;
        let last = step.logits.get(step.logits.dims()[0] - 1)?;
        let (found, wanted) = (last.argmax(1)?.to_vec1::<u32>()?, labels.to_vec1::<u32>()?);
        let right = found.iter().zip(&wanted).filter(|(found, wanted)| found == wanted).count();
        self.course.advance(step.weights, optimiser)?;
        let metric = |name: &str, value| Metric { name: name.to_owned(), value };
        let mut metrics =
            vec![metric("loss", step.loss), metric("accuracy", right as f64 / wanted.len().max(1) as f64)];
        metrics.extend(step.contrastive.map(|own| metric("contrastive_loss", own)));
        Ok(UpdateReport {
            update: self.course.update,
            metrics,
            learning_rate: rate.learning_rate,
            gradient_norm: step.gradient_norm,
            n_stimuli: wanted.len(),
        })
    }

    fn is_evaluation_due(&self) -> bool {
        let every = match self.recipe.validate_every {
            0 => self.order().batches(),
            every => every,
        };
        self.course.is_due(every, self.n_updates())
    }

    fn evaluate(&mut self, cancelled: &dyn Fn() -> bool) -> Result<Vec<Evaluation>> {
        let division = &self.sets.division;
        let n = self.recipe.validation_stimuli;
        let validation = self.evaluate_on("validation", &division.validation, n, cancelled)?;
        let mut others = Vec::new();
        let is_last = self.course.ends_with(&validation, self.n_updates());
        if let (true, Some(test)) = (is_last, &division.test) {
            others.push(self.evaluate_on("test", test, 0, cancelled)?);
        }
        Ok(self.course.judged(validation, others))
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let mut snapshot = self.course.snapshot(&self.config_json)?;
        snapshot.weights = without_projection(&snapshot.weights);
        Ok(snapshot)
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let provenance = self.course.provenance(
            json!(self.recipe),
            self.recipe.seed,
            self.data().clone(),
            self.n_updates(),
        );
        let keeping = Keeping {
            network: &Description::new(Family::Blt.name(), self.config.name(), &self.config)?,
            weights: &self.weights(),
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

    fn procedure(sets: &[&str]) -> BltProcedure {
        let common = ["drawn=20", "batch_size=2", "updates=3", "validation_stimuli=4", "validate_every=2"];
        let sets: Vec<String> = common.iter().chain(sets).map(|&set| set.to_owned()).collect();
        let recipe = BltRecipe::from_map("small", &Map::new(), &Overrides::read(None, &sets).unwrap());
        BltProcedure::new(recipe.unwrap(), &Device::Cpu).unwrap()
    }

    fn run(procedure: &mut BltProcedure, to: u64) -> (Vec<UpdateReport>, Vec<Evaluation>) {
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
        let values = |tensor: &Tensor| crate::dynamics::flat(tensor).unwrap();
        weights.iter().flat_map(|(_, weight)| values(weight.tensor())).map(f32::to_bits).collect()
    }

    #[test]
    fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
        for sets in [
            &["loss_gamma=0.5", "augment=true", "recurrent_steps=6", "clip_max_norm=1.0"][..],
            &["model=cornet_s", "widths=[8, 8, 8, 8]", "dataset=mnist", "pool=blur"],
            &[
                "objective=contrastive",
                "projection=8",
                "model=cornet_z",
                "widths=[8, 8, 8, 8]",
                "augment=true",
            ],
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut whole = procedure(sets);
            let (reports, evaluations) = run(&mut whole, 3);
            assert!(evaluations[0].accuracy[0].len() == evaluations[1].accuracy[0].len());
            assert!(evaluations.iter().all(|evaluation| evaluation.metrics[1].value.is_finite()));
            let mut halved = procedure(sets);
            run(&mut halved, 2);
            halved.save(folder.path()).unwrap();
            let mut resumed = BltProcedure::resume(folder.path(), &Device::Cpu).unwrap();
            assert_eq!(run(&mut resumed, 3).0, reports[2..]);
            assert!(bits(&resumed.course.weights) == bits(&whole.course.weights));
            let file = crate::checkpoint::read(folder.path().join("weights.safetensors")).unwrap();
            let target = crate::model::Target::default();
            let model = super::super::open(&file, &Overrides::default(), &target).unwrap();
            assert_eq!(model.info.variant, whole.config.name());
            assert!(file.weights.names().all(|name| !name.starts_with("projection")));
        }
    }

    #[test]
    fn pictures_of_folders_are_read_ahead_with_the_same_bits() {
        let folder = tempfile::tempdir().unwrap();
        for class in ["a", "b"] {
            for split in ["train", "val"] {
                let root = folder.path().join(split).join(class);
                std::fs::create_dir_all(&root).unwrap();
                for number in 0..4_u8 {
                    let grey = image::Luma([number * 40 + u8::from(class == "b") * 20]);
                    image::GrayImage::from_pixel(70, 66, grey)
                        .save(root.join(format!("{number}.png")))
                        .unwrap();
                }
            }
        }
        let data = format!("data={:?}", folder.path().to_string_lossy());
        let new =
            || procedure(&[&data, "augment=true", "updates=5", "model=cornet_z", "widths=[8, 8, 8, 8]"]);
        let (mut own, mut other) = (new(), new());
        assert!(own.sets.division.training.reads_files());
        let make = batches(&other.sets, &other.recipe, &other.config, &Device::Cpu);
        other.batches = Ahead::new(make, false).unwrap();
        assert_eq!(run(&mut own, 5).0, run(&mut other, 5).0);
        assert!(bits(&own.course.weights) == bits(&other.course.weights));
    }

    #[test]
    fn the_right_class_may_be_among_the_first_five() {
        let logits = Tensor::new(&[[6f32, 5., 4., 3., 2., 1.], [1., 2., 3., 4., 5., 6.]], &Device::Cpu);
        assert_eq!(n_near(&logits.unwrap(), &[4, 0]).unwrap(), 1);
    }
}
