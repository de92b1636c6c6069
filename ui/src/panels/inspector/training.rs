//! The form of a training run: every setting of the reference with its default, meaning and source.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use egui::{Align2, Sense, Ui, pos2, vec2};
use gainfield::figure::number::count;
use gainfield::recipe::train::AnyRecipe;
use gainfield::settings::{Field, toml_value};
use serde_json::Value;

use super::{buttons, copy_command, note, title};
use crate::command::Command;
use crate::icons;
use crate::item::ItemId;
use crate::theme::{Text, metrics, tokens};
use crate::training::{Estimate, about as about_time, same};
use crate::view::{Out, View};
use crate::widgets::{self, Button, Number, number_field};

/// Where fields begin: clear of the longest name.
const FIELD_AT: f32 = 130.0;

/// Settings are left alone this long before a run with them is timed.
const SETTLED: Duration = Duration::from_millis(700);

/// State of the form that only the screen knows.
#[derive(Default)]
pub(super) struct Form {
    /// Text being typed into a field of words.
    text: Option<(String, String)>,
    /// Of the run that is named.
    fields: (String, Vec<Field>),
    /// Runs that can be started.
    names: Vec<String>,
    next: Option<Next>,
}

/// The next run as the form has it, and since when.
struct Next {
    name: String,
    settings: BTreeMap<String, Value>,
    recipe: Result<AnyRecipe, String>,
    since: Instant,
}

