//! Training runs: those of the session with their jobs, those of folders, and what is known of both.

mod pacer;
mod samples;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::Context;
use gainfield::compute;
use gainfield::model::{Model, Target};
use gainfield::recipe::film::FilmStrip;
use gainfield::recipe::train::{self, AnyRecipe, TrainTarget};
use gainfield::settings::Overrides;
use gainfield::train::{
    JobCommand, JobEvent, Measures, RECIPE, RunHistory, Snapshot, StopReason, TrainingJob, UpdateReport,
};
use serde_json::Value;

use crate::item::ItemId;

use pacer::Pacer;
pub use pacer::{Estimate, about, duration};
use samples::Sampler;
pub use samples::Samples;
pub use watch::{Curves, Style};
use watch::{Followed, Grown, Told, Watch};

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Its folder is being read.
    Reading,
    /// Another program trains it.
    Elsewhere,
    Starting,
    Running,
    Paused,
    Stopping,
    Finished,
    /// Its validations no longer improved.
    StoppedEarly,
    Stopped,
    Failed(String),
}

impl RunState {
    /// In the library and on the job card.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Elsewhere => "trained elsewhere",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping…",
            Self::Finished => "finished",
            Self::StoppedEarly => "stopped early",
            Self::Stopped => "stopped",
            Self::Failed(_) => "failed",
        }
    }

    /// Can the session take it up?
    pub fn can_go_on(&self) -> bool {
        matches!(self, Self::Stopped | Self::Failed(_))
    }

    /// Does this session train it?
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Paused | Self::Stopping)
    }
}

/// One run.
pub struct TrainingRun {
    pub name: String,
    pub recipe: AnyRecipe,
    /// Updates of the whole run; 0 until the data are read.
    n_updates: u64,
    pub out: PathBuf,
    pub state: RunState,
    /// As far as its folder has been read.
    pub history: RunHistory,
    /// What its numbers mean, as soon as it says so.
    pub measures: Measures,
    /// Probes of it over updates.
    pub films: Vec<FilmStrip>,
    pub is_overlaid: bool,
    pub snapshot: Option<Arc<Snapshot>>,
    pub samples: Option<Arc<Samples>>,
    pub saved: Option<(u64, Instant)>,
    pub started: Instant,
    job: Option<TrainingJob>,
    sampler: Option<Sampler>,
    latest: Option<UpdateReport>,
    /// Time of the first report of this session, for the throughput, and stimuli learnt from since.
    first: Option<(Instant, usize)>,
    paused_for: Duration,
    paused_at: Option<Instant>,
}

/// A run's folder; its tables are followed from then on.
#[derive(Debug)]
pub struct OpenedRun {
    pub recipe: AnyRecipe,
    pub out: PathBuf,
}

impl OpenedRun {
    /// # Errors
    /// Those of reading the recipe.
    pub fn read(out: &Path) -> gainfield::Result<Self> {
        let recipe = AnyRecipe::read(&out.join(RECIPE), &Overrides::default())?;
        // As others would name it, whatever the working folder.
        let out = std::path::absolute(out).map_err(gainfield::Error::io("find", out))?;
        Ok(Self { recipe, out })
    }
}

impl TrainingRun {
    fn new(name: &str, recipe: AnyRecipe, out: &Path) -> Self {
        Self {
            name: name.to_owned(),
            n_updates: recipe.n_updates().unwrap_or_default(),
            recipe,
            out: out.to_owned(),
            state: RunState::Starting,
            history: RunHistory::default(),
            measures: Measures::default(),
            films: Vec::new(),
            is_overlaid: true,
            snapshot: None,
            samples: None,
            saved: None,
            started: Instant::now(),
            job: None,
            sampler: None,
            latest: None,
            first: None,
            paused_for: Duration::ZERO,
            paused_at: None,
        }
    }

    /// Updates done.
    pub fn update(&self) -> u64 {
        self.latest.as_ref().map_or(0, |report| report.update)
    }

    /// The last update.
    pub fn latest(&self) -> Option<&UpdateReport> {
        self.latest.as_ref()
    }

    /// Whether stimuli are run through its snapshots for the view of samples.
    pub fn has_samples(&self) -> bool {
        self.sampler.is_some() || self.samples.is_some()
    }

    fn learnt(&mut self, report: &UpdateReport) {
        let (_, n) = self.first.get_or_insert_with(|| (Instant::now(), 0));
        *n += report.n_stimuli;
        self.latest = Some(report.clone());
    }

    /// Updates of the whole run.
    pub fn n_updates(&self) -> u64 {
        self.n_updates
    }

    /// Validations without a higher score after which it ends; 0 for never.
    pub fn patience(&self) -> u64 {
        self.recipe.values()["patience"].as_u64().unwrap_or_default()
    }

