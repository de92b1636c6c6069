//! CIFAR-10 and CIFAR-100: the binary version or the pickled batches for Python.

use std::path::{Path, PathBuf};

use super::super::picture_set::{Attributes, PictureSet, Pictures};
use super::super::{DataFile, DataIdentity, Split};
use crate::checkpoint::{Pickled, read_pickled};
use crate::error::{Error, Result};
use crate::files;

/// Rows and columns of a picture.
const SIDE: usize = 32;
/// Planes of red, green and blue.
const BYTES: usize = 3 * SIDE * SIDE;
/// The training pictures of CIFAR-100 take 155 MB.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// One of the two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cifar {
    Ten,
    /// With its hundred fine classes.
    Hundred,
}

impl Cifar {
    fn name(self) -> &'static str {
        match self {
            Self::Ten => "cifar10",
            Self::Hundred => "cifar100",
        }
    }

    fn n_classes(self) -> usize {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
        }
    }

    /// Folders of the binary version and of that for Python.
    fn folders(self) -> [&'static str; 2] {
        match self {
            Self::Ten => ["cifar-10-batches-bin", "cifar-10-batches-py"],
            Self::Hundred => ["cifar-100-binary", "cifar-100-python"],
        }
    }

    /// Files of a split without their extension.
    fn batches(self, split: Split) -> Vec<String> {
        match (self, split) {
            (Self::Ten, Split::Train) => (1..=5).map(|batch| format!("data_batch_{batch}")).collect(),
            (Self::Ten, Split::Test) => vec!["test_batch".to_owned()],
            (Self::Hundred, split) => vec![split.to_string()],
        }
    }

    /// Labels before the pixels of a picture in the binary version; the last counts.
    fn n_labels(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred => 2,
        }
    }

    fn label_key(self) -> &'static str {
        match self {
            Self::Ten => "labels",
            Self::Hundred => "fine_labels",
        }
    }
}

