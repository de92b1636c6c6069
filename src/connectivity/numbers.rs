//! What a graph costs, as JSON and as tables.

use serde_json::{Value, json};

use crate::Result;
use crate::dynamics::{Graph, GraphConnection};
use crate::error::Error;

/// Which network a graph is of, and what its nodes and connections do not tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    pub family: String,
    pub variant: String,
    /// Learnable numbers, those of norms included.
    pub n_parameters: usize,
    /// Median wall time of a timestep on this machine, where it was measured.
    pub ms_per_timestep: Option<f64>,
}

/// Totals, areas and connections by name, with what they cost.
pub fn description(graph: &Graph, about: &About) -> Value {
    let areas: Vec<Value> = graph
        .nodes
        .iter()
        .map(|node| {
            json!({
                "name": node.name,
                "role": node.role,
                "shape": node.shape,
                "live_from": node.live_from,
                "state_bytes": node.state_bytes(),
            })
        })
        .collect();
    let name = |node: usize| graph.nodes[node].name.as_str();
    let connections: Vec<Value> = graph
        .connections
        .iter()
        .map(|connection| {
            json!({
                "from": name(connection.from),
                "to": name(connection.to),
                "direction": connection.direction,
                "operation": connection.operation,
                "numbers": connection.numbers,
                "kernel": connection.kernel(),
                "delay": connection.delay,
                "parameters": connection.parameters,
                "multiply_adds": connection.multiply_adds,
            })
        })
        .collect();
    let mut all = json!({
        "family": about.family,
        "variant": about.variant,
        "parameters": about.n_parameters,
        "multiply_adds": graph.multiply_adds(),
        "state_bytes": graph.state_bytes(),
    });
    if let Some(ms) = about.ms_per_timestep {
        all["ms_per_timestep"] = ms.into();
    }
    all["areas"] = areas.into();
    all["connections"] = connections.into();
    all
}

/// One row per connection; multiply-adds are those of one trial and timestep.
///
/// # Errors
/// [`Error::Unsupported`] if a table cannot be written, which does not happen in memory.
pub fn connections_csv(graph: &Graph) -> Result<Vec<u8>> {
    let header = [
        "from",
        "to",
        "direction",
        "operation",
        "kernel_side",
        "stride",
        "padding",
        "delay_timesteps",
        "parameters",
        "multiply_adds",
    ];
    let row = |connection: &GraphConnection| {
        let name = |node: usize| graph.nodes[node].name.clone();
        let kernel = connection.kernel();
        let [side, stride, padding] =
            [0, 1, 2].map(|part| kernel.map_or_else(String::new, |kernel| kernel[part].to_string()));
        vec![
            name(connection.from),
            name(connection.to),
            word(&connection.direction),
            connection.operation.clone(),
            side,
            stride,
            padding,
            connection.delay.to_string(),
            connection.parameters.to_string(),
            connection.multiply_adds.to_string(),
        ]
    };
    table(&header, graph.connections.iter().map(row))
}

/// One row per area; a state is that of one trial.
///
/// # Errors
/// As [`connections_csv`].
pub fn areas_csv(graph: &Graph) -> Result<Vec<u8>> {
    let header = ["area", "role", "shape", "units", "state_bytes", "live_from_timestep"];
    let row = |node: &crate::dynamics::GraphNode| {
        let shape: Vec<String> = node.shape.iter().map(usize::to_string).collect();
        vec![
            node.name.clone(),
            word(&node.role),
            shape.join("x"),
            node.shape.iter().product::<usize>().to_string(),
            node.state_bytes().to_string(),
            node.live_from.map_or_else(|| "never".to_owned(), |from| from.to_string()),
        ]
    };
    table(&header, graph.nodes.iter().map(row))
}

/// The name under which a role or direction is written.
fn word(value: &impl serde::Serialize) -> String {
    json!(value).as_str().unwrap_or_default().to_owned()
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<Vec<u8>> {
    let unwritten =
        |err: &dyn std::fmt::Display| Error::Unsupported(format!("the table of the graph: {err}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).map_err(|err| unwritten(&err))?;
    for row in rows {
        writer.write_record(&row).map_err(|err| unwritten(&err))?;
    }
    writer.into_inner().map_err(|err| unwritten(&err))
}
