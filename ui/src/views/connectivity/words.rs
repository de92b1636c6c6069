//! What is said of areas and connections under the pointer.

use egui::Ui;
use gainfield::dynamics::{Direction, Graph, NodeRole};
use gainfield::figure::number::{count, significant};

use super::fit::{is_terminal, shape_text};
use crate::item::ModelInfo;
use crate::liveness::{moment, words};
use crate::theme::{Text, tokens};

/// A number with three significant digits and a decimal prefix: "1.94 G", "512 ".
pub(super) fn short(value: f64) -> String {
    let (factor, prefix) = match value {
        1e12.. => (1e12, "T"),
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => return format!("{} ", count(value as usize)).trim_end().to_owned(),
    };
    format!("{}\u{202F}{prefix}", significant(value / factor, 3))
}

/// Label and value, one row of a card.
fn fact(ui: &mut Ui, label: &str, value: &str) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.label(Text::Small.rich(label, t.text3));
        ui.label(Text::Small.rich(value, t.text));
    });
}

fn title(ui: &mut Ui, text: &str, kind: &str) {
    let t = tokens(ui);
    ui.spacing_mut().interact_size.y = 17.0;
    ui.spacing_mut().item_spacing.y = 1.0;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.label(Text::SmallStrong.rich(text, t.text));
        ui.label(Text::Small.rich(kind, t.text2));
    });
}

fn role(role: NodeRole) -> &'static str {
    match role {
        NodeRole::Input => "input",
        NodeRole::Area => "area",
        NodeRole::Gain => "gain map",
        NodeRole::Readout => "read-out",
    }
}

/// The card of a node.
pub(super) fn node(ui: &mut Ui, model: &ModelInfo, node: usize) {
    let graph = &model.graph;
    let info = &graph.nodes[node];
    title(ui, &info.name, role(info.role));
    let units: usize = info.shape.iter().product();
    let what = if info.role == NodeRole::Readout { "classes" } else { "units" };
    let shape = shape_text(&info.shape);
    let shape = if info.shape.len() == 3 { format!("{shape} (channels, height, width)") } else { shape };
    fact(ui, "Shape", &shape);
    fact(ui, "Size", &format!("{} {what}", count(units)));
    if !matches!(info.role, NodeRole::Input) {
        fact(ui, "State", &format!("{} bytes a trial", count(info.state_bytes())));
    }
    match info.live_from {
        Some(0) => fact(ui, "Live", "from the start"),
        Some(from) => fact(ui, "Live", &format!("from {} (t = {from})", moment(model.time_unit, from))),
        None => fact(ui, "Live", "never: no signal reaches it"),
    }
    let arriving = graph.connections.iter().filter(|connection| connection.to == node);
    let sources: Vec<String> = arriving
        .map(|connection| {
            format!("{} ({})", graph.nodes[connection.from].name, direction(connection.direction))
        })
        .collect();
    if !sources.is_empty() {
        fact(ui, "Reads", &sources.join(", "));
    }
    if model.area(&info.name).is_some() {
        ui.label(Text::Caption.rich("Click to select this area everywhere", tokens(ui).text3));
    } else if !is_terminal(info.role) {
        ui.label(Text::Caption.rich("Not among the recorded areas", tokens(ui).text3));
    }
}

/// The same in one line, for the status line.
pub(super) fn node_line(model: &ModelInfo, node: usize) -> String {
    let info = &model.graph.nodes[node];
    let shape = shape_text(&info.shape);
    match info.live_from {
        Some(0) => format!("{}  {shape}", info.name),
        from => format!("{}  {shape}  {}", info.name, words(model.time_unit, &info.name, from)),
    }
}

pub(super) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "forward",
        Direction::Lateral => "lateral",
        Direction::Feedback => "feedback",
        Direction::Gain => "gain",
    }
}

fn between(graph: &Graph, connection: usize) -> String {
    let connection = &graph.connections[connection];
    format!("{} → {}", graph.nodes[connection.from].name, graph.nodes[connection.to].name)
}

/// The card of a connection.
pub(super) fn connection(ui: &mut Ui, graph: &Graph, index: usize) {
    let connection = &graph.connections[index];
    title(ui, &between(graph, index), direction(connection.direction));
    fact(ui, "Operation", &connection.operation);
    if let Some([side, stride, padding]) = connection.kernel() {
        fact(ui, "Kernel", &format!("{side} × {side}, stride {stride}, padding {padding}"));
    }
    if let [from, to, ..] = connection.numbers[..] {
        fact(ui, "Channels", &format!("{from} to {to}"));
    }
    let delay = match connection.delay {
        0 => "the same timestep".to_owned(),
        1 => "the timestep before".to_owned(),
        n => format!("{n} timesteps before"),
    };
    fact(ui, "Reads", &delay);
    fact(ui, "Parameters", &count(connection.parameters));
    fact(
        ui,
        "Multiply-adds",
        &format!("{} per timestep and trial", count(connection.multiply_adds as usize)),
    );
}

/// The same in one line, for the status line.
pub(super) fn connection_line(graph: &Graph, index: usize) -> String {
    let connection = &graph.connections[index];
    format!(
        "{}  {}  {}  {} parameters  {} multiply-adds",
        between(graph, index),
        direction(connection.direction),
        connection.operation,
        count(connection.parameters),
        short(connection.multiply_adds as f64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_wear_a_prefix() {
        assert_eq!(short(1.9366e9), "1.94\u{202F}G");
        assert_eq!(short(10_002_600.0), "10.0\u{202F}M");
        assert_eq!(short(61_000.0), "61.0\u{202F}k");
        assert_eq!(short(512.0), "512");
    }
}
