//! A batch of composed trials: frames over time, answers, masks, prompts, and what they were made of.

use std::ops::Range;

use ndarray::{Array2, Array4, Array5};
use serde::Serialize;

use super::recurrent_gating::Scoring;
use crate::{
    dynamics::{LabelSet, Segment},
    error::{Error, Result},
    stimulus::{DataIdentity, Image},
};

/// Composed trials in the layout that models read; plain arrays on the CPU.
#[derive(Clone, Debug)]
pub struct Trials {
    /// The kind of stimulus: `digits`, `recognition`, `grating`, …
    pub name: String,
    /// The data that the trials were made of.
    pub data: DataIdentity,
    /// Each distinct frame once, `[batch, channels, height, width]`, never empty.
    pub frames: Vec<Array4<f32>>,
    /// Which of `frames` each stimulus timestep shows, or [`Trials::BLANK`]; one entry for a picture that
    /// is merely held.
    pub frame_index: Vec<usize>,
    /// Is nothing shown after the last of these timesteps? Else its picture is held.
    pub goes_off: bool,
    /// Right answers as numbers, if there are any.
    pub labels: Option<LabelSet>,
    /// What the numbers mean; empty without labels.
    pub class_names: Vec<String>,
    /// Each distinct target mask once, `[batch, 1, height, width]` in `-1..=1`; empty without masks.
    pub masks: Vec<Array4<f32>>,
    /// Which of `masks` belongs to each timestep, or to each object where labels are per object.
    pub mask_index: Vec<usize>,
    /// Prompt `[batch, classes]`, one-hot.
    pub prompt: Option<Array2<f32>>,
    /// Row of the task in the published networks' embedding.
    pub embedding_row: Option<usize>,
    /// What attending to each object should leave, `[objects, batch, channels, height, width]`.
    pub targets: Option<Array5<f32>>,
    /// Each object alone, `[objects, batch, 1, height, width]` in `[0, 1]`.
    pub objects: Option<Array5<f32>>,
    /// Named stretches, in stimulus timesteps.
    pub segments: Vec<Segment>,
    /// The published loss of the task.
    pub scoring: Option<Scoring>,
    /// Separate questions about each trial; empty where `labels` ask one, or none is asked.
    pub questions: Vec<Question>,
    /// Two places of which the gain map of the image has to prefer the first.
    pub decision: Option<Decision>,
    /// One line per trial: `4 7`, `boat.png`.
    pub captions: Vec<String>,
    /// What else is known of each trial, to tell results apart by.
    pub conditions: Vec<Condition>,
}

/// One thing that trials differ in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Condition {
    pub name: String,
    /// One per trial.
    pub values: Vec<String>,
}

impl Condition {
    /// Puts the trials of another batch after those of `all`.
    pub fn append(all: &mut Vec<Self>, more: Vec<Self>) {
        if all.is_empty() {
            *all = more;
            return;
        }
        for (all, more) in all.iter_mut().zip(more) {
            all.values.extend(more.values);
        }
    }
}

/// One of several questions that a read-out answers side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// `shape`, `colour`, `texture`.
    pub name: String,
    /// Which outputs answer it.
    pub outputs: Range<usize>,
    /// Right answer of each trial, counted from the first of these outputs.
    pub answers: Vec<i64>,
}

/// A choice between two places by the gain map of the image after the last sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Weights over pixels, `[batch, 1, height, width]`.
    pub target: Array4<f32>,
    pub other: Array4<f32>,
}

impl Decision {
    /// How much the weighted mean at the target must exceed that at the other place.
    ///
    /// Source: the curve-tracing notebook of the bidirectional gating reference.
    pub const THRESHOLD: f64 = 0.25;

    /// Is the map of `trial`, `[height * width]`, higher at the target?
    ///
    /// Panics for a trial outside the batch.
    pub fn is_right(&self, trial: usize, map: &[f32]) -> bool {
        let mean = |weights: &Array4<f32>| {
            let weights = weights.index_axis(ndarray::Axis(0), trial);
            let (mut sum, mut total) = (0.0, 0.0);
            for (&w, &value) in weights.iter().zip(map) {
                sum += f64::from(w) * f64::from(value);
                total += f64::from(w);
            }
            sum / total
        };
        mean(&self.target) - mean(&self.other) > Self::THRESHOLD
    }
}

impl Trials {
    /// In `frame_index`: no picture at all.
    pub const BLANK: usize = usize::MAX;

