//! What the reference trained, as values: networks, tasks and parameters of each published run.
//!
//! `documented` follows the parameter files that were published with the weights, `as_coded` the
//! defaults of the scripts (`main_*.py`), which differ in places.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::preset_photographs as photographs;
use crate::error::{Error, Result};

/// Which of the two the defaults follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The published parameter files.
    #[default]
    Documented,
    /// The defaults of the training scripts.
    AsCoded,
}

/// Runs that can be started by name.
pub const RUNS: [&str; 11] = [
    "digits",
    "recognition",
    "curves",
    "contrast",
    "discrimination",
    "change",
    "shapes",
    "coco",
    "coco_v2",
    "celeba",
    "stl10",
];

/// The content of the three parameter files of one run; `"none"` stands for nothing, as in TOML.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// `model_params.json`.
    pub network: Json,
    /// `tasks.json`.
    pub tasks: Json,
    /// `train_params.json` and the numbers of samples.
    pub training: Json,
}

/// The run `name`.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name.
pub fn run(name: &str, preset: Preset) -> Result<Run> {
    let coded = preset == Preset::AsCoded;
    Ok(match name {
        "digits" => digits(coded),
        "recognition" => {
            let all = digits(coded);
            let mut network = all.network;
            network["n_tasks"] = json!(1);
            let mut task = all.tasks["Recognition"].clone();
            task["key"] = json!(0);
            Run { network, tasks: json!({"Recognition": task}), training: all.training }
        }
        "curves" => curves(coded),
        "contrast" => psychophysics(contrast(), json!([-4, -3]), json!([16]), (32, 1e-4, 5e-4)),
        "discrimination" => psychophysics(discrimination(), json!([-4, -3]), json!([16]), (32, 1e-4, 5e-4)),
        "change" => psychophysics(change(), json!([0, 1]), json!([16, 16]), (64, 5e-4, 1e-4)),
        "shapes" => shapes(coded),
        "coco" => photographs::coco(),
        "coco_v2" => photographs::coco_v2(),
        "celeba" => photographs::celeba(coded),
        "stl10" => photographs::stl10(coded),
        other => return Err(Error::unknown("training run of recurrent gating", other, RUNS)),
    })
}

/// Parameters that all runs share, with those of one over them.
pub(super) fn training(own: Json) -> Json {
    let mut all = json!({
        "optimizer": "Adam", "scheduler": "MultiStepLR", "milestones": [], "gamma": 0.2, "pct_start": 0.25,
        "total_steps": 0, "lr_min": 0.0, "max_grad_norm": 10.0, "mask_mp": 0.0, "sequential": false,
        "seed": 1821, "training_digits": 60_000,
    });
    if let (Json::Object(all), Json::Object(own)) = (&mut all, own) {
        all.extend(own);
    }
    all
}

