//! The published runs on photographs: COCO animals, CelebA hair and sex, STL-10 tiles.
//!
//! Class weights are those of the training data, as `composer.py` computes them; the parameter files hold
//! the numbers of one division.

use serde_json::{Value as Json, json};

use super::presets::{Run, training};

const GELU: &str = "GELU(approximate='none')";
/// Schematic pictures that stand in for photographs.
const DRAWN: usize = 4_000;

fn layers(n: usize) -> Json {
    (0..n).map(|layer| if layer == 0 { "none" } else { "layer" }).collect()
}

/// The four tasks; `attend`: sweeps with the photograph of grouping; weights of recognition's classes, of
/// grouping, and of the masks of both searches.
fn animals(attend: u64, recognition: f64, grouping: [f64; 3], frames: &str, search: f64) -> Json {
    let task = |key: usize, composer: &str, params: Json, weights: [f64; 3], frames: &str| {
        json!({"composer": composer, "key": key, "params": params, "loss_w": weights, "loss_s": frames,
            "has_prompt": key == 2})
    };
    let later = "(None, slice(1, None, None))";
    let searched = json!({"n_iter": 3, "noise": 0.25});
    let mut tasks = json!({
        "Recognition": task(0, "Recognition_COCO",
            json!({"n_iter": 3, "stride": 64, "blank": false, "static": false, "noise": 0.25}),
            [recognition, 0.0, 0.5], "(slice(1, None, None), None)"),
        "PerceptualGrouping": task(1, "PerceptualGrouping_COCO",
            json!({"fix_attend": [2, attend], "noise": 0.25, "natural": false}), grouping, frames),
        "Search": task(2, "Search_COCO", searched.clone(), [0.0, search, 0.0], later),
        "SearchGrid": task(2, "SearchGrid_COCO", searched, [0.0, search, 0.0], later),
    });
    for name in ["Recognition", "PerceptualGrouping"] {
        tasks[name]["class_weights"] = json!("inverse");
    }
    tasks
}

/// `main_coco.py`; its defaults are the published parameters.
pub(super) fn coco() -> Run {
    let network = json!({
        "in_dims": [3, 256, 256], "n_classes": 10, "out_dim": 20, "normalize": true,
        "softness": [0.5, 0.0, 0.5, 0.0, 0.5, 0.0, 0.5, 0.0],
        "channels": [3, 32, 32, 64, 64, 128, 128, 256, 256], "residuals": false,
        "kernels": [7, 3, 3, 3, 3, 3, 3, 3, 3, 3], "strides": 1, "paddings": "same", "conv_bias": true,
        "conv_norms": layers(8), "conv_dropouts": 0.0, "conv_funs": GELU, "deconv_funs": GELU,
        "deconv_norms": layers(8), "pools": 2, "rnn_dims": [256], "rnn_bias": true, "rnn_dropouts": 0.0,
        "rnn_funs": GELU, "n_tasks": 3, "task_layers": 1, "task_weight": true, "task_bias": true,
        "task_funs": "Tanh()", "rnn_to_fc": false, "trans_fun": "Identity()", "affine": false,
    });
    let tasks = animals(3, 0.1, [0.0, 1.0, 0.1], "(None, slice(1, None, None))", 1.0);
    let own = json!({"n_epochs": 42, "batch_size": 128, "lr": 5e-4, "l2": 1e-5, "milestones": [24, 32],
        "seed": 1980, "n_samples": 0, "n_validation": 1024, "n_test": 2048, "training_digits": DRAWN});
    Run { network, tasks, training: training(own) }
}

/// The second network on the same tasks.
pub(super) fn coco_v2() -> Run {
    let network = json!({"channels": [32, 64, 128, 256, 512], "fun": GELU, "in_dims": [3, 256, 256],
        "mid_dim": -1, "n_classes": 10, "n_tasks": 3, "norm": "layer", "out_dim": 10, "softness": 0.5,
        "task_fun": "Tanh()", "bnpti": false, "recurrent": false, "concat": true, "resnet": false});
    let tasks = animals(2, 0.25, [0.0, 10.0, 0.25], "(None, (0, 2, 3))", 10.0);
    let own = json!({"n_epochs": 48, "batch_size": 64, "lr": 5e-4, "l2": 1e-4, "milestones": [32, 40],
        "scheduler": "OneCycleLR", "pct_start": 0.25, "lr_min": 1e-5, "seed": 1980, "n_samples": 0,
        "n_validation": 1024, "n_test": 2048, "training_digits": DRAWN});
    Run { network, tasks, training: training(own) }
}

