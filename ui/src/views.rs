//! The views: one file each, with the state that only the screen knows.

mod log;

use egui::Ui;

use crate::dock::ViewKind;
use crate::view::{Out, View};
use crate::widgets::{EmptyState, empty_state};

pub use log::show as log;

/// State of every view that outlives a frame.
#[derive(Default)]
pub struct Views {}

impl Views {
    /// Draws the view of this kind.
    pub fn show(&mut self, kind: ViewKind, ui: &mut Ui, view: &View<'_>, _out: &mut Out<'_>) {
        match kind {
            ViewKind::Log => log(ui, view),
            _ => {
                empty_state(
                    ui,
                    &EmptyState {
                        title: "No recording yet",
                        sentence: "Open a checkpoint and run it on a stimulus.",
                        primary: None,
                        quiet: None,
                    },
                );
            }
        }
    }
}
