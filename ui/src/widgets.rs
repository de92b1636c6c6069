//! The controls of design/look.md 7. Each has an accessible name and shows keyboard focus.

mod button;
mod choice;
mod expression;
mod field;
mod image;
mod message;
mod progress;
mod row;
mod table;

pub use button::{Button, Kind, icon_button, key_cap, key_cap_width};
pub use choice::{checkbox, chip, combo, segmented, toggle};
pub use field::{Number, number_field, number_text, parse_number, slider_row, text_field};
pub use image::{color_bar, hatch};
pub use message::{Banner, BannerAction, EmptyAction, EmptyState, Severity, empty_state, error_block};
pub use progress::bar;
pub use row::{header, label_row, open_section, section, truncated};
pub use table::{Column, Table, TableEvent};

use egui::{
    Context, CornerRadius, Id, Key, Rect, Response, Role, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo,
};

use crate::theme::tokens;

/// Shows `contents` where `builder` says, without moving the cursor of `ui`.
pub fn placed<R>(ui: &mut Ui, builder: UiBuilder, contents: impl FnOnce(&mut Ui) -> R) -> R {
    contents(&mut ui.new_child(builder))
}

/// Names `response` for assistive technology and tests.
pub fn name(response: &Response, role: Role, label: &str) {
    response.widget_info(|| WidgetInfo::labeled(role, response.enabled(), label));
}

/// Names `response` and says whether it is the chosen one.
pub fn name_selected(response: &Response, role: Role, selected: bool, label: &str) {
    response.widget_info(|| WidgetInfo::selected(role, response.enabled(), selected, label));
}

fn keyboard_id() -> Id {
    Id::unique("gainfield.keyboard_used_last")
}

/// Notes whether the last input came from the keyboard; focus rings show only then.
pub fn watch_keyboard(ctx: &Context) {
    let (keys, pointer) = ctx.input(|input| {
        let moved =
            [Key::Tab, Key::ArrowLeft, Key::ArrowRight, Key::ArrowUp, Key::ArrowDown, Key::Enter, Key::Space];
        (moved.iter().any(|&key| input.key_pressed(key)), input.pointer.any_pressed())
    });
    if keys || pointer {
        ctx.data_mut(|data| data.insert_temp(keyboard_id(), keys));
    }
}

/// Whether rings of focus are to be drawn.
pub fn keyboard_used_last(ctx: &Context) -> bool {
    ctx.data(|data| data.get_temp(keyboard_id())).unwrap_or(false)
}

/// Where the ring of focus lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// 2 pt outside, for controls.
    Outside,
    /// On the edge, for rows, maps and plots.
    Inside,
}

/// Paints the ring of focus when `response` has it and the keyboard was used last.
pub fn focus_ring(ui: &Ui, response: &Response, rect: Rect, rounding: u8, ring: Ring) {
    if !response.has_focus() || !keyboard_used_last(ui.ctx()) {
        return;
    }
    let (rect, rounding) = match ring {
        Ring::Outside => (rect.expand(3.0), rounding.saturating_add(3)),
        Ring::Inside => (rect.shrink(1.0), rounding),
    };
    let stroke = Stroke::new(2.0, tokens(ui).focus);
    ui.painter().rect_stroke(rect, CornerRadius::same(rounding), stroke, StrokeKind::Middle);
}
