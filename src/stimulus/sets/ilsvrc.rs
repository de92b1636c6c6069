//! The validation pictures of ILSVRC as they are published: one folder, and a list of their classes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::picture_set::PictureSet;
use super::class_folders::{Listing, listed_folder, named};
use crate::error::{Error, Result};
use crate::files;

/// Largest list that is read.
const MAX_LIST_BYTES: u64 = 64 << 20;
/// Folder of the pictures beside the list, where the list does not lie among them.
pub(super) const PICTURES: &str = "val";
/// Lists of classes, in the order in which they are looked for.
const LISTS: [&str; 5] = [
    "LOC_val_solution.csv",
    "val.txt",
    "val_labels.txt",
    "labels.txt",
    "ILSVRC2012_validation_ground_truth.txt",
];
/// Lists of synsets in the order of the classes, with their names.
const SYNSETS: [&str; 3] = ["LOC_synset_mapping.txt", "synset_words.txt", "synsets.txt"];

/// The list of classes of a folder.
pub(super) fn list_in(folder: &Path) -> Option<PathBuf> {
    LISTS.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Pictures in `folder` or its `val`, with one of these lists in `folder`: `LOC_val_solution.csv`
/// (`name,synset …`), or a text with `name synset` or `name number` on every line (`val.txt`,
/// `val_labels.txt`, `labels.txt`). Classes are numbered in the order of `LOC_synset_mapping.txt`,
/// `synset_words.txt` or `synsets.txt`, else of the sorted synsets; numbers count from 0.
///
/// # Errors
/// [`Error::File`] naming the list and the line that does not fit, [`Error::Io`]. The numbers of
/// `ILSVRC2012_validation_ground_truth.txt` are refused: they are not those of networks' outputs.
pub fn ilsvrc_val(folder: &Path) -> Result<PictureSet> {
    let Some(list) = list_in(folder) else {
        let expected = format!("one of the lists {}", LISTS[..4].join(", "));
        return Err(Error::file(folder, expected, "none", "put the list of classes beside the pictures"));
    };
    if list.ends_with(LISTS[4]) {
        let hint = "write them as name and synset into val.txt";
        return Err(Error::file(
            &list,
            "classes by synset or by output",
            "numbers of the development kit",
            hint,
        ));
    }
    let inner = folder.join(PICTURES);
    let pictures = if inner.is_dir() { inner } else { folder.to_owned() };
    let text = files::read_text(&list, MAX_LIST_BYTES)?;
    let separators: &[char] = if list.ends_with(LISTS[0]) { &[',', ' '] } else { &[' ', '\t', ','] };
    let lines: Vec<(usize, &str)> =
        text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()).collect();
    let is_header = |line: &str| line.to_lowercase().starts_with("imageid");
    let entries: Vec<(usize, Vec<&str>)> = (lines.into_iter())
        .filter(|(at, line)| *at > 0 || !is_header(line))
        .map(|(at, line)| (at + 1, line.split(separators).filter(|word| !word.is_empty()).collect()))
        .collect();
    let by_synset =
        entries.first().is_some_and(|(_, words)| words.get(1).is_some_and(|word| is_synset(word)));
    if !by_synset {
        return listed_folder(&pictures, &list);
    }
    let found: BTreeSet<&str> = entries.iter().filter_map(|(_, words)| words.get(1).copied()).collect();
    let classes = match SYNSETS.iter().map(|name| folder.join(name)).find(|path| path.is_file()) {
        Some(path) => synsets(&path)?,
        None => found.iter().map(|synset| ((*synset).to_owned(), (*synset).to_owned())).collect(),
    };
    let numbers: BTreeMap<&str, u32> =
        classes.iter().zip(0..).map(|((synset, _), number)| (synset.as_str(), number)).collect();
    let mut listing = Listing::default();
    for (line, words) in &entries {
        let (Some(name), Some(synset)) = (words.first(), words.get(1)) else {
            let found = format!("{words:?} in line {line}");
            return Err(Error::file(
                &list,
                "a picture's name and its synset",
                found,
                "use the list as published",
            ));
        };
        let Some(&number) = numbers.get(synset) else {
            let found = format!("{synset} in line {line}");
            return Err(Error::file(
                &list,
                "synsets of the list of classes",
                found,
                "use lists of one release",
            ));
        };
        let file = if name.contains('.') { (*name).to_owned() } else { format!("{name}.JPEG") };
        listing.add(vec![pictures.join(file)], number);
    }
    listing.finish(&pictures, named(folder), classes.into_iter().map(|(_, name)| name).collect())
}

