//! Touching the model: silence, branch, drag, switch off, remove; the baseline stays.

use std::sync::Arc;

use egui::{Key, Modifiers, vec2};
use gainfield::dynamics::Action;
use gainfield_ui::item::{Group, RecordingInfo};

use super::support::{Window, bundled, click, key, key_with, press, settle};
use egui_kittest::kittest::Queryable as _;

fn shown(window: &Window) -> Arc<RecordingInfo> {
    Arc::clone(window.state().document().current_recording().unwrap())
}

fn steps(window: &Window) -> Vec<Vec<f32>> {
    let document = window.state().document();
    let key = document.run_key(document.recording.unwrap()).unwrap();
    let run = window.state().store().run(key).unwrap();
    run.derived.probabilities.clone()
}

#[test]
fn silencing_branches_and_keeps_the_baseline() {
    let mut window = bundled();
    let baseline = steps(&window);
    key(&mut window, Key::Home);
    key(&mut window, Key::ArrowRight);
    click(&mut window, "conv1_out channel 1");
    key(&mut window, Key::L);
    settle(&mut window);
    let recording = shown(&window);
    let (parent, at) = recording.parent.unwrap();
    assert_eq!(at, 2);
    assert_eq!(recording.spec.interventions.len(), 1);
    assert_eq!(recording.spec.interventions[0].action, Action::Silence);
    assert_eq!(recording.spec.interventions[0].from, 2);
    let changed = steps(&window);
    assert_eq!(baseline[..2], changed[..2], "nothing changes before the branch");
    assert_ne!(baseline[2..], changed[2..]);
    assert_eq!(window.state().document().group(Group::Recordings).count(), 2);
    assert_ne!(window.state().document().recording, Some(parent));
    window.get_by_label("Intervention: Silence conv1_out · 1");

    click(&mut window, "Intervention on");
    settle(&mut window);
    assert!(!shown(&window).spec.interventions[0].enabled);
    assert_eq!(steps(&window), baseline, "switched off it is the baseline");

    key_with(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    assert_eq!(steps(&window), changed);
    press(&mut window, "Remove");
    settle(&mut window);
    assert!(shown(&window).spec.interventions.is_empty());
    assert_eq!(steps(&window), baseline);
}

#[test]
fn one_drag_of_a_handle_is_one_step_of_undo() {
    let mut window = bundled();
    key(&mut window, Key::Home);
    key(&mut window, Key::L);
    settle(&mut window);
    assert_eq!(shown(&window).spec.interventions[0].from, 1);
    let edits = window.state().history().len();
    let handle = window.get_by_label_contains("Start of Silence").rect().center();
    window.drag_at(handle);
    window.run_steps(2);
    for i in 1..=10 {
        window.hover_at(handle + vec2(30.0 * i as f32, 0.0));
        window.step();
    }
    window.drop_at(handle + vec2(300.0, 0.0));
    settle(&mut window);
    let from = shown(&window).spec.interventions[0].from;
    assert!((3..=4).contains(&from), "dragged to {from}");
    assert_eq!(window.state().history().len(), edits + 1);
    key_with(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    assert_eq!(shown(&window).spec.interventions[0].from, 1);
}

#[test]
fn a_longer_run_says_that_it_leaves_the_protocol() {
    let mut window = bundled();
    assert!(window.query_by_label("off protocol").is_none());
    press(&mut window, "Continue");
    settle(&mut window);
    window.get_by_label("off protocol");
    assert_eq!(steps(&window).len(), 15);
}
