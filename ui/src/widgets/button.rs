//! Buttons: default, primary, quiet and destructive, with icon and key cap.

use egui::{
    Align2, Color32, CornerRadius, Galley, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2,
    Widget, pos2, vec2,
};
use std::sync::Arc;

use super::{Ring, focus_ring, name};
use crate::icons::Icon;
use crate::theme::{Text, Tokens, metrics, radius, tokens};

/// How much a button asks for attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Default,
    /// Filled; at most one per view.
    Primary,
    /// No ground.
    Quiet,
    /// Says in colour that something is lost.
    Danger,
}

/// A button with a word, and optionally an icon before and a key cap after it.
#[must_use]
pub struct Button<'a> {
    text: &'a str,
    icon: Option<(Icon, Option<Color32>)>,
    key: Option<&'a str>,
    kind: Kind,
    small: bool,
    disabled: Option<&'a str>,
    tooltip: Option<&'a str>,
    trailing: Option<Icon>,
    min_width: f32,
}

impl<'a> Button<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            icon: None,
            key: None,
            kind: Kind::Default,
            small: false,
            disabled: None,
            tooltip: None,
            trailing: None,
            min_width: 0.0,
        }
    }

    pub fn primary(text: &'a str) -> Self {
        Self { kind: Kind::Primary, ..Self::new(text) }
    }

    pub fn quiet(text: &'a str) -> Self {
        Self { kind: Kind::Quiet, ..Self::new(text) }
    }

    pub fn danger(text: &'a str) -> Self {
        Self { kind: Kind::Danger, ..Self::new(text) }
    }

    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some((icon, None));
        self
    }

    /// An icon in the colour of the role of what it acts on.
    pub fn role_icon(mut self, icon: Icon, color: Color32) -> Self {
        self.icon = Some((icon, Some(color)));
        self
    }

    /// An icon after the word, such as the caret of a menu.
    pub fn trailing(mut self, icon: Icon) -> Self {
        self.trailing = Some(icon);
        self
    }

    pub fn key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }

    pub fn small(mut self) -> Self {
        self.small = true;
        self
    }

    pub fn min_width(mut self, width: f32) -> Self {
        self.min_width = width;
        self
    }

    pub fn tooltip(mut self, text: &'a str) -> Self {
        self.tooltip = Some(text);
        self
    }

    /// Disabled when `reason` is given; the tooltip says it.
    pub fn disabled(mut self, reason: Option<&'a str>) -> Self {
        self.disabled = reason;
        self
    }

    fn measure(&self, ui: &Ui) -> (Arc<Galley>, Vec2) {
        let style = if self.kind == Kind::Primary { Text::Strong } else { Text::Body };
        let galley = ui.painter().layout_no_wrap(self.text.to_owned(), style.font(), Color32::PLACEHOLDER);
        let padding = if self.small { 8.0 } else { 10.0 };
        let mut width = galley.size().x + 2.0 * padding;
        width += if self.icon.is_some() { 14.0 + 6.0 } else { 0.0 };
        width += if self.trailing.is_some() { 12.0 + 6.0 } else { 0.0 };
        width += self.key.map_or(0.0, |key| key_cap_width(ui, key) + 8.0);
        let height = if self.small { metrics::BUTTON_SMALL } else { metrics::BUTTON };
        (galley, vec2(width.max(self.min_width).ceil(), height))
    }
}

impl Widget for Button<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let t = tokens(ui);
        let enabled = self.disabled.is_none() && ui.is_enabled();
        let (galley, size) = self.measure(ui);
        let sense = if enabled { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(size, sense);
        if ui.is_rect_visible(rect) {
            let look = Look::of(t, self.kind, enabled, &response);
            ui.painter().rect(
                rect,
                CornerRadius::same(radius::BUTTON),
                look.fill,
                Stroke::new(1.0, look.border),
                StrokeKind::Inside,
            );
            let padding = if self.small { 8.0 } else { 10.0 };
            let mut x = rect.left() + padding;
            if self.icon.is_none() && self.key.is_none() && self.trailing.is_none() {
                x = rect.center().x - galley.size().x / 2.0;
            }
            if let Some((icon, role)) = self.icon {
                let color = if enabled { role.unwrap_or(look.icon) } else { t.disabled };
                icon.paint(ui.painter(), pos2(x + 7.0, rect.center().y), 14.0, color);
                x += 20.0;
            }
            let top = rect.center().y - galley.size().y / 2.0;
            let width = galley.size().x;
            ui.painter().galley(pos2(x, top), galley, look.text);
            x += width;
            if let Some(icon) = self.trailing {
                icon.paint(ui.painter(), pos2(x + 12.0, rect.center().y), 12.0, look.icon);
                x += 18.0;
            }
            if let Some(key) = self.key {
                key_cap(ui, pos2(x + 8.0, rect.center().y), key, look.text, enabled);
            }
        }
        focus_ring(ui, &response, rect, radius::BUTTON, Ring::Outside);
        response.widget_info(|| egui::WidgetInfo::labeled(Role::Button, enabled, self.text));
        match (self.disabled, self.tooltip) {
            (Some(reason), _) => response.on_hover_text(reason),
            (None, Some(text)) => response.on_hover_text(text),
            (None, None) => response,
        }
    }
}

