//! Trials of digits: in a row, two with an instruction, one enlarged.

use std::ops::Range;

use rayon::prelude::*;

use super::{StimulusSource, class_names, joined};
use crate::{
    dynamics::LabelSet,
    error::Result,
    rng,
    stimulus::{DIGIT_SIZE, Image},
    task::{
        Trials,
        digit_pairs::{DigitPairs, DigitScene},
        multi_mnist::{MultiMnist, TwoDigits},
        pictures::{Canvas, enlarged},
        trials::stacked_sets,
    },
};

impl StimulusSource {
    pub(super) fn digit_trials(
        &self,
        pairs: &DigitPairs,
        numbers: Range<usize>,
        seed: u64,
    ) -> Result<Trials> {
        let digits = self.digits()?;
        let scenes: Vec<DigitScene> = numbers
            .into_par_iter()
            .map(|number| {
                let round = (number / digits.len()) as u64;
                pairs.scene(digits, number % digits.len(), seed, round).map(|(_, scene)| scene)
            })
            .collect::<Result<_>>()?;
        let per_object = |of: fn(&DigitScene) -> &Vec<Image>| -> Vec<Vec<&Image>> {
            (0..pairs.n).map(|k| scenes.iter().map(|scene| &of(scene)[k]).collect()).collect()
        };
        let labels: Vec<Vec<i64>> =
            (0..pairs.n).map(|k| scenes.iter().map(|scene| i64::from(scene.labels[k])).collect()).collect();
        let captions = scenes.iter().map(|scene| joined(&scene.labels)).collect();
        let pictures: Vec<Image> = scenes.iter().map(|scene| scene.picture.clone()).collect();
        Ok(Trials {
            labels: Some(LabelSet::PerObject(labels)),
            class_names: class_names(),
            targets: Some(stacked_sets(&per_object(|scene| &scene.targets))?),
            objects: Some(stacked_sets(&per_object(|scene| &scene.objects))?),
            ..Trials::pictures(self.spec.name(), digits.identity().clone(), &pictures, captions)?
        })
    }

    pub(super) fn two_digit_trials(
        &self,
        stimulus: &MultiMnist,
        numbers: Range<usize>,
        seed: u64,
    ) -> Result<Trials> {
        let digits = self.digits()?;
        let scenes: Vec<TwoDigits> = numbers
            .into_par_iter()
            .map(|number| {
                let mut rng = rng::stream(seed, self.spec.name(), &[number as u64]);
                stimulus.scene(digits, number % digits.len(), &mut rng)
            })
            .collect::<Result<_>>()?;
        let size = stimulus.instruction_size();
        let prompt = (size > 0).then(|| {
            ndarray::Array2::from_shape_fn((scenes.len(), size), |(trial, at)| scenes[trial].instruction[at])
        });
        let captions = scenes.iter().map(|scene| match size {
            0 => scene.answer.to_string(),
            _ => format!("{}, answer {}", joined(&scene.labels), scene.answer),
        });
        let captions = captions.collect();
        let answers = scenes.iter().map(|scene| i64::from(scene.answer)).collect();
        let pictures: Vec<Image> = scenes.iter().map(|scene| scene.picture.clone()).collect();
        Ok(Trials {
            labels: Some(LabelSet::PerTimestep(vec![answers])),
            class_names: class_names(),
            prompt,
            ..Trials::pictures(self.spec.name(), digits.identity().clone(), &pictures, captions)?
        })
    }

    pub(super) fn enlarged_digit_trials(&self, canvas: Canvas, numbers: Range<usize>) -> Result<Trials> {
        let digits = self.digits()?;
        let indices: Vec<usize> = numbers.map(|number| number % digits.len()).collect();
        let pictures = indices
            .iter()
            .map(|&index| enlarged(digits.bytes(index), DIGIT_SIZE, canvas))
            .collect::<Result<Vec<_>>>()?;
        let labels: Vec<u32> = indices.iter().map(|&index| digits.label(index)).collect();
        Ok(Trials {
            labels: Some(LabelSet::PerTimestep(vec![labels.iter().map(|&label| i64::from(label)).collect()])),
            class_names: class_names(),
            ..Trials::pictures(
                self.spec.name(),
                digits.identity().clone(),
                &pictures,
                labels.iter().map(u32::to_string).collect(),
            )?
        })
    }
}
