//! The marks of a plot on screen, in drawing order: images, spans, bands, references, ghosts,
//! lines, points, words.

use std::sync::Arc;

use egui::{Align2, Color32, Pos2, Rect, Shape, Stroke, Ui, pos2, vec2};
use gainfield::figure::{
    Anchor, Band, Bars, Direction, Emphasis, Image, Ink, Line, Mark, Marker, Plot, Points, Reference,
    ReferenceAt, Series, Span, Strip,
};

use super::{Names, Scene, TICK, color};
use crate::theme::Text;

const DATA: f32 = 1.8;
const GHOST: f32 = 1.2;
const FAINT: f32 = 1.0;

pub(super) fn show(ui: &Ui, plot: &Plot, scene: &Scene<'_>, names: Names) {
    let order = |mark: &Mark| match mark {
        Mark::Image(_) => 0,
        Mark::Span(_) => 1,
        Mark::Band(_) | Mark::Bars(_) => 2,
        Mark::Reference(_) => 3,
        Mark::Line(line) => match line.emphasis {
            Emphasis::Faint => 4,
            Emphasis::Ghost => 5,
            Emphasis::Main => 6,
        },
        Mark::Points(points) if points.emphasis == Emphasis::Faint => 4,
        Mark::Points(_) | Mark::Strip(_) => 7,
        Mark::Text(_) => 8,
    };
    for layer in 0..=8 {
        for mark in plot.marks.iter().filter(|mark| order(mark) == layer) {
            match mark {
                Mark::Image(image) => picture(ui, scene, image),
                Mark::Span(mark) => span(scene, mark, names),
                Mark::Band(mark) => band(scene, mark),
                Mark::Bars(mark) => bars(scene, plot, mark),
                Mark::Reference(mark) => reference(scene, mark),
                Mark::Line(mark) => line(scene, mark),
                Mark::Points(mark) => points(scene, mark),
                Mark::Strip(mark) => strip(scene, plot, mark),
                Mark::Text(mark) => {
                    let align = match mark.anchor {
                        Anchor::Start => Align2::LEFT_CENTER,
                        Anchor::Middle => Align2::CENTER_CENTER,
                        Anchor::End => Align2::RIGHT_CENTER,
                    };
                    let at = scene.drawn.at(mark.at);
                    scene.painter.text(at, align, &mark.text, TICK.font(), scene.label_ink(mark.ink));
                }
            }
        }
    }
    match names {
        Names::Direct => super::names::beside(scene, plot),
        Names::AtEnd => super::names::at_end(ui, scene, plot),
        Names::Legend | Names::Hidden => {}
    }
}

/// A polyline with the dash of its series; NaN breaks it.
pub fn paint_line(painter: &egui::Painter, points: &[Pos2], stroke: Stroke, pattern: &[f32]) {
    let finite = |p: &Pos2| p.x.is_finite() && p.y.is_finite();
    for run in points.split(|p| !finite(p)).filter(|run| run.len() > 1) {
        if pattern.is_empty() {
            painter.add(Shape::line(run.to_vec(), stroke));
            continue;
        }
        let dashes: Vec<f32> = pattern.iter().step_by(2).copied().collect();
        let gaps: Vec<f32> = pattern.iter().skip(1).step_by(2).copied().collect();
        painter.extend(Shape::dashed_line_with_offset(run, stroke, &dashes, &gaps, 0.0));
    }
}

fn line(scene: &Scene<'_>, line: &Line) {
    let ink = scene.ink(line.series.ink);
    let (width, ink) = match line.emphasis {
        Emphasis::Main => (DATA, ink),
        Emphasis::Ghost => (GHOST, ink),
        Emphasis::Faint => (FAINT, ink.gamma_multiply(0.22)),
    };
    let dash = line.dash.unwrap_or_else(|| line.series.ink.dash());
    let pattern = match line.emphasis {
        Emphasis::Ghost => &[2.0, 3.0],
        Emphasis::Faint => [].as_slice(),
        Emphasis::Main => dash.pattern(),
    };
    let columns = 0.5 * (scene.drawn.x[1] - scene.drawn.x[0]) / f64::from(scene.drawn.frame.width());
    // At most two points per column of the screen reach the painter.
    let thinned;
    let thin: &[[f64; 2]] = if line.points.len() > 4 * scene.drawn.frame.width() as usize {
        thinned = gainfield::figure::thin::min_max_columns(&line.points, columns);
        &thinned
    } else {
        &line.points
    };
    let points: Vec<Pos2> = thin.iter().map(|&p| scene.drawn.at(p)).collect();
    paint_line(&scene.painter, &points, Stroke::new(width, ink), pattern);
}

