//! Unit traces: the pinned units over time, with the baseline as a ghost.

use egui::{Stroke, Ui, vec2};
use gainfield::dynamics::{SegmentKind, TimeUnit};
use gainfield::figure::number::significant;
use gainfield::figure::{Axis, Emphasis, Figure, Ink, Line, Panel, Plot, Role, Series, Span, Width};

use super::area_maps::pin_text;
use super::{no_recording, nothing_to_draw};
use crate::command::Command;
use crate::figure_ui::{Drawn, Gutter, Names, PlotUi};
use crate::icons;
use crate::liveness::Sleep;
use crate::store::RunData;
use crate::theme::tokens;
use crate::timeline::time_words;
use crate::view::{Out, View};
use crate::widgets::{EmptyState, empty_state, hatch};

/// The plot as last built, and what it was built from.
#[derive(Default)]
pub struct UnitTraces {
    built: Option<(u64, Plot)>,
}

impl UnitTraces {
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let Some(run) = view.run().filter(|run| !run.recording.steps.is_empty()) else {
            no_recording(ui, view, out);
            return;
        };
        if view.document.pinned.is_empty() {
            let state = EmptyState {
                title: "No unit selected",
                sentence: "Click on a map to see that unit over time. Shift adds further units.",
                primary: Some(("Select the strongest", icons::UNIT)),
                quiet: None,
            };
            if empty_state(ui, &state).is_some()
                && let Some(unit) = strongest(run, view)
            {
                out.push(Command::SelectUnit(unit));
            }
            return;
        }
        let key = key(view, run);
        if self.built.as_ref().is_none_or(|(known, _)| *known != key) {
            self.built = plot(view, run).ok().map(|plot| (key, plot));
        }
        let Some((_, plot)) = &self.built else { return };
        let cursor = view.clock.cursor();
        let at = time_value(run.recording.time_unit, cursor);
        let size = ui.available_size() - vec2(0.0, 2.0);
        let drawn = PlotUi::new(plot, "Unit traces")
            .names(Names::Legend)
            .gutter(Gutter { left: 44.0, right: 14.0, top: 12.0, bottom: 40.0 })
            .playhead(at)
            .zoomable()
            .show(ui, size);
        let t = tokens(ui);
        asleep(ui, view, run, &drawn, out);
        for (i, pin) in view.document.pinned.iter().enumerate() {
            if Sleep::of(view, &pin.area).is_some_and(|sleep| sleep.lasts_at(cursor)) {
                continue;
            }
            let Some(value) = value_at(run, &pin.area, pin.unit, cursor) else { continue };
            let p = drawn.at([at, f64::from(value)]);
            if drawn.frame.expand(2.0).contains(p) {
                ui.painter().circle(p, 3.5, t.category(i), Stroke::new(1.5, t.panel));
            }
        }
        if let Some(x) = drawn.pointer_x() {
            let step = step_of(run.recording.time_unit, x).min(run.recording.n_timesteps.saturating_sub(1));
            let mut values: Vec<String> = view
                .document
                .pinned
                .iter()
                .filter_map(|pin| {
                    if let Some(sleep) = Sleep::of(view, &pin.area).filter(|sleep| sleep.lasts_at(step)) {
                        return Some(sleep.words);
                    }
                    let value = value_at(run, &pin.area, pin.unit, step)?;
                    Some(format!("{} {}", pin_text(run, pin)?, significant(f64::from(value), 3)))
                })
                .collect();
            values.dedup();
            out.say(format!("{}  {}", time_words(run, step), values.join("  ")));
            if drawn.response.clicked() {
                out.push(Command::Seek(step));
            }
        }
    }

    pub fn figure(&self, view: &View<'_>) -> gainfield::Result<Figure> {
        let run = view.run().ok_or_else(|| nothing_to_draw("trace"))?;
        if view.document.pinned.is_empty() {
            return Err(gainfield::Error::Unsupported(
                "no unit is selected; click on a map first".to_owned(),
            ));
        }
        let panel = Panel::new("unit traces", plot(view, run)?);
        let caption = "Responses of single units over time; dashed: the recording before the branch.";
        Ok(Figure::single(Width::OneColumn, panel)?.caption(caption))
    }
}

/// The time before the first of the units' areas holds anything: grey, and why on hover.
fn asleep(ui: &Ui, view: &View<'_>, run: &RunData, drawn: &Drawn, out: &mut Out<'_>) {
    let n = run.recording.n_timesteps;
    let sleeps: Option<Vec<Sleep>> =
        view.document.pinned.iter().map(|pin| Sleep::of(view, &pin.area)).collect();
    let Some(first) = sleeps.and_then(|all| all.into_iter().min_by_key(|sleep| sleep.len(n))) else { return };
    let end = time_value(run.recording.time_unit, first.len(n)) - half(run.recording.time_unit);
    let right = drawn.x_at(end.min(drawn.x[1])).min(drawn.frame.right());
    let span = drawn.frame.with_max_x(right.max(drawn.frame.left()));
    if span.width() < 1.0 {
        return;
    }
    let t = tokens(ui);
    hatch(&ui.painter_at(span), span, t.hatch.gamma_multiply(0.5));
    if ui.rect_contains_pointer(span) {
        out.say(first.words.clone());
    }
    let id = ui.scope_id().with("asleep");
    let response = ui.interact(span, id, egui::Sense::hover());
    crate::widgets::name(&response, egui::Role::Label, &first.words);
    response.on_hover_text(&first.words);
}

/// Points of a trace from when its area is live.
fn awake(view: &View<'_>, area: &str, points: Vec<(usize, f32)>) -> impl Iterator<Item = (usize, f32)> {
    let sleep = Sleep::of(view, area);
    points.into_iter().filter(move |(t, _)| sleep.as_ref().is_none_or(|sleep| !sleep.lasts_at(*t)))
}

