//! Status line: what the cursor is over, the last message, cost of a frame, memory, version.

use egui::{Align, Align2, Layout, Role, Sense, Ui, pos2, vec2};
use gainfield::ops::Numerics;

use crate::command::Command;
use crate::icons;
use crate::theme::{Text, metrics, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Severity};

pub fn show(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let t = tokens(ui);
    let line = ui.max_rect();
    ui.painter().rect_filled(line, 0, t.base);
    let inner = line.shrink2(vec2(metrics::INSET, 0.0));
    let builder =
        egui::UiBuilder::new().max_rect(inner).id_salt("right").layout(Layout::right_to_left(Align::Center));
    let right = ui.scope_builder(builder, |ui| {
        ui.spacing_mut().item_spacing.x = 16.0;
        ui.label(Text::Small.rich(concat!("v", env!("CARGO_PKG_VERSION")), t.text2));
        if let Some(bytes) = view.memory {
            ui.label(Text::Small.rich(format!("Memory {} MB", bytes / 1_000_000), t.text2));
        }
        if let Some(ms) = view.paint_ms {
            ui.label(Text::Small.rich(format!("Paint {ms:.1} ms"), t.text2)).on_hover_text(
                "CPU time of one frame, from the start of its logic to the end of tessellation; median of 61",
            );
        }
        numerics(ui, view, out);
        message(ui, view, out);
        ui.min_rect().left()
    });
    let room = inner.with_max_x(right.inner - 16.0);
    let y = line.center().y;
    icons::UNIT.paint(ui.painter(), pos2(room.left() + 7.0, y), 14.0, t.text3);
    let text = view.hover.unwrap_or("");
    let shown = widgets::truncated(ui, text, Text::Small, room.width() - 20.0);
    let at = pos2(room.left() + 20.0, y);
    ui.painter().text(at, Align2::LEFT_CENTER, shown, Text::Small.font(), t.text2);
    let response = ui.interact(room, ui.scope_id().with("cursor"), Sense::hover());
    widgets::name(&response, Role::Status, &format!("Under the cursor: {text}"));
}

/// How the shown run was computed; a click computes it the other way.
fn numerics(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let Some(recording) = view.document.current_recording() else { return };
    let (now, t) = (recording.spec.numerics, tokens(ui));
    let other = if now == Numerics::Exact { Numerics::Fast } else { Numerics::Exact };
    let text = format!("Numerics {now}");
    let label = egui::Label::new(Text::Small.rich(text, t.text2)).sense(Sense::click());
    let response = ui.add(label).on_hover_text(format!("{}. Click for {other}.", now.definition()));
    if response.clicked() {
        out.push(Command::SetNumerics(other));
    }
}

fn message(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
    let t = tokens(ui);
    let (icon, color, text) = match view.messages.status() {
        Some((Severity::Info, text)) => (icons::OK, t.ok, text),
        Some((severity, text)) => (severity.icon(), severity.color(ui), text),
        None => {
            let link = egui::Label::new(Text::Small.rich("Log", t.text3)).sense(Sense::click());
            if ui.add(link).on_hover_text("All messages of this session").clicked() {
                out.push(Command::ShowLog(true));
            }
            return;
        }
    };
    let shown = widgets::truncated(ui, text, Text::Small, 460.0);
    let label = egui::Label::new(Text::Small.rich(shown, t.text2)).sense(Sense::click());
    if ui.add(label).on_hover_text("Open the log").clicked() {
        out.push(Command::ShowLog(true));
    }
    ui.spacing_mut().item_spacing.x = 6.0;
    ui.label(icon.rich(14.0, color));
}
