//! A training run from a recipe: the same start for the window, the command line and a resume.

mod job;
mod kinds;

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use serde_json::{Map, Value};

use self::kinds::{GATING, KINDS, Kind};
use super::upkeep::{self, Upkeep};
use crate::error::{Error, Result};
use crate::families::counter_hebb::HebbRecipe;
use crate::files;
use crate::model::Model;
use crate::probe::ProbeRecipe;
use crate::provenance::quoted;
use crate::settings::{Field, Overrides};
use crate::train::{Begun, RECIPE, Snapshot, TrainingRecipe};

pub use job::{TrainTarget, resume, start};

/// Largest recipe that is read.
const MAX_RECIPE_BYTES: u64 = 1 << 20;

/// A run of any family that can be trained.
#[derive(Clone)]
pub struct AnyRecipe {
    family: &'static str,
    variant: String,
    recipe: Arc<dyn TrainingRecipe>,
    upkeep: Upkeep,
}

impl PartialEq for AnyRecipe {
    fn eq(&self, other: &Self) -> bool {
        (self.family, &self.variant) == (other.family, &other.variant) && self.values() == other.values()
    }
}

impl std::fmt::Debug for AnyRecipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} {}", self.family, self.variant, self.values())
    }
}

impl AnyRecipe {
    /// Families that can be trained, each with the names of its runs.
    pub fn known() -> Vec<(&'static str, Vec<&'static str>)> {
        KINDS.iter().map(|kind| (kind.family, (kind.variants)())).collect()
    }

    /// Names, meanings, ranges and defaults of a run's settings, in the order of the form.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a family or run that does not exist.
    pub fn fields(family: &str, variant: &str) -> Result<Vec<Field>> {
        let mut fields = (Kind::of(family)?.fields)(variant)?;
        fields.extend(Upkeep::fields());
        Ok(fields)
    }

    /// A recipe file; `FAMILY/RUN` for the defaults of a run; the folder of a published recurrent-gating
    /// network (`model_params.json`, `tasks.json`, `train_params.json`); a configuration file of the
    /// Counter-Hebb reference.
    ///
    /// # Errors
    /// [`Error::File`] for a file that is no recipe; [`Error::Unknown`] for a family, run or key that
    /// suggests the nearest; [`Error::Config`] for a value out of range.
    pub fn named(name: &str, overrides: &Overrides) -> Result<Self> {
        let path = Path::new(name);
        if path.is_dir() && path.join("train_params.json").is_file() {
            let map = [("parameters".to_owned(), Value::from(name))].into_iter().collect();
            return Self::from_map(GATING, "files", &map, overrides);
        }
        match name.split_once('/') {
            Some((family, run))
                if !path.exists() && (Kind::of(family).is_ok() || !run.contains(['/', '.'])) =>
            {
                Self::from_map(family, run, &Map::new(), overrides)
            }
            _ => Self::read(path, overrides),
        }
    }

    /// The run `variant` of `family` with the values of a file and of the user over its defaults.
    ///
    /// # Errors
    /// As [`AnyRecipe::named`].
    pub fn from_map(
        family: &str,
        variant: &str,
        map: &Map<String, Value>,
        overrides: &Overrides,
    ) -> Result<Self> {
        let kind = Kind::of(family)?;
        let mut map = map.clone();
        let (upkeep, overrides) = Upkeep::taken(&mut map, overrides)?;
        let recipe = (kind.read)(variant, &map, &overrides).map_err(upkeep::with_own_keys)?;
        Ok(Self { family: kind.family, variant: variant.to_owned(), recipe, upkeep })
    }

    /// Reads a recipe file.
    ///
    /// # Errors
    /// As [`AnyRecipe::named`].
    pub fn read(path: &Path, overrides: &Overrides) -> Result<Self> {
        Self::of_file(read_map(path)?, overrides)
    }

    /// As [`RECIPE`] in the run's folder says it, so that nested settings come in one order whether a run
    /// begins from memory or from its folder.
    fn as_written(&self) -> Result<Self> {
        let map = toml::from_str(&self.to_toml()?);
        let map = map.map_err(|err| Error::config("recipe", "what its file can say", err))?;
        Self::of_file(map, &Overrides::default())
    }

    fn of_file(mut map: Map<String, Value>, overrides: &Overrides) -> Result<Self> {
        if let Some((variant, map)) = HebbRecipe::of_reference(&map)? {
            return Self::from_map("counter_hebb", variant, &map, overrides);
        }
        let mut name = |key: &str, known: Vec<&str>| match map.remove(key) {
            Some(Value::String(name)) => Ok(name),
            other => {
                let requirement = format!("one of {}", known.join(", "));
                Err(Error::config(key, requirement, other.unwrap_or_else(|| "nothing".into())))
            }
        };
        let family = name("family", KINDS.map(|kind| kind.family).to_vec())?;
        let variant = name("variant", (Kind::of(&family)?.variants)())?;
        Self::from_map(&family, &variant, &map, overrides)
    }

