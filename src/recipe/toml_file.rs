//! Reading and writing recipes as TOML, with the nearest name for a mistyped key.

use std::path::Path;

use serde::de::value::Error as Refusal;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::{Serialize, forward_to_deserialize_any};

use crate::error::{Error, Result};
use crate::files;

/// Recipes are written by people; anything larger is something else.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a TOML file into a recipe struct.
///
/// # Errors
/// [`Error::Unknown`] for a key the struct does not have, [`Error::File`] for bad TOML or a value
/// that does not fit its key, [`Error::Io`].
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = files::read_text(path, MAX_BYTES)?;
    let refused = |found: String| {
        let hint = "correct it, or start from a recipe that the program wrote";
        Error::file(path, "a TOML recipe", one_line(&found), hint)
    };
    let table: toml::Table = toml::from_str(&text).map_err(|err| refused(err.to_string()))?;
    let known = fields::<T>();
    if let Some(key) = table.keys().find(|key| !known.is_empty() && !known.contains(&key.as_str())) {
        return Err(Error::unknown("recipe key", key, known.iter().copied()));
    }
    serde_path_to_error::deserialize(table)
        .map_err(|err| refused(format!("{} at {:?}", err.inner().message(), err.path().to_string())))
}

/// The TOML text of a recipe.
///
/// # Errors
/// [`Error::Unsupported`] if it holds what TOML cannot say.
pub fn to_toml(recipe: &impl Serialize) -> Result<String> {
    toml::to_string(recipe)
        .map_err(|err| Error::Unsupported(format!("the recipe cannot be written as TOML: {err}")))
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Names of the fields of a struct, as it announces them to serde; empty for another type.
fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // The probe always refuses, after it has seen the names.
    let refused = T::deserialize(FieldProbe(&mut names));
    debug_assert!(refused.is_err());
    names
}

/// Stands in for data, to see which fields a struct asks for.
struct FieldProbe<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldProbe<'_> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Refusal> {
        Err(Refusal::custom("nothing but names"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Refusal> {
        *self.0 = fields;
        Err(Refusal::custom("nothing but names"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Recipe {
        model: String,
        #[serde(default)]
        seed: u64,
    }

    fn read(text: &str) -> Result<Recipe> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.toml");
        files::write_atomic(&path, text).unwrap();
        read_toml(&path)
    }

    #[test]
    fn a_mistyped_key_suggests_the_nearest() {
        let message = read("model = \"m\"\nsede = 1").unwrap_err().to_string();
        assert!(message.contains("did you mean \"seed\""), "{message}");
    }

    #[test]
    fn a_value_that_does_not_fit_names_its_key_in_one_line() {
        let message = read("model = \"m\"\nseed = \"x\"").unwrap_err().to_string();
        assert!(message.contains("seed") && !message.contains('\n'), "{message}");
        let message = read("model = ").unwrap_err().to_string();
        assert!(message.contains("r.toml") && !message.contains('\n'), "{message}");
    }

    #[test]
    fn missing_keys_take_their_defaults() {
        let recipe = read("model = \"m\"").unwrap();
        assert_eq!((recipe.model.as_str(), recipe.seed), ("m", 0));
    }
}
