//! A synthetic golden with one quantity per rule.

use std::path::Path;

use candle_core::Device;
use gainfield::parity::{
    Array, CheckpointFolders, Golden, GoldenInputs, GoldenKind, Options, Recomputed, Registry,
};
use serde_json::{Value as Json, json};

use crate::corruption::{every_corruption_is_noticed, failing};

/// Name, tolerance and values (shape, numbers) of every output.
fn outputs() -> Vec<(&'static str, Json, Vec<usize>, Vec<f32>)> {
    let ramp = |n: usize| (0..n).map(|i| i as f32 * 0.25 - 1.0).collect::<Vec<f32>>();
    vec![
        ("default", json!({"abs": 1e-4, "rel": 1e-4}), vec![2, 4], ramp(8)),
        (
            "exact",
            json!({"abs": 0.0, "rel": 0.0, "rule": "exact"}),
            vec![3],
            vec![1.0, f32::NEG_INFINITY, 3.0],
        ),
        ("plus", json!({"abs": 1e-4, "rel": 1e-3, "rule": "plus"}), vec![8], ramp(8)),
        ("max_rel", json!({"abs": 0.0, "rel": 1e-3, "rule": "max_rel"}), vec![8], ramp(8)),
        (
            "ranges",
            json!({"abs": 0.0, "rel": 0.0, "rule": "ranges", "axis": 1, "ranges": [[0, 2, 1e-4, 0.0]]}),
            vec![2, 4],
            ramp(8),
        ),
        (
            "sorted",
            json!({"abs": 0.0, "rel": 0.0, "rule": "sorted", "ranges": [[0, 3, 0.0, 1e-3]]}),
            vec![8],
            vec![5.0, 1.0, 7.0, 2.0, 8.0, 3.0, 4.0, 6.0],
        ),
        ("fraction", json!({"abs": 1e-3, "rel": 0.0, "rule": "fraction", "min": 0.9}), vec![20], ramp(20)),
        (
            "flips",
            json!({"abs": 0.0, "rel": 0.0, "rule": "flips", "axis": 0, "max_flips": [0, 1]}),
            vec![2, 16],
            (0..32).map(|i| f32::from(u8::from(i % 3 == 0))).collect(),
        ),
        (
            "grad.p0.w",
            json!({"abs": 0.0, "rel": 1e-3, "rule": "max_rel"}),
            vec![4],
            vec![1.0, 0.0, 0.5, -1.0],
        ),
        (
            "grad.p1.w",
            json!({"abs": 0.0, "rel": 1e-3, "rule": "max_rel"}),
            vec![4],
            vec![1.0, 1.0, 0.0, -1.0],
        ),
        (
            "after.w",
            json!({"abs": 1e-5, "rel": 0.0, "rule": "first_step", "threshold": 1e-6, "loose": 4e-3,
                   "grads": "grad.p*.{}"}),
            vec![4],
            ramp(4),
        ),
        (
            "own.w",
            json!({"abs": 1e-5, "rel": 0.0, "rule": "first_step", "threshold": 1e-6, "loose": 4e-3, "l2": 0.1}),
            vec![4],
            ramp(4),
        ),
        ("norm", json!({"abs": 1e-6, "rel": 0.0}), vec![], vec![2.0]),
        (
            "delta.p0.w",
            json!({"abs": 0.02, "rel": 0.0, "rule": "adamw_delta", "lr": 1e-5, "limit": 1.0, "threshold": 1e-7,
                   "outlier": 1e-3, "max_outliers": 0.3, "grads": "grad.{}", "norm": "norm"}),
            vec![4],
            ramp(4),
        ),
        ("stat4", json!({"abs": 1e-4, "rel": 1e-4, "rule": "stat4"}), vec![4], vec![0.1, 9.0, 20.0, 3.0]),
        ("stats", json!({"abs": 0.0, "rel": 1e-4, "rule": "stats"}), vec![3], vec![0.1, 4.0, 2.0]),
        ("sign", json!({"abs": 1e-3, "rel": 0.0, "rule": "up_to_sign", "axis": 0}), vec![2, 4], ramp(8)),
        (
            "eig_re",
            json!({"abs": 1e-3, "rel": 0.0, "rule": "complex_set", "partner": "eig_im", "segments": [2, 2]}),
            vec![4],
            vec![1.0, 2.0, -1.0, 4.0],
        ),
        (
            "eig_im",
            json!({"abs": 1e-3, "rel": 0.0, "rule": "complex_set", "partner": "eig_re", "segments": [2, 2]}),
            vec![4],
            vec![0.5, -0.5, 3.0, 0.0],
        ),
        (
            "spectrum",
            json!({"abs": 1e-3, "rel": 0.0, "rule": "spectrum"}),
            vec![2, 2],
            vec![2.0, 0.0, 0.0, -1.0],
        ),
        (
            "curve",
            json!({"abs": 1e-5, "rel": 0.0, "rule": "curve", "exact_to_epoch": 0, "compare_to_epoch": 2,
                   "accuracy_columns": [1], "loss_columns": [0], "loose_accuracy": 0.02, "loose_loss": 0.1}),
            vec![4, 2],
            ramp(8),
        ),
        (
            "statistical",
            json!({"abs": 0.02, "rel": 0.0, "rule": "statistical", "axis": 0}),
            vec![3, 2],
            ramp(6),
        ),
        ("anchor", json!({"abs": 0.25, "rel": 0.0, "rule": "anchor"}), vec![2], ramp(2)),
        ("reuse", json!({"abs": 1e-3, "rel": 0.0, "rule": "reuse"}), vec![2], ramp(2)),
        (
            "free",
            json!({"abs": 0.0, "rel": 0.0, "rule": "not_compared", "covered_by": "sorted"}),
            vec![2],
            ramp(2),
        ),
    ]
}

