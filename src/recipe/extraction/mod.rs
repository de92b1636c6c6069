//! Extraction: activity of chosen areas and timesteps for many stimuli, in one NumPy archive.

mod archive;
mod parts;
mod steps;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use parts::Parts;
pub use steps::Steps;

use super::RunRecipe;
use super::output::provenance_of;
use super::showing::{Batch, Showing, open_model};
use super::to_toml;
use crate::dynamics::{Area, LabelSet, State, flat};
use crate::error::{Error, Result};
use crate::files;
use crate::model::Model;
use crate::progress::Progress;
use crate::provenance::quoted;
use crate::recording::RecordPlan;
use crate::stimulus::DataIdentity;

/// The name that asks for the class scores beside the areas.
pub const READ_OUT: &str = "readout";
/// Bytes of kept numbers that a batch may take.
const BATCH_BYTES: usize = 256 << 20;

/// What is kept of the space of an area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Every place.
    #[default]
    None,
    /// The mean over rows and columns of each channel.
    Mean,
    /// The largest of each channel.
    Max,
}

impl Pool {
    pub const ALL: [Self; 3] = [Self::None, Self::Mean, Self::Max];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mean => "mean",
            Self::Max => "max",
        }
    }

    /// Shape of what is kept of an area for one trial and timestep.
    fn shape(self, area: &Area) -> Vec<usize> {
        match (self, area.shape.len()) {
            (Self::Mean | Self::Max, 3) => vec![area.shape[0]],
            _ => area.shape.clone(),
        }
    }

    /// What is kept of the values of one trial.
    fn apply(self, area: &Area, values: &[f32], kept: &mut Vec<f32>) {
        let per_channel = match area.shape.as_slice() {
            [_, rows, columns] => rows * columns,
            _ => 1,
        };
        let channels = values.chunks(per_channel.max(1));
        match self {
            _ if area.shape.len() != 3 => kept.extend_from_slice(values),
            Self::None => kept.extend_from_slice(values),
            Self::Mean => kept.extend(channels.map(|channel| {
                let sum: f64 = channel.iter().map(|&value| f64::from(value)).sum();
                (sum / channel.len() as f64) as f32
            })),
            Self::Max => {
                kept.extend(channels.map(|channel| channel.iter().copied().fold(f32::NEG_INFINITY, f32::max)))
            }
        }
    }
}

impl std::str::FromStr for Pool {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|pool| pool.name() == text);
        found.ok_or_else(|| Error::unknown("pooling", text, Self::ALL.map(Self::name)))
    }
}

/// Everything an extraction follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractRecipe {
    /// Areas by name, `all`, and `readout` for the class scores.
    pub areas: Vec<String>,
    /// `all`, `last`, or timesteps of the run from 0 such as `0,5,10..20`.
    #[serde(default)]
    pub steps: Steps,
    #[serde(default)]
    pub pool: Pool,
    /// Number of trials; absent is every different stimulus once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<usize>,
    /// The archive.
    pub out: PathBuf,
    /// Which model, shown what; its own number of trials is not read.
    pub run: RunRecipe,
}

/// What an extraction wrote.
#[derive(Clone, Debug, Serialize)]
pub struct Extraction {
    /// With stimulus and number of trials filled in.
    pub recipe: ExtractRecipe,
    pub trials: usize,
    /// Trials that were there from an extraction that was broken off.
    pub resumed_from: usize,
    pub timesteps: Vec<usize>,
    /// Name and shape of every array of activity.
    pub arrays: Vec<(String, Vec<usize>)>,
    pub data: DataIdentity,
    pub files: Vec<PathBuf>,
}

impl ExtractRecipe {
    /// The command that extracts the same again, with the recipe as the file `recipe` where flags cannot
    /// say it.
    pub fn command_line(&self, recipe: &Path) -> String {
        let line = self.run.line_of("extract", recipe);
        if line.starts_with("gainfield extract --recipe") {
            return line;
        }
        // The run's own length has another flag here.
        let line = line.replace(" --steps ", " --length ");
        let out = quoted(&self.out.to_string_lossy());
        let (areas, pool) = (quoted(&self.areas.join(",")), self.pool.name());
        format!("{line} --areas {areas} --steps {} --pool {pool} --out {out}", self.steps)
    }
}

