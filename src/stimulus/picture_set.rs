//! Pictures with classes from any source; files are read when a picture is asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::image_file::read_picture;
use super::{Broken, DataIdentity, Digits, Image, Preparation, readable};
use crate::error::{Error, Result};
use crate::rng;

/// A picture as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Rows, columns, channels.
    pub shape: [usize; 3],
    /// Interleaved, `[height, width, channels]`.
    pub bytes: Vec<u8>,
}

/// Where pictures come from.
#[derive(Clone)]
pub enum Pictures {
    /// All in memory and equally large: `[n, height, width, channels]`.
    Bytes { shape: [usize; 3], bytes: Arc<[u8]> },
    /// `[28, 28, 1]`.
    Digits(Digits),
    /// PNG and JPEG files, decoded one by one.
    Files(Arc<[PathBuf]>),
    /// Those of one set after those of another.
    Joined(Box<[PictureSet; 2]>),
    /// Drawn by seed and number.
    Drawn { seed: u64, draw: fn(u64, usize) -> Pixels },
}

impl Pictures {
    /// The file of a stored picture.
    fn file(&self, stored: usize) -> Option<&Path> {
        match self {
            Self::Files(paths) => paths.get(stored).map(PathBuf::as_path),
            Self::Joined(sets) => {
                let (set, at) = match stored.checked_sub(sets[0].len()) {
                    None => (&sets[0], stored),
                    Some(at) => (&sets[1], at),
                };
                set.pictures.file(set.order[at] as usize)
            }
            Self::Bytes { .. } | Self::Digits(_) | Self::Drawn { .. } => None,
        }
    }
}

/// Answers about pictures beside their class: yes or no to each of several attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    pub names: Vec<String>,
    /// `[pictures, attributes]`, 0 or 1.
    pub values: Vec<u8>,
}

/// Pictures with their classes. Cheap to clone and to take parts of.
#[derive(Clone)]
pub struct PictureSet {
    identity: DataIdentity,
    class_names: Arc<[String]>,
    pictures: Pictures,
    labels: Arc<[u32]>,
    attributes: Arc<Attributes>,
    /// Which stored picture each index of this set is.
    order: Arc<[u32]>,
}

impl std::fmt::Debug for PictureSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} pictures)", self.identity.name, self.len())
    }
}

impl Pixels {
    /// With one channel (luminance, weighted and rounded as Pillow's `L`) or with three.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other numbers of channels.
    pub fn with_channels(self, channels: usize) -> Result<Self> {
        let [height, width, own] = self.shape;
        let bytes = match (own, channels) {
            (own, channels) if own == channels => return Ok(self),
            (1, 3) => self.bytes.iter().flat_map(|&byte| [byte; 3]).collect(),
            (3, 1) => self.bytes.chunks_exact(3).map(luminance).collect(),
            _ => {
                let message = format!("pictures of {own} channels cannot become pictures of {channels}");
                return Err(Error::Unsupported(message));
            }
        };
        Ok(Self { shape: [height, width, channels], bytes })
    }

    /// Channels first, bytes over 255.
    pub fn to_image(&self) -> Image {
        let [height, width, channels] = self.shape;
        let mut image = Image::zeros(channels, height, width);
        for channel in 0..channels {
            let bytes = self.bytes[channel..].iter().step_by(channels);
            for (value, &byte) in image.plane_mut(channel).iter_mut().zip(bytes) {
                *value = f32::from(byte) / 255.0;
            }
        }
        image
    }

    /// Bytes of a picture in `0..=1`, rounded.
    pub fn of_image(image: &Image) -> Self {
        let [channels, height, width] = image.shape();
        let byte = |at: usize| {
            let (place, channel) = (at / channels, at % channels);
            (image.plane(channel)[place] * 255.0).round().clamp(0.0, 255.0) as u8
        };
        Self { shape: [height, width, channels], bytes: (0..channels * height * width).map(byte).collect() }
    }
}

/// Integer weights of red, green and blue over 65536, as Pillow has them.
fn luminance(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(pixel[channel]));
    ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8
}

