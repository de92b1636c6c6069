//! From the reference's task parameters to the tasks that compose stimuli.

use serde_json::{Map, Value as Json, json};

use super::config::TASKS;
use super::tasks::{TaskSpec, read_tasks};
use crate::error::{Error, Result};
use crate::settings::ConfigTable;
use crate::task::recurrent_gating::curves::Cued;
use crate::task::recurrent_gating::{
    AnimalGrid, AnimalGrouping, AnimalRecognition, AnimalSearch, Arrow, ArrowThenDigits, Change, Contrast,
    Cue, Curves, Discrimination, FaceSex, GatingTask, Ior, Mode, Popout, Recognition, Search, Shapes,
    TileCue, TileRecognition, TileSearch, Tracking, tiles,
};
use crate::task::{StimulusKind, StimulusSpec};

/// Composers of the reference that are offered.
const COMPOSERS: [&str; 22] = [
    "IOR_DS",
    "Arrow_DS",
    "ArrowCur_DS",
    "Cue_DS",
    "Tracking_DS",
    "Recognition_DS",
    "Search_DS",
    "Popout_DS",
    "CurveTracing",
    "SwitchBox",
    "PsychGrating",
    "PsychCompare",
    "PsychChange",
    "ShapeRecognition_FBG",
    "Recognition_COCO",
    "PerceptualGrouping_COCO",
    "Search_COCO",
    "SearchGrid_COCO",
    "Broken_CIFAR",
    "Cued_CIFAR",
    "Search_CIFAR",
    "CelebACrop",
];

/// A task with the noise of its training.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskStimulus {
    pub task: GatingTask,
    /// `None` is the task's own.
    pub noise: Option<f64>,
}

/// Parameters of one task, read by name.
struct Params<'a> {
    task: &'a str,
    values: &'a Map<String, Json>,
}

impl Params<'_> {
    fn wrong(&self, key: &str, requirement: &str) -> Error {
        let found = self.values.get(key).map_or_else(|| "nothing".to_owned(), Json::to_string);
        Error::config(format!("tasks.json: {}.params.{key}", self.task), requirement, found)
    }

    fn count(&self, key: &str, default: usize) -> Result<usize> {
        match self.values.get(key) {
            None | Some(Json::Null) => Ok(default),
            Some(value) => value
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .ok_or_else(|| self.wrong(key, "a whole number of 0 or more")),
        }
    }

    fn counts<const N: usize>(&self, key: &str, default: [usize; N]) -> Result<[usize; N]> {
        let Some(value) = self.values.get(key).filter(|value| !value.is_null()) else { return Ok(default) };
        let list = value.as_array().into_iter().flatten();
        let list: Vec<usize> = list.filter_map(Json::as_u64).map(|n| n as usize).collect();
        list.try_into().map_err(|_other| self.wrong(key, &format!("a list of {N} whole numbers")))
    }

    fn number(&self, key: &str, default: f64) -> Result<f64> {
        match self.values.get(key) {
            None | Some(Json::Null) => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| self.wrong(key, "a number")),
        }
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.values.get(key) {
            None | Some(Json::Null) => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.wrong(key, "true or false")),
        }
    }
}

/// The settings of a psychophysics task as it reads them. `unread`: keys that the reference accepts
/// and never reads, or that are read elsewhere.
///
/// # Errors
/// [`Error::Unsupported`] for what is not offered, [`Error::Config`] for a value that does not fit.
pub(super) fn psychophysics<T: serde::de::DeserializeOwned>(
    settings: &Map<String, Json>,
    unread: &[&str],
) -> Result<T> {
    let mut settings = settings.clone();
    settings.remove("composer");
    for key in unread {
        settings.remove(*key);
    }
    for key in ["cls_rot", "rot_noise"] {
        if settings.remove(key).is_some_and(|value| value != json!(false) && value != json!(0)) {
            return Err(Error::Unsupported(format!("the setting {key} of the contrast task is not offered")));
        }
    }
    // With it a range has to be the number itself, which needs no flag here.
    let is_change = settings.contains_key("r_range") || settings.contains_key("r_base");
    if !is_change
        && settings.remove("force_range") == Some(json!(true))
        && settings.get("a_range").is_some_and(Json::is_array)
    {
        return Err(Error::config("a_range", "a number where force_range is true", "a range"));
    }
    settings.retain(|_, value| !value.is_null());
    serde_json::from_value(Json::Object(settings))
        .map_err(|err| Error::config("params", "the settings of a psychophysics task", err))
}

