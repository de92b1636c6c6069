//! The selected probe: what varies, what is pooled over, which conditions; a change probes again.

use egui::{Color32, Ui};
use gainfield::dynamics::{AreaKind, Units};
use gainfield::figure::Role;
use gainfield::model::Model;
use gainfield::probe::{Carrier, Feature, ProbeRecipe, offered};

use super::{buttons, copy_command, group, note, title};
use crate::command::Command;
use crate::icons;
use crate::item::{Item, ModelInfo, ProbeInfo};
use crate::probing::ProbeState;
use crate::theme::{Text, Tokens, tokens};
use crate::view::{Out, View};
use crate::views::probe_progress;
use crate::widgets::{self, Button, Number, combo, label_row, slider_row};

/// Values along the axis at most.
const MOST_VALUES: f64 = 61.0;

pub(super) fn show(ui: &mut Ui, view: &View<'_>, item: &Item, info: &ProbeInfo, out: &mut Out<'_>) {
    let t = tokens(ui);
    let probe = view.probing.get(item.id);
    let state = probe.map(|probe| &probe.state);
    title(ui, icons::PROBE, &item.name, t.roles.recorded, |ui| match state {
        Some(ProbeState::Done) => {
            widgets::chip(ui, icons::OK, "up to date", t.ok);
        }
        Some(ProbeState::Failed(_)) => {
            widgets::chip(ui, icons::ERROR, "stopped", t.err);
        }
        Some(ProbeState::Running { .. }) | None => {
            ui.label(Text::Caption.rich("probing", t.text3));
        }
    });
    if let Some(state @ ProbeState::Running { .. }) = state
        && buttons(ui, |ui| probe_progress(ui, state))
    {
        out.push(Command::CancelProbe(item.id));
    }
    if let Some(ProbeState::Failed(why)) = state {
        widgets::error_block(ui, why);
    }
    let recipe = &info.recipe;
    let mut next = recipe.clone();
    let model = view.document.model_info(info.model);
    if let Some(model) = model {
        place(ui, model, &mut next);
    }
    features(ui, model, &mut next);
    // Before the numbers, so that they are in view without scrolling.
    if let Some(loaded) = model.and_then(|model| view.store.model(model.identity)) {
        conditions(ui, loaded, &mut next);
    }
    group(ui, "Stimulus");
    numbers(ui, &mut next);
    if let Some(model) = model {
        controls(ui, model, &mut next);
    }
    if next != *recipe {
        out.push(Command::SetProbe { item: item.id, recipe: Box::new(next) });
    }
    copy_command(ui, &info.command, out);
    buttons(ui, |ui| {
        let why = probe.and_then(|probe| probe.data.as_ref()).is_none().then_some("There is no result yet");
        let all = Button::new("Export all panels").icon(icons::EXPORT).small().disabled(why);
        if ui.add(all.tooltip("Tuning, scaling, maps of attention and population in one figure")).clicked() {
            out.push(Command::ExportSummary);
        }
    });
    ui.add_space(6.0);
    note(
        ui,
        "A change probes again at once; the newest request wins. Responses are means over the pooled stimuli; their spread is the standard deviation of the design.",
    );
}

/// Area and units.
fn place(ui: &mut Ui, model: &ModelInfo, next: &mut ProbeRecipe) {
    let areas: Vec<&str> = model
        .areas
        .iter()
        .filter(|area| area.kind == AreaKind::Activity || area.name == next.area)
        .map(|area| area.name.as_str())
        .collect();
    let at = areas.iter().position(|name| *name == next.area).unwrap_or(0);
    label_row(ui, "Area", "Whose units are probed", |ui| {
        let width = ui.available_width() - 14.0;
        if let Some(chosen) = combo(ui, "Area", &areas, at, width) {
            next.units = scaled_units(model, &next.area, areas[chosen], &next.units);
            areas[chosen].clone_into(&mut next.area);
        }
    });
    let id = ui.scope_id().with("probed units");
    let current = next.units.to_string();
    let mut text: String = ui.data(|data| data.get_temp(id)).unwrap_or_else(|| current.clone());
    let parsed = text.parse::<Units>();
    let help = "all, channels (7 or 3-9), units (7:16:17 is channel, row, column), or every channel at a \
                place (*:16:17); comma between";
    label_row(ui, "Units", help, |ui| {
        let width = ui.available_width() - 28.0;
        let field = widgets::text_field(ui, "Units", &mut text, width);
        if field.changed() {
            ui.data_mut(|data| data.insert_temp(id, text.clone()));
        }
        if field.lost_focus() {
            let area = model.area(&next.area);
            if let Ok(units) = &parsed
                && area.is_none_or(|area| units.indices(area).is_ok())
            {
                next.units = units.clone();
            }
            ui.data_mut(|data| data.remove::<String>(id));
        }
    });
    if let Err(err) = parsed {
        ui.horizontal(|ui| {
            ui.add_space(16.0);
            ui.label(Text::Caption.rich(err.to_string(), tokens(ui).err));
        });
    }
}

