//! Gainfield without a window: inspect, check, run, probe, train and time models from a shell.

mod cli;

#[expect(unsafe_code, reason = "settles the tensor library's threads before there are any")]
fn main() -> std::process::ExitCode {
    // SAFETY: nothing has started a thread yet.
    unsafe { gainfield::ops::without_library_threads() };
    cli::main()
}
