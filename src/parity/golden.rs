//! A golden file, taken apart into what a recomputation may see and what only the comparer may.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;

use super::header::{Role, bad};
use super::{Array, Header, Rule, Value};
use crate::error::{Error, Result};
use crate::files;
use crate::ops::Numerics;

/// Larger than any golden by two orders of magnitude.
const MAX_BYTES: u64 = 1 << 31;

/// A golden file in its two halves.
#[derive(Clone, Debug)]
pub struct Golden {
    pub inputs: GoldenInputs,
    pub stored: Stored,
}

/// The expected outputs and the names that have no clear role; for the comparer alone.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    pub(super) outputs: BTreeMap<String, Expected>,
    /// Name and what is wrong with it.
    pub(super) unclear: BTreeMap<String, String>,
}

/// One expected output and the index of the tolerance that judges it.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub value: Value,
    pub judge: usize,
}

/// What is given: parameters, given tensors, the names of the outputs, files lying near.
///
/// Expected outputs cannot be reached from here, except those of the rule `reuse`, from which
/// dependent quantities have to be computed.
#[derive(Clone, Debug)]
pub struct GoldenInputs {
    header: Header,
    given: BTreeMap<String, Value>,
    outputs: Vec<String>,
    device: Device,
    numerics: Numerics,
    folders: CheckpointFolders,
}

/// Where weights that a file names are looked for.
#[derive(Clone, Debug, Default)]
pub struct CheckpointFolders {
    /// The folder that is checked.
    pub root: Option<PathBuf>,
    /// A folder of checkpoints with one subfolder per family.
    pub checkpoints: Option<PathBuf>,
    /// A folder of data sets and drawings.
    pub data: Option<PathBuf>,
}

impl CheckpointFolders {
    /// For goldens in or below `root`. Without a folder of checkpoints, one called `checkpoints`
    /// beside the goldens or up to two levels above is taken; the folder `data` is looked for there and
    /// beside the checkpoints.
    pub fn of(root: &Path, checkpoints: Option<PathBuf>) -> Self {
        let nearby = |name: &str| {
            let root = root.canonicalize().ok()?;
            root.ancestors().take(3).map(|above| above.join(name)).find(|path| path.is_dir())
        };
        let checkpoints = checkpoints.or_else(|| nearby("checkpoints"));
        let beside = || {
            let data = checkpoints.as_ref()?.canonicalize().ok()?.parent()?.join("data");
            data.is_dir().then_some(data)
        };
        let data = nearby("data").or_else(beside);
        Self { root: Some(root.to_owned()), checkpoints, data }
    }
}

impl Golden {
    /// Reads a `.safetensors` or `.json` file; `None` if it does not describe itself as a golden.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::File`] for an unreadable file or a malformed header.
    pub fn read(path: &Path, device: &Device, folders: &CheckpointFolders) -> Result<Option<Self>> {
        let (metadata, values) = match path.extension().and_then(|ext| ext.to_str()) {
            Some("json") => match read_json(path)? {
                Some(parts) => parts,
                None => return Ok(None),
            },
            _ => match read_safetensors(path)? {
                Some(parts) => parts,
                None => return Ok(None),
            },
        };
        let header = Header::parse(path, metadata)?;
        let values = match values {
            Values::Named(values) => values,
            Values::Document(document) => by_path(&header, &document),
        };
        let mut stored = Stored::default();
        let mut given = BTreeMap::new();
        for (name, value) in values {
            match header.role(&name) {
                Role::Input => {
                    given.insert(name, value);
                }
                Role::Output(judge, tolerance) => {
                    if tolerance.rule == Rule::Reuse || is_named_by_its_label(&header, &name) {
                        given.insert(name.clone(), value.clone());
                    }
                    stored.outputs.insert(name, Expected { value, judge });
                }
                Role::Unclear(reason) => {
                    stored.unclear.insert(name, reason);
                }
            }
        }
        let outputs = stored.outputs.keys().cloned().collect();
        let (device, folders) = (device.clone(), folders.clone());
        let inputs = GoldenInputs { header, given, outputs, device, numerics: Numerics::Exact, folders };
        Ok(Some(Self { inputs, stored }))
    }

    /// The same, for networks that run with `numerics`.
    #[must_use]
    pub fn with_numerics(mut self, numerics: Numerics) -> Self {
        self.inputs.numerics = numerics;
        self
    }
}

