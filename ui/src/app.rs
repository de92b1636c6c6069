//! The workbench: one document, its history, the views, and the only place where commands apply.

mod build;
mod execute;
mod export;
mod measure;
mod probe;
mod train;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Context, Rect, Ui};
use egui_tiles::Tree;

use measure::Many;
pub use probe::field_key;

use crate::clock::Clock;
use crate::command::{self, Command, ExportFormat, Layout};
use crate::dock::{self, Dock, ViewKind};
use crate::document::{Document, History};
use crate::files::{self, Answer, Dialog};
use crate::frame::{Axis, Frame, splitter};
use crate::item::{ItemId, RunKey};
use crate::jobs::{JobId, Jobs};
use crate::messages::Messages;
use crate::paint_cost::{PaintCost, resident_memory};
use crate::panels::inspector::Inspector;
use crate::panels::library::Library;
use crate::panels::missing;
use crate::panels::overlays::{self, Open};
use crate::panels::{status, top_bar};
use crate::probing::Probing;
use crate::settings::{self, Settings};
use crate::store::{RunData, Store};
use crate::theme::{self, metrics};
use crate::timeline::Timeline;
use crate::training::{Notice, Training};
use crate::view::{Out, View};
use crate::views::Views;
use crate::widgets;
use crate::worker::{Cancel, Exported, Workers};

/// Key under which the arrangement of views is stored.
const LAYOUTS_KEY: &str = "gainfield.layouts.v1";

/// Below this height library and inspector share the left column as tabs, and the timeline is lower.
const SMALL: f32 = 800.0;
/// Below this width the left column is narrower.
const NARROW: f32 = 1360.0;

/// A result that is waited for longer dims the one before it.
const STALE_AFTER: Duration = Duration::from_millis(200);

/// Commands that the trace keeps.
const TRACE: usize = 64;

/// A run that was asked for.
struct InFlight {
    job: JobId,
    item: ItemId,
    cancel: Cancel,
    started: Instant,
}

/// A figure that waits for its name.
struct PendingExport {
    content: Exported,
    format: ExportFormat,
    title: String,
    /// The command that makes it without a window, where that is not the one of the recording.
    command: Option<String>,
}

/// What only the screen knows: how views are arranged, and the state of panels.
struct Parts {
    layouts: [Tree<ViewKind>; 3],
    views: Views,
    library: Library,
    inspector: Inspector,
    timeline: Timeline,
    missing: missing::Form,
    /// The view that Export means: the one the pointer was over last.
    active_view: ViewKind,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            layouts: Layout::ALL.map(|layout| Tree::empty(egui::Id::unique(("no views", layout.name())))),
            views: Views::default(),
            library: Library::default(),
            inspector: Inspector::default(),
            timeline: Timeline::default(),
            missing: missing::Form::default(),
            active_view: ViewKind::StimulusAttention,
        }
    }
}

/// The window's state.
pub struct Workbench {
    document: Arc<Document>,
    history: History,
    store: Store,
    probing: Probing,
    training: Training,
    clock: Clock,
    jobs: Jobs,
    messages: Messages,
    settings: Settings,
    maximised: Option<ViewKind>,
    parts: Parts,
    open: Open,
    workers: Workers,
    in_flight: BTreeMap<RunKey, InFlight>,
    cancels: BTreeMap<JobId, Cancel>,
    dialog: Dialog,
    asked_open: Option<Answer>,
    asked_export: Option<(Answer, PendingExport)>,
    /// Something was opened that is looked at with a model; the bundled one serves if none comes along.
    wants_model: bool,
    /// A name for the weights of this model is awaited.
    asked_save: Option<(Answer, ItemId)>,
    /// Folder of the training runs that are started here.
    runs_folder: PathBuf,
    /// A name for the results of many trials is awaited.
    asked_measure: Option<(Answer, Many)>,
    /// Length of new runs; `None` is the published one.
    steps: Option<usize>,
    hover: Option<String>,
    commands: Vec<Command>,
    /// The latest commands applied, oldest first.
    trace: VecDeque<Command>,
    paint_cost: PaintCost,
    memory: Option<u64>,
    memory_read: Instant,
    last_frame: Instant,
}

