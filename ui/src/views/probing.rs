//! Views of a probe: tuning of the chosen unit, all units, attention scaling, the population.

mod field;
mod film;
mod inhibition;
mod table;
mod thumbnails;
mod units;
mod update;

use std::sync::Arc;

use egui::{Align2, Color32, Rect, Stroke, Ui, pos2, vec2};
use gainfield::figure::number::{fixed, signed, significant};
use gainfield::figure::{ColourMap, Content, Figure, Plot};
use gainfield::probe::figures::Measure;
use gainfield::probe::{Feature, Statistic, TuningResult, UnitId, figures};

use super::{body, nothing_to_draw, toolbar};
use crate::command::Command;
use crate::figure_ui::{Drawn, Gutter, Names, PlotUi};
use crate::icons;
use crate::probing::{ProbeData, ProbeState};
use crate::texture;
use crate::theme::{Text, tokens};
use crate::view::{Out, View};
use crate::widgets::{self, Button, EmptyAction, EmptyState, empty_state};

const STATISTIC: Statistic = Statistic::Mean;
/// Side of a stimulus below the axis of a tuning curve.
const THUMBNAIL: f32 = 30.0;

/// Figures as last built, with the result and the unit they were built from.
#[derive(Default)]
pub struct ProbeViews {
    tuning: Built,
    course: Built,
    scaling: Built,
    population: Built,
    film: film::Film,
    field: field::Field,
    inhibition: inhibition::Inhibition,
    update: update::Update,
    over_time: bool,
    measure: Measure,
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
    match probe {
        Some(probe) if probe.data.is_some() => return true,
        Some(probe) => waiting(ui, "Probing", &probe.state),
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

/// How far something under way is, or why it failed, in the middle of a view.
fn waiting(ui: &mut Ui, what: &str, state: &ProbeState) {
    let words = match state {
        ProbeState::Running { done, total } if *total > 0 => format!("{what}, {done} of {total} stimuli"),
        ProbeState::Running { .. } | ProbeState::Done => what.to_owned(),
        ProbeState::Failed(why) => {
            ui.add_space(12.0);
            widgets::error_block(ui, why);
            return;
        }
    };
    let at = ui.available_rect_before_wrap().center();
    ui.painter().text(at, Align2::CENTER_CENTER, words, Text::Small.font(), tokens(ui).text2);
}

fn plot_of(figure: &Figure) -> Option<(&Plot, Option<&str>)> {
    let (_, panel) = figure.panels.first()?;
    match &panel.content {
        Content::Plot(plot) => Some((plot, panel.headline.as_deref())),
        Content::Maps(_) => None,
    }
}

/// Area and channel in bold, then the place.
fn unit_title(ui: &mut Ui, result: &TuningResult, unit: usize) {
    let t = tokens(ui);
    let UnitId { channel, row, col, .. } = result.units[unit];
    ui.label(Text::SmallStrong.rich(format!("{} · {channel}", result.area), t.text));
    ui.label(Text::Small.rich(format!("row {row}, col {col}"), t.text2));
}

impl ProbeViews {
    pub fn tuning(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        if !ready(ui, view, out) {
            return;
        }
        self.film.show(ui, view, out);
        let Some((data, unit)) = shown(view) else { return };
        let result = &data.result;
        let has_course = result.conditions.iter().any(|condition| condition.course.is_some());
        let mut chosen = None;
        let over_time = self.over_time && has_course;
        toolbar(
            ui,
            |ui| unit_title(ui, result, unit),
            |ui| {
                if has_course {
                    let names = [result.feature.label(), "Over time"];
                    chosen = widgets::segmented(ui, "Tuning shows", &names, usize::from(over_time), true);
                }
            },
        );
        if let Some(chosen) = chosen {
            self.over_time = chosen == 1;
        }
        let rect = body(ui);
        let table_width = 230.0_f32.min(rect.width() * 0.4);
        let left = Rect::from_min_max(rect.min, pos2(rect.right() - table_width - 16.0, rect.bottom()));
        let figure = if over_time {
            self.course.get(data, unit, || figures::over_time(result, unit, STATISTIC))
        } else {
            self.tuning.get(data, unit, || figures::tuning(result, unit, STATISTIC))
        };
        let Some((plot, _)) = figure.and_then(plot_of) else { return };
        let below = if over_time || data.pictures.is_empty() { 0.0 } else { THUMBNAIL + 6.0 };
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| {
            let gutter = Gutter { left: 50.0, right: 12.0, top: 12.0, bottom: 42.0 + below };
            let name = if over_time { "Response over time" } else { "Tuning" };
            let drawn = PlotUi::new(plot, name)
                .names(Names::Direct)
                .gutter(gutter)
                .below(below)
                .show(ui, left.size());
            if over_time {
                return;
            }
            thumbnails(ui, data, &drawn);
            preferred(ui, result, unit, &drawn);
            if let Some(x) = drawn.pointer_x() {
                out.say(at_value(result, unit, x));
            }
        });
        let right = Rect::from_min_max(pos2(rect.right() - table_width, rect.top() + 6.0), rect.max);
        table::show(ui, right, result, unit);
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
                let words = format!("{} units shown, by peak", data.shown.len());
                ui.label(Text::Small.rich(words, t.text2));
                if let (Some(line), Some(scaling)) = (excluded, &data.scaling) {
                    ui.label(icons::INFO.rich(14.0, t.warn));
                    let short = format!("{} excluded", scaling.excluded.len());
                    ui.label(Text::Small.rich(short, t.warn)).on_hover_text(line);
                }
            },
            |ui| {
                let item = view.document.probe;
                let info = item.and_then(|id| view.document.probe_info(id));
                let model = info.and_then(|info| view.document.model_info(info.model));
                let button = Button::new("Random 20").icon(icons::RANDOM).small();
                let help = "Probe twenty units of the area, drawn from the seed";
                if ui.add(button.tooltip(help)).clicked()
                    && let (Some(item), Some(info), Some(model)) = (item, info, model)
                    && let Some(command) = units::random(item, &info.recipe, model)
                {
                    out.push(command);
                }
                ui.label(Text::Caption.rich("y scaled per unit", t.text3));
            },
        );
        let rect = body(ui);
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
            egui::ScrollArea::vertical().id_salt("units").auto_shrink([false, false]).show(ui, |ui| {
                units::grid(ui, data, chosen, rect.height(), out);
            });
        });
    }

    pub fn scaling(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        if !ready(ui, view, out) {
            return;
        }
        let Some((data, unit)) = shown(view) else { return };
        let t = tokens(ui);
        let Some(figure) = self.scaling.get(data, unit, || figures::scaling(&data.result, unit, STATISTIC))
        else {
            return;
        };
        let Some((plot, headline)) = plot_of(figure) else { return };
        toolbar(
            ui,
            |ui| {
                let id = data.result.units[unit];
                ui.label(Text::SmallStrong.rich(format!("{} · {}", data.result.area, id.channel), t.text));
                let others = data.result.units.len().saturating_sub(1);
                let words = format!("{} values  grey: the other {others} units", data.result.values.len());
                ui.label(Text::Small.rich(words, t.text2));
            },
            |_| {},
        );
        let rect = body(ui);
        let facts = 128.0_f32.min(rect.width() * 0.3);
        let left = Rect::from_min_max(rect.min, pos2(rect.right() - facts, rect.bottom()));
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| {
            let gutter = Gutter { left: 50.0, right: 12.0, top: 10.0, bottom: 42.0 };
            PlotUi::new(plot, "Attention scaling")
                .names(Names::Hidden)
                .gutter(gutter)
                .title_colors(t.roles.unattended, t.roles.attended)
                .show(ui, left.size());
        });
        scaling_facts(ui, pos2(left.right() + 4.0, rect.top() + 14.0), data, unit, headline);
    }

    pub fn population(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        if !ready(ui, view, out) {
            return;
        }
        let Some((data, unit)) = shown(view) else { return };
        let t = tokens(ui);
        if data.scaling.is_none() {
            let at = ui.available_rect_before_wrap().center();
            let words = "Scaling needs the conditions attended and unattended.";
            ui.painter().text(at, Align2::CENTER_CENTER, words, Text::Small.font(), t.text2);
            return;
        }
        let mut chosen = None;
        toolbar(
            ui,
            |ui| {
                ui.label(Text::Small.rich("Scaling by area", t.text));
                let help = "One dot per unit; the line is the median, the box the quartiles";
                ui.label(Text::Small.rich("median, quartiles", t.text2)).on_hover_text(help);
            },
            |ui| {
                let names = Measure::ALL.map(Measure::name);
                let at = Measure::ALL.iter().position(|one| *one == self.measure).unwrap_or(0);
                chosen = widgets::segmented(ui, "Population shows", &names, at, true);
            },
        );
        if let Some(chosen) = chosen {
            self.measure = Measure::ALL[chosen];
            self.population = Built::default();
        }
        let (measure, own) = (self.measure, own_area(data));
        let figure =
            self.population.get(data, unit, || figures::population(&data.areas, Some((own, unit)), measure));
        let Some((plot, _)) = figure.and_then(plot_of) else { return };
        let rect = body(ui);
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
            let gutter = Gutter { left: 108.0, right: 16.0, top: 8.0, bottom: 42.0 };
            PlotUi::new(plot, "Population").names(Names::Hidden).gutter(gutter).show(ui, rect.size());
        });
    }

    pub fn field(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        self.field.show(ui, view, out);
    }

    pub fn update(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        self.update.show(ui, view, out);
    }

    pub fn inhibition(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        self.inhibition.show(ui, view, out);
    }

    /// The figure of one of the views.
    pub fn figure(&self, which: Which, view: &View<'_>) -> gainfield::Result<Figure> {
        match which {
            Which::Field => return field::figure(view),
            Which::Inhibition => return inhibition::figure(view),
            Which::Update => return update::figure(view),
            Which::Tuning | Which::Units | Which::Scaling | Which::Population => {}
        }
        let (data, unit) = shown(view).ok_or_else(|| nothing_to_draw("probe result"))?;
        let result = &data.result;
        match which {
            Which::Tuning if self.over_time && result.conditions.iter().any(|one| one.course.is_some()) => {
                figures::over_time(result, unit, STATISTIC)
            }
            Which::Scaling => figures::scaling(result, unit, STATISTIC),
            Which::Population if data.areas.is_empty() => Err(nothing_to_draw("scaling")),
            Which::Population => figures::population(&data.areas, Some((own_area(data), unit)), self.measure),
            _ => figures::tuning(result, unit, STATISTIC),
        }
    }

    /// All panels of the probe; with the maps of attention of the recordings of its model, if any.
    pub fn summary(&self, view: &View<'_>) -> gainfield::Result<Figure> {
        let (data, unit) = shown(view).ok_or_else(|| nothing_to_draw("probe result"))?;
        let info = view.document.probe.and_then(|id| view.document.probe_info(id));
        let maps = match info {
            Some(info) => super::gain::attention_maps(view, info.model)?,
            None => None,
        };
        figures::summary(&data.result, unit, STATISTIC, maps, &data.areas, self.measure)
    }
}

