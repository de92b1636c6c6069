//! Resolved configurations: every value with where it comes from, and what the user overrides.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::files;

/// Where a configuration value comes from, in rising order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The specification's default: neither the file nor the weights say.
    Default,
    /// Read off names and shapes of tensors.
    Inferred,
    /// A configuration file or metadata that came with the weights.
    File,
    /// `--set`, `--config` or the window.
    Given,
}

/// One value and its source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub value: Value,
    pub source: Source,
    /// What file, weights or the reference's defaults say, where the user says otherwise.
    #[serde(skip)]
    pub replaced: Option<Value>,
}

/// A configuration under construction or resolved: keys in the family's own order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigTable {
    entries: Vec<(String, Entry)>,
}

impl ConfigTable {
    /// A table of `values`, all from one source.
    pub fn of(values: &Map<String, Value>, source: Source) -> Self {
        let mut table = Self::default();
        for (key, value) in values {
            table.set(key, value.clone(), source);
        }
        table
    }

    /// Sets `key` unless a source of higher precedence already has.
    pub fn set(&mut self, key: &str, value: impl Into<Value>, source: Source) {
        let mut entry = Entry { value: value.into(), source, replaced: None };
        match self.entries.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) if old.source <= source => {
                if source == Source::Given {
                    let before = match old.source {
                        Source::Given => old.replaced.clone(),
                        _ => Some(old.value.clone()),
                    };
                    entry.replaced = before.filter(|before| *before != entry.value);
                }
                *old = entry;
            }
            Some(_) => {}
            None => self.entries.push((key.to_owned(), entry)),
        }
    }

    /// The defaults of documented settings, in their order.
    pub fn of_fields(fields: &[Field]) -> Self {
        let mut table = Self::default();
        for field in fields {
            table.set(field.key, field.default.clone(), Source::Default);
        }
        table
    }

    /// The values of a recipe file over the defaults, and those of the user over both; a table in a
    /// file changes the keys that it names.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a key this table does not have, with the nearest that it has.
    pub fn given(mut self, file: &Map<String, Value>, overrides: &Overrides) -> Result<Self> {
        let file = file.iter().map(|(key, value)| (key.as_str(), value, Source::File));
        let user = overrides.iter().map(|(key, value)| (key, value, Source::Given));
        for (key, value, source) in file.chain(user).collect::<Vec<_>>() {
            let Some(old) = self.get(key) else {
                return Err(Error::unknown("recipe key", key, self.entries.iter().map(|(key, _)| key)));
            };
            let value = match (&old.value, value) {
                (Value::Object(old), Value::Object(new)) => {
                    let mut all = old.clone();
                    all.extend(new.clone());
                    Value::Object(all)
                }
                (_, new) => new.clone(),
            };
            self.set(key, value, source);
        }
        Ok(self)
    }

    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, entry)| entry)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry))
    }

    /// Keys whose value is a default that nothing confirmed.
    pub fn defaults(&self) -> impl Iterator<Item = &str> {
        self.iter().filter(|(_, entry)| entry.source == Source::Default).map(|(key, _)| key)
    }

    /// Takes over what the user gave.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a key this table does not have.
    pub fn apply(&mut self, overrides: &Overrides) -> Result<()> {
        for (key, value) in &overrides.values {
            if self.get(key).is_none() {
                return Err(Error::unknown(
                    "configuration key",
                    key,
                    self.entries.iter().map(|(key, _)| key.clone()),
                ));
            }
            self.set(key, value.clone(), Source::Given);
        }
        Ok(())
    }

    /// The values alone.
    pub fn values(&self) -> Value {
        Value::Object(self.entries.iter().map(|(key, entry)| (key.clone(), entry.value.clone())).collect())
    }

    /// The typed configuration.
    ///
    /// # Errors
    /// [`Error::Config`] that names the key and where its value came from.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_path_to_error::deserialize(self.values()).map_err(|err| {
            let path = err.path().to_string();
            let key = path.split(['.', '[']).next().unwrap_or_default();
            let value = self.get(key).map_or_else(|| self.values(), |entry| entry.value.clone());
            let field = if key.is_empty() { "the configuration" } else { &path };
            Error::Config {
                field: field.to_owned(),
                requirement: err.inner().to_string(),
                value: value.to_string(),
            }
        })
    }
}

