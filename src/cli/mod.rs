//! The command line: one file per command, results on stdout, everything else on stderr.

mod bench;
mod connectivity;
mod devices;
mod evaluate;
mod extract;
mod info;
mod new;
mod parity;
mod print;
mod probe;
mod progress;
mod run;
mod shown;
mod sweep;
mod train;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use gainfield::device::DeviceChoice;
use gainfield::model::Target;
use gainfield::provenance::quoted;
use gainfield::settings::Overrides;
use gainfield::{Error, Result};

/// Recurrent and attentional models of vision, without Python.
#[derive(Debug, Parser)]
#[command(name = "gainfield", version, about, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 done, 1 failed or not equal, 2 wrong command line or recipe.")]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
struct Common {
    /// Print results as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// No progress and no remarks on stderr.
    #[arg(long, global = true)]
    quiet: bool,
    /// auto, cpu, cuda:0, metal:0.
    #[arg(long, global = true, value_name = "DEVICE")]
    device: Option<DeviceChoice>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what a checkpoint is: family, variant, configuration, areas, tensors.
    Info(info::Info),
    /// Recompute reference outputs and compare: a self-test of a build or a device.
    Parity(parity::Parity),
    /// Show a model stimuli; write its activity, answers and accuracy.
    Run(Box<run::RunCommand>),
    /// Count right answers over timesteps, phases, classes and conditions, with intervals.
    Evaluate(Box<evaluate::Evaluate>),
    /// Write activity of areas for many stimuli into one NumPy archive; goes on where it was broken off.
    Extract(Box<extract::Extract>),
    /// Measure tuning, attention scaling or receptive fields of units; write figures and numbers.
    Probe(Box<probe::ProbeCommand>),
    /// Train a network; write a run folder that reopens and resumes.
    Train(train::TrainCommand),
    /// Train a network for every combination of settings; write a table of what came of it.
    Sweep(sweep::SweepCommand),
    /// Make a network that nobody has trained yet: weights drawn from a seed, saved to be opened.
    New(new::New),
    /// Draw a model's areas and connections, with parameters and multiply-adds.
    Connectivity(connectivity::Connectivity),
    /// Time the cases of the PyTorch peers, for laying side by side.
    Bench(bench::Bench),
    /// List the devices of this build and machine.
    Devices(devices::Devices),
}

/// Configuration values that a checkpoint does not say.
#[derive(Clone, Debug, Default, Args)]
struct Settings {
    /// TOML or JSON file with configuration values.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One configuration value, for example strength=0.3; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

impl Settings {
    fn overrides(&self) -> Result<Overrides> {
        Overrides::read(self.config.as_deref(), &self.sets)
    }

    /// These values as they stand on a command line, a space before each flag.
    fn arguments(&self) -> String {
        let config = self.config.iter().map(|path| ("--config", path.to_string_lossy().into_owned()));
        let sets = self.sets.iter().map(|set| ("--set", set.clone()));
        config.chain(sets).map(|(flag, value)| format!(" {flag} {}", quoted(&value))).collect()
    }
}

impl Common {
    fn target(&self) -> Result<Target> {
        let device = self.device.unwrap_or_default().resolve()?;
        Ok(Target { device, ..Target::default() })
    }
}

/// How a command ended, other than by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Done,
    /// The work was done, and its answer is no.
    NotEqual,
}

/// An error and the exit status that goes with it.
#[derive(Debug)]
struct Failure {
    error: Error,
    status: u8,
}

impl Failure {
    /// The command line or the recipe is wrong, as opposed to the work.
    fn usage(error: Error) -> Self {
        Self { error, status: 2 }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, status: 1 }
    }
}

type Outcome = std::result::Result<Ending, Failure>;

pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(err) => {
            // Nobody is left to tell if the stream is closed.
            let _ = err.print();
            return ExitCode::from(u8::try_from(err.exit_code()).unwrap_or(2));
        }
    };
    start_log(cli.common.quiet);
    let common = &cli.common;
    let outcome = match &cli.command {
        Command::Info(command) => command.execute(common),
        Command::Parity(command) => command.execute(common),
        Command::Run(command) => command.execute(common),
        Command::Evaluate(command) => command.execute(common),
        Command::Extract(command) => command.execute(common),
        Command::Probe(command) => command.execute(common),
        Command::Train(command) => command.execute(common),
        Command::Sweep(command) => command.execute(common),
        Command::New(command) => command.execute(common),
        Command::Connectivity(command) => command.execute(common),
        Command::Bench(command) => command.execute(common),
        Command::Devices(command) => command.execute(common),
    };
    match outcome {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::NotEqual) => ExitCode::FAILURE,
        Err(failure) => {
            print::error(&failure.error);
            ExitCode::from(failure.status)
        }
    }
}

/// Remarks of the library on stderr; the variable `GAINFIELD_LOG` asks for more, for example `debug`.
fn start_log(is_quiet: bool) {
    let default = if is_quiet { "error" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("GAINFIELD_LOG")
        .unwrap_or_else(|_unset| tracing_subscriber::EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
