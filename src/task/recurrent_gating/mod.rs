//! The tasks of the recurrent-gating networks: digits, curves, psychophysics, shapes, photographs.
//!
//! Every task draws its random choices into a value of its own and composes a [`Trial`] from it
//! without further chance. Source: `composer.py` of the reference implementation.

pub mod animals;
pub mod arrow;
pub mod arrow_shapes;
pub mod arrow_then_digits;
pub mod cue;
pub mod curves;
pub mod ior;
mod materials;
pub mod patterned;
pub mod popout;
pub mod psychophysics;
pub mod recognition;
pub mod scene;
mod scoring;
pub mod search;
pub mod shape_drawings;
pub mod shapes;
pub mod tiles;
pub mod tracking;
mod trial;

use serde::{Deserialize, Serialize};

pub use self::{
    arrow::Arrow,
    arrow_shapes::ArrowShapes,
    arrow_then_digits::ArrowThenDigits,
    cue::Cue,
    curves::Curves,
    ior::Ior,
    materials::Materials,
    patterned::{Lattice, Stripes},
    popout::Popout,
    psychophysics::{Change, Contrast, Discrimination},
    recognition::Recognition,
    scoring::{Scoring, Timesteps},
    search::Search,
    shapes::Shapes,
    tracking::Tracking,
    trial::{Timed, Trial, stretched_mask, with_noise},
};
use crate::{
    dynamics::{Segment, SegmentKind},
    error::{Error, Result},
    rng,
    stimulus::DIGIT_CLASSES,
};

/// Whether trials are composed as for training or as for testing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// With noise; distractors of the arrow and pop-out tasks never share the target's class.
    Train,
    /// Without noise; distractors are drawn from all classes.
    #[default]
    Test,
}

/// Upper end of the noise that training adds, as published for all tasks.
pub const TRAINING_NOISE: f64 = 0.25;

/// A task with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GatingTask {
    Ior(Ior),
    Arrow(Arrow),
    Cue(Cue),
    Tracking(Tracking),
    Recognition(Recognition),
    Search(Search),
    Popout(Popout),
    ArrowThenDigits(ArrowThenDigits),
    Lattice(Lattice),
    Stripes(Stripes),
    Curves(Curves),
    Contrast(Contrast),
    Discrimination(Discrimination),
    Change(Change),
    Shapes(Shapes),
}

impl GatingTask {
    /// All tasks with the published settings.
    pub fn all() -> [Self; 15] {
        [
            Self::Ior(Ior::default()),
            Self::Arrow(Arrow::default()),
            Self::Cue(Cue::default()),
            Self::Tracking(Tracking::default()),
            Self::Recognition(Recognition::default()),
            Self::Search(Search::default()),
            Self::Popout(Popout::default()),
            Self::ArrowThenDigits(ArrowThenDigits::default()),
            Self::Lattice(Lattice::default()),
            Self::Stripes(Stripes::default()),
            Self::Curves(Curves::default()),
            Self::Contrast(Contrast::default()),
            Self::Discrimination(Discrimination::default()),
            Self::Change(Change::default()),
            Self::Shapes(Shapes::default()),
        ]
    }

