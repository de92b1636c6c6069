//! The annotated animals of COCO that the bidirectional gating model was trained on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cache::selected;
use super::{Annotation, Instances, PictureEntry, RunLengths};
use crate::error::{Error, Result};
use crate::stimulus::{DataFile, Split};

/// The ten classes in the order of their labels.
pub const ANIMALS: [&str; 10] =
    ["bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"];
/// An animal must cover more than this share of its picture.
const MIN_AREA: f64 = 1.0 / 64.0;
/// Pictures that the source leaves out.
const LEFT_OUT: [i64; 2] = [258_322, 214_520];

/// One animal in one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnimalEntry {
    pub file_name: String,
    pub mask: RunLengths,
    /// Left, top, width, height in pixels, fractions included.
    pub bbox: [f64; 4],
    /// Index into [`ANIMALS`].
    pub class: u32,
    /// Is it the only one of its class in its picture?
    pub is_alone: bool,
}

/// The animals that a rule leaves, and those that could not be judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnimalSelection {
    pub animals: Vec<AnimalEntry>,
    /// File name and what is wrong with its annotations.
    pub unusable: Vec<(String, String)>,
}

/// Selects animals (no crowds) over 1/64 of their picture, by picture in the order of the file.
pub fn select_animals(instances: &Instances) -> AnimalSelection {
    let classes: BTreeMap<i64, u32> = instances
        .categories
        .iter()
        .filter_map(|category| {
            let class = ANIMALS.iter().position(|name| *name == category.name)?;
            Some((category.id, class as u32))
        })
        .collect();
    let mut of_picture: BTreeMap<i64, Vec<(&Annotation, u32)>> = BTreeMap::new();
    for annotation in instances.annotations.iter().filter(|annotation| annotation.iscrowd == 0) {
        if let Some(&class) = classes.get(&annotation.category_id) {
            of_picture.entry(annotation.image_id).or_default().push((annotation, class));
        }
    }
    let mut selection = AnimalSelection::default();
    for picture in instances.images.iter().filter(|picture| !LEFT_OUT.contains(&picture.id)) {
        let pixels = picture.height as f64 * picture.width as f64;
        let mut animals = of_picture.remove(&picture.id).unwrap_or_default();
        animals.retain(|(annotation, _)| annotation.area / pixels > MIN_AREA);
        for (annotation, class) in &animals {
            let is_alone = animals.iter().filter(|(_, other)| other == class).count() == 1;
            match entry(picture, annotation, *class, is_alone) {
                Ok(entry) => selection.animals.push(entry),
                Err(err) => selection.unusable.push((picture.file_name.clone(), err.to_string())),
            }
        }
    }
    selection
}

fn entry(picture: &PictureEntry, animal: &Annotation, class: u32, is_alone: bool) -> Result<AnimalEntry> {
    let mask = animal.segmentation.mask(picture.height, picture.width)?;
    let Some(bbox) = animal.bbox.or_else(|| outline(&mask)) else {
        return Err(Error::config("mask of an animal", "at least one pixel", "none"));
    };
    if mask.area() == 0 {
        return Err(Error::config("mask of an animal", "at least one pixel", "none"));
    }
    Ok(AnimalEntry { file_name: picture.file_name.clone(), mask, bbox, class, is_alone })
}

/// The box around a mask.
fn outline(mask: &RunLengths) -> Option<[f64; 4]> {
    let rows = mask.rows();
    let set: Vec<[usize; 2]> =
        (0..rows.len()).filter(|&at| rows[at]).map(|at| [at / mask.width(), at % mask.width()]).collect();
    let range = |axis: usize| {
        let values = || set.iter().map(|at| at[axis]);
        Some((values().min()? as f64, values().max()? as f64 + 1.0))
    };
    let ((top, bottom), (left, right)) = (range(0)?, range(1)?);
    Some([left, top, right - left, bottom - top])
}

/// Where the pictures of a split lie, and their annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CocoFolder {
    pub pictures: PathBuf,
    pub annotations: PathBuf,
}

impl CocoFolder {
    /// In `folder`: `annotations/instances_train2017.json` (or there, or of 2014, or `val`), else the one
    /// JSON file there is, which then serves both splits; pictures in `train2017`, in `images`, or there.
    ///
    /// # Errors
    /// [`Error::File`] naming what is missing, [`Error::Io`].
    pub fn find(folder: &Path, split: Split) -> Result<Self> {
        let part = if split == Split::Train { "train" } else { "val" };
        let within = [folder.join("annotations"), folder.to_owned()];
        for year in ["2017", "2014"] {
            let name = format!("instances_{part}{year}.json");
            let found = within.iter().map(|folder| folder.join(&name)).find(|path| path.is_file());
            if let Some(annotations) = found {
                let names = [format!("{part}{year}"), format!("images/{part}{year}"), "images".to_owned()];
                let pictures = names.iter().map(|name| folder.join(name)).find(|path| path.is_dir());
                return Ok(Self { pictures: pictures.unwrap_or_else(|| folder.to_owned()), annotations });
            }
        }
        let mut files = Vec::new();
        for folder in within.iter().filter(|folder| folder.is_dir()) {
            for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
                let path = entry.map_err(Error::io("list", folder))?.path();
                if path.extension().is_some_and(|extension| extension == "json") {
                    files.push(path);
                }
            }
        }
        match files.as_slice() {
            [only] => {
                let images = folder.join("images");
                let pictures = if images.is_dir() { images } else { folder.to_owned() };
                Ok(Self { pictures, annotations: only.clone() })
            }
            _ => Err(Error::file(
                folder,
                format!("annotations/instances_{part}2017.json, or one other JSON file of annotations"),
                format!("{} JSON files", files.len()),
                "name the folder that holds annotations and pictures of COCO",
            )),
        }
    }
}

