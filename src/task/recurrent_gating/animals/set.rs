//! Annotated animals by number: those of COCO, or schematic faces and objects in their place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::backgrounds::Backgrounds;
use super::instance::Instance;
use crate::error::{Error, Result};
use crate::rng::{self, Chance};
use crate::stimulus::sets::{schematic_classes, schematic_scene};
use crate::stimulus::{Broken, DataIdentity, Image, Split, readable};
use crate::task::coco::{ANIMALS, AnimalEntry, CocoFolder, annotated_picture, picture_path, read_animals};

/// Distractors of a grid.
const OTHERS: usize = 3;

/// Animals and what they are laid over. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Animals {
    pub set: AnimalSet,
    pub backgrounds: Backgrounds,
}

/// Annotated animals. Cheap to clone and to take parts of.
#[derive(Clone, Debug)]
pub struct AnimalSet {
    identity: DataIdentity,
    source: Source,
    /// Which animal each index of this set is.
    order: Arc<[u32]>,
    /// Indices of this set whose picture shows no other animal of the class.
    alone: Arc<[u32]>,
    /// Indices of this set by class.
    by_class: Arc<[Vec<u32>]>,
}

#[derive(Clone, Debug)]
enum Source {
    Coco { pictures: PathBuf, entries: Arc<[AnimalEntry]> },
    Drawn { seed: u64, split: Split },
}

impl Source {
    fn class(&self, stored: u32) -> u32 {
        match self {
            Self::Coco { entries, .. } => entries[stored as usize].class,
            Self::Drawn { .. } => stored % ANIMALS.len() as u32,
        }
    }

    fn is_alone(&self, stored: u32) -> bool {
        match self {
            Self::Coco { entries, .. } => entries[stored as usize].is_alone,
            Self::Drawn { .. } => true,
        }
    }

    /// What animals of one picture share.
    fn picture(&self, stored: u32) -> String {
        match self {
            Self::Coco { entries, .. } => entries[stored as usize].file_name.clone(),
            Self::Drawn { .. } => stored.to_string(),
        }
    }
}

impl AnimalSet {
    fn new(identity: DataIdentity, source: Source, order: Vec<u32>) -> Self {
        let mut by_class = vec![Vec::new(); ANIMALS.len()];
        for (index, &stored) in (0..).zip(&order) {
            by_class[source.class(stored) as usize].push(index);
        }
        let alone = (0..).zip(&order).filter(|(_, stored)| source.is_alone(**stored)).map(|(index, _)| index);
        Self { identity, alone: alone.collect(), order: order.into(), by_class: by_class.into(), source }
    }

    /// The animals of a split of COCO in `folder`.
    ///
    /// # Errors
    /// As [`CocoFolder::find`] and [`read_animals`].
    pub fn open(folder: &Path, split: Split) -> Result<Self> {
        Self::of_coco(CocoFolder::find(folder, split)?, split)
    }

    fn of_coco(found: CocoFolder, split: Split) -> Result<Self> {
        let (selection, file) = read_animals(&found.annotations)?;
        for (name, reason) in &selection.unusable {
            tracing::warn!("an animal of {name} is left out: {reason}");
        }
        let n = selection.animals.len() as u32;
        let identity = DataIdentity {
            name: format!("{n} animals of {}, {split}", file.name),
            files: vec![file],
            ..DataIdentity::default()
        };
        let source = Source::Coco { pictures: found.pictures, entries: selection.animals.into() };
        Ok(Self::new(identity, source, (0..n).collect()))
    }

    /// `n` schematic faces and objects, classes 0, 1, …, 9, 0, 1, …
    pub fn drawn(seed: u64, split: Split, n: usize) -> Self {
        let name = format!("schematic faces and objects with outlines, {split}, seed {seed}, {n}");
        let order = (0..u32::try_from(n).unwrap_or(u32::MAX)).collect();
        Self::new(DataIdentity::procedural(name), Source::Drawn { seed, split }, order)
    }

