//! Runs as values: what they give depends on the recipe alone.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod default_runs;
#[path = "../support/folders.rs"]
mod folders;
#[path = "../support/networks.rs"]
mod networks;

use std::path::{Path, PathBuf};

use gainfield::Error;
use gainfield::dynamics::{Action, Intervention, Units};
use gainfield::families;
use gainfield::model::{Model, Target};
use gainfield::progress::{Progress, Silent};
use gainfield::recipe::{self, Execution, RunOutcome, RunRecipe};
use gainfield::settings::Overrides;

const NETWORK: &str = "pretrained:object_attention_digits";

fn network() -> Model {
    families::open(Path::new(NETWORK), &Overrides::default(), &Target::default()).unwrap()
}

fn run(model: &Model, recipe: &RunRecipe, batch: usize) -> RunOutcome {
    let execution = Execution { batch: Some(batch), ..Execution::default() };
    recipe::execute_on(model, recipe, &execution, &mut Silent).unwrap()
}

fn recipe() -> RunRecipe {
    let mut recipe = RunRecipe::new(NETWORK);
    recipe.n = 7;
    recipe.seed = 5;
    recipe.record = vec!["conv2_out".to_owned()];
    recipe
}

#[test]
fn the_batch_does_not_change_the_result() {
    let model = network();
    let noise = Intervention::new("conv1_out", Units::all(), Action::Noise { sd: 0.1 }, 1, None);
    for interventions in [vec![], vec![noise]] {
        let recipe = RunRecipe { interventions, ..recipe() };
        let whole = run(&model, &recipe, 7);
        for batch in [1, 3] {
            let parts = run(&model, &recipe, batch);
            assert_eq!(parts.readout.len(), whole.readout.len());
            for (part, all) in parts.readout.iter().zip(&whole.readout) {
                assert_eq!((part.t, &part.labels), (all.t, &all.labels));
                for (a, b) in part.logits.iter().zip(&all.logits) {
                    assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "batch {batch}, t {}: {a} {b}", part.t);
                }
            }
            assert_eq!(parts.accuracy, whole.accuracy);
            assert_eq!(parts.captions, whole.captions);
        }
    }
}

#[test]
fn turned_gratings_are_spread_over_all_trials_whatever_the_batch() {
    let model = network();
    let mut recipe = recipe();
    recipe.stimulus = Some("grating".parse().unwrap());
    recipe.n = 4;
    assert_eq!(run(&model, &recipe, 3).captions, ["0°", "45°", "90°", "135°"]);
}

#[test]
fn a_written_recording_holds_every_trial_in_order() {
    let model = network();
    let recipe = recipe();
    let outcome = run(&model, &recipe, 3);
    let folder = tempfile::tempdir().unwrap();
    let files = recipe::write(&model, &outcome, folder.path()).unwrap();
    let bytes = std::fs::read(&files[0]).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor("conv2_out").unwrap();
    let n_timesteps = outcome.n_timesteps;
    let area = &outcome.recordings[0].areas[0];
    assert_eq!(tensor.shape(), [&[n_timesteps, 7], area.shape.as_slice()].concat());
    let values: Vec<f32> =
        tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let n_units = area.n_units();
    for (trial, (batch, within)) in [(0, (0, 0)), (4, (1, 1)), (6, (2, 0))] {
        for t in [0, n_timesteps - 1] {
            let from = (t * 7 + trial) * n_units;
            assert_eq!(values[from..from + n_units], *outcome.recordings[batch].trial(t, 0, within));
        }
    }
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let axes: serde_json::Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["axes"]).unwrap();
    assert_eq!(axes["conv2_out"], serde_json::json!(["timestep", "trial", "channel", "row", "column"]));
    for name in ["readout.csv", "config.toml", "recipe.toml", "readout.provenance.json"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    let written: RunRecipe = recipe::read_toml(&folder.path().join("recipe.toml")).unwrap();
    assert_eq!(written, outcome.recipe);
}

