//! Checkpoints: weights, what is said about them, and the configuration beside them.
//!
//! Files of `torch.save` (zip and legacy container, state dicts at any depth, whole modules) and
//! safetensors open through [`read`]. Nothing in a file is executed, sizes are checked before memory
//! is taken, and what is wrong with a file is said in one sentence.

mod element;
mod groups;
mod pickle;
mod report;
mod safetensors;
mod save;
mod sidecar;
mod table;
mod torch;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::files;
use crate::provenance::DataFile;
use crate::weights::Weights;

use pickle::Fault;
pub use report::{Mismatch, Report, compare};
pub use save::{Description, Stored, save, write_safetensors, write_tensors};
pub use sidecar::Sidecar;
pub use table::{Pickled, read_pickled};

/// Prefixes that wrappers put before every name (data parallel training, compilation).
const PREFIXES: [&str; 2] = ["module.", "_orig_mod."];

/// How a file holds its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// `torch.save` since PyTorch 1.6.
    TorchZip,
    /// `torch.save` before, still read and written by all versions.
    TorchLegacy,
    Safetensors,
}

/// A file with weights, as it was found.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub path: PathBuf,
    /// Of the file, in lower-case hexadecimal.
    pub sha256: String,
    pub container: Container,
    /// Tensors on the CPU by the reference's names; floating-point types, `u8`, `u32` and `i64` as
    /// stored, other integers as `i64`, truth values as `u8`.
    pub weights: Weights,
    /// The names in the file's order, which is the order of construction in a state dict.
    pub order: Vec<String>,
    /// Numbers and texts beside the tensors, by dotted key: the header of a safetensors file; epoch,
    /// arguments and attributes of modules in a pickle (classes under `….__class__`).
    pub metadata: BTreeMap<String, String>,
    /// Configuration files beside the file.
    pub sidecars: Vec<Sidecar>,
    /// Where in the file the weights were, dotted; `None` at its root.
    pub key: Option<String>,
    /// What all names began with, taken off.
    pub prefix_stripped: Option<String>,
    /// Keys of tensors that belong to no network (random states, losses) and of optimisers.
    pub left_out: Vec<String>,
}

/// What to take of a file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Dotted key of the weights, where a file holds several sets; `.` takes all tensors as one set.
    pub key: Option<String>,
}

/// Opens a checkpoint that holds one set of weights.
///
/// # Errors
/// [`Error::File`] if it is damaged, hostile or something else; [`Error::Unknown`] or
/// [`Error::Weights`] naming the keys if it holds several sets.
pub fn read(path: impl AsRef<Path>) -> Result<Checkpoint> {
    read_with(path, &Options::default())
}

/// As [`read`], with a choice among several sets of weights.
pub fn read_with(path: impl AsRef<Path>, options: &Options) -> Result<Checkpoint> {
    let path = path.as_ref();
    // Nothing read here is known to panic; a crate that does must not take the open document along.
    let content = std::panic::catch_unwind(|| read_content(path, options));
    let content = content.unwrap_or_else(|_panic| {
        Err(damaged(path, Container::Safetensors, &Fault::new("what its reader cannot deal with")))
    })?;
    let (tensors, prefix_stripped) = strip_prefix(content.tensors);
    Ok(Checkpoint {
        path: path.to_owned(),
        sha256: files::sha256(path)?,
        container: content.container,
        order: tensors.iter().map(|(name, _)| name.clone()).collect(),
        weights: Weights::from_tensors(tensors),
        metadata: content.metadata,
        sidecars: sidecar::find(path)?,
        key: content.key,
        prefix_stripped,
        left_out: content.left_out,
    })
}

impl Checkpoint {
    /// The content of a configuration file beside the checkpoint, by its name.
    pub fn sidecar(&self, name: &str) -> Option<&serde_json::Value> {
        self.sidecars.iter().find(|sidecar| sidecar.name == name).map(|sidecar| &sidecar.json)
    }

    /// The configuration that [`save`] wrote: the TOML file beside the weights, which people edit,
    /// else the one in the header.
    pub fn saved_config(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        if self.metadata.get("format").map(String::as_str) != Some("gainfield") {
            return None;
        }
        let header = self.metadata.get("config").and_then(|config| serde_json::from_str(config).ok());
        let name = files::beside(&self.path, ".toml").file_name()?.to_string_lossy().into_owned();
        match (self.sidecar(&name), header) {
            (Some(toml), Some(header)) => save::with_nulls(toml, &header).as_object().cloned(),
            (Some(toml), None) => toml.as_object().cloned(),
            (None, header) => header.as_ref().and_then(serde_json::Value::as_object).cloned(),
        }
    }

    /// The file whose configuration [`Checkpoint::saved_config`] is.
    pub fn config_file(&self) -> PathBuf {
        let toml = files::beside(&self.path, ".toml");
        if self.sidecars.iter().any(|sidecar| sidecar.path == toml) { toml } else { self.path.clone() }
    }

