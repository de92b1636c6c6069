//! Training runs of the session: their jobs, what they reported, and the figures of it.

mod samples;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::Context;
use gainfield::compute;
use gainfield::figure::Figure;
use gainfield::model::{Model, Target};
use gainfield::recipe::train::{self, AnyRecipe, TrainTarget};
use gainfield::settings::Overrides;
use gainfield::train::figures::{self, NamedRun};
use gainfield::train::{JobCommand, JobEvent, RECIPE, RunHistory, Snapshot, StopReason, TrainingJob};

use crate::item::ItemId;

use samples::Sampler;
pub use samples::Samples;

/// Figures follow the run at most this often.
const REDRAW_EVERY: Duration = Duration::from_millis(250);
/// Classes of the digit tasks, for the chance line.
const N_CLASSES: usize = 10;

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    Starting,
    Running,
    Paused,
    Stopping,
    Finished,
    Stopped,
    Failed(String),
}

impl RunState {
    /// In the library and on the job card.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping…",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Failed(_) => "failed",
        }
    }

    pub fn is_live(&self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Paused | Self::Stopping)
    }
}

/// What the Train views draw, worked out when events arrive and never while painting.
#[derive(Clone, Debug, Default)]
pub struct Curves {
    pub class_loss: Option<Figure>,
    pub mask_loss: Option<Figure>,
    /// By phase.
    pub accuracy: Vec<Figure>,
}

/// One run.
pub struct TrainingRun {
    pub name: String,
    pub recipe: AnyRecipe,
    /// Updates of the whole run; 0 until the data are read.
    n_updates: u64,
    pub out: PathBuf,
    pub state: RunState,
    pub history: RunHistory,
    pub snapshot: Option<Arc<Snapshot>>,
    pub samples: Option<Arc<Samples>>,
    pub saved: Option<(u64, Instant)>,
    pub started: Instant,
    job: Option<TrainingJob>,
    sampler: Option<Sampler>,
    changed: bool,
    /// Update and time of the first report, for the throughput.
    first: Option<(u64, Instant)>,
    paused_for: Duration,
    paused_at: Option<Instant>,
}

/// A run's folder, read.
#[derive(Debug)]
pub struct OpenedRun {
    pub recipe: AnyRecipe,
    pub out: PathBuf,
    pub history: RunHistory,
    /// The network of the last checkpoint.
    pub snapshot: Option<Snapshot>,
}

impl OpenedRun {
    /// # Errors
    /// Those of reading recipe, tables and checkpoint.
    pub fn read(out: &Path) -> gainfield::Result<Self> {
        let recipe = AnyRecipe::read(&out.join(RECIPE), &Overrides::default())?;
        let history = RunHistory::read(out)?;
        let last = out.join("checkpoints").join("last").join("weights.safetensors");
        let snapshot = match last.is_file() {
            false => None,
            true => {
                let file = gainfield::checkpoint::read(&last)?;
                let config = file.saved_config().unwrap_or_default();
                let update = history.updates.last().map_or(0, |report| report.update);
                Some(Snapshot { weights: file.weights, config: Arc::new(config.into()), update })
            }
        };
        Ok(Self { recipe, out: out.to_owned(), history, snapshot })
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
            snapshot: None,
            samples: None,
            saved: None,
            started: Instant::now(),
            job: None,
            sampler: None,
            changed: true,
            first: None,
            paused_for: Duration::ZERO,
            paused_at: None,
        }
    }

    /// Updates done.
    pub fn update(&self) -> u64 {
        self.history.updates.last().map_or(0, |report| report.update)
    }

    /// Updates of the whole run.
    pub fn n_updates(&self) -> u64 {
        self.n_updates
    }

    /// Time spent training, pauses left out.
    pub fn elapsed(&self) -> Duration {
        let paused = self.paused_for + self.paused_at.map_or(Duration::ZERO, |at| at.elapsed());
        self.started.elapsed().saturating_sub(paused)
    }

    /// Stimuli per second since the first report.
    pub fn throughput(&self) -> Option<f64> {
        let (first, at) = self.first?;
        let paused = self.paused_for + self.paused_at.map_or(Duration::ZERO, |paused| paused.elapsed());
        let seconds = at.elapsed().saturating_sub(paused).as_secs_f64();
        let learnt: usize = self
            .history
            .updates
            .iter()
            .rev()
            .take_while(|report| report.update > first)
            .map(|r| r.n_stimuli)
            .sum();
        (seconds > 0.0 && learnt > 0).then(|| learnt as f64 / seconds)
    }

    /// Time the rest will take at the present rate.
    pub fn remaining(&self) -> Option<Duration> {
        let batch = self.history.updates.last()?.n_stimuli as f64;
        let left = self.n_updates().saturating_sub(self.update()) as f64;
        Some(Duration::from_secs_f64(left * batch / self.throughput()?))
    }

    /// The best validation so far: score and update.
    pub fn best(&self) -> Option<(f64, u64)> {
        let best = self.history.evaluations.iter().rfind(|evaluation| evaluation.is_best)?;
        Some((best.score, best.update))
    }
}

/// All runs of the session.
#[derive(Default)]
pub struct Training {
    runs: BTreeMap<ItemId, TrainingRun>,
    curves: BTreeMap<ItemId, Curves>,
    drawn: Option<Instant>,
}

/// What happened since the last look, in words for the status line and the toasts.
pub enum Notice {
    Say(String),
    Failed { name: String, why: String },
}

impl Training {
    pub fn get(&self, id: ItemId) -> Option<&TrainingRun> {
        self.runs.get(&id)
    }

