//! Trees of pictures: one folder per class, faces by identity, or one folder with a list of classes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::super::image_file::pictures_in;
use super::super::picture_set::{Attributes, PictureSet, Pictures};
use super::super::{DataFile, DataIdentity, Split};
use crate::error::{Error, Result};
use crate::files;

/// Largest list of classes that is read.
const MAX_LIST_BYTES: u64 = 64 << 20;
/// Share of an identity's pictures that is trained on (VGGFace2 loader of the BLT source).
const TRAINED_SHARE: f64 = 0.9;

/// One folder per class, in the order of their names; the name is the class.
///
/// Looks in `train`, or in `val`, `validation` or `test`, where `folder` has such folders.
///
/// # Errors
/// [`Error::File`] naming the folder that lacks classes or pictures, [`Error::Io`].
pub fn class_folders(folder: &Path, split: Split) -> Result<PictureSet> {
    let root = split_folder(folder, split);
    let classes = folders_in(&root)?;
    let mut listing = Listing::default();
    for (label, class) in classes.iter().enumerate() {
        listing.add(pictures_in(class)?, label as u32);
    }
    listing.finish(&root, format!("{}, {split}", named(folder)), names(&classes))
}

/// Faces: one folder per identity under `train`, of which the first `n_identities` are taken (0: all).
/// The first nine tenths of the pictures of each, by name, are trained on and the others held out.
///
/// # Errors
/// As [`class_folders`].
pub fn identities(folder: &Path, split: Split, n_identities: usize) -> Result<PictureSet> {
    let root = split_folder(folder, Split::Train);
    let mut classes = folders_in(&root)?;
    if n_identities > 0 {
        classes.truncate(n_identities);
    }
    let mut listing = Listing::default();
    for (label, class) in classes.iter().enumerate() {
        let pictures = pictures_in(class)?;
        let trained = (pictures.len() as f64 * TRAINED_SHARE) as usize;
        let (first, rest) = pictures.split_at(trained);
        listing.add(if split == Split::Train { first } else { rest }.to_vec(), label as u32);
    }
    listing.finish(&root, format!("{}, identities, {split}", named(folder)), names(&classes))
}

/// One folder of pictures and a text file with a line per picture: its class number alone (pictures by
/// name), or its file name and its class number.
///
/// # Errors
/// [`Error::File`] naming the line that does not fit, [`Error::Io`].
pub fn listed_folder(folder: &Path, list: &Path) -> Result<PictureSet> {
    let text = files::read_text(list, MAX_LIST_BYTES)?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let wrong = |line: &str| {
        let expected = "a class number, or a file name and a class number, on every line";
        Error::file(list, expected, format!("{line:?}"), "write 0 for the first class")
    };
    let mut pictures = Vec::with_capacity(lines.len());
    let mut labels = Vec::with_capacity(lines.len());
    for line in &lines {
        let label = line.split_whitespace().next_back().and_then(|word| word.parse::<u32>().ok());
        labels.push(label.ok_or_else(|| wrong(line))?);
        if let Some((name, _)) = line.rsplit_once(char::is_whitespace) {
            pictures.push(folder.join(name.trim()));
        }
    }
    if pictures.is_empty() {
        pictures = pictures_in(folder)?;
    }
    if pictures.len() != labels.len() {
        let expected = format!("{} lines, one per picture of {}", pictures.len(), folder.display());
        return Err(Error::file(list, expected, labels.len().to_string(), "choose the list of this folder"));
    }
    let n_classes = labels.iter().max().map_or(0, |&top| top as usize + 1);
    let mut listing = Listing::default();
    for (picture, &label) in pictures.into_iter().zip(&labels) {
        listing.add(vec![picture], label);
    }
    listing.finish(folder, named(folder), (0..n_classes).map(|class| class.to_string()).collect())
}

/// The folder of a split inside `folder`, or `folder` itself.
fn split_folder(folder: &Path, split: Split) -> PathBuf {
    let names: &[&str] = match split {
        Split::Train => &["train"],
        Split::Test => &["val", "validation", "test"],
    };
    names.iter().map(|name| folder.join(name)).find(|path| path.is_dir()).unwrap_or_else(|| folder.to_owned())
}

/// Folders by name, without hidden ones.
fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = entry.map_err(Error::io("list", folder))?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !is_hidden {
            folders.push(path);
        }
    }
    if folders.is_empty() {
        let hint = "name the folder that holds one folder of pictures per class";
        return Err(Error::file(folder, "folders named after classes", "none", hint));
    }
    folders.sort();
    Ok(folders)
}

