//! Pickles as data: a bounded parser that builds values and never calls anything.
//!
//! Values lie in one flat list and refer to one another by number. A dictionary referred to twice
//! is therefore the same dictionary both times, a cycle is only a number, and neither parsing nor
//! dropping recurses, however deeply a file nests.

mod machine;
mod rebuild;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::rc::Rc;

pub(super) use machine::{MAX_BYTES, parse, shortened};
pub(super) use rebuild::{Storage, View};

/// What is wrong with a file, as the object of "found".
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

impl Fault {
    pub(super) fn new(found: impl Into<String>) -> Self {
        Self(found.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Fault {
    fn from(err: std::io::Error) -> Self {
        Self(format!("an error when reading it ({err})"))
    }
}

pub(super) type Parsed<T> = Result<T, Fault>;

/// Number of a value in [`Values`].
pub(super) type Id = u32;

/// One Python value, as far as checkpoints need it.
#[derive(Debug)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    /// Bytes that are no text: where they lie in the pickle.
    Bytes(std::ops::Range<usize>),
    /// A value that is never looked into: an integer beyond 64 bits.
    Opaque,
    /// A tuple, list or set.
    Sequence(Vec<Id>),
    /// A dictionary, in the order of insertion; a key may repeat, the last one counts.
    Mapping(Vec<(Id, Id)>),
    /// A class or function, only named: `torch._utils._rebuild_tensor_v2`.
    Global(Rc<str>),
    Storage(Rc<Storage>),
    Tensor(Box<View>),
    Object(Box<Object>),
}

/// The result of a call that is not made: an object of a class that is only named.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) class: Rc<str>,
    pub(super) arguments: Id,
    /// What `BUILD` would have put into its `__dict__`.
    pub(super) state: Option<Id>,
    /// Items set on a subclass of `dict`.
    pub(super) items: Vec<(Id, Id)>,
}

/// The values of one pickle.
#[derive(Debug, Default)]
pub(super) struct Values {
    list: Vec<Value>,
}

impl Values {
    pub(super) fn get(&self, id: Id) -> &Value {
        self.list.get(id as usize).unwrap_or(&Value::None)
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// A dictionary key or storage key: text (of at most 1,024 characters), or an integer in decimal.
    pub(super) fn key(&self, id: Id) -> Option<String> {
        match self.get(id) {
            Value::Text(text) => Some(text.chars().take(1_024).collect()),
            Value::Int(int) => Some(int.to_string()),
            _ => None,
        }
    }

    /// The entries of a dictionary (or of an object derived from one) under text or integer keys.
    pub(super) fn entries(&self, id: Id) -> Option<Vec<(String, Id)>> {
        let items = match self.get(id) {
            Value::Mapping(items) => items,
            Value::Object(object) if !object.items.is_empty() => &object.items,
            _ => return None,
        };
        let mut entries: Vec<(String, Id)> = Vec::with_capacity(items.len());
        let mut places = HashMap::with_capacity(items.len());
        for &(key, value) in items {
            let Some(key) = self.key(key) else { continue };
            match places.get(&key) {
                Some(&place) => {
                    let entry: &mut (String, Id) = &mut entries[place];
                    entry.1 = value;
                }
                None => {
                    places.insert(key.clone(), entries.len());
                    entries.push((key, value));
                }
            }
        }
        Some(entries)
    }

    /// The entry of a dictionary under a text key.
    pub(super) fn entry(&self, id: Id, key: &str) -> Option<Id> {
        let Value::Mapping(items) = self.get(id) else { return None };
        items.iter().rev().find(|(k, _)| self.text(*k) == Some(key)).map(|&(_, value)| value)
    }
}

/// A parsed pickle.
#[derive(Debug)]
pub(super) struct Pickle {
    pub(super) values: Values,
    pub(super) root: Id,
    /// Every storage that it names: bytes per element and number of elements.
    pub(super) storages: BTreeMap<String, (usize, u64)>,
    /// Offset of the byte after its end.
    pub(super) end: usize,
}