impl Serialize for ConfigTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// One documented setting: what a form, a tooltip and a docs page say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Key in files and for `--set`.
    pub key: &'static str,
    /// On screen.
    pub label: &'static str,
    pub definition: &'static str,
    /// Empty for a pure number.
    pub unit: &'static str,
    /// Range of a number; `None` for flags and texts.
    pub range: Option<[f64; 2]>,
    /// The values of a text that can only be one of these.
    pub choices: &'static [&'static str],
    /// Better changed by factors than by steps.
    pub is_logarithmic: bool,
    pub default: Value,
    /// File of the reference the default comes from, or `ours`.
    pub source: &'static str,
}

impl Field {
    /// A number in `min..=max`; a whole one if the bounds and the default are whole and `max` is above 1.
    pub fn number(
        key: &'static str,
        label: &'static str,
        unit: &'static str,
        min: f64,
        max: f64,
        default: f64,
        source: &'static str,
    ) -> Self {
        let is_whole =
            max > 1.0 && [min, max, default].iter().all(|value| value.fract() == 0.0) && unit != "×";
        let default = if is_whole { Value::from(default as u64) } else { Value::from(default) };
        Self { range: Some([min, max]), unit, ..Self::plain(key, label, default, source) }
    }

    pub fn flag(key: &'static str, label: &'static str, default: bool, source: &'static str) -> Self {
        Self::plain(key, label, default.into(), source)
    }

    pub fn text(key: &'static str, label: &'static str, default: &str, source: &'static str) -> Self {
        Self::plain(key, label, default.into(), source)
    }

    fn plain(key: &'static str, label: &'static str, default: Value, source: &'static str) -> Self {
        Self {
            key,
            label,
            definition: "",
            unit: "",
            range: None,
            choices: &[],
            is_logarithmic: false,
            default,
            source,
        }
    }

    /// One of some texts.
    pub fn choice(
        key: &'static str,
        label: &'static str,
        choices: &'static [&'static str],
        source: &'static str,
    ) -> Self {
        let default = choices.first().map_or(Value::Null, |&first| first.into());
        Self { choices, ..Self::plain(key, label, default, source) }
    }

    /// Numbers or texts in a row.
    pub fn list(
        key: &'static str,
        label: &'static str,
        default: impl Into<Value>,
        source: &'static str,
    ) -> Self {
        Self::plain(key, label, default.into(), source)
    }

    /// With another default than the first choice.
    pub fn at_first(mut self, default: impl Into<Value>) -> Self {
        self.default = default.into();
        self
    }

    pub fn means(mut self, definition: &'static str) -> Self {
        self.definition = definition;
        self
    }

    pub fn logarithmic(mut self) -> Self {
        self.is_logarithmic = true;
        self
    }

    /// # Errors
    /// [`Error::Config`] if `value` is a number outside the range or none of the choices.
    pub fn check(&self, value: &Value) -> Result<()> {
        if let Some(text) = value.as_str()
            && !self.choices.is_empty()
            && !self.choices.contains(&text)
        {
            return Err(Error::config(self.key, format!("one of {}", self.choices.join(", ")), text));
        }
        let (Some([min, max]), Some(number)) = (self.range, value.as_f64()) else { return Ok(()) };
        if (min..=max).contains(&number) {
            return Ok(());
        }
        Err(Error::config(self.key, format!("{min} to {max}"), number))
    }
}

/// A value that a checkpoint does not tell.
#[derive(Clone, Debug, PartialEq)]
pub struct MissingValue {
    pub field: Field,
    /// What is taken unless something is given; `Null` where nothing can be.
    pub value: Value,
    /// The checkpoint does not open without another value.
    pub is_required: bool,
}

/// Values the user gives with `--config FILE` and `--set key=value`, later ones winning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    values: Vec<(String, Value)>,
}

impl Overrides {
    /// Reads `config` (TOML or JSON) first, then applies `sets` (`key=value`).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::File`] or [`Error::Config`].
    pub fn read(config: Option<&Path>, sets: &[String]) -> Result<Self> {
        let mut overrides = Self::default();
        if let Some(path) = config {
            for (key, value) in read_table(path)? {
                overrides.push(key, value);
            }
        }
        for set in sets {
            let (key, value) = set
                .split_once('=')
                .ok_or_else(|| Error::config("--set", "key=value, for example strength=0.3", set))?;
            overrides.push(key.trim(), toml_value(value.trim()));
        }
        Ok(overrides)
    }