    /// File name and digest, for provenance.
    pub fn identity(&self) -> DataFile {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        DataFile { name, sha256: self.sha256.clone() }
    }
}

struct Content {
    container: Container,
    tensors: Vec<(String, Tensor)>,
    metadata: BTreeMap<String, String>,
    key: Option<String>,
    left_out: Vec<String>,
}

fn read_content(path: &Path, options: &Options) -> Result<Content> {
    let mut file = files::open(path)?;
    let mut head = Vec::new();
    (&mut file).take(512).read_to_end(&mut head).map_err(Error::io("read", path))?;
    file.rewind().map_err(Error::io("read", path))?;
    match torch::container(&head) {
        Some(container) => read_torch(path, file, container, options),
        None if safetensors::is_safetensors(&head) => {
            if let Some(key) = options.key.as_deref().filter(|&key| key != ".") {
                return Err(Error::unknown("key in a safetensors file", key, ["."]));
            }
            let (tensors, metadata) =
                safetensors::read(path).map_err(|fault| damaged(path, Container::Safetensors, &fault))?;
            let left_out = Vec::new();
            Ok(Content { container: Container::Safetensors, tensors, metadata, key: None, left_out })
        }
        None => Err(Error::file(
            path,
            "a .pth, .pt or .safetensors checkpoint",
            kind_of(&head),
            "check that this is the file meant and that its download was complete",
        )),
    }
}

fn read_torch(path: &Path, file: File, container: Container, options: &Options) -> Result<Content> {
    let fault = |fault: Fault| damaged(path, container, &fault);
    let mut torch = torch::TorchFile::open(file, container).map_err(fault)?;
    let content = groups::content(&torch.pickle).map_err(fault)?;
    let mut keys: Vec<String> = content.groups.iter().map(|group| group.key.clone()).collect();
    let group = match &options.key {
        Some(key) if key == "." => groups::whole(&torch.pickle),
        Some(key) => match content.groups.into_iter().find(|group| group.key == *key) {
            Some(group) => group,
            None => return Err(Error::unknown("set of weights in the file", key, keys)),
        },
        None => {
            let mut groups = content.groups.into_iter();
            match (groups.next(), groups.next()) {
                (Some(group), None) => group,
                (None, _) => return Err(fault(Fault::new("no tensors"))),
                (Some(_), Some(_)) => {
                    keys.truncate(20);
                    return Err(Error::Weights {
                        path: path.to_owned(),
                        message: format!(
                            "expected one set of weights, found several; choose one of the keys {}",
                            keys.join(", ")
                        ),
                    });
                }
            }
        }
    };
    let views = groups::tensors(&torch.pickle, &group).map_err(fault)?;
    if views.is_empty() {
        return Err(fault(Fault::new(format!("no tensors under the key {:?}", group.key))));
    }
    let tensors = torch.tensors(&views).map_err(fault)?;
    let key = Some(group.key).filter(|key| !key.is_empty());
    Ok(Content {
        container: torch.container,
        tensors,
        metadata: content.metadata,
        key,
        left_out: content.loose,
    })
}

fn damaged(path: &Path, container: Container, fault: &Fault) -> Error {
    let (expected, hint) = match container {
        Container::Safetensors => ("a safetensors checkpoint", "get or write the file again"),
        _ => ("a PyTorch checkpoint", "get it again or save it with torch.save(model.state_dict(), path)"),
    };
    Error::file(path, expected, fault.to_string(), hint)
}

/// What a file that is no checkpoint seems to be, by its first bytes.
fn kind_of(head: &[u8]) -> &'static str {
    let text = std::str::from_utf8(head).unwrap_or_default().trim_ascii_start();
    if head.is_empty() {
        "an empty file"
    } else if text.starts_with("version https://git-lfs") {
        "a git-lfs pointer (the content was not downloaded)"
    } else if text.starts_with('<') {
        "a web page"
    } else if text.starts_with(['{', '[']) {
        "JSON"
    } else if head.starts_with(b"\x1f\x8b") {
        "a gzip file"
    } else if head.starts_with(b"\x89HDF") {
        "an HDF5 file"
    } else if head.get(257..262) == Some(b"ustar") {
        "a tar archive"
    } else if head.first() == Some(&0x80) {
        "a pickle without tensor data"
    } else if !text.is_empty() {
        "text"
    } else {
        "other bytes"
    }
}

/// Takes off the wrappers' prefixes that all names share.
fn strip_prefix(mut tensors: Vec<(String, Tensor)>) -> (Vec<(String, Tensor)>, Option<String>) {
    let mut stripped = String::new();
    let shared = |tensors: &[(String, Tensor)]| {
        PREFIXES.into_iter().find(|&prefix| {
            tensors.iter().all(|(name, _)| name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
        })
    };
    while let Some(prefix) = shared(&tensors).filter(|_| !tensors.is_empty()) {
        for (name, _) in &mut tensors {
            name.drain(..prefix.len());
        }
        stripped.push_str(prefix);
    }
    (tensors, Some(stripped).filter(|prefix| !prefix.is_empty()))
}
