//! Every published checkpoint opens by dialog and by drop, where the files are at hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gainfield_ui::item::{Content, Group};

use super::files::Dropped;
use super::support::{Window, answering, empty, messages, press, settle};

/// Larger files are opened by the tests of the library; here each is run as well.
const LARGEST: u64 = 2 << 20;

/// The checkpoints of all families, in a fixed order; none where the folder is absent.
fn checkpoints() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/checkpoints");
    let mut found = Vec::new();
    for folder in ["brg", "oba"] {
        collect(&root.join(folder), u64::MAX, &mut found);
    }
    for folder in ["butd", "blt", "cordsnet"] {
        collect(&root.join(folder), LARGEST, &mut found);
    }
    found.sort();
    if found.is_empty() {
        println!("skipped: ../shared is absent");
    }
    found
}

fn collect(folder: &Path, largest: u64, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_checkpoint =
            ["pth", "pt", "tar"].iter().any(|&ending| path.extension() == Some(ending.as_ref()));
        if path.is_dir() {
            collect(&path, largest, found);
        } else if is_checkpoint && entry.metadata().is_ok_and(|file| file.len() <= largest) {
            found.push(path);
        }
    }
}

/// The files behind the models of the library.
fn opened(window: &Window) -> Vec<PathBuf> {
    let models = window.state().document().group(Group::Models).filter_map(|item| match &item.content {
        Content::Model(info) => info.about.origin.path.clone(),
        _ => None,
    });
    let mut opened: Vec<PathBuf> = models.collect();
    opened.sort();
    opened
}

#[test]
fn all_checkpoints_open_by_dialog() {
    let paths = checkpoints();
    if paths.is_empty() {
        return;
    }
    let mut window = empty();
    window.state_mut().set_dialog(answering(paths.clone()));
    press(&mut window, "Open files");
    settle(&mut window);
    assert_eq!(opened(&window), paths, "{:?}", messages(&window));
}

#[test]
fn all_checkpoints_open_by_drop() {
    let paths = checkpoints();
    if paths.is_empty() {
        return;
    }
    let mut window = empty();
    for path in &paths {
        window.input_mut().dropped_files.push(Arc::new(Dropped(path.clone())));
    }
    settle(&mut window);
    assert_eq!(opened(&window), paths, "{:?}", messages(&window));
}
