//! Trials of a list: pictures from files, each with its onset, duration, answer and conditions.

use std::{borrow::Cow, ops::Range, path::Path, sync::Arc};

use rayon::prelude::*;

use super::StimulusSource;
use crate::{
    dynamics::{LabelSet, TimeUnit},
    error::{Error, Result},
    stimulus::{DataFile, DataIdentity, Image, ListedPicture, TrialList, image_file::read_picture},
    task::{
        Condition, Trials,
        pictures::{Canvas, PictureStimulus, prepared},
        trials::stacked,
    },
};

/// Most timesteps of a trial.
const MOST_TIMESTEPS: usize = 1_000_000;

/// Timesteps at which a picture is shown; without an end it is held.
type Span = (usize, Option<usize>);

/// A list of trials in the timesteps and classes of a model.
#[derive(Clone, Debug)]
pub(in crate::task) struct Listed {
    list: Arc<TrialList>,
    /// Per trial and picture.
    spans: Arc<[Vec<Span>]>,
    /// Per trial and picture; `None` before the classes are known, or without labels.
    labels: Option<Arc<[Vec<i64>]>>,
    class_names: Vec<String>,
    /// Timesteps until the last picture of any trial has gone off.
    timesteps: usize,
}

impl Listed {
    /// Times by the clock of a model, answers by its classes.
    pub(super) fn new(list: &Arc<TrialList>, unit: TimeUnit, classes: &[String]) -> Result<Self> {
        let timed = Self::timed(Arc::clone(list), unit)?;
        let labels = match list.has_labels && !classes.is_empty() {
            true => Some(answers(list, classes)?.into()),
            false => None,
        };
        Ok(Self { labels, class_names: classes.to_vec(), ..timed })
    }

    fn timed(list: Arc<TrialList>, unit: TimeUnit) -> Result<Self> {
        let span = |picture: &ListedPicture| -> Result<Span> {
            let from = timestep(&list, picture, "onset", picture.onset, unit)?;
            let length = |duration| timestep(&list, picture, "duration", duration, unit);
            let length = picture.duration.map(length).transpose()?;
            Ok((from, length.map(|length| from + length)))
        };
        let mut spans: Vec<Vec<Span>> = list
            .trials
            .iter()
            .map(|trial| trial.pictures.iter().map(span).collect())
            .collect::<Result<_>>()?;
        for trial in &mut spans {
            // Without a duration a picture stays until the next.
            for at in 1..trial.len() {
                let next = trial[at].0;
                trial[at - 1].1.get_or_insert(next);
            }
        }
        let ends = spans.iter().flatten().map(|&(from, to)| to.unwrap_or(from + 1));
        let timesteps = ends.max().unwrap_or(1);
        Ok(Self { spans: spans.into(), labels: None, class_names: Vec::new(), timesteps, list })
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The first picture of a trial.
    pub(in crate::task) fn first_picture(&self, number: usize) -> &Path {
        &self.list.trials[number % self.len()].pictures[0].path
    }

    /// How many of the first trials are shown at the same times, so that they can be one batch.
    pub(super) fn alike(&self, numbers: Range<usize>) -> usize {
        let of = |number: usize| &self.spans[number % self.len()];
        numbers.clone().take_while(|&number| of(number) == of(numbers.start)).count()
    }

    /// Which picture each timestep shows.
    fn frame_index(&self, spans: &[Span]) -> Vec<usize> {
        let shown = |t: usize| spans.iter().position(|&(from, to)| from <= t && to.is_none_or(|to| t < to));
        (0..self.timesteps).map(|t| shown(t).unwrap_or(Trials::BLANK)).collect()
    }
}

/// A time of the list in timesteps.
fn timestep(
    list: &TrialList,
    picture: &ListedPicture,
    column: &str,
    time: f64,
    unit: TimeUnit,
) -> Result<usize> {
    let wrong = |expected: String| Err(list.misfit(picture.line, column, expected, &time.to_string()));
    let steps = match unit {
        TimeUnit::Ms { dt_ms } => (time / dt_ms).round(),
        _ if time.fract() != 0.0 => return wrong("a whole number of timesteps".to_owned()),
        _ => time,
    };
    if steps == 0.0 && time > 0.0 {
        let shortest = match unit {
            TimeUnit::Ms { dt_ms } => format!("0, or at least half of a timestep of {dt_ms} ms"),
            _ => "whole timesteps".to_owned(),
        };
        return wrong(shortest);
    }
    if steps > MOST_TIMESTEPS as f64 {
        return wrong(format!("at most {MOST_TIMESTEPS} timesteps"));
    }
    Ok(steps as usize)
}

/// The class of every picture, by number or by name.
fn answers(list: &TrialList, classes: &[String]) -> Result<Vec<Vec<i64>>> {
    let answer = |picture: &ListedPicture| {
        let named = classes.iter().position(|class| class.eq_ignore_ascii_case(&picture.label));
        let number = || picture.label.parse::<usize>().ok().filter(|&class| class < classes.len());
        match named.or_else(number) {
            Some(class) => Ok(class as i64),
            None => {
                let expected = match classes {
                    few if few.len() <= 20 => format!("one of the classes {}", few.join(", ")),
                    many => format!("a class of the model by name, or 0 to {}", many.len() - 1),
                };
                Err(list.misfit(picture.line, "label", expected, &picture.label))
            }
        }
    };
    list.trials.iter().map(|trial| trial.pictures.iter().map(answer).collect()).collect()
}

impl StimulusSource {
    /// The list as the model sees it; in timesteps and without answers where there is none.
    pub(in crate::task) fn listed(&self) -> Result<Cow<'_, Listed>> {
        match (&self.listed, &self.list) {
            (Some(listed), _) => Ok(Cow::Borrowed(listed)),
            (None, Some(list)) => Listed::new(list, TimeUnit::Timestep, &[]).map(Cow::Owned),
            (None, None) => Err(Error::Unsupported("the list of trials was not read".to_owned())),
        }
    }