/// The unit with the largest response at the cursor, in the selected area or the first.
fn strongest(run: &RunData, view: &View<'_>) -> Option<crate::document::UnitRef> {
    let area = view.document.area.as_deref().and_then(|name| run.recording.area(name));
    let area = area.or_else(|| run.recording.areas.iter().position(|area| !area.is_gain()))?;
    let step = super::stimulus_attention::step_at(run, view.clock.cursor());
    let values = run.recording.trial(step, area, 0);
    let (unit, _) = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    Some(crate::document::UnitRef { area: run.recording.areas[area].name.clone(), unit })
}

/// Position of a timestep on the axis: its number from 1, or the milliseconds at its end.
fn time_value(unit: TimeUnit, t: usize) -> f64 {
    match unit {
        TimeUnit::Ms { dt_ms } => (t + 1) as f64 * dt_ms,
        TimeUnit::Sweep | TimeUnit::Pass | TimeUnit::Timestep => (t + 1) as f64,
    }
}

fn step_of(unit: TimeUnit, x: f64) -> usize {
    match unit {
        TimeUnit::Ms { dt_ms } => (x / dt_ms - 1.0).round().max(0.0) as usize,
        TimeUnit::Sweep | TimeUnit::Pass | TimeUnit::Timestep => (x - 1.0).round().max(0.0) as usize,
    }
}

fn value_at(run: &RunData, area: &str, unit: usize, t: usize) -> Option<f32> {
    let area = run.recording.area(area)?;
    run.recording.at(t)?.values[area].get(unit).copied()
}

fn key(view: &View<'_>, run: &RunData) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    (std::sync::Arc::as_ptr(&run.recording) as usize).hash(&mut hasher);
    if let Some((baseline, at)) = view.baseline() {
        (std::sync::Arc::as_ptr(&baseline.recording) as usize, at).hash(&mut hasher);
    }
    for pin in &view.document.pinned {
        (&pin.area, pin.unit).hash(&mut hasher);
    }
    hasher.finish()
}

fn plot(view: &View<'_>, run: &RunData) -> gainfield::Result<Plot> {
    let recording = &run.recording;
    let unit = recording.time_unit;
    let x = match unit {
        TimeUnit::Ms { .. } => Axis::new("time").unit("ms"),
        _ if recording.segments.iter().any(|s| s.kind == SegmentKind::ReadOut) => {
            Axis::new(format!("{}, the last is the read-out pass", unit.name()))
        }
        TimeUnit::Sweep | TimeUnit::Pass | TimeUnit::Timestep => Axis::new(unit.name()),
    };
    let last = recording.n_timesteps.saturating_sub(1);
    let (low, high) = (time_value(unit, 0), time_value(unit, last));
    let x = if high > low { x.range(low, high) } else { x };
    let mut plot = Plot::new(x, Axis::new("response").unit("a.u."));
    let edge = |t: usize| time_value(unit, t) - half(unit);
    for segment in &recording.segments {
        let ink = match segment.kind {
            SegmentKind::Cue => Ink::Role(Role::Stimulus),
            SegmentKind::Phase => Ink::Role(Role::Neutral),
            _ => continue,
        };
        if segment.kind == SegmentKind::Phase && segment.from == 0 {
            continue;
        }
        let (from, to) = (edge(segment.from).max(low), edge(segment.to).min(high));
        if from < to {
            plot = plot.with(Span::new(from, to, segment.name.clone(), ink)?);
        }
    }
    for intervention in recording.interventions.iter().filter(|i| i.enabled) {
        let from = edge(intervention.from).max(low);
        let to = intervention.to.map_or(high, |to| edge(to).min(high));
        if from < to {
            let name = crate::interventions::describe(intervention);
            plot = plot.with(Span::new(from, to, name, Role::Intervention)?);
        }
    }
    for (i, pin) in view.document.pinned.iter().enumerate() {
        let Some(area) = recording.area(&pin.area) else { continue };
        let info = &recording.areas[area];
        if pin.unit >= info.n_units() {
            continue;
        }
        let mixed = view.document.pinned.iter().any(|other| other.area != pin.area);
        let name = pin_text(run, pin).unwrap_or_default();
        let name = if mixed { format!("{} {name}", pin.area) } else { name };
        if let Some((baseline, at)) = view.baseline()
            && let Some(area) = baseline.recording.area(&pin.area)
        {
            let ghost = baseline.recording.unit_trace(area, 0, pin.unit);
            let ghost: Vec<[f64; 2]> = awake(view, &pin.area, ghost)
                .filter(|(t, _)| *t + 1 >= at)
                .map(|(t, value)| [time_value(unit, t), f64::from(value)])
                .collect();
            if !ghost.is_empty() {
                let series = Series::new(format!("{name}, baseline"), Ink::Category(i)).quiet();
                plot = plot.with(Line::new(series, ghost)?.emphasis(Emphasis::Ghost));
            }
        }
        let trace: Vec<[f64; 2]> = awake(view, &pin.area, recording.unit_trace(area, 0, pin.unit))
            .map(|(t, value)| [time_value(unit, t), f64::from(value)])
            .collect();
        let line = Line::new(Series::new(name, Ink::Category(i)), trace)?;
        plot = plot.with(line.dash(if i < 4 {
            gainfield::figure::Dash::Solid
        } else {
            Ink::Category(i).dash()
        }));
    }
    Ok(plot)
}

fn half(unit: TimeUnit) -> f64 {
    match unit {
        TimeUnit::Ms { dt_ms } => dt_ms / 2.0,
        TimeUnit::Sweep | TimeUnit::Pass | TimeUnit::Timestep => 0.5,
    }
}