/// Parameters are what the wildcard stands for.
fn pattern_of(name: &str) -> String {
    match name.split_once('.') {
        Some((group @ ("after" | "delta"), _)) => format!("{group}.*"),
        _ => name.to_owned(),
    }
}

fn write_golden(folder: &Path) -> std::path::PathBuf {
    let outputs = outputs();
    let tolerances: serde_json::Map<String, Json> =
        outputs.iter().map(|(name, tolerance, ..)| (pattern_of(name), tolerance.clone())).collect();
    let metadata = [
        ("format", "1".to_owned()),
        ("family", "synthetic".to_owned()),
        ("kind", "rules".to_owned()),
        ("inputs", json!(["x"]).to_string()),
        ("tolerances", Json::Object(tolerances).to_string()),
    ];
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let mut data = vec![("x", vec![1], bytes(&[0.0]))];
    data.extend(outputs.iter().map(|(name, _, dims, values)| (*name, dims.clone(), bytes(values))));
    let views = data.iter().map(|(name, dims, bytes)| {
        (*name, safetensors::tensor::TensorView::new(safetensors::Dtype::F32, dims.clone(), bytes).unwrap())
    });
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
    let path = folder.join("rules.safetensors");
    std::fs::write(&path, safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
    path
}

fn recompute(_inputs: &GoldenInputs) -> gainfield::Result<Recomputed> {
    let mut recomputed = Recomputed::new();
    for (name, _, dims, values) in outputs() {
        recomputed.insert(name, Array::f32(&dims, values)?);
    }
    recomputed.decide("own.w", vec![Array::f32(&[4], vec![1.0, 0.0, 1.0, 1.0])?]);
    recomputed.entries("stats", 25);
    Ok(recomputed)
}

fn registry() -> Registry {
    Registry::new([GoldenKind { family: "synthetic", kind: "rules", recompute }])
}

#[test]
fn corrupting_a_quantity_of_any_rule_fails_just_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_golden(folder.path());
    let golden = Golden::read(&path, &Device::Cpu, &CheckpointFolders::default()).unwrap().unwrap();
    every_corruption_is_noticed(&golden, &recompute(&golden.inputs).unwrap());
}

#[test]
fn an_unsupported_kind_is_one_failing_row() {
    let folder = tempfile::tempdir().unwrap();
    write_golden(folder.path());
    std::fs::write(folder.path().join("other.json"), "{\"images\": []}").unwrap();
    let go_on = |_: &str, _, _| std::ops::ControlFlow::Continue(());
    let options = Options::default();
    let outcome = gainfield::parity::run(folder.path(), &Registry::default(), &options, go_on).unwrap();
    assert_eq!(failing(&outcome.rows), ["*"]);
    assert!(outcome.rows[0].reason.as_deref().unwrap().contains("unsupported kind \"rules\""));
    assert_eq!(outcome.ignored, ["other.json"]);

    let outcome = gainfield::parity::run(folder.path(), &registry(), &options, go_on).unwrap();
    assert!(outcome.is_ok() && outcome.rows.len() == outputs().len());
    let anchor = outcome.rows.iter().find(|row| row.quantity == "anchor").unwrap();
    assert!(anchor.reason.as_deref().unwrap().contains("not judged"));

    let options = Options { kinds: vec!["none".to_owned()], ..Options::default() };
    assert!(gainfield::parity::run(folder.path(), &registry(), &options, go_on).unwrap().rows.is_empty());
}

#[test]
fn a_truncated_file_is_one_failing_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_golden(folder.path());
    let bytes = std::fs::read(&path).unwrap();
    for len in [0, 7, 9, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..len]).unwrap();
        let go_on = |_: &str, _, _| std::ops::ControlFlow::Continue(());
        let outcome = gainfield::parity::run(folder.path(), &registry(), &Options::default(), go_on).unwrap();
        assert_eq!(failing(&outcome.rows), ["*"], "{len} bytes");
    }
}
