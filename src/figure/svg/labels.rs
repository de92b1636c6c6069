//! Finds a place beside the data for every name, so that no text touches text, line or marker.

use super::geometry::Rect;
use super::legend::{Name, Owner};
use super::writer::Words;
use crate::figure::fonts::{self, CAP_HEIGHT, DESCENT, Weight};

/// Farthest that a name may lie from what it names: series have their colour to tell, the others do not.
const FARTHEST_SERIES: f64 = 26.0;
const FARTHEST_OTHER: f64 = 12.0;
/// Cost of two neighbouring names that stand in another order, from top to bottom, than their data.
const INVERTED: f64 = 15.0;
/// Distance that reads best.
const NEAREST: f64 = 2.5;
/// Free space around text.
const CLEAR: f64 = 1.2;

/// What lies in a plot, on a grid of 1 pt.
pub(super) struct Ground {
    frame: Rect,
    columns: usize,
    rows: usize,
    /// Cells under lines, markers, words, pictures.
    taken: Vec<bool>,
    /// Cells under bands.
    tinted: Vec<bool>,
}

impl Ground {
    pub fn new(frame: Rect) -> Self {
        let columns = frame.w.ceil().clamp(1.0, 4000.0) as usize;
        let rows = frame.h.ceil().clamp(1.0, 4000.0) as usize;
        Self { frame, columns, rows, taken: vec![false; columns * rows], tinted: vec![false; columns * rows] }
    }

    fn cells(&self, rect: Rect) -> [[usize; 2]; 2] {
        let span = |from: f64, to: f64, n: usize| {
            [from.floor().clamp(0.0, n as f64) as usize, to.ceil().clamp(0.0, n as f64) as usize]
        };
        let (x, y) = (rect.x - self.frame.x, rect.y - self.frame.y);
        [span(x, x + rect.w, self.columns), span(y, y + rect.h, self.rows)]
    }

    fn mark(&mut self, rect: Rect, tint: bool) {
        let [[left, right], [top, bottom]] = self.cells(rect);
        let layer = if tint { &mut self.tinted } else { &mut self.taken };
        for row in top..bottom {
            layer[row * self.columns + left..row * self.columns + right.max(left)].fill(true);
        }
    }

    /// Keeps text away from `rect`.
    pub fn take(&mut self, rect: Rect) {
        self.mark(rect, false);
    }

    /// Keeps text away from a circle or line point of this half width.
    pub fn take_point(&mut self, [x, y]: [f64; 2], half: f64) {
        self.mark(Rect::new(x - half, y - half, 2.0 * half, 2.0 * half), false);
    }

    /// Lets text stand on `rect` only where there is no better place.
    pub fn tint(&mut self, rect: Rect) {
        self.mark(rect, true);
    }
}

/// Prefix sums of a layer: how many cells of a rectangle are set, in constant time.
struct Sums {
    columns: usize,
    sums: Vec<u32>,
}

impl Sums {
    fn of(layer: &[bool], columns: usize) -> Self {
        let rows = layer.len() / columns;
        let mut sums = vec![0; (columns + 1) * (rows + 1)];
        for row in 0..rows {
            let mut line = 0;
            for column in 0..columns {
                line += u32::from(layer[row * columns + column]);
                sums[(row + 1) * (columns + 1) + column + 1] = sums[row * (columns + 1) + column + 1] + line;
            }
        }
        Self { columns: columns + 1, sums }
    }

    fn count(&self, [[left, right], [top, bottom]]: [[usize; 2]; 2]) -> u32 {
        let at = |row: usize, column: usize| self.sums[row * self.columns + column];
        if right <= left || bottom <= top {
            return 0;
        }
        at(bottom, right) + at(top, left) - at(top, right) - at(bottom, left)
    }
}

/// A name with the points of the page that it names.
pub(super) struct Request {
    pub name: Name,
    pub points: Vec<[f64; 2]>,
}

/// Points no closer than about 1 pt, and no more than `most` of them.
fn thinned(points: &[[f64; 2]], most: usize) -> Vec<[f64; 2]> {
    let mut kept: Vec<[f64; 2]> = Vec::new();
    for &[x, y] in points {
        if kept.last().is_none_or(|[a, b]| (x - a).hypot(y - b) >= 1.0) {
            kept.push([x, y]);
        }
    }
    let stride = kept.len().div_ceil(most).max(1);
    kept.into_iter().step_by(stride).collect()
}

