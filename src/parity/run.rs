//! Walks a folder of goldens, recomputes each and collects the report.

use std::path::{Path, PathBuf};

use candle_core::Device;

use super::{CheckpointFolders, Golden, Registry, Row};
use crate::error::{Error, Result};
use crate::ops::Numerics;

/// Deeper folders are not looked into, so that a cycle of links ends.
const MAX_DEPTH: usize = 16;

/// What to check, and with what.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only these kinds; empty is all.
    pub kinds: Vec<String>,
    /// Folder of checkpoints by family; `None` looks for a folder `checkpoints` beside the goldens.
    pub checkpoints: Option<PathBuf>,
    pub device: Device,
    /// Of the networks' runs; gradients are exact either way.
    pub numerics: Numerics,
}

impl Default for Options {
    fn default() -> Self {
        Self { kinds: Vec::new(), checkpoints: None, device: Device::Cpu, numerics: Numerics::Exact }
    }
}

/// The report on a folder.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub rows: Vec<Row>,
    /// Files that do not describe themselves, by their name in the folder.
    pub ignored: Vec<String>,
}

impl Outcome {
    /// Did every row pass?
    pub fn is_ok(&self) -> bool {
        self.rows.iter().all(|row| row.ok)
    }
}

/// Recomputes every golden file in or below `root` (or the one file `root`).
///
/// `progress(file, i, n)` is called before the `i`-th of `n` files; it may stop the check.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read, [`Error::Cancelled`] if stopped. What is wrong with
/// a single file is a row of the report.
pub fn run(
    root: &Path,
    registry: &Registry,
    options: &Options,
    mut progress: impl FnMut(&str, usize, usize) -> std::ops::ControlFlow<()>,
) -> Result<Outcome> {
    let mut files = Vec::new();
    if root.is_dir() {
        collect(root, 0, &mut files)?;
        files.sort();
    } else {
        files.push(root.to_owned());
    }
    let folder = if root.is_dir() { root } else { root.parent().unwrap_or(root) };
    let folders = CheckpointFolders::of(folder, options.checkpoints.clone());
    let mut outcome = Outcome::default();
    for (i, path) in files.iter().enumerate() {
        let name = name_within(folder, path);
        if progress(&name, i, files.len()).is_break() {
            return Err(Error::Cancelled);
        }
        match check(path, &name, registry, options, &folders) {
            Some(rows) => outcome.rows.extend(rows),
            None => outcome.ignored.push(name),
        }
    }
    Ok(outcome)
}

/// The rows of one file; `None` if it is no golden. No rows if its kind was not asked for.
fn check(
    path: &Path,
    name: &str,
    registry: &Registry,
    options: &Options,
    folders: &CheckpointFolders,
) -> Option<Vec<Row>> {
    let golden = match Golden::read(path, &options.device, folders) {
        Ok(golden) => golden?.with_numerics(options.numerics),
        // A JSON file that is none is no golden either; a broken safetensors file is worth a row.
        Err(err) => return Some(vec![Row::whole(name, "*", err.to_string())]),
    };
    let header = golden.inputs.header();
    if !options.kinds.is_empty() && !options.kinds.contains(&header.kind) {
        return Some(Vec::new());
    }
    let Some(kind) = registry.find(&header.family, &header.kind) else {
        let reason = format!("unsupported kind {:?} of family {:?}", header.kind, header.family);
        return Some(vec![Row::whole(name, &header.kind, reason)]);
    };
    Some(match (kind.recompute)(&golden.inputs) {
        Ok(recomputed) => golden.compare(name, &recomputed),
        Err(err) => vec![Row::whole(name, &header.kind, err.to_string())],
    })
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(Error::io("read the folder", folder))? {
        let path = entry.map_err(Error::io("read the folder", folder))?.path();
        if path.is_dir() {
            collect(&path, depth + 1, files)?;
        } else if matches!(path.extension().and_then(|ext| ext.to_str()), Some("safetensors" | "json")) {
            files.push(path);
        }
    }
    Ok(())
}

/// With forward slashes on every system, so that reports can be compared.
fn name_within(folder: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}
