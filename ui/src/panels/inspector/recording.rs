//! The selected recording: its run, the controls in force, its interventions.

use std::num::NonZeroUsize;

use egui::{Align2, Role, Sense, Ui, pos2, vec2};
use gainfield::dynamics::{Action, Control, Departure, Intervention, SegmentKind, TimeUnit, Units};

use super::{buttons, fact, group, intervention, many_stimuli, note, title};
use crate::command::Command;
use crate::icons;
use crate::interventions::{describe, icon};
use crate::item::{Item, ModelInfo, RecordingInfo};
use crate::store::RunState;
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Button, Number, Ring, focus_ring};

pub(super) fn show(ui: &mut Ui, view: &View<'_>, item: &Item, info: &RecordingInfo, out: &mut Out<'_>) {
    let t = tokens(ui);
    let model = view.document.model_info(info.model);
    if let Some(index) = view.document.intervention
        && let Some(chosen) = info.spec.interventions.get(index)
        && let Some(model) = model
    {
        intervention::show(ui, view, index, chosen, model, out);
        return;
    }
    title(ui, item.content.icon(), &item.name, t.text2, |_| {});
    let name = |id| view.document.get(id).map_or("deleted", |item| item.name.as_str());
    fact(ui, "Model", name(info.model), "");
    fact(ui, "Stimulus", name(info.stimulus), "");
    if let Some((parent, at)) = info.parent {
        fact(ui, "Branch of", &format!("{} at {}", name(parent), at + 1), "Both recordings are kept");
    }
    let key = view.document.run_key(item.id);
    if let Some(why) = key.and_then(|key| view.store.failure(key)) {
        ui.add_space(4.0);
        widgets::error_block(ui, why);
    }
    if let Some(run) = key.and_then(|key| view.store.run(key)) {
        let state = match run.state {
            RunState::Running => format!("{} of {}", run.recording.steps.len(), run.recording.n_timesteps),
            RunState::Done => {
                let n = run.recording.n_timesteps;
                format!("{n} {}", crate::timeline::plural(run.recording.time_unit, n))
            }
        };
        fact(ui, "Recorded", &state, "");
        departures(ui, &run.notes.departures);
        many_stimuli::show(ui, view, model.map(AsRef::as_ref), out);
    }
    if let Some(length) = length_row(ui, view, item, info) {
        out.push(Command::SetTimesteps(length));
    }
    if let Some(model) = model {
        if let Some(warm_up) = warm_up_row(ui, model, info) {
            out.push(Command::SetWarmUp(warm_up));
        }
        group(ui, "Controls");
        if model.controls.is_empty() {
            note(
                ui,
                "This network has no live controls; what it is made of is in the model's configuration.",
            );
        }
        for control in &model.controls {
            let value = info.spec.controls.get(&control.name).copied().unwrap_or(control.default);
            if let Some(value) = control_row(ui, control, value) {
                out.push(Command::SetControl { name: control.name.clone(), value });
            }
        }
        from_here(ui, view, model, info, out);
    }
    list(ui, view, info, out);
    if let Some(model) = model {
        record_plan(ui, model, info, out);
    }
}

/// In what the run leaves the published protocol.
fn departures(ui: &mut Ui, departures: &[Departure]) {
    if departures.is_empty() {
        return;
    }
    let t = tokens(ui);
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.add_space(8.0);
        let help = "What the network does here is not its published behaviour. Interventions do not count.";
        widgets::chip(ui, icons::WARNING, "off the trained protocol", t.warn).on_hover_text(help);
    });
    for Departure { what, published, found } in departures {
        let mut what = what.clone();
        if let Some(first) = what.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        fact(ui, &what, found, &format!("Published: {published}"));
    }
}

