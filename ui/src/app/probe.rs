//! Commands of probing: from the selected unit to a probe, and from its settings to a request.

use std::sync::Arc;

use gainfield::dynamics::Units;
use gainfield::probe::{AgreementRecipe, InhibitionRecipe, ProbeRecipe, RfRecipe};
use gainfield::provenance::quoted;

use super::Workbench;
use crate::command::Layout;
use crate::document::Document;
use crate::interventions::place_of;
use crate::item::{Content, FilmInfo, ItemId, ModelInfo, ProbeInfo};
use crate::probing::FieldKey;

/// Spots of a receptive field at most: what is mapped in about a second.
const SPOTS: f64 = 600.0;

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
        self.add_probe(ProbeRecipe { area: pin.area.clone(), units, ..ProbeRecipe::default() });
    }

    /// Adds a probe of the model in use and shows it.
    pub(super) fn add_probe(&mut self, recipe: ProbeRecipe) {
        self.settings.layout = Layout::Probe;
        let Some(model) = self.document.model else {
            let text = "A probe measures a model; open a checkpoint first.";
            self.messages.error("The probe was not added", text);
            return;
        };
        let name = format!("{}, {}", recipe.feature.label(), recipe.area);
        self.add_probe_of(model, &name, recipe, None);
    }

    /// Adds a probe, or the film of one, and shows it.
    pub(super) fn add_probe_of(
        &mut self,
        model: ItemId,
        name: &str,
        recipe: ProbeRecipe,
        film: Option<FilmInfo>,
    ) {
        self.settings.layout = Layout::Probe;
        let command = self.probe_command(model, &recipe);
        let info = ProbeInfo { model, recipe, command, film };
        self.with_document(|document| {
            let id = document.add(name, Content::Probe(Arc::new(info)));
            document.probe = Some(id);
            document.selected = Some(id);
        });
    }

    /// Gives a probe other settings.
    pub(super) fn set_probe(&mut self, item: ItemId, recipe: ProbeRecipe) {
        let Some(old) = self.document.probe_info(item) else { return };
        let model = old.model;
        let command = self.probe_command(model, &recipe);
        // With other settings it is a probe of the model that the film came with.
        let info = ProbeInfo { model, recipe, command, film: None };
        self.with_document(|document| document.set_content(item, Content::Probe(Arc::new(info))));
    }

    /// Asks for the result of the shown probe, if nobody has yet.
    pub(super) fn request_probe(&mut self) {
        let document = &self.document;
        self.probing.keep_only(|id| document.get(id).is_some());
        self.training.keep_only(|id| document.get(id).is_some());
        let Some(id) = document.probe else { return };
        let Some(info) = document.probe_info(id) else { return };
        if let Some(film) = &info.film {
            let strip = self.training.film(film.run, &film.name);
            if let Some(strip) = strip {
                self.probing.ask_frame(id, strip);
            }
            return;
        }
        let Some(identity) = document.model_info(info.model).map(|model| model.identity) else { return };
        let Some(model) = self.store.model(identity) else { return };
        self.probing.ask(id, identity, model, &info.recipe);
    }

    /// Maps the receptive fields at the place of the first pinned unit.
    pub(super) fn map_fields(&mut self) {
        let Some((key, recipe)) = field_request(&self.document) else { return };
        let Some(model) = self.store.model(key.model) else { return };
        self.probing.ask_fields(key, model, recipe);
    }

    pub(super) fn measure_inhibition(&mut self) {
        let Some(info) = self.document.current_model() else { return };
        let Some(model) = self.store.model(info.identity) else { return };
        self.probing.ask_inhibition(info.identity, model, InhibitionRecipe::default());
    }

    pub(super) fn compare_updates(&mut self) {
        let Some(info) = self.document.current_model() else { return };
        let Some(model) = self.store.model(info.identity) else { return };
        self.probing.ask_agreement(info.identity, model, AgreementRecipe::default());
    }

    pub(super) fn agreement_command(&self) -> Option<String> {
        Some(AgreementRecipe::default().command(&self.model_path(self.document.model?)))
    }

    /// The command that maps the fields in view without a window.
    pub(super) fn field_command(&self) -> Option<String> {
        let (key, recipe) = field_request(&self.document)?;
        Some(format!(
            "gainfield probe {} --probe receptive_field --area {} --units {} --set step={} --set task={} --out probe",
            quoted(&self.model_path(self.document.model?)),
            quoted(&key.area),
            quoted(&recipe.units.to_string()),
            recipe.step,
            recipe.task,
        ))
    }

    pub(super) fn inhibition_command(&self) -> Option<String> {
        Some(InhibitionRecipe::default().command(&self.model_path(self.document.model?)))
    }

    fn model_path(&self, model: ItemId) -> String {
        let origin = self.document.model_info(model).map(|info| &info.about.origin);
        origin.map_or_else(String::new, |origin| {
            origin.path.as_ref().map_or_else(|| origin.name.clone(), |path| path.display().to_string())
        })
    }

    fn probe_command(&self, model: ItemId, recipe: &ProbeRecipe) -> String {
        recipe.command(&self.model_path(model))
    }
}

/// Whose fields belong to the first pinned unit, and how they are mapped.
fn field_request(document: &Document) -> Option<(FieldKey, RfRecipe)> {
    let info = document.current_model()?;
    let key = field_key(document, info)?;
    let area = info.area(&key.area)?;
    let [_, height, width] = area.map_shape();
    let pin = document.pinned.first()?;
    let units = if height * width > 1 { Units::position(key.row, key.col) } else { Units::channel(pin.unit) };
    let [_, rows, columns] = info.input_shape;
    let step = ((rows * columns) as f64 / SPOTS).sqrt().ceil().max(1.0) as usize;
    let task = info.tasks.iter().position(|task| task.eq_ignore_ascii_case("recognition")).unwrap_or(0);
    let recipe =
        RfRecipe { area: key.area.clone(), units, step, spot: step + 1, task, ..RfRecipe::default() };
    Some((key, recipe))
}

/// The place of the first pinned unit. Units of a vector each have a place of their own.
pub fn field_key(document: &Document, info: &ModelInfo) -> Option<FieldKey> {
    let pin = document.pinned.first()?;
    let area = info.area(&pin.area)?;
    let [channel, row, col] = place_of(area, pin.unit);
    let [_, height, width] = area.map_shape();
    let row = if height * width > 1 { row } else { channel };
    Some(FieldKey { model: info.identity, area: pin.area.clone(), row, col })
}