impl Stored {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.outputs.keys().map(String::as_str)
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.outputs.get(name).map(|expected| &expected.value)
    }

    /// A copy with one expected value replaced or forgotten, for tests of the comparer.
    pub fn with(&self, name: &str, value: Option<Value>) -> Self {
        let mut changed = self.clone();
        match (value, changed.outputs.get_mut(name)) {
            (Some(value), Some(expected)) => expected.value = value,
            _ => drop(changed.outputs.remove(name)),
        }
        changed
    }
}

impl GoldenInputs {
    pub fn header(&self) -> &Header {
        &self.header
    }

    pub fn path(&self) -> &Path {
        self.header.path()
    }

    /// How the convolutions of a network's run are to be computed.
    pub fn numerics(&self) -> Numerics {
        self.numerics
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Names of the expected outputs, sorted.
    pub fn output_names(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(String::as_str)
    }

    /// Does the file store an expected output of this name?
    pub fn stores(&self, name: &str) -> bool {
        self.outputs.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
    }

    /// Names of the given tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.given.keys().map(String::as_str)
    }

    pub fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    fn given(&self, name: &str) -> Result<&Value> {
        let found = || format!("none among {}", self.given.keys().cloned().collect::<Vec<_>>().join(", "));
        self.given.get(name).ok_or_else(|| bad(self.path(), format!("a given tensor {name:?}"), found()))
    }

    /// A given array.
    pub fn array(&self, name: &str) -> Result<&Array> {
        match self.given(name)? {
            Value::Array(array) => Ok(array),
            Value::Json(_) => Err(bad(self.path(), format!("an array {name:?}"), "JSON".to_owned())),
        }
    }

    /// A given path of a JSON file.
    pub fn json(&self, name: &str) -> Result<&serde_json::Value> {
        match self.given(name)? {
            Value::Json(json) => Ok(json),
            Value::Array(_) => Err(bad(self.path(), format!("JSON {name:?}"), "an array".to_owned())),
        }
    }

    /// A given tensor in its stored type, on the device.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        self.array(name)?.to_tensor(&self.device)
    }

    /// A given picture as f32: bytes are divided by 255, floats stay as they are.
    pub fn picture(&self, name: &str) -> Result<Tensor> {
        let array = self.array(name)?;
        let mut values = array.to_f32();
        if matches!(array.numbers(), super::Numbers::U8(_)) {
            values.iter_mut().for_each(|value| *value /= 255.0);
        }
        Ok(Tensor::from_vec(values, array.dims(), &self.device)?)
    }

    /// A parameter of the header in whatever form it stands.
    pub fn find_parameter(&self, key: &str) -> Option<&serde_json::Value> {
        self.header.find(key)
    }

    /// A parameter as text; numbers are written out.
    pub fn text(&self, key: &str) -> Result<String> {
        match self.find_parameter(key) {
            Some(serde_json::Value::String(text)) => Ok(text.clone()),
            Some(serde_json::Value::Number(number)) => Ok(number.to_string()),
            Some(other) => Err(bad(self.path(), format!("a text under {key:?}"), other.to_string())),
            None => Err(bad(self.path(), format!("a parameter {key:?}"), "none".to_owned())),
        }
    }

    /// A parameter as a number, also from its text form.
    pub fn number(&self, key: &str) -> Result<f64> {
        let text = self.text(key)?;
        text.trim().parse().map_err(|_| bad(self.path(), format!("a number under {key:?}"), text.clone()))
    }

    /// A parameter as a whole number of at least 0.
    pub fn count(&self, key: &str) -> Result<usize> {
        let text = self.text(key)?;
        text.trim()
            .parse()
            .map_err(|_| bad(self.path(), format!("a whole number under {key:?}"), text.clone()))
    }

    /// A parameter that holds JSON, in the form the caller expects.
    pub fn parameter<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<T> {
        let Some(value) = self.find_parameter(key) else {
            return Err(bad(self.path(), format!("a parameter {key:?}"), "none".to_owned()));
        };
        serde_json::from_value(value.clone())
            .map_err(|err| bad(self.path(), format!("a readable {key:?}"), err.to_string()))
    }

    /// The file that the parameter `key` (usually `checkpoint`) names.
    pub fn file(&self, key: &str) -> Result<PathBuf> {
        self.find_file(&self.text(key)?)
    }

    /// A named file: beside the golden, in the checked folder, or among the checkpoints.
    ///
    /// # Errors
    /// [`Error::File`] for a name that leaves these folders, or one found in none of them.
    pub fn find_file(&self, name: &str) -> Result<PathBuf> {
        let relative = Path::new(name);
        if name.is_empty() || !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            let expected = "the name of a file in or below this folder".to_owned();
            return Err(bad(self.path(), expected, format!("{name:?}")));
        }
        let mut folders = Vec::new();
        folders.extend(self.path().parent().map(Path::to_owned));
        folders.extend(self.folders.root.clone());
        if let Some(checkpoints) = &self.folders.checkpoints {
            folders.push(checkpoints.join(&self.header.family));
            folders.push(checkpoints.clone());
        }
        match folders.iter().map(|folder| folder.join(relative)).find(|path| path.exists()) {
            Some(path) => Ok(path),
            None => Err(Error::file(
                self.path(),
                format!("the file {name:?} beside it or among the checkpoints"),
                "none",
                "name their folder with --checkpoints DIR",
            )),
        }
    }

    /// The folder `data/{name}` of public data, beside the goldens, up to four levels above, or beside the
    /// checkpoints.
    ///
    /// # Errors
    /// [`Error::File`] if there is none.
    pub fn data_folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path().canonicalize().map_err(Error::io("find", self.path()))?;
        let folders = path.ancestors().skip(1).take(5).map(|above| above.join("data").join(name));
        let beside = self.folders.data.as_ref().map(|data| data.join(name));
        folders.chain(beside).find(|folder| folder.is_dir()).ok_or_else(|| {
            let expected = format!("the data it was made of in a folder data/{name} above it");
            Error::file(self.path(), expected, "none", "put the public files there")
        })
    }

    /// Given tensors of another golden file beside this one.
    pub fn sibling(&self, name: &str) -> Result<Self> {
        let path = self.find_file(name)?;
        match Golden::read(&path, &self.device, &self.folders)? {
            Some(golden) => Ok(golden.inputs),
            None => Err(bad(&path, "a file that describes itself".to_owned(), "no description".to_owned())),
        }
    }
}

