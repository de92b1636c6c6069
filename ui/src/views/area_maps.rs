//! Area maps: the ladder of areas, and the channels of the chosen one as a grid.

use std::sync::Arc;

use egui::{
    Align2, Color32, CornerRadius, EventFilter, Key, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui,
    pos2, vec2,
};
use gainfield::dynamics::{Action, Area};
use gainfield::figure::number::significant;
use gainfield::figure::{ColourMap, ColourScale, Figure, Maps, Panel, Raster, Width};

use super::map_grid::{Atlas, Cells, LABEL, Layout, Order, reference, vector_shape};
use super::stimulus_attention::step_at;
use super::{no_recording, nothing_to_draw, toolbar};
use crate::command::Command;
use crate::document::UnitRef;
use crate::icons;
use crate::interventions::{place_of, unit_text};
use crate::liveness::Sleep;
use crate::store::RunData;
use crate::texture::{self, Colouring};
use crate::theme::{Text, metrics, radius, tokens};
use crate::timeline::time_words;
use crate::view::{Out, View};
use crate::widgets::{self, Ring, focus_ring};

/// What the maps show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Response,
    Gain,
    Change,
}

const UNIT: Rect = Rect { min: pos2(0.0, 0.0), max: pos2(1.0, 1.0) };
/// Side of the map in a cell of the ladder, and of the cell.
const LADDER_MAP: f32 = 74.0;
const LADDER_CELL: egui::Vec2 = vec2(84.0, 115.0);

/// State that only the screen knows.
#[derive(Default)]
pub struct AreaMaps {
    mode: Mode,
    order: Order,
    cells: Option<Cells>,
    silenced: Option<(usize, String, Vec<usize>)>,
}

