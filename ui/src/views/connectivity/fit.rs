//! A diagram at the size of the window: lengths chosen for the room there is, everything else by
//! the layout that files are drawn with.

use egui::{Pos2, Rect, Vec2, pos2, vec2};
use gainfield::connectivity::{BoxStyle, Diagram, EdgeClass, Metrics, Picture, Place};
use gainfield::dynamics::{Graph, GraphNode, NodeRole};
use gainfield::figure::fonts::{self, Weight};

/// Sizes of text in boxes.
const NAME: f64 = 12.0;
const SHAPE: f64 = 11.0;
/// Between a name and the shape beside it.
pub(super) const SHAPE_GAP: f64 = 8.0;
/// Widths of the column of names left of boxes that are too small for them.
const GUTTER: std::ops::RangeInclusive<f64> = 52.0..=116.0;
const NAMED: Metrics = Metrics {
    box_height: 40.0,
    box_width: None,
    box_padding: 10.0,
    box_text: NAME,
    note_text: None,
    note_gap: 0.0,
    level: 64.0,
    column_gap: 34.0,
    stream_gap: 56.0,
    head: 7.0,
};

/// A box on screen, from the picture's corner.
pub(super) struct ScreenBox {
    pub rect: Rect,
    /// Name, and beside it the shape; empty where there is no room.
    pub name: String,
    pub shape: String,
    pub style: BoxStyle,
    pub place: Option<Place>,
    pub is_dead: bool,
}

/// An arrow on screen, from the picture's corner.
pub(super) struct ScreenArrow {
    pub points: Vec<Pos2>,
    pub head: [Pos2; 4],
    pub class: EdgeClass,
    pub connection: Option<usize>,
}

/// A diagram laid out for a room.
pub(super) struct Fitted {
    pub boxes: Vec<ScreenBox>,
    pub arrows: Vec<ScreenArrow>,
    /// Names left of rows of small boxes, each with its node and the height of its middle.
    pub rows: Vec<(usize, f32)>,
    /// Middle and left, right of every timestep's column, where the picture is unrolled.
    pub columns: Vec<[f32; 3]>,
    pub is_unrolled: bool,
    /// Width of the column of names left of small boxes; 0 where there is none.
    pub gutter: f32,
    size: Vec2,
}

impl Fitted {
    pub fn new(diagram: &Diagram, graph: &Graph, room: Vec2) -> Self {
        let is_unrolled = diagram.columns_per_timestep > 0;
        let metrics = metrics(diagram, graph, room);
        let picture = Picture::new(diagram, &metrics);
        let has_names = metrics.box_width.is_none_or(|width| width > 40.0);
        let left = if has_names { 0.0 } else { gutter(graph) };
        let below = if is_unrolled { 22.0 } else { 0.0 };
        let place = |[x, y]: [f64; 2]| {
            pos2((x - picture.bounds[0]) as f32 + left + 2.0, (y - picture.bounds[1]) as f32 + 2.0)
        };
        let has_shapes = metrics.box_width.is_some_and(|width| width > names_width(graph) + 20.5);
        let shape_of = |place: Option<Place>| {
            let node = place.map(|place| &graph.nodes[place.node]);
            node.filter(|_| has_names && has_shapes).map_or_else(String::new, |node| shape_text(&node.shape))
        };
        let half = vec2(picture.box_size[0] as f32, picture.box_size[1] as f32) / 2.0;
        let boxes: Vec<ScreenBox> = picture
            .boxes
            .iter()
            .map(|placed| ScreenBox {
                rect: Rect::from_center_size(place(placed.centre), 2.0 * half),
                name: if has_names { placed.label.clone() } else { String::new() },
                shape: shape_of(placed.place),
                style: placed.style,
                place: placed.place,
                is_dead: placed.is_dead,
            })
            .collect();
        let arrows = picture
            .arrows
            .iter()
            .map(|arrow| ScreenArrow {
                points: arrow.points().into_iter().map(place).collect(),
                head: arrow.head.map(place),
                class: arrow.class,
                connection: arrow.connection,
            })
            .collect();
        let notes = if is_unrolled { time_row(&picture) } else { 0.0 };
        let size = vec2(picture.width() as f32 + left, picture.height() as f32 - notes + below);
        let rows = if has_names { Vec::new() } else { rows(&boxes) };
        let columns = if is_unrolled { columns(&boxes) } else { Vec::new() };
        Self { boxes, arrows, rows, columns, is_unrolled, gutter: left, size: size + vec2(4.0, 4.0) }
    }

