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
use crate::liveness::Sleep;
use crate::store::RunData;
use crate::texture::{self, Colouring};
use crate::theme::{Text, metrics, radius, tokens};
use crate::timeline::time_words;
use crate::view::{Out, View};
use crate::widgets::{self, Ring, focus_ring};

/// Bars shown.
const RANKS: usize = 4;
/// Classes shown over time; of more, those that are ever the likeliest.
const MOST_CLASSES: usize = 24;
const BAR_ROW: f32 = 20.0;

/// Probabilities as one map.
#[derive(Default)]
pub struct Readout {
    map: Option<(usize, ClassMap)>,
}

/// Some classes by steps; NaN where a pass reports nothing.
#[derive(Clone)]
struct ClassMap {
    /// Which classes have a row, in the order of the network.
    classes: Vec<usize>,
    values: Arc<[f32]>,
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
        ranked(ui, view, run, step, bars);
        let shown = self.map(run);
        let names = label_width(ui, run, &shown.classes, Text::Caption, 0.3 * area.width());
        let map = Rect::from_min_max(
            pos2(area.left() + names + 7.0, bars.bottom() + 8.0),
            pos2(area.right() - 4.0, area.bottom() - 20.0),
        );
        if map.height() >= 24.0 && map.width() >= 24.0 {
            over_time(ui, view, run, &shown, map, out);
        }
        ui.advance_cursor_after_rect(area);
    }

    fn map(&mut self, run: &RunData) -> ClassMap {
        let source = Arc::as_ptr(&run.derived) as usize;
        match &self.map {
            Some((known, map)) if *known == source => map.clone(),
            _ => {
                let map = ClassMap::of(&run.derived, run.recording.classes.len());
                self.map = Some((source, map.clone()));
                map
            }
        }
    }

    pub fn figure(&self, view: &View<'_>) -> gainfield::Result<Figure> {
        let run = view.run().filter(|run| !run.recording.steps.is_empty());
        let run = run.ok_or_else(|| nothing_to_draw("read-out"))?;
        let recording = &run.recording;
        let n = recording.steps.len();
        let scale = ColourScale::new(ColourMap::Viridis, [0.0, 1.0], "probability")?;
        let map = ClassMap::of(&run.derived, recording.classes.len());
        let raster = Raster::new(map.values.to_vec(), n, scale)?;
        let (x, ends) = match recording.time_unit {
            TimeUnit::Ms { dt_ms } => {
                (Axis::new("time").unit("ms"), [0.0, recording.n_timesteps as f64 * dt_ms])
            }
            unit => (Axis::new(unit.name()), [0.5, n as f64 + 0.5]),
        };
        let classes = map.classes.iter().map(|&class| recording.classes[class].as_str());
        let rows = map.classes.len() as f64;
        let image = Image::new("class probability", raster).spanning(ends, [-0.5, rows - 0.5])?;
        let y = Axis::categories("class", classes);
        let plot = Plot::new(x.range(ends[0], ends[1]), y).with(image);
        let caption = match map.classes.len() < recording.classes.len() {
            true => format!(
                "Probability (softmax of the read-out) over time, of the {} of {} classes that are likeliest at any time.",
                map.classes.len(),
                recording.classes.len()
            ),
            false => "Probability of each class (softmax of the read-out) over time.".to_owned(),
        };
        Ok(Figure::single(Width::OneColumn, Panel::new("readout", plot))?.caption(caption))
    }
}

impl ClassMap {
    /// One row per shown class, one column per recorded step.
    fn of(derived: &Derived, n_classes: usize) -> Self {
        let classes = shown_classes(&derived.probabilities, n_classes);
        let n = derived.probabilities.len();
        let mut values = vec![f32::NAN; n * classes.len()];
        for (step, p) in derived.probabilities.iter().enumerate() {
            for (row, &class) in classes.iter().enumerate() {
                if let Some(&value) = p.get(class) {
                    values[row * n + step] = value;
                }
            }
        }
        Self { classes, values: values.into() }
    }
}

/// All classes where they are few, else those with the highest probability at any step.
fn shown_classes(probabilities: &[Vec<f32>], n_classes: usize) -> Vec<usize> {
    if n_classes <= MOST_CLASSES {
        return (0..n_classes).collect();
    }
    let mut highest = vec![0.0_f32; n_classes];
    for p in probabilities {
        for (high, &value) in highest.iter_mut().zip(p) {
            *high = high.max(value);
        }
    }
    let mut order: Vec<usize> = (0..n_classes).collect();
    order.sort_by(|&a, &b| highest[b].total_cmp(&highest[a]).then(a.cmp(&b)));
    order.truncate(MOST_CLASSES);
    order.sort_unstable();
    order
}