impl PictureSet {
    /// # Errors
    /// [`Error::Shape`] if pictures, labels and attributes are not equally many, [`Error::Config`] for a
    /// label without a class.
    pub fn new(
        identity: DataIdentity,
        class_names: Vec<String>,
        pictures: Pictures,
        labels: Vec<u32>,
        attributes: Attributes,
    ) -> Result<Self> {
        let n = match &pictures {
            Pictures::Bytes { shape, bytes } => bytes.len() / shape.iter().product::<usize>().max(1),
            Pictures::Digits(digits) => digits.len(),
            Pictures::Files(paths) => paths.len(),
            Pictures::Joined(sets) => sets.iter().map(Self::len).sum(),
            Pictures::Drawn { .. } => labels.len(),
        };
        if n != labels.len() || attributes.values.len() != n * attributes.names.len() {
            let found = [labels.len(), attributes.values.len() / attributes.names.len().max(1)];
            return Err(Error::shape(format!("labels of {}", identity.name), [n, n], &found));
        }
        if let Some(label) = labels.iter().find(|&&label| label as usize >= class_names.len()) {
            return Err(Error::config("label", format!("below {} classes", class_names.len()), label));
        }
        let Ok(count) = u32::try_from(n) else {
            return Err(Error::config("number of pictures", "below 2^32", n));
        };
        let order = (0..count).collect();
        let attributes = Arc::new(attributes);
        Ok(Self {
            identity,
            class_names: class_names.into(),
            pictures,
            labels: labels.into(),
            attributes,
            order,
        })
    }

