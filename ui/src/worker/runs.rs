//! Runs: composes the stimulus, rolls the model out, publishes the growing recording.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use gainfield::analysis::statistics::median;
use gainfield::compute;
use gainfield::dynamics::{Controls, Presentation, ProtocolOptions, Run, Schedule, Workspace, rollout};
use gainfield::model::Target;
use gainfield::ops::compute_pool;
use gainfield::recipe::departures;
use gainfield::recording::{RecordPlan, Recorder, Recording};
use gainfield::stimulus::PreparationStep;
use gainfield::task::{Canvas, StimulusSource};
use gainfield::{Error, Result};

use super::{Event, Outbox, RunRequest, guarded};
use crate::derived::{Derived, Shown};
use crate::store::{RunData, RunNotes, RunState, StimulusFacts};

/// A growing recording is published at most this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(40);
/// Composed stimuli kept, so that branches share frames.
const KEEP: usize = 6;

pub(super) fn serve(requests: &Receiver<RunRequest>, outbox: &Outbox) {
    let pool = compute_pool(compute::threads(true));
    let mut runner = Runner { workspace: Workspace::new(), composed: VecDeque::new() };
    while let Ok(first) = requests.recv() {
        for request in newest(first, requests, outbox) {
            let interactive = compute::Interactive::begin();
            let (job, item, key) = (request.job, request.item, request.key);
            let runner = &mut runner;
            let request = &request;
            let mut work = move || guarded(|| runner.run(request, outbox));
            let result = match &pool {
                Ok(pool) => pool.install(work),
                Err(_) => work(),
            };
            drop(interactive);
            match result {
                Ok(()) => {}
                Err(message) if request.cancel.is_cancelled() => tracing::debug!("run stopped: {message}"),
                Err(message) => outbox.send(Event::RunFailed { key, item, message }),
            }
            outbox.send(Event::Ended { job });
        }
    }
}

/// Of all waiting requests, the newest per item, in order.
fn newest(first: RunRequest, waiting: &Receiver<RunRequest>, outbox: &Outbox) -> Vec<RunRequest> {
    let mut kept: Vec<RunRequest> = vec![first];
    for request in waiting.try_iter() {
        if let Some(at) = kept.iter().position(|known| known.item == request.item) {
            outbox.send(Event::Ended { job: kept.remove(at).job });
        }
        kept.push(request);
    }
    kept
}

struct Composed {
    model: u64,
    stimulus: u64,
    presentation: Presentation,
    preparation: Vec<PreparationStep>,
}

struct Runner {
    workspace: Workspace,
    composed: VecDeque<Composed>,
}

