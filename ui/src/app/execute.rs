//! Applies commands: the one place where anything changes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use egui::Context;
use gainfield::dynamics::{Area, Controls, Intervention, SegmentKind, Setting, TimeUnit};
use gainfield::ops::Numerics;
use gainfield::recipe;
use gainfield::settings::{Overrides, Source, toml_value};

use super::Workbench;
use super::measure::Many;
use crate::command::Command;
use crate::dock;
use gainfield::recipe::train::AnyRecipe;

use crate::document::{Document, UnitRef};
use crate::files::Ask;
use crate::interventions::{describe, silence_pinned};
use crate::item::{Content, ItemId, ModelInfo, RecordingInfo, RunSpec};
use crate::panels::missing::Asked;
use crate::panels::overlays::Open;
use crate::training::same;
use crate::widgets::Severity;
use crate::worker::{Cancel, OpenRequest};

impl Workbench {
    /// Applies one command.
    pub(super) fn execute(&mut self, ctx: &Context, command: Command) {
        let info = command.info();
        if info.undoable {
            let before = Arc::clone(&self.document);
            self.edit(command);
            if !Arc::ptr_eq(&before, &self.document) {
                self.history.edited(info.label, &before);
            }
            return;
        }
        match command {
            Command::OpenFiles => self.asked_open = Some((self.dialog)(Ask::Open)),
            Command::OpenFolders => self.asked_open = Some((self.dialog)(Ask::OpenFolders)),
            Command::Open(paths) => self.open_paths(paths, Overrides::default(), None),
            Command::Reopen { item, set } => self.reopen(item, &set),
            Command::OpenWith { path, overrides, replace } => {
                self.open.missing = None;
                self.open_paths(vec![path], overrides, replace);
            }
            Command::AskMissing(item) => self.ask_missing(item),
            Command::CloseQuestions => self.open.missing = None,
            Command::Build { like, set, seed } => self.build(like, set, seed),
            Command::SaveModel(item) => self.save_model(item),
            Command::Undo => self.undo(),
            Command::Redo => self.redo(),
            Command::Select(id) => self.select(id),
            Command::SelectIntervention(index) => self.select_intervention(index),
            Command::SelectArea(area) => self.with_document(|document| document.area = Some(area)),
            Command::SelectUnit(unit) => self.with_document(|document| {
                document.area = Some(unit.area.clone());
                document.pinned = vec![unit];
            }),
            Command::TogglePin(unit) => self.with_document(|document| toggle_pin(document, unit)),
            Command::Probe => self.probe(),
            Command::CancelProbe(id) => self.probing.cancel(id),
            Command::MapFields => self.map_fields(),
            Command::MeasureInhibition => self.measure_inhibition(),
            Command::CompareUpdates => self.compare_updates(),
            Command::Evaluate(n) => self.measure(Many::Evaluate(n)),
            Command::Extract(what) => self.measure(Many::Extract(what)),
            Command::ExportSummary => self.export_summary(),
            Command::Export(view, format) => self.export(view, format),
            Command::CopyAsCommand(view) => self.copy_as_command(ctx, view),
            Command::CopyText(text) => {
                ctx.copy_text(text);
                self.messages.say("Copied");
            }
            Command::CancelJob(id) => self.cancel(id),
            Command::DismissToast(id) => self.messages.dismiss(id),
            other => {
                if !self.transport(&other) {
                    self.window(ctx, other);
                }
            }
        }
    }

    /// Commands of the playhead; whether this was one.
    fn transport(&mut self, command: &Command) -> bool {
        let len = self.timesteps();
        match command {
            Command::TogglePlay => self.clock.toggle(len),
            Command::StepBy(steps) => self.clock.step_by(*steps, len),
            Command::Seek(t) => self.clock.seek(*t, len),
            Command::ToStart => self.clock.seek(0, len),
            Command::ToEnd => self.clock.seek(usize::MAX, len),
            Command::NextEvent | Command::PreviousEvent => {
                let now = self.clock.cursor();
                let events = self.shown_run().map_or(&[][..], |run| &run.derived.events);
                let to = if matches!(command, Command::NextEvent) {
                    events.iter().copied().find(|&t| t > now)
                } else {
                    events.iter().copied().rev().find(|&t| t < now)
                };
                if let Some(to) = to {
                    self.clock.seek(to, len);
                }
            }
            Command::ToggleLoop => self.clock.looped = !self.clock.looped,
            Command::SetSpeed(speed) => self.clock.speed = *speed,
            _ => return false,
        }
        true
    }

