//! Faces whose sex is asked for, with hair of a colour that usually goes with it.
//!
//! Source: `composer.py`, class `CelebACrop`: only blond and black-haired faces, in which hair colour and
//! sex are unevenly paired; that imbalance is the point.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Mode, Timed, Trial};
use crate::error::{Error, Result};
use crate::rng::Chance;
use crate::stimulus::augment::flipped;
use crate::stimulus::{DataIdentity, Image, PictureSet, resize};

/// Names of the subsets, as the reference counts them from 1; 0 is all faces.
pub const SUBSETS: [&str; 4] = ["f-blonde", "f-black", "m-blonde", "m-black"];
/// Classes of the answer.
pub const SEXES: [&str; 2] = ["female", "male"];
/// Rows and columns of the published picture.
pub const SIDE: usize = 128;
const BLOND: &str = "Blond_Hair";
const BLACK: &str = "Black_Hair";
const MALE: &str = "Male";

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaceSex {
    pub timesteps: usize,
    /// Which faces: 0 all, 1 to 4 one subset (women with blond, with black hair; men likewise).
    pub which: usize,
    /// Rows and columns of the picture.
    pub side: usize,
}

impl Default for FaceSex {
    fn default() -> Self {
        Self { timesteps: 2, which: 0, side: SIDE }
    }
}

/// Blond and black-haired faces. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HairFaces {
    set: PictureSet,
    /// Faces of each subset.
    subsets: Arc<[Vec<u32>; 4]>,
    /// All faces in the order of the set.
    all: Arc<[u32]>,
    /// The same with men twice, as training shows them.
    doubled: Arc<[u32]>,
    male: usize,
}

impl HairFaces {
    /// The faces of `set` that have blond or black hair.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the set lacks an attribute, [`Error::Unsupported`] if no face is left.
    pub fn new(set: PictureSet) -> Result<Self> {
        let attribute = |name: &str| {
            let found = set.attribute_names().iter().position(|own| own == name);
            found.ok_or_else(|| Error::unknown("attribute", name, set.attribute_names().iter().cloned()))
        };
        let [blond, black, male] = [attribute(BLOND)?, attribute(BLACK)?, attribute(MALE)?];
        let mut subsets: [Vec<u32>; 4] = Default::default();
        let (mut all, mut doubled) = (Vec::new(), Vec::new());
        for index in 0..set.len() {
            let [is_blond, is_black, is_man] =
                [blond, black, male].map(|attribute| set.has_attribute(index, attribute));
            if is_blond || is_black {
                subsets[usize::from(is_black) + 2 * usize::from(is_man)].push(index as u32);
                all.push(index as u32);
                doubled.extend(std::iter::repeat_n(index as u32, 1 + usize::from(is_man)));
            }
        }
        if all.is_empty() {
            return Err(Error::Unsupported(format!(
                "{} has no face with blond or black hair",
                set.identity().name
            )));
        }
        let (all, doubled) = (all.into(), doubled.into());
        Ok(Self { set, subsets: Arc::new(subsets), all, doubled, male })
    }

    pub fn identity(&self) -> &DataIdentity {
        self.set.identity()
    }

    /// Are pictures read from files when they are asked for?
    pub fn reads_files(&self) -> bool {
        self.set.reads_files()
    }

    /// Indices of the faces that `which` names, as `mode` goes through them.
    ///
    /// # Errors
    /// [`Error::Config`] beyond the subsets, [`Error::Unsupported`] for an empty one.
    pub fn listed(&self, which: usize, mode: Mode) -> Result<&[u32]> {
        let listed: &[u32] = match (which, mode) {
            (0, Mode::Train) => &self.doubled,
            (0, Mode::Test) => &self.all,
            (subset, _) => self
                .subsets
                .get(subset - 1)
                .ok_or_else(|| Error::config("which", format!("0 to {}", SUBSETS.len()), subset))?,
        };
        match listed.is_empty() {
            true => Err(Error::Unsupported(format!("no face is {}", SUBSETS[which - 1]))),
            false => Ok(listed),
        }
    }

    /// The subset of each face that a test of all goes through, 0 to 3.
    pub fn subset_of(&self, number: usize) -> usize {
        let face = self.all[number % self.all.len()];
        self.subsets.iter().position(|subset| subset.binary_search(&face).is_ok()).unwrap_or(0)
    }

