//! Training batches: pictures changed at random as the source does, normalised, with shares of classes.
//!
//! `utils.py` of the source. Changes depend on seed, update and place in the batch alone.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::config::Config;
use super::dataset::Dataset;
use super::protocol::preparation;
use super::training::Batch;
use crate::error::Result;
use crate::rng::{self, Rng};
use crate::stimulus::augment::{
    Elastic, Warp, brightness, contrast, cut_mixed, flipped, mixed, rand_augmented,
};
use crate::stimulus::{Image, PictureSet};

/// Of digits.
const ELASTIC: Elastic = Elastic { alpha: 20.0, sigma: 5.0 };
/// Share of an ImageNet picture that is cut out.
const CUT_AREAS: [f64; 2] = [0.08, 1.0];

/// How pictures become a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preparing<'a> {
    pub(super) config: &'a Config,
    /// Change single pictures at random.
    pub(super) augments: bool,
    /// Mix or cut pictures with the one before, where the source does.
    pub(super) mixes: bool,
    pub(super) seed: u64,
}

impl Preparing<'_> {
    /// The batch of update `update`.
    ///
    /// # Errors
    /// What reading a picture gives.
    pub(super) fn batch(
        &self,
        set: &PictureSet,
        items: &[usize],
        update: u64,
        device: &Device,
    ) -> Result<Batch> {
        let config = self.config;
        let scale = config.dataset.pixel_scale();
        let mut pictures: Vec<Image> = items
            .par_iter()
            .enumerate()
            .map(|(place, &item)| {
                let rng = &mut rng::stream(self.seed, "changes of a picture", &[update, place as u64]);
                let mut image = self.picture(set, item, rng)?;
                scale.normalise(&mut image)?;
                Ok(image)
            })
            .collect::<Result<_>>()?;
        let one_hot = |&item: &usize| -> Vec<f32> {
            let label = set.label(item) as usize;
            (0..config.n_classes).map(|class| f32::from(u8::from(class == label))).collect()
        };
        let mut labels: Vec<Vec<f32>> = items.iter().map(one_hot).collect();
        if self.mixes && !matches!(config.dataset, Dataset::Imagenet | Dataset::Mnist) {
            let rng = &mut rng::stream(self.seed, "mixtures", &[update]);
            (pictures, labels) = mixture(pictures, &labels, rng)?;
        }
        let [channels, side] = [config.image_channels, config.image_side];
        let pixels: Vec<f32> = pictures.into_iter().flat_map(Image::into_data).collect();
        let n = items.len();
        Ok(Batch {
            images: Tensor::from_vec(pixels, (n, channels, side, side), device)?,
            labels: Tensor::from_vec(labels.concat(), (n, config.n_classes), device)?,
        })
    }

    fn picture(&self, set: &PictureSet, item: usize, rng: &mut Rng) -> Result<Image> {
        let (config, side) = (self.config, self.config.image_side);
        if !self.augments {
            return set.prepared(item, &preparation(config), config.image_channels);
        }
        let pixels = set.pixels(item)?.with_channels(config.image_channels)?;
        let half = |rng: &mut Rng| rng::uniform(rng) < 0.5;
        let image = match config.dataset {
            Dataset::Imagenet => pixels.random_resized_cut(side, CUT_AREAS, rng).to_image(),
            _ => pixels.resized([side, side]).to_image(),
        };
        let image = match config.dataset {
            Dataset::Mnist => image,
            _ if half(rng) => flipped(&image),
            _ => image,
        };
        Ok(match config.dataset {
            Dataset::Imagenet | Dataset::Cifar10 | Dataset::Cifar100 => rand_augmented(&image, rng),
            Dataset::Mnist => elastic(&jittered(&warped(&image, rng), rng), rng)?,
            Dataset::FashionMnist => jittered(&warped(&image, rng), rng),
        })
    }
}

fn between(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng::uniform(rng)
}

/// RandomAffine: five degrees, a twentieth of a side in whole pixels, a twentieth in size, five degrees
/// of shear.
fn warped(image: &Image, rng: &mut Rng) -> Image {
    let [_, height, width] = image.shape();
    let deg = between(rng, -5.0, 5.0);
    let mut shift = |side: usize| (between(rng, -0.05, 0.05) * side as f64).round();
    let shift = [shift(width), shift(height)];
    let scale = between(rng, 0.95, 1.05);
    let shear_deg = [between(rng, -5.0, 5.0), 0.0];
    Warp { deg, shift, scale, shear_deg, ..Warp::default() }.apply(image)
}

