//! Damaged copies of real files: an error or a checkpoint, never a panic, and little memory.

use std::sync::LazyLock;

use gainfield::checkpoint::{self, Description};
use gainfield::provenance::Provenance;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::damage::{apply, damage, peak_resident_mib};
use crate::support::*;

/// Most bytes that reading a damaged file of some tens of kilobytes may take at any time.
const MAX_RESIDENT_MIB: u64 = 700;

static FILES: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    let zip = tiny_zip();
    let weights = open(&zip).unwrap().weights;
    let folder = tempfile::tempdir().unwrap();
    let description = Description::new("cordsnet", "r2", &serde_json::json!({"base": 4})).unwrap();
    let path =
        checkpoint::save(folder.path().join("net"), &weights, &description, &Provenance::new("")).unwrap();
    let safetensors = std::fs::read(path).unwrap();
    [legacy_of(&zip), zip, safetensors]
});

/// Opens a damaged file. Whatever opens has tensors that its bytes account for.
fn check(file: &[u8]) {
    match open(file) {
        Ok(checkpoint) => {
            let n: usize = checkpoint.weights.iter().map(|(_, weight)| weight.tensor().elem_count()).sum();
            assert!(n < 16 * file.len() + (64 << 20));
        }
        Err(_) => drop(refusal(file)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn damaged_files_are_refused_or_read(which in 0..3usize, damages in vec(damage(), 1..4)) {
        let mut file = FILES[which].clone();
        for damage in &damages {
            apply(damage, &mut file);
        }
        check(&file);
        prop_assert!(peak_resident_mib() < MAX_RESIDENT_MIB);
    }

    #[test]
    fn arbitrary_pickles_are_refused_or_read(bytes in vec(pickle_byte(), 0..300)) {
        check(&zip(&bytes, &[("0", bytes_of(&[1.0, 2.0]))]));
        check(&legacy(&pickle(&bytes), &[]));
    }
}

/// Bytes that are opcodes more often than not.
fn pickle_byte() -> impl Strategy<Value = u8> {
    let opcodes =
        b"(.0]})laestud2NqhjrQRb\x81\x85\x86\x87\x88\x89\x8a\x8c\x8f\x90\x91\x92\x93\x94KMJXcC".to_vec();
    prop_oneof![4 => prop::sample::select(opcodes), 1 => any::<u8>()]
}

#[test]
fn every_truncation_is_refused() {
    for file in &*FILES {
        for length in (0..file.len()).step_by(97).chain(file.len() - 40..file.len()) {
            refusal(&file[..length]);
        }
    }
}
