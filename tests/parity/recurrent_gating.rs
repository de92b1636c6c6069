//! Reference outputs of the recurrent-gating networks.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::Device;
use gainfield::families::recurrent_gating::GOLDEN_KINDS;
use gainfield::parity::{CheckpointFolders, Golden, Options, Outcome, Registry, run};

use crate::corruption::every_corruption_is_noticed;

const BUNDLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");

fn registry() -> Registry {
    Registry::new(GOLDEN_KINDS.iter().copied())
}

/// Recomputes a folder and demands that every row passes; the number of files.
fn check(folder: &Path) -> usize {
    let go_on = |_: &str, _, _| ControlFlow::Continue(());
    let Outcome { rows, .. } = run(folder, &registry(), &Options::default(), go_on).unwrap();
    let failing: Vec<String> = rows
        .iter()
        .filter(|row| !row.ok)
        .map(|row| format!("{} {}: {:?} of tolerance, {:?}", row.file, row.quantity, row.excess, row.reason))
        .collect();
    assert!(failing.is_empty(), "{} of {} fail:\n{}", failing.len(), rows.len(), failing.join("\n"));
    let mut files: Vec<&str> = rows.iter().map(|row| row.file.as_str()).collect();
    files.dedup();
    for file in &files {
        let worst = rows.iter().filter(|row| row.file == *file && row.excess != Some(f64::MAX));
        let worst = worst.max_by(|a, b| a.excess.unwrap_or(0.0).total_cmp(&b.excess.unwrap_or(0.0)));
        if let Some(worst) = worst {
            println!("{file}: {:.3} of the tolerance at {}", worst.excess.unwrap_or(0.0), worst.quantity);
        }
    }
    files.len()
}

fn every_corruption_of(path: &Path, checkpoints: &str) {
    let folders = CheckpointFolders { root: None, checkpoints: Some(PathBuf::from(checkpoints)) };
    let golden = Golden::read(path, &Device::Cpu, &folders).unwrap().unwrap();
    let header = golden.inputs.header();
    let kind = *registry().find(&header.family, &header.kind).unwrap();
    every_corruption_is_noticed(&golden, &(kind.recompute)(&golden.inputs).unwrap());
}

#[test]
fn the_bundled_outputs_are_met() {
    assert_eq!(check(&Path::new(BUNDLED).join("brg")), 11);
}

#[test]
fn all_stored_outputs_are_met() {
    let folder = Path::new(SHARED).join("golden/brg");
    if !folder.is_dir() {
        println!("skipped: ../shared is absent");
        return;
    }
    assert_eq!(check(&folder), 23);
}

#[test]
fn every_corruption_of_a_run_or_a_training_step_is_noticed() {
    let checkpoints = format!("{BUNDLED}/checkpoints");
    every_corruption_of(&Path::new(BUNDLED).join("brg/gate_inst_fc.safetensors"), &checkpoints);
    every_corruption_of(&Path::new(BUNDLED).join("brg/resatt_small.safetensors"), &checkpoints);
}

#[test]
fn every_corruption_of_a_static_batch_is_noticed() {
    let path = Path::new(SHARED).join("golden/brg/mnist_static10.safetensors");
    if !path.is_file() {
        println!("skipped: ../shared is absent");
        return;
    }
    every_corruption_of(&path, &format!("{SHARED}/checkpoints"));
}