/// Composed shapes: which silhouette a figure shows is stored as its label and nowhere else. The label
/// is compared like any output; frames and masks prove it.
fn is_named_by_its_label(header: &Header, name: &str) -> bool {
    (header.family.as_str(), header.kind.as_str()) == ("brg_tasks", "compose_shapes")
        && name.ends_with(".labels")
}

type Metadata = BTreeMap<String, serde_json::Value>;

enum Values {
    Named(BTreeMap<String, Value>),
    Document(serde_json::Value),
}

fn read_safetensors(path: &Path) -> Result<Option<(Metadata, Values)>> {
    let bytes = files::read(path, MAX_BYTES)?;
    let malformed = |err: safetensors::SafeTensorError| {
        Error::file(path, "a safetensors file", err.to_string(), "check that this is the file meant")
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(malformed)?;
    let metadata: Metadata =
        header.metadata().iter().flatten().map(|(key, text)| (key.clone(), parameter_of(text))).collect();
    if !Header::is_golden(&metadata) {
        return Ok(None);
    }
    let tensors = SafeTensors::deserialize(&bytes).map_err(malformed)?;
    let mut values = BTreeMap::new();
    for (name, view) in tensors.tensors() {
        let Some(array) = Array::from_view(&view) else {
            let expected = format!("numbers of 8 to 64 bits in {name:?}");
            return Err(bad(path, expected, format!("{:?}", view.dtype())));
        };
        values.insert(name, array.into());
    }
    Ok(Some((metadata, Values::Named(values))))
}

/// A header value that starts as JSON is JSON, all others are text.
fn parameter_of(text: &str) -> serde_json::Value {
    let is_json = text.starts_with('{') || text.starts_with('[');
    let json = if is_json { serde_json::from_str(text).ok() } else { None };
    json.unwrap_or_else(|| text.into())
}

fn read_json(path: &Path) -> Result<Option<(Metadata, Values)>> {
    let text = files::read_text(path, MAX_BYTES)?;
    let Ok(serde_json::Value::Object(mut document)) = serde_json::from_str(&text) else {
        return Ok(None);
    };
    let Some(serde_json::Value::Object(metadata)) = document.remove("meta") else {
        return Ok(None);
    };
    let metadata: Metadata = metadata.into_iter().collect();
    if !Header::is_golden(&metadata) {
        return Ok(None);
    }
    Ok(Some((metadata, Values::Document(document.into()))))
}

/// Flattens a document to the paths that the header speaks of: `cases[].counts` is the list over all
/// cases. Texts no pattern matches are remarks.
fn by_path(header: &Header, document: &serde_json::Value) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    collect(header, "", &[document], &mut values);
    values
}

