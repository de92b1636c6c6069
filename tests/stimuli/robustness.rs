//! Damaged files are refused with a message: no panic, no allocation beyond what the file can hold.

use std::{
    io::{Cursor, Write as _},
    path::Path,
};

use gainfield::{
    stimulus::{idx::parse_idx, image_file::decode_picture},
    task::coco::{Instances, PairRule, select_pairs},
};
use proptest::prelude::*;

/// Some bytes replaced, then cut short.
fn damaged(original: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let n = original.len();
    let edits = prop::collection::vec((0..n, any::<u8>()), 0..6);
    (edits, prop_oneof![Just(n), 0..n]).prop_map(move |(edits, cut)| {
        let mut bytes = original.clone();
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        bytes.truncate(cut);
        bytes
    })
}

fn idx_file() -> Vec<u8> {
    let mut file = vec![0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5];
    file.extend(0..60);
    file
}

fn gzipped() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&idx_file()).unwrap();
    encoder.finish().unwrap()
}

fn picture(format: image::ImageFormat) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(9, 7, |x, y| image::Rgb([x as u8 * 20, y as u8 * 30, 90]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn annotations() -> Vec<u8> {
    let path = "tests/golden/oba/mini_coco/instances_mini.json";
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn idx_files(file in prop_oneof![damaged(idx_file()), damaged(gzipped())]) {
        match parse_idx(Path::new("digits"), &file, 3) {
            Ok(idx) => prop_assert_eq!(idx.bytes.len(), idx.dims.iter().product::<usize>()),
            Err(err) => prop_assert!(err.to_string().starts_with("digits: expected an IDX array")),
        }
    }

    #[test]
    fn pictures(
        file in prop_oneof![damaged(picture(image::ImageFormat::Png)), damaged(picture(image::ImageFormat::Jpeg))]
    ) {
        match decode_picture(Path::new("picture"), &file) {
            Ok(picture) => prop_assert_eq!(picture.rgb.len(), 3 * picture.height * picture.width),
            Err(err) => prop_assert!(err.to_string().starts_with("picture: expected a")),
        }
    }

    #[test]
    fn annotation_files(file in damaged(annotations())) {
        if let Ok(instances) = serde_json::from_slice::<Instances>(&file) {
            let selection = select_pairs(&instances, PairRule::default());
            prop_assert!(selection.pairs.len() + selection.unusable.len() <= instances.images.len());
        }
    }
}

#[test]
fn annotations_nested_too_deeply_are_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let object =
        format!(r#"{{"id": 1, "image_id": 1, "category_id": 1, "area": 1, "segmentation": {deep}}}"#);
    let text = format!(r#"{{"images": [], "categories": [], "annotations": [{object}]}}"#);
    assert!(serde_json::from_str::<Instances>(&text).is_err());
}
