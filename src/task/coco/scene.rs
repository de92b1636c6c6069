//! The object-attention photographs: picture and targets as bytes of the model's size.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::cache::selected;
use super::{ObjectPair, PairRule, select_pairs};
use crate::{
    error::{Error, Result},
    stimulus::{
        Broken, DataFile, DataIdentity, Image, Pixels, SkippedFile, Split,
        image_file::{Picture, read_picture},
        readable, resize_bytes,
        sets::{schematic_pair, schematic_pair_classes},
    },
};

/// Rows and columns of a stimulus.
pub const PHOTOGRAPH_SIZE: usize = 100;
/// What fills a picture up to a square.
const PADDING: u8 = 127;

/// Pictures with two objects each, ready to be composed. Cheap to clone and to take parts of.
#[derive(Clone, Debug)]
pub struct PhotographPairs {
    source: Source,
    /// Which picture each index of this set is.
    order: Arc<[u32]>,
    unusable: Arc<[(String, String)]>,
    skipped: Vec<SkippedFile>,
}

#[derive(Clone, Debug)]
enum Source {
    Coco { folder: PathBuf, pairs: Arc<[ObjectPair]>, annotations: DataFile },
    Drawn { seed: u64, split: Split },
}

/// One stimulus, bytes `[3, 100, 100]` each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhotographScene {
    pub picture: Vec<u8>,
    /// What attending to each object should leave, the larger object first.
    pub targets: [Vec<u8>; 2],
    /// Each object's own pixels, 0 or 255, `[100, 100]`.
    pub objects: [Vec<u8>; 2],
    pub labels: [u32; 2],
    pub file: DataFile,
}

impl PhotographPairs {
    /// Selects the usable pictures of `annotations`; the files themselves lie in `folder`.
    ///
    /// # Errors
    /// [`Error::File`] if the annotations cannot be read or leave no picture.
    pub fn open(folder: &Path, annotations: &Path, rule: PairRule) -> Result<Self> {
        let name = format!("pairs-{}-{}", rule.min_area, rule.max_overlap);
        let (selection, file) = selected(annotations, &name, |instances| select_pairs(instances, rule))?;
        if selection.pairs.is_empty() {
            let broken = selection
                .unusable
                .first()
                .map_or_else(String::new, |(name, message)| format!("; {name}: {message}"));
            return Err(Error::file(
                annotations,
                format!("a picture with two objects over {} of it", rule.min_area),
                format!("none{broken}"),
                "use a larger set of pictures",
            ));
        }
        let order = (0..selection.pairs.len() as u32).collect();
        let pairs = selection.pairs.into();
        let source = Source::Coco { folder: folder.to_owned(), pairs, annotations: file };
        Ok(Self { source, order, unusable: selection.unusable.into(), skipped: Vec::new() })
    }

    /// `n` pictures of two schematic things, which stand for the super-categories by number.
    pub fn drawn(seed: u64, split: Split, n: usize) -> Self {
        let order = (0..u32::try_from(n).unwrap_or(u32::MAX)).collect();
        let (unusable, skipped) = (Arc::default(), Vec::new());
        Self { source: Source::Drawn { seed, split }, order, unusable, skipped }
    }

    /// The pictures at `indices`, in that order. Panics outside `0..len()`.
    #[must_use]
    pub fn part(&self, indices: &[usize]) -> Self {
        let order = indices.iter().map(|&index| self.order[index]).collect();
        Self { order, ..self.clone() }
    }