/// `instances`: the values found at `path`, one per element of the enclosing lists.
fn collect(
    header: &Header,
    path: &str,
    instances: &[&serde_json::Value],
    values: &mut BTreeMap<String, Value>,
) {
    use serde_json::Value as Json;
    if !path.is_empty() && !matches!(header.role(path), Role::Unclear(_)) {
        let value = if path.contains("[]") {
            Json::Array(instances.iter().map(|&instance| instance.clone()).collect())
        } else {
            instances[0].clone()
        };
        values.insert(path.to_owned(), value.into());
        return;
    }
    if instances.iter().all(|instance| instance.is_object()) {
        let mut keys: Vec<&String> = Vec::new();
        for key in instances.iter().filter_map(|instance| instance.as_object()).flat_map(|map| map.keys()) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        for key in keys {
            let inner: Vec<&Json> =
                instances.iter().map(|instance| instance.get(key).unwrap_or(&Json::Null)).collect();
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            collect(header, &path, &inner, values);
        }
        return;
    }
    let lists: Option<Vec<&Vec<Json>>> = instances.iter().map(|instance| instance.as_array()).collect();
    if let Some(lists) = lists {
        let inner: Vec<&Json> = lists.into_iter().flatten().collect();
        if !inner.is_empty() && inner.iter().all(|value| value.is_object() || value.is_array()) {
            collect(header, &format!("{path}[]"), &inner, values);
            return;
        }
    }
    if !instances.iter().all(|instance| instance.is_string()) {
        values.insert(path.to_owned(), Json::Null.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(folder: &Path, name: &str, document: &serde_json::Value) -> PathBuf {
        let path = folder.join(name);
        files::write_atomic(&path, document.to_string()).unwrap();
        path
    }

    fn polygons() -> serde_json::Value {
        json!({
            "meta": {
                "format": "1", "family": "oba", "kind": "polygons",
                "inputs": ["cases[].polygons"],
                "tolerances": {"cases[].area": {"abs": 0.0, "rel": 0.0, "rule": "exact"}},
            },
            "note": "a remark",
            "cases": [{"polygons": [[1.0, 2.0]], "area": 3}, {"polygons": [], "area": 4}],
        })
    }

    #[test]
    fn paths_of_a_document_are_given_or_expected() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "a.json", &polygons());
        let golden = Golden::read(&path, &Device::Cpu, &CheckpointFolders::default()).unwrap().unwrap();
        assert_eq!(golden.inputs.json("cases[].polygons").unwrap(), &json!([[[1.0, 2.0]], []]));
        assert_eq!(golden.stored.get("cases[].area"), Some(&Value::Json(json!([3, 4]))));
        assert!(golden.inputs.json("cases[].area").is_err(), "expected outputs stay with the comparer");
        assert!(golden.stored.unclear.is_empty());
    }

    #[test]
    fn numbers_that_no_pattern_names_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let mut document = polygons();
        document["cases"][1]["extra"] = json!(1);
        let path = written(folder.path(), "a.json", &document);
        let golden = Golden::read(&path, &Device::Cpu, &CheckpointFolders::default()).unwrap().unwrap();
        assert_eq!(golden.stored.unclear.keys().collect::<Vec<_>>(), ["cases[].extra"]);
    }

    #[test]
    fn other_files_are_no_goldens() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "a.json", &json!({"images": []}));
        assert!(Golden::read(&path, &Device::Cpu, &CheckpointFolders::default()).unwrap().is_none());
    }

    #[test]
    fn a_named_file_cannot_leave_its_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "in/a.json", &polygons());
        written(folder.path(), "outside.pt", &json!({}));
        written(folder.path(), "ck/oba/net.pt", &json!({}));
        let folders =
            CheckpointFolders { root: None, checkpoints: Some(folder.path().join("ck")), data: None };
        let golden = Golden::read(&path, &Device::Cpu, &folders).unwrap().unwrap();
        assert!(golden.inputs.find_file("../outside.pt").is_err());
        assert!(golden.inputs.find_file("/etc/hostname").is_err());
        assert!(golden.inputs.find_file("net.pt").is_ok());
        assert!(golden.inputs.find_file("oba/net.pt").is_ok());
        assert!(golden.inputs.find_file("none.pt").is_err());
    }
}
