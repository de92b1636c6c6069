//! Damaged data and configuration files: an error in one sentence or a result, never a panic.

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::sync::LazyLock;

use gainfield::error::Error;
use gainfield::settings::Overrides;
use gainfield::stimulus::idx::{Idx, parse_idx};
use gainfield::stimulus::image_file::decode_picture;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::damage::{apply, damage, peak_resident_mib};

/// Decoding a picture may take 512 MiB (its limit); everything else next to nothing.
const MAX_RESIDENT_MIB: u64 = 900;

static IDX: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let mut plain = vec![0, 0, 8, 3];
    plain.extend([20u32, 28, 28].iter().flat_map(|size| size.to_be_bytes()));
    plain.extend((0..20 * 28 * 28).map(|at| (at * at / 7) as u8));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&plain).unwrap();
    [plain, encoder.finish().unwrap()]
});

static PICTURES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let picture = RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, (x * y) as u8]));
    [ImageFormat::Png, ImageFormat::Jpeg].map(|format| {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(picture.clone()).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    })
});

const CONFIG: &str =
    "strength = 0.2\nchannels = [1, 20, 50]\nnorms = [\"layer\", \"none\"]\n[task]\nkey = 3\n";

/// The message is one sentence that names the file.
fn check_message(err: &Error, file: &str) {
    let message = err.to_string();
    assert!(message.contains(file) && !message.contains('\n'), "{message}");
}

fn read_config(bytes: &[u8], name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    if let Err(err) = Overrides::read(Some(&path), &[]) {
        check_message(&err, name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn damaged_digit_files_are_refused_or_whole(which in 0..2usize, damages in vec(damage(), 1..4)) {
        let mut file = IDX[which].clone();
        damages.iter().for_each(|damage| apply(damage, &mut file));
        match parse_idx(Path::new("digits.idx"), &file, 3) {
            Ok(Idx { dims, bytes }) => prop_assert_eq!(dims.iter().product::<usize>(), bytes.len()),
            Err(err) => check_message(&err, "digits.idx"),
        }
        prop_assert!(peak_resident_mib() < MAX_RESIDENT_MIB);
    }

    #[test]
    fn damaged_pictures_are_refused_or_whole(which in 0..2usize, damages in vec(damage(), 1..4)) {
        let mut file = PICTURES[which].clone();
        damages.iter().for_each(|damage| apply(damage, &mut file));
        match decode_picture(Path::new("picture.png"), &file) {
            Ok(picture) => prop_assert_eq!(picture.rgb.len(), picture.height * picture.width * 3),
            Err(err) => check_message(&err, "picture.png"),
        }
        prop_assert!(peak_resident_mib() < MAX_RESIDENT_MIB);
    }

    #[test]
    fn damaged_configurations_are_refused_or_read(damages in vec(damage(), 1..4)) {
        let mut file = CONFIG.as_bytes().to_vec();
        damages.iter().for_each(|damage| apply(damage, &mut file));
        read_config(&file, "config.toml");
        let json = br#"{"strength": 0.2, "channels": [1, 20, 50], "norms": [null, "layer"]}"#;
        let mut file = json.to_vec();
        damages.iter().for_each(|damage| apply(damage, &mut file));
        read_config(&file, "config.json");
    }
}

#[test]
fn a_deeply_nested_configuration_is_refused() {
    read_config("[".repeat(200_000).as_bytes(), "config.json");
    read_config(format!("a = {}", "[".repeat(200_000)).as_bytes(), "config.toml");
    read_config(format!("{}=1", "a.".repeat(100_000) + "a").as_bytes(), "config.toml");
}
