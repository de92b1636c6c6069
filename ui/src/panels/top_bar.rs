//! Top bar: session and model, layouts, jobs, device, export.

use egui::{CornerRadius, Rect, Role, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use gainfield::pretrained::NETWORKS;
use gainfield::train::JobCommand;

use crate::command::{Command, ExportFormat, Layout};
use crate::dock::ViewKind;
use crate::icons;
use crate::item::Group;
use crate::probing::ProbeState;
use crate::theme::{Text, metrics, radius, tokens};
use crate::training::RunState;
use crate::view::{Out, View};
use crate::widgets::{self, Button, Ring, focus_ring};

/// Where the layout switch begins if the session's and the model's names leave room.
const LAYOUTS_X: f32 = 548.0;
const LAYOUTS_WIDTH: f32 = 190.0;
/// Narrower windows show the device by its icon alone.
const DEVICE_TEXT_FROM: f32 = 1360.0;

/// `exported`: the view that the Export button means.
pub fn show(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>, exported: ViewKind) {
    let t = tokens(ui);
    let bar = ui.max_rect();
    ui.painter().rect_filled(bar, 0, t.base);
    let left = place(ui, bar, "left", false, |ui| {
        mark(ui);
        session(ui, view);
        divider(ui);
        model_picker(ui, view, out);
        ui.min_rect().right()
    });
    let right = place(ui, bar, "right", true, |ui| {
        let export = Button::new("Export").icon(icons::EXPORT).tooltip("Figure, numbers and provenance (E)");
        if ui.add(export).clicked() {
            out.push(Command::Export(exported, ExportFormat::All));
        }
        settings(ui, view, out);
        device(ui, bar.width());
        jobs(ui, view, out);
        ui.min_rect().left()
    });
    let first = left + metrics::GAP;
    let last = (right - LAYOUTS_WIDTH - metrics::GAP).max(first);
    let x = (bar.left() + LAYOUTS_X).clamp(first, last);
    let middle = Rect::from_min_max(pos2(x, bar.top()), pos2(x + LAYOUTS_WIDTH, bar.bottom()));
    let builder = egui::UiBuilder::new()
        .max_rect(middle)
        .id_salt("layouts")
        .layout(egui::Layout::left_to_right(egui::Align::Center));
    ui.scope_builder(builder, |ui| {
        let names = Layout::ALL.map(Layout::name);
        if let Some(chosen) = widgets::segmented(ui, "Layout", &names, view.layout() as usize, false) {
            out.push(Command::SetLayout(Layout::ALL[chosen]));
        }
    });
}

fn place(ui: &mut Ui, bar: Rect, salt: &str, from_right: bool, contents: impl FnOnce(&mut Ui) -> f32) -> f32 {
    let layout = if from_right {
        egui::Layout::right_to_left(egui::Align::Center)
    } else {
        egui::Layout::left_to_right(egui::Align::Center)
    };
    let inset = bar.shrink2(vec2(metrics::INSET, 0.0));
    ui.scope_builder(egui::UiBuilder::new().max_rect(inset).id_salt(salt).layout(layout), contents).inner
}

/// The mark: four bars.
fn mark(ui: &mut Ui) {
    let t = tokens(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(20.0, 20.0), Sense::hover());
    let bars = [(7.0, t.categorical[0]), (16.0, t.categorical[1]), (11.0, t.categorical[0]), (4.0, t.text3)];
    for (i, (height, color)) in bars.into_iter().enumerate() {
        let x = rect.left() + 1.0 + 5.0 * i as f32;
        let bottom = rect.bottom() - 2.0;
        let bar = Rect::from_min_max(pos2(x, bottom - height), pos2(x + 3.0, bottom));
        ui.painter().rect_filled(bar, CornerRadius::same(1), color);
    }
}

fn session(ui: &mut Ui, view: &View<'_>) {
    let t = tokens(ui);
    let name = widgets::truncated(ui, &view.document.name, Text::Strong, 140.0);
    ui.label(Text::Strong.rich(name, t.text));
    if !view.history.is_empty() {
        ui.add_space(-2.0);
        ui.label(Text::Small.rich("edited", t.text3));
    }
}

fn divider(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(vec2(9.0, 20.0), Sense::hover());
    ui.painter().vline(rect.center().x, rect.y_range(), Stroke::new(1.0, tokens(ui).line_strong));
}

fn model_picker(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let t = tokens(ui);
    let current = view.document.model.and_then(|id| view.document.get(id));
    let shown = current.map_or("No model", |item| item.name.as_str());
    let shown = widgets::truncated(ui, shown, Text::Body, 190.0);
    let galley = ui.painter().layout_no_wrap(shown.clone(), Text::Body.font(), t.text);
    let size = vec2(galley.size().x + 22.0 + 24.0, metrics::BUTTON);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    if response.hovered() {
        ui.painter().rect_filled(rect, CornerRadius::same(radius::BUTTON), t.hover);
    }
    icons::MODEL.paint(ui.painter(), pos2(rect.left() + 9.0, rect.center().y), 16.0, t.text2);
    let top = rect.center().y - galley.size().y / 2.0;
    ui.painter().galley(pos2(rect.left() + 22.0, top), galley, t.text);
    icons::CARET_DOWN.paint(ui.painter(), pos2(rect.right() - 12.0, rect.center().y), 11.0, t.text3);
    focus_ring(ui, &response, rect, radius::BUTTON, Ring::Outside);
    widgets::name(&response, Role::Button, &format!("Model: {shown}"));
    let response = match view.document.current_model() {
        Some(model) => response.on_hover_ui(|ui| {
            let about = &model.about;
            let title = format!("{} · {}", about.family.label(), about.variant);
            ui.label(Text::SmallStrong.rich(title, t.text));
            if let Some(path) = &about.origin.path {
                ui.label(Text::Mono.rich(path.display().to_string(), t.text2));
            }
            if let Some(sha256) = &about.origin.sha256 {
                ui.label(Text::Mono.rich(format!("SHA-256 {sha256}"), t.text2));
            }
        }),
        None => response,
    };
    egui::Popup::menu(&response).show(|ui| {
        ui.set_min_width(220.0);
        for item in view.document.group(Group::Models) {
            let chosen = view.document.model == Some(item.id);
            if ui.selectable_label(chosen, Text::Small.rich(&item.name, t.text)).clicked() {
                out.push(Command::UseModel(item.id));
                ui.close();
            }
        }
        ui.separator();
        if ui.button(Text::Small.rich("Open…  Ctrl+O", t.text)).clicked() {
            out.push(Command::OpenFiles);
            ui.close();
        }
        bundled(ui, out);
    });
}

/// The networks that ship with the program.
fn bundled(ui: &mut Ui, out: &mut Out<'_>) {
    let t = tokens(ui);
    ui.separator();
    ui.label(Text::Caption.rich("Bundled", t.text3));
    for network in &NETWORKS {
        let entry = ui.selectable_label(false, Text::Small.rich(network.title, t.text));
        if entry.on_hover_text(network.task).clicked() {
            out.push(Command::Open(vec![network.name().into()]));
            ui.close();
        }
    }
}

fn device(ui: &mut Ui, window: f32) {
    let t = tokens(ui);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let text = if threads == 1 { "CPU · 1 thread".to_owned() } else { format!("CPU · {threads} threads") };
    if window >= DEVICE_TEXT_FROM {
        ui.label(Text::Small.rich(&text, t.text2));
        ui.add_space(-3.0);
    }
    ui.label(icons::DEVICE.rich(16.0, t.text2)).on_hover_text(text);
}

fn settings(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let response = widgets::icon_button(ui, icons::SETTINGS, "Settings", None, vec2(28.0, 28.0));
    egui::Popup::menu(&response).show(|ui| {
        let t = tokens(ui);
        ui.set_min_width(220.0);
        ui.label(Text::Caption.rich("Theme", t.text3));
        for (word, preference) in [
            ("As the system", egui::ThemePreference::System),
            ("Dark", egui::ThemePreference::Dark),
            ("Light", egui::ThemePreference::Light),
        ] {
            let chosen = view.settings.theme == preference;
            if ui.selectable_label(chosen, Text::Small.rich(word, t.text)).clicked() {
                out.push(Command::SetTheme(preference));
            }
        }
        ui.separator();
        let reduced = view.settings.reduced_motion;
        if widgets::checkbox(ui, reduced, "Reduce motion", None).clicked() {
            out.push(Command::SetReducedMotion(!reduced));
        }
        ui.separator();
        budget(ui, view, out);
        ui.separator();
        for command in [Command::ShowKeys(true), Command::ShowLog(true), Command::ResetLayout] {
            let key = command.key_text(ui.ctx());
            let text = format!("{}  {key}", command.info().label);
            if ui.button(Text::Small.rich(text.trim_end(), t.text)).clicked() {
                out.push(command);
                ui.close();
            }
        }
    });
}

fn budget(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let t = tokens(ui);
    let megabytes = (view.settings.recording_budget >> 20) as f64;
    ui.horizontal(|ui| {
        let label = ui.label(Text::Small.rich("Recording budget", t.text));
        label.on_hover_text("What one recording may take; a run that needs more says so before it starts");
        let number = widgets::Number::new("Recording budget", megabytes, 16.0..=65_536.0, 16.0).unit("MB");
        if let Some(value) = widgets::number_field(ui, &number, 84.0) {
            out.push(Command::SetRecordingBudget((value as u64) << 20));
        }
    });
}

/// What a pill in the bar says of one job.
struct Running<'a> {
    name: &'a str,
    fraction: Option<f32>,
    stopping: bool,
    /// How far it is, in words.
    progress: String,
    cancel: Command,
}

