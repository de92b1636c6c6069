//! A training run from a recipe: the same start for the window, the command line and a resume.

use std::path::{Path, PathBuf};

use candle_core::Device;
use serde_json::{Value, json};

use crate::device;
use crate::error::{Error, Result};
use crate::families::object_attention::{DigitsProcedure, DigitsRecipe};
use crate::families::recurrent_gating::{GatingProcedure, GatingRecipe};
use crate::files;
use crate::provenance::Provenance;
use crate::settings::{ConfigTable, Field, Overrides, Source};
use crate::train::{self, JobSettings, Procedure, RECIPE, RunFolder, TrainingJob};

/// Largest recipe that is read.
const MAX_RECIPE_BYTES: u64 = 1 << 20;

/// What is trained on what, with every setting resolved.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainRecipe {
    /// Object attention on composed digits.
    Digits(DigitsRecipe),
}

/// Which recipe a file holds: its keys `family` and `variant`.
const FAMILY: &str = "object_attention";
const VARIANT: &str = "digits";

impl TrainRecipe {
    /// All settings at their defaults.
    pub fn default_table() -> ConfigTable {
        DigitsRecipe::table()
    }

    /// Names, meanings, ranges and defaults, in the order of the form.
    pub fn fields() -> Vec<Field> {
        DigitsRecipe::fields()
    }

    /// Reads a recipe file; what it does not say takes the default, `overrides` win over it.
    ///
    /// # Errors
    /// [`Error::File`] for a file that is no recipe; [`Error::Unknown`] for a key that suggests the
    /// nearest; [`Error::Config`] for a value out of range.
    pub fn read(path: &Path, overrides: &Overrides) -> Result<(Self, ConfigTable)> {
        let text = files::read_text(path, MAX_RECIPE_BYTES)?;
        let found = |err: toml::de::Error| {
            let hint =
                "write family, variant and one setting per line, as a run folder's recipe.toml has them";
            Error::file(path, "a training recipe in TOML", err.to_string().trim_end(), hint)
        };
        let map: serde_json::Map<String, Value> = toml::from_str(&text).map_err(found)?;
        Self::from_map(map, overrides)
    }

    /// A recipe file, or `object_attention/digits` for the defaults.
    ///
    /// # Errors
    /// As [`TrainRecipe::read`].
    pub fn named(name: &str, overrides: &Overrides) -> Result<(Self, ConfigTable)> {
        if name == format!("{FAMILY}/{VARIANT}") {
            let kind = [("family", FAMILY), ("variant", VARIANT)];
            let map = kind.map(|(key, value)| (key.to_owned(), Value::from(value)));
            return Self::from_map(map.into_iter().collect(), overrides);
        }
        Self::read(Path::new(name), overrides)
    }

    /// As [`TrainRecipe::read`], of values that are in memory.
    pub fn from_map(
        mut map: serde_json::Map<String, Value>,
        overrides: &Overrides,
    ) -> Result<(Self, ConfigTable)> {
        for (key, expected) in [("family", FAMILY), ("variant", VARIANT)] {
            match map.remove(key) {
                Some(Value::String(found)) if found == expected => {}
                Some(other) => {
                    return Err(Error::config(key, format!("{expected:?}, what can be trained"), other));
                }
                None => return Err(Error::config(key, format!("{expected:?}"), "nothing")),
            }
        }
        let mut table = Self::default_table();
        for (key, value) in map {
            if table.get(&key).is_none() {
                let known = table.iter().map(|(key, _)| key.to_owned());
                return Err(Error::unknown("recipe key", key, known));
            }
            table.set(&key, value, Source::File);
        }
        table.apply(overrides)?;
        let recipe: DigitsRecipe = table.parse()?;
        recipe.validate()?;
        Ok((Self::Digits(recipe), table))
    }

    /// The file that [`TrainRecipe::read`] reads.
    ///
    /// # Errors
    /// [`Error::Config`] if a value has no TOML form.
    pub fn to_toml(&self) -> Result<String> {
        let Self::Digits(recipe) = self;
        let body = toml::to_string(recipe).map_err(|err| Error::config("recipe", "plain values", err))?;
        Ok(format!("family = {FAMILY:?}\nvariant = {VARIANT:?}\n{body}"))
    }

