//! From the files of an extraction to its archive: activity, answers, names, conditions, axes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::parts::Parts;
use super::{ExtractRecipe, Kept, answers};
use crate::error::{Error, Result};
use crate::files;
use crate::model::Model;
use crate::recording::{NpyArray, NpyData, write_npz};

use super::super::showing::Batch;

/// Right answers, `i64`.
pub(super) const LABELS: &str = "labels.i64";
/// One line of JSON per trial.
pub(super) const NAMES: &str = "names.jsonl";
/// Names of millions of trials fit.
const MAX_NAMES_BYTES: u64 = 4 << 30;

/// What a trial is called and which condition it belongs to.
#[derive(Debug, Serialize, Deserialize)]
struct Named {
    name: String,
    conditions: Vec<String>,
}

/// Appends answers, names and conditions of a batch.
pub(super) fn append_trials(parts: &mut Parts, kept: &Kept, batch: &Batch) -> Result<()> {
    let (trials, n) = (&batch.trials, batch.numbers.len());
    let answers = answers(trials.labels.as_ref(), n);
    let (labels, names) = (kept.arrays().len(), kept.arrays().len() + 1);
    let bytes: Vec<u8> = answers.iter().flatten().flat_map(|label| label.to_le_bytes()).collect();
    parts.append(labels, &bytes)?;
    for trial in 0..n {
        let conditions = &trials.conditions;
        let named = Named {
            name: trials.captions.get(trial).cloned().unwrap_or_default(),
            conditions: conditions.iter().map(|condition| condition.values[trial].clone()).collect(),
        };
        let mut line = serde_json::to_vec(&named)
            .map_err(|err| Error::Unsupported(format!("a name cannot be written as JSON: {err}")))?;
        line.push(b'\n');
        parts.append(names, &line)?;
    }
    parts.state.answers = answers.first().map_or(0, Vec::len);
    parts.state.conditions = trials.conditions.iter().map(|condition| condition.name.clone()).collect();
    parts.state.data.add(&trials.data);
    Ok(())
}

/// Writes the archive; returns names and shapes of the arrays of activity.
pub(super) fn write(
    model: &Model,
    recipe: &ExtractRecipe,
    kept: &Kept,
    parts: &Parts,
    folder: &Path,
) -> Result<Vec<(String, Vec<usize>)>> {
    let state = &parts.state;
    let n = state.done;
    let mut arrays = Vec::new();
    let mut activity = Vec::new();
    let mut axes = Vec::new();
    for (number, (name, shape)) in kept.arrays().into_iter().enumerate() {
        let place: &[&str] = match shape.len() {
            3 => &["channel", "row", "column"],
            _ if name == super::READ_OUT => &["class"],
            _ if kept.areas.get(number).is_some_and(|(_, area)| area.shape.len() == 3) => &["channel"],
            _ => &["unit"],
        };
        let shape = [&[n, state.steps.len()], shape.as_slice()].concat();
        activity.push((name.clone(), shape.clone()));
        axes.push((name.clone(), [&["stimulus", "timestep"], place].concat()));
        arrays.push(NpyArray::new(name, shape, NpyData::FloatFile(folder.join(format!("{number}.f32")))));
    }
    let named: Vec<Named> = files::read_text(folder.join(NAMES), MAX_NAMES_BYTES)?
        .lines()
        .map(serde_json::from_str)
        .collect::<serde_json::Result<_>>()
        .map_err(|err| Error::file(folder.join(NAMES), "a name per line", err.to_string(), "begin anew"))?;
    if state.answers > 0 {
        let shape = if state.answers == 1 { vec![n] } else { vec![n, state.answers] };
        axes.push(("labels".to_owned(), ["stimulus", "answer"][..shape.len()].to_vec()));
        arrays.push(NpyArray::new("labels", shape, NpyData::IntegerFile(folder.join(LABELS))));
    }
    arrays.push(NpyArray::texts("files", named.iter().map(|named| named.name.as_str())));
    axes.push(("files".to_owned(), vec!["stimulus"]));
    let steps = state.steps.iter().map(|&step| step as i64).collect();
    arrays.push(NpyArray::new("timesteps", vec![state.steps.len()], NpyData::Integers(steps)));
    arrays.push(NpyArray::texts("classes", model.dynamics.classes()));
    for (at, condition) in state.conditions.iter().enumerate() {
        let values = named.iter().map(|named| named.conditions.get(at).cloned().unwrap_or_default());
        arrays.push(NpyArray::texts(format!("conditions.{condition}"), values));
    }
    arrays.extend(axes.into_iter().map(|(name, axes)| NpyArray::texts(format!("axes.{name}"), axes)));
    write_npz(&recipe.out, &arrays)?;
    Ok(activity)
}
