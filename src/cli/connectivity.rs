//! `gainfield connectivity`: a model as a graph, drawn and counted.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use gainfield::analysis::statistics::median;
use gainfield::connectivity::{FoldedOptions, folded, svg, tikz, unrolled};
use gainfield::dynamics::{
    Controls, Frame, Graph, Presentation, ProtocolOptions, Run, Schedule, Workspace, rollout,
};
use gainfield::error::{Error, Result};
use gainfield::model::Model;
use gainfield::{families, files};
use serde_json::{Value, json};

use super::{Common, Ending, Failure, Outcome, Settings, print};

/// Most timesteps that an unrolled picture shows unless told.
const MOST_TIMESTEPS: usize = 12;

#[derive(Debug, Args)]
pub struct Connectivity {
    /// Checkpoint: .pth, .pt, .tar or .safetensors.
    path: PathBuf,
    /// Folder for the picture (SVG, TikZ) and the numbers (JSON).
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// One column of areas per timestep.
    #[arg(long)]
    unrolled: bool,
    /// Timesteps of the unrolled picture; the published number, up to 12, without.
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Measure how long a timestep takes here, too.
    #[arg(long)]
    time: bool,
    /// Draw what leads from the input to the first area in the folded picture, too.
    #[arg(long)]
    input: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Connectivity {
    pub fn execute(&self, common: &Common) -> Outcome {
        let overrides = self.settings.overrides().map_err(Failure::usage)?;
        if self.steps == Some(0) {
            return Err(Failure::usage(Error::config("--steps", "at least 1", 0)));
        }
        let model = families::open(&self.path, &overrides, &common.target()?)?;
        let graph = model.graph();
        let schedule = protocol(&model)?;
        let published = schedule.published.unwrap_or(schedule.len());
        let (name, diagram) = if self.unrolled {
            let n_timesteps = self.steps.unwrap_or(published.min(MOST_TIMESTEPS));
            ("connectivity_unrolled", unrolled(&graph, n_timesteps))
        } else {
            let options = FoldedOptions {
                n_parameters: model.n_parameters(),
                n_timesteps: published,
                shows_input: self.input,
            };
            ("connectivity", folded(&graph, &options))
        };
        let mut description = describe(&model, &graph);
        if self.time {
            description["ms_per_timestep"] = measured_ms(&model, &schedule)?.into();
        }
        let text = serde_json::to_string_pretty(&description)
            .map_err(|err| Error::Unsupported(format!("the graph cannot be written as JSON: {err}")))?;
        let mut written = Vec::new();
        for (extension, content) in [("svg", svg(&diagram)), ("tex", tikz(&diagram)), ("json", text + "\n")] {
            let path = self.out.join(format!("{name}.{extension}"));
            files::write_atomic(&path, content)?;
            written.push(path);
        }
        if common.json {
            print::json(&json!({"files": written, "graph": description}))?;
        } else {
            print_text(&description)?;
            for path in written {
                print::line(format_args!("wrote {}", path.display()))?;
            }
        }
        Ok(Ending::Done)
    }
}

/// The family's protocol for one held picture without content.
fn protocol(model: &Model) -> Result<Schedule> {
    let frame = Frame::blank(1, model.dynamics.input_shape())?;
    let presentation = Presentation {
        frames: vec![Arc::new(frame)],
        instructions: Vec::new(),
        target: None,
        segments: Vec::new(),
    };
    model.dynamics.schedule(&presentation, &ProtocolOptions::default())
}

/// Median wall time of a timestep of one trial, in milliseconds, after a run to warm up.
fn measured_ms(model: &Model, schedule: &Schedule) -> Result<f64> {
    let dynamics = model.dynamics.as_ref();
    let controls = Controls::defaults(dynamics.controls());
    let run =
        Run { model: dynamics, schedule, controls: &controls, interventions: &[], seed: 0, first_trial: 0 };
    let mut workspace = Workspace::new();
    let n_timesteps = schedule.len().min(MOST_TIMESTEPS);
    let mut times = Vec::with_capacity(n_timesteps);
    for is_measured in [false, true] {
        let mut began = Instant::now();
        rollout(&run, dynamics.rest(1)?, 0..n_timesteps, &mut workspace, |_, _, _| {
            if is_measured {
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
            began = Instant::now();
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(median(&times))
}

/// Areas and connections by name, with what they cost.
fn describe(model: &Model, graph: &Graph) -> Value {
    let name = |node: usize| graph.nodes[node].name.as_str();
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
                "delay": connection.delay,
                "parameters": connection.parameters,
                "multiply_adds": connection.multiply_adds,
            })
        })
        .collect();
    json!({
        "family": model.info.family.name(),
        "variant": model.info.variant,
        "parameters": model.n_parameters(),
        "multiply_adds": graph.multiply_adds(),
        "state_bytes": graph.state_bytes(),
        "areas": areas,
        "connections": connections,
    })
}

fn print_text(description: &Value) -> Result<()> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    print::line(format_args!(
        "{} {}: {} parameters, {} multiply-adds per timestep",
        text(&description["family"]),
        text(&description["variant"]),
        description["parameters"],
        description["multiply_adds"]
    ))?;
    if let Some(ms) = description["ms_per_timestep"].as_f64() {
        print::line(format_args!("{ms:.2} ms per timestep"))?;
    }
    for connection in description["connections"].as_array().into_iter().flatten() {
        print::line(format_args!(
            "{:<16} to {:<16} {:<9} {:<22} {:>10} parameters {:>13} multiply-adds",
            text(&connection["from"]),
            text(&connection["to"]),
            text(&connection["direction"]),
            text(&connection["operation"]),
            connection["parameters"],
            connection["multiply_adds"]
        ))?;
    }
    Ok(())
}