    /// `FAMILY/RUN` of every run that starts without further files.
    pub fn names() -> Vec<String> {
        let name = |family: &str, runs: Vec<&str>| -> Vec<String> {
            let complete = runs.into_iter().filter(|run| Self::fields(family, run).is_ok());
            complete.map(|run| format!("{family}/{run}")).collect()
        };
        Self::known().into_iter().flat_map(|(family, runs)| name(family, runs)).collect()
    }

    /// As [`AnyRecipe::fields`], of a name such as `object_attention/digits`.
    ///
    /// # Errors
    /// As [`AnyRecipe::fields`].
    pub fn fields_of(name: &str) -> Result<Vec<Field>> {
        let (family, run) = name.split_once('/').unwrap_or((name, ""));
        Self::fields(family, run)
    }

    /// `FAMILY/RUN`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.family, self.variant)
    }

    pub fn family(&self) -> &'static str {
        self.family
    }

    /// Name of the run.
    pub fn variant(&self) -> &str {
        &self.variant
    }

    /// The settings by key.
    pub fn values(&self) -> Value {
        match self.recipe.values() {
            Value::Object(mut map) => {
                map.extend(self.upkeep.values());
                Value::Object(map)
            }
            other => other,
        }
    }

    /// The settings of its family alone, without those that every run has.
    pub fn family_values(&self) -> Value {
        self.recipe.values()
    }

    /// The procedure before its first update.
    pub(super) fn begin(&self, device: &Device, out: &Path) -> Result<Begun> {
        self.recipe.begin(device, out)
    }

    /// The file that [`AnyRecipe::read`] reads.
    ///
    /// # Errors
    /// [`Error::Config`] if a value has no TOML form.
    pub fn to_toml(&self) -> Result<String> {
        let body =
            toml::to_string(&self.values()).map_err(|err| Error::config("recipe", "plain values", err))?;
        Ok(format!("family = {:?}\nvariant = {:?}\n{body}", self.family, self.variant))
    }

    /// The shortest command that makes the same run: only what differs from the default is set.
    pub fn command(&self, out: &Path) -> String {
        let start = format!("gainfield train {}/{}", self.family, self.variant);
        let defaults = Self::from_map(self.family, &self.variant, &Map::new(), &Overrides::default());
        let (Ok(defaults), Value::Object(values)) = (defaults, self.values()) else {
            return format!("gainfield train {RECIPE} --out {}", quoted(&out.to_string_lossy()));
        };
        let defaults = defaults.values();
        let sets: Vec<String> = values
            .iter()
            .filter(|(key, value)| defaults[key.as_str()] != **value)
            .map(|(key, value)| {
                let changed = match (value, &defaults[key.as_str()]) {
                    (Value::Object(new), Value::Object(old)) => {
                        let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(*value));
                        Value::Object(changed.map(|(key, value)| (key.clone(), value.clone())).collect())
                    }
                    (value, _) => value.clone(),
                };
                format!(" --set {}", quoted(&format!("{key}={}", as_set(&changed))))
            })
            .collect();
        format!("{start}{} --out {}", sets.concat(), quoted(&out.to_string_lossy()))
    }

    /// Updates of the whole run; `None` where the data decide.
    pub fn n_updates(&self) -> Option<u64> {
        self.recipe.n_updates()
    }

    /// The network of a snapshot of such a run.
    ///
    /// # Errors
    /// Those of building the network.
    pub fn model_of(&self, snapshot: &Snapshot, name: &str) -> Result<Model> {
        (Kind::of(self.family)?.model)(&snapshot.config, snapshot.weights.clone(), name)
    }

    /// The probe that such a run makes of its network; `None` where it makes none.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Config`] for a probe that there is not.
    pub fn film_of(&self, model: &Model) -> Result<Option<ProbeRecipe>> {
        Ok(self.upkeep.film()?.map(|probe| probe.of(model)))
    }
}

/// A TOML or JSON file as a table.
fn read_map(path: &Path) -> Result<Map<String, Value>> {
    let text = files::read_text(path, MAX_RECIPE_BYTES)?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let parsed = match is_json {
        true => serde_json::from_str(&text).map_err(|err| err.to_string()),
        false => toml::from_str(&text).map_err(|err| err.to_string()),
    };
    parsed.map_err(|found: String| {
        let hint = "write family, variant and one setting per line, as a run folder's recipe.toml has them";
        Error::file(path, "a training recipe", found.trim_end(), hint)
    })
}

