//! What panels see and what they hand back.

use egui::Context;

use crate::clock::Clock;
use crate::command::{Command, Layout};
use crate::document::{Document, History};
use crate::jobs::Jobs;
use crate::messages::Messages;
use crate::probing::Probing;
use crate::settings::Settings;
use crate::store::{RunData, Store};
use crate::training::Training;

/// All that a panel may read: borrowed, immutable, already on the CPU.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub document: &'a Document,
    pub history: &'a History,
    pub store: &'a Store,
    pub probing: &'a Probing,
    pub training: &'a Training,
    pub clock: &'a Clock,
    pub jobs: &'a Jobs,
    pub messages: &'a Messages,
    pub settings: &'a Settings,
    /// What the pointer was over in the last frame.
    pub hover: Option<&'a str>,
    /// Median cost of a frame, in milliseconds.
    pub paint_ms: Option<f64>,
    /// Resident memory, bytes.
    pub memory: Option<u64>,
}

impl<'a> View<'a> {
    pub fn layout(&self) -> Layout {
        self.settings.layout
    }

    /// The numbers of the shown recording, as far as it has run.
    pub fn run(&self) -> Option<&'a RunData> {
        let item = self.document.recording?;
        self.store.run_or_latest(item, self.document.run_key(item)?)
    }

    /// The numbers of the recording that the shown one left, and when it left.
    pub fn baseline(&self) -> Option<(&'a RunData, usize)> {
        let (parent, at) = self.document.current_recording()?.parent?;
        Some((self.store.run(self.document.run_key(parent)?)?, at))
    }
}

/// What a panel hands back: commands, and what the pointer is over.
pub struct Out<'o> {
    pub commands: &'o mut Vec<Command>,
    /// For the status line of the next frame.
    pub hover: &'o mut Option<String>,
    pub ctx: Context,
}

impl Out<'_> {
    pub fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    pub fn say(&mut self, hover: impl Into<String>) {
        *self.hover = Some(hover.into());
    }
}
