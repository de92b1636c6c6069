//! A training run on a thread of its own: commands in, events and snapshots out.
//!
//! Pausing, stopping, checkpointing, panics and a closed window are handled here, once for all
//! procedures. Without a window the same loop runs on the caller's thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};

use super::latest::{LatestReceiver, LatestSender, latest};
use super::{Course, Evaluation, Gathering, Measures, Procedure, RunFolder, Snapshot, UpdateReport};
use crate::compute;
use crate::error::{Error, Result};
use crate::ops;
use crate::provenance::quoted;

/// Training goes on after this long even if interactive work never pauses.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// From the window to the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobCommand {
    Pause,
    Resume,
    /// Write a checkpoint now.
    Save,
    /// Stop after this update and write a checkpoint.
    Stop,
}

/// From the worker to the window: small facts.
#[derive(Clone, Debug)]
pub enum JobEvent {
    /// The data are read and the first update is next.
    Started {
        /// Updates of the whole run.
        n_updates: u64,
        measures: Measures,
    },
    Update(UpdateReport),
    Evaluated(Evaluation),
    Saved {
        update: u64,
        path: PathBuf,
    },
    Paused,
    Resumed,
    Finished(StopReason),
    Failed(String),
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    Completed,
    /// No validation of many was better than those before.
    OutOfPatience,
    Stopped,
}

impl StopReason {
    pub(super) const ALL: [Self; 3] = [Self::Completed, Self::OutOfPatience, Self::Stopped];

    /// In the log of a run.
    pub fn words(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::OutOfPatience => "ended early, the validations no longer improved",
            Self::Stopped => "stopped on request",
        }
    }
}

/// Where and how often a run writes, and what is the same for every procedure.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// Run folder; `checkpoints/last` and `checkpoints/best` are written below it.
    pub folder: PathBuf,
    /// Updates between two checkpoints.
    pub save_every: u64,
    /// Updates between two checkpoints that stay (`checkpoints/000000100`); 0 for none.
    pub keep_every: u64,
    /// Validations without a higher score after which the run ends; 0 for none.
    pub patience: u64,
    pub gathering: Gathering,
    /// Updates between two snapshots.
    pub snapshot_every: u64,
    pub threads: usize,
    /// Give way to interactive work.
    pub beside_window: bool,
}

/// A running job.
pub struct TrainingJob {
    pub commands: Sender<JobCommand>,
    /// Unbounded: an update is a few hundred bytes, and none may hold up training or be lost.
    pub events: Receiver<JobEvent>,
    pub snapshots: LatestReceiver<Arc<Snapshot>>,
}

/// Where the loop reports to.
pub struct Reporter {
    events: Sender<JobEvent>,
    snapshots: LatestSender<Arc<Snapshot>>,
    folder: Option<RunFolder>,
    observer: Option<Observer>,
    /// Update of the last checkpoint.
    checkpoint: Option<u64>,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// What looks at the network while it trains. Dropped at the end of the run, which waits for it.
pub struct Observer {
    /// Updates between two looks; the first is before the first update.
    pub every: u64,
    pub look: Box<dyn FnMut(Snapshot) -> Result<()> + Send>,
}

/// A run that can begin.
pub struct Prepared {
    pub procedure: Box<dyn Procedure>,
    pub folder: Option<RunFolder>,
    pub observer: Option<Observer>,
}

impl Reporter {
    /// Also writes to the run's folder from now on.
    pub fn write_to(&mut self, folder: RunFolder) {
        self.folder = Some(folder);
    }

    fn record(&mut self, write: impl FnOnce(&mut RunFolder) -> Result<()>) -> Result<()> {
        self.folder.as_mut().map_or(Ok(()), write)
    }

    fn send(&self, event: JobEvent) {
        // Fails only if nobody listens any more, which the command channel reports as well.
        let _unheard = self.events.send(event);
        (self.wake)();
    }

    fn publish(&self, snapshot: Snapshot) {
        self.snapshots.publish(Arc::new(snapshot));
        (self.wake)();
    }

