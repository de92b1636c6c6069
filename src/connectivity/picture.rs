//! A diagram with every length settled: boxes, arrows and notes in points, y downwards, for any
//! painter.

use std::collections::BTreeMap;

use super::diagram::{Annotation, BoxStyle, Diagram, Edge, EdgeClass, End, Node, Place};
use crate::figure::fonts::{self, Weight};

/// Lengths that a painter chooses, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    pub box_height: f64,
    /// `None`: as wide as the longest name.
    pub box_width: Option<f64>,
    pub box_padding: f64,
    pub box_text: f64,
    /// `None` leaves all notes but those of timesteps out.
    pub note_text: Option<f64>,
    /// Between a box and its notes.
    pub note_gap: f64,
    /// From one level to the next.
    pub level: f64,
    /// Between the columns of an unrolled picture.
    pub column_gap: f64,
    /// Between the streams of a folded one.
    pub stream_gap: f64,
    /// Length of an arrow's head.
    pub head: f64,
}

impl Metrics {
    /// Those of files.
    pub const PAPER: Self = Self {
        box_height: 26.0,
        box_width: None,
        box_padding: 9.0,
        box_text: 10.0,
        note_text: Some(7.0),
        note_gap: 46.0,
        level: 56.0,
        column_gap: 46.0,
        stream_gap: 190.0,
        head: 6.0,
    };
}

/// Lengths of the source's layout, whose boxes are drawn at twice the size, as ours.
const SHIFT: f64 = 0.5;
/// Text of timesteps below their columns, where there are no other notes.
const TIME_TEXT: f64 = 11.0;
/// Between a box and a curve that passes it.
const CLEARANCE: f64 = 7.0;
/// Straight pieces that a curve is measured by.
const PIECES: usize = 16;

/// A box at its place.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedBox {
    pub label: String,
    pub style: BoxStyle,
    pub centre: [f64; 2],
    pub place: Option<Place>,
    /// Holds nothing at its timestep.
    pub is_dead: bool,
}

/// An arrow at its place.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedArrow {
    pub class: EdgeClass,
    pub connection: Option<usize>,
    /// Start, two control points and end of a cubic curve; the first two are the same in a straight
    /// one. It ends inside the head.
    pub curve: [[f64; 2]; 4],
    /// Tip, left wing, neck, right wing.
    pub head: [[f64; 2]; 4],
}

impl PlacedArrow {
    pub fn is_straight(&self) -> bool {
        self.curve[0] == self.curve[1]
    }

    /// Points along it, ends included.
    pub fn points(&self) -> Vec<[f64; 2]> {
        if self.is_straight() {
            return vec![self.curve[0], self.curve[3]];
        }
        let [a, b, c, d] = self.curve;
        let at = |piece: usize| {
            let u = piece as f64 / PIECES as f64;
            let v = 1.0 - u;
            [0, 1].map(|i| {
                v * v * v * a[i] + 3.0 * v * v * u * b[i] + 3.0 * v * u * u * c[i] + u * u * u * d[i]
            })
        };
        (0..=PIECES).map(at).collect()
    }
}

/// A note at its place.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedNote {
    pub text: String,
    /// Class of the connection that it tells of.
    pub class: Option<EdgeClass>,
    pub size: f64,
    /// Left end of its baseline.
    pub at: [f64; 2],
    pub width: f64,
}

/// A diagram with its places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Dead ones first.
    pub boxes: Vec<PlacedBox>,
    pub box_size: [f64; 2],
    pub arrows: Vec<PlacedArrow>,
    pub notes: Vec<PlacedNote>,
    /// Left, top, right, bottom of all.
    pub bounds: [f64; 4],
}

impl Picture {
    pub fn new(diagram: &Diagram, metrics: &Metrics) -> Self {
        Layout::new(diagram, metrics).picture(diagram)
    }

    pub fn width(&self) -> f64 {
        self.bounds[2] - self.bounds[0]
    }

    pub fn height(&self) -> f64 {
        self.bounds[3] - self.bounds[1]
    }
}

/// Centres of boxes, and their common width.
struct Layout<'a> {
    metrics: &'a Metrics,
    centres: BTreeMap<String, [f64; 2]>,
    width: f64,
}

