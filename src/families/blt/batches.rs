//! Pictures of a training run: the source's data sets and how it changes them at random.
//!
//! `datasets/datasets.py`, `datasets/vggface2.py`. The two halves of a mixed set are normalised by their
//! own statistics: faces are brought to values that the network's normalisation turns into those.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::config::{Config, Normalisation};
use super::protocol::preparation;
use super::recipe::BltRecipe;
use crate::error::{Error, Result};
use crate::rng::{self, Rng};
use crate::stimulus::sets::{Division, Drawn, PROCEDURAL, Portions, SetKind, identities};
use crate::stimulus::{Image, PictureSet, Pixels, Preparation, Resizing, Split};

/// Drawn pictures of the test split.
const DRAWN_TEST: usize = 1_000;
/// Classes and identities of the mixed sets.
const OBJECTS_AND_FACES: [usize; 2] = [500, 1920];
const OBJECTS_AND_ONE_FACE: [usize; 2] = [999, 4];
/// Identities of the set of faces alone.
const IDENTITIES: usize = 3890;
const CUT_AREAS: [f64; 2] = [0.08, 1.0];
const BLUR_TAPS: usize = 7;
/// Deviations of the blur in pixels.
const BLUR: [f64; 2] = [0.01, 7.0];
/// Share of faces that turn grey.
const GREY: f64 = 0.2;

/// The sets of a run.
#[derive(Clone, Debug)]
pub(super) struct Sets {
    pub(super) division: Division,
    /// From which class on pictures are faces.
    first_face: Option<u32>,
}

impl Sets {
    pub(super) fn load(recipe: &BltRecipe) -> Result<Self> {
        let drawn = Drawn { seed: recipe.seed, n: [recipe.drawn, DRAWN_TEST] };
        let is_drawn = recipe.data == PROCEDURAL;
        let (kind, faces) = match recipe.dataset.as_str() {
            "imagenet" => (SetKind::Folders, None),
            "vggface2" => (SetKind::Identities, None),
            "imagenet_vggface2" => (SetKind::Folders, Some((OBJECTS_AND_FACES, None))),
            "imagenet_face" => (SetKind::Folders, Some((OBJECTS_AND_ONE_FACE, Some("face")))),
            _ => (recipe.kind()?, None),
        };
        let portions = Portions {
            data: &recipe.data,
            split: recipe.split,
            items: recipe.items,
            held_out: recipe.held_out,
            test: recipe.test_stimuli,
            drawn,
            shuffled: true,
            broken: recipe.broken,
        };
        let mut division = chosen(&portions.divided(kind)?, recipe)?;
        if recipe.dataset == "vggface2" {
            division = division.of_first_classes(IDENTITIES)?;
            return Ok(Self { division, first_face: Some(0) });
        }
        // What is drawn has faces of its own.
        let Some(([n_objects, n_faces], merged)) = faces.filter(|_| !is_drawn) else {
            return Ok(Self { division, first_face: None });
        };
        if recipe.held_out > 0 || recipe.split == Split::Test {
            let requirement = "0, and split train, for a set that mixes two";
            return Err(Error::config("held_out", requirement, recipe.held_out));
        }
        let folder = std::path::Path::new(&recipe.faces);
        let join = |objects: &PictureSet, split| {
            let faces = identities(folder, split, n_faces)?.by_rule(recipe.broken)?;
            objects.of_first_classes(n_objects)?.joined(faces, merged)
        };
        let training = join(&division.training, Split::Train)?;
        let n_objects = division.training.class_names().len().min(n_objects);
        let validation = join(&division.validation, Split::Test)?;
        Ok(Self {
            division: Division { training, validation, test: None },
            first_face: Some(n_objects as u32),
        })
    }

    /// Prepared as in a test: `[pictures, 3, side, side]` in 0 to 1, and classes.
    pub(super) fn shown(
        &self,
        config: &Config,
        set: &PictureSet,
        items: &[usize],
        device: &Device,
    ) -> Result<(Tensor, Tensor)> {
        self.stacked(config, set, items, device, |item, _| {
            let side = config.image_size();
            let own = match self.is_face(set, item) {
                true => Preparation { resizing: Resizing::Shorter(side), side },
                false => preparation(config),
            };
            set.prepared(item, &own, 3)
        })
    }