    fn observe(&mut self, procedure: &dyn Procedure) -> Result<()> {
        match &mut self.observer {
            Some(Observer { every, look }) if procedure.update().is_multiple_of(*every) => {
                look(procedure.snapshot()?)
            }
            _ => Ok(()),
        }
    }

    /// Writes a line into the log of the run; a run whose log cannot be written has said so otherwise.
    fn note(&mut self, line: &str) {
        if let Err(err) = self.record(|folder| folder.log(line)) {
            tracing::warn!("{err}");
        }
    }
}

/// Ends of the channels between a job and its owner.
pub fn channels(wake: impl Fn() + Send + Sync + 'static) -> (TrainingJob, Receiver<JobCommand>, Reporter) {
    let (commands, command_receiver) = unbounded();
    let (event_sender, events) = unbounded();
    let (snapshot_sender, snapshots) = latest();
    let job = TrainingJob { commands, events, snapshots };
    let reporter = Reporter {
        events: event_sender,
        snapshots: snapshot_sender,
        folder: None,
        observer: None,
        checkpoint: None,
        wake: Box::new(wake),
    };
    (job, command_receiver, reporter)
}

/// Builds a procedure on a thread of its own and runs it there. `wake` is called after every event.
///
/// # Errors
/// [`Error::Io`] if no thread can be started; everything later arrives as [`JobEvent::Failed`].
pub fn spawn(
    build: impl FnOnce() -> Result<Prepared> + Send + 'static,
    settings: JobSettings,
    wake: impl Fn() + Send + Sync + 'static,
) -> Result<TrainingJob> {
    let (job, commands, mut reporter) = channels(wake);
    let folder = settings.folder.clone();
    let work = move || {
        let last = match catch_unwind(AssertUnwindSafe(|| {
            build_and_run(build, &settings, &commands, &mut reporter)
        })) {
            Ok(Ok(reason)) => JobEvent::Finished(reason),
            Ok(Err(err)) => JobEvent::Failed(err.to_string()),
            Err(_panic) => {
                JobEvent::Failed("the training thread panicked; the log has the details".to_owned())
            }
        };
        // Who hears of the end may take up the run.
        reporter.folder = None;
        reporter.send(last);
    };
    std::thread::Builder::new()
        .name("training".to_owned())
        .spawn(work)
        .map_err(Error::io("start a thread for", folder))?;
    Ok(job)
}

fn build_and_run(
    build: impl FnOnce() -> Result<Prepared> + Send,
    settings: &JobSettings,
    commands: &Receiver<JobCommand>,
    reporter: &mut Reporter,
) -> Result<StopReason> {
    let pool = ops::compute_pool(settings.threads)?;
    pool.install(|| {
        let Prepared { mut procedure, folder, observer } = build()?;
        (reporter.folder, reporter.observer) = (folder, observer);
        run(procedure.as_mut(), settings, commands, reporter)
    })
}

/// Folder of a kind of checkpoint.
fn checkpoint(settings: &JobSettings, name: &str) -> PathBuf {
    settings.folder.join("checkpoints").join(name)
}

/// Runs `procedure` to its end or to a stop, on the calling thread.
///
/// # Errors
/// [`Error::Stopped`] around those of the procedure and of writing, with what to do next. Whatever happens,
/// the last checkpoint written stays whole; where the course is that of a good update, it is written.
pub fn run(
    procedure: &mut dyn Procedure,
    settings: &JobSettings,
    commands: &Receiver<JobCommand>,
    reporter: &mut Reporter,
) -> Result<StopReason> {
    let course = procedure.course_mut();
    course.patience = settings.patience;
    course.optimiser.gather(settings.gathering);
    let last = checkpoint(settings, "last");
    reporter.checkpoint = Course::is_in(&last).then_some(course.update);
    let result = updates(procedure, settings, commands, reporter);
    // Results of the last look are there before the end is told.
    reporter.observer = None;
    match result {
        Ok(reason) => {
            reporter.note(&format!("update {}: {}", procedure.update(), reason.words()));
            Ok(reason)
        }
        Err(Failed { cause, is_whole }) => {
            // Tables and course agree, so nothing that was learnt has to be learnt again.
            if is_whole && let Err(err) = save(procedure, &last, reporter) {
                tracing::warn!("no checkpoint of update {}: {err}", procedure.update());
            }
            let err = stopped(cause, procedure.update(), settings, reporter.checkpoint);
            reporter.note(&err.to_string());
            Err(err)
        }
    }
}

/// Why a run cannot go on.
struct Failed {
    cause: Error,
    /// Whether the tables hold all updates of the course.
    is_whole: bool,
}

impl From<Error> for Failed {
    fn from(cause: Error) -> Self {
        Self { cause, is_whole: false }
    }
}

/// An error of the procedure, which leaves its course as it was.
fn of_procedure(cause: Error) -> Failed {
    Failed { cause, is_whole: true }
}

fn stopped(cause: Error, update: u64, settings: &JobSettings, checkpoint: Option<u64>) -> Error {
    let folder = quoted(&settings.folder.to_string_lossy());
    let when = match cause {
        Error::Diverged { .. } | Error::NotFinite { .. } => format!("this was update {}", update + 1),
        _ => format!("{update} updates were done"),
    };
    let remedy = match checkpoint {
        Some(kept) => {
            format!("{when}, gainfield train --resume --out {folder} goes on after update {kept}")
        }
        None => format!("{when} and no checkpoint was written, --resume begins anew"),
    };
    Error::Stopped { cause: Box::new(cause), remedy }
}

fn updates(
    procedure: &mut dyn Procedure,
    settings: &JobSettings,
    commands: &Receiver<JobCommand>,
    reporter: &mut Reporter,
) -> Result<StopReason, Failed> {
    let last = checkpoint(settings, "last");
    let mut paused = false;
    reporter.publish(procedure.snapshot()?);
    let (n_updates, measures) = (procedure.n_updates(), procedure.measures());
    reporter.send(JobEvent::Started { n_updates, measures });
    if procedure.update() == 0 {
        reporter.observe(procedure)?;
    }
    loop {
        match next_command(commands, paused) {
            Ok(JobCommand::Pause) => {
                paused = true;
                reporter.send(JobEvent::Paused);
                continue;
            }
            Ok(JobCommand::Resume) => {
                paused = false;
                reporter.send(JobEvent::Resumed);
                continue;
            }
            Ok(JobCommand::Save) => {
                save(procedure, &last, reporter)?;
                continue;
            }
            Ok(JobCommand::Stop) | Err(TryRecvError::Disconnected) => {
                save(procedure, &last, reporter)?;
                return Ok(StopReason::Stopped);
            }
            Err(TryRecvError::Empty) => {}
        }
        if procedure.is_evaluation_due() {
            match procedure.evaluate(&|| !commands.is_empty()) {
                Ok(evaluations) => {
                    for evaluation in evaluations {
                        if evaluation.is_best {
                            save(procedure, &checkpoint(settings, "best"), reporter)?;
                        }
                        reporter.record(|folder| folder.evaluation(&evaluation))?;
                        reporter.send(JobEvent::Evaluated(evaluation));
                    }
                }
                // The command that cancelled it is still in the queue.
                Err(Error::Cancelled) => continue,
                Err(err) => return Err(of_procedure(err)),
            }
        }
        if procedure.is_over() {
            save(procedure, &last, reporter)?;
            reporter.publish(procedure.snapshot()?);
            let is_whole = procedure.update() >= n_updates;
            return Ok(if is_whole { StopReason::Completed } else { StopReason::OutOfPatience });
        }
        if settings.beside_window {
            compute::yield_to_interactive(LONGEST_WAIT);
        }
        let report = procedure.advance().map_err(of_procedure)?;
        let update = report.update;
        reporter.record(|folder| folder.update(&report))?;
        reporter.send(JobEvent::Update(report));
        if update.is_multiple_of(settings.snapshot_every) {
            reporter.publish(procedure.snapshot()?);
        }
        reporter.observe(procedure)?;
        if update.is_multiple_of(settings.save_every) {
            save(procedure, &last, reporter)?;
        }
        if settings.keep_every > 0 && update.is_multiple_of(settings.keep_every) {
            save(procedure, &checkpoint(settings, &format!("{update:09}")), reporter)?;
        }
    }
}

/// Sleeps for a command while paused, polls while running.
fn next_command(commands: &Receiver<JobCommand>, paused: bool) -> Result<JobCommand, TryRecvError> {
    if paused { commands.recv().map_err(|_closed| TryRecvError::Disconnected) } else { commands.try_recv() }
}

fn save(procedure: &dyn Procedure, folder: &Path, reporter: &mut Reporter) -> Result<()> {
    procedure.save(folder)?;
    if folder.ends_with("last") {
        reporter.checkpoint = Some(procedure.update());
    }
    reporter.send(JobEvent::Saved { update: procedure.update(), path: folder.to_owned() });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Metric, Optimiser, OptimiserConfig};
    use crate::weights::Weights;

