//! A probe of the network in training, made again and again: tuning as a film of learning.
//!
//! Frames are files `probes/NAME/000000100.json` of the run folder, one per probed update.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::compute;
use crate::dynamics::{Area, AreaKind, Units, Workspace};
use crate::error::{Error, Result};
use crate::files;
use crate::model::Model;
use crate::ops::compute_pool;
use crate::probe::{self, Feature, ProbeRecipe, TuningResult};
use crate::progress::Silent;
use crate::train::Snapshot;

/// Folder of all films of a run.
pub const PROBES: &str = "probes";
/// Largest frame that is read.
const MAX_FRAME: u64 = 256 << 20;

/// Which probe; what it does not say is decided by the network.
#[derive(Clone, Debug, PartialEq)]
pub struct FilmProbe {
    recipe: ProbeRecipe,
    has_units: bool,
}

/// One frame of a film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilmFrame {
    pub update: u64,
    pub result: TuningResult,
}

impl FilmProbe {
    /// The probe of a feature, or one whose settings are a table.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Config`] for settings that no probe has.
    pub fn new(probe: &Value, area: &str, units: &str) -> Result<Self> {
        let settings: Map<String, Value> = match probe {
            Value::String(name) => {
                let feature: Feature = name.replace('-', "_").parse()?;
                [("feature".to_owned(), Value::from(feature.name()))].into_iter().collect()
            }
            Value::Object(table) => table.clone(),
            other => {
                return Err(Error::config("probe", "the name of a feature or a table of settings", other));
            }
        };
        let mut has_units = settings.contains_key("units");
        let mut recipe: ProbeRecipe = serde_json::from_value(settings.into())
            .map_err(|err| Error::config("probe", err.to_string(), "another value"))?;
        if !area.is_empty() {
            area.clone_into(&mut recipe.area);
        }
        if !units.is_empty() {
            recipe.units = units.parse()?;
            has_units = true;
        }
        recipe.validate()?;
        Ok(Self { recipe, has_units })
    }

    /// Name of its folder.
    pub fn name(&self) -> &'static str {
        self.recipe.feature.name()
    }

    /// The probe of this network: the first area that holds maps and its middle, where nothing is said.
    pub fn of(&self, model: &Model) -> ProbeRecipe {
        let areas = model.dynamics.areas();
        let mut recipe = self.recipe.clone();
        if recipe.area.is_empty() {
            let holds_maps = |area: &&Area| {
                let [channels, height, width] = area.map_shape();
                area.kind == AreaKind::Activity && channels > 3 && height * width > 1
            };
            let first = areas.iter().find(holds_maps).or(areas.first());
            recipe.area = first.map_or_else(String::new, |area| area.name.clone());
        }
        if let (false, Some(area)) = (self.has_units, areas.iter().find(|area| area.name == recipe.area)) {
            let [_, height, width] = area.map_shape();
            recipe.units = match height * width {
                1 => Units::all(),
                _ => Units::position(height / 2, width / 2),
            };
        }
        recipe
    }
}

/// The network of a snapshot.
pub type OpenSnapshot = Box<dyn Fn(&Snapshot) -> Result<Model> + Send + Sync>;

/// Makes a film beside training. The first frame is made at once, so that a probe which the network does
/// not take stops the run before its first update; the others are made while training goes on, which
/// waits only where frames come faster than they are made.
pub struct Film {
    camera: Option<Camera>,
    waiting: Option<Sender<Snapshot>>,
    worker: Option<JoinHandle<Result<()>>>,
}

impl Film {
    /// Of the run in the folder `out`, on `threads` threads of its own.
    pub fn new(probe: FilmProbe, open: OpenSnapshot, out: &Path, threads: usize) -> Self {
        let folder = out.join(PROBES).join(probe.name());
        Self { camera: Some(Camera { probe, open, folder, threads }), waiting: None, worker: None }
    }

