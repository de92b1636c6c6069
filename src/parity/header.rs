//! What a golden file says about itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Tolerance;
use crate::error::{Error, Result};
use crate::glob;

/// The header of one file: family, kind, parameters, which names are given and how the rest is judged.
#[derive(Clone, Debug)]
pub struct Header {
    pub family: String,
    pub kind: String,
    path: PathBuf,
    inputs: Vec<String>,
    /// In header order.
    tolerances: Vec<(String, Tolerance)>,
    parameters: BTreeMap<String, serde_json::Value>,
}

/// What a name of the file is.
#[derive(Clone, Debug)]
pub enum Role<'a> {
    Input,
    /// To be recomputed and compared by the tolerance of this index.
    Output(usize, &'a Tolerance),
    /// Matched by no pattern, or by several; the reason.
    Unclear(String),
}

impl Header {
    /// Does this metadata belong to a golden file at all?
    pub(super) fn is_golden(metadata: &BTreeMap<String, serde_json::Value>) -> bool {
        metadata.contains_key("kind") && metadata.contains_key("tolerances")
    }

    /// Reads the metadata of a golden file.
    ///
    /// # Errors
    /// [`Error::File`] for a missing or malformed key.
    pub(super) fn parse(path: &Path, metadata: BTreeMap<String, serde_json::Value>) -> Result<Self> {
        let text = |key: &str| match metadata.get(key) {
            Some(serde_json::Value::String(text)) => Ok(text.clone()),
            Some(serde_json::Value::Number(number)) => Ok(number.to_string()),
            _ => Err(bad(path, format!("a text under {key:?}"), "none".to_owned())),
        };
        let format = text("format")?;
        if format != "1" {
            return Err(bad(path, "format 1".to_owned(), format!("format {format}")));
        }
        let inputs = metadata.get("inputs").cloned().unwrap_or_default();
        let inputs = serde_json::from_value(inputs.clone())
            .map_err(|_| bad(path, "a list of names under \"inputs\"".to_owned(), inputs.to_string()))?;
        let tolerances = metadata.get("tolerances").cloned().unwrap_or_default();
        let Some(entries) = tolerances.as_object() else {
            return Err(bad(path, "an object under \"tolerances\"".to_owned(), tolerances.to_string()));
        };
        let tolerances = entries
            .iter()
            .map(|(pattern, entry)| match Tolerance::parse(entry) {
                Ok(tolerance) => Ok((pattern.clone(), tolerance)),
                Err(found) => Err(bad(path, format!("a known rule for {pattern:?}"), found)),
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            family: text("family")?,
            kind: text("kind")?,
            path: path.to_owned(),
            inputs,
            tolerances,
            parameters: metadata,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Patterns and tolerances, in header order.
    pub fn tolerances(&self) -> impl Iterator<Item = (&str, &Tolerance)> {
        self.tolerances.iter().map(|(pattern, tolerance)| (pattern.as_str(), tolerance))
    }

    pub fn role(&self, name: &str) -> Role<'_> {
        let given = self.inputs.iter().any(|pattern| glob::matches(pattern, name));
        let matches = |(_, (pattern, _)): &(usize, &(String, Tolerance))| glob::matches(pattern, name);
        let mut judges = self.tolerances.iter().enumerate().filter(matches);
        match (given, judges.next(), judges.next()) {
            (true, None, _) => Role::Input,
            (false, Some((index, (_, tolerance))), None) => Role::Output(index, tolerance),
            (false, None, _) => Role::Unclear("matched neither by inputs nor by tolerances".to_owned()),
            (true, Some((_, (pattern, _))), _) => {
                Role::Unclear(format!("matched by inputs and by the tolerance {pattern:?}"))
            }
            (false, Some((_, (a, _))), Some((_, (b, _)))) => {
                Role::Unclear(format!("matched by two tolerances, {a:?} and {b:?}"))
            }
        }
    }

    /// The pattern and tolerance of an index that [`Header::role`] gave.
    pub(super) fn judge(&self, index: usize) -> (&str, &Tolerance) {
        let (pattern, tolerance) = &self.tolerances[index];
        (pattern, tolerance)
    }

    /// Index of the tolerance that judges an output of this name.
    pub(super) fn find_judge(&self, name: &str) -> Option<usize> {
        self.tolerances.iter().position(|(pattern, _)| glob::matches(pattern, name))
    }

    /// A parameter as it stands: text, number or JSON.
    pub fn find(&self, key: &str) -> Option<&serde_json::Value> {
        self.parameters.get(key)
    }
}

pub(super) fn bad(path: &Path, expected: String, found: String) -> Error {
    Error::file(path, expected, found, "see the keys that describe a golden file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn header(inputs: serde_json::Value, tolerances: serde_json::Value) -> Result<Header> {
        let metadata = [("format", json!("1")), ("family", json!("oba")), ("kind", json!("ops"))]
            .into_iter()
            .chain([("inputs", inputs), ("tolerances", tolerances)])
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        Header::parse(Path::new("x.safetensors"), metadata)
    }

    #[test]
    fn every_name_has_exactly_one_role() {
        let default = json!({"abs": 0.0, "rel": 0.0});
        let header = header(json!(["*.in"]), json!({"*.out": default, "a.*": default})).unwrap();
        assert!(matches!(header.role("b.in"), Role::Input));
        assert!(matches!(header.role("b.out"), Role::Output(..)));
        assert!(matches!(header.role("b"), Role::Unclear(_)));
        assert!(matches!(header.role("a.in"), Role::Unclear(_)));
        assert!(matches!(header.role("a.out"), Role::Unclear(_)));
    }

    #[test]
    fn a_malformed_key_is_named() {
        assert!(header(json!("x"), json!({})).unwrap_err().to_string().contains("inputs"));
        assert!(header(json!([]), json!({"*": {"abs": 1}})).unwrap_err().to_string().contains("rel"));
    }
}
