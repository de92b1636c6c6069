//! Fast numerics round more, but decide alike: each stored answer of a network is its answer in both.

use std::path::{Path, PathBuf};

use candle_core::Device;
use gainfield::families;
use gainfield::ops::Numerics;
use gainfield::parity::{Array, CheckpointFolders, Golden, Value};

use crate::goldens::{own, shared};

/// The largest entry along the last axis, of each row.
fn answers(logits: &Array) -> Vec<usize> {
    let values = logits.to_f64();
    let largest = |row: &[f64]| (0..row.len()).max_by(|&i, &j| row[i].total_cmp(&row[j]));
    values.chunks(logits.dims().last().copied().unwrap_or(1).max(1)).filter_map(largest).collect()
}

/// How many answers of the goldens in `folder` were compared.
fn compared(folder: &Path) -> usize {
    let (registry, folders) = (families::goldens(), CheckpointFolders::of(folder, None));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut n = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|ext| ext == "safetensors")) {
        let golden = Golden::read(file, &Device::Cpu, &folders).unwrap();
        let Some(golden) = golden.map(|golden| golden.with_numerics(Numerics::Fast)) else { continue };
        let names: Vec<String> =
            golden.stored.names().filter(|name| name.contains("logits")).map(str::to_owned).collect();
        if names.is_empty() {
            continue;
        }
        let header = golden.inputs.header();
        let kind = registry.find(&header.family, &header.kind).unwrap();
        let recomputed = (kind.recompute)(&golden.inputs).unwrap();
        for name in names {
            let pair = (golden.stored.get(&name), recomputed.get(&name));
            let (Some(Value::Array(stored)), Some(Value::Array(found))) = pair else { continue };
            assert_eq!(answers(found), answers(stored), "{} {name}", file.display());
            n += answers(stored).len();
        }
    }
    println!("{}: {n} answers", folder.display());
    n
}

#[test]
fn fast_numerics_give_the_stored_answers() {
    let folders = std::fs::read_dir(own()).unwrap().map(|entry| entry.unwrap().path());
    let n: usize = folders.filter(|folder| folder.is_dir()).map(|folder| compared(&folder)).sum();
    assert!(n > 20, "{n} answers");
    // Recurrent gating stores its choices, which parity compares one by one.
    for family in ["oba", "cordsnet", "butd", "blt"] {
        if let Some(folder) = shared(family) {
            assert!(compared(&folder) > 0, "{family} stores no answers");
        }
    }
}