/// Every channel of `to` at the place that `units` have in `from`.
fn scaled_units(model: &ModelInfo, from: &str, to: &str, units: &Units) -> Units {
    let (Some(from), Some(to)) = (model.area(from), model.area(to)) else { return Units::all() };
    let [_, height, width] = from.map_shape();
    let first = units.indices(from).ok().and_then(|indices| indices.first().copied()).unwrap_or(0);
    let (row, col) = (first / width % height, first % width);
    let [_, rows, columns] = to.map_shape();
    if rows * columns <= 1 {
        return Units::all();
    }
    let scaled =
        |at: usize, n: usize, m: usize| (((at as f64 + 0.5) / n as f64 * m as f64) as usize).min(m - 1);
    Units::position(scaled(row, height, rows), scaled(col, width, columns))
}

fn features(ui: &mut Ui, model: Option<&std::sync::Arc<ModelInfo>>, next: &mut ProbeRecipe) {
    label_row(ui, "Feature", "The stimulus feature along the axis of the tuning curve", |ui| {
        let names = Feature::ALL.map(Feature::label);
        let at = Feature::ALL.iter().position(|feature| *feature == next.feature).unwrap_or(0);
        let width = ui.available_width() - 14.0;
        if let Some(chosen) = combo(ui, "Feature", &names, at, width) {
            next.feature = Feature::ALL[chosen];
            next.values.clear();
            if next.feature == Feature::SpatialFrequency {
                next.carrier = Carrier::Grating;
            }
        }
    });
    label_row(ui, "Carrier", "A bar with a Gaussian profile, or a grating in a Gaussian window", |ui| {
        let at = usize::from(next.carrier == Carrier::Grating);
        if let Some(chosen) = widgets::segmented(ui, "Carrier", &["Bar", "Grating"], at, true) {
            next.carrier = if chosen == 0 { Carrier::Bar } else { Carrier::Grating };
        }
    });
    let side = model.map_or(28, |model| model.input_shape[1].min(model.input_shape[2]));
    let own = next.feature.default_values(side);
    let values = if next.values.is_empty() { &own } else { &next.values };
    let number = Number::new("Values", values.len() as f64, 3.0..=MOST_VALUES, 1.0)
        .default_value(own.len() as f64)
        .help("How many values of the feature, evenly spaced over its range", "ours");
    let ends = [values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(1.0)];
    if let Some(n) = slider_row(ui, &number) {
        let n = n.round() as usize;
        let at = |i: usize| ends[0] + (ends[1] - ends[0]) * i as f64 / (n - 1) as f64;
        next.values = if n == own.len() && ends == [own[0], own[own.len() - 1]] {
            Vec::new()
        } else {
            (0..n).map(at).collect()
        };
    }
}

