//! Room for long unrolls: the walk over an autograd graph and its drop are recursive.

use std::cell::Cell;
use std::thread;

use candle_core::Tensor;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::leaves::collecting;
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
        let (store, mut leaves) = collecting(|| loss.backward());
        let store = store?;
        let gradients = wrt.iter().map(|tensor| match (store.get(tensor), leaves.remove(&tensor.id())) {
            (Some(a), Some(b)) => Ok(Some((a.detach() + b.detach())?)),
            (a, b) => Ok(a.or(b.as_ref()).map(Tensor::detach)),
        });
        gradients.collect()
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    fn chain(n: usize) -> Result<f64> {
        let x = Var::new(1f64, &Device::Cpu)?;
        let mut y = x.as_tensor().clone();
        for _ in 0..n {
            y = (y + 1.0)?;
        }
        let gradient = backward(&y, &[x.as_tensor()])?;
        Ok(gradient[0].as_ref().map_or(Ok(0.0), |gradient| gradient.to_scalar::<f64>())?)
    }

    #[test]
    fn long_chains_are_walked_and_dropped() {
        assert_eq!(on_deep_stack(|| chain(20_000)).unwrap(), 1.0);
        let pool = compute_pool(2).unwrap();
        assert_eq!(pool.install(|| chain(20_000)).unwrap(), 1.0);
    }

    #[test]
    fn work_on_a_compute_pool_stays_on_it() {
        let pool = compute_pool(2).unwrap();
        let threads = pool.install(|| on_deep_stack(|| Ok(rayon::current_num_threads())));
        assert_eq!(threads.unwrap(), 2);
    }

    #[test]
    fn errors_and_panics_come_back() {
        assert!(on_deep_stack(|| -> Result<()> { Err(Error::Cancelled) }).is_err());
        let caught = std::panic::catch_unwind(|| on_deep_stack(|| -> Result<()> { panic!("inside") }));
        assert!(caught.is_err());
    }
}
