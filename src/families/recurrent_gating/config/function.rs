//! Activation functions in the spelling of the reference's files.

use serde_json::Value;

use super::Spread;
use super::fields::is_none;
use crate::error::{Error, Result};
use crate::ops::Activation;

/// One function; `null` is no function.
///
/// # Errors
/// [`Error::Config`] naming `field`.
pub fn read_function(field: &str, value: &Value) -> Result<Activation> {
    match value {
        none if is_none(none) => Ok(Activation::Identity),
        Value::String(text) => parse(text).ok_or_else(|| unknown(field, value)),
        _ => Err(unknown(field, value)),
    }
}

/// One function for all stages, a list of them, or a tuple in one string.
///
/// # Errors
/// [`Error::Config`] naming `field`.
pub fn read_functions(field: &str, value: &Value) -> Result<Spread<Activation>> {
    let tuple = match value {
        Value::String(text) => text.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')')),
        _ => None,
    };
    match tuple {
        None => Spread::read(field, value, read_function),
        Some(inner) => {
            let parts = inner.trim_end_matches(',').split(", ").map(parse);
            parts.collect::<Option<_>>().map(Spread::Each).ok_or_else(|| unknown(field, value))
        }
    }
}

fn parse(text: &str) -> Option<Activation> {
    match text.trim() {
        "ReLU()" => Some(Activation::Relu),
        "Tanh()" => Some(Activation::Tanh),
        "Identity()" => Some(Activation::Identity),
        "GELU()" | "GELU(approximate='none')" => Some(Activation::Gelu),
        _ => None,
    }
}

fn unknown(field: &str, value: &Value) -> Error {
    let requirement =
        "\"ReLU()\", \"Tanh()\", \"Identity()\", \"GELU(approximate='none')\", null, or a list of these";
    Error::config(field, requirement, value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_spelling_of_the_files_is_read() {
        let read = |value| read_functions("conv_funs", &value).ok();
        assert_eq!(read(json!("GELU()")), Some(Spread::All(Activation::Gelu)));
        assert_eq!(read(json!(null)), Some(Spread::All(Activation::Identity)));
        let pair = Spread::Each(vec![Activation::Gelu, Activation::Relu]);
        assert_eq!(read(json!("(GELU(approximate='none'), ReLU())")), Some(pair.clone()));
        assert_eq!(read(json!(["GELU()", "ReLU()"])), Some(pair));
        assert_eq!(read(json!("Softmax()")), None);
        assert_eq!(read(json!("()")), None);
        assert_eq!(read(json!(3)), None);
    }
}
