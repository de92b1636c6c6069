//! A network as a graph: the stages upwards, beside them the gates and what holds them.

use super::areas::AreaIndex;
use super::config::{Config, Stage};
use crate::dynamics::{Area, Direction, Graph, GraphConnection, NodeRole};

/// Stages on levels of their own; the gates beside what they multiply, the inhibition beside them.
pub(super) fn graph(config: &Config, stages: &[Stage], areas: &[Area]) -> Graph {
    let at = AreaIndex::new(stages.len());
    let mut graph = Graph::of_areas(&stages[0].input, areas, config.n_classes, |_| Some(0));
    let node = |area: usize| area + 1;
    let scores = graph.nodes[node(at.scores())].level;
    graph.nodes[node(at.top_down())].level = scores - 1;
    graph.nodes[node(at.top_down())].stream = 1;
    for stage in 0..stages.len() {
        let acted_on = if stage == 0 { at.input() } else { at.pooled(stage - 1) };
        let level = graph.nodes[node(acted_on)].level;
        for (area, stream) in [(at.gate(stage), 1), (at.inhibition(stage), 2)] {
            (graph.nodes[node(area)].level, graph.nodes[node(area)].stream) = (level, stream);
        }
    }
    if let Some(readout) = graph.nodes.iter_mut().find(|node| node.role == NodeRole::Readout) {
        readout.level = scores + 1;
    }
    graph.connections = connections(stages, at, graph.nodes.len() - 1);
    graph.connections.sort_by_key(|connection| connection.to);
    graph
}

fn connections(stages: &[Stage], at: AreaIndex, readout: usize) -> Vec<GraphConnection> {
    let join = |from: usize, to: usize, direction, operation| {
        GraphConnection::new(from + 1, to + 1, direction, operation)
    };
    let mut connections = vec![GraphConnection::new(0, at.input() + 1, Direction::Forward, "gated picture")];
    let n = stages.len();
    for (i, stage) in stages.iter().enumerate() {
        let below = if i == 0 { at.input() } else { at.pooled(i - 1) };
        let places = |shape: [usize; 3]| shape[1] * shape[2];
        let conv = join(below, at.conv(i), Direction::Forward, "conv");
        connections.push(conv.by(&[&format!("conv{}.", i + 1)], places(stage.conv)));
        connections.push(join(at.conv(i), at.pooled(i), Direction::Forward, "max pool"));
        // The gates of the pass before multiply what this pass reads.
        connections.push(join(at.gate(i), below, Direction::Gain, "gain").delayed());
        connections.push(join(at.inhibition(i), at.gate(i), Direction::Lateral, "holds at 1").delayed());
        let above = if i + 1 == n { at.top_down() } else { at.gate(i + 1) };
        let down = join(above, at.gate(i), Direction::Feedback, "upsample+conv_transpose");
        connections.push(down.by(&[&format!("conv{}_t.", i + 1)], places(stage.conv)));
        connections.push(join(
            at.pooled(i),
            at.gate(i),
            Direction::Lateral,
            "joined with the decoder's input",
        ));
    }
    let scores = join(at.pooled(n - 1), at.scores(), Direction::Forward, "linear");
    connections.push(scores.by(&["linear_out."], 1));
    let top_down = join(at.scores(), at.top_down(), Direction::Feedback, "linear");
    connections.push(top_down.by(&["linear_out_t."], 1));
    connections.push(GraphConnection::new(at.scores() + 1, readout, Direction::Forward, "class scores"));
    connections
}

#[cfg(test)]
mod tests {
    use super::super::areas;
    use super::*;

    #[test]
    fn connections_hold_all_parameters() {
        for config in [Config::digits(2), Config::photographs()] {
            let stages = config.stages().unwrap();
            let tensors = config.tensors().unwrap();
            let graph = graph(&config, &stages, &areas::areas(&config, &stages));
            let graph = graph.counted(tensors.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())));
            let all: usize = tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
            let found: usize = graph.connections.iter().map(|connection| connection.parameters).sum();
            assert_eq!(found, all);
            assert!(graph.connections.iter().all(|connection| connection.from != connection.to));
        }
    }
}