    pub fn curves(&self, id: ItemId) -> Option<&Curves> {
        self.curves.get(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (ItemId, &TrainingRun)> {
        self.runs.iter().map(|(id, run)| (*id, run))
    }

    pub fn is_any_live(&self) -> bool {
        self.runs.values().any(|run| run.state.is_live())
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
        let target = TrainTarget {
            device: Target::default().device,
            threads: compute::threads(true),
            beside_window: true,
        };
        let wake = |ctx: &Context| {
            let ctx = ctx.clone();
            move || ctx.request_repaint_after(Duration::from_millis(50))
        };
        let job = train::start(recipe.clone(), out.to_owned(), &target, wake(ctx))
            .map_err(|err| err.to_string())?;
        let run = TrainingRun {
            sampler: Sampler::start(&recipe, wake(ctx)),
            job: Some(job),
            ..TrainingRun::new(name, recipe, out)
        };
        self.runs.insert(id, run);
        Ok(())
    }

    /// Shows a run that is not, or no longer, of this session.
    pub fn add(&mut self, id: ItemId, name: &str, opened: OpenedRun) {
        let OpenedRun { recipe, out, history, snapshot } = opened;
        let done = history.updates.last().map_or(0, |report| report.update);
        let n_updates = recipe.n_updates().unwrap_or(done);
        let state = if done >= n_updates { RunState::Finished } else { RunState::Stopped };
        let run = TrainingRun {
            n_updates,
            state,
            history,
            snapshot: snapshot.map(Arc::new),
            paused_at: Some(Instant::now()),
            ..TrainingRun::new(name, recipe, &out)
        };
        self.runs.insert(id, run);
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
        self.runs.retain(|id, _| is_kept(*id));
        self.curves.retain(|id, _| is_kept(*id));
    }

    /// Takes in what the jobs reported and, where due, works out the figures anew.
    pub fn poll(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        for run in self.runs.values_mut() {
            run.poll(&mut notices);
        }
        let is_due = self.drawn.is_none_or(|at| at.elapsed() >= REDRAW_EVERY);
        if is_due && self.runs.values().any(|run| run.changed) {
            self.redraw();
            self.drawn = Some(Instant::now());
        }
        notices
    }

    fn redraw(&mut self) {
        let named =
            |run: &'_ TrainingRun| -> (String, RunHistory) { (run.name.clone(), run.history.clone()) };
        let all: Vec<(ItemId, (String, RunHistory))> =
            self.runs.iter().map(|(id, run)| (*id, named(run))).collect();
        for (id, run) in &mut self.runs {
            // The run in view comes first and so keeps the first colour.
            let mut ordered: Vec<NamedRun<'_>> = Vec::with_capacity(all.len());
            let (own, others): (Vec<_>, Vec<_>) = all.iter().partition(|(other, _)| other == id);
            for (_, (name, history)) in own.into_iter().chain(others) {
                ordered.push(NamedRun { name, history });
            }
            let n_phases = run.history.evaluations.last().map_or(0, |evaluation| evaluation.accuracy.len());
            let accuracy = |phase| figures::accuracy(&run.history, phase, N_CLASSES).ok().flatten();
            let loss = |term| figures::loss(&ordered, term).ok().flatten();
            let curves = Curves {
                // Families without parts of a loss report it whole.
                class_loss: loss("class_loss").or_else(|| loss("loss")),
                mask_loss: loss("mask_loss").or_else(|| loss("error")),
                accuracy: (0..n_phases).filter_map(accuracy).collect(),
            };
            self.curves.insert(*id, curves);
            run.changed = false;
        }
    }
}

impl TrainingRun {
    fn poll(&mut self, notices: &mut Vec<Notice>) {
        let Some(job) = &self.job else { return };
        let events: Vec<JobEvent> = job.events.try_iter().collect();
        let snapshot = job.snapshots.take();
        if let Some(snapshot) = snapshot {
            if let Some(sampler) = &mut self.sampler {
                sampler.show(Arc::clone(&snapshot));
            }
            self.snapshot = Some(snapshot);
        }
        if let Some(samples) = self.sampler.as_ref().and_then(Sampler::latest) {
            self.samples = Some(samples);
        }
        for event in events {
            self.take(event, notices);
        }
    }

    fn take(&mut self, event: JobEvent, notices: &mut Vec<Notice>) {
        match event {
            JobEvent::Started { n_updates } => self.n_updates = n_updates,
            JobEvent::Update(report) => {
                if matches!(self.state, RunState::Starting) {
                    self.state = RunState::Running;
                }
                self.first = self.first.or(Some((report.update, Instant::now())));
                self.history.updates.push(report);
                self.changed = true;
            }
            JobEvent::Evaluated(evaluation) => {
                if evaluation.split == "test" {
                    notices
                        .push(Notice::Say(format!("{}: test accuracy {:.3}", self.name, evaluation.score)));
                }
                self.history.evaluations.push(evaluation);
                self.changed = true;
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
                    StopReason::Stopped => RunState::Stopped,
                };
                self.end();
                notices.push(Notice::Say(format!("{} {}", self.name, self.state.word())));
            }
            JobEvent::Failed(why) => {
                notices.push(Notice::Failed { name: self.name.clone(), why: why.clone() });
                self.state = RunState::Failed(why);
                self.end();
            }
        }
    }

    fn end(&mut self) {
        self.paused_at = Some(Instant::now());
        self.job = None;
        self.changed = true;
    }
}

impl Training {
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