    /// Commands of the window itself.
    fn window(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::SetLayout(layout) => {
                self.settings.layout = layout;
                self.maximised = None;
            }
            Command::ResetLayout => {
                let layout = self.settings.layout;
                self.parts.layouts[layout as usize] = dock::shipped(layout);
                self.maximised = None;
            }
            Command::ToggleTimeline => self.settings.toggle_timeline(),
            Command::Maximise(view) => self.maximised = Some(view),
            Command::RestoreViews if self.open != Open::default() => self.open = Open::default(),
            Command::RestoreViews => self.maximised = None,
            Command::SetRecordingBudget(bytes) => {
                self.settings.recording_budget = bytes;
                self.settings = self.settings.clone().sane();
                self.store.forget_failures();
            }
            Command::ZoomIn => self.zoom(ctx, self.settings.zoom + 0.1),
            Command::ZoomOut => self.zoom(ctx, self.settings.zoom - 0.1),
            Command::ZoomReset => self.zoom(ctx, 1.0),
            Command::SetTheme(theme) => {
                self.settings.theme = theme;
                self.apply_settings(ctx);
            }
            Command::SetReducedMotion(reduced) => {
                self.settings.reduced_motion = reduced;
                self.apply_settings(ctx);
            }
            Command::ShowKeys(show) => self.open.keys = show,
            Command::ShowLog(show) => self.open.log = show,
            Command::ShowProvenance(item) => self.open.provenance = item,
            other => self.train(ctx, other),
        }
    }

    fn zoom(&mut self, ctx: &Context, zoom: f32) {
        self.settings.zoom = (zoom.clamp(0.7, 2.0) * 10.0).round() / 10.0;
        ctx.set_zoom_factor(self.settings.zoom);
    }

    fn undo(&mut self) {
        if let Some((label, document)) = self.history.undo(&self.document) {
            self.restore(&document);
            self.messages.say(format!("Undone: {label}"));
        }
    }

    fn redo(&mut self) {
        if let Some((label, document)) = self.history.redo(&self.document) {
            self.restore(&document);
            self.messages.say(format!("Done again: {label}"));
        }
    }

    /// Goes to another state of the document; what is looked at stays, where it is still there.
    fn restore(&mut self, document: &Arc<Document>) {
        let mut restored = Document::clone(document);
        restored.look_as(&self.document);
        self.document = Arc::new(restored);
    }

    fn cancel(&mut self, id: crate::jobs::JobId) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.cancelling = true;
        }
        if let Some(cancel) = self.cancels.get(&id) {
            cancel.cancel();
        }
    }

    pub(super) fn open_paths(&mut self, paths: Vec<PathBuf>, overrides: Overrides, replace: Option<ItemId>) {
        if paths.is_empty() {
            return;
        }
        let name = match paths.as_slice() {
            [one] => one.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            several => format!("{} files", several.len()),
        };
        let job = self.jobs.start(format!("Open {name}"));
        let cancel = Cancel::default();
        self.cancels.insert(job, cancel.clone());
        if !self.workers.open(OpenRequest { job, paths, overrides, replace, cancel }) {
            self.jobs.finish(job);
            self.messages
                .error("Nothing was opened", "Too much is being opened already; try again in a moment.");
        }
    }

    fn reopen(&mut self, item: ItemId, set: &[(String, String)]) {
        let Some(info) = self.document.model_info(item) else { return };
        let Some(path) = info.about.origin.path.clone() else {
            self.messages.error("The model was not built again", "It does not come from a file.");
            return;
        };
        let mut overrides = given(info);
        for (key, value) in set {
            overrides.push(key.clone(), toml_value(value.trim()));
        }
        self.open_paths(vec![path], overrides, Some(item));
    }

    /// Shows the dialog about what the file of a model does not say.
    fn ask_missing(&mut self, item: ItemId) {
        let Some(info) = self.document.model_info(item) else { return };
        let Some(path) = info.about.origin.path.clone().filter(|_| !info.missing.is_empty()) else {
            self.messages.say("Nothing is missing: the file and its weights say everything");
            return;
        };
        self.open.missing = Some(Arc::new(Asked {
            name: self.document.get(item).map_or_else(String::new, |item| item.name.clone()),
            path,
            replace: Some(item),
            values: info.missing.clone(),
            given: given(info),
            why: None,
        }));
    }

    /// Changes the document without a step of undo: what is looked at, not what is there.
    pub(super) fn with_document(&mut self, change: impl FnOnce(&mut Document)) {
        change(Arc::make_mut(&mut self.document));
    }

    /// Shows an item in the inspector; a recording also comes into all views.
    fn select(&mut self, id: ItemId) {
        let Some(item) = self.document.get(id).cloned() else { return };
        self.with_document(|document| {
            document.selected = Some(id);
            document.intervention = None;
            if matches!(item.content, Content::Recording(_)) {
                document.recording = Some(id);
            }
            if matches!(item.content, Content::Probe(_)) {
                document.probe = Some(id);
            }
            if matches!(item.content, Content::Training(_)) {
                document.training = Some(id);
            }
        });
    }

    fn select_intervention(&mut self, index: Option<usize>) {
        self.with_document(|document| {
            document.intervention = index;
            if index.is_some() {
                document.selected = document.recording;
            }
        });
    }

    /// Applies a command that changes the document and can be undone.
    fn edit(&mut self, command: Command) {
        let cursor = self.clock.cursor();
        match command {
            Command::UseModel(id) => self.with_document(|document| document.model = Some(id)),
            Command::UseStimulus(id) => self.with_document(|document| document.stimulus = Some(id)),
            Command::RenameSession(name) => self.with_document(|document| document.name = name),
            Command::Rename(id, name) => self.with_document(|document| document.rename(id, &name)),
            Command::Duplicate(id) => self.with_document(|document| {
                if let Some(copy) = document.duplicate(id) {
                    document.selected = Some(copy);
                }
            }),
            Command::Delete(id) => self.with_document(|document| document.delete(id)),
            Command::SetProbe { item, recipe } => self.set_probe(item, *recipe),
            Command::AddProbe(recipe) => self.add_probe(*recipe),
            Command::SetTimesteps(timesteps) => self.change_spec(|spec| spec.timesteps = timesteps),
            Command::SetNumerics(numerics) => self.change_spec(|spec| spec.numerics = numerics),
            Command::SetWarmUp(warm_up) => self.change_spec(|spec| spec.warm_up = warm_up),
            Command::SetRecipeName(name) => self.with_document(|document| {
                document.recipe = AnyRecipe::first_look(&name);
                document.recipe_name = name;
            }),
            Command::ResetRecipe { documented } => self.with_document(|document| {
                document.recipe =
                    if documented { BTreeMap::new() } else { AnyRecipe::first_look(&document.recipe_name) };
            }),
            Command::SetRecipe { key, value } => {
                self.with_document(|document| set_recipe(document, key, value))
            }
            Command::Run => self.run(),
            Command::Continue(more) => self.continue_run(more),
            Command::Branch => {
                self.branch(cursor, None);
            }
            Command::Silence => self.silence(cursor),
            Command::AddIntervention(intervention) => self.add_interventions(cursor, vec![intervention]),
            Command::EditIntervention { index, to } => self.change_spec(|spec| {
                if let Some(known) = spec.interventions.get_mut(index) {
                    *known = to;
                }
            }),
            Command::RemoveIntervention(index) => {
                self.change_spec(|spec| {
                    if index < spec.interventions.len() {
                        spec.interventions.remove(index);
                    }
                });
                self.with_document(|document| document.intervention = None);
            }
            Command::SetControl { name, value } => self.set_control(name, value),
            Command::SetRecordPlan { areas, every } => self.change_spec(|spec| {
                spec.record = areas;
                spec.every = every;
            }),
            Command::SetStimulus { item, to } => {
                self.with_document(|document| document.set_content(item, Content::Stimulus(Arc::new(*to))));
            }
            _ => {}
        }
    }

    /// Adds a recording of the model in use on the stimulus in use and shows it.
    pub(super) fn run(&mut self) {
        let (Some(model), Some(stimulus)) = (self.document.model, self.document.stimulus) else { return };
        let name = self.document.get(stimulus).map_or_else(String::new, |item| item.name.clone());
        let controls = self.default_controls(model, stimulus);
        let numerics = self.document.current_recording().map_or(Numerics::Exact, |info| info.spec.numerics);
        let spec = RunSpec { timesteps: self.steps, controls, numerics, ..RunSpec::default() };
        let info = RecordingInfo { model, stimulus, spec, parent: None };
        self.with_document(|document| {
            let id = document.add(&name, Content::Recording(Arc::new(info)));
            document.recording = Some(id);
            document.selected = Some(id);
            document.intervention = None;
            settle_areas(document);
        });
        self.clock.playing = false;
        self.clock.follow = true;
        let unit = self.document.current_model().map(|model| model.time_unit);
        self.clock.suit(matches!(unit, Some(TimeUnit::Ms { .. })));
    }

    /// The task of a network of several, where the stimulus names none.
    fn default_controls(&self, model: ItemId, stimulus: ItemId) -> BTreeMap<String, f64> {
        let model = self.document.model_info(model).and_then(|info| self.store.model(info.identity));
        let (Some(model), Some(stimulus)) = (model, self.document.stimulus_info(stimulus)) else {
            return BTreeMap::new();
        };
        let known = model.dynamics.controls();
        let mut values = Controls::defaults(known);
        let given = recipe::default_controls(model, &stimulus.spec);
        let fits = |(name, setting): (String, Setting)| {
            values.set_to(known, &name, &setting).ok()?;
            Some((name.clone(), values.find(known, &name)?))
        };
        given.into_iter().filter_map(fits).collect()
    }

    fn continue_run(&mut self, more: usize) {
        let Some(run) = self.shown_run() else { return };
        let Some(info) = self.document.current_recording() else { return };
        let warm_up = self.document.model_info(info.model).and_then(|model| model.warm_up_of(&info.spec));
        let read_outs = run.recording.segments.iter().filter(|s| s.kind == SegmentKind::ReadOut).count();
        let shown = run.recording.n_timesteps.saturating_sub(warm_up.unwrap_or(0) + read_outs);
        self.change_spec(|spec| spec.timesteps = Some(shown + more));
    }

    /// A copy of the shown recording that differs after timestep `cursor`. Gives its id.
    fn branch(&mut self, cursor: usize, name: Option<String>) -> Option<ItemId> {
        self.branch_at(self.first_changed(cursor), name)
    }

    /// A copy of the shown recording that differs from timestep `from` on.
    fn branch_at(&mut self, from: usize, name: Option<String>) -> Option<ItemId> {
        let parent = self.document.recording?;
        let info = RecordingInfo::clone(self.document.recording_info(parent)?);
        let base = self.document.get(parent)?.name.clone();
        let name = name.unwrap_or_else(|| format!("{base} from {}", from + 1));
        let info = RecordingInfo { parent: Some((parent, from)), ..info };
        let mut added = None;
        self.with_document(|document| {
            let id = document.add(&name, Content::Recording(Arc::new(info)));
            document.recording = Some(id);
            document.selected = Some(id);
            document.intervention = None;
            added = Some(id);
        });
        added
    }

    /// The first timestep that a change at the playhead can reach: the one after it, if there is one.
    fn first_changed(&self, cursor: usize) -> usize {
        let n = self.shown_run().map_or(1, |run| run.recording.n_timesteps);
        (cursor + 1).min(n.saturating_sub(1))
    }

    fn silence(&mut self, cursor: usize) {
        let areas: Vec<Area> = self.shown_run().map_or_else(Vec::new, |run| run.recording.areas.clone());
        let from = self.first_changed(cursor);
        let made = silence_pinned(&self.document, &areas, from);
        if made.is_empty() {
            let text = "Click on a map to select a unit; Shift adds further ones.";
            self.messages.raise(Severity::Info, "Nothing to silence", text, None);
            return;
        }
        self.add_interventions(cursor, made);
    }

    /// Adds to the shown recording if that is a branch, else to a new branch of it.
    pub(super) fn add_interventions(&mut self, cursor: usize, mut made: Vec<Intervention>) {
        let Some(recording) = self.document.current_recording() else { return };
        let from = self.first_changed(cursor);
        for intervention in &mut made {
            if intervention.from == cursor {
                intervention.from = from;
            }
        }
        if recording.parent.is_none() {
            let name = made.first().map(|first| format!("{} from {}", describe(first), first.from + 1));
            // A branch differs from its first intervention on.
            let from = made.iter().map(|intervention| intervention.from).min().unwrap_or(from);
            if self.branch_at(from, name).is_none() {
                return;
            }
        }
        self.change_spec(|spec| spec.interventions.extend(made));
        self.with_document(|document| {
            let n = document.current_recording().map_or(0, |info| info.spec.interventions.len());
            document.intervention = n.checked_sub(1);
            document.selected = document.recording;
        });
    }

    fn change_spec(&mut self, change: impl FnOnce(&mut RunSpec)) {
        let Some(id) = self.document.recording else { return };
        self.with_document(|document| document.set_recording(id, |info| change(&mut info.spec)));
    }

    fn set_control(&mut self, name: String, value: f64) {
        let default = self
            .document
            .current_recording()
            .and_then(|info| self.document.model_info(info.model))
            .and_then(|model| model.controls.iter().find(|control| control.name == name))
            .map(|control| control.default);
        self.change_spec(|spec| {
            if default == Some(value) {
                spec.controls.remove(&name);
            } else {
                spec.controls.insert(name, value);
            }
        });
    }
}