/// How long activity evolves before the stimulus comes, where the family has such a phase.
fn warm_up_row(ui: &mut Ui, model: &ModelInfo, info: &RecordingInfo) -> Option<Option<usize>> {
    let published = model.warm_up?;
    let now = info.spec.warm_up.unwrap_or(published);
    let definition = match model.time_unit {
        TimeUnit::Ms { dt_ms } => format!(
            "Spontaneous activity before onset: {now} timesteps of {dt_ms} ms are {} ms",
            now as f64 * dt_ms
        ),
        _ => "Spontaneous activity before onset".to_owned(),
    };
    let most = (2.0 * published as f64).max(200.0);
    let number = Number::new("Warm-up", now as f64, 0.0..=most, 1.0)
        .default_value(published as f64)
        .unit("steps")
        .help(&definition, "");
    let set = widgets::slider_row(ui, &number)?.round() as usize;
    Some((published != set).then_some(set))
}

/// How many timesteps the run has, besides its read-out pass; the published length is the default.
fn length_row(ui: &mut Ui, view: &View<'_>, item: &Item, info: &RecordingInfo) -> Option<Option<usize>> {
    let run = view.document.run_key(item.id).and_then(|key| view.store.run_or_latest(item.id, key))?;
    let recording = &run.recording;
    let read_outs = recording.segments.iter().filter(|s| s.kind == SegmentKind::ReadOut).count();
    let model = view.document.model_info(info.model);
    let warm_up = model.and_then(|model| model.warm_up_of(&info.spec)).unwrap_or(0);
    let published_warm_up = model.and_then(|model| model.warm_up);
    let published = recording.published.map(|n| n.saturating_sub(read_outs + published_warm_up.unwrap_or(0)));
    let now =
        info.spec.timesteps.unwrap_or_else(|| recording.n_timesteps.saturating_sub(read_outs + warm_up));
    let (unit, definition) = match recording.time_unit {
        TimeUnit::Ms { dt_ms } => {
            let shown = now as f64 * dt_ms;
            ("steps", format!("Timesteps from onset on: {now} of {dt_ms} ms are {shown} ms"))
        }
        unit => {
            let what = "count, without the read-out pass; another than published is off protocol";
            let short = if unit == TimeUnit::Timestep { "steps" } else { crate::timeline::plural(unit, 2) };
            (short, format!("{} {what}", crate::timeline::unit_title(unit)))
        }
    };
    let most = (4.0 * published.unwrap_or(0) as f64).clamp(40.0, 2000.0).max(now as f64);
    let mut number = Number::new("Length", now as f64, 1.0..=most, 1.0).unit(unit).help(&definition, "");
    if let Some(published) = published {
        number = number.default_value(published as f64);
    }
    let set = widgets::slider_row(ui, &number)?.round() as usize;
    Some((published != Some(set)).then_some(set))
}

/// What is kept of the run: which areas, how often.
fn record_plan(ui: &mut Ui, model: &ModelInfo, info: &RecordingInfo, out: &mut Out<'_>) {
    let t = tokens(ui);
    let spec = &info.spec;
    group(ui, "Record");
    let every = Number::new("Every", spec.every.get() as f64, 1.0..=1000.0, 1.0)
        .default_value(1.0)
        .help("1 keeps every timestep, 8 every eighth", "");
    let changed = widgets::label_row(ui, "Every", every.definition, |ui| {
        let changed = widgets::number_field(ui, &every, 64.0);
        ui.label(Text::Small.rich("timesteps", t.text2));
        changed
    });
    if let Some(every) = changed.and_then(|value| NonZeroUsize::new(value.round() as usize)) {
        out.push(Command::SetRecordPlan { areas: spec.record.clone(), every });
    }
    let is_kept = |name: &str| spec.record.is_empty() || spec.record.iter().any(|kept| kept == name);
    let n = model.areas.iter().filter(|area| is_kept(&area.name)).count();
    let text =
        if n == model.areas.len() { "all areas".to_owned() } else { format!("{n} of {}", model.areas.len()) };
    widgets::label_row(ui, "Areas", "Areas that are not recorded are hatched in the timeline", |ui| {
        let button = Button::new(&text).trailing(icons::CARET_DOWN).small();
        let response = ui.add(button);
        egui::Popup::menu(&response).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside).show(
            |ui| {
                for area in &model.areas {
                    let kept = is_kept(&area.name);
                    if widgets::checkbox(ui, kept, &area.name, None).clicked() {
                        let wanted = |name: &str| is_kept(name) != (name == area.name);
                        let areas: Vec<String> =
                            model.areas.iter().map(|a| a.name.clone()).filter(|name| wanted(name)).collect();
                        let all = areas.len() == model.areas.len() || areas.is_empty();
                        let areas = if all { Vec::new() } else { areas };
                        out.push(Command::SetRecordPlan { areas, every: spec.every });
                    }
                }
            },
        );
    });
}

