//! Probes of networks in training: frames of every family that do not disturb the run.

use gainfield::recipe::film::{FilmFrame, FilmStrip};

use super::runs::{FAMILIES, Outcome, sentence, succeed};

const SMALL: &str =
    "probe={feature=\"orientation\", values=[0.0, 45.0, 90.0, 135.0], widths=[1.5], positions=1}";

#[test]
fn a_film_of_learning_is_kept_and_the_run_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for run in &FAMILIES {
        let name = run.name.replace('/', "-");
        let [plain, filmed] = ["plain", "filmed"].map(|kind| folder.path().join(format!("{name}-{kind}")));
        run.finish(&plain, false);
        let mut command = run.command(&filmed, false);
        command.args(["--set", "probe_every=5", "--set", SMALL]);
        succeed(&command.output().unwrap());
        let expected = Outcome::read(&plain);
        let found = Outcome::read(&filmed);
        // The recipe in a checkpoint's provenance says that the run is filmed; its numbers do not differ.
        assert!(found.metrics == expected.metrics, "{}", run.name);
        assert!(found.evaluations == expected.evaluations, "{}", run.name);

        let strips = FilmStrip::all(&filmed).unwrap();
        assert_eq!(strips.len(), 1, "{}", run.name);
        let n_updates = found.metrics.lines().count() - 1;
        let updates: Vec<u64> = strips[0].frames.iter().map(|(update, _)| *update).collect();
        assert_eq!(updates, (0..=n_updates as u64).step_by(5).collect::<Vec<_>>(), "{}", run.name);
        let frames: Vec<_> =
            strips[0].frames.iter().map(|(_, path)| FilmFrame::read(path).unwrap()).collect();
        let [first, last] = [&frames[0].result, &frames[frames.len() - 1].result];
        assert_eq!((&first.area, &first.units, &first.values), (&last.area, &last.units, &last.values));
        assert!(!first.units.is_empty() && first.conditions != last.conditions, "{}", run.name);
    }
}

#[test]
fn a_probe_that_the_network_does_not_take_stops_the_run_before_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let with = |sets: &[&str]| {
        let mut command = FAMILIES[2].command(&folder.path().join("run"), false);
        sets.iter().for_each(|set| {
            command.args(["--set", set]);
        });
        command.output().unwrap()
    };
    let output = with(&["probe_every=5", "probe=orientatoin"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean \"orientation\""));
    let output = with(&["prob_every=5"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean \"probe_every\""));
    let message = sentence(&with(&["probe_every=5", "probe_area=V7"]));
    assert!(message.contains("V7"), "{message}");
}
