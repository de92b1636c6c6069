//! Numbers that belong to items: recordings by the key of their run, and what is drawn of them.
//!
//! Nothing here is edited or undone. A document names keys; whatever carries a key that is still
//! named, by the document or in the history, is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gainfield::recording::Recording;

use crate::derived::{Derived, Shown};
use crate::item::RunKey;

/// A run as far as it has come, with what the views draw of it.
#[derive(Clone, Debug)]
pub struct RunData {
    pub recording: Arc<Recording>,
    pub shown: Arc<Shown>,
    pub derived: Arc<Derived>,
    pub state: RunState,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    Running,
    Done,
}

/// All numbers of the session.
#[derive(Debug, Default)]
pub struct Store {
    runs: BTreeMap<RunKey, RunData>,
    /// Why a run that was asked for did not come about.
    failures: BTreeMap<RunKey, String>,
}

impl Store {
    pub fn run(&self, key: RunKey) -> Option<&RunData> {
        self.runs.get(&key)
    }

    pub fn set_run(&mut self, key: RunKey, data: RunData) {
        self.failures.remove(&key);
        self.runs.insert(key, data);
    }

    pub fn failure(&self, key: RunKey) -> Option<&str> {
        self.failures.get(&key).map(String::as_str)
    }

    /// Notes that the run `key` failed; what had been recorded of it is dropped.
    pub fn fail(&mut self, key: RunKey, why: String) {
        self.runs.remove(&key);
        self.failures.insert(key, why);
    }

    /// Whether the run `key` is known, finished, under way or failed.
    pub fn knows(&self, key: RunKey) -> bool {
        self.runs.contains_key(&key) || self.failures.contains_key(&key)
    }

    /// Drops what no document names any more.
    pub fn keep_only(&mut self, keys: &BTreeSet<RunKey>) {
        self.runs.retain(|key, _| keys.contains(key));
        self.failures.retain(|key, _| keys.contains(key));
    }

    /// Bytes of all recordings; timesteps that branches share count once.
    pub fn recording_bytes(&self) -> u64 {
        let mut seen = BTreeSet::new();
        let mut bytes = 0;
        for step in self.runs.values().flat_map(|run| &run.recording.steps) {
            if seen.insert(Arc::as_ptr(step) as usize) {
                let values: usize = step.values.iter().map(|values| size_of_val(values.as_ref())).sum();
                let state = step.state.as_ref().map_or(0, gainfield::dynamics::State::size_bytes);
                bytes += (values + state) as u64;
            }
        }
        bytes
    }
}
