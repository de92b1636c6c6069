//! Files: by dialog, by drop, and the ones that cannot be opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui_kittest::kittest::Queryable as _;
use gainfield_ui::item::Group;

use super::support::{answering, bundled, empty, messages, press, settle};

#[derive(Debug)]
pub struct Dropped(pub PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        fs::read(&self.0).map_err(|err| err.to_string())
    }
}

fn picture(folder: &Path) -> PathBuf {
    let path = folder.join("bars.png");
    let image = image::GrayImage::from_fn(64, 48, |x, _| image::Luma([if x % 8 < 4 { 255 } else { 0 }]));
    image.save(&path).unwrap();
    path
}

#[test]
fn a_picture_opens_by_dialog_and_by_drop_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = picture(folder.path());
    let mut window = bundled();
    window.state_mut().set_dialog(answering(vec![path.clone()]));
    press(&mut window, "Open files");
    settle(&mut window);
    window.get_by_label("Stimuli: bars.png");
    assert_eq!(window.state().document().group(Group::Recordings).count(), 2, "{:?}", messages(&window));

    window.input_mut().dropped_files.push(Arc::new(Dropped(path)));
    settle(&mut window);
    window.get_by_label("Stimuli: bars.png 2");
}

#[test]
fn a_file_that_is_no_checkpoint_is_refused_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.pth");
    fs::write(&path, b"PK\x03\x04 nothing behind it").unwrap();
    let mut window = bundled();
    let before = window.state().document().clone();
    window.state_mut().set_dialog(answering(vec![path]));
    press(&mut window, "Open files");
    settle(&mut window);
    window.get_by_role_and_label(egui::Role::Alert, "broken.pth was not opened");
    let after = window.state().document();
    assert_eq!((before.model, before.recording), (after.model, after.recording));
    assert_eq!(before.items().len(), after.items().len());
    press(&mut window, "Close message");
    assert_eq!(window.query_all_by_label("broken.pth was not opened").count(), 0);
    assert!(messages(&window).iter().any(|line| line.contains("broken.pth")), "it stays in the log");
}

#[test]
fn an_empty_window_offers_to_open() {
    let mut window = empty();
    window.state_mut().set_dialog(answering(Vec::new()));
    window.run_steps(2);
    assert!(window.get_all_by_label("No recording yet").count() > 1);
    settle(&mut window);
    assert!(window.state().document().recording.is_none());
}

#[test]
fn bundled_networks_open_from_the_list_of_models_on_what_they_were_trained_on() {
    let mut window = bundled();
    press(&mut window, "Model: Digits, bundled");
    press(&mut window, "BLT bl, bundled");
    settle(&mut window);
    let document = window.state().document();
    let model = document.current_model().map(|model| model.about.variant.clone());
    assert_eq!(model.as_deref(), Some("blt_bl"), "{:?}", messages(&window));
    assert_eq!(document.group(Group::Recordings).count(), 2, "{:?}", messages(&window));
    window.get_by_label("Stimuli: Set");
}