    pub fn size(&self) -> Vec2 {
        self.size
    }
}

/// Height that the picture keeps below the boxes for the names of timesteps, which are drawn anew.
fn time_row(picture: &Picture) -> f32 {
    let bottom = picture.boxes.iter().map(|placed| placed.centre[1] + picture.box_size[1] / 2.0);
    (picture.bounds[3] - bottom.fold(f64::MIN, f64::max)).max(0.0) as f32
}

/// Lengths for the room: levels and columns as far apart as they can be, names where they fit.
fn metrics(diagram: &Diagram, graph: &Graph, room: Vec2) -> Metrics {
    let levels = graph.nodes.iter().map(|node| node.level).max().unwrap_or(0) as f32;
    let levels = levels + if diagram.columns_per_timestep > 0 { 1.0 } else { 0.0 };
    let per_level = f64::from((room.y - 60.0) / levels.max(1.0));
    let level = per_level.clamp(34.0, 78.0);
    let box_height = (level - 22.0).clamp(20.0, 30.0);
    let names = names_width(graph);
    let width = |node: &GraphNode| {
        let shape = fonts::width(&shape_text(&node.shape), SHAPE, Weight::Regular);
        fonts::width(&node.name, NAME, Weight::Bold) + SHAPE_GAP + shape
    };
    let with_shapes = graph.nodes.iter().map(width).fold(0.0, f64::max).max(names + 1.0) + 20.0;
    let metrics = Metrics { level, box_height, ..NAMED };
    let room_x = f64::from(room.x);
    match diagram.columns_per_timestep {
        0 => {
            let streams = graph.nodes.iter().map(|node| node.stream).max().unwrap_or(0) as f64;
            // Skips and loops need room at both sides.
            let gap = |width: f64| (room_x - (streams + 1.0) * width - 70.0) / streams.max(1.0);
            let fits = |width: f64| gap(width) >= 40.0;
            let width = if fits(with_shapes) { with_shapes } else { names + 20.0 };
            let width = if fits(width) { width } else { names + 10.0 };
            Metrics { box_width: Some(width), stream_gap: gap(width).clamp(26.0, 110.0), ..metrics }
        }
        streams => {
            let columns = timesteps(diagram) as f64 * streams as f64;
            let per_column = (room_x - 12.0) / columns.max(1.0);
            let named = names + 20.0;
            if per_column >= named + 22.0 {
                let column_gap = (per_column - named).min(70.0);
                return Metrics { box_width: Some(named), column_gap, ..metrics };
            }
            // Without names in the boxes everything fits.
            let per_column =
                ((room_x - f64::from(gutter(graph)) - 12.0) / columns.max(1.0)).clamp(24.0, 64.0);
            let width = (per_column * 0.42).clamp(12.0, 26.0);
            let box_height = (level - 20.0).clamp(12.0, 18.0);
            Metrics {
                box_width: Some(width),
                box_height,
                column_gap: per_column - width,
                head: 5.0,
                ..metrics
            }
        }
    }
}

fn names_width(graph: &Graph) -> f64 {
    let width = |node: &GraphNode| fonts::width(&node.name, NAME, Weight::Bold);
    graph.nodes.iter().map(width).fold(40.0, f64::max)
}

/// Width of the column of names beside small boxes.
fn gutter(graph: &Graph) -> f32 {
    let main = graph.nodes.iter().filter(|node| node.stream == 0);
    let widest = main.map(|node| fonts::width(&node.name, NAME, Weight::Bold)).fold(0.0, f64::max);
    (widest + 14.0).clamp(*GUTTER.start(), *GUTTER.end()) as f32
}

fn timesteps(diagram: &Diagram) -> usize {
    let all = diagram.nodes.iter().chain(&diagram.dead).filter_map(|node| node.place);
    all.map(|place| place.t).max().map_or(0, |last| last + 1)
}

