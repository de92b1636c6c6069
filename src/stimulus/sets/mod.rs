//! Data sets of labelled pictures by name, from the files they are published as or drawn.

mod celeba;
mod cifar;
mod class_folders;
mod drawing;
mod ilsvrc;
mod schematic;
mod stl10;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use celeba::{CelebaPart, celeba, celeba_part};
pub use cifar::{Cifar, cifar};
pub use class_folders::{class_folders, identities, listed_folder};
pub use ilsvrc::ilsvrc_val;
pub use schematic::{
    SchematicPair, SchematicScene, schematic, schematic_classes, schematic_faces, schematic_pair,
    schematic_pair_classes, schematic_scene,
};
pub use stl10::stl10;

use super::picture_set::PictureSet;
use super::procedural_digits::procedural_digits;
use super::{Broken, Split, idx, image_file};
use crate::error::{Error, Result};

/// In place of a folder: pictures that are drawn from a seed.
pub const PROCEDURAL: &str = "procedural";

/// How a data set is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetKind {
    /// IDX files of digits.
    #[default]
    Mnist,
    /// IDX files of clothes.
    FashionMnist,
    Cifar10,
    Cifar100,
    Stl10,
    Celeba,
    /// One folder of pictures per class, under `train` and `val`.
    Folders,
    /// One folder of pictures per person, under `train`, divided nine to one.
    Identities,
    /// The validation pictures of ILSVRC in one folder, with a list of their classes.
    IlsvrcVal,
}

/// What is drawn where no folder is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    pub seed: u64,
    /// Pictures of the training split, and of the test split.
    pub n: [usize; 2],
}

impl SetKind {
    pub const ALL: [Self; 9] = [
        Self::Mnist,
        Self::FashionMnist,
        Self::Cifar10,
        Self::Cifar100,
        Self::Stl10,
        Self::Celeba,
        Self::Folders,
        Self::Identities,
        Self::IlsvrcVal,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion_mnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Stl10 => "stl10",
            Self::Celeba => "celeba",
            Self::Folders => "folders",
            Self::Identities => "identities",
            Self::IlsvrcVal => "ilsvrc_val",
        }
    }

    /// # Errors
    /// [`Error::Unknown`] with the names there are.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| Error::unknown("data set", name, Self::ALL.map(Self::name)))
    }

    /// The pictures of a split in the folder `data`; where that is [`PROCEDURAL`], drawn digits stand in
    /// for digits and clothes, schematic faces and objects for photographs, schematic faces with hair
    /// colour and sex for CelebA.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Io`] naming the file and what it should hold.
    pub fn open(self, data: &str, split: Split, drawn: Drawn) -> Result<PictureSet> {
        if data == PROCEDURAL {
            let n = drawn.n[usize::from(split == Split::Test)];
            return match self {
                Self::Mnist | Self::FashionMnist => {
                    PictureSet::of_digits(procedural_digits(drawn.seed, split, n))
                }
                Self::Celeba => schematic_faces(drawn.seed, split, n),
                _ => schematic(drawn.seed, split, n),
            };
        }
        let folder = Path::new(data);
        match self {
            Self::Mnist | Self::FashionMnist => PictureSet::of_digits(idx::load_digits(folder, split)?),
            Self::Cifar10 => cifar(folder, Cifar::Ten, split),
            Self::Cifar100 => cifar(folder, Cifar::Hundred, split),
            Self::Stl10 => stl10(folder, split),
            Self::Celeba => celeba(folder, split),
            Self::Folders => class_folders(folder, split),
            Self::Identities => identities(folder, split, 0),
            Self::IlsvrcVal => ilsvrc_val(folder),
        }
    }

    /// The kind of data set that the files of a folder are those of, if it can be told.
    pub fn found_in(folder: &Path) -> Option<Self> {
        let holds = |names: &[&str]| names.iter().any(|name| folder.join(name).exists());
        let has_pictures = image_file::pictures_in(folder).is_ok();
        if holds(&["data_batch_1.bin", "data_batch_1", "cifar-10-batches-bin", "cifar-10-batches-py"]) {
            Some(Self::Cifar10)
        } else if holds(&["fine_label_names.txt", "cifar-100-binary", "cifar-100-python"]) {
            Some(Self::Cifar100)
        } else if holds(&["stl10_binary", "test_X.bin"]) {
            Some(Self::Stl10)
        } else if holds(&["list_attr_celeba.txt", "celeba/list_attr_celeba.txt"]) {
            Some(Self::Celeba)
        } else if [Split::Test, Split::Train]
            .iter()
            .any(|&split| idx::find_digit_files(folder, split).is_some())
        {
            Some(Self::Mnist)
        } else if ilsvrc::list_in(folder).is_some()
            && (has_pictures || folder.join(ilsvrc::PICTURES).is_dir())
        {
            Some(Self::IlsvrcVal)
        } else if !has_pictures && class_folders(folder, Split::Test).is_ok() {
            Some(Self::Folders)
        } else {
            None
        }
    }
}