impl Form {
    /// The settings of `run`, or of the next run if there is none or it has ended.
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, run: Option<ItemId>, out: &mut Out<'_>) {
        let t = tokens(ui);
        if self.names.is_empty() {
            self.names = AnyRecipe::names();
        }
        let live = run.and_then(|id| view.training.get(id)).filter(|run| run.state.is_live());
        let kind = live.map_or_else(|| view.document.recipe_name.clone(), |run| run.recipe.name());
        if self.fields.0 != kind {
            let fields = AnyRecipe::fields_of(&kind).unwrap_or_default();
            self.fields = (kind.clone(), fields);
        }
        let values = live.map(|run| run.recipe.values());
        let name = live.map_or("Next run", |run| run.name.as_str());
        title(ui, icons::SLIDERS, name, t.text2, |ui| {
            if live.is_some() {
                widgets::chip(ui, icons::LOCK, "while running", t.text2);
            }
        });
        if live.is_none() {
            self.head(ui, view, &kind, out);
        }
        let own =
            live.and(run).and_then(|id| view.document.training_info(id)).map(|info| info.recipe.clone());
        let next = self.next.as_ref().and_then(|next| next.recipe.as_ref().ok()).map(command_of);
        if let Some(command) = own.or_else(|| next.filter(|_| live.is_none())) {
            copy_command(ui, &command, out);
        }
        let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0), Sense::hover());
        let at = pos2(row.right() - 12.0, row.bottom() - 7.0);
        ui.painter().text(at, Align2::RIGHT_CENTER, "default", Text::Caption.font(), t.text3);
        for index in 0..self.fields.1.len() {
            let field = self.fields.1[index].clone();
            let value = match &values {
                Some(values) => values[field.key].clone(),
                None => view.document.recipe.get(field.key).unwrap_or(&field.default).clone(),
            };
            self.row(ui, &field, &value, live.is_some(), out);
        }
    }

    /// Which run, how long, and its start: above the settings, so that it is never scrolled away.
    fn head(&mut self, ui: &mut Ui, view: &View<'_>, kind: &str, out: &mut Out<'_>) {
        let t = tokens(ui);
        let chosen = self.names.iter().position(|name| name == kind).unwrap_or(0);
        let width = (ui.available_width() - 32.0).max(80.0);
        ui.horizontal(|ui| {
            ui.add_space(16.0);
            if let Some(index) = widgets::combo(ui, "Training run", &self.names, chosen, width) {
                out.push(Command::SetRecipeName(self.names[index].clone()));
            }
        });
        let settings = &view.document.recipe;
        let look = AnyRecipe::first_look(kind);
        let is_look = !look.is_empty() && *settings == look;
        if !look.is_empty() {
            let chosen = match () {
                () if is_look => 0,
                () if settings.is_empty() => 1,
                () => usize::MAX,
            };
            ui.add_space(8.0);
            ui.horizontal(|ui| {
                ui.add_space(16.0);
                let options = ["First look", "Documented"];
                if let Some(index) = widgets::segmented(ui, "Length of the run", &options, chosen, true) {
                    out.push(Command::ResetRecipe { documented: index == 1 });
                }
            });
        }
        let is_same = |next: &Next| next.name == kind && next.settings == *settings;
        let next = match self.next.take().filter(is_same) {
            Some(next) => next,
            None => Next {
                name: kind.to_owned(),
                settings: settings.clone(),
                recipe: view.document.next_run().map_err(|err| err.to_string()),
                since: Instant::now(),
            },
        };
        ui.add_space(6.0);
        match &next.recipe {
            Ok(recipe) => {
                let estimate = view.training.pacer().of(recipe);
                note(ui, &length_words(recipe, &estimate));
                // A first look is light; of others nobody knows what an update takes, so they are asked for.
                if estimate == Estimate::Unknown && is_look && !view.training.is_any_live() {
                    match SETTLED.checked_sub(next.since.elapsed()) {
                        Some(left) => ui.ctx().request_repaint_after(left),
                        None => out.push(Command::TimeTraining),
                    }
                }
                buttons(ui, |ui| {
                    if ui.add(Button::primary("Start run").icon(icons::PLAY)).clicked() {
                        out.push(Command::StartTraining);
                    }
                    if matches!(estimate, Estimate::Unknown | Estimate::Failed(_)) && !is_look {
                        let info = Command::TimeTraining.info();
                        if ui.add(Button::new(info.label).tooltip(info.tooltip)).clicked() {
                            out.push(Command::TimeTraining);
                        }
                    }
                });
            }
            Err(why) => {
                let width = ui.available_width() - 28.0;
                ui.horizontal(|ui| {
                    ui.add_space(16.0);
                    ui.set_max_width(width);
                    ui.label(Text::Small.rich(why, t.err));
                });
            }
        }
        self.next = Some(next);
    }

    /// One setting. Words take the room of the default, which is then told on hover alone.
    fn row(&mut self, ui: &mut Ui, field: &Field, value: &Value, locked: bool, out: &mut Out<'_>) {
        let t = tokens(ui);
        let (row, _) =
            ui.allocate_exact_size(vec2(ui.available_width(), metrics::INSPECTOR_ROW), Sense::hover());
        let y = row.center().y;
        let changed = !same(value, &field.default);
        if changed {
            ui.painter().circle_filled(pos2(row.left() + 8.0, y), 2.5, t.accent);
        }
        let color = if changed { t.text } else { t.text2 };
        ui.painter().text(
            pos2(row.left() + 16.0, y),
            Align2::LEFT_CENTER,
            field.label,
            Text::Small.font(),
            color,
        );
        let default = match (field.default.as_f64(), field.range) {
            (Some(number), Some(_)) => widgets::number_text(number, step_of(field)),
            _ => plain(&field.default),
        };
        let label = row.with_max_x(row.left() + FIELD_AT - 4.0);
        let label = ui.interact(label, ui.scope_id().with(("about", field.key)), Sense::hover());
        label.on_hover_ui(|ui| about(ui, field, &default));
        let is_short = matches!(value, Value::Number(_) | Value::Bool(_));
        if is_short {
            let at = pos2(row.right() - 12.0, y);
            let shown = widgets::truncated(ui, &default, Text::Caption, 54.0);
            ui.painter().text(at, Align2::RIGHT_CENTER, shown, Text::Caption.font(), t.text3);
        }
        let right = row.right() - if is_short { 72.0 } else { 12.0 };
        let field_rect = egui::Rect::from_min_size(
            pos2(row.left() + FIELD_AT, y - metrics::FIELD / 2.0),
            vec2((right - row.left() - FIELD_AT).max(40.0), metrics::FIELD),
        );
        let mut set = None;
        ui.scope_builder(egui::UiBuilder::new().max_rect(field_rect).id_salt(field.key), |ui| {
            match (value, field.range) {
                (Value::Number(number), Some([min, max])) => {
                    let whole = field.default.is_u64();
                    let current = number.as_f64().unwrap_or_default();
                    let mut widget = Number::new(field.label, current, min..=max, step_of(field))
                        .default_value(field.default.as_f64().unwrap_or_default())
                        .unit(field.unit)
                        .help(field.definition, field.source)
                        .locked(locked);
                    if field.is_logarithmic {
                        widget = widget.log();
                    }
                    set = number_field(ui, &widget, field_rect.width()).map(|new| {
                        if whole { Value::from(new.round().max(0.0) as u64) } else { Value::from(new) }
                    });
                }
                (Value::Bool(on), _) => {
                    if widgets::toggle(ui, *on, field.label).clicked() && !locked {
                        set = Some(Value::Bool(!on));
                    }
                }
                (value, _) if locked => {
                    ui.allocate_rect(field_rect, Sense::hover());
                    let at = field_rect.left_center() + vec2(8.0, 0.0);
                    let shown = widgets::truncated(ui, &plain(value), Text::Small, field_rect.width());
                    ui.painter().text(at, Align2::LEFT_CENTER, shown, Text::Small.font(), t.text2);
                }
                (Value::String(text), _) if !field.choices.is_empty() => {
                    let chosen = field.choices.iter().position(|choice| choice == text).unwrap_or(0);
                    let picked = widgets::combo(ui, field.label, field.choices, chosen, field_rect.width());
                    set = picked.map(|index| Value::from(field.choices[index]));
                }
                (value, _) => {
                    let mut text = match &self.text {
                        Some((key, text)) if key == field.key => text.clone(),
                        _ => plain(value),
                    };
                    let response = widgets::text_field(ui, field.label, &mut text, field_rect.width());
                    if response.lost_focus() {
                        set = (!locked && text != plain(value)).then(|| typed(value, text.trim()));
                        self.text = None;
                    } else if response.changed() {
                        self.text = Some((field.key.to_owned(), text));
                    }
                }
            }
        });
        if let Some(value) = set {
            out.push(Command::SetRecipe { key: field.key.to_owned(), value });
        }
    }
}

