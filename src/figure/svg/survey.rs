//! What lies where in a plot: ground for the names to be placed on.

use super::axes::across;
use super::draw::words_of;
use super::frame::PlotFrame;
use super::geometry::{Rect, Transform};
use super::labels::{Ground, Request, place};
use super::legend::{Legend, Name, Owner, names};
use super::shapes;
use super::writer::{Align, Words};
use crate::figure::fonts::{self, CAP_HEIGHT};
use crate::figure::mark::{Emphasis, Mark};
use crate::figure::number;
use crate::figure::panel::Direction;
use crate::figure::style::paper;

/// Names beside their data, and those that found no place.
pub(super) fn place_names(
    frame: &PlotFrame<'_>,
    transform: &Transform<'_>,
    cell: Rect,
) -> (Vec<Words>, Vec<Name>) {
    let area = transform.area;
    // Right of the axes there is room up to the bars or the edge of the panel.
    let free = if frame.bars.is_empty() { cell.right() - area.x } else { area.w };
    let mut ground = Ground::new(Rect::new(area.x, area.y, free.max(area.w), area.h - 1.0));
    let mut requests: Vec<Request> = names(transform.plot)
        .into_iter()
        .filter(|name| !frame.legend.holds(name))
        .map(|name| Request { name, points: Vec::new() })
        .collect();
    let mut outside = Vec::new();
    for (index, mark) in transform.plot.marks.iter().enumerate() {
        let points = survey(transform, mark, &mut ground, &mut outside);
        if let Some(request) = requests.iter_mut().find(|request| request.name.owns(index, mark)) {
            request.points.extend(points);
        }
    }
    // A name whose data lie outside the axes has nothing to stand beside.
    requests.retain(|request| !request.points.is_empty());
    if !outside.is_empty() {
        let text = format!("{} off the axis", number::count(outside.len()));
        let name = Name::new(text, Owner::Outside);
        if !frame.legend.holds(&name) {
            requests.push(Request { name, points: outside });
        }
    }
    place(&ground, requests)
}

/// A plot's names that need the legend: those that found no place, and with one series all of them.
pub(super) fn legend_with(frame: &PlotFrame<'_>, homeless: Vec<Name>) -> Legend {
    let is_series = |name: &Name| matches!(name.owner, Owner::Series(_));
    let mut legend = frame.legend.clone();
    if homeless.iter().any(is_series) {
        let series = names(frame.plot).into_iter().filter(is_series);
        legend.names = series.chain(legend.names.into_iter().filter(|name| !is_series(name))).collect();
    }
    for name in homeless {
        if !legend.holds(&name) {
            legend.names.push(name);
        }
    }
    legend
}