impl AreaMaps {
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let Some(run) = view.run().filter(|run| !run.recording.steps.is_empty()) else {
            no_recording(ui, view, out);
            return;
        };
        let step = step_at(run, view.clock.cursor());
        self.tools(ui, run);
        let shown = shown_areas(run, self.mode);
        let Some(&first) = shown.first() else { return };
        let chosen = view
            .document
            .area
            .as_deref()
            .and_then(|name| run.recording.area(name))
            .filter(|area| shown.contains(area))
            .unwrap_or(first);
        self.ladder(ui, view, run, step, &shown, chosen, out);
        let sleep = Sleep::of(view, &run.recording.areas[chosen].name);
        match sleep.filter(|sleep| sleep.lasts_at(run.recording.steps[step].t)) {
            Some(sleep) => asleep(ui, run, &sleep, out),
            None => self.grid(ui, view, run, step, chosen, out),
        }
    }

    fn tools(&mut self, ui: &mut Ui, run: &RunData) {
        let t = tokens(ui);
        let gains = run.recording.areas.iter().any(Area::multiplies);
        let modes: &[(&str, Mode)] = if gains {
            &[("Response", Mode::Response), ("Gain", Mode::Gain), ("Change", Mode::Change)]
        } else {
            &[("Response", Mode::Response), ("Change", Mode::Change)]
        };
        let names: Vec<&str> = modes.iter().map(|(name, _)| *name).collect();
        let at = modes.iter().position(|(_, mode)| *mode == self.mode).unwrap_or(0);
        let mut chosen = None;
        let mut order = None;
        let by = self.order;
        toolbar(
            ui,
            |ui| chosen = widgets::segmented(ui, "Maps show", &names, at, true),
            |ui| {
                let names = Order::ALL.map(|(name, _)| name);
                let at = Order::ALL.iter().position(|(_, order)| *order == by).unwrap_or(0);
                order = widgets::combo(ui, "Order of channels", &names, at, 88.0);
                ui.label(Text::Small.rich("Shared scale", t.text2))
                    .on_hover_text("All channels of an area and all timesteps share one colour range");
                ui.label(icons::LINK.rich(14.0, t.accent));
            },
        );
        if let Some(chosen) = chosen {
            self.mode = modes[chosen].1;
        }
        if let Some(order) = order {
            self.order = Order::ALL[order].1;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call site")]
    fn ladder(
        &mut self,
        ui: &mut Ui,
        view: &View<'_>,
        run: &RunData,
        step: usize,
        areas: &[usize],
        chosen: usize,
        out: &mut Out<'_>,
    ) {
        let area = ui.available_rect_before_wrap();
        let strip = Rect::from_min_size(area.min, vec2(area.width(), LADDER_CELL.y + 4.0));
        let builder = egui::UiBuilder::new().max_rect(strip.shrink2(vec2(10.0, 0.0)));
        ui.scope_builder(builder, |ui| {
            ScrollArea::horizontal().id_salt("ladder").auto_shrink([false, true]).show(ui, |ui| {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 12.0;
                    for &area in areas {
                        rung(ui, view, run, step, area, area == chosen, out);
                    }
                });
            });
        });
        ui.advance_cursor_after_rect(strip.with_max_y(strip.bottom() - 6.0));
    }

    fn grid(
        &mut self,
        ui: &mut Ui,
        view: &View<'_>,
        run: &RunData,
        step: usize,
        area: usize,
        out: &mut Out<'_>,
    ) {
        let info = &run.recording.areas[area];
        let shape = drawn_shape(info);
        let values = &run.recording.steps[step].values[area];
        let change =
            (self.mode == Mode::Change).then(|| reference(run, view.baseline(), step, area)).flatten();
        let order = if shape[0] == 1 { Order::Index } else { self.order };
        let order = if self.mode != Mode::Change && order == Order::Change {
            // Without a reference to draw, the order still follows the change since the step before.
            Order::Peak
        } else {
            order
        };
        let cells = Cells::of(self.cells.take(), values, change.map(|(values, _)| values), shape, order);
        let colouring = colouring(ui, run, area, self.mode, change.is_some(), &cells);
        let words = change.map(|(_, words)| words);
        header(ui, info, order, words, colouring, &cells);
        let silenced = self.silenced(view, run, area, step).to_vec();
        let room = ui.available_rect_before_wrap().width() - 20.0;
        let wide = ui.ctx().content_rect().width() >= 1900.0;
        let target = if wide { 96.0 } else { metrics_map(ui) };
        let layout = Layout::new(shape[0], shape[1], shape[2], room, target);
        let scroll = ScrollArea::vertical().id_salt(("maps", &info.name)).auto_shrink(false);
        scroll.show_viewport(ui, |ui, viewport| {
            let (all, _) = ui.allocate_exact_size(vec2(room + 10.0, layout.height()), Sense::hover());
            let origin = all.min + vec2(10.0, 0.0);
            let first = (viewport.top() / layout.row_height()).floor().max(0.0) as usize;
            let last = ((viewport.bottom() / layout.row_height()).ceil() as usize).min(layout.rows);
            if first >= last {
                return;
            }
            let atlas = Atlas::of(ui.ctx(), &cells, &layout, first..last, colouring);
            let scene = GridScene {
                view,
                run,
                area: info,
                step,
                cells: &cells,
                layout: &layout,
                silenced: &silenced,
            };
            for position in first * layout.columns..(last * layout.columns).min(cells.order.len()) {
                scene.cell(ui, position, origin, &atlas, out);
            }
        });
        self.cells = Some(cells);
    }

    /// Channels of `area` that an intervention holds at `step`.
    fn silenced(&mut self, view: &View<'_>, run: &RunData, area: usize, step: usize) -> &[usize] {
        let t = run.recording.steps[step].t;
        let Some(recording) = view.document.current_recording() else { return &[] };
        let info = &run.recording.areas[area];
        let source = Arc::as_ptr(recording) as usize ^ t.rotate_left(32);
        let known = self.silenced.as_ref().is_some_and(|(s, name, _)| *s == source && *name == info.name);
        if !known {
            let plane = info.map_shape()[1] * info.map_shape()[2];
            let mut channels: Vec<usize> = Vec::new();
            for intervention in &recording.spec.interventions {
                let active = intervention.enabled
                    && t >= intervention.from
                    && intervention.to.is_none_or(|to| t < to)
                    && matches!(intervention.action, Action::Silence | Action::Clamp { .. });
                if active && gainfield::glob::matches(&intervention.area, &info.name) {
                    let indices = intervention.units.indices(info).unwrap_or_default();
                    channels.extend(indices.into_iter().map(|i| i / plane.max(1)));
                }
            }
            channels.sort_unstable();
            channels.dedup();
            self.silenced = Some((source, info.name.clone(), channels));
        }
        self.silenced.as_ref().map_or(&[], |(_, _, channels)| channels)
    }

    pub fn figure(&self, view: &View<'_>) -> gainfield::Result<Figure> {
        let run = view.run().filter(|run| !run.recording.steps.is_empty());
        let run = run.ok_or_else(|| nothing_to_draw("map"))?;
        let step = step_at(run, view.clock.cursor());
        let shown = shown_areas(run, self.mode);
        let chosen = view.document.area.as_deref().and_then(|name| run.recording.area(name));
        let area = chosen.filter(|area| shown.contains(area)).or(shown.first().copied());
        let area = area.ok_or_else(|| nothing_to_draw("map"))?;
        let info = &run.recording.areas[area];
        let shape = drawn_shape(info);
        let change =
            (self.mode == Mode::Change).then(|| reference(run, view.baseline(), step, area)).flatten();
        let values = &run.recording.steps[step].values[area];
        let cells = Cells::of(None, values, change.map(|(values, _)| values), shape, self.order);
        let (map, range, label) = range_of(run, area, self.mode, change.is_some(), &cells);
        let scale = ColourScale::new(map, range.map(f64::from), label)?;
        let plane = shape[1] * shape[2];
        let columns = even_columns(shape[0]);
        let nothing = || Raster::new(vec![f32::NAN; plane], shape[2], scale.clone());
        let mut rows = Vec::new();
        let mut titles = Vec::new();
        for chunk in cells.order.chunks(columns).take(8) {
            let mut rasters = chunk
                .iter()
                .map(|&c| {
                    Raster::new(cells.values[c * plane..(c + 1) * plane].to_vec(), shape[2], scale.clone())
                })
                .collect::<gainfield::Result<Vec<_>>>()?;
            while rasters.len() < columns {
                rasters.push(nothing()?);
            }
            titles.push(format!("{}–{}", chunk[0], chunk[chunk.len() - 1]));
            rows.push(rasters);
        }
        let n = shape[0].min(columns * rows.len());
        let maps = Maps::new(rows)?;
        let maps = if self.order == Order::Index { maps.row_titles(titles)? } else { maps };
        let listed: Vec<String> = cells.order.iter().take(n).map(ToString::to_string).collect();
        let t = run.recording.steps[step].t;
        let caption = format!(
            "{} of {} channels of {}, {}, at {}; channels in order: {}.",
            n,
            shape[0],
            info.name,
            Order::ALL.iter().find(|(_, order)| *order == self.order).map_or("", |(name, _)| name),
            time_words(run, t),
            listed.join(", ")
        );
        Ok(Figure::single(Width::TwoColumns, Panel::new(info.name.clone(), maps))?.caption(caption))
    }
}

