//! The folded picture: one box per area, its input at the bottom.

use super::annotations::Facts;
use super::count::short_count;
use super::diagram::{Annotation, BoxStyle, Diagram, Edge, EdgeClass, End, Node, Place, Relation};
use crate::dynamics::{Direction, Graph, GraphConnection, GraphNode, NodeRole};

/// Between the levels, and between streams side by side, in cm.
const LEVEL_CM: f64 = 2.0;
const STREAM_CM: f64 = 12.0;

/// Choices that the graph does not make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FoldedOptions {
    /// For the note at the input.
    pub n_parameters: usize,
    pub n_timesteps: usize,
    /// Draw what leads from the input to the first area; the source leaves it out.
    pub shows_input: bool,
}

/// Class of a connection, by its direction and the levels it spans.
pub(super) fn class_of(graph: &Graph, connection: &GraphConnection) -> EdgeClass {
    let distance = levels(graph, connection).unsigned_abs();
    match (connection.direction, distance) {
        (Direction::Gain, _) => EdgeClass::Gain,
        (Direction::Lateral, _) => EdgeClass::Rec,
        (Direction::Forward, 0 | 1) => EdgeClass::Ff1,
        (Direction::Forward, 2) => EdgeClass::Ff2,
        (Direction::Forward, _) => EdgeClass::Ff3,
        (Direction::Feedback, 0 | 1) => EdgeClass::Fb1,
        (Direction::Feedback, 2) => EdgeClass::Fb2,
        (Direction::Feedback, _) => EdgeClass::Fb3,
    }
}

/// Levels between source and target, up is positive.
pub(super) fn levels(graph: &Graph, connection: &GraphConnection) -> isize {
    graph.nodes[connection.to].level as isize - graph.nodes[connection.from].level as isize
}

/// The picture, read-out on top.
pub fn folded(graph: &Graph, options: &FoldedOptions) -> Diagram {
    let is_drawn = |(_, connection): &(usize, &GraphConnection)| {
        options.shows_input || graph.nodes[connection.from].role != NodeRole::Input
    };
    let drawn: Vec<(usize, &GraphConnection)> =
        graph.connections.iter().enumerate().filter(is_drawn).collect();
    Diagram {
        nodes: boxes(graph),
        edges: drawn.iter().map(|&(index, connection)| arrow(graph, index, connection)).collect(),
        annotations: notes(graph, &drawn, options),
        dead: Vec::new(),
        columns_per_timestep: 0,
    }
}

/// From the read-out down, the streams beside the first one after it.
fn boxes(graph: &Graph) -> Vec<Node> {
    let top = graph.nodes.iter().map(|node| node.level).max().unwrap_or(0);
    let all = || graph.nodes.iter().enumerate();
    let main = all().rev().filter(|(_, node)| node.stream == 0);
    let mut above: Option<&GraphNode> = None;
    let mut boxes = Vec::with_capacity(graph.nodes.len());
    for (index, node) in main.chain(all().filter(|(_, node)| node.stream > 0)) {
        let depth = (top - node.level) as f64;
        let rel = match above.filter(|above| node.stream == 0 && above.level == node.level + 1) {
            Some(above) => Relation::Below(above.name.clone()),
            None => Relation::Absolute,
        };
        boxes.push(Node {
            id: node.name.clone(),
            label: node.name.clone(),
            style: match node.role {
                NodeRole::Area | NodeRole::Gain => BoxStyle::Layer,
                NodeRole::Input | NodeRole::Readout => BoxStyle::LayerGray,
            },
            rel,
            x_cm: STREAM_CM * node.stream as f64,
            y_cm: if depth > 0.0 { -LEVEL_CM * depth } else { 0.0 },
            place: Some(Place { node: index, t: 0 }),
        });
        above = Some(node);
    }
    boxes
}

fn arrow(graph: &Graph, index: usize, connection: &GraphConnection) -> Edge {
    let class = class_of(graph, connection);
    let name = |node: usize| graph.nodes[node].name.as_str();
    let (from, to) = (name(connection.from), name(connection.to));
    let is_beside = graph.nodes[connection.from].stream != graph.nodes[connection.to].stream;
    let has_opposite =
        graph.connections.iter().any(|other| (other.from, other.to) == (connection.to, connection.from));
    let between = |from, to, path| Edge { from, to, class, path, connection: Some(index) };
    let plain = |path| between(End::of(from), End::of(to), path);
    let levels = levels(graph, connection);
    match levels {
        _ if is_beside => plain(""),
        0 if connection.from == connection.to => plain("loop right, looseness=4"),
        1 if has_opposite => {
            between(End::at(from, "north", [-10.0, 0.0]), End::at(to, "south", [-10.0, 0.0]), "")
        }
        -1 if has_opposite => {
            between(End::at(from, "south", [10.0, 0.0]), End::at(to, "north", [10.0, 0.0]), "")
        }
        -1..=1 => plain(""),
        -2 | 2 => plain("bend left=50"),
        _ => plain("bend left=60"),
    }
}

/// Input first, then every area and the read-out: what arrives there, and its shape.
fn notes(graph: &Graph, drawn: &[(usize, &GraphConnection)], options: &FoldedOptions) -> Vec<Annotation> {
    let mut notes = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let row = index as isize - 1;
        let facts: Vec<(Facts, &'static str, Option<EdgeClass>)> = if node.role == NodeRole::Input {
            let total_parameters = Facts::Parameters { total_parameters: options.n_parameters };
            let timesteps = Facts::Timesteps { timesteps: options.n_timesteps };
            vec![(total_parameters, "1.75", None), (timesteps, "1.75", None)]
        } else {
            let arriving = drawn.iter().filter(|(_, connection)| connection.to == index);
            arriving
                .map(|(_, connection)| {
                    let class = class_of(graph, connection);
                    let facts = Facts::Connection {
                        pre: graph.nodes[connection.from].name.clone(),
                        conn: class,
                        params_label: short_count(connection.parameters),
                        module: connection.operation.clone(),
                        numbers: connection.numbers.clone(),
                    };
                    (facts, "1.15", Some(class))
                })
                .collect()
        };
        for (place, (facts, scale, color)) in facts.into_iter().enumerate() {
            let first = place == 0;
            let at = match place.checked_sub(1) {
                None => format!("({}.north)", node.name),
                Some(before) => format!("(anno-{row}-{before}.base west)"),
            };
            notes.push(Annotation {
                id: format!("anno-{row}-{place}"),
                style: "code",
                at,
                anchor: if first { "west" } else { "north west" },
                xshift: first.then_some("15em"),
                yshift: first.then_some("-1em"),
                scale,
                color,
                align: None,
                facts,
            });
        }
        notes.push(Annotation {
            id: format!("shape-{}", node.name),
            style: "code",
            at: format!("({})", node.name),
            anchor: "east",
            xshift: Some("-15em"),
            yshift: None,
            scale: "1.75",
            color: None,
            align: Some("right"),
            facts: Facts::Shape { numbers: shape_numbers(&node.shape) },
        });
    }
    notes
}

/// Height, width, channels and units of a map.
fn shape_numbers(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [channels, height, width] => vec![height, width, channels, height * width * channels],
        _ => shape.to_vec(),
    }
}
