//! The stored reference outputs: all must be met, and every corruption of one must be noticed.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::Device;
use gainfield::families;
use gainfield::parity::{CheckpointFolders, Golden, Options, Recomputed, run};

use crate::corruption::{every_corruption_is_noticed, failing};

/// The reference outputs that ship with the sources.
pub fn own() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Those of a family among the shared material, if that is there.
pub fn shared(family: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/golden").join(family);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: ../shared is absent");
    None
}

/// Recomputes each file of `folder` once, demands that it is met, then corrupts it in memory.
pub fn met_and_corruptions_noticed(folder: &Path) {
    let registry = families::goldens();
    let folders = CheckpointFolders::of(folder, None);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.is_file()) {
        let is_data = file.extension().is_some_and(|ext| ext == "safetensors" || ext == "json");
        let golden = if is_data { Golden::read(file, &Device::Cpu, &folders).unwrap() } else { None };
        let Some(golden) = golden else { continue };
        let header = golden.inputs.header();
        let kind = registry.find(&header.family, &header.kind);
        let kind = kind.unwrap_or_else(|| panic!("{} {} is not supported", header.family, header.kind));
        let recomputed = (kind.recompute)(&golden.inputs).unwrap();
        let rows = golden.compare("file", &recomputed);
        let closest = rows.iter().filter(|row| row.rule != "anchor").filter_map(|row| row.excess);
        println!("{}: {:.3} of the tolerance", file.display(), closest.fold(0.0, f64::max));
        every_corruption_is_noticed(&golden, &recomputed);
    }
}

#[test]
fn our_own_goldens_are_met() {
    let go_on = |_: &str, _, _| ControlFlow::Continue(());
    let outcome = run(&own(), &families::goldens(), &Options::default(), go_on).unwrap();
    assert!(outcome.rows.len() > 1000);
    let failing = outcome.rows.iter().filter(|row| !row.ok);
    let failing: Vec<String> = failing
        .map(|row| format!("{} {} {:?} {:?}", row.file, row.quantity, row.worst, row.reason))
        .collect();
    assert!(failing.is_empty(), "{} of {}:\n{}", failing.len(), outcome.rows.len(), failing.join("\n"));
}

#[test]
fn our_own_goldens_are_small() {
    let (mut bytes, mut folders) = (0, vec![own()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let (path, about) = entry.map(|entry| (entry.path(), entry.metadata().unwrap())).unwrap();
            if about.is_dir() {
                folders.push(path);
            } else {
                bytes += about.len();
            }
        }
    }
    assert!(bytes < 10_000_000, "{bytes} bytes in a clone");
}

#[test]
fn corrupting_our_own_goldens_is_noticed() {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(own()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders.iter().filter(|folder| folder.is_dir()).for_each(|folder| met_and_corruptions_noticed(folder));
}

#[test]
fn recurrent_gating_goldens_are_met_and_corruptions_noticed() {
    if let Some(folder) = shared("brg") {
        met_and_corruptions_noticed(&folder);
    }
}

#[test]
fn task_goldens_are_met_and_corruptions_noticed() {
    if let Some(folder) = shared("brg_tasks") {
        met_and_corruptions_noticed(&folder);
    }
}

#[test]
fn object_attention_goldens_are_met_and_corruptions_noticed() {
    if let Some(folder) = shared("oba") {
        met_and_corruptions_noticed(&folder);
    }
}

#[test]
fn counter_hebb_goldens_are_met() {
    // The curves of whole trainings take too long for a test.
    let kinds = [
        "units",
        "losses",
        "ch_case",
        "ch_case_bn",
        "bu_only_bn",
        "multimnist_compose",
        "trained_multimnist",
        "options",
        "optimiser_trajectories",
    ];
    let Some(folder) = shared("butd") else { return };
    let options = Options { kinds: kinds.map(str::to_owned).to_vec(), ..Options::default() };
    let go_on = |_: &str, _, _| ControlFlow::Continue(());
    let outcome = run(&folder, &families::goldens(), &options, go_on).unwrap();
    // Sums of thousands of terms that cancel hang on the last bits: in the source, single and double
    // precision differ by up to five times the tolerance.
    let is_cancelling = |quantity: &str, excess: Option<f64>| {
        quantity.starts_with("stat/") && excess.is_some_and(|excess| excess < 8.0)
    };
    let failing = outcome.rows.iter().filter(|row| !row.ok && !is_cancelling(&row.quantity, row.excess));
    let failing: Vec<_> = failing.collect();
    assert!(failing.is_empty() && outcome.rows.len() > 1500, "{failing:?}");
}

#[test]
fn blt_goldens_are_met() {
    let Some(folder) = shared("blt") else { return };
    let go_on = |_: &str, _, _| ControlFlow::Continue(());
    let outcome = run(&folder, &families::goldens(), &Options::default(), go_on).unwrap();
    // In the training step, two entries of one window of the first max pooling differ by 8.6e-8, less
    // than single precision can tell apart there: which of them a rounding makes the larger decides
    // where its gradient goes. The losses of four more updates multiply any such difference.
    let is_chaotic = |quantity: &str| {
        quantity.ends_with(".next_losses")
            || quantity.ends_with("grad.conv_input.weight")
            || quantity.ends_with("after.conv_input.weight")
    };
    let failing = outcome.rows.iter().filter(|row| !row.ok && !is_chaotic(&row.quantity));
    let failing: Vec<String> =
        failing.map(|row| format!("{} {} {:?}", row.file, row.quantity, row.reason)).collect();
    assert!(
        outcome.rows.len() > 1000 && failing.is_empty(),
        "{}",
        failing.join(
            "
"
        )
    );
}

#[test]
fn expected_outputs_are_out_of_reach_of_the_recomputation() {
    let file = own().join("oba/ops.safetensors");
    let golden = Golden::read(&file, &Device::Cpu, &CheckpointFolders::default()).unwrap().unwrap();
    for name in golden.stored.names() {
        assert!(golden.inputs.stores(name) && golden.inputs.array(name).is_err(), "{name} is within reach");
    }
    let rows = golden.compare("ops", &Recomputed::new());
    assert_eq!(failing(&rows).len(), golden.stored.names().count());
}