fn metrics_map(ui: &Ui) -> f32 {
    if ui.ctx().content_rect().width() < 1400.0 { 48.0 } else { 72.0 }
}

/// Shape as drawn: a vector becomes one map of a block of units.
fn drawn_shape(area: &Area) -> [usize; 3] {
    let [channels, height, width] = area.map_shape();
    if height * width > 1 {
        return [channels, height, width];
    }
    let [rows, columns] = vector_shape(channels);
    if rows * columns == channels { [1, rows, columns] } else { [1, 1, channels] }
}

/// Columns of a figure of `n` maps: eight, or fewer where that fills every row.
fn even_columns(n: usize) -> usize {
    let most = 8.min(n).max(1);
    (4..=most).rev().find(|&columns| n.is_multiple_of(columns)).unwrap_or(most)
}

/// The areas a mode shows, as positions in the recording.
fn shown_areas(run: &RunData, mode: Mode) -> Vec<usize> {
    (0..run.recording.areas.len())
        .filter(|&i| {
            let gain = run.recording.areas[i].multiplies();
            match mode {
                Mode::Response => !gain,
                Mode::Gain => gain,
                Mode::Change => true,
            }
        })
        .collect()
}

fn range_of(
    run: &RunData,
    area: usize,
    mode: Mode,
    differs: bool,
    cells: &Cells,
) -> (ColourMap, [f32; 2], String) {
    if differs {
        let largest = cells.peaks.iter().copied().fold(0.0_f32, f32::max).max(1e-6);
        return (ColourMap::Change, [-largest, largest], "change".to_owned());
    }
    let [low, high] = run.derived.ranges[area];
    if mode == Mode::Gain {
        let ends = low.abs().max(high.abs());
        let range = if low < 0.0 { [-ends, ends] } else { [0.0, high.max(1e-6)] };
        return (ColourMap::Gain, range, "gain map".to_owned());
    }
    if low < 0.0 {
        let ends = low.abs().max(high.abs());
        return (ColourMap::Change, [-ends, ends], "activity".to_owned());
    }
    (ColourMap::Viridis, [low, high], "response".to_owned())
}