    /// Changed at random, by seed, update and place in the batch alone; once per view, one after the other.
    pub(super) fn changed(
        &self,
        recipe: &BltRecipe,
        config: &Config,
        items: &[usize],
        update: u64,
        device: &Device,
    ) -> Result<(Tensor, Tensor)> {
        let set = &self.division.training;
        let items = &items.repeat(recipe.n_views());
        self.stacked(config, set, items, device, |item, place| {
            let rng = &mut rng::stream(recipe.seed, "changes of a picture", &[update, place as u64]);
            let side = config.image_size();
            if !recipe.augment {
                let image = set.prepared(item, &preparation(config), 3)?;
                let is_mirrored = recipe.horizontal_flip && rng::uniform(rng) < 0.5;
                return Ok(if is_mirrored { crate::stimulus::augment::flipped(&image) } else { image });
            }
            let pixels = set.pixels(item)?.with_channels(3)?;
            let cut = match self.is_face(set, item) {
                true => greyed(pixels.shorter_side(side).random_cut(side, rng), rng)?,
                false => pixels.random_resized_cut(side, CUT_AREAS, rng),
            };
            let sigma = BLUR[0] + (BLUR[1] - BLUR[0]) * rng::uniform(rng);
            let blurred = cut.smoothed(BLUR_TAPS, sigma);
            let is_mirrored = recipe.horizontal_flip && rng::uniform(rng) < 0.5;
            Ok(if is_mirrored { blurred.mirrored().to_image() } else { blurred.to_image() })
        })
    }

    fn is_face(&self, set: &PictureSet, item: usize) -> bool {
        self.first_face.is_some_and(|first| set.label(item) >= first)
    }

    fn stacked(
        &self,
        config: &Config,
        set: &PictureSet,
        items: &[usize],
        device: &Device,
        picture: impl Fn(usize, usize) -> Result<Image> + Sync,
    ) -> Result<(Tensor, Tensor)> {
        let side = config.image_size();
        let pictures: Vec<Vec<f32>> = items
            .par_iter()
            .enumerate()
            .map(|(place, &item)| {
                let mut image = picture(item, place)?;
                if self.is_face(set, item) {
                    adapt(&mut image, config.normalisation());
                }
                Ok(image.into_data())
            })
            .collect::<Result<_>>()?;
        let images = Tensor::from_vec(pictures.concat(), (items.len(), 3, side, side), device)?;
        let labels: Vec<u32> = items.iter().map(|&item| set.label(item)).collect();
        Ok((images, Tensor::from_vec(labels, items.len(), device)?))
    }
}

/// The classes that the recipe names, or the first of them.
fn chosen(division: &Division, recipe: &BltRecipe) -> Result<Division> {
    let named = match recipe.classes.is_empty() {
        true => division.clone(),
        false => division.of_classes(&recipe.classes)?,
    };
    match recipe.n_classes {
        0 => Ok(named),
        n => named.of_first_classes(n),
    }
}

/// Luminance in all channels for a share of the pictures.
fn greyed(pixels: Pixels, rng: &mut Rng) -> Result<Pixels> {
    match rng::uniform(rng) < GREY {
        true => pixels.with_channels(1)?.with_channels(3),
        false => Ok(pixels),
    }
}

