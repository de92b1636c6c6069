//! Who may use the CPU: one pool of compute threads per worker, interactive work before training.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

static INTERACTIVE: AtomicUsize = AtomicUsize::new(0);

/// How often waiting background work looks whether it may go on.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Threads for computing: all cores headless, all but one (at least one) beside a window.
pub fn threads(beside_window: bool) -> usize {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    if beside_window { (cores - 1).max(1) } else { cores }
}

/// While one exists, background work waits between its updates.
#[derive(Debug)]
pub struct Interactive(());

impl Interactive {
    /// Announces interactive work until the value is dropped.
    pub fn begin() -> Self {
        INTERACTIVE.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Interactive {
    fn drop(&mut self) {
        INTERACTIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Called by background work between two updates: waits until no interactive work is announced,
/// but no longer than `at_most`, so that an endless animation cannot starve training.
pub fn yield_to_interactive(at_most: Duration) {
    let mut waited = Duration::ZERO;
    while INTERACTIVE.load(Ordering::SeqCst) > 0 && waited < at_most {
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_keeps_a_core_where_there_is_more_than_one() {
        assert!(threads(true) >= 1);
        assert!(threads(false) >= threads(true));
    }

    #[test]
    fn background_work_waits_for_interactive_work_to_end() {
        let interactive = Interactive::begin();
        let waiting = std::thread::spawn(|| yield_to_interactive(Duration::from_secs(60)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        drop(interactive);
        waiting.join().unwrap();
    }
}
