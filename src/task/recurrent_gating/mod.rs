//! The tasks of the recurrent-gating networks: digits, curves, psychophysics, shapes, photographs, faces.
//!
//! Every task draws its random choices into a value of its own and composes a [`Trial`] from it
//! without further chance. Source: `composer.py` of the reference implementation.

pub mod animals;
pub mod arrow;
pub mod arrow_shapes;
pub mod arrow_then_digits;
mod compose;
pub mod cue;
pub mod curves;
pub mod faces;
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
mod tile_tasks;
pub mod tiles;
mod timeline;
pub mod tracking;
mod trial;

use serde::{Deserialize, Serialize};

pub use self::{
    animals::{AnimalGrid, AnimalGrouping, AnimalRecognition, AnimalSearch},
    arrow::Arrow,
    arrow_shapes::ArrowShapes,
    arrow_then_digits::ArrowThenDigits,
    cue::Cue,
    curves::Curves,
    faces::FaceSex,
    ior::Ior,
    materials::{Materials, StandIn, TaskData, backgrounds},
    patterned::{Lattice, Stripes},
    popout::Popout,
    psychophysics::{Change, Contrast, Discrimination},
    recognition::Recognition,
    scoring::{Scoring, Timesteps},
    search::Search,
    shapes::Shapes,
    tile_tasks::{TileCue, TileRecognition, TileSearch},
    tracking::Tracking,
    trial::{Timed, Trial, stretched_mask, with_noise},
};
use crate::{
    error::{Error, Result},
    stimulus::DIGIT_CLASSES,
    task::coco::ANIMALS,
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
/// Sides of a canvas of photographs.
const MIN_SIDE: usize = 16;
const MAX_SIDE: usize = 2048;

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
    CocoRecognition(AnimalRecognition),
    CocoGrouping(AnimalGrouping),
    CocoSearch(AnimalSearch),
    CocoGrid(AnimalGrid),
    Stl10Recognition(TileRecognition),
    Stl10Cue(TileCue),
    Stl10Search(TileSearch),
    CelebaSex(FaceSex),
}

