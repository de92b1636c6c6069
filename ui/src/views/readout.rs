//! Readout: the classes ranked at the playhead, and all of them over time.

use std::sync::Arc;

use egui::{Align2, Color32, ColorImage, CornerRadius, Rect, Role, Sense, Stroke, Ui, pos2, vec2};
use gainfield::dynamics::TimeUnit;
use gainfield::figure::number::fixed;
use gainfield::figure::{Axis, ColourMap, ColourScale, Figure, Image, Panel, Plot, Raster, Width};

use super::stimulus_attention::step_at;
use super::{body, no_recording, nothing_to_draw};
use crate::command::Command;
use crate::derived::{Derived, time_text};
use crate::store::RunData;
use crate::texture::{self, Colouring};
use crate::theme::{Text, metrics, radius, tokens};
use crate::timeline::time_words;
use crate::view::{Out, View};
use crate::widgets::{self, Ring, focus_ring};

/// Bars shown.
const RANKS: usize = 4;
const BAR_ROW: f32 = 20.0;

/// Probabilities as one map, classes by steps; NaN where a pass reports nothing.
#[derive(Default)]
pub struct Readout {
    matrix: Option<(usize, Arc<[f32]>)>,
}

impl Readout {
    pub fn show(&mut self, ui: &mut Ui, view: &View<'_>, out: &mut Out<'_>) {
        let Some(run) = view.run().filter(|run| !run.recording.steps.is_empty()) else {
            no_recording(ui, view, out);
            return;
        };
        let area = body(ui);
        let step = step_at(run, view.clock.cursor());
        let bars = Rect::from_min_size(area.min + vec2(0.0, 8.0), vec2(area.width(), RANKS as f32 * BAR_ROW));
        ranked(ui, run, step, bars);
        let map = Rect::from_min_max(
            pos2(area.left() + 22.0, bars.bottom() + 8.0),
            pos2(area.right() - 4.0, area.bottom() - 20.0),
        );
        if map.height() >= 24.0 {
            let matrix = self.matrix(run);
            over_time(ui, view, run, &matrix, map, out);
        }
        ui.advance_cursor_after_rect(area);
    }

    fn matrix(&mut self, run: &RunData) -> Arc<[f32]> {
        let source = Arc::as_ptr(&run.derived) as usize;
        match &self.matrix {
            Some((known, matrix)) if *known == source => Arc::clone(matrix),
            _ => {
                let matrix: Arc<[f32]> = matrix(&run.derived, run.recording.classes.len()).into();
                self.matrix = Some((source, Arc::clone(&matrix)));
                matrix
            }
        }
    }

    pub fn figure(&self, view: &View<'_>) -> gainfield::Result<Figure> {
        let run = view.run().filter(|run| !run.recording.steps.is_empty());
        let run = run.ok_or_else(|| nothing_to_draw("read-out"))?;
        let recording = &run.recording;
        let n = recording.steps.len();
        let scale = ColourScale::new(ColourMap::Viridis, [0.0, 1.0], "probability")?;
        let raster = Raster::new(matrix(&run.derived, recording.classes.len()), n, scale)?;
        let (x, ends) = match recording.time_unit {
            TimeUnit::Ms { dt_ms } => (Axis::new("time").unit("ms"), [0.0, n as f64 * dt_ms]),
            unit => (Axis::new(unit.name()), [0.5, n as f64 + 0.5]),
        };
        let classes = recording.classes.iter().map(String::as_str);
        let rows = recording.classes.len() as f64;
        let image = Image::new("class probability", raster).spanning(ends, [-0.5, rows - 0.5])?;
        let y = Axis::categories("class", classes);
        let plot = Plot::new(x.range(ends[0], ends[1]), y).with(image);
        let caption = "Probability of each class (softmax of the read-out) over time.";
        Ok(Figure::single(Width::OneColumn, Panel::new("readout", plot))?.caption(caption))
    }
}

/// Row-major, one row per class, one column per recorded step.
fn matrix(derived: &Derived, n_classes: usize) -> Vec<f32> {
    let n = derived.probabilities.len();
    let mut matrix = vec![f32::NAN; n * n_classes];
    for (step, p) in derived.probabilities.iter().enumerate() {
        for (class, &value) in p.iter().enumerate().take(n_classes) {
            matrix[class * n + step] = value;
        }
    }
    matrix
}

