//! Configuration of the family's networks: `model_params.json`, the weights, defaults and overrides
//! joined key by key, and resolved into stages.

mod block;
mod documented;
mod fields;
mod function;
mod gate;
mod infer;
mod norm;
mod spread;

use serde::Serialize;
use serde_json::{Map, Value};

pub use block::BlockConfig;
pub use documented::fields;
pub use gate::{DecoderStage, EncoderStage, GateConfig, VectorStage};
pub(super) use gate::{IMAGENET_MEAN, IMAGENET_STD};
pub use infer::{Shapes, variant_of};
pub use norm::NormName;
use spread::Spread;

use super::tasks::{TaskSpec, read_tasks};
use crate::error::{Error, Result};
use crate::settings::{ConfigTable, Overrides, Source};

/// Key under which a configuration holds the content of `tasks.json`.
pub const TASKS: &str = "tasks";

/// Keys that nothing stands in for where neither the file nor the tensors tell them.
pub const REQUIRED: [&str; 5] = ["in_dims", "channels", "n_classes", "out_dim", "rnn_dims"];

/// Which network of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// `model.py`.
    Gate,
    /// `modelv2.py`.
    Block,
    /// `resatt_.py`.
    Resatt,
}

impl Variant {
    pub fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Block => "block",
            Self::Resatt => "resatt",
        }
    }

    /// The variant of this name.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn from_name(name: &str) -> Result<Self> {
        let all = [Self::Gate, Self::Block, Self::Resatt];
        let known = all.iter().map(|variant| variant.name());
        all.into_iter().find(|one| one.name() == name).ok_or_else(|| Error::unknown("variant", name, known))
    }

    /// Which variant a `model_params.json` describes, where its keys tell.
    pub fn from_values(values: &Map<String, Value>) -> Option<Self> {
        if values.contains_key("mid_dim") {
            Some(Self::Block)
        } else if values.contains_key("kernels") || values.contains_key("rnn_dims") {
            Some(Self::Gate)
        } else {
            None
        }
    }

    /// Every key with the default of the reference, in its order; last the content of `tasks.json`.
    fn defaults(self) -> Map<String, Value> {
        let mut defaults = match self {
            Self::Gate => gate::gate_defaults(),
            Self::Block => block::block_defaults(false),
            Self::Resatt => block::block_defaults(true),
        };
        defaults.insert(TASKS.to_owned(), Value::Null);
        defaults
    }
}

/// A resolved network.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    Gate(GateConfig),
    Block(BlockConfig),
}

/// A complete configuration: every value with its source, and what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub variant: Variant,
    pub table: ConfigTable,
    pub network: Network,
    /// Empty where no `tasks.json` is known.
    pub tasks: Vec<TaskSpec>,
}

impl Config {
    /// Joins a file's values, what the tensors tell and what the user gave.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a key the reference does not have, [`Error::Config`] naming a field
    /// whose value is wrong or that nothing tells.
    pub fn resolve(
        variant: Variant,
        file: &Map<String, Value>,
        shapes: &Shapes,
        overrides: &Overrides,
    ) -> Result<Self> {
        Self::from_table(variant, Self::draft(variant, file, shapes, overrides)?)
    }

    /// The joined values, unchecked.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a key the reference does not have.
    pub fn draft(
        variant: Variant,
        file: &Map<String, Value>,
        shapes: &Shapes,
        overrides: &Overrides,
    ) -> Result<ConfigTable> {
        let defaults = variant.defaults();
        let mut table = ConfigTable::default();
        for (key, value) in &defaults {
            table.set(key, value.clone(), Source::Default);
        }
        for fact in infer::facts(variant, shapes) {
            table.set(fact.key, fact.value, fact.source);
        }
        for (key, value) in file {
            if !defaults.contains_key(key) {
                return Err(Error::unknown("key of model_params.json", key, defaults.keys().cloned()));
            }
            table.set(key, value.clone(), Source::File);
        }
        table.apply(overrides)?;
        Ok(table)
    }