impl<'a> Layout<'a> {
    fn new(diagram: &Diagram, metrics: &'a Metrics) -> Self {
        let all = || diagram.nodes.iter().chain(&diagram.dead);
        let width = metrics.box_width.unwrap_or_else(|| {
            let width = |node: &Node| fonts::width(&node.label, metrics.box_text, Weight::Bold);
            all().map(width).fold(30.0, f64::max) + 2.0 * metrics.box_padding
        });
        // The nominal coordinates count columns; boxes are as wide as their longest name.
        let columns = |x_cm: f64| match diagram.columns_per_timestep {
            0 => x_cm / 12.0 * (width + metrics.stream_gap),
            _ => x_cm / 2.3 * (width + metrics.column_gap),
        };
        let centre = |node: &Node| (node.id.clone(), [columns(node.x_cm), -node.y_cm / 2.0 * metrics.level]);
        Self { metrics, centres: all().map(centre).collect(), width }
    }

    fn picture(&self, diagram: &Diagram) -> Picture {
        let placed = |node: &Node, is_dead| PlacedBox {
            label: node.label.clone(),
            style: node.style,
            centre: self.centre(&node.id),
            place: node.place,
            is_dead,
        };
        let dead = diagram.dead.iter().map(|node| placed(node, true));
        let boxes: Vec<PlacedBox> =
            dead.chain(diagram.nodes.iter().map(|node| placed(node, false))).collect();
        let arrows: Vec<PlacedArrow> = diagram.edges.iter().map(|edge| self.arrow(edge)).collect();
        let notes = self.notes(diagram);
        let mut bounds = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
        let mut cover = |x: f64, y: f64| {
            bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
        };
        let box_size = [self.width, self.metrics.box_height];
        for PlacedBox { centre: [x, y], .. } in &boxes {
            cover(x - box_size[0] / 2.0, y - box_size[1] / 2.0);
            cover(x + box_size[0] / 2.0, y + box_size[1] / 2.0);
        }
        for [x, y] in arrows.iter().flat_map(PlacedArrow::points) {
            cover(x, y);
        }
        for note in &notes {
            cover(note.at[0], note.at[1] - note.size);
            cover(note.at[0] + note.width, note.at[1] + 0.4 * note.size);
        }
        Picture { boxes, box_size, arrows, notes, bounds }
    }

    fn centre(&self, id: &str) -> [f64; 2] {
        self.centres.get(id).copied().unwrap_or_default()
    }

    /// Where an arrow meets a box: at its anchor, or where the line to `other` leaves it.
    fn meets(&self, end: &End, other: [f64; 2]) -> [f64; 2] {
        let [x, y] = self.centre(&end.node);
        let (half_width, half_height) = (self.width / 2.0, self.metrics.box_height / 2.0);
        let [right, up] = end.shift_pt.map(|shift| shift * SHIFT);
        let side = match end.anchor {
            Some("north") => [x, y - half_height],
            Some("south") => [x, y + half_height],
            Some("east") => [x + half_width, y],
            Some("west") => [x - half_width, y],
            _ => {
                let (dx, dy) = (other[0] - x, other[1] - y);
                let reach = (half_width / dx.abs().max(1e-9)).min(half_height / dy.abs().max(1e-9));
                [x + dx * reach, y + dy * reach]
            }
        };
        // A low box keeps what leaves its side on it.
        let limit = if matches!(end.anchor, Some("east" | "west")) { half_height } else { half_width };
        [side[0] + right.clamp(-limit, limit), side[1] - up.clamp(-limit, limit)]
    }