/// The pictures of a split in `folder` or in the usual folder inside it.
///
/// # Errors
/// [`Error::File`] naming the file and what it should hold, [`Error::Io`].
pub fn cifar(folder: &Path, which: Cifar, split: Split) -> Result<PictureSet> {
    let names = which.batches(split);
    let (root, is_binary) = find(folder, which, &names)?;
    let (mut planes, mut labels, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for name in &names {
        let path = if is_binary { root.join(format!("{name}.bin")) } else { root.join(name) };
        let file = match is_binary {
            true => read_binary(&path, which, &mut planes, &mut labels)?,
            false => read_batch(&path, which, &mut planes, &mut labels)?,
        };
        read.push(file);
    }
    if let Some(label) = labels.iter().find(|&&label| label as usize >= which.n_classes()) {
        let expected = format!("labels below {}", which.n_classes());
        return Err(Error::file(root, expected, label.to_string(), "use the files as published"));
    }
    let identity = DataIdentity {
        name: format!("{}, {split}", which.name()),
        procedural: false,
        files: read,
        skipped: Vec::new(),
    };
    let pictures = Pictures::Bytes { shape: [SIDE, SIDE, 3], bytes: interleaved(&planes).into() };
    let class_names = class_names(&root, which, is_binary);
    PictureSet::new(identity, class_names, pictures, labels, Attributes::default())
}

/// The folder with the files, and whether they are of the binary version.
fn find(folder: &Path, which: Cifar, names: &[String]) -> Result<(PathBuf, bool)> {
    let [binary, python] = which.folders();
    let first = names.first().map(String::as_str).unwrap_or_default();
    for root in [folder.to_owned(), folder.join(binary), folder.join(python)] {
        for (name, is_binary) in [(format!("{first}.bin"), true), (first.to_owned(), false)] {
            if root.join(name).is_file() {
                return Ok((root, is_binary));
            }
        }
    }
    let expected = format!("{first}.bin or {first}, there or in {binary} or {python}");
    Err(Error::file(folder, expected, "neither", "unpack the archive and name its folder"))
}

fn read_binary(path: &Path, which: Cifar, planes: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<DataFile> {
    let file = files::read(path, MAX_FILE_BYTES)?;
    let row = which.n_labels() + BYTES;
    if file.is_empty() || !file.len().is_multiple_of(row) {
        let expected = format!("rows of {row} bytes");
        return Err(Error::file(path, expected, format!("{} bytes", file.len()), "get the file again"));
    }
    for row in file.chunks_exact(row) {
        labels.push(u32::from(row[which.n_labels() - 1]));
        planes.extend(&row[which.n_labels()..]);
    }
    Ok(DataFile::new(path, &file))
}

fn read_batch(path: &Path, which: Cifar, planes: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<DataFile> {
    let (mut table, file) = read_pickled(path, MAX_FILE_BYTES)?;
    let hint = "use the files as published";
    let found = |value: Option<&Pickled>| value.map_or_else(|| "none".to_owned(), Pickled::kind);
    let (data, own) = (table.remove("data"), table.remove(which.label_key()));
    let Some(Pickled::Integers(own)) = own else {
        let expected = format!("a list of integers under {:?}", which.label_key());
        return Err(Error::file(path, expected, found(own.as_ref()), hint));
    };
    let expected = format!("an array of bytes [{}, {BYTES}] under \"data\"", own.len());
    match data {
        Some(Pickled::Bytes { shape, bytes }) if shape == [own.len(), BYTES] => planes.extend(bytes),
        other => return Err(Error::file(path, expected, found(other.as_ref()), hint)),
    }
    for label in own {
        let Ok(label) = u32::try_from(label) else {
            return Err(Error::file(path, "labels from 0", label.to_string(), hint));
        };
        labels.push(label);
    }
    Ok(file)
}

/// Names beside the data, else numbers.
fn class_names(root: &Path, which: Cifar, is_binary: bool) -> Vec<String> {
    let listed = match (which, is_binary) {
        (Cifar::Ten, true) => text_list(&root.join("batches.meta.txt")),
        (Cifar::Hundred, true) => text_list(&root.join("fine_label_names.txt")),
        (Cifar::Ten, false) => pickled_list(&root.join("batches.meta"), "label_names"),
        (Cifar::Hundred, false) => pickled_list(&root.join("meta"), "fine_label_names"),
    };
    let numbers = || (0..which.n_classes()).map(|class| class.to_string()).collect();
    listed.filter(|names| names.len() == which.n_classes()).unwrap_or_else(numbers)
}

fn text_list(path: &Path) -> Option<Vec<String>> {
    let text = files::read_text(path, 1 << 16).ok()?;
    Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn pickled_list(path: &Path, key: &str) -> Option<Vec<String>> {
    match read_pickled(path, 1 << 16).ok()?.0.remove(key)? {
        Pickled::Texts(names) => Some(names),
        _ => None,
    }
}

fn interleaved(planes: &[u8]) -> Vec<u8> {
    let plane = SIDE * SIDE;
    let picture = |picture: &[u8]| -> Vec<u8> {
        (0..plane).flat_map(|at| [0, 1, 2].map(|channel| picture[channel * plane + at])).collect()
    };
    planes.chunks_exact(BYTES).flat_map(picture).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row whose second pixel is (5, 6, 250).
    fn row(labels: &[u8]) -> Vec<u8> {
        let mut row = labels.to_vec();
        let mut planes = vec![0; BYTES];
        for (channel, value) in [5, 6, 250].into_iter().enumerate() {
            planes[channel * SIDE * SIDE + 1] = value;
        }
        row.extend(planes);
        row
    }

    #[test]
    fn binary_rows_are_labels_and_planes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cifar-10-batches-bin");
        std::fs::create_dir(&root).unwrap();
        for batch in 1..=5 {
            std::fs::write(root.join(format!("data_batch_{batch}.bin")), row(&[batch])).unwrap();
        }
        let names: Vec<String> = (0..10).map(|class| format!("class{class}")).collect();
        std::fs::write(root.join("batches.meta.txt"), names.join("\n") + "\n\n").unwrap();
        let set = cifar(folder.path(), Cifar::Ten, Split::Train).unwrap();
        assert_eq!((set.len(), set.label(4), set.class_names()[3].as_str()), (5, 5, "class3"));
        assert_eq!(set.pixels(2).unwrap().bytes[3..6], [5, 6, 250]);
        assert_eq!(set.identity().files.len(), 5);
        let message = cifar(folder.path(), Cifar::Ten, Split::Test).unwrap_err().to_string();
        assert!(message.contains("test_batch.bin"), "{message}");
        std::fs::write(root.join("test_batch.bin"), &row(&[1])[1..]).unwrap();
        let message = cifar(&root, Cifar::Ten, Split::Test).unwrap_err().to_string();
        assert!(message.contains("rows of 3073 bytes"), "{message}");
        std::fs::write(root.join("test_batch.bin"), row(&[10])).unwrap();
        assert!(cifar(&root, Cifar::Ten, Split::Test).unwrap_err().to_string().contains("below 10"));
    }

    #[test]
    fn the_fine_class_counts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train.bin"), row(&[7, 99])).unwrap();
        let set = cifar(folder.path(), Cifar::Hundred, Split::Train).unwrap();
        assert_eq!((set.label(0), set.class_names().len()), (99, 100));
    }

    #[test]
    fn pickled_batches_are_read_as_data() {
        let folder = tempfile::tempdir().unwrap();
        let mut pickle = b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\n".to_vec();
        pickle.extend(b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x01M\x00\x0c\x86");
        pickle.extend(b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R\x89T");
        pickle.extend((BYTES as u32).to_le_bytes());
        pickle.extend(&row(&[]));
        pickle.extend(b"tbU\x0bfine_labels](K\x2aeu.");
        std::fs::write(folder.path().join("test"), &pickle).unwrap();
        let set = cifar(folder.path(), Cifar::Hundred, Split::Test).unwrap();
        assert_eq!((set.label(0), set.pixels(0).unwrap().bytes[3..6].to_vec()), (42, vec![5, 6, 250]));
        let at = pickle.windows(4).position(|window| window == b"fine").unwrap();
        pickle[at] = b'F';
        std::fs::write(folder.path().join("test"), &pickle).unwrap();
        let message = cifar(folder.path(), Cifar::Hundred, Split::Test).unwrap_err().to_string();
        assert!(message.contains("fine_labels") && message.contains("found none"), "{message}");
    }
}
