//! Files of `torch.save`: the zip container and the legacy one before it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};

use candle_core::Tensor;
use zip::read::ZipReadOptions;
use zip::{CompressionMethod, ZipArchive};

use super::Container;
use super::pickle::{self, Fault, Parsed, Pickle, Value, View};

/// First bytes of the legacy container: its magic number as a pickled integer.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Most entries of a zip archive; `torch.save` writes one per tensor.
const MAX_ENTRIES: usize = 100_000;

/// An opened file: its object as values, and where the tensor data lies.
pub(super) struct TorchFile {
    pub(super) container: Container,
    pub(super) pickle: Pickle,
    source: Source,
    /// Most bytes that its tensors may take in memory.
    budget: u64,
}

enum Source {
    Zip {
        archive: ZipArchive<BufReader<File>>,
        root: String,
    },
    /// Storages by key: offset of the data and bytes, preceded by the count of elements.
    Legacy {
        file: File,
        layout: BTreeMap<String, Extent>,
    },
}

struct Extent {
    offset: u64,
    n_bytes: u64,
    n_elements: u64,
}

/// The container that `head`, the first bytes of a file, belongs to.
pub(super) fn container(head: &[u8]) -> Option<Container> {
    if head.starts_with(b"PK\x03\x04") {
        return Some(Container::TorchZip);
    }
    let magic = |window: &[u8]| window == LEGACY_MAGIC;
    head[..head.len().min(64)].windows(LEGACY_MAGIC.len()).any(magic).then_some(Container::TorchLegacy)
}

impl TorchFile {
    pub(super) fn open(file: File, container: Container) -> Parsed<Self> {
        let length = file.metadata()?.len();
        // Views may repeat elements and entries may be compressed, but not without end.
        let budget = length.saturating_mul(16).saturating_add(64 << 20);
        let (pickle, source) = match container {
            Container::TorchLegacy => open_legacy(file, length)?,
            _ => open_zip(file, length)?,
        };
        Ok(Self { container, pickle, source, budget })
    }

    /// Reads tensors. Equal views (a layer registered under two names) share their memory.
    pub(super) fn tensors(&mut self, views: &[(String, View)]) -> Parsed<Vec<(String, Tensor)>> {
        let distinct: BTreeSet<&View> = views.iter().map(|(_, view)| view).collect();
        let bytes = |view: &&View| u128::from(view.n_elements) * view.element.width() as u128;
        let total: u128 = distinct.iter().map(bytes).sum();
        if total > u128::from(self.budget) {
            return Err(Fault::new(format!(
                "tensors of {} MiB, more than {} MiB, the most for a file of this size",
                total >> 20,
                self.budget >> 20
            )));
        }
        let mut tensors: BTreeMap<&View, Tensor> = BTreeMap::new();
        // Views sort by storage, so each storage is read once and one at a time is held.
        let mut held: Option<(&str, Vec<u8>)> = None;
        for view in distinct {
            let storage = match held.take() {
                _ if view.n_elements == 0 => (view.storage.as_str(), Vec::new()),
                Some((key, bytes)) if key == view.storage => (key, bytes),
                _ => (view.storage.as_str(), self.storage(&view.storage)?),
            };
            tensors.insert(view, tensor(view, &storage.1)?);
            held = Some(storage).filter(|_| view.n_elements > 0);
        }
        Ok(views.iter().filter_map(|(name, view)| Some((name.clone(), tensors.get(view)?.clone()))).collect())
    }

