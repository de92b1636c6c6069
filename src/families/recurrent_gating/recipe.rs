//! Settings of a training run of recurrent gating.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::config::{Config, Variant};
use super::presets::{self, Preset, RUNS};
use super::stimuli::TaskStimulus;
use super::tasks::{TaskSpec, read_tasks};
use super::train_params::TrainParams;
use crate::error::{Error, Result};
use crate::files;
use crate::settings::{ConfigTable, Overrides, Source};
use crate::stimulus::Broken;
use crate::task::recurrent_gating::TaskData;

/// Data that is drawn instead of read.
pub const PROCEDURAL: &str = "procedural";
/// The run whose settings come from the reference's own files.
const FILES: &str = "files";
/// Schedules by the reference's names.
const SCHEDULERS: [&str; 4] = ["MultiStepLR", "OneCycleLR", "CosineAnnealingLR", "ReduceLROnPlateau"];

/// Everything a run follows from. Network and tasks are the content of the reference's files, where
/// `"none"` stands for nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatingRecipe {
    /// Which defaults: of the published parameter files, or of the scripts.
    pub preset: Preset,
    pub n_epochs: u64,
    pub batch_size: usize,
    pub lr: f64,
    pub l2: f64,
    /// `Adam` or `SGD` (momentum 0.9).
    pub optimizer: String,
    pub scheduler: String,
    /// Epochs at which the learning rate falls.
    pub milestones: Vec<u64>,
    /// Factor of each fall.
    pub gamma: f64,
    /// Share of a one-cycle schedule that goes upwards.
    pub pct_start: f64,
    /// Length of a one-cycle schedule in updates; 0 is that of one epoch more than the run has.
    pub total_steps: u64,
    /// Lowest learning rate of the cosine and plateau schedules.
    pub lr_min: f64,
    /// Largest joint norm of the gradients.
    pub max_grad_norm: f64,
    /// Weight of the mean attention after the last sweep.
    pub mask_mp: f64,
    /// Weight later sweeps more in the cross-entropy.
    pub sequential: bool,
    /// Training samples per epoch and task; 0 is every digit, animal, photograph or face.
    pub n_samples: usize,
    pub n_validation: usize,
    pub n_test: usize,
    /// Updates of the whole run; 0 is `n_epochs`.
    pub updates: u64,
    /// Updates between validations; 0 is one epoch.
    pub validate_every: u64,
    pub save_every: u64,
    pub snapshot_every: u64,
    pub seed: u64,
    /// Folder with the files of MNIST, COCO, STL-10 or CelebA, or `procedural`; other tasks read none.
    pub data: String,
    /// Size of the drawn set of digits or pictures.
    pub training_digits: usize,
    /// What happens to picture files that cannot be read.
    #[serde(default)]
    pub broken: Broken,
    /// `model_params.json`.
    pub network: Map<String, Json>,
    /// `tasks.json`, in the order in which tasks take turns.
    pub tasks: Map<String, Json>,
}