/// A value as `--set` takes it.
fn as_set(value: &Value) -> String {
    match (value, toml::Value::try_from(value)) {
        (Value::String(text), _) => text.clone(),
        (_, Ok(toml)) => toml.to_string(),
        (value, Err(_)) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;
    use crate::train::{JobCommand, JobEvent, RunHistory, StopReason};

    fn small() -> AnyRecipe {
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
        AnyRecipe::named("object_attention/digits", &overrides).unwrap()
    }

    fn cpu() -> TrainTarget {
        TrainTarget { device: Device::Cpu, threads: 1, beside_window: false }
    }

    #[test]
    fn a_recipe_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECIPE);
        std::fs::write(&path, small().to_toml().unwrap()).unwrap();
        assert_eq!(AnyRecipe::read(&path, &Overrides::default()).unwrap(), small());
        std::fs::write(&path, "family = \"object_attention\"\nvariant = \"digits\"\nlearning_rat = 1\n")
            .unwrap();
        let message = AnyRecipe::read(&path, &Overrides::default()).unwrap_err().to_string();
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
    fn every_family_trains_from_a_name_resumes_and_opens_its_snapshots() {
        let folder = tempfile::tempdir().unwrap();
        for (name, sets) in [
            (
                "counter_hebb/multi_mnist",
                &["network={conv_channels=[4, 4]}", "drawn=40", "batch_size=4", "updates=3"][..],
            ),
            (
                "cordsnet/small",
                &[
                    "stages=[\"cnn\"]",
                    "base=2",
                    "drawn=40",
                    "test_stimuli=4",
                    "validation_stimuli=4",
                    "cnn={updates=3, batch=4, learning_rates=[0.1]}",
                ],
            ),
            (
                "blt/small",
                &["drawn=20", "batch_size=2", "updates=3", "validation_stimuli=2", "test_stimuli=2"],
            ),
        ] {
            let sets: Vec<String> =
                sets.iter().chain(&["save_every=1", "snapshot_every=1"]).map(|&set| set.to_owned()).collect();
            let recipe = AnyRecipe::named(name, &Overrides::read(None, &sets).unwrap()).unwrap();
            let path = folder.path().join("recipe.toml");
            std::fs::write(&path, recipe.to_toml().unwrap()).unwrap();
            assert_eq!(AnyRecipe::read(&path, &Overrides::default()).unwrap(), recipe);
            let command = recipe.command(Path::new("out"));
            assert!(command.starts_with(&format!("gainfield train {name} --set ")), "{command}");
            let run = |out: PathBuf, stop_at: Option<u64>| {
                let mut job = start(recipe.clone(), out.clone(), &cpu(), || {}).unwrap();
                if let Some(stop_at) = stop_at {
                    for event in &job.events {
                        if matches!(event, JobEvent::Update(ref report) if report.update == stop_at) {
                            job.commands.send(JobCommand::Stop).unwrap();
                        }
                    }
                    job = resume(out.clone(), &cpu(), || {}).unwrap();
                }
                let last = job.events.iter().last();
                assert!(matches!(last, Some(JobEvent::Finished(StopReason::Completed))), "{name}: {last:?}");
                let model = recipe.model_of(&job.snapshots.take().unwrap(), "snapshot").unwrap();
                assert!(!model.dynamics.areas().is_empty());
                let text = |file: &str| std::fs::read_to_string(out.join(file)).unwrap();
                let weights = std::fs::read(out.join("checkpoints/last/weights.safetensors")).unwrap();
                (text("metrics.csv"), text("evaluations.csv"), weights)
            };
            let short = name.replace('/', "-");
            let whole = run(folder.path().join(format!("{short}-whole")), None);
            assert!(run(folder.path().join(format!("{short}-halved")), Some(1)) == whole, "{name}");
            let early = folder.path().join(format!("{short}-early"));
            std::fs::create_dir(&early).unwrap();
            std::fs::write(early.join(RECIPE), recipe.to_toml().unwrap()).unwrap();
            let job = resume(early.clone(), &cpu(), || {}).unwrap();
            assert!(matches!(job.events.iter().last(), Some(JobEvent::Finished(StopReason::Completed))));
            assert_eq!(std::fs::read_to_string(early.join("metrics.csv")).unwrap(), whole.0);
        }
        let message = |name: &str| AnyRecipe::named(name, &Overrides::default()).unwrap_err().to_string();
        assert!(message("cordnet/small").contains("did you mean \"cordsnet\""));
        assert!(message("blt/smal").contains("did you mean \"small\""));
    }

    #[test]
    fn values_are_written_as_they_are_given() {
        assert_eq!(as_set(&json!(0.5)), "0.5");
        assert_eq!(as_set(&json!({"a": [1, 2], "b": "x y"})), "{ a = [1, 2], b = \"x y\" }");
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