    fn is_man(&self, face: u32) -> bool {
        self.set.has_attribute(face as usize, self.male)
    }
}

impl FaceSex {
    /// The middle square of face number `number`, held; mirrored half the time in training.
    ///
    /// # Errors
    /// As [`HairFaces::listed`]; [`Error::File`] or [`Error::Io`] naming a picture.
    pub fn compose(
        &self,
        faces: &HairFaces,
        number: usize,
        mode: Mode,
        chance: &mut impl Chance,
    ) -> Result<Trial> {
        let listed = faces.listed(self.which, mode)?;
        let face = listed[number % listed.len()];
        let picture = faces.set.pixels(face as usize)?.with_channels(3)?.to_image();
        let mut shown = resize(&middle_square(&picture), self.side, self.side, true);
        if mode == Mode::Train && chance.uniform()? < 0.5 {
            shown = flipped(&shown);
        }
        Ok(Trial {
            frames: Timed::held(shown, self.timesteps),
            masks: Timed::default(),
            labels: vec![u32::from(faces.is_man(face)); self.timesteps],
            prompt: None,
            components: Vec::new(),
        })
    }
}

/// Rows 20 to 198 of CelebA's 218 x 178; of another size the largest middle square.
fn middle_square(picture: &Image) -> Image {
    let [channels, height, width] = picture.shape();
    let side = height.min(width);
    let mut out = Image::zeros(channels, side, side);
    out.paste(picture, -(((height - side) / 2) as isize), -(((width - side) / 2) as isize));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;
    use crate::stimulus::sets::schematic_faces;
    use crate::stimulus::{Attributes, Pictures, Split};

    fn faces() -> HairFaces {
        HairFaces::new(schematic_faces(3, Split::Train, 60).unwrap()).unwrap()
    }

    #[test]
    fn training_shows_men_twice_and_subsets_are_told_apart() {
        let faces = faces();
        let men = (0..60).filter(|&face| faces.is_man(face)).count();
        assert_eq!(faces.listed(0, Mode::Train).unwrap().len(), 60 + men);
        assert_eq!(faces.listed(0, Mode::Test).unwrap().len(), 60);
        let each: usize =
            (1..=4).filter_map(|which| faces.listed(which, Mode::Test).ok()).map(<[_]>::len).sum();
        assert_eq!(each, 60);
        assert!((0..60).all(|number| (faces.subset_of(number) >= 2) == faces.is_man(number as u32)));
        assert!(faces.listed(5, Mode::Test).unwrap_err().to_string().contains("0 to 4"));
    }

    #[test]
    fn the_middle_square_is_held_and_labelled() {
        let (faces, mut rng) = (faces(), rng::stream(1, "t", &[]));
        for number in 0..6 {
            let trial = FaceSex::default().compose(&faces, number, Mode::Test, &mut rng).unwrap();
            assert_eq!((trial.frames.distinct.len(), trial.frames.at(0).shape()), (1, [3, 128, 128]));
            assert_eq!(trial.labels, [u32::from(faces.is_man(number as u32)); 2]);
        }
        let picture = Image::from_fn(218, 178, |row, _| row as f32);
        let square = middle_square(&picture);
        assert_eq!((square.shape(), square.at(0, 0, 0), square.at(0, 177, 5)), ([1, 178, 178], 20.0, 197.0));
    }

    #[test]
    fn sets_without_the_attributes_are_refused_by_name() {
        let set = |names: &[&str], values: Vec<u8>| {
            let attributes =
                Attributes { names: names.iter().map(|&name| name.to_owned()).collect(), values };
            let pictures = Pictures::Bytes { shape: [1, 1, 3], bytes: vec![0; 3].into() };
            let names = vec!["face".to_owned()];
            PictureSet::new(DataIdentity::default(), names, pictures, vec![0], attributes).unwrap()
        };
        let message = HairFaces::new(set(&["Blonde_Hair"], vec![1])).unwrap_err().to_string();
        assert!(message.contains("Blond_Hair"), "{message}");
        let none = set(&[BLOND, BLACK, MALE], vec![0, 0, 1]);
        assert!(HairFaces::new(none).unwrap_err().to_string().contains("blond or black"));
    }
}