    /// Counts; panics, fails or diverges on request.
    struct Counter {
        course: Course,
        n: u64,
        fail_at: u64,
        saved: std::sync::Arc<std::sync::Mutex<Vec<(u64, String)>>>,
        evaluated: bool,
    }

    impl Procedure for Counter {
        fn n_updates(&self) -> u64 {
            self.n
        }
        fn course(&self) -> &Course {
            &self.course
        }
        fn course_mut(&mut self) -> &mut Course {
            &mut self.course
        }
        fn measures(&self) -> Measures {
            Measures::default()
        }
        fn advance(&mut self) -> Result<UpdateReport> {
            if self.course.update == self.fail_at {
                return Err(Error::Diverged { what: "the loss".to_owned(), t: 4 });
            }
            self.course.update += 1;
            self.evaluated = false;
            let metrics = vec![Metric { name: "loss".to_owned(), value: 1.0 / self.course.update as f64 }];
            let update = self.course.update;
            Ok(UpdateReport { update, metrics, learning_rate: 0.1, gradient_norm: 1.0, n_stimuli: 8 })
        }
        fn is_evaluation_due(&self) -> bool {
            !self.evaluated && self.course.update.is_multiple_of(4)
        }
        fn evaluate(&mut self, _cancelled: &dyn Fn() -> bool) -> Result<Vec<Evaluation>> {
            self.evaluated = true;
            let mut evaluation = Evaluation {
                update: self.course.update,
                split: "validation".to_owned(),
                n_stimuli: 8,
                accuracy: vec![vec![0.5]],
                score: -(self.course.update as f64),
                is_best: false,
                metrics: Vec::new(),
            };
            self.course.judge(&mut evaluation);
            Ok(vec![evaluation])
        }
        fn snapshot(&self) -> Result<Snapshot> {
            Ok(Snapshot { weights: Weights::default(), config: Arc::default(), update: self.update() })
        }
        fn save(&self, folder: &std::path::Path) -> Result<()> {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            self.saved.lock().unwrap().push((self.update(), name));
            Ok(())
        }
    }

