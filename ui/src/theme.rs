//! Every colour, spacing and text style of the window: design tokens and their mapping onto egui.

mod fonts;
mod tokens;
mod visuals;

use std::sync::Arc;

use egui::{Color32, Context, FontFamily, FontId, RichText, Theme, Ui};

pub use fonts::{Family, family};
pub use tokens::{DARK, LIGHT, Roles, Tokens, faded};

/// The tokens of the theme that `ui` is painted in.
pub fn tokens(ui: &Ui) -> &'static Tokens {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// Installs fonts and both styles; the theme follows the system until a preference is set.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts::definitions());
    ctx.set_style_of(Theme::Dark, Arc::new(visuals::style(&DARK)));
    ctx.set_style_of(Theme::Light, Arc::new(visuals::style(&LIGHT)));
}

/// The text styles: size in points and weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// 11: axis ticks, counts, hints. Nothing is smaller on screen.
    Caption,
    /// 11 SemiBold: the number in the playhead's flag.
    CaptionStrong,
    /// 12: rows, inspector, toolbars, status, tables.
    Small,
    /// 12 Medium: group names.
    SmallMedium,
    /// 12 SemiBold: names of areas, the winning class.
    SmallStrong,
    /// 13: buttons, tabs, dialogs, long text.
    Body,
    /// 13 SemiBold: active tab, panel title, selected value.
    Strong,
    /// 15 SemiBold: the time in the transport.
    Readout,
    /// 20 SemiBold: one key result per view.
    Stat,
    /// 20 SemiBold: empty states, welcome.
    Title,
    /// 12 mono: paths, hashes, commands, log.
    Mono,
    /// 11 mono: key caps.
    Key,
}

impl Text {
    pub fn font(self) -> FontId {
        let (size, family_of) = match self {
            Self::Caption => (11.0, Family::Ui),
            Self::CaptionStrong => (11.0, Family::UiSemibold),
            Self::Small => (12.0, Family::Ui),
            Self::SmallMedium => (12.0, Family::UiMedium),
            Self::SmallStrong => (12.0, Family::UiSemibold),
            Self::Body => (13.0, Family::Ui),
            Self::Strong => (13.0, Family::UiSemibold),
            Self::Readout => (15.0, Family::UiSemibold),
            Self::Stat | Self::Title => (20.0, Family::UiSemibold),
            Self::Mono => (12.0, Family::Mono),
            Self::Key => (11.0, Family::Mono),
        };
        FontId::new(size, family(family_of))
    }

    /// `text` in this style and `color`.
    pub fn rich(self, text: impl Into<String>, color: Color32) -> RichText {
        RichText::new(text).font(self.font()).color(color)
    }
}

/// The family of icon glyphs, outlined or filled.
pub fn icon_family(fill: bool) -> FontFamily {
    family(if fill { Family::IconFill } else { Family::Icon })
}

/// Measures of the frame, in points (design/look.md 2.2 and 2.3).
pub mod metrics {
    pub const TOP_BAR: f32 = 44.0;
    pub const TAB_BAR: f32 = 30.0;
    pub const TOOLBAR: f32 = 32.0;
    pub const STATUS: f32 = 24.0;
    pub const ROW: f32 = 24.0;
    pub const INSPECTOR_ROW: f32 = 28.0;
    pub const BUTTON: f32 = 28.0;
    pub const BUTTON_SMALL: f32 = 24.0;
    pub const FIELD: f32 = 24.0;
    pub const INSET: f32 = 12.0;
    pub const GAP: f32 = 8.0;
    pub const SPLITTER_HIT: f32 = 7.0;
    pub const LEFT_RANGE: std::ops::RangeInclusive<f32> = 200.0..=420.0;
    pub const PLAYHEAD: f32 = 1.5;
}

/// Corner radii by what they round.
pub mod radius {
    pub const BAR: u8 = 2;
    pub const SPAN: u8 = 3;
    pub const FIELD: u8 = 4;
    pub const BUTTON: u8 = 5;
    pub const SEGMENT: u8 = 6;
    pub const POPUP: u8 = 8;
    pub const PILL: u8 = 255;
}