/// The four likeliest classes as bars.
fn ranked(ui: &Ui, run: &RunData, step: usize, area: Rect) {
    let t = tokens(ui);
    let p = &run.derived.probabilities[step];
    if p.is_empty() {
        let text = "This pass reports no class";
        ui.painter().text(area.left_center(), Align2::LEFT_CENTER, text, Text::Small.font(), t.text3);
        return;
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]).then(a.cmp(&b)));
    let names: Vec<&str> =
        order.iter().take(RANKS).map(|&c| run.recording.classes.get(c).map_or("?", String::as_str)).collect();
    let label = names
        .iter()
        .map(|name| {
            ui.painter().layout_no_wrap((*name).to_owned(), Text::SmallStrong.font(), t.text).size().x
        })
        .fold(14.0_f32, f32::max)
        .min(90.0);
    for (rank, (&class, name)) in order.iter().zip(names).enumerate() {
        let row =
            Rect::from_min_size(area.min + vec2(0.0, rank as f32 * BAR_ROW), vec2(area.width(), BAR_ROW));
        let y = row.center().y;
        let first = rank == 0;
        let style = if first { Text::SmallStrong } else { Text::Small };
        let color = if first { t.text } else { t.text2 };
        let name = widgets::truncated(ui, name, style, label);
        ui.painter().text(pos2(row.left(), y), Align2::LEFT_CENTER, name, style.font(), color);
        let at = pos2(row.right() - 2.0, y);
        ui.painter().text(at, Align2::RIGHT_CENTER, fixed(f64::from(p[class]), 3), style.font(), color);
        let rail =
            Rect::from_min_max(pos2(row.left() + label + 8.0, y - 4.0), pos2(row.right() - 56.0, y + 4.0));
        ui.painter().rect_filled(rail, CornerRadius::same(radius::BAR), t.span);
        let fill = if first { t.text } else { t.control };
        let bar = rail.with_max_x(rail.left() + rail.width() * p[class].clamp(0.0, 1.0));
        if bar.width() >= 0.5 {
            ui.painter().rect_filled(bar, CornerRadius::same(radius::BAR), fill);
        }
    }
}

fn over_time(ui: &mut Ui, view: &View<'_>, run: &RunData, matrix: &Arc<[f32]>, map: Rect, out: &mut Out<'_>) {
    let t = tokens(ui);
    let ground = texture::ground(t.dark);
    let classes = &run.recording.classes;
    let steps = run.recording.steps.len();
    let colouring = Colouring { map: ColourMap::Viridis, ground, range: [0.0, 1.0] };
    let texture = texture::map(ui.ctx(), matrix, colouring, 3, || {
        let pixel = |&v: &f32| if v.is_nan() { Color32::TRANSPARENT } else { colouring.pixel(v) };
        ColorImage::new([steps, classes.len()], matrix.iter().map(pixel).collect())
    });
    let per_step = map.width() / (run.recording.n_timesteps as f32 / run.recording.plan.every.get() as f32);
    let drawn = map.with_max_x((map.left() + per_step * steps as f32).min(map.right()));
    widgets::hatch(ui.painter(), map, t.hatch.gamma_multiply(0.6));
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    ui.painter().image(texture, drawn, uv, Color32::WHITE);

    let row = map.height() / classes.len().max(1) as f32;
    let every = (14.0 / row).ceil().max(1.0) as usize;
    for (class, name) in classes.iter().enumerate().step_by(every.max(1)) {
        let at = pos2(map.left() - 5.0, map.top() + (class as f32 + 0.5) * row);
        let name = widgets::truncated(ui, name, Text::Caption, 20.0);
        ui.painter().text(at, Align2::RIGHT_CENTER, name, Text::Caption.font(), t.text3);
    }
    let cursor = view.clock.cursor();
    let step_width = map.width() / run.recording.n_timesteps.max(1) as f32;
    let x = map.left() + (cursor as f32 + 0.5) * step_width;
    ui.painter().vline(x, map.y_range(), Stroke::new(metrics::PLAYHEAD, t.playhead_on_map));

    let y = map.bottom() + 11.0;
    let bar = texture::bar(ui.ctx(), ColourMap::Viridis, ground);
    let text =
        ui.painter().text(pos2(map.left(), y), Align2::LEFT_CENTER, "prob", Text::Caption.font(), t.text2);
    widgets::color_bar(ui, bar, pos2(text.right() + 6.0, y), vec2(72.0, 8.0), ["0", "1"], [false, false]);
    let unit = run.recording.time_unit;
    let last = run.recording.n_timesteps.saturating_sub(1);
    let span = format!("{} {} to {}", unit.name(), time_text(unit, 0), time_text(unit, last));
    ui.painter().text(pos2(map.right(), y), Align2::RIGHT_CENTER, span, Text::Caption.font(), t.text2);

    let response = ui.interact(map, ui.scope_id().with("readout map"), Sense::click());
    focus_ring(ui, &response, map, 0, Ring::Inside);
    widgets::name(&response, Role::Image, "Class probabilities over time");
    if let Some(pointer) = response.hover_pos() {
        let step = (((pointer.x - map.left()) / step_width) as usize).min(last);
        let class = (((pointer.y - map.top()) / row) as usize).min(classes.len().saturating_sub(1));
        let recorded = run.recording.steps.partition_point(|s| s.t < step);
        let value = run.derived.probabilities.get(recorded).and_then(|p| p.get(class));
        let value = value.map_or_else(|| "not reported".to_owned(), |p| fixed(f64::from(*p), 3));
        let name = classes.get(class).map_or("?", String::as_str);
        out.say(format!("class {name}  prob {value}  {}", time_words(run, step)));
        if response.clicked() {
            out.push(Command::Seek(step));
        }
    }
}
