//! The published experiments as values, and the reference's configuration files as recipes.

use serde_json::{Map, Value, json};

use super::open::flat_sections;
use crate::error::{Error, Result};

/// Experiments that can be started by name: those of the reference's six configuration files.
pub(super) const EXPERIMENTS: [&str; 6] =
    ["multi_mnist", "mnist", "fashion_mnist", "cifar", "celeb_a", "resnet18"];

/// What one configuration file says.
pub(super) struct Published {
    pub(super) dataset: &'static str,
    pub(super) ch_learning: bool,
    pub(super) batch_size: usize,
    pub(super) learning_rate: f64,
    pub(super) epochs: u64,
    /// Keys of the network.
    pub(super) network: Value,
}

/// # Errors
/// [`Error::Unknown`] with the nearest name.
pub(super) fn published(experiment: &str) -> Result<Published> {
    let single = |dataset, width: usize, shape: [usize; 3]| Published {
        dataset,
        ch_learning: true,
        batch_size: 20,
        learning_rate: 1e-4,
        epochs: 50,
        network: json!({
            "network_name": "fc net", "in_shape": shape, "n_classes": 10, "mtl": false,
            "shared_weights": false, "last_hidden_size": width, "depth": 1, "loss_name": "CrossEntropy",
        }),
    };
    Ok(match experiment {
        "multi_mnist" => Published {
            dataset: "multi_mnist",
            ch_learning: false,
            batch_size: 64,
            learning_rate: 5e-4,
            epochs: 100,
            network: json!({
                "network_name": "simple net", "in_shape": [1, 28, 28], "n_classes": 10, "mtl": true,
                "task": "left/right", "task_vector_size": 2, "n_tasks": 2, "shared_weights": true,
                "task_embedding_size": 50, "last_hidden_size": 50, "conv_channels": [32, 32],
                "loss_name": "CrossEntropy",
            }),
        },
        "mnist" => single("mnist", 500, [1, 28, 28]),
        "fashion_mnist" => single("fashion_mnist", 500, [1, 28, 28]),
        "cifar" => single("cifar10", 1000, [3, 32, 32]),
        "celeb_a" => Published {
            dataset: "celeba",
            ch_learning: false,
            batch_size: 64,
            learning_rate: 5e-4,
            epochs: 50,
            network: json!({
                "network_name": "resnet18", "in_shape": [3, 218, 178], "n_classes": 1, "mtl": true,
                "task": "binary attribute", "task_vector_size": 40, "n_tasks": 40, "shared_weights": true,
                "norm_layer": "batch_norm", "task_embedding_size": 200, "loss_name": "BCE",
            }),
        },
        "resnet18" => Published {
            dataset: "cifar10",
            ch_learning: true,
            batch_size: 128,
            learning_rate: 1e-4,
            epochs: 50,
            network: json!({
                "network_name": "resnet18", "in_shape": [3, 32, 32], "n_classes": 10, "mtl": false,
                "shared_weights": false, "norm_layer": "no_norm", "loss_name": "CrossEntropy",
            }),
        },
        other => return Err(Error::unknown("training run of Counter-Hebb", other, EXPERIMENTS)),
    })
}

/// Keys of the reference's files that say nothing about a run.
const WITHOUT_EFFECT: [&str; 7] = [
    "non_linearity_fn",
    "lateral_fn",
    "metric_name",
    "resume_training",
    "saved_model_path",
    "benchmark",
    "comment",
];

/// A configuration file of the reference as an experiment and the recipe keys that it sets; `None` if the
/// document is none.
///
/// # Errors
/// [`Error::Config`] for a data set that is not read.
pub(super) fn of_reference(
    document: &Map<String, Value>,
) -> Result<Option<(&'static str, Map<String, Value>)>> {
    let Some(flat) = flat_sections(document) else { return Ok(None) };
    let text = |key: &str| flat.get(key).and_then(Value::as_str).unwrap_or_default();
    let experiment = match (text("dataset_name"), text("network_name")) {
        ("multi_mnist", _) => "multi_mnist",
        ("mnist", _) => "mnist",
        ("fashion_mnist", _) => "fashion_mnist",
        ("cifar", "resnet18") => "resnet18",
        ("cifar", _) => "cifar",
        ("celeba", _) => "celeb_a",
        (other, _) => {
            let known = "multi_mnist, mnist, fashion_mnist, cifar or celeba";
            return Err(Error::config("dataset_name", known, other));
        }
    };
    let (mut recipe, mut network) = (Map::new(), Map::new());
    for (key, value) in flat {
        let is_silent = WITHOUT_EFFECT.contains(&key.as_str())
            || key.contains("available")
            || key.contains("comment")
            || key == "dataset_name";
        let value = match (key.as_str(), value) {
            _ if is_silent => continue,
            ("norm_layer", Value::Null) => json!("batch_norm"),
            ("lr_decay", Value::Bool(true)) => json!(0.95),
            ("lr_decay", Value::Null | Value::Bool(false)) => json!(1.0),
            (_, Value::Null) => continue,
            (_, value) => value,
        };
        match key.as_str() {
            "lr" => recipe.insert("learning_rate".to_owned(), value),
            "optimizer_name" => recipe.insert("optimizer".to_owned(), value),
            "wd_val" => recipe.insert("weight_decay".to_owned(), value),
            "data_path" => recipe.insert("data".to_owned(), value),
            "ch_learning" | "batch_size" | "epochs" | "lr_decay" | "train_all_tasks" => {
                recipe.insert(key, value)
            }
            _ => network.insert(key, value),
        };
    }
    recipe.insert("network".to_owned(), Value::Object(network));
    Ok(Some((experiment, recipe)))
}