/// Everything under way: background jobs, probes, training runs.
fn running<'a>(view: &View<'a>) -> Vec<Running<'a>> {
    let jobs = view.jobs.iter().filter(|job| job.is_worth_showing()).map(|job| Running {
        name: &job.name,
        fraction: job.fraction(),
        stopping: job.cancelling,
        progress: if job.total > 0 { format!("{} of {}", job.done, job.total) } else { String::new() },
        cancel: Command::CancelJob(job.id),
    });
    let probes =
        view.document.group(Group::ProbeResults).filter_map(|item| match view.probing.get(item.id)?.state {
            ProbeState::Running { done, total } => Some(Running {
                name: &item.name,
                fraction: (total > 0).then(|| done as f32 / total as f32),
                stopping: false,
                progress: format!("{done} of {total} stimuli"),
                cancel: Command::CancelProbe(item.id),
            }),
            ProbeState::Done | ProbeState::Failed(_) => None,
        });
    let training = view.training.iter().filter(|(_, run)| run.state.is_live()).map(|(id, run)| Running {
        name: &run.name,
        fraction: Some(run.update() as f32 / run.n_updates().max(1) as f32),
        stopping: run.state == RunState::Stopping,
        progress: format!("{} of {} updates", run.update(), run.n_updates()),
        cancel: Command::Training(id, JobCommand::Stop),
    });
    jobs.chain(probes).chain(training).collect()
}