/// Which part of a data set a run trains on and which it holds out.
#[derive(Clone, Copy, Debug)]
pub struct Portions<'a> {
    /// A folder, or [`PROCEDURAL`].
    pub data: &'a str,
    /// The files that training and held-out pictures are taken from.
    pub split: Split,
    /// Pictures taken of them; 0 is all.
    pub items: usize,
    /// Pictures of those that are held out; 0 validates on the test files.
    pub held_out: usize,
    /// Pictures of the test files; 0 is all.
    pub test: usize,
    pub drawn: Drawn,
    /// Hold out by chance rather than the last.
    pub shuffled: bool,
    /// What happens to picture files that cannot be read.
    pub broken: Broken,
}

/// The sets of a run, which share no picture.
#[derive(Clone, Debug)]
pub struct Division {
    pub training: PictureSet,
    pub validation: PictureSet,
    /// `None` where the test files train, or validate.
    pub test: Option<PictureSet>,
}

impl Division {
    /// The pictures of the first `n` classes.
    ///
    /// # Errors
    /// As [`PictureSet::of_first_classes`].
    pub fn of_first_classes(&self, n: usize) -> Result<Self> {
        Ok(Self {
            training: self.training.of_first_classes(n)?,
            validation: self.validation.of_first_classes(n)?,
            test: self.test.as_ref().map(|test| test.of_first_classes(n)).transpose()?,
        })
    }
}

impl Division {
    /// The pictures of the classes `names`, numbered in that order.
    ///
    /// # Errors
    /// As [`PictureSet::of_classes`].
    pub fn of_classes(&self, names: &[String]) -> Result<Self> {
        Ok(Self {
            training: self.training.of_classes(names)?,
            validation: self.validation.of_classes(names)?,
            test: self.test.as_ref().map(|test| test.of_classes(names)).transpose()?,
        })
    }
}

