//! Numbers that belong to items: recordings by the key of their run, and what is derived from them.
//!
//! Nothing here is edited or undone. A document names keys; whatever carries a key that is still
//! named, here or in the history, is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gainfield::recording::Recording;

use crate::item::RunKey;

/// A run as far as it has come, with what the views draw of it.
#[derive(Clone, Debug)]
pub struct RunData {
    pub recording: Arc<Recording>,
    pub state: RunState,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    Running,
    Done,
    Failed(String),
}

/// All numbers of the session.
#[derive(Debug, Default)]
pub struct Store {
    runs: BTreeMap<RunKey, RunData>,
}

impl Store {
    pub fn run(&self, key: RunKey) -> Option<&RunData> {
        self.runs.get(&key)
    }

    pub fn set_run(&mut self, key: RunKey, data: RunData) {
        self.runs.insert(key, data);
    }

    /// Drops what no document names any more.
    pub fn keep_only(&mut self, keys: &BTreeSet<RunKey>) {
        self.runs.retain(|key, _| keys.contains(key));
    }

    /// Bytes of all recordings; steps that branches share count once.
    pub fn recording_bytes(&self) -> u64 {
        let mut seen = BTreeSet::new();
        let mut bytes = 0;
        for run in self.runs.values() {
            for step in &run.recording.steps {
                if seen.insert(Arc::as_ptr(step) as usize) {
                    let values: usize = step.values.iter().map(|values| size_of_val(values.as_ref())).sum();
                    let state = step.state.as_ref().map_or(0, gainfield::dynamics::State::size_bytes);
                    bytes += (values + state) as u64;
                }
            }
        }
        bytes
    }
}
