//! IDX files of MNIST and Fashion-MNIST, plain or gzipped.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use super::{
    DataFile, DataIdentity, Digits,
    digits::{DIGIT_SIZE, Split},
};
use crate::{
    error::{Error, Result},
    files,
};

/// Larger files are refused unread; the 60,000 training digits take 47 MB.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Gzip cannot expand a stream further than this.
const MAX_GZIP_RATIO: u64 = 1032;
const HINT: &str = "use the IDX files of MNIST or Fashion-MNIST (…-ubyte, or …-ubyte.gz) as published";

/// The content of one IDX file of unsigned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// Length of each dimension, outermost first.
    pub dims: Vec<usize>,
    /// The entries, row-major.
    pub bytes: Vec<u8>,
}

/// Reads an IDX file of unsigned bytes with `rank` dimensions; gzip is recognised by its first bytes.
///
/// The sizes in the header are checked against the size of the file before anything is allocated.
///
/// # Errors
/// [`Error::File`] if the content is not such an array, [`Error::Io`] if it cannot be read.
pub fn read_idx(path: &Path, rank: usize) -> Result<(Idx, DataFile)> {
    let file = files::read(path, MAX_FILE_BYTES)?;
    let identity = DataFile::new(path, &file);
    Ok((parse_idx(path, &file, rank)?, identity))
}

