//! Views of a probe: tuning of the chosen unit, all units, attention scaling, the population.

use std::sync::Arc;

use egui::{Align2, Color32, Rect, Sense, Stroke, Ui, pos2, vec2};
use gainfield::analysis::fit::{Curve, Fit};
use gainfield::figure::number::{fixed, significant};
use gainfield::figure::{Content, Figure, Plot};
use gainfield::probe::{Feature, Statistic, TuningResult, UnitId, figures};

use super::{body, nothing_to_draw, toolbar};
use crate::command::Command;
use crate::document::UnitRef;
use crate::figure_ui::{Gutter, Names, PlotUi};
use crate::icons;
use crate::probing::{ProbeData, ProbeState};
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Button, EmptyAction, EmptyState, Ring, empty_state, focus_ring};

const STATISTIC: Statistic = Statistic::Mean;

/// Figures as last built, with the result and the unit they were built from.
#[derive(Default)]
pub struct ProbeViews {
    tuning: Built,
    scaling: Built,
    population: Built,
}

#[derive(Default)]
struct Built(Option<(usize, usize, Figure)>);

impl Built {
    fn get(
        &mut self,
        data: &Arc<ProbeData>,
        unit: usize,
        make: impl FnOnce() -> gainfield::Result<Figure>,
    ) -> Option<&Figure> {
        let key = Arc::as_ptr(data) as usize;
        if self.0.as_ref().is_none_or(|(known, of, _)| (*known, *of) != (key, unit)) {
            self.0 = make().ok().map(|figure| (key, unit, figure));
        }
        self.0.as_ref().map(|(_, _, figure)| figure)
    }
}

/// The result in view and the position of its chosen unit.
fn shown<'a>(view: &View<'a>) -> Option<(&'a Arc<ProbeData>, usize)> {
    let probe = view.probing.get(view.document.probe?)?;
    let data = probe.data.as_ref()?;
    let pinned = view.document.pinned.iter().find(|pin| pin.area == data.result.area);
    let at = pinned.and_then(|pin| data.result.units.iter().position(|unit| unit.index == pin.unit));
    Some((data, at.or_else(|| data.order.first().copied())?))
}

/// Draws what stands in for a result that is not there; whether there is one.
fn ready(ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) -> bool {
    let probe = view.document.probe.and_then(|id| view.probing.get(id));
    let t = tokens(ui);
    match probe {
        Some(probe) if probe.data.is_some() => return true,
        Some(probe) => {
            let area = ui.available_rect_before_wrap();
            let words = match &probe.state {
                ProbeState::Running { done, total } if *total > 0 => {
                    format!("Probing, {done} of {total} stimuli")
                }
                ProbeState::Running { .. } | ProbeState::Done => "Probing".to_owned(),
                ProbeState::Failed(why) => why.clone(),
            };
            ui.painter().text(area.center(), Align2::CENTER_CENTER, words, Text::Small.font(), t.text2);
        }
        None => {
            let has_unit = !view.document.pinned.is_empty();
            let state = EmptyState {
                title: "No probe yet",
                sentence: if has_unit {
                    "Measure the orientation tuning of the selected unit and its neighbours, attended and not."
                } else {
                    "Click on a feature map in Step to choose a unit, then probe it."
                },
                primary: Some(("Probe", icons::PROBE)),
                quiet: None,
            };
            if empty_state(ui, &state) == Some(EmptyAction::Primary) {
                out.push(Command::Probe);
            }
        }
    }
    false
}

fn plot_of(figure: &Figure) -> Option<(&Plot, Option<&str>)> {
    let (_, panel) = figure.panels.first()?;
    match &panel.content {
        Content::Plot(plot) => Some((plot, panel.headline.as_deref())),
        Content::Maps(_) => None,
    }
}

fn place(unit: UnitId) -> String {
    format!("row {}, col {}", unit.row, unit.col)
}