/// What the user has given for a model so far.
fn given(info: &ModelInfo) -> Overrides {
    let mut overrides = Overrides::default();
    for (key, entry) in info.about.config.iter().filter(|(_, entry)| entry.source == Source::Given) {
        overrides.push(key, entry.value.clone());
    }
    overrides
}

fn toggle_pin(document: &mut Document, unit: UnitRef) {
    match document.pin_of(&unit.area, unit.unit) {
        Some(at) => {
            document.pinned.remove(at);
        }
        None => document.pinned.push(unit),
    }
}

/// Points area and pins at what the model of the shown recording has.
pub(super) fn settle_areas(document: &mut Document) {
    let Some(model) = document.current_recording().and_then(|info| document.model_info(info.model)).cloned()
    else {
        return;
    };
    document.pinned.retain(|pin| model.area(&pin.area).is_some_and(|area| pin.unit < area.n_units()));
    if document.area.as_deref().is_none_or(|name| model.area(name).is_none()) {
        let maps: Vec<&Area> =
            model.areas.iter().filter(|area| !area.is_gain() && area.shape.len() == 3).collect();
        let chosen = maps.get(1).or(maps.first()).copied().or(model.areas.first());
        document.area = chosen.map(|area| area.name.clone());
    }
}

/// Notes a setting of the next training run; its default is not noted.
fn set_recipe(document: &mut Document, key: String, value: serde_json::Value) {
    let fields = AnyRecipe::fields_of(&document.recipe_name).unwrap_or_default();
    let default = fields.into_iter().find(|field| field.key == key).map(|field| field.default);
    if default.is_some_and(|default| same(&default, &value)) {
        document.recipe.remove(&key);
    } else {
        document.recipe.insert(key, value);
    }
}