/// One name per level, that of the main stream, or of the first beside it.
fn rows(boxes: &[ScreenBox]) -> Vec<(usize, f32)> {
    let mut rows: Vec<(usize, f32, f32)> = Vec::new();
    for placed in boxes {
        let Some(place) = placed.place.filter(|place| place.t == 0) else { continue };
        let (x, y) = (placed.rect.center().x, placed.rect.center().y);
        match rows.iter_mut().find(|(_, known, _)| (*known - y).abs() < 1.0) {
            Some(row) if x < row.2 => *row = (place.node, y, x),
            Some(_) => {}
            None => rows.push((place.node, y, x)),
        }
    }
    rows.into_iter().map(|(node, y, _)| (node, y)).collect()
}

/// Middle, left and right of the boxes of every timestep.
fn columns(boxes: &[ScreenBox]) -> Vec<[f32; 3]> {
    let mut columns: Vec<[f32; 3]> = Vec::new();
    for placed in boxes {
        let Some(place) = placed.place else { continue };
        while columns.len() <= place.t {
            columns.push([0.0, f32::MAX, f32::MIN]);
        }
        let [_, left, right] = &mut columns[place.t];
        (*left, *right) = (left.min(placed.rect.left()), right.max(placed.rect.right()));
    }
    for [middle, left, right] in &mut columns {
        *middle = f32::midpoint(*left, *right);
    }
    columns
}

/// Shape of one trial: "64 × 56 × 56".
pub(super) fn shape_text(shape: &[usize]) -> String {
    let numbers: Vec<String> = shape.iter().map(usize::to_string).collect();
    numbers.join(" × ")
}

/// Distance of a point from a polyline.
pub(super) fn distance(points: &[Pos2], at: Pos2) -> f32 {
    let to_segment = |pair: &[Pos2]| {
        let (along, from) = (pair[1] - pair[0], at - pair[0]);
        let u = (from.dot(along) / along.length_sq().max(1e-6)).clamp(0.0, 1.0);
        (from - along * u).length()
    };
    points.windows(2).map(to_segment).fold(f32::MAX, f32::min)
}

/// Whether a node is drawn as one that the network reads or writes rather than computes with.
pub(super) fn is_terminal(role: NodeRole) -> bool {
    matches!(role, NodeRole::Input | NodeRole::Readout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gainfield::connectivity::{FoldedOptions, folded, unrolled};
    use gainfield::families::blt::{Config, graph};

    fn blt(name: &str) -> Graph {
        graph(&Config::named(name).unwrap())
    }

    #[test]
    fn everything_lies_within_the_size_that_is_announced() {
        let graph = blt("blt_b3lt3");
        let options = FoldedOptions { shows_input: true, ..FoldedOptions::default() };
        for (room, n) in [(vec2(466.0, 480.0), 10), (vec2(1400.0, 700.0), 12), (vec2(200.0, 120.0), 3)] {
            for diagram in [folded(&graph, &options), unrolled(&graph, n)] {
                let fitted = Fitted::new(&diagram, &graph, room);
                let all = Rect::from_min_size(Pos2::ZERO, fitted.size()).expand(1.0);
                assert!(fitted.boxes.iter().all(|placed| all.contains_rect(placed.rect)), "{room:?}");
                assert!(fitted.arrows.iter().flat_map(|arrow| &arrow.points).all(|p| all.contains(*p)));
            }
        }
    }

    #[test]
    fn small_boxes_are_named_beside_them_and_large_ones_within() {
        let graph = blt("blt_blt");
        let diagram = unrolled(&graph, 10);
        let small = Fitted::new(&diagram, &graph, vec2(466.0, 480.0));
        assert!(small.boxes.iter().all(|placed| placed.name.is_empty()));
        assert_eq!((small.rows.len(), small.columns.len()), (8, 10));
        assert!(small.size().x <= 466.0, "{:?}", small.size());
        let folded = folded(&graph, &FoldedOptions::default());
        let folded = Fitted::new(&folded, &graph, vec2(466.0, 480.0));
        assert!(folded.boxes.iter().any(|placed| placed.shape == "64 × 56 × 56"));
        let large = Fitted::new(&diagram, &graph, vec2(1400.0, 700.0));
        assert!(large.rows.is_empty() && large.boxes.iter().any(|placed| placed.name == "V4"));
    }

    #[test]
    fn distances_are_to_the_nearest_piece() {
        let points = [pos2(0.0, 0.0), pos2(10.0, 0.0), pos2(10.0, 10.0)];
        assert_eq!(distance(&points, pos2(5.0, 3.0)), 3.0);
        assert_eq!(distance(&points, pos2(13.0, 14.0)), 5.0);
    }
}
