//! What the tasks of a training run are composed of, in three parts that share nothing.

use std::path::Path;

use super::recipe::{GatingRecipe, PROCEDURAL};
use crate::error::Result;
use crate::stimulus::procedural_digits::procedural_digits;
use crate::stimulus::sets::{CelebaPart, celeba_part, schematic, schematic_faces, stl10};
use crate::stimulus::{DataIdentity, Digits, PictureSet, Split, idx};
use crate::task::recurrent_gating::animals::{AnimalSet, Animals};
use crate::task::recurrent_gating::faces::HairFaces;
use crate::task::recurrent_gating::tiles::{self, TileSet};
use crate::task::recurrent_gating::{GatingTask, Materials, Mode, TaskData, backgrounds};

/// Share of the training digits that is trained on: 50,000 of 60,000 (`main_mnist.py`).
const TRAINED_SHARE: f64 = 5.0 / 6.0;

/// The materials of one run.
pub(super) struct RunData {
    pub(super) training: Materials,
    pub(super) validation: Materials,
    pub(super) test: Materials,
}

impl RunData {
    /// Opens what `tasks` need, from the recipe's folder or drawn.
    ///
    /// # Errors
    /// [`crate::Error::File`] or [`crate::Error::Io`] naming what is missing.
    pub(super) fn load<'a>(
        recipe: &GatingRecipe,
        tasks: impl Iterator<Item = &'a GatingTask>,
    ) -> Result<Self> {
        let none = Materials::without_digits()?;
        let mut data = Self { training: none.clone(), validation: none.clone(), test: none };
        let mut needed: Vec<TaskData> = tasks.map(GatingTask::data).collect();
        needed.sort_unstable();
        needed.dedup();
        for needed in needed {
            match needed {
                TaskData::None => {}
                TaskData::Digits => data.open_digits(recipe)?,
                TaskData::Animals => data.open_animals(recipe)?,
                TaskData::Tiles => data.open_tiles(recipe)?,
                TaskData::Faces => data.open_faces(recipe)?,
            }
        }
        Ok(data)
    }

    fn parts(&mut self) -> [&mut Materials; 3] {
        [&mut self.training, &mut self.validation, &mut self.test]
    }

    fn open_digits(&mut self, recipe: &GatingRecipe) -> Result<()> {
        let (all, test) = match folder(recipe) {
            None => {
                let all = procedural_digits(recipe.seed, Split::Train, recipe.training_digits);
                (all, procedural_digits(recipe.seed, Split::Test, recipe.n_test))
            }
            Some(folder) => (idx::load_digits(folder, Split::Train)?, idx::load_digits(folder, Split::Test)?),
        };
        let (training, validation) = all.divided(TRAINED_SHARE, recipe.seed)?;
        let training = match recipe.n_samples {
            0 => training,
            n => first(&training, n)?,
        };
        for (materials, digits) in self.parts().into_iter().zip([training, validation, test]) {
            materials.digits = digits;
        }
        Ok(())
    }

    fn open_animals(&mut self, recipe: &GatingRecipe) -> Result<()> {
        let sets = match folder(recipe) {
            None => AnimalSet::drawn_for_run(recipe.seed, recipe.training_digits, recipe.n_test)?,
            Some(folder) => AnimalSet::divided(folder, recipe.seed)?,
        };
        let splits = [Split::Train, Split::Test, Split::Test];
        for ((materials, set), split) in self.parts().into_iter().zip(sets).zip(splits) {
            let backgrounds = backgrounds(folder(recipe), split, recipe.seed)?;
            materials.animals = Some(Animals { set, backgrounds }.by_rule(recipe.broken)?);
        }
        Ok(())
    }

    /// The labelled training photographs; the halves of the test photographs validate and test.
    fn open_tiles(&mut self, recipe: &GatingRecipe) -> Result<()> {
        let open = |split: Split, n: usize| match folder(recipe) {
            None => schematic(recipe.seed, split, n),
            Some(folder) => stl10(folder, split),
        };
        let training = open(Split::Train, recipe.training_digits)?;
        let (validation, test) = halves(&open(Split::Test, recipe.n_validation + recipe.n_test)?)?;
        for (materials, set) in self.parts().into_iter().zip([training, validation, test]) {
            materials.tiles = Some(TileSet::of_pictures(set, tiles::SIDE)?);
        }
        Ok(())
    }

    fn open_faces(&mut self, recipe: &GatingRecipe) -> Result<()> {
        let sets = match folder(recipe) {
            None => {
                let n = recipe.n_validation + recipe.n_test;
                let (validation, test) = halves(&schematic_faces(recipe.seed, Split::Test, n)?)?;
                [schematic_faces(recipe.seed, Split::Train, recipe.training_digits)?, validation, test]
            }
            Some(folder) => {
                let part = |part| celeba_part(folder, part);
                [part(CelebaPart::Training)?, part(CelebaPart::Validation)?, part(CelebaPart::Test)?]
            }
        };
        for (materials, set) in self.parts().into_iter().zip(sets) {
            materials.faces = Some(HairFaces::new(set.by_rule(recipe.broken)?)?);
        }
        Ok(())
    }

    /// What is learnt from.
    pub(super) fn identity<'a>(&self, tasks: impl Iterator<Item = &'a GatingTask>) -> DataIdentity {
        let mut all: Vec<DataIdentity> = Vec::new();
        for identity in tasks.map(|task| self.training.identity(task)) {
            if !all.contains(&identity) {
                all.push(identity);
            }
        }
        let joined = |names: Vec<String>| names.join("; ");
        DataIdentity {
            name: joined(all.iter().map(|identity| identity.name.clone()).collect()),
            procedural: all.iter().all(|identity| identity.procedural),
            files: all.iter().flat_map(|identity| identity.files.clone()).collect(),
            skipped: all.iter().flat_map(|identity| identity.skipped.clone()).collect(),
        }
    }

    /// Samples of an epoch: those that are asked for, else as many as the task with most items has.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] for a task without items.
    pub(super) fn n_samples<'a>(
        &self,
        tasks: impl Iterator<Item = &'a GatingTask>,
        asked: usize,
    ) -> Result<usize> {
        let mut most = 0;
        for task in tasks {
            let n = match task.data() {
                TaskData::None => 0,
                // The set itself was cut to what is asked for.
                TaskData::Digits => self.training.digits.len(),
                _ if asked > 0 => asked,
                _ => self.training.n_items(task, Mode::Train)?,
            };
            most = most.max(n);
        }
        Ok(if most > 0 { most } else { asked })
    }
}

/// `None` where everything is drawn.
fn folder(recipe: &GatingRecipe) -> Option<&Path> {
    (recipe.data != PROCEDURAL).then(|| Path::new(&recipe.data))
}

fn first(digits: &Digits, n: usize) -> Result<Digits> {
    let indices: Vec<usize> = (0..n.min(digits.len())).collect();
    digits.part(&format!("first {}", indices.len()), &indices)
}

fn halves(set: &PictureSet) -> Result<(PictureSet, PictureSet)> {
    set.without_last(set.len() / 2)
}
