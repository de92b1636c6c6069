//! What was selected from a large annotations file, kept so that it is parsed once.
//!
//! Ours: JSON in the user's cache folder, under the SHA-256 of the annotations and the name of the rule.
//! A cache that is missing, of another version or damaged is made again.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::annotations::{Instances, parse_instances, read_bytes};
use crate::error::Result;
use crate::files;
use crate::stimulus::DataFile;

/// Smaller files are parsed faster than a cache is worth.
const WORTH_KEEPING: usize = 16 << 20;
/// Larger caches are refused unread.
const MAX_CACHE_BYTES: u64 = 1 << 30;
/// Changes when the content of a cache does.
const VERSION: u32 = 1;
/// Names another folder than the user's own; empty keeps nothing.
const FOLDER: &str = "GAINFIELD_CACHE";

#[derive(Serialize, Deserialize)]
struct Kept<T> {
    version: u32,
    /// Of the annotations.
    sha256: String,
    selection: T,
}

/// The selection that `select` makes from the annotations in `path`; `rule` names it.
///
/// # Errors
/// Those of reading the annotations.
pub(super) fn selected<T: Serialize + DeserializeOwned>(
    path: &Path,
    rule: &str,
    select: impl FnOnce(&Instances) -> T,
) -> Result<(T, DataFile)> {
    let bytes = read_bytes(path)?;
    let file = DataFile::new(path, &bytes);
    let folder = if bytes.len() >= WORTH_KEEPING { cache_folder() } else { None };
    let Some(folder) = folder else { return Ok((select(&parse_instances(path, &bytes)?), file)) };
    let selection = kept(&folder, rule, &file.sha256, || Ok(select(&parse_instances(path, &bytes)?)))?;
    Ok((selection, file))
}

fn kept<T: Serialize + DeserializeOwned>(
    folder: &Path,
    rule: &str,
    sha256: &str,
    make: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let path = folder.join(format!("{}-{rule}.json", &sha256[..16.min(sha256.len())]));
    if let Some(selection) = found(&path, sha256) {
        return Ok(selection);
    }
    let made = Kept { version: VERSION, sha256: sha256.to_owned(), selection: make()? };
    // Without a cache the next start takes longer, nothing else.
    if let Err(err) = files::create_folder(folder).and_then(|()| write(&path, &made)) {
        tracing::warn!("annotations are parsed again next time: {err}");
    }
    Ok(made.selection)
}

fn found<T: DeserializeOwned>(path: &Path, sha256: &str) -> Option<T> {
    let bytes = files::read(path, MAX_CACHE_BYTES).ok()?;
    let kept: Kept<T> = serde_json::from_slice(&bytes).ok()?;
    (kept.version == VERSION && kept.sha256 == sha256).then_some(kept.selection)
}

fn write<T: Serialize>(path: &Path, kept: &Kept<T>) -> Result<()> {
    let bytes =
        serde_json::to_vec(kept).map_err(|err| crate::error::Error::config("cache", "plain values", err))?;
    files::write_atomic(path, bytes)
}

/// Of the variable, else of the user.
fn cache_folder() -> Option<PathBuf> {
    if let Some(own) = std::env::var_os(FOLDER) {
        return (!own.is_empty()).then(|| PathBuf::from(own));
    }
    let home = |name: &str, inner: &str| Some(PathBuf::from(std::env::var_os(name)?).join(inner));
    let folder = home("XDG_CACHE_HOME", "").or_else(|| home("LOCALAPPDATA", ""));
    Some(folder.or_else(|| home("HOME", ".cache"))?.join("gainfield"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn what_is_kept_is_used_until_the_file_or_the_cache_changes() {
        let folder = tempfile::tempdir().unwrap();
        let sha = "0123456789abcdef0123";
        let make = |value: u32| move || Ok(vec![value]);
        let never = || -> Result<Vec<u32>> { Err(Error::Cancelled) };
        assert_eq!(kept(folder.path(), "rule", sha, make(1)).unwrap(), [1]);
        assert_eq!(kept(folder.path(), "rule", sha, never).unwrap(), [1]);
        assert_eq!(kept(folder.path(), "other", sha, make(2)).unwrap(), [2]);
        assert_eq!(kept(folder.path(), "rule", "0123456789abcdefffff", make(3)).unwrap(), [3]);
        assert_eq!(kept(folder.path(), "rule", sha, make(4)).unwrap(), [4]);
        let path = folder.path().join("0123456789abcdef-rule.json");
        std::fs::write(&path, "{").unwrap();
        assert_eq!(kept(folder.path(), "rule", sha, make(5)).unwrap(), [5]);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(kept(folder.path(), "rule", sha, make(6)).unwrap(), [6]);
    }
}
