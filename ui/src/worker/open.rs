//! Opening files: each by what it is, never by running anything in it.

use std::collections::BTreeMap;
use std::path::Path;

use crossbeam_channel::Receiver;
use gainfield::dynamics::{Intervention, InterventionFile};
use gainfield::families;
use gainfield::model::{Model, Target};
use gainfield::pretrained;
use gainfield::probe::ProbeRecipe;
use gainfield::recipe::stimulus_at;
use gainfield::recipe::train::AnyRecipe;
use gainfield::settings::{MissingValue, Overrides};
use gainfield::stimulus::Split;
use gainfield::stimulus::idx;
use gainfield::task::{PictureStimulus, StimulusKind, StimulusSpec};
use gainfield::train::RECIPE;
use gainfield::{Error, Result};
use serde_json::{Map, Value};

use super::{Event, OpenRequest, Outbox, guarded};
use crate::training::{OpenedRun, same};

/// What a file turned out to hold.
pub enum Opened {
    Model {
        name: String,
        model: Box<Model>,
    },
    Stimulus {
        name: String,
        spec: StimulusSpec,
    },
    Interventions(Vec<Intervention>),
    /// A probe of the model in use.
    Probe(Box<ProbeRecipe>),
    /// Settings of a training run that differ from their defaults.
    Training {
        name: String,
        settings: BTreeMap<String, Value>,
    },
    /// A run's folder.
    Run(Box<OpenedRun>),
}

/// Recipes and the like are never larger.
const TEXT_LIMIT: u64 = 4 << 20;
const CHECKPOINTS: [&str; 5] = ["pth", "pt", "tar", "ckpt", "safetensors"];
const PICTURES: [&str; 4] = ["png", "jpg", "jpeg", "bmp"];

pub(super) fn serve(requests: &Receiver<OpenRequest>, outbox: &Outbox) {
    for request in requests {
        let job = request.job;
        let total = request.paths.len();
        for (done, path) in request.paths.into_iter().enumerate() {
            if request.cancel.is_cancelled() {
                break;
            }
            outbox.send(Event::Progress { job, done, total });
            let replace = request.replace;
            match guarded(|| open(&path, &request.overrides)) {
                Ok(opened) => outbox.send(Event::Opened { job, opened, replace }),
                Err(message) => {
                    let overrides = request.overrides.clone();
                    let missing = guarded(|| Ok(missing(&path, &overrides))).unwrap_or_default();
                    outbox.send(Event::OpenFailed { job, path, message, missing, overrides, replace });
                }
            }
        }
        outbox.send(Event::Ended { job });
    }
}

fn open(path: &Path, overrides: &Overrides) -> Result<Opened> {
    if let Some(bundled) = pretrained::named(path)? {
        let model = families::open(path, overrides, &Target::default())?;
        return Ok(Opened::Model { name: bundled.title.to_owned(), model: Box::new(model) });
    }
    let metadata = std::fs::metadata(path).map_err(Error::io("open", path))?;
    if metadata.is_dir() {
        return folder(path);
    }
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = name_of(path);
    if CHECKPOINTS.contains(&ending.as_str()) {
        return checkpoint(path, overrides);
    }
    if PICTURES.contains(&ending.as_str()) {
        gainfield::stimulus::image_file::read_picture(path)?;
        let picture = PictureStimulus { path: path.to_owned(), ..PictureStimulus::default() };
        return Ok(Opened::Stimulus { name, spec: StimulusKind::Image(picture).into() });
    }
    if ending == "toml" {
        return recipe(path);
    }
    if ending == "csv" {
        gainfield::stimulus::TrialList::read(path)?;
        return Ok(Opened::Stimulus { name, spec: stimulus_at(path)? });
    }
    if name.contains("idx") || ending == "gz" {
        return digits(path.parent().unwrap_or(Path::new(".")));
    }
    // An unusual ending may still be a checkpoint; the reader says what it found if it is none.
    checkpoint(path, overrides)
}

/// What to ask for where a checkpoint did not open; nothing for other files.
fn missing(path: &Path, overrides: &Overrides) -> Vec<MissingValue> {
    let Ok(read) = gainfield::checkpoint::read(path) else { return Vec::new() };
    match families::open_checkpoint(&read, overrides, &Target::default()) {
        Ok(_) => Vec::new(),
        Err(why) => families::missing_after(&read, overrides, &why),
    }
}

fn checkpoint(path: &Path, overrides: &Overrides) -> Result<Opened> {
    let model = families::open(path, overrides, &Target::default())?;
    Ok(Opened::Model { name: model_name(path), model: Box::new(model) })
}