pub(super) fn named(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn names(folders: &[PathBuf]) -> Vec<String> {
    folders.iter().map(|folder| named(folder)).collect()
}

/// Pictures with their classes as they are found.
#[derive(Default)]
pub(super) struct Listing {
    paths: Vec<PathBuf>,
    labels: Vec<u32>,
}

impl Listing {
    pub(super) fn add(&mut self, pictures: Vec<PathBuf>, label: u32) {
        self.labels.extend(std::iter::repeat_n(label, pictures.len()));
        self.paths.extend(pictures);
    }

    /// Pictures are identified by their names and sizes: reading them all would take as long as training.
    pub(super) fn finish(self, root: &Path, name: String, class_names: Vec<String>) -> Result<PictureSet> {
        let mut text = String::new();
        for path in &self.paths {
            let size = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
            let inner = path.strip_prefix(root).unwrap_or(path);
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{} {size}", inner.display());
        }
        let listing = DataFile {
            name: "names and sizes of the pictures".to_owned(),
            sha256: files::sha256_bytes(text.as_bytes()),
        };
        let identity = DataIdentity { name, procedural: false, files: vec![listing], skipped: Vec::new() };
        let pictures = Pictures::Files(self.paths.into());
        PictureSet::new(identity, class_names, pictures, self.labels, Attributes::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(path: &Path, grey: u8) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(3, 2, image::Luma([grey])).save(path).unwrap();
    }

    #[test]
    fn folders_are_classes_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for (name, grey) in
            [("train/n02/b.png", 2), ("train/n01/a.png", 1), ("train/n02/a.png", 3), ("val/n01/x.png", 9)]
        {
            png(&folder.path().join(name), grey);
        }
        let set = class_folders(folder.path(), Split::Train).unwrap();
        assert_eq!(set.class_names(), ["n01", "n02"]);
        let seen: Vec<(u32, u8)> = (0..3).map(|i| (set.label(i), set.pixels(i).unwrap().bytes[0])).collect();
        assert_eq!(seen, [(0, 1), (1, 3), (1, 2)]);
        assert_eq!(class_folders(folder.path(), Split::Test).unwrap().len(), 1);
        assert!(set.identity().files[0].sha256.len() == 64);
        std::fs::create_dir(folder.path().join("train/n03")).unwrap();
        let message = class_folders(folder.path(), Split::Train).unwrap_err().to_string();
        assert!(message.contains("n03") && message.contains("found none"), "{message}");
        let message = class_folders(&folder.path().join("val/n01"), Split::Train).unwrap_err().to_string();
        assert!(message.contains("folders named after classes"), "{message}");
    }

    #[test]
    fn identities_hold_out_their_last_tenth() {
        let folder = tempfile::tempdir().unwrap();
        for identity in ["n000001", "n000002", "n000003"] {
            for number in 0..11 {
                png(&folder.path().join(format!("train/{identity}/{number:04}_01.png")), number);
            }
        }
        let [train, test] = [Split::Train, Split::Test].map(|split| identities(folder.path(), split, 2));
        let (train, test) = (train.unwrap(), test.unwrap());
        assert_eq!((train.len(), test.len(), train.class_names().len()), (18, 4, 2));
        assert_eq!((test.pixels(0).unwrap().bytes[0], test.label(3)), (9, 1));
    }

    #[test]
    fn a_list_gives_classes_to_a_flat_folder() {
        let folder = tempfile::tempdir().unwrap();
        png(&folder.path().join("v1.png"), 1);
        png(&folder.path().join("v2.png"), 2);
        let list = folder.path().join("labels.txt");
        std::fs::write(&list, "3\n0\n").unwrap();
        let set = listed_folder(folder.path(), &list).unwrap();
        assert_eq!((set.label(0), set.label(1), set.class_names().len()), (3, 0, 4));
        std::fs::write(&list, "v2.png 1\nv1.png 0\n").unwrap();
        let set = listed_folder(folder.path(), &list).unwrap();
        assert_eq!((set.label(0), set.pixels(0).unwrap().bytes[0]), (1, 2));
        std::fs::write(&list, "1\n").unwrap();
        assert!(listed_folder(folder.path(), &list).unwrap_err().to_string().contains("2 lines"));
        std::fs::write(&list, "one\ntwo\n").unwrap();
        assert!(listed_folder(folder.path(), &list).unwrap_err().to_string().contains("\"one\""));
    }
}
