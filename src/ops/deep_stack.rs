//! Room for long unrolls: the walk over an autograd graph and its drop are recursive.

use std::cell::Cell;
use std::thread;

use candle_core::Tensor;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// Address space, not memory: pages are taken when the recursion reaches them.
const STACK_BYTES: usize = if cfg!(target_pointer_width = "64") { 512 << 20 } else { 64 << 20 };

thread_local! {
    static DEEP: Cell<bool> = const { Cell::new(false) };
}

/// A thread pool on which graphs of hundreds of thousands of operations can be walked and dropped.
///
/// Work installed on it stays on it: [`on_deep_stack`] and [`backward`] start no thread there.
///
/// # Errors
/// [`Error::Unsupported`] if the threads cannot be started.
pub fn compute_pool(threads: usize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .stack_size(STACK_BYTES)
        .thread_name(|i| format!("compute {i}"))
        .start_handler(|_| DEEP.set(true))
        .build()
        .map_err(|err| Error::Unsupported(format!("cannot start {threads} compute threads: {err}")))
}

/// Runs `work` where recursion over long graphs cannot overflow, and waits for it.
///
/// Graphs must also be dropped inside, so a training step belongs in here as a whole.
///
/// # Errors
/// Those of `work`, or [`Error::Unsupported`] if no thread can be started.
pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if DEEP.get() {
        return work();
    }
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name("deep stack".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || {
                DEEP.set(true);
                work()
            })
            .map_err(|err| Error::Unsupported(format!("cannot start a thread with a deep stack: {err}")))?;
        match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Gradients of the scalar `loss` with respect to each variable of `wrt`, outside any graph;
/// `None` where `loss` does not depend on it.
///
/// # Errors
/// Those of the tensor library.
pub fn backward(loss: &Tensor, wrt: &[&Tensor]) -> Result<Vec<Option<Tensor>>> {
    // The store holds on to the graph, so it is dropped in here as well.
    on_deep_stack(|| {
        let store = loss.backward()?;
        Ok(wrt.iter().map(|tensor| store.get(tensor).map(Tensor::detach)).collect())
    })
}