/// Places every request within the frame of `ground`; what finds no free place comes back.
///
/// Names compete for room: all orders of up to five are tried, and the one that leaves the fewest
/// without a place, then the one of least cost, is taken.
pub(super) fn place(ground: &Ground, requests: Vec<Request>) -> (Vec<Words>, Vec<Name>) {
    let points: Vec<Vec<[f64; 2]>> = requests.iter().map(|request| thinned(&request.points, 150)).collect();
    let (taken, tinted) = (Sums::of(&ground.taken, ground.columns), Sums::of(&ground.tinted, ground.columns));
    let places: Vec<Vec<(f64, Rect)>> = requests
        .iter()
        .enumerate()
        .map(|(i, request)| {
            let others = points.iter().enumerate().filter(|(j, _)| *j != i);
            let others: Vec<&[[f64; 2]]> = others.map(|(_, points)| points.as_slice()).collect();
            candidates(ground, &taken, &tinted, &request.name, &points[i], &others)
        })
        .collect();
    let tops: Vec<f64> = points.iter().map(|own| bounds(own).y).collect();
    let mut best: Option<(f64, Vec<Option<Rect>>)> = None;
    for order in orders(requests.len()) {
        let (cost, chosen) = take_in_order(&places, &tops, &order);
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            best = Some((cost, chosen));
        }
    }
    let chosen = best.map_or_else(Vec::new, |(_, chosen)| chosen);
    let (mut words, mut homeless) = (Vec::new(), Vec::new());
    for (request, rect) in requests.into_iter().zip(chosen) {
        let Some(rect) = rect else {
            homeless.push(request.name);
            continue;
        };
        let size = request.name.size();
        let at = [rect.x, rect.y + size * CAP_HEIGHT];
        words.push(Words::new(at, &request.name.text, size, request.name.colour()));
    }
    (words, homeless)
}

