//! The selected stimulus: its kind, every setting, and which trial of it is shown.

use egui::{Align2, Sense, Ui, pos2, vec2};
use gainfield::dynamics::TimeUnit;
use gainfield::task::StimulusSpec;
use serde_json::{Map, Value};

use super::{buttons, fact, group, note, title};
use crate::command::Command;
use crate::icons;
use crate::item::{Item, ItemId, StimulusInfo};
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Button, Number};

/// What was typed and refused.
#[derive(Default)]
pub(super) struct Form {
    refused: Option<(ItemId, String)>,
}

impl Form {
    pub fn show(
        &mut self,
        ui: &mut Ui,
        view: &View<'_>,
        item: &Item,
        info: &StimulusInfo,
        out: &mut Out<'_>,
    ) {
        let t = tokens(ui);
        title(ui, icons::STIMULUS, &item.name, t.roles.stimulus, |_| {});
        if let Some(facts) = view.store.stimulus(info.identity()) {
            fact(ui, "Shown", &facts.caption, "What this trial shows");
        }
        let mut to = info.clone();
        kind(ui, &mut to);
        trial(ui, &mut to);
        group(ui, "Settings");
        let dt_ms = view.document.current_model().and_then(|model| match model.time_unit {
            TimeUnit::Ms { dt_ms } => Some(dt_ms),
            _ => None,
        });
        let mut refused = None;
        settings(ui, &mut to.spec, dt_ms, &mut refused);
        if let Some(message) = refused {
            self.refused = Some((item.id, message));
        } else if to != *info {
            self.refused = None;
            out.push(Command::SetStimulus { item: item.id, to: Box::new(to) });
        }
        if let Some((id, message)) = &self.refused
            && *id == item.id
        {
            ui.add_space(4.0);
            widgets::error_block(ui, message);
        }
        preparation(ui, view, info);
        buttons(ui, |ui| {
            let tip = "Another trial of the same stimulus";
            if ui.add(Button::new("Another").icon(icons::RANDOM).small().tooltip(tip)).clicked() {
                let to = StimulusInfo { trial: info.trial + 1, ..info.clone() };
                out.push(Command::SetStimulus { item: item.id, to: Box::new(to) });
            }
            let in_use = view.document.stimulus == Some(item.id);
            let why = in_use.then_some("This stimulus is in use");
            if ui.add(Button::new("Use").small().disabled(why)).clicked() {
                out.push(Command::UseStimulus(item.id));
            }
            let run = Button::new("Run").icon(icons::PLAY).small();
            let why = (!in_use || view.document.model.is_none()).then_some("Use it with a model first");
            if ui.add(run.disabled(why)).clicked() {
                out.push(Command::Run);
            }
        });
    }
}

/// What the form says of a setting besides its key.
struct Setting {
    label: Option<&'static str>,
    definition: &'static str,
    /// The values of a text that can only be one of these.
    choices: &'static [&'static str],
}

impl Setting {
    fn of(key: &str) -> Self {
        let plain = |label, definition| Self { label: Some(label), definition, choices: &[] };
        match key {
            "before" => plain("Onset after", "Blank timesteps before the first picture"),
            "shown" => plain("Each for", "How many timesteps each picture is shown; 0 holds a single one"),
            "after" => plain("Blank after", "Blank timesteps after the last picture: its offset"),
            "pictures" => {
                plain("Pictures", "Pictures of one trial, one after the other: they switch in the middle")
            }
            "fit" => Self {
                label: None,
                definition: "How a picture is brought to the input: as the model's source prepares pictures (auto), \
                             all of it on grey (pad), its middle (crop), or stretched",
                choices: &["auto", "pad", "crop", "stretch"],
            },
            "split" => {
                Self { label: None, definition: "Which part of the data", choices: &["train", "test"] }
            }
            _ => Self { label: None, definition: "", choices: &[] },
        }
    }
}

/// How the stimulus came to be what the model in use takes.
fn preparation(ui: &mut Ui, view: &View<'_>, info: &StimulusInfo) {
    group(ui, "How it was prepared");
    let Some(model) = view.document.current_model() else {
        note(ui, "That depends on the model; open one.");
        return;
    };
    let Some(steps) = view.store.preparation(model.identity, info.identity()) else {
        note(ui, "Run it to see how it is prepared for the model in use.");
        return;
    };
    let size = |[channels, height, width]: [usize; 3]| format!("{channels} × {height} × {width}");
    for (i, step) in steps.iter().enumerate() {
        note(ui, &format!("{}. {}", i + 1, step.text));
        let sizes = match step.from == step.to {
            true => size(step.to),
            false => format!("{} to {}", size(step.from), size(step.to)),
        };
        let t = tokens(ui);
        let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
        let at = pos2(row.left() + 28.0, row.center().y - 1.0);
        ui.painter().text(at, Align2::LEFT_CENTER, sizes, Text::Caption.font(), t.text2);
    }
}