impl GatingRecipe {
    /// Names of the runs that [`GatingRecipe::from_map`] knows.
    pub fn variants() -> Vec<&'static str> {
        RUNS.into_iter().chain([FILES]).collect()
    }

    /// The settings of the run `variant`, by key, with their sources.
    ///
    /// # Errors
    /// [`Error::Unknown`] for another run.
    pub fn table(variant: &str, preset: Preset) -> Result<ConfigTable> {
        let run = presets::run(variant, preset)?;
        let mut table = ConfigTable::default();
        table.set("preset", json!(preset), Source::Default);
        if let Json::Object(training) = run.training {
            for (key, value) in training {
                table.set(&key, value, Source::Default);
            }
        }
        for (key, value) in [
            ("updates", json!(0)),
            ("validate_every", json!(0)),
            ("save_every", json!(100)),
            ("snapshot_every", json!(10)),
            ("data", json!(PROCEDURAL)),
            ("broken", json!(Broken::default())),
            ("network", run.network),
            ("tasks", run.tasks),
        ] {
            table.set(key, value, Source::Default);
        }
        Ok(table)
    }

    /// The settings of the run `variant` with those of a file and of the user over them.
    ///
    /// `network` replaces single values; `tasks` is a list of names to keep, or a whole new table.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a run or key that does not exist, [`Error::Config`] for a value that
    /// does not fit.
    pub fn from_map(variant: &str, map: &Map<String, Json>, overrides: &Overrides) -> Result<Self> {
        let given = overrides.iter().find(|(key, _)| *key == "preset").map(|(_, value)| value);
        let preset = match given.or_else(|| map.get("preset")) {
            None => Preset::default(),
            Some(value) => serde_json::from_value(value.clone())
                .map_err(|_other| Error::config("preset", "documented or as-coded", value))?,
        };
        let mut values = map.clone();
        let name = match values.remove("parameters") {
            Some(Json::String(folder)) if variant == FILES => {
                let read = published(Path::new(&folder))?;
                for (key, value) in read {
                    values.entry(key).or_insert(value);
                }
                "curves"
            }
            None if variant == FILES && values.contains_key("network") && values.contains_key("tasks") => {
                "curves"
            }
            _ if variant == FILES => {
                let requirement = "the folder of model_params.json, tasks.json and train_params.json";
                return Err(Error::config("parameters", requirement, "nothing"));
            }
            Some(other) => {
                return Err(Error::config("parameters", "given for the variant \"files\" alone", other));
            }
            None => variant,
        };
        let mut table = Self::table(name, preset)?;
        let mut set = |key: &str, value: &Json, source: Source| -> Result<()> {
            let Some(old) = table.get(key).map(|entry| entry.value.clone()) else {
                let known = table.iter().map(|(key, _)| key.to_owned()).collect::<Vec<_>>();
                return Err(Error::unknown("recipe key", key, known));
            };
            let value = match key {
                "network" if variant != FILES => merged(old, value)?,
                "tasks" => chosen(old, value)?,
                _ => value.clone(),
            };
            table.set(key, value, source);
            Ok(())
        };
        for (key, value) in &values {
            set(key, value, Source::File)?;
        }
        for (key, value) in overrides.iter() {
            set(key, value, Source::Given)?;
        }
        let recipe: Self = table.parse()?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// # Errors
    /// [`Error::Config`] naming the value that is out of range, [`Error::Unsupported`] for a task that
    /// cannot be composed.
    pub fn validate(&self) -> Result<()> {
        let numbers = [
            ("lr", self.lr, 0.0, 10.0),
            ("l2", self.l2, 0.0, 1.0),
            ("gamma", self.gamma, 0.0, 1.0),
            ("pct_start", self.pct_start, 0.0, 1.0),
            ("lr_min", self.lr_min, 0.0, 10.0),
            ("max_grad_norm", self.max_grad_norm, 1e-12, 1e12),
            ("mask_mp", self.mask_mp, 0.0, 1e6),
        ];
        for (key, value, low, high) in numbers {
            if !(low..=high).contains(&value) {
                return Err(Error::config(key, format!("{low} to {high}"), value));
            }
        }
        let counts = [
            ("batch_size", self.batch_size as u64, 1),
            ("n_epochs", self.n_epochs, 1),
            ("n_validation", self.n_validation as u64, 1),
            ("n_test", self.n_test as u64, 1),
            ("save_every", self.save_every, 1),
            ("snapshot_every", self.snapshot_every, 1),
            ("training_digits", self.training_digits as u64, 10),
        ];
        for (key, value, low) in counts {
            if !(low..=1_000_000_000).contains(&value) {
                return Err(Error::config(key, format!("{low} to 1000000000"), value));
            }
        }
        if !SCHEDULERS.contains(&self.scheduler.as_str()) {
            return Err(Error::unknown("scheduler", &self.scheduler, SCHEDULERS));
        }
        self.training(1).optimiser()?;
        let (config, tasks) = (self.config()?, self.specs()?);
        if tasks.is_empty() {
            return Err(Error::config("tasks", "at least one task", "none"));
        }
        for spec in &tasks {
            let stimulus = TaskStimulus::of_spec(spec, self.canvas())?;
            if spec.key >= config.n_tasks() {
                let requirement = format!("below n_tasks = {}", config.n_tasks());
                return Err(Error::config(format!("tasks.{}.key", spec.name), requirement, spec.key));
            }
            if stimulus.task.data() == TaskData::None && self.n_samples == 0 {
                return Err(Error::config("n_samples", "1 or more for tasks whose stimuli are drawn", 0));
            }
        }
        Ok(())
    }

    /// The network to train, with the tasks it is trained on.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Unknown`] naming the key of the network.
    pub fn config(&self) -> Result<Config> {
        let variant = Variant::from_values(&self.network).ok_or_else(|| {
            Error::config("network", "the keys of a gate or block network (kernels or mid_dim)", "neither")
        })?;
        let mut values = self.network.clone();
        values.insert(super::config::TASKS.to_owned(), Json::Object(self.tasks.clone()));
        Config::from_values(variant, &values)
    }

    /// Rows of the network's input, where its keys name them.
    pub(super) fn canvas(&self) -> Option<usize> {
        let rows = self.network.get("in_dims")?.get(1)?.as_u64()?;
        usize::try_from(rows).ok()
    }

    /// # Errors
    /// [`Error::Config`] naming task and key.
    pub fn specs(&self) -> Result<Vec<TaskSpec>> {
        read_tasks(&Json::Object(self.tasks.clone()))
    }

    /// Updates of the whole run; `None` where the number of digits decides.
    pub fn n_updates(&self) -> Option<u64> {
        match (self.updates, self.n_samples) {
            (0, 0) => None,
            (0, n) => {
                Some(self.n_epochs * self.tasks.len() as u64 * n.div_ceil(self.batch_size.max(1)) as u64)
            }
            (updates, _) => Some(updates),
        }
    }

    /// The reference's parameters; `total` is the length of a one-cycle schedule that none is given for.
    pub(super) fn training(&self, total: u64) -> TrainParams {
        TrainParams {
            n_epochs: self.n_epochs,
            batch_size: self.batch_size,
            lr: self.lr,
            l2: self.l2,
            milestones: self.milestones.clone(),
            gamma: self.gamma,
            max_grad_norm: self.max_grad_norm,
            scheduler: Some(self.scheduler.clone()),
            optimizer: Some(self.optimizer.clone()),
            lr_min: self.lr_min,
            total_steps: Some(if self.total_steps > 0 { self.total_steps } else { total }),
            pct_start: Some(self.pct_start),
            other: Map::new(),
        }
    }
}

