//! Every control asks for one thing; keys reach what they should; undo takes back what was edited.

use egui::{Key, Modifiers};
use gainfield_ui::command::{Command, ExportFormat, Layout};
use gainfield_ui::dock::ViewKind;

use super::support::{bundled, click, commands_of, key, key_with, press, settle};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

#[test]
fn a_button_gives_exactly_one_command() {
    let mut window = bundled();
    let expected = [
        ("To the start", Command::ToStart),
        ("Step forward", Command::StepBy(1)),
        ("Step back", Command::StepBy(-1)),
        ("To the end", Command::ToEnd),
        ("Loop", Command::ToggleLoop),
        ("Play", Command::TogglePlay),
        ("Pause", Command::TogglePlay),
        ("Branch from here", Command::Branch),
        ("Open files", Command::OpenFiles),
        ("Export Area maps", Command::Export(ViewKind::AreaMaps, ExportFormat::All)),
        ("Silence", Command::Silence),
    ];
    window.state_mut().set_dialog(super::support::answering(Vec::new()));
    for (name, command) in expected {
        let given = commands_of(&mut window, |window| press(window, name));
        let own: Vec<&Command> = given.iter().filter(|c| !matches!(c, Command::Open(_))).collect();
        assert_eq!(own, [&command], "{name}");
        settle(&mut window);
    }
}

#[test]
fn the_layout_switch_changes_the_layout() {
    let mut window = bundled();
    let given = commands_of(&mut window, |window| click(window, "Layout: Train"));
    assert_eq!(given, [Command::SetLayout(Layout::Train)]);
    assert_eq!(window.state().settings().layout, Layout::Train);
    click(&mut window, "Layout: Step");
    assert_eq!(window.state().settings().layout, Layout::Step);
}

#[test]
fn keys_do_what_the_list_says() {
    let mut window = bundled();
    let last = window.state().clock().cursor();
    assert!(last > 0);
    key(&mut window, Key::ArrowLeft);
    assert_eq!(window.state().clock().cursor(), last - 1);
    key(&mut window, Key::Home);
    key(&mut window, Key::ArrowRight);
    assert_eq!(window.state().clock().cursor(), 1);
    key_with(&mut window, Modifiers::COMMAND, Key::ArrowRight);
    assert_eq!(window.state().clock().cursor(), 4, "the last pass of phase 1, which is scored");
    key_with(&mut window, Modifiers::SHIFT, Key::ArrowRight);
    assert_eq!(window.state().clock().cursor(), last);
    key_with(&mut window, Modifiers::COMMAND, Key::ArrowLeft);
    assert!(window.state().clock().cursor() < last);

    let collapsed = window.state().settings().is_timeline_collapsed();
    key(&mut window, Key::T);
    assert_ne!(window.state().settings().is_timeline_collapsed(), collapsed);
    key_with(&mut window, Modifiers::COMMAND, Key::Minus);
    assert!(window.state().settings().zoom < 1.0);
    key_with(&mut window, Modifiers::COMMAND, Key::Num0);
    assert!((window.state().settings().zoom - 1.0).abs() < 1e-6);
    key(&mut window, Key::F1);
    window.get_by_label("Next event");
    key(&mut window, Key::Escape);
    assert!(window.query_by_label("Next event").is_none());
}

#[test]
fn typing_a_name_is_no_command() {
    let mut window = bundled();
    press(&mut window, "Search the library");
    let given = commands_of(&mut window, |window| {
        window.get_by_label("Search the library for").type_text("b e p");
        window.run_steps(2);
        key(window, Key::B);
        key(window, Key::E);
    });
    assert_eq!(given, []);
}

#[test]
fn undo_and_redo_go_through_the_edits_and_leave_the_view() {
    let mut window = bundled();
    let id = window.state().document().recording.unwrap();
    for name in ["First", "Second"] {
        window.state_mut().send(Command::Rename(id, name.to_owned()));
        window.run_steps(2);
    }
    click(&mut window, "Area conv2_out");
    key_with(&mut window, Modifiers::COMMAND, Key::Z);
    window.get_by_label("Recordings: First");
    assert_eq!(window.state().document().area.as_deref(), Some("conv2_out"));
    key_with(&mut window, Modifiers::COMMAND, Key::Z);
    assert!(window.query_by_label("Recordings: First").is_none());
    key_with(&mut window, Modifiers::COMMAND, Key::Y);
    key_with(&mut window, Modifiers::COMMAND, Key::Y);
    window.get_by_label("Recordings: Second");
}

#[test]
fn library_items_are_renamed_copied_and_deleted() {
    let mut window = bundled();
    let id = window.state().document().recording.unwrap();
    window.state_mut().send(Command::Rename(id, "Baseline".to_owned()));
    window.run_steps(3);
    window.get_by_label("Recordings: Baseline").click_secondary();
    window.run_steps(3);
    press(&mut window, "Duplicate");
    settle(&mut window);
    window.get_by_label("Recordings: Baseline copy");
    window.get_by_label("Recordings: Baseline").click_secondary();
    window.run_steps(3);
    press(&mut window, "Delete");
    settle(&mut window);
    assert!(window.query_by_label("Recordings: Baseline").is_none());
    assert!(window.state().document().recording.is_some(), "the copy is shown instead");
    key_with(&mut window, Modifiers::COMMAND, Key::Z);
    window.get_by_label("Recordings: Baseline");
}

#[test]
fn the_keyboard_alone_reaches_everything_in_the_documented_order() {
    let mut window = bundled();
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..400 {
        window.key_press(Key::Tab);
        window.step();
        let focused = window.root().children_recursive().find(|node| node.is_focused());
        let Some(name) = focused.and_then(|node| node.accesskit_node().label()) else { continue };
        if seen.first() == Some(&name) {
            break;
        }
        seen.push(name);
    }
    let wanted = [
        "Export",
        "Recordings: Two digits",
        "Export Stimulus & attention",
        "conv1_out channel 1",
        "Play",
        "Branch from here",
        "Playhead",
    ];
    let places: Vec<Option<usize>> =
        wanted.iter().map(|name| seen.iter().position(|seen| seen == name)).collect();
    assert!(places.iter().all(Option::is_some), "{wanted:?} at {places:?} of {seen:?}");
    for pair in [(0, 1), (1, 2), (2, 3), (3, 4)] {
        assert!(places[pair.0] < places[pair.1], "{} comes before {}", wanted[pair.1], wanted[pair.0]);
    }
}