    pub fn push(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let key = key.into();
        self.values.retain(|(known, _)| *known != key);
        self.values.push((key, value.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }
}

/// A TOML or JSON file as a map.
///
/// # Errors
/// [`Error::Io`] or [`Error::File`].
pub fn read_table(path: &Path) -> Result<Map<String, Value>> {
    match files::read_document(path)? {
        Value::Object(map) => Ok(map),
        other => Err(Error::file(
            path,
            "keys and values",
            other.to_string().chars().take(60).collect::<String>(),
            "write one key per setting, as `info` lists them",
        )),
    }
}

/// `text` as a TOML value; what is none is a string. How `--set` reads what follows the `=`.
pub fn toml_value(text: &str) -> Value {
    let document = format!("value = {text}");
    match toml::from_str::<Map<String, Value>>(&document) {
        Ok(mut map) => map.remove("value").unwrap_or(Value::Null),
        Err(_not_toml) => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Config {
        strength: f64,
        channels: Vec<usize>,
        norm: Option<String>,
    }

    fn table() -> ConfigTable {
        let mut table = ConfigTable::default();
        table.set("strength", 0.2, Source::Default);
        table.set("channels", vec![1, 20], Source::Inferred);
        table.set("norm", Value::Null, Source::Default);
        table
    }

    #[test]
    fn the_higher_source_wins_whatever_the_order() {
        let mut table = table();
        table.set("strength", 0.3, Source::File);
        table.set("strength", 0.9, Source::Inferred);
        assert_eq!(table.get("strength").unwrap().value, 0.3);
        let overrides = Overrides::read(None, &["strength=0.5".into(), "norm=layer".into()]).unwrap();
        table.apply(&overrides).unwrap();
        let config: Config = table.parse().unwrap();
        assert_eq!(config, Config { strength: 0.5, channels: vec![1, 20], norm: Some("layer".to_owned()) });
        assert_eq!(
            serde_json::to_value(&table).unwrap()["strength"],
            serde_json::json!({"value": 0.5, "source": "given"})
        );
        assert_eq!(table.defaults().count(), 0);
    }

    #[test]
    fn what_was_given_remembers_what_it_replaced() {
        let mut table = table();
        table.set("strength", 0.3, Source::File);
        for given in [0.5, 0.6] {
            table.set("strength", given, Source::Given);
        }
        assert_eq!(table.get("strength").unwrap().replaced, Some(0.3.into()));
        table.set("strength", 0.3, Source::Given);
        assert_eq!(table.get("strength").unwrap().replaced, None);
    }

    #[test]
    fn documented_settings_are_filled_by_file_and_user() {
        let fields = [
            Field::choice("mode", "Mode", &["slow", "fast"], "ours"),
            Field::list("network", "Network", serde_json::json!({"a": 1, "b": 2}), "ours"),
        ];
        let file = serde_json::json!({"network": {"b": 3}});
        let user = Overrides::read(None, &["mode=fast".into()]).unwrap();
        let table = ConfigTable::of_fields(&fields).given(file.as_object().unwrap(), &user).unwrap();
        assert_eq!(table.values(), serde_json::json!({"mode": "fast", "network": {"a": 1, "b": 3}}));
        assert!(fields[0].check(&"fast".into()).is_ok());
        assert!(fields[0].check(&"fasst".into()).unwrap_err().to_string().contains("slow, fast"));
        assert_eq!(fields[0].clone().at_first("fast").default, "fast");
        let wrong = Overrides::read(None, &["mod=fast".into()]).unwrap();
        let message = ConfigTable::of_fields(&fields).given(&Map::new(), &wrong).unwrap_err().to_string();
        assert!(message.contains("did you mean \"mode\""), "{message}");
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_key() {
        let mut table = table();
        table.set("channels", "many", Source::Given);
        let message = table.parse::<Config>().unwrap_err().to_string();
        assert!(message.starts_with("channels must be") && message.contains("many"), "{message}");
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest() {
        let overrides = Overrides::read(None, &["strenght=1".into()]).unwrap();
        assert!(table().apply(&overrides).unwrap_err().to_string().contains("did you mean \"strength\""));
    }

    #[test]
    fn set_takes_toml_values_and_plain_words() {
        assert_eq!(toml_value("[1, 2]"), serde_json::json!([1, 2]));
        assert_eq!(toml_value("1e-3"), serde_json::json!(1e-3));
        assert_eq!(toml_value("true"), serde_json::json!(true));
        assert_eq!(toml_value("layer"), serde_json::json!("layer"));
    }

    #[test]
    fn a_file_and_a_set_combine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "strength = 0.1\nchannels = [3, 4]\n").unwrap();
        let overrides = Overrides::read(Some(&path), &["strength=0.4".into()]).unwrap();
        let mut table = table();
        table.apply(&overrides).unwrap();
        assert_eq!(table.parse::<Config>().unwrap().strength, 0.4);
        std::fs::write(&path, "strength = ").unwrap();
        assert!(Overrides::read(Some(&path), &[]).unwrap_err().to_string().contains("c.toml"));
    }
}