    /// Time spent training under the eyes of the session, pauses left out.
    pub fn elapsed(&self) -> Duration {
        let paused = self.paused_for + self.paused_at.map_or(Duration::ZERO, |at| at.elapsed());
        self.started.elapsed().saturating_sub(paused)
    }

    /// Stimuli per second since the first report.
    pub fn throughput(&self) -> Option<f64> {
        let (at, learnt) = self.first?;
        let paused = self.paused_for + self.paused_at.map_or(Duration::ZERO, |paused| paused.elapsed());
        let seconds = at.elapsed().saturating_sub(paused).as_secs_f64();
        (seconds > 0.0 && learnt > 0).then(|| learnt as f64 / seconds)
    }

    /// Time the rest will take at the present rate.
    pub fn remaining(&self) -> Option<Duration> {
        let batch = self.latest.as_ref()?.n_stimuli as f64;
        let left = self.n_updates().saturating_sub(self.update()) as f64;
        Some(Duration::from_secs_f64(left * batch / self.throughput()?))
    }

    /// The best validation so far: score and update.
    pub fn best(&self) -> Option<(f64, u64)> {
        let best = self.history.evaluations.iter().rfind(|evaluation| evaluation.is_best)?;
        Some((best.score, best.update))
    }
}

/// All runs in the library.
pub struct Training {
    runs: BTreeMap<ItemId, TrainingRun>,
    curves: BTreeMap<ItemId, Curves>,
    style: Style,
    watch: Watch,
    pacer: Pacer,
}

/// What happened since the last look, in words for the status line and the toasts.
pub enum Notice {
    Say(String),
    Failed { name: String, why: String },
}

/// What makes the window look after a job has said something.
fn wake(ctx: &Context) -> impl Fn() + Send + Sync + 'static {
    let ctx = ctx.clone();
    move || ctx.request_repaint_after(Duration::from_millis(50))
}

fn target() -> TrainTarget {
    TrainTarget { device: Target::default().device, threads: compute::threads(true), beside_window: true }
}

/// Whether two settings are the same: numbers by their value, however they are written.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// The settings of a run without its seed.
fn settings_but_seed(recipe: &AnyRecipe) -> String {
    let mut values = recipe.values();
    if let Value::Object(values) = &mut values {
        values.remove("seed");
    }
    values.to_string()
}

impl Training {
    /// Starts the thread that follows runs.
    pub fn start_watching(ctx: &Context) -> Self {
        let watch = Watch::start(wake(ctx));
        let pacer = Pacer::new(Box::new(wake(ctx)));
        Self { runs: BTreeMap::new(), curves: BTreeMap::new(), style: Style::default(), watch, pacer }
    }

    pub fn get(&self, id: ItemId) -> Option<&TrainingRun> {
        self.runs.get(&id)
    }

    pub fn curves(&self, id: ItemId) -> Option<&Curves> {
        self.curves.get(&id)
    }

    pub fn style(&self) -> Style {
        self.style
    }

    pub fn set_style(&mut self, style: Style) {
        self.style = style;
        self.watch.style(style);
    }