struct Look {
    fill: Color32,
    border: Color32,
    text: Color32,
    icon: Color32,
}

impl Look {
    fn of(t: &Tokens, kind: Kind, enabled: bool, response: &Response) -> Self {
        let pressed = response.is_pointer_button_down_on();
        let hovered = response.hovered();
        let border = if t.dark { t.line } else { t.line_strong };
        if !enabled {
            let quiet = kind == Kind::Quiet;
            return Self {
                fill: if quiet { Color32::TRANSPARENT } else { t.raised },
                border: if quiet { Color32::TRANSPARENT } else { t.line },
                text: t.disabled,
                icon: t.disabled,
            };
        }
        let ground = match (pressed, hovered) {
            (true, _) => t.active,
            (false, true) => t.hover,
            _ => t.raised,
        };
        match kind {
            Kind::Default => Self { fill: ground, border, text: t.text, icon: t.text },
            Kind::Danger => Self { fill: ground, border, text: t.err, icon: t.err },
            Kind::Quiet => Self {
                fill: if hovered { ground } else { Color32::TRANSPARENT },
                border: Color32::TRANSPARENT,
                text: if hovered { t.text } else { t.text2 },
                icon: t.text2,
            },
            Kind::Primary => {
                let fill = if hovered { t.fill.lerp_to_gamma(t.playhead, 0.08) } else { t.fill };
                Self { fill, border: fill, text: t.on_fill, icon: t.on_fill }
            }
        }
    }
}

/// An icon that stands alone: in the transport and in tab bars. `label` is its name and tooltip.
pub fn icon_button(ui: &mut Ui, icon: Icon, label: &str, key: Option<&str>, size: Vec2) -> Response {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    if ui.is_rect_visible(rect) {
        let hovered = response.hovered();
        if hovered {
            let fill = if response.is_pointer_button_down_on() { t.active } else { t.hover };
            ui.painter().rect_filled(rect, CornerRadius::same(radius::BUTTON), fill);
        }
        let color = match (ui.is_enabled(), hovered) {
            (false, _) => t.disabled,
            (true, true) => t.text,
            (true, false) => t.text2,
        };
        icon.paint(ui.painter(), rect.center(), 16.0, color);
    }
    focus_ring(ui, &response, rect, radius::BUTTON, Ring::Inside);
    name(&response, Role::Button, label);
    match key {
        Some(key) => response.on_hover_text(format!("{label} ({key})")),
        None => response.on_hover_text(label),
    }
}

/// The width that [`key_cap`] needs for `key`.
pub fn key_cap_width(ui: &Ui, key: &str) -> f32 {
    let galley = ui.painter().layout_no_wrap(key.to_owned(), Text::Key.font(), Color32::PLACEHOLDER);
    (galley.size().x + 10.0).max(16.0).ceil()
}

/// Paints a key cap whose left edge is at `left_center`; gives its rectangle.
pub fn key_cap(ui: &Ui, left_center: Pos2, key: &str, color: Color32, enabled: bool) -> Rect {
    let t = tokens(ui);
    let width = key_cap_width(ui, key);
    let rect = Rect::from_min_size(pos2(left_center.x, left_center.y - 8.0), vec2(width, 16.0));
    let border = if enabled { t.line_strong } else { t.line };
    ui.painter().rect(
        rect,
        CornerRadius::same(3),
        t.panel.gamma_multiply(0.6),
        Stroke::new(1.0, border),
        StrokeKind::Inside,
    );
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, key, Text::Key.font(), color);
    rect
}