fn colouring(ui: &Ui, run: &RunData, area: usize, mode: Mode, differs: bool, cells: &Cells) -> Colouring {
    let (map, range, _) = range_of(run, area, mode, differs, cells);
    Colouring { map, ground: texture::ground(tokens(ui).dark), range }
}

/// Area, count, order, bar and lock.
fn header(
    ui: &mut Ui,
    area: &Area,
    order: Order,
    reference: Option<&str>,
    colouring: Colouring,
    cells: &Cells,
) {
    let t = tokens(ui);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), metrics::ROW), Sense::hover());
    let y = row.center().y;
    let painter = ui.painter();
    let at = pos2(row.left() + 12.0, y);
    let name = painter.text(at, Align2::LEFT_CENTER, &area.name, Text::SmallStrong.font(), t.text);
    let [channels, height, width] = area.map_shape();
    let what = if height * width > 1 { format!("{channels} channels") } else { format!("{channels} units") };
    let by = Order::ALL.iter().find(|(_, o)| *o == order).map_or("", |(name, _)| *name);
    let mut text = if cells.shape[0] > 1 { format!("{what}, {by}") } else { what };
    if let Some(reference) = reference {
        text = format!("change from {reference}");
    }
    let at = pos2(name.right() + 8.0, y);
    painter.text(at, Align2::LEFT_CENTER, text, Text::Small.font(), t.text2);
    let [low, high] = colouring.range;
    let ends = [significant(f64::from(low), 3), significant(f64::from(high), 3)];
    let ends = [if low == 0.0 { "0".to_owned() } else { ends[0].clone() }, ends[1].clone()];
    let width = |text: &str| painter.layout_no_wrap(text.to_owned(), Text::Caption.font(), t.text2).size().x;
    let total = 96.0 + 13.0 + width(&ends[0]) + width(&ends[1]);
    let clipped = cells.peaks.iter().any(|&peak| peak > high * 1.0001);
    let left = pos2(row.right() - 34.0 - total, y);
    let bar = texture::bar(ui.ctx(), colouring.map, colouring.ground);
    widgets::color_bar(ui, bar, left, vec2(96.0, 8.0), [&ends[0], &ends[1]], [false, clipped]);
    icons::LOCK.paint(ui.painter(), pos2(row.right() - 18.0, y), 14.0, t.text2);
    let lock = Rect::from_center_size(pos2(row.right() - 18.0, y), vec2(24.0, 24.0));
    let response = ui.interact(lock, ui.scope_id().with("range lock"), Sense::hover());
    response.on_hover_text(
        "0 to the 99.8th percentile over the whole run; the range does not move while playing",
    );
}