/// A slider, or a list of choices, for one control.
pub(super) fn control_row(ui: &mut Ui, control: &Control, value: f64) -> Option<f64> {
    if !control.choices.is_empty() {
        let chosen = (value - control.min).round().max(0.0) as usize;
        return widgets::label_row(ui, &control.label, &control.definition, |ui| {
            let width = ui.available_width() - 14.0;
            let picked = widgets::combo(ui, &control.label, &control.choices, chosen, width)?;
            Some(control.min + picked as f64)
        });
    }
    let step = nice_step(control.max - control.min);
    let number = Number::new(&control.label, value, control.min..=control.max, step)
        .default_value(control.default)
        .unit(&control.unit)
        .help(&control.definition, &control.source);
    let set = widgets::slider_row(ui, &number);
    let Some(reciprocal) = &control.reciprocal else { return set };
    let of = |value: f64| reciprocal.numerator / value;
    let shown = of(value).clamp(reciprocal.min, reciprocal.max);
    let number = Number::new(&reciprocal.label, shown, reciprocal.min..=reciprocal.max, 0.1)
        .default_value(of(control.default))
        .unit(&reciprocal.unit)
        .log()
        .help(&reciprocal.definition, &control.source);
    let said = widgets::slider_row(ui, &number).map(|said| of(said).clamp(control.min, control.max));
    set.or(said)
}

/// About a hundredth of a range, as a power of ten.
fn nice_step(range: f64) -> f64 {
    10_f64.powf((range.max(1e-9) / 100.0).log10().floor())
}

/// Buttons that change something from the playhead on.
fn from_here(ui: &mut Ui, view: &View<'_>, model: &ModelInfo, info: &RecordingInfo, out: &mut Out<'_>) {
    let t = view.clock.cursor();
    let pinned = view.document.pinned.is_empty();
    buttons(ui, |ui| {
        let why = pinned.then_some("Select a unit first: click on a map");
        let silence = Button::new("Silence").icon(icons::SILENCE).key("L").small().disabled(why);
        if ui.add(silence.tooltip("Silence the selected units' channels from the playhead on")).clicked() {
            out.push(Command::Silence);
        }
        let add = Button::new("Add").icon(icons::ADD).trailing(icons::CARET_DOWN).small();
        let response = ui.add(add.tooltip("Another intervention, from the playhead on"));
        egui::Popup::menu(&response).show(|ui| add_menu(ui, view, model, info, t, out));
    });
}

fn add_menu(
    ui: &mut Ui,
    view: &View<'_>,
    model: &ModelInfo,
    info: &RecordingInfo,
    t: usize,
    out: &mut Out<'_>,
) {
    let tokens = tokens(ui);
    ui.set_min_width(220.0);
    let area = view.document.area.clone().or_else(|| model.areas.first().map(|area| area.name.clone()));
    let area = area.unwrap_or_default();
    let mut entry = |ui: &mut Ui, text: String, intervention: Intervention| {
        if ui.button(Text::Small.rich(text, tokens.text)).clicked() {
            out.push(Command::AddIntervention(intervention));
            ui.close();
        }
    };
    for (kind, word) in crate::interventions::KINDS.iter().enumerate() {
        let action = crate::interventions::action_of(kind);
        let made = Intervention::new(&area, Units::all(), action, t, None);
        entry(ui, format!("{word}, {area}"), made);
    }
    let gains: Vec<&str> = model.areas.iter().filter(|a| a.is_gain()).map(|a| a.name.as_str()).collect();
    if let Some(pattern) = common_pattern(&gains) {
        ui.separator();
        let held = Intervention::new(pattern, Units::all(), Action::Clamp { value: 0.0 }, t, None);
        let held = Intervention { name: "Hold gain maps at 0".to_owned(), ..held };
        entry(ui, "Hold all gain maps at 0".to_owned(), held);
    }
    if !model.controls.is_empty() {
        ui.separator();
    }
    for control in &model.controls {
        let value = info.spec.controls.get(&control.name).copied().unwrap_or(control.default);
        let action = Action::Set { control: control.name.clone(), value };
        entry(ui, format!("Set {}", control.label), Intervention::new("", Units::all(), action, t, None));
    }
}

