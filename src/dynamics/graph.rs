//! A network as a graph: what is computed where, and what it costs.

use serde::Serialize;

use super::{Area, AreaKind};

/// What a node of the graph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    Input,
    Area,
    /// Maps that multiply an area.
    Gain,
    Readout,
}

/// A place in the graph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphNode {
    pub name: String,
    pub role: NodeRole,
    /// Of one trial.
    pub shape: Vec<usize>,
    /// Distance from the input, which is at 0; streams that run side by side share levels.
    pub level: usize,
    /// Which of the streams side by side, from 0.
    pub stream: usize,
    /// First timestep at whose end it holds a value; `None` if that never happens.
    pub live_from: Option<usize>,
}

impl GraphNode {
    /// Bytes that it adds to the state of one trial, as `f32`.
    pub fn state_bytes(&self) -> usize {
        match self.role {
            NodeRole::Input => 0,
            _ => self.shape.iter().product::<usize>() * size_of::<f32>(),
        }
    }
}

/// Which way a connection runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Away from the input.
    Forward,
    /// Within an area or between areas of one level.
    Lateral,
    /// Towards the input.
    Feedback,
    /// A gain map multiplies its target.
    Gain,
}

/// A connection between two nodes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphConnection {
    /// Positions in [`Graph::nodes`].
    pub from: usize,
    pub to: usize,
    pub direction: Direction,
    /// `conv`, `linear`, `conv_transpose` and the like.
    pub operation: String,
    /// What there is to say of the operation; a convolution: channels in and out, kernel, stride, padding.
    pub numbers: Vec<usize>,
    /// Side, stride and padding of its kernel, where `numbers` do not say.
    #[serde(skip)]
    pub window: Option<[usize; 3]>,
    /// What the names of its tensors start with.
    #[serde(skip)]
    pub weights: Vec<String>,
    /// Places where its kernel is applied: outputs of a convolution, inputs of a transposed one, 1
    /// for an affine map.
    #[serde(skip)]
    pub positions: usize,
    /// Timesteps between what is read and what is changed by it.
    pub delay: usize,
    /// Learnable numbers.
    pub parameters: usize,
    /// Of one trial and timestep.
    pub multiply_adds: u64,
}

impl GraphConnection {
    /// A connection within the timestep, of nothing yet.
    pub fn new(from: usize, to: usize, direction: Direction, operation: impl Into<String>) -> Self {
        Self {
            from,
            to,
            direction,
            operation: operation.into(),
            numbers: Vec::new(),
            window: None,
            weights: Vec::new(),
            positions: 0,
            delay: 0,
            parameters: 0,
            multiply_adds: 0,
        }
    }

    /// It reads the timestep before.
    #[must_use]
    pub fn delayed(mut self) -> Self {
        self.delay = 1;
        self
    }

    /// Prefixes of its tensors (`conv1.`), and how often each entry of a weight is used.
    #[must_use]
    pub fn by(mut self, weights: &[&str], positions: usize) -> Self {
        self.weights = weights.iter().map(|&name| name.to_owned()).collect();
        self.positions = positions;
        self
    }

    /// Side, stride and padding of its kernel.
    #[must_use]
    pub fn with_window(mut self, window: [usize; 3]) -> Self {
        self.window = Some(window);
        self
    }

    /// Side, stride and padding of its kernel; `None` where it has none.
    pub fn kernel(&self) -> Option<[usize; 3]> {
        let numbers = match self.numbers[..] {
            [_, _, side, other, stride, padding, ..] if side == other => Some([side, stride, padding]),
            _ => None,
        };
        self.window.or(numbers)
    }

    #[must_use]
    pub fn with_numbers(mut self, numbers: &[usize]) -> Self {
        self.numbers = numbers.to_vec();
        self
    }
}

/// Nodes from the input to the read-out, and what joins them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Graph {
    /// Input first, read-out last.
    pub nodes: Vec<GraphNode>,
    /// By ascending target.
    pub connections: Vec<GraphConnection>,
}

impl Graph {
    /// Input, areas and read-out without connections; areas on levels of their own, gains beside
    /// what they multiply.
    pub fn of_areas(
        input: &[usize],
        areas: &[Area],
        n_classes: usize,
        live_from: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let node = |name: &str, role, shape: &[usize], level, stream, live_from| GraphNode {
            name: name.to_owned(),
            role,
            shape: shape.to_vec(),
            level,
            stream,
            live_from,
        };
        let mut nodes = vec![node("Input", NodeRole::Input, input, 0, 0, Some(0))];
        let mut top = 0;
        for (index, area) in areas.iter().enumerate() {
            let (role, level, stream) = match &area.kind {
                AreaKind::Gain(rule) => {
                    let target = nodes.iter().find(|node| node.name == rule.target);
                    (NodeRole::Gain, target.map_or(0, |target| target.level), 1)
                }
                AreaKind::Activity | AreaKind::Gate { .. } | AreaKind::Hidden => {
                    top += 1;
                    (NodeRole::Area, top, 0)
                }
            };
            nodes.push(node(&area.name, role, &area.shape, level, stream, live_from(index)));
        }
        let answers_from = nodes.last().and_then(|last| last.live_from);
        nodes.push(node("Readout", NodeRole::Readout, &[n_classes], top + 1, 0, answers_from));
        Self { nodes, connections: Vec::new() }
    }