impl ProbeViews {
    pub fn tuning(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        if !ready(ui, view, out) {
            return;
        }
        let Some((data, unit)) = shown(view) else { return };
        let t = tokens(ui);
        let id = data.result.units[unit];
        toolbar(
            ui,
            |ui| {
                let name = format!("{} · {}", data.result.area, id.channel);
                ui.label(Text::SmallStrong.rich(name, t.text));
                ui.label(Text::Small.rich(place(id), t.text2));
            },
            |ui| {
                let words = format!("mean ± s.d. over {}", data.result.pooled_over);
                let help = "The spread of a design grid is its standard deviation, not an error of the mean";
                ui.label(Text::Caption.rich(words, t.text3)).on_hover_text(help);
            },
        );
        let Some(figure) = self.tuning.get(data, unit, || figures::tuning(&data.result, unit, STATISTIC))
        else {
            return;
        };
        let Some((plot, _)) = plot_of(figure) else { return };
        let rect = body(ui);
        let table_width = 230.0_f32.min(rect.width() * 0.4);
        let left = Rect::from_min_max(rect.min, pos2(rect.right() - table_width - 12.0, rect.bottom()));
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| {
            let gutter = Gutter { left: 54.0, right: 20.0, top: 12.0, bottom: 42.0 };
            let size = left.size();
            let drawn = PlotUi::new(plot, "Tuning").names(Names::Legend).gutter(gutter).show(ui, size);
            if let Some(x) = drawn.pointer_x() {
                out.say(at_value(&data.result, unit, x));
            }
        });
        let right = Rect::from_min_max(pos2(rect.right() - table_width, rect.top() + 6.0), rect.max);
        table(ui, right, &data.result, unit);
    }

    pub fn units(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        if !ready(ui, view, out) {
            return;
        }
        let Some((data, chosen)) = shown(view) else { return };
        let t = tokens(ui);
        let excluded = data.scaling.as_ref().and_then(|s| figures::excluded_line(&data.result.area, s));
        toolbar(
            ui,
            |ui| {
                let words = format!("{} units, by peak", data.result.units.len());
                ui.label(Text::Small.rich(words, t.text2));
                if let Some(line) = excluded {
                    ui.label(Text::Small.rich(line, t.warn));
                }
            },
            |ui| {
                ui.label(Text::Caption.rich("y scaled per unit", t.text3));
            },
        );
        let rect = body(ui);
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
            egui::ScrollArea::vertical().id_salt("units").auto_shrink([false, false]).show(ui, |ui| {
                units_grid(ui, data, chosen, out);
            });
        });
    }

    pub fn scaling(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        if !ready(ui, view, out) {
            return;
        }
        let Some((data, unit)) = shown(view) else { return };
        let t = tokens(ui);
        let id = data.result.units[unit];
        let Some(figure) = self.scaling.get(data, unit, || figures::scaling(&data.result, unit, STATISTIC))
        else {
            return;
        };
        let Some((plot, headline)) = plot_of(figure) else { return };
        toolbar(
            ui,
            |ui| {
                ui.label(Text::SmallStrong.rich(format!("{} · {}", data.result.area, id.channel), t.text));
                ui.label(Text::Small.rich("grey: the other units", t.text2));
            },
            |_| {},
        );
        let rect = body(ui);
        let facts = 120.0_f32.min(rect.width() * 0.3);
        let left = Rect::from_min_max(rect.min, pos2(rect.right() - facts, rect.bottom()));
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| {
            let gutter = Gutter { left: 54.0, right: 16.0, top: 10.0, bottom: 42.0 };
            PlotUi::new(plot, "Attention scaling").names(Names::Hidden).gutter(gutter).show(ui, left.size());
        });
        scaling_facts(ui, pos2(left.right() + 6.0, rect.top() + 14.0), data, unit, headline);
    }

    pub fn population(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        if !ready(ui, view, out) {
            return;
        }
        let Some((data, unit)) = shown(view) else { return };
        let t = tokens(ui);
        let Some(scaling) = &data.scaling else {
            let at = ui.available_rect_before_wrap().center();
            let words = "Scaling needs the conditions attended and unattended.";
            ui.painter().text(at, Align2::CENTER_CENTER, words, Text::Small.font(), t.text2);
            return;
        };
        toolbar(
            ui,
            |ui| {
                let words = format!("{} of {} units scaled up, ", scaling.n_scaled_up, scaling.units.len());
                let median = format!("median ratio {}", fixed(scaling.median_ratio, 2));
                ui.label(Text::Small.rich(words + &median, t.text2));
            },
            |ui| {
                ui.label(Text::Caption.rich("median, quartiles, one dot per unit", t.text3));
            },
        );
        let areas = || vec![(data.result.area.clone(), scaling.clone())];
        let Some(figure) = self.population.get(data, unit, || figures::population(&areas(), Some((0, unit))))
        else {
            return;
        };
        let Some((plot, _)) = plot_of(figure) else { return };
        let rect = body(ui);
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
            let gutter = Gutter { left: 92.0, right: 16.0, top: 10.0, bottom: 42.0 };
            PlotUi::new(plot, "Population").names(Names::Hidden).gutter(gutter).show(ui, rect.size());
        });
    }

    /// The figure of one of the views.
    pub fn figure(&self, which: Which, view: &View<'_>) -> gainfield::Result<Figure> {
        let (data, unit) = shown(view).ok_or_else(|| nothing_to_draw("probe result"))?;
        match which {
            Which::Tuning | Which::Units => figures::tuning(&data.result, unit, STATISTIC),
            Which::Scaling => figures::scaling(&data.result, unit, STATISTIC),
            Which::Population => {
                let scaling = data.scaling.clone().ok_or_else(|| nothing_to_draw("scaling"))?;
                figures::population(&[(data.result.area.clone(), scaling)], Some((0, unit)))
            }
        }
    }
}

