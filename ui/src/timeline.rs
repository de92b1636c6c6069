//! The timeline: transport, ruler, and one lane per thing that happens over time.

mod geometry;
mod lanes;
mod ruler;
mod spans;
mod transport;

use egui::{Rect, ScrollArea, Sense, Stroke, Ui, pos2, vec2};
use gainfield::dynamics::TimeUnit;

use crate::command::{Command, Layout};
use crate::icons;
use crate::store::RunData;
use crate::theme::{Text, metrics, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Button};

pub use geometry::Track;
pub use transport::{phrase, plural, time_words};

/// Width of the column of lane names.
pub const HEADER: f32 = 180.0;
pub(crate) const TRANSPORT: f32 = 36.0;
pub(crate) const RULER: f32 = 22.0;
/// Lower than this the empty timeline is one line.
const LEAST_EMPTY: f32 = 130.0;

/// State of the timeline that only the screen knows.
#[derive(Default)]
pub struct Timeline {
    drag: Option<spans::Drag>,
    /// Height of the lanes of areas; Ctrl+wheel changes it.
    lane_height: Option<f32>,
}

impl Timeline {
    /// Draws the form that the layout and the collapse state ask for.
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let area = ui.max_rect();
        ui.painter().rect_filled(area, 0, tokens(ui).base);
        if view.settings.is_timeline_collapsed() && view.layout() != Layout::Probe {
            bar(ui, view, out);
            return;
        }
        let Some(run) = view.run() else {
            empty(ui, view, out);
            return;
        };
        let transport = Rect::from_min_max(area.min, pos2(area.right(), area.top() + TRANSPORT));
        inside(ui, "transport", transport, |ui| transport::show(ui, view, run, out));
        let track = Track::new(area, run.recording.n_timesteps);
        let ruler = Rect::from_min_max(
            pos2(area.left(), transport.bottom()),
            pos2(area.right(), transport.bottom() + RULER),
        );
        inside(ui, "ruler", ruler, |ui| ruler::show(ui, view, run, &track, area.bottom(), out));
        let body = Rect::from_min_max(pos2(area.left(), ruler.bottom()), area.max);
        inside(ui, "lanes", body, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            if view.settings.is_timeline_collapsed() {
                lanes::chosen(ui, view, run, &track, out);
            } else {
                self.lanes(ui, view, run, &track, out);
            }
            self.over(ui, view, &track, body, ruler, out);
        });
    }

    /// Stimulus and task above, interventions and read-out below, the areas between them scroll.
    fn lanes(&mut self, ui: &mut Ui, view: &View<'_>, run: &RunData, track: &Track, out: &mut Out<'_>) {
        let wide = ui.ctx().content_rect().height() >= 1000.0;
        let height = self.lane_height.unwrap_or(if wide { 26.0 } else { 20.0 });
        let small = ui.ctx().content_rect().height() < 800.0;
        lanes::stimulus(ui, view, run, track, if small { 34.0 } else { 46.0 });
        lanes::task(ui, view, run, track, out);
        let below = spans::height(view, track.n) + lanes::READOUT;
        let areas = lanes::shown_areas(view, run);
        let wanted = height * areas.len() as f32;
        let room = ((ui.available_height() - below) / height).floor().max(1.0) * height;
        let room = room.min(wanted);
        let scroll = ScrollArea::vertical().id_salt("lanes").max_height(room).min_scrolled_height(room);
        scroll.auto_shrink([false, true]).show(ui, |ui| {
            for lane in areas {
                match lane {
                    lanes::LaneOf::Recorded(area) => lanes::area(ui, view, run, area, track, height, out),
                    lanes::LaneOf::Missing(name) => lanes::missing(ui, track, &name, height),
                }
            }
        });
        spans::interventions(ui, view, run, track, &mut self.drag, out);
        lanes::readout(ui, view, run, track, out);
    }

    /// Playhead and hover line above all lanes, and the pointer's work on them.
    fn over(&mut self, ui: &Ui, view: &View<'_>, track: &Track, body: Rect, ruler: Rect, out: &mut Out<'_>) {
        let t = tokens(ui);
        let painter = ui.painter_at(body);
        let cursor = view.clock.cursor();
        let column = Rect::from_x_y_ranges(track.column(cursor), body.y_range());
        painter.rect_filled(column, 0, t.playhead.gamma_multiply(0.05));
        let x = track.x(cursor);
        painter.vline(x, body.y_range(), Stroke::new(metrics::PLAYHEAD, t.playhead));
        let pointer = ui.input(|i| i.pointer.hover_pos());
        if let Some(pointer) = pointer.filter(|p| body.contains(*p) && p.x >= track.left) {
            let step = track.step_at(pointer.x);
            let x = track.x(step);
            if step != cursor && self.drag.is_none() {
                let points = [pos2(x, ruler.bottom()), pos2(x, body.bottom())];
                painter.extend(egui::Shape::dashed_line(&points, Stroke::new(1.0, t.text3), 2.0, 3.0));
            }
            let zoom = ui.input(|i| if i.modifiers.ctrl { i.smooth_scroll_delta().y } else { 0.0 });
            if zoom != 0.0 {
                let height = self.lane_height.unwrap_or(20.0) + zoom.signum() * 3.0;
                self.lane_height = Some(height.clamp(20.0, 38.0));
            }
            if out.hover.is_none()
                && let Some(run) = view.run()
            {
                out.say(transport::time_words(run, step));
            }
        }
    }
}