/// ColorJitter: brightness and contrast by up to a tenth, in either order.
fn jittered(image: &Image, rng: &mut Rng) -> Image {
    let (light, spread) = (between(rng, 0.9, 1.1), between(rng, 0.9, 1.1));
    match rng::uniform(rng) < 0.5 {
        true => contrast(&brightness(image, light), spread),
        false => brightness(&contrast(image, spread), light),
    }
}

fn elastic(image: &Image, rng: &mut Rng) -> Result<Image> {
    let [_, height, width] = image.shape();
    let mut noise = || Image::from_fn(height, width, |_, _| between(rng, -1.0, 1.0) as f32);
    let (across, down) = (noise(), noise());
    let (across, down) = (ELASTIC.displacement(&across, width), ELASTIC.displacement(&down, height));
    Elastic::displaced(image, &across, &down)
}

/// CutMix or MixUp, either with probability 1/2, by one share for the whole batch.
fn mixture(pictures: Vec<Image>, labels: &[Vec<f32>], rng: &mut Rng) -> Result<(Vec<Image>, Vec<Vec<f32>>)> {
    let is_cut = rng::uniform(rng) < 0.5;
    let share = rng::uniform(rng);
    let Some(&[channels, height, width]) = pictures.first().map(Image::shape).as_ref() else {
        return Ok((pictures, labels.to_vec()));
    };
    if is_cut {
        let half = |side: usize| (side as f64 * 0.5 * (1.0 - share).sqrt()) as usize;
        let mut ends = |side: usize| {
            let middle = rng::index(rng, 0, side);
            [middle.saturating_sub(half(side)), (middle + half(side)).min(side)]
        };
        let (x, y) = (ends(width), ends(height));
        let (cut, kept) = cut_mixed(&pictures, x, y);
        return Ok((cut, mixed(labels, kept)));
    }
    let pixels: Vec<Vec<f32>> = pictures.into_iter().map(Image::into_data).collect();
    let blended = mixed(&pixels, share).into_iter();
    let pictures =
        blended.map(|pixels| Image::new(channels, height, width, pixels)).collect::<Result<_>>()?;
    Ok((pictures, mixed(labels, share)))
}

#[cfg(test)]
mod tests {
    use super::super::Stage;
    use super::*;
    use crate::stimulus::Split;
    use crate::stimulus::sets::{Drawn, PROCEDURAL, SetKind};

    fn set(kind: SetKind) -> PictureSet {
        kind.open(PROCEDURAL, Split::Train, Drawn { seed: 1, n: [12, 0] }).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn changes_repeat_with_their_update_and_shares_sum_to_one() {
        for (dataset, kind) in [
            (Dataset::Mnist, SetKind::Mnist),
            (Dataset::FashionMnist, SetKind::FashionMnist),
            (Dataset::Cifar10, SetKind::Cifar10),
            (Dataset::Imagenet, SetKind::Folders),
        ] {
            let config = Config { n_classes: 10, ..Config::new(Stage::Cnn, dataset, 2, 4, 32) };
            let set = set(kind);
            let preparing = Preparing { config: &config, augments: true, mixes: true, seed: 3 };
            let batch = |update| preparing.batch(&set, &[0, 4, 7], update, &Device::Cpu).unwrap();
            let (first, again, next) = (batch(1), batch(1), batch(2));
            assert_eq!(first.images.dims(), [3, config.image_channels, 32, 32]);
            assert_eq!(values(&first.images), values(&again.images), "{dataset:?}");
            assert_ne!(values(&first.images), values(&next.images), "{dataset:?}");
            for row in first.labels.to_vec2::<f32>().unwrap() {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn unchanged_pictures_are_those_of_the_test() {
        let config = Config::new(Stage::Cnn, Dataset::Mnist, 2, 4, 32);
        let set = set(SetKind::Mnist);
        let preparing = Preparing { config: &config, augments: false, mixes: false, seed: 3 };
        let batch = preparing.batch(&set, &[5], 0, &Device::Cpu).unwrap();
        let mut image = set.prepared(5, &preparation(&config), 1).unwrap();
        config.dataset.pixel_scale().normalise(&mut image).unwrap();
        assert_eq!(values(&batch.images), image.data());
        assert_eq!(batch.labels.to_vec2::<f32>().unwrap()[0][5], 1.0);
    }
}
