//! Every stored reference output of the recurrent-gating networks.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use gainfield::families::recurrent_gating::GOLDEN_KINDS;
use gainfield::parity::{Options, Outcome, Registry, run};

fn check(folder: &Path) -> Outcome {
    let registry = Registry::new(GOLDEN_KINDS.iter().copied());
    run(folder, &registry, &Options::default(), |_, _, _| ControlFlow::Continue(())).unwrap()
}

fn assert_all_ok(outcome: &Outcome) {
    let failing: Vec<String> = outcome
        .rows
        .iter()
        .filter(|row| !row.ok)
        .map(|row| {
            format!("{} {}: worst {:?} {:?} {:?}", row.file, row.quantity, row.worst, row.excess, row.reason)
        })
        .collect();
    assert!(failing.is_empty(), "{} of {} fail:\n{}", failing.len(), outcome.rows.len(), failing.join("\n"));
}

#[test]
fn all_stored_outputs_are_met() {
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/golden/brg");
    if !shared.is_dir() {
        println!("skipped: ../shared is absent");
        return;
    }
    let outcome = check(&shared);
    assert_all_ok(&outcome);
    let mut files: Vec<&str> = outcome.rows.iter().map(|row| row.file.as_str()).collect();
    files.dedup();
    assert_eq!(files.len(), 23);
    for file in files {
        let rows = outcome.rows.iter().filter(|row| row.file == file);
        let worst = rows.filter_map(|row| row.excess).fold(0.0, f64::max);
        println!("{file}: {worst:.3} of the tolerance");
    }
}
