//! Library: everything the session owns, by name.

use egui::{Align2, Color32, Key, Rect, Role, ScrollArea, Sense, Ui, pos2, vec2};

use crate::command::Command;
use crate::icons;
use crate::item::{Content, Group, Item, ItemId};
use crate::probing::ProbeState;
use crate::theme::{Text, metrics, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Ring, focus_ring};

/// State of the list that only the screen knows.
#[derive(Default)]
pub struct Library {
    search: Option<String>,
    /// The row being renamed, and the text so far.
    renaming: Option<(ItemId, String)>,
}

impl Library {
    /// Draws the list; gives the height that all of it would need.
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) -> f32 {
        let top = ui.next_widget_position().y;
        self.header(ui, out);
        let list = ui.next_widget_position().y - top;
        let filter = self.search.as_ref().map(|text| text.to_lowercase());
        let area = ScrollArea::vertical().id_salt("library").auto_shrink([false, true]);
        let shown = area.show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for group in Group::ALL {
                let matches =
                    |item: &Item| filter.as_ref().is_none_or(|text| item.name.to_lowercase().contains(text));
                let items: Vec<_> = view.document.group(group).filter(|item| matches(item)).collect();
                if filter.is_some() && items.is_empty() {
                    continue;
                }
                if widgets::section(ui, group.title(), Some(items.len()), open_at_first(group)) {
                    for item in items {
                        self.row(ui, view, item, out);
                    }
                }
            }
            ui.add_space(4.0);
        });
        list + shown.content_size.y
    }

    fn header(&mut self, ui: &mut Ui, out: &mut Out<'_>) {
        let t = tokens(ui);
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), metrics::TAB_BAR), Sense::hover());
        let at = pos2(rect.left() + 10.0, rect.center().y);
        ui.painter().text(at, Align2::LEFT_CENTER, "Library", Text::Strong.font(), t.text);
        let builder = egui::UiBuilder::new()
            .max_rect(rect.shrink2(vec2(6.0, 0.0)))
            .layout(egui::Layout::right_to_left(egui::Align::Center));
        widgets::placed(ui, builder, |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            if widgets::icon_button(ui, icons::ADD, "Open files", Some("Ctrl+O"), vec2(24.0, 24.0)).clicked()
            {
                out.push(Command::OpenFiles);
            }
            if widgets::icon_button(ui, icons::SEARCH, "Search the library", None, vec2(24.0, 24.0)).clicked()
            {
                self.search = if self.search.is_some() { None } else { Some(String::new()) };
            }
        });
        if let Some(text) = &mut self.search {
            ui.horizontal(|ui| {
                ui.add_space(12.0);
                let width = ui.available_width() - 28.0;
                let field = widgets::text_field(ui, "Search the library for", text, width);
                if text.is_empty() && !field.has_focus() {
                    field.request_focus();
                }
            });
        }
    }

    fn row(&mut self, ui: &mut Ui, view: &View<'_>, item: &Item, out: &mut Out<'_>) {
        let size = vec2(ui.available_width(), metrics::ROW);
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        if self.rename_field(ui, rect, item, out) {
            return;
        }
        let selected = view.document.selected == Some(item.id);
        let ground = Rect::from_min_max(rect.min + vec2(4.0, 0.0), rect.max - vec2(4.0, 0.0));
        paint_row(ui, view, item, rect, ground, response.hovered());
        focus_ring(ui, &response, ground, 4, Ring::Inside);
        let label = format!("{}: {}", item.content.group().title(), item.name);
        widgets::name_selected(&response, Role::ListItem, selected, &label);
        let (f2, delete) = ui.input(|i| (i.key_pressed(Key::F2), i.key_pressed(Key::Delete)));
        if response.clicked() {
            out.push(Command::Select(item.id));
        }
        if response.double_clicked() || response.has_focus() && f2 {
            self.renaming = Some((item.id, item.name.clone()));
        }
        if response.has_focus() && delete {
            out.push(Command::Delete(item.id));
        }
        response.context_menu(|ui| self.menu(ui, item, out));
    }

    /// The field in place of the row being renamed; whether this is that row.
    fn rename_field(&mut self, ui: &mut Ui, rect: Rect, item: &Item, out: &mut Out<'_>) -> bool {
        let Some((_, text)) = self.renaming.as_mut().filter(|(id, _)| *id == item.id) else { return false };
        let field = Rect::from_min_max(pos2(rect.left() + 44.0, rect.top()), rect.max - vec2(12.0, 0.0));
        let builder = egui::UiBuilder::new().max_rect(field);
        let width = field.width() - 16.0;
        let edit = widgets::placed(ui, builder, |ui| widgets::text_field(ui, "New name", text, width));
        let (enter, escape) = ui.input(|i| (i.key_pressed(Key::Enter), i.key_pressed(Key::Escape)));
        if enter {
            out.push(Command::Rename(item.id, text.clone()));
        }
        if enter || escape || edit.clicked_elsewhere() {
            self.renaming = None;
        } else {
            edit.request_focus();
        }
        true
    }

    fn menu(&mut self, ui: &mut Ui, item: &Item, out: &mut Out<'_>) {
        let t = tokens(ui);
        ui.set_min_width(160.0);
        let entry = |ui: &mut Ui, word: &str, color: Color32| {
            let clicked = ui.button(Text::Small.rich(word, color)).clicked();
            if clicked {
                ui.close();
            }
            clicked
        };
        if entry(ui, "Rename", t.text) {
            self.renaming = Some((item.id, item.name.clone()));
        }
        if entry(ui, "Duplicate", t.text) {
            out.push(Command::Duplicate(item.id));
        }
        if entry(ui, "Show provenance", t.text) {
            out.push(Command::ShowProvenance(Some(item.id)));
        }
        if entry(ui, "Delete", t.err) {
            out.push(Command::Delete(item.id));
        }
    }
}

