//! Settings of a training run: the source's flags, and what a run of ours needs besides.

use std::path::Path;

use candle_core::Device;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::config::{Config, Normalisation, Pooling};
use super::contrast::{ContrastSettings, Objective};
use super::procedure::BltProcedure;
use super::train::{LossChoice, LossSettings};
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Field, Overrides};
use crate::stimulus::sets::{PROCEDURAL, SetKind};
use crate::stimulus::{Broken, Split};
use crate::train::optim::Decay;
use crate::train::{Begun, OptimiserConfig, Schedule, TrainingRecipe};

/// Runs that can be started by name.
const RUNS: [&str; 5] = ["imagenet", "vggface2", "imagenet_vggface2", "imagenet_face", "small"];
/// What can be seen: the source's sets first.
pub(super) const DATASETS: [&str; 9] = [
    "imagenet",
    "vggface2",
    "imagenet_vggface2",
    "imagenet_face",
    "cifar10",
    "cifar100",
    "stl10",
    "mnist",
    "fashion_mnist",
];
const PRESETS: [&str; 2] = ["documented", "as-coded"];
/// Epochs after which the learning rate is halved.
const DROP_FACTOR: f64 = 0.5;

/// Everything a training run follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BltRecipe {
    pub preset: String,
    pub dataset: String,
    pub data: String,
    pub faces: String,
    #[serde(default)]
    pub classes: Vec<String>,
    #[serde(default)]
    pub n_classes: usize,
    pub split: Split,
    pub items: usize,
    pub held_out: usize,
    pub drawn: usize,
    #[serde(default)]
    pub broken: Broken,
    pub model: String,
    pub widths: Vec<usize>,
    pub pool: Pooling,
    pub recurrent_steps: usize,
    pub image_size: usize,
    pub loss_choice: LossChoice,
    pub loss_gamma: f64,
    pub smoothing: f64,
    #[serde(default)]
    pub objective: Objective,
    #[serde(default = "temperature")]
    pub temperature: f64,
    #[serde(default = "projection")]
    pub projection: usize,
    #[serde(default = "views")]
    pub views: usize,
    pub lr: f64,
    pub lr_drop: u64,
    pub weight_decay: f64,
    pub clip_max_norm: f64,
    pub batch_size: usize,
    pub epochs: u64,
    pub updates: u64,
    pub augment: bool,
    pub horizontal_flip: bool,
    pub validate_every: u64,
    pub validation_stimuli: usize,
    pub test_stimuli: usize,
    pub save_every: u64,
    pub snapshot_every: u64,
    pub seed: u64,
}

// Recipes of before these settings have none of them.
fn temperature() -> f64 {
    0.1
}

fn projection() -> usize {
    128
}

fn views() -> usize {
    2
}

/// What differs from run to run.
struct Defaults {
    dataset: &'static str,
    model: &'static str,
    widths: Vec<usize>,
    steps: usize,
    image_size: usize,
    lr: f64,
    batch: usize,
    updates: u64,
    augments: bool,
    validation: usize,
}

/// The flags of the script, or those of the runs that were made with it.
fn defaults(run: &str, preset: &str) -> Result<Defaults> {
    let is_coded = preset == "as-coded";
    let published = |dataset, batch| Defaults {
        dataset,
        model: if is_coded { "blt_bl" } else { "blt_bl_top2linear" },
        widths: Vec::new(),
        steps: if is_coded { 10 } else { 15 },
        image_size: 224,
        lr: if is_coded { 0.1 } else { 5e-4 },
        batch: if is_coded { 64 } else { batch },
        updates: 0,
        augments: true,
        validation: 0,
    };
    Ok(match run {
        "imagenet" => published("imagenet", 192),
        "vggface2" => published("vggface2", 256),
        "imagenet_vggface2" => published("imagenet_vggface2", 192),
        "imagenet_face" => published("imagenet_face", 192),
        "small" => Defaults {
            model: "blt_bl",
            widths: vec![32; 6],
            steps: 8,
            image_size: 64,
            lr: 1e-3,
            batch: 16,
            updates: 400,
            augments: false,
            validation: 100,
            ..published("imagenet", 16)
        },
        other => return Err(Error::unknown("training run of BLT", other, RUNS)),
    })
}

