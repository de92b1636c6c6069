//! Damaged copies of real files: an error or a checkpoint, never a panic, and little memory.

use std::sync::LazyLock;

use gainfield::checkpoint::{self, Description};
use gainfield::provenance::Provenance;
use proptest::collection::vec;
use proptest::prelude::*;

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

/// One change to a file. Positions are fractions of its length, or distances from an end, where most
/// of the structure is.
#[derive(Clone, Debug)]
enum Damage {
    Truncate(f64),
    Flip(f64, u8),
    FlipNearStart(u16, u8),
    FlipNearEnd(u16, u8),
    Splice { from: f64, to: f64, length: u8 },
    Insert(f64, Vec<u8>),
    Huge(u16, u64),
}

fn damage() -> impl Strategy<Value = Damage> {
    let sizes = vec![0, 1, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX];
    prop_oneof![
        (0.0..1.0).prop_map(Damage::Truncate),
        (0.0..1.0, 1u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (0u16..3_000, 1u8..).prop_map(|(at, bits)| Damage::FlipNearStart(at, bits)),
        (0u16..3_000, 1u8..).prop_map(|(at, bits)| Damage::FlipNearEnd(at, bits)),
        (0.0..1.0, 0.0..1.0, any::<u8>()).prop_map(|(from, to, length)| Damage::Splice { from, to, length }),
        (0.0..1.0, vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (0u16..3_000, prop::sample::select(sizes)).prop_map(|(at, size)| Damage::Huge(at, size)),
    ]
}

fn apply(damage: &Damage, file: &mut Vec<u8>) {
    let place =
        |fraction: f64, file: &[u8]| ((file.len() as f64 * fraction) as usize).min(file.len().max(1) - 1);
    let flip = |at: usize, bits: u8, file: &mut Vec<u8>| {
        if let Some(byte) = file.get_mut(at) {
            *byte ^= bits;
        }
    };
    match damage {
        Damage::Truncate(at) => file.truncate(place(*at, file)),
        Damage::Flip(at, bits) => flip(place(*at, file), *bits, file),
        Damage::FlipNearStart(at, bits) => flip(usize::from(*at), *bits, file),
        Damage::FlipNearEnd(at, bits) => flip(file.len().saturating_sub(1 + usize::from(*at)), *bits, file),
        Damage::Splice { from, to, length } => {
            let from = place(*from, file);
            let run = file[from..(from + usize::from(*length)).min(file.len())].to_vec();
            let to = place(*to, file);
            for (at, byte) in run.into_iter().enumerate() {
                if let Some(place) = file.get_mut(to + at) {
                    *place = byte;
                }
            }
        }
        Damage::Insert(at, bytes) => {
            let at = place(*at, file);
            file.splice(at..at, bytes.iter().copied());
        }
        Damage::Huge(at, size) => {
            for (at, byte) in (usize::from(*at)..).zip(size.to_le_bytes()) {
                if let Some(place) = file.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }
}

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

/// Peak memory of this process, where the system tells.
fn peak_resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
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
