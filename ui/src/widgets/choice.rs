//! Choices: segmented control, toggle, check box, combo box, chip.

use egui::{
    Align2, Color32, ComboBox, CornerRadius, Response, Role, Sense, Stroke, StrokeKind, Ui, pos2, vec2,
};

use super::{Ring, focus_ring, name, name_selected};
use crate::icons::{self, Icon};
use crate::theme::{Text, metrics, radius, tokens};

/// Two to four exclusive modes. Returns the index that was clicked, if it is another one.
pub fn segmented(ui: &mut Ui, group: &str, options: &[&str], chosen: usize, small: bool) -> Option<usize> {
    let t = tokens(ui);
    let height = if small { metrics::BUTTON_SMALL } else { metrics::BUTTON };
    let padding = if small { 8.0 } else { 12.0 };
    let style = if small { Text::Small } else { Text::Body };
    let strong = if small { Text::SmallStrong } else { Text::Strong };
    let widths: Vec<f32> = options
        .iter()
        .map(|option| {
            let galley =
                ui.painter().layout_no_wrap((*option).to_owned(), strong.font(), Color32::PLACEHOLDER);
            (galley.size().x + 2.0 * padding).ceil()
        })
        .collect();
    let total: f32 = widths.iter().sum::<f32>() + 4.0;
    let (outer, _) = ui.allocate_exact_size(vec2(total, height), Sense::hover());
    let ground = if t.dark { t.well } else { t.hover };
    ui.painter().rect(
        outer,
        CornerRadius::same(radius::SEGMENT),
        ground,
        Stroke::new(1.0, t.line),
        StrokeKind::Inside,
    );
    let mut clicked = None;
    let mut x = outer.left() + 2.0;
    for (i, (option, width)) in options.iter().zip(widths).enumerate() {
        let rect = egui::Rect::from_min_size(pos2(x, outer.top() + 2.0), vec2(width, height - 4.0));
        x += width;
        let response = ui.interact(rect, ui.scope_id().with((group, i)), Sense::click());
        let selected = i == chosen;
        if selected {
            let (fill, border) = if t.dark { (t.active, t.active) } else { (t.raised, t.line_strong) };
            ui.painter().rect(
                rect,
                CornerRadius::same(radius::FIELD),
                fill,
                Stroke::new(1.0, border),
                StrokeKind::Inside,
            );
        }
        let color = match (selected, response.hovered()) {
            (true, _) => t.text,
            (false, true) => t.text,
            (false, false) => t.text2,
        };
        let font = if selected { strong.font() } else { style.font() };
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, option, font, color);
        focus_ring(ui, &response, rect, radius::FIELD, Ring::Inside);
        name_selected(&response, Role::RadioButton, selected, &format!("{group}: {option}"));
        if response.clicked() && !selected {
            clicked = Some(i);
        }
    }
    clicked
}

/// On or off of a thing.
pub fn toggle(ui: &mut Ui, on: bool, label: &str) -> Response {
    let t = tokens(ui);
    let (hit, response) = ui.allocate_exact_size(vec2(28.0, 24.0), Sense::click());
    let rect = egui::Rect::from_center_size(hit.center(), vec2(28.0, 16.0));
    if ui.is_rect_visible(rect) {
        let at = ui.ctx().animate_bool(response.id, on);
        let (fill, border) = if on { (t.fill, t.fill) } else { (t.active, t.control) };
        ui.painter().rect(rect, CornerRadius::same(8), fill, Stroke::new(1.0, border), StrokeKind::Inside);
        let x = egui::lerp(rect.left() + 8.0..=rect.right() - 8.0, at);
        let thumb = if on || t.dark { t.on_fill } else { t.text2 };
        ui.painter().circle_filled(pos2(x, rect.center().y), 6.0, thumb);
    }
    focus_ring(ui, &response, rect, 8, Ring::Outside);
    name_selected(&response, Role::Switch, on, label);
    response
}

/// Membership in a set, with its label; `mark` is a swatch before the label.
pub fn checkbox(ui: &mut Ui, on: bool, label: &str, mark: Option<Color32>) -> Response {
    let t = tokens(ui);
    let color = if on { t.text } else { t.text2 };
    let galley = ui.painter().layout_no_wrap(label.to_owned(), Text::Small.font(), color);
    let swatch = if mark.is_some() { 22.0 } else { 0.0 };
    let size = vec2(14.0 + 6.0 + swatch + galley.size().x, 24.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    if ui.is_rect_visible(rect) {
        let square = egui::Rect::from_center_size(pos2(rect.left() + 7.0, rect.center().y), vec2(14.0, 14.0));
        let (fill, border) = match (on, response.hovered()) {
            (true, _) => (t.fill, t.fill),
            (false, true) => (t.hover, t.control),
            (false, false) => (Color32::TRANSPARENT, t.control),
        };
        ui.painter().rect(square, CornerRadius::same(3), fill, Stroke::new(1.0, border), StrokeKind::Inside);
        if on {
            icons::CHECK.paint(ui.painter(), square.center(), 11.0, t.on_fill);
        }
        if let Some(mark) = mark {
            let y = rect.center().y;
            ui.painter().line_segment(
                [pos2(square.right() + 6.0, y), pos2(square.right() + 20.0, y)],
                Stroke::new(2.0, mark),
            );
        }
        let top = rect.center().y - galley.size().y / 2.0;
        ui.painter().galley(pos2(square.right() + 6.0 + swatch, top), galley, color);
        focus_ring(ui, &response, square, 3, Ring::Outside);
    }
    name_selected(&response, Role::CheckBox, on, label);
    response
}

/// More than four exclusive values. Returns the index that was picked, if it is another one.
pub fn combo<S: AsRef<str>>(
    ui: &mut Ui,
    label: &str,
    options: &[S],
    chosen: usize,
    width: f32,
) -> Option<usize> {
    let mut picked = None;
    let shown = options.get(chosen).map_or("", AsRef::as_ref);
    let t = tokens(ui);
    let inner = ComboBox::from_id_salt(label)
        .selected_text(Text::Small.rich(shown, t.text))
        .width(width)
        .icon(|ui, rect, _, _| {
            icons::CARET_DOWN.paint(ui.painter(), rect.center(), 11.0, tokens(ui).text3);
        })
        .truncate()
        .show_ui(ui, |ui| {
            for (i, option) in options.iter().enumerate() {
                let text = Text::Small.rich(option.as_ref(), t.text);
                if ui.selectable_label(i == chosen, text).clicked() && i != chosen {
                    picked = Some(i);
                }
            }
        });
    inner.response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(Role::ComboBox, ui.is_enabled(), label);
        info.current_text_value = Some(shown.to_owned());
        info
    });
    picked
}

/// A small state with an icon and a word, in a pill.
pub fn chip(ui: &mut Ui, icon: Icon, text: &str, color: Color32) -> Response {
    let t = tokens(ui);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), Text::Caption.font(), color);
    let size = vec2(galley.size().x + 12.0 + 6.0 + 16.0, 20.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    if ui.is_rect_visible(rect) {
        ui.painter().rect(
            rect,
            CornerRadius::same(10),
            t.raised,
            Stroke::new(1.0, t.line),
            StrokeKind::Inside,
        );
        icon.paint(ui.painter(), pos2(rect.left() + 14.0, rect.center().y), 12.0, color);
        let top = rect.center().y - galley.size().y / 2.0;
        ui.painter().galley(pos2(rect.left() + 24.0, top), galley, color);
    }
    name(&response, Role::Status, text);
    response
}
