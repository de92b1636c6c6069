//! Settings of a training run: one struct for the form, the file and `--set`.

use std::path::Path;

use candle_core::Device;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::config::Config;
use super::presets::{EXPERIMENTS, of_reference, published};
use super::procedure::HebbProcedure;
use super::tensors::InitOptions;
use super::train::LearningRule;
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Field, Overrides};
use crate::stimulus::sets::PROCEDURAL;
use crate::stimulus::{Broken, Split};
use crate::train::optim::Decay;
use crate::train::{Begun, OptimiserConfig, TrainingRecipe};

/// Pairs of digits, composed of a set of single ones.
pub(super) const PAIRS: &str = "multi_mnist";
/// What can be seen.
const DATASETS: [&str; 9] =
    [PAIRS, "mnist", "fashion_mnist", "cifar10", "cifar100", "stl10", "celeba", "folders", "identities"];
const OPTIMISERS: [&str; 2] = ["Adam", "SGD"];

/// Everything a training run follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HebbRecipe {
    pub dataset: String,
    pub data: String,
    pub split: Split,
    pub items: usize,
    pub held_out: usize,
    pub drawn: usize,
    #[serde(default)]
    pub broken: Broken,
    pub test_stimuli: usize,
    pub ch_learning: bool,
    pub feedback_alignment: bool,
    pub symmetric_init: bool,
    pub init_noise: f64,
    pub init_factor: f64,
    pub update_noise: f64,
    pub train_all_tasks: bool,
    pub optimizer: String,
    pub learning_rate: f64,
    pub lr_decay: f64,
    pub weight_decay: f64,
    pub batch_size: usize,
    pub epochs: u64,
    pub updates: u64,
    pub validate_every: u64,
    pub evaluation_batch: usize,
    pub training_stimuli: usize,
    pub save_every: u64,
    pub snapshot_every: u64,
    pub seed: u64,
    /// Keys of the network's configuration.
    pub network: Map<String, Value>,
}

