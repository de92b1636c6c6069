//! The document: all that is edited and undone. The only truth that panels read.

use std::sync::Arc;

use gainfield::recipe::train::AnyRecipe;
use gainfield::settings::Overrides;

use crate::item::{
    Content, Group, Item, ItemId, ModelInfo, ProbeInfo, RecordingInfo, RunKey, StimulusInfo, TrainingInfo,
};

/// One unit of an area, by its flat index in one trial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitRef {
    pub area: String,
    pub unit: usize,
}

/// The session as it stands. Cloning copies pointers.
#[derive(Clone, Debug)]
pub struct Document {
    pub name: String,
    items: Vec<Arc<Item>>,
    next_id: u64,
    /// The item whose parameters the inspector shows.
    pub selected: Option<ItemId>,
    /// The model in use.
    pub model: Option<ItemId>,
    /// The stimulus in use.
    pub stimulus: Option<ItemId>,
    /// The recording in all views.
    pub recording: Option<ItemId>,
    /// The probe in the Probe views.
    pub probe: Option<ItemId>,
    /// The training run in the Train views.
    pub training: Option<ItemId>,
    /// What the next training run is, as on the command line: `object_attention/digits`.
    pub recipe_name: String,
    /// Its settings that differ from their defaults.
    pub recipe: std::collections::BTreeMap<String, serde_json::Value>,
    /// The area in the views of areas.
    pub area: Option<String>,
    /// Pinned units; the position gives the colour.
    pub pinned: Vec<UnitRef>,
    /// The intervention of the recording that the inspector shows.
    pub intervention: Option<usize>,
}

/// The training run that the form offers at first.
const FIRST_RUN: &str = "object_attention/digits";

impl Default for Document {
    fn default() -> Self {
        Self {
            name: "Untitled".to_owned(),
            items: Vec::new(),
            next_id: 1,
            selected: None,
            model: None,
            stimulus: None,
            recording: None,
            probe: None,
            training: None,
            recipe_name: FIRST_RUN.to_owned(),
            recipe: AnyRecipe::first_look(FIRST_RUN),
            area: None,
            pinned: Vec::new(),
            intervention: None,
        }
    }
}

impl Document {
    /// The next training run.
    ///
    /// # Errors
    /// Those of its settings.
    pub fn next_run(&self) -> gainfield::Result<AnyRecipe> {
        let mut overrides = Overrides::default();
        for (key, value) in &self.recipe {
            overrides.push(key.clone(), value.clone());
        }
        AnyRecipe::named(&self.recipe_name, &overrides)
    }

    pub fn items(&self) -> &[Arc<Item>] {
        &self.items
    }

    pub fn group(&self, group: Group) -> impl Iterator<Item = &Arc<Item>> {
        self.items.iter().filter(move |item| item.content.group() == group)
    }

    pub fn get(&self, id: ItemId) -> Option<&Arc<Item>> {
        self.items.iter().find(|item| item.id == id)
    }

    /// Adds an item under a name that no other of its group has, and gives its id.
    pub fn add(&mut self, name: &str, content: Content) -> ItemId {
        let id = ItemId(self.next_id);
        self.next_id += 1;
        let name = self.free_name(name, content.group());
        self.items.push(Arc::new(Item { id, name, content }));
        id
    }

    fn free_name(&self, wanted: &str, group: Group) -> String {
        let taken = |name: &str| self.group(group).any(|item| item.name == name);
        let mut name = wanted.to_owned();
        let mut n = 2;
        while taken(&name) {
            name = format!("{wanted} {n}");
            n += 1;
        }
        name
    }

    pub fn rename(&mut self, id: ItemId, name: &str) {
        let name = name.trim();
        if !name.is_empty() {
            self.change(id, |item| name.clone_into(&mut item.name));
        }
    }

    pub fn set_content(&mut self, id: ItemId, content: Content) {
        self.change(id, |item| item.content = content);
    }

