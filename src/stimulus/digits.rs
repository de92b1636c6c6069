//! A labelled set of 28x28 digits, read from files or made from a seed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DataIdentity, Image};
use crate::{
    error::{Error, Result},
    rng,
};

/// Rows and columns of a digit.
pub const DIGIT_SIZE: usize = 28;
/// Number of classes.
pub const DIGIT_CLASSES: usize = 10;

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    Train,
    Test,
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

/// Digits with their classes. Cheap to clone and to take parts of: the pixels are shared.
#[derive(Clone, Debug)]
pub struct Digits {
    identity: DataIdentity,
    images: Arc<[u8]>,
    labels: Arc<[u8]>,
    /// Which stored digit each index of this set is.
    order: Vec<u32>,
    by_class: Vec<Vec<u32>>,
}

impl Digits {
    /// A set of `labels.len()` digits; `images` is `[n, 28, 28]` bytes, labels are 0 to 9.
    ///
    /// # Errors
    /// [`Error::Shape`] if the two do not belong together, [`Error::Config`] for another label.
    pub fn new(identity: DataIdentity, images: Vec<u8>, labels: Vec<u8>) -> Result<Self> {
        if images.len() != labels.len() * DIGIT_SIZE * DIGIT_SIZE {
            return Err(Error::shape(
                "digits",
                [labels.len(), DIGIT_SIZE, DIGIT_SIZE],
                &[images.len() / (DIGIT_SIZE * DIGIT_SIZE), DIGIT_SIZE, DIGIT_SIZE],
            ));
        }
        if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= DIGIT_CLASSES) {
            return Err(Error::config("digit label", "0 to 9", label));
        }
        let Ok(n) = u32::try_from(labels.len()) else {
            return Err(Error::config("number of digits", "below 2^32", labels.len()));
        };
        let order = (0..n).collect();
        Ok(Self::ordered(identity, images.into(), labels.into(), order))
    }

    fn ordered(identity: DataIdentity, images: Arc<[u8]>, labels: Arc<[u8]>, order: Vec<u32>) -> Self {
        let mut by_class = vec![Vec::new(); DIGIT_CLASSES];
        for (index, &stored) in (0_u32..).zip(&order) {
            by_class[usize::from(labels[stored as usize])].push(index);
        }
        Self { identity, images, labels, order, by_class }
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Name and file hashes.
    pub fn identity(&self) -> &DataIdentity {
        &self.identity
    }

    /// The bytes of a digit, `[28 * 28]`, 0 = background. Panics outside `0..len()`.
    pub fn bytes(&self, index: usize) -> &[u8] {
        let stored = self.order[index] as usize;
        &self.images[stored * DIGIT_SIZE * DIGIT_SIZE..][..DIGIT_SIZE * DIGIT_SIZE]
    }

    /// A digit as a picture, bytes / 255.
    pub fn image(&self, index: usize) -> Image {
        Image::from_grey_bytes(DIGIT_SIZE, DIGIT_SIZE, self.bytes(index))
    }

    /// The class of a digit. Panics outside `0..len()`.
    pub fn label(&self, index: usize) -> u32 {
        u32::from(self.labels[self.order[index] as usize])
    }

    /// The indices of all digits of `class`, ascending; empty for a class that does not occur.
    pub fn of_class(&self, class: u32) -> &[u32] {
        self.by_class.get(class as usize).map_or(&[], Vec::as_slice)
    }

    /// A digit drawn uniformly.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the set is empty.
    pub fn draw(&self, rng: &mut rng::Rng) -> Result<usize> {
        if self.is_empty() {
            return Err(Error::Unsupported(format!(
                "{} holds no digits; choose another data folder or split",
                self.identity.name
            )));
        }
        Ok(rng::index(rng, 0, self.len()))
    }

    /// A digit of `class` drawn uniformly.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the class does not occur.
    pub fn draw_of_class(&self, class: u32, rng: &mut rng::Rng) -> Result<usize> {
        let members = self.of_class(class);
        if members.is_empty() {
            return Err(Error::Unsupported(format!(
                "{} holds no digit of class {class}; choose another data folder or split",
                self.identity.name
            )));
        }
        Ok(members[rng::index(rng, 0, members.len())] as usize)
    }

    /// The digits at `indices`, in that order; `part` names them in the identity.
    ///
    /// # Errors
    /// [`Error::Config`] for an index outside the set.
    pub fn part(&self, part: &str, indices: &[usize]) -> Result<Self> {
        let mut order = Vec::with_capacity(indices.len());
        for &index in indices {
            let stored = self.order.get(index).ok_or_else(|| {
                Error::config("digit index", format!("below {} in {}", self.len(), self.identity.name), index)
            })?;
            order.push(*stored);
        }
        let mut identity = self.identity.clone();
        identity.name = format!("{}, {part}", identity.name);
        Ok(Self::ordered(identity, Arc::clone(&self.images), Arc::clone(&self.labels), order))
    }

    /// A random division into `round(fraction * len)` digits and the rest, the same for the same `seed`.
    pub fn divided(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        let order = rng::permutation(&mut rng::stream(seed, "digit division", &[]), self.len());
        let first = ((self.len() as f64 * fraction).round() as usize).min(self.len());
        Ok((
            self.part(&format!("first part {fraction} of seed {seed}"), &order[..first])?,
            self.part(&format!("second part {} of seed {seed}", 1.0 - fraction), &order[first..])?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Digits {
        let images = [1_u8, 2, 3].iter().flat_map(|&value| [value; 784]).collect();
        Digits::new(DataIdentity::procedural("three"), images, vec![4, 7, 4]).unwrap()
    }

    #[test]
    fn a_part_keeps_pixels_labels_and_classes_together() {
        let part = three().part("reversed", &[2, 1]).unwrap();
        assert_eq!((part.len(), part.bytes(0)[0], part.label(0), part.label(1)), (2, 3, 4, 7));
        assert_eq!(part.of_class(4), [0]);
        assert!(part.of_class(9).is_empty());
        assert!(three().part("outside", &[3]).is_err());
    }

    #[test]
    fn a_division_holds_every_digit_once() {
        let (first, second) = three().divided(0.7, 1).unwrap();
        let mut values: Vec<u8> = (0..2).map(|i| first.bytes(i)[0]).chain([second.bytes(0)[0]]).collect();
        values.sort_unstable();
        assert_eq!((first.len(), second.len(), values), (2, 1, vec![1, 2, 3]));
    }

    #[test]
    fn labels_and_sizes_are_checked() {
        let identity = DataIdentity::default;
        assert!(Digits::new(identity(), vec![0; 784], vec![10]).is_err());
        assert!(Digits::new(identity(), vec![0; 783], vec![1]).is_err());
    }
}
