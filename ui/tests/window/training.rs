//! Training beside the window: runs are started, paused, resumed, stopped, followed, laid over one
//! another, looked inside while they train, and seen as films.

use std::path::{Path, PathBuf};

use egui::Role;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use gainfield::recipe::train::{self, AnyRecipe, TrainTarget};
use gainfield::settings::{Overrides, toml_value};
use gainfield::train::{JobCommand, JobEvent, RunHistory};
use gainfield_ui::command::{Command, Layout};
use gainfield_ui::item::ItemId;
use gainfield_ui::training::{Estimate, RunState, Style, TrainingRun};

use super::support::{Window, empty, messages, press, settle, wait_until};

const DIGITS: &str = "object_attention/digits";
const HEBB: &str = "counter_hebb/multi_mnist";
const SMALL_HEBB: [&str; 7] = [
    "network={conv_channels=[4, 4]}",
    "drawn=60",
    "batch_size=6",
    "validate_every=20",
    "save_every=10",
    "snapshot_every=1",
    "updates=100000",
];

fn trained(name: &str, sets: &[&str], folder: &Path) -> (Window, ItemId) {
    let mut window = empty();
    window.state_mut().set_runs_folder(folder.join("runs"));
    window.state_mut().send(Command::SetLayout(Layout::Train));
    window.state_mut().send(Command::SetRecipeName(name.to_owned()));
    for set in sets {
        let (key, value) = set.split_once('=').unwrap();
        let (key, value) = (key.to_owned(), toml_value(value));
        window.state_mut().send(Command::SetRecipe { key, value });
    }
    window.run_steps(3);
    window.state_mut().send(Command::StartTraining);
    window.run_steps(3);
    let id = window.state().document().training.unwrap();
    (window, id)
}

fn run(window: &Window, id: ItemId) -> &TrainingRun {
    window.state().training().get(id).unwrap()
}

fn wait_for(window: &mut Window, id: ItemId, what: &str, is_so: impl Fn(&TrainingRun) -> bool) {
    wait_until(window, what, |window| is_so(run(window, id)));
}

fn tabs(window: &Window) -> Vec<String> {
    window.get_all_by_role(Role::Tab).filter_map(|tab| tab.accesskit_node().label()).collect()
}

#[test]
fn a_run_is_paused_resumed_opened_stopped_and_taken_up_by_its_buttons() {
    let folder = tempfile::tempdir().unwrap();
    let mut sets = SMALL_HEBB.to_vec();
    sets[6] = "updates=120";
    let (mut window, id) = trained(HEBB, &sets, folder.path());
    wait_for(&mut window, id, "updates", |run| run.state == RunState::Running && run.update() > 2);
    press(&mut window, "Pause");
    wait_for(&mut window, id, "a pause", |run| run.state == RunState::Paused);
    let at = run(&window, id).update();
    std::thread::sleep(std::time::Duration::from_millis(100));
    window.run_steps(3);
    assert_eq!(run(&window, id).update(), at);

    // The network as it is now, in every view, while the run waits and while it goes on.
    window.state_mut().send(Command::OpenSnapshot(id));
    settle(&mut window);
    assert_eq!(window.state().settings().layout, Layout::Step);
    assert!(window.state().document().recording.is_some(), "{:?}", messages(&window));
    assert!(run(&window, id).state.is_live());

    window.state_mut().send(Command::SetLayout(Layout::Train));
    window.run_steps(3);
    press(&mut window, "Resume");
    wait_for(&mut window, id, "more updates", |run| run.update() > at);
    press(&mut window, "Stop, keep best");
    wait_for(&mut window, id, "a stop", |run| run.state == RunState::Stopped);
    let out = run(&window, id).out.clone();
    assert!(out.join("checkpoints/last/weights.safetensors").is_file());
    assert!(run(&window, id).update() < 120, "it was too fast to be stopped");

    press(&mut window, "Resume run");
    wait_for(&mut window, id, "the end", |run| run.state == RunState::Finished);
    wait_for(&mut window, id, "its last row", |run| run.history.updates.len() == 120);
    let whole = folder.path().join("whole");
    let recipe = AnyRecipe::read(&out.join("recipe.toml"), &Overrides::default()).unwrap();
    let target =
        TrainTarget { device: gainfield::model::Target::default().device, threads: 1, beside_window: false };
    let job = train::start(recipe, whole.clone(), &target, || {}).unwrap();
    assert!(matches!(job.events.iter().last(), Some(JobEvent::Finished(_))));
    assert_eq!(RunHistory::read(&out).unwrap(), RunHistory::read(&whole).unwrap());
}