/// All orders of up to five names, the given order first; that one alone of more.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n > 5 {
        return vec![(0..n).collect()];
    }
    let mut orders = vec![Vec::new()];
    for _ in 0..n {
        let longer = |order: &Vec<usize>| {
            let rest: Vec<usize> = (0..n).filter(|i| !order.contains(i)).collect();
            let order = order.clone();
            rest.into_iter().map(move |i| [order.as_slice(), &[i]].concat())
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    orders
}

/// Gives every name, in this order, its cheapest place that is still free. `tops` are the highest
/// points of the data.
fn take_in_order(places: &[Vec<(f64, Rect)>], tops: &[f64], order: &[usize]) -> (f64, Vec<Option<Rect>>) {
    const HOMELESS: f64 = 1e3;
    let mut chosen: Vec<Option<Rect>> = vec![None; places.len()];
    let mut total = 0.0;
    for &i in order {
        let mut best: Option<(f64, Rect)> = None;
        for &(cost, rect) in &places[i] {
            // Places come cheapest first, and company only adds to the cost.
            if best.is_some_and(|(least, _)| cost >= least) {
                break;
            }
            let with: f64 =
                chosen.iter().enumerate().map(|(j, other)| company(rect, tops[i], *other, tops[j])).sum();
            if best.is_none_or(|(least, _)| cost + with < least) && with.is_finite() {
                best = Some((cost + with, rect));
            }
        }
        total += best.map_or(HOMELESS, |(cost, _)| cost);
        chosen[i] = best.map(|(_, rect)| rect);
    }
    (total, chosen)
}

/// What it costs to stand at `rect` beside a name that is placed already; infinite if they touch.
fn company(rect: Rect, top: f64, other: Option<Rect>, other_top: f64) -> f64 {
    let Some(other) = other else { return 0.0 };
    if rect.grown(2.0 * CLEAR).overlaps(other) {
        return f64::INFINITY;
    }
    let abreast = rect.x < other.right() && other.x < rect.right();
    let inverted = (rect.y < other.y) != (top < other_top) && top != other_top;
    if abreast && inverted { INVERTED } else { 0.0 }
}

/// Rectangles free of the ground near the own points, cheapest first: close to its own data and
/// clear of others, off the bands, towards the right.
fn candidates(
    ground: &Ground,
    taken: &Sums,
    tinted: &Sums,
    name: &Name,
    own: &[[f64; 2]],
    others: &[&[[f64; 2]]],
) -> Vec<(f64, Rect)> {
    let frame = ground.frame;
    let size = name.size();
    let w = fonts::width(&name.text, size, Weight::Regular);
    let h = size * (CAP_HEIGHT + 0.6 * DESCENT);
    let step = (frame.w * frame.h / 5000.0).sqrt().max(1.0);
    let columns = ((frame.w - w) / step).floor();
    let rows = ((frame.h - h) / step).floor();
    if own.is_empty() || columns < 0.0 || rows < 0.0 {
        return Vec::new();
    }
    let farthest = match name.owner {
        Owner::Series(_) => FARTHEST_SERIES,
        Owner::Reference(_) | Owner::Outside => FARTHEST_OTHER,
    };
    let bounds = bounds(own).grown(farthest);
    let mut found = Vec::new();
    for row in 0..=rows as usize {
        for column in 0..=columns as usize {
            let rect = Rect::new(frame.x + column as f64 * step, frame.y + row as f64 * step, w, h);
            if !rect.overlaps(bounds) || taken.count(ground.cells(rect.grown(CLEAR))) > 0 {
                continue;
            }
            let least =
                |points: &[[f64; 2]]| points.iter().map(|&p| rect.distance(p)).fold(f64::INFINITY, f64::min);
            let to_own = least(own);
            if to_own > farthest {
                continue;
            }
            let to_other = others.iter().map(|points| least(points)).fold(f64::INFINITY, f64::min);
            let mut cost = 1.2 * (to_own - NEAREST).abs() + 1.5 * (frame.right() - rect.right()) / frame.w;
            cost += 4.0 * f64::from(tinted.count(ground.cells(rect))) / (w * h);
            if to_other < to_own + 0.5 {
                // Nearer to another series than to its own: only its colour says which it names.
                cost += 12.0;
            } else if to_other < 2.0 * to_own {
                cost += 3.0;
            }
            cost -= 0.15 * to_other.min(20.0);
            found.push((cost, rect));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found
}

fn bounds(points: &[[f64; 2]]) -> Rect {
    let mut ends = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    for [x, y] in points {
        ends = [ends[0].min(*x), ends[1].min(*y), ends[2].max(*x), ends[3].max(*y)];
    }
    Rect::new(ends[0], ends[1], ends[2] - ends[0], ends[3] - ends[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::roles::{Ink, Role};

    fn line(y: f64) -> Vec<[f64; 2]> {
        (0..100).map(|x| [f64::from(x), y]).collect()
    }

    fn request(text: &str, points: Vec<[f64; 2]>) -> Request {
        Request { name: Name::new(text, Owner::Series(Ink::Role(Role::Attended))), points }
    }

    fn extent(words: &Words) -> Rect {
        let h = words.size * CAP_HEIGHT;
        Rect::new(words.at[0], words.at[1] - h, fonts::width(&words.text, words.size, words.weight), h)
    }

    #[test]
    fn names_lie_near_their_own_line_and_touch_nothing() {
        let mut ground = Ground::new(Rect::new(0.0, 0.0, 100.0, 60.0));
        for y in [15.0, 40.0] {
            line(y).into_iter().for_each(|p| ground.take_point(p, 0.5));
        }
        let requests = vec![request("upper", line(15.0)), request("lower", line(40.0))];
        let (words, homeless) = place(&ground, requests);
        assert!(homeless.is_empty());
        let rects: Vec<Rect> = words.iter().map(extent).collect();
        assert!(!rects[0].overlaps(rects[1]));
        for (rect, own, other) in [(rects[0], 15.0, 40.0), (rects[1], 40.0, 15.0)] {
            let gap = |y: f64| (rect.y - y).max(y - rect.bottom());
            assert!(gap(own) > 0.5 && gap(own) < gap(other), "{rect:?}");
        }
    }

    #[test]
    fn all_orders_of_few_names_are_tried() {
        let found = orders(3);
        assert_eq!(found.len(), 6);
        assert_eq!(found[0], [0, 1, 2]);
        assert!((0..6).all(|i| (0..i).all(|j| found[i] != found[j])));
        assert_eq!(orders(6), [[0, 1, 2, 3, 4, 5]]);
        assert_eq!(orders(0), [Vec::<usize>::new()]);
    }

    #[test]
    fn names_make_room_for_one_another() {
        // The first would take the only place of the second if it were asked first.
        let a = Rect::new(0.0, 0.0, 10.0, 5.0);
        let b = Rect::new(40.0, 0.0, 10.0, 5.0);
        let places = [vec![(1.0, a), (2.0, b)], vec![(1.0, a)]];
        assert_eq!(take_in_order(&places, &[0.0; 2], &[0, 1]).1, [Some(a), None]);
        assert_eq!(take_in_order(&places, &[0.0; 2], &[1, 0]).1, [Some(b), Some(a)]);
    }

    #[test]
    fn neighbours_stand_in_the_order_of_their_data() {
        let (upper, lower) = (Rect::new(0.0, 0.0, 10.0, 5.0), Rect::new(0.0, 20.0, 10.0, 5.0));
        // The first name is of the lower data, yet finds the upper place a little cheaper.
        let places = [vec![(1.0, upper), (3.0, lower)], vec![(1.0, upper), (2.0, lower)]];
        assert_eq!(take_in_order(&places, &[50.0, 10.0], &[1, 0]).1, [Some(lower), Some(upper)]);
    }

    #[test]
    fn a_name_without_room_comes_back() {
        let mut ground = Ground::new(Rect::new(0.0, 0.0, 100.0, 20.0));
        ground.take(Rect::new(0.0, 0.0, 100.0, 20.0));
        let (words, homeless) = place(&ground, vec![request("x", line(10.0))]);
        assert!(words.is_empty() && homeless.len() == 1);
        let ground = Ground::new(Rect::new(0.0, 0.0, 10.0, 20.0));
        let (words, _) = place(&ground, vec![request("much too long for this", line(10.0))]);
        assert!(words.is_empty());
    }

    #[test]
    fn bands_are_avoided_where_there_is_other_room() {
        let mut ground = Ground::new(Rect::new(0.0, 0.0, 100.0, 60.0));
        line(30.0).into_iter().for_each(|p| ground.take_point(p, 0.5));
        ground.tint(Rect::new(0.0, 0.0, 100.0, 30.0));
        let (words, _) = place(&ground, vec![request("below", line(30.0))]);
        assert!(extent(&words[0]).y > 30.0);
    }
}