/// In place of the channels of an area that holds nothing yet: why, and the way to when it does.
fn asleep(ui: &mut Ui, run: &RunData, sleep: &Sleep, out: &mut Out<'_>) {
    let t = tokens(ui);
    let area = ui.available_rect_before_wrap();
    let block = Rect::from_min_size(area.min + vec2(10.0, 8.0), vec2(area.width() - 20.0, 72.0));
    widgets::hatch(&ui.painter_at(block), block, t.hatch.gamma_multiply(0.5));
    let builder = egui::UiBuilder::new().max_rect(block.shrink(10.0)).id_salt("asleep");
    ui.scope_builder(builder, |ui| {
        ui.horizontal(|ui| {
            let chip = widgets::chip(ui, icons::INFO, &sleep.words, t.text2);
            chip.on_hover_text("No signal from the picture has reached it yet: it holds and sends nothing");
            let wakes = sleep.until.filter(|&until| until < run.recording.n_timesteps);
            if let Some(until) = wakes
                && ui.add(widgets::Button::new("Go there").small()).clicked()
            {
                out.push(Command::Seek(until));
            }
        });
    });
    ui.advance_cursor_after_rect(area);
}

fn rung(
    ui: &mut Ui,
    view: &View<'_>,
    run: &RunData,
    step: usize,
    area: usize,
    chosen: bool,
    out: &mut Out<'_>,
) {
    let t = tokens(ui);
    let info = &run.recording.areas[area];
    let sleep = Sleep::of(view, &info.name);
    let sleep = sleep.filter(|sleep| sleep.lasts_at(run.recording.steps[step].t));
    let (rect, response) = ui.allocate_exact_size(LADDER_CELL, Sense::click());
    if ui.is_rect_visible(rect) {
        if chosen {
            let stroke = Stroke::new(1.0, t.accent);
            ui.painter().rect(rect, CornerRadius::same(radius::FIELD), t.sel, stroke, StrokeKind::Inside);
        } else if response.hovered() {
            ui.painter().rect_filled(rect, CornerRadius::same(radius::FIELD), t.hover);
        }
        let square = Rect::from_min_size(rect.min + vec2(5.0, 5.0), vec2(LADDER_MAP, LADDER_MAP));
        match sleep {
            Some(_) => widgets::hatch(&ui.painter_at(square), square, t.hatch.gamma_multiply(0.5)),
            None => ladder_map(ui, run, step, area, square),
        }
        let name = widgets::truncated(ui, &info.name, Text::CaptionStrong, LADDER_CELL.x - 10.0);
        let at = pos2(rect.left() + 5.0, rect.bottom() - 25.0);
        let ink = if sleep.is_some() { t.text3 } else { t.text };
        ui.painter().text(at, Align2::LEFT_CENTER, name, Text::CaptionStrong.font(), ink);
        let shape: Vec<String> = info.shape.iter().map(ToString::to_string).collect();
        let color = if chosen { t.text2 } else { t.text3 };
        let at = pos2(rect.left() + 5.0, rect.bottom() - 11.0);
        ui.painter().text(at, Align2::LEFT_CENTER, shape.join(" × "), Text::Caption.font(), color);
    }
    focus_ring(ui, &response, rect, radius::FIELD, Ring::Inside);
    widgets::name_selected(&response, Role::ListBoxOption, chosen, &format!("Area {}", info.name));
    if let Some(sleep) = &sleep
        && response.hovered()
    {
        out.say(sleep.words.clone());
    } else if response.hovered() && out.hover.is_none() {
        let mean = run.derived.lanes[area].points.get(step).map_or(0.0, |p| p.mean);
        let t = run.recording.steps[step].t;
        out.say(format!("{}  mean {}  {}", info.name, significant(f64::from(mean), 3), time_words(run, t)));
    }
    if response.clicked() && view.document.area.as_deref() != Some(info.name.as_str()) {
        out.push(Command::SelectArea(info.name.clone()));
    }
    if let Some(sleep) = sleep {
        response.on_hover_text(sleep.words);
    }
}

