//! Polygons and run lengths; the loader itself is compared by its goldens.

use std::path::{Path, PathBuf};

use gainfield::task::coco::{RunLengths, rasterised};
use serde::Deserialize;

use crate::support::shared;

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

/// Synthetic reference material that travels with the repository.
fn bundled(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path)
}

#[test]
fn polygons_are_drawn_pixel_for_pixel() {
    assert_eq!(check_polygons(&bundled("oba/polygons.json")), 60);
    let Some(path) = shared("golden/oba/polygons.json") else { return };
    assert_eq!(check_polygons(&path), 168);
}