fn band(scene: &Scene<'_>, band: &Band) {
    let ink = scene.ink(band.series.ink).gamma_multiply(0.15);
    let mut mesh = egui::Mesh::default();
    let mut last = false;
    for ((&x, &low), &high) in band.x.iter().zip(&band.low).zip(&band.high) {
        let sound = low.is_finite() && high.is_finite();
        if sound {
            mesh.colored_vertex(scene.drawn.at([x, high]), ink);
            mesh.colored_vertex(scene.drawn.at([x, low]), ink);
            let n = mesh.vertices.len() as u32;
            if last {
                mesh.add_triangle(n - 4, n - 3, n - 2);
                mesh.add_triangle(n - 3, n - 2, n - 1);
            }
        }
        last = sound;
    }
    scene.painter.add(Shape::mesh(mesh));
}

fn points(scene: &Scene<'_>, mark: &Points) {
    let base = scene.ink(mark.series.ink);
    let faint = mark.emphasis == Emphasis::Faint;
    let shape = mark.marker.unwrap_or_else(|| mark.series.ink.marker());
    let error = Stroke::new(1.0, if faint { base.gamma_multiply(0.22) } else { base.gamma_multiply(0.7) });
    for (i, &p) in mark.points.iter().enumerate() {
        let at = scene.drawn.at(p);
        if !(at.x.is_finite() && at.y.is_finite()) {
            continue;
        }
        if let Some(&[low, high]) = mark.x_error.get(i).filter(|e| e[0].is_finite()) {
            scene.painter.hline(scene.drawn.x_at(low)..=scene.drawn.x_at(high), at.y, error);
        }
        if let Some(&[low, high]) = mark.y_error.get(i).filter(|e| e[0].is_finite()) {
            scene.painter.vline(at.x, scene.drawn.y_at(high)..=scene.drawn.y_at(low), error);
        }
        if faint {
            scene.painter.circle_filled(at, 2.0, scene.t.text3.gamma_multiply(0.35));
            continue;
        }
        let coloured = mark
            .colouring
            .as_ref()
            .and_then(|(values, scale)| scale.colour(*values.get(i)?, scene.ground()).map(color));
        let (fill, stroke) = match coloured {
            Some(fill) => (fill, Stroke::new(1.0, scene.t.text)),
            None if mark.filled => (base, Stroke::new(1.0, base)),
            None => (scene.hollow, Stroke::new(1.5, base)),
        };
        marker(&scene.painter, at, shape, if coloured.is_some() { 4.5 } else { 3.25 }, fill, stroke);
    }
}

/// One marker of half-size `r`.
pub fn marker(painter: &egui::Painter, at: Pos2, shape: Marker, r: f32, fill: Color32, stroke: Stroke) {
    let polygon = |corners: &[[f32; 2]]| {
        let points = corners.iter().map(|[x, y]| at + vec2(x * r, y * r)).collect();
        Shape::convex_polygon(points, fill, stroke)
    };
    let cross = |arms: &[[f32; 2]]| {
        for [x, y] in arms {
            let arm = vec2(x * r, y * r);
            painter.line_segment([at - arm, at + arm], Stroke::new(stroke.width.max(1.5), stroke.color));
        }
    };
    match shape {
        Marker::Circle => {
            painter.circle(at, r, fill, stroke);
        }
        Marker::Square => {
            painter.add(polygon(&[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]));
        }
        Marker::Diamond => {
            painter.add(polygon(&[[0.0, -1.25], [1.25, 0.0], [0.0, 1.25], [-1.25, 0.0]]));
        }
        Marker::TriangleUp => {
            painter.add(polygon(&[[0.0, -1.15], [1.1, 0.85], [-1.1, 0.85]]));
        }
        Marker::TriangleDown => {
            painter.add(polygon(&[[0.0, 1.15], [1.1, -0.85], [-1.1, -0.85]]));
        }
        Marker::Cross => cross(&[[0.8, 0.8], [0.8, -0.8]]),
        Marker::Plus => cross(&[[1.0, 0.0], [0.0, 1.0]]),
        Marker::Star => cross(&[[1.0, 0.0], [0.5, 0.87], [0.5, -0.87]]),
    }
}