/// `old` with the values of `new` over it.
fn merged(old: Json, new: &Json) -> Result<Json> {
    match (old, new) {
        (Json::Object(mut all), Json::Object(new)) => {
            all.extend(new.clone());
            Ok(Json::Object(all))
        }
        (_, other) => Err(Error::config("network", "a table of model_params.json", other)),
    }
}

/// Some of the `old` tasks by name, or a new table.
fn chosen(old: Json, new: &Json) -> Result<Json> {
    match (old, new) {
        (Json::Object(all), Json::Array(names)) => {
            let mut kept = Map::new();
            for name in names {
                let text = name.as_str().unwrap_or_default();
                match all.get(text) {
                    Some(task) => kept.insert(text.to_owned(), task.clone()),
                    None => return Err(Error::unknown("task", text, all.keys().cloned())),
                };
            }
            Ok(Json::Object(kept))
        }
        (_, Json::Object(table)) => Ok(Json::Object(table.clone())),
        (_, other) => Err(Error::config("tasks", "a list of names or a table of tasks.json", other)),
    }
}

/// The three files of a published network, by recipe key.
fn published(folder: &Path) -> Result<Map<String, Json>> {
    let read = |name: &str| -> Result<Map<String, Json>> {
        let path = folder.join(name);
        match serde_json::from_str(&files::read_text(&path, 1 << 20)?) {
            Ok(Json::Object(map)) => Ok(map),
            _ => Err(Error::file(path, "a JSON object", "another value", "check the file")),
        }
    };
    let mut values = Map::new();
    values.insert("network".to_owned(), toml_ready(Json::Object(read("model_params.json")?)));
    let mut tasks = read("tasks.json")?;
    for task in tasks.values_mut() {
        for key in ["loss_s", "m_slice"] {
            if let Some(value) = task.get_mut(key) {
                *value = python_text(value);
            }
        }
        if let Json::Object(fields) = task {
            let unused = ["datasets", "dataloaders", "random", "aux_params"];
            fields.retain(|key, value| !value.is_null() && !unused.contains(&key.as_str()));
            fields.values_mut().for_each(|value| *value = without_nulls(value));
        }
    }
    values.insert("tasks".to_owned(), Json::Object(tasks));
    let keys = [
        "n_epochs",
        "batch_size",
        "lr",
        "l2",
        "optimizer",
        "scheduler",
        "milestones",
        "gamma",
        "pct_start",
        "total_steps",
        "lr_min",
        "max_grad_norm",
        "mask_mp",
        "sequential",
        "n_samples",
    ];
    let training = read("train_params.json")?;
    for key in keys {
        if let Some(value) = training.get(key).filter(|value| !value.is_null()) {
            values.insert(key.to_owned(), value.clone());
        }
    }
    if training.get("slow_soft") == Some(&json!(true)) {
        return Err(Error::Unsupported("the softness schedule slow_soft is not published".to_owned()));
    }
    Ok(values)
}

