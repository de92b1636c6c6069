//! The first minute: load, play, select a unit, probe, export.

use std::fs;

use egui::Key;
use gainfield_ui::command::Layout;
use gainfield_ui::files::folder_dialog;
use gainfield_ui::item::Group;

use super::support::{bundled, click, key, messages, press, settle, wait_until};
use egui_kittest::kittest::Queryable as _;

#[test]
fn it_starts_on_a_finished_run_with_units_to_look_at() {
    let window = bundled();
    let document = window.state().document();
    assert_eq!(document.group(Group::Models).count(), 1);
    assert_eq!(document.group(Group::Recordings).count(), 1);
    assert_eq!(document.pinned.len(), 3);
    assert!(window.state().history().is_empty(), "loading is no edit");
    window.get_by_label("Area conv1_out");
    window.get_by_label("Stimulus image");
    window.get_by_label("Class probabilities over time");
}

#[test]
fn load_play_select_probe_export() {
    let mut window = bundled();
    let folder = tempfile::tempdir().unwrap();
    window.state_mut().set_dialog(folder_dialog(folder.path().to_owned()));

    key(&mut window, Key::Home);
    assert_eq!(window.state().clock().cursor(), 0);
    key(&mut window, Key::Space);
    assert!(window.state().clock().playing);
    wait_until(&mut window, "the playhead to move", |window| window.state().clock().cursor() >= 2);
    key(&mut window, Key::Space);
    assert!(!window.state().clock().playing);

    click(&mut window, "Area conv2_out");
    assert_eq!(window.state().document().area.as_deref(), Some("conv2_out"));
    click(&mut window, "conv2_out channel 3");
    let pinned = &window.state().document().pinned;
    assert_eq!((pinned.len(), pinned[0].area.as_str()), (1, "conv2_out"));
    assert_eq!(pinned[0].unit / (9 * 16), 3);

    press(&mut window, "Export Unit traces");
    settle(&mut window);
    for ending in ["svg", "png", "csv"] {
        let path = folder.path().join(format!("unit-traces.{ending}"));
        assert!(
            fs::metadata(&path).is_ok_and(|file| file.len() > 100),
            "{}: {:?}",
            path.display(),
            messages(&window)
        );
    }
    let provenance = fs::read_to_string(folder.path().join("unit-traces.provenance.json")).unwrap();
    assert!(provenance.contains("gainfield run") && provenance.contains("sha256"), "{provenance}");
    let csv = fs::read_to_string(folder.path().join("unit-traces.csv")).unwrap();
    assert!(csv.lines().count() > 10, "{csv}");

    key(&mut window, Key::P);
    assert_eq!(window.state().settings().layout, Layout::Probe);
    assert_eq!(window.state().document().group(Group::ProbeResults).count(), 1);
    wait_until(&mut window, "the tuning curve", |window| {
        window.query_all_by_label_contains("Unit 3").count() > 0
    });
    press(&mut window, "Export Tuning");
    settle(&mut window);
    assert!(folder.path().join("tuning.svg").exists(), "{:?}", messages(&window));
    assert!(folder.path().join("tuning.csv").exists());
}