    /// Digits of ten classes.
    ///
    /// # Errors
    /// As [`PictureSet::new`].
    pub fn of_digits(digits: Digits) -> Result<Self> {
        let labels = (0..digits.len()).map(|index| digits.label(index)).collect();
        let names = (0..super::DIGIT_CLASSES).map(|class| class.to_string()).collect();
        let identity = digits.identity().clone();
        Self::new(identity, names, Pictures::Digits(digits), labels, Attributes::default())
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub fn identity(&self) -> &DataIdentity {
        &self.identity
    }

    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Names of the attributes; empty where pictures have none.
    pub fn attribute_names(&self) -> &[String] {
        &self.attributes.names
    }

    /// The class of a picture. Panics outside `0..len()`.
    pub fn label(&self, index: usize) -> u32 {
        self.labels[self.order[index] as usize]
    }

    /// What a picture is called: its file with the folder of its class, else its class and its number.
    /// Panics outside `0..len()`.
    pub fn name_of(&self, index: usize) -> String {
        let stored = self.order[index] as usize;
        let class = &self.class_names[self.label(index) as usize];
        let Some(path) = self.pictures.file(stored) else { return format!("{class}, number {index}") };
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let file = name(path).unwrap_or_default();
        match path.parent().and_then(name) {
            Some(folder) if folder == *class => format!("{folder}/{file}"),
            _ => file,
        }
    }

    /// Whether a picture has an attribute. Panics outside both ranges.
    pub fn has_attribute(&self, index: usize, attribute: usize) -> bool {
        let n = self.attributes.names.len();
        assert!(attribute < n, "attribute {attribute} of {n}");
        self.attributes.values[self.order[index] as usize * n + attribute] > 0
    }

    /// Reads or draws a picture.
    ///
    /// # Errors
    /// [`Error::Config`] outside `0..len()`; [`Error::File`] or [`Error::Io`] naming the file.
    pub fn pixels(&self, index: usize) -> Result<Pixels> {
        let Some(&stored) = self.order.get(index) else {
            let requirement = format!("below {} in {}", self.len(), self.identity.name);
            return Err(Error::config("picture index", requirement, index));
        };
        let stored = stored as usize;
        Ok(match &self.pictures {
            Pictures::Bytes { shape, bytes } => {
                let size = shape.iter().product::<usize>();
                Pixels { shape: *shape, bytes: bytes[stored * size..(stored + 1) * size].to_vec() }
            }
            Pictures::Digits(digits) => {
                let side = super::DIGIT_SIZE;
                Pixels { shape: [side, side, 1], bytes: digits.bytes(stored).to_vec() }
            }
            Pictures::Files(paths) => {
                let (picture, _) = read_picture(&paths[stored])?;
                Pixels { shape: [picture.height, picture.width, 3], bytes: picture.rgb }
            }
            Pictures::Joined(sets) => match stored.checked_sub(sets[0].len()) {
                None => sets[0].pixels(stored)?,
                Some(stored) => sets[1].pixels(stored)?,
            },
            Pictures::Drawn { seed, draw } => draw(*seed, stored),
        })
    }

    /// A picture as an input of `channels` sees it, bytes over 255.
    ///
    /// # Errors
    /// As [`PictureSet::pixels`] and [`Pixels::with_channels`].
    pub fn prepared(&self, index: usize, preparation: &Preparation, channels: usize) -> Result<Image> {
        let pixels = self.pixels(index)?.with_channels(channels)?;
        preparation.image(&pixels.bytes, pixels.shape)
    }

    /// The pictures at `indices`, in that order; `part` names them in the identity.
    ///
    /// # Errors
    /// [`Error::Config`] for an index outside the set.
    pub fn part(&self, part: &str, indices: &[usize]) -> Result<Self> {
        let stored = |&index: &usize| {
            self.order.get(index).copied().ok_or_else(|| {
                let requirement = format!("below {} in {}", self.len(), self.identity.name);
                Error::config("picture index", requirement, index)
            })
        };
        let mut set = self.clone();
        set.order = indices.iter().map(stored).collect::<Result<_>>()?;
        set.identity.name = format!("{}, {part}", self.identity.name);
        Ok(set)
    }

    /// The pictures of the first `n` classes.
    ///
    /// # Errors
    /// None in practice: every index is inside.
    pub fn of_first_classes(&self, n: usize) -> Result<Self> {
        if n >= self.class_names.len() {
            return Ok(self.clone());
        }
        let indices: Vec<usize> = (0..self.len()).filter(|&index| (self.label(index) as usize) < n).collect();
        let mut set = self.part(&format!("first {n} classes"), &indices)?;
        set.class_names = self.class_names[..n].into();
        Ok(set)
    }

    /// The pictures of the classes `names`, which are numbered in that order.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a class that the set does not have, [`Error::Config`] for one named twice.
    pub fn of_classes(&self, names: &[String]) -> Result<Self> {
        let mut numbers = vec![None; self.class_names.len()];
        for (number, name) in (0..).zip(names) {
            let Some(own) = self.class_names.iter().position(|own| own == name) else {
                return Err(Error::unknown("class", name, self.class_names.iter().cloned()));
            };
            if numbers[own].replace(number).is_some() {
                return Err(Error::config("classes", "each class once", name));
            }
        }
        let indices: Vec<usize> =
            (0..self.len()).filter(|&index| numbers[self.label(index) as usize].is_some()).collect();
        let mut set = self.part(&format!("classes {}", names.join(" ")), &indices)?;
        set.class_names = names.into();
        let renumbered = |&label: &u32| numbers[label as usize].unwrap_or_default();
        set.labels = self.labels.iter().map(renumbered).collect();
        Ok(set)
    }

    /// These pictures and those of `other`, whose classes follow these, or are all the one class `merged`.
    ///
    /// # Errors
    /// As [`PictureSet::new`].
    pub fn joined(self, other: Self, merged: Option<&str>) -> Result<Self> {
        let own = self.class_names.len() as u32;
        let mut classes = self.class_names.to_vec();
        match merged {
            Some(name) => classes.push(name.to_owned()),
            None => classes.extend(other.class_names.iter().cloned()),
        }
        let later = |label: u32| if merged.is_some() { own } else { own + label };
        let labels = (0..self.len()).map(|index| self.label(index));
        let labels = labels.chain((0..other.len()).map(|index| later(other.label(index)))).collect();
        let identity = DataIdentity {
            name: format!("{} and {}", self.identity.name, other.identity.name),
            procedural: self.identity.procedural && other.identity.procedural,
            files: [self.identity.files.clone(), other.identity.files.clone()].concat(),
            skipped: [self.identity.skipped.clone(), other.identity.skipped.clone()].concat(),
        };
        let pictures = Pictures::Joined(Box::new([self, other]));
        Self::new(identity, classes, pictures, labels, Attributes::default())
    }

    /// As the rule for missing and broken files says: to leave them out, every file is decoded once, and
    /// the identity names those that are. Sets without files stay as they are.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if nothing is left.
    pub fn by_rule(&self, rule: Broken) -> Result<Self> {
        let (Pictures::Files(paths), Broken::Skip) = (&self.pictures, rule) else { return Ok(self.clone()) };
        let own: Vec<PathBuf> = self.order.iter().map(|&stored| paths[stored as usize].clone()).collect();
        let (left, skipped) = readable(&own, |_, path| read_picture(path).map(|_| ()))?;
        if skipped.is_empty() {
            return Ok(self.clone());
        }
        let mut set = self.part(&format!("{} broken left out", skipped.len()), &left)?;
        set.identity.skipped.extend(skipped);
        Ok(set)
    }

    /// Are pictures read from files when they are asked for?
    pub fn reads_files(&self) -> bool {
        match &self.pictures {
            Pictures::Files(_) => true,
            Pictures::Joined(sets) => sets.iter().any(Self::reads_files),
            Pictures::Bytes { .. } | Pictures::Digits(_) | Pictures::Drawn { .. } => false,
        }
    }

    /// The first `n`, or all there are; 0 is all.
    ///
    /// # Errors
    /// None in practice: every index is inside.
    pub fn first(&self, n: usize) -> Result<Self> {
        if n == 0 || n >= self.len() {
            return Ok(self.clone());
        }
        self.part(&format!("first {n}"), &(0..n).collect::<Vec<_>>())
    }

    /// All but the last `n`, and the last `n`.
    ///
    /// # Errors
    /// [`Error::Config`] if that leaves nothing of either.
    pub fn without_last(&self, n: usize) -> Result<(Self, Self)> {
        if n == 0 || n >= self.len() {
            let requirement = format!("1 to {} of {}", self.len().saturating_sub(1), self.identity.name);
            return Err(Error::config("held_out", requirement, n));
        }
        let all: Vec<usize> = (0..self.len()).collect();
        let (first, last) = all.split_at(self.len() - n);
        Ok((self.part(&format!("all but the last {n}"), first)?, self.part(&format!("last {n}"), last)?))
    }

    /// A random division into `n` pictures that are set aside and the rest (rest first), the same for
    /// the same `seed`.
    ///
    /// # Errors
    /// As [`PictureSet::without_last`].
    pub fn set_aside(&self, n: usize, seed: u64) -> Result<(Self, Self)> {
        let order = rng::permutation(&mut rng::stream(seed, "picture division", &[]), self.len());
        let mut shuffled = self.part(&format!("shuffled by seed {seed}"), &order)?;
        shuffled.identity.files.clone_from(&self.identity.files);
        shuffled.without_last(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stimulus::{Resizing, Split, procedural_digits::procedural_digits};

    fn three() -> PictureSet {
        let bytes: Vec<u8> = (0..3).flat_map(|i| [i * 10, 0, 255]).collect();
        let names = vec!["a".to_owned(), "b".to_owned()];
        let attributes = Attributes { names: vec!["smile".to_owned()], values: vec![0, 1, 1] };
        let pictures = Pictures::Bytes { shape: [1, 1, 3], bytes: bytes.into() };
        PictureSet::new(DataIdentity::procedural("three"), names, pictures, vec![0, 1, 1], attributes)
            .unwrap()
    }

    #[test]
    fn parts_keep_pictures_labels_and_attributes_together() {
        let part = three().part("reversed", &[2, 0]).unwrap();
        assert_eq!(
            (part.pixels(0).unwrap().bytes[0], part.label(0), part.has_attribute(0, 0)),
            (20, 1, true)
        );
        assert_eq!((part.label(1), part.has_attribute(1, 0)), (0, false));
        assert!(part.pixels(2).is_err() && three().part("beyond", &[3]).is_err());
        let (first, last) = three().without_last(1).unwrap();
        assert_eq!((first.len(), last.pixels(0).unwrap().bytes[0]), (2, 20));
        assert!(three().without_last(3).is_err());
        let (rest, aside) = three().set_aside(1, 5).unwrap();
        assert_eq!((rest.len(), aside.len(), three().first(2).unwrap().len()), (2, 1, 2));
    }

    #[test]
    fn sets_join_with_their_classes_or_as_one() {
        let first = three().of_first_classes(1).unwrap();
        assert_eq!((first.len(), first.class_names().len()), (1, 1));
        let both = first.clone().joined(three(), None).unwrap();
        let labels: Vec<u32> = (0..4).map(|index| both.label(index)).collect();
        assert_eq!((labels, both.pixels(2).unwrap().bytes[0]), (vec![0, 1, 2, 2], 10));
        let merged = first.joined(three(), Some("face")).unwrap();
        assert_eq!((merged.label(3), merged.class_names().join(" ").as_str()), (1, "a face"));
    }

    #[test]
    fn channels_are_added_and_weighed() {
        let grey = three().pixels(0).unwrap().with_channels(1).unwrap();
        // 7471 / 65536 of blue.
        assert_eq!(grey.bytes, [29]);
        assert_eq!(grey.clone().with_channels(3).unwrap().bytes, [29; 3]);
        assert!(grey.with_channels(2).is_err());
        let image = three().pixels(1).unwrap().to_image();
        assert_eq!(Pixels::of_image(&image), three().pixels(1).unwrap());
    }

    #[test]
    fn digits_are_pictures_of_one_channel() {
        let set = PictureSet::of_digits(procedural_digits(1, Split::Test, 12)).unwrap();
        assert_eq!((set.len(), set.label(11), set.class_names().len()), (12, 1, 10));
        let preparation = Preparation { resizing: Resizing::Exact, side: 32 };
        assert_eq!(set.prepared(3, &preparation, 3).unwrap().shape(), [3, 32, 32]);
    }

    #[test]
    fn labels_must_be_as_many_and_have_a_class() {
        let new = |labels: Vec<u32>| {
            let pictures = Pictures::Files(vec![PathBuf::from("a.png")].into());
            let names = vec!["a".to_owned()];
            PictureSet::new(DataIdentity::default(), names, pictures, labels, Attributes::default())
        };
        assert!(new(vec![0]).is_ok() && new(vec![1]).is_err() && new(vec![0, 0]).is_err());
        let missing = new(vec![0]).unwrap().pixels(0).unwrap_err().to_string();
        assert!(missing.contains("a.png"), "{missing}");
    }
}
