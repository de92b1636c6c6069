//! What the window says: empty states, errors in place, toasts.

use egui::{Align, Frame, Layout, Margin, Rect, Role, Stroke, Ui, pos2, vec2};

use super::{Button, name};
use crate::icons::{self, Icon};
use crate::theme::{Text, radius, tokens};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

impl Severity {
    pub fn icon(self) -> Icon {
        match self {
            Self::Info => icons::INFO,
            Self::Warning => icons::WARNING,
            Self::Error => icons::ERROR,
        }
    }

    pub fn color(self, ui: &Ui) -> egui::Color32 {
        let t = tokens(ui);
        match self {
            Self::Info => t.accent,
            Self::Warning => t.warn,
            Self::Error => t.err,
        }
    }
}

/// What would fill an empty view, and the button that does it.
#[derive(Clone, Copy, Debug)]
pub struct EmptyState<'a> {
    pub title: &'a str,
    pub sentence: &'a str,
    pub primary: Option<(&'a str, Icon)>,
    pub quiet: Option<&'a str>,
}

/// Which of an empty state's two buttons was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyAction {
    Primary,
    Quiet,
}

/// A centred block: title, one sentence, one primary button, one quiet link.
pub fn empty_state(ui: &mut Ui, state: &EmptyState<'_>) -> Option<EmptyAction> {
    let t = tokens(ui);
    let area = ui.available_rect_before_wrap();
    let width = 320.0_f32.min(area.width() - 16.0).max(80.0);
    let block = Rect::from_center_size(area.center(), vec2(width, 130.0));
    let builder =
        egui::UiBuilder::new().max_rect(block).layout(Layout::top_down(Align::Center)).id_salt(state.title);
    let mut action = None;
    ui.scope_builder(builder, |ui| {
        ui.label(Text::Title.rich(state.title, t.text));
        ui.label(Text::Body.rich(state.sentence, t.text2));
        ui.add_space(6.0);
        let Some((word, icon)) = state.primary else { return };
        if ui.add(Button::primary(word).icon(icon)).clicked() {
            action = Some(EmptyAction::Primary);
        }
        if let Some(word) = state.quiet
            && ui.add(Button::quiet(word)).clicked()
        {
            action = Some(EmptyAction::Quiet);
        }
    });
    ui.advance_cursor_after_rect(area);
    action
}

/// An error where it happened: a line at the left, icon, what happened, what to do.
pub fn error_block(ui: &mut Ui, message: &str) {
    let t = tokens(ui);
    let inner = Frame::NONE.inner_margin(Margin { left: 12, right: 8, top: 6, bottom: 6 }).show(ui, |ui| {
        ui.horizontal_top(|ui| {
            ui.label(icons::ERROR.rich(14.0, t.err));
            ui.add(egui::Label::new(Text::Small.rich(message, t.text)).wrap().selectable(true));
        });
    });
    let rect = inner.response.rect;
    ui.painter().vline(rect.left() + 2.0, rect.y_range(), Stroke::new(1.0, t.err));
}

/// A toast: something failed or needs an answer.
#[derive(Clone, Copy, Debug)]
pub struct Banner<'a> {
    pub severity: Severity,
    pub title: &'a str,
    pub detail: &'a str,
    pub action: Option<&'a str>,
}

/// What was pressed in a toast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BannerAction {
    Close,
    Act,
}

impl Banner<'_> {
    pub const WIDTH: f32 = 320.0;

    /// Draws the toast; its height follows the text.
    pub fn show(&self, ui: &mut Ui) -> Option<BannerAction> {
        let t = tokens(ui);
        let shadow = ui.visuals().popup_shadow;
        let mut action = None;
        let frame = Frame::NONE
            .fill(t.overlay)
            .stroke(Stroke::new(1.0, t.line_strong))
            .corner_radius(radius::POPUP)
            .shadow(shadow)
            .inner_margin(Margin::same(12));
        let inner = frame.show(ui, |ui| {
            ui.set_width(Self::WIDTH - 24.0);
            ui.horizontal_top(|ui| {
                ui.label(self.severity.icon().rich(18.0, self.severity.color(ui)));
                ui.vertical(|ui| {
                    ui.set_width(Self::WIDTH - 24.0 - 26.0 - 28.0);
                    ui.spacing_mut().item_spacing.y = 2.0;
                    ui.label(Text::SmallStrong.rich(self.title, t.text));
                    ui.add(egui::Label::new(Text::Caption.rich(self.detail, t.text2)).wrap());
                    if let Some(word) = self.action {
                        ui.add_space(4.0);
                        if ui.add(Button::new(word).small()).clicked() {
                            action = Some(BannerAction::Act);
                        }
                    }
                });
            });
            let corner = Rect::from_min_size(
                pos2(ui.min_rect().right() - 20.0, ui.min_rect().top() - 4.0),
                vec2(24.0, 24.0),
            );
            let builder = egui::UiBuilder::new().max_rect(corner);
            ui.scope_builder(builder, |ui| {
                let close = super::icon_button(ui, icons::CLOSE, "Close message", None, vec2(24.0, 24.0));
                if close.clicked() {
                    action = Some(BannerAction::Close);
                }
            });
        });
        name(&inner.response, Role::Alert, self.title);
        action
    }
}
