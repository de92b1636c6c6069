//! Files in folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files below `folder` that a training script may have written.
pub fn checkpoints_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(checkpoints_below(&path));
        } else if ["pth", "pt", "tar"].contains(&extension.as_str()) {
            found.insert(path);
        }
    }
    found
}
