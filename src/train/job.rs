//! A training run on a thread of its own: commands in, events and snapshots out.
//!
//! Pausing, stopping, checkpointing, panics and a closed window are handled here, once for all
//! procedures. Without a window the same loop runs on the caller's thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};

use super::latest::{LatestReceiver, LatestSender, latest};
use super::{Evaluation, Procedure, RunFolder, Snapshot, UpdateReport};
use crate::compute;
use crate::error::{Error, Result};
use crate::ops;

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
    Stopped,
}

/// Where and how often a run writes.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// Run folder; `checkpoints/last` and `checkpoints/best` are written below it.
    pub folder: PathBuf,
    /// Updates between two checkpoints.
    pub save_every: u64,
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
    wake: Box<dyn Fn() + Send + Sync>,
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
}

/// Ends of the channels between a job and its owner.
pub fn channels(wake: impl Fn() + Send + Sync + 'static) -> (TrainingJob, Receiver<JobCommand>, Reporter) {
    let (commands, command_receiver) = unbounded();
    let (event_sender, events) = unbounded();
    let (snapshot_sender, snapshots) = latest();
    let job = TrainingJob { commands, events, snapshots };
    (
        job,
        command_receiver,
        Reporter { events: event_sender, snapshots: snapshot_sender, folder: None, wake: Box::new(wake) },
    )
}

/// Builds a procedure on a thread of its own and runs it there. `wake` is called after every event.
///
/// # Errors
/// [`Error::Io`] if no thread can be started; everything later arrives as [`JobEvent::Failed`].
pub fn spawn(
    build: impl FnOnce() -> Result<(Box<dyn Procedure>, Option<RunFolder>)> + Send + 'static,
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
        reporter.send(last);
    };
    std::thread::Builder::new()
        .name("training".to_owned())
        .spawn(work)
        .map_err(Error::io("start a thread for", folder))?;
    Ok(job)
}

fn build_and_run(
    build: impl FnOnce() -> Result<(Box<dyn Procedure>, Option<RunFolder>)> + Send,
    settings: &JobSettings,
    commands: &Receiver<JobCommand>,
    reporter: &mut Reporter,
) -> Result<StopReason> {
    let pool = ops::compute_pool(settings.threads)?;
    pool.install(|| {
        let (mut procedure, folder) = build()?;
        reporter.folder = folder;
        run(procedure.as_mut(), settings, commands, reporter)
    })
}

/// Runs `procedure` to its end or to a stop, on the calling thread.
///
/// # Errors
/// Those of the procedure. Whatever happens, the last checkpoint written stays whole.
pub fn run(
    procedure: &mut dyn Procedure,
    settings: &JobSettings,
    commands: &Receiver<JobCommand>,
    reporter: &mut Reporter,
) -> Result<StopReason> {
    let last = settings.folder.join("checkpoints").join("last");
    let best = settings.folder.join("checkpoints").join("best");
    let mut paused = false;
    reporter.publish(procedure.snapshot()?);
    reporter.send(JobEvent::Started { n_updates: procedure.n_updates() });
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
                            save(procedure, &best, reporter)?;
                        }
                        reporter.record(|folder| folder.evaluation(&evaluation))?;
                        reporter.send(JobEvent::Evaluated(evaluation));
                    }
                }
                // The command that cancelled it is still in the queue.
                Err(Error::Cancelled) => continue,
                Err(err) => return Err(err),
            }
        }
        if procedure.update() >= procedure.n_updates() {
            save(procedure, &last, reporter)?;
            reporter.publish(procedure.snapshot()?);
            return Ok(StopReason::Completed);
        }
        if settings.beside_window {
            compute::yield_to_interactive(LONGEST_WAIT);
        }
        let report = procedure.advance()?;
        let update = report.update;
        reporter.record(|folder| folder.update(&report))?;
        reporter.send(JobEvent::Update(report));
        if update.is_multiple_of(settings.snapshot_every) {
            reporter.publish(procedure.snapshot()?);
        }
        if update.is_multiple_of(settings.save_every) {
            save(procedure, &last, reporter)?;
        }
    }
}

