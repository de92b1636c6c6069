//! Commands of probing: from the selected unit to a probe, and from its settings to a request.

use std::sync::Arc;

use gainfield::dynamics::Units;
use gainfield::probe::ProbeRecipe;

use super::Workbench;
use crate::command::Layout;
use crate::item::{Content, ItemId, ProbeInfo};

impl Workbench {
    /// Probes the first pinned unit with all channels at its position, or shows the probe there is.
    pub(super) fn probe(&mut self) {
        self.settings.layout = Layout::Probe;
        let (Some(model), Some(pin)) = (self.document.model, self.document.pinned.first().cloned()) else {
            self.messages.say("Click on a feature map to choose a unit, then probe it");
            return;
        };
        let Some(info) = self.document.model_info(model) else { return };
        let Some(area) = info.areas.iter().find(|area| area.name == pin.area) else { return };
        let [channels, height, width] = area.map_shape();
        let units = if height * width > 1 {
            Units::position(pin.unit / width % height, pin.unit % width)
        } else {
            Units::channel(pin.unit.min(channels.saturating_sub(1)))
        };
        let recipe = ProbeRecipe { area: pin.area.clone(), units, ..ProbeRecipe::default() };
        let name = format!("{}, {}", recipe.feature.label(), pin.area);
        let command = self.probe_command(model, &recipe);
        let info = ProbeInfo { model, recipe, command };
        self.with_document(|document| {
            let id = document.add(&name, Content::Probe(Arc::new(info)));
            document.probe = Some(id);
            document.selected = Some(id);
        });
    }

    /// Gives a probe other settings.
    pub(super) fn set_probe(&mut self, item: ItemId, recipe: ProbeRecipe) {
        let Some(old) = self.document.probe_info(item) else { return };
        let model = old.model;
        let command = self.probe_command(model, &recipe);
        let info = ProbeInfo { model, recipe, command };
        self.with_document(|document| document.set_content(item, Content::Probe(Arc::new(info))));
    }

    /// Asks for the result of the shown probe, if nobody has yet.
    pub(super) fn request_probe(&mut self) {
        let document = &self.document;
        self.probing.keep_only(|id| document.get(id).is_some());
        self.training.keep_only(|id| document.get(id).is_some());
        let Some(id) = document.probe else { return };
        let Some(info) = document.probe_info(id) else { return };
        let Some(identity) = document.model_info(info.model).map(|model| model.identity) else { return };
        let Some(model) = self.store.model(identity) else { return };
        self.probing.ask(id, identity, model, &info.recipe);
    }

    fn probe_command(&self, model: ItemId, recipe: &ProbeRecipe) -> String {
        let origin = self.document.model_info(model).map(|info| &info.about.origin);
        let path = origin.map_or_else(String::new, |origin| {
            origin.path.as_ref().map_or_else(|| origin.name.clone(), |path| path.display().to_string())
        });
        recipe.command(&path)
    }
}