fn is_synset(word: &str) -> bool {
    word.strip_prefix('n')
        .is_some_and(|digits| digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Synsets with the first of their names, in the order of the classes.
fn synsets(path: &Path) -> Result<Vec<(String, String)>> {
    let text = files::read_text(path, MAX_LIST_BYTES)?;
    let entry = |(at, line): (usize, &str)| {
        let (synset, names) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        if !is_synset(synset) {
            let found = format!("{line:?} in line {}", at + 1);
            return Err(Error::file(
                path,
                "a synset such as n01440764 on every line",
                found,
                "use it as published",
            ));
        }
        let first = names.split(',').next().unwrap_or_default().trim();
        let name = if first.is_empty() { synset } else { first };
        Ok((synset.to_owned(), name.to_owned()))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(pictures: &str, lists: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join(pictures)).unwrap();
        for number in 1..=3 {
            let path = folder.path().join(pictures).join(format!("ILSVRC2012_val_{number:08}.JPEG"));
            std::fs::write(path, "x").unwrap();
        }
        for (name, text) in lists {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn labels(set: &PictureSet) -> Vec<u32> {
        (0..set.len()).map(|index| set.label(index)).collect()
    }

    #[test]
    fn classes_are_numbered_by_sorted_synsets_or_by_their_list() {
        let solution = "ImageId,PredictionString\n\
                        ILSVRC2012_val_00000002,n02000000 1 2 3 4 n02000000 5 6 7 8\n\
                        ILSVRC2012_val_00000001,n01000000 1 2 3 4\n";
        let sorted = folder("val", &[(LISTS[0], solution)]);
        let set = ilsvrc_val(sorted.path()).unwrap();
        assert_eq!(
            (labels(&set), set.class_names().join(" ")),
            (vec![1, 0], "n01000000 n02000000".to_owned())
        );
        assert_eq!(set.name_of(0), "ILSVRC2012_val_00000002.JPEG");
        let mapping = "n00000001 a\nn02000000 b, c\nn01000000 kit fox\n";
        let named = folder("", &[(LISTS[0], solution), (SYNSETS[0], mapping)]);
        let set = ilsvrc_val(named.path()).unwrap();
        assert_eq!((labels(&set), set.class_names()[2].as_str()), (vec![1, 2], "kit fox"));
        assert_eq!(super::super::SetKind::found_in(named.path()), Some(super::super::SetKind::IlsvrcVal));
    }

    #[test]
    fn plain_lists_give_numbers_or_synsets() {
        let numbers = "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000003.JPEG 2\n";
        let set = ilsvrc_val(folder("", &[("val.txt", numbers)]).path()).unwrap();
        assert_eq!((labels(&set), set.class_names().len()), (vec![65, 2], 66));
        let synsets = "ILSVRC2012_val_00000001.JPEG n00000007\n";
        let set = ilsvrc_val(folder("", &[("val_labels.txt", synsets)]).path()).unwrap();
        assert_eq!(labels(&set), [0]);
    }

    #[test]
    fn what_cannot_be_numbered_is_refused() {
        let message = |lists: &[(&str, &str)]| ilsvrc_val(folder("", lists).path()).unwrap_err().to_string();
        assert!(message(&[]).contains("val.txt"));
        assert!(message(&[(LISTS[4], "490\n361\n171\n")]).contains("development kit"));
        let two = [("val.txt", "a.JPEG n00000001\nb.JPEG n00000002\n"), (SYNSETS[2], "n00000001\n")];
        assert!(message(&two).contains("n00000002 in line 2"));
        assert!(message(&[("val.txt", "a.JPEG n00000001\nb.JPEG\n")]).contains("line 2"));
    }
}
