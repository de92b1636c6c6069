//! Applies commands: the one place where anything changes.

use std::sync::Arc;

use egui::Context;

use super::Workbench;
use crate::command::Command;
use crate::dock;
use crate::document::{Document, UnitRef};
use crate::item::{Content, ItemId};

impl Workbench {
    /// Applies one command.
    pub(super) fn execute(&mut self, ctx: &Context, command: Command) {
        let info = command.info();
        if info.undoable {
            let before = Arc::clone(&self.document);
            self.edit(command);
            if !Arc::ptr_eq(&before, &self.document) {
                self.history.edited(info.label, &before);
            }
            return;
        }
        let len = self.timesteps();
        match command {
            Command::Undo => {
                if let Some((label, document)) = self.history.undo(&self.document) {
                    self.document = document;
                    self.messages.say(format!("Undone: {label}"));
                }
            }
            Command::Redo => {
                if let Some((label, document)) = self.history.redo(&self.document) {
                    self.document = document;
                    self.messages.say(format!("Done again: {label}"));
                }
            }
            Command::TogglePlay => self.clock.toggle(len),
            Command::StepBy(steps) => self.clock.step_by(steps, len),
            Command::Seek(t) => self.clock.seek(t, len),
            Command::ToStart => self.clock.seek(0, len),
            Command::ToEnd => self.clock.seek(usize::MAX, len),
            Command::ToggleLoop => self.clock.looped = !self.clock.looped,
            Command::SetSpeed(speed) => self.clock.speed = speed,
            Command::SetLayout(layout) => {
                self.settings.layout = layout;
                self.maximised = None;
            }
            Command::ResetLayout => {
                let layout = self.settings.layout;
                self.layouts[layout as usize] = dock::shipped(layout);
                self.maximised = None;
            }
            Command::ToggleTimeline => self.settings.toggle_timeline(),
            Command::Maximise(view) => self.maximised = Some(view),
            Command::RestoreViews => self.maximised = None,
            Command::ZoomIn => self.zoom(ctx, self.settings.zoom + 0.1),
            Command::ZoomOut => self.zoom(ctx, self.settings.zoom - 0.1),
            Command::ZoomReset => self.zoom(ctx, 1.0),
            Command::SetTheme(theme) => {
                self.settings.theme = theme;
                self.apply_settings(ctx);
            }
            Command::SetReducedMotion(reduced) => {
                self.settings.reduced_motion = reduced;
                self.apply_settings(ctx);
            }
            Command::ShowKeys(show) => self.open.keys = show,
            Command::ShowLog(show) => self.open.log = show,
            Command::ShowProvenance(item) => self.open.provenance = item,
            Command::Select(id) => self.select(id),
            Command::SelectIntervention(index) => {
                self.with_document(|document| document.intervention = index)
            }
            Command::CopyText(text) => ctx.copy_text(text),
            Command::CancelJob(id) => {
                if let Some(job) = self.jobs.get_mut(id) {
                    job.cancelling = true;
                }
            }
            Command::DismissToast(id) => self.messages.dismiss(id),
            _ => {}
        }
    }

    fn zoom(&mut self, ctx: &Context, zoom: f32) {
        self.settings.zoom = (zoom.clamp(0.7, 2.0) * 10.0).round() / 10.0;
        ctx.set_zoom_factor(self.settings.zoom);
    }

    /// Changes the document without a step of undo: what is looked at, not what is there.
    fn with_document(&mut self, change: impl FnOnce(&mut Document)) {
        change(Arc::make_mut(&mut self.document));
    }

    /// Shows an item in the inspector; a recording also comes into all views.
    fn select(&mut self, id: ItemId) {
        let Some(item) = self.document.get(id).cloned() else { return };
        self.with_document(|document| {
            document.selected = Some(id);
            if matches!(item.content, Content::Recording(_)) && document.recording != Some(id) {
                document.recording = Some(id);
                document.intervention = None;
            }
        });
    }

    /// Applies a command that changes the document and can be undone.
    fn edit(&mut self, command: Command) {
        let document = Arc::make_mut(&mut self.document);
        match command {
            Command::UseModel(id) => document.model = Some(id),
            Command::UseStimulus(id) => document.stimulus = Some(id),
            Command::RenameSession(name) => document.name = name,
            Command::Rename(id, name) => document.rename(id, &name),
            Command::Duplicate(id) => {
                if let Some(copy) = document.duplicate(id) {
                    document.selected = Some(copy);
                }
            }
            Command::Delete(id) => document.delete(id),
            Command::SelectArea(area) => document.area = Some(area),
            Command::SelectUnit(unit) => select_unit(document, unit),
            Command::TogglePin(unit) => match document.pin_of(&unit.area, unit.unit) {
                Some(at) => {
                    document.pinned.remove(at);
                }
                None => document.pinned.push(unit),
            },
            _ => {}
        }
    }
}

fn select_unit(document: &mut Document, unit: UnitRef) {
    document.area = Some(unit.area.clone());
    document.pinned = vec![unit];
}