    /// Training, validation and test of a run on `n` drawn pictures, and on `n_test` of the test.
    ///
    /// # Errors
    /// [`Error::Config`] if there are too few pictures.
    pub fn drawn_for_run(seed: u64, n: usize, n_test: usize) -> Result<[Self; 3]> {
        let (training, validation) = Self::drawn(seed, Split::Train, n).split(0.9, seed)?;
        Ok([training, validation, Self::drawn(seed, Split::Test, n_test)])
    }

    /// Training, validation and test of a run: nine tenths of the training pictures and the rest, and those
    /// of `val2017`; where one annotations file serves both splits, half of the rest.
    ///
    /// Divided by picture, so that no picture is in two of them (the source divides a list in which a
    /// picture with two classes is named twice).
    ///
    /// # Errors
    /// As [`AnimalSet::open`]; [`Error::Config`] if there are too few pictures.
    pub fn divided(folder: &Path, seed: u64) -> Result<[Self; 3]> {
        let [train, test] = [CocoFolder::find(folder, Split::Train)?, CocoFolder::find(folder, Split::Test)?];
        let is_shared = train == test;
        let all = Self::of_coco(train, Split::Train)?;
        let (training, rest) = all.split(0.9, seed)?;
        if is_shared {
            let (validation, test) = rest.split(0.5, seed)?;
            return Ok([training, validation, test]);
        }
        Ok([training, rest, Self::of_coco(test, Split::Test)?])
    }

    fn split(&self, share: f64, seed: u64) -> Result<(Self, Self)> {
        let mut pictures: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for &stored in self.order.iter() {
            pictures.entry(self.source.picture(stored)).or_default().push(stored);
        }
        let groups: Vec<Vec<u32>> = pictures.into_values().collect();
        let n = (groups.len() as f64 * share).round() as usize;
        if n == 0 || n == groups.len() {
            return Err(Error::config("pictures with animals", "enough for both parts", groups.len()));
        }
        let order = rng::permutation(&mut rng::stream(seed, "division of the animals", &[]), groups.len());
        let part = |chosen: &[usize], name: &str| {
            let mut order: Vec<u32> = chosen.iter().flat_map(|&group| groups[group].clone()).collect();
            order.sort_unstable();
            let identity = DataIdentity {
                name: format!("{}, {name} of the pictures by seed {seed}", self.identity.name),
                ..self.identity.clone()
            };
            Self::new(identity, self.source.clone(), order)
        };
        let name = format!("{share} and rest");
        Ok((part(&order[..n], &format!("first of {name}")), part(&order[n..], &format!("second of {name}"))))
    }

    /// As the rule for broken pictures says: every picture is decoded once where they are left out.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if nothing is left.
    pub fn by_rule(&self, rule: Broken) -> Result<Self> {
        let (Source::Coco { pictures, entries }, Broken::Skip) = (&self.source, rule) else {
            return Ok(self.clone());
        };
        let mut of_picture: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for &stored in self.order.iter() {
            of_picture.entry(&entries[stored as usize].file_name).or_default().push(stored);
        }
        let paths = of_picture.keys().map(|name| picture_path(pictures, name)).collect::<Result<Vec<_>>>()?;
        let names: Vec<&&str> = of_picture.keys().collect();
        let groups: Vec<&Vec<u32>> = of_picture.values().collect();
        let check = |index: usize, _: &Path| {
            let mask = &entries[groups[index][0] as usize].mask;
            annotated_picture(pictures, names[index], [mask.height(), mask.width()]).map(|_| ())
        };
        let (left, skipped) = readable(&paths, check)?;
        let mut order: Vec<u32> = left.into_iter().flat_map(|index| groups[index].clone()).collect();
        order.sort_unstable();
        let identity = DataIdentity { skipped, ..self.identity.clone() };
        Ok(Self::new(identity, self.source.clone(), order))
    }

