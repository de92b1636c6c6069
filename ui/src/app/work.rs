//! Between the document and the workers: what has to run is asked for, what comes back is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::Context;
use gainfield::dynamics::Pass;
use gainfield::model::Model;
use gainfield::task::{StimulusKind, StimulusSpec};

use super::execute::settle_areas;
use super::{InFlight, Workbench};
use crate::command::{Command, Layout};
use crate::document::{Document, UnitRef};
use crate::item::{Content, Group, ItemId, ModelInfo, RunKey, StimulusInfo};
use crate::panels::missing::Asked;
use crate::store::{RunData, RunOrigin, RunState};
use crate::widgets::Severity;
use crate::worker::{Cancel, Event, Opened, RunRequest};

/// Recordings kept that no document names before the oldest go.
const SPARE_RUNS: usize = 12;

impl Workbench {
    /// Takes what the workers have sent.
    pub(super) fn receive(&mut self, ctx: &Context) {
        let events: Vec<Event> = self.workers.events().collect();
        for event in events {
            match event {
                Event::Progress { job, done, total } => {
                    if let Some(job) = self.jobs.get_mut(job) {
                        (job.done, job.total) = (done, total);
                    }
                }
                Event::Ended { job } => {
                    self.jobs.finish(job);
                    self.cancels.remove(&job);
                    self.in_flight.retain(|_, flight| flight.job != job);
                }
                Event::Opened { opened, replace, .. } => self.opened(ctx, opened, replace),
                Event::OpenFailed { path, message, missing, overrides, replace, .. } => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    if missing.is_empty() {
                        self.messages.error(format!("{name} was not opened"), message);
                        continue;
                    }
                    self.messages.say(format!("{name} was not opened yet: {message}"));
                    self.open.missing = Some(Arc::new(Asked {
                        name,
                        path,
                        replace,
                        values: missing,
                        given: overrides,
                        why: Some(message),
                    }));
                }
                Event::Built { model, command, kept, drawn } => self.built(*model, command, kept, drawn),
                Event::BuildFailed { message } => self.messages.error("The network was not made", message),
                Event::Saved { item, model } => self.saved(item, &model),
                Event::Composed { stimulus, facts } => self.store.set_stimulus(stimulus, facts),
                Event::Run { key, item, data } => self.ran(key, item, data),
                Event::RunFailed { key, item, message } => {
                    let name = self.document.get(item).map_or_else(String::new, |item| item.name.clone());
                    self.store.fail(key, message.clone());
                    self.messages.error(format!("The run of {name} stopped"), message);
                }
                Event::Exported { files, command } => self.exported(files, command, None),
                Event::Measured { summary, files, command } => {
                    self.exported(files, command, Some(summary.clone()));
                    self.messages.say(summary);
                }
                Event::MeasureFailed { what, message } => {
                    self.messages.error(format!("{what} stopped"), message);
                }
                Event::Stopped { what } => self.messages.say(format!("{what} was stopped")),
                Event::ExportFailed { path, message } => {
                    self.messages.error(format!("{} was not written", path.display()), message);
                }
            }
        }
        self.stand_in();
    }

    /// Opens the bundled network where something needs a model and none was opened with it.
    fn stand_in(&mut self) {
        if !self.wants_model || !self.jobs.is_empty() {
            return;
        }
        self.wants_model = false;
        if self.document.model.is_none() {
            self.send(Command::Open(vec![std::path::PathBuf::from(gainfield::pretrained::NAME)]));
        }
    }

    fn opened(&mut self, ctx: &Context, opened: Opened, replace: Option<ItemId>) {
        match opened {
            Opened::Model { name, model } => {
                let info = Arc::new(ModelInfo::of(&model));
                self.store.set_model(info.identity, *model);
                let defaults: Vec<String> = info.about.config.defaults().map(str::to_owned).collect();
                let matched = info.about.report.matched;
                tracing::info!("opened {name}: {} {}", info.about.family.name(), info.about.variant);
                let id = self.add_model(&name, &info, replace);
                self.messages.say(format!("Opened {name}, {matched} tensors matched"));
                if !defaults.is_empty() {
                    self.messages.raise(
                        Severity::Warning,
                        format!("{} values of {name} are defaults", defaults.len()),
                        format!("Neither the file nor the weights say {}.", defaults.join(", ")),
                        Some(("Answer…".to_owned(), Command::AskMissing(id))),
                    );
                }
                self.run();
            }
            Opened::Stimulus { name, spec } => {
                self.with_document(|document| {
                    let info = StimulusInfo::new(spec);
                    let id = document.add(&name, Content::Stimulus(Arc::new(info)));
                    document.stimulus = Some(id);
                    document.selected = Some(id);
                });
                self.messages.say(format!("Opened {name}"));
                if self.document.model.is_some() {
                    self.run();
                }
            }
            Opened::Probe(recipe) => {
                self.messages.say(format!("Probing {}", recipe.area));
                self.send(Command::AddProbe(recipe));
            }
            Opened::Run(run) => self.add_run(ctx, *run),
            Opened::Training { name, settings } => {
                self.with_document(|document| {
                    document.recipe_name = name;
                    document.recipe = settings;
                });
                self.settings.layout = Layout::Train;
                self.wants_model = self.document.model.is_none();
                self.messages.say("The form holds the settings of the recipe");
            }
            Opened::Interventions(list) if self.document.current_recording().is_some() => {
                self.messages.say(format!("{} interventions added", list.len()));
                for intervention in list {
                    self.send(Command::AddIntervention(intervention));
                }
            }
            Opened::Interventions(_) => {
                let text = "Interventions belong to a recording; open a checkpoint first.";
                self.messages.error("The interventions were not added", text);
            }
        }
    }

    pub(super) fn add_model(&mut self, name: &str, info: &Arc<ModelInfo>, replace: Option<ItemId>) -> ItemId {
        let content = Content::Model(Arc::clone(info));
        let own = self.store.model(info.identity).and_then(default_spec);
        let former = self.document.current_model().and_then(|model| self.store.model(model.identity));
        let of_former = former.and_then(default_spec);
        let document = Arc::make_mut(&mut self.document);
        let id = match replace.filter(|id| document.get(*id).is_some()) {
            Some(id) => {
                document.set_content(id, content);
                id
            }
            None => document.add(name, content),
        };
        document.model = Some(id);
        document.selected = Some(id);
        let shown = document.stimulus.and_then(|id| document.stimulus_info(id));
        let fits = shown.is_some_and(|stimulus| suits(&stimulus.spec, info));
        // What stood in for want of a choice belongs to the model it was shown to.
        let stood_in = shown.is_some_and(|stimulus| of_former.as_ref() == Some(&stimulus.spec));
        if !fits || stood_in && own != of_former {
            use_default_stimulus(document, own);
        }
        settle_areas(document);
        id
    }

    fn ran(&mut self, key: RunKey, item: ItemId, data: RunData) {
        let done = data.state == RunState::Done;
        let n = data.recording.n_timesteps;
        let what = crate::timeline::plural(data.recording.time_unit, n);
        self.store.set_run(item, key, data);
        if !done {
            return;
        }
        tracing::info!("recorded {n} {what}");
        if self.document.pinned.is_empty() && self.document.recording == Some(item) {
            self.pin_strongest();
        }
        if let Some(flight) = self.in_flight.get(&key) {
            let name = self.document.get(item).map_or_else(String::new, |item| item.name.clone());
            let seconds = flight.started.elapsed().as_secs_f64();
            self.messages.say(format!("{name}: {n} {what} recorded in {seconds:.2} s"));
        }
        if self.store.runs().count() > SPARE_RUNS {
            self.forget_unnamed();
        }
    }

    /// Pins the strongest units of three channels of the selected area, so that traces have a start.
    fn pin_strongest(&mut self) {
        let Some(run) = self.shown_run() else { return };
        let Some(area) = self.document.area.as_deref().and_then(|name| run.recording.area(name)) else {
            return;
        };
        let Some(step) = run.recording.steps.len().checked_sub(1) else { return };
        let name = run.recording.areas[area].name.clone();
        let [channels, height, width] = run.recording.areas[area].map_shape();
        let values = run.recording.trial(step, area, 0);
        let plane = (height * width).max(1);
        let mut peaks: Vec<(f32, usize)> = values
            .chunks(plane)
            .take(channels)
            .enumerate()
            .filter_map(|(channel, map)| {
                let (at, &value) = map.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
                Some((value, channel * plane + at))
            })
            .collect();
        peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
        let pins = peaks.into_iter().take(3).map(|(_, unit)| UnitRef { area: name.clone(), unit }).collect();
        self.with_document(|document| document.pinned = pins);
    }

    /// Drops recordings that neither the document nor recent steps of undo name.
    fn forget_unnamed(&mut self) {
        let mut keys = BTreeSet::new();
        let recent = self.history.documents().rev().take(20).chain(std::iter::once(&self.document));
        for document in recent {
            let recordings = document.items().iter().filter(|i| matches!(i.content, Content::Recording(_)));
            keys.extend(recordings.filter_map(|item| document.run_key(item.id)));
        }
        self.store.keep_only(&keys);
    }

    /// Asks for the runs that the shown recording needs and that nobody has made yet.
    pub(super) fn request_runs(&mut self) {
        let Some(shown) = self.document.recording else { return };
        let parent = self.document.recording_info(shown).and_then(|info| info.parent).map(|(id, _)| id);
        for item in parent.into_iter().chain([shown]) {
            let Some(key) = self.document.run_key(item) else { continue };
            if self.store.knows(key) || self.in_flight.contains_key(&key) {
                continue;
            }
            self.request_run(item, key);
        }
    }

    fn request_run(&mut self, item: ItemId, key: RunKey) {
        let Some(info) = self.document.recording_info(item).cloned() else { return };
        let model_info = self.document.model_info(info.model).cloned();
        let stimulus = self.document.stimulus_info(info.stimulus).cloned();
        let (Some(model_info), Some(stimulus)) = (model_info, stimulus) else { return };
        let Some(model) = self.store.model(model_info.identity).cloned() else { return };
        let origin = Arc::new(RunOrigin {
            model: model_info.identity,
            stimulus: stimulus.identity(),
            spec: info.spec.clone(),
        });
        let base = self.store.runs().map(|(_, run)| run).filter_map(|run| {
            let agrees = agrees_until(&origin, run);
            (agrees > 0).then_some((agrees, &run.recording))
        });
        let base = base.max_by_key(|(agrees, recording)| (*agrees).min(recording.steps.len()));
        let base = base.map(|(agrees, recording)| (Arc::clone(recording), agrees));
        for flight in self.in_flight.values().filter(|flight| flight.item == item) {
            flight.cancel.cancel();
        }
        let name = self.document.get(item).map_or_else(String::new, |item| item.name.clone());
        let job = self.jobs.start(name);
        let cancel = Cancel::default();
        self.cancels.insert(job, cancel.clone());
        let flight = InFlight { job, item, cancel: cancel.clone(), started: std::time::Instant::now() };
        self.in_flight.insert(key, flight);
        let request = RunRequest {
            job,
            item,
            key,
            model,
            stimulus: StimulusInfo::clone(&stimulus),
            origin,
            base,
            budget_bytes: self.settings.recording_budget,
            cancel,
        };
        if !self.workers.run(request) {
            self.jobs.finish(job);
            self.in_flight.remove(&key);
            self.store.fail(key, "the worker for runs has ended; restart the window".to_owned());
        }
    }
}

