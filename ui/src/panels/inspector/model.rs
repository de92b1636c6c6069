//! The selected model: what it is, where every value of its configuration comes from, its report.

use std::collections::BTreeMap;

use egui::Ui;
use gainfield::dynamics::TimeUnit;
use gainfield::figure::number::significant;
use gainfield::model::Family;
use gainfield::settings::{Field, Source};

use super::variant::Editor;
use super::{buttons, fact, group, mono, note, title};
use crate::command::{Command, ExportFormat};
use crate::dock::ViewKind;
use crate::icons;
use crate::item::{Item, ItemId, ModelInfo};
use crate::probing::ProbeState;
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Button};

/// Values typed over the configuration but not yet applied.
#[derive(Default)]
pub(super) struct Form {
    item: Option<ItemId>,
    edits: BTreeMap<String, String>,
    variant: Editor,
}

impl Form {
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, item: &Item, info: &ModelInfo, out: &mut Out<'_>) {
        let t = tokens(ui);
        if self.item != Some(item.id) {
            *self = Self { item: Some(item.id), ..Self::default() };
        }
        title(ui, icons::MODEL, &item.name, t.text2, |_| {});
        let about = &info.about;
        fact(ui, "System", &format!("{}, {}", about.family.label(), about.variant), "");
        let parameters = gainfield::figure::number::count(info.parameters);
        fact(ui, "Parameters", &parameters, "Learnable numbers, without buffers");
        let [c, h, w] = info.input_shape;
        fact(ui, "Input", &format!("{c} × {h} × {w}"), "Channels, height, width");
        fact(ui, "Areas", &info.areas.len().to_string(), &area_names(info));
        if !info.tasks.is_empty() {
            fact(ui, "Tasks", &info.tasks.len().to_string(), &info.tasks.join(", "));
        }
        fact(ui, "Classes", &info.classes.len().to_string(), &first_names(&info.classes));
        let unit = match info.time_unit {
            TimeUnit::Ms { dt_ms } => format!("{dt_ms} ms per timestep"),
            unit => unit.name().to_owned(),
        };
        fact(ui, "Time", &unit, "The natural unit of its timestep");
        if let Some(path) = &about.origin.path {
            mono(ui, &path.display().to_string());
        }
        if let Some(sha256) = &about.origin.sha256 {
            mono(ui, &format!("SHA-256 {sha256}"));
        }
        report(ui, info);
        if about.family == Family::CounterHebb {
            updates(ui, view, item, info, out);
        }
        self.variant.show(ui, item, info, out);
        self.configuration(ui, item, info, out);
        let in_use = view.document.model == Some(item.id);
        buttons(ui, |ui| {
            let why = in_use.then_some("This model is in use");
            if ui.add(Button::new("Use").small().disabled(why)).clicked() {
                out.push(Command::UseModel(item.id));
            }
            let why = (!in_use || view.document.stimulus.is_none()).then_some("Use the model first");
            if ui.add(Button::new("Run").icon(icons::PLAY).small().disabled(why)).clicked() {
                out.push(Command::Run);
            }
            if info.made_by.is_some() && about.origin.path.is_none() {
                let save = Button::new("Save weights…").icon(icons::SAVE).small();
                if ui.add(save.tooltip("They are in memory only")).clicked() {
                    out.push(Command::SaveModel(item.id));
                }
            }
        });
        if let Some(command) = info.made_by.as_ref().filter(|_| about.origin.path.is_none()) {
            super::copy_command(ui, command, out);
        }
    }

    fn configuration(&mut self, ui: &mut Ui, item: &Item, info: &ModelInfo, out: &mut Out<'_>) {
        let t = tokens(ui);
        group(ui, "Configuration");
        let defaults: Vec<&str> = info.about.config.defaults().collect();
        if !defaults.is_empty() {
            let text = format!(
                "{} taken from the defaults, since neither file nor weights say: {}.",
                if defaults.len() == 1 { "One value is" } else { "These values are" },
                defaults.join(", ")
            );
            note(ui, &text);
            let has_file = info.about.origin.path.is_some();
            buttons(ui, |ui| {
                let tip = "All of them with their meaning, range and default, in one form";
                let why = (!has_file).then_some("This model does not come from a file");
                let answer = Button::new("Answer…").icon(icons::SLIDERS).small().tooltip(tip).disabled(why);
                if ui.add(answer).clicked() {
                    out.push(Command::AskMissing(item.id));
                }
            });
            ui.add_space(6.0);
        }
        for (key, entry) in info.about.config.iter() {
            let shown = match &entry.value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let source = match entry.source {
                Source::Default => "default",
                Source::Inferred => "inferred",
                Source::File => "file",
                Source::Given => "given",
            };
            let field = info.fields.iter().find(|field| field.key == key);
            let help = help_of(key, field, source);
            widgets::label_row(ui, key, &help, |ui| {
                let mut text = self.edits.get(key).cloned().unwrap_or_else(|| shown.clone());
                let color = if entry.source == Source::Default { t.warn } else { t.text3 };
                let width = (ui.available_width() - 58.0).max(40.0);
                let choices = field.map_or(&[][..], |field| field.choices);
                if choices.contains(&text.as_str()) {
                    let chosen = choices.iter().position(|choice| *choice == text).unwrap_or(0);
                    if let Some(picked) = widgets::combo(ui, key, choices, chosen, width - 16.0) {
                        self.edits.insert(key.to_owned(), choices[picked].to_owned());
                    }
                } else {
                    let field = widgets::text_field(ui, key, &mut text, width - 16.0);
                    if field.changed() {
                        self.edits.insert(key.to_owned(), text);
                    }
                    ui.add_space(-4.0);
                }
                ui.label(Text::Caption.rich(source, color));
            });
        }
        self.edits.retain(|key, text| {
            let entry = info.about.config.get(key);
            let old = entry
                .map(|entry| entry.value.as_str().map_or_else(|| entry.value.to_string(), str::to_owned));
            old.is_some_and(|old| old != *text)
        });
        if !self.edits.is_empty() {
            buttons(ui, |ui| {
                let open = Button::primary("Open with these values").small();
                if ui.add(open).clicked() {
                    let set = self.edits.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                    out.push(Command::Reopen { item: item.id, set });
                }
                if ui.add(Button::quiet("Reset").small()).clicked() {
                    self.edits.clear();
                }
            });
        }
    }
}

