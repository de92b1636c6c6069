//! Transport: play and its neighbours, the time in words, branch and continue.

use egui::{CornerRadius, Role, Sense, Stroke, Ui, Vec2, vec2};
use gainfield::dynamics::{Pass, SegmentKind, TimeUnit};

use super::unit_title;
use crate::clock::Clock;
use crate::command::Command;
use crate::derived::time_text;
use crate::icons;
use crate::store::{RunData, RunState};
use crate::theme::{Text, metrics, radius, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Button, Ring, focus_ring};

const SQUARE: Vec2 = vec2(28.0, 28.0);

pub(super) fn show(ui: &mut Ui, view: &View<'_>, run: &RunData, out: &mut Out<'_>) {
    let t = tokens(ui);
    let bar = ui.max_rect().shrink2(vec2(metrics::INSET, 0.0));
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let right = ui
        .scope_builder(
            egui::UiBuilder::new()
                .max_rect(bar)
                .id_salt("right")
                .layout(egui::Layout::right_to_left(egui::Align::Center)),
            |ui| {
                at_right(ui, view, run, out);
                ui.min_rect().left()
            },
        )
        .inner;
    let left = bar.with_max_x(right - 8.0);
    ui.scope_builder(egui::UiBuilder::new().max_rect(left).id_salt("left").layout(layout), |ui| {
        buttons(ui, view, out);
        let cursor = view.clock.cursor();
        let (title, of) = readout(run, cursor);
        ui.label(Text::Readout.rich(title, t.text));
        ui.label(Text::Body.rich(of, t.text2));
        ui.add_space(8.0);
        off_protocol(ui, run);
        let room = ui.available_width();
        let words = widgets::truncated(ui, &phrase(run, cursor), Text::Body, room);
        ui.label(Text::Body.rich(words, t.text2));
    });
}

fn buttons(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let t = tokens(ui);
    ui.spacing_mut().item_spacing.x = 2.0;
    if widgets::icon_button(ui, icons::TO_START, "To the start", Some("Home"), SQUARE).clicked() {
        out.push(Command::ToStart);
    }
    if widgets::icon_button(ui, icons::STEP_BACK, "Step back", Some("←"), SQUARE).clicked() {
        out.push(Command::StepBy(-1));
    }
    play(ui, view.clock, out);
    if widgets::icon_button(ui, icons::STEP_FORWARD, "Step forward", Some("→"), SQUARE).clicked() {
        out.push(Command::StepBy(1));
    }
    if widgets::icon_button(ui, icons::TO_END, "To the end", Some("End"), SQUARE).clicked() {
        out.push(Command::ToEnd);
    }
    ui.add_space(8.0);
    let (rect, response) = ui.allocate_exact_size(SQUARE, Sense::click());
    let color = match (view.clock.looped, response.hovered()) {
        (true, _) => t.accent,
        (false, true) => t.text,
        (false, false) => t.text2,
    };
    icons::LOOP.paint(ui.painter(), rect.center(), 16.0, color);
    focus_ring(ui, &response, rect, radius::BUTTON, Ring::Inside);
    widgets::name_selected(&response, Role::Button, view.clock.looped, "Loop");
    if response.on_hover_text("Play again and again").clicked() {
        out.push(Command::ToggleLoop);
    }
    speed(ui, view, out);
    let (rect, _) = ui.allocate_exact_size(vec2(17.0, 20.0), Sense::hover());
    ui.painter().vline(rect.center().x, rect.y_range(), Stroke::new(1.0, t.line_strong));
    ui.spacing_mut().item_spacing.x = 6.0;
}

