//! What a training run is shown: digits composed anew for every update, or photographs of two objects.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::Batch;
use super::photograph_recipe::PhotographsRecipe;
use super::recipe::{DigitsRecipe, PROCEDURAL};
use super::train::LossSettings;
use crate::error::Result;
use crate::rng;
use crate::stimulus::procedural_digits::procedural_digits;
use crate::stimulus::{DataIdentity, Digits, Split, idx};
use crate::task::coco::{CocoFolder, PairRule, PhotographPairs, PhotographScene, class_weights};
use crate::task::digit_pairs::DigitPairs;
use crate::train::EpochOrder;

/// Share of the training stimuli that is trained on; the rest validates (`data/*_loader.py`).
const TRAINED_SHARE: f64 = 0.7;
/// Draws of held-out stimuli are those of an epoch that training never reaches.
const HELD_OUT_EPOCH: u64 = u64::MAX;
/// Drawn photographs of the test split.
const DRAWN_TEST: usize = 400;

/// One of three sets that share no digit or picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Training,
    Validation,
    Test,
}

/// The three sets of a run.
pub(super) enum Lessons {
    Digits { composer: DigitPairs, seed: u64, batch: usize, sets: Box<[Digits; 3]> },
    Photographs { strength: f64, seed: u64, batch: usize, sets: Box<[PhotographPairs; 3]> },
}

impl Lessons {
    /// Reads or draws the digits of a run.
    ///
    /// # Errors
    /// [`crate::Error::File`] or [`crate::Error::Io`] naming a file.
    pub(super) fn of_digits(recipe: &DigitsRecipe) -> Result<Self> {
        let (all, test) = match recipe.data.as_str() {
            PROCEDURAL => (
                procedural_digits(recipe.seed, Split::Train, recipe.training_digits),
                procedural_digits(recipe.seed, Split::Test, recipe.test_stimuli),
            ),
            folder => {
                let folder = Path::new(folder);
                (idx::load_digits(folder, Split::Train)?, idx::load_digits(folder, Split::Test)?)
            }
        };
        let (training, validation) = all.divided(TRAINED_SHARE, recipe.seed)?;
        let sets = Box::new([training, validation, test]);
        Ok(Self::Digits { composer: recipe.composer(), seed: recipe.seed, batch: recipe.batch, sets })
    }

    /// Selects or draws the photographs of a run.
    ///
    /// # Errors
    /// As [`PhotographPairs::open`] and [`CocoFolder::find`].
    pub(super) fn of_photographs(recipe: &PhotographsRecipe) -> Result<Self> {
        let seed = recipe.seed;
        let sets = if recipe.data == PROCEDURAL {
            let all = PhotographPairs::drawn(seed, Split::Train, recipe.drawn);
            let (training, validation) = all.divided(TRAINED_SHARE, seed)?;
            [training, validation, PhotographPairs::drawn(seed, Split::Test, DRAWN_TEST)]
        } else {
            let folder = Path::new(&recipe.data);
            let find = |split| CocoFolder::find(folder, split);
            let (train, test) = (find(Split::Train)?, find(Split::Test)?);
            let open = |found: &CocoFolder| {
                PhotographPairs::open(&found.pictures, &found.annotations, PairRule::default())?
                    .by_rule(recipe.broken)
            };
            let (training, rest) = open(&train)?.divided(TRAINED_SHARE, seed)?;
            if train == test {
                // One file serves both splits.
                let (validation, test) = rest.divided(0.5, seed)?;
                [training, validation, test]
            } else {
                [training, rest, open(&test)?]
            }
        };
        let sets = Box::new(sets);
        Ok(Self::Photographs { strength: recipe.strength, seed, batch: recipe.batch, sets })
    }

    /// What is learnt from.
    pub(super) fn identity(&self) -> DataIdentity {
        match self {
            Self::Digits { sets, .. } => sets[0].identity().clone(),
            Self::Photographs { sets, .. } => sets[0].identity(),
        }
    }

    /// Is it worth reading the next batch ahead?
    pub(super) fn reads_files(&self) -> bool {
        matches!(self, Self::Photographs { sets, .. } if sets[0].reads_files())
    }

    /// Stimuli of a part.
    pub(super) fn len(&self, part: Part) -> usize {
        match self {
            Self::Digits { sets, .. } => sets[part as usize].len(),
            Self::Photographs { sets, .. } => sets[part as usize].len(),
        }
    }