    fn change(&mut self, id: ItemId, change: impl FnOnce(&mut Item)) {
        if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
            change(Arc::make_mut(item));
        }
    }

    /// A second item with the same content.
    pub fn duplicate(&mut self, id: ItemId) -> Option<ItemId> {
        let item = Arc::clone(self.get(id)?);
        Some(self.add(&format!("{} copy", item.name), item.content.clone()))
    }

    /// Removes an item; whatever pointed to it points to a neighbour of its kind or to nothing.
    pub fn delete(&mut self, id: ItemId) {
        let Some(at) = self.items.iter().position(|item| item.id == id) else { return };
        let group = self.items[at].content.group();
        self.items.remove(at);
        let next = self.items[at.min(self.items.len())..]
            .iter()
            .chain(self.items[..at.min(self.items.len())].iter().rev())
            .find(|item| item.content.group() == group)
            .map(|item| item.id);
        for pointer in [&mut self.selected, &mut self.model, &mut self.stimulus, &mut self.recording] {
            if *pointer == Some(id) {
                *pointer = next;
            }
        }
        if group == Group::Recordings {
            self.intervention = None;
        }
    }

    pub fn probe_info(&self, id: ItemId) -> Option<&Arc<ProbeInfo>> {
        match &self.get(id)?.content {
            Content::Probe(info) => Some(info),
            _ => None,
        }
    }

    pub fn training_info(&self, id: ItemId) -> Option<&Arc<TrainingInfo>> {
        match &self.get(id)?.content {
            Content::Training(info) => Some(info),
            _ => None,
        }
    }

    pub fn model_info(&self, id: ItemId) -> Option<&Arc<ModelInfo>> {
        match &self.get(id)?.content {
            Content::Model(info) => Some(info),
            _ => None,
        }
    }

    pub fn stimulus_info(&self, id: ItemId) -> Option<&Arc<StimulusInfo>> {
        match &self.get(id)?.content {
            Content::Stimulus(info) => Some(info),
            _ => None,
        }
    }

    pub fn recording_info(&self, id: ItemId) -> Option<&Arc<RecordingInfo>> {
        match &self.get(id)?.content {
            Content::Recording(info) => Some(info),
            _ => None,
        }
    }

    /// The model in use.
    pub fn current_model(&self) -> Option<&Arc<ModelInfo>> {
        self.model_info(self.model?)
    }

    /// The recording in all views.
    pub fn current_recording(&self) -> Option<&Arc<RecordingInfo>> {
        self.recording_info(self.recording?)
    }

    /// Key of the numbers of a recording; `None` if its model or stimulus is gone.
    pub fn run_key(&self, recording: ItemId) -> Option<RunKey> {
        let info = self.recording_info(recording)?;
        let model = self.model_info(info.model)?;
        let stimulus = self.stimulus_info(info.stimulus)?;
        Some(info.spec.key(model.identity, stimulus.identity()))
    }

    /// Replaces the specification of a recording.
    pub fn set_recording(&mut self, id: ItemId, change: impl FnOnce(&mut RecordingInfo)) {
        let Some(info) = self.recording_info(id) else { return };
        let mut info = RecordingInfo::clone(info);
        change(&mut info);
        self.set_content(id, Content::Recording(Arc::new(info)));
    }

    /// Takes over what `other` looks at, as far as it exists here.
    pub fn look_as(&mut self, other: &Self) {
        let here = |id: Option<ItemId>| id.filter(|id| self.get(*id).is_some());
        let (selected, recording) = (here(other.selected), here(other.recording));
        self.selected = selected.or(self.selected);
        self.recording = recording.or(self.recording);
        self.area.clone_from(&other.area);
        self.pinned.clone_from(&other.pinned);
        let n = self.current_recording().map_or(0, |info| info.spec.interventions.len());
        self.intervention = other.intervention.filter(|&index| index < n);
    }

    /// Position of a unit among the pinned ones, which is its colour.
    pub fn pin_of(&self, area: &str, unit: usize) -> Option<usize> {
        self.pinned.iter().position(|pin| pin.area == area && pin.unit == unit)
    }
}

/// Steps of undo: whole documents behind pointers, at most [`History::LIMIT`].
#[derive(Default, Debug)]
pub struct History {
    past: Vec<(String, Arc<Document>)>,
    future: Vec<(String, Arc<Document>)>,
    /// The document before the edit that is under way, and what it is called.
    open: Option<(String, Arc<Document>)>,
}

