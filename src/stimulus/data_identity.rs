//! Which data a stimulus was made of: a name and the hashes of its files.

use serde::{Deserialize, Serialize};

use crate::files::sha256_bytes;

/// The data behind a set of stimuli, as provenance records it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataIdentity {
    /// What it is, for people: `mnist, test`, `procedural digits, seed 0, train`.
    pub name: String,
    /// Made by this program from a seed, without data files.
    pub procedural: bool,
    /// The files that were read, in reading order.
    pub files: Vec<DataFile>,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// File name without its folder.
    pub name: String,
    /// SHA-256 of the bytes on disk, hexadecimal.
    pub sha256: String,
}

impl DataIdentity {
    /// Data made from a seed or from parameters alone.
    pub fn procedural(name: impl Into<String>) -> Self {
        Self { name: name.into(), procedural: true, files: Vec::new() }
    }
}

impl DataFile {
    /// Identity of a file that holds `bytes`.
    pub fn new(path: &std::path::Path, bytes: &[u8]) -> Self {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self { name, sha256: sha256_bytes(bytes) }
    }
}