impl Workbench {
    /// A workbench with what was stored, or as shipped.
    pub fn new(creation: &eframe::CreationContext<'_>) -> Self {
        theme::install(&creation.egui_ctx);
        let mut messages = Messages::default();
        let stored = creation.storage.and_then(|storage| eframe::get_value(storage, settings::KEY));
        let settings: Settings = Settings::sane(stored.unwrap_or_default());
        let layouts = restored_layouts(creation.storage, &mut messages);
        let ctx = creation.egui_ctx.clone();
        let probing = Probing::start({
            let ctx = ctx.clone();
            move || ctx.request_repaint()
        });
        let training = Training::start_watching(&ctx);
        let workers = Workers::start(move || ctx.request_repaint());
        let workbench = Self {
            document: Arc::new(Document::default()),
            history: History::default(),
            store: Store::default(),
            probing,
            training,
            clock: Clock::default(),
            jobs: Jobs::default(),
            messages,
            settings,
            maximised: None,
            parts: Parts { layouts, ..Parts::default() },
            open: Open::default(),
            workers,
            in_flight: BTreeMap::new(),
            cancels: BTreeMap::new(),
            dialog: files::system_dialog(),
            asked_open: None,
            asked_export: None,
            wants_model: false,
            asked_save: None,
            runs_folder: PathBuf::from(train::RUNS),
            asked_measure: None,
            steps: None,
            hover: None,
            commands: Vec::new(),
            trace: VecDeque::new(),
            paint_cost: PaintCost::default(),
            memory: resident_memory(),
            memory_read: Instant::now(),
            last_frame: Instant::now(),
        };
        workbench.apply_settings(&creation.egui_ctx);
        workbench
    }

