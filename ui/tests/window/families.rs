//! Every family in the window: it opens, runs, plays, is intervened on and exported; what is missing is
//! asked for; what does not fit is said.

use std::path::{Path, PathBuf};

use egui::{Key, Role};
use egui_kittest::kittest::Queryable as _;
use gainfield::dynamics::Action;
use gainfield::model::Family;
use gainfield_ui::command::{Command, ExportFormat};
use gainfield_ui::dock::ViewKind;
use gainfield_ui::files::folder_dialog;
use gainfield_ui::item::{Content, Group, ModelInfo, RunSpec, StimulusInfo};

use super::small_models::{self, write};
use super::support::{Window, click, empty, key, messages, settle, wait_until};

fn open(window: &mut Window, path: &Path) {
    window.state_mut().send(Command::Open(vec![path.to_owned()]));
    settle(window);
}

fn opened(family: Family) -> (Window, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = write(family, folder.path());
    let mut window = empty();
    open(&mut window, &path);
    assert!(window.state().document().model.is_some(), "{family:?}: {:?}", messages(&window));
    (window, folder)
}

fn model(window: &Window) -> &ModelInfo {
    window.state().document().current_model().unwrap()
}

/// The numbers of the shown run; panics with what the window said if there are none.
fn run(window: &Window) -> &gainfield_ui::store::RunData {
    let document = window.state().document();
    let key = document.run_key(document.recording.unwrap()).unwrap();
    window.state().store().run(key).unwrap_or_else(|| {
        panic!("{:?}; {:?}", window.state().store().failure(key), messages(window));
    })
}

fn spec(window: &Window) -> RunSpec {
    window.state().document().current_recording().unwrap().spec.clone()
}

fn failure(window: &Window) -> String {
    let document = window.state().document();
    let key = document.run_key(document.recording.unwrap()).unwrap();
    window.state().store().failure(key).map(str::to_owned).unwrap_or_else(|| panic!("it ran"))
}

#[test]
fn every_family_opens_runs_branches_and_exports() {
    for family in Family::ALL {
        let (mut window, folder) = opened(family);
        assert_eq!(model(&window).about.family, family);
        let first = run(&window);
        assert!(
            first.recording.is_complete() && first.notes.departures.is_empty(),
            "{family:?}: {:?}",
            first.notes
        );
        let areas: Vec<String> = first.recording.areas.iter().map(|area| area.name.clone()).collect();
        assert_eq!(areas.len(), model(&window).areas.len(), "{family:?} records every area");
        assert!(first.derived.probabilities.iter().any(|p| !p.is_empty()), "{family:?} answers");
        let last = first.recording.n_timesteps - 1;
        assert_eq!(window.state().clock().cursor(), last);

        key(&mut window, Key::Home);
        key(&mut window, Key::Space);
        wait_until(&mut window, "the playhead to move", |window| window.state().clock().cursor() >= 1);
        key(&mut window, Key::Space);

        key(&mut window, Key::Home);
        let before = run(&window).derived.probabilities.clone();
        let silent = areas.iter().find(|name| *name != "in" && !name.starts_with("input")).unwrap();
        let unit = gainfield_ui::document::UnitRef { area: silent.clone(), unit: 0 };
        window.state_mut().send(Command::SelectUnit(unit));
        window.run_steps(2);
        let from = 1.min(last);
        let all = gainfield::dynamics::Units::all();
        let silence =
            gainfield::dynamics::Intervention::new(silent.as_str(), all, Action::Silence, from, None);
        window.state_mut().send(Command::AddIntervention(silence));
        settle(&mut window);
        let changed = run(&window);
        assert!(changed.notes.departures.is_empty(), "interventions do not count");
        assert_ne!(changed.derived.probabilities, before, "{family:?}: silencing {silent} has no effect");
        assert_eq!(window.state().document().group(Group::Recordings).count(), 2);

        window.state_mut().set_dialog(folder_dialog(folder.path().to_owned()));
        for view in [ViewKind::AreaMaps, ViewKind::UnitTraces, ViewKind::Readout] {
            window.state_mut().send(Command::Export(view, ExportFormat::All));
            settle(&mut window);
        }
        for stem in ["area-maps", "unit-traces", "readout"] {
            for ending in ["svg", "png", "csv", "provenance.json"] {
                let path = folder.path().join(format!("{stem}.{ending}"));
                assert!(path.exists(), "{family:?}: {} {:?}", path.display(), messages(&window));
            }
        }
        let provenance = std::fs::read_to_string(folder.path().join("readout.provenance.json")).unwrap();
        assert!(provenance.contains("\"off_protocol\": []"), "{provenance}");
    }
}