    /// The name used in recipes and on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ior(_) => "ior",
            Self::Arrow(_) => "arrow",
            Self::Cue(_) => "cue",
            Self::Tracking(_) => "tracking",
            Self::Recognition(_) => "recognition",
            Self::Search(_) => "search",
            Self::Popout(_) => "popout",
            Self::ArrowThenDigits(_) => "arrow_then_digits",
            Self::Lattice(_) => "lattice",
            Self::Stripes(_) => "stripes",
            Self::Curves(_) => "curves",
            Self::Contrast(_) => "contrast",
            Self::Discrimination(_) => "discrimination",
            Self::Change(_) => "change",
            Self::Shapes(_) => "shapes",
        }
    }

    /// Row of the task in the published networks' embedding; variants use that of their task, networks
    /// of one task have none.
    pub fn embedding_row(&self) -> usize {
        match self {
            Self::Ior(_) => 0,
            Self::Curves(_)
            | Self::Contrast(_)
            | Self::Discrimination(_)
            | Self::Change(_)
            | Self::Shapes(_) => 0,
            Self::Arrow(_) | Self::ArrowThenDigits(_) => 1,
            Self::Cue(_) => 2,
            Self::Tracking(_) => 3,
            Self::Recognition(_) | Self::Lattice(_) | Self::Stripes(_) => 4,
            Self::Search(_) => 5,
            Self::Popout(_) => 6,
        }
    }

    /// Timesteps of a trial, without the read-out pass.
    pub fn timesteps(&self) -> usize {
        match self {
            Self::Ior(task) => task.timesteps(),
            Self::Arrow(task) => task.timesteps,
            Self::Cue(task) => task.timesteps(),
            Self::Tracking(task) => task.timesteps(),
            Self::Recognition(task) => task.timesteps,
            Self::Search(task) => task.timesteps,
            Self::Popout(task) => task.timesteps,
            Self::ArrowThenDigits(task) => task.timesteps,
            Self::Lattice(task) => task.timesteps,
            Self::Stripes(task) => task.timesteps,
            Self::Curves(task) => task.timesteps(),
            Self::Contrast(task) => task.episodes.timesteps(),
            Self::Discrimination(task) => task.episodes.timesteps(),
            Self::Change(task) => task.episodes.timesteps(),
            Self::Shapes(task) => task.timesteps,
        }
    }

    /// Is it made of digits?
    pub fn uses_digits(&self) -> bool {
        !matches!(
            self,
            Self::Curves(_) | Self::Contrast(_) | Self::Discrimination(_) | Self::Change(_) | Self::Shapes(_)
        )
    }

    /// `[channels, height, width]` of a frame.
    pub fn frame_shape(&self) -> [usize; 3] {
        match self {
            Self::Curves(task) => [1, task.side(), task.side()],
            Self::Contrast(_) | Self::Discrimination(_) | Self::Change(_) => {
                [1, psychophysics::SIDE, psychophysics::SIDE]
            }
            Self::Shapes(_) => [3, shapes::SIDE, shapes::SIDE],
            _ => [3, scene::CANVAS, scene::CANVAS],
        }
    }

    /// What the classes are called, all questions in turn; empty where nothing is to be named.
    pub fn class_names(&self) -> Vec<String> {
        match self {
            Self::Curves(_) => Vec::new(),
            Self::Contrast(_) | Self::Discrimination(_) | Self::Change(_) => {
                (0..psychophysics::CELLS).map(|cell| format!("cell {cell}")).collect()
            }
            Self::Shapes(_) => shapes::class_names(),
            _ => (0..DIGIT_CLASSES).map(|class| class.to_string()).collect(),
        }
    }

    /// Ranges of outputs that answer separate questions; empty where all answer one.
    pub fn label_groups(&self) -> Vec<(usize, usize)> {
        match self {
            Self::Shapes(_) => shapes::GROUPS.to_vec(),
            _ => Vec::new(),
        }
    }

    /// Whether labels and masks are sets over digits instead of sequences over timesteps.
    pub fn is_per_object(&self) -> bool {
        matches!(self, Self::Ior(_))
    }

    /// Whether the class to search for is given to the network.
    pub fn has_prompt(&self) -> bool {
        matches!(self, Self::Search(_))
    }

    /// # Errors
    /// [`Error::Config`] naming the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        let count = |field: &str, value: usize, low: usize, high: usize| match (low..=high).contains(&value) {
            true => Ok(()),
            false => Err(Error::config(field, format!("{low} to {high}"), value)),
        };
        let overlap = |value: f64| match value >= 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(Error::config("overlap", "0 or more pixels", value)),
        };
        match self {
            Self::Ior(task) => {
                count("n_digits", task.n_digits, 1, 10)?;
                count("n_attend", task.n_attend, 1, 100)?;
                overlap(task.overlap)
            }
            Self::Cue(task) => {
                count("n_digits", task.n_digits, 1, 10)?;
                count("n_fixate", task.n_fixate, 1, 100)?;
                count("n_attend", task.n_attend, 1, 100)?;
                overlap(task.overlap)
            }
            Self::Tracking(task) => {
                count("n_digits", task.n_digits, 1, 8)?;
                count("n_fixate", task.n_fixate, 1, 100)?;
                count("n_attend", task.n_attend, 1, 96)
            }
            Self::Recognition(task) => {
                count("timesteps", task.timesteps, 1, 100)?;
                count("stride", task.stride, 1, 32)
            }
            Self::Search(task) => {
                count("timesteps", task.timesteps, 1, 1000)?;
                count("n_digits", task.n_digits, 1, 10)?;
                overlap(task.overlap)
            }
            Self::ArrowThenDigits(task) => count("timesteps", task.timesteps, 3, 1000),
            Self::Curves(task) => task.validate(),
            Self::Contrast(task) => task.validate(),
            Self::Discrimination(task) => task.validate(),
            Self::Change(task) => task.validate(),
            Self::Arrow(_) | Self::Popout(_) | Self::Lattice(_) | Self::Stripes(_) | Self::Shapes(_) => {
                count("timesteps", self.timesteps(), 1, 1000)
            }
        }
    }

    /// The published loss; inhibition of return matches objects to timesteps first.
    pub fn scoring(&self) -> Scoring {
        use Timesteps::{All, From, Only};
        match self {
            Self::Ior(task) => {
                let last: Vec<usize> = (1..=task.n_digits).map(|k| k * task.n_attend - 1).collect();
                Scoring::new(Only(last.clone()), Only(last), [1.0, 1.0, 0.0])
            }
            Self::Arrow(_) | Self::Popout(_) | Self::ArrowThenDigits(_) => {
                Scoring::new(All, All, [0.0, 0.0, 1.0])
            }
            Self::Cue(task) => Scoring::new(Only(vec![task.timesteps() - 1]), From(1), [0.0, 1.0, 1.0]),
            Self::Tracking(_) => Scoring::new(From(1), From(1), [1.0, 1.0, 1.0]),
            Self::Recognition(_) | Self::Lattice(_) | Self::Stripes(_) => {
                Scoring::new(From(1), All, [1.0, 0.0, 2.0])
            }
            Self::Search(_) => Scoring::new(All, From(1), [0.0, 1.0, 0.0]),
            Self::Curves(task) => {
                let shown = task.n_fixate + task.n_attend;
                let masks = vec![task.n_fixate - 1, shown - 1, task.timesteps() - 1];
                Scoring::new(All, Only(masks), [0.0, 1.0, 0.0])
            }
            Self::Contrast(Contrast { episodes, .. })
            | Self::Discrimination(Discrimination { episodes, .. })
            | Self::Change(Change { episodes, .. }) => {
                let [cue, _] = episodes.bounds();
                let t = episodes.timesteps();
                let last = (t.saturating_sub(2)..t).collect();
                Scoring::new(Only(last), Only((cue[0]..cue[1]).collect()), [1.0, 1.0, 0.0])
            }
            Self::Shapes(_) => Scoring::new(All, All, [0.0, 0.0, 1.0]),
        }
    }

    /// What the stretches of a trial show, and where its sweeps are scored.
    pub fn segments(&self) -> Vec<Segment> {
        let t = self.timesteps();
        let segment = |kind, name: &str, from, to| Segment { kind, name: name.to_owned(), from, to };
        let mut segments = match self {
            Self::Cue(task) => (0..t)
                .step_by(task.n_fixate + task.n_attend)
                .flat_map(|from| {
                    let shown = from + task.n_fixate;
                    [
                        segment(SegmentKind::Cue, "dot", from, shown),
                        segment(SegmentKind::Stimulus, "digits", shown, shown + task.n_attend),
                    ]
                })
                .collect(),
            Self::Tracking(task) => vec![
                segment(SegmentKind::Cue, "target alone", 0, task.n_fixate),
                segment(SegmentKind::Stimulus, "movement", task.n_fixate, t),
            ],
            Self::ArrowThenDigits(_) => vec![
                segment(SegmentKind::Cue, "arrow", 0, 1),
                segment(SegmentKind::Stimulus, "arrow and digits", 1, t - 1),
                segment(SegmentKind::Stimulus, "digits", t - 1, t),
            ],
            Self::Curves(task) => vec![
                segment(SegmentKind::Cue, "dot", 0, task.n_fixate),
                segment(SegmentKind::Stimulus, "curves", task.n_fixate, task.n_fixate + task.n_attend),
                segment(SegmentKind::Stimulus, "ends", task.n_fixate + task.n_attend, t),
            ],
            Self::Contrast(Contrast { episodes, .. })
            | Self::Discrimination(Discrimination { episodes, .. })
            | Self::Change(Change { episodes, .. }) => {
                let [cue, stimulus] = episodes.bounds();
                let parts = [
                    (SegmentKind::Blank, "noise", 0, cue[0]),
                    (SegmentKind::Cue, "cue", cue[0], cue[1]),
                    (SegmentKind::Blank, "noise", cue[1], stimulus[0]),
                    (SegmentKind::Stimulus, "patches", stimulus[0], stimulus[1]),
                ];
                let shown = parts.into_iter().filter(|(_, _, from, to)| from < to);
                shown.map(|(kind, name, from, to)| segment(kind, name, from, to)).collect()
            }
            Self::Ior(task) => (0..task.n_digits)
                .map(|k| {
                    let from = k * task.n_attend;
                    segment(SegmentKind::Stimulus, &format!("saccade {}", k + 1), from, from + task.n_attend)
                })
                .collect(),
            _ => vec![segment(SegmentKind::Stimulus, "scene", 0, t)],
        };
        let scoring = self.scoring();
        let scored = [
            ("class", scoring.class_weight, &scoring.class_timesteps),
            ("mask", scoring.mask_weight, &scoring.mask_timesteps),
        ];
        for (name, _, timesteps) in scored.into_iter().filter(|(_, weight, _)| *weight > 0.0) {
            for run in timesteps.indices(t).chunk_by(|a, b| a + 1 == *b) {
                segments.push(segment(SegmentKind::Scored, name, run[0], run[run.len() - 1] + 1));
            }
        }
        segments
    }

    /// Draws and composes one finished trial.
    ///
    /// `target` is the digit that is meant; inhibition of return, cueing and search draw all digits
    /// and ignore it, as do the tasks without digits. `noise`: `None` is the task's own in this mode.
    ///
    /// # Errors
    /// [`Error::Config`] for settings out of range, [`Error::Unsupported`] if a class is missing.
    pub fn trial(
        &self,
        materials: &Materials,
        target: usize,
        mode: Mode,
        noise: Option<f64>,
        rng: &mut rng::Rng,
    ) -> Result<Trial> {
        self.validate()?;
        let (digits, arrows) = (&materials.digits, &materials.arrows);
        let fixed = |span: psychophysics::Span| noise.map_or(span, psychophysics::Span::Fixed);
        let mut trial = match self {
            Self::Ior(task) => task.compose(digits, &task.draw(digits, rng)?)?,
            Self::Arrow(task) => task.compose(digits, arrows, &task.draw(digits, target, mode, rng)?)?,
            Self::Cue(task) => task.compose(digits, &task.draw(digits, rng)?)?,
            Self::Tracking(task) => task.compose(digits, &task.draw(digits, target, rng)?)?,
            Self::Recognition(task) => task.compose(digits, &task.draw(target, rng))?,
            Self::Search(task) => task.compose(digits, &task.draw(digits, rng)?)?,
            Self::Popout(task) => task.compose(digits, &task.draw(digits, target, mode, rng)?)?,
            Self::ArrowThenDigits(task) => task.compose(digits, arrows, &task.draw(digits, target, rng)?)?,
            Self::Lattice(task) => task.compose(digits, &task.draw(target, rng))?,
            Self::Stripes(task) => task.compose(digits, &task.draw(target, rng))?,
            Self::Shapes(task) => task.compose(&materials.shapes, &task.draw(mode, rng))?,
            Self::Curves(task) => {
                let mut trial = task.compose(&task.draw(rng));
                trial.finish_normal(noise.unwrap_or(published_noise(mode)), rng);
                return Ok(trial);
            }
            Self::Contrast(task) => {
                let task = Contrast { n_range: fixed(task.n_range), ..*task };
                return Ok(task.compose(&materials.gabors, &task.draw(rng)?).finish(rng));
            }
            Self::Discrimination(task) => {
                let task = Discrimination { n_range: fixed(task.n_range), ..*task };
                return Ok(task.compose(&materials.gabors, &task.draw(rng)?).finish(rng));
            }
            Self::Change(task) => {
                let noise = noise.unwrap_or(psychophysics::CHANGE_NOISE);
                return Ok(task.compose(&materials.gabors, &task.draw(rng)?, noise).finish(rng));
            }
        };
        let published = if matches!(self, Self::Stripes(_)) { 0.0 } else { published_noise(mode) };
        trial.finish(noise.unwrap_or(published), rng);
        Ok(trial)
    }
}