    type Saved = std::sync::Arc<std::sync::Mutex<Vec<(u64, String)>>>;

    fn settings() -> JobSettings {
        JobSettings {
            folder: PathBuf::from("unused"),
            save_every: 5,
            keep_every: 0,
            patience: 0,
            gathering: Gathering::default(),
            snapshot_every: 2,
            threads: 1,
            beside_window: false,
        }
    }

    fn start(n: u64, fail_at: u64) -> (TrainingJob, Saved) {
        start_with(n, fail_at, settings(), None)
    }

    fn start_with(
        n: u64,
        fail_at: u64,
        settings: JobSettings,
        observer: Option<Observer>,
    ) -> (TrainingJob, Saved) {
        let saved = Saved::default();
        let course = Course::new(Weights::default(), Optimiser::new(OptimiserConfig::adam(0.1)));
        let counter = Counter { course, n, fail_at, saved: std::sync::Arc::clone(&saved), evaluated: false };
        let build = move || {
            Ok(Prepared { procedure: Box::new(counter) as Box<dyn Procedure>, folder: None, observer })
        };
        (spawn(build, settings, || {}).unwrap(), saved)
    }

    #[test]
    fn a_run_reports_saves_and_finishes() {
        let (job, saved) = start(8, u64::MAX);
        let events: Vec<JobEvent> = job.events.iter().collect();
        let updates = events.iter().filter(|event| matches!(event, JobEvent::Update(_))).count();
        let evaluations = events.iter().filter(|event| matches!(event, JobEvent::Evaluated(_))).count();
        assert_eq!((updates, evaluations), (8, 3));
        assert!(matches!(events.last(), Some(JobEvent::Finished(StopReason::Completed))));
        let expected =
            [(0, "best"), (5, "last"), (8, "last")].map(|(update, name)| (update, name.to_owned()));
        assert_eq!(*saved.lock().unwrap(), expected);
        assert_eq!(job.snapshots.take().unwrap().update, 8);
    }

