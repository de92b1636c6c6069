//! Values given once for all stages or as a list with one per stage.

use serde_json::Value;

use crate::error::{Error, Result};

/// One value for all stages, or one per stage.
#[derive(Clone, Debug, PartialEq)]
pub enum Spread<T> {
    All(T),
    Each(Vec<T>),
}

impl<T: Clone> Spread<T> {
    /// The value of `field`, whose entries `read` understands.
    pub fn read(field: &str, value: &Value, read: impl Fn(&str, &Value) -> Result<T>) -> Result<Self> {
        match value {
            Value::Array(items) => {
                items.iter().map(|item| read(field, item)).collect::<Result<_>>().map(Self::Each)
            }
            value => read(field, value).map(Self::All),
        }
    }

    /// Entry `index` of `n`, counted from the start; the tail of a longer list is not used.
    ///
    /// # Errors
    /// [`Error::Config`] if the list is too short.
    pub fn nth(&self, field: &str, index: usize, n: usize) -> Result<T> {
        match self {
            Self::All(value) => Ok(value.clone()),
            Self::Each(list) => list.get(index).cloned().ok_or_else(|| too_short(field, n, list.len())),
        }
    }

    /// Entry `index` of `n`, counted from the end: 0 is the last of the list.
    ///
    /// # Errors
    /// [`Error::Config`] if the list is too short.
    pub fn nth_back(&self, field: &str, index: usize, n: usize) -> Result<T> {
        match self {
            Self::All(value) => Ok(value.clone()),
            Self::Each(list) => {
                let entry = list.len().checked_sub(index + 1).map(|i| list[i].clone());
                entry.ok_or_else(|| too_short(field, n, list.len()))
            }
        }
    }
}

fn too_short(field: &str, n: usize, found: usize) -> Error {
    Error::config(field, format!("one value or a list of at least {n}"), format!("a list of {found}"))
}
