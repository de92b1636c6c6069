//! Settings of a training run: the source's five steps, or some of them, as one recipe.

use std::path::Path;

use candle_core::Device;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::config::{Config, Stage};
use super::dataset::Dataset;
use super::procedure::CordsProcedure;
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Field, Overrides};
use crate::stimulus::sets::{PROCEDURAL, SetKind};
use crate::stimulus::{Broken, Split};
use crate::train::{Begun, TrainingRecipe};

/// Runs that can be started by name.
const RUNS: [&str; 4] = ["pipeline", "direct", "twin", "small"];

const DATASETS: [&str; 5] = ["imagenet", "cifar100", "cifar10", "mnist", "fashionmnist"];

/// Step 1: gradient descent with momentum, once per learning rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwinSettings {
    /// Of each run.
    pub epochs: u64,
    /// Of each run; 0 is given by the epochs.
    pub updates: u64,
    pub batch: usize,
    pub learning_rates: Vec<f64>,
    pub momentum: f64,
    pub weight_decay: f64,
    /// Updates in which the learning rate rises from a third.
    pub rise: u64,
}

/// Steps 2 to 5: AdamW with clipped gradients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepSettings {
    /// Of the whole step; of the parametric one, slopes.
    pub epochs: u64,
    /// Of the whole step, or of each slope; 0 is given by the epochs.
    pub updates: u64,
    pub batch: usize,
    pub learning_rate: f64,
    pub weight_decay: f64,
    /// Largest norm of all gradients together.
    pub clip: f64,
}

/// Everything a training run follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CordsRecipe {
    pub dataset: Dataset,
    pub data: String,
    pub split: Split,
    pub items: usize,
    pub held_out: usize,
    pub drawn: usize,
    #[serde(default)]
    pub broken: Broken,
    pub depth: usize,
    pub base: usize,
    pub image_side: usize,
    pub start: String,
    pub stages: Vec<Stage>,
    pub augment: bool,
    pub mix: bool,
    pub slope_fall: f64,
    pub validate_every: u64,
    pub validation_stimuli: usize,
    pub test_stimuli: usize,
    pub stage_files: String,
    pub save_every: u64,
    pub snapshot_every: u64,
    pub seed: u64,
    pub cnn: TwinSettings,
    pub inverse: StepSettings,
    pub linear: StepSettings,
    pub parametric: StepSettings,
    #[serde(rename = "final")]
    pub finetune: StepSettings,
}

/// Defaults by run.
struct Published {
    dataset: Dataset,
    depth: usize,
    base: usize,
    image_side: usize,
    stages: &'static [Stage],
    steps: [Value; 5],
    is_small: bool,
}

const ALL_STEPS: [Stage; 5] = [Stage::Cnn, Stage::Inverse, Stage::Linear, Stage::Parametric, Stage::Final];

fn published(run: &str) -> Result<Published> {
    let step = |epochs: u64, updates: u64, batch: usize, learning_rate: f64, clip: f64| {
        json!({
            "epochs": epochs, "updates": updates, "batch": batch, "learning_rate": learning_rate,
            "weight_decay": 0.01, "clip": clip,
        })
    };
    let twin = |updates: u64, batch: usize, rates: &[f64]| {
        json!({
            "epochs": 100, "updates": updates, "batch": batch, "learning_rates": rates, "momentum": 0.9,
            "weight_decay": 1e-4, "rise": 100,
        })
    };
    let whole = Published {
        dataset: Dataset::Imagenet,
        depth: 8,
        base: 64,
        image_side: 224,
        stages: &ALL_STEPS,
        // Batches are those of all processes together.
        steps: [
            twin(0, 256, &[0.1, 0.01, 0.001]),
            step(100, 0, 128, 1e-4, 1e-3),
            step(100, 0, 32, 1e-5, 1e-4),
            step(20, 0, 8, 1e-5, 1e-4),
            step(20, 0, 8, 1e-5, 1e-4),
        ],
        is_small: false,
    };
    Ok(match run {
        "pipeline" => whole,
        "direct" => Published { stages: &[Stage::Final], ..whole },
        "twin" => Published { stages: &[Stage::Cnn], ..whole },
        "small" => Published {
            dataset: Dataset::Mnist,
            depth: 2,
            base: 8,
            image_side: 32,
            steps: [
                twin(250, 50, &[0.1, 0.01, 0.001]),
                step(1, 600, 50, 1e-3, 1.0),
                step(1, 30, 50, 1e-3, 1.0),
                step(20, 7, 25, 5e-4, 1.0),
                step(1, 40, 25, 5e-4, 1.0),
            ],
            is_small: true,
            ..whole
        },
        other => return Err(Error::unknown("training run of CordsNet", other, RUNS)),
    })
}