/// Slope with its interval, offset and R² beside the scatter.
fn scaling_facts(ui: &Ui, at: egui::Pos2, data: &ProbeData, unit: usize, headline: Option<&str>) {
    let t = tokens(ui);
    let Some(scaling) = data.scaling.as_ref().and_then(|s| s.units.iter().find(|one| one.unit == unit))
    else {
        return;
    };
    let Some(line) = scaling.line else { return };
    let interval = headline.and_then(|words| words.split_once("95 % CI ")).map_or("", |(_, rest)| rest);
    let interval = interval.trim_end_matches(" (values resampled)");
    let facts = [
        ("Scaling (slope)", fixed(line.slope, 2), interval.to_owned()),
        ("Offset", gainfield::figure::number::signed(line.offset, 3), String::new()),
        ("R² of the line", fixed(line.r2, 3), String::new()),
        ("Ratio of means", fixed(scaling.ratio_of_means, 2), String::new()),
    ];
    let mut y = at.y;
    for (i, (name, value, note)) in facts.into_iter().enumerate() {
        ui.painter().text(pos2(at.x, y), Align2::LEFT_CENTER, name, Text::Small.font(), t.text2);
        let style = if i == 0 { Text::Stat } else { Text::Readout };
        ui.painter().text(pos2(at.x, y + 22.0), Align2::LEFT_CENTER, value, style.font(), t.text);
        if !note.is_empty() {
            ui.painter().text(
                pos2(at.x, y + 42.0),
                Align2::LEFT_CENTER,
                "95 % interval",
                Text::Caption.font(),
                t.text3,
            );
            ui.painter().text(pos2(at.x, y + 56.0), Align2::LEFT_CENTER, note, Text::Caption.font(), t.text3);
        }
        y += if i == 0 { 84.0 } else { 54.0 };
    }
}

/// Which view of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Tuning,
    Units,
    Scaling,
    Population,
}

/// What every condition gave at the value nearest to `x`.
fn at_value(result: &TuningResult, unit: usize, x: f64) -> String {
    let nearest = (0..result.values.len())
        .min_by(|&a, &b| (result.values[a] - x).abs().total_cmp(&(result.values[b] - x).abs()));
    let Some(at) = nearest else { return String::new() };
    let mut words =
        format!("{} {}{}", result.feature.label(), significant(result.values[at], 3), result.feature.unit());
    for condition in &result.conditions {
        let mean = condition.responses.mean(unit)[at];
        let spread = condition.responses.standard_deviation(unit)[at];
        words += &format!("  {} {} ± {}", condition.label, significant(mean, 3), significant(spread, 3));
    }
    words
}