/// What starts the next run without a window.
fn command_of(recipe: &AnyRecipe) -> String {
    recipe.command(&Path::new("runs").join(recipe.variant()))
}

/// `600 updates of 16 stimuli, about 3 min here`.
fn length_words(recipe: &AnyRecipe, estimate: &Estimate) -> String {
    let values = recipe.values();
    let batch = ["batch", "batch_size"].into_iter().find_map(|key| values[key].as_u64());
    let batch = batch.map_or_else(String::new, |n| format!(" of {} stimuli", count(n as usize)));
    let known = match estimate {
        Estimate::About { n_updates, .. } => Some(*n_updates),
        _ => recipe.n_updates(),
    };
    let updates = match known {
        Some(n) => format!("{} updates{batch}", count(n as usize)),
        None => format!("Updates{batch}, as many as the data make"),
    };
    match estimate {
        Estimate::Unknown => format!("{updates}; how long they take here is not known yet."),
        Estimate::Timing => format!("{updates}; timing the first few…"),
        Estimate::About { time, .. } => format!("{updates}: {} here, validations aside.", about_time(*time)),
        Estimate::Failed(why) => format!("{updates}. {why}"),
    }
}

/// What a setting means.
fn about(ui: &mut Ui, field: &Field, default: &str) {
    let t = tokens(ui);
    ui.label(Text::SmallStrong.rich(field.label, t.text));
    ui.label(Text::Small.rich(field.definition, t.text2));
    let range = field.range.map_or_else(String::new, |[min, max]| format!("Range {min} to {max}. "));
    let default = if default.is_empty() { "empty" } else { default };
    let words = format!("{range}Default {default}. Source: {}.", field.source);
    ui.label(Text::Caption.rich(words, t.text2));
}

/// What one step of a field changes: whole numbers by one, others by what their default shows.
fn step_of(field: &Field) -> f64 {
    let default = field.default.as_f64().unwrap_or_default();
    match () {
        () if field.default.is_u64() || default >= 100.0 => 1.0,
        () if field.is_logarithmic && default < 1e-2 => 1e-5,
        () => 0.01,
    }
}

/// What was typed in place of `old`: a list or table, as JSON or TOML, where that was one, else text.
fn typed(old: &Value, text: &str) -> Value {
    match old {
        Value::Array(_) | Value::Object(_) => {
            serde_json::from_str(text).unwrap_or_else(|_not_json| toml_value(text))
        }
        _ => Value::String(text.to_owned()),
    }
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