    /// One held picture per trial, without answers.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is none or their sizes differ.
    pub fn pictures(
        name: &str,
        data: DataIdentity,
        pictures: &[Image],
        captions: Vec<String>,
    ) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            data,
            frames: vec![stacked(pictures)?],
            frame_index: vec![0],
            goes_off: false,
            labels: None,
            class_names: Vec::new(),
            masks: Vec::new(),
            mask_index: Vec::new(),
            prompt: None,
            embedding_row: None,
            targets: None,
            objects: None,
            segments: Vec::new(),
            scoring: None,
            questions: Vec::new(),
            decision: None,
            captions,
            conditions: Vec::new(),
        })
    }

    /// Number of trials.
    pub fn batch(&self) -> usize {
        self.frames[0].dim().0
    }

    /// The target mask at stimulus timestep `t` (the last holds on), `[trial, row, column]`; `None` without
    /// masks over time.
    pub fn mask_at(&self, t: usize) -> Option<Vec<f32>> {
        if matches!(self.labels, Some(LabelSet::PerObject(_))) {
            return None;
        }
        let last = self.mask_index.len().checked_sub(1)?;
        let mask = self.masks.get(self.mask_index[t.min(last)])?;
        Some(mask.iter().copied().collect())
    }

    /// Number of stimulus timesteps; 1 for held pictures, which are shown for as long as a model looks.
    pub fn timesteps(&self) -> usize {
        self.frame_index.len()
    }

    /// `[channels, height, width]` of the frames.
    pub fn frame_shape(&self) -> [usize; 3] {
        let (_, channels, height, width) = self.frames[0].dim();
        [channels, height, width]
    }

    /// The frame of one trial at stimulus timestep `t`; the last is held beyond the end, unless it goes off.
    ///
    /// Panics for a trial outside the batch.
    pub fn frame(&self, trial: usize, t: usize) -> Image {
        let is_over = self.goes_off && t >= self.frame_index.len();
        let index = if is_over { Self::BLANK } else { self.frame_index[t.min(self.frame_index.len() - 1)] };
        let [channels, height, width] = self.frame_shape();
        if index == Self::BLANK {
            return Image::zeros(channels, height, width);
        }
        let values = self.frames[index].index_axis(ndarray::Axis(0), trial);
        Image::new(channels, height, width, values.iter().copied().collect())
            .expect("one trial of a frame has the frame's shape")
    }

    /// Stretches of timesteps that show one frame, in order: what a timeline draws as thumbnails.
    pub fn held_frames(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        self.frame_index
            .chunk_by(|a, b| a == b)
            .map(|run| {
                start += run.len();
                start - run.len()..start
            })
            .collect()
    }
}

/// Pictures of one size as `[pictures, channels, height, width]`.
///
/// # Errors
/// [`Error::Shape`] if there is none or their sizes differ.
pub fn stacked<'a>(pictures: impl IntoIterator<Item = &'a Image>) -> Result<Array4<f32>> {
    let mut pictures = pictures.into_iter().peekable();
    let shape = pictures.peek().map_or([0; 3], |picture| picture.shape());
    let (mut n, mut data) = (0, Vec::new());
    for picture in pictures {
        if picture.shape() != shape {
            return Err(Error::shape("picture of a batch", shape, &picture.shape()));
        }
        n += 1;
        data.extend_from_slice(picture.data());
    }
    if n == 0 {
        return Err(Error::shape("batch of pictures", "at least one", &[0]));
    }
    let [channels, height, width] = shape;
    Array4::from_shape_vec((n, channels, height, width), data)
        .map_err(|err| Error::Unsupported(format!("batch of pictures: {err}")))
}

/// Sets of pictures of one size, `[sets][pictures]`, as `[sets, pictures, channels, height, width]`.
///
/// # Errors
/// [`Error::Shape`] as for [`stacked`], or if the sets differ in number.
pub fn stacked_sets(sets: &[Vec<&Image>]) -> Result<Array5<f32>> {
    let flat = stacked(sets.iter().flatten().copied())?;
    let (n, channels, height, width) = flat.dim();
    let per_set = n / sets.len().max(1);
    if let Some(set) = sets.iter().find(|set| set.len() != per_set) {
        return Err(Error::shape("set of pictures", [per_set], &[set.len()]));
    }
    let shape = (sets.len(), per_set, channels, height, width);
    flat.into_shape_with_order(shape).map_err(|err| Error::Unsupported(format!("sets of pictures: {err}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_by_trial_and_timestep_and_the_last_is_held() {
        let grey = |value| Image::uniform(&[value], 2, 2);
        let mut trials =
            Trials::pictures("t", DataIdentity::default(), &[grey(0.1), grey(0.2)], Vec::new()).unwrap();
        trials.frames.push(stacked(&[grey(0.3), grey(0.4)]).unwrap());
        trials.frame_index = vec![0, 0, 1];
        assert_eq!((trials.batch(), trials.timesteps(), trials.frame_shape()), (2, 3, [1, 2, 2]));
        assert_eq!(trials.frame(1, 1), grey(0.2));
        assert_eq!(trials.frame(0, 9), grey(0.3));
        assert_eq!(trials.held_frames(), [0..2, 2..3]);
    }

    #[test]
    fn pictures_of_different_sizes_are_refused() {
        let pictures = [Image::zeros(1, 2, 2), Image::zeros(1, 2, 3)];
        assert!(stacked(&pictures).is_err());
        assert!(stacked(&pictures[..0]).is_err());
        assert!(stacked_sets(&[vec![&pictures[0]], vec![&pictures[0]; 2]]).is_err());
    }
}
