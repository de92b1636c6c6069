//! STL-10 as published: raw planes, columns first, and labels from 1.

use std::path::{Path, PathBuf};

use super::super::picture_set::{Attributes, PictureSet, Pictures};
use super::super::{DataFile, DataIdentity, Split};
use crate::error::{Error, Result};
use crate::files;

/// Rows and columns of a picture.
const SIDE: usize = 96;
const BYTES: usize = 3 * SIDE * SIDE;
/// The unlabelled pictures, which are the largest file, take 2.8 GB.
const MAX_FILE_BYTES: u64 = 3 << 30;
const CLASSES: [&str; 10] =
    ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];

/// Reads `train_X.bin` and `train_y.bin`, or those of the test, in `folder` or its `stl10_binary`.
///
/// # Errors
/// [`Error::File`] naming the file and what it should hold, [`Error::Io`].
pub fn stl10(folder: &Path, split: Split) -> Result<PictureSet> {
    let find = |what: &str| -> Result<PathBuf> {
        let name = format!("{split}_{what}.bin");
        let places = [folder.join(&name), folder.join("stl10_binary").join(&name)];
        places.into_iter().find(|path| path.is_file()).ok_or_else(|| {
            let hint = "unpack stl10_binary.tar.gz and name its folder";
            Error::file(folder, name, "no such file there or in stl10_binary", hint)
        })
    };
    let (pictures_path, labels_path) = (find("X")?, find("y")?);
    let planes = files::read(&pictures_path, MAX_FILE_BYTES)?;
    let labels = files::read(&labels_path, MAX_FILE_BYTES)?;
    if planes.len() != labels.len() * BYTES {
        let expected = format!("{} pictures of 3 x 96 x 96 bytes, one per label", labels.len());
        let found = format!("{} bytes", planes.len());
        return Err(Error::file(pictures_path, expected, found, "unpack the archive again"));
    }
    if let Some(label) = labels.iter().find(|label| !(1..=10).contains(*label)) {
        let hint = "use the labels as published";
        return Err(Error::file(labels_path, "labels 1 to 10", label.to_string(), hint));
    }
    let identity = DataIdentity {
        name: format!("stl10, {split}"),
        procedural: false,
        files: vec![DataFile::new(&pictures_path, &planes), DataFile::new(&labels_path, &labels)],
        skipped: Vec::new(),
    };
    let bytes = interleaved(&planes).into();
    let classes = CLASSES.map(str::to_owned).to_vec();
    let labels = labels.iter().map(|&label| u32::from(label) - 1).collect();
    let pictures = Pictures::Bytes { shape: [SIDE, SIDE, 3], bytes };
    PictureSet::new(identity, classes, pictures, labels, Attributes::default())
}

/// Planes that run down columns as interleaved rows.
fn interleaved(planes: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(planes.len());
    for picture in planes.chunks_exact(BYTES) {
        for row in 0..SIDE {
            for column in 0..SIDE {
                bytes.extend([0, 1, 2].map(|channel| picture[(channel * SIDE + column) * SIDE + row]));
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_first_and_labels_count_from_one() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("stl10_binary");
        std::fs::create_dir(&inner).unwrap();
        let mut planes = vec![0_u8; 2 * BYTES];
        // Row 1 of column 0 of the green plane of the second picture.
        planes[BYTES + SIDE * SIDE + 1] = 77;
        std::fs::write(inner.join("test_X.bin"), &planes).unwrap();
        std::fs::write(inner.join("test_y.bin"), [10, 1]).unwrap();
        let set = stl10(folder.path(), Split::Test).unwrap();
        assert_eq!((set.label(0), set.label(1), set.class_names()[9].as_str()), (9, 0, "truck"));
        assert_eq!(set.pixels(1).unwrap().bytes[SIDE * 3 + 1], 77);
        assert!(stl10(folder.path(), Split::Train).unwrap_err().to_string().contains("train_X.bin"));
        std::fs::write(inner.join("test_y.bin"), [10, 1, 1]).unwrap();
        assert!(stl10(folder.path(), Split::Test).unwrap_err().to_string().contains("3 pictures"));
        std::fs::write(inner.join("test_y.bin"), [0, 1]).unwrap();
        assert!(stl10(folder.path(), Split::Test).unwrap_err().to_string().contains("labels 1 to 10"));
    }
}