/// The one primary button of the window.
fn play(ui: &mut Ui, clock: &Clock, out: &mut Out<'_>) {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(SQUARE, Sense::click());
    let fill = if response.hovered() { t.fill.lerp_to_gamma(t.playhead, 0.08) } else { t.fill };
    ui.painter().rect_filled(rect, CornerRadius::same(radius::BUTTON), fill);
    let (icon, label) = if clock.playing { (icons::PAUSE, "Pause") } else { (icons::PLAY, "Play") };
    icon.paint(ui.painter(), rect.center(), 14.0, t.on_fill);
    focus_ring(ui, &response, rect, radius::BUTTON, Ring::Outside);
    widgets::name(&response, Role::Button, label);
    if response.on_hover_text(format!("{label} (Space)")).clicked() {
        out.push(Command::TogglePlay);
    }
}

fn speed(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let t = tokens(ui);
    let unit = view.run().map_or(TimeUnit::Timestep, |run| run.recording.time_unit);
    let words = |speed: f64| match unit {
        TimeUnit::Ms { dt_ms } => format!("{} ms/s", speed * dt_ms),
        TimeUnit::Sweep => format!("{speed} sweeps/s"),
        TimeUnit::Pass => format!("{speed} passes/s"),
        TimeUnit::Timestep => format!("{speed} steps/s"),
    };
    let text = words(view.clock.speed);
    let galley = ui.painter().layout_no_wrap(text.clone(), Text::Body.font(), t.text2);
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 16.0, 28.0), Sense::click());
    if response.hovered() {
        ui.painter().rect_filled(rect, CornerRadius::same(radius::BUTTON), t.hover);
    }
    let at = rect.center() - galley.size() / 2.0;
    ui.painter().galley(at, galley, t.text2);
    focus_ring(ui, &response, rect, radius::BUTTON, Ring::Inside);
    widgets::name(&response, Role::Button, &format!("Speed: {text}"));
    egui::Popup::menu(&response).show(|ui| {
        for speed in Clock::SPEEDS {
            let chosen = (speed - view.clock.speed).abs() < 1e-9;
            if ui.selectable_label(chosen, Text::Small.rich(words(speed), t.text)).clicked() {
                out.push(Command::SetSpeed(speed));
                ui.close();
            }
        }
    });
}

fn at_right(ui: &mut Ui, view: &View<'_>, run: &RunData, out: &mut Out<'_>) {
    let t = tokens(ui);
    if view.settings.is_timeline_collapsed() {
        if ui.add(Button::quiet("Expand").icon(icons::CARET_UP).key("T")).clicked() {
            out.push(Command::ToggleTimeline);
        }
        ui.label(Text::Body.rich("Timeline collapsed", t.text2));
        return;
    }
    let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let size = gainfield::figure::number::significant(megabytes(run.derived.bytes), 2);
    let text = format!("Recording {size} of {:.0} MB", megabytes(view.settings.recording_budget));
    ui.label(Text::Body.rich(text, t.text2)).on_hover_text(
        "Values and states of this run, against what one run may take. States let a branch start anywhere.",
    );
    ui.label(icons::MEMORY.rich(16.0, t.text2));
    ui.add_space(4.0);
    let running = run.state == RunState::Running;
    let more = run.recording.n_timesteps.div_ceil(2).clamp(1, 50);
    let tip = format!("Run {more} timesteps more from the end");
    let busy = running.then_some("The run is still under way");
    let button = Button::new("Continue").icon(icons::ADD).tooltip(&tip).disabled(busy);
    if ui.add(button).clicked() {
        out.push(Command::Continue(more));
    }
    let no_state = run.recording.at(view.clock.cursor()).is_none_or(|step| step.state.is_none());
    let why = no_state.then_some("No state was recorded at this timestep");
    let button = Button::new("Branch from here")
        .role_icon(icons::BRANCH, t.roles.intervention)
        .key("B")
        .tooltip("Copy the state and run on with a change; both recordings are kept")
        .disabled(why);
    if ui.add(button).clicked() {
        out.push(Command::Branch);
    }
}