    /// What area tables alone tell: gains and their targets, and one activity after the other.
    pub fn default_of(
        input: &[usize],
        areas: &[Area],
        n_classes: usize,
        live_from: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let mut graph = Self::of_areas(input, areas, n_classes, live_from);
        let mut below = 0;
        for (index, area) in areas.iter().enumerate() {
            let node = index + 1;
            match &area.kind {
                AreaKind::Gain(rule) => {
                    let target = graph.find(&rule.target).unwrap_or(0);
                    let gain = GraphConnection::new(node, target, Direction::Gain, "gain");
                    graph.connections.push(gain.delayed());
                }
                AreaKind::Activity => {
                    graph.connections.push(GraphConnection::new(below, node, Direction::Forward, "layers"));
                    below = node;
                }
                AreaKind::Gate { .. } | AreaKind::Hidden => {}
            }
        }
        let top = graph.nodes.len() - 1;
        graph.connections.push(GraphConnection::new(below, top, Direction::Forward, "layers"));
        graph
    }

    /// Position of the node called `name`; `input` in any case is the input.
    pub fn find(&self, name: &str) -> Option<usize> {
        let is_it = |node: &GraphNode| node.name == name || (node.role == NodeRole::Input && name == "input");
        self.nodes.iter().position(is_it)
    }

    /// The same graph with parameters and multiply-adds counted from the shapes of its tensors.
    #[must_use]
    pub fn counted<'a>(mut self, tensors: impl Iterator<Item = (&'a str, &'a [usize])>) -> Self {
        let is_learnable = |name: &str| {
            let constants = ["filt", "running_mean", "running_var", "num_batches_tracked"];
            !constants.iter().any(|constant| name.ends_with(constant))
        };
        for (name, shape) in tensors.filter(|(name, _)| is_learnable(name)) {
            let n: usize = shape.iter().product();
            for connection in &mut self.connections {
                if connection.weights.iter().any(|prefix| name.starts_with(prefix)) {
                    connection.parameters += n;
                    // Not biases of channels or of units, nor gains of normalised kernels.
                    if ![1, 3].contains(&shape.len()) && !name.ends_with("original0") {
                        // An affine map on the way is applied once.
                        let positions = if shape.len() == 2 { 1 } else { connection.positions };
                        connection.multiply_adds += n as u64 * positions as u64;
                    }
                }
            }
        }
        self
    }

    /// Multiply-adds of one trial and timestep.
    pub fn multiply_adds(&self) -> u64 {
        self.connections.iter().map(|connection| connection.multiply_adds).sum()
    }

    /// Bytes of the state of one trial.
    pub fn state_bytes(&self) -> usize {
        self.nodes.iter().map(GraphNode::state_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::GainRule;
    use super::*;

    fn areas() -> Vec<Area> {
        let rule = GainRule { target: "conv1".to_owned(), sign: 1.0, control: "softness".to_owned() };
        vec![
            Area::activity("conv1", &[2, 3, 3]),
            Area::activity("fc", &[5]),
            Area::new("gain1", &[2, 3, 3], AreaKind::Gain(rule)),
        ]
    }

    #[test]
    fn area_tables_give_a_chain_with_gains() {
        let graph = Graph::default_of(&[1, 3, 3], &areas(), 4, |_| Some(0));
        let names: Vec<_> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["Input", "conv1", "fc", "gain1", "Readout"]);
        assert_eq!((graph.nodes[3].level, graph.nodes[3].stream), (1, 1));
        let joined: Vec<_> = graph.connections.iter().map(|c| (c.from, c.to, c.direction)).collect();
        use Direction::{Forward, Gain};
        assert_eq!(joined, [(0, 1, Forward), (1, 2, Forward), (3, 1, Gain), (2, 4, Forward)]);
        assert_eq!(graph.state_bytes(), (18 + 5 + 18 + 4) * 4);
    }

    #[test]
    fn tensors_are_counted_by_their_prefix() {
        let mut graph = Graph::of_areas(&[1, 3, 3], &areas(), 4, |_| Some(0));
        let conv = GraphConnection::new(0, 1, Direction::Forward, "conv").by(&["conv1."], 9);
        graph.connections.push(conv);
        let tensors: [(&str, &[usize]); 4] = [
            ("conv1.weight", &[2, 1, 3, 3]),
            ("conv1.bias", &[2]),
            ("conv1.filt", &[2, 1, 4, 4]),
            ("conv10.weight", &[7, 7]),
        ];
        let graph = graph.counted(tensors.into_iter());
        assert_eq!((graph.connections[0].parameters, graph.multiply_adds()), (20, 162));
    }
}
