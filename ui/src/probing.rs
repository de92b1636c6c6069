//! Measurements of the session: a worker that makes the newest of each kind, and the results it gave.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use egui::ColorImage;
use gainfield::analysis::scaling::AreaScaling;
use gainfield::compute::{self, Interactive};
use gainfield::dynamics::Workspace;
use gainfield::families::counter_hebb::Agreement;
use gainfield::model::Model;
use gainfield::ops::compute_pool;
use gainfield::probe::{
    AgreementRecipe, InhibitionRecipe, InhibitionResult, ProbeRecipe, ReceptiveField, RfRecipe, Statistic,
    TuningResult, inhibition, receptive_fields, run, update_agreement,
};
use gainfield::progress::Progress;
use gainfield::recipe::default_stimulus;
use gainfield::recipe::film::{FilmFrame, FilmStrip};

use crate::derived::color_image;
use crate::item::ItemId;

/// Sets of receptive fields and of inhibition kept at most.
const KEPT: usize = 12;

/// A finished probe with what follows for its population.
#[derive(Debug)]
pub struct ProbeData {
    pub result: TuningResult,
    pub scaling: Option<AreaScaling>,
    /// Scaling of the probed and of the other areas, in the order of the network.
    pub areas: Vec<(String, AreaScaling)>,
    /// Units by falling peak of the first condition.
    pub order: Vec<usize>,
    /// The same without those that take no part in the scaling.
    pub shown: Vec<usize>,
    /// One stimulus per value, where they are kept.
    pub pictures: Vec<Arc<ColorImage>>,
}

/// How a measurement stands.
#[derive(Clone, Debug)]
pub enum ProbeState {
    Running { done: usize, total: usize },
    Done,
    Failed(String),
}

/// One measurement: how the newest request stands, and the newest result (of this or an earlier one).
#[derive(Debug)]
pub struct Measured<T> {
    pub state: ProbeState,
    pub data: Option<Arc<T>>,
    cancel: Arc<AtomicBool>,
}

impl<T> Measured<T> {
    fn running() -> Self {
        let state = ProbeState::Running { done: 0, total: 0 };
        Self { state, data: None, cancel: Arc::new(AtomicBool::new(false)) }
    }

    /// Does the result belong to the newest request?
    pub fn is_up_to_date(&self) -> bool {
        matches!(self.state, ProbeState::Done)
    }

    fn end(&mut self, outcome: Result<T, String>) -> Option<String> {
        match outcome {
            Ok(data) => {
                self.data = Some(Arc::new(data));
                self.state = ProbeState::Done;
                None
            }
            Err(why) => {
                self.state = ProbeState::Failed(why.clone());
                Some(why)
            }
        }
    }
}

/// A probe of tuning, with the recipe asked for.
pub type Probe = Measured<ProbeData>;

/// Whose receptive fields: a model, an area and a place in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldKey {
    pub model: u64,
    pub area: String,
    pub row: usize,
    pub col: usize,
}

/// What a probe was asked for.
#[derive(Clone, Debug, PartialEq)]
enum Asked {
    /// By identity of the model.
    Probe(u64, Box<ProbeRecipe>),
    /// One of a film, by its update and file.
    Frame(u64, PathBuf),
}

/// Which measurement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Tuning(ItemId),
    Fields(FieldKey),
    Inhibition(u64),
    Agreement(u64),
}

#[derive(Clone, Debug)]
enum Recipe {
    Tuning(Box<ProbeRecipe>),
    Frame(PathBuf),
    Fields(RfRecipe),
    Inhibition(InhibitionRecipe),
    Agreement(AgreementRecipe),
}

enum Outcome {
    Tuning(Box<ProbeData>),
    Fields(Vec<ReceptiveField>),
    Inhibition(Box<InhibitionResult>),
    Agreement(Box<Agreement>),
}

struct Request {
    key: Key,
    /// None for what is read from a file.
    model: Option<Model>,
    recipe: Recipe,
    cancel: Arc<AtomicBool>,
}

enum Answer {
    Progress { key: Key, done: usize, total: usize, cancel: Arc<AtomicBool> },
    Ended { key: Key, outcome: Result<Outcome, String>, cancel: Arc<AtomicBool> },
}

