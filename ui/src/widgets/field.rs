//! Numeric fields and the slider row with unit and default mark.

use std::ops::RangeInclusive;

use egui::{
    Align2, Color32, CornerRadius, CursorIcon, Id, Key, Response, Role, Sense, Stroke, StrokeKind, TextEdit,
    Ui, WidgetInfo, pos2, vec2,
};

use super::expression::evaluate;
use super::{Ring, focus_ring};
use crate::theme::{Text, metrics, radius, tokens};

/// A number that can be set: what it is, in which unit, within which range, and its default.
#[derive(Clone, Debug)]
pub struct Number<'a> {
    pub label: &'a str,
    pub value: f64,
    pub default: Option<f64>,
    pub range: RangeInclusive<f64>,
    pub unit: &'a str,
    /// What one point of dragging changes; also the finest value shown.
    pub step: f64,
    /// The slider's rail is logarithmic.
    pub log: bool,
    /// Symbol, definition and source for the tooltip.
    pub definition: &'a str,
    pub source: &'a str,
    /// Shown but not to be changed now.
    pub locked: bool,
}

impl<'a> Number<'a> {
    pub fn new(label: &'a str, value: f64, range: RangeInclusive<f64>, step: f64) -> Self {
        Self {
            label,
            value,
            default: None,
            range,
            unit: "",
            step,
            log: false,
            definition: "",
            source: "",
            locked: false,
        }
    }

    pub fn default_value(mut self, default: f64) -> Self {
        self.default = Some(default);
        self
    }

    pub fn unit(mut self, unit: &'a str) -> Self {
        self.unit = unit;
        self
    }

    pub fn log(mut self) -> Self {
        self.log = true;
        self
    }

    pub fn help(mut self, definition: &'a str, source: &'a str) -> Self {
        self.definition = definition;
        self.source = source;
        self
    }

    pub fn locked(mut self, locked: bool) -> Self {
        self.locked = locked;
        self
    }

    fn changed(&self) -> bool {
        self.default.is_some_and(|default| (default - self.value).abs() > self.step * 1e-3)
    }

    /// The value as written: as many decimals as the step has.
    pub fn text(&self, value: f64) -> String {
        number_text(value, self.step)
    }

    fn tooltip(&self, ui: &mut Ui) {
        let t = tokens(ui);
        let title = if self.unit.is_empty() {
            self.label.to_owned()
        } else {
            format!("{} ({})", self.label, self.unit)
        };
        ui.label(Text::SmallStrong.rich(title, t.text));
        if !self.definition.is_empty() {
            ui.label(Text::Small.rich(self.definition, t.text2));
        }
        let mut facts = format!("{} to {}", self.text(*self.range.start()), self.text(*self.range.end()));
        if let Some(default) = self.default {
            facts += &format!(", default {}", self.text(default));
        }
        if self.log {
            facts += ", log scale";
        }
        if !self.source.is_empty() {
            facts += &format!(", {}", self.source);
        }
        ui.label(Text::Caption.rich(facts, t.text2));
    }
}

/// `value` with the decimals that `step` needs; very small steps in scientific notation.
pub fn number_text(value: f64, step: f64) -> String {
    let text = if step >= 1.0 {
        format!("{value:.0}")
    } else if step > 0.0 && step < 1e-4 {
        format!("{value:.1e}")
    } else {
        let decimals = (-step.log10()).ceil().clamp(0.0, 6.0) as usize;
        format!("{value:.decimals$}")
    };
    text.replace('-', "\u{2212}")
}

/// Reads what was typed into a field of `unit`.
pub fn parse_number(text: &str, unit: &str) -> Option<f64> {
    evaluate(text, unit)
}

#[derive(Clone, Debug, Default)]
struct Editing {
    text: String,
    /// Set when what was typed is out of range or no number; the field stays open until it is.
    wrong: bool,
    focus: bool,
}