    pub(super) fn listed_trials(
        &self,
        stimulus: &PictureStimulus,
        canvas: Canvas,
        numbers: Range<usize>,
    ) -> Result<Trials> {
        let listed = self.listed()?;
        if listed.alike(numbers.clone()) < numbers.len() {
            let message = "trials with pictures at different times cannot be shown together; show them apart";
            return Err(Error::Unsupported(message.to_owned()));
        }
        let indices: Vec<usize> = numbers.map(|number| number % listed.len()).collect();
        let list = &listed.list;
        let spans = &listed.spans[indices[0]];
        let read = |picture: usize| -> Result<(Vec<Image>, Vec<DataFile>)> {
            let one = |&index: &usize| {
                let path = &list.trials[index].pictures[picture].path;
                let (read, file) = read_picture(path)?;
                Ok((prepared(&read, canvas, stimulus.fit, self.preparation)?, file))
            };
            Ok(indices.par_iter().map(one).collect::<Result<Vec<_>>>()?.into_iter().unzip())
        };
        let mut data = DataIdentity { name: list.path.display().to_string(), ..DataIdentity::default() };
        data.files.push(list.identity.clone());
        let mut frames = Vec::with_capacity(spans.len());
        for picture in 0..spans.len() {
            let (images, read) = read(picture)?;
            frames.push(stacked(&images)?);
            data.files.extend(read);
        }
        let frame_index = listed.frame_index(spans);
        let labels = listed.labels.as_ref().map(|labels| {
            let of = |picture: usize| indices.iter().map(|&index| labels[index][picture]).collect::<Vec<_>>();
            LabelSet::PerTimestep(match spans.len() {
                1 => vec![of(0)],
                // Of the picture that is shown, or was last.
                _ => {
                    let begun = |t: usize| spans.iter().filter(|&&(from, _)| from <= t).count();
                    (0..frame_index.len()).map(|t| of(begun(t).saturating_sub(1))).collect()
                }
            })
        });
        let name = |index: usize| {
            let names = list.trials[index].pictures.iter().map(|picture| {
                picture.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
            });
            names.collect::<Vec<_>>().join(", ")
        };
        let conditions = list.conditions.iter().enumerate().map(|(at, name)| Condition {
            name: name.clone(),
            values: indices.iter().map(|&index| list.trials[index].conditions[at].clone()).collect(),
        });
        Ok(Trials {
            frames,
            frame_index,
            goes_off: spans.last().is_some_and(|(_, to)| to.is_some()),
            class_names: if labels.is_some() { listed.class_names.clone() } else { Vec::new() },
            labels,
            conditions: conditions.collect(),
            ..Trials::pictures(
                self.spec.name(),
                data,
                &[Image::zeros(1, 1, 1)],
                indices.iter().map(|&index| name(index)).collect(),
            )?
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::task::{StimulusSpec, stimulus_source::tests::picture_folder};

    use super::*;

    const CANVAS: Canvas = Canvas { channels: 1, height: 4, width: 4 };

    fn source(list: &str) -> StimulusSource {
        let folder = picture_folder(&[("a.png", 50), ("b.png", 200)]);
        std::fs::write(folder.path().join("trials.csv"), list).unwrap();
        let spec: StimulusSpec = "trials".parse().unwrap();
        StimulusSource::open(&spec, Some(folder.path())).map(|source| (source, folder.keep())).unwrap().0
    }

    fn classes() -> Vec<String> {
        ["cat", "dog"].map(str::to_owned).to_vec()
    }

    #[test]
    fn pictures_come_and_go_by_the_clock_of_the_model() {
        let source = source("file,onset,duration,label,side\na.png,4,4,dog,left\nb.png,4,4,0,right\n");
        let source = source.timed(TimeUnit::Ms { dt_ms: 2.0 }, &classes()).unwrap();
        let trials = source.trials_on(CANVAS, 0, 2, 0).unwrap();
        assert_eq!(trials.frame_index, [Trials::BLANK, Trials::BLANK, 0, 0]);
        assert_eq!(trials.labels, Some(LabelSet::PerTimestep(vec![vec![1, 0]])));
        assert!(trials.goes_off && trials.frame(0, 9).data().iter().all(|&value| value == 0.0));
        assert_eq!(trials.captions, ["a.png", "b.png"]);
        let side = Condition { name: "side".to_owned(), values: vec!["left".to_owned(), "right".to_owned()] };
        assert_eq!(trials.conditions, [side]);
        let shown = trials.presentation(&candle_core::Device::Cpu).unwrap();
        assert!(
            shown.frame_at(1).is_blank() && !shown.frame_at(3).is_blank() && shown.frame_at(4).is_blank()
        );
        assert_eq!(source.distinct(), Some(2));
        assert_eq!(trials.data.files.len(), 3);
    }

    #[test]
    fn trials_at_different_times_are_kept_apart_and_last_equally_long() {
        let source = source("file,onset,duration\na.png,0,2\nb.png,0,2\na.png,3,4\n");
        assert_eq!((source.alike(0..3), source.alike(2..3), source.alike(2..5)), (2, 1, 1));
        assert!(source.trials_on(CANVAS, 0, 3, 0).unwrap_err().to_string().contains("different times"));
        let early = source.trials_on(CANVAS, 0, 2, 0).unwrap();
        let late = source.trials_on(CANVAS, 2, 1, 0).unwrap();
        assert_eq!((early.timesteps(), late.timesteps()), (7, 7));
        assert_eq!(early.frame_index[1..3], [0, Trials::BLANK]);
    }

    #[test]
    fn several_pictures_of_a_trial_follow_each_other() {
        let source = source("trial,file,onset,duration,label\n1,a.png,0,,0\n1,b.png,2,1,1\n");
        let source = source.timed(TimeUnit::Sweep, &classes()).unwrap();
        let trials = source.trials_on(CANVAS, 0, 1, 0).unwrap();
        assert_eq!((trials.frame_index, trials.frames.len()), (vec![0, 0, 1], 2));
        assert_eq!(trials.labels, Some(LabelSet::PerTimestep(vec![vec![0], vec![0], vec![1]])));
    }

    #[test]
    fn times_and_answers_that_do_not_fit_are_named_by_line() {
        let of = |list: &str, unit| source(list).timed(unit, &classes()).unwrap_err().to_string();
        let message = of("file,onset,duration\na.png,0,10\nb.png,0,1\n", TimeUnit::Ms { dt_ms: 4.0 });
        assert!(message.contains("line 3, column \"duration\""), "{message}");
        let message = of("file,label\na.png,bird\n", TimeUnit::Sweep);
        assert!(message.contains("cat, dog") && message.contains("line 2, column \"label\""), "{message}");
        let message = of("file,onset\na.png,1.5\n", TimeUnit::Pass);
        assert!(message.contains("whole number of timesteps"), "{message}");
    }
}