impl GatingTask {
    /// All tasks with the published settings.
    pub fn all() -> [Self; 23] {
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
            Self::CocoRecognition(AnimalRecognition::default()),
            Self::CocoGrouping(AnimalGrouping::default()),
            Self::CocoSearch(AnimalSearch::default()),
            Self::CocoGrid(AnimalGrid::default()),
            Self::Stl10Recognition(TileRecognition::default()),
            Self::Stl10Cue(TileCue::default()),
            Self::Stl10Search(TileSearch::default()),
            Self::CelebaSex(FaceSex::default()),
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
            Self::CocoRecognition(_) => "coco_recognition",
            Self::CocoGrouping(_) => "coco_grouping",
            Self::CocoSearch(_) => "coco_search",
            Self::CocoGrid(_) => "coco_grid",
            Self::Stl10Recognition(_) => "stl10_recognition",
            Self::Stl10Cue(_) => "stl10_cue",
            Self::Stl10Search(_) => "stl10_search",
            Self::CelebaSex(_) => "celeba_sex",
        }
    }

    /// Row of the task in the published networks' embedding; variants use that of their task, networks
    /// of one task have none.
    pub fn embedding_row(&self) -> usize {
        match self {
            Self::Ior(_)
            | Self::Curves(_)
            | Self::Contrast(_)
            | Self::Discrimination(_)
            | Self::Change(_)
            | Self::Shapes(_)
            | Self::CocoRecognition(_)
            | Self::Stl10Recognition(_)
            | Self::CelebaSex(_) => 0,
            Self::Arrow(_) | Self::ArrowThenDigits(_) | Self::CocoGrouping(_) | Self::Stl10Cue(_) => 1,
            Self::Cue(_) | Self::CocoSearch(_) | Self::CocoGrid(_) | Self::Stl10Search(_) => 2,
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
            Self::CocoRecognition(task) => task.timesteps,
            Self::CocoGrouping(task) => task.timesteps(),
            Self::CocoSearch(task) => task.timesteps,
            Self::CocoGrid(task) => task.timesteps,
            Self::Stl10Recognition(task) => task.timesteps,
            Self::Stl10Cue(task) => task.timesteps(),
            Self::Stl10Search(task) => task.timesteps,
            Self::CelebaSex(task) => task.timesteps,
        }
    }

    /// What it is made of.
    pub fn data(&self) -> TaskData {
        match self {
            Self::Curves(_)
            | Self::Contrast(_)
            | Self::Discrimination(_)
            | Self::Change(_)
            | Self::Shapes(_) => TaskData::None,
            Self::CocoRecognition(_) | Self::CocoGrouping(_) | Self::CocoSearch(_) | Self::CocoGrid(_) => {
                TaskData::Animals
            }
            Self::Stl10Recognition(_) | Self::Stl10Cue(_) | Self::Stl10Search(_) => TaskData::Tiles,
            Self::CelebaSex(_) => TaskData::Faces,
            _ => TaskData::Digits,
        }
    }

    /// Is it made of digits?
    pub fn uses_digits(&self) -> bool {
        self.data() == TaskData::Digits
    }

    /// Rows and columns of the canvas of a task on photographs, and what has to divide them.
    fn photograph_side(&self) -> Option<[usize; 2]> {
        match self {
            Self::CocoRecognition(AnimalRecognition { side, .. })
            | Self::CocoGrouping(AnimalGrouping { side, .. })
            | Self::CocoSearch(AnimalSearch { side, .. })
            | Self::CelebaSex(FaceSex { side, .. }) => Some([*side, 1]),
            Self::CocoGrid(AnimalGrid { side, .. }) => Some([*side, 2]),
            Self::Stl10Recognition(TileRecognition { side, .. })
            | Self::Stl10Cue(TileCue { side, .. })
            | Self::Stl10Search(TileSearch { side, .. }) => Some([*side, 4]),
            _ => None,
        }
    }

    /// `[channels, height, width]` of a frame.
    pub fn frame_shape(&self) -> [usize; 3] {
        match self {
            Self::Curves(task) => [1, task.side(), task.side()],
            Self::Contrast(_) | Self::Discrimination(_) | Self::Change(_) => {
                [1, psychophysics::SIDE, psychophysics::SIDE]
            }
            Self::Shapes(_) => [3, shapes::SIDE, shapes::SIDE],
            _ if let Some([side, _]) = self.photograph_side() => {
                let side = if self.data() == TaskData::Tiles { tile_tasks::canvas(side) } else { side };
                [3, side, side]
            }
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
            Self::CelebaSex(_) => faces::SEXES.map(str::to_owned).to_vec(),
            _ if self.data() == TaskData::Animals => ANIMALS.map(str::to_owned).to_vec(),
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
        matches!(self, Self::Search(_) | Self::CocoSearch(_) | Self::CocoGrid(_) | Self::Stl10Search(_))
    }

    /// # Errors
    /// [`Error::Config`] naming the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        let count = |field: &str, value: usize, low: usize, high: usize| match (low..=high).contains(&value) {
            true => Ok(()),
            false => Err(Error::config(field, format!("{low} to {high}"), value)),
        };
        if let Some([side, divisor]) = self.photograph_side() {
            count("side", side, MIN_SIDE, MAX_SIDE)?;
            if !side.is_multiple_of(divisor) {
                return Err(Error::config("side", format!("a multiple of {divisor}"), side));
            }
        }
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
            Self::CocoRecognition(task) => {
                count("timesteps", task.timesteps, 1, 100)?;
                count("stride", task.stride, 1, 1000)
            }
            Self::CocoGrouping(AnimalGrouping { n_fixate, n_attend, .. })
            | Self::Stl10Cue(TileCue { n_fixate, n_attend, .. }) => {
                count("n_fixate", *n_fixate, 1, 100)?;
                count("n_attend", *n_attend, 1, 100)
            }
            Self::Stl10Recognition(task) => {
                count("timesteps", task.timesteps, 1, 1000)?;
                count("gap", task.gap, 0, task.side / 2)
            }
            Self::CelebaSex(task) => {
                count("timesteps", task.timesteps, 1, 1000)?;
                count("which", task.which, 0, faces::SUBSETS.len())
            }
            Self::Arrow(_)
            | Self::Popout(_)
            | Self::Lattice(_)
            | Self::Stripes(_)
            | Self::Shapes(_)
            | Self::CocoSearch(_)
            | Self::CocoGrid(_)
            | Self::Stl10Search(_) => count("timesteps", self.timesteps(), 1, 1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;
    use crate::stimulus::{Split, procedural_digits::procedural_digits};

    fn materials(task: &GatingTask) -> Materials {
        Materials::open(task, None, Split::Test, StandIn { seed: 1, n: 60 }).unwrap()
    }

    #[test]
    fn every_task_gives_whole_trials_in_range_in_both_modes() {
        for task in GatingTask::all() {
            let materials = materials(&task);
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
                let has_masks = !matches!(task, GatingTask::Stl10Recognition(_) | GatingTask::CelebaSex(_));
                let masks = if has_masks { per } else { 0 };
                assert_eq!((trial.masks.len(), trial.labels.len()), (masks, labels), "{name}");
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
        for task in GatingTask::all() {
            let materials = materials(&task);
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
            (GatingTask::CocoGrid(AnimalGrid { side: 65, ..AnimalGrid::default() }), "side"),
            (GatingTask::Stl10Search(TileSearch { side: 30, ..TileSearch::default() }), "side"),
            (GatingTask::CelebaSex(FaceSex { which: 5, ..FaceSex::default() }), "which"),
        ] {
            assert!(task.validate().unwrap_err().to_string().starts_with(field));
        }
    }
}