/// Room for the longest name of some classes, up to `most`.
fn label_width(ui: &Ui, run: &RunData, classes: &[usize], style: Text, most: f32) -> f32 {
    let width = |class: &usize| {
        let name = run.recording.classes.get(*class).cloned().unwrap_or_default();
        ui.painter().layout_no_wrap(name, style.font(), Color32::PLACEHOLDER).size().x
    };
    classes.iter().map(width).fold(14.0_f32, f32::max).min(most)
}

/// The four likeliest classes as bars.
fn ranked(ui: &Ui, view: &View<'_>, run: &RunData, step: usize, area: Rect) {
    let t = tokens(ui);
    let p = &run.derived.probabilities[step];
    if p.is_empty() {
        let asleep = Sleep::of_readout(view).filter(|sleep| sleep.lasts_at(view.clock.cursor()));
        let text = asleep.map_or_else(|| "This pass reports no class".to_owned(), |sleep| sleep.words);
        ui.painter().text(area.left_center(), Align2::LEFT_CENTER, text, Text::Small.font(), t.text3);
        return;
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]).then(a.cmp(&b)));
    order.truncate(RANKS);
    let label = label_width(ui, run, &order, Text::SmallStrong, 0.4 * area.width());
    for (rank, &class) in order.iter().enumerate() {
        let name = run.recording.classes.get(class).map_or("?", String::as_str);
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

fn over_time(ui: &mut Ui, view: &View<'_>, run: &RunData, shown: &ClassMap, map: Rect, out: &mut Out<'_>) {
    let t = tokens(ui);
    let ground = texture::ground(t.dark);
    let names = &run.recording.classes;
    let ClassMap { classes, values: matrix } = shown;
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
    let label_room = map.left() - 5.0 - body(ui).left();
    for (index, &class) in classes.iter().enumerate().step_by(every.max(1)) {
        let at = pos2(map.left() - 5.0, map.top() + (index as f32 + 0.5) * row);
        let name = names.get(class).map_or("?", String::as_str);
        let name = widgets::truncated(ui, name, Text::Caption, label_room);
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
    let (from, to) = (time_text(unit, 0), time_text(unit, last));
    let mut span = match unit {
        TimeUnit::Ms { .. } => format!("{from} to {to} ms"),
        unit => format!("{} {from} to {to}", unit.name()),
    };
    if classes.len() < names.len() {
        span = format!("{} of {} classes", classes.len(), names.len());
    }
    ui.painter().text(pos2(map.right(), y), Align2::RIGHT_CENTER, span, Text::Caption.font(), t.text2);

    let response = ui.interact(map, ui.scope_id().with("readout map"), Sense::click());
    focus_ring(ui, &response, map, 0, Ring::Inside);
    widgets::name(&response, Role::Image, "Class probabilities over time");
    if let Some(pointer) = response.hover_pos() {
        let step = (((pointer.x - map.left()) / step_width) as usize).min(last);
        let index = (((pointer.y - map.top()) / row) as usize).min(classes.len().saturating_sub(1));
        let class = classes.get(index).copied().unwrap_or(0);
        let recorded = run.recording.steps.partition_point(|s| s.t < step);
        let value = run.derived.probabilities.get(recorded).and_then(|p| p.get(class));
        let name = names.get(class).map_or("?", String::as_str);
        let words = match (value, Sleep::of_readout(view).filter(|sleep| sleep.lasts_at(step))) {
            (_, Some(sleep)) => sleep.words,
            (Some(p), None) => {
                format!("class {name}  prob {}  {}", fixed(f64::from(*p), 3), time_words(run, step))
            }
            (None, None) => format!("class {name}  not reported  {}", time_words(run, step)),
        };
        out.say(words.clone());
        if response.clicked() {
            out.push(Command::Seek(step));
        }
        if value.is_none() {
            response.on_hover_text_at_pointer(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_classes_those_are_shown_that_are_ever_likely() {
        let mut early = vec![0.0; 1000];
        early[700] = 0.9;
        let mut late = vec![0.0; 1000];
        (late[3], late[999]) = (0.5, 0.4);
        let shown = shown_classes(&[early, Vec::new(), late], 1000);
        assert_eq!(shown.len(), MOST_CLASSES);
        assert!([3, 700, 999].iter().all(|class| shown.contains(class)));
        assert!(shown.is_sorted());
        assert_eq!(shown_classes(&[], 10), (0..10).collect::<Vec<_>>());
    }
}
