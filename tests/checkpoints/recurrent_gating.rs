//! Recurrent-gating checkpoints open by themselves: class, configuration and protocol.

use std::path::{Path, PathBuf};

use gainfield::checkpoint;
use gainfield::dynamics::{Instruction, Presentation, ProtocolOptions};
use gainfield::families::{self, recurrent_gating};
use gainfield::model::{Family, Model, Target};
use gainfield::provenance::Provenance;
use gainfield::settings::{Overrides, Source};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{FIXTURES, shared};

/// Folder, file, variant, learnable numbers, image, timesteps of each task with the read-out pass.
#[expect(clippy::type_complexity, reason = "one row per checkpoint")]
const CHECKPOINTS: [(&str, &str, &str, usize, [usize; 3], &[usize]); 12] = [
    ("mnist", "model.pth", "gate", 916_357, [3, 96, 96], &[6, 4, 6, 8, 4, 3, 3]),
    ("mnist_v2", "model.pth", "gate", 910_821, [3, 96, 96], &[6, 4, 6, 8, 4, 3, 3]),
    ("stl10", "model.pth", "gate", 1_012_523, [3, 192, 192], &[2, 4, 3]),
    ("celeba", "model.pth", "gate", 57_519, [3, 128, 128], &[3]),
    ("curves", "model.pth", "gate", 585_852, [1, 128, 128], &[8]),
    ("psycphys_change", "model.pth", "gate", 57_270, [1, 96, 96], &[5]),
    ("psycphys_compare", "model.pth", "gate", 56_182, [1, 96, 96], &[4]),
    ("psycphys_contrast", "model.pth", "gate", 56_182, [1, 96, 96], &[4]),
    ("shapes", "model.pth", "block", 137_892, [3, 128, 128], &[2]),
    ("coco_small", "model_random_init.pth", "gate", 0, [3, 256, 256], &[]),
    ("coco_v2_small", "model_random_init.pth", "block", 0, [3, 128, 128], &[]),
    ("resatt_small", "model_random_init.pth", "resatt", 0, [3, 64, 64], &[]),
];

fn open(path: &Path) -> gainfield::Result<Model> {
    families::open(path, &Overrides::default(), &Target::default())
}

fn open_with(path: &Path, sets: &[&str]) -> gainfield::Result<Model> {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    families::open(path, &Overrides::read(None, &sets).unwrap(), &Target::default())
}

/// A folder with the weights of the small older sibling and `model_params` beside them.
fn small_beside(model_params: &Value) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pth");
    std::fs::copy(Path::new(FIXTURES).join("resatt_small/model_random_init.pth"), &path).unwrap();
    std::fs::write(folder.path().join("model_params.json"), model_params.to_string()).unwrap();
    (folder, path)
}