    /// A configuration whose values are all given, for example a preset or a test.
    ///
    /// # Errors
    /// As [`Config::resolve`].
    pub fn from_values(variant: Variant, values: &Map<String, Value>) -> Result<Self> {
        Self::resolve(variant, values, &Shapes::new(), &Overrides::default())
    }

    /// The same configuration with one value replaced.
    ///
    /// # Errors
    /// As [`Config::resolve`].
    pub fn with(&self, key: &str, value: impl Into<Value>) -> Result<Self> {
        let mut overrides = Overrides::default();
        overrides.push(key, value);
        let mut table = self.table.clone();
        table.apply(&overrides)?;
        Self::from_table(self.variant, table)
    }

    fn from_table(variant: Variant, table: ConfigTable) -> Result<Self> {
        for key in REQUIRED {
            if table.get(key).is_some_and(|entry| entry.value.is_null()) {
                let requirement = "in model_params.json beside the weights or given (--set), since the tensors do not tell it";
                return Err(Error::config(key, requirement, "nothing"));
            }
        }
        let values = match table.values() {
            Value::Object(values) => values,
            _ => Map::new(),
        };
        let network = match variant {
            Variant::Gate => Network::Gate(GateConfig::read(&values)?),
            Variant::Block | Variant::Resatt => {
                Network::Block(BlockConfig::read(&values, variant == Variant::Resatt)?)
            }
        };
        let tasks = match values.get(TASKS) {
            Some(document) if !fields::is_none(document) => read_tasks(document)?,
            _ => Vec::new(),
        };
        let config = Self { variant, table, network, tasks };
        let n_tasks = config.n_tasks();
        match config.tasks.iter().find(|task| task.key >= n_tasks) {
            Some(task) => {
                let field = format!("tasks.json: {}.key", task.name);
                Err(Error::config(field, format!("below n_tasks = {n_tasks}"), task.key))
            }
            None => Ok(config),
        }
    }

    /// Keys whose value is not what the tensors tell, with what they tell.
    pub fn contradictions(&self, shapes: &Shapes) -> Vec<(&'static str, Value)> {
        let told = infer::facts(self.variant, shapes).into_iter();
        let told = told.filter(|fact| fact.source == Source::Inferred);
        told.filter(|fact| self.table.get(fact.key).is_some_and(|entry| !means(&entry.value, &fact.value)))
            .map(|fact| (fact.key, fact.value))
            .collect()
    }

    /// The content of a `model_params.json` that the reference's class takes: its own keys and
    /// spellings, without what only defaults said and without keys of ours.
    pub fn model_params(&self) -> Value {
        let told = self.table.iter().filter(|(key, entry)| {
            !["recurrent_update", TASKS].contains(key)
                && (entry.source != Source::Default || !entry.value.is_null())
        });
        Value::Object(told.map(|(key, entry)| (key.to_owned(), with_nulls(&entry.value))).collect())
    }

    pub fn n_classes(&self) -> usize {
        match &self.network {
            Network::Gate(gate) => gate.n_classes,
            Network::Block(block) => block.n_classes,
        }
    }

    pub fn n_tasks(&self) -> usize {
        match &self.network {
            Network::Gate(gate) => gate.n_tasks,
            Network::Block(block) => block.n_tasks,
        }
    }
}

/// Do a configured and an inferred value say the same? One value stands for a list of equal ones,
/// longer lists are cut, and -1 stands for all.
fn means(configured: &Value, inferred: &Value) -> bool {
    match (configured, inferred) {
        (Value::Array(configured), Value::Array(inferred)) => configured.starts_with(inferred),
        (one, Value::Array(inferred)) => inferred.iter().all(|value| value == one),
        (Value::Array(configured), one) => configured.iter().all(|value| value == one),
        (configured, inferred) => {
            with_nulls(configured) == *inferred || configured.as_i64() == Some(-1) && inferred != -1
        }
    }
}

/// Null where TOML or the command line wrote `"none"`.
fn with_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(with_nulls).collect()),
        none if fields::is_none(none) => Value::Null,
        other => other.clone(),
    }
}
