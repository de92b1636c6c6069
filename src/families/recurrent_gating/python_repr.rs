//! The few Python values that the reference's JSON files hold as text: tuples, whole numbers,
//! `None`, `slice(a, b, c)` and `tensor([…])`.

use serde_json::Value;

use crate::error::{Error, Result};

/// Deeper nesting than any file has; keeps hostile text off the stack.
const MAX_DEPTH: usize = 8;

/// A parsed Python (or JSON) value.
#[derive(Clone, Debug, PartialEq)]
pub enum PyValue {
    None,
    Int(i64),
    Slice { start: Option<i64>, stop: Option<i64>, step: Option<i64> },
    Tuple(Vec<PyValue>),
}

impl PyValue {
    /// Reads `field`: a JSON array, number or null, or a string that holds a Python value.
    ///
    /// # Errors
    /// [`Error::Config`] naming `field`.
    pub fn read(field: &str, value: &Value) -> Result<Self> {
        let parsed = match value {
            Value::String(text) => Parser::new(text).whole(),
            other => Self::from_json(other, 0),
        };
        parsed.ok_or_else(|| {
            let requirement = "a number, None, slice(a, b, c) or a tuple or list of these";
            Error::config(field, requirement, value)
        })
    }

    fn from_json(value: &Value, depth: usize) -> Option<Self> {
        match value {
            Value::Null => Some(Self::None),
            Value::Number(number) => Some(Self::Int(number.as_i64()?)),
            Value::Array(items) if depth < MAX_DEPTH => items
                .iter()
                .map(|item| Self::from_json(item, depth + 1))
                .collect::<Option<_>>()
                .map(Self::Tuple),
            _ => None,
        }
    }
}

/// The numbers of `tensor([a, b, …])`, or of a JSON list.
///
/// # Errors
/// [`Error::Config`] naming `field`.
pub fn read_numbers(field: &str, value: &Value) -> Result<Vec<f64>> {
    let numbers = match value {
        Value::String(text) => text
            .trim()
            .strip_prefix("tensor([")
            .and_then(|rest| rest.split_once(']'))
            .and_then(|(inner, _)| inner.split(',').map(|part| part.trim().parse().ok()).collect()),
        Value::Array(items) => items.iter().map(Value::as_f64).collect(),
        _ => None,
    };
    let numbers: Option<Vec<f64>> = numbers;
    numbers
        .filter(|numbers| numbers.iter().all(|number| number.is_finite()))
        .ok_or_else(|| Error::config(field, "a list of numbers or tensor([…])", value))
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn whole(mut self) -> Option<PyValue> {
        let value = self.value(0)?;
        self.rest.trim().is_empty().then_some(value)
    }

    fn value(&mut self, depth: usize) -> Option<PyValue> {
        if depth == MAX_DEPTH {
            return None;
        }
        if self.eat("None") {
            return Some(PyValue::None);
        }
        if self.eat("slice") {
            let mut parts = self.items("(", ")", depth)?.into_iter().map(|part| match part {
                PyValue::None => Some(None),
                PyValue::Int(number) => Some(Some(number)),
                _ => None,
            });
            let (start, stop, step) = (parts.next()??, parts.next()??, parts.next()??);
            return parts.next().is_none().then_some(PyValue::Slice { start, stop, step });
        }
        if self.rest.trim_start().starts_with('(') {
            return self.items("(", ")", depth).map(PyValue::Tuple);
        }
        if self.rest.trim_start().starts_with('[') {
            return self.items("[", "]", depth).map(PyValue::Tuple);
        }
        let rest = self.rest.trim_start();
        let end = rest
            .char_indices()
            .find(|&(i, c)| !(c.is_ascii_digit() || (i == 0 && c == '-')))
            .map_or(rest.len(), |(i, _)| i);
        let number = rest[..end].parse().ok()?;
        self.rest = &rest[end..];
        Some(PyValue::Int(number))
    }

    fn items(&mut self, open: &str, close: &str, depth: usize) -> Option<Vec<PyValue>> {
        if !self.eat(open) {
            return None;
        }
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(self.value(depth + 1)?);
            if !self.eat(",") && !self.rest.trim_start().starts_with(close) {
                return None;
            }
        }
        Some(items)
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Option<PyValue> {
        PyValue::read("loss_s", &json!(text)).ok()
    }

    fn from(start: i64) -> PyValue {
        PyValue::Slice { start: Some(start), stop: None, step: None }
    }

    #[test]
    fn the_shipped_texts_are_understood() {
        assert_eq!(read("(slice(1, None, None), None)"), Some(PyValue::Tuple(vec![from(1), PyValue::None])));
        let cue = PyValue::Tuple(vec![PyValue::Tuple(vec![PyValue::Int(4)]), from(1)]);
        assert_eq!(read("((4,), slice(1, None, None))"), Some(cue));
        assert_eq!(read("[-2, 0]"), Some(PyValue::Tuple(vec![PyValue::Int(-2), PyValue::Int(0)])));
        let celeba = PyValue::Tuple(vec![PyValue::Int(0), PyValue::None]);
        assert_eq!(PyValue::read("loss_s", &json!([0, null])).unwrap(), celeba);
        let weights = json!("tensor([0.1345, 0.0650,\n        0.0679])");
        assert_eq!(read_numbers("class_weights", &weights).unwrap(), [0.1345, 0.065, 0.0679]);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "(", "(1", "slice(1, None)", "slice(1, 2, 3, 4)", "__import__('os')", "1 2", "--1"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"(".repeat(100_000)), None);
        assert!(read_numbers("class_weights", &json!("tensor([1, x])")).is_err());
    }
}
