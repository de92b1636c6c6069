//! Marks as runs of points on the page, for drawing and for keeping text away.

use super::geometry::Transform;
use crate::figure::annotation::{Reference, ReferenceAt};
use crate::figure::mark::{Band, Bars, Points};
use crate::figure::panel::Direction;
use crate::figure::strip::{Edge, Strip, swarm};
use crate::figure::style::paper;
use crate::figure::thin;

/// Width of the columns to which long lines are thinned: a quarter of the finest stroke.
const COLUMN: f64 = 0.1;

/// A polyline broken where an axis cannot show a point.
pub(super) fn runs(transform: &Transform<'_>, points: &[[f64; 2]]) -> Vec<Vec<[f64; 2]>> {
    let on_page = |&p: &[f64; 2]| if transform.shows(p) { transform.point(p) } else { [0.0, f64::NAN] };
    let pages: Vec<[f64; 2]> = points.iter().map(on_page).collect();
    let pages = thin::min_max_columns(&pages, COLUMN);
    pages.split(|p| p[1].is_nan()).filter(|run| !run.is_empty()).map(<[_]>::to_vec).collect()
}

/// Outlines of a band: forth along the high, back along the low bound, broken at gaps.
pub(super) fn band(transform: &Transform<'_>, band: &Band) -> Vec<Vec<[f64; 2]>> {
    let bound = |bound: &[f64]| -> Vec<[f64; 2]> {
        let point = |(i, &x): (usize, &f64)| {
            let y = bound.get(i).copied().unwrap_or(f64::NAN);
            [x, y]
        };
        band.x.iter().enumerate().map(point).collect()
    };
    let (low, high) = (bound(&band.low), bound(&band.high));
    let mut outlines = Vec::new();
    let (mut up, mut down): (Vec<[f64; 2]>, Vec<[f64; 2]>) = (Vec::new(), Vec::new());
    let mut close = |up: &mut Vec<[f64; 2]>, down: &mut Vec<[f64; 2]>| {
        if up.len() > 1 {
            outlines.push(up.drain(..).chain(down.drain(..).rev()).collect());
        }
        up.clear();
        down.clear();
    };
    for (low, high) in low.into_iter().zip(high) {
        if transform.plot.x.shows(high[0]) && transform.plot.y.shows(high[1]) && !low[1].is_nan() {
            // A low bound that a logarithmic axis cannot show reaches to the edge.
            let low_y = if transform.plot.y.shows(low[1]) { low[1] } else { transform.ranges[1][0] };
            up.push(transform.point(high));
            down.push(transform.point([low[0], low_y]));
        } else {
            close(&mut up, &mut down);
        }
    }
    close(&mut up, &mut down);
    outlines
}

/// Ends of a reference line within the axes; empty where it lies outside.
pub(super) fn reference(transform: &Transform<'_>, reference: &Reference) -> Vec<[f64; 2]> {
    let [[x0, x1], [y0, y1]] = transform.ranges;
    let plot = transform.plot;
    match reference.at {
        ReferenceAt::Horizontal(y) if Edge::of(&plot.y, y, [y0, y1]) == Edge::Inside => {
            vec![transform.point([x0, y]), transform.point([x1, y])]
        }
        ReferenceAt::Vertical(x) if Edge::of(&plot.x, x, [x0, x1]) == Edge::Inside => {
            vec![transform.point([x, y0]), transform.point([x, y1])]
        }
        ReferenceAt::Unity if x0.max(y0) < x1.min(y1) => {
            let (from, to) = (x0.max(y0), x1.min(y1));
            // Straight on the page only where both axes have one scale.
            let n = if plot.x.scale == plot.y.scale { 1 } else { 64 };
            let at = |i: usize| from + (to - from) * i as f64 / n as f64;
            (0..=n).map(|i| transform.point([at(i), at(i)])).collect()
        }
        ReferenceAt::Horizontal(_) | ReferenceAt::Vertical(_) | ReferenceAt::Unity => Vec::new(),
    }
}

/// Rectangles of bars as `[left, top, right, bottom]` with the index of the bar.
pub(super) fn bars(transform: &Transform<'_>, bars: &Bars, across: Direction) -> Vec<(usize, [f64; 4])> {
    let along = match across {
        Direction::X => (&transform.plot.y, transform.ranges[1]),
        Direction::Y => (&transform.plot.x, transform.ranges[0]),
    };
    // Bars on a logarithmic axis stand on its low end.
    let base = if along.0.shows(bars.base) { bars.base.clamp(along.1[0], along.1[1]) } else { along.1[0] };
    let rect = |(i, (&[from, to], &value)): (usize, (&[f64; 2], &f64))| {
        if !along.0.shows(value) {
            return None;
        }
        let value = value.clamp(along.1[0], along.1[1]);
        let [a, b] = transform.point(transform.turned(across, from, base));
        let [c, d] = transform.point(transform.turned(across, to, value));
        Some((i, [a.min(c), b.min(d), a.max(c), b.max(d)]))
    };
    bars.spans.iter().zip(&bars.values).enumerate().filter_map(rect).collect()
}