/// `main_celeba.py`.
pub(super) fn celeba(coded: bool) -> Run {
    let network = json!({
        "in_dims": [3, 128, 128], "n_classes": 2, "out_dim": 2, "normalize": true, "softness": 0.5,
        "channels": [3, 4, 8, 8, 16, 16, 32, 32], "residuals": false, "kernels": 3, "strides": 1,
        "paddings": 1, "conv_bias": true, "conv_norms": "none", "conv_dropouts": 0.0, "conv_funs": "ReLU()",
        "deconv_funs": "Tanh()", "deconv_norms": "none", "pools": 2, "rnn_dims": [32, 8], "rnn_bias": true,
        "rnn_dropouts": 0.0, "rnn_funs": "ReLU()", "n_tasks": 1, "task_weight": false, "task_bias": false,
        "task_funs": "none", "rnn_to_fc": true, "trans_fun": "Identity()", "norm_mean": [0.5, 0.5, 0.5],
        "norm_std": [1.0, 1.0, 1.0],
    });
    let params = json!({"n_iter": if coded { 1 } else { 2 }, "noise": 0.25, "which": 0});
    let tasks = json!({"Celeb": {"composer": "CelebACrop", "key": 0, "params": params,
        "loss_w": [0.0, 0.0, 1.0], "loss_s": "(0, None)", "has_prompt": false}});
    let own = json!({"n_epochs": 32, "batch_size": 128, "lr": 1e-4, "l2": 5e-4, "milestones": [16],
        "gamma": 0.1, "max_grad_norm": 1.0, "seed": 1984, "n_samples": 0, "n_validation": 1024,
        "n_test": 2048, "training_digits": DRAWN});
    Run { network, tasks, training: training(own) }
}

/// `main_stl10.py`.
pub(super) fn stl10(coded: bool) -> Run {
    let network = json!({
        "in_dims": [3, 192, 192], "n_classes": 10, "out_dim": 10, "normalize": true, "softness": 0.5,
        "channels": [3, 32, 32, 64, 64, 128, 128], "residuals": false, "kernels": 3, "strides": 1,
        "paddings": 1, "conv_bias": true, "conv_norms": layers(6), "conv_dropouts": 0.0, "conv_funs": GELU,
        "deconv_funs": "Tanh()", "deconv_norms": layers(6), "pools": 2, "rnn_dims": [64], "rnn_bias": true,
        "rnn_dropouts": 0.0, "rnn_funs": GELU, "n_tasks": 3, "task_layers": 1, "task_weight": true,
        "task_bias": true, "task_funs": "Tanh()", "rnn_to_fc": true, "trans_fun": "Identity()",
    });
    let task = |key: usize, composer: &str, params: Json, weights: [f64; 3], frames: &str| {
        json!({"composer": composer, "key": key, "params": params, "loss_w": weights, "loss_s": frames,
            "has_prompt": key == 2})
    };
    let tasks = json!({
        "Recognition": task(0, "Broken_CIFAR", json!({"n_iter": 1, "gap": 8, "noise": 0.25, "hard": false}),
            [0.0, 0.0, 1.0], "(None, None)"),
        "Cued_Recognition": task(1, "Cued_CIFAR",
            json!({"fix_attend": [2, 1], "n_grid": 3, "roll": true, "noise": 0.25}),
            [0.5, 0.0, 1.0], "((2,), None)"),
        "Search": task(2, "Search_CIFAR", json!({"n_iter": 2, "n_grid": 3, "noise": 0.25}),
            [0.0, 10.0, 0.0], "(None, slice(0, None, None))"),
    });
    let own = json!({"n_epochs": if coded { 128 } else { 64 }, "batch_size": 32, "lr": 5e-4, "l2": 1e-4,
        "milestones": [96, 112], "scheduler": "OneCycleLR", "pct_start": 0.125, "lr_min": 1e-4,
        "n_samples": 0, "n_validation": 1024, "n_test": 2048, "training_digits": DRAWN});
    Run { network, tasks, training: training(own) }
}
