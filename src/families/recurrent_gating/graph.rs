//! A network as a graph: the stream that recognises, and beside it the one that attends.

use super::config::{BlockConfig, Config, GateConfig, Network};
use crate::dynamics::{Area, AreaKind, Direction, Graph, GraphConnection};

/// What a decoder does before its kernel.
const UPWARDS: &str = "upsample+conv_transpose";

/// Areas on the levels of the forward stream, everything of the backward stream beside them.
pub(super) fn graph(config: &Config, areas: &[Area]) -> Graph {
    let input = match &config.network {
        Network::Gate(gate) => gate.in_dims,
        Network::Block(block) => block.in_dims,
    };
    let mut graph = Graph::of_areas(&input, areas, config.n_classes(), |_| Some(0));
    lay_out(&mut graph, areas);
    let connections = match &config.network {
        Network::Gate(gate) => of_gate(gate, &graph, areas),
        Network::Block(block) => of_block(block, &graph, areas),
    };
    graph.connections = connections;
    graph.connections.sort_by_key(|connection| connection.to);
    graph
}

/// Backward vectors go beside the top of the forward stream, the read-out above it.
fn lay_out(graph: &mut Graph, areas: &[Area]) {
    let mut top = 0;
    for (index, area) in areas.iter().enumerate() {
        let node = &mut graph.nodes[index + 1];
        let is_backward = area.name.starts_with("brnn") || area.name == "bmid";
        match area.kind {
            AreaKind::Gain(_) => {}
            _ if is_backward => (node.level, node.stream) = (top, 1),
            _ => {
                top += 1;
                node.level = top;
            }
        }
    }
    if let Some(readout) = graph.nodes.last_mut() {
        readout.level = top + 1;
    }
    // Several backward vectors stand below one another, the first to be computed on top.
    let backward: Vec<usize> =
        (0..areas.len()).filter(|&index| areas[index].name.starts_with("brnn")).collect();
    for (depth, &index) in backward.iter().enumerate() {
        graph.nodes[index + 1].level = top.saturating_sub(depth);
    }
}

/// Nodes of the streams in the order in which they are computed.
struct Streams {
    forward: Vec<usize>,
    backward: Vec<usize>,
    /// From the picture upwards.
    gains: Vec<usize>,
    readout: usize,
}

impl Streams {
    fn of(graph: &Graph, areas: &[Area]) -> Self {
        let (mut forward, mut backward, mut gains) = (Vec::new(), Vec::new(), Vec::new());
        for (index, area) in areas.iter().enumerate() {
            match (&area.kind, graph.nodes[index + 1].stream) {
                (AreaKind::Gain(_), _) => gains.push(index + 1),
                (_, 0) => forward.push(index + 1),
                _ => backward.push(index + 1),
            }
        }
        Self { forward, backward, gains, readout: graph.nodes.len() - 1 }
    }
}

/// Gains act on what the next sweep reads; what is beside a decoder joins it.
fn gains(streams: &Streams, graph: &Graph, areas: &[Area], connections: &mut Vec<GraphConnection>) {
    for &gain in &streams.gains {
        if let AreaKind::Gain(rule) = &areas[gain - 1].kind
            && let Some(target) = graph.find(&rule.target)
        {
            connections.push(GraphConnection::new(gain, target, Direction::Gain, "gain").delayed());
        }
    }
}

fn places(shape: [usize; 3]) -> usize {
    shape[1] * shape[2]
}

fn of_gate(gate: &GateConfig, graph: &Graph, areas: &[Area]) -> Vec<GraphConnection> {
    let streams = Streams::of(graph, areas);
    let mut connections = Vec::new();
    let n = gate.encoder.len();
    let mut below = 0;
    for (i, stage) in gate.encoder.iter().enumerate() {
        let to = streams.forward[i];
        let operation = if stage.pool > 1 { "conv+pool sequence" } else { "conv" };
        let conv = GraphConnection::new(below, to, Direction::Forward, operation);
        connections.push(conv.by(&[&format!("conv_blocks.{i}.")], places(stage.unpooled)));
        below = to;
    }
    let flat = GraphConnection::new(below, streams.forward[n], Direction::Forward, "linear");
    connections.push(flat.by(&["conv_frnn."], 1));
    below = streams.forward[n];
    for (j, &to) in streams.forward[n + 1..].iter().enumerate() {
        connections.extend(vectors(
            below,
            to,
            Direction::Forward,
            &format!("frnn_blocks.{j}."),
            gate.rnn_to_fc,
        ));
        below = to;
    }
    connections
        .push(GraphConnection::new(below, streams.readout, Direction::Forward, "linear").by(&["fc_out."], 1));
    let mut above = streams.readout;
    for (j, &to) in streams.backward.iter().enumerate() {
        let mut arriving =
            vectors(above, to, Direction::Feedback, &format!("brnn_blocks.{j}."), gate.rnn_to_fc);
        if let Some(first) = arriving.first_mut().filter(|_| j == 0) {
            first.weights.push("fc_in.".to_owned());
        }
        connections.extend(arriving);
        above = to;
    }
    for j in 0..n {
        let gain = streams.gains[n - 1 - j];
        let decoder =
            [format!("deconv_blocks.{j}."), format!("embed_blocks_a.{j}."), format!("embed_blocks_b.{j}.")];
        let decoder = decoder.each_ref().map(String::as_str);
        let down = GraphConnection::new(above, gain, Direction::Feedback, UPWARDS);
        let mut down = down.by(&decoder, places(gate.sizes[n - 1 - j]));
        if j == 0 {
            down.weights.push("brnn_deconv.".to_owned());
            if streams.backward.is_empty() {
                down.weights.push("fc_in.".to_owned());
            }
        }
        connections.push(down);
        connections.push(GraphConnection::new(
            streams.forward[n - 1 - j],
            gain,
            Direction::Lateral,
            "joined with the decoder's input",
        ));
        above = gain;
    }
    gains(&streams, graph, areas, &mut connections);
    connections
}