    pub fn document(&self) -> &Document {
        &self.document
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    pub fn history(&self) -> &History {
        &self.history
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Puts another file dialog in the place of the system's.
    pub fn set_dialog(&mut self, dialog: Dialog) {
        self.dialog = dialog;
    }

    /// Gives new runs this many timesteps; `None` is the published length.
    pub fn set_steps(&mut self, steps: Option<usize>) {
        self.steps = steps;
    }

    /// Puts the training runs of the session into another folder than `runs`.
    pub fn set_runs_folder(&mut self, folder: PathBuf) {
        self.runs_folder = folder;
    }

    /// The training runs of the session.
    pub fn training(&self) -> &Training {
        &self.training
    }

    /// The measurements of the session.
    pub fn probing(&self) -> &Probing {
        &self.probing
    }

    /// Work in the background that has a name and an end.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Whether any work but training is under way.
    pub fn is_busy(&self) -> bool {
        !self.jobs.is_empty()
            || self.probing.is_busy()
            || !self.in_flight.is_empty()
            || !self.commands.is_empty()
    }

    /// The latest commands applied, oldest first: what led to what is seen.
    pub fn trace(&self) -> impl Iterator<Item = &Command> {
        self.trace.iter()
    }

    /// Asks for `command`; it is applied before the next frame.
    pub fn send(&mut self, command: Command) {
        self.commands.push(command);
    }

    fn apply_settings(&self, ctx: &Context) {
        ctx.set_theme(self.settings.theme);
        ctx.set_zoom_factor(self.settings.zoom);
        let time = if self.settings.reduced_motion { 0.0 } else { 0.12 };
        ctx.all_styles_mut(|style| style.animation_time = time);
    }

    /// The numbers of the shown recording.
    fn shown_run(&self) -> Option<&RunData> {
        let item = self.document.recording?;
        self.store.run_or_latest(item, self.document.run_key(item)?)
    }

    /// Timesteps that can be shown now.
    fn timesteps(&self) -> usize {
        self.shown_run().and_then(|run| run.recording.steps.last()).map_or(0, |step| step.t + 1)
    }

    /// Whether what is shown is still that of an earlier specification while a newer run is awaited.
    fn is_stale(&self) -> bool {
        let Some(item) = self.document.recording else { return false };
        let Some(key) = self.document.run_key(item) else { return false };
        let waited = self.in_flight.get(&key).is_some_and(|flight| flight.started.elapsed() > STALE_AFTER);
        waited && self.store.run(key).is_none()
    }

    fn view<'a>(&'a self, hover: Option<&'a str>) -> View<'a> {
        View {
            document: &self.document,
            history: &self.history,
            store: &self.store,
            probing: &self.probing,
            training: &self.training,
            clock: &self.clock,
            jobs: &self.jobs,
            messages: &self.messages,
            settings: &self.settings,
            hover,
            paint_ms: self.paint_cost.median().map(|cost| cost.as_secs_f64() * 1e3),
            memory: self.memory,
        }
    }

    /// Takes the answers of file dialogs.
    fn answered(&mut self) {
        if let Some(paths) = self.asked_open.as_ref().and_then(|answer| answer.try_recv().ok()) {
            self.asked_open = None;
            self.send(Command::Open(paths));
        }
        let path = self.asked_export.as_ref().and_then(|(answer, _)| answer.try_recv().ok());
        if let Some(paths) = path
            && let Some((_, pending)) = self.asked_export.take()
            && let Some(path) = paths.into_iter().next()
        {
            self.finish_export(pending, path);
        }
        let path = self.asked_save.as_ref().and_then(|(answer, _)| answer.try_recv().ok());
        if let Some(paths) = path
            && let Some((_, item)) = self.asked_save.take()
            && let Some(path) = paths.into_iter().next()
        {
            self.finish_save(item, path);
        }
        let path = self.asked_measure.as_ref().and_then(|(answer, _)| answer.try_recv().ok());
        if let Some(paths) = path
            && let Some((_, many)) = self.asked_measure.take()
            && let Some(path) = paths.into_iter().next()
        {
            self.finish_measure(many, path);
        }
    }

    fn tick(&mut self, ctx: &Context) {
        let elapsed = self.last_frame.elapsed().as_secs_f64();
        self.last_frame = Instant::now();
        let len = self.timesteps();
        self.clock.advance(elapsed, len);
        if self.clock.playing {
            ctx.request_repaint_after_secs(self.clock.seconds_to_next() as f32);
        }
        if !ctx.input(|input| input.pointer.any_down()) {
            self.history.settle();
        }
        self.request_probe();
        for why in self.probing.poll() {
            self.messages.error("The probe stopped", why);
        }
        for notice in self.training.poll() {
            match notice {
                Notice::Say(words) => self.messages.say(words),
                Notice::Failed { name, why } => self.messages.error(format!("{name} stopped"), why),
            }
        }
        self.messages.tick();
        if let Some(left) = self.messages.next_change() {
            ctx.request_repaint_after(left);
        }
        if self.memory_read.elapsed().as_secs() >= 1 {
            self.memory = resident_memory();
            self.memory_read = Instant::now();
        }
    }

    fn paint(&mut self, ui: &mut Ui) {
        let screen = ui.max_rect();
        let small = screen.height() < SMALL;
        let left = self.settings.left_column();
        let left = if screen.width() < NARROW { left.min(220.0) } else { left };
        let timeline = self.timeline_height();
        let timeline = if small { timeline.min(208.0) } else { timeline };
        let frame = Frame::of(screen, left, timeline);
        ui.painter().rect_filled(screen, 0, theme::tokens(ui).base);
        let mut commands = std::mem::take(&mut self.commands);
        let mut hover = None;
        let shown_hover = self.hover.take();
        // What only the screen knows is taken out, so that the rest can be looked at as a whole.
        let mut parts = std::mem::take(&mut self.parts);
        let view = self.view(shown_hover.as_deref());
        let mut out = Out { commands: &mut commands, hover: &mut hover, ctx: ui.ctx().clone() };
        part(ui, "top bar", frame.top_bar, |ui| top_bar::show(ui, &view, &mut out, parts.active_view));
        left_column(ui, &frame, &view, &mut parts.library, &mut parts.inspector, &mut out);
        let opacity = if self.is_stale() { 0.6 } else { 1.0 };
        let edited = part(ui, "views", frame.views, |ui| {
            ui.multiply_opacity(opacity);
            if let Some(kind) = self.maximised {
                parts.views.show(kind, ui, &view, &mut out);
                return false;
            }
            let mut dock = Dock {
                views: &mut parts.views,
                view: &view,
                out: &mut out,
                hovered: &mut parts.active_view,
                edited: false,
            };
            parts.layouts[self.settings.layout as usize].ui(&mut dock, ui);
            dock.edited
        });
        part(ui, "timeline", frame.timeline, |ui| {
            ui.multiply_opacity(opacity);
            parts.timeline.show(ui, &view, &mut out);
        });
        part(ui, "status", frame.status, |ui| status::show(ui, &view, &mut out));
        overlays::show(ui, &view, &self.open, &mut parts.missing, &mut out);
        frame.paint_lines(ui);
        if edited {
            ui.ctx().request_repaint();
        }
        self.parts = parts;
        self.hover = hover;
        self.commands = commands;
        self.drag_splitters(ui, &frame);
    }

    fn timeline_height(&self) -> f32 {
        if !self.settings.is_timeline_collapsed() {
            return self.settings.timeline_height;
        }
        if self.settings.layout == Layout::Probe { 92.0 } else { 44.0 }
    }

    fn drag_splitters(&mut self, ui: &Ui, frame: &Frame) {
        let x = frame.left.right() - 0.5;
        let (from, to) = (egui::pos2(x, frame.left.top()), egui::pos2(x, frame.left.bottom()));
        let dx = splitter(ui, "Width of the left column", from, to, Axis::X);
        let range = metrics::LEFT_RANGE;
        self.settings.left_width = (self.settings.left_width + dx).clamp(*range.start(), *range.end());
        if !self.settings.is_timeline_collapsed() {
            let y = frame.timeline.top() + 0.5;
            let (from, to) = (egui::pos2(frame.timeline.left(), y), egui::pos2(frame.timeline.right(), y));
            let dy = splitter(ui, "Height of the timeline", from, to, Axis::Y);
            self.settings.timeline_height = (self.settings.timeline_height - dy).clamp(120.0, 600.0);
        }
    }
}

/// Library above, inspector below, divided at content height; each scrolls. In a small window they
/// are two tabs.
fn left_column(
    ui: &mut Ui,
    frame: &Frame,
    view: &View<'_>,
    library: &mut Library,
    inspector: &mut Inspector,
    out: &mut Out<'_>,
) {
    let t = theme::tokens(ui);
    ui.painter().rect_filled(frame.left, 0, t.panel);
    let has_inspector = view.document.selected.is_some() || view.layout() == Layout::Train;
    if has_inspector && frame.left.height() + frame.timeline.height() < SMALL - 100.0 {
        tabbed_column(ui, frame.left, view, library, inspector, out);
        return;
    }
    let id = egui::Id::unique("gainfield.library_height");
    let wanted: f32 = ui.data(|data| data.get_temp(id)).unwrap_or(260.0);
    let limit = if has_inspector { frame.left.height() * 0.55 } else { frame.left.height() };
    let height = wanted.min(limit).round();
    let split = frame.left.top() + height;
    let upper = frame.left.with_max_y(split);
    let used = part(ui, "library", upper, |ui| library.show(ui, view, out));
    ui.data_mut(|data| data.insert_temp(id, used));
    if (used - wanted).abs() > 0.5 {
        ui.ctx().request_repaint();
    }
    if has_inspector {
        ui.painter().hline(frame.left.x_range(), split + 0.5, egui::Stroke::new(1.0, t.line));
        let lower = frame.left.with_min_y(split + 1.0);
        part(ui, "inspector", lower, |ui| inspector.show(ui, view, out));
    }
}

fn tabbed_column(
    ui: &mut Ui,
    column: Rect,
    view: &View<'_>,
    library: &mut Library,
    inspector: &mut Inspector,
    out: &mut Out<'_>,
) {
    let id = egui::Id::unique("gainfield.left_tab");
    let mut tab: usize = ui.data(|data| data.get_temp(id)).unwrap_or(0);
    let strip = column.with_max_y(column.top() + 32.0);
    part(ui, "left tabs", strip.shrink2(egui::vec2(8.0, 4.0)), |ui| {
        if let Some(chosen) = widgets::segmented(ui, "Left column", &["Library", "Inspector"], tab, true) {
            tab = chosen;
            ui.data_mut(|data| data.insert_temp(id, tab));
        }
    });
    let below = column.with_min_y(strip.bottom());
    match tab {
        0 => {
            part(ui, "library", below, |ui| library.show(ui, view, out));
        }
        _ => part(ui, "inspector", below, |ui| inspector.show(ui, view, out)),
    }
}

fn part<R>(ui: &mut Ui, salt: &str, rect: Rect, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(rect).id_salt(salt));
    child.set_clip_rect(rect.intersect(ui.clip_rect()));
    contents(&mut child)
}

fn restored_layouts(storage: Option<&dyn eframe::Storage>, messages: &mut Messages) -> [Tree<ViewKind>; 3] {
    let stored: Option<Vec<Tree<ViewKind>>> =
        storage.and_then(|storage| eframe::get_value(storage, LAYOUTS_KEY));
    let mut stored = stored.unwrap_or_default().into_iter();
    Layout::ALL.map(|layout| match stored.next() {
        Some(tree) if dock::is_sound(&tree, layout) => tree,
        Some(_) => {
            messages.say(format!("The stored arrangement of {} could not be used", layout.name()));
            dock::shipped(layout)
        }
        None => dock::shipped(layout),
    })
}

impl eframe::App for Workbench {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.paint_cost.begin(self.training.is_any_at_work());
        widgets::watch_keyboard(ctx);
        self.receive(ctx);
        self.answered();
        self.tick(ctx);
        let mut commands = std::mem::take(&mut self.commands);
        commands.extend(command::pressed(ctx, self.parts.active_view));
        let dropped: Vec<_> =
            ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        if !dropped.is_empty() {
            commands.push(Command::Open(dropped));
        }
        for command in commands {
            if self.trace.len() == TRACE {
                self.trace.pop_front();
            }
            self.trace.push_back(command.clone());
            self.execute(ctx, command);
        }
        self.request_runs();
        let is_asked = self.asked_open.is_some() || self.asked_export.is_some();
        if is_asked || self.asked_save.is_some() || self.asked_measure.is_some() {
            ctx.request_repaint_after_secs(0.1);
        }
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.paint_cost.mark_end(ui);
        self.paint(ui);
        if !self.commands.is_empty() {
            ui.ctx().request_repaint();
        }
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        eframe::set_value(storage, settings::KEY, &self.settings);
        eframe::set_value(storage, LAYOUTS_KEY, &self.parts.layouts.to_vec());
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        if let Some(cost) = self.paint_cost.median() {
            tracing::info!("median CPU time of a frame: {:.1} ms", cost.as_secs_f64() * 1e3);
        }
        if let Some(words) = self.paint_cost.while_training() {
            tracing::info!("{words}");
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        let tokens = if visuals.dark_mode { &theme::DARK } else { &theme::LIGHT };
        tokens.base.to_normalized_gamma_f32()
    }
}
