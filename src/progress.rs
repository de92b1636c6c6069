//! How long work says how far it is and asks whether to go on.

/// Told by work that takes over a second; cheap to call often.
pub trait Progress {
    /// `done` of `total` parts of `what` are finished.
    fn report(&mut self, what: &str, done: usize, total: usize);

    /// Has the user asked to stop?
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Says nothing and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&mut self, _what: &str, _done: usize, _total: usize) {}
}
