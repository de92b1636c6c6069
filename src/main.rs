//! Gainfield without a window: inspect, check, run, probe, train and time models from a shell.

mod cli;

/// Keeps the memory of tensors that are gone for those that come; the system's hands it back page by
/// page, which costs a timestep more than its arithmetic.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(unsafe_code, reason = "settles the tensor library's threads before there are any")]
fn main() -> std::process::ExitCode {
    // SAFETY: nothing has started a thread yet.
    unsafe { gainfield::ops::without_library_threads() };
    cli::main()
}
