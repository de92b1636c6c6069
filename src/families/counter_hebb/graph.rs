//! The network as a graph: the bottom-up stream, and beside it the streams of instruction and error.

use super::architecture::{Architecture, Bundle, Connection, Node};
use super::config::Config;
use crate::dynamics::{Direction, Graph, GraphConnection, GraphNode, NodeRole};

/// The streams side by side.
const BOTTOM_UP: usize = 0;
const INSTRUCTION: usize = 1;
const ERROR: usize = 2;

/// Nodes and connections, the weights that serve several streams under each.
pub(super) fn graph(config: &Config, architecture: &Architecture) -> Graph {
    let mut builder = Builder { architecture, graph: Graph::default(), first: usize::from(config.mtl) };
    builder.nodes(config);
    builder.stream(BOTTOM_UP);
    if config.mtl {
        builder.stream(INSTRUCTION);
        builder.instruction_head();
        builder.gates();
    }
    builder.stream(ERROR);
    builder.heads();
    builder.graph.connections.sort_by_key(|connection| (connection.to, connection.from));
    builder.graph
}

struct Builder<'a> {
    architecture: &'a Architecture,
    graph: Graph,
    /// Timestep of the prediction.
    first: usize,
}

impl Builder<'_> {
    fn nodes(&mut self, config: &Config) {
        let top = self.architecture.top();
        let mut add = |name: String, role, shape: &[usize], level, stream, live_from| {
            self.graph.nodes.push(GraphNode {
                name,
                role,
                shape: shape.to_vec(),
                level,
                stream,
                live_from: Some(live_from),
            });
        };
        let units = || self.architecture.units.iter().enumerate();
        add("Input".to_owned(), NodeRole::Input, &config.in_shape, 0, BOTTOM_UP, 0);
        for (level, units) in units().skip(1) {
            add(units.name.clone(), NodeRole::Area, &units.shape, level, BOTTOM_UP, self.first);
        }
        if config.mtl {
            for (level, units) in units() {
                add(format!("td.{}", units.name), NodeRole::Area, &units.shape, level, INSTRUCTION, 0);
            }
            for (k, bundle) in self.architecture.task_head.iter().enumerate() {
                let name = format!("td.{}", bundle.name);
                add(name, NodeRole::Area, &bundle.output, top + 1 + k, INSTRUCTION, 0);
            }
        }
        for (level, units) in units() {
            add(format!("err.{}", units.name), NodeRole::Area, &units.shape, level, ERROR, self.first + 1);
        }
        let logits = &self.architecture.head.output;
        add("err.head_layer".to_owned(), NodeRole::Area, logits, top + 1, ERROR, self.first + 1);
        add("Readout".to_owned(), NodeRole::Readout, logits, top + 1, BOTTOM_UP, self.first);
    }

    /// The node of a set of units in a stream.
    fn node(&self, units: usize, stream: usize) -> usize {
        let prefix = ["", "td.", "err."][stream];
        let name = format!("{prefix}{}", self.architecture.units[units].name);
        if stream == BOTTOM_UP && units == 0 { 0 } else { self.graph.find(&name).unwrap_or(0) }
    }

    /// A connection between sets of units, drawn downwards in the top-down streams.
    fn join(&mut self, from: usize, to: usize, stream: usize, operation: &str) -> &mut GraphConnection {
        let (lower, upper) = (self.node(from, stream), self.node(to, stream));
        let connection = match stream {
            BOTTOM_UP => GraphConnection::new(lower, upper, Direction::Forward, operation),
            _ => GraphConnection::new(upper, lower, Direction::Feedback, operation),
        };
        self.graph.connections.push(connection);
        let last = self.graph.connections.len() - 1;
        &mut self.graph.connections[last]
    }

    fn bundle(&mut self, index: usize, from: usize, to: usize, stream: usize) {
        let bundle = &self.architecture.trunk[index];
        let connection = self.join(from, to, stream, "");
        let (lower, upper) = (connection.from, connection.to);
        *connection = of_bundle(bundle, (lower, upper), stream);
    }

    fn stream(&mut self, stream: usize) {
        for node in &self.architecture.nodes {
            match *node {
                Node::Bundle { bundle, from, to } => self.bundle(bundle, from, to, stream),
                Node::Block { conv1, conv2, shortcut, from, hidden, to } => {
                    self.bundle(conv1, from, hidden, stream);
                    self.bundle(conv2, hidden, to, stream);
                    match shortcut {
                        Some(shortcut) => self.bundle(shortcut, from, to, stream),
                        None => {
                            self.join(from, to, stream, "identity");
                        }
                    }
                }
                Node::MaxPool { kernel, stride, padding, from, to } => {
                    self.join(from, to, stream, "max_pool").numbers = vec![kernel, stride, padding];
                }
                Node::GlobalAveragePool { from, to } => {
                    self.join(from, to, stream, "average_pool");
                }
            }
        }
    }

    fn instruction_head(&mut self) {
        let mut below = self.node(self.architecture.top(), INSTRUCTION);
        for bundle in &self.architecture.task_head {
            let above = self.graph.find(&format!("td.{}", bundle.name)).unwrap_or(0);
            self.graph.connections.push(of_bundle(bundle, (above, below), INSTRUCTION));
            below = above;
        }
    }

    fn gates(&mut self) {
        for units in 1..self.architecture.units.len() {
            let (from, to) = (self.node(units, INSTRUCTION), self.node(units, BOTTOM_UP));
            self.graph.connections.push(GraphConnection::new(from, to, Direction::Gain, "gate").delayed());
        }
    }

    fn heads(&mut self) {
        let (top, head) = (self.architecture.top(), &self.architecture.head);
        let readout = self.graph.nodes.len() - 1;
        let ends = (self.node(top, BOTTOM_UP), readout);
        self.graph.connections.push(of_bundle(head, ends, BOTTOM_UP));
        let error = readout - 1;
        let loss = GraphConnection::new(readout, error, Direction::Feedback, "loss").delayed();
        self.graph.connections.push(loss);
        let ends = (error, self.node(top, ERROR));
        self.graph.connections.push(of_bundle(head, ends, ERROR));
    }
}