impl BltRecipe {
    /// Names of the runs that [`BltRecipe::from_map`] knows.
    pub fn variants() -> Vec<&'static str> {
        RUNS.to_vec()
    }

    /// Names, meanings, ranges and documented defaults of a run's settings, in the order of the form.
    ///
    /// # Errors
    /// [`Error::Unknown`] for another run.
    pub fn fields(variant: &str) -> Result<Vec<Field>> {
        Self::fields_of(variant, PRESETS[0])
    }

    fn fields_of(variant: &str, preset: &str) -> Result<Vec<Field>> {
        let run = defaults(variant, preset)?;
        let (script, loaders, ours) = ("archive/main.py", "datasets/datasets.py", "ours");
        Ok(vec![
            Field::choice("preset", "Preset", &PRESETS, script)
                .at_first(preset)
                .means("Whose defaults: of the runs that were made, or of the script's flags."),
            Field::choice("dataset", "Data set", &DATASETS, loaders)
                .at_first(run.dataset)
                .means("What is seen; imagenet is any tree with one folder of pictures per class."),
            Field::text("data", "Folder", PROCEDURAL, ours).means(
                "The folder of the data set, or \"procedural\" for schematic faces and objects or digits.",
            ),
            Field::text("faces", "Folder of faces", "", ours)
                .means("The folder of VGGFace2 for the two sets that mix it with ImageNet."),
            Field::list("classes", "Classes", json!([]), ours).means(
                "Names of the classes to learn, of a set of the source before it is mixed; an empty list takes all.",
            ),
            Field::number("n_classes", "First classes", "", 0.0, 1e6, 0.0, ours).means(
                "How many classes to learn, the first by name; 0 takes all (of VGGFace2 the source's 3890).",
            ),
            Field::choice("split", "Training split", &["train", "test"], ours)
                .at_first("train")
                .means("The files that training and held-out pictures are taken from."),
            Field::number("items", "Items", "", 0.0, 1e9, 0.0, ours)
                .means("Pictures taken of that split, drawn by the seed; 0 takes all."),
            Field::number("held_out", "Held out", "", 0.0, 1e9, 0.0, ours).means(
                "Pictures of those that pick the best weights; 0 takes the validation files, as the source.",
            ),
            Field::number("drawn", "Drawn pictures", "", 10.0, 1e6, 4000.0, ours)
                .means("Size of the drawn training set; a folder uses all it holds."),
            Broken::field(),
            Field::text("model", "Model", run.model, script)
                .means("A name of the source's builder: blt_bl, blt_b3lt3, cornet_s, resnet50 and others."),
            Field::list("widths", "Widths", json!(run.widths), "models/blt.py")
                .means("Channels of each area; an empty list takes the source's."),
            Field::choice("pool", "Pooling", &["max", "avg", "average", "blur"], script)
                .at_first("max")
                .means("How maps are halved between areas."),
            Field::number("recurrent_steps", "Timesteps", "", 1.0, 1000.0, run.steps as f64, script)
                .means("Timesteps of a picture, the first included."),
            Field::number("image_size", "Picture side", "px", 32.0, 1024.0, run.image_size as f64, script)
                .means("Rows and columns of the picture, a multiple of 32."),
            Field::choice("loss_choice", "Earlier answers", &["decay", "weighted"], "engine.py")
                .means("Answers s timesteps before the last count γ to the power of s, or all γ."),
            Field::number("loss_gamma", "γ of earlier answers", "×", 0.0, 1.0, 0.0, script)
                .means("Weight of earlier answers in the loss; 0 counts the last alone."),
            Field::number("smoothing", "Label smoothing", "", 0.0, 0.999, 0.0, "archive/utils.py").means(
                "Share of the target that is spread over other classes; 0 there, whatever its flag says.",
            ),
            Field::choice("objective", "Objective", &["classification", "contrastive"], script).means(
                "To name pictures, or to bring pictures of one class together (ours: a name alone in the source).",
            ),
            Field::number("temperature", "Temperature", "×", 0.001, 100.0, temperature(), ours)
                .means("What the contrastive objective divides similarities by.")
                .logarithmic(),
            Field::number("projection", "Projection", "", 1.0, 65_536.0, projection() as f64, ours)
                .means("Numbers that the contrastive objective compares pictures by."),
            Field::number("views", "Views", "", 1.0, 16.0, views() as f64, ours)
                .means("Times that the contrastive objective sees each picture of a batch, each changed anew."),
            Field::number("lr", "Learning rate", "", 0.0, 10.0, run.lr, script)
                .means("Step size of AdamW (β 0.9 and 0.999, ε 1e-8).")
                .logarithmic(),
            Field::number("lr_drop", "Halved every", "epochs", 1.0, 1e6, 100.0, script)
                .means("Epochs after which the learning rate is halved."),
            Field::number("weight_decay", "Weight decay", "", 0.0, 1.0, 1e-4, script)
                .means("Decoupled decay of every parameter, those of norms included."),
            Field::number("clip_max_norm", "Gradient clipping", "", 0.0, 1e9, 0.0, script)
                .means("Largest norm of all gradients together; 0 is none."),
            Field::number("batch_size", "Batch", "stimuli", 1.0, 4096.0, run.batch as f64, script)
                .means("Pictures per update; what fills no whole batch is left out of an epoch."),
            Field::number("epochs", "Epochs", "", 1.0, 1e6, 100.0, script)
                .means("Times that every training picture is seen."),
            Field::number("updates", "Updates", "", 0.0, 1e9, run.updates as f64, ours)
                .means("Updates of the whole run; 0 is given by the epochs."),
            Field::flag("augment", "Augmentation", run.augments, loaders)
                .means("Random cuts and blur; of faces also grey: as the source has them for the data set."),
            Field::flag("horizontal_flip", "Mirror", false, script)
                .means("Exchange left and right of every second picture."),
            Field::number("validate_every", "Validate every", "upd.", 0.0, 1e9, 0.0, "engine.py")
                .means("Updates between two validations; 0 is every epoch."),
            Field::number(
                "validation_stimuli",
                "Validation stimuli",
                "",
                0.0,
                1e9,
                run.validation as f64,
                ours,
            )
            .means("Held-out pictures that a validation shows; 0 is all."),
            Field::number("test_stimuli", "Test stimuli", "", 0.0, 1e9, 0.0, ours)
                .means("Pictures taken of the validation files; 0 is all."),
            Field::number("save_every", "Checkpoint every", "upd.", 1.0, 1e9, 100.0, ours)
                .means("Updates between two checkpoints from which the run resumes exactly."),
            Field::number("snapshot_every", "Snapshot every", "upd.", 1.0, 1e9, 10.0, ours)
                .means("Updates between two snapshots that views open while the network trains."),
            Field::number("seed", "Seed", "", 0.0, 9e15, 1.0, script)
                .means("Of initial weights, order and changes of the pictures."),
        ])
    }

    /// A run with the values of a file and of the user over the defaults of its preset.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a run or key that does not exist, [`Error::Config`] for a value that does
    /// not fit.
    pub fn from_map(variant: &str, map: &Map<String, Value>, overrides: &Overrides) -> Result<Self> {
        let given = overrides.iter().find(|(key, _)| *key == "preset").map(|(_, value)| value);
        let preset = given.or_else(|| map.get("preset")).and_then(Value::as_str).unwrap_or(PRESETS[0]);
        let fields = Self::fields_of(variant, preset)?;
        let table = ConfigTable::of_fields(&fields).given(map, overrides)?;
        for field in &fields {
            if let Some(entry) = table.get(field.key) {
                field.check(&entry.value)?;
            }
        }
        let recipe: Self = table.parse()?;
        let is_mixed = matches!(recipe.dataset.as_str(), "imagenet_vggface2" | "imagenet_face");
        if is_mixed && recipe.data != PROCEDURAL && recipe.faces.is_empty() {
            let requirement = "the folder of VGGFace2 for a set that mixes it with ImageNet";
            return Err(Error::config("faces", requirement, "nothing"));
        }
        recipe.config(2)?.validate()?;
        Ok(recipe)
    }

    /// The network to train.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a model that the source's builder does not take.
    pub fn config(&self, n_classes: usize) -> Result<Config> {
        let normalisation = match self.dataset.as_str() {
            "vggface2" => Normalisation::Vggface2,
            _ => Normalisation::Imagenet,
        };
        let mut config = Config::named(&self.model)?;
        let widths = |own: &mut Vec<usize>| {
            if !self.widths.is_empty() {
                own.clone_from(&self.widths);
            }
        };
        match &mut config {
            Config::Blt(blt) => {
                widths(&mut blt.widths);
                (blt.pool, blt.times) = (self.pool, self.recurrent_steps);
                (blt.n_classes, blt.image_size, blt.normalisation) =
                    (n_classes, self.image_size, normalisation);
            }
            Config::Cornet(cornet) => {
                widths(&mut cornet.widths);
                cornet.times = self.recurrent_steps;
                (cornet.n_classes, cornet.image_size, cornet.normalisation) =
                    (n_classes, self.image_size, normalisation);
            }
            Config::Resnet(resnet) => {
                (resnet.n_classes, resnet.image_size, resnet.normalisation) =
                    (n_classes, self.image_size, normalisation);
            }
        }
        Ok(config)
    }

    pub(super) fn loss(&self) -> LossSettings {
        let contrast = match self.objective {
            Objective::Classification => None,
            Objective::Contrastive => Some(ContrastSettings { temperature: self.temperature }),
        };
        LossSettings { choice: self.loss_choice, gamma: self.loss_gamma, smoothing: self.smoothing, contrast }
    }

    /// Times that an update sees each of its pictures.
    pub(super) fn n_views(&self) -> usize {
        match self.objective {
            Objective::Classification => 1,
            Objective::Contrastive => self.views,
        }
    }

    pub(super) fn optimiser(&self) -> OptimiserConfig {
        OptimiserConfig::Adam {
            learning_rate: self.lr,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: self.weight_decay,
            decay: Decay::Decoupled,
        }
    }

    /// By epochs.
    pub(super) fn schedule(&self) -> Schedule {
        let drops = (1..=self.epochs / self.lr_drop.max(1)).map(|drop| drop * self.lr_drop);
        Schedule::Multistep { milestones: drops.collect(), factor: DROP_FACTOR }
    }

    /// How a set that is not of the source's own is stored.
    pub(super) fn kind(&self) -> Result<SetKind> {
        SetKind::named(&self.dataset)
    }
}