/// Opens the recipe's model and extracts.
///
/// # Errors
/// Of opening; as [`extract_on`].
pub fn extract(recipe: &ExtractRecipe, progress: &mut dyn Progress) -> Result<(Model, Extraction)> {
    let model = open_model(&recipe.run)?;
    let extraction = extract_on(&model, recipe, progress)?;
    Ok((model, extraction))
}

/// As [`extract`] on a model that is open already, whatever the recipe's model says.
///
/// Batches go to files in `<out>.part` as they are computed. If that folder holds the beginning of the
/// same extraction, it goes on there; the archive is the same either way.
///
/// # Errors
/// [`Error::Unknown`] for an area the model lacks, [`Error::File`] for the beginning of another
/// extraction, [`Error::Io`] (a full disk), [`Error::Cancelled`]: then what is done stays.
pub fn extract_on(model: &Model, recipe: &ExtractRecipe, progress: &mut dyn Progress) -> Result<Extraction> {
    let mut run = recipe.run.clone();
    if let (None, Some(data)) = (&run.stimulus, &run.data) {
        run.stimulus = Some(super::stimulus_of_data(model, data)?);
    }
    let kept = Kept::of(model, recipe)?;
    let mut showing = Showing::open_all(model, &run, recipe.n)?;
    let recipe = ExtractRecipe { n: Some(showing.recipe.n), run: showing.recipe.clone(), ..recipe.clone() };
    let folder = with_ending(&recipe.out, ".part");
    let mut parts = Parts::open(&folder, &kept.file_names(), identity(model, &recipe))?;
    let resumed_from = parts.state.done;
    showing.limit_batch(1);
    let first = showing.batch(0)?.ok_or_else(|| Error::config("n", "at least 1 trial", 0))?;
    let (n_timesteps, steps) = (first.schedule.len(), recipe.steps.of(first.schedule.len())?);
    showing.free_batch()?;
    showing.limit_batch(BATCH_BYTES / (kept.n_values() * steps.len() * size_of::<f32>()).max(1));
    let mut from = resumed_from;
    while let Some(batch) = showing.batch(from)? {
        if batch.schedule.len() != n_timesteps {
            let message = "trials of different lengths do not fit into one array; give one length";
            return Err(Error::Unsupported(message.to_owned()));
        }
        let numbers = kept.extract(&mut showing, &batch, &steps, progress)?;
        for (number, values) in numbers.iter().enumerate() {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            parts.append(number, &bytes)?;
        }
        archive::append_trials(&mut parts, &kept, &batch)?;
        parts.state.steps.clone_from(&steps);
        from = batch.numbers.end;
        parts.note(from)?;
    }
    let arrays = archive::write(model, &recipe, &kept, &parts, &folder)?;
    let recipe_file = with_stem(&recipe.out, ".recipe.toml");
    files::write_atomic(&recipe_file, to_toml(&recipe)?)?;
    let data = parts.state.data.clone().finish();
    let config = json!({"recipe": recipe, "model": model.info.config, "arrays": arrays});
    let command = recipe.command_line(&recipe_file);
    let provenance = provenance_of(model, command, config, recipe.run.seed, &data);
    let files = vec![recipe.out.clone(), recipe_file, provenance.write_beside(&recipe.out)?];
    parts.remove()?;
    Ok(Extraction { trials: showing.recipe.n, resumed_from, timesteps: steps, arrays, data, files, recipe })
}