impl Runner {
    fn run(&mut self, request: &RunRequest, outbox: &Outbox) -> Result<()> {
        let dynamics = request.model.dynamics.as_ref();
        let spec = &request.origin.spec;
        let (presentation, preparation) = self.presentation(request, outbox)?;
        let options = ProtocolOptions {
            timesteps: spec.timesteps,
            warm_up: spec.warm_up,
            ..ProtocolOptions::default()
        };
        let schedule = dynamics.schedule(&presentation, &options)?;
        let controls = Controls::with(dynamics.controls(), &spec.controls)?;
        let departures = departures(&request.model, &request.stimulus.spec, &schedule, &controls);
        let notes = Arc::new(RunNotes { departures, preparation });
        let interventions: Vec<_> = spec.interventions.iter().filter(|i| i.enabled).cloned().collect();
        let run = Run {
            model: dynamics,
            schedule: &schedule,
            controls: &controls,
            interventions: &interventions,
            seed: spec.seed,
            first_trial: request.stimulus.trial as u64,
        };
        let mut plan = RecordPlan::everything(dynamics);
        if !spec.record.is_empty() {
            plan.areas = RecordPlan::of(dynamics, &spec.record, spec.every)?.areas;
        }
        plan.every = spec.every;
        let mut recorder = Recorder::new(&run, plan, request.budget_bytes)?;
        let shown = Arc::new(Shown::of(&schedule.drives, &schedule.segments));
        let mut start = dynamics.rest(schedule.batch())?;
        let mut from = 0;
        if let Some((t, state)) = shared_start(request, &schedule) {
            if let Some((base, _)) = &request.base {
                recorder = recorder.with_history(base, t);
            }
            (from, start) = (t, state);
        }
        self.workspace.ops.set_numerics(spec.numerics);
        let mut publisher = Publisher::new(request, shown, notes, outbox);
        let total = schedule.len();
        let mut began = Instant::now();
        rollout(&run, start, from..total, &mut self.workspace, |t, drive, state| {
            publisher.took(began.elapsed());
            recorder.push(t, drive, state)?;
            publisher.tick(t + 1, total, || recorder.snapshot());
            began = Instant::now();
            Ok(if request.cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if request.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        publisher.publish(Arc::new(recorder.finish()), RunState::Done);
        Ok(())
    }

    /// The composed stimulus, from an earlier run where there was one.
    fn presentation(
        &mut self,
        request: &RunRequest,
        outbox: &Outbox,
    ) -> Result<(Presentation, Vec<PreparationStep>)> {
        let (model, stimulus) = (request.origin.model, request.origin.stimulus);
        let known = self.composed.iter().find(|c| c.model == model && c.stimulus == stimulus);
        if let Some(known) = known {
            return Ok((known.presentation.clone(), known.preparation.clone()));
        }
        let dynamics = &request.model.dynamics;
        let [channels, height, width] = dynamics.input_shape();
        let source = StimulusSource::open(&request.stimulus.spec, None)?.for_model(dynamics.as_ref())?;
        let canvas = Canvas { channels, height, width };
        let scale = dynamics.normalisation();
        let preparation = source.preparation_steps(canvas, request.stimulus.trial, scale.as_ref())?;
        let trials = source.trials_on(canvas, request.stimulus.trial, 1, request.stimulus.seed)?;
        let tensor = request.model.weights.iter().map(|(_, weight)| weight.tensor()).next();
        let device = tensor.map_or(Target::default().device, |tensor| tensor.device().clone());
        let presentation = trials.presentation(&device)?;
        let facts = StimulusFacts {
            frames: trials.timesteps(),
            caption: trials.captions.first().cloned().unwrap_or_default(),
            data: trials.data.clone(),
        };
        outbox.send(Event::Composed { stimulus, facts });
        if self.composed.len() == KEEP {
            self.composed.pop_front();
        }
        let composed = Composed {
            model,
            stimulus,
            presentation: presentation.clone(),
            preparation: preparation.clone(),
        };
        self.composed.push_back(composed);
        Ok((presentation, preparation))
    }
}

/// The latest state of the base recording that this run passes through as well.
fn shared_start(request: &RunRequest, schedule: &Schedule) -> Option<(usize, gainfield::dynamics::State)> {
    let (base, agrees_until) = request.base.as_ref()?;
    let same_drive = |step: &gainfield::recording::RecordedStep| {
        schedule.drives.get(step.t).is_some_and(|drive| {
            drive.pass == step.pass && drive.phase == step.phase && drive.pass_index == step.pass_index
        })
    };
    let shared = base.steps.iter().take_while(|step| step.t < *agrees_until && same_drive(step)).last()?;
    Some((shared.t + 1, shared.state.clone()?))
}

/// Sends the recording as it grows.
struct Publisher<'a> {
    request: &'a RunRequest,
    shown: Arc<Shown>,
    notes: Arc<RunNotes>,
    outbox: &'a Outbox,
    last: Option<(Arc<Recording>, Arc<Derived>)>,
    at: Instant,
    /// Milliseconds of every timestep so far.
    times: Vec<f64>,
}

impl<'a> Publisher<'a> {
    fn new(request: &'a RunRequest, shown: Arc<Shown>, notes: Arc<RunNotes>, outbox: &'a Outbox) -> Self {
        Self { request, shown, notes, outbox, last: None, at: Instant::now(), times: Vec::new() }
    }

    /// Notes what a timestep cost, its recording apart.
    fn took(&mut self, time: Duration) {
        self.times.push(time.as_secs_f64() * 1e3);
    }

    fn tick(&mut self, done: usize, total: usize, snapshot: impl FnOnce() -> Arc<Recording>) {
        if self.at.elapsed() < PUBLISH_EVERY || done == total {
            return;
        }
        self.publish(snapshot(), RunState::Running);
        self.outbox.send(Event::Progress { job: self.request.job, done, total });
        self.at = Instant::now();
    }

    fn publish(&mut self, recording: Arc<Recording>, state: RunState) {
        let earlier = self.last.as_ref().map(|(recording, derived)| (recording.as_ref(), derived.as_ref()));
        let derived = Arc::new(Derived::of(&recording, earlier));
        self.last = Some((Arc::clone(&recording), Arc::clone(&derived)));
        let data = RunData {
            origin: Arc::clone(&self.request.origin),
            recording,
            shown: Arc::clone(&self.shown),
            derived,
            notes: Arc::clone(&self.notes),
            state,
            ms_per_step: (!self.times.is_empty()).then(|| median(&self.times)),
        };
        self.outbox.send(Event::Run { key: self.request.key, item: self.request.item, data });
    }
}