    /// The shortest command that makes the same run: only what differs from the default is set.
    pub fn command(&self, out: &Path) -> String {
        let Self::Digits(recipe) = self;
        let values = json!(recipe);
        let differs = |field: &&Field| values[field.key] != field.default;
        let sets: Vec<String> = Self::fields()
            .iter()
            .filter(differs)
            .map(|field| {
                let value = &values[field.key];
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!(" --set {}={text}", field.key)
            })
            .collect();
        format!("gainfield train {FAMILY}/{VARIANT}{} --out {}", sets.concat(), out.display())
    }

    fn save_every(&self) -> u64 {
        let Self::Digits(recipe) = self;
        recipe.save_every
    }

    fn snapshot_every(&self) -> u64 {
        let Self::Digits(recipe) = self;
        recipe.snapshot_every
    }

    fn procedure(&self, device: &Device) -> Result<DigitsProcedure> {
        let Self::Digits(recipe) = self;
        DigitsProcedure::new(recipe.clone(), device)
    }
}

/// A run of any family that can be trained.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyRecipe {
    ObjectAttention(TrainRecipe),
    /// With the name of the run.
    RecurrentGating(String, Box<GatingRecipe>),
}

impl From<TrainRecipe> for AnyRecipe {
    fn from(recipe: TrainRecipe) -> Self {
        Self::ObjectAttention(recipe)
    }
}

/// Key `family` of recurrent gating's recipes.
const GATING: &str = "recurrent_gating";

impl AnyRecipe {
    /// A recipe file, `FAMILY/RUN` for the defaults of a run, or the folder of a published
    /// recurrent-gating network (`model_params.json`, `tasks.json`, `train_params.json`).
    ///
    /// # Errors
    /// [`Error::File`] for a file that is no recipe; [`Error::Unknown`] for a run or key that suggests
    /// the nearest; [`Error::Config`] for a value out of range.
    pub fn named(name: &str, overrides: &Overrides) -> Result<Self> {
        if let Some(run) = name.strip_prefix(GATING).and_then(|rest| rest.strip_prefix('/')) {
            return Self::gating(run, &serde_json::Map::new(), overrides);
        }
        let path = Path::new(name);
        if path.is_dir() && path.join("train_params.json").is_file() {
            let map = [("parameters".to_owned(), Value::from(name))].into_iter().collect();
            return Self::gating("files", &map, overrides);
        }
        match TrainRecipe::named(name, &Overrides::default()) {
            // Only a file of another family is read again.
            Err(_) if path.is_file() => Self::read(path, overrides),
            _ => Ok(TrainRecipe::named(name, overrides)?.0.into()),
        }
    }

    /// Reads a recipe file.
    ///
    /// # Errors
    /// As [`AnyRecipe::named`].
    pub fn read(path: &Path, overrides: &Overrides) -> Result<Self> {
        let text = files::read_text(path, MAX_RECIPE_BYTES)?;
        let map: serde_json::Map<String, Value> = toml::from_str(&text).unwrap_or_default();
        if map.get("family").and_then(Value::as_str) != Some(GATING) {
            return Ok(TrainRecipe::read(path, overrides)?.0.into());
        }
        let Some(Value::String(run)) = map.get("variant") else {
            let known = format!("one of {}", GatingRecipe::variants().join(", "));
            return Err(Error::config("variant", known, "nothing"));
        };
        let run = run.clone();
        let settings = map.into_iter().filter(|(key, _)| !["family", "variant"].contains(&key.as_str()));
        Self::gating(&run, &settings.collect(), overrides)
    }

    fn gating(run: &str, map: &serde_json::Map<String, Value>, overrides: &Overrides) -> Result<Self> {
        let recipe = GatingRecipe::from_map(run, map, overrides)?;
        Ok(Self::RecurrentGating(run.to_owned(), Box::new(recipe)))
    }

    /// The file that [`AnyRecipe::read`] reads.
    ///
    /// # Errors
    /// [`Error::Config`] if a value has no TOML form.
    pub fn to_toml(&self) -> Result<String> {
        match self {
            Self::ObjectAttention(recipe) => recipe.to_toml(),
            Self::RecurrentGating(run, recipe) => {
                let body =
                    toml::to_string(recipe).map_err(|err| Error::config("recipe", "plain values", err))?;
                Ok(format!("family = {GATING:?}\nvariant = {run:?}\n{body}"))
            }
        }
    }