    fn arrow(&self, edge: &Edge) -> PlacedArrow {
        let (start, end) = (self.centre(&edge.from.node), self.centre(&edge.to.node));
        // From, two control points, to.
        let curve = if edge.path.starts_with("loop") {
            let [x, y] = [start[0] + self.width / 2.0, start[1]];
            let (outside, dy) = (x + 24.0, 6.0);
            [[x, y - dy], [outside, y - 3.0 * dy], [outside, y + 3.0 * dy], [x, y + dy]]
        } else if let Some(angle) = edge.path.strip_prefix("bend left=") {
            // To the left of the direction of travel, from the sides of the boxes.
            let angle: f64 = angle.parse().unwrap_or(50.0);
            let side = if end[1] < start[1] { -1.0 } else { 1.0 };
            let bulge = (end[1] - start[1]).abs() * angle.to_radians().tan() / 4.0 * side;
            let x = |centre: f64| centre + side * self.width / 2.0;
            let (from, to) = ([x(start[0]), start[1]], [x(end[0]), end[1]]);
            [from, [from[0] + bulge, from[1]], [to[0] + bulge, to[1]], to]
        } else {
            let (from, to) = (self.meets(&edge.from, end), self.meets(&edge.to, start));
            self.around(from, to, start, end).unwrap_or([from, from, from, to])
        };
        let [from, first, second, tip] = curve;
        let head = self.metrics.head;
        let (dx, dy) = (tip[0] - second[0], tip[1] - second[1]);
        let distance = dx.hypot(dy).max(1e-9);
        let (dx, dy) = (dx / distance, dy / distance);
        // The line ends inside the head, so that the tip stays sharp.
        let neck = [tip[0] - dx * head * 0.75, tip[1] - dy * head * 0.75];
        let wing = |side: f64| {
            let back = [tip[0] - dx * head, tip[1] - dy * head];
            [back[0] - dy * side * head / 2.0, back[1] + dx * side * head / 2.0]
        };
        PlacedArrow {
            class: edge.class,
            connection: edge.connection,
            curve: [from, first, second, neck],
            head: [tip, wing(-1.0), neck, wing(1.0)],
        }
    }

    /// A curve from `from` to `to` past the boxes that lie on the straight way, where that runs along
    /// a row or a column; `start` and `end` are the centres of its boxes.
    fn around(&self, from: [f64; 2], to: [f64; 2], start: [f64; 2], end: [f64; 2]) -> Option<[[f64; 2]; 4]> {
        let (half_width, half_height) = (self.width / 2.0, self.metrics.box_height / 2.0);
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let within = |value: f64, a: f64, b: f64| a.min(b) + 1.0 < value && value < a.max(b) - 1.0;
        let others = || self.centres.values().filter(|centre| **centre != start && **centre != end);
        if dy.abs() < half_height && dx.abs() > self.width {
            let is_on_the_way =
                |&[x, y]: &[f64; 2]| within(x, from[0], to[0]) && (y - from[1]).abs() < half_height;
            // Over the row.
            let bulge = (half_height + CLEARANCE) / 0.75;
            return others().any(is_on_the_way).then(|| {
                [from, [from[0] + 0.15 * dx, from[1] - bulge], [to[0] - 0.15 * dx, to[1] - bulge], to]
            });
        }
        if dx.abs() < half_width && dy.abs() > 2.0 * self.metrics.box_height {
            let is_on_the_way =
                |&[x, y]: &[f64; 2]| within(y, from[1], to[1]) && (x - from[0]).abs() < half_width;
            // To the left of the direction of travel, as bends go.
            let side = if dy < 0.0 { -1.0 } else { 1.0 };
            let (from, to) = ([start[0] + side * half_width, start[1]], [end[0] + side * half_width, end[1]]);
            let bulge = side * CLEARANCE / 0.75;
            return others()
                .any(is_on_the_way)
                .then(|| [from, [from[0] + bulge, from[1]], [to[0] + bulge, to[1]], to]);
        }
        None
    }

    /// Right of their boxes from the top down, shapes left of them, timesteps below.
    fn notes(&self, diagram: &Diagram) -> Vec<PlacedNote> {
        let half_height = self.metrics.box_height / 2.0;
        let mut notes = Vec::with_capacity(diagram.annotations.len());
        let mut line = [0.0; 2];
        for note in &diagram.annotations {
            let is_time = note.anchor == "north";
            let Some(size) = self.metrics.note_text.or(is_time.then_some(TIME_TEXT)) else { continue };
            let text = note.facts.text();
            let width = fonts::width(&text, size, Weight::Regular);
            let [x, y] = self.box_of(note);
            let at = match note.anchor {
                "west" => {
                    line = [x + self.width / 2.0 + self.metrics.note_gap, y - half_height + size];
                    line
                }
                "north west" => {
                    line[1] += size * fonts::LINE;
                    line
                }
                "east" => {
                    let left = x - self.width / 2.0 - self.metrics.note_gap - width;
                    [left, y + fonts::CAP_HEIGHT * size / 2.0]
                }
                _ => [x - width / 2.0, y + half_height + 2.0 * size],
            };
            notes.push(PlacedNote { text, class: note.color, size, at, width });
        }
        notes
    }

