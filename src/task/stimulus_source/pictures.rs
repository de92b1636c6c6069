//! Trials of pictures: made from the seed, read from files, photographs of two objects, turned patterns.

use std::ops::Range;

use rayon::prelude::*;

use super::StimulusSource;
use crate::{
    dynamics::LabelSet,
    error::{Error, Result},
    stimulus::{DataIdentity, Image, coloured_scene, image_file::read_picture},
    task::{
        Trials,
        coco::{PhotographScene, SUPER_CATEGORIES},
        pictures::{Canvas, PictureStimulus, SceneStimulus, luminance, prepared},
        trials::stacked_sets,
    },
};

impl StimulusSource {
    pub(super) fn scene_trials(
        &self,
        SceneStimulus { shapes }: SceneStimulus,
        canvas: Canvas,
        numbers: Range<usize>,
        seed: u64,
    ) -> Result<Trials> {
        if ![1, 3].contains(&canvas.channels) {
            let expected = "1 or 3 channels for a coloured picture";
            return Err(Error::shape("input of the model", expected, &[canvas.channels]));
        }
        let captions = numbers.clone().map(|number| format!("scene {number}")).collect();
        let pictures: Vec<Image> = numbers
            .into_par_iter()
            .map(|number| {
                let scene = coloured_scene(seed, number as u64, shapes, canvas.height, canvas.width);
                if canvas.channels == 3 { scene } else { luminance(&scene) }
            })
            .collect();
        let data = DataIdentity::procedural(format!("coloured scenes, seed {seed}"));
        Trials::pictures(self.spec.name(), data, &pictures, captions)
    }

    pub(super) fn picture_trials(
        &self,
        stimulus: &PictureStimulus,
        canvas: Canvas,
        numbers: Range<usize>,
    ) -> Result<Trials> {
        let mut data = DataIdentity { name: stimulus.path.display().to_string(), ..DataIdentity::default() };
        let (mut pictures, mut captions) = (Vec::new(), Vec::new());
        for number in numbers {
            let path = &self.pictures[number % self.pictures.len()];
            let (picture, file) = read_picture(path)?;
            pictures.push(prepared(&picture, canvas, stimulus.fit, self.preparation)?);
            captions.push(file.name.clone());
            data.files.push(file);
        }
        Trials::pictures(self.spec.name(), data, &pictures, captions)
    }

    pub(super) fn photograph_trials(&self, strength: f64, numbers: Range<usize>) -> Result<Trials> {
        let Some(pairs) = &self.photographs else {
            return Err(Error::Unsupported("photographs were not read".to_owned()));
        };
        let indices: Vec<usize> = numbers.map(|number| number % pairs.len()).collect();
        let scenes: Vec<PhotographScene> =
            pairs.scenes(&indices, strength).into_iter().collect::<Result<_>>()?;
        let images = |of: fn(&PhotographScene) -> &[Vec<u8>; 2]| -> [Vec<Image>; 2] {
            [0, 1].map(|k| scenes.iter().map(|scene| PhotographScene::image(&of(scene)[k])).collect())
        };
        let sets = |images: &[Vec<Image>; 2]| {
            stacked_sets(&[images[0].iter().collect::<Vec<_>>(), images[1].iter().collect()])
        };
        let labels = [0, 1].map(|k| scenes.iter().map(|scene| i64::from(scene.labels[k])).collect());
        let mut data = pairs.identity();
        data.files.extend(scenes.iter().map(|scene| scene.file.clone()));
        let pictures: Vec<Image> =
            scenes.iter().map(|scene| PhotographScene::image(&scene.picture)).collect();
        let captions = scenes.iter().map(|scene| scene.file.name.clone()).collect();
        Ok(Trials {
            labels: Some(LabelSet::PerObject(labels.into())),
            class_names: SUPER_CATEGORIES.map(str::to_owned).into(),
            targets: Some(sets(&images(|scene| &scene.targets))?),
            objects: Some(sets(&images(|scene| &scene.objects))?),
            ..Trials::pictures(self.spec.name(), data, &pictures, captions)?
        })
    }

    pub(super) fn turned_trials(
        &self,
        orientation: f64,
        numbers: Range<usize>,
        render: impl Fn(f64) -> Image,
    ) -> Result<Trials> {
        let n = numbers.len() as f64;
        let turned: Vec<f64> = numbers.map(|k| orientation + 180.0 * k as f64 / n).collect();
        let pictures: Vec<Image> = turned.iter().map(|&deg| render(deg)).collect();
        let captions = turned.iter().map(|deg| format!("{deg}°")).collect();
        Trials::pictures(
            self.spec.name(),
            DataIdentity::procedural(self.spec.to_string()),
            &pictures,
            captions,
        )
    }
}
