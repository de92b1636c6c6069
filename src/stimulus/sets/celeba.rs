//! CelebA: aligned faces with forty attributes, listed in text files.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::picture_set::{Attributes, PictureSet, Pictures};
use super::super::{DataFile, DataIdentity, Split};
use crate::error::{Error, Result};
use crate::files;

/// The list of attributes takes 26 MB.
const MAX_LIST_BYTES: u64 = 256 << 20;
const ATTRIBUTES: &str = "list_attr_celeba.txt";
const PARTITION: &str = "list_eval_partition.txt";
const PICTURES: &str = "img_align_celeba";

/// The parts that the list of parts tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CelebaPart {
    Training,
    Validation,
    Test,
}

impl CelebaPart {
    /// What the list calls it, and its name.
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Training => ["0", "train"],
            Self::Validation => ["1", "validation"],
            Self::Test => ["2", "test"],
        }
    }
}

/// The faces of a split; as [`celeba_part`].
///
/// # Errors
/// As [`celeba_part`].
pub fn celeba(folder: &Path, split: Split) -> Result<PictureSet> {
    celeba_part(folder, if split == Split::Train { CelebaPart::Training } else { CelebaPart::Test })
}

/// The faces of a part in `folder` or its `celeba`: `img_align_celeba/*.jpg`, `list_attr_celeba.txt` and
/// `list_eval_partition.txt` (0 training, 1 validation, 2 test). All belong to one class.
///
/// # Errors
/// [`Error::File`] naming the file and the line that does not fit, [`Error::Io`].
pub fn celeba_part(folder: &Path, part: CelebaPart) -> Result<PictureSet> {
    let inner = folder.join("celeba");
    let root = if inner.is_dir() { inner } else { folder.to_owned() };
    let (attributes_path, partition_path) = (root.join(ATTRIBUTES), root.join(PARTITION));
    let attributes = files::read_text(&attributes_path, MAX_LIST_BYTES)?;
    let partition = files::read_text(&partition_path, MAX_LIST_BYTES)?;
    let [wanted, part_name] = part.names();
    let mut parts: BTreeMap<&str, &str> = BTreeMap::new();
    for line in partition.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(part), None) = (words.next(), words.next(), words.next()) else {
            let hint = "use the list as published";
            return Err(Error::file(&partition_path, "a picture's name and 0, 1 or 2", line, hint));
        };
        parts.insert(name, part);
    }
    let mut lines = attributes.lines();
    let announced = lines.next().and_then(|line| line.trim().parse::<usize>().ok());
    let names: Vec<String> = lines.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let (Some(announced), false) = (announced, names.is_empty()) else {
        let expected = "the number of pictures, then the names of the attributes";
        let found = attributes.lines().next().unwrap_or_default();
        return Err(Error::file(&attributes_path, expected, found, "use the list as published"));
    };
    let (mut paths, mut values, mut n_lines) = (Vec::new(), Vec::new(), 0);
    for line in lines.filter(|line| !line.trim().is_empty()) {
        n_lines += 1;
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let signs: Option<Vec<u8>> = words.map(sign).collect();
        let Some(signs) = signs.filter(|signs| signs.len() == names.len()) else {
            let expected = format!("{} numbers of 1 or -1 for {name}", names.len());
            return Err(Error::file(&attributes_path, expected, line, "use the list as published"));
        };
        if parts.get(name) == Some(&wanted) {
            paths.push(root.join(PICTURES).join(name));
            values.extend(signs);
        }
    }
    if n_lines != announced {
        let (expected, found) =
            (format!("{announced} pictures, as its first line says"), n_lines.to_string());
        return Err(Error::file(&attributes_path, expected, found, "get the list again"));
    }
    if paths.is_empty() {
        let expected = format!("pictures of the part {wanted} that {ATTRIBUTES} lists");
        return Err(Error::file(&partition_path, expected, "none", "use the lists of one release"));
    }
    let identity = DataIdentity {
        name: format!("celeba, {part_name}"),
        procedural: false,
        files: vec![
            DataFile::new(&attributes_path, attributes.as_bytes()),
            DataFile::new(&partition_path, partition.as_bytes()),
        ],
        skipped: Vec::new(),
    };
    let labels = vec![0; paths.len()];
    let pictures = Pictures::Files(paths.into());
    PictureSet::new(identity, vec!["face".to_owned()], pictures, labels, Attributes { names, values })
}

fn sign(word: &str) -> Option<u8> {
    match word {
        "1" => Some(1),
        "-1" | "0" => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_parts_are_read_from_their_lists() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("celeba");
        std::fs::create_dir_all(root.join(PICTURES)).unwrap();
        let write = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
        write(ATTRIBUTES, "3\nBald Smiling\n1.jpg -1  1\n2.jpg  1 -1\n3.jpg  1  1\n");
        write(PARTITION, "1.jpg 0\n2.jpg 2\n3.jpg 0\n");
        image::RgbImage::from_pixel(2, 3, image::Rgb([9, 9, 9]))
            .save(root.join(PICTURES).join("1.jpg"))
            .unwrap();
        let set = celeba(folder.path(), Split::Train).unwrap();
        assert_eq!((set.len(), set.attribute_names().join(" ").as_str()), (2, "Bald Smiling"));
        assert_eq!(
            [set.has_attribute(0, 0), set.has_attribute(0, 1), set.has_attribute(1, 0)],
            [false, true, true]
        );
        assert_eq!(set.pixels(0).unwrap().shape, [3, 2, 3]);
        let missing = set.pixels(1).unwrap_err().to_string();
        assert!(missing.contains("3.jpg"), "{missing}");
        assert_eq!(celeba(&root, Split::Test).unwrap().len(), 1);
        for (text, said) in [
            ("3\nBald Smiling\n1.jpg -1\n", "2 numbers"),
            ("2\nBald\n1.jpg -1\n", "2 pictures"),
            ("Bald\n", "number of pictures"),
        ] {
            write(ATTRIBUTES, text);
            let message = celeba(folder.path(), Split::Train).unwrap_err().to_string();
            assert!(message.contains(said) && message.contains(ATTRIBUTES), "{message}");
        }
    }
}