/// Parses the bytes of an IDX file; `path` serves messages only.
pub fn parse_idx(path: &Path, file: &[u8], rank: usize) -> Result<Idx> {
    let gzipped = file.starts_with(&[0x1f, 0x8b]);
    let mut reader: Box<dyn std::io::Read + '_> =
        if gzipped { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
    let found = |what: String| Error::file(path, format!("an IDX array of bytes of rank {rank}"), what, HINT);

    let mut header = vec![0_u8; 4 + 4 * rank];
    reader.read_exact(&mut header).map_err(|err| found(format!("no complete header ({err})")))?;
    let magic = &header[..4];
    if magic[..3] != [0, 0, 8] || usize::from(magic[3]) != rank {
        return Err(found(format!(
            "magic number {}",
            u32::from_be_bytes([magic[0], magic[1], magic[2], magic[3]])
        )));
    }
    let dims: Vec<usize> =
        header[4..].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let entries = dims.iter().try_fold(1_u64, |product, &dim| product.checked_mul(dim as u64));
    let available = match gzipped {
        true => file.len() as u64 * MAX_GZIP_RATIO,
        false => (file.len() - header.len()) as u64,
    };
    let entries = match entries {
        Some(entries) if if gzipped { entries <= available } else { entries == available } => entries,
        _ => {
            let most = if gzipped { "at most " } else { "" };
            return Err(found(format!(
                "a header for {dims:?} entries with {most}{available} bytes behind it"
            )));
        }
    };
    let mut bytes = Vec::new();
    let read = reader
        .take(entries + 1)
        .read_to_end(&mut bytes)
        .map_err(|err| found(format!("damaged gzip data after {entries} announced entries ({err})")))?;
    if read as u64 != entries {
        let relation = if read as u64 > entries { "more than that" } else { "fewer" };
        return Err(found(format!("a header for {dims:?} entries, and {relation} behind it")));
    }
    Ok(Idx { dims, bytes })
}

/// Reads a file of images and the file of their labels.
///
/// # Errors
/// [`Error::File`] if they are not 28x28 images with as many labels from 0 to 9.
pub fn read_digits(name: &str, images_path: &Path, labels_path: &Path) -> Result<Digits> {
    let (images, images_file) = read_idx(images_path, 3)?;
    let (labels, labels_file) = read_idx(labels_path, 1)?;
    if images.dims[1..] != [DIGIT_SIZE, DIGIT_SIZE] {
        let found = format!("{}x{}", images.dims[1], images.dims[2]);
        return Err(Error::file(images_path, "images of 28x28", found, HINT));
    }
    if images.dims[0] != labels.dims[0] {
        return Err(Error::file(
            labels_path,
            format!("{} labels, one per image of {}", images.dims[0], images_path.display()),
            labels.dims[0].to_string(),
            "choose the labels of the same split",
        ));
    }
    if let Some(label) = labels.bytes.iter().find(|&&label| label > 9) {
        return Err(Error::file(labels_path, "labels 0 to 9", label.to_string(), HINT));
    }
    let identity = DataIdentity {
        name: name.to_owned(),
        procedural: false,
        files: vec![images_file, labels_file],
        skipped: Vec::new(),
    };
    Digits::new(identity, images.bytes, labels.bytes)
}

/// The image and label files of `split` in `folder`, by their usual names, plain or gzipped.
///
/// Also looks in `mnist` and where torchvision puts them: `raw`, `MNIST/raw`, `FashionMNIST/raw`.
pub fn find_digit_files(folder: &Path, split: Split) -> Option<(PathBuf, PathBuf)> {
    let prefix = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    for inner in ["", "raw", "mnist", "MNIST/raw", "FashionMNIST/raw"] {
        let folder = folder.join(inner);
        let find = |what: &str, rank: u8| {
            [format!("{prefix}-{what}-idx{rank}-ubyte"), format!("{prefix}-{what}.idx{rank}-ubyte")]
                .into_iter()
                .flat_map(|name| [name.clone(), format!("{name}.gz")])
                .map(|name| folder.join(name))
                .find(|path| path.is_file())
        };
        if let (Some(images), Some(labels)) = (find("images", 3), find("labels", 1)) {
            return Some((images, labels));
        }
    }
    None
}

/// The digits of `split` in `folder`, found by their usual names.
///
/// # Errors
/// [`Error::File`] if the folder has none, or they cannot be used.
pub fn load_digits(folder: &Path, split: Split) -> Result<Digits> {
    let Some((images, labels)) = find_digit_files(folder, split) else {
        let prefix = if split == Split::Train { "train" } else { "t10k" };
        let other = if split == Split::Train { Split::Test } else { Split::Train };
        let found = match find_digit_files(folder, other) {
            Some(_) => format!("only the {other} digits"),
            None if folder.is_dir() => "neither in this folder nor in its raw folder".to_owned(),
            None => "no such folder".to_owned(),
        };
        return Err(Error::file(
            folder,
            format!("{prefix}-images-idx3-ubyte and {prefix}-labels-idx1-ubyte (or .gz)"),
            found,
            "name the folder that holds them, or use the built-in procedural digits",
        ));
    };
    let named = images
        .ancestors()
        .skip(1)
        .filter_map(Path::file_name)
        .find(|name| *name != "raw")
        .map_or_else(|| "digits".into(), |name| name.to_string_lossy());
    read_digits(&format!("{named}, {split}"), &images, &labels)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn idx(dims: &[u32], payload: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, 8, dims.len() as u8];
        file.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
        file.extend(payload);
        file
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn parse(file: &[u8], rank: usize) -> Result<Idx> {
        parse_idx(Path::new("digits"), file, rank)
    }

    #[test]
    fn plain_and_gzipped_files_read_alike() {
        let file = idx(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let plain = parse(&file, 3).unwrap();
        assert_eq!(plain, Idx { dims: vec![2, 1, 3], bytes: vec![1, 2, 3, 4, 5, 6] });
        assert_eq!(parse(&gzip(&file), 3).unwrap(), plain);
    }

    #[test]
    fn a_header_that_announces_more_than_the_file_holds_is_refused() {
        for dims in [[u32::MAX, u32::MAX, u32::MAX], [60_000, 28, 28], [2, 1, 4], [2, 1, 2]] {
            let file = idx(&dims, &[0; 6]);
            let message = parse(&file, 3).unwrap_err().to_string();
            assert!(message.contains("header for"), "{message}");
            assert!(parse(&gzip(&file), 3).is_err());
        }
    }

    #[test]
    fn another_rank_type_or_kind_of_file_is_refused() {
        assert!(parse(&idx(&[6], &[0; 6]), 3).is_err());
        let mut floats = idx(&[6], &[0; 6]);
        floats[2] = 0x0d;
        assert!(parse(&floats, 1).unwrap_err().to_string().contains("magic number"));
        assert!(parse(b"", 1).is_err());
        assert!(parse(b"\x1f\x8bnot gzip at all", 1).is_err());
    }
}
