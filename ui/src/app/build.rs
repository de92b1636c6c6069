//! Building networks: asked for, added to the library, saved.

use std::path::PathBuf;
use std::sync::Arc;

use gainfield::figure::number::count;
use gainfield::model::Model;
use serde_json::Value;

use super::Workbench;
use crate::command::Command;
use crate::files::Ask;
use crate::item::{Content, ItemId, ModelInfo};
use crate::worker::BuildRequest;

impl Workbench {
    /// Asks for a network like `like` with other values.
    pub(super) fn build(&mut self, like: ItemId, set: Vec<(String, Value)>, seed: u64) {
        let Some(info) = self.document.model_info(like).cloned() else { return };
        let Some(model) = self.store.model(info.identity).cloned() else { return };
        let job = self.jobs.start("Build network".to_owned());
        let path = info.about.origin.path.clone();
        if !self.workers.build(BuildRequest::Make { job, like: model, path, set, seed }) {
            self.jobs.finish(job);
            self.messages
                .error("Nothing was built", "Other networks are being built; try again in a moment.");
        }
    }

    /// Puts a network that was made into the library and runs it; one step of undo.
    pub(super) fn built(&mut self, model: Model, command: String, kept: usize, drawn: usize) {
        let before = Arc::clone(&self.document);
        let info = ModelInfo { made_by: Some(command), ..ModelInfo::of(&model) };
        let info = Arc::new(info);
        self.store.set_model(info.identity, model);
        let name = info.about.variant.clone();
        self.add_model(&name, &info, None);
        self.run();
        let build = Command::Build { like: ItemId(0), set: Vec::new(), seed: 0 };
        self.history.edited(build.info().label, &before);
        self.messages.say(format!(
            "Built {name}: {} tensors keep their values, {} are new",
            count(kept),
            count(drawn)
        ));
    }

    /// Asks for a name for the weights of a network that was built here.
    pub(super) fn save_model(&mut self, item: ItemId) {
        let Some(name) = self.document.get(item).map(|item| item.name.clone()) else { return };
        let answer = (self.dialog)(Ask::Save { name });
        self.asked_save = Some((answer, item));
    }

    /// Sends the weights on their way once a name has been given.
    pub(super) fn finish_save(&mut self, item: ItemId, path: PathBuf) {
        let Some(info) = self.document.model_info(item).cloned() else { return };
        let Some(model) = self.store.model(info.identity).cloned() else { return };
        let job = self.jobs.start("Save weights".to_owned());
        let command = info.made_by.clone().unwrap_or_default();
        if !self.workers.build(BuildRequest::Save { job, item, model, path, command }) {
            self.jobs.finish(job);
            self.messages
                .error("Nothing was saved", "Other networks are being saved; try again in a moment.");
        }
    }

    /// Notes which file holds the weights now. Nothing that is shown changes, so there is no step of undo.
    pub(super) fn saved(&mut self, item: ItemId, model: &Model) {
        let Some(info) = self.document.model_info(item) else { return };
        let origin = model.info.origin.clone();
        let file = origin.path.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        let about = gainfield::model::ModelInfo { origin, ..info.about.as_ref().clone() };
        let info = ModelInfo { about: Arc::new(about), ..ModelInfo::clone(info) };
        self.with_document(|document| document.set_content(item, Content::Model(Arc::new(info))));
        self.messages.say(format!("Saved {file}"));
    }
}
