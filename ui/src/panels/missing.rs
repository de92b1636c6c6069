//! The dialog that asks for all that a checkpoint does not tell, at once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use egui::{Align2, Id, ScrollArea, Ui, Window, vec2};
use gainfield::provenance::quoted;
use gainfield::settings::{Field, MissingValue, Overrides, toml_value};
use serde_json::Value;

use crate::command::Command;
use crate::icons;
use crate::item::ItemId;
use crate::theme::{Text, tokens};
use crate::view::Out;
use crate::widgets::{self, Button, Number};

/// What is asked about one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// On screen.
    pub name: String,
    pub path: PathBuf,
    /// The model that the answers replace; `None` where none could be opened.
    pub replace: Option<ItemId>,
    pub values: Vec<MissingValue>,
    /// What was given before; it stays.
    pub given: Overrides,
    /// Why the file was not opened.
    pub why: Option<String>,
}

/// What was typed so far.
#[derive(Default)]
pub struct Form {
    /// The file it was typed for.
    path: Option<PathBuf>,
    edits: BTreeMap<String, String>,
}

const WIDTH: f32 = 520.0;
const CONTROL: f32 = 190.0;

impl Form {
    pub fn show(&mut self, ui: &Ui, asked: &Asked, out: &mut Out<'_>) {
        if self.path.as_ref() != Some(&asked.path) {
            *self = Self { path: Some(asked.path.clone()), edits: BTreeMap::new() };
        }
        let mut open = true;
        Window::new(format!("What {} does not say", asked.name))
            .id(Id::unique("missing values"))
            .open(&mut open)
            .collapsible(false)
            .resizable(false)
            .anchor(Align2::CENTER_CENTER, vec2(0.0, -20.0))
            .show(ui.ctx(), |ui| {
                ui.set_width(WIDTH);
                self.contents(ui, asked, out);
            });
        if !open {
            out.push(Command::CloseQuestions);
        }
    }

    fn contents(&mut self, ui: &mut Ui, asked: &Asked, out: &mut Out<'_>) {
        let t = tokens(ui);
        match &asked.why {
            Some(why) => widgets::error_block(ui, why),
            None => {
                let text = "Neither the file nor the weights say these values. The defaults are those of the source; \
                            give what the network was trained with where you know it.";
                ui.label(Text::Small.rich(text, t.text2));
            }
        }
        ui.add_space(6.0);
        let room = (ui.ctx().content_rect().height() - 320.0).clamp(120.0, 420.0);
        ScrollArea::vertical().id_salt("missing values").max_height(room).auto_shrink([false, true]).show(
            ui,
            |ui| {
                for missing in &asked.values {
                    self.row(ui, missing);
                }
            },
        );
        self.edits.retain(|key, text| {
            let missing = asked.values.iter().find(|missing| missing.field.key == key);
            missing.is_some_and(|missing| !text.trim().is_empty() && toml_value(text) != missing.value)
        });
        ui.add_space(6.0);
        let set =
            |(key, text): (&String, &String)| format!("--set {}", quoted(&format!("{key}={}", text.trim())));
        let sets = self.edits.iter().map(set).collect::<Vec<_>>().join(" ");
        if sets.is_empty() {
            ui.label(Text::Caption.rich("The same on the command line: --set key=value", t.text3));
        } else {
            ui.horizontal_wrapped(|ui| {
                ui.add(egui::Label::new(Text::Mono.rich(sets.as_str(), t.text2)).wrap().selectable(true));
                if ui.add(Button::quiet("Copy").icon(icons::COPY).small()).clicked() {
                    out.push(Command::CopyText(sets.clone()));
                }
            });
        }
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            let why = self.obstacle(asked);
            let open = Button::primary("Open with these values").disabled(why.as_deref());
            if ui.add(open).clicked() {
                let mut overrides = asked.given.clone();
                for (key, text) in &self.edits {
                    overrides.push(key.clone(), toml_value(text.trim()));
                }
                let (path, replace) = (asked.path.clone(), asked.replace);
                out.push(Command::OpenWith { path, overrides, replace });
                self.edits.clear();
            }
            let word = if asked.why.is_some() { "Do not open" } else { "Keep the defaults" };
            if ui.add(Button::quiet(word)).clicked() {
                out.push(Command::CloseQuestions);
            }
        });
    }

    /// Why the file cannot be opened with what is in the form.
    fn obstacle(&self, asked: &Asked) -> Option<String> {
        for missing in &asked.values {
            let field = &missing.field;
            match self.edits.get(field.key) {
                Some(text) => {
                    if let Err(err) = field.check(&toml_value(text.trim())) {
                        return Some(err.to_string());
                    }
                }
                None if missing.is_required => return Some(format!("Give {} first", field.key)),
                None => {}
            }
        }
        self.edits.is_empty().then(|| "Nothing differs from the defaults".to_owned())
    }

    fn row(&mut self, ui: &mut Ui, missing: &MissingValue) {
        let t = tokens(ui);
        let field = &missing.field;
        ui.horizontal(|ui| {
            let label = ui.label(Text::SmallStrong.rich(field.label, t.text));
            let rest = (WIDTH - CONTROL - 24.0 - label.rect.width()).max(8.0);
            let (gap, _) = ui.allocate_exact_size(vec2(rest, 24.0), egui::Sense::hover());
            ui.painter().text(gap.left_center(), Align2::LEFT_CENTER, field.key, Text::Mono.font(), t.text3);
            let shown = self.edits.get(field.key).cloned().unwrap_or_else(|| text_of(&missing.value));
            if let Some(text) = value_field(ui, field, &shown) {
                self.edits.insert(field.key.to_owned(), text);
            }
        });
        let mut facts = field.definition.to_owned();
        if let Some([min, max]) = field.range {
            facts += &format!(". Range {min} to {max} {}", field.unit);
        }
        let default = match missing.is_required {
            true => "Needed".to_owned(),
            false if missing.value.is_null() => "Default none".to_owned(),
            false => format!("Default {}", text_of(&missing.value)),
        };
        let color = if missing.is_required { t.warn } else { t.text3 };
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.label(Text::Caption.rich(format!("{}.", facts.trim_end()), t.text2));
            ui.label(Text::Caption.rich(format!("{default} ({})", field.source), color));
        });
        ui.add_space(8.0);
    }
}

/// A value as it is typed after `--set key=`; nothing for none.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The control that suits a setting; gives what was entered, as for `--set`.
pub(super) fn value_field(ui: &mut Ui, field: &Field, shown: &str) -> Option<String> {
    let value = toml_value(shown);
    if !field.choices.is_empty() {
        let chosen = field.choices.iter().position(|choice| *choice == shown).unwrap_or(usize::MAX);
        let picked = widgets::combo(ui, field.label, field.choices, chosen, CONTROL)?;
        return Some(field.choices[picked].to_owned());
    }
    match (&value, field.range) {
        (Value::Bool(on), _) => widgets::toggle(ui, *on, field.label).clicked().then(|| (!on).to_string()),
        (Value::Number(number), Some([min, max])) => {
            let whole = field.default.is_u64();
            let step = if whole { 1.0 } else { 0.01 };
            let number = Number::new(field.label, number.as_f64().unwrap_or(min), min..=max, step)
                .unit(field.unit)
                .help(field.definition, field.source);
            let new = widgets::number_field(ui, &number, CONTROL)?;
            Some(if whole { format!("{:.0}", new.round()) } else { new.to_string() })
        }
        _ => {
            let mut text = shown.to_owned();
            widgets::text_field(ui, field.label, &mut text, CONTROL - 16.0).changed().then_some(text)
        }
    }
}