fn ladder_map(ui: &Ui, run: &RunData, step: usize, area: usize, square: Rect) {
    let t = tokens(ui);
    let info = &run.recording.areas[area];
    let ground = texture::ground(t.dark);
    let [_, height, width] = info.map_shape();
    let is_map = height * width > 1;
    let values =
        if is_map { &run.derived.channel_means[step][area] } else { &run.recording.steps[step].values[area] };
    if values.is_empty() {
        widgets::hatch(ui.painter(), square, t.hatch);
        return;
    }
    let range = if is_map { run.derived.mean_ranges[area] } else { run.derived.ranges[area] };
    let signed = range[0] < 0.0;
    let ends = range[0].abs().max(range[1].abs());
    let (map, range) = match (info.is_gain(), signed) {
        (true, true) => (ColourMap::Gain, [-ends, ends]),
        (true, false) => (ColourMap::Gain, range),
        (false, true) => (ColourMap::Change, [-ends, ends]),
        (false, false) => (ColourMap::Viridis, range),
    };
    let colouring = Colouring { map, ground, range };
    let [rows, columns] = if is_map { [height, width] } else { vector_shape(values.len()) };
    let longest = rows.max(columns).max(1) as f32;
    let size = vec2(columns as f32, rows as f32) * (LADDER_MAP / longest);
    let rect = Rect::from_center_size(square.center(), size.max(vec2(2.0, 8.0)));
    let texture = texture::map(ui.ctx(), values, colouring, 7, || {
        let mut pixels: Vec<Color32> =
            values.iter().take(rows * columns).map(|&v| colouring.pixel(v)).collect();
        pixels.resize(rows * columns, Color32::TRANSPARENT);
        egui::ColorImage::new([columns, rows], pixels)
    });
    ui.painter().image(texture, rect, UNIT, Color32::WHITE);
}

/// What is needed to draw one cell of the grid.
struct GridScene<'a> {
    view: &'a View<'a>,
    run: &'a RunData,
    area: &'a Area,
    step: usize,
    cells: &'a Cells,
    layout: &'a Layout,
    silenced: &'a [usize],
}