/// Position of the probed area among all.
fn own_area(data: &ProbeData) -> usize {
    data.areas.iter().position(|(name, _)| *name == data.result.area).unwrap_or(0)
}

/// The stimuli themselves along the axis, as many as fit.
fn thumbnails(ui: &Ui, data: &ProbeData, drawn: &Drawn) {
    let n = data.pictures.len();
    if n == 0 {
        return;
    }
    let t = tokens(ui);
    let apart = drawn.frame.width() / n.saturating_sub(1).max(1) as f32;
    let every = ((THUMBNAIL + 4.0) / apart).ceil().max(1.0) as usize;
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    for (value, picture) in data.result.values.iter().zip(&data.pictures).step_by(every) {
        let center = pos2(drawn.x_at(*value), drawn.frame.bottom() + 24.0 + THUMBNAIL / 2.0);
        let rect = Rect::from_center_size(center, vec2(THUMBNAIL, THUMBNAIL));
        ui.painter().image(texture::image(ui.ctx(), picture), rect, uv, Color32::WHITE);
        ui.painter().rect_stroke(rect, 0, Stroke::new(1.0, t.line), egui::StrokeKind::Outside);
    }
}

/// A dotted line at the preferred value of the first condition that has a fit.
fn preferred(ui: &Ui, result: &TuningResult, unit: usize, drawn: &Drawn) {
    let Some(condition) = result.conditions.first() else { return };
    let Some(fit) = result.fit(condition, unit, STATISTIC) else { return };
    let degrees = result.feature == Feature::Orientation;
    let at = if degrees { fit.centre.to_degrees() } else { fit.centre };
    if !(drawn.x[0]..=drawn.x[1]).contains(&at) {
        return;
    }
    let t = tokens(ui);
    let x = drawn.x_at(at);
    let ends = [pos2(x, drawn.frame.bottom()), pos2(x, drawn.frame.top())];
    ui.painter().extend(egui::Shape::dashed_line(&ends, Stroke::new(1.0, t.text3), 1.5, 2.5));
    let shown = if degrees { fixed(at, 0) } else { significant(at, 2) };
    let word = if result.feature == Feature::Contrast { "half at" } else { "preferred" };
    let text = format!("{word} {shown}{}", result.feature.unit());
    let (align, dx) = if x > drawn.frame.center().x + drawn.frame.width() * 0.25 {
        (Align2::RIGHT_CENTER, -5.0)
    } else {
        (Align2::LEFT_CENTER, 5.0)
    };
    let at = pos2(x + dx, drawn.frame.top() + 2.0);
    ui.painter().text(at, align, text, Text::Caption.font(), t.text2);
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
    let interval = if interval.is_empty() { String::new() } else { format!("95 % CI {interval}") };
    let facts = [
        ("Scaling (slope)", fixed(line.slope, 2), interval),
        ("Offset", signed(line.offset, 2), String::new()),
        ("R² of the line", fixed(line.r2, 3), String::new()),
        ("Ratio of means", fixed(scaling.ratio_of_means, 2), String::new()),
    ];
    let painter = ui.painter();
    let mut y = at.y;
    for (i, (name, value, note)) in facts.into_iter().enumerate() {
        painter.text(pos2(at.x, y), Align2::LEFT_CENTER, name, Text::Small.font(), t.text2);
        let style = if i == 0 { Text::Stat } else { Text::Readout };
        painter.text(pos2(at.x, y + 22.0), Align2::LEFT_CENTER, value, style.font(), t.text);
        painter.text(pos2(at.x, y + 42.0), Align2::LEFT_CENTER, &note, Text::Caption.font(), t.text2);
        y += if i == 0 { 66.0 } else { 48.0 };
    }
    if data.result.feature != Feature::Orientation {
        return;
    }
    y += 4.0;
    painter.text(pos2(at.x, y), Align2::LEFT_CENTER, "Orientation", Text::Caption.font(), t.text2);
    let bar = Rect::from_min_size(pos2(at.x, y + 12.0), vec2(104.0, 8.0));
    let colors = texture::bar(ui.ctx(), ColourMap::Twilight, texture::ground(t.dark));
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    painter.image(colors, bar, uv, Color32::WHITE);
    for (x, align, text) in [
        (bar.left(), Align2::LEFT_CENTER, "0°"),
        (bar.center().x, Align2::CENTER_CENTER, "90°"),
        (bar.right(), Align2::RIGHT_CENTER, "180°"),
    ] {
        painter.text(pos2(x, bar.bottom() + 9.0), align, text, Text::Caption.font(), t.text2);
    }
}