impl HebbRecipe {
    /// Names of the experiments that [`HebbRecipe::from_map`] knows.
    pub fn variants() -> Vec<&'static str> {
        EXPERIMENTS.to_vec()
    }

    /// Names, meanings, ranges and defaults of an experiment's settings, in the order of the form.
    ///
    /// # Errors
    /// [`Error::Unknown`] for another experiment.
    pub fn fields(variant: &str) -> Result<Vec<Field>> {
        let run = published(variant)?;
        let (file, layers, main) = ("*_config.json", "butd_layers.py", "main.py");
        let held_out = if run.dataset == PAIRS { 10_000.0 } else { 0.0 };
        Ok(vec![
            Field::choice("dataset", "Data set", &DATASETS, file).at_first(run.dataset)
                .means("What is seen; multi_mnist composes two digits of MNIST files."),
            Field::text("data", "Folder", PROCEDURAL, "ours")
                .means("The folder of the data set, or \"procedural\" for pictures that are drawn."),
            Field::choice("split", "Training split", &["train", "test"], "ours").at_first("train")
                .means("The files that training and held-out stimuli are taken from."),
            Field::number("items", "Items", "", 0.0, 1e9, 0.0, "ours")
                .means("Stimuli taken of that split, held-out ones included; 0 takes all."),
            Field::number("held_out", "Held out", "", 0.0, 1e9, held_out, "data/multi_mnist_loader.py")
                .means("The last of them, which pick the best weights; 0 validates on the test files."),
            Field::number("drawn", "Drawn pictures", "", 10.0, 1e6, 12_000.0, "ours")
                .means("Size of the drawn training set; a folder uses all it holds."),
            Broken::field(),
            Field::number("test_stimuli", "Test stimuli", "", 0.0, 1e6, 0.0, "ours")
                .means("Stimuli of the test files that evaluations use; 0 uses all."),
            Field::flag("ch_learning", "Counter-Hebb", run.ch_learning, file)
                .means("Whether the local rule changes the weights, or backpropagation."),
            Field::flag("feedback_alignment", "Feedback alignment", false, layers)
                .means("Top-down weights of their own stay as they began (FA)."),
            Field::flag("symmetric_init", "Symmetric start", false, layers)
                .means("Top-down weights begin as copies of the bottom-up ones (SymWeights)."),
            Field::number("init_noise", "Noise of the copies", "", 0.0, 1.0, 0.0, layers)
                .means("Deviation of the element-wise noise on those copies (NoiseInit, 0.05 there); 0 is none."),
            Field::number("init_factor", "Initial scale", "×", 0.0, 10.0, 1.0, layers)
                .means("Initial weights of both directions times this (ModifiedInit, 0.1 there)."),
            Field::number("update_noise", "Noise of changes", "", 0.0, 1.0, 0.0, layers)
                .means("Deviation of one factor per bundle, direction and update (AddNoise, 0.05 there)."),
            Field::flag("train_all_tasks", "All tasks at once", false, main)
                .means("Every instruction is given for every stimulus of an update, and their changes averaged."),
            Field::choice("optimizer", "Optimiser", &OPTIMISERS, file).at_first("Adam")
                .means("Adam (β 0.9 and 0.999, ε 1e-8) or plain gradient descent."),
            Field::number("learning_rate", "Learning rate", "", 0.0, 10.0, run.learning_rate, file)
                .means("Step size in the first epoch.")
                .logarithmic(),
            Field::number("lr_decay", "Decay per epoch", "×", 0.0, 1.0, 0.95, file)
                .means("The learning rate of each epoch is this times that of the one before."),
            Field::number("weight_decay", "Weight decay", "", 0.0, 1.0, 0.0, main)
                .means("L2 term added to the change (WeightDecayValue, 0.01 there); 0 is none."),
            Field::number("batch_size", "Batch", "stimuli", 1.0, 4096.0, run.batch_size as f64, file)
                .means("Stimuli per update."),
            Field::number("epochs", "Epochs", "", 1.0, 1e6, run.epochs as f64, file)
                .means("Times that every training stimulus is seen."),
            Field::number("updates", "Updates", "", 0.0, 1e9, 0.0, "ours")
                .means("Updates of the whole run; 0 is given by the epochs."),
            Field::number("validate_every", "Validate every", "upd.", 0.0, 1e9, 0.0, main)
                .means("Updates between two evaluations; 0 is every second epoch, as in the reference."),
            Field::number("evaluation_batch", "Evaluation batch", "stimuli", 1.0, 4096.0, 64.0, file)
                .means("Stimuli per batch of an evaluation; its loss is the mean over batches."),
            Field::number("training_stimuli", "Training stimuli scored", "", 0.0, 1e9, 0.0, main)
                .means("Training stimuli that evaluations score too; 0 is none."),
            Field::number("save_every", "Checkpoint every", "upd.", 1.0, 1e9, 100.0, "ours")
                .means("Updates between two checkpoints from which the run resumes exactly."),
            Field::number("snapshot_every", "Snapshot every", "upd.", 1.0, 1e9, 10.0, "ours")
                .means("Updates between two snapshots that views open while the network trains."),
            Field::number("seed", "Seed", "", 0.0, 9e15, 0.0, "ours")
                .means("Of initial weights, pairs, instructions, noise and the order of the data."),
            Field::list("network", "Network", run.network, file)
                .means("Keys of the network's configuration: network_name, shared_weights, mtl, norm_layer and others."),
        ])
    }

    /// An experiment with the values of a file and of the user over the published ones.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an experiment or key that does not exist, [`Error::Config`] for a value
    /// that does not fit.
    pub fn from_map(variant: &str, map: &Map<String, Value>, overrides: &Overrides) -> Result<Self> {
        let fields = Self::fields(variant)?;
        let table = ConfigTable::of_fields(&fields).given(map, overrides)?;
        let recipe: Self = table.parse()?;
        for field in &fields {
            if let Some(entry) = table.get(field.key) {
                field.check(&entry.value)?;
            }
        }
        recipe.config()?;
        if recipe.train_all_tasks && !recipe.config()?.mtl {
            return Err(Error::config("train_all_tasks", "false for a network without instructions", true));
        }
        Ok(recipe)
    }

    /// The experiment and its settings in a configuration file of the reference; `None` if the document
    /// is none.
    ///
    /// # Errors
    /// [`Error::Config`] for a data set that is not read.
    pub fn of_reference(document: &Map<String, Value>) -> Result<Option<(&'static str, Map<String, Value>)>> {
        of_reference(document)
    }

    /// The network to train.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Config`] naming the key of the network.
    pub fn config(&self) -> Result<Config> {
        Config::from_values(&self.network)
    }

    pub(super) fn rule(&self) -> LearningRule {
        match self.ch_learning {
            true => LearningRule::CounterHebb { changes_top_down: !self.feedback_alignment },
            false => LearningRule::Backprop,
        }
    }

    pub(super) fn init(&self) -> InitOptions {
        InitOptions {
            symmetric: self.symmetric_init,
            noise: (self.init_noise > 0.0).then_some(self.init_noise),
            factor: Some(self.init_factor),
        }
    }

    pub(super) fn optimiser(&self) -> OptimiserConfig {
        let (learning_rate, weight_decay) = (self.learning_rate, self.weight_decay);
        match self.optimizer.as_str() {
            "SGD" => OptimiserConfig::Sgd { learning_rate, momentum: 0.0, nesterov: false, weight_decay },
            _ => OptimiserConfig::Adam {
                learning_rate,
                betas: [0.9, 0.999],
                eps: 1e-8,
                weight_decay,
                decay: Decay::L2,
            },
        }
    }
}

