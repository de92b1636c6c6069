//! Small curves of all probed units; a click chooses one.

use egui::{Align2, Color32, Rect, Sense, Stroke, Ui, pos2, vec2};
use gainfield::dynamics::Units;
use gainfield::figure::number::{fixed, significant};
use gainfield::probe::{ProbeRecipe, figures};
use gainfield::rng;

use crate::command::Command;
use crate::document::UnitRef;
use crate::item::{ItemId, ModelInfo};
use crate::probing::ProbeData;
use crate::theme::{Text, tokens};
use crate::view::Out;
use crate::widgets::{self, Ring, focus_ring};

/// Width of a cell, its gap, and the least and largest height of a curve.
const WIDTH: f32 = 64.0;
const GAP: f32 = 4.0;
const HEIGHTS: std::ops::RangeInclusive<f32> = 56.0..=92.0;
const LABEL: f32 = 16.0;
/// How many a random choice takes.
const RANDOM: usize = 20;

/// A probe of other units: some of the area's, drawn anew every time.
pub(super) fn random(item: ItemId, recipe: &ProbeRecipe, model: &ModelInfo) -> Option<Command> {
    let area = model.area(&recipe.area)?;
    let n = area.n_units();
    let [_, height, width] = area.map_shape();
    let plane = height * width;
    let drawn = digest(&recipe.units.to_string());
    let mut stream = rng::stream(recipe.seed, "ui/random units", &[drawn]);
    let mut chosen: Vec<usize> = (0..RANDOM.min(n)).map(|_| rng::index(&mut stream, 0, n)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    let name = |unit: &usize| {
        let within = unit % plane;
        if plane > 1 {
            format!("{}:{}:{}", unit / plane, within / width, within % width)
        } else {
            unit.to_string()
        }
    };
    let units: Units = chosen.iter().map(name).collect::<Vec<_>>().join(",").parse().ok()?;
    Some(Command::SetProbe { item, recipe: Box::new(ProbeRecipe { units, ..recipe.clone() }) })
}

/// A number that differs with the text, the same on every machine.
fn digest(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

pub(super) fn grid(ui: &mut Ui, data: &ProbeData, chosen: usize, room: f32, out: &mut Out<'_>) {
    let columns = ((ui.available_width() + GAP) / (WIDTH + GAP)).floor().max(1.0) as usize;
    // The chosen unit is in view even if it takes no part in the scaling.
    let extra = (!data.shown.contains(&chosen)).then_some(chosen);
    let n = data.shown.len() + extra.iter().len();
    let rows = n.div_ceil(columns).max(1);
    let height = (room / rows as f32 - LABEL - GAP).clamp(*HEIGHTS.start(), *HEIGHTS.end()).floor();
    let size = vec2(WIDTH, height + LABEL);
    let whole = vec2(ui.available_width(), rows as f32 * (size.y + GAP));
    let (area, _) = ui.allocate_exact_size(whole, Sense::hover());
    for (place, unit) in data.shown.iter().copied().chain(extra).enumerate() {
        let (row, column) = (place / columns, place % columns);
        let min = area.min + vec2(column as f32 * (size.x + GAP), row as f32 * (size.y + GAP));
        let cell = Rect::from_min_size(min, size);
        if ui.is_rect_visible(cell) {
            curve_cell(ui, data, unit, unit == chosen, cell, out);
        }
    }
}

fn curve_cell(ui: &mut Ui, data: &ProbeData, unit: usize, chosen: bool, cell: Rect, out: &mut Out<'_>) {
    let t = tokens(ui);
    let id = data.result.units[unit];
    let response = ui.interact(cell, ui.scope_id().with(("unit", unit)), Sense::click());
    widgets::name_selected(
        &response,
        egui::Role::Button,
        chosen,
        &format!("Unit {}", figures::unit_name(id)),
    );
    let frame = Rect::from_min_max(cell.min, pos2(cell.right(), cell.bottom() - LABEL));
    let stroke = if chosen { Stroke::new(2.0, t.accent) } else { Stroke::new(1.0, t.line) };
    ui.painter().rect(frame, 2, t.well, stroke, egui::StrokeKind::Inside);
    let curves: Vec<(Vec<f64>, Color32)> = (data.result.conditions.iter().take(2))
        .map(|condition| (condition.responses.mean(unit), super::role_color(t, condition.role)))
        .collect();
    let top = curves.iter().flat_map(|(curve, _)| curve).copied().fold(0.0_f64, f64::max);
    let inner = frame.shrink(4.0);
    for (curve, color) in curves {
        let n = curve.len().saturating_sub(1).max(1) as f32;
        let points: Vec<_> = curve
            .iter()
            .enumerate()
            .filter(|(_, value)| value.is_finite())
            .map(|(i, value)| {
                let height = if top > 0.0 { (value / top) as f32 } else { 0.0 };
                pos2(inner.left() + inner.width() * i as f32 / n, inner.bottom() - inner.height() * height)
            })
            .collect();
        ui.painter().line(points, Stroke::new(1.2, color));
    }
    let y = cell.bottom() - LABEL / 2.0;
    let style = if chosen { Text::CaptionStrong } else { Text::Caption };
    let color = if chosen { t.text } else { t.text2 };
    let (left, right) = (pos2(cell.left(), y), pos2(cell.right(), y));
    ui.painter().text(left, Align2::LEFT_CENTER, id.channel, style.font(), color);
    // Beside the channel there is no room for powers of ten.
    let peak = match top {
        0.0 => "0".to_owned(),
        top if top < 1e-3 => "<0.001".to_owned(),
        top if top < 1e-2 => fixed(top, 3),
        top => significant(top, 2),
    };
    ui.painter().text(right, Align2::RIGHT_CENTER, peak, style.font(), if chosen { t.text } else { t.text3 });
    focus_ring(ui, &response, cell, 2, Ring::Inside);
    if response.hovered() {
        out.say(format!("{} {}  peak {}", data.result.area, figures::unit_name(id), significant(top, 3)));
    }
    if response.clicked() {
        out.push(Command::SelectUnit(UnitRef { area: data.result.area.clone(), unit: id.index }));
    }
}