/// Which view of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Tuning,
    Units,
    Scaling,
    Population,
    Field,
    Inhibition,
    Update,
}

/// What every condition gave at the value nearest to `x`.
fn at_value(result: &TuningResult, unit: usize, x: f64) -> String {
    let nearest = (0..result.values.len())
        .min_by(|&a, &b| (result.values[a] - x).abs().total_cmp(&(result.values[b] - x).abs()));
    let Some(at) = nearest else { return String::new() };
    let shown = gainfield::figure::number::trimmed(result.values[at], 0.01);
    let mut words = format!("{} {shown}{}", result.feature.label(), result.feature.unit());
    for condition in &result.conditions {
        let mean = condition.responses.mean(unit)[at];
        let spread = condition.responses.standard_deviation(unit)[at];
        words += &format!("  {} {} ± {}", condition.label, significant(mean, 3), significant(spread, 3));
    }
    words
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

/// The button that stops a running probe, with how far it is; for the inspector.
pub fn progress(ui: &mut Ui, state: &ProbeState) -> bool {
    let ProbeState::Running { done, total } = state else { return false };
    let fraction = (*total > 0).then(|| *done as f32 / *total as f32);
    widgets::bar(ui, "Stimuli probed", fraction, 120.0, 5.0);
    ui.add(Button::new("Cancel").icon(icons::CLOSE).small()).clicked()
}
