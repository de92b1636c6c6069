//! The networks as graphs.

use super::config::{
    AREA_NAMES, BltConfig, CORNET_AREAS, Config, Cornet, CornetConfig, Link, N_AREAS, ResnetConfig, S_PASSES,
};
use crate::dynamics::{Direction, Graph, GraphConnection, GraphNode, NodeRole};

/// Areas and connections of a network.
pub fn graph(config: &Config) -> Graph {
    match config {
        Config::Blt(config) => of_blt(config),
        Config::Cornet(config) => of_cornet(config),
        Config::Resnet(config) => of_resnet(config),
    }
}

/// Input, areas on levels of their own, read-out.
fn nodes(
    image_size: usize,
    areas: impl Iterator<Item = (String, Vec<usize>, Option<usize>)>,
    n_classes: usize,
    answers_from: Option<usize>,
) -> Vec<GraphNode> {
    let node = |name: String, role, shape, level, live_from| GraphNode {
        name,
        role,
        shape,
        level,
        stream: 0,
        live_from,
    };
    let mut nodes =
        vec![node("Input".to_owned(), NodeRole::Input, vec![3, image_size, image_size], 0, Some(0))];
    for (name, shape, live_from) in areas {
        let level = nodes.len();
        nodes.push(node(name, NodeRole::Area, shape, level, live_from));
    }
    let top = nodes.len();
    nodes.push(node("Readout".to_owned(), NodeRole::Readout, vec![n_classes], top, answers_from));
    nodes
}

fn of_blt(config: &BltConfig) -> Graph {
    let live = config.connections.live_from();
    let sizes = config.map_sizes();
    let areas = (0..N_AREAS).map(|area| {
        let shape = vec![config.widths[area], sizes[area], sizes[area]];
        (AREA_NAMES[area].to_owned(), shape, live[area])
    });
    let nodes = nodes(config.image_size, areas, config.n_classes, live[N_AREAS - 1]);
    let mut connections = Vec::new();
    for post in 0..N_AREAS {
        for (pre, _, link) in config.links().filter(|link| link.1 == post) {
            let connection = of_link(config, (pre, post), link);
            connections.push(if config.is_one_pass() { connection } else { connection.delayed() });
        }
        if post == 0 {
            // Once per picture, then added at every timestep.
            let [kernel, stride, padding] = config.geometry.stem();
            let side = if stride == 2 { config.image_size / 2 } else { config.image_size };
            let stem = GraphConnection::new(0, 1, Direction::Forward, "conv+pool sequence");
            let numbers = [3, config.widths[0], kernel, kernel, stride, padding];
            connections.push(stem.by(&["conv_input."], side * side).with_numbers(&numbers));
        }
    }
    let top = config.widths[N_AREAS - 1];
    let readout = GraphConnection::new(N_AREAS, N_AREAS + 1, Direction::Forward, "linear");
    connections.push(readout.by(&["read_out."], 1).with_numbers(&[top, config.n_classes]));
    Graph { nodes, connections }
}

/// One connection; the source writes no numbers for a pooled convolution.
fn of_link(config: &BltConfig, (pre, post): (usize, usize), link: Link) -> GraphConnection {
    let direction = match pre.cmp(&post) {
        std::cmp::Ordering::Less => Direction::Forward,
        std::cmp::Ordering::Equal => Direction::Lateral,
        std::cmp::Ordering::Greater => Direction::Feedback,
    };
    let (from, to) = (config.widths[pre], config.widths[post]);
    let sizes = config.map_sizes();
    let area_of = |area: usize| sizes[area] * sizes[area];
    let (operation, numbers, positions) = match link {
        Link::Conv { is_pooled: true, .. } => ("pool+conv sequence", Vec::new(), area_of(post)),
        Link::Conv { kernel, stride, padding, is_pooled: false } => {
            ("conv", vec![from, to, kernel, kernel, stride, padding], area_of(post))
        }
        Link::Transposed { kernel, stride, padding, output_padding } => {
            let numbers = vec![from, to, kernel, kernel, stride, padding, output_padding];
            ("conv_transpose", numbers, area_of(pre))
        }
        Link::Bridge { .. } => ("pool+linear sequence", Vec::new(), 1),
        Link::Broadcast => ("conv_transpose", vec![from, to, 1, 1, 1, 0, 0], area_of(pre)),
    };
    let connection = GraphConnection::new(pre + 1, post + 1, direction, operation)
        .by(&[&format!("conv_{pre}_{post}.")], positions)
        .with_numbers(&numbers);
    match link {
        Link::Conv { kernel, stride, padding, .. } => connection.with_window([kernel, stride, padding]),
        _ => connection,
    }
}