fn digits(coded: bool) -> Run {
    let network = json!({
        "in_dims": [3, 96, 96], "n_classes": 10, "out_dim": 20, "normalize": true, "softness": 0.5,
        "channels": [3, 16, 32, 64, 128, 128], "residuals": false, "kernels": 3, "strides": 1, "paddings": 1,
        "conv_bias": true, "conv_norms": ["none", "layer", "layer", "layer", "layer"], "conv_dropouts": 0.0,
        "conv_funs": "ReLU()", "deconv_funs": "Tanh()",
        "deconv_norms": ["none", "layer", "layer", "layer", "layer"], "pools": [2, 2, 2, 2, 3],
        "rnn_dims": [128, 64], "rnn_bias": true, "rnn_dropouts": 0.0, "rnn_funs": "ReLU()", "n_tasks": 7,
        "task_layers": 1, "task_weight": true, "task_bias": true, "task_funs": "Tanh()",
        "norm_mean": [0.5, 0.5, 0.5], "norm_std": [1.0, 1.0, 1.0], "rnn_to_fc": false, "trans_fun": "ReLU()",
    });
    let task = |key: usize, composer: &str, params: Json, weights: [f64; 3], sweeps: &str| {
        json!({"composer": composer, "key": key, "params": params, "loss_w": weights, "loss_s": sweeps,
            "has_prompt": composer == "Search_DS"})
    };
    let (all, later) = ("(None, None)", "slice(1, None, None)");
    let cue = if coded { format!("(None, {later})") } else { format!("((4,), {later})") };
    let tracking = if coded { [1.0, 2.0, 1.0] } else { [1.0, 1.0, 1.0] };
    let tasks = json!({
        "IOR": task(0, "IOR_DS", json!({"n_digits": 3, "n_attend": 2, "noise": 0.25, "overlap": 1.0}),
            [1.0, 1.0, 0.0], all),
        "Arrow": task(1, "Arrow_DS", json!({"n_iter": 3, "noise": 0.25}), [0.0, 0.0, 1.0], all),
        "Cue": task(2, "Cue_DS", json!({"fix_attend": [2, 3], "n_digits": 4, "noise": 0.25, "overlap": 0.0}),
            [0.0, 1.0, 1.0], &cue),
        "Tracking": task(3, "Tracking_DS", json!({"fix_attend": [2, 5], "n_digits": 4, "noise": 0.25}),
            tracking, &format!("({later}, {later})")),
        "Recognition": task(4, "Recognition_DS",
            json!({"n_iter": 3, "stride": 16, "blank": false, "static": false, "noise": 0.25}),
            [1.0, 0.0, 2.0], &format!("({later}, None)")),
        "Search": task(5, "Search_DS", json!({"n_iter": 2, "n_digits": 4, "noise": 0.25, "overlap": 1.0}),
            [0.0, 1.0, 0.0], &format!("(None, {later})")),
        "Popout": task(6, "Popout_DS", json!({"n_iter": 2, "noise": 0.25}), [0.0, 0.0, 1.0], all),
    });
    let (n_epochs, milestones) = if coded { (128, [64, 96]) } else { (96, [32, 64]) };
    let own = json!({"n_epochs": n_epochs, "batch_size": 128, "lr": 5e-4, "l2": 1e-6, "milestones": milestones,
        "n_samples": 0, "n_validation": 1024, "n_test": 2048});
    Run { network, tasks, training: training(own) }
}

fn curves(coded: bool) -> Run {
    let layer = ["none", "layer", "layer", "layer", "layer", "layer", "layer", "layer"];
    let network = json!({
        "in_dims": [1, 128, 128], "n_classes": 16, "out_dim": 16, "normalize": false, "softness": 0.5,
        "channels": [1, 4, 4, 8, 8, 16, 16, 32, 32], "residuals": false, "kernels": 3, "strides": 1,
        "paddings": "same", "conv_bias": false, "conv_norms": "none", "conv_dropouts": 0.1,
        "conv_funs": "ReLU()", "deconv_funs": "Tanh()", "deconv_norms": layer, "pools": [1, 2, 1, 2, 1, 2, 1, 2],
        "rnn_dims": [128], "rnn_bias": true, "rnn_dropouts": 0.0, "rnn_funs": "ReLU()", "n_tasks": 1,
        "task_weight": false, "task_bias": false, "task_funs": "none", "rnn_to_fc": false,
        "trans_fun": "Identity()",
    });
    let sweeps = if coded { json!("(None, (1, 3, 5))") } else { json!("(None, (1, 4, 6))") };
    let params = json!({"fix_attend_saccade": [2, 3, 2], "ydim": 96, "xdim": 96, "padding": 16,
        "resolution": 100, "noise": 0.25});
    let tasks = json!({"CurveTracing": {"composer": "CurveTracing", "key": 0, "params": params,
        "loss_w": [0.0, 1.0, 0.0], "loss_s": sweeps, "has_prompt": false}});
    let own = json!({"n_epochs": 128, "batch_size": 64, "lr": 5e-4, "l2": 1e-6, "milestones": [128],
        "gamma": if coded { 0.1 } else { 0.2 }, "seed": 1998, "n_samples": 16384, "n_validation": 1024,
        "n_test": 1024});
    Run { network, tasks, training: training(own) }
}