#[test]
fn time_is_in_the_unit_of_the_family() {
    for (family, words) in [
        (Family::RecurrentGating, "sweep 1"),
        (Family::ObjectAttention, "pass 1"),
        (Family::CounterHebb, "pass 1"),
        (Family::Blt, "timestep 1"),
        (Family::CordsNet, "2 ms, step 1"),
    ] {
        let (window, _folder) = opened(family);
        assert_eq!(gainfield_ui::timeline::time_words(run(&window), 0), words);
    }
}

#[test]
fn phases_of_the_passes_and_of_the_spontaneous_stretch_are_named() {
    let named = |window: &Window, text: &str| window.query_all_by_label_contains(text).count() > 0;
    let (window, _folder) = opened(Family::CounterHebb);
    for phase in ["instruction, top-down", "guided, bottom-up", "error, top-down"] {
        assert!(named(&window, phase), "{phase}");
    }
    let (window, _folder) = opened(Family::CordsNet);
    for phase in ["spontaneous", "picture"] {
        assert!(named(&window, phase), "{phase}");
    }
}

#[test]
fn a_run_with_another_alpha_or_warm_up_is_off_the_protocol_and_says_why() {
    let (mut window, _folder) = opened(Family::CordsNet);
    assert!(window.query_by_label("off protocol").is_none());
    window.state_mut().send(Command::SetControl { name: "alpha".to_owned(), value: 0.1 });
    settle(&mut window);
    window.get_by_label("off protocol");
    let said: Vec<String> = run(&window).notes.departures.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["α: 0.1, published 0.2"]);
    window.state_mut().send(Command::SetControl { name: "alpha".to_owned(), value: 0.2 });
    window.state_mut().send(Command::SetWarmUp(Some(5)));
    settle(&mut window);
    assert_eq!(run(&window).recording.n_timesteps, 35);
    let said: Vec<String> = run(&window).notes.departures.iter().map(ToString::to_string).collect();
    assert!(said[0].starts_with("spontaneous activity before onset: 5 timesteps (10 ms)"), "{said:?}");
    window.state_mut().send(Command::Undo);
    settle(&mut window);
    assert!(spec(&window).warm_up.is_none());
}

#[test]
fn what_comes_before_onset_is_shared_by_stimuli_up_to_the_first_intervention() {
    let (mut window, _folder) = opened(Family::CordsNet);
    let onset = |window: &Window| {
        let steps = &run(window).recording.steps;
        steps.iter().position(|step| step.pass != gainfield::dynamics::Pass::WarmUp).unwrap()
    };
    let first = run(&window).recording.clone();
    let n = onset(&window);
    assert!(n > 3);
    let stimulus = window.state().document().stimulus.unwrap();
    let show_trial = |window: &mut Window, trial: usize| {
        let info = window.state().document().stimulus_info(stimulus).unwrap();
        let to = Box::new(StimulusInfo { trial, ..StimulusInfo::clone(info) });
        window.state_mut().send(Command::SetStimulus { item: stimulus, to });
        settle(window);
    };
    show_trial(&mut window, 1);
    let other = run(&window).recording.clone();
    let shared = |a: &gainfield::recording::Recording, b: &gainfield::recording::Recording| {
        a.steps.iter().zip(&b.steps).take_while(|(a, b)| std::sync::Arc::ptr_eq(a, b)).count()
    };
    assert!(other.is_complete());
    assert_eq!(shared(&first, &other), n);
    assert_ne!(first.steps[n].values, other.steps[n].values);

    let noise = Action::Noise { sd: 0.1 };
    let all = gainfield::dynamics::Units::all();
    let noise = gainfield::dynamics::Intervention::new("area0", all, noise, 2, None);
    window.state_mut().send(Command::AddIntervention(noise));
    settle(&mut window);
    let noisy = run(&window).recording.clone();
    show_trial(&mut window, 2);
    let next = run(&window).recording.clone();
    assert_eq!(shared(&noisy, &next), 2);
    assert_ne!(noisy.steps[2].values, next.steps[2].values);
}