/// Fit parameters, one column per condition.
fn table(ui: &Ui, rect: Rect, result: &TuningResult, unit: usize) {
    let t = tokens(ui);
    let painter = ui.painter_at(rect);
    let conditions: Vec<_> = result.conditions.iter().take(3).collect();
    let fits: Vec<Option<Fit>> =
        conditions.iter().map(|condition| result.fit(condition, unit, STATISTIC)).collect();
    let degrees = result.feature == Feature::Orientation;
    let curve = fits.iter().flatten().map(|fit| fit.curve).next();
    let title = match curve {
        Some(Curve::VonMises) => "von Mises fit",
        Some(Curve::Gaussian) => "Gaussian fit",
        Some(Curve::NakaRushton) => "Naka-Rushton fit",
        None => "no fit",
    };
    let column = |i: usize| rect.right() - (conditions.len() - 1 - i) as f32 * 52.0;
    let caption = Text::Caption.font();
    painter.text(pos2(rect.left(), rect.top() + 8.0), Align2::LEFT_CENTER, title, caption.clone(), t.text3);
    for (i, condition) in conditions.iter().enumerate() {
        let short = match condition.name {
            "attended" => "attended",
            "unattended" => "unatt.",
            "first_pass" => "first",
            other => other,
        };
        let color = role_color(t, condition.role);
        painter.text(pos2(column(i), rect.top() + 8.0), Align2::RIGHT_CENTER, short, caption.clone(), color);
    }
    let angle = |radians: f64| if degrees { radians.to_degrees() } else { radians };
    let unit_name = result.feature.unit();
    let rows: [(String, Box<dyn Fn(&Fit) -> Option<String>>); 5] = [
        (
            with_unit(if curve == Some(Curve::NakaRushton) { "c50" } else { "Preferred" }, unit_name),
            Box::new(move |fit| Some(fixed(angle(fit.centre), if degrees { 1 } else { 2 }))),
        ),
        (
            with_unit("FWHM", unit_name),
            Box::new(move |fit| fit.full_width().map(|w| fixed(angle(w), if degrees { 1 } else { 2 }))),
        ),
        ("Amplitude".to_owned(), Box::new(|fit| Some(significant(fit.amplitude, 3)))),
        ("Baseline".to_owned(), Box::new(|fit| Some(significant(fit.baseline, 3)))),
        ("R² of the fit".to_owned(), Box::new(|fit| Some(fixed(fit.r2, 3)))),
    ];
    let mut y = rect.top() + 34.0;
    let line = |y: f32| painter.hline(rect.x_range(), y + 12.0, Stroke::new(1.0, t.line));
    for (label, value) in &rows {
        painter.text(pos2(rect.left(), y), Align2::LEFT_CENTER, label, Text::Small.font(), t.text2);
        for (i, fit) in fits.iter().enumerate() {
            let words = fit.as_ref().and_then(value).unwrap_or_else(|| "–".to_owned());
            painter.text(pos2(column(i), y), Align2::RIGHT_CENTER, words, Text::Small.font(), t.text);
        }
        line(y);
        y += 25.0;
    }
    if degrees {
        painter.text(
            pos2(rect.left(), y),
            Align2::LEFT_CENTER,
            "1 − circ. var.",
            Text::Small.font(),
            t.text2,
        );
        for (i, condition) in conditions.iter().enumerate() {
            let vector = result.orientation_vector(condition, unit, STATISTIC);
            let words = vector
                .and_then(|v| v.orientation_selectivity)
                .map_or_else(|| "–".to_owned(), |s| fixed(s, 2));
            painter.text(pos2(column(i), y), Align2::RIGHT_CENTER, words, Text::Small.font(), t.text);
        }
        line(y);
        y += 25.0;
    }
    if let Some(index) = modulation_index(result, unit) {
        painter.text(
            pos2(rect.left(), y),
            Align2::LEFT_CENTER,
            "Modulation index",
            Text::Small.font(),
            t.text2,
        );
        let words = gainfield::figure::number::signed(index, 2);
        painter.text(pos2(rect.right(), y), Align2::RIGHT_CENTER, words, Text::SmallStrong.font(), t.text);
    }
}

fn with_unit(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name}, {unit}") }
}

fn modulation_index(result: &TuningResult, unit: usize) -> Option<f64> {
    let mean = |name: &str| {
        let curve = result.condition(name)?.responses.mean(unit);
        Some(gainfield::analysis::statistics::mean(&curve))
    };
    gainfield::analysis::scaling::attention_modulation_index(mean("attended")?, mean("unattended")?)
}