#[test]
fn a_run_over_budget_says_so_before_it_starts() {
    struct NoWork;
    impl Progress for NoWork {
        fn report(&mut self, _what: &str, _done: usize, _total: usize) {
            panic!("the run has started");
        }
    }
    let execution = Execution { budget_bytes: 1 << 20, ..Execution::default() };
    let recipe = RunRecipe { n: 1000, ..recipe() };
    let err = recipe::execute_on(&network(), &recipe, &execution, &mut NoWork).unwrap_err();
    assert!(matches!(err, Error::Budget { .. }), "{err}");
}

#[test]
fn a_run_stops_on_request() {
    struct Stop;
    impl Progress for Stop {
        fn report(&mut self, _what: &str, _done: usize, _total: usize) {}

        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let err = recipe::execute_on(&network(), &recipe(), &Execution::default(), &mut Stop).unwrap_err();
    assert!(matches!(err, Error::Cancelled), "{err}");
}

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: ../shared is absent");
    None
}

fn accuracy_of(checkpoint: &str, stimulus: &str, n: usize) -> Option<recipe::Accuracy> {
    let mut recipe = RunRecipe::new(shared(checkpoint)?);
    recipe.stimulus = Some(stimulus.parse().unwrap());
    recipe.data = Some(shared("data/mnist")?);
    recipe.n = n;
    let (_, outcome) = recipe::execute(&recipe, &Execution::default(), &mut Silent).unwrap();
    outcome.accuracy
}

#[test]
fn the_published_digit_network_is_as_good_as_published() {
    let Some(accuracy) = accuracy_of("checkpoints/oba/paper_mnist_model.pt", "digits", 1024) else { return };
    let mean = accuracy.mean.unwrap();
    println!("mean {:.4} {:?}", mean.accuracy, mean.interval);
    assert_eq!((mean.n, accuracy.phases.len()), (2048, 2));
    assert!((0.955..=0.99).contains(&mean.accuracy), "{mean:?}");
}

#[test]
fn the_published_recognition_network_reads_clutter() {
    let Some(accuracy) = accuracy_of("checkpoints/brg/mnist_v2/model.pth", "recognition", 200) else {
        return;
    };
    let read_out = accuracy.read_out.unwrap();
    println!("read-out {:.4} {:?}, sweeps {:?}", read_out.accuracy, read_out.interval, accuracy.sweeps);
    assert!(read_out.n == 200 && read_out.accuracy >= 0.97, "{read_out:?}");
}

/// In what runs leave the protocol of a network, in words.
fn departures(sets: &[&str], change: impl FnOnce(&mut RunRecipe)) -> Vec<String> {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    let overrides = Overrides::read(None, &sets).unwrap();
    let model = families::open(Path::new(NETWORK), &overrides, &Target::default()).unwrap();
    let mut recipe = RunRecipe { n: 1, record: Vec::new(), ..recipe() };
    change(&mut recipe);
    run(&model, &recipe, 1).departures.iter().map(ToString::to_string).collect()
}

#[test]
fn a_run_says_in_what_it_leaves_the_published_protocol() {
    assert_eq!(departures(&[], |_| {}), [""; 0]);
    assert_eq!(departures(&[], |recipe| recipe.steps = Some(3)), ["length: 3 passes, published 10 passes"]);
    let stronger = |recipe: &mut RunRecipe| {
        recipe.controls.insert("strength".to_owned(), gainfield::dynamics::Setting::Number(0.5));
    };
    assert_eq!(departures(&[], stronger), ["strength: 0.5, published 0.2"]);
    // What a file says and the user changes is a departure; given back live it is none.
    assert_eq!(departures(&["strength=0.5"], |_| {}), ["strength: 0.5, published 0.2"]);
    let published = |recipe: &mut RunRecipe| {
        recipe.controls.insert("strength".to_owned(), gainfield::dynamics::Setting::Number(0.2));
    };
    assert_eq!(departures(&["strength=0.5"], published), [""; 0]);
    let fewer = departures(&["passes=3"], |_| {});
    assert_eq!(fewer, ["length: 6 passes, published 10 passes", "passes: 3, published 5"]);
    let silenced = |recipe: &mut RunRecipe| {
        recipe.interventions = vec![Intervention::new("conv1_out", Units::all(), Action::Silence, 0, None)];
    };
    assert_eq!(departures(&[], silenced), [""; 0], "interventions do not count");
}