/// A field of `width`: drag to change, click to type. Returns the new value.
///
/// What is typed out of range is refused in place: nothing is clamped silently.
pub fn number_field(ui: &mut Ui, number: &Number<'_>, width: f32) -> Option<f64> {
    let (rect, mut response) = ui.allocate_exact_size(vec2(width, metrics::FIELD), Sense::click_and_drag());
    let id = response.id;
    let state_id = id.with("editing");
    let editing: Option<Editing> = ui.data(|data| data.get_temp(state_id));
    let t = tokens(ui);
    let wrong = editing.as_ref().is_some_and(|e| e.wrong);
    let border = match (wrong, response.hovered() || response.has_focus() || editing.is_some()) {
        (true, _) => t.err,
        (false, true) => t.control,
        (false, false) => {
            if t.dark {
                t.line
            } else {
                t.line_strong
            }
        }
    };
    if !number.locked {
        ui.painter().rect(
            rect,
            CornerRadius::same(radius::FIELD),
            t.well,
            Stroke::new(1.0, border),
            StrokeKind::Inside,
        );
    }
    // In a narrow column the tooltip alone tells the unit.
    let width = |text: &str| {
        ui.painter().layout_no_wrap(text.to_owned(), Text::Small.font(), Color32::PLACEHOLDER).size().x
    };
    if width(&number.text(number.value)) + width(number.unit) + 18.0 <= rect.width() {
        let at = pos2(rect.right() - 8.0, rect.center().y);
        ui.painter().text(at, Align2::RIGHT_CENTER, number.unit, Text::Small.font(), t.text3);
    }
    let mut result = None;
    if let Some(editing) = editing {
        result = edit(ui, rect, state_id, editing, number);
        response.widget_info(|| spin_info(number));
    } else {
        let color = if number.locked { t.text2 } else { t.text };
        let at = pos2(rect.left() + 8.0, rect.center().y);
        ui.painter().text(at, Align2::LEFT_CENTER, number.text(number.value), Text::Small.font(), color);
        response.widget_info(|| spin_info(number));
        if number.locked {
            response.on_hover_ui(|ui| number.tooltip(ui));
            return None;
        }
        response = response.on_hover_cursor(CursorIcon::ResizeHorizontal);
        if response.dragged() {
            result = dragged(ui, id, number, response.drag_delta().x);
        }
        if response.drag_started() || response.drag_stopped() {
            ui.data_mut(|data| data.remove::<f64>(id.with("drag")));
        }
        let typed = response.has_focus() && ui.input(|i| i.key_pressed(Key::Enter) || i.key_pressed(Key::F2));
        if response.clicked() || typed {
            let editing = Editing { text: number.text(number.value), wrong: false, focus: true };
            ui.data_mut(|data| data.insert_temp(state_id, editing));
        }
        if response.has_focus() {
            result = result.or_else(|| stepped_by_keys(ui, number));
        }
    }
    focus_ring(ui, &response, rect, radius::FIELD, Ring::Outside);
    response.on_hover_ui(|ui| number.tooltip(ui));
    result.filter(|value| (value - number.value).abs() > f64::EPSILON)
}

fn spin_info(number: &Number<'_>) -> WidgetInfo {
    let mut info = WidgetInfo::labeled(Role::SpinButton, !number.locked, number.label);
    info.value = Some(number.value);
    info
}

fn stepped_by_keys(ui: &Ui, number: &Number<'_>) -> Option<f64> {
    let (up, down, shift) =
        ui.input(|i| (i.key_pressed(Key::ArrowUp), i.key_pressed(Key::ArrowDown), i.modifiers.shift));
    let sign = f64::from(u8::from(up)) - f64::from(u8::from(down));
    let step = number.step * if shift { 10.0 } else { 1.0 };
    (sign != 0.0).then(|| within(number, number.value + sign * step))
}

/// The value `points` further, in steps, from where the drag began.
fn dragged(ui: &Ui, id: Id, number: &Number<'_>, points: f32) -> Option<f64> {
    let drag_id = id.with("drag");
    let from: f64 = ui.data(|data| data.get_temp(drag_id)).unwrap_or(number.value);
    let scale = ui.input(|i| match (i.modifiers.shift, i.modifiers.ctrl) {
        (true, _) => 0.1,
        (_, true) => 10.0,
        _ => 1.0,
    });
    let exact =
        (from + f64::from(points) * number.step * scale).clamp(*number.range.start(), *number.range.end());
    ui.data_mut(|data| data.insert_temp(drag_id, exact));
    Some(within(number, exact))
}

fn within(number: &Number<'_>, value: f64) -> f64 {
    let rounded = (value / number.step).round() * number.step;
    rounded.clamp(*number.range.start(), *number.range.end())
}

