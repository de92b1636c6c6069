//! Numbers that are none, patience, checkpoints that stay, gradients that are gathered: of every family.

use std::path::Path;
use std::process::Command;

use gainfield::checkpoint;
use gainfield::train::RunHistory;

use super::runs::{FAMILIES, Outcome, Small, sentence, succeed};

fn with(run: &Small, out: &Path, sets: &[&str]) -> Command {
    let mut command = run.command(out, false);
    sets.iter().for_each(|set| {
        command.args(["--set", set]);
    });
    command
}

#[test]
fn a_run_that_diverges_names_its_step_and_keeps_the_last_good_state() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("wild");
    let run = &FAMILIES[3];
    let wild = ["cnn={updates=6, batch=4, learning_rates=[1e30]}", "save_every=1000", "validate_every=0"];
    let message = sentence(&with(run, &out, &wild).output().unwrap());
    assert!(message.contains("became non-finite") && message.contains("lower the"), "{message}");
    let rows = RunHistory::read(&out).unwrap().updates.len();
    assert!(message.contains(&format!("this was update {}", rows + 1)), "{message}");
    assert!(message.contains(&format!("goes on after update {rows}")), "{message}");
    let kept = checkpoint::read(out.join("checkpoints/last/weights.safetensors")).unwrap();
    for (name, weight) in kept.weights.iter() {
        let values = gainfield::dynamics::flat(weight.tensor()).unwrap();
        assert!(values.iter().all(|value| value.is_finite()), "{name}");
    }
    // The same step, told again.
    let again = run.command(&out, true).output().unwrap();
    assert!(sentence(&again).contains(&format!("this was update {}", rows + 1)));
}

#[test]
fn patience_and_checkpoints_that_stay_are_those_of_every_family() {
    let folder = tempfile::tempdir().unwrap();
    for run in &FAMILIES {
        let out = folder.path().join(run.name.replace('/', "-"));
        // A score is a share of few stimuli, so that validations in vain come soon.
        succeed(&with(run, &out, &["patience=2", "keep_every=2", "validate_every=1"]).output().unwrap());
        let history = RunHistory::read(&out).unwrap();
        let done = history.updates.len() as u64;
        let validations: Vec<_> =
            history.evaluations.iter().filter(|one| one.split == "validation").collect();
        let log = std::fs::read_to_string(out.join("log.txt")).unwrap();
        if log.contains("ended early") {
            let vain = validations.iter().rev().take_while(|one| !one.is_best).count();
            assert!(vain >= 2, "{}: {vain}", run.name);
        }
        assert!(history.evaluations.iter().any(|one| one.split == "test"), "{}: no test", run.name);
        for kept in (2..=done).step_by(2) {
            let folder = out.join(format!("checkpoints/{kept:09}"));
            assert!(folder.join("weights.safetensors").is_file(), "{}: {kept}", run.name);
        }
        // What has ended stays as it is.
        let before = Outcome::read(&out);
        run.finish(&out, true);
        assert!(Outcome::read(&out).difference(&before).is_none(), "{}", run.name);
    }
}

#[test]
fn accumulated_and_clipped_gradients_resume_in_every_family() {
    let folder = tempfile::tempdir().unwrap();
    for run in &FAMILIES {
        let name = run.name.replace('/', "-");
        let sets = ["accumulate=3", "clip_norm=0.5", "keep_every=2"];
        let [plain, whole] = ["plain", "whole"].map(|kind| folder.path().join(format!("{name}-{kind}")));
        run.finish(&plain, false);
        succeed(&with(run, &whole, &sets).output().unwrap());
        let (plain, expected) = (Outcome::read(&plain), Outcome::read(&whole));
        assert!(plain.metrics != expected.metrics, "{}", run.name);
        // Back to update 2, where gradients wait.
        let last = whole.join("checkpoints/last");
        std::fs::remove_dir_all(&last).unwrap();
        std::fs::rename(whole.join("checkpoints/000000002"), &last).unwrap();
        run.finish(&whole, true);
        let difference = Outcome::read(&whole).difference(&expected);
        assert!(difference.is_none(), "{}: {}", run.name, difference.unwrap());
    }
}
