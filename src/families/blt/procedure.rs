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
    Course, EpochOrder, Evaluation, Keeping, Measure, Measures, Metric, Optimiser, Procedure, Scale,
    Snapshot, UpdateReport,
};

/// Pictures of a batch of an evaluation.
const EVALUATION_BATCH: usize = 32;
/// Guesses of which one has to be right in the second score.
const TOP: usize = 5;

/// A network that learns to name what it sees.
pub struct BltProcedure {
    recipe: BltRecipe,
    config: Config,
    config_json: Arc<Value>,
    sets: Sets,
    course: Course,
    device: Device,
}

impl BltProcedure {
    /// A run from its beginning, with weights drawn from the recipe's seed.
    ///
    /// # Errors
    /// [`Error::Config`] for a value out of range, or what reading the data gives.
    pub fn new(recipe: BltRecipe, device: &Device) -> Result<Self> {
        let sets = Sets::load(&recipe)?;
        let config = recipe.config(sets.division.training.class_names().len())?;
        let weights = initial_weights(&config, recipe.seed)?.to_device(device)?;
        Ok(Self {
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
        EpochOrder { n: self.sets.division.training.len(), batch: self.recipe.batch_size, drops_rest: true }
    }

    /// Shares of right answers after every timestep that answers, and the mean loss of the last.
    fn evaluate_on(
        &self,
        split: &str,
        set: &PictureSet,
        n: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Evaluation> {
        let network = Network::new(&self.config, &self.course.weights.detached()?)?;
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
        let metrics = vec![
            Measure::new("loss", "Loss", "Cross-entropy of the answers, weighed as the settings say.").nats(),
            Measure::new("accuracy", "Training accuracy", "Share of right last answers in the batch.")
                .scaled(Scale::Share),
        ];
        Measures::one_row(metrics, "Answers", self.config.n_classes(), "answer")
    }

    fn advance(&mut self) -> Result<UpdateReport> {
        let (recipe, done) = (&self.recipe, self.course.update);
        let visit = self.order().visit(recipe.seed, "order of the pictures", done);
        let (images, labels) = self.sets.changed(recipe, &self.config, &visit.items, done, &self.device)?;
        let rate = recipe.schedule().rate(recipe.lr, visit.epoch);
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
        Ok(UpdateReport {
            update: self.course.update,
            metrics: vec![
                metric("loss", step.loss),
                metric("accuracy", right as f64 / wanted.len().max(1) as f64),
            ],
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
        let mut validation = self.evaluate_on("validation", &division.validation, n, cancelled)?;
        let mut others = Vec::new();
        let is_last = self.course.ends_with(&validation, self.n_updates());
        if let (true, Some(test)) = (is_last, &division.test) {
            others.push(self.evaluate_on("test", test, 0, cancelled)?);
        }
        self.course.judge(&mut validation);
        others.insert(0, validation);
        Ok(others)
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
            network: &Description::new(Family::Blt.name(), self.config.name(), &self.config)?,
            weights: &self.course.weights,
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
        }
    }

    #[test]
    fn the_right_class_may_be_among_the_first_five() {
        let logits = Tensor::new(&[[6f32, 5., 4., 3., 2., 1.], [1., 2., 3., 4., 5., 6.]], &Device::Cpu);
        assert_eq!(n_near(&logits.unwrap(), &[4, 0]).unwrap(), 1);
    }
}
