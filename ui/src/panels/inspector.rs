//! Inspector: every parameter of what is selected, with unit, range, default and definition.

mod intervention;
mod many_stimuli;
mod model;
mod probe;
mod recording;
mod stimulus;
mod training;
mod variant;

pub use variant::call as call_variant_editor;

use egui::{Rect, ScrollArea, Sense, Ui, pos2, vec2};

use crate::command::Layout;
use crate::icons::Icon;
use crate::item::Content;
use crate::theme::{Text, metrics, tokens};
use crate::view::{Out, View};
use crate::widgets;

/// State of the forms that only the screen knows.
#[derive(Default)]
pub struct Inspector {
    stimulus: stimulus::Form,
    model: model::Form,
    training: training::Form,
}

impl Inspector {
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let selected = view.document.selected.and_then(|id| view.document.get(id));
        let is_run = selected.is_some_and(|item| matches!(item.content, Content::Training(_)));
        if is_run || view.layout() == Layout::Train {
            let run = selected.map(|item| item.id).filter(|_| is_run).or(view.document.training);
            ScrollArea::vertical().id_salt("training form").auto_shrink([false, true]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                self.training.show(ui, view, run, out);
                ui.add_space(12.0);
            });
            return;
        }
        let Some(item) = selected else { return };
        ScrollArea::vertical().id_salt("inspector").auto_shrink([false, true]).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.add_space(2.0);
            match &item.content {
                Content::Model(info) => self.model.show(ui, view, item, info, out),
                Content::Stimulus(info) => self.stimulus.show(ui, view, item, info, out),
                Content::Recording(info) => recording::show(ui, view, item, info, out),
                Content::Probe(info) => probe::show(ui, view, item, info, out),
                Content::Training(_) => {
                    title(ui, item.content.icon(), &item.name, tokens(ui).text2, |_| {});
                }
                Content::Figure(figure) => {
                    title(ui, item.content.icon(), &item.name, tokens(ui).text2, |_| {});
                    if let Some(summary) = &figure.summary {
                        note(ui, summary);
                        ui.add_space(6.0);
                    }
                    if let Some(folder) = figure.files.first().and_then(|file| file.parent()) {
                        mono(ui, &folder.display().to_string());
                    }
                    for file in &figure.files {
                        fact(ui, &file.file_name().unwrap_or_default().to_string_lossy(), "", "");
                    }
                    ui.add_space(6.0);
                    copy_command(ui, &figure.command, out);
                }
            }
            ui.add_space(12.0);
        });
    }
}

/// Icon, name, and at the right whatever `right` shows.
pub(super) fn title(ui: &mut Ui, icon: Icon, name: &str, color: egui::Color32, right: impl FnOnce(&mut Ui)) {
    let t = tokens(ui);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), Sense::hover());
    icon.paint(ui.painter(), pos2(row.left() + 17.0, row.center().y), 16.0, color);
    let right_at =
        Rect::from_min_max(pos2(row.center().x, row.top()), pos2(row.right() - 12.0, row.bottom()));
    let builder =
        egui::UiBuilder::new().max_rect(right_at).layout(egui::Layout::right_to_left(egui::Align::Center));
    let left = widgets::placed(ui, builder, |ui| {
        right(ui);
        ui.min_rect().left()
    })
    .min(row.right() - 12.0);
    let room = left - 8.0 - (row.left() + 30.0);
    let shown = widgets::truncated(ui, name, Text::Strong, room);
    let at = pos2(row.left() + 30.0, row.center().y);
    ui.painter().text(at, egui::Align2::LEFT_CENTER, shown, Text::Strong.font(), t.text);
}

/// A fact: label at the left, value at the right.
pub(super) fn fact(ui: &mut Ui, label: &str, value: &str, help: &str) {
    let t = tokens(ui);
    let (row, response) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::hover());
    let y = row.center().y;
    let at = pos2(row.left() + 16.0, y);
    let name = ui.painter().text(at, egui::Align2::LEFT_CENTER, label, Text::Small.font(), t.text2);
    let room = row.right() - 12.0 - name.right() - 10.0;
    let shown = widgets::truncated(ui, value, Text::Small, room);
    let at = pos2(row.right() - 12.0, y);
    ui.painter().text(at, egui::Align2::RIGHT_CENTER, shown, Text::Small.font(), t.text);
    response.on_hover_ui(|ui| {
        ui.label(Text::SmallStrong.rich(format!("{label}: {value}"), t.text));
        if !help.is_empty() {
            ui.label(Text::Small.rich(help, t.text2));
        }
    });
}

/// A line of the path-like kind, cut in the middle, whole on hover.
pub(super) fn mono(ui: &mut Ui, text: &str) {
    let t = tokens(ui);
    let (row, response) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
    let shown = widgets::truncated(ui, text, Text::Mono, row.width() - 28.0);
    let at = pos2(row.left() + 16.0, row.center().y);
    ui.painter().text(at, egui::Align2::LEFT_CENTER, shown, Text::Mono.font(), t.text2);
    response.on_hover_text(text);
}

/// A paragraph of explanation.
pub(super) fn note(ui: &mut Ui, text: &str) {
    let t = tokens(ui);
    let width = ui.available_width() - 28.0;
    let galley = ui.painter().layout(text.to_owned(), Text::Caption.font(), t.text3, width);
    let (rect, response) = ui.allocate_exact_size(vec2(width + 28.0, galley.size().y), Sense::hover());
    widgets::name(&response, egui::Role::Paragraph, text);
    ui.painter().galley(pos2(rect.left() + 16.0, rect.top()), galley, t.text3);
}

/// A small heading between groups of rows.
pub(super) fn group(ui: &mut Ui, text: &str) {
    let t = tokens(ui);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), metrics::ROW + 4.0), Sense::hover());
    let at = pos2(row.left() + 16.0, row.center().y + 2.0);
    ui.painter().text(at, egui::Align2::LEFT_CENTER, text, Text::SmallMedium.font(), t.text2);
}

/// Buttons in a row, inset as the other rows.
pub(super) fn buttons<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        ui.add_space(16.0);
        contents(ui)
    })
    .inner
}

/// The button of the command behind an item, with the room that keeps what follows apart.
pub(super) fn copy_command(ui: &mut Ui, command: &str, out: &mut Out<'_>) {
    let button = widgets::Button::new("Copy as command").icon(crate::icons::COMMAND_LINE).small();
    buttons(ui, |ui| {
        if ui.add(button.tooltip(command)).clicked() {
            out.push(crate::command::Command::CopyText(command.to_owned()));
        }
    });
}
