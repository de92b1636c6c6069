//! Stimuli of a training run: pictures with what may be asked of them, as batches.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::config::{Config, Task};
use super::recipe::{HebbRecipe, PAIRS};
use super::update::Batch;
use crate::error::{Error, Result};
use crate::rng;
use crate::stimulus::sets::{Division, Drawn, Portions, SetKind};
use crate::stimulus::{DIGIT_SIZE, DataIdentity, PictureSet};
use crate::task::multi_mnist::Composer;

/// Drawn pictures of the test split.
const DRAWN_TEST: usize = 2_000;

/// Pictures and the questions that a network is asked about them.
#[derive(Clone, Debug)]
pub(super) struct Examples {
    set: PictureSet,
    /// For each picture the one that stands on the right of it, in a set of pairs.
    right: Option<Vec<u32>>,
    config: Config,
}

/// The three sets of a run.
pub(super) struct Sets {
    pub(super) training: Examples,
    pub(super) validation: Examples,
    /// `None` where the test files train, or validate.
    pub(super) test: Option<Examples>,
}

impl Sets {
    pub(super) fn load(recipe: &HebbRecipe, config: &Config) -> Result<Self> {
        let is_paired = recipe.dataset == PAIRS;
        let kind = if is_paired { SetKind::Mnist } else { SetKind::named(&recipe.dataset)? };
        let portions = Portions {
            data: &recipe.data,
            split: recipe.split,
            items: recipe.items,
            held_out: recipe.held_out,
            test: recipe.test_stimuli,
            drawn: Drawn { seed: recipe.seed, n: [recipe.drawn, DRAWN_TEST] },
            shuffled: matches!(kind, SetKind::Folders | SetKind::Identities),
            broken: recipe.broken,
        };
        let Division { training, validation, test } = portions.divided(kind)?;
        let new = |set, stream| Examples::new(set, is_paired, config, recipe.seed, stream);
        Ok(Self {
            training: new(training, 0)?,
            validation: new(validation, 1)?,
            test: test.map(|test| new(test, 2)).transpose()?,
        })
    }
}

impl Examples {
    fn new(set: PictureSet, is_paired: bool, config: &Config, seed: u64, stream: u64) -> Result<Self> {
        if set.is_empty() {
            return Err(Error::config("data", "a data set with pictures", &set.identity().name));
        }
        let n_classes = set.class_names().len();
        let asks_attributes = config.mtl && config.task == Task::BinaryAttribute;
        if asks_attributes && set.attribute_names().len() < config.n_tasks {
            let requirement = format!("at most the {} attributes there are", set.attribute_names().len());
            return Err(Error::config("network.n_tasks", requirement, config.n_tasks));
        }
        if !asks_attributes && n_classes > config.n_classes {
            let requirement = format!("at least {n_classes}, the classes of {}", set.identity().name);
            return Err(Error::config("network.n_classes", requirement, config.n_classes));
        }
        let asks_sides = config.mtl && matches!(config.task, Task::LeftRight | Task::LeftRightOf);
        if asks_sides && !is_paired {
            let requirement = format!("{PAIRS} for a task of two digits");
            return Err(Error::config("dataset", requirement, &set.identity().name));
        }
        let mut rng = rng::stream(seed, "digits on the right", &[stream]);
        let n = set.len();
        let right = is_paired.then(|| (0..n).map(|_| rng::index(&mut rng, 0, n) as u32).collect());
        Ok(Self { set, right, config: config.clone() })
    }

    pub(super) fn len(&self) -> usize {
        self.set.len()
    }

    pub(super) fn identity(&self) -> &DataIdentity {
        self.set.identity()
    }

    /// Are pictures read from files when they are asked for?
    pub(super) fn reads_files(&self) -> bool {
        self.set.reads_files()
    }

    /// Questions that can be asked of each picture.
    pub(super) fn n_questions(&self) -> usize {
        match self.config.task {
            _ if !self.config.mtl => 1,
            Task::LeftRight | Task::LeftRightOf => 2,
            Task::OneHot | Task::BinaryAttribute => self.config.n_tasks,
        }
    }

    /// The pictures `items`, each with the question of the same place.
    pub(super) fn batch(&self, items: &[usize], questions: &[usize], device: &Device) -> Result<Batch> {
        let n = items.len();
        let pictures: Vec<Vec<f32>> =
            items.par_iter().map(|&item| self.picture(item)).collect::<Result<_>>()?;
        let [channels, height, width] = self.config.in_shape;
        let labels: Vec<i64> = items.iter().zip(questions).map(|(&item, &q)| self.answer(item, q)).collect();
        let instruction = match self.config.mtl {
            false => None,
            true => {
                let size = self.config.task_vector_size;
                let rows = items.iter().zip(questions).flat_map(|(&item, &q)| self.instruction(item, q));
                Some(Tensor::from_vec(rows.collect::<Vec<f32>>(), (n, size), device)?)
            }
        };
        Ok(Batch {
            images: Tensor::from_vec(pictures.concat(), (n, channels, height, width), device)?,
            instruction,
            labels: Tensor::from_vec(labels, n, device)?,
        })
    }

