//! Reading single values of a configuration with errors that name the field.

use serde_json::{Map, Value};

use super::Spread;
use crate::error::{Error, Result};

/// Largest size or count taken; keeps hostile numbers from overflowing products.
const MAX_SIZE: usize = 1 << 16;

/// Most pixels of an image; some networks' weights do not bound it.
const MAX_PIXELS: usize = 1 << 22;

/// The values of a complete configuration.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    values: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub fn new(values: &'a Map<String, Value>) -> Self {
        Self { values }
    }

    /// The raw value; a missing one reads as null.
    pub fn raw(&self, field: &str) -> &'a Value {
        self.values.get(field).unwrap_or(&Value::Null)
    }

    pub fn flag(&self, field: &str) -> Result<bool> {
        flag(field, self.raw(field))
    }

    pub fn number(&self, field: &str) -> Result<f64> {
        number(field, self.raw(field))
    }

    /// A whole number from 1.
    pub fn size(&self, field: &str) -> Result<usize> {
        size(field, self.raw(field))
    }

    /// A whole number that may be negative.
    pub fn integer(&self, field: &str) -> Result<i64> {
        let value = self.raw(field);
        value.as_i64().ok_or_else(|| Error::config(field, "a whole number", value))
    }

    /// A list of whole numbers from 1, at least `min` of them.
    pub fn sizes(&self, field: &str, min: usize) -> Result<Vec<usize>> {
        let value = self.raw(field);
        let wrong = || Error::config(field, format!("a list of {min} or more whole numbers from 1"), value);
        let items =
            value.as_array().filter(|items| items.len() >= min && items.len() <= 1024).ok_or_else(wrong)?;
        items.iter().map(|item| size(field, item)).collect()
    }

    /// `[channels, height, width]`.
    pub fn image(&self, field: &str) -> Result<[usize; 3]> {
        let sizes = self.sizes(field, 3)?;
        match *sizes.as_slice() {
            [channels, height, width] if height * width <= MAX_PIXELS => Ok([channels, height, width]),
            [_, _, _] => {
                let requirement = format!("an image of at most {MAX_PIXELS} pixels");
                Err(Error::config(field, requirement, self.raw(field)))
            }
            _ => Err(Error::config(field, "[channels, height, width]", self.raw(field))),
        }
    }

    pub fn spread<T: Clone>(
        &self,
        field: &str,
        read: impl Fn(&str, &Value) -> Result<T>,
    ) -> Result<Spread<T>> {
        Spread::read(field, self.raw(field), read)
    }
}

/// Is it null, or `"none"` or `"null"`, which TOML and the command line write instead?
pub fn is_none(value: &Value) -> bool {
    matches!(value, Value::Null) || matches!(value.as_str(), Some("none" | "null"))
}

pub fn flag(field: &str, value: &Value) -> Result<bool> {
    value.as_bool().ok_or_else(|| Error::config(field, "true or false", value))
}

pub fn number(field: &str, value: &Value) -> Result<f64> {
    value.as_f64().filter(|n| n.is_finite()).ok_or_else(|| Error::config(field, "a number", value))
}

pub fn size(field: &str, value: &Value) -> Result<usize> {
    let requirement = format!("a whole number from 1 to {MAX_SIZE}");
    count(field, value).ok().filter(|&n| n >= 1).ok_or_else(|| Error::config(field, requirement, value))
}

pub fn count(field: &str, value: &Value) -> Result<usize> {
    let number = value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|&n| n <= MAX_SIZE);
    number.ok_or_else(|| Error::config(field, format!("a whole number from 0 to {MAX_SIZE}"), value))
}

/// A probability.
pub fn share(field: &str, value: &Value) -> Result<f64> {
    let found = number(field, value)?;
    if (0.0..=1.0).contains(&found) { Ok(found) } else { Err(Error::config(field, "between 0 and 1", value)) }
}