fn role_color(t: &'static crate::theme::Tokens, role: gainfield::figure::Role) -> Color32 {
    use gainfield::figure::Role;
    match role {
        Role::Attended => t.roles.attended,
        Role::Unattended => t.roles.unattended,
        Role::Recorded => t.roles.recorded,
        Role::Neutral => t.text2,
        Role::Stimulus => t.roles.stimulus,
        Role::Intervention => t.roles.intervention,
    }
}

/// Small curves of all units; a click chooses one.
fn units_grid(ui: &mut Ui, data: &ProbeData, chosen: usize, out: &mut Out<'_>) {
    let t = tokens(ui);
    let size = vec2(64.0, 76.0);
    let columns = ((ui.available_width() + 4.0) / (size.x + 4.0)).floor().max(1.0) as usize;
    let rows = data.order.len().div_ceil(columns);
    let (area, _) =
        ui.allocate_exact_size(vec2(ui.available_width(), rows as f32 * (size.y + 4.0)), Sense::hover());
    for (place, &unit) in data.order.iter().enumerate() {
        let min = area.min
            + vec2((place % columns) as f32 * (size.x + 4.0), (place / columns) as f32 * (size.y + 4.0));
        let cell = Rect::from_min_size(min, size);
        if !ui.is_rect_visible(cell) {
            continue;
        }
        let id = data.result.units[unit];
        let response = ui.interact(cell, ui.scope_id().with(("unit", unit)), Sense::click());
        widgets::name(&response, egui::Role::Button, &format!("Unit {}", figures::unit_name(id)));
        let frame = Rect::from_min_max(cell.min, pos2(cell.right(), cell.bottom() - 16.0));
        let stroke = if unit == chosen { Stroke::new(2.0, t.accent) } else { Stroke::new(1.0, t.line) };
        ui.painter().rect(frame, 2, t.well, stroke, egui::StrokeKind::Inside);
        let curves: Vec<(Vec<f64>, Color32)> = (data.result.conditions.iter().take(2))
            .map(|condition| (condition.responses.mean(unit), role_color(t, condition.role)))
            .collect();
        let top = curves.iter().flat_map(|(curve, _)| curve).copied().fold(0.0_f64, f64::max);
        for (curve, color) in curves {
            let inner = frame.shrink(4.0);
            let n = curve.len().saturating_sub(1).max(1) as f32;
            let points: Vec<_> = curve
                .iter()
                .enumerate()
                .filter(|(_, value)| value.is_finite())
                .map(|(i, value)| {
                    let height = if top > 0.0 { (value / top) as f32 } else { 0.0 };
                    pos2(
                        inner.left() + inner.width() * i as f32 / n,
                        inner.bottom() - inner.height() * height,
                    )
                })
                .collect();
            ui.painter().line(points, Stroke::new(1.2, color));
        }
        let y = cell.bottom() - 7.0;
        let caption = Text::Caption.font();
        ui.painter().text(
            pos2(cell.left(), y),
            Align2::LEFT_CENTER,
            id.channel.to_string(),
            caption.clone(),
            t.text2,
        );
        ui.painter().text(pos2(cell.right(), y), Align2::RIGHT_CENTER, significant(top, 2), caption, t.text3);
        focus_ring(ui, &response, cell, 2, Ring::Inside);
        if response.hovered() {
            out.say(format!("{} {}  peak {}", data.result.area, figures::unit_name(id), significant(top, 3)));
        }
        if response.clicked() {
            out.push(Command::SelectUnit(UnitRef { area: data.result.area.clone(), unit: id.index }));
        }
    }
}

/// The button that stops a running probe, with how far it is; for the inspector.
pub fn progress(ui: &mut Ui, state: &ProbeState) -> bool {
    let ProbeState::Running { done, total } = state else { return false };
    let fraction = (*total > 0).then(|| *done as f32 / *total as f32);
    widgets::bar(ui, "Stimuli probed", fraction, 120.0, 5.0);
    ui.add(Button::new("Cancel").icon(icons::CLOSE).small()).clicked()
}