#[test]
fn every_family_is_looked_inside_while_it_trains_and_its_numbers_have_their_own_names() {
    let folder = tempfile::tempdir().unwrap();
    let runs: [(&str, &[&str], &[&str]); 5] = [
        (
            DIGITS,
            &[
                "objects=2",
                "passes=2",
                "batch=4",
                "training_digits=40",
                "validation_stimuli=4",
                "test_stimuli=10",
            ],
            &["Class loss", "Mask loss", "Accuracy by pass"],
        ),
        (
            "recurrent_gating/change",
            &[
                "network={channels=[1, 2, 2, 2, 2, 2]}",
                "batch_size=2",
                "n_samples=6",
                "n_validation=2",
                "n_test=2",
            ],
            &["Loss", "Class loss", "Accuracy by sweep"],
        ),
        (HEBB, &SMALL_HEBB[..4], &["Loss", "Training accuracy", "Accuracy"]),
        (
            "cordsnet/small",
            &[
                "base=2",
                "drawn=40",
                "test_stimuli=4",
                "validation_stimuli=4",
                "stages=[\"cnn\"]",
                "cnn={updates=100000, batch=4}",
            ],
            &["Loss", "Training accuracy", "Accuracy by timestep"],
        ),
        (
            "blt/small",
            &["drawn=20", "batch_size=2", "recurrent_steps=7", "validation_stimuli=2", "test_stimuli=2"],
            &["Loss", "Training accuracy", "Accuracy by answer"],
        ),
    ];
    for (name, sets, titles) in runs {
        let mut sets = sets.to_vec();
        sets.push("snapshot_every=1");
        if name != "cordsnet/small" {
            sets.push("updates=100000");
        }
        let (mut window, id) = trained(name, &sets, &folder.path().join(name));
        wait_for(&mut window, id, name, |run| run.snapshot.as_ref().is_some_and(|one| one.update > 0));
        window.run_steps(2);
        let shown = tabs(&window);
        assert!(titles.iter().all(|title| shown.iter().any(|tab| tab == title)), "{name}: {shown:?}");
        assert_eq!(name == DIGITS, shown.iter().any(|tab| tab == "Mask loss"), "{name}");
        let is_drawn = |window: &Window| {
            window
                .state()
                .training()
                .curves(id)
                .is_some_and(|curves| curves.metrics.iter().any(Option::is_some))
        };
        wait_until(&mut window, "curves", is_drawn);
        window.state_mut().send(Command::OpenSnapshot(id));
        settle(&mut window);
        let recording = window.state().document().recording;
        assert!(recording.is_some(), "{name}: {:?}", messages(&window));
        for layout in [Layout::Probe, Layout::Train, Layout::Step] {
            window.state_mut().send(Command::SetLayout(layout));
            window.run_steps(3);
        }
        let before = run(&window, id).update();
        wait_for(&mut window, id, "the run to go on", |run| run.update() > before);
        window.state_mut().send(Command::Training(id, JobCommand::Stop));
        wait_for(&mut window, id, "its end", |run| !run.state.is_live());
        assert_eq!(run(&window, id).state, RunState::Stopped, "{name}");
    }
}

/// A run that another program trains: one of this process that the window knows nothing of.
fn elsewhere(out: &Path, seed: &str) -> gainfield::train::TrainingJob {
    let sets: Vec<String> = SMALL_HEBB.iter().chain([&seed]).map(|&set| set.to_owned()).collect();
    let recipe = AnyRecipe::named(HEBB, &Overrides::read(None, &sets).unwrap()).unwrap();
    let target =
        TrainTarget { device: gainfield::model::Target::default().device, threads: 1, beside_window: false };
    let job = train::start(recipe, out.to_owned(), &target, || {}).unwrap();
    for event in &job.events {
        if matches!(event, JobEvent::Saved { update, .. } if update > 0) {
            break;
        }
    }
    job
}

fn end(job: &gainfield::train::TrainingJob) {
    job.commands.send(JobCommand::Stop).unwrap();
    assert!(matches!(job.events.iter().last(), Some(JobEvent::Finished(_))));
}

fn opened(window: &mut Window, paths: Vec<PathBuf>) -> Vec<ItemId> {
    window.state_mut().send(Command::Open(paths));
    settle(window);
    window.state().training().iter().map(|(id, _)| id).collect()
}

