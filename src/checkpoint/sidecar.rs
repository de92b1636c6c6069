//! Configuration files beside a checkpoint.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files;

/// Names under which the reference repositories keep configurations.
const NAMES: [&str; 4] = ["model_params.json", "tasks.json", "train_params.json", "configs.json"];

/// A configuration file that was found beside a checkpoint.
#[derive(Clone, Debug)]
pub struct Sidecar {
    /// Without its folder.
    pub name: String,
    pub path: PathBuf,
    /// Its content; TOML is read as the JSON that says the same.
    pub json: serde_json::Value,
}

/// The configuration files beside the checkpoint at `path`: the reference's names, and the
/// checkpoint's own name with `.json` or `.toml`.
///
/// # Errors
/// [`Error::File`](crate::Error::File) if one of them cannot be read: going on without it would guess.
pub(super) fn find(path: &Path) -> Result<Vec<Sidecar>> {
    let own = [files::beside(path, ".json"), files::beside(path, ".toml")];
    let mut candidates: Vec<PathBuf> = NAMES.iter().map(|name| path.with_file_name(name)).collect();
    candidates.extend(own.into_iter().filter(|candidate| candidate != path));
    candidates.dedup();
    let mut sidecars: Vec<Sidecar> = Vec::new();
    for path in candidates {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !path.is_file() || sidecars.iter().any(|sidecar| sidecar.path == path) {
            continue;
        }
        let json = files::read_document(&path)?;
        sidecars.push(Sidecar { name, path, json });
    }
    Ok(sidecars)
}