/// Folder and file, as people tell checkpoints apart: `oba / paper_mnist`.
fn model_name(path: &Path) -> String {
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).map(|s| s.to_string_lossy().into_owned());
    match folder {
        Some(folder) if !folder.is_empty() => format!("{folder} / {stem}"),
        _ => stem,
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn folder(path: &Path) -> Result<Opened> {
    if path.join(RECIPE).is_file() {
        return Ok(Opened::Run(Box::new(OpenedRun::read(path)?)));
    }
    if [Split::Train, Split::Test].into_iter().any(|split| idx::find_digit_files(path, split).is_some()) {
        return digits(path);
    }
    Ok(Opened::Stimulus { name: name_of(path), spec: stimulus_at(path)? })
}

fn digits(folder: &Path) -> Result<Opened> {
    let split = if idx::find_digit_files(folder, Split::Test).is_some() { Split::Test } else { Split::Train };
    idx::load_digits(folder, split)?;
    let spec = StimulusSpec { data: Some(folder.to_owned()), split, ..StimulusSpec::default_of("digits")? };
    Ok(Opened::Stimulus { name: format!("Digits of {}", name_of(folder)), spec })
}

fn recipe(path: &Path) -> Result<Opened> {
    let text = gainfield::files::read_text(path, TEXT_LIMIT)?;
    let wrong = |err: &dyn std::fmt::Display| {
        let found = err.to_string().lines().next().unwrap_or_default().to_owned();
        Error::file(
            path,
            "a stimulus, interventions, a probe or a training run",
            found,
            "see docs for the forms of recipes",
        )
    };
    let table: toml::Table = toml::from_str(&text).map_err(|err| wrong(&err))?;
    if table.contains_key("intervention") {
        let file: InterventionFile = toml::from_str(&text).map_err(|err| wrong(&err))?;
        return Ok(Opened::Interventions(file.intervention));
    }
    // The recipe of a run may name a probe too.
    if table.contains_key("family") {
        return training(path);
    }
    if table.contains_key("probe") {
        return probe(&text).map_err(|err| wrong(&err));
    }
    let spec: StimulusSpec = toml::from_str(&text).map_err(|err| wrong(&err))?;
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Opened::Stimulus { name, spec })
}

/// The recipe of `gainfield probe --recipe`; model and folder of the results are the window's.
fn probe(text: &str) -> std::result::Result<Opened, Box<dyn std::error::Error>> {
    let mut table: Map<String, Value> = toml::from_str(text)?;
    for key in ["model", "out"] {
        table.remove(key);
    }
    if let Some(feature) = table.remove("probe") {
        table.insert("feature".to_owned(), feature);
    }
    let recipe: ProbeRecipe = serde_json::from_value(Value::Object(table))?;
    recipe.validate()?;
    Ok(Opened::Probe(Box::new(recipe)))
}

fn training(path: &Path) -> Result<Opened> {
    let recipe = AnyRecipe::read(path, &Overrides::default())?;
    let name = recipe.name();
    let defaults: BTreeMap<&str, Value> =
        AnyRecipe::fields_of(&name)?.into_iter().map(|field| (field.key, field.default)).collect();
    let Value::Object(values) = recipe.values() else {
        return Ok(Opened::Training { name, settings: BTreeMap::new() });
    };
    let settings = values
        .into_iter()
        .filter(|(key, value)| defaults.get(key.as_str()).is_none_or(|one| !same(one, value)));
    let settings = settings.collect();
    Ok(Opened::Training { name, settings })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(path: &Path) -> String {
        match open(path, &Overrides::default()) {
            Err(err) => err.to_string(),
            Ok(_) => panic!("it opened"),
        }
    }

    #[test]
    fn what_cannot_be_opened_says_so_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none.pth");
        assert!(message(&missing).starts_with("cannot open"));
        let garbage = folder.path().join("garbage.pth");
        std::fs::write(&garbage, b"not a checkpoint").unwrap();
        let text = message(&garbage);
        assert!(text.contains("garbage.pth") && !text.contains('\n'), "{text}");
        assert!(message(folder.path()).contains("trials.csv"));
        let toml = folder.path().join("x.toml");
        std::fs::write(&toml, "kind = 3").unwrap();
        assert!(message(&toml).contains("x.toml"));
    }

    #[test]
    fn interventions_and_stimuli_open_from_toml() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.toml");
        std::fs::write(
            &path,
            "[[intervention]]\narea = \"conv1\"\nunits = \"7\"\naction = { kind = \"silence\" }\n",
        )
        .unwrap();
        assert!(
            matches!(open(&path, &Overrides::default()), Ok(Opened::Interventions(list)) if list.len() == 1)
        );
        std::fs::write(&path, "kind = \"digits\"\nn = 3\n").unwrap();
        assert!(matches!(open(&path, &Overrides::default()), Ok(Opened::Stimulus { .. })));
    }
}
