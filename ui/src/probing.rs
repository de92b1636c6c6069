//! Probes of the session: a worker that runs the newest request, and the results it gave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use gainfield::analysis::scaling::AreaScaling;
use gainfield::compute::{self, Interactive};
use gainfield::dynamics::Workspace;
use gainfield::model::Model;
use gainfield::ops::compute_pool;
use gainfield::probe::{ProbeRecipe, Statistic, TuningResult, run};
use gainfield::progress::Progress;

use crate::item::ItemId;

/// A finished probe with what follows for its population.
#[derive(Debug)]
pub struct ProbeData {
    pub result: TuningResult,
    pub scaling: Option<AreaScaling>,
    /// Units by falling peak of the first condition.
    pub order: Vec<usize>,
}

/// How a probe stands.
#[derive(Clone, Debug)]
pub enum ProbeState {
    Running { done: usize, total: usize },
    Done,
    Failed(String),
}

/// One probe: the recipe asked for, the newest result (of this or an earlier recipe).
#[derive(Debug)]
pub struct Probe {
    pub state: ProbeState,
    pub data: Option<Arc<ProbeData>>,
    asked: (u64, ProbeRecipe),
    cancel: Arc<AtomicBool>,
}

impl Probe {
    /// Does the result belong to the recipe asked for?
    pub fn is_up_to_date(&self) -> bool {
        matches!(self.state, ProbeState::Done)
    }
}

struct Request {
    item: ItemId,
    model: Model,
    recipe: ProbeRecipe,
    cancel: Arc<AtomicBool>,
}

enum Answer {
    Progress { item: ItemId, done: usize, total: usize, cancel: Arc<AtomicBool> },
    Ended { item: ItemId, outcome: Result<Arc<ProbeData>, String>, cancel: Arc<AtomicBool> },
}

/// All probes, and the worker behind them.
pub struct Probing {
    probes: BTreeMap<ItemId, Probe>,
    requests: Sender<Request>,
    answers: Receiver<Answer>,
}

impl Probing {
    /// Starts the worker. `wake` is called after every answer.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (requests, incoming) = unbounded::<Request>();
        let (outgoing, answers) = unbounded();
        let work = move || {
            let pool = compute_pool(compute::threads(true));
            let mut workspace = Workspace::new();
            for request in &incoming {
                if request.cancel.load(Ordering::Relaxed) {
                    continue;
                }
                let interactive = Interactive::begin();
                let mut teller = Teller { request: &request, answers: &outgoing, wake: &wake };
                let mut probe = || {
                    crate::worker::guarded(|| {
                        run(&request.recipe, &request.model, &mut workspace, &mut teller).map(summed)
                    })
                };
                let outcome = match &pool {
                    Ok(pool) => pool.install(probe),
                    Err(_) => probe(),
                };
                drop(interactive);
                let ended = Answer::Ended {
                    item: request.item,
                    outcome: outcome.map(Arc::new),
                    cancel: Arc::clone(&request.cancel),
                };
                // A window that is gone has no use for answers.
                let _ = outgoing.send(ended);
                wake();
            }
        };
        if let Err(err) = std::thread::Builder::new().name("probes".to_owned()).spawn(work) {
            tracing::error!("cannot start the worker for probes: {err}");
        }
        Self { probes: BTreeMap::new(), requests, answers }
    }

    pub fn get(&self, id: ItemId) -> Option<&Probe> {
        self.probes.get(&id)
    }

    /// Runs `recipe` for the item, unless that is what it shows or runs already. The newest wins.
    pub fn ask(&mut self, item: ItemId, identity: u64, model: &Model, recipe: &ProbeRecipe) {
        let asked = (identity, recipe.clone());
        if self.probes.get(&item).is_some_and(|probe| probe.asked == asked) {
            return;
        }
        let cancel = Arc::new(AtomicBool::new(false));
        let data = self.probes.remove(&item).and_then(|probe| {
            probe.cancel.store(true, Ordering::Relaxed);
            probe.data
        });
        let state = ProbeState::Running { done: 0, total: 0 };
        self.probes.insert(item, Probe { state, data, asked, cancel: Arc::clone(&cancel) });
        let request = Request { item, model: model.clone(), recipe: recipe.clone(), cancel };
        // A dead worker has said so in the log; the probe then stays as running and can be cancelled.
        let _ = self.requests.send(request);
    }

    pub fn cancel(&mut self, item: ItemId) {
        if let Some(probe) = self.probes.get_mut(&item) {
            probe.cancel.store(true, Ordering::Relaxed);
            probe.state = ProbeState::Failed("The probe was stopped.".to_owned());
        }
    }

    /// Drops the probes whose items are gone.
    pub fn keep_only(&mut self, is_kept: impl Fn(ItemId) -> bool) {
        self.probes.retain(|id, probe| {
            let kept = is_kept(*id);
            if !kept {
                probe.cancel.store(true, Ordering::Relaxed);
            }
            kept
        });
    }

    /// Takes in what the worker has found; gives the failures.
    pub fn poll(&mut self) -> Vec<String> {
        let mut failures = Vec::new();
        for answer in self.answers.try_iter().collect::<Vec<_>>() {
            match answer {
                Answer::Progress { item, done, total, cancel } => {
                    if let Some(probe) = self.current(item, &cancel) {
                        probe.state = ProbeState::Running { done, total };
                    }
                }
                Answer::Ended { item, outcome, cancel } => {
                    let Some(probe) = self.current(item, &cancel) else { continue };
                    match outcome {
                        Ok(data) => {
                            probe.data = Some(data);
                            probe.state = ProbeState::Done;
                        }
                        Err(why) => {
                            failures.push(why.clone());
                            probe.state = ProbeState::Failed(why);
                        }
                    }
                }
            }
        }
        failures
    }

    /// The probe whose newest request this is.
    fn current(&mut self, item: ItemId, cancel: &Arc<AtomicBool>) -> Option<&mut Probe> {
        let probe = self.probes.get_mut(&item)?;
        (Arc::ptr_eq(&probe.cancel, cancel) && !cancel.load(Ordering::Relaxed)).then_some(probe)
    }
}

fn summed(result: TuningResult) -> ProbeData {
    let scaling = result.scaling(Statistic::Mean);
    let order = result.units_by_peak(Statistic::Mean);
    ProbeData { result, scaling, order }
}

/// Passes progress on and asks for cancellation.
struct Teller<'a> {
    request: &'a Request,
    answers: &'a Sender<Answer>,
    wake: &'a (dyn Fn() + Send + Sync),
}

impl Progress for Teller<'_> {
    fn report(&mut self, _what: &str, done: usize, total: usize) {
        let cancel = Arc::clone(&self.request.cancel);
        let _ = self.answers.send(Answer::Progress { item: self.request.item, done, total, cancel });
        (self.wake)();
    }

    fn is_cancelled(&self) -> bool {
        self.request.cancel.load(Ordering::Relaxed)
    }
}