    pub fn identity(&self) -> &DataIdentity {
        &self.identity
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Are pictures read from files when they are asked for?
    pub fn reads_files(&self) -> bool {
        matches!(self.source, Source::Coco { .. })
    }

    /// The ten classes: animals, or what is drawn in their place.
    pub fn class_names(&self) -> Vec<String> {
        match self.source {
            Source::Coco { .. } => ANIMALS.map(str::to_owned).to_vec(),
            Source::Drawn { .. } => schematic_classes(),
        }
    }

    /// Number of animals that are the only ones of their class in their pictures.
    pub fn n_alone(&self) -> usize {
        self.alone.len()
    }

    #[cfg(test)]
    fn first(&self, n: usize) -> Self {
        Self::new(self.identity.clone(), self.source.clone(), self.order[..n].to_vec())
    }

    /// Inverse prevalence of each class, summing to 1.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if a class does not occur: its weight would be infinite.
    pub fn class_weights(&self) -> Result<Vec<f64>> {
        let counts = self.by_class.iter().map(Vec::len);
        if let Some(missing) = counts.clone().position(|count| count == 0) {
            return Err(Error::Unsupported(format!(
                "no {} is among the training pictures, so that classes cannot be weighted by how often they occur",
                self.class_names()[missing]
            )));
        }
        let inverse: Vec<f64> = counts.map(|count| self.len() as f64 / count as f64).collect();
        let sum: f64 = inverse.iter().sum();
        Ok(inverse.into_iter().map(|weight| weight / sum).collect())
    }

    /// The animal that is alone of its class, of index `index` among those.
    pub(in super::super) fn alone(&self, index: usize) -> Result<usize> {
        let found = self.alone.get(index % self.alone.len().max(1));
        found.map(|&index| index as usize).ok_or_else(|| {
            Error::Unsupported(format!("no picture of {} shows one animal alone", self.identity.name))
        })
    }

    /// Reads or draws an animal.
    ///
    /// # Errors
    /// [`Error::Config`] outside `0..len()`; [`Error::File`] or [`Error::Io`] naming the picture.
    pub fn instance(&self, index: usize) -> Result<Instance> {
        let Some(&stored) = self.order.get(index) else {
            let requirement = format!("below {} in {}", self.len(), self.identity.name);
            return Err(Error::config("index of an animal", requirement, index));
        };
        match &self.source {
            Source::Coco { pictures, entries } => {
                let entry = &entries[stored as usize];
                let (height, width) = (entry.mask.height(), entry.mask.width());
                let (picture, _) = annotated_picture(pictures, &entry.file_name, [height, width])?;
                let mask = entry.mask.rows().into_iter().map(|is_set| f32::from(u8::from(is_set)));
                Ok(Instance {
                    image: picture.to_image(),
                    mask: Image::new(1, height, width, mask.collect())?,
                    bbox: entry.bbox,
                    class: entry.class,
                })
            }
            Source::Drawn { seed, split } => {
                let scene = schematic_scene(*seed, *split, stored as usize);
                let bbox = outline(&scene.mask);
                Ok(Instance { image: scene.image, mask: scene.mask, bbox, class: scene.class })
            }
        }
    }

    /// Three animals of three other classes than `class`: four classes are drawn, and of those `class` or
    /// else the last is left out.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for fewer than four classes; of recorded choices.
    pub(in super::super) fn others(&self, class: u32, chance: &mut impl Chance) -> Result<Vec<usize>> {
        let present: Vec<usize> =
            (0..self.by_class.len()).filter(|&class| !self.by_class[class].is_empty()).collect();
        if present.len() <= OTHERS {
            let message = format!("a grid of animals needs {} classes", OTHERS + 1);
            return Err(Error::Unsupported(message));
        }
        let order = chance.permutation(present.len())?;
        let mut classes: Vec<usize> = order.into_iter().take(OTHERS + 1).map(|at| present[at]).collect();
        let left_out = classes.iter().position(|&other| other == class as usize).unwrap_or(OTHERS);
        classes.remove(left_out);
        let any = |class: usize| {
            let of_class = &self.by_class[class];
            Ok(of_class[chance.integer(0, of_class.len() as i64)? as usize] as usize)
        };
        classes.into_iter().map(any).collect()
    }
}

/// The box around a mask: left, top, and the distances to the last column and row.
fn outline(mask: &Image) -> [f64; 4] {
    let width = mask.width();
    let set = || (0..mask.data().len()).filter(|&at| mask.data()[at] > 0.0);
    let range = |of: fn(usize, usize) -> usize| {
        let low = set().map(|at| of(at, width)).min().unwrap_or(0);
        let high = set().map(|at| of(at, width)).max().unwrap_or(0);
        (low as f64, (high - low) as f64)
    };
    let ((top, height), (left, wide)) = (range(|at, width| at / width), range(|at, width| at % width));
    [left, top, wide, height]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_of_three_other_classes() {
        let set = AnimalSet::drawn(1, Split::Train, 40);
        for seed in 0..50 {
            let others = set.others(3, &mut rng::stream(seed, "t", &[])).unwrap();
            let mut classes: Vec<u32> = others.iter().map(|&index| index as u32 % 10).collect();
            assert!(!classes.contains(&3));
            classes.sort_unstable();
            classes.dedup();
            assert_eq!(classes.len(), 3);
        }
        assert!(AnimalSet::drawn(1, Split::Train, 3).others(0, &mut rng::stream(0, "t", &[])).is_err());
    }

    #[test]
    fn drawn_animals_fill_their_boxes() {
        let set = AnimalSet::drawn(1, Split::Test, 12);
        let instance = set.instance(11).unwrap();
        let [left, top, width, height] = instance.bbox.map(|value| value as usize);
        let inside: f32 = (top..=top + height)
            .flat_map(|row| (left..=left + width).map(move |column| (row, column)))
            .map(|(row, column)| instance.mask.at(0, row, column))
            .sum();
        assert_eq!((instance.class, inside), (1, instance.mask.data().iter().sum()));
        assert!(set.instance(12).is_err());
        assert_eq!(set.class_weights().unwrap()[0], set.class_weights().unwrap()[1]);
        assert!((set.class_weights().unwrap().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(set.first(9).class_weights().unwrap_err().to_string().contains("star"));
    }

    /// A folder as COCO has it: `n` pictures of a dog each, the third of which is no picture.
    fn coco(n: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("images");
        std::fs::create_dir(&images).unwrap();
        let mut document = serde_json::json!({
            "images": [], "annotations": [],
            "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}],
        });
        for id in 0..n {
            let name = format!("{id}.png");
            image::GrayImage::from_pixel(6, 4, image::Luma([id as u8 * 10]))
                .save(images.join(&name))
                .unwrap();
            let picture = serde_json::json!({"id": id, "width": 6, "height": 4, "file_name": name});
            let animal = serde_json::json!({
                "id": id, "image_id": id, "category_id": 18, "iscrowd": 0, "area": 8.0,
                "bbox": [1.0, 0.0, 2.0, 4.0], "segmentation": {"size": [4, 6], "counts": [4, 8, 12]},
            });
            document["images"].as_array_mut().unwrap().push(picture);
            document["annotations"].as_array_mut().unwrap().push(animal);
        }
        std::fs::write(images.join("2.png"), "no picture").unwrap();
        std::fs::write(folder.path().join("instances.json"), document.to_string()).unwrap();
        folder
    }

    #[test]
    fn animals_of_coco_are_read_divided_and_left_out_by_rule() {
        let folder = coco(20);
        let set = AnimalSet::open(folder.path(), Split::Train).unwrap();
        let dog = set.instance(5).unwrap();
        assert_eq!((dog.class, dog.image.shape(), set.n_alone()), (2, [3, 4, 6], 20));
        assert_eq!(dog.mask.plane(0)[..6], [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        assert!((dog.image.at(0, 0, 0) - 50.0 / 255.0).abs() < 1e-6);
        let message = set.by_rule(Broken::Stop).unwrap().instance(2).unwrap_err().to_string();
        assert!(message.contains("2.png"), "{message}");
        let kept = set.by_rule(Broken::Skip).unwrap();
        assert_eq!((kept.len(), kept.identity().skipped.len()), (19, 1));
        assert!(kept.identity().skipped[0].reason.contains("2.png"));
        assert!((0..19).all(|index| kept.instance(index).is_ok()));
        let parts = AnimalSet::divided(folder.path(), 7).unwrap();
        assert_eq!(parts.each_ref().map(AnimalSet::len), [18, 1, 1]);
        let mut all: Vec<u32> = parts.iter().flat_map(|part| part.order.to_vec()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
    }
}