    /// Centre of the box that a note is at: `(name)` or `(name.anchor)`.
    fn box_of(&self, note: &Annotation) -> [f64; 2] {
        let whole = note.at.trim_matches(['(', ')']);
        let name = whole.rsplit_once('.').map_or(whole, |(name, _)| name);
        self.centre(if self.centres.contains_key(name) { name } else { whole })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FoldedOptions, folded, unrolled};
    use super::*;
    use crate::dynamics::{Area, Direction, Graph, GraphConnection};

    fn graph() -> Graph {
        let areas = [Area::activity("V1", &[2, 4, 4]), Area::activity("V2", &[3, 2, 2])];
        let mut graph = Graph::default_of(&[1, 8, 8], &areas, 2, Some);
        graph.connections.push(GraphConnection::new(2, 2, Direction::Lateral, "conv").delayed());
        graph.connections.push(GraphConnection::new(1, 3, Direction::Forward, "conv"));
        graph
    }

    #[test]
    fn everything_lies_within_the_bounds_and_says_what_it_stands_for() {
        let options = FoldedOptions { shows_input: true, ..FoldedOptions::default() };
        for diagram in [folded(&graph(), &options), unrolled(&graph(), 3)] {
            let picture = Picture::new(&diagram, &Metrics::PAPER);
            let [left, top, right, bottom] = picture.bounds;
            for [x, y] in picture.arrows.iter().flat_map(PlacedArrow::points) {
                assert!((left..=right).contains(&x) && (top..=bottom).contains(&y));
            }
            for (arrow, edge) in picture.arrows.iter().zip(&diagram.edges) {
                let connection = &graph().connections[arrow.connection.unwrap_or(0)];
                assert!(edge.to.node == "final_pred_node" || arrow.connection.is_some());
                let lateral = connection.direction == Direction::Lateral;
                assert_eq!(arrow.class == EdgeClass::Rec, lateral && arrow.connection.is_some());
            }
            let named = picture.boxes.iter().filter_map(|one| Some((one.place?.node, &one.label)));
            assert!(named.clone().count() > 0);
            for (node, label) in named {
                assert_eq!(graph().nodes[node].name, *label);
            }
        }
    }

    #[test]
    fn arrows_end_at_the_sides_of_boxes() {
        let picture =
            Picture::new(&unrolled(&graph(), 2), &Metrics { box_width: Some(20.0), ..Metrics::PAPER });
        let [width, height] = picture.box_size;
        for arrow in &picture.arrows {
            let [x, y] = arrow.head[0];
            let touches = |one: &PlacedBox| {
                let (dx, dy) = ((x - one.centre[0]).abs(), (y - one.centre[1]).abs());
                dx <= width / 2.0 + 1e-9 && dy <= height / 2.0 + 1e-9
            };
            assert!(picture.boxes.iter().any(touches), "{arrow:?}");
        }
    }

    #[test]
    fn arrows_pass_the_boxes_on_their_way() {
        let mut graph = graph();
        // A stream beside the first: what stays in a stream passes the boxes of the other.
        graph.nodes[2].stream = 1;
        graph.nodes[2].level = 1;
        graph.nodes[3].level = 2;
        graph.connections.push(GraphConnection::new(1, 1, Direction::Lateral, "conv").delayed());
        let picture = Picture::new(&unrolled(&graph, 3), &Metrics::PAPER);
        let last = graph.connections.len() - 1;
        let past: Vec<&PlacedArrow> =
            picture.arrows.iter().filter(|arrow| arrow.connection == Some(last)).collect();
        assert_eq!(past.len(), 2);
        // At timestep 0 the other box sleeps, but its place is kept.
        assert!(past.iter().all(|arrow| !arrow.is_straight()));
    }

    #[test]
    fn without_notes_only_timesteps_are_named() {
        let metrics = Metrics { note_text: None, ..Metrics::PAPER };
        assert!(Picture::new(&folded(&graph(), &FoldedOptions::default()), &metrics).notes.is_empty());
        let texts: Vec<String> =
            Picture::new(&unrolled(&graph(), 2), &metrics).notes.into_iter().map(|note| note.text).collect();
        assert_eq!(texts, ["t = 0", "t = 1"]);
    }
}
