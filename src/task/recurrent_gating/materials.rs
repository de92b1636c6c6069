//! What the tasks are composed of.

use std::path::Path;

use super::animals::{AnimalSet, Animals, Backgrounds};
use super::faces::HairFaces;
use super::tiles::TileSet;
use super::{ArrowShapes, GatingTask, Mode, psychophysics::GaborTable, shape_drawings::ShapeDrawings, tiles};
use crate::error::{Error, Result};
use crate::stimulus::idx::load_digits;
use crate::stimulus::procedural_digits::procedural_digits;
use crate::stimulus::sets::{celeba, schematic, schematic_faces, stl10};
use crate::stimulus::{Broken, DataIdentity, Digits, Split};

/// Folders inside that of COCO that backgrounds are looked for in.
const BACKGROUNDS: [&str; 3] = ["BG-20k", "bg20k", "backgrounds"];

/// The data that a task needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskData {
    /// Its stimuli are drawn.
    None,
    Digits,
    /// Animals of COCO with backgrounds.
    Animals,
    /// Photographs of STL-10.
    Tiles,
    /// Faces of CelebA.
    Faces,
}

/// Digits, photographs, drawings and patches. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Materials {
    /// Empty for tasks without digits.
    pub digits: Digits,
    pub arrows: ArrowShapes,
    pub shapes: ShapeDrawings,
    pub gabors: GaborTable,
    /// `None` for tasks without them.
    pub animals: Option<Animals>,
    pub tiles: Option<TileSet>,
    pub faces: Option<HairFaces>,
}

/// What stands in where no folder is given.
#[derive(Clone, Copy, Debug)]
pub struct StandIn {
    pub seed: u64,
    /// Digits or pictures that are drawn.
    pub n: usize,
}

impl Materials {
    /// Digits with our own drawings.
    pub fn of_digits(digits: Digits) -> Self {
        Self {
            digits,
            arrows: ArrowShapes::drawn(),
            shapes: ShapeDrawings::drawn(),
            gabors: GaborTable::default(),
            animals: None,
            tiles: None,
            faces: None,
        }
    }

    /// Our own drawings, for tasks without digits.
    ///
    /// # Errors
    /// Those of an empty set of digits.
    pub fn without_digits() -> Result<Self> {
        let none = Digits::new(DataIdentity::procedural("drawn stimuli"), Vec::new(), Vec::new())?;
        Ok(Self::of_digits(none))
    }

    /// What `task` needs of a split, from `folder` or drawn.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Io`] naming what is missing.
    pub fn open(task: &GatingTask, folder: Option<&Path>, split: Split, stand_in: StandIn) -> Result<Self> {
        let StandIn { seed, n } = stand_in;
        let mut materials = Self::without_digits()?;
        match (task.data(), folder) {
            (TaskData::None, _) => {}
            (TaskData::Digits, Some(folder)) => materials.digits = load_digits(folder, split)?,
            (TaskData::Digits, None) => materials.digits = procedural_digits(seed, split, n),
            (TaskData::Animals, Some(folder)) => {
                let set = AnimalSet::open(folder, split)?;
                let backgrounds = backgrounds(Some(folder), split, seed)?;
                materials.animals = Some(Animals { set, backgrounds });
            }
            (TaskData::Animals, None) => materials.animals = Some(drawn_animals(seed, split, n)),
            (TaskData::Tiles, folder) => {
                let set = match folder {
                    Some(folder) => stl10(folder, split)?,
                    None => schematic(seed, split, n)?,
                };
                materials.tiles = Some(TileSet::of_pictures(set, tiles::SIDE)?);
            }
            (TaskData::Faces, folder) => {
                let set = match folder {
                    Some(folder) => celeba(folder, split)?,
                    None => schematic_faces(seed, split, n)?,
                };
                materials.faces = Some(HairFaces::new(set)?);
            }
        }
        Ok(materials)
    }

    /// How many different trials a task goes through in a mode; 1 where there is no end.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if what it needs was not opened.
    pub fn n_items(&self, task: &GatingTask, mode: Mode) -> Result<usize> {
        let n = match task {
            _ if task.data() == TaskData::None => 1,
            GatingTask::CocoSearch(_) if mode == Mode::Test => self.animals(task)?.set.n_alone(),
            GatingTask::CelebaSex(task) => {
                let faces = self.faces.as_ref().ok_or_else(|| missing(&GatingTask::CelebaSex(*task)))?;
                faces.listed(task.which, mode)?.len()
            }
            _ => match task.data() {
                TaskData::Animals => self.animals(task)?.set.len(),
                TaskData::Tiles => self.tiles(task)?.len(),
                _ => self.digits.len(),
            },
        };
        match n {
            0 => Err(missing(task)),
            n => Ok(n),
        }
    }