    /// Draws a run over the others of its kind, or no longer.
    pub fn overlay(&mut self, id: ItemId, is_shown: bool) {
        if let Some(run) = self.runs.get_mut(&id) {
            tracing::info!("{} {}", run.name, if is_shown { "laid over" } else { "no longer laid over" });
            run.is_overlaid = is_shown;
            self.watch.overlay(id, is_shown);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (ItemId, &TrainingRun)> {
        self.runs.iter().map(|(id, run)| (*id, run))
    }

    pub fn is_any_live(&self) -> bool {
        self.runs.values().any(|run| run.state.is_live())
    }

    /// Whether the session computes updates now.
    pub fn is_any_at_work(&self) -> bool {
        self.runs.values().any(|run| run.state == RunState::Running)
    }

    /// How fast runs with settings are here, as far as that was timed.
    pub fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// Times a few updates of a run with these settings.
    pub fn time(&mut self, recipe: AnyRecipe) {
        self.pacer.time(recipe, target());
    }

    /// Starts a run in the folder `out` beside the window.
    ///
    /// # Errors
    /// A sentence, if no thread could be started.
    pub fn start(
        &mut self,
        id: ItemId,
        name: &str,
        recipe: AnyRecipe,
        out: &Path,
        ctx: &Context,
    ) -> Result<(), String> {
        self.pacer.stop();
        let job = train::start(recipe.clone(), out.to_owned(), &target(), wake(ctx));
        let job = job.map_err(|err| err.to_string())?;
        let run = TrainingRun {
            sampler: Sampler::start(&recipe, wake(ctx)),
            job: Some(job),
            ..TrainingRun::new(name, recipe, out)
        };
        self.follow(id, run);
        Ok(())
    }

    /// Shows a run that is not, or no longer, of this session.
    pub fn add(&mut self, id: ItemId, name: &str, opened: OpenedRun, ctx: &Context) {
        let run = TrainingRun {
            state: RunState::Reading,
            sampler: Sampler::start(&opened.recipe, wake(ctx)),
            paused_at: Some(Instant::now()),
            ..TrainingRun::new(name, opened.recipe, &opened.out)
        };
        self.follow(id, run);
    }

    fn follow(&mut self, id: ItemId, run: TrainingRun) {
        let followed = Followed {
            name: run.name.clone(),
            kind: run.recipe.name(),
            settings: settings_but_seed(&run.recipe),
            seed: run.recipe.values()["seed"].to_string(),
            out: run.out.clone(),
            is_own: run.job.is_some(),
        };
        self.watch.follow(id, followed);
        self.runs.insert(id, run);
    }

    /// Takes up a run from its last checkpoint.
    ///
    /// # Errors
    /// A sentence, if its recipe cannot be read or no thread could be started.
    pub fn go_on(&mut self, id: ItemId, ctx: &Context) -> Result<(), String> {
        let run = self.runs.get_mut(&id).ok_or("The run is not in this session.")?;
        let job = train::resume(run.out.clone(), &target(), wake(ctx)).map_err(|err| err.to_string())?;
        run.job = Some(job);
        run.sampler = Sampler::start(&run.recipe, wake(ctx));
        run.state = RunState::Starting;
        (run.started, run.first) = (Instant::now(), None);
        (run.paused_for, run.paused_at) = (Duration::ZERO, None);
        self.watch.own(id, true);
        Ok(())
    }

    /// Passes a command to the run's job.
    pub fn command(&mut self, id: ItemId, command: JobCommand) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        if let Some(job) = &run.job {
            // A job that is gone reports its end as an event.
            let _ = job.commands.send(command);
        }
        if command == JobCommand::Stop && run.state.is_live() {
            run.state = RunState::Stopping;
        }
    }

    /// Composes other sample stimuli for the run.
    pub fn other_samples(&mut self, id: ItemId) {
        if let Some(run) = self.runs.get_mut(&id)
            && let (Some(sampler), Some(snapshot)) = (&mut run.sampler, &run.snapshot)
        {
            sampler.other(Arc::clone(snapshot));
        }
    }

    /// Drops the runs whose items are gone; their jobs stop.
    pub fn keep_only(&mut self, is_kept: impl Fn(ItemId) -> bool) {
        if self.runs.keys().all(|id| is_kept(*id)) {
            return;
        }
        self.runs.retain(|id, _| is_kept(*id));
        self.curves.retain(|id, _| is_kept(*id));
        self.watch.keep(self.runs.keys().copied().collect());
    }

    /// Takes in what jobs and folders have said.
    pub fn poll(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.pacer.poll();
        for (id, run) in &mut self.runs {
            if run.poll(&mut notices) {
                self.watch.own(*id, false);
            }
        }
        for told in self.watch.told().collect::<Vec<_>>() {
            match told {
                Told::Grown(grown) => {
                    if let Some(run) = self.runs.get_mut(&grown.id) {
                        run.grow(*grown);
                    }
                }
                Told::Curves(curves) => {
                    self.curves = curves;
                    self.curves.retain(|id, _| self.runs.contains_key(id));
                }
                Told::Failed(id, why) => {
                    if let Some(run) = self.runs.get(&id) {
                        notices.push(Notice::Failed { name: run.name.clone(), why });
                    }
                }
            }
        }
        notices
    }
}

impl TrainingRun {
    /// Takes in what the job has said; gives whether it has ended.
    fn poll(&mut self, notices: &mut Vec<Notice>) -> bool {
        if let Some(samples) = self.sampler.as_ref().and_then(Sampler::latest) {
            self.samples = Some(samples);
        }
        let Some(job) = &self.job else { return false };
        let events: Vec<JobEvent> = job.events.try_iter().collect();
        if let Some(snapshot) = job.snapshots.take() {
            self.look_at(snapshot);
        }
        for event in events {
            self.take(event, notices);
        }
        self.job.is_none()
    }

    fn look_at(&mut self, snapshot: Arc<Snapshot>) {
        if let Some(sampler) = &mut self.sampler {
            sampler.show(Arc::clone(&snapshot));
        }
        self.snapshot = Some(snapshot);
    }

