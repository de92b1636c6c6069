//! A workbench without a display.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use gainfield_ui::app::Workbench;
use gainfield_ui::command::Command;
use gainfield_ui::files::{Ask, Dialog};

pub type Window = Harness<'static, Workbench>;

/// Longest that a test waits for work in the background.
const PATIENCE: Duration = Duration::from_secs(120);

/// An empty workbench at the documented size.
pub fn empty() -> Window {
    sized(1440.0, 900.0)
}

pub fn sized(width: f32, height: f32) -> Window {
    Harness::builder().with_size([width, height]).build_eframe(|creation| Workbench::new(creation))
}

/// A workbench with the bundled network and its finished run.
pub fn bundled() -> Window {
    let mut window = empty();
    open_bundled(&mut window);
    window
}

pub fn open_bundled(window: &mut Window) {
    window.state_mut().send(Command::Open(vec![PathBuf::from(gainfield::pretrained::NAME)]));
    settle(window);
    assert!(window.state().document().recording.is_some(), "{:?}", messages(window));
}

/// Steps until no work is left.
pub fn settle(window: &mut Window) {
    let start = Instant::now();
    window.run_steps(3);
    while window.state().is_busy() {
        assert!(start.elapsed() < PATIENCE, "still busy: {:?}", messages(window));
        std::thread::sleep(Duration::from_millis(5));
        window.step();
    }
    window.run_steps(2);
}

/// Steps until `done` holds.
pub fn wait_until(window: &mut Window, what: &str, done: impl Fn(&Window) -> bool) {
    let start = Instant::now();
    while !done(window) {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}: {:?}", messages(window));
        std::thread::sleep(Duration::from_millis(5));
        window.step();
    }
}

/// Clicks what bears this name and lets the click take effect.
pub fn click(window: &mut Window, name: &str) {
    window.get_by_label(name).click();
    window.run_steps(3);
}

/// Clicks the button of this name, where other things bear it too.
pub fn press(window: &mut Window, name: &str) {
    window.get_by_role_and_label(Role::Button, name).click();
    window.run_steps(3);
}

pub fn key(window: &mut Window, key: egui::Key) {
    window.key_press(key);
    window.run_steps(2);
}

pub fn key_with(window: &mut Window, modifiers: egui::Modifiers, key: egui::Key) {
    window.key_press_modifiers(modifiers, key);
    window.run_steps(2);
}

/// The commands applied since `work` began.
pub fn commands_of(window: &mut Window, work: impl FnOnce(&mut Window)) -> Vec<Command> {
    let before = window.state().trace().count();
    work(window);
    window.state().trace().skip(before).cloned().collect()
}

/// Everything the window has said.
pub fn messages(window: &Window) -> Vec<String> {
    window.state().messages().log().iter().map(|entry| entry.text.clone()).collect()
}

/// A dialog that always answers with these paths.
pub fn answering(answer: Vec<PathBuf>) -> Dialog {
    Box::new(move |_: Ask| {
        let (sender, receiver) = bounded(1);
        sender.send(answer.clone()).unwrap();
        receiver
    })
}