fn bars(scene: &Scene<'_>, plot: &Plot, bars: &Bars) {
    let ink = scene.ink(bars.series.ink);
    let sideways = super::categories(plot) == Some(Direction::Y);
    for (i, (&[from, to], &value)) in bars.spans.iter().zip(&bars.values).enumerate() {
        if !value.is_finite() {
            continue;
        }
        let corners =
            if sideways { [[bars.base, from], [value, to]] } else { [[from, bars.base], [to, value]] };
        let rect = Rect::from_two_pos(scene.drawn.at(corners[0]), scene.drawn.at(corners[1]));
        scene.painter.rect_filled(rect.shrink2(vec2(0.5, 0.0)), 0, ink.gamma_multiply(0.55));
        if let Some(&[low, high]) = bars.errors.get(i).filter(|e| e[0].is_finite()) {
            let middle = f64::midpoint(from, to);
            let stroke = Stroke::new(1.0, scene.t.text2);
            if sideways {
                let y = scene.drawn.y_at(middle);
                scene.painter.hline(scene.drawn.x_at(low)..=scene.drawn.x_at(high), y, stroke);
            } else {
                let x = scene.drawn.x_at(middle);
                scene.painter.vline(x, scene.drawn.y_at(high)..=scene.drawn.y_at(low), stroke);
            }
        }
    }
}

fn reference(scene: &Scene<'_>, reference: &Reference) {
    let frame = scene.drawn.frame;
    let ends = match reference.at {
        ReferenceAt::Unity => {
            let low = scene.drawn.x[0].max(scene.drawn.y[0]);
            let high = scene.drawn.x[1].min(scene.drawn.y[1]);
            [scene.drawn.at([low, low]), scene.drawn.at([high, high])]
        }
        ReferenceAt::Horizontal(y) => {
            let y = scene.drawn.y_at(y);
            [pos2(frame.left(), y), pos2(frame.right(), y)]
        }
        ReferenceAt::Vertical(x) => {
            let x = scene.drawn.x_at(x);
            [pos2(x, frame.bottom()), pos2(x, frame.top())]
        }
    };
    scene.painter.extend(Shape::dashed_line(&ends, Stroke::new(1.0, scene.t.text3), 4.0, 3.0));
    if reference.label.is_empty() {
        return;
    }
    let (at, align) = match reference.at {
        ReferenceAt::Unity => (ends[1] + vec2(-6.0, 22.0), Align2::RIGHT_CENTER),
        ReferenceAt::Horizontal(_) => (ends[1] + vec2(-4.0, -8.0), Align2::RIGHT_CENTER),
        ReferenceAt::Vertical(_) => (ends[1] + vec2(5.0, 8.0), Align2::LEFT_CENTER),
    };
    scene.painter.text(at, align, &reference.label, TICK.font(), scene.t.text2);
}

fn span(scene: &Scene<'_>, span: &Span, names: Names) {
    let [from, to] = span.x.map(|x| scene.drawn.x_at(x));
    let rect = Rect::from_x_y_ranges(from..=to, scene.drawn.frame.y_range());
    let rect = rect.intersect(scene.drawn.frame);
    let strength = if span.ink == Ink::Role(gainfield::figure::Role::Intervention) { 0.09 } else { 0.07 };
    scene.painter.rect_filled(rect, 0, scene.ink(span.ink).gamma_multiply(strength));
    if names == Names::Direct && rect.width() > 40.0 {
        let at = rect.left_top() + vec2(4.0, 8.0);
        scene.painter.text(at, Align2::LEFT_CENTER, &span.label, TICK.font(), scene.t.text3);
    }
}

