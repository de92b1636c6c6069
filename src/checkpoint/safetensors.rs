//! Reading safetensors.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use safetensors::SafeTensors;

use super::element::Element;
use super::pickle::{Fault, Parsed};
use crate::files;

/// Longest header, in bytes; one of a real network has some kilobytes.
const MAX_HEADER: u64 = 16 << 20;

/// Largest file, in bytes.
const MAX_FILE: u64 = 16 << 30;

/// Whether `head`, the first bytes of a file, is the length of a header and the start of it.
pub(super) fn is_safetensors(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|length| u64::from_le_bytes(*length) < 1 << 40)
        && head.get(8) == Some(&b'{')
}

type Content = (Vec<(String, Tensor)>, BTreeMap<String, String>);

/// The tensors in the order of their data, and the header's metadata.
pub(super) fn read(path: &Path) -> Parsed<Content> {
    let bytes = files::read(path, MAX_FILE).map_err(|err| Fault::new(err.to_string()))?;
    let header = bytes.first_chunk().map_or(u64::MAX, |length| u64::from_le_bytes(*length));
    if header > MAX_HEADER.min(bytes.len() as u64 - 8) {
        return Err(Fault::new(format!("a header of {header} bytes in a file of {}", bytes.len())));
    }
    let damaged = |err| Fault::new(format!("a damaged header ({err})"));
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let mut tensors = Vec::with_capacity(file.len());
    for name in header.offset_keys() {
        let view = file.tensor(&name).map_err(damaged)?;
        let unsupported =
            || Fault::new(format!("the tensor {name:?} of unsupported type {:?}", view.dtype()));
        let element = Element::of_safetensors(view.dtype()).ok_or_else(unsupported)?;
        tensors.push((name, element.tensor(view.data(), view.shape())?));
    }
    let metadata = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
    Ok((tensors, metadata.collect()))
}