/// The animals of an annotations file, from its cache where there is one.
///
/// # Errors
/// [`Error::File`] if it cannot be read or holds no such animal.
pub fn read_animals(annotations: &Path) -> Result<(AnimalSelection, DataFile)> {
    let (selection, file) = selected(annotations, "animals", select_animals)?;
    if selection.animals.is_empty() {
        let broken = selection.unusable.first();
        let broken = broken.map_or_else(String::new, |(name, message)| format!("; {name}: {message}"));
        return Err(Error::file(
            annotations,
            format!("{} or others of ten animals", ANIMALS[0]),
            format!("none over 1/64 of its picture{broken}"),
            "use the instances of COCO",
        ));
    }
    Ok((selection, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::coco::{Category, Segmentation};

    fn animal(image_id: i64, category_id: i64, columns: std::ops::Range<usize>) -> Annotation {
        let (before, inside) = (columns.start as u64 * 10, columns.len() as u64 * 10);
        Annotation {
            id: 0,
            image_id,
            category_id,
            iscrowd: 0,
            area: inside as f64,
            bbox: None,
            segmentation: Segmentation::Runs {
                size: [10, 20],
                counts: vec![before, inside, 200 - before - inside],
            },
        }
    }

    fn instances(annotations: Vec<Annotation>) -> Instances {
        let picture = |id: i64| PictureEntry { id, width: 20, height: 10, file_name: format!("{id}.png") };
        let category = |(id, name): (i64, &str)| Category {
            id,
            name: name.to_owned(),
            supercategory: "animal".to_owned(),
        };
        Instances {
            images: [1, 2, 258_322].map(picture).to_vec(),
            annotations,
            categories: [(5, "dog"), (6, "zebra"), (7, "person")].map(category).to_vec(),
        }
    }

    #[test]
    fn animals_are_chosen_by_class_size_and_company() {
        let crowd = Annotation { iscrowd: 1, ..animal(2, 5, 0..9) };
        // 3 of 200 pixels are less than 1/64.
        let tiny = Annotation { area: 3.0, ..animal(2, 5, 10..11) };
        let annotations = vec![
            animal(1, 5, 0..5),
            animal(1, 6, 5..9),
            animal(1, 5, 10..12),
            animal(2, 5, 3..7),
            animal(2, 7, 0..9),
            animal(258_322, 5, 0..9),
            crowd,
            tiny,
        ];
        let selection = select_animals(&instances(annotations));
        let found: Vec<(&str, u32, bool)> = (selection.animals.iter())
            .map(|animal| (animal.file_name.as_str(), animal.class, animal.is_alone))
            .collect();
        assert_eq!(found, [("1.png", 2, false), ("1.png", 8, true), ("1.png", 2, false), ("2.png", 2, true)]);
        assert_eq!(selection.animals[1].bbox, [5.0, 0.0, 4.0, 10.0]);
        let kept: AnimalSelection =
            serde_json::from_str(&serde_json::to_string(&selection).unwrap()).unwrap();
        assert_eq!(kept, selection);
    }

    #[test]
    fn broken_masks_are_reported() {
        let segmentation = Segmentation::Runs { size: [10, 20], counts: vec![3] };
        let selection = select_animals(&instances(vec![Annotation { segmentation, ..animal(1, 5, 0..5) }]));
        assert_eq!((selection.animals.len(), selection.unusable[0].0.as_str()), (0, "1.png"));
    }

    #[test]
    fn folders_are_found_as_coco_is_unpacked_or_by_their_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let message = CocoFolder::find(root, Split::Train).unwrap_err().to_string();
        assert!(message.contains("instances_train2017.json") && message.contains("0 JSON"), "{message}");
        std::fs::write(root.join("instances_mini.json"), "{}").unwrap();
        std::fs::create_dir(root.join("images")).unwrap();
        let found = CocoFolder::find(root, Split::Test).unwrap();
        assert_eq!(
            (found.pictures, found.annotations),
            (root.join("images"), root.join("instances_mini.json"))
        );
        std::fs::create_dir_all(root.join("annotations")).unwrap();
        std::fs::create_dir(root.join("val2017")).unwrap();
        std::fs::write(root.join("annotations/instances_val2017.json"), "{}").unwrap();
        let found = CocoFolder::find(root, Split::Test).unwrap();
        assert_eq!(found.pictures, root.join("val2017"));
        assert!(CocoFolder::find(root, Split::Train).is_err());
    }
}