/// Marks the ground under `mark`; returns the points that its name may stand beside.
fn survey(
    transform: &Transform<'_>,
    mark: &Mark,
    ground: &mut Ground,
    outside: &mut Vec<[f64; 2]>,
) -> Vec<[f64; 2]> {
    let area = transform.area.grown(1.0);
    let within = |points: Vec<[f64; 2]>| points.into_iter().filter(|&p| area.contains(p)).collect::<Vec<_>>();
    match mark {
        Mark::Line(line) => {
            let points =
                within(shapes::runs(transform, &line.points).iter().flat_map(|run| walk(run)).collect());
            let half = if line.emphasis == Emphasis::Main { 0.5 * paper::DATA } else { 0.5 * paper::GHOST };
            for &[x, y] in &points {
                match line.emphasis {
                    Emphasis::Faint => ground.tint(Rect::new(x - half, y - half, 2.0 * half, 2.0 * half)),
                    Emphasis::Main | Emphasis::Ghost => ground.take_point([x, y], half),
                }
            }
            points
        }
        Mark::Points(points) => {
            let mut found = Vec::new();
            for (i, place) in shapes::scatter(transform, points) {
                let [x, y] = points.points[i];
                match place {
                    // Words may stand on the cloud of the other units where there is no better place.
                    Ok([x, y]) if points.emphasis == Emphasis::Faint => {
                        ground.tint(Rect::new(x - 0.8, y - 0.8, 1.6, 1.6));
                        found.push([x, y]);
                    }
                    Ok(at) => {
                        ground.take_point(at, 0.5 * (paper::MARKER + paper::MARKER_STROKE));
                        found.push(at);
                        let bars = [
                            (Direction::X, y, points.x_error.get(i)),
                            (Direction::Y, x, points.y_error.get(i)),
                        ];
                        for (direction, at, interval) in bars {
                            let bar = interval.and_then(|&e| shapes::error_bar(transform, direction, at, e));
                            bar.iter().flat_map(|bar| walk(bar)).for_each(|p| ground.take_point(p, 0.3));
                        }
                    }
                    Err((at, _)) => {
                        ground.take_point(at, 2.6);
                        outside.push(at);
                    }
                }
            }
            found
        }
        Mark::Band(band) => {
            let mut edges = Vec::new();
            for outline in shapes::band(transform, band) {
                let half = outline.len() / 2;
                let (up, down) = (&outline[..half], &outline[half..]);
                for (a, b) in walk(up).into_iter().zip(walk(&down.iter().rev().copied().collect::<Vec<_>>()))
                {
                    ground.tint(Rect::new(a[0] - 0.6, a[1].min(b[1]), 1.2, (b[1] - a[1]).abs()));
                }
                edges.extend(walk(up));
            }
            within(edges)
        }
        Mark::Bars(bars) => {
            let mut tops = Vec::new();
            for (_, [left, top, right, bottom]) in shapes::bars(transform, bars, across(transform.plot)) {
                ground.take(Rect::new(left, top, right - left, bottom - top));
                tops.push([0.5 * (left + right), top]);
            }
            tops
        }
        Mark::Strip(strip) => {
            let dots = shapes::strip(transform, strip, across(transform.plot));
            dots.inside.iter().for_each(|&(_, at)| ground.take_point(at, 0.5 * paper::MARKER));
            for &(at, _) in &dots.outside {
                ground.take_point(at, 2.6);
                outside.push(at);
            }
            Vec::new()
        }
        Mark::Reference(reference) => {
            let points = walk(&shapes::reference(transform, reference));
            points.iter().for_each(|&p| ground.take_point(p, 0.5 * paper::AXIS));
            points
        }
        Mark::Span(_) => Vec::new(),
        Mark::Image(image) => {
            let [x0, x1] = image.x.map(|v| transform.x(v));
            let [y0, y1] = image.y.map(|v| transform.y(v));
            ground.take(Rect::new(x0.min(x1), y0.min(y1), (x1 - x0).abs(), (y1 - y0).abs()));
            Vec::new()
        }
        Mark::Text(text) => {
            if transform.shows(text.at) {
                let words = words_of(transform, text);
                ground.take(extent(&words));
            }
            Vec::new()
        }
    }
}

/// The rectangle that a level line of text covers.
fn extent(words: &Words) -> Rect {
    let w = fonts::width(&words.text, words.size, words.weight);
    let left = match words.align {
        Align::Start => words.at[0],
        Align::Middle => words.at[0] - 0.5 * w,
        Align::End => words.at[0] - w,
    };
    let h = words.size * CAP_HEIGHT;
    Rect::new(left, words.at[1] - h, w, h).grown(1.0)
}

/// Points along a polyline, at most 1 pt apart.
fn walk(run: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut points: Vec<[f64; 2]> = run.first().copied().into_iter().collect();
    for pair in run.windows(2) {
        let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
        // Far beyond any page a line need not be followed.
        let n = (x1 - x0).hypot(y1 - y0).ceil().clamp(1.0, 4000.0) as usize;
        points.extend((1..=n).map(|i| {
            let part = i as f64 / n as f64;
            [x0 + (x1 - x0) * part, y0 + (y1 - y0) * part]
        }));
    }
    points
}