impl GridScene<'_> {
    fn cell(&self, ui: &mut Ui, position: usize, origin: egui::Pos2, atlas: &Atlas, out: &mut Out<'_>) {
        let t = tokens(ui);
        let channel = self.cells.order[position];
        let rect = self.layout.cell(position).translate(origin.to_vec2());
        let (texture, uv) = atlas.uv(position);
        ui.painter().image(texture, rect, uv, Color32::WHITE);
        let silenced = self.silenced.contains(&channel) && self.cells.shape[0] > 1;
        let label_y = rect.bottom() + LABEL / 2.0;
        let font = Text::Caption.font();
        if silenced {
            let stroke = Stroke::new(2.0, t.roles.intervention);
            ui.painter().rect_stroke(rect, 0, stroke, StrokeKind::Inside);
            let text = format!("{channel} silenced");
            let at = pos2(rect.left(), label_y);
            ui.painter().text(at, Align2::LEFT_CENTER, text, font, t.roles.intervention);
        } else if self.cells.shape[0] > 1 {
            let at = pos2(rect.left(), label_y);
            ui.painter().text(at, Align2::LEFT_CENTER, channel.to_string(), font.clone(), t.text2);
            let peak = self.cells.peaks[channel];
            let text = if peak == 0.0 { "0".to_owned() } else { significant(f64::from(peak), 3) };
            let at = pos2(rect.right(), label_y);
            ui.painter().text(at, Align2::RIGHT_CENTER, text, font, t.text2);
        }
        let id = ui.scope_id().with(("cell", &self.area.name, channel));
        let response = ui.interact(rect, id, Sense::click());
        self.rings(ui, channel, rect);
        focus_ring(ui, &response, rect, 0, Ring::Inside);
        let pinned = self
            .view
            .document
            .pinned
            .iter()
            .any(|pin| pin.area == self.area.name && self.channel_of(pin.unit) == channel);
        let label = if self.cells.shape[0] > 1 {
            format!("{} channel {channel}", self.area.name)
        } else {
            format!("Units of {}", self.area.name)
        };
        widgets::name_selected(&response, Role::GridCell, pinned, &label);
        self.interact(ui, &response, channel, rect, out);
    }

    fn channel_of(&self, unit: usize) -> usize {
        unit / (self.cells.shape[1] * self.cells.shape[2]).max(1)
    }

    /// Rings around the pinned units of this channel, in their colours.
    fn rings(&self, ui: &Ui, channel: usize, rect: Rect) {
        let t = tokens(ui);
        let [_, height, width] = self.cells.shape;
        for (i, pin) in self.view.document.pinned.iter().enumerate() {
            if pin.area != self.area.name || self.channel_of(pin.unit) != channel {
                continue;
            }
            let within = pin.unit % (height * width).max(1);
            let (row, col) = (within / width, within % width);
            let cell = vec2(rect.width() / width as f32, rect.height() / height as f32);
            let center = rect.min + vec2((col as f32 + 0.5) * cell.x, (row as f32 + 0.5) * cell.y);
            ui.painter().circle_stroke(center, 6.0, Stroke::new(4.0, t.image_halo));
            ui.painter().circle_stroke(center, 6.0, Stroke::new(2.0, t.category(i)));
        }
    }

    fn interact(&self, ui: &Ui, response: &egui::Response, channel: usize, rect: Rect, out: &mut Out<'_>) {
        let [_, height, width] = self.cells.shape;
        let plane = height * width;
        let under = |p: egui::Pos2| {
            let at = (p - rect.min) / rect.size();
            let row = ((at.y * height as f32) as usize).min(height - 1);
            let col = ((at.x * width as f32) as usize).min(width - 1);
            channel * plane + row * width + col
        };
        if let Some(pointer) = response.hover_pos() {
            let unit = under(pointer);
            let [channel, row, col] = place_of(self.area, unit);
            let value = self.cells.values.get(unit).copied().unwrap_or(f32::NAN);
            let value = significant(f64::from(value), 4);
            let t = self.run.recording.steps[self.step].t;
            let place = if self.area.map_shape()[1] * self.area.map_shape()[2] > 1 {
                format!("channel {channel}  row {row}, col {col}")
            } else {
                format!("unit {channel}")
            };
            out.say(format!("{}  {place}  {value}  {}", self.area.name, time_words(self.run, t)));
        }
        let select = |unit: usize| UnitRef { area: self.area.name.clone(), unit };
        if response.clicked() {
            let unit = response.interact_pointer_pos().map_or_else(|| self.cells.peak_unit(channel), under);
            let several = ui.input(|i| i.modifiers.command || i.modifiers.shift);
            out.push(if several {
                Command::TogglePin(select(unit))
            } else {
                Command::SelectUnit(select(unit))
            });
        }
        if response.has_focus() {
            let filter =
                EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
            if let Some(unit) = self.moved(ui, channel) {
                out.push(Command::SelectUnit(select(unit)));
            }
        }
    }

    /// The unit that the arrow keys move the newest pin of this channel to.
    fn moved(&self, ui: &Ui, channel: usize) -> Option<usize> {
        let [_, height, width] = self.cells.shape;
        let plane = height * width;
        let pins = self.view.document.pinned.iter().rev();
        let mut own = pins.filter(|p| p.area == self.area.name && self.channel_of(p.unit) == channel);
        let unit = own.next().map_or_else(|| self.cells.peak_unit(channel), |pin| pin.unit);
        let (row, col) = (unit % plane / width, unit % width);
        let [left, right, up, down] = ui.input(|i| {
            [Key::ArrowLeft, Key::ArrowRight, Key::ArrowUp, Key::ArrowDown].map(|key| i.key_pressed(key))
        });
        let col_to = if left { col.saturating_sub(1) } else { (col + usize::from(right)).min(width - 1) };
        let row_to = if up { row.saturating_sub(1) } else { (row + usize::from(down)).min(height - 1) };
        (left || right || up || down).then_some(channel * plane + row_to * width + col_to)
    }
}

/// Names units in tooltips and legends.
pub fn pin_text(run: &RunData, pin: &UnitRef) -> Option<String> {
    let area = run.recording.area(&pin.area)?;
    Some(unit_text(&run.recording.areas[area], pin.unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_figure_are_filled_where_they_can_be() {
        assert_eq!([1, 3, 7, 8, 20, 30, 50, 13].map(even_columns), [1, 3, 7, 8, 5, 6, 5, 8]);
    }
}
