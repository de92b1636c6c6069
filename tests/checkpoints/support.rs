//! Small pickles and containers, written byte by byte.

use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use gainfield::Result;
use gainfield::checkpoint::{self, Checkpoint};
use zip::write::SimpleFileOptions;

pub const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/checkpoints");
pub const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/checkpoints");

/// The folder of reference checkpoints, unless it is absent.
pub fn shared() -> Option<PathBuf> {
    let folder = PathBuf::from(SHARED);
    if !folder.is_dir() {
        println!("skipped: ../shared is absent");
        return None;
    }
    Some(folder)
}

/// The bytes of a small zip file with random weights.
pub fn tiny_zip() -> Vec<u8> {
    std::fs::read(Path::new(FIXTURES).join("tiny_base4_mnist_r2_random_init.pth")).unwrap()
}

/// Opens bytes as a file called `name`.
pub fn open_as(name: &str, bytes: &[u8]) -> Result<Checkpoint> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    checkpoint::read(&path)
}

pub fn open(bytes: &[u8]) -> Result<Checkpoint> {
    open_as("net.pth", bytes)
}

/// The message that opening `bytes` fails with: one sentence that names the file.
pub fn refusal(bytes: &[u8]) -> String {
    let message = open(bytes).unwrap_err().to_string();
    assert!(message.contains("net.pth") && !message.contains('\n'), "{message}");
    assert!(!message.contains("cannot deal with"), "the reader panicked: {message}");
    message
}

pub fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

pub fn int(int: i64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &int.to_le_bytes()].concat()
}

pub fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

pub fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [b"(".as_slice(), &items.concat(), b"t"].concat()
}

pub fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [b"](".as_slice(), &items.concat(), b"e"].concat()
}

pub fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<u8> =
        entries.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect();
    [b"}(".as_slice(), &entries, b"u"].concat()
}

/// `function(*arguments)`
pub fn call(function: Vec<u8>, arguments: &[Vec<u8>]) -> Vec<u8> {
    [function, tuple(arguments), b"R".to_vec()].concat()
}

/// An object of a class with `state` as its attributes.
pub fn object(module: &str, name: &str, state: Vec<u8>) -> Vec<u8> {
    [global(module, name), b")\x81".to_vec(), state, b"b".to_vec()].concat()
}

pub fn storage(class: &str, key: &str, n_elements: i64) -> Vec<u8> {
    let fields = [text("storage"), global("torch", class), text(key), text("cuda:3"), int(n_elements)];
    [tuple(&fields), b"Q".to_vec()].concat()
}

pub fn ints(values: &[i64]) -> Vec<u8> {
    tuple(&values.iter().map(|&value| int(value)).collect::<Vec<_>>())
}

/// A strided view of a storage.
pub fn view(storage: Vec<u8>, offset: i64, shape: &[i64], stride: &[i64]) -> Vec<u8> {
    let hooks = call(global("collections", "OrderedDict"), &[]);
    let arguments = [storage, int(offset), ints(shape), ints(stride), b"\x89".to_vec(), hooks];
    call(global("torch._utils", "_rebuild_tensor_v2"), &arguments)
}

/// A contiguous vector of floats that fills the storage `key`.
pub fn floats(key: &str, n_elements: i64) -> Vec<u8> {
    view(storage("FloatStorage", key, n_elements), 0, &[n_elements], &[1])
}

pub fn pickle(object: &[u8]) -> Vec<u8> {
    [b"\x80\x02".as_slice(), object, b"."].concat()
}

/// A zip file of `torch.save` around the pickle of `object`.
pub fn zip(object: &[u8], storages: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut entries =
        vec![("net/data.pkl".to_owned(), pickle(object)), ("net/byteorder".to_owned(), b"little".into())];
    entries.extend(storages.iter().map(|(key, bytes)| (format!("net/data/{key}"), bytes.clone())));
    zip_entries(&entries, zip::CompressionMethod::Stored)
}

pub fn zip_entries(entries: &[(String, Vec<u8>)], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A legacy file; storages are (key, elements, bytes).
pub fn legacy(pickle_of_object: &[u8], storages: &[(String, u64, Vec<u8>)]) -> Vec<u8> {
    let magic =
        [b"\x8a\x0a".as_slice(), &[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]].concat();
    let system = dict(&[("little_endian", b"\x88".to_vec())]);
    let keys: Vec<Vec<u8>> = storages.iter().map(|(key, ..)| text(key)).collect();
    let mut file = [pickle(&magic), pickle(&int(1001)), pickle(&system)].concat();
    file.extend_from_slice(pickle_of_object);
    file.extend(pickle(&list(&keys)));
    for (_, n_elements, bytes) in storages {
        file.extend(n_elements.to_le_bytes());
        file.extend(bytes);
    }
    file
}

/// The legacy file that says the same as a zip file whose storages are all of 4-byte elements.
pub fn legacy_of(zip_file: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip_file)).unwrap();
    let mut object = Vec::new();
    let mut storages = Vec::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let name = entry.name().unwrap().into_owned();
        match name.split('/').collect::<Vec<_>>()[..] {
            [_, "data.pkl"] => object = bytes,
            [_, "data", key] => storages.push((key.to_owned(), bytes.len() as u64 / 4, bytes)),
            _ => {}
        }
    }
    legacy(&object, &storages)
}

pub fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