/// All measurements, and the worker behind them.
pub struct Probing {
    probes: BTreeMap<ItemId, (Asked, Probe)>,
    /// Update that is looked at, by film; the newest where none is.
    chosen: BTreeMap<ItemId, u64>,
    fields: BTreeMap<FieldKey, Measured<Vec<ReceptiveField>>>,
    inhibition: BTreeMap<u64, Measured<InhibitionResult>>,
    agreement: BTreeMap<u64, Measured<Agreement>>,
    requests: Sender<Request>,
    answers: Receiver<Answer>,
}

impl Probing {
    /// Starts the worker. `wake` is called after every answer.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (requests, incoming) = unbounded::<Request>();
        let (outgoing, answers) = unbounded();
        let work = move || serve(&incoming, &outgoing, &wake);
        if let Err(err) = std::thread::Builder::new().name("probes".to_owned()).spawn(work) {
            tracing::error!("cannot start the worker for probes: {err}");
        }
        Self {
            probes: BTreeMap::new(),
            chosen: BTreeMap::new(),
            fields: BTreeMap::new(),
            inhibition: BTreeMap::new(),
            agreement: BTreeMap::new(),
            requests,
            answers,
        }
    }

    pub fn get(&self, id: ItemId) -> Option<&Probe> {
        self.probes.get(&id).map(|(_, probe)| probe)
    }

    pub fn fields(&self, key: &FieldKey) -> Option<&Measured<Vec<ReceptiveField>>> {
        self.fields.get(key)
    }

    /// By identity of the model.
    pub fn inhibition(&self, model: u64) -> Option<&Measured<InhibitionResult>> {
        self.inhibition.get(&model)
    }

    /// Updates compared, by identity of the model.
    pub fn agreement(&self, model: u64) -> Option<&Measured<Agreement>> {
        self.agreement.get(&model)
    }

    /// Whether the worker has anything to do.
    pub fn is_busy(&self) -> bool {
        let busy = |state: &ProbeState| matches!(state, ProbeState::Running { .. });
        self.probes.values().any(|(_, probe)| busy(&probe.state))
            || self.fields.values().any(|fields| busy(&fields.state))
            || self.inhibition.values().any(|measured| busy(&measured.state))
            || self.agreement.values().any(|measured| busy(&measured.state))
    }

    /// Runs `recipe` for the item, unless that is what it shows or runs already. The newest wins.
    pub fn ask(&mut self, item: ItemId, identity: u64, model: &Model, recipe: &ProbeRecipe) {
        let asked = Asked::Probe(identity, Box::new(recipe.clone()));
        self.ask_for(item, asked, Some(model), || Recipe::Tuning(Box::new(recipe.clone())));
    }

    fn ask_for(
        &mut self,
        item: ItemId,
        asked: Asked,
        model: Option<&Model>,
        recipe: impl FnOnce() -> Recipe,
    ) {
        if self.probes.get(&item).is_some_and(|(known, _)| *known == asked) {
            return;
        }
        let mut probe = Probe::running();
        if let Some((_, old)) = self.probes.remove(&item) {
            old.cancel.store(true, Ordering::Relaxed);
            probe.data = old.data;
        }
        self.send(Key::Tuning(item), model, recipe(), &probe.cancel);
        self.probes.insert(item, (asked, probe));
    }

    /// Looks at one update of a film; none is the newest.
    pub fn choose_frame(&mut self, item: ItemId, update: Option<u64>) {
        match update {
            Some(update) => self.chosen.insert(item, update),
            None => self.chosen.remove(&item),
        };
    }

    /// The update of a film that is looked at, where it is not the newest.
    pub fn chosen_frame(&self, item: ItemId) -> Option<u64> {
        self.chosen.get(&item).copied()
    }

    /// Reads the frame of a film that is looked at, unless it is shown already.
    pub fn ask_frame(&mut self, item: ItemId, strip: &FilmStrip) {
        let chosen = self.chosen_frame(item);
        let frame = strip.frames.iter().find(|(update, _)| Some(*update) == chosen);
        if let Some((update, path)) = frame.or(strip.frames.last()) {
            let asked = Asked::Frame(*update, path.clone());
            self.ask_for(item, asked, None, || Recipe::Frame(path.clone()));
        }
    }

    /// Maps the receptive fields of all channels at a place, unless that was asked for already.
    /// Fields that are still being mapped elsewhere are given up.
    pub fn ask_fields(&mut self, key: FieldKey, model: &Model, recipe: RfRecipe) {
        if self.fields.contains_key(&key) {
            return;
        }
        self.fields.retain(|_, fields| {
            let is_waiting = matches!(fields.state, ProbeState::Running { .. });
            if is_waiting {
                fields.cancel.store(true, Ordering::Relaxed);
            }
            !is_waiting
        });
        while self.fields.len() >= KEPT {
            self.fields.pop_first();
        }
        let measured = Measured::running();
        self.send(Key::Fields(key.clone()), Some(model), Recipe::Fields(recipe), &measured.cancel);
        self.fields.insert(key, measured);
    }

    /// Measures inhibition of return anew.
    pub fn ask_inhibition(&mut self, identity: u64, model: &Model, recipe: InhibitionRecipe) {
        let measured = again(&mut self.inhibition, identity);
        self.send(Key::Inhibition(identity), Some(model), Recipe::Inhibition(recipe), &measured.cancel);
        self.inhibition.insert(identity, measured);
    }

    /// Compares the Counter-Hebb update with the gradient anew.
    pub fn ask_agreement(&mut self, identity: u64, model: &Model, recipe: AgreementRecipe) {
        let measured = again(&mut self.agreement, identity);
        self.send(Key::Agreement(identity), Some(model), Recipe::Agreement(recipe), &measured.cancel);
        self.agreement.insert(identity, measured);
    }

    fn send(&self, key: Key, model: Option<&Model>, recipe: Recipe, cancel: &Arc<AtomicBool>) {
        let request = Request { key, model: model.cloned(), recipe, cancel: Arc::clone(cancel) };
        // A dead worker has said so in the log; what was asked for stays as running and can be cancelled.
        let _ = self.requests.send(request);
    }

    pub fn cancel(&mut self, item: ItemId) {
        if let Some((_, probe)) = self.probes.get_mut(&item) {
            probe.cancel.store(true, Ordering::Relaxed);
            probe.state = ProbeState::Failed("The probe was stopped.".to_owned());
        }
    }

    /// Drops the probes whose items are gone.
    pub fn keep_only(&mut self, is_kept: impl Fn(ItemId) -> bool) {
        self.probes.retain(|id, (_, probe)| {
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
                Answer::Progress { key, done, total, cancel } => {
                    if let Some(state) = self.state(&key, &cancel) {
                        *state = ProbeState::Running { done, total };
                    }
                }
                Answer::Ended { key, outcome, cancel } => {
                    if self.state(&key, &cancel).is_some() {
                        tracing::info!("measured {key:?}");
                        failures.extend(self.end(&key, outcome));
                    }
                }
            }
        }
        failures
    }

    fn end(&mut self, key: &Key, outcome: Result<Outcome, String>) -> Option<String> {
        match (key, outcome) {
            (Key::Tuning(item), outcome) => {
                let outcome = outcome.and_then(|outcome| match outcome {
                    Outcome::Tuning(data) => Ok(*data),
                    _ => Err(MIXED.to_owned()),
                });
                self.probes.get_mut(item)?.1.end(outcome)
            }
            (Key::Fields(key), outcome) => {
                let outcome = outcome.and_then(|outcome| match outcome {
                    Outcome::Fields(fields) => Ok(fields),
                    _ => Err(MIXED.to_owned()),
                });
                self.fields.get_mut(key)?.end(outcome)
            }
            (Key::Inhibition(model), outcome) => {
                let outcome = outcome.and_then(|outcome| match outcome {
                    Outcome::Inhibition(result) => Ok(*result),
                    _ => Err(MIXED.to_owned()),
                });
                self.inhibition.get_mut(model)?.end(outcome)
            }
            (Key::Agreement(model), outcome) => {
                let outcome = outcome.and_then(|outcome| match outcome {
                    Outcome::Agreement(result) => Ok(*result),
                    _ => Err(MIXED.to_owned()),
                });
                self.agreement.get_mut(model)?.end(outcome)
            }
        }
    }

    /// The state of what `key` names, if `cancel` is that of its newest request.
    fn state(&mut self, key: &Key, cancel: &Arc<AtomicBool>) -> Option<&mut ProbeState> {
        let (state, own) = match key {
            Key::Tuning(item) => {
                let (_, probe) = self.probes.get_mut(item)?;
                (&mut probe.state, &probe.cancel)
            }
            Key::Fields(key) => {
                let fields = self.fields.get_mut(key)?;
                (&mut fields.state, &fields.cancel)
            }
            Key::Inhibition(model) => {
                let measured = self.inhibition.get_mut(model)?;
                (&mut measured.state, &measured.cancel)
            }
            Key::Agreement(model) => {
                let measured = self.agreement.get_mut(model)?;
                (&mut measured.state, &measured.cancel)
            }
        };
        (Arc::ptr_eq(own, cancel) && !cancel.load(Ordering::Relaxed)).then_some(state)
    }
}

