//! `gainfield connectivity`: a model as a graph, drawn and counted.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use gainfield::analysis::statistics::median;
use gainfield::connectivity::{About, Drawing, FoldedOptions, Format, description, export, folded, unrolled};
use gainfield::dynamics::{Controls, Run, Schedule, Workspace, rollout};
use gainfield::error::{Error, Result};
use gainfield::families;
use gainfield::figure::style::DEFAULT_DPI;
use gainfield::model::Model;
use gainfield::provenance::{DataFile, Provenance, quoted};
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
        let schedule = model.blank_schedule()?;
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
        let ms_per_timestep = if self.time { Some(measured_ms(&model, &schedule)?) } else { None };
        let about = About {
            family: model.info.family.name().to_owned(),
            variant: model.info.variant.clone(),
            n_parameters: model.n_parameters(),
            ms_per_timestep,
        };
        let description = description(&graph, &about);
        let drawing = Drawing { graph, about, diagram };
        let provenance = self.provenance(&model);
        let formats = [Format::Svg, Format::Tikz, Format::Json, Format::Csv];
        let written = export(&drawing, &self.out, name, &formats, DEFAULT_DPI, &provenance)?;
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

impl Connectivity {
    /// The file, and the line that draws it again.
    fn provenance(&self, model: &Model) -> Provenance {
        let mut command = format!("gainfield connectivity {}", quoted(&self.path.to_string_lossy()));
        for (flag, is_set) in [("--unrolled", self.unrolled), ("--time", self.time), ("--input", self.input)]
        {
            if is_set {
                command += &format!(" {flag}");
            }
        }
        if let Some(steps) = self.steps {
            command += &format!(" --steps {steps}");
        }
        command += &self.settings.arguments();
        command += &format!(" --out {}", quoted(&self.out.to_string_lossy()));
        let mut provenance = Provenance::new(command);
        provenance.config = model.info.config.values();
        let origin = &model.info.origin;
        provenance.checkpoint =
            origin.sha256.clone().map(|sha256| DataFile { name: origin.name.clone(), sha256 });
        provenance
    }
}

/// Median wall time of a timestep of one trial, in milliseconds, after a run to warm up.
fn measured_ms(model: &Model, schedule: &Schedule) -> Result<f64> {
    let dynamics = model.dynamics.as_ref();
    let controls = Controls::defaults(dynamics.controls());
    let run = Run::plain(dynamics, schedule, &controls);
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
