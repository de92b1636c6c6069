//! Trials of data sets: one labelled picture each.

use std::ops::Range;

use rayon::prelude::*;

use super::StimulusSource;
use crate::{
    dynamics::LabelSet,
    error::{Error, Result},
    stimulus::{Image, PictureSet},
    task::{
        Trials,
        pictures::{Canvas, Fit, SetStimulus, as_source, fitted},
    },
};

impl StimulusSource {
    pub(super) fn set_trials(
        &self,
        stimulus: &SetStimulus,
        canvas: Canvas,
        numbers: Range<usize>,
    ) -> Result<Trials> {
        let set = self.set()?;
        let indices: Vec<usize> = numbers.map(|number| number % set.len()).collect();
        let pictures: Vec<Image> = (indices.par_iter())
            .map(|&index| self.of_set(set, index, stimulus.fit, canvas))
            .collect::<Result<_>>()?;
        let attribute = stimulus.attribute_of(set)?;
        let label = |&index: &usize| match attribute {
            Some(attribute) => i64::from(set.has_attribute(index, attribute)),
            None => i64::from(set.label(index)),
        };
        let class_names = match attribute {
            Some(_) => ["no", "yes"].map(str::to_owned).to_vec(),
            None => set.class_names().to_vec(),
        };
        let captions = indices.iter().map(|&index| set.name_of(index)).collect();
        Ok(Trials {
            labels: Some(LabelSet::PerTimestep(vec![indices.iter().map(label).collect()])),
            class_names,
            ..Trials::pictures(self.spec.name(), set.identity().clone(), &pictures, captions)?
        })
    }

    pub(in crate::task) fn set(&self) -> Result<&PictureSet> {
        self.set.as_ref().filter(|set| !set.is_empty()).ok_or_else(|| {
            Error::Unsupported(format!("the stimulus {} needs at least one picture", self.spec.name()))
        })
    }

    /// As networks are trained on it: by the source's preparation, else resized to the input.
    fn of_set(&self, set: &PictureSet, index: usize, fit: Fit, canvas: Canvas) -> Result<Image> {
        if let Some(preparation) = as_source(canvas, fit, self.preparation) {
            return set.prepared(index, &preparation, canvas.channels);
        }
        let pixels = set.pixels(index)?;
        match fit {
            Fit::Auto => {
                let pixels = pixels.with_channels(canvas.channels)?;
                Ok(pixels.resized([canvas.height, canvas.width]).to_image())
            }
            _ => fitted(&pixels.with_channels(3)?.to_image(), canvas, fit),
        }
    }
}