fn numbers(ui: &mut Ui, next: &mut ProbeRecipe) {
    let defaults = ProbeRecipe::default();
    let row = |ui: &mut Ui, value: &mut f64, default: f64, number: Number<'_>| {
        if let Some(new) = slider_row(ui, &Number { value: *value, ..number.default_value(default) }) {
            *value = new;
        }
    };
    let mut positions = next.positions as f64;
    let help = "Per axis; responses are pooled over this many by this many";
    let number = Number::new("Positions", 0.0, 1.0..=11.0, 1.0).help(help, "ours");
    row(ui, &mut positions, defaults.positions as f64, number);
    next.positions = positions.round().max(1.0) as usize;
    let number = Number::new("Spacing", 0.0, 0.0..=10.0, 0.5).unit("px");
    row(ui, &mut next.spacing, defaults.spacing, number.help("Distance between pooled positions", "ours"));
    let number = Number::new("Size", 0.0, 2.0..=60.0, 1.0).unit("px");
    row(ui, &mut next.size, defaults.size, number.help("Length of a bar, or extent of a grating", "ours"));
    let number = Number::new("Contrast", 0.0, 0.0..=1.0, 0.05);
    row(ui, &mut next.contrast, defaults.contrast, number.help("Where contrast does not vary", "ours"));
    let number = Number::new("Ground", 0.0, 0.0..=1.0, 0.05);
    let help = "Luminance of the background around the stimulus";
    row(ui, &mut next.background, defaults.background, number.help(help, "ours"));
    if next.feature != Feature::Orientation {
        let number = Number::new("Orientation", 0.0, 0.0..=180.0, 1.0).unit("°");
        let help = "Counter-clockwise; 0 is horizontal";
        row(ui, &mut next.orientation, defaults.orientation, number.help(help, "ours"));
    }
    if next.carrier == Carrier::Grating && next.feature != Feature::SpatialFrequency {
        let number = Number::new("Frequency", 0.0, 0.0..=0.5, 0.005).unit("c/px");
        let help = "Spatial frequency in cycles per pixel";
        row(ui, &mut next.spatial_frequency, defaults.spatial_frequency, number.help(help, "ours"));
    }
    let number = Number::new("Threshold", 0.0, 0.0..=2.0, 0.01).unit("a.u.");
    let help = "Units whose peak does not exceed it in both conditions take no part in the scaling";
    row(ui, &mut next.threshold, defaults.threshold, number.help(help, "ours"));
}

/// The model's own controls, such as the strength of attention.
fn controls(ui: &mut Ui, model: &ModelInfo, next: &mut ProbeRecipe) {
    for control in model.controls.iter().filter(|control| control.choices.is_empty()) {
        let value = next.controls.get(&control.name).copied().unwrap_or(control.default);
        if let Some(value) = super::recording::control_row(ui, control, value) {
            if (value - control.default).abs() < 1e-12 {
                next.controls.remove(&control.name);
            } else {
                next.controls.insert(control.name.clone(), value);
            }
        }
    }
}

/// A check box for everything the model can be asked under.
fn conditions(ui: &mut Ui, model: &Model, next: &mut ProbeRecipe) {
    let t = tokens(ui);
    group(ui, "Conditions");
    let all = offered(model);
    let is_on = |name: &str, usual: bool| {
        if next.conditions.is_empty() { usual } else { next.conditions.iter().any(|one| one == name) }
    };
    let on: Vec<bool> = all.iter().map(|one| is_on(one.name, one.is_usual)).collect();
    let mut wanted = on.clone();
    for (index, condition) in all.iter().enumerate() {
        ui.horizontal(|ui| {
            ui.add_space(16.0);
            let swatch = Some(role_color(t, condition.role));
            let response = widgets::checkbox(ui, on[index], condition.label, swatch);
            let help = format!("{}: probed and drawn beside the others", condition.name);
            if response.on_hover_text(help).clicked() {
                wanted[index] = !wanted[index];
            }
        });
    }
    if wanted == on || !wanted.contains(&true) {
        return;
    }
    let is_usual = all.iter().zip(&wanted).all(|(one, &wanted)| one.is_usual == wanted);
    let named = all.iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(one, _)| one.name.to_owned());
    next.conditions = if is_usual { Vec::new() } else { named.collect() };
}

fn role_color(t: &'static Tokens, role: Role) -> Color32 {
    match role {
        Role::Attended => t.roles.attended,
        Role::Unattended => t.roles.unattended,
        Role::Recorded => t.roles.recorded,
        Role::Neutral => t.roles.neutral,
        Role::Stimulus => t.roles.stimulus,
        Role::Intervention => t.roles.intervention,
    }
}