impl TrainingRecipe for HebbRecipe {
    fn values(&self) -> Value {
        json!(self)
    }

    fn begin(&self, device: &Device, _out: &Path) -> Result<Begun> {
        let procedure = HebbProcedure::new(self.clone(), device)?;
        let data = procedure.data().clone();
        Ok(Begun { procedure: Box::new(procedure), data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(variant: &str, sets: &[&str]) -> Result<HebbRecipe> {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        HebbRecipe::from_map(variant, &Map::new(), &Overrides::read(None, &sets)?)
    }

    #[test]
    fn every_experiment_is_valid_documented_and_survives_toml() {
        for variant in HebbRecipe::variants() {
            let recipe = recipe(variant, &[]).unwrap();
            let text = toml::to_string(&recipe).unwrap();
            assert_eq!(toml::from_str::<HebbRecipe>(&text).unwrap(), recipe, "{variant}");
            let fields = HebbRecipe::fields(variant).unwrap();
            assert_eq!(fields.len(), json!(recipe).as_object().unwrap().len());
            assert!(fields.iter().all(|field| !field.definition.is_empty()));
        }
        assert!(recipe("multimnist", &[]).unwrap_err().to_string().contains("did you mean \"multi_mnist\""));
    }

    #[test]
    fn settings_and_keys_of_the_network_are_checked() {
        let changed = recipe("multi_mnist", &["network={network_name=\"conv net\"}", "ch_learning=true"]);
        assert_eq!(changed.unwrap().config().unwrap().network_name.variant(), "conv");
        for (set, said) in [
            ("network={network_nam=\"conv net\"}", "network_name"),
            ("optimizer=Adm", "one of Adam, SGD"),
            ("update_noise=1.5", "update_noise must be 0 to 1"),
            ("learning_rat=1", "did you mean \"learning_rate\""),
        ] {
            let message = recipe("multi_mnist", &[set]).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
        assert!(recipe("mnist", &["train_all_tasks=true"]).is_err());
    }

    #[test]
    fn the_references_files_are_recipes() {
        let document = json!({
            "benchmark": "CelebA",
            "learning settings": {
                "mtl": true, "mtl comment": "x", "ch_learning": false, "task": "binary attribute",
                "task available options": ["left/right", null], "task_vector_size": 40, "n_tasks": 40,
                "network_name": "resnet18", "shared_weights": true, "non_linearity_fn": "relu",
                "metric_name": "Accuracy", "loss_name": "BCE", "multi_decoders": false,
            },
            "architecture parameters": {"norm_layer": null, "task_embedding_size": 200},
            "data set parameters": {"dataset_name": "celeba", "data_path": "./Datasets", "batch_size": 32},
            "optimizer parameters": {"optimizer_name": "SGD", "lr": 0.01, "epochs": 7, "lr_decay": null},
            "saved_model_path": null,
        });
        let (variant, map) = HebbRecipe::of_reference(document.as_object().unwrap()).unwrap().unwrap();
        let recipe = HebbRecipe::from_map(variant, &map, &Overrides::default()).unwrap();
        assert_eq!((variant, recipe.data.as_str(), recipe.epochs), ("celeb_a", "./Datasets", 7));
        assert_eq!((recipe.optimizer.as_str(), recipe.lr_decay, recipe.batch_size), ("SGD", 1.0, 32));
        assert!(recipe.config().unwrap().has_norms());
        assert!(HebbRecipe::of_reference(json!({"seed": 1}).as_object().unwrap()).unwrap().is_none());
    }
}