fn of_cornet(config: &CornetConfig) -> Graph {
    let sizes = config.map_sizes();
    let live_from = |area: usize| match config.member {
        Cornet::S => S_PASSES[..area].iter().sum(),
        Cornet::Z | Cornet::R | Cornet::Rt => 0,
    };
    let n = CORNET_AREAS.len();
    let areas = (0..n).map(|area| {
        let shape = vec![config.widths[area], sizes[area], sizes[area]];
        (CORNET_AREAS[area].to_owned(), shape, Some(live_from(area)))
    });
    let answers_from = match config.member {
        Cornet::S => config.n_timesteps() - 1,
        Cornet::Z | Cornet::R | Cornet::Rt => 0,
    };
    let nodes = nodes(config.image_size, areas, config.n_classes, Some(answers_from));
    let mut connections = Vec::new();
    for area in 0..n {
        let name = CORNET_AREAS[area];
        let own = format!("{name}.");
        let places = sizes[area] * sizes[area];
        let forward = |operation| GraphConnection::new(area, area + 1, Direction::Forward, operation);
        let lateral = |operation| GraphConnection::new(area + 1, area + 1, Direction::Lateral, operation);
        match config.member {
            // Behind the convolution the map is halved; in V1 the convolution halves it, too.
            Cornet::Z => connections.push(forward("conv+pool sequence").by(&[&own], 4 * places)),
            Cornet::S if area == 0 => connections.push(forward("conv+pool sequence").by(&[&own], places)),
            Cornet::S => {
                let input = [format!("{own}conv_input."), format!("{own}skip."), format!("{own}norm_skip.")];
                let input = input.each_ref().map(String::as_str);
                connections.push(forward("conv").by(&input, 4 * places).delayed());
                let block = [format!("{own}conv1."), format!("{own}conv2."), format!("{own}conv3.")];
                let norms = [format!("{own}norm1_"), format!("{own}norm2_"), format!("{own}norm3_")];
                let block = block.iter().chain(&norms).map(String::as_str).collect::<Vec<_>>();
                connections.push(lateral("bottleneck block").by(&block, places).delayed());
            }
            Cornet::R | Cornet::Rt => {
                let (input, norm) = (format!("{own}conv_input."), format!("{own}norm_input."));
                let input = forward("conv").by(&[&input, &norm], places);
                let is_sweeping = area == 0 || config.member == Cornet::R;
                connections.push(if is_sweeping { input } else { input.delayed() });
                let (state, norm) = (format!("{own}conv1."), format!("{own}norm1."));
                connections.push(lateral("conv").by(&[&state, &norm], places).delayed());
            }
        }
    }
    let readout = GraphConnection::new(n, n + 1, Direction::Forward, "linear");
    let numbers = [config.widths[n - 1], config.n_classes];
    connections.push(readout.by(&["decoder."], 1).with_numbers(&numbers));
    Graph { nodes, connections }
}

fn of_resnet(config: &ResnetConfig) -> Graph {
    let names = std::iter::once("basic_conv".to_owned()).chain((1..=4).map(|stage| format!("stage_{stage}")));
    let shapes = config.area_shapes();
    let areas = names.clone().zip(&shapes).map(|(name, shape)| (name, shape.to_vec(), Some(0)));
    let nodes = nodes(config.image_size, areas, config.n_classes, Some(0));
    let mut connections = Vec::new();
    for (index, (name, [_, side, _])) in names.zip(&shapes).enumerate() {
        let (operation, positions) = match index {
            0 => ("conv+pool sequence".to_owned(), 4 * side * side),
            stage => (format!("{} bottleneck blocks", config.blocks[stage - 1]), side * side),
        };
        let connection = GraphConnection::new(index, index + 1, Direction::Forward, operation);
        connections.push(connection.by(&[&format!("{name}.")], positions));
    }
    let top = shapes.len();
    let readout = GraphConnection::new(top, top + 1, Direction::Forward, "linear");
    let width = shapes.last().map_or(0, |shape| shape[0]);
    connections.push(readout.by(&["classifier."], 1).with_numbers(&[width, config.n_classes]));
    Graph { nodes, connections }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(name: &str) -> (Graph, usize) {
        let config = Config::named(name).unwrap();
        let tensors = config.tensors();
        (graph(&config).counted(tensors.iter()), tensors.n_parameters())
    }

    #[test]
    fn connections_hold_all_parameters_but_those_of_norms() {
        for name in ["blt_bl", "blt_b3lt3", "blt_blt_top2linear", "blt_b_pm"] {
            let (graph, all) = counted(name);
            let Config::Blt(config) = Config::named(name).unwrap() else { panic!("another network") };
            let norms = 2 * config.widths.iter().sum::<usize>();
            let found: usize = graph.connections.iter().map(|connection| connection.parameters).sum();
            assert_eq!(found + norms, all, "{name}");
        }
        for name in ["cornet_z", "cornet_s", "cornet_rt", "resnet50"] {
            let (graph, all) = counted(name);
            let found: usize = graph.connections.iter().map(|connection| connection.parameters).sum();
            assert_eq!(found, all, "{name}");
        }
    }

    #[test]
    fn multiply_adds_are_kernel_times_places() {
        let (graph, _) = counted("blt_blt");
        let of = |from: usize, to: usize| {
            let found =
                graph.connections.iter().find(|connection| (connection.from, connection.to) == (from, to));
            found.unwrap().multiply_adds
        };
        assert_eq!(of(1, 1), 64 * 64 * 9 * 56 * 56);
        assert_eq!(of(0, 1), 3 * 64 * 49 * 112 * 112);
        // A transposed convolution is applied at every place of its input.
        assert_eq!(of(3, 2), 128 * 64 * 9 * 28 * 28);
        assert_eq!(of(6, 7), 512 * 1000);
    }
}