/// How the Counter-Hebb change of each bundle compares with the exact gradient.
fn updates(ui: &mut Ui, view: &View<'_>, item: &Item, info: &ModelInfo, out: &mut Out<'_>) {
    group(ui, "Counter-Hebb update");
    let measured = view.probing.agreement(info.identity);
    if let Some(ProbeState::Failed(why)) = measured.map(|measured| &measured.state) {
        widgets::error_block(ui, why);
    }
    let data = measured.and_then(|measured| measured.data.as_ref());
    if let Some(data) = data {
        for row in data.bundles.iter().chain([&data.whole]) {
            let (cosine, difference) = (significant(row.cosine, 4), significant(row.max_difference, 2));
            let help = format!(
                "Cosine of the two changes, and the largest modulus of their difference; the largest of the gradient \
                 is {}",
                significant(row.max_gradient, 2)
            );
            fact(ui, &row.bundle, &format!("cos {cosine}  Δ {difference}"), &help);
        }
    } else {
        note(
            ui,
            "The change that the error pass makes beside the exact gradient of one batch, bundle by bundle.",
        );
    }
    let is_running = matches!(measured.map(|m| &m.state), Some(ProbeState::Running { .. }));
    let in_use = view.document.model == Some(item.id);
    buttons(ui, |ui| {
        let why = match (is_running, in_use) {
            (true, _) => Some("The comparison is under way"),
            (_, false) => Some("Use the model first"),
            _ => None,
        };
        let word = if data.is_some() { "Compare again" } else { "Compare" };
        if ui.add(Button::new(word).icon(icons::PROBE).small().disabled(why)).clicked() {
            out.push(Command::CompareUpdates);
        }
        if data.is_some() && ui.add(Button::new("Export…").icon(icons::EXPORT).small()).clicked() {
            out.push(Command::Export(ViewKind::UpdateAgreement, ExportFormat::All));
        }
    });
    ui.add_space(4.0);
}

/// The first names of a long list.
fn first_names(names: &[String]) -> String {
    const SHOWN: usize = 40;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

fn area_names(info: &ModelInfo) -> String {
    let names: Vec<String> = info.areas.iter().map(|area| area.name.clone()).collect();
    first_names(&names)
}

/// What a key means, its range, and where its value comes from.
fn help_of(key: &str, field: Option<&Field>, source: &str) -> String {
    let Some(field) = field else { return format!("{key}, from {source}") };
    let range = field.range.map_or_else(String::new, |[min, max]| format!(" {min} to {max} {}", field.unit));
    format!(
        "{}. {}.{} Here from {source}; the source's is in {}.",
        field.label,
        field.definition,
        range.trim_end(),
        field.source
    )
}

/// Matched, missing, unexpected, of another shape; the names on hover.
fn report(ui: &mut Ui, info: &ModelInfo) {
    let t = tokens(ui);
    let report = &info.about.report;
    let mismatched: Vec<String> = report
        .mismatched
        .iter()
        .map(|m| format!("{} is {:?}, expected {:?}", m.name, m.found, m.expected))
        .collect();
    let clean = report.missing.is_empty() && report.unexpected.is_empty() && mismatched.is_empty();
    let mut text = format!("{} matched", report.matched);
    for (n, word) in [
        (report.missing.len(), "missing"),
        (report.unexpected.len(), "unexpected"),
        (mismatched.len(), "of another shape"),
    ] {
        if n > 0 {
            text += &format!(", {n} {word}");
        }
    }
    ui.horizontal(|ui| {
        ui.add_space(8.0);
        let (icon, color) = if clean { (icons::OK, t.ok) } else { (icons::WARNING, t.warn) };
        let chip = widgets::chip(ui, icon, &text, color);
        chip.on_hover_ui(|ui| {
            ui.label(Text::SmallStrong.rich("Tensors of the file", t.text));
            ui.label(Text::Small.rich(text.as_str(), t.text2));
            for (title, names) in [
                ("Missing", &report.missing),
                ("Unexpected", &report.unexpected),
                ("Of another shape", &mismatched),
            ] {
                if !names.is_empty() {
                    ui.label(Text::Small.rich(title, t.text));
                    for name in names.iter().take(12) {
                        ui.label(Text::Mono.rich(name.as_str(), t.text2));
                    }
                    if names.len() > 12 {
                        ui.label(Text::Caption.rich(format!("and {} more", names.len() - 12), t.text3));
                    }
                }
            }
        });
    });
}
