//! The mapping of tokens onto egui's style (design/look.md 4).

use egui::style::{HandleShape, ScrollStyle, Selection, WidgetVisuals};
use egui::{
    Color32, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, Style, TextStyle, Visuals, vec2,
};

use super::tokens::Tokens;
use super::{Text, radius};

pub(super) fn style(tokens: &Tokens) -> Style {
    let mut style = Style { visuals: visuals(tokens), animation_time: 0.12, ..Style::default() };
    style.text_styles = [
        (TextStyle::Small, Text::Caption.font()),
        (TextStyle::Body, Text::Body.font()),
        (TextStyle::Button, Text::Body.font()),
        (TextStyle::Heading, Text::Title.font()),
        (TextStyle::Monospace, FontId::new(12.0, FontFamily::Monospace)),
    ]
    .into();
    style.drag_value_text_style = TextStyle::Body;

    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(8.0, 6.0);
    spacing.button_padding = vec2(10.0, 5.0);
    spacing.window_margin = Margin::same(12);
    spacing.menu_margin = Margin::same(6);
    spacing.indent = 16.0;
    spacing.interact_size = vec2(28.0, 24.0);
    spacing.slider_width = 120.0;
    spacing.slider_rail_height = 4.0;
    spacing.icon_width = 14.0;
    spacing.icon_spacing = 6.0;
    spacing.tooltip_width = 320.0;
    spacing.combo_width = 120.0;
    spacing.scroll = ScrollStyle {
        floating: true,
        bar_width: 8.0,
        floating_width: 4.0,
        bar_inner_margin: 2.0,
        bar_outer_margin: 2.0,
        ..ScrollStyle::floating()
    };

    style.interaction.tooltip_delay = 0.4;
    style.interaction.tooltip_grace_time = 0.2;
    style.interaction.selectable_labels = false;
    style
}

fn visuals(t: &Tokens) -> Visuals {
    let base = if t.dark { Visuals::dark() } else { Visuals::light() };
    let shadow = Shadow { offset: [0, 6], blur: 20, spread: 0, color: t.shadow };
    let mut visuals = Visuals {
        panel_fill: t.panel,
        window_fill: t.overlay,
        extreme_bg_color: t.well,
        text_edit_bg_color: Some(t.well),
        faint_bg_color: t.raised.gamma_multiply(0.5),
        code_bg_color: t.well,
        window_stroke: Stroke::new(1.0, t.line_strong),
        window_corner_radius: CornerRadius::same(radius::POPUP),
        menu_corner_radius: CornerRadius::same(radius::POPUP),
        window_shadow: shadow,
        popup_shadow: shadow,
        hyperlink_color: t.accent,
        warn_fg_color: t.warn,
        error_fg_color: t.err,
        selection: Selection { bg_fill: t.sel, stroke: Stroke::new(1.5, t.accent) },
        striped: false,
        slider_trailing_fill: true,
        handle_shape: HandleShape::Circle,
        indent_has_left_vline: false,
        collapsing_header_frame: false,
        disabled_alpha: 0.5,
        weak_text_color: Some(t.text3),
        ..base
    };
    visuals.text_cursor.stroke = Stroke::new(1.5, t.accent);
    let border = if t.dark { t.line } else { t.line_strong };
    visuals.widgets.noninteractive = widget(t.panel, t.line, t.text2);
    visuals.widgets.inactive = widget(t.raised, border, t.text);
    visuals.widgets.hovered = widget(t.hover, t.line_strong, t.text);
    visuals.widgets.active = widget(t.active, t.line_strong, t.text);
    visuals.widgets.open = visuals.widgets.active;
    visuals
}

fn widget(fill: Color32, border: Color32, text: Color32) -> WidgetVisuals {
    WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, border),
        corner_radius: CornerRadius::same(radius::BUTTON),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    }
}
