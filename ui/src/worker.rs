//! Background work: requests in, events out. Workers own models and tensors; what comes back is
//! immutable, on the CPU and shared.

mod build;
mod export;
mod measure;
mod open;
mod runs;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use gainfield::model::Model;
use gainfield::provenance::Provenance;
use gainfield::recipe::RunRecipe;
use gainfield::recording::Recording;
use gainfield::settings::{MissingValue, Overrides};

use crate::command::ExportFormat;
use crate::item::{ItemId, RunKey, StimulusInfo};
use crate::jobs::JobId;
use crate::store::{RunData, RunOrigin, StimulusFacts};

pub use build::{BuildRequest, command as new_command};
pub use export::{Exported, with_ending};
pub use measure::{Measure, MeasureRequest};
pub use open::Opened;

/// Asks running work to stop. Cheap to clone, cheap to look at.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A run to be made.
pub struct RunRequest {
    pub job: JobId,
    /// Requests for one item replace one another: the newest wins.
    pub item: ItemId,
    pub key: RunKey,
    pub model: Model,
    pub stimulus: StimulusInfo,
    pub origin: Arc<RunOrigin>,
    /// A recording that agrees up to (not including) this timestep.
    pub base: Option<(Arc<Recording>, usize)>,
    pub budget_bytes: u64,
    pub cancel: Cancel,
}

/// Files to be opened, with values for what a checkpoint does not say.
pub struct OpenRequest {
    pub job: JobId,
    pub paths: Vec<PathBuf>,
    pub overrides: Overrides,
    /// The item whose place the model takes; `None` adds one.
    pub replace: Option<ItemId>,
    pub cancel: Cancel,
}

/// A figure to be written.
pub struct ExportRequest {
    pub job: JobId,
    pub content: Exported,
    pub format: ExportFormat,
    /// Folder and file name without an ending.
    pub stem: PathBuf,
    pub provenance: Provenance,
    /// Written beside where the command in the provenance refers to it.
    pub recipe: Option<RunRecipe>,
}

/// What workers tell the window.
pub enum Event {
    Progress {
        job: JobId,
        done: usize,
        total: usize,
    },
    /// A job has ended, in whatever way.
    Ended {
        job: JobId,
    },
    Opened {
        job: JobId,
        opened: Opened,
        replace: Option<ItemId>,
    },
    OpenFailed {
        job: JobId,
        path: PathBuf,
        message: String,
        /// What other values could help, where any can.
        missing: Vec<MissingValue>,
        overrides: Overrides,
        replace: Option<ItemId>,
    },
    /// A network that was made, and what there is to say of it.
    Built {
        model: Box<Model>,
        /// The command that makes its file without a window.
        command: String,
        kept: usize,
        drawn: usize,
    },
    BuildFailed {
        message: String,
    },
    /// The weights of a network that was built are a file now.
    Saved {
        item: ItemId,
        model: Box<Model>,
    },
    /// What a stimulus turned out to be.
    Composed {
        stimulus: u64,
        facts: StimulusFacts,
    },
    /// A run as far as it has come; the last has it whole.
    Run {
        key: RunKey,
        item: ItemId,
        data: RunData,
    },
    RunFailed {
        key: RunKey,
        item: ItemId,
        message: String,
    },
    Exported {
        files: Vec<PathBuf>,
        command: String,
    },
    /// Many trials were shown; what came of it is written.
    Measured {
        summary: String,
        files: Vec<PathBuf>,
        /// The command that measures the same without a window.
        command: String,
    },
    MeasureFailed {
        what: &'static str,
        message: String,
    },
    /// Ended on request.
    Stopped {
        what: &'static str,
    },
    ExportFailed {
        path: PathBuf,
        message: String,
    },
}

/// The window's end of all workers.
pub struct Workers {
    opening: Sender<OpenRequest>,
    running: Sender<RunRequest>,
    exporting: Sender<ExportRequest>,
    building: Sender<BuildRequest>,
    measuring: Sender<MeasureRequest>,
    events: Receiver<Event>,
}

/// Requests that wait at most; the window never waits for a worker.
const QUEUE: usize = 64;
/// Events that wait at most; a worker waits for the window then.
const EVENTS: usize = 256;

/// How a worker reaches the window.
#[derive(Clone)]
pub(crate) struct Outbox {
    events: Sender<Event>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Outbox {
    pub fn send(&self, event: Event) {
        // A window that is gone has no use for events.
        let _ = self.events.send(event);
        (self.wake)();
    }
}

impl Workers {
    /// Starts the workers. `wake` is called after every event.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (events_in, events) = bounded(EVENTS);
        let outbox = Outbox { events: events_in, wake: Arc::new(wake) };
        Self {
            opening: spawn("open files", &outbox, open::serve),
            running: spawn("runs", &outbox, runs::serve),
            exporting: spawn("export", &outbox, export::serve),
            building: spawn("build", &outbox, build::serve),
            measuring: spawn("many trials", &outbox, measure::serve),
            events,
        }
    }

    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.events.try_iter()
    }

    /// Whether the request was taken: a queue that is full or a dead worker takes none.
    pub fn open(&self, request: OpenRequest) -> bool {
        self.opening.try_send(request).is_ok()
    }

    pub fn run(&self, request: RunRequest) -> bool {
        self.running.try_send(request).is_ok()
    }

    pub fn export(&self, request: ExportRequest) -> bool {
        self.exporting.try_send(request).is_ok()
    }

    pub fn measure(&self, request: MeasureRequest) -> bool {
        self.measuring.try_send(request).is_ok()
    }

    pub fn build(&self, request: BuildRequest) -> bool {
        self.building.try_send(request).is_ok()
    }
}

fn spawn<R: Send + 'static>(
    name: &str,
    outbox: &Outbox,
    serve: impl FnOnce(&Receiver<R>, &Outbox) + Send + 'static,
) -> Sender<R> {
    let (sender, receiver) = bounded(QUEUE);
    let outbox = outbox.clone();
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || serve(&receiver, &outbox));
    if let Err(err) = spawned {
        tracing::error!("cannot start the worker {name}: {err}");
    }
    sender
}

/// Runs `work`; a panic becomes the message of a failure.
pub(crate) fn guarded<T>(work: impl FnOnce() -> gainfield::Result<T>) -> Result<T, String> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    match caught {
        Ok(result) => result.map_err(|err| err.to_string()),
        Err(panic) => {
            let text = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            Err(format!("internal error: {text}; please report it"))
        }
    }
}
