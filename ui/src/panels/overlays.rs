//! What lies above the views: toasts, the list of keys, the log, dropped files.

use std::sync::Arc;

use egui::{Align2, Area, Id, Order, Role, ScrollArea, Ui, Window, pos2, vec2};

use crate::command::{self, Command};
use crate::dock::ViewKind;
use crate::item::{Content, ItemId};
use crate::panels::missing::{self, Asked};
use crate::theme::{Text, metrics, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Banner};
use crate::{icons, views};

/// Which windows are open above the views.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Open {
    pub keys: bool,
    pub log: bool,
    pub provenance: Option<ItemId>,
    /// What is asked about a checkpoint.
    pub missing: Option<Arc<Asked>>,
}

pub fn show(ui: &Ui, view: &View<'_>, open: &Open, form: &mut missing::Form, out: &mut Out<'_>) {
    toasts(ui, view, out);
    if open.keys {
        keys(ui, out);
    }
    if open.log {
        log(ui, view, out);
    }
    if let Some(item) = open.provenance {
        provenance(ui, view, item, out);
    }
    if let Some(asked) = &open.missing {
        form.show(ui, asked, out);
    }
    dropping(ui);
}

fn toasts(ui: &Ui, view: &View<'_>, out: &mut Out<'_>) {
    let mut bottom = metrics::STATUS + 12.0;
    for toast in view.messages.toasts().iter().rev() {
        let inner = Area::new(Id::unique(("toast", toast.id)))
            .order(Order::Foreground)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-12.0, -bottom))
            .show(ui.ctx(), |ui| {
                let banner = Banner {
                    severity: toast.severity,
                    title: &toast.title,
                    detail: &toast.detail,
                    action: toast.action.as_ref().map(|(word, _)| word.as_str()),
                };
                banner.show(ui)
            });
        bottom += inner.response.rect.height() + 8.0;
        match inner.inner {
            Some(widgets::BannerAction::Close) => out.push(Command::DismissToast(toast.id)),
            Some(widgets::BannerAction::Act) => {
                if let Some((_, command)) = &toast.action {
                    out.push(command.clone());
                }
                out.push(Command::DismissToast(toast.id));
            }
            None => {}
        }
    }
}

fn keys(ui: &Ui, out: &mut Out<'_>) {
    let mut open = true;
    Window::new("Keys")
        .open(&mut open)
        .collapsible(false)
        .resizable(false)
        .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
        .show(ui.ctx(), |ui| {
            egui::Grid::new("keys").num_columns(2).spacing(vec2(24.0, 4.0)).show(ui, |ui| {
                for command in command::keyed_commands(ViewKind::StimulusAttention) {
                    let info = command.info();
                    key_row(ui, &command.key_text(ui.ctx()), info.label, info.tooltip);
                }
                for (key, label) in
                    [("Shift+←/→", "Ten timesteps"), ("F2", "Rename"), ("Tab", "Next control")]
                {
                    key_row(ui, key, label, "");
                }
            });
        });
    if !open {
        out.push(Command::ShowKeys(false));
    }
}

fn key_row(ui: &mut Ui, key: &str, label: &str, tooltip: &str) {
    let t = tokens(ui);
    let width = widgets::key_cap_width(ui, key).max(110.0);
    let (rect, _) = ui.allocate_exact_size(vec2(width, 20.0), egui::Sense::hover());
    widgets::key_cap(ui, pos2(rect.left(), rect.center().y), key, t.text, true);
    let response = ui.label(Text::Small.rich(label, t.text));
    if !tooltip.is_empty() {
        response.on_hover_text(tooltip);
    }
    ui.end_row();
}

fn log(ui: &Ui, view: &View<'_>, out: &mut Out<'_>) {
    let mut open = true;
    Window::new("Log")
        .open(&mut open)
        .default_size(vec2(720.0, 360.0))
        .show(ui.ctx(), |ui| views::log(ui, view));
    if !open {
        out.push(Command::ShowLog(false));
    }
}

/// Where an item comes from, as text that can be copied.
fn provenance(ui: &Ui, view: &View<'_>, id: ItemId, out: &mut Out<'_>) {
    let mut open = true;
    let Some(item) = view.document.get(id) else {
        out.push(Command::ShowProvenance(None));
        return;
    };
    Window::new(format!("Provenance of {}", item.name))
        .id(Id::unique("provenance"))
        .open(&mut open)
        .collapsible(false)
        .default_size(vec2(560.0, 360.0))
        .show(ui.ctx(), |ui| {
            let t = tokens(ui);
            let text = provenance_text(view, id, &item.content);
            let height = ui.available_height() - 36.0;
            ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
                ui.add(egui::Label::new(Text::Mono.rich(text.as_str(), t.text2)).wrap().selectable(true));
            });
            ui.add_space(6.0);
            if ui.add(widgets::Button::new("Copy").icon(icons::COPY).small()).clicked() {
                out.push(Command::CopyText(text));
            }
        });
    if !open {
        out.push(Command::ShowProvenance(None));
    }
}

fn provenance_text(view: &View<'_>, id: ItemId, content: &Content) -> String {
    let value = match content {
        Content::Model(model) => serde_json::json!({
            "origin": model.about.origin,
            "family": model.about.family,
            "variant": model.about.variant,
            "parameters": model.parameters,
            "config": model.about.config,
            "tensors": model.about.report,
        }),
        Content::Stimulus(stimulus) => serde_json::json!({
            "stimulus": stimulus.spec,
            "as text": stimulus.spec.to_string(),
            "trial": stimulus.trial,
            "seed": stimulus.seed,
            "data": view.store.stimulus(stimulus.identity()).map(|facts| &facts.data),
        }),
        Content::Recording(recording) => {
            let name = |id| view.document.get(id).map(|item| item.name.clone());
            serde_json::json!({
                "model": name(recording.model),
                "model origin": view.document.model_info(recording.model).map(|m| m.about.origin.clone()),
                "stimulus": view.document.stimulus_info(recording.stimulus).map(|s| s.spec.to_string()),
                "branch of": recording.parent.and_then(|(id, _)| name(id)),
                "branched at": recording.parent.map(|(_, t)| t + 1),
                "run": recording.spec,
                "off protocol": view.document.run_key(id).and_then(|key| Some(&view.store.run(key)?.notes.departures)),
            })
        }
        Content::Probe(probe) => serde_json::json!(**probe),
        Content::Training(training) => serde_json::json!(**training),
        Content::Figure(figure) => serde_json::json!(**figure),
    };
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

/// Says that files held over the window can be let go.
fn dropping(ui: &Ui) {
    let hovering = ui.input(|i| i.raw.hovered_files.len());
    if hovering == 0 {
        return;
    }
    let t = tokens(ui);
    let painter = ui.ctx().layer_painter(egui::LayerId::new(Order::Foreground, Id::unique("drop")));
    let screen = ui.ctx().content_rect();
    painter.rect_filled(screen, 0, t.base.gamma_multiply(0.7));
    icons::ADD.paint(&painter, screen.center() - vec2(0.0, 24.0), 28.0, t.accent);
    let text = if hovering == 1 { "Drop to open" } else { "Drop to open all" };
    let at = screen.center() + vec2(0.0, 8.0);
    painter.text(at, Align2::CENTER_CENTER, text, Text::Title.font(), t.text);
    let response = ui.interact(screen, Id::unique("drop target"), egui::Sense::hover());
    widgets::name(&response, Role::Status, text);
}
