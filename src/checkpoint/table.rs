//! Pickled dictionaries of arrays, numbers and texts, as data sets for Python are published.
//!
//! As everywhere, nothing in the pickle is executed: an array is taken from the bytes, shape and type that
//! the pickle writes down.

use std::collections::BTreeMap;
use std::path::Path;

use super::pickle::{Fault, Id, Parsed, Pickle, Value, parse};
use crate::error::{Error, Result};
use crate::files;
use crate::provenance::DataFile;

/// One entry of a pickled dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pickled {
    /// An array of unsigned bytes, row-major.
    Bytes {
        shape: Vec<usize>,
        bytes: Vec<u8>,
    },
    Integers(Vec<i64>),
    Texts(Vec<String>),
}

impl Pickled {
    /// What it is, for messages.
    pub fn kind(&self) -> String {
        match self {
            Self::Bytes { shape, .. } => format!("an array of bytes {shape:?}"),
            Self::Integers(list) => format!("{} integers", list.len()),
            Self::Texts(list) => format!("{} texts", list.len()),
        }
    }
}

/// The arrays of bytes, lists of integers and lists of texts of the dictionary in the pickle at `path`, of
/// at most `limit` bytes. Entries of other kinds are left out.
///
/// # Errors
/// [`Error::File`] if it is no such pickle, [`Error::Io`].
pub fn read_pickled(path: &Path, limit: u64) -> Result<(BTreeMap<String, Pickled>, DataFile)> {
    let file = files::read(path, limit)?;
    let fault = |fault: Fault| {
        let hint = "get the file again, or use the binary version of the data set";
        Error::file(path, "a pickled dictionary of arrays and lists", fault.to_string(), hint)
    };
    let pickle = parse(&file).map_err(fault)?;
    let Some(entries) = pickle.values.entries(pickle.root) else {
        return Err(fault(Fault::new("another kind of pickle")));
    };
    let mut table = BTreeMap::new();
    for (key, id) in entries {
        if let Some(value) = pickled(&pickle, &file, id).map_err(fault)? {
            table.insert(key, value);
        }
    }
    Ok((table, DataFile::new(path, &file)))
}

fn pickled(pickle: &Pickle, file: &[u8], id: Id) -> Parsed<Option<Pickled>> {
    match pickle.values.get(id) {
        Value::Sequence(items) => {
            let integer = |&id: &Id| match pickle.values.get(id) {
                Value::Int(int) => Some(*int),
                _ => None,
            };
            if let Some(list) = items.iter().map(integer).collect() {
                return Ok(Some(Pickled::Integers(list)));
            }
            let text = |&id: &Id| match pickle.values.get(id) {
                Value::Bytes(span) => Some(String::from_utf8_lossy(&file[span.clone()]).into_owned()),
                _ => pickle.values.text(id).map(str::to_owned),
            };
            Ok(items.iter().map(text).collect::<Option<_>>().map(Pickled::Texts))
        }
        Value::Object(object) if object.class.ends_with("multiarray._reconstruct") => {
            let state = object.state.and_then(|state| pickle.values.sequence(state)).unwrap_or_default();
            let &[_version, shape, dtype, order, data] = state else { return Ok(None) };
            array(pickle, file, shape, dtype, order, data)
        }
        _ => Ok(None),
    }
}

fn array(pickle: &Pickle, file: &[u8], shape: Id, dtype: Id, order: Id, data: Id) -> Parsed<Option<Pickled>> {
    let values = &pickle.values;
    let Value::Object(dtype) = values.get(dtype) else { return Ok(None) };
    let code = values.sequence(dtype.arguments).and_then(|arguments| values.text(*arguments.first()?));
    if code != Some("u1") {
        return Ok(None);
    }
    let extent = |&id: &Id| match values.get(id) {
        Value::Int(int) => usize::try_from(*int).ok(),
        _ => None,
    };
    let shape: Option<Vec<usize>> = values.sequence(shape).unwrap_or_default().iter().map(extent).collect();
    let shape = shape.ok_or_else(|| Fault::new("an array without a shape"))?;
    if !matches!(values.get(order), Value::Bool(false)) && shape.len() > 1 {
        return Err(Fault::new("an array with columns first"));
    }
    let bytes = match values.get(data) {
        Value::Bytes(span) => file[span.clone()].to_vec(),
        Value::Text(text) => text.as_bytes().to_vec(),
        // Python 3 writes the bytes of old protocols as text of code points below 256.
        Value::Object(object) if &*object.class == "_codecs.encode" => {
            let text = values.sequence(object.arguments).and_then(|fields| values.text(*fields.first()?));
            let bytes: Option<Vec<u8>> =
                text.unwrap_or_default().chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
            bytes.ok_or_else(|| Fault::new("bytes written as other text"))?
        }
        _ => return Err(Fault::new("an array without its bytes")),
    };
    let expected = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    if expected != Some(bytes.len()) {
        return Err(Fault::new(format!("an array {shape:?} of {} bytes", bytes.len())));
    }
    Ok(Some(Pickled::Bytes { shape, bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protocol 2 as Python 2 writes it: texts are raw bytes.
    fn batch(data: &[u8], shape: [u8; 2], dtype: &[u8]) -> Vec<u8> {
        let mut pickle = b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03".to_vec();
        pickle.extend(b"cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01");
        pickle.extend([b'K', shape[0], b'K', shape[1], 0x86]);
        pickle.extend(b"cnumpy\ndtype\nU");
        pickle.push(dtype.len() as u8);
        pickle.extend(dtype);
        pickle.extend(b"K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T");
        pickle.extend((data.len() as u32).to_le_bytes());
        pickle.extend(data);
        pickle.extend(b"tbU\x06labels](K\x03K\x07eU\x05names](U\x01aU\x01beU\x01xG");
        pickle.extend(1.5_f64.to_be_bytes());
        pickle.extend(b"u.");
        pickle
    }

    fn read(bytes: &[u8]) -> Result<BTreeMap<String, Pickled>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("batch");
        std::fs::write(&path, bytes).unwrap();
        read_pickled(&path, 1 << 20).map(|(table, _)| table)
    }

    #[test]
    fn arrays_and_lists_are_read_and_other_values_left_out() {
        for data in [[1_u8, 2, 3, 4, 5, 6], [1, 200, 255, 0, 128, 6]] {
            let table = read(&batch(&data, [2, 3], b"u1")).unwrap();
            assert_eq!(table["data"], Pickled::Bytes { shape: vec![2, 3], bytes: data.to_vec() });
            assert_eq!(table["labels"], Pickled::Integers(vec![3, 7]));
            assert_eq!(table["names"], Pickled::Texts(vec!["a".to_owned(), "b".to_owned()]));
            assert_eq!(table.len(), 3);
        }
        assert!(!read(&batch(&[0; 6], [2, 3], b"f4")).unwrap().contains_key("data"));
    }

    #[test]
    fn a_shape_that_the_bytes_do_not_fill_is_refused() {
        let message = read(&batch(&[0; 6], [2, 4], b"u1")).unwrap_err().to_string();
        assert!(message.contains("[2, 4] of 6 bytes"), "{message}");
        assert!(read(b"\x80\x02K\x01.").unwrap_err().to_string().contains("another kind"));
        assert!(read(b"hello").is_err());
    }
}