    /// Takes in what the folder says.
    fn grow(&mut self, grown: Grown) {
        let Grown { growth, measures, is_claimed, is_own, snapshot, films, ending, .. } = grown;
        if let Some(measures) = measures {
            self.n_updates = if measures.n_updates > 0 { measures.n_updates } else { self.n_updates };
            self.measures = measures;
        }
        self.films = films;
        if growth.starts_over {
            self.first = None;
        }
        let is_first_look = self.history.updates.is_empty();
        if self.job.is_none() {
            for report in &growth.rows.updates {
                self.learnt(report);
            }
            if is_first_look {
                // What was there before says nothing about how fast it goes.
                self.first = None;
            }
            if let Some(snapshot) = snapshot {
                self.look_at(Arc::new(snapshot));
            }
        }
        self.history.grow(growth);
        if self.job.is_none() {
            if self.latest.is_none() || self.latest.as_ref() != self.history.updates.last() {
                self.latest = self.history.updates.last().cloned();
            }
            if is_own {
                // Seen while the session still trained it, which has said since how it ended.
                return;
            }
            let is_whole = self.n_updates > 0 && self.update() >= self.n_updates;
            self.state = match &self.state {
                _ if is_claimed => RunState::Elsewhere,
                state @ RunState::Failed(_) => state.clone(),
                RunState::StoppedEarly => RunState::StoppedEarly,
                RunState::Finished => RunState::Finished,
                _ if is_whole => RunState::Finished,
                _ if ending == Some(StopReason::OutOfPatience) => RunState::StoppedEarly,
                _ => RunState::Stopped,
            };
            self.paused_at = if is_claimed { None } else { self.paused_at.or(Some(Instant::now())) };
        }
    }

    fn take(&mut self, event: JobEvent, notices: &mut Vec<Notice>) {
        let before = self.state.clone();
        self.change(event, notices);
        if self.state != before {
            tracing::info!("{} {}, update {}", self.name, self.state.word(), self.update());
        }
    }

    fn change(&mut self, event: JobEvent, notices: &mut Vec<Notice>) {
        match event {
            JobEvent::Started { n_updates, measures } => {
                (self.n_updates, self.measures) = (n_updates, measures);
            }
            JobEvent::Update(report) => {
                if matches!(self.state, RunState::Starting) {
                    self.state = RunState::Running;
                }
                self.learnt(&report);
            }
            JobEvent::Evaluated(evaluation) => {
                if evaluation.split == "test" {
                    notices
                        .push(Notice::Say(format!("{}: test accuracy {:.3}", self.name, evaluation.score)));
                }
            }
            JobEvent::Saved { update, .. } => {
                self.saved = Some((update, Instant::now()));
                notices.push(Notice::Say(format!("Checkpoint saved, update {update}")));
            }
            JobEvent::Paused => {
                self.state = RunState::Paused;
                self.paused_at = Some(Instant::now());
            }
            JobEvent::Resumed => {
                self.state = RunState::Running;
                self.paused_for += self.paused_at.take().map_or(Duration::ZERO, |at| at.elapsed());
            }
            JobEvent::Finished(reason) => {
                self.state = match reason {
                    StopReason::Completed => RunState::Finished,
                    StopReason::OutOfPatience => RunState::StoppedEarly,
                    StopReason::Stopped => RunState::Stopped,
                };
                self.end();
                let words = match self.state {
                    RunState::StoppedEarly => self.why_early(),
                    _ => format!("{} {}", self.name, self.state.word()),
                };
                notices.push(Notice::Say(words));
            }
            JobEvent::Failed(why) => {
                notices.push(Notice::Failed { name: self.name.clone(), why: why.clone() });
                self.state = RunState::Failed(why);
                self.end();
            }
        }
    }

    /// Why a run ended before its last update.
    pub fn why_early(&self) -> String {
        let n = self.patience();
        let update = gainfield::figure::number::count(self.update() as usize);
        format!("{} stopped early at update {update}: {n} validations without a higher score", self.name)
    }

    fn end(&mut self) {
        self.paused_at = Some(Instant::now());
        self.job = None;
    }
}

impl Training {
    /// The probes of a run, as far as they have been made.
    pub fn film(&self, id: ItemId, name: &str) -> Option<&FilmStrip> {
        self.runs.get(&id)?.films.iter().find(|film| film.name == name)
    }

    /// The network of a run as it is now, with a name that says when.
    ///
    /// # Errors
    /// A sentence, if there is no snapshot yet or it does not build.
    pub fn snapshot_model(&self, id: ItemId) -> Result<(String, Model), String> {
        let run = self.runs.get(&id).ok_or("The run is not in this session.")?;
        let snapshot = run.snapshot.as_ref().ok_or("The first snapshot is not there yet.")?;
        let name = format!("{} · update {}", run.name, snapshot.update);
        let model = run.recipe.model_of(snapshot, &name).map_err(|err| err.to_string())?;
        Ok((name, model))
    }
}
