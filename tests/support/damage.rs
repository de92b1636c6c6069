//! Damage to files: truncation, flipped bits, copied runs, insertions, huge numbers.

use proptest::collection::vec;
use proptest::prelude::*;

/// One change to a file. Positions are fractions of its length, or distances from an end, where most
/// of the structure is.
#[derive(Clone, Debug)]
pub enum Damage {
    Truncate(f64),
    Flip(f64, u8),
    FlipNearStart(u16, u8),
    FlipNearEnd(u16, u8),
    Splice { from: f64, to: f64, length: u8 },
    Insert(f64, Vec<u8>),
    Huge(u16, u64),
}

pub fn damage() -> impl Strategy<Value = Damage> {
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

/// Damages a file.
pub fn apply(damage: &Damage, file: &mut Vec<u8>) {
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

/// Peak memory of this process, where the system tells.
pub fn peak_resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}