    /// Updates of the whole run; `None` where the data decide.
    pub fn n_updates(&self) -> Option<u64> {
        match self {
            Self::ObjectAttention(TrainRecipe::Digits(recipe)) => Some(recipe.updates),
            Self::RecurrentGating(_, recipe) => recipe.n_updates(),
        }
    }

    fn job_settings(&self, out: &Path, target: &TrainTarget) -> JobSettings {
        let (save_every, snapshot_every) = match self {
            Self::ObjectAttention(recipe) => (recipe.save_every(), recipe.snapshot_every()),
            Self::RecurrentGating(_, recipe) => (recipe.save_every, recipe.snapshot_every),
        };
        JobSettings {
            folder: out.to_owned(),
            save_every,
            snapshot_every,
            threads: target.threads,
            beside_window: target.beside_window,
        }
    }

    /// The procedure from its beginning, and the manifest of its run.
    fn procedure(&self, out: &Path, target: &TrainTarget) -> Result<(Box<dyn Procedure>, Value)> {
        let provenance =
            |config: Value, seed: u64, data: &crate::provenance::DataIdentity, command: String| {
                json!(Provenance {
                    config,
                    seed: Some(seed),
                    data: vec![data.clone()],
                    device: device::name(&target.device),
                    threads: target.threads,
                    ..Provenance::new(command)
                })
            };
        match self {
            Self::ObjectAttention(recipe) => {
                let procedure = recipe.procedure(&target.device)?;
                let TrainRecipe::Digits(settings) = recipe;
                let command = recipe.command(out);
                let manifest = provenance(json!(settings), settings.seed, procedure.data(), command);
                Ok((Box::new(procedure), manifest))
            }
            Self::RecurrentGating(run, recipe) => {
                let procedure = GatingProcedure::new(run, (**recipe).clone(), &target.device)?;
                let command = format!("gainfield train {RECIPE} --out {}", out.display());
                let manifest = provenance(json!(recipe), recipe.seed, procedure.data(), command);
                Ok((Box::new(procedure), manifest))
            }
        }
    }
}

/// How and where a run computes.
#[derive(Clone, Debug)]
pub struct TrainTarget {
    pub device: Device,
    pub threads: usize,
    pub beside_window: bool,
}

/// Starts a new run in the folder `out`. `wake` is called after every event.
///
/// # Errors
/// [`Error::Io`] if no thread can be started; everything later arrives as an event.
pub fn start(
    recipe: impl Into<AnyRecipe>,
    out: PathBuf,
    target: &TrainTarget,
    wake: impl Fn() + Send + Sync + 'static,
) -> Result<TrainingJob> {
    let recipe = recipe.into();
    let settings = recipe.job_settings(&out, target);
    let target = target.clone();
    let build = move || {
        let (procedure, manifest) = recipe.procedure(&out, &target)?;
        let folder = RunFolder::create(&out, &recipe.to_toml()?, &manifest)?;
        Ok((procedure, Some(folder)))
    };
    train::spawn(build, settings, wake)
}