impl History {
    pub const LIMIT: usize = 100;

    /// Notes `before` as the state that undoing the edit called `label` comes back to.
    ///
    /// Edits of one drag become one step: only the first of them is noted until [`Self::settle`].
    pub fn edited(&mut self, label: &str, before: &Arc<Document>) {
        self.future.clear();
        if self.open.is_none() {
            self.open = Some((label.to_owned(), Arc::clone(before)));
        }
    }

    /// Closes the step under way; to be called while no pointer button is down.
    pub fn settle(&mut self) {
        if let Some(step) = self.open.take() {
            self.past.push(step);
            if self.past.len() > Self::LIMIT {
                self.past.remove(0);
            }
        }
    }

    /// The document before the last step, and the step's label.
    pub fn undo(&mut self, now: &Arc<Document>) -> Option<(String, Arc<Document>)> {
        self.settle();
        let (label, before) = self.past.pop()?;
        self.future.push((label.clone(), Arc::clone(now)));
        Some((label, before))
    }

    /// The document after the step undone last.
    pub fn redo(&mut self, now: &Arc<Document>) -> Option<(String, Arc<Document>)> {
        self.settle();
        let (label, after) = self.future.pop()?;
        self.past.push((label.clone(), Arc::clone(now)));
        Some((label, after))
    }

    pub fn next_undo(&self) -> Option<&str> {
        self.open.as_ref().or(self.past.last()).map(|(label, _)| label.as_str())
    }

    pub fn next_redo(&self) -> Option<&str> {
        self.future.last().map(|(label, _)| label.as_str())
    }

    /// All documents that can come back, for keeping what they refer to.
    pub fn documents(&self) -> impl DoubleEndedIterator<Item = &Arc<Document>> {
        self.future.iter().chain(&self.past).chain(&self.open).map(|(_, document)| document)
    }

    pub fn len(&self) -> usize {
        self.past.len()
    }

    pub fn is_empty(&self) -> bool {
        self.past.is_empty() && self.open.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::FigureInfo;

    fn figure() -> Content {
        Content::Figure(Arc::new(FigureInfo { files: Vec::new(), command: String::new(), summary: None }))
    }

    #[test]
    fn names_within_a_group_are_unique_and_a_copy_is_named_so() {
        let mut document = Document::default();
        let first = document.add("Tuning", figure());
        document.add("Tuning", figure());
        let copy = document.duplicate(first).unwrap();
        let names: Vec<&str> = document.items().iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["Tuning", "Tuning 2", "Tuning copy"]);
        assert_ne!(copy, first);
    }

    #[test]
    fn deleting_the_selected_item_selects_its_neighbour() {
        let mut document = Document::default();
        let ids: Vec<ItemId> = (0..3).map(|_| document.add("f", figure())).collect();
        document.selected = Some(ids[1]);
        document.delete(ids[1]);
        assert_eq!(document.selected, Some(ids[2]));
        document.delete(ids[2]);
        assert_eq!(document.selected, Some(ids[0]));
        document.delete(ids[0]);
        assert_eq!(document.selected, None);
    }

    #[test]
    fn one_drag_is_one_step_and_undo_reaches_back_a_hundred() {
        let mut history = History::default();
        let mut now = Arc::new(Document::default());
        let edit = |history: &mut History, now: &mut Arc<Document>, name: &str| {
            history.edited("rename", now);
            Arc::make_mut(now).name = name.to_owned();
        };
        for name in ["a", "b", "c"] {
            edit(&mut history, &mut now, name);
        }
        history.settle();
        assert_eq!(history.len(), 1);
        let (_, before) = history.undo(&now).unwrap();
        assert_eq!(before.name, "Untitled");
        let (_, after) = history.redo(&before).unwrap();
        assert_eq!(after.name, "c");
        for i in 0..150 {
            edit(&mut history, &mut now, &i.to_string());
            history.settle();
        }
        assert_eq!(history.len(), History::LIMIT);
    }
}
