//! Writing weights: safetensors with configuration and provenance beside them.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::View as _;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::files;
use crate::provenance::Provenance;
use crate::weights::Weights;

/// What the weights are of; written into the header, so that the file opens alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// `recurrent_gating`, `object_attention` …
    pub family: String,
    pub variant: String,
    /// Keys and values of the family's configuration.
    pub config: Map<String, Value>,
}

impl Description {
    /// # Errors
    /// [`Error::Unsupported`] if `config` is not a struct or map with text keys.
    pub fn new(
        family: impl Into<String>,
        variant: impl Into<String>,
        config: &impl Serialize,
    ) -> Result<Self> {
        match serde_json::to_value(config) {
            Ok(Value::Object(config)) => Ok(Self { family: family.into(), variant: variant.into(), config }),
            Ok(other) => Err(Error::Unsupported(format!("a configuration must be a table, not {other}"))),
            Err(err) => Err(Error::Unsupported(format!("a configuration cannot be written: {err}"))),
        }
    }
}

impl Description {
    /// What the header of a safetensors file says besides its tensors.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        self.entries().map(|(key, value)| (key.to_owned(), value)).into()
    }

    fn entries(&self) -> [(&'static str, String); 5] {
        [
            ("format", "gainfield".to_owned()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("family", self.family.clone()),
            ("variant", self.variant.clone()),
            ("config", Value::Object(self.config.clone()).to_string()),
        ]
    }
}

/// Writes `path` (its extension becomes `.safetensors`), the configuration as `.toml` and
/// `.provenance.json` beside it; returns the first.
///
/// Each file is written whole or not at all, the weights last. Equal weights, description and
/// version give equal bytes.
pub fn save(
    path: impl AsRef<Path>,
    weights: &Weights,
    description: &Description,
    provenance: &Provenance,
) -> Result<PathBuf> {
    let path = path.as_ref().with_extension("safetensors");
    let toml = toml::to_string(&Value::Object(without_nulls(&description.config)))
        .map_err(|err| Error::Unsupported(format!("a configuration cannot be written as TOML: {err}")))?;
    let Description { family, variant, .. } = description;
    let toml =
        format!("# {family}, {variant}; the value \"none\" stands for nothing. Read by --config.\n{toml}");
    files::write_atomic(files::beside(&path, ".toml"), toml)?;
    provenance.write_beside(&path)?;
    write_safetensors(&path, weights, description)?;
    Ok(path)
}

/// Writes one safetensors file whose header holds `description`, whole or not at all.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if it cannot be written.
pub fn write_safetensors(path: &Path, weights: &Weights, description: &Description) -> Result<()> {
    let mut tensors = Vec::with_capacity(weights.len());
    for (name, weight) in weights.iter() {
        tensors.push((name, weight.tensor().to_device(&Device::Cpu)?.contiguous()?));
    }
    // Wide elements first keeps every tensor aligned; the sort is stable, so names stay in order.
    tensors.sort_by_key(|(_, tensor)| std::cmp::Reverse(tensor.dtype().size_in_bytes()));
    let metadata =
        description.entries().map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect();
    write_tensors(path, metadata, &tensors)
}

/// What is written as one tensor of a safetensors file.
pub trait Stored {
    /// `F32`, `I64` …
    fn dtype(&self) -> String;

    fn dims(&self) -> &[usize];

    fn n_bytes(&self) -> usize;

    /// Writes the entries in row-major order, little-endian.
    ///
    /// # Errors
    /// Those of the file.
    fn write(&self, file: &mut dyn io::Write) -> io::Result<()>;
}

impl Stored for Tensor {
    fn dtype(&self) -> String {
        safetensors::View::dtype(self).to_string()
    }

    fn dims(&self) -> &[usize] {
        Tensor::dims(self)
    }

    fn n_bytes(&self) -> usize {
        self.data_len()
    }

    fn write(&self, file: &mut dyn io::Write) -> io::Result<()> {
        file.write_all(&self.data())
    }
}

/// Writes one safetensors file, whole or not at all, without holding it in memory. Tensors come in the
/// order given, which is to be from wide elements to narrow ones.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if it cannot be written.
pub fn write_tensors<T: Stored>(
    path: &Path,
    metadata: Map<String, Value>,
    tensors: &[(impl AsRef<str>, T)],
) -> Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), metadata.into());
    let mut offset = 0;
    for (name, tensor) in tensors {
        let end = offset + tensor.n_bytes();
        header.insert(
            name.as_ref().to_owned(),
            json!({"dtype": tensor.dtype(), "shape": tensor.dims(), "data_offsets": [offset, end]}),
        );
        offset = end;
    }
    let mut header = Value::Object(header).to_string();
    // Eight bytes of length precede the header; the data behind it is to start at a multiple of eight.
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    files::write_atomic_with(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        tensors.iter().try_for_each(|(_, tensor)| tensor.write(file))
    })
}

/// TOML has no null: nothing is written as `"none"`.
fn without_nulls(config: &Map<String, Value>) -> Map<String, Value> {
    fn replaced(value: &Value) -> Value {
        match value {
            Value::Null => Value::from("none"),
            Value::Array(items) => items.iter().map(replaced).collect(),
            Value::Object(map) => Value::Object(without_nulls(map)),
            other => other.clone(),
        }
    }
    config.iter().map(|(key, value)| (key.clone(), replaced(value))).collect()
}

/// The values of a TOML file, with null where `header` (the same configuration as JSON) says that
/// `"none"` stands for it.
pub(super) fn with_nulls(toml: &Value, header: &Value) -> Value {
    match (toml, header) {
        (Value::String(text), Value::Null) if text == "none" => Value::Null,
        (Value::Array(items), Value::Array(others)) => {
            let other = |at| others.get(at).unwrap_or(&Value::Bool(false));
            items.iter().enumerate().map(|(at, item)| with_nulls(item, other(at))).collect()
        }
        (Value::Object(map), Value::Object(others)) => {
            let other = |key| others.get(key).unwrap_or(&Value::Bool(false));
            Value::Object(map.iter().map(|(key, item)| (key.clone(), with_nulls(item, other(key)))).collect())
        }
        (other, _) => other.clone(),
    }
}