/// Goes on with the run in the folder `out` from its last checkpoint, bit for bit.
///
/// # Errors
/// [`Error::File`] or [`Error::Io`] if the folder holds no run or no checkpoint.
pub fn resume(
    out: PathBuf,
    target: &TrainTarget,
    wake: impl Fn() + Send + Sync + 'static,
) -> Result<TrainingJob> {
    let recipe = AnyRecipe::read(&out.join(RECIPE), &Overrides::default())?;
    let settings = recipe.job_settings(&out, target);
    let target = target.clone();
    let build = move || {
        let last = out.join("checkpoints").join("last");
        let procedure: Box<dyn Procedure> = match recipe {
            AnyRecipe::ObjectAttention(_) => Box::new(DigitsProcedure::resume(&last, &target.device)?),
            AnyRecipe::RecurrentGating(..) => Box::new(GatingProcedure::resume(&last, &target.device)?),
        };
        let folder = RunFolder::resume(&out, procedure.update())?;
        Ok((procedure, Some(folder)))
    };
    train::spawn(build, settings, wake)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{JobCommand, JobEvent, RunHistory, StopReason};

    fn small() -> TrainRecipe {
        let sets = [
            "objects=2",
            "passes=2",
            "batch=4",
            "updates=5",
            "validate_every=2",
            "validation_stimuli=4",
            "test_stimuli=10",
            "training_digits=40",
            "save_every=2",
            "snapshot_every=1",
        ];
        let overrides = Overrides::read(None, &sets.map(str::to_owned)).unwrap();
        TrainRecipe::named("object_attention/digits", &overrides).unwrap().0
    }

    fn cpu() -> TrainTarget {
        TrainTarget { device: Device::Cpu, threads: 1, beside_window: false }
    }

    #[test]
    fn a_recipe_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECIPE);
        std::fs::write(&path, small().to_toml().unwrap()).unwrap();
        assert_eq!(TrainRecipe::read(&path, &Overrides::default()).unwrap().0, small());
        std::fs::write(&path, "family = \"object_attention\"\nvariant = \"digits\"\nlearning_rat = 1\n")
            .unwrap();
        let message = TrainRecipe::read(&path, &Overrides::default()).unwrap_err().to_string();
        assert!(message.contains("did you mean \"learning_rate\""), "{message}");
    }

    #[test]
    fn recurrent_gating_trains_from_a_recipe_file_and_resumes() {
        let folder = tempfile::tempdir().unwrap();
        let sets = [
            "network={channels=[1, 2, 2, 2, 2, 2]}",
            "batch_size=2",
            "updates=4",
            "n_samples=6",
            "n_validation=2",
            "n_test=2",
            "validate_every=2",
            "save_every=1",
        ];
        let overrides = Overrides::read(None, &sets.map(str::to_owned)).unwrap();
        let recipe = AnyRecipe::named("recurrent_gating/change", &overrides).unwrap();
        assert_eq!(recipe.n_updates(), Some(4));
        let path = folder.path().join("change.toml");
        std::fs::write(&path, recipe.to_toml().unwrap()).unwrap();
        let name = path.to_str().unwrap();
        assert_eq!(AnyRecipe::named(name, &Overrides::default()).unwrap(), recipe);

        let run = |out: PathBuf, stop_at: Option<u64>| {
            let job = start(recipe.clone(), out.clone(), &cpu(), || {}).unwrap();
            for event in &job.events {
                if matches!(event, JobEvent::Update(ref report) if Some(report.update) == stop_at) {
                    job.commands.send(JobCommand::Stop).unwrap();
                }
            }
            if stop_at.is_some() {
                let job = resume(out.clone(), &cpu(), || {}).unwrap();
                assert!(matches!(job.events.iter().last(), Some(JobEvent::Finished(StopReason::Completed))));
            }
            let history = RunHistory::read(&out).unwrap();
            (history.updates, std::fs::read(out.join("checkpoints/last/weights.safetensors")).unwrap())
        };
        let whole = run(folder.path().join("whole"), None);
        assert_eq!(whole.0.len(), 4);
        assert!(run(folder.path().join("halved"), Some(1)) == whole);
        let message = AnyRecipe::named("recurrent_gating/curve", &Overrides::default()).unwrap_err();
        assert!(message.to_string().contains("did you mean \"curves\""), "{message}");
    }

    #[test]
    fn a_stopped_run_resumes_and_finishes_as_if_never_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole");
        let finished = start(small(), whole.clone(), &cpu(), || {}).unwrap();
        assert!(matches!(finished.events.iter().last(), Some(JobEvent::Finished(StopReason::Completed))));

        let halved = folder.path().join("halved");
        let job = start(small(), halved.clone(), &cpu(), || {}).unwrap();
        for event in &job.events {
            if matches!(event, JobEvent::Update(ref report) if report.update == 2) {
                job.commands.send(JobCommand::Stop).unwrap();
            }
        }
        let job = resume(halved.clone(), &cpu(), || {}).unwrap();
        assert!(matches!(job.events.iter().last(), Some(JobEvent::Finished(StopReason::Completed))));

        let read = |path: &Path| RunHistory::read(path).unwrap();
        assert_eq!(read(&halved).updates, read(&whole).updates);
        assert_eq!(read(&halved).evaluations, read(&whole).evaluations);
        let weights = |path: &Path| std::fs::read(path.join("checkpoints/last/weights.safetensors")).unwrap();
        assert!(weights(&halved) == weights(&whole), "the weights differ");
        assert!(
            start(small(), whole, &cpu(), || {})
                .unwrap()
                .events
                .iter()
                .any(|event| { matches!(event, JobEvent::Failed(why) if why.contains("--resume")) })
        );
    }
}
