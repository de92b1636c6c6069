//! The selected intervention: target, units, value, span.

use egui::{Ui, vec2};
use gainfield::dynamics::{Action, Intervention, MapSource, Units};

use super::{buttons, note, title};
use crate::command::Command;
use crate::icons;
use crate::interventions::{KINDS, action_of, describe, icon, kind_of};
use crate::item::ModelInfo;
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Button, Number};

pub(super) fn show(
    ui: &mut Ui,
    view: &View<'_>,
    index: usize,
    intervention: &Intervention,
    model: &ModelInfo,
    out: &mut Out<'_>,
) {
    let t = tokens(ui);
    let n = view.run().map_or(1, |run| run.recording.n_timesteps).max(1);
    let mut to = intervention.clone();
    title(ui, icon(intervention), &describe(intervention), t.roles.intervention, |ui| {
        if widgets::toggle(ui, intervention.enabled, "Intervention on").clicked() {
            to.enabled = !to.enabled;
        }
    });
    if let Some(kind) = kind_of(&intervention.action) {
        target(ui, model, &mut to);
        kind_row(ui, kind, &mut to);
    }
    values(ui, model, &mut to);
    let unit = view.run().map_or("timesteps", |run| crate::timeline::plural(run.recording.time_unit, 2));
    span(ui, n, unit, &mut to);
    ui.add_space(4.0);
    note(ui, &effect(intervention));
    if to != *intervention {
        if to.action != intervention.action || to.area != intervention.area || to.units != intervention.units
        {
            to.name.clear();
        }
        out.push(Command::EditIntervention { index, to });
    }
    buttons(ui, |ui| {
        if ui.add(Button::quiet("Back").icon(icons::STEP_BACK).small()).clicked() {
            out.push(Command::SelectIntervention(None));
        }
        if ui.add(Button::danger("Remove").icon(icons::DELETE).small()).clicked() {
            out.push(Command::RemoveIntervention(index));
        }
    });
}

fn target(ui: &mut Ui, model: &ModelInfo, to: &mut Intervention) {
    let mut names: Vec<String> = model.areas.iter().map(|area| area.name.clone()).collect();
    if !names.contains(&to.area) {
        names.insert(0, to.area.clone());
    }
    let chosen = names.iter().position(|name| *name == to.area).unwrap_or(0);
    widgets::label_row(ui, "Target", "The area, or a pattern over names such as m*", |ui| {
        let width = ui.available_width() - 14.0;
        if let Some(picked) = widgets::combo(ui, "Target", &names, chosen, width) {
            to.area.clone_from(&names[picked]);
            to.units = Units::all();
        }
    });
    let id = ui.scope_id().with("units text");
    let current = to.units.to_string();
    let mut text: String = ui.data(|data| data.get_temp(id)).unwrap_or_else(|| current.clone());
    let parsed = text.parse::<Units>();
    let help = "all, channels (7 or 3-9), or units (7:16:17 is channel, row, column); comma between";
    widgets::label_row(ui, "Units", help, |ui| {
        let width = ui.available_width() - 28.0;
        let field = widgets::text_field(ui, "Units", &mut text, width);
        if field.changed() {
            ui.data_mut(|data| data.insert_temp(id, text.clone()));
        }
        if field.lost_focus() {
            let area = model.area(&to.area);
            if let Ok(units) = &parsed
                && area.is_none_or(|area| units.indices(area).is_ok())
            {
                to.units = units.clone();
            }
            ui.data_mut(|data| data.remove::<String>(id));
        }
    });
    if let Err(err) = parsed {
        ui.horizontal(|ui| {
            ui.add_space(16.0);
            ui.set_max_size(vec2(ui.available_width() - 12.0, 40.0));
            ui.label(Text::Caption.rich(err.to_string(), tokens(ui).err));
        });
    }
}

fn kind_row(ui: &mut Ui, kind: usize, to: &mut Intervention) {
    widgets::label_row(ui, "Does", "What happens to the activity of the target", |ui| {
        let width = ui.available_width() - 14.0;
        if let Some(picked) = widgets::combo(ui, "Does", &KINDS, kind, width) {
            to.action = action_of(picked);
        }
    });
}

