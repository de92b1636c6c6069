//! Stored PyTorch values of single operations, on both paths.

use std::collections::HashMap;
use std::path::Path as FilePath;

use candle_core::{DType, Device, Tensor};

use super::pool::max_pool2d_by;
use super::resize::upsample_nearest_by;
use super::testing::{PATHS, difference, weight, workspace};
use super::{ConvTransposeSpec, PoolSpec, conv_transpose2d, resize_bicubic};

fn stored() -> HashMap<String, Tensor> {
    let path = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/oba/ops.safetensors");
    candle_core::safetensors::load(path, &Device::Cpu).unwrap()
}

/// Sizes in a name such as `nearest.4x8to9x16.out`.
fn sizes(name: &str) -> [(usize, usize); 2] {
    let (from, to) = name.split('.').nth(1).unwrap().split_once("to").unwrap();
    [from, to].map(|size| {
        let (h, w) = size.split_once('x').unwrap_or((size, size));
        (h.parse().unwrap(), w.parse().unwrap())
    })
}

#[test]
fn nearest_resizing_is_exact() {
    let stored = stored();
    let mut names: Vec<_> = stored.keys().filter(|name| name.starts_with("nearest.")).collect();
    names.sort();
    assert_eq!(names.len(), 6);
    for name in names {
        let [(h, w), size] = sizes(name);
        let counted =
            Tensor::arange(0f32, (h * w) as f32, &Device::Cpu).unwrap().reshape((1, 1, h, w)).unwrap();
        for path in PATHS {
            let found = upsample_nearest_by(path, &counted, size).unwrap();
            assert_eq!(difference(&found, &stored[name]), 0.0, "{name}");
        }
    }
}

#[test]
fn bicubic_resizing_is_within_a_millionth() {
    let stored = stored();
    let mut names: Vec<_> =
        stored.keys().filter(|name| name.starts_with("bicubic.") && name.ends_with(".out")).collect();
    names.sort();
    assert_eq!(names.len(), 4);
    for name in names {
        let found = resize_bicubic(&stored[&name.replace(".out", ".in")], sizes(name)[1]).unwrap();
        let worst = difference(&found, &stored[name]);
        assert!(worst <= 2e-6, "{name}: {worst}");
    }
}

#[test]
fn transposed_convolution_agrees() {
    let stored = stored();
    let [x, w, b, y] = ["in", "weight", "bias", "out"].map(|name| &stored[&format!("convT.{name}")]);
    for path in PATHS {
        let (w, b, spec) = (weight(w), weight(b), ConvTransposeSpec::default());
        let found = conv_transpose2d(x, &w, Some(&b), &spec, &mut workspace(path)).unwrap();
        assert!(difference(&found, y) <= 1e-5);
    }
}

#[test]
fn max_pooling_is_exact() {
    let stored = stored();
    assert_eq!(stored["maxpool.in"].dtype(), DType::F32);
    for path in PATHS {
        let found = max_pool2d_by(path, &stored["maxpool.in"], &PoolSpec::tiling(2)).unwrap();
        assert_eq!(difference(&found, &stored["maxpool.out"]), 0.0);
    }
}
