//! The object-attention photographs: picture and targets as bytes of the model's size.

use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;

use super::{ObjectPair, PairRule, read_instances, select_pairs};
use crate::{
    error::{Error, Result},
    stimulus::{
        DataFile, DataIdentity, Image,
        image_file::{Picture, read_picture},
        resize_bytes,
    },
};

/// Rows and columns of a stimulus.
pub const PHOTOGRAPH_SIZE: usize = 100;
/// What fills a picture up to a square.
const PADDING: u8 = 127;

/// Pictures with two objects each, ready to be composed.
#[derive(Clone, Debug)]
pub struct PhotographPairs {
    folder: PathBuf,
    pairs: Vec<ObjectPair>,
    unusable: Vec<(String, String)>,
    annotations: DataFile,
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
        let (instances, file) = read_instances(annotations)?;
        let selection = select_pairs(&instances, rule);
        if selection.pairs.is_empty() {
            let broken = selection
                .unusable
                .first()
                .map_or_else(String::new, |(name, message)| format!("; {name}: {message}"));
            return Err(Error::file(
                annotations,
                format!("a picture with two objects over {} of it", rule.min_area),
                format!("none among {}{broken}", instances.images.len()),
                "use a larger set of pictures",
            ));
        }
        let pairs = selection.pairs;
        Ok(Self { folder: folder.to_owned(), pairs, unusable: selection.unusable, annotations: file })
    }

    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The selected pictures in the order of the annotations.
    pub fn pairs(&self) -> &[ObjectPair] {
        &self.pairs
    }

    /// Pictures whose annotations could not be used, and why.
    pub fn unusable(&self) -> &[(String, String)] {
        &self.unusable
    }

    /// The annotations file; the pictures are named by it.
    pub fn identity(&self) -> DataIdentity {
        DataIdentity {
            name: format!("{} pictures with two objects of {}", self.len(), self.annotations.name),
            procedural: false,
            files: vec![self.annotations.clone()],
        }
    }

    /// The stimulus of picture `index`; targets keep the attended object `strength` above the rest.
    ///
    /// # Errors
    /// [`Error::File`] if the picture cannot be read or has another size than its annotations say.
    pub fn scene(&self, index: usize, strength: f64) -> Result<PhotographScene> {
        let Some(pair) = self.pairs.get(index) else {
            return Err(Error::config("picture index", format!("below {}", self.len()), index));
        };
        let path = self.path_of(&pair.picture.file_name)?;
        let (picture, file) = read_picture(&path)?;
        if (picture.height, picture.width) != (pair.picture.height, pair.picture.width) {
            return Err(Error::file(
                path,
                format!("{}x{} pixels as its annotations say", pair.picture.height, pair.picture.width),
                format!("{}x{}", picture.height, picture.width),
                "use the pictures that belong to the annotations",
            ));
        }
        Ok(composed(&picture, file, pair, strength))
    }

    /// The stimuli of several pictures, read in parallel; each with its own outcome.
    pub fn scenes(&self, indices: &[usize], strength: f64) -> Vec<Result<PhotographScene>> {
        indices.par_iter().map(|&index| self.scene(index, strength)).collect()
    }

    fn path_of(&self, name: &str) -> Result<PathBuf> {
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        match plain && !name.is_empty() {
            true => Ok(self.folder.join(name)),
            false => Err(Error::config("file name in the annotations", "a path inside the folder", name)),
        }
    }
}

impl PhotographScene {
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

fn composed(picture: &Picture, file: DataFile, pair: &ObjectPair, strength: f64) -> PhotographScene {
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
    let masks = [pair.masks[0].rows(), pair.masks[1].rows()];
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
    PhotographScene { picture: resized(&padded, side), targets, objects, labels: pair.labels, file }
}

/// Interleaved bytes of a square at the stimulus size, channels first.
fn resized(pixels: &[u8], side: usize) -> Vec<u8> {
    let small = resize_bytes(pixels, [side, side, 3], [PHOTOGRAPH_SIZE; 2]);
    (0..3).flat_map(|channel| small[channel..].iter().step_by(3).copied().collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_the_folder_are_refused() {
        let pairs = PhotographPairs {
            folder: "pictures".into(),
            pairs: Vec::new(),
            unusable: Vec::new(),
            annotations: DataFile { name: String::new(), sha256: String::new() },
        };
        for name in ["../a.png", "/etc/a.png", "", "a/../../b.png"] {
            assert!(pairs.path_of(name).is_err(), "{name}");
        }
        assert_eq!(pairs.path_of("val2017/a.png").unwrap(), Path::new("pictures/val2017/a.png"));
    }
}