/// A glob that matches exactly names with a common beginning: `m*`, `gate.*`.
fn common_pattern(names: &[&str]) -> Option<String> {
    let first = names.first()?;
    let shared = names.iter().skip(1).fold(first.len(), |n, name| {
        first.bytes().zip(name.bytes()).take(n).take_while(|(a, b)| a == b).count()
    });
    let end = (0..=shared).rev().find(|&end| first.is_char_boundary(end))?;
    let prefix = first[..end].trim_end_matches(|c: char| c.is_ascii_digit());
    (!prefix.is_empty()).then(|| if names.len() == 1 { (*first).to_owned() } else { format!("{prefix}*") })
}

/// The interventions of the run as rows with a switch.
fn list(ui: &mut Ui, view: &View<'_>, info: &RecordingInfo, out: &mut Out<'_>) {
    group(ui, "Interventions");
    if info.spec.interventions.is_empty() {
        note(ui, "None. L silences the selected units from the playhead on; Branch keeps this run as it is.");
    }
    for (index, intervention) in info.spec.interventions.iter().enumerate() {
        let t = tokens(ui);
        let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), 28.0), Sense::hover());
        let response = ui.interact(
            row.with_max_x(row.right() - 46.0),
            ui.scope_id().with(("intervention row", index)),
            Sense::click(),
        );
        if response.hovered() {
            ui.painter().rect_filled(row, 0, t.hover);
        }
        let text = describe(intervention);
        icon(intervention).paint(
            ui.painter(),
            pos2(row.left() + 23.0, row.center().y),
            14.0,
            t.roles.intervention,
        );
        let shown = widgets::truncated(ui, &text, Text::Small, row.width() - 86.0);
        let color = if intervention.enabled { t.text } else { t.text3 };
        let at = pos2(row.left() + 36.0, row.center().y);
        ui.painter().text(at, Align2::LEFT_CENTER, shown, Text::Small.font(), color);
        focus_ring(ui, &response, row, 0, Ring::Inside);
        let chosen = view.document.intervention == Some(index);
        widgets::name_selected(&response, Role::ListItem, chosen, &format!("Edit {text}"));
        if response.clicked() {
            out.push(Command::SelectIntervention(Some(index)));
        }
        let at = egui::Rect::from_min_size(pos2(row.right() - 40.0, row.top() + 2.0), vec2(28.0, 24.0));
        let builder = egui::UiBuilder::new().max_rect(at).id_salt(("switch", index));
        let toggled = widgets::placed(ui, builder, |ui| {
            widgets::toggle(ui, intervention.enabled, &format!("Switch {text}")).clicked()
        });
        if toggled {
            let to = Intervention { enabled: !intervention.enabled, ..intervention.clone() };
            out.push(Command::EditIntervention { index, to });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_maps_share_a_pattern() {
        assert_eq!(common_pattern(&["m0", "m1", "m2"]).as_deref(), Some("m*"));
        assert_eq!(common_pattern(&["gate.conv1_in", "gate.conv2_in"]).as_deref(), Some("gate.conv*"));
        assert_eq!(common_pattern(&["gate"]).as_deref(), Some("gate"));
        assert_eq!(common_pattern(&["a", "b"]), None);
    }

    #[test]
    fn steps_are_powers_of_ten() {
        assert!((nice_step(1.0) - 0.01).abs() < 1e-12);
        assert!((nice_step(5.0) - 0.01).abs() < 1e-12);
        assert!((nice_step(400.0) - 1.0).abs() < 1e-9);
    }
}