impl Portions<'_> {
    /// Opens and divides a data set.
    ///
    /// # Errors
    /// As [`SetKind::open`]; [`Error::Config`] where nothing would be left to validate on.
    pub fn divided(&self, kind: SetKind) -> Result<Division> {
        let open = |split| kind.open(self.data, split, self.drawn)?.by_rule(self.broken);
        let own = open(self.split)?;
        let own = match self.shuffled && self.items > 0 && self.items < own.len() {
            true => own.set_aside(own.len() - self.items, self.drawn.seed)?.0,
            false => own.first(self.items)?,
        };
        let test = || open(Split::Test)?.first(self.test);
        if self.held_out == 0 {
            if self.split == Split::Test {
                let requirement = "1 or more where the test files train";
                return Err(Error::config("held_out", requirement, 0));
            }
            return Ok(Division { training: own, validation: test()?, test: None });
        }
        // Where more than half would be set aside, a sixth of the split is.
        let n = if 2 * self.held_out <= own.len() { self.held_out } else { (own.len() / 6).max(1) };
        let (training, validation) = match self.shuffled {
            true => own.set_aside(n, self.drawn.seed)?,
            false => own.without_last(n)?,
        };
        let test = if self.split == Split::Train { Some(test()?) } else { None };
        Ok(Division { training, validation, test })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_misses_its_files() {
        let empty = tempfile::tempdir().unwrap();
        let drawn = Drawn { seed: 1, n: [20, 10] };
        for kind in SetKind::ALL {
            assert_eq!(SetKind::named(kind.name()).unwrap(), kind);
            let data = empty.path().to_string_lossy();
            let message = kind.open(&data, Split::Train, drawn).unwrap_err().to_string();
            assert!(message.contains(&*data), "{kind:?}: {message}");
            assert_eq!(kind.open(PROCEDURAL, Split::Test, drawn).unwrap().len(), 10);
        }
        assert!(SetKind::named("cifar").unwrap_err().to_string().contains("cifar10"));
    }

    #[test]
    fn broken_pictures_stop_or_are_left_out_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (class, broken) in [("a", 1), ("b", 2)] {
            let class = folder.path().join("train").join(class);
            std::fs::create_dir_all(&class).unwrap();
            for number in 0..6 {
                let path = class.join(format!("{number}.png"));
                image::GrayImage::from_pixel(4, 4, image::Luma([number])).save(&path).unwrap();
                if number == broken {
                    std::fs::write(&path, "no picture").unwrap();
                }
            }
        }
        let data = folder.path().to_string_lossy();
        let portions = |broken| Portions {
            data: &data,
            split: Split::Train,
            items: 0,
            held_out: 2,
            test: 0,
            drawn: Drawn { seed: 1, n: [0, 0] },
            shuffled: true,
            broken,
        };
        std::fs::create_dir_all(folder.path().join("val/a")).unwrap();
        std::fs::copy(folder.path().join("train/a/0.png"), folder.path().join("val/a/0.png")).unwrap();
        let kept = portions(Broken::Stop).divided(SetKind::Folders).unwrap();
        let all = |set: &PictureSet| (0..set.len()).filter(|&i| set.pixels(i).is_err()).count();
        assert_eq!(all(&kept.training) + all(&kept.validation), 2);
        let kept = portions(Broken::Skip).divided(SetKind::Folders).unwrap();
        assert_eq!((kept.training.len(), kept.validation.len()), (8, 2));
        assert_eq!(all(&kept.training) + all(&kept.validation), 0);
        let skipped = &kept.training.identity().skipped;
        assert_eq!(skipped.len(), 2);
        assert!(skipped[0].name.ends_with("a/1.png") && skipped[1].reason.contains("b/2.png"));
        assert!(kept.training.identity().name.contains("2 broken left out"));
    }

    #[test]
    fn divisions_share_no_picture_and_leave_something_to_validate_on() {
        let drawn = Drawn { seed: 1, n: [60, 20] };
        let (split, shuffled, broken) = (Split::Train, true, Broken::Stop);
        let (data, items, held_out, test) = (PROCEDURAL, 40, 6, 5);
        let whole = Portions { data, split, items, held_out, test, drawn, shuffled, broken };
        let sizes = |portions: Portions<'_>| {
            let division = portions.divided(SetKind::Mnist)?;
            let test = division.test.map_or(0, |test| test.len());
            Ok::<_, Error>((division.training.len(), division.validation.len(), test))
        };
        assert_eq!(sizes(whole).unwrap(), (34, 6, 5));
        assert_eq!(sizes(Portions { held_out: 1000, items: 0, ..whole }).unwrap(), (50, 10, 5));
        assert_eq!(sizes(Portions { held_out: 0, ..whole }).unwrap(), (40, 5, 0));
        assert_eq!(sizes(Portions { split: Split::Test, items: 0, ..whole }).unwrap(), (14, 6, 0));
        let none = Portions { split: Split::Test, held_out: 0, ..whole };
        assert!(sizes(none).unwrap_err().to_string().starts_with("held_out"));
    }
}