/// First timestep at which a run of `origin` can differ from one that is there; 0 if nothing is shared.
///
/// Before onset every stimulus is alike, to the first intervention: noise differs from trial to trial.
fn agrees_until(origin: &RunOrigin, run: &RunData) -> usize {
    if run.origin.model != origin.model {
        return 0;
    }
    let agrees = origin.spec.first_difference(&run.origin.spec).unwrap_or(usize::MAX);
    if run.origin.stimulus == origin.stimulus {
        return agrees;
    }
    let shown = run.recording.steps.iter().find(|step| step.pass != Pass::WarmUp).map(|step| step.t);
    let changed = origin.spec.interventions.iter().filter(|one| one.enabled).map(|one| one.from).min();
    shown.into_iter().chain(changed).fold(agrees, usize::min)
}

/// Whether a stimulus has the size that a model takes.
fn suits(spec: &StimulusSpec, model: &ModelInfo) -> bool {
    match gainfield::task::StimulusSource::open(spec, None) {
        Ok(source) => source
            .native_canvas()
            .is_none_or(|canvas| [canvas.channels, canvas.height, canvas.width] == model.input_shape),
        Err(_) => false,
    }
}

/// The own task of a model on what is built in.
fn default_spec(model: &Model) -> Option<StimulusSpec> {
    gainfield::recipe::default_stimulus(model).ok()
}

/// What a model is first shown: its own task on what is built in, or a grating.
fn use_default_stimulus(document: &mut Document, own: Option<StimulusSpec>) {
    let Some(spec) = own.or_else(|| "grating".parse().ok()) else { return };
    let known = document.group(Group::Stimuli).map(|item| item.id);
    let known = known.into_iter().find(|id| document.stimulus_info(*id).is_some_and(|one| one.spec == spec));
    if known.is_some() {
        document.stimulus = known;
        return;
    }
    let name = match &spec.kind {
        StimulusKind::Digits(pairs) => {
            let count = ["No", "One", "Two", "Three", "Four", "Five"].get(pairs.n).unwrap_or(&"Many");
            format!("{count} digits")
        }
        _ => {
            let mut name = spec.name().replace(['_', '-'], " ");
            if let Some(first) = name.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            name
        }
    };
    let id = document.add(&name, Content::Stimulus(Arc::new(StimulusInfo::new(spec))));
    document.stimulus = Some(id);
}
