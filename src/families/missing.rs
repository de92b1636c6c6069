//! What a checkpoint does not tell: the values to ask for, all at once.

use serde_json::Value;

use super::{Entry, entry, entry_of, recurrent_gating};
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::model::ModelInfo;
use crate::settings::{ConfigTable, MissingValue, Overrides, Source};

/// Keys that hold whole documents, which nobody types into a form.
const DOCUMENTS: [&str; 2] = ["tasks", "layers"];

/// Values of an opened model that are defaults because neither its file nor its weights tell them.
pub fn missing_values(info: &ModelInfo) -> Vec<MissingValue> {
    asked(entry_of(info.family), &info.variant, &info.config, None)
}

/// What to ask for after opening `checkpoint` failed with `why`; nothing if other values cannot help.
pub fn missing_after(checkpoint: &Checkpoint, overrides: &Overrides, why: &Error) -> Vec<MissingValue> {
    let (Ok(entry), Some(at_fault)) = (entry(checkpoint), field_at_fault(why)) else { return Vec::new() };
    let variant = variant_of(checkpoint);
    match (entry.draft)(checkpoint, overrides) {
        Ok(table) => asked(entry, &variant, &table, Some(&at_fault)),
        // Not even a draft: ask for the one value that the message is about.
        Err(_) => {
            let known = (entry.fields)(&variant).into_iter().filter(|field| field.key == at_fault);
            known.map(|field| MissingValue { value: Value::Null, is_required: true, field }).collect()
        }
    }
}

/// The key that a message is about; empty where it is about none, `None` where no value can help.
fn field_at_fault(why: &Error) -> Option<String> {
    let text = match why {
        Error::Config { field, .. } => field,
        Error::Weights { message, .. } => message,
        Error::File { .. } => "",
        _ => return None,
    };
    Some(text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
}

/// The variant by which the fields of recurrent gating differ.
fn variant_of(checkpoint: &Checkpoint) -> String {
    let shapes = checkpoint.weights.shapes();
    recurrent_gating::variant_of(&shapes).map_or("", recurrent_gating::Variant::name).to_owned()
}

/// The defaults of a table, the required ones first.
fn asked(entry: &Entry, variant: &str, table: &ConfigTable, at_fault: Option<&str>) -> Vec<MissingValue> {
    let fields = (entry.fields)(variant);
    let mut asked: Vec<MissingValue> = table
        .iter()
        .filter(|(key, value)| {
            let is_open = value.source == Source::Default || at_fault == Some(*key);
            is_open && !DOCUMENTS.contains(key)
        })
        .filter_map(|(key, value)| {
            let field = fields.iter().find(|field| field.key == key)?.clone();
            let is_required = value.value.is_null() && entry.required.contains(&key) || at_fault == Some(key);
            Some(MissingValue { field, value: value.value.clone(), is_required })
        })
        .collect();
    asked.sort_by_key(|missing| !missing.is_required);
    asked
}
