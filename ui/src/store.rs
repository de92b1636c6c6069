//! Numbers that belong to items: recordings by the key of their run, and what is drawn of them.
//!
//! Nothing here is edited or undone. A document names keys; whatever carries a key that is still
//! named, by the document or in the history, is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gainfield::dynamics::Departure;
use gainfield::model::Model;
use gainfield::recording::Recording;
use gainfield::stimulus::{DataIdentity, PreparationStep};

use crate::derived::{Derived, Shown};
use crate::item::{ItemId, RunKey, RunSpec};

/// A run as far as it has come, with what the views draw of it.
#[derive(Clone, Debug)]
pub struct RunData {
    /// Identities of model and stimulus, and what was run.
    pub origin: Arc<RunOrigin>,
    pub recording: Arc<Recording>,
    pub shown: Arc<Shown>,
    pub derived: Arc<Derived>,
    pub notes: Arc<RunNotes>,
    pub state: RunState,
    /// Median wall time of a timestep that was computed, in milliseconds; `None` if none was.
    pub ms_per_step: Option<f64>,
}

/// What is to be said of a run besides its numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunNotes {
    /// In what it leaves the protocol the network was trained on.
    pub departures: Vec<Departure>,
    /// How its stimulus came to be what the network takes.
    pub preparation: Vec<PreparationStep>,
}

/// What a run was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOrigin {
    pub model: u64,
    pub stimulus: u64,
    pub spec: RunSpec,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    Running,
    Done,
}

/// What is known of a stimulus once it has been composed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StimulusFacts {
    /// Timesteps that it fills; 1 for a picture that is merely held.
    pub frames: usize,
    /// One line: `4 7`, `boat.png`.
    pub caption: String,
    /// What it was made of.
    pub data: DataIdentity,
}

/// All numbers of the session.
#[derive(Default)]
pub struct Store {
    /// By identity.
    models: BTreeMap<u64, Model>,
    /// By identity.
    stimuli: BTreeMap<u64, StimulusFacts>,
    runs: BTreeMap<RunKey, RunData>,
    /// The run of each recording that has numbers, for as long as a newer one has none yet.
    latest: BTreeMap<ItemId, RunKey>,
    /// Why a run that was asked for did not come about.
    failures: BTreeMap<RunKey, String>,
}

impl Store {
    /// The model itself, for workers. Its tensors are never read while painting.
    pub fn model(&self, identity: u64) -> Option<&Model> {
        self.models.get(&identity)
    }

    pub fn set_model(&mut self, identity: u64, model: Model) {
        self.models.insert(identity, model);
    }

    pub fn stimulus(&self, identity: u64) -> Option<&StimulusFacts> {
        self.stimuli.get(&identity)
    }

    pub fn set_stimulus(&mut self, identity: u64, facts: StimulusFacts) {
        self.stimuli.insert(identity, facts);
    }

    pub fn runs(&self) -> impl Iterator<Item = (RunKey, &RunData)> {
        self.runs.iter().map(|(&key, data)| (key, data))
    }

    /// How `stimulus` was prepared for `model`, by their identities; `None` before it was run.
    pub fn preparation(&self, model: u64, stimulus: u64) -> Option<&[PreparationStep]> {
        let of = |run: &&RunData| run.origin.model == model && run.origin.stimulus == stimulus;
        self.runs.values().find(of).map(|run| run.notes.preparation.as_slice())
    }

    pub fn run(&self, key: RunKey) -> Option<&RunData> {
        self.runs.get(&key)
    }

    /// Keeps the numbers of `item`, which are those of the run `key`.
    pub fn set_run(&mut self, item: ItemId, key: RunKey, data: RunData) {
        self.failures.remove(&key);
        self.runs.insert(key, data);
        self.latest.insert(item, key);
    }

    /// The numbers of the run `key`, or, until it has any, those that `item` had last.
    pub fn run_or_latest(&self, item: ItemId, key: RunKey) -> Option<&RunData> {
        self.run(key).or_else(|| self.run(*self.latest.get(&item)?))
    }

    pub fn failure(&self, key: RunKey) -> Option<&str> {
        self.failures.get(&key).map(String::as_str)
    }

    /// Notes that the run `key` failed; what had been recorded of it is dropped.
    pub fn fail(&mut self, key: RunKey, why: String) {
        self.runs.remove(&key);
        self.failures.insert(key, why);
    }

    /// Lets runs that failed be asked for again.
    pub fn forget_failures(&mut self) {
        self.failures.clear();
    }

    /// Whether the run `key` is known, finished, under way or failed.
    pub fn knows(&self, key: RunKey) -> bool {
        self.runs.contains_key(&key) || self.failures.contains_key(&key)
    }

    /// Drops what no document names any more.
    pub fn keep_only(&mut self, keys: &BTreeSet<RunKey>) {
        let latest: BTreeSet<RunKey> = self.latest.values().copied().collect();
        self.runs.retain(|key, _| keys.contains(key) || latest.contains(key));
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