#[test]
fn an_instruction_picks_the_answer_and_opens_gates() {
    let (mut window, _folder) = opened(Family::CounterHebb);
    let gates = |window: &Window| -> Vec<f32> {
        let recording = &run(window).recording;
        let area = recording.areas.iter().position(|area| area.name.starts_with("gate.")).unwrap();
        recording.trial(1, area, 0).to_vec()
    };
    let control =
        model(&window).controls.iter().find(|control| control.name == "instruction").unwrap().clone();
    assert_eq!(control.choices, ["stimulus", "none", "left", "right"]);
    let mut seen = Vec::new();
    for value in [2.0, 3.0] {
        window.state_mut().send(Command::SetControl { name: "instruction".to_owned(), value });
        settle(&mut window);
        assert!(run(&window).notes.departures.is_empty(), "an instruction is no departure");
        seen.push(gates(&window));
    }
    assert_ne!(seen[0], seen[1]);
}

#[test]
fn the_update_is_compared_with_the_gradient_and_exported() {
    let (mut window, folder) = opened(Family::CounterHebb);
    window.state_mut().send(Command::CompareUpdates);
    window.run_steps(2);
    settle(&mut window);
    let agreement = window.state().probing().agreement(model(&window).identity).unwrap();
    let data = agreement.data.as_ref().unwrap_or_else(|| panic!("{:?}", agreement.state));
    let whole = &data.whole;
    assert!(whole.cosine > 0.9999 && whole.max_difference < 1e-6, "{whole:?}");
    window.state_mut().set_dialog(folder_dialog(folder.path().to_owned()));
    window.state_mut().send(Command::Export(ViewKind::UpdateAgreement, ExportFormat::All));
    settle(&mut window);
    let csv = std::fs::read_to_string(folder.path().join("counter-hebb-update.csv")).unwrap();
    assert!(csv.contains("core_net._conv1"), "{csv}");
}

#[test]
fn the_stimulus_says_how_it_was_prepared() {
    let (mut window, folder) = opened(Family::CordsNet);
    let stimulus = window.state().document().stimulus.unwrap();
    window.state_mut().send(Command::Select(stimulus));
    window.run_steps(3);
    assert!(window.query_all_by_label_contains("Digit resized").count() > 0);
    assert!(window.query_all_by_label_contains("minus 0.1307, divided by 0.3081").count() > 0);
    let path = folder.path().join("wide.png");
    image::RgbImage::new(60, 40).save(&path).unwrap();
    open(&mut window, &path);
    let stimulus = window.state().document().stimulus.unwrap();
    window.state_mut().send(Command::Select(stimulus));
    window.run_steps(3);
    assert!(window.query_all_by_label_contains("Resized to 32 × 32 whatever its proportions").count() > 0);
    assert!(window.query_all_by_label_contains("Grey: ").count() > 0);
    assert!(run(&window).notes.departures.is_empty());
    let info = window.state().document().stimulus_info(stimulus).unwrap();
    let padded = format!("image:{},fit=pad", path.display()).parse().unwrap();
    let to = Box::new(StimulusInfo { spec: padded, ..StimulusInfo::clone(info) });
    window.state_mut().send(Command::SetStimulus { item: stimulus, to });
    settle(&mut window);
    let said = run(&window).notes.departures[0].to_string();
    assert!(said.starts_with("preparation of the picture: all of it on grey"), "{said}");
}

/// The weights of a network of recurrent gating, with nothing said of them.
fn bare_weights(folder: &Path) -> PathBuf {
    let path = small_models::gating(folder, [3, 96, 48]);
    let read = gainfield::checkpoint::read(&path).unwrap();
    let nothing = serde_json::Map::new();
    let description = gainfield::checkpoint::Description::new("recurrent_gating", "gate", &nothing).unwrap();
    let provenance = gainfield::provenance::Provenance::new("test");
    gainfield::checkpoint::save(folder.join("bare"), &read.weights, &description, &provenance).unwrap()
}

