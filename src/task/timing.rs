//! Pictures over time: blank timesteps around them, and several pictures in one trial.

use std::ops::Range;

use ndarray::Axis;
use serde::{Deserialize, Serialize};

use super::Trials;
use crate::{
    dynamics::LabelSet,
    error::{Error, Result},
};

/// When the pictures of a trial are shown, in timesteps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// Without a picture before the first.
    pub before: usize,
    /// With each picture; 0 holds a single one for as long as the model looks.
    pub shown: usize,
    /// Without a picture after the last.
    pub after: usize,
    /// Pictures of one trial, one after the other.
    pub pictures: usize,
}

/// Keys of [`Timing`] in the table of a stimulus.
pub(super) const KEYS: [&str; 4] = ["before", "shown", "after", "pictures"];

/// Longest stretch, and most pictures of a trial.
const MOST: usize = 100_000;

impl Default for Timing {
    fn default() -> Self {
        Self { before: 0, shown: 0, after: 0, pictures: 1 }
    }
}

impl Timing {
    /// # Errors
    /// [`Error::Config`] naming the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        for (key, value) in KEYS.into_iter().zip([self.before, self.shown, self.after, self.pictures]) {
            if value > MOST {
                return Err(Error::config(key, format!("at most {MOST}"), value));
            }
        }
        if self.pictures == 0 {
            return Err(Error::config("pictures", "1 or more", 0));
        }
        if self.shown == 0 && (self.pictures > 1 || self.after > 0) {
            let requirement = "1 or more timesteps where something follows the picture";
            return Err(Error::config("shown", requirement, 0));
        }
        Ok(())
    }

    /// Trials `numbers` of this timing, out of trials of single held pictures: `of` makes those of a
    /// range of numbers.
    ///
    /// # Errors
    /// Those of `of`.
    pub(super) fn apply(
        &self,
        numbers: Range<usize>,
        of: impl FnOnce(Range<usize>) -> Result<Trials>,
    ) -> Result<Trials> {
        let n = self.pictures;
        if *self == Self::default() {
            return of(numbers);
        }
        let single = of(numbers.start * n..numbers.end * n)?;
        let rows = |picture: usize| (picture..single.batch()).step_by(n).collect::<Vec<usize>>();
        let frames = (0..n).map(|picture| single.frames[0].select(Axis(0), &rows(picture))).collect();
        let mut frame_index = vec![Trials::BLANK; self.before];
        for picture in 0..n {
            frame_index.extend(std::iter::repeat_n(picture, self.shown.max(1)));
        }
        frame_index.extend(std::iter::repeat_n(Trials::BLANK, self.after));
        let labels = match &single.labels {
            Some(LabelSet::PerTimestep(labels)) if !labels.is_empty() => {
                let of_picture = |picture: usize| rows(picture).iter().map(|&row| labels[0][row]).collect();
                // Nothing is asked where nothing is shown; the entry keeps the count.
                let shown = frame_index.iter().map(|&index| of_picture(index.min(n - 1)));
                Some(LabelSet::PerTimestep(shown.collect()))
            }
            _ => None,
        };
        let captions = single.captions.chunks(n).map(|captions| captions.join(", ")).collect();
        Ok(Trials { frames, frame_index, labels, captions, ..single })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        dynamics::LabelSet,
        task::{Canvas, StimulusSource, StimulusSpec, Trials},
    };

    const CANVAS: Canvas = Canvas { channels: 1, height: 28, width: 28 };

    fn trials(text: &str) -> Trials {
        let spec: StimulusSpec = text.parse().unwrap();
        StimulusSource::open(&spec, None).unwrap().trials_on(CANVAS, 0, 2, 0).unwrap()
    }

    #[test]
    fn pictures_follow_each_other_between_blanks() {
        let timed = trials("one-digit:before=1,shown=2,after=1,pictures=2");
        const BLANK: usize = Trials::BLANK;
        assert_eq!(timed.frame_index, [BLANK, 0, 0, 1, 1, BLANK]);
        assert_eq!((timed.batch(), timed.captions.join("; ")), (2, "0, 1; 2, 3".to_owned()));
        let single = trials("one-digit");
        assert_eq!(timed.frame(0, 3), single.frame(1, 0));
        assert!(timed.frame(0, 0).data().iter().all(|&value| value == 0.0));
        let Some(LabelSet::PerTimestep(labels)) = &timed.labels else { panic!("no labels") };
        assert_eq!((labels.len(), &labels[1], &labels[4]), (6, &vec![0, 2], &vec![1, 3]));
        let shown = timed.presentation(&candle_core::Device::Cpu).unwrap();
        let blank: Vec<bool> = shown.frames.iter().map(|frame| frame.is_blank()).collect();
        assert_eq!(blank, [true, false, false, false, false, true]);
        assert_eq!(shown.frames[0].batch(), 2);
    }

    #[test]
    fn a_late_onset_holds_the_picture() {
        let timed = trials("scene:before=3");
        assert_eq!(timed.frame_index, [Trials::BLANK, Trials::BLANK, Trials::BLANK, 0]);
    }

    #[test]
    fn impossible_times_are_refused() {
        for (text, key) in [
            ("one-digit:after=1", "shown"),
            ("scene:pictures=0", "pictures"),
            ("one-digit:before=1000000", "before"),
        ] {
            let message = text.parse::<StimulusSpec>().unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
        assert!("digits:before=2".parse::<StimulusSpec>().is_err());
    }
}