    /// As the rule for broken pictures says: every picture is decoded once where they are left out.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if nothing is left.
    pub fn by_rule(&self, rule: Broken) -> Result<Self> {
        let (Source::Coco { folder, pairs, .. }, Broken::Skip) = (&self.source, rule) else {
            return Ok(self.clone());
        };
        let own = |index: usize| &pairs[self.order[index] as usize].picture;
        let paths = (0..self.len()).map(|index| picture_path(folder, &own(index).file_name));
        let (left, skipped) = readable(&paths.collect::<Result<Vec<_>>>()?, |index, _| {
            let picture = own(index);
            annotated_picture(folder, &picture.file_name, [picture.height, picture.width]).map(|_| ())
        })?;
        Ok(Self { skipped, ..self.part(&left) })
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

    /// The selected pictures in their order; none of drawn ones.
    pub fn pairs(&self) -> impl Iterator<Item = &ObjectPair> {
        self.order.iter().filter_map(|&stored| match &self.source {
            Source::Coco { pairs, .. } => Some(&pairs[stored as usize]),
            Source::Drawn { .. } => None,
        })
    }

    /// Classes of the two objects of each picture, in either order.
    pub fn labels(&self) -> Vec<[u32; 2]> {
        let of = |&stored: &u32| match &self.source {
            Source::Coco { pairs, .. } => pairs[stored as usize].labels,
            Source::Drawn { seed, split } => schematic_pair_classes(*seed, *split, stored as usize),
        };
        self.order.iter().map(of).collect()
    }

    /// Pictures whose annotations could not be used, and why.
    pub fn unusable(&self) -> &[(String, String)] {
        &self.unusable
    }

    /// The annotations file; the pictures are named by it.
    pub fn identity(&self) -> DataIdentity {
        match &self.source {
            Source::Coco { annotations, .. } => DataIdentity {
                name: format!("{} pictures with two objects of {}", self.len(), annotations.name),
                procedural: false,
                files: vec![annotations.clone()],
                skipped: self.skipped.clone(),
            },
            Source::Drawn { seed, split } => {
                let n = self.len();
                DataIdentity::procedural(format!("schematic pairs of things, {split}, seed {seed}, {n}"))
            }
        }
    }

    /// The stimulus of picture `index`; targets keep the attended object `strength` above the rest.
    ///
    /// # Errors
    /// [`Error::File`] if the picture cannot be read or has another size than its annotations say.
    pub fn scene(&self, index: usize, strength: f64) -> Result<PhotographScene> {
        let Some(&stored) = self.order.get(index) else {
            return Err(Error::config("picture index", format!("below {}", self.len()), index));
        };
        match &self.source {
            Source::Coco { folder, pairs, .. } => {
                let pair = &pairs[stored as usize];
                let size = [pair.picture.height, pair.picture.width];
                let (picture, file) = annotated_picture(folder, &pair.picture.file_name, size)?;
                let masks = [pair.masks[0].rows(), pair.masks[1].rows()];
                Ok(composed(&picture, file, &masks, pair.labels, strength))
            }
            Source::Drawn { seed, split } => {
                let pair = schematic_pair(*seed, *split, stored as usize);
                let Pixels { shape: [height, width, _], bytes: rgb } = Pixels::of_image(&pair.image);
                let masks =
                    [0, 1].map(|k: usize| pair.masks[k].data().iter().map(|&value| value > 0.0).collect());
                let file = DataFile::new(Path::new(&format!("schematic pair {stored}")), &rgb);
                Ok(composed(&Picture { height, width, rgb }, file, &masks, pair.classes, strength))
            }
        }
    }

    /// The stimuli of several pictures, read in parallel; each with its own outcome.
    pub fn scenes(&self, indices: &[usize], strength: f64) -> Vec<Result<PhotographScene>> {
        indices.par_iter().map(|&index| self.scene(index, strength)).collect()
    }
}

/// The picture that annotations call `name`.
///
/// # Errors
/// [`Error::Config`] for a name that leads out of the folder.
pub fn picture_path(folder: &Path, name: &str) -> Result<PathBuf> {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    match plain && !name.is_empty() {
        true => Ok(folder.join(name)),
        false => Err(Error::config("file name in the annotations", "a path inside the folder", name)),
    }
}

/// Decodes a picture and compares its size with what its annotations say.
///
/// # Errors
/// [`Error::File`] or [`Error::Io`] naming the picture.
pub fn annotated_picture(folder: &Path, name: &str, size: [usize; 2]) -> Result<(Picture, DataFile)> {
    let path = picture_path(folder, name)?;
    let (picture, file) = read_picture(&path)?;
    if [picture.height, picture.width] != size {
        return Err(Error::file(
            path,
            format!("{}x{} pixels as its annotations say", size[0], size[1]),
            format!("{}x{}", picture.height, picture.width),
            "use the pictures that belong to the annotations",
        ));
    }
    Ok((picture, file))
}

impl PhotographScene {
    /// Of the picture and of each target.
    pub const SHAPE: [usize; 3] = [3, PHOTOGRAPH_SIZE, PHOTOGRAPH_SIZE];