fn small_params() -> Value {
    let text = std::fs::read_to_string(Path::new(FIXTURES).join("resatt_small/model_params.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_shipped_checkpoint_opens_with_the_files_beside_it() {
    let Some(shared) = shared() else { return };
    for (name, file, variant, parameters, image, timesteps) in CHECKPOINTS {
        let folder = shared.join("brg").join(name);
        let model = open(&folder.join(file)).unwrap_or_else(|err| panic!("{name}: {err}"));
        assert_eq!(model.info.family, Family::RecurrentGating, "{name}");
        assert_eq!(model.info.variant, variant, "{name}");
        assert!(model.info.report.is_complete(), "{name}");
        assert_eq!(model.dynamics.input_shape(), image, "{name}");
        if parameters > 0 {
            assert_eq!(model.n_parameters(), parameters, "{name}");
        }
        let text = std::fs::read_to_string(folder.join("model_params.json")).unwrap();
        let stored: Value = serde_json::from_str(&text).unwrap();
        for (key, value) in stored.as_object().unwrap() {
            let entry = model.info.config.get(key).unwrap();
            assert_eq!((&entry.value, entry.source), (value, Source::File), "{name}: {key}");
        }
        let image = candle_core::Tensor::zeros(
            &[1, image[0], image[1], image[2]],
            candle_core::DType::F32,
            &candle_core::Device::Cpu,
        );
        let image = image.unwrap();
        assert!(timesteps.is_empty() || model.dynamics.tasks().len() == timesteps.len(), "{name}");
        for (task, &expected) in timesteps.iter().enumerate() {
            let mut shown = Presentation::held(image.clone());
            shown.instructions = vec![Some(Instruction { task: Some(task), prompt: None })];
            let schedule = model.dynamics.schedule(&shown, &ProtocolOptions::default()).unwrap();
            assert_eq!((schedule.len(), schedule.published), (expected, Some(expected)), "{name} {task}");
        }
    }
}

#[test]
fn weights_alone_open_with_defaults_that_are_marked() {
    let Some(shared) = shared() else { return };
    for (name, file, variant, ..) in CHECKPOINTS {
        let folder = tempfile::tempdir().unwrap();
        let alone = folder.path().join("weights.pth");
        std::fs::copy(shared.join("brg").join(name).join(file), &alone).unwrap();
        let model = open(&alone).unwrap_or_else(|err| panic!("{name}: {err}"));
        assert_eq!(model.info.variant, variant, "{name}");
        let source = |key: &str| model.info.config.get(key).unwrap().source;
        assert_eq!(source("channels"), Source::Inferred, "{name}");
        assert_eq!(source("in_dims"), Source::Default, "{name}");
        assert_eq!(source("softness"), Source::Default, "{name}");
    }
    // What the file says and what the weights tell agree.
    let model = open(&shared.join("brg/mnist_v2/model.pth")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("weights.pth");
    std::fs::copy(shared.join("brg/mnist_v2/model.pth"), &alone).unwrap();
    let inferred = open_with(&alone, &["in_dims=[3, 96, 96]", "pools=[2, 2, 2, 2, 3]"]).unwrap();
    for key in [
        "channels",
        "kernels",
        "conv_bias",
        "conv_norms",
        "deconv_norms",
        "rnn_dims",
        "rnn_to_fc",
        "out_dim",
        "n_tasks",
        "task_layers",
        "task_weight",
        "task_bias",
        "rnn_bias",
    ] {
        let (known, found) = (model.info.config.get(key).unwrap(), inferred.info.config.get(key).unwrap());
        let spread = |value: &Value| match (key, value) {
            ("kernels", Value::Number(_)) => json!([value, value, value, value, value]),
            _ => value.clone(),
        };
        let found = if key == "kernels" { spread(&json!(3)) } else { found.value.clone() };
        assert_eq!(spread(&known.value), found, "{key}");
    }
}

#[test]
fn given_values_win_and_may_leave_tensors_over() {
    let Some(shared) = shared() else { return };
    let path = shared.join("brg/mnist_v2/model.pth");
    let model = open_with(&path, &["softness=0.25", "task_layers=0"]).unwrap();
    assert_eq!(model.info.config.get("softness").unwrap().source, Source::Given);
    assert_eq!(model.dynamics.controls()[0].default, 0.25);
    assert_eq!(model.info.report.unexpected, ["embed_blocks_a.0.weight", "embed_blocks_b.0.weight"]);
    assert!(
        open_with(&path, &["softnes=1"]).err().unwrap().to_string().contains("did you mean \"softness\"")
    );
    let message = open_with(&path, &["out_dim=21"]).err().unwrap().to_string();
    assert!(message.contains("fc_out.weight") && message.contains("out_dim"), "{message}");
}

#[test]
fn a_saved_network_opens_alone_with_its_tasks() {
    let mut params = small_params();
    params["softness"] = json!(0.4);
    let (folder, path) = small_beside(&params);
    let tasks = json!({"Search": {"key": 2, "params": {"n_iter": 5}, "loss_w": [0.0, 1.0, 0.0],
        "loss_s": "(None, slice(1, None, None))", "has_prompt": true}});
    std::fs::write(folder.path().join("tasks.json"), tasks.to_string()).unwrap();
    let model = open(&path).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let values = model.info.config.values();
    let description =
        checkpoint::Description::new(model.info.family.name(), model.info.variant.clone(), &values).unwrap();
    let saved = elsewhere.path().join("net");
    let saved = checkpoint::save(saved, &model.weights, &description, &Provenance::new("test")).unwrap();
    let again = open(&saved).unwrap();
    assert_eq!(again.info.config.values(), values);
    assert_eq!(again.dynamics.tasks(), ["task 0", "task 1", "Search"]);
    assert_eq!(again.dynamics.controls(), model.dynamics.controls());
}

#[test]
fn a_file_that_contradicts_the_weights_is_named_with_tensor_and_field() {
    for (key, value, parts) in [
        ("channels", json!([6, 8, 14]), ["blocks.1.downsample.0.weight", "channels"]),
        ("n_tasks", json!(2), ["bbottleneck.weight", "n_tasks"]),
        ("mid_dim", json!(20), ["fmid.2.weight", "mid_dim"]),
        ("first_k", json!(5), ["first_conv.0.weight", "first_k"]),
        ("norm", json!(null), ["blocks.0.conv.0.bias", "norm \"layer\""]),
        ("softness", json!("high"), ["model_params.json", "softness"]),
        ("fun", json!("Swish()"), ["model_params.json", "fun"]),
        ("residual", json!(true), ["deconv_res", "residual"]),
        ("in_dims", json!([3, 62, 64]), ["model_params.json", "in_dims"]),
    ] {
        let mut params = small_params();
        params[key] = value;
        let (_folder, path) = small_beside(&params);
        let message = open(&path).err().map(|err| err.to_string()).unwrap_or_default();
        assert!(parts.iter().all(|part| message.contains(part)), "{key}: {message}");
    }
    let (_folder, path) = small_beside(&json!({"kernels": 3, "rnn_dims": [4]}));
    let message = open(&path).err().unwrap().to_string();
    assert!(message.contains("another network"), "{message}");
    let (_folder, path) = small_beside(&json!({"softnes": 0.5}));
    assert!(open(&path).err().unwrap().to_string().contains("did you mean \"softness\""));
    let (_folder, path) = small_beside(&json!([1, 2]));
    assert!(open(&path).err().unwrap().to_string().contains("model_params.json"));
}

/// Values of the wrong kind, too large, too small, too deep.
fn any_value() -> impl Strategy<Value = Value> {
    let deep = (0..200).fold(json!(null), |inner, _| json!([inner]));
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(deep),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2i64..20).prop_map(Value::from),
        "[a-zA-Z(),'=0-9 ]{0,24}".prop_map(Value::from),
        Just(json!("(slice(1, None, None), None)")),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_configurations_open_or_are_refused_in_one_sentence(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_value()), 1..3),
        block in any::<bool>(),
    ) {
        use recurrent_gating::{Config, Variant};
        let task = json!({"key": 0, "composer": "Cue_DS", "params": {"fix_attend": [2, 3]},
            "loss_w": [0.0, 1.0, 1.0], "loss_s": "((4,), slice(1, None, None))", "has_prompt": false,
            "class_weights": "tensor([0.1, 0.2])"});
        let mut values = if block {
            json!({"channels": [3, 4, 4], "in_dims": [1, 16, 24], "n_classes": 3, "out_dim": 4, "mid_dim": 5,
                "n_tasks": 2, "first_k": 3, "norm": "layer", "softness": 0.5, "tasks": {"Cue": task}})
        } else {
            json!({"in_dims": [2, 17, 14], "channels": [2, 3, 4, 4], "n_classes": 3, "out_dim": 5,
                "n_tasks": 2, "kernels": [5, 3, 3], "pools": [2, 1, 2], "strides": 1, "paddings": "same",
                "conv_norms": [null, "layer", "instance"], "rnn_dims": [6, 5], "softness": 0.5,
                "task_layers": 1, "tasks": {"Cue": task}})
        };
        for (index, value) in changes {
            let table = values.as_object_mut().unwrap();
            let at = index.index(table.len() + 8);
            match table.keys().nth(at).cloned() {
                Some(key) => { table.insert(key, value); }
                None => {
                    let task = table["tasks"].get_mut("Cue").and_then(Value::as_object_mut);
                    let Some(task) = task else { continue };
                    let key = task.keys().nth(at % 7).cloned().unwrap_or_default();
                    task.insert(key, value);
                }
            }
        }
        let variant = if block { Variant::Block } else { Variant::Gate };
        let outcome = Config::from_values(variant, values.as_object().unwrap());
        let outcome = outcome.and_then(|config| {
            let size: usize =
                recurrent_gating::expected(&config).iter().map(|one| one.dims.iter().product::<usize>()).sum();
            if size > 200_000 {
                return Ok(());
            }
            let weights = recurrent_gating::initial_weights(&config, 0)?;
            let model = recurrent_gating::build(&config, &weights)?;
            let image = candle_core::Tensor::zeros((1, 1, 4, 4), candle_core::DType::F32, &candle_core::Device::Cpu)?;
            model.schedule(&Presentation::held(image), &ProtocolOptions::default()).map(|_| ())
        });
        if let Err(err) = outcome {
            let message = err.to_string();
            prop_assert!(!message.contains('\n') && message.len() > 10, "{message}");
        }
    }
}