fn off_protocol(ui: &mut Ui, run: &RunData) {
    if run.notes.departures.is_empty() {
        return;
    }
    let t = tokens(ui);
    widgets::chip(ui, icons::WARNING, "off protocol", t.warn).on_hover_ui(|ui| {
        ui.label(Text::SmallStrong.rich("Off the protocol the network was trained on", t.text));
        for departure in &run.notes.departures {
            ui.label(Text::Small.rich(departure.to_string(), t.text2));
        }
        ui.label(Text::Caption.rich("What it does here is not its published behaviour.", t.text3));
    });
}

/// "Sweep 14" and "of 18".
fn readout(run: &RunData, t: usize) -> (String, String) {
    let recording = &run.recording;
    let unit = recording.time_unit;
    if recording.at(t).is_some_and(|step| step.pass == Pass::ReadOut) {
        return ("Read-out pass".to_owned(), format!("after {} {}", t, plural(unit, t)));
    }
    match unit {
        TimeUnit::Ms { .. } => {
            (format!("{} ms", time_text(unit, t)), format!("step {} of {}", t + 1, recording.n_timesteps))
        }
        _ => (
            format!("{} {}", unit_title(unit), time_text(unit, t)),
            format!("of {}", recording.n_timesteps - usize::from(has_read_out(run))),
        ),
    }
}

fn has_read_out(run: &RunData) -> bool {
    run.recording.segments.iter().any(|segment| segment.kind == SegmentKind::ReadOut)
}

/// The unit of time after a number: `1 sweep`, `2 sweeps`.
pub fn plural(unit: TimeUnit, n: usize) -> &'static str {
    match (unit, n == 1) {
        (TimeUnit::Ms { .. }, _) => "timesteps",
        (TimeUnit::Sweep, true) => "sweep",
        (TimeUnit::Sweep, false) => "sweeps",
        (TimeUnit::Pass, true) => "pass",
        (TimeUnit::Pass, false) => "passes",
        (TimeUnit::Timestep, true) => "timestep",
        (TimeUnit::Timestep, false) => "timesteps",
    }
}

/// Index and unit together: "sweep 14", "324 ms, step 163".
pub fn time_words(run: &RunData, t: usize) -> String {
    let unit = run.recording.time_unit;
    match unit {
        TimeUnit::Ms { .. } => format!("{} ms, step {}", time_text(unit, t), t + 1),
        _ if run.recording.at(t).is_some_and(|step| step.pass == Pass::ReadOut) => "read-out pass".to_owned(),
        _ => format!("{} {}", unit.name(), time_text(unit, t)),
    }
}

/// What is going on at `t`, in words: "stimulus, 2 sweeps after cue offset".
pub fn phrase(run: &RunData, t: usize) -> String {
    let recording = &run.recording;
    let mut parts: Vec<String> = Vec::new();
    for segment in &recording.segments {
        let inside = (segment.from..segment.to).contains(&t);
        if inside && segment.kind != SegmentKind::Scored {
            let since_onset = match (segment.kind, recording.time_unit) {
                (SegmentKind::Stimulus | SegmentKind::Blank, TimeUnit::Ms { .. }) if segment.from > 0 => {
                    let end = time_text(recording.time_unit, t - segment.from);
                    let edge = if segment.kind == SegmentKind::Stimulus { "onset" } else { "offset" };
                    format!(", {end} ms after {edge}")
                }
                _ => String::new(),
            };
            parts.push(format!("{}{since_onset}", segment.name));
        }
    }
    let ended =
        recording.segments.iter().filter(|s| s.kind == SegmentKind::Cue && s.to <= t).max_by_key(|s| s.to);
    if let Some(cue) = ended {
        let n = t - cue.to + 1;
        let unit = recording.time_unit;
        match unit {
            TimeUnit::Ms { .. } => parts.push(format!("{} ms after cue offset", time_text(unit, n - 1))),
            _ => parts.push(format!("{n} {} after cue offset", plural(unit, n))),
        }
    }
    let scored =
        recording.segments.iter().any(|s| s.kind == SegmentKind::Scored && (s.from..s.to).contains(&t));
    if scored {
        parts.push("scored".to_owned());
    }
    parts.join(", ")
}