    /// All bytes of a storage.
    fn storage(&mut self, key: &str) -> Parsed<Vec<u8>> {
        match &mut self.source {
            Source::Zip { archive, root } => entry(archive, &format!("{root}data/{key}"), self.budget),
            Source::Legacy { file, layout } => {
                let missing = || Fault::new(format!("no tensor data under the key {key:?}"));
                let extent = layout.get(key).ok_or_else(missing)?;
                file.seek(SeekFrom::Start(extent.offset - 8))?;
                let mut count = [0; 8];
                file.read_exact(&mut count)?;
                if u64::from_le_bytes(count) != extent.n_elements {
                    return Err(Fault::new(format!("two sizes for the tensor data {key:?}")));
                }
                // The extent was found to lie within the file.
                let mut bytes = Vec::with_capacity(usize::try_from(extent.n_bytes).unwrap_or(0));
                file.take(extent.n_bytes).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// A view of the bytes of its storage.
fn tensor(view: &View, storage: &[u8]) -> Parsed<Tensor> {
    let needed = view.end.saturating_mul(view.element.size() as u64);
    if view.n_elements > 0 && (storage.len() as u64) < needed {
        let key = pickle::shortened(&view.storage);
        return Err(Fault::new(format!(
            "{} bytes of tensor data {key:?} of the {needed} that are declared",
            storage.len()
        )));
    }
    let shape: Vec<usize> = view.shape.iter().map(|&size| size as usize).collect();
    view.element.tensor(&gather(view, storage), &shape)
}

fn open_zip(file: File, length: u64) -> Parsed<(Pickle, Source)> {
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    if archive.len() > MAX_ENTRIES {
        return Err(Fault::new(format!("a zip archive of {} entries", archive.len())));
    }
    let mut roots = Vec::new();
    for name in archive.file_names_raw() {
        let name = String::from_utf8_lossy(name);
        if name.starts_with('/') || name.contains('\\') || name.split('/').any(|part| part == "..") {
            return Err(Fault::new(format!(
                "a zip entry {:?} that points out of the archive",
                pickle::shortened(&name)
            )));
        }
        match name.strip_suffix("data.pkl") {
            Some(root) if root.is_empty() || root.ends_with('/') => roots.push(root.to_owned()),
            _ => {}
        }
    }
    roots.sort_by_key(|root| (root.matches('/').count(), root.clone()));
    let no_pickle = || Fault::new("a zip archive without data.pkl");
    let root = roots.into_iter().next().ok_or_else(no_pickle)?;
    let byte_order = format!("{root}byteorder");
    if archive.index_for_name_raw(byte_order.as_bytes()).is_some() {
        let order = entry(&mut archive, &byte_order, 64)?;
        if order.trim_ascii() != b"little" {
            return Err(Fault::new(format!("numbers of byte order {:?}", String::from_utf8_lossy(&order))));
        }
    }
    let limit = (pickle::MAX_BYTES as u64).min(length.saturating_mul(64).saturating_add(1 << 20));
    let pickle = pickle::parse(&entry(&mut archive, &format!("{root}data.pkl"), limit)?)?;
    Ok((pickle, Source::Zip { archive, root }))
}

/// The content of a zip entry of at most `limit` bytes, its checksum verified.
fn entry(archive: &mut ZipArchive<BufReader<File>>, name: &str, limit: u64) -> Parsed<Vec<u8>> {
    let shown = || pickle::shortened(name);
    let index = archive
        .index_for_name_raw(name.as_bytes())
        .ok_or_else(|| Fault::new(format!("no entry {:?} in the zip archive", shown())))?;
    let header = archive.by_index_raw(index).map_err(damaged)?;
    let (size, stored) = (header.size(), header.compression() == CompressionMethod::Stored);
    if size > limit || (stored && size != header.compressed_size()) {
        return Err(Fault::new(format!("the entry {:?} of {size} bytes, {}", shown(), {
            if size > limit { format!("more than {limit}") } else { "not as many as it stores".to_owned() }
        })));
    }
    // PyTorch writes the checksum 0 where it was told to compute none.
    let options = ZipReadOptions::new().ignore_crc32(header.crc32() == 0);
    drop(header);
    let entry = archive.by_index_with_options(index, options).map_err(damaged)?;
    let mut bytes = Vec::new();
    entry.take(size.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != size {
        return Err(Fault::new(format!("the entry {:?} of other than its {size} bytes", shown())));
    }
    Ok(bytes)
}

fn damaged(err: zip::result::ZipError) -> Fault {
    Fault::new(format!("a damaged zip archive ({err})"))
}

/// Five pickles (magic number, version, system, object, storage keys), then the storages.
fn open_legacy(mut file: File, length: u64) -> Parsed<(Pickle, Source)> {
    let mut head = Vec::new();
    (&mut file).take(pickle::MAX_BYTES as u64).read_to_end(&mut head)?;
    let mut at = 0;
    let mut next = || -> Parsed<Pickle> {
        let pickle = pickle::parse(head.get(at..).unwrap_or_default())?;
        at += pickle.end;
        Ok(pickle)
    };
    next()?;
    let version = next()?;
    if !matches!(version.values.get(version.root), Value::Int(1001)) {
        return Err(Fault::new("another version of the legacy container than 1001"));
    }
    let system = next()?;
    let little_endian = system.values.entry(system.root, "little_endian").map(|id| system.values.get(id));
    if !matches!(little_endian, Some(Value::Bool(true))) {
        return Err(Fault::new("numbers that are not little-endian"));
    }
    let pickle = next()?;
    let keys = next()?;
    let no_list = || Fault::new("no list of the tensor data");
    let mut layout = BTreeMap::new();
    let mut offset = at as u64;
    for &key in keys.values.sequence(keys.root).ok_or_else(no_list)? {
        let key = keys.values.key(key).ok_or_else(no_list)?;
        let unknown = || Fault::new(format!("tensor data {:?} of unknown type", pickle::shortened(&key)));
        let &(size, n_elements) = pickle.storages.get(&key).ok_or_else(unknown)?;
        let beyond = || {
            Fault::new(format!(
                "{n_elements} elements of tensor data {:?}, beyond the end of the file",
                pickle::shortened(&key)
            ))
        };
        let n_bytes = n_elements.checked_mul(size as u64).ok_or_else(beyond)?;
        let start = offset + 8;
        let end = start.checked_add(n_bytes).filter(|&end| end <= length).ok_or_else(beyond)?;
        layout.insert(key, Extent { offset: start, n_bytes, n_elements });
        offset = end;
    }
    Ok((pickle, Source::Legacy { file, layout }))
}

/// The elements of a view in row-major order. All of them lie within `storage`.
fn gather(view: &View, storage: &[u8]) -> Vec<u8> {
    let size = view.element.size();
    let at = |index: u64| {
        let start = usize::try_from(index).unwrap_or(usize::MAX).saturating_mul(size);
        storage.get(start..start.saturating_add(size)).unwrap_or_default()
    };
    if view.n_elements == 0 {
        return Vec::new();
    }
    let mut expected = 1;
    let contiguous = view.shape.iter().zip(&view.stride).rev().all(|(&extent, &step)| {
        let fits = extent == 1 || step == expected;
        expected *= extent;
        fits
    });
    if contiguous {
        let [start, end] = [view.offset, view.end].map(|index| usize::try_from(index).unwrap_or(usize::MAX));
        return storage.get(start * size..end * size).unwrap_or_default().to_vec();
    }
    let mut bytes = Vec::with_capacity(usize::try_from(view.n_elements).unwrap_or(0) * size);
    let mut position = vec![0; view.shape.len()];
    let mut index = view.offset;
    for _ in 0..view.n_elements {
        bytes.extend_from_slice(at(index));
        for axis in (0..position.len()).rev() {
            position[axis] += 1;
            index += view.stride[axis];
            if position[axis] < view.shape[axis] {
                break;
            }
            index -= view.stride[axis] * view.shape[axis];
            position[axis] = 0;
        }
    }
    bytes
}
