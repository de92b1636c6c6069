//! Names of series written beside the data, in their colour, where they cover nothing.

use egui::{Pos2, Rect, Ui, Vec2, pos2, vec2};
use gainfield::figure::{Emphasis, Ink, Mark, Plot, Series};

use super::Scene;
use super::marks::named;
use crate::theme::Text;

/// Beyond this many, names are left to a legend.
const MOST: usize = 6;
/// Points of every line that are looked at.
const SAMPLES: usize = 90;
/// Space between a name and what it must not cover.
const CLEAR: f32 = 7.0;

/// Where a name is tried beside a point: right (or left) by points, down by heights of the name.
const PLACES: [(f32, f32); 8] = [
    (14.0, -0.5),
    (14.0, -1.4),
    (14.0, 0.4),
    (34.0, -0.5),
    (34.0, -1.4),
    (-14.0, -0.5),
    (-14.0, -1.4),
    (-34.0, -0.5),
];

/// A series with its line on screen.
struct Named<'p> {
    series: &'p Series,
    points: Vec<Pos2>,
}

fn lines<'p>(scene: &Scene<'_>, plot: &'p Plot) -> Vec<Named<'p>> {
    let with_line = |series: &'p Series| {
        // A fit is the longest of the marks of its series, and what the eye follows.
        let own = plot.marks.iter().filter(|mark| mark.series().is_some_and(|s| s.name == series.name));
        let points = own.filter_map(|mark| match mark {
            Mark::Line(line) if line.emphasis != Emphasis::Faint => Some(&line.points),
            Mark::Points(points) if points.emphasis != Emphasis::Faint => Some(&points.points),
            _ => None,
        });
        let points = points.max_by_key(|points| points.len())?;
        let every = points.len().div_ceil(SAMPLES).max(1);
        let last = points.len() - 1;
        let kept = points.iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last);
        let on_screen = kept.map(|(_, &p)| scene.drawn.at(p)).filter(|p| p.x.is_finite() && p.y.is_finite());
        Some(Named { series, points: on_screen.collect() })
    };
    named(plot).into_iter().filter_map(with_line).filter(|named| !named.points.is_empty()).collect()
}

/// Each name beside its own line, as near to the line's peak as nothing else is covered.
pub(super) fn beside(scene: &Scene<'_>, plot: &Plot) {
    let lines = lines(scene, plot);
    if lines.len() < 2 || lines.len() > MOST {
        return;
    }
    let mut taken: Vec<Rect> = Vec::new();
    for own in &lines {
        let color = scene.label_ink(own.series.ink);
        let galley = scene.painter.layout_no_wrap(short(&own.series.name), Text::Small.font(), color);
        let place = best_place(scene.drawn.frame, galley.size(), own, &lines, &taken);
        taken.push(place.expand(2.0));
        // A halo keeps what runs closely by from touching the letters.
        scene.painter.rect_filled(place.expand2(vec2(3.0, 0.0)), 3, scene.hollow.gamma_multiply(0.8));
        scene.painter.galley(place.min, galley, color);
    }
}

/// A name without what it says after a comma.
fn short(name: &str) -> String {
    name.split(',').next().unwrap_or(name).to_owned()
}

fn best_place(frame: Rect, size: Vec2, own: &Named<'_>, lines: &[Named<'_>], taken: &[Rect]) -> Rect {
    let peak = own.points.iter().copied().min_by(|a, b| a.y.total_cmp(&b.y)).unwrap_or(frame.center());
    let mut best: Option<(f32, Rect)> = None;
    for &p in &own.points {
        for (dx, dy) in PLACES {
            let dx = if dx < 0.0 { dx - size.x } else { dx };
            let rect = Rect::from_min_size(pos2(p.x + dx, p.y + dy * size.y), size);
            if !frame.contains_rect(rect) || taken.iter().any(|other| other.intersects(rect)) {
                continue;
            }
            let clear = rect.expand(CLEAR);
            let covered = lines.iter().map(|line| crossings(&line.points, clear)).sum::<usize>();
            // Near the peak, and rather right of it than left.
            let far = (p - peak).length() / frame.width().max(1.0) + if dx < 0.0 { 0.2 } else { 0.0 };
            let cost = covered as f32 + far;
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, rect));
            }
        }
    }
    best.map_or_else(|| Rect::from_min_size(peak + vec2(12.0, 4.0), size), |(_, rect)| rect)
}

/// Segments of a line that run through `rect`.
fn crossings(points: &[Pos2], rect: Rect) -> usize {
    points.windows(2).filter(|pair| Rect::from_two_pos(pair[0], pair[1]).intersects(rect)).count()
}

/// Names in the right gutter at the height of each line's end, moved apart where ends are close.
pub(super) fn at_end(ui: &Ui, scene: &Scene<'_>, plot: &Plot) {
    let frame = scene.drawn.frame;
    let mut ends: Vec<(f32, &Series)> = lines(scene, plot)
        .into_iter()
        .filter_map(|line| Some((line.points.last()?.y, line.series)))
        .collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    const HEIGHT: f32 = 14.0;
    let mut heights: Vec<f32> = ends.iter().map(|(y, _)| *y).collect();
    spread(&mut heights, HEIGHT, frame.top(), frame.bottom());
    for ((_, series), y) in ends.iter().zip(heights) {
        // Ordered inks are named as lines are told apart: the last strong, the others quiet.
        let color = match series.ink {
            Ink::Ordered { index, of } if index + 1 < of => scene.t.text2,
            ink @ Ink::Ordered { .. } => scene.ink(ink),
            ink => scene.label_ink(ink),
        };
        let at = pos2(frame.right() + 8.0, y);
        ui.painter().text(at, egui::Align2::LEFT_CENTER, &series.name, Text::Caption.font(), color);
    }
}

/// Moves ascending `heights` apart to at least `gap`, as little as possible, within `top..=bottom`.
fn spread(heights: &mut [f32], gap: f32, top: f32, bottom: f32) {
    for i in 1..heights.len() {
        heights[i] = heights[i].max(heights[i - 1] + gap);
    }
    let over = heights.last().map_or(0.0, |last| (last - bottom).max(0.0));
    if over > 0.0 {
        let n = heights.len();
        heights[n - 1] = bottom;
        for i in (0..n - 1).rev() {
            heights[i] = heights[i].min(heights[i + 1] - gap).max(top);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ends_are_written_apart_and_inside() {
        let mut heights = [100.0, 100.0, 100.0];
        spread(&mut heights, 14.0, 0.0, 200.0);
        assert_eq!(heights, [100.0, 114.0, 128.0]);
        let mut low = [195.0, 199.0, 200.0];
        spread(&mut low, 14.0, 0.0, 200.0);
        assert_eq!(low, [172.0, 186.0, 200.0]);
    }
}
