//! Writes what a run gave: recording, read-out table, configuration, recipe, provenance.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{ReadoutStep, RunOutcome, to_toml};
use crate::checkpoint::{self, Stored};
use crate::device;
use crate::dynamics::Pass;
use crate::error::{Error, Result};
use crate::files;
use crate::model::Model;
use crate::provenance::{DataIdentity, Provenance};
use crate::recording::Recording;
use crate::task::Condition;

/// Writes the files of a run into `folder` and returns their paths.
///
/// `recording.safetensors` (one tensor `[timestep, trial, …]` per area, axes in its metadata) if
/// anything was recorded, `readout.csv` (one row per trial, timestep and class), `config.toml` (the
/// model's), `recipe.toml` (runs it again) and `readout.provenance.json`.
pub fn write(model: &Model, outcome: &RunOutcome, folder: &Path) -> Result<Vec<PathBuf>> {
    files::create_folder(folder)?;
    let mut written = Vec::new();
    let path = |name: &str| folder.join(name);
    if !outcome.recordings.is_empty() {
        write_recording(model, outcome, &path("recording.safetensors"))?;
        written.push(path("recording.safetensors"));
    }
    files::write_atomic(path("readout.csv"), readout_csv(outcome)?)?;
    written.push(path("readout.csv"));
    let config = without_nulls(model.info.config.values());
    files::write_atomic(path("config.toml"), to_toml(&config)?)?;
    written.push(path("config.toml"));
    files::write_atomic(path("recipe.toml"), to_toml(&outcome.recipe)?)?;
    written.push(path("recipe.toml"));
    written.push(provenance(model, outcome, &path("recipe.toml")).write_beside(path("readout.csv"))?);
    Ok(written)
}

/// What a run gave, for `results` of the command line's JSON.
pub fn results(outcome: &RunOutcome) -> Value {
    let mut results = json!({
        "trials": outcome.recipe.n,
        "timesteps": outcome.n_timesteps,
        "published_timesteps": outcome.published,
        "off_protocol": outcome.departures,
        "recorded_areas": outcome.recordings.first().map_or_else(Vec::new, |recording| {
            recording.areas.iter().map(|area| area.name.clone()).collect()
        }),
        "recorded_bytes": outcome.cost.values,
        "data": outcome.data,
    });
    if let Some(accuracy) = &outcome.accuracy {
        results["accuracy"] = json!(accuracy);
    }
    results
}

fn provenance(model: &Model, outcome: &RunOutcome, recipe: &Path) -> Provenance {
    let command = outcome.recipe.command_line(recipe);
    let shown = json!({
        "recipe": outcome.recipe,
        "model": model.info.config,
        "off_protocol": outcome.departures,
    });
    provenance_of(model, command, shown, outcome.recipe.seed, &outcome.data)
}

/// Where a result of `model` comes from.
pub(super) fn provenance_of(
    model: &Model,
    command: String,
    config: Value,
    seed: u64,
    data: &DataIdentity,
) -> Provenance {
    let mut provenance = Provenance::new(command);
    provenance.config = config;
    provenance.seed = Some(seed);
    let origin = &model.info.origin;
    provenance.checkpoint = origin.sha256.as_ref().map(|sha256| crate::stimulus::DataFile {
        name: origin
            .path
            .as_deref()
            .and_then(Path::file_name)
            .map_or_else(|| origin.name.clone(), |name| name.to_string_lossy().into_owned()),
        sha256: sha256.clone(),
    });
    provenance.data = vec![data.clone()];
    if let Some((_, weight)) = model.weights.iter().next() {
        provenance.device = device::name(weight.tensor().device());
    }
    provenance
}

/// TOML has no null: what is not set is left out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(list) => {
            Value::Array(list.into_iter().filter(|value| !value.is_null()).map(without_nulls).collect())
        }
        other => other,
    }
}

/// Name of a kind of pass, as in the other files.
pub(super) fn pass_name(pass: Pass) -> Result<String> {
    match serde_json::to_value(pass) {
        Ok(Value::String(name)) => Ok(name),
        _ => Err(Error::Unsupported("a pass without a name".to_owned())),
    }
}

