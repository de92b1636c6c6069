//! The graph of a model: seen folded and unrolled, exported, changed into a variant and taken back.

use std::path::PathBuf;

use egui::{Key, Modifiers, Role};
use egui_kittest::kittest::Queryable as _;
use gainfield::checkpoint;
use gainfield::families::{self, Creation};
use gainfield::model::Family;
use gainfield::provenance::Provenance;
use gainfield::settings::Overrides;
use gainfield_ui::command::{Command, ExportFormat};
use gainfield_ui::dock::ViewKind;
use gainfield_ui::item::{Content, Group};

use super::support::{Window, answering, click, key, key_with, messages, press, settle, sized};

/// A recurrent network of six areas, small enough to be run in a moment.
fn small(folder: &std::path::Path) -> PathBuf {
    let sets = ["widths=[32,32,32,32,32,32]", "image_size=64", "times=8", "n_classes=5"];
    let overrides = Overrides::read(None, &sets.map(str::to_owned)).unwrap();
    let creation =
        Creation { family: Family::Blt, start: Some("blt_bl"), like: None, overrides: &overrides, seed: 1 };
    let made = families::create(&creation).unwrap();
    let provenance = Provenance::new("test");
    checkpoint::save(folder.join("small"), &made.model.weights, &made.description, &provenance).unwrap()
}

fn opened(folder: &std::path::Path) -> Window {
    let mut window = sized(1440.0, 1600.0);
    window.state_mut().send(Command::Open(vec![small(folder)]));
    settle(&mut window);
    assert!(window.state().document().recording.is_some(), "{:?}", messages(&window));
    window.get_by_role_and_label(Role::Tab, "Connectivity").click();
    window.run_steps(3);
    window
}

#[test]
fn the_view_leads_to_the_editor() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(folder.path());
    let connections = |window: &Window| window.query_by_label("Connection V1 to V4").is_some();
    assert!(!connections(&window));
    press(&mut window, "New variant…");
    assert!(connections(&window));
    assert_eq!(window.state().document().selected, window.state().document().model);
}

fn variants(window: &Window) -> Vec<String> {
    let models = window.state().document().group(Group::Models).filter_map(|item| match &item.content {
        Content::Model(info) => Some(info.about.variant.clone()),
        _ => None,
    });
    models.collect()
}

#[test]
fn a_node_selects_its_area_and_its_timestep() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(folder.path());
    click(&mut window, "Node V4");
    assert_eq!(window.state().document().area.as_deref(), Some("V4"));
    click(&mut window, "Connectivity: Unrolled in time");
    click(&mut window, "Node AL at t = 5");
    assert_eq!(window.state().document().area.as_deref(), Some("AL"));
    assert_eq!(window.state().clock().cursor(), 5);
    assert!(window.query_by_label("Node AL").is_none());
    click(&mut window, "Connectivity: Folded");
    window.get_by_label("Node AL");
    let timed = |label: &str| window.query_by_label_contains(label).is_some();
    assert!(timed("multiply-adds per timestep") && timed("ms per timestep") && !timed("– ms per timestep"));
}

#[test]
fn what_is_not_live_yet_is_grey_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(folder.path());
    key(&mut window, Key::Home);
    // In the lane of V4, which is two connections away from the first area.
    window.get_by_label("V4 is not live before timestep 3");
    assert!(window.query_by_label_contains("V1 is not live").is_none());
    window.get_by_role_and_label(Role::Tab, "Area maps").click();
    window.run_steps(3);
    window.state_mut().send(Command::SelectArea("AM".to_owned()));
    window.run_steps(3);
    window.get_by_role_and_label(Role::Status, "AM is not live before timestep 6");
    press(&mut window, "Go there");
    assert_eq!(window.state().clock().cursor(), 5);
    assert!(window.query_by_role_and_label(Role::Status, "AM is not live before timestep 6").is_none());
}

#[test]
fn picture_numbers_and_provenance_are_written_together() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(folder.path());
    window.state_mut().set_dialog(answering(vec![folder.path().join("graph")]));
    window.state_mut().send(Command::Export(ViewKind::Connectivity, ExportFormat::All));
    window.run_steps(3);
    settle(&mut window);
    let read = |ending: &str| std::fs::read_to_string(folder.path().join(format!("graph.{ending}"))).unwrap();
    assert!(read("svg").contains(">V4</text>") && read("tex").contains("\\begin{tikzpicture}"));
    assert!(read("csv").starts_with("from,to,direction") && read("areas.csv").contains("V4,area,32x8x8"));
    let numbers: serde_json::Value = serde_json::from_str(&read("json")).unwrap();
    assert!(numbers["multiply_adds"].as_u64() > Some(0) && numbers["ms_per_timestep"].as_f64() > Some(0.0));
    let provenance = read("provenance.json");
    assert!(provenance.contains("gainfield connectivity") && provenance.contains("small.safetensors"));
}

#[test]
fn a_variant_is_built_run_undone_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(folder.path());
    let model = window.state().document().model.unwrap();
    window.state_mut().send(Command::Select(model));
    window.run_steps(3);
    click(&mut window, "New variant");
    window.get_by_role_and_label(Role::Button, "Build");
    click(&mut window, "Connection V1 to V2");
    // Nothing reaches the upper areas any more.
    assert!(window.query_by_label_contains("a way from V1 to every area").is_some());
    click(&mut window, "Connection V1 to V2");
    click(&mut window, "Connection AM to V1");
    press(&mut window, "Build");
    settle(&mut window);
    assert_eq!(variants(&window), ["blt_bl", "blt_custom"], "{:?}", messages(&window));
    let built = window.state().document().current_model().unwrap().clone();
    let command = built.made_by.clone().unwrap();
    assert!(
        command.starts_with("gainfield new blt --like ") && command.contains("connections="),
        "{command}"
    );
    assert!(built.graph.connections.iter().any(|connection| (connection.from, connection.to) == (6, 1)));
    assert!(messages(&window).iter().any(|text| text.contains("keep their values, 2 are new")));

    key_with(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    assert_eq!(variants(&window), ["blt_bl"]);
    key_with(&mut window, Modifiers::COMMAND, Key::Y);
    settle(&mut window);
    assert_eq!(variants(&window), ["blt_bl", "blt_custom"]);

    let built = window.state().document().model.unwrap();
    window.state_mut().set_dialog(answering(vec![folder.path().join("made")]));
    window.state_mut().send(Command::SaveModel(built));
    window.run_steps(3);
    settle(&mut window);
    let path = folder.path().join("made.safetensors");
    assert_eq!(
        window.state().document().model_info(built).unwrap().about.origin.path.as_ref(),
        Some(&path),
        "{:?}",
        messages(&window)
    );
    let read = families::open(&path, &Overrides::default(), &Default::default()).unwrap();
    assert_eq!(read.info.variant, "blt_custom");
}
