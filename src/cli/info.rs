//! `gainfield info`: what a checkpoint is, or which ones ship with the program.

use std::path::PathBuf;

use clap::Args;
use gainfield::pretrained::NETWORKS;
use gainfield::{Result, families};
use serde_json::{Value, json};

use super::{Common, Ending, Failure, Outcome, Settings, print};

#[derive(Debug, Args)]
pub struct Info {
    /// Checkpoint: .pth, .pt, .tar or .safetensors; without one, the bundled networks are listed.
    path: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Info {
    pub fn execute(&self, common: &Common) -> Outcome {
        let Some(path) = &self.path else { return list(common) };
        let overrides = self.settings.overrides().map_err(Failure::usage)?;
        let model = families::open(path, &overrides, &common.target()?)?;
        let description = model.describe();
        if common.json {
            print::json(&description)?;
        } else {
            print_text(&description)?;
        }
        Ok(Ending::Done)
    }
}

/// The bundled networks.
fn list(common: &Common) -> Outcome {
    if common.json {
        let networks = NETWORKS.iter().map(|network| json!({"name": network.name(), "task": network.task}));
        print::json(&networks.collect::<Vec<_>>())?;
        return Ok(Ending::Done);
    }
    for network in &NETWORKS {
        print::line(format_args!("{:<44} {}", network.name(), network.task))?;
    }
    Ok(Ending::Done)
}

fn print_text(description: &Value) -> Result<()> {
    let text = |key: &str| plain(&description[key]);
    print::line(format_args!("family      {}", text("family")))?;
    print::line(format_args!("variant     {}", text("variant")))?;
    print::line(format_args!("parameters  {}", text("parameters")))?;
    print::line(format_args!("time unit   {}", text("time_unit")))?;
    let tensors = &description["tensors"];
    let count = |key: &str| tensors[key].as_array().map_or(0, Vec::len);
    print::line(format_args!(
        "tensors     {} matched, {} missing, {} unexpected, {} mismatched",
        plain(&tensors["matched"]),
        count("missing"),
        count("unexpected"),
        count("mismatched")
    ))?;
    for key in ["missing", "unexpected", "mismatched"] {
        for entry in tensors[key].as_array().into_iter().flatten() {
            print::line(format_args!("  {key} {}", plain(entry)))?;
        }
    }
    print::line("areas")?;
    for area in description["areas"].as_array().into_iter().flatten() {
        print::line(format_args!("  {:<24} {}", plain(&area["name"]), plain(&area["shape"])))?;
    }
    print::line("configuration (default: neither the file nor the weights say; set it with --set)")?;
    for (key, entry) in description["config"].as_object().into_iter().flatten() {
        print::line(format_args!("  {key:<24} {:<10} {}", plain(&entry["source"]), entry["value"]))?;
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