    fn right_of(&self, item: usize) -> usize {
        self.right.as_ref().map_or(item, |right| right[item] as usize)
    }

    fn answer(&self, item: usize, question: usize) -> i64 {
        if self.config.mtl && self.config.task == Task::BinaryAttribute {
            return i64::from(self.set.has_attribute(item, question));
        }
        let asked = if question == 1 { self.right_of(item) } else { item };
        i64::from(self.set.label(asked))
    }

    fn instruction(&self, item: usize, question: usize) -> Vec<f32> {
        let mut vector = vec![0.0; self.config.task_vector_size];
        vector[question] = 1.0;
        if self.config.task == Task::LeftRightOf {
            // "Left of X" names the right digit and is answered by the left one.
            let named = if question == 0 { self.right_of(item) } else { item };
            vector[2 + self.set.label(named) as usize] = 1.0;
        }
        vector
    }

    /// Channels first, bytes over 255.
    fn picture(&self, item: usize) -> Result<Vec<f32>> {
        let [channels, height, width] = self.config.in_shape;
        let mut pixels = self.set.pixels(item)?;
        if self.right.is_some() {
            let right = self.set.pixels(self.right_of(item))?;
            pixels.bytes = Composer::default().compose(&pixels.bytes, &right.bytes, DIGIT_SIZE)?;
        }
        let pixels = pixels.with_channels(channels)?.resized([height, width]);
        Ok(pixels.to_image().into_data())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::settings::Overrides;

    fn sets(variant: &str, sets: &[&str]) -> Result<Sets> {
        let all: Vec<String> =
            sets.iter().chain(&["drawn=60", "held_out=10"]).map(|&s| s.to_owned()).collect();
        let recipe = HebbRecipe::from_map(variant, &Map::new(), &Overrides::read(None, &all).unwrap())?;
        Sets::load(&recipe, &recipe.config()?)
    }

    #[test]
    fn questions_are_answered_by_the_digit_that_is_asked_for() {
        let sets = sets("multi_mnist", &[]).unwrap();
        assert_eq!((sets.training.len(), sets.validation.len(), sets.training.n_questions()), (50, 10, 2));
        let batch = |q| sets.training.batch(&[3, 7], &[q; 2], &Device::Cpu).unwrap();
        let labels = |batch: &Batch| batch.labels.to_vec1::<i64>().unwrap();
        assert_eq!(labels(&batch(0)), [3, 7]);
        let right = [3, 7].map(|item| i64::from(sets.training.set.label(sets.training.right_of(item))));
        assert_eq!(labels(&batch(1)), right);
        assert_eq!(batch(1).instruction.unwrap().to_vec2::<f32>().unwrap(), [[0.0, 1.0]; 2]);
        assert_eq!(batch(0).images.dims(), [2, 1, 28, 28]);
    }

    #[test]
    fn directions_name_the_other_digit() {
        let network = "network={task=\"left/right of\", task_vector_size=12}";
        let sets = sets("multi_mnist", &[network]).unwrap();
        let batch = sets.training.batch(&[4, 4], &[0, 1], &Device::Cpu).unwrap();
        let rows = batch.instruction.unwrap().to_vec2::<f32>().unwrap();
        let right = sets.training.set.label(sets.training.right_of(4)) as usize;
        assert_eq!((rows[0][0], rows[0][2 + right], rows[1][1], rows[1][2 + 4]), (1.0, 1.0, 1.0, 1.0));
        assert!(rows.iter().all(|row| row.iter().sum::<f32>() == 2.0));
    }

    #[test]
    fn pictures_take_the_size_of_the_network() {
        let sets = sets("cifar", &[]).unwrap();
        let batch = sets.training.batch(&[0], &[0], &Device::Cpu).unwrap();
        assert_eq!((batch.images.dims().to_vec(), batch.instruction.is_none()), (vec![1, 3, 32, 32], true));
    }

    #[test]
    fn what_does_not_belong_together_is_named() {
        let message = |variant: &str, given: &[&str]| sets(variant, given).err().unwrap().to_string();
        assert!(message("mnist", &["network={mtl=true, n_tasks=2}"]).contains("multi_mnist"));
        assert!(message("mnist", &["network={n_classes=5}"]).contains("network.n_classes"));
        assert!(message("celeb_a", &[]).contains("attributes"));
    }
}
