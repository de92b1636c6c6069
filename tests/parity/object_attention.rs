//! Goldens of object attention.

use std::ops::ControlFlow;
use std::path::Path;

use gainfield::families::object_attention::GOLDEN_KINDS;
use gainfield::parity::{Options, Registry, run};

/// Recomputes everything below `folder` and reports what fails, and the closest calls.
fn check(folder: &Path, kinds: &[&str]) {
    let options =
        Options { kinds: kinds.iter().map(|&kind| kind.to_owned()).collect(), ..Options::default() };
    let registry = Registry::new(GOLDEN_KINDS.iter().copied());
    let outcome = run(folder, &registry, &options, |_, _, _| ControlFlow::Continue(())).unwrap();
    assert!(!outcome.rows.is_empty(), "nothing to check in {}", folder.display());
    let mut failed = Vec::new();
    for row in &outcome.rows {
        let line = format!(
            "{} {} ({}): worst {:?}, excess {:?} {}",
            row.file,
            row.quantity,
            row.rule,
            row.worst,
            row.excess,
            row.reason.as_deref().unwrap_or_default()
        );
        println!("{line}");
        if !row.ok {
            failed.push(line);
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} rows fail:\n{}",
        failed.len(),
        outcome.rows.len(),
        failed.join("\n")
    );
}

fn shared(kinds: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/golden/oba");
    if !folder.exists() {
        println!("skipped: ../shared is absent");
        return;
    }
    check(&folder, kinds);
}

#[test]
fn every_pass_equals_the_reference() {
    shared(&["mnist_dynamics", "coco_dynamics"]);
}

#[test]
fn training_steps_equal_the_reference() {
    shared(&["mnist_train_step", "coco_train_step"]);
}

#[test]
fn statistics_over_stimuli_equal_the_reference() {
    shared(&["mnist_eval"]);
}

#[test]
fn tuning_curves_equal_the_reference() {
    shared(&["mnist_tuning", "mnist_tuning_grid"]);
}

#[test]
fn single_operations_equal_the_reference() {
    shared(&["ops"]);
}