/// Sleeps for a command while paused, polls while running.
fn next_command(commands: &Receiver<JobCommand>, paused: bool) -> Result<JobCommand, TryRecvError> {
    if paused { commands.recv().map_err(|_closed| TryRecvError::Disconnected) } else { commands.try_recv() }
}

fn save(procedure: &dyn Procedure, folder: &std::path::Path, reporter: &mut Reporter) -> Result<()> {
    procedure.save(folder)?;
    reporter.send(JobEvent::Saved { update: procedure.update(), path: folder.to_owned() });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Metric;
    use crate::weights::Weights;

    /// Counts; panics, fails or diverges on request.
    struct Counter {
        update: u64,
        n: u64,
        fail_at: u64,
        saved: std::sync::Arc<std::sync::Mutex<Vec<(u64, String)>>>,
        evaluated: bool,
    }

    impl Procedure for Counter {
        fn n_updates(&self) -> u64 {
            self.n
        }
        fn update(&self) -> u64 {
            self.update
        }
        fn advance(&mut self) -> Result<UpdateReport> {
            if self.update == self.fail_at {
                return Err(Error::Diverged { what: "the loss".to_owned(), t: 4 });
            }
            self.update += 1;
            self.evaluated = false;
            let metrics = vec![Metric { name: "loss".to_owned(), value: 1.0 / self.update as f64 }];
            let update = self.update;
            Ok(UpdateReport { update, metrics, learning_rate: 0.1, gradient_norm: 1.0, n_stimuli: 8 })
        }
        fn is_evaluation_due(&self) -> bool {
            !self.evaluated && self.update.is_multiple_of(4)
        }
        fn evaluate(&mut self, _cancelled: &dyn Fn() -> bool) -> Result<Vec<Evaluation>> {
            self.evaluated = true;
            Ok(vec![Evaluation {
                update: self.update,
                split: "validation".to_owned(),
                n_stimuli: 8,
                accuracy: vec![vec![0.5]],
                score: -(self.update as f64),
                is_best: self.update == 0,
                metrics: Vec::new(),
            }])
        }
        fn snapshot(&self) -> Result<Snapshot> {
            Ok(Snapshot { weights: Weights::default(), config: Arc::default(), update: self.update })
        }
        fn save(&self, folder: &std::path::Path) -> Result<()> {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            self.saved.lock().unwrap().push((self.update, name));
            Ok(())
        }
    }

    fn start(n: u64, fail_at: u64) -> (TrainingJob, std::sync::Arc<std::sync::Mutex<Vec<(u64, String)>>>) {
        let saved = std::sync::Arc::default();
        let counter =
            Counter { update: 0, n, fail_at, saved: std::sync::Arc::clone(&saved), evaluated: false };
        let settings = JobSettings {
            folder: PathBuf::from("unused"),
            save_every: 5,
            snapshot_every: 2,
            threads: 1,
            beside_window: false,
        };
        let job =
            spawn(move || Ok((Box::new(counter) as Box<dyn Procedure>, None)), settings, || {}).unwrap();
        (job, saved)
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
    fn a_divergence_ends_the_run_with_a_sentence_and_without_overwriting_the_checkpoint() {
        let (job, saved) = start(100, 7);
        let last = job.events.iter().last();
        assert!(matches!(last, Some(JobEvent::Failed(reason)) if reason.contains("timestep 4")));
        assert_eq!(saved.lock().unwrap().last().unwrap(), &(5, "last".to_owned()));
    }

    #[test]
    fn dropping_the_job_stops_it() {
        let (job, saved) = start(u64::MAX, u64::MAX);
        drop(job.commands);
        assert!(matches!(job.events.iter().last(), Some(JobEvent::Finished(StopReason::Stopped))));
        assert!(!saved.lock().unwrap().is_empty());
    }
}
