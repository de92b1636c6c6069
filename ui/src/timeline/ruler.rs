//! The ruler: labels or ticks per timestep, the playhead's flag, and scrubbing.

use egui::{Align2, CornerRadius, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use gainfield::dynamics::{Pass, TimeUnit};

use super::{Track, transport};
use crate::command::Command;
use crate::derived::time_text;
use crate::store::RunData;
use crate::theme::{Text, radius, tokens};
use crate::view::{Out, View};
use crate::widgets::{Ring, focus_ring};

/// `bottom`: how far down the pointer scrubs.
pub(super) fn show(
    ui: &mut Ui,
    view: &View<'_>,
    run: &RunData,
    track: &Track,
    bottom: f32,
    out: &mut Out<'_>,
) {
    let t = tokens(ui);
    let row = ui.max_rect();
    let unit = run.recording.time_unit;
    let y = row.center().y;
    let unit_at = pos2(row.left() + 168.0, y);
    ui.painter().text(unit_at, Align2::RIGHT_CENTER, unit.name(), Text::Small.font(), t.text3);
    let computed = run.recording.steps.last().map_or(0, |step| step.t + 1);
    match unit {
        TimeUnit::Ms { dt_ms } => milliseconds(ui, row, track, dt_ms, computed),
        _ => indices(ui, row, run, track, computed, view.clock.cursor()),
    }
    let cursor = view.clock.cursor();
    flag(ui, row, run, track, cursor);

    let hit = Rect::from_min_max(pos2(track.left, row.top()), pos2(track.right, bottom));
    let response = ui.interact(hit, ui.scope_id().with("scrub"), Sense::click_and_drag());
    if let Some(pointer) = response.interact_pointer_pos() {
        let step = track.step_at(pointer.x);
        if step != cursor && (response.dragged() || response.clicked()) {
            out.push(Command::Seek(step));
        }
    }
    focus_ring(ui, &response, row, 0, Ring::Inside);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Slider, true, "Playhead");
        info.value = Some((cursor + 1) as f64);
        info.current_text_value = Some(transport::time_words(run, cursor));
        info
    });
}

fn indices(ui: &Ui, row: Rect, run: &RunData, track: &Track, computed: usize, cursor: usize) {
    let t = tokens(ui);
    let longest = time_text(run.recording.time_unit, track.n.saturating_sub(1)).len();
    let every = track.label_every(10.0 + 8.0 * longest as f32);
    let read_out = |step: usize| run.recording.at(step).is_some_and(|s| s.pass == Pass::ReadOut);
    for step in 0..track.n {
        let last = read_out(step);
        if last {
            let x = track.edge(step);
            ui.painter().vline(x, row.y_range(), Stroke::new(1.0, t.line_strong));
        }
        let counted = every == 1 || (step + 1).is_multiple_of(every) || step == 0;
        let beside_last = every > 1 && !last && step + 1 + every > track.n && read_out(track.n - 1);
        if !counted && !last || step == cursor || beside_last {
            continue;
        }
        let color = if step < computed { t.text2 } else { t.text3 };
        let text = match (last, track.step() >= 52.0) {
            (true, true) => "read-out".to_owned(),
            (true, false) => "out".to_owned(),
            (false, _) => time_text(run.recording.time_unit, step),
        };
        let at = pos2(track.x(step), row.center().y);
        ui.painter().text(at, Align2::CENTER_CENTER, text, Text::Small.font(), color);
    }
}

/// Ticks every 10 ms, longer ones with a label every 50, thinned where they would touch.
fn milliseconds(ui: &Ui, row: Rect, track: &Track, dt_ms: f64, computed: usize) {
    let t = tokens(ui);
    let per_ms = f64::from(track.step()) / dt_ms;
    let end = track.n as f64 * dt_ms;
    let mut major = 50.0;
    while major * per_ms < 40.0 {
        major *= 2.0;
    }
    let minor = major / 5.0;
    let mut i = 0_u32;
    while f64::from(i) * minor <= end {
        let ms = f64::from(i) * minor;
        let x = track.left + (ms * per_ms) as f32;
        let is_major = i.is_multiple_of(5);
        let height = if is_major { 6.0 } else { 3.0 };
        let stroke = Stroke::new(1.0, t.line_strong);
        ui.painter().vline(x, (row.bottom() - height)..=row.bottom(), stroke);
        if is_major {
            let color = if ms / dt_ms <= computed as f64 { t.text2 } else { t.text3 };
            let at = pos2(x, row.center().y - 3.0);
            ui.painter().text(at, Align2::CENTER_CENTER, format!("{ms:.0}"), Text::Small.font(), color);
        }
        i += 1;
    }
}

fn flag(ui: &Ui, row: Rect, run: &RunData, track: &Track, cursor: usize) {
    let t = tokens(ui);
    let unit = run.recording.time_unit;
    let is_read_out = run.recording.at(cursor).is_some_and(|s| s.pass == Pass::ReadOut);
    let (text, width) = match unit {
        TimeUnit::Ms { .. } => (format!("{} ms", time_text(unit, cursor)), 50.0),
        _ if is_read_out => ("out".to_owned(), 30.0),
        _ => (time_text(unit, cursor), 26.0),
    };
    let center = pos2(track.x(cursor), row.center().y);
    let mut rect = Rect::from_center_size(center, vec2(width, 17.0));
    let beyond = (rect.right() - row.right() + 1.0).max(0.0);
    // Nor may it cover the unit in the column of names.
    let before = (track.left - rect.left()).max(0.0);
    rect = rect.translate(vec2(before - beyond, 0.0));
    ui.painter().rect_filled(rect, CornerRadius::same(radius::SPAN), t.playhead);
    ui.painter().vline(center.x, rect.bottom()..=row.bottom(), Stroke::new(1.5, t.playhead));
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, Text::CaptionStrong.font(), t.base);
}