    fn order(&self) -> EpochOrder {
        let batch = match self {
            Self::Digits { batch, .. } | Self::Photographs { batch, .. } => *batch,
        };
        EpochOrder { n: self.len(Part::Training), batch, drops_rest: false }
    }

    /// Updates of an epoch.
    pub(super) fn per_epoch(&self) -> u64 {
        self.order().batches()
    }

    /// The batch of update `update` (from 0): the training set in a new order every epoch.
    ///
    /// # Errors
    /// Of a picture that cannot be read.
    pub(super) fn training(&self, update: u64, device: &Device) -> Result<Batch> {
        let (seed, name) = match self {
            Self::Digits { seed, .. } => (*seed, "order of the digits"),
            Self::Photographs { seed, .. } => (*seed, "order of the photographs"),
        };
        let visit = self.order().visit(seed, name, update);
        self.batch(Part::Training, &visit.items, visit.epoch, device)
    }

    /// The held-out stimuli `items` of a part, the same every time.
    ///
    /// # Errors
    /// Of a picture that cannot be read.
    pub(super) fn held_out(&self, part: Part, items: &[usize], device: &Device) -> Result<Batch> {
        self.batch(part, items, HELD_OUT_EPOCH, device)
    }

    fn batch(&self, part: Part, items: &[usize], epoch: u64, device: &Device) -> Result<Batch> {
        match self {
            Self::Digits { composer, seed, sets, .. } => {
                let composed = composer.batch(&sets[part as usize], items, *seed, epoch)?;
                Batch::from_digits(&composed, composer.strength, device)
            }
            Self::Photographs { strength, sets, .. } => {
                let scenes = sets[part as usize].scenes(items, *strength);
                Batch::from_photographs(&scenes.into_iter().collect::<Result<Vec<_>>>()?, *strength, device)
            }
        }
    }

    /// What the loss of a run on photographs is made of.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] if classes are weighted and one does not occur.
    pub(super) fn loss(&self, penalty: f64, weighs_classes: bool) -> Result<LossSettings> {
        let class_weights = match self {
            Self::Photographs { sets, .. } if weighs_classes => {
                Some(class_weights(sets[0].labels())?.to_vec())
            }
            _ => None,
        };
        Ok(LossSettings { penalty, class_weights })
    }
}

impl Batch {
    /// Composed photographs on `device`, bytes over 255.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn from_photographs(
        scenes: &[PhotographScene],
        target_strength: f64,
        device: &Device,
    ) -> Result<Self> {
        let shape = PhotographScene::SHAPE;
        let stacked = |of: &dyn Fn(&PhotographScene) -> &[u8]| -> Result<Tensor> {
            let bytes = scenes.iter().flat_map(|scene| of(scene).iter().map(|&byte| f32::from(byte) / 255.0));
            let shape = (scenes.len(), shape[0], shape[1], shape[2]);
            Ok(Tensor::from_vec(bytes.collect::<Vec<f32>>(), shape, device)?)
        };
        let targets = [0, 1].map(|object| stacked(&|scene| &scene.targets[object]));
        let targets = targets.into_iter().collect::<Result<Vec<_>>>()?;
        let labels =
            [0, 1].map(|object| scenes.iter().map(|scene| i64::from(scene.labels[object])).collect());
        let picture = stacked(&|scene| &scene.picture)?;
        Self::new(picture, Tensor::stack(&targets, 0)?, labels.into(), target_strength)
    }
}

/// A generator of batches by the number of their update, for threads of their own.
pub(super) fn batches(
    lessons: &Arc<Lessons>,
    device: &Device,
) -> impl Fn(u64) -> Result<Batch> + Send + Sync + 'static {
    let (lessons, device) = (Arc::clone(lessons), device.clone());
    move |update| lessons.training(update, &device)
}

impl PhotographPairs {
    /// A random division by picture: `share` of them, and the rest.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if that leaves nothing of either.
    pub(super) fn divided(&self, share: f64, seed: u64) -> Result<(Self, Self)> {
        let order = rng::permutation(&mut rng::stream(seed, "division of the photographs", &[]), self.len());
        let n = (self.len() as f64 * share).round() as usize;
        if n == 0 || n == self.len() {
            let requirement = "enough pictures with two objects for both parts";
            return Err(crate::Error::config("data", requirement, self.len()));
        }
        Ok((self.part(&order[..n]), self.part(&order[n..])))
    }
}