/// The connection of a bundle in a stream, with the tensors that it uses there.
fn of_bundle(bundle: &Bundle, (from, to): (usize, usize), stream: usize) -> GraphConnection {
    let name = &bundle.name;
    let is_up = stream == BOTTOM_UP;
    let direction = if is_up { Direction::Forward } else { Direction::Feedback };
    let weight = if !is_up && bundle.separate { "back_weight" } else { "weight" };
    let mut tensors = vec![format!("{name}.{weight}")];
    match stream {
        BOTTOM_UP if bundle.bias => tensors.push(format!("{name}.bias")),
        INSTRUCTION if bundle.back_bias => tensors.push(format!("{name}.back_bias")),
        _ => {}
    }
    if let Some((norm, _)) = &bundle.norm {
        let leaf = if is_up { "" } else { "back_batch_norm." };
        tensors.extend(["weight", "bias"].map(|parameter| format!("{norm}.{leaf}{parameter}")));
    }
    let tensors: Vec<&str> = tensors.iter().map(String::as_str).collect();
    match bundle.connection {
        Connection::Linear => GraphConnection::new(from, to, direction, "linear")
            .by(&tensors, 1)
            .with_numbers(&[bundle.inputs(), bundle.outputs()]),
        Connection::Conv { kernel, spec, .. } => {
            let operation = if is_up { "conv" } else { "conv_transpose" };
            let numbers = [bundle.input[0], bundle.output[0], kernel, kernel, spec.stride, spec.padding];
            GraphConnection::new(from, to, direction, operation)
                .by(&tensors, bundle.output[1..].iter().product())
                .with_numbers(&numbers)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tensors::shapes;
    use super::*;

    fn graph_of(values: serde_json::Value) -> Graph {
        let config = Config::from_values(values.as_object().unwrap()).unwrap();
        let architecture = Architecture::new(&config).unwrap();
        let tensors = shapes(&config).unwrap();
        let tensors = tensors.iter().map(|(name, shape)| (name.as_str(), shape.as_slice()));
        graph(&config, &architecture).counted(tensors)
    }

    #[test]
    fn three_streams_use_the_same_bundles() {
        let graph = graph_of(json!({"network_name": "simple net", "mtl": true, "task_embedding_size": 50}));
        let find = |from: &str, to: &str| {
            let (from, to) = (graph.find(from).unwrap(), graph.find(to).unwrap());
            graph.connections.iter().find(|c| (c.from, c.to) == (from, to)).unwrap()
        };
        let up = find("_conv1", "_conv1_pool");
        assert_eq!((up.parameters, up.multiply_adds), (32 * 4 + 32, 32 * 4 * 144));
        assert_eq!(find("td._conv1_pool", "td._conv1").parameters, 32 * 4);
        assert_eq!(find("err._conv1", "err.in").numbers, [1, 32, 5, 5, 1, 0]);
        assert_eq!(find("td._fc", "_fc").direction, Direction::Gain);
        assert_eq!(find("td.task_head.1", "td.task_head.0").parameters, 2 * 50);
        let readout = graph.nodes.last().unwrap();
        assert_eq!((readout.role, readout.live_from), (NodeRole::Readout, Some(1)));
        assert!(graph.connections.windows(2).all(|pair| pair[0].to <= pair[1].to));
    }

    #[test]
    fn blocks_have_their_shortcuts() {
        let graph = graph_of(json!({"network_name": "resnet18"}));
        let operations = |operation: &str| {
            graph
                .connections
                .iter()
                .filter(|c| c.operation == operation && c.direction == Direction::Forward)
                .count()
        };
        assert_eq!((operations("identity"), operations("conv")), (5, 20));
        assert!(graph.find("td.in").is_none() && graph.find("err.in").is_some());
    }
}