/// What the numbers follow from: all of the recipe but where it writes and computes, and the weights.
fn identity(model: &Model, recipe: &ExtractRecipe) -> Value {
    let mut recipe = recipe.clone();
    recipe.out = PathBuf::new();
    recipe.run.out = None;
    recipe.run.device = crate::device::DeviceChoice::default();
    json!({
        "recipe": recipe,
        "weights": model.info.origin.sha256,
        "config": model.info.config.values(),
        "version": env!("CARGO_PKG_VERSION"),
    })
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

fn with_stem(path: &Path, ending: &str) -> PathBuf {
    with_ending(&path.with_extension(""), ending)
}

/// What is kept of every trial and timestep.
struct Kept {
    pool: Pool,
    /// Number in the model, and the area.
    areas: Vec<(usize, Area)>,
    /// Number of classes where the scores are kept.
    classes: Option<usize>,
}

impl Kept {
    fn of(model: &Model, recipe: &ExtractRecipe) -> Result<Self> {
        let dynamics = model.dynamics.as_ref();
        let is_read_out =
            |name: &String| name == READ_OUT && dynamics.areas().iter().all(|area| area.name != *name);
        let names: Vec<String> = recipe.areas.iter().filter(|name| !is_read_out(name)).cloned().collect();
        let classes = recipe.areas.iter().any(is_read_out).then(|| dynamics.classes().len());
        let areas = match (names.is_empty(), classes) {
            (true, Some(_)) => Vec::new(),
            _ => RecordPlan::of(dynamics, &names, recipe.run.every)?.areas,
        };
        let areas = areas.into_iter().map(|area| (area, dynamics.areas()[area].clone())).collect();
        Ok(Self { pool: recipe.pool, areas, classes })
    }

    /// Names of the arrays with their shapes for one trial and timestep.
    fn arrays(&self) -> Vec<(String, Vec<usize>)> {
        let areas = self.areas.iter().map(|(_, area)| (area.name.clone(), self.pool.shape(area)));
        areas.chain(self.classes.map(|classes| (READ_OUT.to_owned(), vec![classes]))).collect()
    }

    /// Numbers per trial and timestep.
    fn n_values(&self) -> usize {
        self.arrays().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// One file per array, then answers and names.
    fn file_names(&self) -> Vec<String> {
        let arrays = (0..self.arrays().len()).map(|number| format!("{number}.f32"));
        arrays.chain([archive::LABELS.to_owned(), archive::NAMES.to_owned()]).collect()
    }

    /// The kept numbers of a batch per array, `[trial, timestep, …]`.
    fn extract(
        &self,
        showing: &mut Showing<'_>,
        batch: &Batch,
        steps: &[usize],
        progress: &mut dyn Progress,
    ) -> Result<Vec<Vec<f32>>> {
        let n = batch.numbers.len();
        let sizes: Vec<usize> = self.arrays().iter().map(|(_, shape)| shape.iter().product()).collect();
        let mut numbers: Vec<Vec<f32>> =
            sizes.iter().map(|size| vec![f32::NAN; n * steps.len() * size]).collect();
        let is_from_onset = steps.iter().all(|&step| step >= batch.schedule.onset());
        let start =
            if is_from_onset { showing.onset(batch, progress)?.state } else { showing.rest(batch)? };
        showing.show(batch, start, progress, |t, _, state| {
            let Some(at) = steps.iter().position(|&step| step == t) else { return Ok(()) };
            for (number, per_trial) in self.at(state, n)?.into_iter().enumerate() {
                let size = sizes[number];
                for (trial, values) in per_trial.chunks(size.max(1)).enumerate() {
                    let from = (trial * steps.len() + at) * size;
                    numbers[number][from..from + size].copy_from_slice(values);
                }
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    /// The kept numbers of a state per array, `[trial, …]`; scores are NaN where there are none.
    fn at(&self, state: &State, n: usize) -> Result<Vec<Vec<f32>>> {
        let mut all = Vec::with_capacity(self.areas.len() + 1);
        for (index, area) in &self.areas {
            let values = state.values(*index)?;
            let mut kept = Vec::with_capacity(values.len());
            for trial in values.chunks((values.len() / n.max(1)).max(1)) {
                self.pool.apply(area, trial, &mut kept);
            }
            all.push(kept);
        }
        if let Some(classes) = self.classes {
            all.push(match &state.readout {
                Some(scores) => flat(scores)?,
                None => vec![f32::NAN; n * classes],
            });
        }
        Ok(all)
    }
}

/// Right answers of each trial of a batch, one after the other; nothing without labels.
fn answers(labels: Option<&LabelSet>, n: usize) -> Vec<Vec<i64>> {
    match labels {
        None => vec![Vec::new(); n],
        Some(LabelSet::PerTimestep(rows) | LabelSet::PerObject(rows)) => {
            (0..n).map(|trial| rows.iter().map(|row| row[trial]).collect()).collect()
        }
    }
}