fn edit(
    ui: &mut Ui,
    rect: egui::Rect,
    state_id: Id,
    mut editing: Editing,
    number: &Number<'_>,
) -> Option<f64> {
    let t = tokens(ui);
    let inner = rect.shrink2(vec2(8.0, 4.0)).with_max_x(rect.right() - 8.0);
    let edit = TextEdit::singleline(&mut editing.text)
        .id(state_id.with("text"))
        .font(Text::Small.font())
        .text_color(t.text)
        .frame(egui::Frame::NONE)
        .margin(egui::Margin::ZERO)
        .desired_width(inner.width());
    let response = ui.put(inner, edit);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::TextInput, true, format!("{} value", number.label));
        info.current_text_value = Some(editing.text.clone());
        info
    });
    if editing.focus {
        response.request_focus();
        if let Some(mut state) = egui::text_edit::TextEditState::load(ui.ctx(), response.id) {
            let all = egui::text::CCursorRange::two(
                egui::text::CCursor::new(0),
                egui::text::CCursor::new(editing.text.chars().count()),
            );
            state.cursor.set_char_range(Some(all));
            state.store(ui.ctx(), response.id);
        }
        editing.focus = false;
    }
    if ui.input(|i| i.key_pressed(Key::Escape)) {
        ui.data_mut(|data| data.remove::<Editing>(state_id));
        return None;
    }
    if response.changed() {
        editing.wrong = false;
    }
    if response.lost_focus() {
        match evaluate(&editing.text, number.unit).filter(|value| number.range.contains(value)) {
            Some(value) => {
                ui.data_mut(|data| data.remove::<Editing>(state_id));
                return Some(value);
            }
            None => editing.wrong = true,
        }
    }
    if editing.wrong {
        let text = format!(
            "{} to {} {}",
            number.text(*number.range.start()),
            number.text(*number.range.end()),
            number.unit
        );
        let at = pos2(rect.left(), rect.bottom() + 8.0);
        let painter = ui.ctx().layer_painter(ui.layer_id());
        painter.text(at, Align2::LEFT_CENTER, text.trim_end(), Text::Caption.font(), t.err);
    }
    ui.data_mut(|data| data.insert_temp(state_id, editing));
    None
}

/// Dot when changed, label, rail with the default marked, field. Returns the new value.
pub fn slider_row(ui: &mut Ui, number: &Number<'_>) -> Option<f64> {
    let t = tokens(ui);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), metrics::INSPECTOR_ROW), Sense::hover());
    let mut result = None;
    let center = row.center().y;
    let label_at =
        egui::Rect::from_min_max(pos2(row.left() + 16.0, row.top()), pos2(row.left() + 84.0, row.bottom()));
    if number.changed() && !number.locked {
        let dot = egui::Rect::from_center_size(pos2(row.left() + 8.0, center), vec2(16.0, 24.0));
        let name = format!("Reset {}", number.label);
        let response = ui.interact(dot, ui.scope_id().with(("reset", number.label)), Sense::click());
        ui.painter().circle_filled(dot.center(), 2.5, t.accent);
        super::name(&response, Role::Button, &name);
        let hint = format!("{name} to {}", number.default.map_or_else(String::new, |d| number.text(d)));
        if response.on_hover_text(hint).clicked() {
            result = number.default;
        }
    }
    let color = if number.changed() { t.text } else { t.text2 };
    super::row::paint_truncated(ui, label_at, number.label, Text::Small, color);
    let hover = ui.interact(label_at, ui.scope_id().with(("label", number.label)), Sense::hover());
    hover.on_hover_ui(|ui| number.tooltip(ui));

    let field_left = row.right() - 12.0 - 74.0;
    let rail = egui::Rect::from_min_max(
        pos2(label_at.right() + 8.0, center - 10.0),
        pos2(field_left - 12.0, center + 10.0),
    );
    if rail.width() >= 24.0 {
        result = rail_ui(ui, rail, number).or(result);
    }
    let field = egui::Rect::from_min_size(pos2(field_left, center - 12.0), vec2(74.0, 24.0));
    let builder = egui::UiBuilder::new().max_rect(field).id_salt(("field", number.label));
    let typed = super::placed(ui, builder, |ui| number_field(ui, number, 74.0));
    typed.or(result)
}