#[test]
fn a_run_of_another_program_is_followed_while_it_grows_and_its_seeds_are_joined() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let job = elsewhere(&first, "seed=1");
    end(&elsewhere(&second, "seed=2"));
    let mut window = empty();
    let ids = opened(&mut window, vec![first.clone(), second]);
    let [id, other] = ids[..] else { panic!("{ids:?}") };
    wait_for(&mut window, id, "the other program to be seen", |run| run.state == RunState::Elsewhere);
    wait_for(&mut window, other, "an end", |run| run.state == RunState::Stopped);
    let before = run(&window, id).update();
    wait_for(&mut window, id, "growth", |run| run.update() > before + 5);
    wait_for(&mut window, id, "a snapshot", |run| run.snapshot.as_ref().is_some_and(|one| one.update > 0));
    window.state_mut().send(Command::OpenSnapshot(id));
    settle(&mut window);
    assert!(window.state().document().recording.is_some(), "{:?}", messages(&window));

    let inks = |window: &Window| {
        let curves = window.state().training().curves(id).unwrap();
        [id, other].map(|one| curves.inks.get(&one).copied())
    };
    wait_until(&mut window, "both in one", |window| inks(window) == [Some(0), Some(0)]);
    window.state_mut().send(Command::SetCurves(Style { joins_seeds: false, smoothing: 0.5 }));
    wait_until(&mut window, "one line each", |window| inks(window) == [Some(0), Some(1)]);
    let document = window.state().document().clone();
    window.state_mut().send(Command::SetLayout(Layout::Train));
    window.state_mut().send(Command::Select(id));
    window.run_steps(4);
    if window.state().document().training == Some(id) {
        let label = format!("Lay {} over", document.get(other).unwrap().name);
        press(&mut window, &label);
    } else {
        window.state_mut().send(Command::Overlay(other, false));
    }
    wait_until(&mut window, "the other gone", |window| inks(window) == [Some(0), None]);

    end(&job);
    wait_for(&mut window, id, "its stop", |run| run.state == RunState::Stopped);
    let rows = RunHistory::read(&first).unwrap();
    wait_for(&mut window, id, "its last row", |run| run.history == rows);
}

#[test]
fn tuning_is_a_film_of_learning() {
    let folder = tempfile::tempdir().unwrap();
    let probe = "probe={feature=\"orientation\", values=[0.0, 45.0, 90.0, 135.0], widths=[1.5], positions=1}";
    let mut sets = SMALL_HEBB.to_vec();
    sets[6] = "updates=20";
    sets.extend(["probe_every=5", probe]);
    let (mut window, id) = trained(HEBB, &sets, folder.path());
    wait_for(&mut window, id, "the end", |run| run.state == RunState::Finished);
    wait_for(&mut window, id, "all frames", |run| {
        run.films.first().is_some_and(|film| film.frames.len() == 5)
    });
    window.run_steps(3);
    press(&mut window, "Film of orientation");
    settle(&mut window);
    assert_eq!(window.state().settings().layout, Layout::Probe);
    let item = window.state().document().probe.unwrap();
    let shown = |window: &Window| window.state().probing().get(item).unwrap().data.clone().unwrap();
    let last = shown(&window);
    window.get_by_role_and_label(Role::Slider, "Update of the film").focus();
    window.run_steps(2);
    for at in [3, 2, 1, 0] {
        window.key_press(egui::Key::ArrowLeft);
        window.run_steps(3);
        settle(&mut window);
        assert_eq!(window.state().probing().chosen_frame(item), Some(at * 5));
    }
    let first = shown(&window);
    assert_eq!((&first.result.area, &first.result.units), (&last.result.area, &last.result.units));
    assert!(first.result.conditions != last.result.conditions, "nothing was learnt");
    press(&mut window, "Play the film");
    wait_until(&mut window, "its end", |window| window.state().probing().chosen_frame(item).is_none());
    settle(&mut window);
    assert_eq!(shown(&window).result, last.result);

    // Another film comes beside the model in use.
    let (model, name) = (window.state().document().model, run(&window, id).films[0].name.clone());
    window.state_mut().send(Command::OpenFilm { run: id, name });
    settle(&mut window);
    let document = window.state().document();
    assert_eq!(document.model, model);
    assert!(
        document.probe != Some(item) && document.probe_info(document.probe.unwrap()).unwrap().film.is_some()
    );
}

