//! The interventions lane: spans that can be dragged, resized, switched and removed.

use egui::{
    Align2, CornerRadius, CursorIcon, Rect, Response, Role, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2,
};
use gainfield::dynamics::Intervention;

use super::{Track, lane_header, transport};
use crate::command::Command;
use crate::interventions::{describe, icon};
use crate::store::RunData;
use crate::theme::{Text, radius, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Ring, focus_ring};

/// Painted and sensed width of the handles at both ends.
const HANDLE: f32 = 4.0;
const HANDLE_HIT: f32 = 10.0;
const ROW: f32 = 24.0;

/// Which part of a span is dragged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    From,
    To,
    Whole,
}

/// A span under the pointer's button.
#[derive(Clone, Copy, Debug)]
pub struct Drag {
    index: usize,
    part: Part,
    /// Timestep edge where the drag began, and the span then.
    grabbed: usize,
    from: usize,
    to: usize,
}

/// Height of the lane of a run of `n` timesteps.
pub(super) fn height(view: &View<'_>, n: usize) -> f32 {
    let list = view.document.current_recording().map_or(&[][..], |info| &info.spec.interventions);
    ROW * stacked(list, n).into_iter().max().map_or(1.0, |last| (last + 1) as f32)
}

/// Draws the lane with one row per layer of overlapping spans.
pub(super) fn interventions(
    ui: &mut Ui,
    view: &View<'_>,
    run: &RunData,
    track: &Track,
    drag: &mut Option<Drag>,
    out: &mut Out<'_>,
) {
    let t = tokens(ui);
    let Some(recording) = view.document.current_recording() else { return };
    let list = &recording.spec.interventions;
    let rows = stacked(list, track.n);
    let n_rows = rows.iter().max().map_or(1, |last| last + 1);
    let height = ROW * n_rows as f32;
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let active = list.iter().filter(|intervention| intervention.enabled).count();
    let note = if list.is_empty() { "none".to_owned() } else { format!("{active} active") };
    lane_header(ui, row, t.roles.intervention, "Interventions", &note);
    for (index, (intervention, layer)) in list.iter().zip(rows).enumerate() {
        let top = row.top() + ROW * layer as f32;
        let rect = Rect::from_min_max(
            pos2(track.edge(intervention.from.min(track.n)), top + 3.0),
            pos2(track.edge(end_of(intervention, track.n)) - 1.0, top + ROW - 3.0),
        );
        span(ui, view, index, intervention, rect, track, drag, out);
    }
    if ui.input(|i| i.pointer.any_released()) {
        *drag = None;
    }
    let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|p| row.contains(*p) && p.x >= track.left);
    if let Some(pointer) = pointer
        && out.hover.is_none()
        && list.is_empty()
    {
        let step = track.step_at(pointer.x);
        out.say(format!(
            "no intervention, {}; L silences the selected units",
            transport::time_words(run, step)
        ));
    }
}

fn end_of(intervention: &Intervention, n: usize) -> usize {
    intervention.to.unwrap_or(n).clamp(intervention.from.min(n), n)
}

/// The row of each span: the first in which it overlaps nothing.
fn stacked(list: &[Intervention], n: usize) -> Vec<usize> {
    let mut ends: Vec<Vec<(usize, usize)>> = Vec::new();
    list.iter()
        .map(|intervention| {
            let (from, to) = (intervention.from, end_of(intervention, n));
            let free = |taken: &Vec<(usize, usize)>| taken.iter().all(|&(a, b)| to <= a || b <= from);
            let layer = ends.iter().position(free).unwrap_or_else(|| {
                ends.push(Vec::new());
                ends.len() - 1
            });
            ends[layer].push((from, to));
            layer
        })
        .collect()
}

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
fn span(
    ui: &mut Ui,
    view: &View<'_>,
    index: usize,
    intervention: &Intervention,
    rect: Rect,
    track: &Track,
    drag: &mut Option<Drag>,
    out: &mut Out<'_>,
) {
    let id = ui.scope_id().with(("intervention", index));
    let text = describe(intervention);
    let body = ui.interact(rect, id, Sense::click_and_drag());
    let edge = |x: f32| Rect::from_center_size(pos2(x, rect.center().y), vec2(HANDLE_HIT, rect.height()));
    let from = ui.interact(edge(rect.left() + 2.0), id.with("from"), Sense::drag());
    let to = ui.interact(edge(rect.right() - 2.0), id.with("to"), Sense::drag());
    let selected = view.document.intervention == Some(index);
    paint(ui, rect, intervention, &text, selected, body.hovered() || from.hovered() || to.hovered());
    widgets::name_selected(&body, Role::ListItem, selected, &format!("Intervention: {text}"));
    widgets::name(&from, Role::Slider, &format!("Start of {text}"));
    widgets::name(&to, Role::Slider, &format!("End of {text}"));
    focus_ring(ui, &body, rect, radius::SPAN, Ring::Outside);
    if body.clicked() {
        out.push(Command::SelectIntervention(Some(index)));
    }
    if body.hovered() || from.hovered() || to.hovered() {
        let last = end_of(intervention, track.n);
        out.say(format!("{text}, timesteps {} to {last}", intervention.from + 1));
    }
    for (response, part) in [(&from, Part::From), (&to, Part::To), (&body, Part::Whole)] {
        dragged(response, part, index, intervention, track, drag, out);
    }
    from.on_hover_and_drag_cursor(CursorIcon::ResizeHorizontal);
    to.on_hover_and_drag_cursor(CursorIcon::ResizeHorizontal);
    let delete = body.has_focus() && ui.input(|i| i.key_pressed(egui::Key::Delete));
    if delete {
        out.push(Command::RemoveIntervention(index));
    }
    body.context_menu(|ui| {
        let t = tokens(ui);
        let word = if intervention.enabled { "Switch off" } else { "Switch on" };
        if ui.button(Text::Small.rich(word, t.text)).clicked() {
            let to = Intervention { enabled: !intervention.enabled, ..intervention.clone() };
            out.push(Command::EditIntervention { index, to });
            ui.close();
        }
        if ui.button(Text::Small.rich("Remove", t.err)).clicked() {
            out.push(Command::RemoveIntervention(index));
            ui.close();
        }
    });
}