/// A measurement of `identity` to be made, which shows the result of the one before until it is there.
fn again<T>(known: &mut BTreeMap<u64, Measured<T>>, identity: u64) -> Measured<T> {
    let mut measured = Measured::running();
    if let Some(old) = known.remove(&identity) {
        old.cancel.store(true, Ordering::Relaxed);
        measured.data = old.data;
    }
    while known.len() >= KEPT {
        known.pop_first();
    }
    measured
}

/// Cannot happen: the worker answers what it was asked.
const MIXED: &str = "internal error: a measurement was answered with another; please report it";

fn serve(incoming: &Receiver<Request>, outgoing: &Sender<Answer>, wake: &(dyn Fn() + Send + Sync)) {
    let pool = compute_pool(compute::threads(true));
    let mut workspace = Workspace::new();
    for request in incoming {
        if request.cancel.load(Ordering::Relaxed) {
            continue;
        }
        let interactive = Interactive::begin();
        let mut teller = Teller { request: &request, answers: outgoing, wake };
        let mut measure = || crate::worker::guarded(|| measured(&request, &mut workspace, &mut teller));
        let outcome = match &pool {
            Ok(pool) => pool.install(measure),
            Err(_) => measure(),
        };
        drop(interactive);
        let cancel = Arc::clone(&request.cancel);
        // A window that is gone has no use for answers.
        let _ = outgoing.send(Answer::Ended { key: request.key.clone(), outcome, cancel });
        wake();
    }
}

