//! The selected probe: what varies, what is pooled over, which conditions; a change probes again.

use egui::Ui;
use gainfield::probe::{Carrier, Feature, ProbeRecipe};

use super::{buttons, copy_command, fact, note, title};
use crate::command::Command;
use crate::icons;
use crate::item::{Item, ProbeInfo};
use crate::probing::ProbeState;
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::views::probe_progress;
use crate::widgets::{self, Number, combo, label_row, slider_row};

pub(super) fn show(ui: &mut Ui, view: &View<'_>, item: &Item, info: &ProbeInfo, out: &mut Out<'_>) {
    let t = tokens(ui);
    let probe = view.probing.get(item.id);
    let state = probe.map(|probe| &probe.state);
    title(ui, icons::PROBE, &item.name, t.text2, |ui| match state {
        Some(ProbeState::Done) => {
            ui.label(Text::Caption.rich("up to date", t.ok));
        }
        Some(ProbeState::Failed(_)) => {
            ui.label(Text::Caption.rich("stopped", t.err));
        }
        Some(ProbeState::Running { .. }) | None => {
            ui.label(Text::Caption.rich("probing", t.text3));
        }
    });
    if let Some(state) = state
        && buttons(ui, |ui| probe_progress(ui, state))
    {
        out.push(Command::CancelProbe(item.id));
    }
    let recipe = &info.recipe;
    let mut next = recipe.clone();
    fact(ui, "Area", &recipe.area, "Choose a unit of another area and probe again to change it");
    fact(ui, "Units", &recipe.units.to_string(), "Channels or channel:row:col; * is every channel");
    features(ui, &mut next);
    numbers(ui, &mut next);
    if next != *recipe {
        out.push(Command::SetProbe { item: item.id, recipe: Box::new(next) });
    }
    ui.add_space(4.0);
    let conditions = probe.and_then(|probe| probe.data.as_ref()).map(|data| &data.result.conditions);
    for condition in conditions.into_iter().flatten() {
        let n: usize = condition.responses.n.iter().sum();
        fact(
            ui,
            condition.label,
            &format!("{n} responses"),
            "Stimuli read in this condition, over all values",
        );
    }
    copy_command(ui, &info.command, out);
    note(
        ui,
        "Moving a slider probes again at once; the newest request wins. Responses are means over the pooled stimuli, with the standard deviation of the design as spread.",
    );
}

fn features(ui: &mut Ui, next: &mut ProbeRecipe) {
    label_row(ui, "Feature", "The stimulus feature along the axis of the tuning curve", |ui| {
        let names = Feature::ALL.map(Feature::label);
        let at = Feature::ALL.iter().position(|feature| *feature == next.feature).unwrap_or(0);
        if let Some(chosen) = combo(ui, "Feature", &names, at, 120.0) {
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
}

fn numbers(ui: &mut Ui, next: &mut ProbeRecipe) {
    let defaults = ProbeRecipe::default();
    let row = |ui: &mut Ui,
               label: &str,
               value: &mut f64,
               default: f64,
               range: [f64; 2],
               step: f64,
               unit: &str,
               help: &str| {
        let number = Number::new(label, *value, range[0]..=range[1], step)
            .default_value(default)
            .unit(unit)
            .help(help, "ours");
        if let Some(new) = slider_row(ui, &number) {
            *value = new;
        }
    };
    let mut positions = next.positions as f64;
    row(
        ui,
        "Positions",
        &mut positions,
        defaults.positions as f64,
        [1.0, 11.0],
        1.0,
        "",
        "Per axis; responses are pooled over this many by this many",
    );
    next.positions = positions.round().max(1.0) as usize;
    row(
        ui,
        "Spacing",
        &mut next.spacing,
        defaults.spacing,
        [0.0, 10.0],
        0.5,
        "px",
        "Distance between pooled positions",
    );
    row(
        ui,
        "Size",
        &mut next.size,
        defaults.size,
        [2.0, 60.0],
        1.0,
        "px",
        "Length of a bar, or extent of a grating",
    );
    row(
        ui,
        "Contrast",
        &mut next.contrast,
        defaults.contrast,
        [0.0, 1.0],
        0.05,
        "",
        "Where contrast does not vary",
    );
    row(
        ui,
        "Background",
        &mut next.background,
        defaults.background,
        [0.0, 1.0],
        0.05,
        "",
        "Luminance around the stimulus",
    );
    if next.feature != Feature::Orientation {
        row(
            ui,
            "Orientation",
            &mut next.orientation,
            defaults.orientation,
            [0.0, 180.0],
            1.0,
            "°",
            "Counter-clockwise; 0 is horizontal",
        );
    }
}
