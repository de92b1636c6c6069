//! Work that takes longer than a frame, as the window shows it.

use std::time::Instant;

/// Names one job of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// What is being done and how far it is.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: JobId,
    /// In words, for the pill in the top bar.
    pub name: String,
    /// Done and total; a total of 0 is not known.
    pub done: usize,
    pub total: usize,
    pub started: Instant,
    pub cancelling: bool,
}

impl Job {
    pub fn new(id: JobId, name: impl Into<String>) -> Self {
        Self { id, name: name.into(), done: 0, total: 0, started: Instant::now(), cancelling: false }
    }

    pub fn fraction(&self) -> Option<f32> {
        (self.total > 0).then(|| self.done as f32 / self.total as f32)
    }

    /// Short work shows no bar: it would only flicker.
    pub fn is_worth_showing(&self) -> bool {
        self.started.elapsed().as_millis() >= 200
    }
}

/// The jobs under way, oldest first.
#[derive(Debug, Default)]
pub struct Jobs {
    jobs: Vec<Job>,
    next: u64,
}

impl Jobs {
    pub fn start(&mut self, name: impl Into<String>) -> JobId {
        self.next += 1;
        let id = JobId(self.next);
        self.jobs.push(Job::new(id, name));
        id
    }

    pub fn get_mut(&mut self, id: JobId) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == id)
    }

    pub fn finish(&mut self, id: JobId) {
        self.jobs.retain(|job| job.id != id);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }
}