    /// Takes a frame of this snapshot.
    ///
    /// # Errors
    /// Those of the probe and of writing its result; of an earlier frame where it was made meanwhile.
    pub fn take(&mut self, snapshot: Snapshot) -> Result<()> {
        if let Some(camera) = self.camera.take() {
            camera.shoot(&snapshot, &mut Workspace::new())?;
            let (sender, receiver) = bounded(1);
            let folder = camera.folder.clone();
            let work = move || -> Result<()> {
                let pool = compute_pool(camera.threads)?;
                let mut workspace = Workspace::new();
                for snapshot in receiver {
                    pool.install(|| camera.shoot(&snapshot, &mut workspace))?;
                }
                Ok(())
            };
            let worker = std::thread::Builder::new().name("film".to_owned()).spawn(work);
            self.worker = Some(worker.map_err(Error::io("start a thread for", folder))?);
            self.waiting = Some(sender);
            return Ok(());
        }
        if self.waiting.as_ref().is_some_and(|waiting| waiting.send(snapshot).is_ok()) {
            return Ok(());
        }
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.waiting = None;
        let ended = self.worker.take().map_or(Ok(Ok(())), JoinHandle::join);
        ended.unwrap_or_else(|_panic| {
            Err(Error::Unsupported("the probe of the film panicked; the log has the details".to_owned()))
        })
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        if let Err(err) = self.end() {
            tracing::error!("the film ends before its run: {err}");
        }
    }
}

/// What makes frames.
struct Camera {
    probe: FilmProbe,
    open: OpenSnapshot,
    folder: PathBuf,
    threads: usize,
}

impl Camera {
    fn shoot(&self, snapshot: &Snapshot, workspace: &mut Workspace) -> Result<()> {
        let model = (self.open)(snapshot)?;
        let recipe = self.probe.of(&model);
        let mut result = probe::run(&recipe, &model, workspace, &mut Silent)?;
        // The same in every frame.
        result.pictures.clear();
        let frame = FilmFrame { update: snapshot.update, result };
        let path = self.folder.join(format!("{:09}.json", frame.update));
        let bytes = serde_json::to_vec(&frame)
            .map_err(|err| Error::config("result of the probe", "plain numbers", err))?;
        files::write_atomic(path, bytes)
    }
}

/// A film as far as it has been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilmStrip {
    /// Name of the probe.
    pub name: String,
    /// Probed updates with their files, in order.
    pub frames: Vec<(u64, PathBuf)>,
}

impl FilmStrip {
    /// All films of the run in the folder `out`, by name.
    ///
    /// # Errors
    /// [`Error::Io`] if a folder cannot be read.
    pub fn all(out: &Path) -> Result<Vec<Self>> {
        let mut strips = Vec::new();
        for folder in entries(&out.join(PROBES))? {
            let frame = |path: PathBuf| {
                let is_frame = path.extension().is_some_and(|extension| extension == "json");
                let update = path.file_stem()?.to_str()?.parse().ok()?;
                is_frame.then_some((update, path))
            };
            let mut frames: Vec<(u64, PathBuf)> = entries(&folder)?.into_iter().filter_map(frame).collect();
            frames.sort();
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if !frames.is_empty() {
                strips.push(Self { name, frames });
            }
        }
        strips.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(strips)
    }
}

impl FilmFrame {
    /// # Errors
    /// [`Error::File`] for a file that is no frame, [`Error::Io`].
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = files::read(path, MAX_FRAME)?;
        serde_json::from_slice(&bytes)
            .map_err(|err| Error::file(path, "a frame of a probe", err.to_string(), "delete the frame"))
    }
}

/// What a folder holds; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()).map_err(Error::io("read the folder", folder)))
            .collect(),
        Err(err)
            if matches!(err.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            Ok(Vec::new())
        }
        Err(err) => Err(Error::io("read the folder", folder)(err)),
    }
}

/// Threads of a film: one, and none of those that train where there are more.
pub(super) fn threads() -> usize {
    compute::threads(true).div_ceil(4).max(1)
}