/// Values of a face that the normalisation of a network turns into those of faces.
fn adapt(image: &mut Image, own: Normalisation) {
    let (Some([mean, std]), Some([face_mean, face_std])) = (own.moments(), Normalisation::Vggface2.moments())
    else {
        return;
    };
    if own == Normalisation::Vggface2 {
        return;
    }
    for channel in 0..3 {
        for value in image.plane_mut(channel) {
            *value = (*value - face_mean[channel]) / face_std[channel] * std[channel] + mean[channel];
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::Map;

    use super::*;
    use crate::settings::Overrides;

    fn recipe(sets: &[&str]) -> BltRecipe {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        BltRecipe::from_map("small", &Map::new(), &Overrides::read(None, &sets).unwrap()).unwrap()
    }

    fn tree(root: &Path, split: &str, classes: &[&str], n: usize) {
        for class in classes {
            let folder = root.join(split).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            for number in 0..n {
                let colour = image::Rgb([number as u8 * 20, 100, 155]);
                let path = folder.join(format!("{number}.png"));
                image::RgbImage::from_pixel(70, 80, colour).save(path).unwrap();
            }
        }
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn changes_repeat_with_their_update() {
        let recipe = recipe(&["augment=true", "horizontal_flip=true", "drawn=20"]);
        let sets = Sets::load(&recipe).unwrap();
        let config = recipe.config(10).unwrap();
        let batch = |update| sets.changed(&recipe, &config, &[1, 5], update, &Device::Cpu).unwrap();
        assert_eq!(batch(1).0.dims(), [2, 3, 64, 64]);
        assert_eq!(values(&batch(1).0), values(&batch(1).0));
        assert_ne!(values(&batch(1).0), values(&batch(2).0));
        assert_eq!(batch(1).1.to_vec1::<u32>().unwrap().len(), 2);
    }

    #[test]
    fn classes_are_chosen_by_name_or_number_and_views_differ() {
        let with = |sets: &[&str]| Sets::load(&recipe(&[&["drawn=40"], sets].concat()));
        let chosen = with(&["classes=[\"cup\", \"face b\"]"]).unwrap().division;
        assert_eq!(chosen.training.class_names(), ["cup", "face b"]);
        assert_eq!((chosen.training.len(), chosen.training.label(0)), (8, 1));
        assert_eq!(with(&["n_classes=3"]).unwrap().division.validation.class_names().len(), 3);
        let message = with(&["classes=[\"cups\"]"]).unwrap_err().to_string();
        assert!(message.contains("did you mean \"cup\""), "{message}");
        let recipe = recipe(&["drawn=20", "augment=true", "objective=contrastive"]);
        let (sets, config) = (Sets::load(&recipe).unwrap(), recipe.config(10).unwrap());
        let (images, labels) = sets.changed(&recipe, &config, &[1, 5], 0, &Device::Cpu).unwrap();
        assert_eq!((images.dims()[0], labels.to_vec1::<u32>().unwrap()), (4, vec![1, 5, 1, 5]));
        assert_ne!(values(&images.get(0).unwrap()), values(&images.get(2).unwrap()));
    }

    #[test]
    fn mixed_sets_join_classes_and_faces_with_their_own_statistics() {
        let folder = tempfile::tempdir().unwrap();
        let (objects, faces) = (folder.path().join("objects"), folder.path().join("faces"));
        tree(&objects, "train", &["n1", "n2"], 2);
        tree(&objects, "val", &["n1", "n2"], 1);
        tree(&faces, "train", &["p1", "p2", "p3", "p4", "p5"], 10);
        let paths = [&objects, &faces].map(|path| path.to_string_lossy().into_owned());
        let given = [format!("data={:?}", paths[0]), format!("faces={:?}", paths[1])];
        for (dataset, classes, n) in [("imagenet_vggface2", 7, 49), ("imagenet_face", 3, 40)] {
            let dataset = format!("dataset={dataset}");
            let recipe = recipe(&[&dataset, &given[0], &given[1], "augment=true"]);
            let sets = Sets::load(&recipe).unwrap();
            let training = &sets.division.training;
            assert_eq!((training.class_names().len(), training.len()), (classes, n));
            let config = recipe.config(classes).unwrap();
            let last = training.len() - 1;
            let (images, labels) = sets.shown(&config, training, &[0, last], &Device::Cpu).unwrap();
            assert_eq!(labels.to_vec1::<u32>().unwrap(), [0, classes as u32 - 1]);
            let green =
                images.get(1).unwrap().get(1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()[0];
            // The network subtracts 0.456 and divides by 0.224.
            let normalised = (green - 0.456) / 0.224;
            let expected = (100.0 / 255.0 - 0.4517) / 0.2173;
            assert!((normalised - expected).abs() < 1e-4, "{normalised} {expected}");
            sets.changed(&recipe, &config, &[0, last], 3, &Device::Cpu).unwrap();
        }
    }
}