/// What the network of a configuration was trained on, in test mode: recognition where it is one of its
/// tasks, else the first that can be composed.
pub fn default_stimulus(config: &ConfigTable) -> Option<StimulusSpec> {
    let document = &config.get(TASKS)?.value;
    let specs = read_tasks(document).ok()?;
    let canvas = config.get("in_dims").and_then(|entry| entry.value.get(1)).and_then(Json::as_u64);
    let canvas = canvas.map(|rows| rows as usize);
    let tasks: Vec<GatingTask> =
        specs.iter().filter_map(|spec| Some(TaskStimulus::of_spec(spec, canvas).ok()?.task)).collect();
    let recognition = tasks.iter().find(|task| matches!(task, GatingTask::Recognition(_)));
    let task = recognition.or(tasks.first())?.clone();
    Some(StimulusKind::Gating { task, mode: Mode::Test, noise: None }.into())
}

impl TaskStimulus {
    /// What the composer of `spec` shows with its parameters; `canvas`: rows of the network's input, which
    /// tasks on photographs take where their parameters name no `side`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a composer or setting that is not offered, [`Error::Config`] for a
    /// value out of range.
    pub fn of_spec(spec: &TaskSpec, canvas: Option<usize>) -> Result<Self> {
        let params = Params { task: &spec.name, values: &spec.params };
        let mut noise = match spec.params.get("noise") {
            None => None,
            Some(_) => Some(params.number("noise", 0.0)?),
        };
        if noise.is_some_and(|noise| !(0.0..=1.0).contains(&noise)) {
            return Err(params.wrong("noise", "0 to 1"));
        }
        let n_iter = |default| params.count("n_iter", default);
        let side = |published: usize| params.count("side", canvas.unwrap_or(published));
        let tile = || params.count("side", canvas.map_or(tiles::SIDE, |canvas| canvas / tiles::GRID));
        let task = match spec.composer.as_str() {
            "IOR_DS" => GatingTask::Ior(Ior {
                n_digits: params.count("n_digits", 3)?,
                n_attend: params.count("n_attend", 2)?,
                overlap: params.number("overlap", 1.0)?,
            }),
            "Arrow_DS" => GatingTask::Arrow(Arrow { timesteps: n_iter(3)? }),
            "ArrowCur_DS" => GatingTask::ArrowThenDigits(ArrowThenDigits { timesteps: n_iter(3)? }),
            "Cue_DS" => {
                let [n_fixate, n_attend] = params.counts("fix_attend", [2, 3])?;
                let (n_digits, overlap) = (params.count("n_digits", 4)?, params.number("overlap", 0.0)?);
                GatingTask::Cue(Cue { n_digits, n_fixate, n_attend, overlap, ..Cue::default() })
            }
            "Tracking_DS" => {
                let [n_fixate, n_attend] = params.counts("fix_attend", [2, 5])?;
                GatingTask::Tracking(Tracking { n_digits: params.count("n_digits", 4)?, n_fixate, n_attend })
            }
            "Recognition_DS" => GatingTask::Recognition(Recognition {
                timesteps: n_iter(3)?,
                stride: params.count("stride", 16)?,
                blank: params.flag("blank", false)?,
                still: params.flag("static", false)?,
                hard: params.flag("hard", false)?,
                background: params.flag("background", true)?,
            }),
            "Search_DS" => GatingTask::Search(Search {
                timesteps: n_iter(2)?,
                n_digits: params.count("n_digits", 4)?,
                overlap: params.number("overlap", 1.0)?,
            }),
            "Popout_DS" => GatingTask::Popout(Popout { timesteps: n_iter(2)? }),
            "CurveTracing" | "SwitchBox" => {
                let [n_fixate, n_attend, n_saccade] = params.counts("fix_attend_saccade", [2, 3, 2])?;
                let size = params.count("ydim", 96)?;
                if params.count("xdim", 96)? != size {
                    return Err(params.wrong("xdim", "equal to ydim"));
                }
                let (padding, points) = (params.count("padding", 16)?, params.count("resolution", 100)?);
                let cued = Cued::Target;
                GatingTask::Curves(Curves { n_fixate, n_attend, n_saccade, size, padding, points, cued })
            }
            "PsychGrating" => {
                noise = None;
                GatingTask::Contrast(psychophysics::<Contrast>(&spec.params, &["noise"])?)
            }
            "PsychCompare" => {
                noise = None;
                let unread = ["noise", "d_range", "force_cue"];
                GatingTask::Discrimination(psychophysics::<Discrimination>(&spec.params, &unread)?)
            }
            "PsychChange" => GatingTask::Change(psychophysics::<Change>(&spec.params, &["noise"])?),
            "ShapeRecognition_FBG" => GatingTask::Shapes(Shapes {
                timesteps: n_iter(1)?,
                hard: params.flag("hard", false)?,
                superhard: params.flag("superhard", false)?,
                invert: params.flag("invert", false)?,
                empty: params.flag("empty", false)?,
                background: params.flag("background", true)?,
            }),
            "Recognition_COCO" => GatingTask::CocoRecognition(AnimalRecognition {
                timesteps: n_iter(3)?,
                stride: params.count("stride", 64)?,
                still: params.flag("static", false)?,
                blank: params.flag("blank", false)?,
                side: side(256)?,
            }),
            "PerceptualGrouping_COCO" => {
                let [n_fixate, n_attend] = params.counts("fix_attend", [2, 3])?;
                let natural = params.flag("natural", false)?;
                GatingTask::CocoGrouping(AnimalGrouping { n_fixate, n_attend, natural, side: side(256)? })
            }
            "Search_COCO" => GatingTask::CocoSearch(AnimalSearch { timesteps: n_iter(3)?, side: side(256)? }),
            "SearchGrid_COCO" => GatingTask::CocoGrid(AnimalGrid { timesteps: n_iter(3)?, side: side(256)? }),
            "Broken_CIFAR" => GatingTask::Stl10Recognition(TileRecognition {
                timesteps: n_iter(1)?,
                gap: params.count("gap", tiles::GAP as usize)?,
                hard: params.flag("hard", false)?,
                side: tile()?,
            }),
            "Cued_CIFAR" | "Search_CIFAR" if params.count("n_grid", tiles::GRID)? != tiles::GRID => {
                return Err(params.wrong("n_grid", "3, the only grid there is"));
            }
            "Cued_CIFAR" => {
                let [n_fixate, n_attend] = params.counts("fix_attend", [2, 1])?;
                let roll = params.flag("roll", true)?;
                GatingTask::Stl10Cue(TileCue { n_fixate, n_attend, roll, side: tile()? })
            }
            "Search_CIFAR" => GatingTask::Stl10Search(TileSearch { timesteps: n_iter(2)?, side: tile()? }),
            "CelebACrop" => GatingTask::CelebaSex(FaceSex {
                timesteps: n_iter(1)?,
                which: params.count("which", 0)?,
                side: side(128)?,
            }),
            other => {
                return Err(Error::Unsupported(format!(
                    "the composer {other:?} of the task {} is not offered; training offers {}",
                    spec.name,
                    COMPOSERS.join(", ")
                )));
            }
        };
        task.validate()?;
        Ok(Self { task, noise })
    }
}
