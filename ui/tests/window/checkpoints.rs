//! Every published checkpoint opens by dialog and by drop, where the files are at hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gainfield_ui::item::{Content, Group};

use super::files::Dropped;
use super::support::{Window, answering, empty, messages, press, settle};

/// Folders of checkpoints, and the largest file that is opened here, where each is run as well; the
/// tests of the library open all.
const FOLDERS: [(&str, u64); 5] =
    [("brg", 4 << 20), ("oba", 4 << 20), ("butd", 4 << 20), ("blt", 3 << 20), ("cordsnet", 1 << 20)];

/// The checkpoints of a family, in a fixed order; none where the folder is absent.
fn checkpoints(family: &str, largest: u64) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/checkpoints");
    let mut found = Vec::new();
    collect(&root.join(family), largest, &mut found);
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
    for (family, largest) in FOLDERS {
        let paths = checkpoints(family, largest);
        if paths.is_empty() {
            continue;
        }
        let mut window = empty();
        window.state_mut().set_dialog(answering(paths.clone()));
        press(&mut window, "Open files");
        settle(&mut window);
        assert_eq!(opened(&window), paths, "{:?}", messages(&window));
    }
}

#[test]
fn all_checkpoints_open_by_drop() {
    let paths = checkpoints("oba", u64::MAX);
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