fn inside<R>(ui: &mut Ui, salt: &str, rect: Rect, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let mut child = ui.new_child(egui::UiBuilder::new().max_rect(rect).id_salt(salt));
    child.set_clip_rect(rect.intersect(ui.clip_rect()));
    contents(&mut child)
}

/// The timeline without a recording: what would fill it.
fn empty(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let failure = view
        .document
        .recording
        .and_then(|id| view.document.run_key(id))
        .and_then(|key| view.store.failure(key));
    if let Some(why) = failure {
        ui.add_space(12.0);
        widgets::error_block(ui, why);
        return;
    }
    let ready = view.document.model.is_some() && view.document.stimulus.is_some();
    if ui.available_height() < LEAST_EMPTY {
        let t = tokens(ui);
        let area = ui.max_rect().shrink2(vec2(metrics::INSET, 0.0));
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        widgets::placed(ui, egui::UiBuilder::new().max_rect(area).layout(layout), |ui| {
            ui.label(Text::Body.rich("No recording yet", t.text2));
            let (label, icon) = if ready { ("Run", icons::PLAY) } else { ("Open…", icons::ADD) };
            if ui.add(Button::new(label).icon(icon).small()).clicked() {
                out.push(if ready { Command::Run } else { Command::OpenFiles });
            }
        });
        return;
    }
    let state = widgets::EmptyState {
        title: "No recording yet",
        sentence: if ready {
            "Run the model on the stimulus; the timeline shows every area over time."
        } else {
            "Open a checkpoint and a stimulus; a run of them fills the timeline."
        },
        primary: Some(if ready { ("Run", icons::PLAY) } else { ("Open…", icons::ADD) }),
        quiet: None,
    };
    if widgets::empty_state(ui, &state).is_some() {
        out.push(if ready { Command::Run } else { Command::OpenFiles });
    }
}

/// The one-bar form, with the way out.
fn bar(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let t = tokens(ui);
    let area = ui.max_rect().shrink2(vec2(metrics::INSET, 0.0));
    let builder =
        egui::UiBuilder::new().max_rect(area).layout(egui::Layout::left_to_right(egui::Align::Center));
    ui.scope_builder(builder, |ui| {
        if widgets::icon_button(ui, icons::CARET_UP, "Expand the timeline", Some("T"), vec2(24.0, 24.0))
            .clicked()
        {
            out.push(Command::ToggleTimeline);
        }
        ui.label(Text::Body.rich("Timeline", t.text2));
        let snapshot = view.document.training.and_then(|id| {
            let run = view.training.get(id)?;
            run.snapshot.as_ref().map(|_| (id, run))
        });
        match (view.layout(), snapshot) {
            (Layout::Train, Some((id, run))) => {
                ui.label(Text::Small.rich(run.name.as_str(), t.text3));
                let update = run.snapshot.as_ref().map_or(0, |snapshot| snapshot.update);
                let word = format!("Open snapshot {update} in Step");
                if ui.add(Button::new(&word).icon(icons::PLAY).small()).clicked() {
                    out.push(Command::OpenSnapshot(id));
                }
            }
            _ => {
                let words = match view.run() {
                    Some(run) => transport::time_words(run, view.clock.cursor()),
                    None => "No recording yet.".to_owned(),
                };
                ui.label(Text::Small.rich(words, t.text3));
                if ui.add(Button::new("Show in Step").icon(icons::PLAY).small()).clicked() {
                    out.push(Command::SetLayout(Layout::Step));
                }
            }
        }
    });
    if view.training.is_any_live() {
        let threads = gainfield::compute::threads(true);
        let words = match threads {
            1 => "Training uses 1 thread, the window keeps one".to_owned(),
            n => format!("Training uses {n} threads, the window keeps one"),
        };
        let at = area.right_center();
        ui.painter().text(at, egui::Align2::RIGHT_CENTER, words, Text::Small.font(), t.text2);
    }
}

/// Singular name of the unit of time, with a capital.
pub fn unit_title(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Ms { .. } => "Time",
        TimeUnit::Sweep => "Sweep",
        TimeUnit::Pass => "Pass",
        TimeUnit::Timestep => "Timestep",
    }
}

/// Paints the header of a lane: role bar, name, note.
pub(crate) fn lane_header(ui: &Ui, row: Rect, role: egui::Color32, name: &str, note: &str) {
    let t = tokens(ui);
    let painter = ui.painter();
    let bar = Rect::from_min_max(row.min, pos2(row.left() + 3.0, row.bottom())).shrink2(vec2(0.0, 2.0));
    painter.rect_filled(bar, 0, role);
    let y = row.center().y;
    let note_at = pos2(row.left() + 168.0, y);
    let note = painter.text(note_at, egui::Align2::RIGHT_CENTER, note, Text::Small.font(), t.text3);
    let room = (note.left() - 6.0 - row.left() - 12.0).max(20.0);
    let name = widgets::truncated(ui, name, Text::Small, room);
    painter.text(pos2(row.left() + 12.0, y), egui::Align2::LEFT_CENTER, name, Text::Small.font(), t.text);
    painter.hline(row.x_range(), row.bottom() - 0.5, Stroke::new(1.0, t.line.gamma_multiply(0.5)));
}

/// One row of the lanes: its rectangle and the part of it that is the track.
pub(crate) fn lane_row(ui: &mut Ui, track: &Track, height: f32) -> (Rect, Rect) {
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    (row, Rect::from_min_max(pos2(track.left, row.top()), pos2(track.right, row.bottom())))
}