fn without_nulls(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            Json::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

/// `"none"` in place of nothing.
fn toml_ready(value: Json) -> Json {
    match value {
        Json::Null => json!("none"),
        Json::Array(list) => Json::Array(list.into_iter().map(toml_ready).collect()),
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, toml_ready(value))).collect(),
        other => other,
    }
}

/// A choice of sweeps as the reference writes it in text, which TOML can hold.
fn python_text(value: &Json) -> Json {
    fn text(value: &Json) -> String {
        match value {
            Json::Null => "None".to_owned(),
            Json::Array(list) => {
                let parts: Vec<String> = list.iter().map(text).collect();
                let comma = if parts.len() == 1 { "," } else { "" };
                format!("({}{comma})", parts.join(", "))
            }
            Json::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
    json!(text(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(variant: &str, sets: &[&str]) -> Result<GatingRecipe> {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        GatingRecipe::from_map(variant, &Map::new(), &Overrides::read(None, &sets).unwrap())
    }

    #[test]
    fn every_published_run_is_a_valid_recipe_that_survives_toml() {
        for variant in RUNS {
            for preset in ["documented", "as-coded"] {
                let recipe = recipe(variant, &[&format!("preset={preset}")]).unwrap();
                let text = toml::to_string(&recipe).unwrap();
                assert_eq!(toml::from_str::<GatingRecipe>(&text).unwrap(), recipe, "{variant}: {text}");
            }
        }
        let (own, coded) = (recipe("digits", &[]).unwrap(), recipe("digits", &["preset=as-coded"]).unwrap());
        assert_eq!((own.n_epochs, coded.n_epochs), (96, 128));
        assert_ne!(own.tasks["Tracking"]["loss_w"], coded.tasks["Tracking"]["loss_w"]);
    }

    #[test]
    fn networks_change_key_by_key_and_tasks_are_chosen_by_name() {
        let changed = recipe("digits", &["network={softness=0.3}", "tasks=[\"Cue\", \"Arrow\"]"]).unwrap();
        assert_eq!(changed.network["softness"], json!(0.3));
        assert_eq!(changed.tasks.len(), 2);
        let message = |sets: &[&str]| recipe("digits", sets).unwrap_err().to_string();
        assert!(message(&["tasks=[\"Cues\"]"]).contains("did you mean \"Cue\""));
        assert!(message(&["learning_rate=1"]).contains("learning_rate"));
        assert!(message(&["network={softnes=0.3}"]).contains("did you mean \"softness\""));
        assert!(message(&["scheduler=StepLR"]).contains("scheduler"));
        let loud = r#"tasks={Arrow={composer="Arrow_DS", key=1, params={noise=1.5}, loss_w=[0.0, 0.0, 1.0], loss_s="(None, None)"}}"#;
        assert!(message(&[loud]).contains("Arrow.params.noise must be 0 to 1"));
        assert!(recipe("shape", &[]).unwrap_err().to_string().contains("did you mean \"shapes\""));
    }

    #[test]
    fn choices_of_sweeps_are_written_as_text() {
        assert_eq!(python_text(&json!([null, [1, 4, 6]])), json!("(None, (1, 4, 6))"));
        assert_eq!(python_text(&json!([[4], null])), json!("((4,), None)"));
    }
}