fn paint_row(ui: &Ui, view: &View<'_>, item: &Item, rect: Rect, ground: Rect, hovered: bool) {
    let t = tokens(ui);
    let document = view.document;
    let selected = document.selected == Some(item.id);
    let in_use = [document.model, document.stimulus, document.recording].contains(&Some(item.id));
    if selected {
        ui.painter().rect_filled(ground, 4, t.sel);
    } else if hovered {
        ui.painter().rect_filled(ground, 4, t.hover);
    }
    let y = rect.center().y;
    if let Content::Training(_) = item.content {
        crate::views::run_sample(ui, view, item.id, pos2(rect.left() + 28.0, y));
    } else {
        let icon = item.content.icon();
        icon.paint(ui.painter(), pos2(rect.left() + 35.0, y), 14.0, role_color(ui, &item.content));
    }
    let note_color = if selected { t.text2 } else { t.text3 };
    let note_at = pos2(rect.right() - 12.0, y);
    let note = note(view, item);
    let note = ui.painter().text(note_at, Align2::RIGHT_CENTER, note, Text::Small.font(), note_color);
    let at = pos2(rect.left() + 48.0, y);
    let shown = widgets::truncated(ui, &item.name, Text::Small, note.left() - 8.0 - at.x);
    let color = if in_use || selected { t.text } else { t.text2 };
    ui.painter().text(at, Align2::LEFT_CENTER, shown, Text::Small.font(), color);
}

fn open_at_first(group: Group) -> bool {
    group != Group::Figures
}

fn role_color(ui: &Ui, content: &Content) -> Color32 {
    let t = tokens(ui);
    match content {
        Content::Stimulus(_) => t.roles.stimulus,
        Content::Recording(recording) if recording.parent.is_some() => t.roles.intervention,
        Content::Probe(_) => t.roles.recorded,
        _ => t.text2,
    }
}

/// Size, steps or state, at the right of a row.
fn note(view: &View<'_>, item: &Item) -> String {
    match &item.content {
        Content::Model(model) => parameters(model.parameters),
        Content::Stimulus(stimulus) => view
            .store
            .stimulus(stimulus.identity())
            .map_or_else(String::new, |facts| format!("{} fr", facts.frames)),
        Content::Recording(_) => {
            let run = view.document.run_key(item.id).and_then(|key| view.store.run(key));
            run.map_or_else(|| "–".to_owned(), |run| run.recording.n_timesteps.to_string())
        }
        Content::Probe(_) => match view.probing.get(item.id).map(|probe| &probe.state) {
            Some(ProbeState::Running { .. }) => "probing".to_owned(),
            Some(ProbeState::Failed(_)) => "stopped".to_owned(),
            Some(ProbeState::Done) | None => String::new(),
        },
        Content::Training(_) => {
            view.training.get(item.id).map_or_else(String::new, |run| run.state.word().to_owned())
        }
        Content::Figure(figure) => match figure.files.len() {
            1 => "1 file".to_owned(),
            n => format!("{n} files"),
        },
    }
}

/// "0.91 M", "61 k", "512".
pub fn parameters(n: usize) -> String {
    match n {
        100_000.. => format!("{:.2} M", n as f64 / 1e6),
        1_000.. => format!("{:.0} k", n as f64 / 1e3),
        _ => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::parameters;

    #[test]
    fn parameter_counts_are_short() {
        assert_eq!([parameters(910_412), parameters(61_000), parameters(12)], ["0.91 M", "61 k", "12"]);
    }
}
