//! Gainfield without a window: inspect, check, run, probe, train and time models from a shell.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