fn readout_csv(outcome: &RunOutcome) -> Result<Vec<u8>> {
    let failed =
        |err: csv::Error| Error::Unsupported(format!("the read-out cannot be written as CSV: {err}"));
    let mut csv = csv::Writer::from_writer(Vec::new());
    let header = [
        "trial",
        "stimulus",
        "timestep",
        "pass",
        "phase",
        "pass_index",
        "class",
        "logit",
        "probability",
        "predicted",
        "label",
    ];
    let conditions = outcome.conditions.iter().map(|condition| condition.name.as_str());
    csv.write_record(header.into_iter().chain(conditions)).map_err(failed)?;
    for step in &outcome.readout {
        let pass = pass_name(step.pass)?;
        for (trial, (row, predicted)) in
            step.logits.chunks(step.n_classes).zip(step.predictions()).enumerate()
        {
            let label = step.labels.as_ref().map_or_else(String::new, |labels| labels[trial].to_string());
            let caption = outcome.captions.get(trial).map_or("", String::as_str);
            for (class, (logit, probability)) in row.iter().zip(softmax(row)).enumerate() {
                let name = outcome.classes.get(class).map_or("", String::as_str);
                let cells = [
                    &trial.to_string(),
                    caption,
                    &step.t.to_string(),
                    &pass,
                    &step.phase.to_string(),
                    &step.pass_index.to_string(),
                    name,
                    &logit.to_string(),
                    &probability.to_string(),
                    &predicted.to_string(),
                    &label,
                ];
                let condition =
                    |condition: &Condition| condition.values.get(trial).cloned().unwrap_or_default();
                let conditions: Vec<String> = outcome.conditions.iter().map(condition).collect();
                let conditions = conditions.iter().map(String::as_str);
                csv.write_record(cells.into_iter().chain(conditions)).map_err(failed)?;
            }
        }
    }
    csv.into_inner()
        .map_err(|err| Error::Unsupported(format!("the read-out cannot be written as CSV: {}", err.error())))
}

fn softmax(logits: &[f32]) -> impl Iterator<Item = f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - max).exp()).sum();
    logits.iter().map(move |logit| (logit - max).exp() / sum)
}

fn write_recording(model: &Model, outcome: &RunOutcome, path: &Path) -> Result<()> {
    let first = &outcome.recordings[0];
    let mut tensors: Vec<(String, Joined<'_>)> = Vec::new();
    let mut axes = serde_json::Map::new();
    for (area, kept) in first.areas.iter().enumerate() {
        let dims = [&[first.steps.len(), outcome.recipe.n], kept.shape.as_slice()].concat();
        let names: &[&str] = match kept.shape.len() {
            3 => &["timestep", "trial", "channel", "row", "column"],
            _ => &["timestep", "trial", "unit"],
        };
        axes.insert(kept.name.clone(), json!(names));
        tensors.push((kept.name.clone(), Joined::Area { recordings: &outcome.recordings, area, dims }));
    }
    axes.insert("readout".to_owned(), json!(["readout_timestep", "trial", "class"]));
    let n_classes = outcome.classes.len();
    let dims = vec![outcome.readout.len(), outcome.recipe.n, n_classes];
    tensors.push(("readout".to_owned(), Joined::Readout { steps: &outcome.readout, dims }));
    let timesteps: Vec<usize> = first.steps.iter().map(|step| step.t).collect();
    let readout_timesteps: Vec<usize> = outcome.readout.iter().map(|step| step.t).collect();
    let metadata = json!({
        "axes": axes,
        "timesteps": timesteps,
        "readout_timesteps": readout_timesteps,
        "time_unit": model.dynamics.time_unit(),
        "classes": outcome.classes,
        "segments": outcome.segments,
        "conditions": outcome.conditions,
        "off_protocol": outcome.departures,
        "recipe": outcome.recipe,
        "config": model.info.config,
    });
    let metadata = match metadata {
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, value.to_string().into())).collect(),
        _ => Map::new(),
    };
    checkpoint::write_tensors(path, metadata, &tensors)
}

/// A tensor `[timestep, trial, …]` made of batches that lie one after the other.
enum Joined<'a> {
    Area { recordings: &'a [Recording], area: usize, dims: Vec<usize> },
    Readout { steps: &'a [ReadoutStep], dims: Vec<usize> },
}

impl Stored for Joined<'_> {
    fn dtype(&self) -> String {
        "F32".to_owned()
    }

    fn dims(&self) -> &[usize] {
        match self {
            Self::Area { dims, .. } | Self::Readout { dims, .. } => dims,
        }
    }

    fn n_bytes(&self) -> usize {
        self.dims().iter().product::<usize>() * size_of::<f32>()
    }

    fn write(&self, file: &mut dyn Write) -> io::Result<()> {
        let mut push =
            |values: &[f32]| values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()));
        match self {
            Joined::Area { recordings, area, dims } => (0..dims[0]).try_for_each(|step| {
                recordings.iter().try_for_each(|recording| push(&recording.steps[step].values[*area]))
            }),
            Joined::Readout { steps, .. } => steps.iter().try_for_each(|step| push(&step.logits)),
        }
    }
}
