//! Log: every message of the session, newest last.

use egui::{Label, ScrollArea, Ui};

use crate::theme::{Text, tokens};
use crate::view::View;
use crate::widgets::Severity;

pub fn show(ui: &mut Ui, view: &View<'_>) {
    let t = tokens(ui);
    let entries = view.messages.log();
    let area = ScrollArea::vertical().stick_to_bottom(true).auto_shrink(false);
    area.show_rows(ui, 18.0, entries.len(), |ui, range| {
        ui.spacing_mut().item_spacing.y = 2.0;
        for entry in &entries[range] {
            ui.horizontal(|ui| {
                ui.add_space(10.0);
                let time = format!("{:02}:{:04.1}", (entry.at / 60.0) as u64, entry.at % 60.0);
                ui.label(Text::Mono.rich(time, t.text3));
                let color = if entry.severity == Severity::Info { t.text2 } else { entry.severity.color(ui) };
                ui.label(entry.severity.icon().rich(12.0, color));
                let text = Text::Small.rich(entry.text.as_str(), t.text);
                ui.add(Label::new(text).truncate().selectable(true)).on_hover_text(&entry.text);
            });
        }
    });
}
