//! The next batch is read on threads of its own while an update runs.
//!
//! A batch follows from the number of its update alone, so that what is read ahead has the same bits as
//! what is read when it is needed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

type Make<T> = dyn Fn(u64) -> Result<T> + Send + Sync;

/// Batches by the number of their update, the next one under way while one is used.
pub struct Ahead<T> {
    make: Arc<Make<T>>,
    /// `None` makes every batch when it is asked for.
    pool: Option<ThreadPool>,
    pending: Option<(u64, Receiver<Result<T>>)>,
}

impl<T: Send + 'static> Ahead<T> {
    /// `make` gives the batch of an update (from 0). `reads_ahead`: worth it where it reads files.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if no thread can be started.
    pub fn new(make: impl Fn(u64) -> Result<T> + Send + Sync + 'static, reads_ahead: bool) -> Result<Self> {
        // Half of them: the update needs the others.
        let threads = (rayon::current_num_threads() / 2).max(1);
        let pool = || {
            let builder = ThreadPoolBuilder::new().num_threads(threads);
            let named = builder.thread_name(|i| format!("pictures {i}"));
            named
                .build()
                .map_err(|err| Error::Unsupported(format!("cannot start threads for pictures: {err}")))
        };
        let pool = reads_ahead.then(pool).transpose()?;
        Ok(Self { make: Arc::new(make), pool, pending: None })
    }

    /// The batch of `update`; that of the next begins where it is below `n_updates`.
    ///
    /// # Errors
    /// Those of making the batch.
    pub fn take(&mut self, update: u64, n_updates: u64) -> Result<T> {
        let made = match self.pending.take() {
            Some((number, receiver)) if number == update => receiver.recv().unwrap_or_else(|_gone| {
                let message = "a thread that reads pictures panicked; the log has the details";
                Err(Error::Unsupported(message.to_owned()))
            }),
            _ => (self.make)(update),
        }?;
        if let Some(pool) = self.pool.as_ref().filter(|_| update + 1 < n_updates) {
            let (sender, receiver) = bounded(1);
            let make = Arc::clone(&self.make);
            pool.spawn(move || {
                // A panic drops the sender; that nobody waits any more is no error.
                if let Ok(made) = catch_unwind(AssertUnwindSafe(|| make(update + 1))) {
                    let _unheard = sender.send(made);
                }
            });
            self.pending = Some((update + 1, receiver));
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread::ThreadId;

    use super::*;

    #[test]
    fn batches_are_those_of_their_updates_and_the_next_comes_from_another_thread() {
        let make = |update: u64| Ok((update * update, std::thread::current().id()));
        let own = std::thread::current().id();
        for reads_ahead in [false, true] {
            let mut ahead = Ahead::new(make, reads_ahead).unwrap();
            let made: Vec<(u64, ThreadId)> = [0, 1, 2, 7, 8].map(|k| ahead.take(k, 100).unwrap()).into();
            assert_eq!(made.iter().map(|(value, _)| *value).collect::<Vec<_>>(), [0, 1, 4, 49, 64]);
            let is_elsewhere: Vec<bool> = made.iter().map(|(_, thread)| *thread != own).collect();
            assert_eq!(is_elsewhere, [false, reads_ahead, reads_ahead, false, reads_ahead]);
        }
    }

    #[test]
    fn nothing_is_read_beyond_the_last_update_and_errors_arrive_at_theirs() {
        let highest = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&highest);
        let make = move |update: u64| {
            seen.fetch_max(update, Ordering::SeqCst);
            match update {
                2 => Err(Error::Cancelled),
                3 => panic!("as asked"),
                update => Ok(update),
            }
        };
        let mut ahead = Ahead::new(make, true).unwrap();
        assert_eq!((ahead.take(0, 9).unwrap(), ahead.take(1, 9).unwrap()), (0, 1));
        assert!(matches!(ahead.take(2, 9), Err(Error::Cancelled)));
        assert!(ahead.take(4, 5).is_ok());
        assert_eq!(highest.load(Ordering::SeqCst), 4);
    }
}
