//! A network as a graph: areas one above the other, each with its recurrence, pairs joined by skips.

use super::config::{Config, Stage, TARGET, half};
use crate::dynamics::{Area, Direction, Graph, GraphConnection, NodeRole};

/// Areas on levels of their own; the twin inside a file of the inverse stage beside them.
pub(super) fn graph(config: &Config, areas: &[Area]) -> Graph {
    let input = [config.image_channels, config.image_side, config.image_side];
    let mut graph = Graph::of_areas(&input, areas, config.n_classes, |_| Some(0));
    for (area, node) in graph.nodes[1..].iter_mut().enumerate() {
        let is_twin = node.role != NodeRole::Readout && area >= config.depth;
        (node.level, node.stream) = if is_twin { (area - config.depth + 1, 1) } else { (area + 1, 0) };
    }
    let readout = graph.nodes.len() - 1;
    graph.nodes[readout].level = config.depth + 1;
    let own = if config.stage.is_feed_forward() { Kind::Twin } else { Kind::Areas };
    graph.connections = connections(config, own, "", 0);
    if config.stage == Stage::Inverse {
        graph.connections.extend(connections(config, Kind::Twin, TARGET, config.depth));
    }
    let last = GraphConnection::new(config.depth, readout, Direction::Forward, "mean+linear");
    let before =
        GraphConnection::new(config.depth - 1, readout, Direction::Forward, "added to the last area");
    graph.connections.extend([before, last.by(&["out_fc."], 1)]);
    graph.connections.sort_by_key(|connection| connection.to);
    graph
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// In time: every connection reads the timestep before.
    Areas,
    Twin,
}

/// Connections of the trunk whose tensors begin with `prefix`, its first area being number `first`.
fn connections(config: &Config, kind: Kind, prefix: &str, first: usize) -> Vec<GraphConnection> {
    let places: Vec<usize> = config.sides().iter().map(|side| side * side).collect();
    let node = |area: usize| first + area + 1;
    let name = |tensor: String| format!("{prefix}{tensor}");
    let timed = |connection: GraphConnection| match kind {
        Kind::Areas => connection.delayed(),
        Kind::Twin => connection,
    };
    let input = |to: usize, operation: &str| GraphConnection::new(0, node(to), Direction::Forward, operation);
    let side = half(config.image_side);
    let mut all = vec![
        input(0, "conv+average pool").by(&[&name("inp_conv.".to_owned()), "inp_norm."], side * side),
        input(1, "skip conv").by(&[&name("inp_skip.".to_owned())], places[0]),
    ];
    for (area, &n_places) in places.iter().enumerate() {
        let forward = name(format!("area_area.{area}."));
        let recurrent = name(format!("area_conv.{area}."));
        let maps = ["area_bias", "conv_bias"].map(|map| name(format!("{map}.{area}")));
        let norms = ["area_norm", "area_nrm2"].map(|norm| format!("{norm}.{area}."));
        let from_below = match area {
            0 => input(0, "conv"),
            _ => timed(GraphConnection::new(node(area - 1), node(area), Direction::Forward, "conv")),
        };
        match kind {
            Kind::Areas => {
                all.push(from_below.by(&[&forward], n_places));
                let within = GraphConnection::new(node(area), node(area), Direction::Lateral, "conv");
                all.push(timed(within).by(&[&recurrent, &maps[1]], n_places));
            }
            Kind::Twin => {
                let parts: Vec<&str> = [&forward, &recurrent]
                    .into_iter()
                    .chain(&maps)
                    .chain(&norms)
                    .map(String::as_str)
                    .collect();
                all.push(from_below.by(&parts, n_places));
            }
        }
        if area >= 2 {
            let skip = (area - 2) / 2;
            let across = |operation: &str| {
                timed(GraphConnection::new(node(area - 2), node(area), Direction::Forward, operation))
            };
            all.push(match area.is_multiple_of(2) {
                true => across("added to the area below"),
                false => across("1×1 conv")
                    .by(&[&name(format!("skip_area.{skip}.")), &format!("skip_norm.{skip}.")], n_places),
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, build, generate};
    use super::*;

    #[test]
    fn connections_hold_all_parameters_and_the_published_work() {
        for stage in Stage::ALL {
            for depth in [2, 8] {
                let config = Config::new(stage, Dataset::Cifar10, depth, 2, 32);
                let weights = generate(&config, 1).unwrap();
                let graph = build(&config, &weights).unwrap().graph();
                let tensors = config.tensors();
                let shapes = tensors.iter().map(|(name, shape)| (name.as_str(), shape.as_slice()));
                let graph = graph.counted(shapes);
                let found: usize = graph.connections.iter().map(|connection| connection.parameters).sum();
                let is_counted = |name: &str| {
                    name != "prelu.weight" && !name.contains("running_") && !name.contains("num_batches")
                };
                let counted = tensors.iter().filter(|(name, _)| is_counted(name));
                let all: usize = counted.map(|(_, shape)| shape.iter().product::<usize>()).sum();
                assert_eq!(found, all, "{stage:?} {depth}");
                assert!(graph.connections.iter().all(|connection| connection.to != 0));
            }
        }
        let config = Config::new(Stage::Final, Dataset::Imagenet, 8, 64, 224);
        let areas: Vec<Area> = config
            .area_shapes()
            .iter()
            .enumerate()
            .map(|(i, shape)| Area::activity(format!("area{i}"), shape))
            .collect();
        let tensors = config.tensors();
        let graph = graph(&config, &areas)
            .counted(tensors.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())));
        let recurrent = graph.connections.iter().find(|c| c.from == 1 && c.to == 1).unwrap();
        assert_eq!(recurrent.multiply_adds, 64 * 64 * 9 * 56 * 56);
    }
}
