//! What the window remembers between sessions.

use egui::ThemePreference;
use serde::{Deserialize, Serialize};

use crate::command::Layout;

/// Key under which the settings are stored; the number rises when their meaning changes.
pub const KEY: &str = "gainfield.settings.v1";

/// Choices about the window itself. Not part of the document, not undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub layout: Layout,
    pub theme: ThemePreference,
    pub zoom: f32,
    pub reduced_motion: bool,
    pub left_width: f32,
    /// Height of the timeline where it is expanded.
    pub timeline_height: f32,
    /// Whether the timeline is collapsed, per layout.
    pub timeline_collapsed: [bool; 3],
    /// Bytes a recording may take.
    pub recording_budget: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            layout: Layout::Step,
            theme: ThemePreference::System,
            zoom: 1.0,
            reduced_motion: false,
            left_width: 252.0,
            timeline_height: 292.0,
            timeline_collapsed: [false, true, true],
            recording_budget: 512 << 20,
        }
    }
}

impl Settings {
    /// The same with every number in its range, whatever the stored text said.
    pub fn sane(mut self) -> Self {
        let default = Self::default();
        let within = |value: f32, low: f32, high: f32, other: f32| {
            if value.is_finite() { value.clamp(low, high) } else { other }
        };
        self.zoom = within(self.zoom, 0.7, 2.0, default.zoom);
        self.left_width = within(self.left_width, 200.0, 420.0, default.left_width);
        self.timeline_height = within(self.timeline_height, 120.0, 600.0, default.timeline_height);
        self.recording_budget = self.recording_budget.clamp(16 << 20, 64 << 30);
        self
    }

    pub fn is_timeline_collapsed(&self) -> bool {
        self.timeline_collapsed[self.layout as usize]
    }

    pub fn toggle_timeline(&mut self) {
        let collapsed = &mut self.timeline_collapsed[self.layout as usize];
        *collapsed = !*collapsed;
    }

    /// Width of the left column in the layout in force: the form of Train is wider.
    pub fn left_column(&self) -> f32 {
        if self.layout == Layout::Train { self.left_width + 24.0 } else { self.left_width }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_nonsense_becomes_usable() {
        let settings = Settings { zoom: f32::NAN, left_width: -5.0, ..Settings::default() }.sane();
        assert_eq!((settings.zoom, settings.left_width), (1.0, 200.0));
    }
}