#[test]
fn what_a_checkpoint_does_not_say_is_asked_in_one_dialog_and_given_like_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = bare_weights(folder.path());
    let mut window = empty();
    open(&mut window, &path);
    window.get_by_label_contains("What bare.safetensors does not say");
    assert!(window.state().document().model.is_none());
    assert!(messages(&window).iter().any(|line| line.contains("bare.safetensors was not opened yet")));
    let overrides = gainfield::settings::Overrides::read(
        None,
        &["in_dims=[3, 96, 48]", "pools=[4, 4, 3]", "n_classes=10"].map(str::to_owned),
    )
    .unwrap();
    window.state_mut().send(Command::OpenWith { path: path.clone(), overrides, replace: None });
    settle(&mut window);
    let info = model(&window);
    assert_eq!(info.input_shape, [3, 96, 48], "{:?}", messages(&window));
    assert_eq!(info.about.config.get("pools").unwrap().source, gainfield::settings::Source::Given);
    assert!(info.missing.iter().any(|missing| missing.field.key == "softness"));
    assert!(info.missing.iter().all(|missing| missing.field.key != "pools"));

    // The same dialog from the inspector; what was given before stays.
    let id = window.state().document().model.unwrap();
    window.state_mut().send(Command::AskMissing(id));
    window.run_steps(3);
    window.get_by_role_and_label(Role::TextInput, "Softness s");
    click(&mut window, "Keep the defaults");
    assert_eq!(window.query_all_by_label_contains("does not say").count(), 0);
    let set = vec![("softness".to_owned(), "0.25".to_owned())];
    window.state_mut().send(Command::Reopen { item: id, set });
    settle(&mut window);
    let info = model(&window);
    assert_eq!(info.controls[0].default, 0.25);
    assert_eq!(info.input_shape, [3, 96, 48]);
    assert_eq!(window.state().document().group(Group::Models).count(), 1);
}

#[test]
fn a_configuration_that_contradicts_the_weights_names_key_and_file() {
    let (mut window, _folder) = opened(Family::Blt);
    let id = window.state().document().model.unwrap();
    let before = model(&window).identity;
    for (key, value, told) in [
        ("times", "4", "times"),
        ("n_classes", "6", "read_out"),
        ("pool", "median", "pool"),
        ("tims", "9", "did you mean \"times\""),
    ] {
        let set = vec![(key.to_owned(), value.to_owned())];
        window.state_mut().send(Command::Reopen { item: id, set });
        settle(&mut window);
        window.state_mut().send(Command::CloseQuestions);
        window.run_steps(2);
        let log = messages(&window);
        let line = log.last().unwrap();
        assert!(line.contains("blt.safetensors") && line.contains(told), "{key}={value}: {line}");
        assert_eq!(model(&window).identity, before, "the model stays as it was");
    }
}

#[test]
fn stimuli_of_another_size_or_without_an_instruction_say_what_is_wanted() {
    // Digits of their own size for a network of colour pictures.
    let (mut window, _folder) = opened(Family::Blt);
    let stimulus = window.state().document().stimulus.unwrap();
    let digits = Box::new(StimulusInfo::new("digits".parse().unwrap()));
    window.state_mut().send(Command::SetStimulus { item: stimulus, to: digits });
    settle(&mut window);
    let said = failure(&window);
    assert!(said.contains("digits") && said.contains("64") && said.contains("28"), "{said}");
    window.get_by_role_and_label(Role::Alert, &alert(&window));

    // A picture without an instruction for a network that needs one.
    let (mut window, _folder) = opened(Family::CounterHebb);
    let stimulus = window.state().document().stimulus.unwrap();
    let digit = Box::new(StimulusInfo::new("one-digit".parse().unwrap()));
    window.state_mut().send(Command::SetStimulus { item: stimulus, to: digit });
    settle(&mut window);
    let said = failure(&window);
    assert!(said.starts_with("instruction must be") && said.contains("left"), "{said}");
    window.state_mut().send(Command::SetControl { name: "instruction".to_owned(), value: 2.0 });
    settle(&mut window);
    assert!(run(&window).recording.is_complete());
}

/// The title of the newest message on screen.
fn alert(window: &Window) -> String {
    window.state().messages().toasts().last().unwrap().title.clone()
}

#[test]
fn a_training_recipe_alone_comes_with_the_bundled_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    std::fs::write(&path, "family = \"object_attention\"\nvariant = \"digits\"\nobjects = 2\nbatch = 8\n")
        .unwrap();
    let mut window = empty();
    open(&mut window, &path);
    settle(&mut window);
    let document = window.state().document();
    assert!(document.model.is_some() && document.recording.is_some(), "{:?}", messages(&window));
    let is_model =
        |item: &&std::sync::Arc<gainfield_ui::item::Item>| matches!(item.content, Content::Model(_));
    assert_eq!(document.items().iter().filter(is_model).count(), 1);
}
