//! The photograph loader: polygons, selection, blending, resizing.

use std::path::{Path, PathBuf};

use gainfield::task::coco::{PairRule, PhotographPairs, RunLengths, rasterised};
use serde::Deserialize;

use crate::support::{Golden, shared};

#[derive(Deserialize)]
struct Polygons {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    height: usize,
    width: usize,
    polygons: Vec<Vec<f64>>,
    counts: Vec<u64>,
    compressed: String,
    area: u64,
}

fn check_polygons(path: &Path) -> usize {
    let stored: Polygons = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in &stored.cases {
        let mask = rasterised(&case.polygons, case.height, case.width).unwrap();
        let what = format!("{} {:?}", case.kind, case.polygons);
        assert_eq!(mask.counts(), case.counts, "{what}");
        assert_eq!((mask.area(), mask.compressed()), (case.area, case.compressed.clone()), "{what}");
        let read = RunLengths::from_compressed(case.height, case.width, &case.compressed).unwrap();
        assert_eq!(read, mask, "{what}");
    }
    stored.cases.len()
}

fn check_loader(folder: &Path, golden: &Golden) {
    let annotations = folder.join("instances_mini.json");
    let pairs = PhotographPairs::open(&folder.join("images"), &annotations, PairRule::default()).unwrap();
    assert!(pairs.unusable().is_empty());
    let ids: Vec<i64> = pairs.pairs().iter().map(|pair| pair.picture.id).collect();
    assert_eq!(ids, golden.integers("image_ids"));
    let objects: Vec<i64> = pairs.pairs().iter().flat_map(|pair| pair.annotation_ids).collect();
    assert_eq!(objects, golden.integers("annotation_ids"));
    let scenes: Vec<_> = pairs.scenes(&[0, 1], 0.3).into_iter().map(Result::unwrap).collect();
    let shown: Vec<u8> = scenes.iter().flat_map(|scene| scene.picture.clone()).collect();
    assert_eq!(shown, golden.bytes("x_u8"));
    let targets: Vec<u8> =
        [0, 1].iter().flat_map(|&k| scenes.iter().flat_map(move |scene| scene.targets[k].clone())).collect();
    assert_eq!(targets, golden.bytes("data_u8"));
    let labels: Vec<i64> =
        [0, 1].iter().flat_map(|&k| scenes.iter().map(move |scene| i64::from(scene.labels[k]))).collect();
    assert_eq!(labels, golden.integers("labels"));
}

/// Synthetic reference material that travels with the repository.
fn bundled(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path)
}

#[test]
fn polygons_are_drawn_pixel_for_pixel() {
    assert_eq!(check_polygons(&bundled("object_attention/polygons.json")), 60);
    let Some(path) = shared("golden/oba/polygons.json") else { return };
    assert_eq!(check_polygons(&path), 168);
}

#[test]
fn pictures_are_selected_blended_and_resized_byte_for_byte() {
    let folder = bundled("object_attention/mini_coco");
    check_loader(&folder, &Golden::read(&bundled("object_attention/coco_loader.safetensors")));
    let Some(path) = shared("golden/oba/coco_loader.safetensors") else { return };
    check_loader(&path.with_file_name("mini_coco"), &Golden::read(&path));
}