    #[test]
    fn pause_resume_and_stop_are_obeyed() {
        let (job, saved) = start(u64::MAX, u64::MAX);
        job.commands.send(JobCommand::Pause).unwrap();
        while !matches!(job.events.recv().unwrap(), JobEvent::Paused) {}
        job.commands.send(JobCommand::Resume).unwrap();
        while !matches!(job.events.recv().unwrap(), JobEvent::Update(_)) {}
        job.commands.send(JobCommand::Stop).unwrap();
        assert!(matches!(job.events.iter().last(), Some(JobEvent::Finished(StopReason::Stopped))));
        assert_eq!(saved.lock().unwrap().last().unwrap().1, "last");
    }

    #[test]
    fn a_divergence_ends_with_its_step_and_keeps_the_state_before_it() {
        let (job, saved) = start(100, 7);
        let Some(JobEvent::Failed(reason)) = job.events.iter().last() else { panic!("it goes on") };
        assert!(reason.contains("timestep 4") && reason.contains("this was update 8"), "{reason}");
        assert!(reason.contains("--resume --out unused goes on after update 7"), "{reason}");
        assert_eq!(saved.lock().unwrap().last().unwrap(), &(7, "last".to_owned()));
    }

    #[test]
    fn patience_periodic_checkpoints_and_observers_are_those_of_every_procedure() {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let look = {
            let seen = std::sync::Arc::clone(&seen);
            move |snapshot: Snapshot| {
                seen.lock().unwrap().push(snapshot.update);
                Ok(())
            }
        };
        let settings = JobSettings { patience: 2, keep_every: 3, ..settings() };
        let observer = Observer { every: 4, look: Box::new(look) };
        let (job, saved) = start_with(100, u64::MAX, settings, Some(observer));
        let last = job.events.iter().last();
        assert!(matches!(last, Some(JobEvent::Finished(StopReason::OutOfPatience))), "{last:?}");
        // Validations at 0 (the best), 4 and 8.
        let expected = [(0, "best"), (3, "000000003"), (5, "last"), (6, "000000006"), (8, "last")];
        assert_eq!(*saved.lock().unwrap(), expected.map(|(update, name)| (update, name.to_owned())));
        assert_eq!(*seen.lock().unwrap(), [0, 4, 8]);
    }

    #[test]
    fn dropping_the_job_stops_it() {
        let (job, saved) = start(u64::MAX, u64::MAX);
        drop(job.commands);
        assert!(matches!(job.events.iter().last(), Some(JobEvent::Finished(StopReason::Stopped))));
        assert!(!saved.lock().unwrap().is_empty());
    }
}