/// Two small runs of the session, the second with another learning rate, both started by button.
#[test]
fn runs_are_started_by_button_and_laid_over_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let (mut window, first) = trained(HEBB, &SMALL_HEBB, folder.path());
    wait_for(&mut window, first, "updates", |run| run.update() > 1);
    press(&mut window, "Stop, keep best");
    wait_for(&mut window, first, "a stop", |run| run.state == RunState::Stopped);
    let value = toml_value("0.0005");
    window.state_mut().send(Command::SetRecipe { key: "learning_rate".to_owned(), value });
    window.run_steps(3);
    press(&mut window, "Start run");
    let second = window.state().document().training.unwrap();
    assert_ne!(first, second);
    wait_for(&mut window, second, "updates", |run| run.update() > 1);
    let shown = |window: &Window| {
        let curves = window.state().training().curves(second);
        curves.map(|curves| [second, first].map(|id| curves.inks.get(&id).copied()))
    };
    wait_until(&mut window, "both", |window| shown(window) == Some([Some(0), Some(1)]));
    let name = window.state().document().get(first).unwrap().name.clone();
    press(&mut window, &format!("Lay {name} over"));
    wait_until(&mut window, "one alone", |window| shown(window) == Some([Some(0), None]));
    press(&mut window, &format!("Lay {name} over"));
    wait_until(&mut window, "both again", |window| shown(window) == Some([Some(0), Some(1)]));

    // Looked inside by the button of the timeline, which names the snapshot.
    press(&mut window, "Pause");
    wait_for(&mut window, second, "a pause", |run| run.state == RunState::Paused);
    window.run_steps(3);
    let update = run(&window, second).snapshot.as_ref().unwrap().update;
    press(&mut window, &format!("Open snapshot {update} in Step"));
    settle(&mut window);
    assert_eq!(window.state().settings().layout, Layout::Step);
    assert!(window.state().document().recording.is_some(), "{:?}", messages(&window));
    window.state_mut().send(Command::SetLayout(Layout::Train));
    window.run_steps(3);
    press(&mut window, "Resume");
    wait_for(&mut window, second, "more", |run| run.update() > update);
    press(&mut window, "Stop, keep best");
    wait_for(&mut window, second, "a stop", |run| run.state == RunState::Stopped);
}

#[test]
fn a_first_look_is_short_and_the_documented_run_is_a_click_away() {
    let mut window = empty();
    window.state_mut().send(Command::SetLayout(Layout::Train));
    window.run_steps(3);
    let look = AnyRecipe::first_look(DIGITS);
    assert_eq!(window.state().document().recipe, look);
    window.get_by_role_and_label(Role::RadioButton, "Length of the run: Documented").click();
    window.run_steps(3);
    assert!(window.state().document().recipe.is_empty());
    window.get_by_role_and_label(Role::RadioButton, "Length of the run: First look").click();
    window.run_steps(3);
    assert_eq!(window.state().document().recipe, look);

    // How long it takes is said before it starts.
    for set in ["passes=2", "batch=4", "training_digits=40", "updates=50"] {
        let (key, value) = set.split_once('=').unwrap();
        window.state_mut().send(Command::SetRecipe { key: key.to_owned(), value: toml_value(value) });
    }
    window.run_steps(3);
    let next = window.state().document().next_run().unwrap();
    assert_eq!(window.state().training().pacer().of(&next), Estimate::Unknown);
    press(&mut window, "Time it");
    wait_until(&mut window, "an estimate", |window| {
        matches!(window.state().training().pacer().of(&next), Estimate::About { n_updates: 50, .. })
    });
    window.run_steps(2);
    let words = window.get_all_by_role(Role::Paragraph).filter_map(|node| node.accesskit_node().label());
    assert!(words.into_iter().any(|words| words.starts_with("50 updates of 4 stimuli: about")));
    assert!(window.state().training().iter().next().is_none(), "it was started");
}

#[test]
fn a_run_without_progress_stops_early_and_says_so_also_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [
        "passes=2",
        "batch=4",
        "training_digits=40",
        "validation_stimuli=4",
        "validate_every=1",
        "test_stimuli=10",
        "updates=1000",
        "learning_rate=0.0",
        "patience=2",
    ];
    let (mut window, id) = trained(DIGITS, &sets, folder.path());
    wait_for(&mut window, id, "its end", |run| run.state == RunState::StoppedEarly);
    assert!(messages(&window).iter().any(|text| text.contains("2 validations without a higher score")));
    let out = run(&window, id).out.clone();
    let mut window = empty();
    let ids = opened(&mut window, vec![out]);
    wait_for(&mut window, ids[0], "its end", |run| run.state == RunState::StoppedEarly);
    wait_for(&mut window, ids[0], "samples of its weights", |run| run.samples.is_some());
}