fn jobs(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let running = running(view);
    if let Some(first) = running.first() {
        pill(ui, first, running.len() - 1, out);
    }
}

/// Name, bar and cancel of a job; `more`: how many others there are.
fn pill(ui: &mut Ui, job: &Running<'_>, more: usize, out: &mut Out<'_>) {
    let t = tokens(ui);
    let mut name = if job.stopping { "Stopping…".to_owned() } else { job.name.to_owned() };
    if more > 0 {
        name += &format!(" +{more}");
    }
    let name = widgets::truncated(ui, &name, Text::Small, 120.0);
    let galley = ui.painter().layout_no_wrap(name, Text::Small.font(), t.text);
    let width = galley.size().x + 10.0 + 10.0 + 56.0 + 28.0;
    let (rect, response) = ui.allocate_exact_size(vec2(width, metrics::BUTTON), Sense::hover());
    let border = Stroke::new(1.0, t.line);
    ui.painter().rect(rect, CornerRadius::same(radius::BUTTON), t.raised, border, StrokeKind::Inside);
    let top = rect.center().y - galley.size().y / 2.0;
    ui.painter().galley(pos2(rect.left() + 10.0, top), galley, t.text);
    let bar = Rect::from_min_size(pos2(rect.right() - 84.0, rect.center().y - 8.0), vec2(56.0, 16.0));
    widgets::placed(ui, egui::UiBuilder::new().max_rect(bar), |ui| {
        widgets::bar(ui, job.name, job.fraction, 56.0, 4.0);
    });
    let close = Rect::from_min_size(pos2(rect.right() - 26.0, rect.center().y - 12.0), vec2(24.0, 24.0));
    let cancel = ui.interact(close, response.id.with("cancel"), Sense::click());
    let color = if cancel.hovered() { t.text } else { t.text2 };
    icons::CLOSE.paint(ui.painter(), close.center(), 12.0, color);
    widgets::name(&cancel, Role::Button, &format!("Cancel {}", job.name));
    focus_ring(ui, &cancel, close, radius::BUTTON, Ring::Inside);
    if cancel.clicked() {
        out.push(job.cancel.clone());
    }
    if !job.progress.is_empty() {
        response.on_hover_text(format!("{}: {}", job.name, job.progress));
    }
}
