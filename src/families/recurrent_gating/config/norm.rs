//! The kinds of normalisation by the reference's names.

use serde_json::Value;

use super::fields::is_none;
use crate::error::{Error, Result};
use crate::nn::NormKind;

/// Normalisation of a stage; absent is written `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormName {
    /// Over channels, height and width of a sample.
    Layer,
    /// Per channel, over the batch.
    Batch,
    /// Per channel of a sample.
    Instance,
}

impl NormName {
    pub fn kind(self) -> NormKind {
        match self {
            Self::Layer => NormKind::Group(1),
            Self::Batch => NormKind::Batch,
            Self::Instance => NormKind::Instance,
        }
    }
}

/// # Errors
/// [`Error::Config`] naming `field`.
pub fn read_norm(field: &str, value: &Value) -> Result<Option<NormName>> {
    match value {
        none if is_none(none) => Ok(None),
        Value::String(name) if name == "layer" => Ok(Some(NormName::Layer)),
        Value::String(name) if name == "batch" => Ok(Some(NormName::Batch)),
        Value::String(name) if name == "instance" => Ok(Some(NormName::Instance)),
        _ => Err(Error::config(field, "\"layer\", \"batch\", \"instance\" or null", value)),
    }
}