fn measured(
    request: &Request,
    workspace: &mut Workspace,
    teller: &mut Teller<'_>,
) -> gainfield::Result<Outcome> {
    if let Recipe::Frame(path) = &request.recipe {
        let frame = FilmFrame::read(path)?;
        return Ok(Outcome::Tuning(Box::new(summed(frame.result))));
    }
    let model = request.model.as_ref();
    let model = model.ok_or_else(|| gainfield::Error::config("model", "one to measure", "none"))?;
    Ok(match &request.recipe {
        Recipe::Frame(_) => return Err(gainfield::Error::Unsupported(MIXED.to_owned())),
        Recipe::Tuning(recipe) => Outcome::Tuning(Box::new(summed(run(recipe, model, workspace, teller)?))),
        Recipe::Fields(recipe) => Outcome::Fields(receptive_fields(recipe, model, workspace, teller)?),
        Recipe::Inhibition(recipe) => {
            Outcome::Inhibition(Box::new(inhibition(recipe, model, workspace, teller)?))
        }
        Recipe::Agreement(recipe) => {
            Outcome::Agreement(Box::new(update_agreement(recipe, default_stimulus(model)?, model)?))
        }
    })
}

fn summed(result: TuningResult) -> ProbeData {
    let scaling = result.scaling(Statistic::Mean);
    let areas = result.scaling_by_area(Statistic::Mean);
    let order = result.units_by_peak(Statistic::Mean);
    let drawn = |picture: &gainfield::stimulus::Image| Arc::new(color_image(picture.data(), picture.shape()));
    let pictures = result.pictures.iter().map(drawn).collect();
    let is_out = |unit: usize| {
        scaling.as_ref().is_some_and(|scaling| scaling.excluded.iter().any(|(one, _)| *one == unit))
    };
    let mut shown: Vec<usize> = order.iter().copied().filter(|&unit| !is_out(unit)).collect();
    if shown.is_empty() {
        shown.clone_from(&order);
    }
    ProbeData { result, scaling, areas, order, shown, pictures }
}

/// Passes progress on and asks for cancellation.
struct Teller<'a> {
    request: &'a Request,
    answers: &'a Sender<Answer>,
    wake: &'a (dyn Fn() + Send + Sync),
}

impl Progress for Teller<'_> {
    fn report(&mut self, _what: &str, done: usize, total: usize) {
        let (key, cancel) = (self.request.key.clone(), Arc::clone(&self.request.cancel));
        let _ = self.answers.send(Answer::Progress { key, done, total, cancel });
        (self.wake)();
    }

    fn is_cancelled(&self) -> bool {
        self.request.cancel.load(Ordering::Relaxed)
    }
}
