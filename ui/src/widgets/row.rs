//! Rows of lists and forms: label and value, section headers, text cut to fit.

use egui::{
    Align2, Color32, FontSelection, Id, Rect, Response, Role, Sense, TextWrapMode, Ui, WidgetText, pos2, vec2,
};

use super::{Ring, focus_ring, name_selected};
use crate::icons;
use crate::theme::{Text, metrics, tokens};

/// `text` cut in the middle to at most `width`, so that both ends of a name stay readable.
pub fn truncated(ui: &Ui, text: &str, style: Text, width: f32) -> String {
    let measure = |text: &str| {
        ui.painter().layout_no_wrap(text.to_owned(), style.font(), Color32::PLACEHOLDER).size().x
    };
    if measure(text) <= width {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let (mut low, mut high) = (0, chars.len());
    let cut = |keep: usize| {
        let head = keep.div_ceil(2);
        let tail = keep - head;
        let mut out: String = chars[..head].iter().collect();
        out.push('…');
        out.extend(&chars[chars.len() - tail..]);
        out
    };
    while low + 1 < high {
        let middle = usize::midpoint(low, high);
        if measure(&cut(middle)) <= width { low = middle } else { high = middle }
    }
    cut(low)
}

/// Paints `text` left-aligned and vertically centred in `rect`, cut if it does not fit.
pub(super) fn paint_truncated(ui: &Ui, rect: Rect, text: &str, style: Text, color: Color32) {
    let text = truncated(ui, text, style, rect.width());
    ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, text, style.font(), color);
}

/// A label and, beside it, what `control` shows; as tall as an inspector row.
pub fn label_row<R>(ui: &mut Ui, label: &str, help: &str, control: impl FnOnce(&mut Ui) -> R) -> R {
    let t = tokens(ui);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), metrics::INSPECTOR_ROW), Sense::hover());
    let at = Rect::from_min_max(pos2(row.left() + 16.0, row.top()), pos2(row.left() + 88.0, row.bottom()));
    paint_truncated(ui, at, label, Text::Small, t.text2);
    if !help.is_empty() {
        ui.interact(at, ui.scope_id().with(("help", label)), Sense::hover()).on_hover_text(help);
    }
    let control_at = Rect::from_min_max(
        pos2(at.right() + 4.0, row.center().y - 12.0),
        pos2(row.right(), row.center().y + 12.0),
    );
    let builder = egui::UiBuilder::new()
        .max_rect(control_at)
        .id_salt(("row", label))
        .layout(egui::Layout::left_to_right(egui::Align::Center));
    super::placed(ui, builder, control)
}

/// Opens the section of that heading.
pub fn open_section(ctx: &egui::Context, title: &str) {
    ctx.data_mut(|data| data.insert_persisted(Id::unique(("section", title)), true));
}

/// A heading that opens and closes what lies below it; returns whether it is open.
pub fn section(ui: &mut Ui, title: &str, count: Option<usize>, open_by_default: bool) -> bool {
    let t = tokens(ui);
    let id = Id::unique(("section", title));
    let mut open = ui.data_mut(|data| *data.get_persisted_mut_or(id, open_by_default));
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), metrics::ROW), Sense::click());
    if response.clicked() {
        open = !open;
        ui.data_mut(|data| data.insert_persisted(id, open));
    }
    if ui.is_rect_visible(rect) {
        if response.hovered() {
            ui.painter().rect_filled(rect, 0, t.hover);
        }
        let caret = if open { icons::CARET_DOWN } else { icons::CARET_RIGHT };
        caret.paint(ui.painter(), pos2(rect.left() + 17.0, rect.center().y), 11.0, t.text3);
        let at = pos2(rect.left() + 27.0, rect.center().y);
        ui.painter().text(at, Align2::LEFT_CENTER, title, Text::SmallMedium.font(), t.text2);
        if let Some(count) = count {
            let at = pos2(rect.right() - 12.0, rect.center().y);
            ui.painter().text(at, Align2::RIGHT_CENTER, count, Text::Small.font(), t.text3);
        }
    }
    focus_ring(ui, &response, rect, 0, Ring::Inside);
    name_selected(&response, Role::DisclosureTriangle, open, title);
    open
}

/// A panel's title in `Strong`, as tall as a tab bar.
pub fn header(ui: &mut Ui, title: &str) -> Response {
    let t = tokens(ui);
    let text = WidgetText::from(Text::Strong.rich(title, t.text)).into_galley(
        ui,
        Some(TextWrapMode::Truncate),
        ui.available_width(),
        FontSelection::Default,
    );
    let (rect, response) = ui.allocate_exact_size(vec2(text.size().x, metrics::TAB_BAR), Sense::hover());
    ui.painter().galley(pos2(rect.left(), rect.center().y - text.size().y / 2.0), text, t.text);
    super::name(&response, Role::Heading, title);
    response
}