fn published_noise(mode: Mode) -> f64 {
    match mode {
        Mode::Test => 0.0,
        Mode::Train => TRAINING_NOISE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stimulus::{Split, procedural_digits::procedural_digits};

    fn materials() -> Materials {
        Materials::of_digits(procedural_digits(1, Split::Test, 60))
    }

    #[test]
    fn every_task_gives_whole_trials_in_range_in_both_modes() {
        let materials = materials();
        for task in GatingTask::all() {
            for mode in [Mode::Train, Mode::Test] {
                let mut rng = rng::stream(5, task.name(), &[]);
                let trial = task.trial(&materials, 3, mode, None, &mut rng).unwrap();
                let name = task.name();
                assert_eq!(trial.frames.len(), task.timesteps(), "{name}");
                let per = if task.is_per_object() { 3 } else { task.timesteps() };
                let labels = match &task {
                    GatingTask::Curves(_) => 0,
                    GatingTask::Shapes(_) => 3,
                    _ => per,
                };
                assert_eq!((trial.masks.len(), trial.labels.len()), (per, labels), "{name}");
                let [channels, height, width] = task.frame_shape();
                let within = |timed: &Timed, channels, low: f32| {
                    timed.distinct.iter().all(|image| {
                        image.shape() == [channels, height, width]
                            && image.data().iter().all(|v| (low..=1.0).contains(v))
                    })
                };
                assert!(within(&trial.frames, channels, 0.0) && within(&trial.masks, 1, -1.0), "{name}");
                assert!(
                    trial.masks.distinct.iter().all(|mask| mask.data().iter().any(|&v| v > 0.0)),
                    "{name}"
                );
                assert_eq!(trial.prompt.is_some(), task.has_prompt(), "{name}");
                assert_eq!(task.segments().iter().map(|s| s.to).max(), Some(task.timesteps()), "{name}");
            }
        }
    }

    #[test]
    fn the_same_stream_gives_the_same_trial() {
        let materials = materials();
        for task in GatingTask::all() {
            let trial = |seed| {
                let mut rng = rng::stream(seed, "t", &[]);
                task.trial(&materials, 3, Mode::Train, None, &mut rng).unwrap()
            };
            assert_eq!(trial(1), trial(1));
            assert_ne!(trial(1), trial(2));
        }
    }

    #[test]
    fn in_training_distractors_have_another_class() {
        let digits = procedural_digits(1, Split::Test, 60);
        let mut shared_at_test = 0;
        for k in 0..50 {
            let mut rng = rng::stream(k, "t", &[]);
            let train = Arrow::default().draw(&digits, 3, Mode::Train, &mut rng).unwrap();
            assert!(train.distractors.iter().all(|&other| digits.label(other) != 3));
            let test = Arrow::default().draw(&digits, 3, Mode::Test, &mut rng).unwrap();
            shared_at_test += test.distractors.iter().filter(|&&other| digits.label(other) == 3).count();
            let search = Search::default().draw(&digits, &mut rng).unwrap();
            let mut classes: Vec<u32> =
                search.scattered.sources.iter().map(|&source| digits.label(source)).collect();
            classes.sort_unstable();
            classes.dedup();
            assert_eq!(classes.len(), 4);
        }
        assert!(shared_at_test > 10, "{shared_at_test} of 350");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        for (task, field) in [
            (GatingTask::Tracking(Tracking { n_digits: 9, ..Tracking::default() }), "n_digits"),
            (GatingTask::Recognition(Recognition { stride: 0, ..Recognition::default() }), "stride"),
            (GatingTask::Cue(Cue { overlap: f64::NAN, ..Cue::default() }), "overlap"),
            (GatingTask::ArrowThenDigits(ArrowThenDigits { timesteps: 2 }), "timesteps"),
        ] {
            assert!(task.validate().unwrap_err().to_string().starts_with(field));
        }
    }
}