fn values(ui: &mut Ui, model: &ModelInfo, to: &mut Intervention) {
    let set = |ui: &mut Ui, number: Number<'_>, value: &mut f64| {
        if let Some(new) = widgets::slider_row(ui, &number) {
            *value = new;
        }
    };
    match &mut to.action {
        Action::Silence => {}
        Action::Clamp { value } => {
            let number = Number::new("Held value", *value, -10.0..=10.0, 0.01)
                .default_value(0.0)
                .help("Activity has this value, after the nonlinearity", "");
            set(ui, number, value);
        }
        Action::Scale { factor } => {
            let number = Number::new("Factor", *factor, 0.0..=4.0, 0.01)
                .default_value(1.0)
                .unit("×")
                .help("Activity is multiplied by this, after the nonlinearity", "");
            set(ui, number, factor);
        }
        Action::Current { value } => {
            let number = Number::new("Current", *value, -10.0..=10.0, 0.01)
                .default_value(0.0)
                .unit("a.u.")
                .help("Added before the nonlinearity", "");
            set(ui, number, value);
        }
        Action::Noise { sd } => {
            let number = Number::new("Noise sd", *sd, 0.0..=5.0, 0.01)
                .default_value(0.1)
                .unit("a.u.")
                .help("Standard deviation of Gaussian noise, added before the nonlinearity", "");
            set(ui, number, sd);
        }
        Action::Replace { map: MapSource::Disc { row, col, radius, inside, outside } } => {
            for (label, value, range, help) in [
                ("Row", row, 0.0..=1.0, "Middle of the disc, as a fraction of the height"),
                ("Column", col, 0.0..=1.0, "Middle of the disc, as a fraction of the width"),
                ("Radius", radius, 0.01..=1.0, "As a fraction of the height"),
                ("Inside", inside, -2.0..=2.0, "Value of the map within the disc"),
                ("Outside", outside, -2.0..=2.0, "Value of the map elsewhere"),
            ] {
                let number = Number::new(label, *value, range, 0.01).help(help, "");
                set(ui, number, value);
            }
        }
        Action::Replace { map: MapSource::Values { values } } => {
            note(ui, &format!("A map of {} numbers.", values.len()));
        }
        Action::Set { control, value } => {
            let known = model.controls.iter().find(|known| known.name == *control);
            if let Some(known) = known
                && let Some(new) = super::recording::control_row(ui, known, *value)
            {
                *value = new;
            }
        }
    }
}

fn span(ui: &mut Ui, n: usize, unit: &str, to: &mut Intervention) {
    let last = to.to.unwrap_or(n).min(n);
    let mut label = unit.to_owned();
    if let Some(first) = label.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    widgets::label_row(ui, &label, "First and last, counted from 1", |ui| {
        let from = Number::new("First timestep", (to.from + 1) as f64, 1.0..=last.max(1) as f64, 1.0);
        if let Some(value) = widgets::number_field(ui, &from, 52.0) {
            to.from = (value.round() as usize).saturating_sub(1);
        }
        ui.label(Text::Small.rich("to", tokens(ui).text2));
        let end = Number::new("Last timestep", last as f64, (to.from + 1) as f64..=n as f64, 1.0);
        if let Some(value) = widgets::number_field(ui, &end, 52.0) {
            let value = value.round() as usize;
            to.to = (value < n).then_some(value);
        }
    });
}

fn effect(intervention: &Intervention) -> String {
    let text = match &intervention.action {
        Action::Silence => {
            "Activity is 0 after the nonlinearity; what is recorded is after the intervention."
        }
        Action::Clamp { .. } => "A gain map held at 0 leaves the feed-forward drive as it is.",
        Action::Scale { .. } => "Multiplied after the nonlinearity.",
        Action::Replace { .. } => "All channels of the target take the map.",
        Action::Current { .. } | Action::Noise { .. } => {
            "Added before the nonlinearity; noise is drawn from seed, intervention, timestep and trial."
        }
        Action::Set { .. } => "The control has this value during the span.",
    };
    text.to_owned()
}