/// An error bar from low to high through a point, cut at the axes; `None` where there is none.
pub(super) fn error_bar(
    transform: &Transform<'_>,
    direction: Direction,
    at: f64,
    [low, high]: [f64; 2],
) -> Option<Vec<[f64; 2]>> {
    let (axis, range) = match direction {
        Direction::X => (&transform.plot.x, transform.ranges[0]),
        Direction::Y => (&transform.plot.y, transform.ranges[1]),
    };
    let [from, to] = range;
    if low.is_nan() || high.is_nan() || low > to || high < from {
        return None;
    }
    let low = if axis.shows(low) { low.max(from) } else { from };
    let ends = [low, high.min(to)].map(|v| match direction {
        Direction::X => transform.point([v, at]),
        Direction::Y => transform.point([at, v]),
    });
    Some(ends.to_vec())
}

/// A value beyond an axis: where its triangle stands and which way it points.
pub(super) type Outside = ([f64; 2], [f64; 2]);

/// Where every point of a scatter lies: `Ok` inside, `Err` beyond; nothing for missing ones.
pub(super) fn scatter(transform: &Transform<'_>, points: &Points) -> Vec<(usize, Result<[f64; 2], Outside>)> {
    let plot = transform.plot;
    let [x_range, y_range] = transform.ranges;
    let place = |(i, &[x, y]): (usize, &[f64; 2])| {
        if y.is_nan() {
            return None;
        }
        let (ex, ey) = (Edge::of(&plot.x, x, x_range), Edge::of(&plot.y, y, y_range));
        if (ex, ey) == (Edge::Inside, Edge::Inside) {
            return Some((i, Ok(transform.point([x, y]))));
        }
        let clamped = |v: f64, edge: Edge, [low, high]: [f64; 2]| match edge {
            Edge::Below => low,
            Edge::Inside => v,
            Edge::Above => high,
        };
        let at = transform.point([clamped(x, ex, x_range), clamped(y, ey, y_range)]);
        Some((i, Err((at, outward(transform, at, ex, ey)))))
    };
    points.points.iter().enumerate().filter_map(place).collect()
}

/// Unit vector from the area towards a value that lies beyond, on the page.
fn outward(transform: &Transform<'_>, at: [f64; 2], x: Edge, y: Edge) -> [f64; 2] {
    let centre = transform.area.centre();
    if x == Edge::Inside {
        let downwards = at[1] > centre[1] && y != Edge::Inside;
        [0.0, if downwards { 1.0 } else { -1.0 }]
    } else {
        [if at[0] > centre[0] { 1.0 } else { -1.0 }, 0.0]
    }
}

/// The dots of a strip, in its swarm.
pub(super) struct Dots {
    /// Index of the value and centre of its dot.
    pub inside: Vec<(usize, [f64; 2])>,
    pub outside: Vec<Outside>,
    /// Half the height of box and median bar.
    pub reach: f64,
}

/// Places the dots of `strip`.
pub(super) fn strip(transform: &Transform<'_>, strip: &Strip, across: Direction) -> Dots {
    let (axis, range) = match across {
        Direction::X => (&transform.plot.y, transform.ranges[1]),
        Direction::Y => (&transform.plot.x, transform.ranges[0]),
    };
    let origin = |value: f64| transform.point(transform.turned(across, strip.category as f64, value));
    let band = {
        let n = transform.plot.axis(across).category_list().len().max(1) as f64;
        match across {
            Direction::X => transform.area.w / n,
            Direction::Y => transform.area.h / n,
        }
    };
    let reach = (0.38 * band).min(14.0);
    let (mut values, mut places) = (Vec::new(), Vec::new());
    for (i, &value) in strip.values.iter().enumerate().filter(|(_, v)| !v.is_nan()) {
        let edge = Edge::of(axis, value, range);
        let shown = match edge {
            Edge::Below => range[0],
            Edge::Inside => value,
            Edge::Above => range[1],
        };
        values.push((i, edge));
        places.push(origin(shown));
    }
    let along: Vec<f32> = places
        .iter()
        .map(|[x, y]| match across {
            Direction::X => *y as f32,
            Direction::Y => *x as f32,
        })
        .collect();
    let offsets = swarm(&along, paper::MARKER as f32, reach as f32);
    let mut dots = Dots { inside: Vec::new(), outside: Vec::new(), reach };
    for (((i, edge), [x, y]), offset) in values.into_iter().zip(places).zip(offsets) {
        let at = match across {
            Direction::X => [x + f64::from(offset), y],
            Direction::Y => [x, y + f64::from(offset)],
        };
        match (edge, across) {
            (Edge::Inside, _) => dots.inside.push((i, at)),
            (_, Direction::Y) => dots.outside.push((at, outward(transform, at, edge, Edge::Inside))),
            (_, Direction::X) => dots.outside.push((at, outward(transform, at, Edge::Inside, edge))),
        }
    }
    dots
}