/// An affine map between vectors and, where they are recurrent, from the target's past.
fn vectors(
    from: usize,
    to: usize,
    direction: Direction,
    prefix: &str,
    is_plain: bool,
) -> Vec<GraphConnection> {
    let connection = GraphConnection::new(from, to, direction, "linear");
    if is_plain {
        return vec![connection.by(&[prefix], 1)];
    }
    let own = |kind: &str| [format!("{prefix}weight_{kind}"), format!("{prefix}bias_{kind}")];
    let (input, past) = (own("ih"), own("hh"));
    vec![
        connection.by(&input.each_ref().map(String::as_str), 1),
        GraphConnection::new(to, to, Direction::Lateral, "linear")
            .by(&past.each_ref().map(String::as_str), 1)
            .delayed(),
    ]
}

fn of_block(block: &BlockConfig, graph: &Graph, areas: &[Area]) -> Vec<GraphConnection> {
    let streams = Streams::of(graph, areas);
    let nb = block.n_blocks();
    let mut connections = Vec::new();
    let stem = GraphConnection::new(0, streams.forward[0], Direction::Forward, "conv");
    connections.push(stem.by(&["first_conv."], places(block.sizes[1])));
    for b in 0..nb {
        let name = |part: &str| format!("blocks.{b}.{part}");
        let forward = [name("pre_conv_norm."), name("post_conv_norm."), name("downsample."), name("conv.")];
        let forward = forward.each_ref().map(String::as_str);
        let to = streams.forward[b + 1];
        let connection = GraphConnection::new(streams.forward[b], to, Direction::Forward, "block of 2 convs");
        connections.push(connection.by(&forward, places(block.sizes[b + 2])));
    }
    let mut below = streams.forward[nb];
    if let Some(&middle) = streams.forward.get(nb + 1) {
        let is_plain = block.older || !block.recurrent;
        connections.extend(middle_vectors(below, middle, Direction::Forward, ["frnn.", "fmid."], is_plain));
        below = middle;
    }
    let readout = GraphConnection::new(below, streams.readout, Direction::Forward, "linear");
    connections.push(readout.by(&["fbottleneck."], 1));
    let mut above = streams.readout;
    if let Some(&middle) = streams.backward.first() {
        let is_plain = block.older || !block.recurrent;
        let arriving = middle_vectors(above, middle, Direction::Feedback, ["brnn.", "bmid."], is_plain);
        connections.extend(arriving);
        above = middle;
    }
    if let Some(down) = connections.iter_mut().find(|connection| connection.from == streams.readout) {
        down.weights.push("bbottleneck.".to_owned());
    }
    for (index, &gain) in streams.gains.iter().enumerate().rev() {
        let down = GraphConnection::new(above, gain, Direction::Feedback, UPWARDS);
        let positions = places(block.sizes[index]);
        connections.push(match index.checked_sub(1) {
            None => down.by(&["last_deconv."], positions),
            Some(b) => {
                let name = |part: &str| format!("blocks.{b}.{part}");
                let parts =
                    [name("post_deconv_norm."), name("upsample."), name("deconv_res."), name("deconv.")];
                down.by(&parts.each_ref().map(String::as_str), positions)
            }
        });
        connections.push(GraphConnection::new(
            streams.forward[index],
            gain,
            Direction::Lateral,
            "joined with the decoder's input",
        ));
        above = gain;
    }
    gains(&streams, graph, areas, &mut connections);
    connections
}

fn middle_vectors(
    from: usize,
    to: usize,
    direction: Direction,
    [newer, older]: [&str; 2],
    is_plain: bool,
) -> Vec<GraphConnection> {
    if is_plain {
        return vec![GraphConnection::new(from, to, direction, "linear").by(&[newer, older], 1)];
    }
    vectors(from, to, direction, newer, false)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::open;
    use crate::checkpoint;
    use crate::model::Target;
    use crate::settings::Overrides;

    #[test]
    fn connections_hold_all_parameters_but_the_task_tables() {
        let file = "tests/golden/checkpoints/resatt_small/model_random_init.pth";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let read = checkpoint::read(path).unwrap();
        let model = open(&read, &Overrides::default(), &Target::default()).unwrap();
        let found: usize = model.graph().connections.iter().map(|connection| connection.parameters).sum();
        let tables = model.weights.iter().filter(|(name, _)| name.starts_with("task_"));
        let tables: usize = tables.map(|(_, weight)| weight.tensor().elem_count()).sum();
        assert_eq!(found + tables, model.n_parameters());
    }
}