impl CordsRecipe {
    /// Names of the runs that [`CordsRecipe::from_map`] knows.
    pub fn variants() -> Vec<&'static str> {
        RUNS.to_vec()
    }

    /// Names, meanings, ranges and defaults of a run's settings, in the order of the form.
    ///
    /// # Errors
    /// [`Error::Unknown`] for another run.
    pub fn fields(variant: &str) -> Result<Vec<Field>> {
        let run = published(variant)?;
        let (utils, scripts, ours) = ("utils.py", "main_training_*.py", "ours");
        let stages: Vec<&str> = run.stages.iter().map(|stage| stage.name()).collect();
        let [cnn, inverse, linear, parametric, finetune] = run.steps;
        let number = |small: f64, whole: f64| if run.is_small { small } else { whole };
        Ok(vec![
            Field::choice("dataset", "Data set", &DATASETS, scripts).at_first(run.dataset.name())
                .means("What is seen, and the statistics that pictures are normalised by."),
            Field::text("data", "Folder", PROCEDURAL, ours)
                .means("The folder of the data set, or \"procedural\" for pictures that are drawn."),
            Field::choice("split", "Training split", &["train", "test"], ours).at_first("train")
                .means("The files that training and held-out pictures are taken from."),
            Field::number("items", "Items", "", 0.0, 1e9, 0.0, ours)
                .means("Pictures taken of that split, held-out ones included; 0 takes all."),
            Field::number("held_out", "Held out", "", 0.0, 1e9, 500.0, ours)
                .means("Pictures of those, drawn by the seed, that pick the best weights; 0 takes the test files."),
            Field::number("drawn", "Drawn pictures", "", 10.0, 1e6, 4000.0, ours)
                .means("Size of the drawn training set; a folder uses all it holds."),
            Broken::field(),
            Field::number("depth", "Areas", "", 2.0, 8.0, run.depth as f64, scripts)
                .means("Number of areas: 2, 4, 6 or 8."),
            Field::number("base", "Base width", "channels", 1.0, 512.0, run.base as f64, "cordsnet.py")
                .means("Channels of the first two areas; every further pair has twice as many."),
            Field::number("image_side", "Picture side", "px", 8.0, 512.0, run.image_side as f64, utils)
                .means("Rows and columns of the picture."),
            Field::text("start", "Start from", "", scripts)
                .means("A checkpoint of an earlier step, or nothing for weights drawn from the seed."),
            Field::list("stages", "Steps", json!(stages), scripts)
                .means("The steps in their order: cnn, inverse, linear, parametric, final."),
            Field::flag("augment", "Augmentation", true, utils)
                .means("Random crops, flips, warps and colours, as the source has them for the data set."),
            Field::flag("mix", "Mixtures", true, utils)
                .means("CutMix or MixUp of every batch of CIFAR and Fashion-MNIST."),
            Field::number("slope_fall", "Fall of the slope", "", 0.0, 1.0, 0.05, "class_rnn_4_parametric.py")
                .means("The slope below zero begins at 1 less this and falls by this from epoch to epoch, to 0."),
            Field::number("validate_every", "Validate every", "upd.", 0.0, 1e9, 0.0, ours)
                .means("Updates between two validations; 0 validates at the end of every step and slope."),
            Field::number("validation_stimuli", "Validation stimuli", "", 1.0, 1e6, number(200.0, 500.0), ours)
                .means("Held-out pictures that a validation shows."),
            Field::number("test_stimuli", "Test stimuli", "", 0.0, 1e6, number(500.0, 0.0), ours)
                .means("Pictures of the test files, shown once at the end; 0 is all."),
            Field::choice("stage_files", "Files of the steps", &["ends", "epochs"], scripts).at_first("ends")
                .means("When the folder stages receives weights under the source's names: at ends of steps, or of every epoch."),
            Field::number("save_every", "Checkpoint every", "upd.", 1.0, 1e9, 100.0, ours)
                .means("Updates between two checkpoints from which the run resumes exactly."),
            Field::number("snapshot_every", "Snapshot every", "upd.", 1.0, 1e9, 10.0, ours)
                .means("Updates between two snapshots that views open while the network trains."),
            Field::number("seed", "Seed", "", 0.0, 9e15, 0.0, ours)
                .means("Of initial weights, order and changes of the pictures."),
            Field::list("cnn", "Step 1, twin", cnn, "main_training_1_compatibility.py")
                .means("Gradient descent on the convolutional twin, once per learning rate."),
            Field::list("inverse", "Step 2, inverse", inverse, "main_training_2_inverse.py")
                .means("Recurrent kernels are fitted to the folded twin."),
            Field::list("linear", "Step 3, linear", linear, "main_training_3_linear.py")
                .means("Training of the linear dynamics."),
            Field::list("parametric", "Step 4, parametric", parametric, "main_training_4_parametric.py")
                .means("The slope below zero is lowered, one epoch or as many updates each."),
            Field::list("final", "Step 5, fine-tuning", finetune, "main_training_5_finetune.py")
                .means("Training of the rectified dynamics."),
        ])
    }

    /// A run with the values of a file and of the user over the published ones.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a run or key that does not exist, [`Error::Config`] for a value that does
    /// not fit.
    pub fn from_map(variant: &str, map: &Map<String, Value>, overrides: &Overrides) -> Result<Self> {
        let fields = Self::fields(variant)?;
        let table = ConfigTable::of_fields(&fields).given(map, overrides)?;
        for field in &fields {
            if let Some(entry) = table.get(field.key) {
                field.check(&entry.value)?;
            }
        }
        let recipe: Self = table.parse()?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// # Errors
    /// [`Error::Config`] naming the key that does not fit.
    pub fn validate(&self) -> Result<()> {
        let places: Vec<Option<usize>> =
            self.stages.iter().map(|stage| ALL_STEPS.iter().position(|step| step == stage)).collect();
        let is_rising = places.iter().all(Option::is_some) && places.windows(2).all(|pair| pair[0] < pair[1]);
        if !is_rising || places.is_empty() {
            let found = self.stages.iter().map(|stage| stage.name()).collect::<Vec<_>>().join(", ");
            return Err(Error::config(
                "stages",
                "some of cnn, inverse, linear, parametric, final, in order",
                found,
            ));
        }
        if self.start.is_empty() && !matches!(self.stages[0], Stage::Cnn | Stage::Final | Stage::Linear) {
            let requirement = format!("a checkpoint to begin {} with", self.stages[0].name());
            return Err(Error::config("start", requirement, "nothing"));
        }
        if self.cnn.learning_rates.is_empty() || self.cnn.batch == 0 {
            return Err(Error::config("cnn", "a batch and learning rates of 1 or more", "0"));
        }
        for (name, step) in self.steps() {
            if step.batch == 0 || step.epochs == 0 {
                return Err(Error::config(name, "a batch and epochs of 1 or more", "0"));
            }
            if !(step.learning_rate >= 0.0 && step.clip > 0.0 && step.weight_decay >= 0.0) {
                return Err(Error::config(name, "a clip above 0, rates of 0 or more", json!(step)));
            }
        }
        self.config(self.stages[0], self.dataset.n_classes()).validate()
    }

    fn steps(&self) -> [(&'static str, &StepSettings); 4] {
        [
            ("inverse", &self.inverse),
            ("linear", &self.linear),
            ("parametric", &self.parametric),
            ("final", &self.finetune),
        ]
    }

    /// Settings of a step from the second on.
    pub(super) fn step(&self, stage: Stage) -> &StepSettings {
        match stage {
            Stage::Inverse => &self.inverse,
            Stage::Linear => &self.linear,
            Stage::Parametric => &self.parametric,
            Stage::Cnn | Stage::Folded | Stage::Final => &self.finetune,
        }
    }

    /// The network at a stage.
    pub fn config(&self, stage: Stage, n_classes: usize) -> Config {
        let config = Config::new(stage, self.dataset, self.depth, self.base, self.image_side);
        Config { n_classes, ..config }
    }

    /// How the data set is stored.
    pub(super) fn kind(&self) -> SetKind {
        match self.dataset {
            Dataset::Imagenet => SetKind::Folders,
            Dataset::Cifar100 => SetKind::Cifar100,
            Dataset::Cifar10 => SetKind::Cifar10,
            Dataset::Mnist => SetKind::Mnist,
            Dataset::FashionMnist => SetKind::FashionMnist,
        }
    }
}

impl TrainingRecipe for CordsRecipe {
    fn values(&self) -> Value {
        json!(self)
    }

    fn n_updates(&self) -> Option<u64> {
        let mut total = 0;
        for &stage in &self.stages {
            let (updates, times) = match stage {
                Stage::Cnn => (self.cnn.updates, self.cnn.learning_rates.len() as u64),
                Stage::Parametric => (self.parametric.updates, self.parametric.epochs),
                stage => (self.step(stage).updates, 1),
            };
            if updates == 0 {
                return None;
            }
            total += updates * times;
        }
        Some(total)
    }

    fn begin(&self, device: &Device, out: &Path) -> Result<Begun> {
        let procedure = CordsProcedure::new(self.clone(), device, out)?;
        let data = procedure.data().clone();
        Ok(Begun { procedure: Box::new(procedure), data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(variant: &str, sets: &[&str]) -> Result<CordsRecipe> {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        CordsRecipe::from_map(variant, &Map::new(), &Overrides::read(None, &sets)?)
    }

    #[test]
    fn every_run_is_valid_documented_and_survives_toml() {
        assert_eq!(Dataset::ALL.map(Dataset::name), DATASETS);
        for variant in RUNS {
            let recipe = recipe(variant, &[]).unwrap();
            let text = toml::to_string(&recipe).unwrap();
            assert_eq!(toml::from_str::<CordsRecipe>(&text).unwrap(), recipe, "{variant}");
            let fields = CordsRecipe::fields(variant).unwrap();
            assert_eq!(fields.len(), json!(recipe).as_object().unwrap().len());
            assert!(fields.iter().all(|field| !field.definition.is_empty()));
        }
        assert_eq!(recipe("small", &[]).unwrap().n_updates(), Some(750 + 600 + 30 + 140 + 40));
        assert_eq!(recipe("pipeline", &[]).unwrap().n_updates(), None);
    }

    #[test]
    fn steps_come_in_order_and_from_somewhere() {
        let message = |sets: &[&str]| recipe("small", sets).unwrap_err().to_string();
        assert!(message(&["stages=[\"linear\", \"cnn\"]"]).starts_with("stages"));
        assert!(message(&["stages=[\"folded\"]"]).starts_with("stages"));
        assert!(message(&["stages=[\"inverse\"]"]).starts_with("start"));
        assert!(message(&["depth=3"]).starts_with("depth"));
        assert!(message(&["linear={clip=0.0}"]).starts_with("linear"));
        assert!(message(&["linear={clipp=0.1}"]).contains("clipp"));
        assert_eq!(recipe("small", &["linear={batch=4}"]).unwrap().linear.updates, 30);
    }
}