impl TrainingRecipe for BltRecipe {
    fn values(&self) -> Value {
        json!(self)
    }

    fn begin(&self, device: &Device, _out: &Path) -> Result<Begun> {
        let procedure = BltProcedure::new(self.clone(), device)?;
        let data = procedure.data().clone();
        Ok(Begun { procedure: Box::new(procedure), data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(variant: &str, sets: &[&str]) -> Result<BltRecipe> {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        BltRecipe::from_map(variant, &Map::new(), &Overrides::read(None, &sets)?)
    }

    #[test]
    fn every_run_is_valid_documented_and_survives_toml() {
        for variant in RUNS {
            for preset in PRESETS {
                let recipe = recipe(variant, &[&format!("preset={preset}")]).unwrap();
                let text = toml::to_string(&recipe).unwrap();
                assert_eq!(toml::from_str::<BltRecipe>(&text).unwrap(), recipe, "{variant}");
            }
            let fields = BltRecipe::fields(variant).unwrap();
            assert_eq!(fields.len(), json!(recipe(variant, &[]).unwrap()).as_object().unwrap().len());
            assert!(fields.iter().all(|field| !field.definition.is_empty()));
        }
        let coded = recipe("imagenet", &["preset=as-coded"]).unwrap();
        assert_eq!((coded.lr, coded.recurrent_steps, coded.model.as_str()), (0.1, 10, "blt_bl"));
        assert_eq!(recipe("vggface2", &[]).unwrap().batch_size, 256);
    }

    #[test]
    fn models_take_their_settings_and_wrong_ones_are_named() {
        let config = recipe("small", &["model=cornet_rt", "recurrent_steps=6"]);
        let config = config.unwrap_err().to_string();
        assert!(config.contains("widths"), "{config}");
        let resnet = recipe("small", &["model=resnet50"]).unwrap().config(7).unwrap();
        assert_eq!((resnet.n_classes(), resnet.image_size()), (7, 64));
        for (sets, said) in [
            (&["model=blt_q"][..], "blt_"),
            (&["preset=coded"], "preset"),
            (&["dataset=imagenet_face", "data=somewhere"], "faces"),
            (&["image_size=65"], "image_size"),
            (&["smoothing=1.0"], "smoothing"),
        ] {
            let message = recipe("small", sets).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn the_learning_rate_is_halved_by_epochs() {
        let recipe = recipe("imagenet", &["lr_drop=30", "lr=1.0"]).unwrap();
        let schedule = recipe.schedule();
        let rates = [0, 29, 30, 60, 99].map(|epoch| schedule.rate(recipe.lr, epoch).learning_rate);
        assert_eq!(rates, [1.0, 1.0, 0.5, 0.25, 0.125]);
    }
}
