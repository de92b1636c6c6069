//! The unrolled picture: one column of boxes per timestep, of the areas that hold a value then.

use super::annotations::Facts;
use super::diagram::{Annotation, BoxStyle, Diagram, Edge, EdgeClass, End, Node, Place, Relation};
use super::folded::{class_of, levels};
use crate::dynamics::{Graph, GraphConnection, GraphNode, NodeRole};

/// Between columns and between levels, in cm; columns are counted from the right edge of a box.
const COLUMN_CM: f64 = 2.3;
const LEVEL_CM: f64 = 2.0;
/// Shifts of an arrow's ends per level that it spans, in points.
const START_PT: f64 = 5.0;
const END_PT: f64 = -10.0;

/// The picture of timesteps `0..n_timesteps`.
pub fn unrolled(graph: &Graph, n_timesteps: usize) -> Diagram {
    let streams = graph.nodes.iter().map(|node| node.stream).max().map_or(1, |last| last + 1);
    let mut diagram = Diagram { columns_per_timestep: streams, ..Diagram::default() };
    for t in 0..n_timesteps {
        column(graph, t, streams, &mut diagram);
        for (index, connection) in graph.connections.iter().enumerate() {
            let edge = arrow(graph, connection, t);
            diagram.edges.extend(edge.map(|edge| Edge { connection: Some(index), ..edge }));
        }
        diagram.annotations.push(label(t));
    }
    let readout = graph.nodes.len() - 1;
    if let Some(last) = n_timesteps.checked_sub(1)
        && is_live(&graph.nodes[readout], last)
    {
        let (top, x_cm) = (id(readout, last), x_of(last, streams, 0));
        diagram.nodes.push(Node {
            id: "final_pred_node".to_owned(),
            label: "Final Prediction".to_owned(),
            style: BoxStyle::LayerGray,
            rel: Relation::Above(top.clone()),
            x_cm,
            y_cm: LEVEL_CM * (graph.nodes[readout].level + 1) as f64,
            place: None,
        });
        diagram.edges.push(upwards(&top, "final_pred_node", EdgeClass::Ff1));
    }
    diagram
}

fn is_live(node: &GraphNode, t: usize) -> bool {
    node.live_from.is_some_and(|from| from <= t)
}

fn id(node: usize, t: usize) -> String {
    format!("layer_{}_time_{t}", node as isize - 1)
}

fn x_of(t: usize, streams: usize, stream: usize) -> f64 {
    COLUMN_CM * (t * streams + stream) as f64
}

/// Boxes of one timestep from the input up.
fn column(graph: &Graph, t: usize, streams: usize, diagram: &mut Diagram) {
    let mut below: Option<usize> = None;
    for (index, node) in graph.nodes.iter().enumerate() {
        let rel = match (below, t.checked_sub(1)) {
            _ if node.stream > 0 => Relation::Absolute,
            (Some(below), _) => Relation::Above(id(below, t)),
            (None, Some(before)) if streams == 1 => {
                Relation::RightOf { node: id(index, before), xshift: format!("{COLUMN_CM}cm") }
            }
            (None, _) => Relation::Absolute,
        };
        let drawn = Node {
            id: id(index, t),
            label: node.name.clone(),
            style: match node.role {
                NodeRole::Input => BoxStyle::LayerGray,
                NodeRole::Area | NodeRole::Gain | NodeRole::Readout => BoxStyle::Layer,
            },
            rel,
            x_cm: x_of(t, streams, node.stream),
            y_cm: LEVEL_CM * node.level as f64,
            place: Some(Place { node: index, t }),
        };
        if !is_live(node, t) {
            diagram.dead.push(drawn);
            continue;
        }
        if node.stream == 0 {
            below = Some(index);
        }
        diagram.nodes.push(drawn);
    }
}

/// The arrow that ends at timestep `t`, if both of its areas hold a value.
fn arrow(graph: &Graph, connection: &GraphConnection, t: usize) -> Option<Edge> {
    let start = t.checked_sub(connection.delay)?;
    let (from, to) = (&graph.nodes[connection.from], &graph.nodes[connection.to]);
    if !is_live(from, start) || !is_live(to, t) {
        return None;
    }
    let class = class_of(graph, connection);
    let levels = levels(graph, connection);
    let (from_id, to_id) = (id(connection.from, start), id(connection.to, t));
    if connection.delay == 0 {
        return Some(match levels {
            _ if from.stream != to.stream => edge(End::of(&from_id), End::of(&to_id), class),
            1.. => upwards(&from_id, &to_id, class),
            _ => {
                let (from, to) = (End::at(&from_id, "south", [0.0; 2]), End::at(&to_id, "north", [0.0; 2]));
                edge(from, to, class)
            }
        });
    }
    let shift = |per_level: f64| if levels == 0 { [0.0; 2] } else { [0.0, per_level * levels as f64] };
    let (from, to) = (End::at(&from_id, "east", shift(START_PT)), End::at(&to_id, "west", shift(END_PT)));
    Some(edge(from, to, class))
}

/// A straight arrow; which connection it is is noted later.
fn edge(from: End, to: End, class: EdgeClass) -> Edge {
    Edge { from, to, class, path: "", connection: None }
}

fn upwards(from: &str, to: &str, class: EdgeClass) -> Edge {
    let (from, to) = (End::at(from, "north", [0.0; 2]), End::at(to, "south", [0.0; 2]));
    edge(from, to, class)
}

fn label(t: usize) -> Annotation {
    Annotation {
        id: format!("label_time_{t}"),
        style: "text",
        at: format!("({}.south)", id(0, t)),
        anchor: "north",
        xshift: None,
        yshift: Some("-0.5cm"),
        scale: "3",
        color: None,
        align: None,
        facts: Facts::Time { t },
    }
}
