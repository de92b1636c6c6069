//! From a recipe to a running job, from its beginning or from its last checkpoint.

use std::path::{Path, PathBuf};

use candle_core::Device;
use serde_json::{Value, json};

use super::AnyRecipe;
use super::kinds::Kind;
use crate::device;
use crate::error::{Error, Result};
use crate::ops::check_gradients_of;
use crate::provenance::{DataIdentity, Provenance};
use crate::recipe::film::{self, Film};
use crate::settings::Overrides;
use crate::train::{
    self, Begun, Course, JobSettings, Measures, Observer, Prepared, Procedure, RECIPE, RunFolder, Snapshot,
    TrainingJob,
};

/// How and where a run computes. A device other than the CPU has to find the CPU's gradients first.
#[derive(Clone, Debug)]
pub struct TrainTarget {
    pub device: Device,
    pub threads: usize,
    pub beside_window: bool,
}

impl TrainTarget {
    /// Whether gradients can be trusted here.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if not.
    fn check_gradients(&self) -> Result<()> {
        check_gradients_of(&self.device).map_err(|err| {
            let name = device::name(&self.device);
            Error::Unsupported(format!("{name} is refused for training: {err}; take --device cpu"))
        })
    }
}

/// Starts a new run in the folder `out`. `wake` is called after every event.
///
/// # Errors
/// [`Error::Io`] if no thread can be started; everything later arrives as an event.
pub fn start(
    recipe: AnyRecipe,
    out: PathBuf,
    target: &TrainTarget,
    wake: impl Fn() + Send + Sync + 'static,
) -> Result<TrainingJob> {
    let settings = recipe.job_settings(&out, target);
    let target = target.clone();
    let build = move || {
        target.check_gradients()?;
        let recipe = recipe.as_written()?;
        let Started { procedure, data, manifest } = recipe.procedure(&out, &target)?;
        let mut folder = RunFolder::create(&out, &recipe.to_toml()?, &manifest)?;
        if !data.skipped.is_empty() {
            folder.log(&format!("{} files are left out", data.skipped.len()))?;
        }
        for file in &data.skipped {
            folder.log(&format!("left out: {}", file.reason))?;
        }
        Ok(Prepared { procedure, folder: Some(folder), observer: recipe.observer(&out)? })
    };
    train::spawn(build, settings, wake)
}

/// Goes on with the run in the folder `out` from its last checkpoint, bit for bit; from its beginning
/// where it was stopped before the first.
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
        target.check_gradients()?;
        let last = out.join("checkpoints").join("last");
        let procedure = match Course::is_in(&last) {
            true => (Kind::of(recipe.family)?.resume)(&last, &target.device)?,
            false => recipe.procedure(&out, &target)?.procedure,
        };
        let folder = RunFolder::resume(&out, procedure.update(), procedure.is_evaluation_due())?;
        Ok(Prepared { procedure, folder: Some(folder), observer: recipe.observer(&out)? })
    };
    train::spawn(build, settings, wake)
}

/// A run before its first update.
struct Started {
    procedure: Box<dyn Procedure>,
    data: DataIdentity,
    manifest: Value,
}

impl AnyRecipe {
    fn job_settings(&self, out: &Path, target: &TrainTarget) -> JobSettings {
        JobSettings {
            folder: out.to_owned(),
            save_every: self.recipe.save_every(),
            keep_every: self.upkeep.keep_every,
            patience: self.upkeep.patience,
            gathering: self.upkeep.gathering(),
            snapshot_every: self.recipe.snapshot_every(),
            threads: target.threads,
            beside_window: target.beside_window,
        }
    }

    /// What probes the network while it trains, where anything does.
    fn observer(&self, out: &Path) -> Result<Option<Observer>> {
        let Some(probe) = self.upkeep.film()? else { return Ok(None) };
        let recipe = self.clone();
        let open = move |snapshot: &Snapshot| {
            let weights = snapshot.weights.to_device(&Device::Cpu)?;
            let name = format!("update {}", snapshot.update);
            recipe.model_of(&Snapshot { weights, ..snapshot.clone() }, &name)
        };
        let mut film = Film::new(probe, Box::new(open), out, film::threads());
        let look = move |snapshot| film.take(snapshot);
        Ok(Some(Observer { every: self.upkeep.probe_every, look: Box::new(look) }))
    }

    /// The procedure from its beginning, and the manifest of its run.
    fn procedure(&self, out: &Path, target: &TrainTarget) -> Result<Started> {
        let Begun { procedure, data } = self.begin(&target.device, out)?;
        let manifest = Provenance {
            config: self.values(),
            seed: Some(self.recipe.seed()),
            data: vec![data.clone()],
            device: device::name(&target.device),
            threads: target.threads,
            ..Provenance::new(self.command(out))
        };
        let mut manifest = json!(manifest);
        manifest["measures"] = json!(Measures { n_updates: procedure.n_updates(), ..procedure.measures() });
        Ok(Started { procedure, data, manifest })
    }
}
