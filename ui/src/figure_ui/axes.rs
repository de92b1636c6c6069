//! Grid, ticks and titles of a plot on screen.

use egui::{Align2, Color32, FontId, Pos2, Rect, Stroke, Ui, pos2, vec2};
use gainfield::figure::{Direction, Mark, Plot, TickText};

use super::{Drawn, TICK};
use crate::theme::{Text, tokens};

/// `below`: room between the ticks of x and its title; `colors`: those of the titles of x and y.
pub(super) fn show(
    ui: &Ui,
    plot: &Plot,
    drawn: &Drawn,
    rect: Rect,
    below: f32,
    colors: Option<[Color32; 2]>,
) {
    let t = tokens(ui);
    let frame = drawn.frame;
    let painter = ui.painter();
    let font = TICK.font();
    let tick_color = if t.dark { t.text3 } else { t.text2 };
    let scatter = plot.marks.iter().any(|mark| matches!(mark, Mark::Points(_)))
        && !plot.marks.iter().any(|mark| matches!(mark, Mark::Line(_)));
    let image = plot.marks.iter().any(|mark| matches!(mark, Mark::Image(_)));

    let categorical_y = plot.y.is_categorical();
    for tick in plot.y.tick_list(drawn.y, most_ticks_of_y(frame.height()), TickText::Aligned) {
        let y = drawn.y_at(tick.value);
        if y < frame.top() - 1.0 || y > frame.bottom() + 1.0 {
            continue;
        }
        if !categorical_y && !image {
            let zero = tick.value.abs() < 1e-12;
            let color = if zero { t.line_strong } else { t.line };
            painter.hline(frame.x_range(), y.round() + 0.5, Stroke::new(1.0, color));
        }
        let at = pos2(frame.left() - BESIDE_TICKS, y);
        if categorical_y {
            let note = plot.y.category_list().get(tick.value as usize).and_then(|c| c.note.clone());
            let at = pos2(rect.left() + 12.0, y);
            let note = with_median(plot, tick.value as usize, note);
            category(ui, at, &tick.label, note.as_deref());
        } else {
            painter.text(at, Align2::RIGHT_CENTER, &tick.label, font.clone(), tick_color);
        }
    }
    let most_x = (frame.width() / 70.0).clamp(2.0, 6.0) as usize;
    for tick in plot.x.tick_list(drawn.x, most_x, TickText::Trimmed) {
        let x = drawn.x_at(tick.value);
        if x < frame.left() - 1.0 || x > frame.right() + 1.0 {
            continue;
        }
        if scatter || categorical_y {
            painter.vline(x.round() + 0.5, frame.y_range(), Stroke::new(1.0, t.line));
        }
        let at = pos2(x, frame.bottom() + 6.0);
        painter.text(at, Align2::CENTER_TOP, &tick.label, font.clone(), tick_color);
    }
    let colors = colors.unwrap_or([t.text2; 2]);
    titles(ui, plot, frame, rect, below, colors);
}

/// Between the ticks of y and the frame.
const BESIDE_TICKS: f32 = 7.0;
/// What the title of y takes, with what parts it from the ticks.
const TITLE_OF_Y: f32 = 18.0;

fn most_ticks_of_y(height: f32) -> usize {
    (height / 44.0).clamp(2.0, 6.0) as usize
}

/// What ticks and title of y take at least, left of a frame that shows `range` in `height`.
pub(super) fn room_of_y(ui: &Ui, plot: &Plot, range: [f64; 2], height: f32) -> f32 {
    if plot.y.is_categorical() {
        return 0.0;
    }
    let width =
        |label: String| ui.painter().layout_no_wrap(label, TICK.font(), Color32::PLACEHOLDER).size().x;
    let ticks = plot.y.tick_list(range, most_ticks_of_y(height), TickText::Aligned);
    let widest = ticks.into_iter().map(|tick| width(tick.label)).fold(0.0, f32::max);
    let title = if plot.axis(Direction::Y).text().is_empty() { 0.0 } else { TITLE_OF_Y };
    widest + BESIDE_TICKS + title
}

/// The note of a category, with the median of its strip on a second line.
fn with_median(plot: &Plot, category: usize, note: Option<String>) -> Option<String> {
    let quartiles = plot.marks.iter().find_map(|mark| match mark {
        Mark::Strip(strip) if strip.category == category => strip.quartiles(),
        _ => None,
    });
    let Some(quartiles) = quartiles else { return note };
    let median = format!("median {}", gainfield::figure::number::significant(quartiles.median, 3));
    Some(note.map_or_else(|| median.clone(), |note| format!("{note}\n{median}")))
}

fn category(ui: &Ui, at: Pos2, label: &str, note: Option<&str>) {
    let t = tokens(ui);
    let lift = if note.is_some() { 14.0 } else { 0.0 };
    let name = at - vec2(0.0, lift);
    ui.painter().text(name, Align2::LEFT_CENTER, label, Text::SmallStrong.font(), t.text);
    let lines = note.into_iter().flat_map(|note| note.split('\n'));
    for (i, line) in lines.enumerate() {
        let below = at + vec2(0.0, 1.0 + 14.0 * i as f32);
        ui.painter().text(below, Align2::LEFT_CENTER, line, Text::Caption.font(), t.text2);
    }
}

fn titles(ui: &Ui, plot: &Plot, frame: Rect, rect: Rect, below: f32, colors: [Color32; 2]) {
    let x_title = plot.axis(Direction::X).text();
    if !x_title.is_empty() {
        let at = pos2(frame.center().x, frame.bottom() + 24.0 + below);
        ui.painter().text(at, Align2::CENTER_TOP, x_title, Text::Caption.font(), colors[0]);
    }
    let y_title = plot.axis(Direction::Y).text();
    if !y_title.is_empty() && !plot.y.is_categorical() {
        vertical(ui, pos2(rect.left() + 6.0, frame.center().y), &y_title, Text::Caption.font(), colors[1]);
    }
}

/// Text that reads upwards, its middle at `center`.
fn vertical(ui: &Ui, center: Pos2, text: &str, font: FontId, color: Color32) {
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, color);
    let size = galley.size();
    let at = pos2(center.x, center.y + size.x / 2.0);
    let mut shape = egui::epaint::TextShape::new(at, galley, color);
    shape.angle = -std::f32::consts::FRAC_PI_2;
    ui.painter().add(shape);
}