fn kind(ui: &mut Ui, to: &mut StimulusInfo) {
    let kinds = StimulusSpec::kinds();
    let chosen = kinds.iter().position(|kind| *kind == to.spec.name()).unwrap_or(0);
    widgets::label_row(ui, "Kind", "What the stimulus is made of", |ui| {
        let width = ui.available_width() - 14.0;
        if let Some(picked) = widgets::combo(ui, "Kind of stimulus", &kinds, chosen, width)
            && let Ok(spec) = StimulusSpec::default_of(kinds[picked])
        {
            to.spec = StimulusSpec { data: to.spec.data.clone(), split: to.spec.split, ..spec };
        }
    });
}

fn trial(ui: &mut Ui, to: &mut StimulusInfo) {
    let number = Number::new("Trial", to.trial as f64, 0.0..=1e6, 1.0)
        .help("A stimulus is a family of trials; each depends on its number and the seed alone", "");
    if let Some(value) = row(ui, &number) {
        to.trial = value.round() as usize;
    }
    let number = Number::new("Seed", to.seed as f64, 0.0..=1e9, 1.0)
        .help("Where all random choices of the stimulus come from", "");
    if let Some(value) = row(ui, &number) {
        to.seed = value.round() as u64;
    }
}

fn row(ui: &mut Ui, number: &Number<'_>) -> Option<f64> {
    let help = number.definition.to_owned();
    widgets::label_row(ui, number.label, &help, |ui| {
        let width = ui.available_width() - 12.0;
        widgets::number_field(ui, number, width)
    })
}

/// A field for every setting of the kind, by the type of its default.
fn settings(ui: &mut Ui, spec: &mut StimulusSpec, dt_ms: Option<f64>, refused: &mut Option<String>) {
    let Ok(Value::Object(current)) = serde_json::to_value(&*spec) else { return };
    let defaults = StimulusSpec::default_of(spec.name()).ok().and_then(|d| serde_json::to_value(d).ok());
    let defaults = defaults.and_then(|d| d.as_object().cloned()).unwrap_or_default();
    let mut keys: Vec<String> = current.keys().chain(defaults.keys()).cloned().collect();
    keys.dedup();
    let mut seen = std::collections::BTreeSet::new();
    keys.retain(|key| key != "kind" && seen.insert(key.clone()));
    let mut changed: Option<(String, Value)> = None;
    for key in &keys {
        let value = current.get(key).or_else(|| defaults.get(key));
        let Some(value) = value else { continue };
        if let Some(new) = setting(ui, key, value, defaults.get(key), dt_ms) {
            changed = Some((key.clone(), new));
        }
    }
    if let Some((key, value)) = changed {
        let mut table: Map<String, Value> = current;
        table.insert(key, value);
        match StimulusSpec::from_table(&table) {
            Ok(new) => *spec = new,
            Err(err) => *refused = Some(err.to_string()),
        }
    }
}

fn setting(
    ui: &mut Ui,
    key: &str,
    value: &Value,
    default: Option<&Value>,
    dt_ms: Option<f64>,
) -> Option<Value> {
    let Setting { label, definition, choices } = Setting::of(key);
    let label = label.map_or_else(|| key.replace('_', " "), str::to_owned);
    match value {
        Value::Bool(on) => widgets::label_row(ui, &label, definition, |ui| {
            widgets::toggle(ui, *on, &label).clicked().then_some(Value::Bool(!on))
        }),
        Value::Number(number) => {
            let whole = number.is_u64();
            let shown = number.as_f64().unwrap_or(0.0);
            let (range, step) = if whole { (0.0..=1e6, 1.0) } else { (-1e4..=1e4, 0.01) };
            let unit = if definition.contains("timesteps") { "steps" } else { "" };
            let definition = match dt_ms.filter(|_| !unit.is_empty()) {
                Some(dt_ms) => format!("{definition}; {shown} of {dt_ms} ms are {} ms", shown * dt_ms),
                None => definition.to_owned(),
            };
            let mut field = Number::new(&label, shown, range, step).unit(unit).help(&definition, "");
            field.default = default.and_then(Value::as_f64);
            let new = row(ui, &field)?;
            Some(if whole { Value::from(new.round() as u64) } else { Value::from(new) })
        }
        Value::String(text) if choices.contains(&text.as_str()) => {
            let chosen = choices.iter().position(|choice| *choice == text.as_str()).unwrap_or(0);
            widgets::label_row(ui, &label, definition, |ui| {
                let width = ui.available_width() - 14.0;
                let picked = widgets::combo(ui, &label, choices, chosen, width)?;
                Some(Value::from(choices[picked]))
            })
        }
        Value::String(text) => {
            let id = ui.scope_id().with(("setting", key));
            let mut typed: String = ui.data(|data| data.get_temp(id)).unwrap_or_else(|| text.clone());
            widgets::label_row(ui, &label, text, |ui| {
                let width = ui.available_width() - 28.0;
                let field = widgets::text_field(ui, &label, &mut typed, width);
                if field.changed() {
                    ui.data_mut(|data| data.insert_temp(id, typed.clone()));
                }
                if !field.lost_focus() {
                    return None;
                }
                ui.data_mut(|data| data.remove::<String>(id));
                (typed != *text).then(|| Value::String(typed))
            })
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
