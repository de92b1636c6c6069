//! The icon glyphs (Phosphor) by what they stand for.

use egui::{Align2, Color32, FontId, Painter, Pos2, RichText};

use crate::theme;

/// One glyph, outlined or filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icon {
    glyph: char,
    fill: bool,
}

impl Icon {
    const fn regular(glyph: char) -> Self {
        Self { glyph, fill: false }
    }

    const fn filled(glyph: char) -> Self {
        Self { glyph, fill: true }
    }

    pub fn font(self, size: f32) -> FontId {
        FontId::new(size, theme::icon_family(self.fill))
    }

    pub fn text(self) -> String {
        self.glyph.to_string()
    }

    pub fn rich(self, size: f32, color: Color32) -> RichText {
        RichText::new(self.text()).font(self.font(size)).color(color)
    }

    /// Paints the glyph with its middle at `center`.
    pub fn paint(self, painter: &Painter, center: Pos2, size: f32, color: Color32) {
        painter.text(center, Align2::CENTER_CENTER, self.glyph, self.font(size), color);
    }
}

pub const PLAY: Icon = Icon::filled('\u{E3D0}');
pub const PAUSE: Icon = Icon::filled('\u{E39E}');
pub const STOP: Icon = Icon::filled('\u{E46C}');
pub const STEP_BACK: Icon = Icon::regular('\u{E138}');
pub const STEP_FORWARD: Icon = Icon::regular('\u{E13A}');
pub const TO_START: Icon = Icon::filled('\u{E5A4}');
pub const TO_END: Icon = Icon::filled('\u{E5A6}');
pub const LOOP: Icon = Icon::regular('\u{E3F6}');
pub const CARET_UP: Icon = Icon::regular('\u{E13C}');
pub const CARET_DOWN: Icon = Icon::regular('\u{E136}');
pub const CARET_RIGHT: Icon = Icon::regular('\u{E13A}');
pub const BRANCH: Icon = Icon::regular('\u{E278}');
pub const DIFF: Icon = Icon::regular('\u{E27C}');
pub const SILENCE: Icon = Icon::regular('\u{E3DE}');
pub const NOISE: Icon = Icon::regular('\u{EA9A}');
pub const CURRENT: Icon = Icon::regular('\u{E2DE}');
pub const MODEL: Icon = Icon::regular('\u{E74E}');
pub const STIMULUS: Icon = Icon::regular('\u{E2CA}');
pub const STIMULUS_SET: Icon = Icon::regular('\u{E466}');
pub const RECORDING: Icon = Icon::regular('\u{E3EE}');
pub const PROBE: Icon = Icon::regular('\u{E154}');
pub const GRID: Icon = Icon::regular('\u{EC8C}');
pub const GRAPH: Icon = Icon::regular('\u{EB58}');
pub const TABLE: Icon = Icon::regular('\u{E476}');
pub const UNIT: Icon = Icon::regular('\u{E1D8}');
pub const EXPORT: Icon = Icon::regular('\u{EAF0}');
pub const SAVE: Icon = Icon::regular('\u{E248}');
pub const COPY: Icon = Icon::regular('\u{E1CA}');
pub const COMMAND_LINE: Icon = Icon::regular('\u{E47E}');
pub const LINK: Icon = Icon::regular('\u{E2E6}');
pub const LOCK: Icon = Icon::regular('\u{E308}');
pub const PIN: Icon = Icon::regular('\u{E3E2}');
pub const SEARCH: Icon = Icon::regular('\u{E30C}');
pub const ADD: Icon = Icon::regular('\u{E3D4}');
pub const CLOSE: Icon = Icon::regular('\u{E4F6}');
pub const SHOW: Icon = Icon::regular('\u{E220}');
pub const HIDE: Icon = Icon::regular('\u{E224}');
pub const DELETE: Icon = Icon::regular('\u{E4A6}');
pub const OK: Icon = Icon::filled('\u{E184}');
pub const WARNING: Icon = Icon::filled('\u{E4E0}');
pub const ERROR: Icon = Icon::filled('\u{E4E2}');
pub const INFO: Icon = Icon::regular('\u{E2CE}');
pub const RANDOM: Icon = Icon::regular('\u{E1EE}');
pub const SHUFFLE: Icon = Icon::regular('\u{E422}');
pub const SETTINGS: Icon = Icon::regular('\u{E272}');
pub const KEYS: Icon = Icon::regular('\u{E2D8}');
pub const DEVICE: Icon = Icon::regular('\u{E610}');
pub const MEMORY: Icon = Icon::regular('\u{E2A0}');
pub const UNDO: Icon = Icon::regular('\u{E038}');
pub const SWAP: Icon = Icon::regular('\u{E83C}');
pub const MENU: Icon = Icon::regular('\u{E208}');
pub const REDO: Icon = Icon::regular('\u{E036}');
pub const CHECK: Icon = Icon::regular('\u{E182}');
pub const SLIDERS: Icon = Icon::regular('\u{E434}');