fn rail_ui(ui: &mut Ui, rail: egui::Rect, number: &Number<'_>) -> Option<f64> {
    let t = tokens(ui);
    let id = ui.scope_id().with(("rail", number.label));
    let sense = if number.locked { Sense::hover() } else { Sense::click_and_drag() };
    let response = ui.interact(rail, id, sense);
    let y = rail.center().y;
    let at = |value: f64| egui::lerp(rail.left()..=rail.right(), fraction(number, value));
    let track = egui::Rect::from_min_max(pos2(rail.left(), y - 2.0), pos2(rail.right(), y + 2.0));
    ui.painter().rect_filled(track, CornerRadius::same(radius::BAR), t.active);
    let thumb = at(number.value);
    ui.painter().rect_filled(track.with_max_x(thumb), CornerRadius::same(radius::BAR), t.accent);
    if let Some(default) = number.default {
        let x = at(default);
        ui.painter().line_segment([pos2(x, y - 5.0), pos2(x, y + 5.0)], Stroke::new(1.5, t.text3));
    }
    let ring = if response.hovered() || response.dragged() { t.text } else { t.accent };
    ui.painter().circle(pos2(thumb, y), 6.0, t.panel, Stroke::new(2.0, ring));
    focus_ring(ui, &response, rail, radius::FIELD, Ring::Outside);
    response.widget_info(|| WidgetInfo::slider(!number.locked, number.value, number.label));
    if response.double_clicked() {
        return number.default;
    }
    if response.has_focus() {
        let (left, right) = ui.input(|i| (i.key_pressed(Key::ArrowLeft), i.key_pressed(Key::ArrowRight)));
        if left != right {
            let sign = if right { 1.0 } else { -1.0 };
            return Some(within(number, number.value + sign * number.step));
        }
    }
    let pointer = response.interact_pointer_pos().filter(|_| response.dragged() || response.clicked())?;
    let scale = ui.input(|i| if i.modifiers.shift { 0.1 } else { 1.0 });
    let mut value = if scale < 1.0 {
        let now = at(number.value) + response.drag_delta().x * scale;
        value_at(number, (now - rail.left()) / rail.width())
    } else {
        value_at(number, (pointer.x - rail.left()) / rail.width())
    };
    if let Some(default) = number.default
        && (at(default) - at(value)).abs() < 4.0
        && scale >= 1.0
    {
        value = default;
    }
    Some(within(number, value))
}

fn fraction(number: &Number<'_>, value: f64) -> f32 {
    let (low, high) = (*number.range.start(), *number.range.end());
    let at = if number.log && low > 0.0 {
        (value.max(low) / low).ln() / (high / low).ln()
    } else {
        (value - low) / (high - low)
    };
    (at as f32).clamp(0.0, 1.0)
}

fn value_at(number: &Number<'_>, fraction: f32) -> f64 {
    let (low, high) = (*number.range.start(), *number.range.end());
    let at = f64::from(fraction.clamp(0.0, 1.0));
    if number.log && low > 0.0 { low * (high / low).powf(at) } else { low + at * (high - low) }
}

/// A named single-line text field.
pub fn text_field(ui: &mut Ui, label: &str, text: &mut String, width: f32) -> Response {
    let t = tokens(ui);
    let edit = TextEdit::singleline(text)
        .font(Text::Small.font())
        .text_color(t.text)
        .desired_width(width)
        .margin(egui::Margin::symmetric(8, 4));
    let response = ui.add(edit);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::TextInput, ui.is_enabled(), label);
        info.current_text_value = Some(text.clone());
        info
    });
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_rail_is_even_in_ratio() {
        let number = Number::new("lr", 1e-3, 1e-5..=1e-1, 1e-5).log();
        assert!((fraction(&number, 1e-3) - 0.5).abs() < 1e-6);
        assert!((value_at(&number, 0.25) - 1e-4).abs() < 1e-12);
    }

    #[test]
    fn decimals_follow_the_step() {
        assert_eq!(number_text(0.5, 0.01), "0.50");
        assert_eq!(number_text(-3.0, 1.0), "\u{2212}3");
        assert_eq!(number_text(3e-4, 1e-5), "3.0e\u{2212}4");
    }
}