fn strip(scene: &Scene<'_>, plot: &Plot, strip: &Strip) {
    let ink = scene.ink(strip.series.ink);
    let sideways = super::categories(plot) != Some(Direction::X);
    let (axis, range) = if sideways { (&plot.x, scene.drawn.x) } else { (&plot.y, scene.drawn.y) };
    let along = |v: f64| if sideways { scene.drawn.x_at(v) } else { scene.drawn.y_at(v) };
    let middle = if sideways {
        scene.drawn.y_at(strip.category as f64)
    } else {
        scene.drawn.x_at(strip.category as f64)
    };
    let at = |along: f32, offset: f32| {
        if sideways { pos2(along, middle + offset) } else { pos2(middle + offset, along) }
    };
    if let Some(quartiles) = strip.quartiles() {
        let half = 25.0;
        let box_rect =
            Rect::from_two_pos(at(along(quartiles.lower), -half), at(along(quartiles.upper), half));
        scene.painter.rect_filled(box_rect, 0, scene.t.text.gamma_multiply(0.07));
        let median = along(quartiles.median);
        let ends = [at(median, -half), at(median, half)];
        scene.painter.line_segment(ends, Stroke::new(2.0, scene.t.text));
    }
    let inside: Vec<usize> = (0..strip.values.len()).filter(|&i| strip.values[i].is_finite()).collect();
    let [low, high] = range;
    let positions: Vec<f32> = inside.iter().map(|&i| along(strip.values[i].clamp(low, high))).collect();
    let offsets = gainfield::figure::strip::swarm(&positions, 7.0, 22.0);
    for ((&i, &position), &offset) in inside.iter().zip(&positions).zip(&offsets) {
        let p = at(position, offset);
        let value = strip.values[i];
        if value < low || value > high || !axis.shows(value) {
            let shape = if value > high { Marker::TriangleUp } else { Marker::TriangleDown };
            marker(&scene.painter, p, shape, 4.0, ink.gamma_multiply(0.55), Stroke::NONE);
        } else {
            scene.painter.circle_filled(p, 4.0, ink.gamma_multiply(0.55));
        }
        if strip.chosen == Some(i) {
            scene.painter.circle_stroke(p, 6.5, Stroke::new(2.0, scene.t.accent));
        }
    }
}

fn picture(ui: &Ui, scene: &Scene<'_>, image: &Image) {
    let rect = Rect::from_two_pos(
        scene.drawn.at([image.x[0], image.y[0]]),
        scene.drawn.at([image.x[1], image.y[1]]),
    );
    let rgba = image.raster.rgba(scene.ground());
    let pixels = rgba.iter().map(|&[r, g, b, a]| Color32::from_rgba_unmultiplied(r, g, b, a)).collect();
    let size = [image.raster.columns, image.raster.rows()];
    let key = egui::Id::unique(("figure image", &image.name));
    let texture = ui.ctx().load_texture_cached(
        image.name.clone(),
        key,
        Arc::new(egui::ColorImage::new(size, pixels)),
        egui::TextureOptions::NEAREST,
    );
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    scene.painter.image(texture.id(), rect, uv, Color32::WHITE);
}

/// Distinct names of labelled series with their ink, in drawing order.
pub(super) fn named(plot: &Plot) -> Vec<&Series> {
    let mut seen: Vec<&Series> = Vec::new();
    for series in plot.marks.iter().filter_map(Mark::series).filter(|s| s.labelled && !s.name.is_empty()) {
        if !seen.iter().any(|known| known.name == series.name) {
            seen.push(series);
        }
    }
    seen
}

/// Names in a row below the plot: dot and word.
pub(super) fn legend(ui: &Ui, plot: &Plot, scene: &Scene<'_>, row: Rect) {
    let painter = ui.painter_at(row);
    let font = Text::Caption.font();
    let mut right = row.right() - 8.0;
    let ghost = |mark: &Mark| matches!(mark, Mark::Line(line) if line.emphasis == Emphasis::Ghost);
    if plot.marks.iter().any(ghost) {
        let y = row.center().y;
        let at = pos2(right, y);
        let text = painter.text(at, Align2::RIGHT_CENTER, "baseline", font.clone(), scene.t.text2);
        let ends = [pos2(text.left() - 18.0, y), pos2(text.left() - 4.0, y)];
        painter.extend(Shape::dashed_line(&ends, Stroke::new(GHOST, scene.t.text2), 2.0, 3.0));
        right = text.left() - 22.0;
    }
    let names = named(plot);
    let galleys: Vec<_> = names
        .iter()
        .map(|series| painter.layout_no_wrap(series.name.clone(), font.clone(), scene.t.text2))
        .collect();
    let wanted: f32 = galleys.iter().map(|galley| galley.size().x + 12.0).sum();
    let room = right - row.left() - 6.0 - wanted;
    let gap = (room / names.len().max(1) as f32).clamp(4.0, 14.0);
    let mut x = row.left() + 6.0;
    for (series, galley) in names.into_iter().zip(galleys) {
        let width = galley.size().x;
        if x + 12.0 + width > right + 2.0 {
            let at = pos2(x, row.center().y);
            painter.text(at, Align2::LEFT_CENTER, "…", font, scene.t.text2);
            return;
        }
        painter.circle_filled(pos2(x + 4.0, row.center().y), 4.0, scene.ink(series.ink));
        painter.galley(pos2(x + 12.0, row.center().y - galley.size().y / 2.0), galley, scene.t.text2);
        x += 12.0 + width + gap;
    }
}