fn contrast() -> Json {
    json!({"composer": "PsychGrating", "params": {"episodes": [0, 2, 0, 2], "a_range": [0.0, 0.75],
        "n_range": [0.0, 0.25], "b_range": [0.0, 0.25], "biased": 0.125}})
}

fn discrimination() -> Json {
    json!({"composer": "PsychCompare", "params": {"episodes": [0, 2, 0, 2], "a_range": [0.2, 0.8],
        "n_range": [0.0, 0.2], "b_range": [0.125, 0.25], "biased": 0.0}})
}

fn change() -> Json {
    json!({"composer": "PsychChange", "params": {"episodes": [0, 2, 0, 3], "r_range": 30, "r_base": 5,
        "biased": 0.5, "n_objects": -1, "noise": 0.25}})
}

/// `last`: epochs, learning rate and weight decay.
fn psychophysics(mut task: Json, masks: Json, rnn_dims: Json, last: (u64, f64, f64)) -> Run {
    let (n_epochs, lr, l2) = last;
    let layer = ["none", "layer", "layer", "layer", "layer"];
    let network = json!({
        "in_dims": [1, 96, 96], "n_classes": 9, "out_dim": 9, "normalize": true, "softness": 0.5,
        "channels": [1, 4, 8, 16, 32, 32], "residuals": false, "kernels": 3, "strides": 2, "paddings": 1,
        "conv_bias": true, "conv_norms": layer, "conv_dropouts": 0.0, "conv_funs": "ReLU()",
        "deconv_funs": "Tanh()", "deconv_norms": layer, "pools": [1, 1, 1, 1, 1], "rnn_dims": rnn_dims,
        "rnn_bias": true, "rnn_dropouts": 0.0, "rnn_funs": "ReLU()", "n_tasks": 1, "task_layers": 1,
        "task_weight": true, "task_bias": true, "task_funs": "Tanh()", "norm_mean": [0.5],
        "norm_std": [0.25], "rnn_to_fc": false, "trans_fun": "Identity()",
    });
    task["key"] = json!(0);
    task["loss_w"] = json!([[1.0, 1.0], [1.0, 1.0]]);
    task["loss_s"] = json!([[-2, -1], masks]);
    let own = json!({"n_epochs": n_epochs, "batch_size": 64, "lr": lr, "l2": l2, "scheduler": "OneCycleLR",
        "n_samples": 8192, "n_validation": 1024, "n_test": 1024, "seed": 0});
    Run { network, tasks: json!({"Psychophysics": task}), training: training(own) }
}

fn shapes(coded: bool) -> Run {
    let network = json!({"channels": [8, 16, 32, 64], "fun": "GELU(approximate='none')",
        "in_dims": [3, 128, 128], "mid_dim": -1, "n_classes": 19, "n_tasks": 1, "norm": "layer", "out_dim": 19,
        "softness": 0.5, "task_fun": "Tanh()", "concat": true, "skip_maxpool": true, "first_k": 3,
        "resnet": coded});
    let tasks = json!({"ShapeRecognition": {"composer": "ShapeRecognition_FBG", "key": 0,
        "params": {"n_iter": 1, "noise": 0.25}, "loss_w": [0.0, 0.0, 1.0], "loss_s": "(None, None)",
        "has_prompt": false,
        "m_slice": "(slice(0, 9, None), slice(9, 15, None), slice(15, 19, None))"}});
    let own = json!({"n_epochs": 64, "batch_size": 64, "lr": 2e-4, "l2": 1e-4, "scheduler": "OneCycleLR",
        "pct_start": 0.125, "n_samples": 19456, "n_validation": 1024, "n_test": 2432});
    Run { network, tasks, training: training(own) }
}