fn dragged(
    response: &Response,
    part: Part,
    index: usize,
    intervention: &Intervention,
    track: &Track,
    drag: &mut Option<Drag>,
    out: &mut Out<'_>,
) {
    let Some(pointer) = response.interact_pointer_pos() else { return };
    if response.drag_started() {
        let (from, to) = (intervention.from, end_of(intervention, track.n));
        *drag = Some(Drag { index, part, grabbed: track.edge_at(pointer.x), from, to });
    }
    let Some(drag) = drag.filter(|drag| drag.index == index && drag.part == part) else { return };
    if !response.dragged() {
        return;
    }
    let moved = track.edge_at(pointer.x) as isize - drag.grabbed as isize;
    let shifted = |t: usize| t.saturating_add_signed(moved);
    let (from, to) = match part {
        Part::From => (shifted(drag.from).min(drag.to.saturating_sub(1)), drag.to),
        Part::To => (drag.from, shifted(drag.to).clamp(drag.from + 1, track.n)),
        Part::Whole => {
            let length = drag.to - drag.from;
            let from = shifted(drag.from).min(track.n - length);
            (from, from + length)
        }
    };
    let open_ended = intervention.to.is_none() && to == track.n;
    let to = if open_ended { None } else { Some(to) };
    if (from, to) != (intervention.from, intervention.to) {
        let to = Intervention { from, to, ..intervention.clone() };
        out.push(Command::EditIntervention { index, to });
    }
}

fn paint(ui: &Ui, rect: Rect, intervention: &Intervention, text: &str, selected: bool, hovered: bool) {
    let t = tokens(ui);
    let role = t.roles.intervention;
    let painter = ui.painter();
    let rounding = CornerRadius::same(radius::SPAN);
    if intervention.enabled {
        let strength = if hovered || selected { 0.32 } else { 0.22 };
        painter.rect_filled(rect, rounding, role.gamma_multiply(strength));
        let stroke = Stroke::new(if selected { 1.5 } else { 1.0 }, role);
        painter.rect_stroke(rect, rounding, stroke, StrokeKind::Inside);
    } else {
        let outline =
            [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
        painter.extend(Shape::dashed_line(&outline, Stroke::new(1.0, role), 4.0, 3.0));
    }
    for x in [rect.left(), rect.right() - HANDLE] {
        let handle = Rect::from_min_size(pos2(x, rect.top()), vec2(HANDLE, rect.height()));
        painter.rect_filled(handle, CornerRadius::same(radius::BAR), role);
    }
    let mut x = rect.left() + 10.0;
    if rect.width() > 40.0 {
        icon(intervention).paint(painter, pos2(x + 5.0, rect.center().y), 12.0, t.text);
        x += 15.0;
    }
    let room = rect.right() - HANDLE - 4.0 - x;
    if room > 14.0 {
        let shown = widgets::truncated(ui, text, Text::Caption, room);
        painter.text(pos2(x, rect.center().y), Align2::LEFT_CENTER, shown, Text::Caption.font(), t.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gainfield::dynamics::{Action, Units};

    #[test]
    fn overlapping_spans_go_to_further_rows() {
        let span = |from, to| Intervention::new("a", Units::all(), Action::Silence, from, to);
        let list = [span(0, Some(5)), span(4, Some(8)), span(5, None), span(8, Some(9))];
        assert_eq!(stacked(&list, 10), [0, 1, 0, 1]);
    }
}