    /// What the trials of a task are made of.
    pub fn identity(&self, task: &GatingTask) -> DataIdentity {
        let mut identity = match task.data() {
            TaskData::Animals => self.animals.as_ref().map(Animals::identity),
            TaskData::Tiles => self.tiles.as_ref().and_then(TileSet::identity).cloned(),
            TaskData::Faces => self.faces.as_ref().map(|faces| faces.identity().clone()),
            TaskData::None | TaskData::Digits => None,
        };
        let identity = identity.get_or_insert_with(|| self.digits.identity().clone());
        match task {
            GatingTask::Arrow(_) | GatingTask::ArrowThenDigits(_) => {
                identity.files.extend(self.arrows.files().iter().cloned());
            }
            GatingTask::Shapes(_) => identity.files.extend(self.shapes.files().iter().cloned()),
            _ => {}
        }
        identity.clone()
    }

    /// Does composing a trial of `task` read files?
    pub fn reads_files(&self, task: &GatingTask) -> bool {
        match task.data() {
            TaskData::Animals => self
                .animals
                .as_ref()
                .is_some_and(|animals| animals.set.reads_files() || animals.backgrounds.reads_files()),
            TaskData::Faces => self.faces.as_ref().is_some_and(HairFaces::reads_files),
            TaskData::None | TaskData::Digits | TaskData::Tiles => false,
        }
    }

    /// What the classes are called.
    pub fn class_names(&self, task: &GatingTask) -> Vec<String> {
        let own = match task.data() {
            TaskData::Animals => self.animals.as_ref().map(|animals| animals.set.class_names()),
            TaskData::Tiles => self.tiles.as_ref().map(|tiles| tiles.class_names().to_vec()),
            _ => None,
        };
        own.unwrap_or_else(|| task.class_names())
    }

    pub(super) fn animals(&self, task: &GatingTask) -> Result<&Animals> {
        self.animals.as_ref().ok_or_else(|| missing(task))
    }

    pub(super) fn tiles(&self, task: &GatingTask) -> Result<&TileSet> {
        self.tiles.as_ref().ok_or_else(|| missing(task))
    }

    pub(super) fn faces(&self, task: &GatingTask) -> Result<&HairFaces> {
        self.faces.as_ref().ok_or_else(|| missing(task))
    }
}

fn missing(task: &GatingTask) -> Error {
    let what = match task.data() {
        TaskData::None | TaskData::Digits => "digits",
        TaskData::Animals => "animals",
        TaskData::Tiles => "photographs",
        TaskData::Faces => "faces",
    };
    Error::Unsupported(format!("the task {} needs at least one of {what}", task.name()))
}

/// Photographs to lay animals over: those in a folder of BG-20k inside `folder`, else drawn ones.
///
/// # Errors
/// As [`Backgrounds::open`].
pub fn backgrounds(folder: Option<&Path>, split: Split, seed: u64) -> Result<Backgrounds> {
    let found =
        folder.and_then(|folder| BACKGROUNDS.iter().map(|name| folder.join(name)).find(|path| path.is_dir()));
    match found {
        Some(found) => Backgrounds::open(&found, split),
        None => Ok(Backgrounds::drawn(seed, split)),
    }
}

fn drawn_animals(seed: u64, split: Split, n: usize) -> Animals {
    Animals { set: AnimalSet::drawn(seed, split, n), backgrounds: Backgrounds::drawn(seed, split) }
}

impl Animals {
    /// Both together.
    pub fn identity(&self) -> DataIdentity {
        let (animals, backgrounds) = (self.set.identity(), self.backgrounds.identity());
        DataIdentity {
            name: format!("{}, over {}", animals.name, backgrounds.name),
            procedural: animals.procedural && backgrounds.procedural,
            files: animals.files.clone(),
            skipped: [animals.skipped.clone(), backgrounds.skipped.clone()].concat(),
        }
    }

    /// As the rule for broken pictures says.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if nothing is left.
    pub fn by_rule(&self, rule: Broken) -> Result<Self> {
        let backgrounds = match rule {
            Broken::Stop => self.backgrounds.clone(),
            Broken::Skip => self.backgrounds.without_broken()?,
        };
        Ok(Self { set: self.set.by_rule(rule)?, backgrounds })
    }
}