    /// Bytes `[3, 100, 100]` of this stimulus as a picture, divided by 255.
    pub fn image(bytes: &[u8]) -> Image {
        let plane = PHOTOGRAPH_SIZE * PHOTOGRAPH_SIZE;
        let mut image = Image::zeros(bytes.len() / plane, PHOTOGRAPH_SIZE, PHOTOGRAPH_SIZE);
        for (value, &byte) in image.data_mut().iter_mut().zip(bytes) {
            *value = f32::from(byte) / 255.0;
        }
        image
    }
}

/// `masks`: each object's pixels by rows, `[height * width]`.
fn composed(
    picture: &Picture,
    file: DataFile,
    masks: &[Vec<bool>; 2],
    labels: [u32; 2],
    strength: f64,
) -> PhotographScene {
    let side = picture.height.max(picture.width);
    let (top, left) = ((side - picture.height) / 2, (side - picture.width) / 2);
    // Every pixel of the square: its place in the picture, if it has one.
    let source = |at: usize| {
        let row = (at / side).checked_sub(top).filter(|&row| row < picture.height)?;
        let column = (at % side).checked_sub(left).filter(|&column| column < picture.width)?;
        Some(row * picture.width + column)
    };
    let sources: Vec<Option<usize>> = (0..side * side).map(source).collect();
    let padded: Vec<u8> = sources
        .iter()
        .flat_map(|source| match source {
            Some(at) => [0, 1, 2].map(|channel| picture.rgb[3 * at + channel]),
            None => [PADDING; 3],
        })
        .collect();
    let inside = |k: usize, source: Option<usize>| source.is_some_and(|at| masks[k][at]);
    let targets = [0, 1].map(|k| {
        let blended: Vec<u8> = padded
            .iter()
            .enumerate()
            .map(|(at, &byte)| {
                let kept = if inside(k, sources[at / 3]) { f64::from(byte) } else { 0.0 };
                // Bytes truncate: on the object some values lose one, as in the reference.
                ((1.0 - strength) * f64::from(byte) + strength * kept) as u8
            })
            .collect();
        resized(&blended, side)
    });
    let objects = [0, 1].map(|k| {
        let mask: Vec<u8> = sources.iter().map(|&at| if inside(k, at) { 255 } else { 0 }).collect();
        resize_bytes(&mask, [side, side, 1], [PHOTOGRAPH_SIZE; 2])
    });
    PhotographScene { picture: resized(&padded, side), targets, objects, labels, file }
}

/// Interleaved bytes of a square at the stimulus size, channels first.
fn resized(pixels: &[u8], side: usize) -> Vec<u8> {
    let small = resize_bytes(pixels, [side, side, 3], [PHOTOGRAPH_SIZE; 2]);
    (0..3).flat_map(|channel| small[channel..].iter().step_by(3).copied().collect::<Vec<_>>()).collect()
}

/// Drawn pairs as a folder of COCO: pictures in `images`, one annotations file for both splits.
#[cfg(test)]
pub(crate) fn drawn_folder(folder: &Path, n: usize) {
    let images = folder.join("images");
    std::fs::create_dir(&images).unwrap();
    let categories: Vec<_> = (super::SUPER_CATEGORIES.iter().enumerate())
        .map(|(id, name)| serde_json::json!({"id": id, "name": name, "supercategory": name}))
        .collect();
    let (mut pictures, mut annotations) = (Vec::new(), Vec::new());
    for id in 0..n {
        let pair = schematic_pair(5, Split::Train, id);
        let Pixels { shape: [height, width, _], bytes } = Pixels::of_image(&pair.image);
        let name = format!("{id}.png");
        let (w, h) = (width as u32, height as u32);
        image::RgbImage::from_raw(w, h, bytes).unwrap().save(images.join(&name)).unwrap();
        pictures.push(serde_json::json!({"id": id, "width": width, "height": height, "file_name": name}));
        for (k, mask) in pair.masks.iter().enumerate() {
            let columns = (0..width).flat_map(|x| (0..height).map(move |y| mask.at(0, y, x) > 0.0));
            let mut counts = vec![0_u64];
            let mut is_set = false;
            for value in columns {
                if value != is_set {
                    counts.push(0);
                    is_set = value;
                }
                *counts.last_mut().unwrap() += 1;
            }
            annotations.push(serde_json::json!({
                "id": 2 * id + k, "image_id": id, "category_id": pair.classes[k], "iscrowd": 0,
                "area": 0.2 * (width * height) as f64 - k as f64,
                "segmentation": {"size": [height, width], "counts": counts},
            }));
        }
    }
    let document =
        serde_json::json!({"images": pictures, "annotations": annotations, "categories": categories});
    std::fs::write(folder.join("instances.json"), document.to_string()).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        let folder = Path::new("pictures");
        for name in ["../a.png", "/etc/a.png", "", "a/../../b.png"] {
            assert!(picture_path(folder, name).is_err(), "{name}");
        }
        assert_eq!(picture_path(folder, "val2017/a.png").unwrap(), Path::new("pictures/val2017/a.png"));
    }

    #[test]
    fn drawn_pairs_are_those_of_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        drawn_folder(folder.path(), 6);
        let (images, annotations) = (folder.path().join("images"), folder.path().join("instances.json"));
        let read = PhotographPairs::open(&images, &annotations, PairRule::default()).unwrap();
        let drawn = PhotographPairs::drawn(5, Split::Train, 6);
        let sorted = |pairs: &PhotographPairs| -> Vec<[u32; 2]> {
            pairs.labels().into_iter().map(|[a, b]| [a.min(b), a.max(b)]).collect()
        };
        assert_eq!((read.len(), sorted(&read)), (6, sorted(&drawn)));
        for index in 0..6 {
            let [read, drawn] = [&read, &drawn].map(|pairs| pairs.scene(index, 0.3).unwrap());
            assert_eq!((read.picture, read.targets), (drawn.picture, drawn.targets));
        }
        assert!(drawn.identity().procedural && drawn.part(&[4, 1]).labels()[1] == drawn.labels()[1]);
    }
}
