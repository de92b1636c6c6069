//! The two palettes: surfaces, text, states, roles and categorical colours (design/look.md 3).

use egui::Color32;
use gainfield::figure::{Ground, Role};

/// The colours of one theme.
#[derive(Debug, PartialEq)]
pub struct Tokens {
    pub dark: bool,
    /// Ground of images and fields.
    pub well: Color32,
    /// Window, tab bar, timeline.
    pub base: Color32,
    /// Views and the side column.
    pub panel: Color32,
    /// Buttons and tracks.
    pub raised: Color32,
    /// Menus, tooltips, toasts.
    pub overlay: Color32,
    pub hover: Color32,
    /// Pressed, slider rail, chosen segment.
    pub active: Color32,
    /// Spans of the timeline that carry no role, and those that matter more.
    pub span: Color32,
    pub span_strong: Color32,
    /// A selected row that holds text.
    pub sel: Color32,
    /// Primary button, toggle that is on.
    pub fill: Color32,
    /// Text on `fill`.
    pub on_fill: Color32,
    pub focus: Color32,
    pub playhead: Color32,
    pub text: Color32,
    pub text2: Color32,
    pub text3: Color32,
    pub disabled: Color32,
    pub accent: Color32,
    pub warn: Color32,
    pub err: Color32,
    pub ok: Color32,
    /// Border of check boxes and toggles, inactive bars.
    pub control: Color32,
    pub line: Color32,
    pub line_strong: Color32,
    /// Strokes of the hatching over what is missing.
    pub hatch: Color32,
    /// Shadow of popups.
    pub shadow: Color32,
    /// Ground of a legend that lies on an image, either theme.
    pub image_chip: Color32,
    /// The playhead across a map, either theme.
    pub playhead_on_map: Color32,
    /// Halo of rings on maps, either theme.
    pub image_halo: Color32,
    /// Text on `image_chip`.
    pub on_image: Color32,
    pub roles: Roles,
    /// Units, runs, classes, in order.
    pub categorical: [Color32; 8],
}

/// The only meanings that a hue has outside a colour map.
#[derive(Debug, PartialEq)]
pub struct Roles {
    pub stimulus: Color32,
    pub recorded: Color32,
    pub intervention: Color32,
    pub attended: Color32,
    pub unattended: Color32,
    pub neutral: Color32,
    /// Lines over images, which are dark in either theme.
    pub attended_on_image: Color32,
    pub stimulus_on_image: Color32,
}

impl Tokens {
    /// Categorical colour `i`; beyond eight it starts again, where dash and marker must tell.
    pub fn category(&self, i: usize) -> Color32 {
        self.categorical[i % self.categorical.len()]
    }
}

/// `color` at `opacity` in 0 to 1, over whatever is below.
pub fn faded(color: Color32, opacity: f32) -> Color32 {
    color.gamma_multiply(opacity)
}

const fn role(role: Role, ground: Ground) -> Color32 {
    let [r, g, b] = role.colour(ground);
    Color32::from_rgb(r, g, b)
}

const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

pub const DARK: Tokens = Tokens {
    dark: true,
    well: hex(0x0D0E10),
    base: hex(0x131517),
    panel: hex(0x191C1F),
    raised: hex(0x22262A),
    overlay: hex(0x2A2F34),
    hover: hex(0x2E3439),
    active: hex(0x383F46),
    span: hex(0x22262A),
    span_strong: hex(0x383F46),
    sel: hex(0x2A2F57),
    fill: hex(0x5661D6),
    on_fill: hex(0xFFFFFF),
    focus: hex(0xB9C0FF),
    playhead: hex(0xFFFFFF),
    text: hex(0xECEEF0),
    text2: hex(0xB4BAC1),
    text3: hex(0x8E969E),
    disabled: hex(0x5C646C),
    accent: hex(0x9AA5FF),
    warn: hex(0xF4C04E),
    err: hex(0xFF7B72),
    ok: hex(0x5CCB8B),
    control: hex(0x6B747D),
    line: hex(0x2D3237),
    line_strong: hex(0x4A525A),
    hatch: hex(0x5C646C),
    shadow: Color32::from_black_alpha(128),
    image_chip: Color32::from_black_alpha(140),
    playhead_on_map: hex(0xFFFFFF),
    image_halo: Color32::from_black_alpha(178),
    on_image: hex(0xECEEF0),
    roles: Roles {
        stimulus: role(Role::Stimulus, Ground::Dark),
        recorded: role(Role::Recorded, Ground::Dark),
        intervention: role(Role::Intervention, Ground::Dark),
        attended: role(Role::Attended, Ground::Dark),
        unattended: role(Role::Unattended, Ground::Dark),
        neutral: role(Role::Neutral, Ground::Dark),
        attended_on_image: role(Role::Attended, Ground::Dark),
        stimulus_on_image: role(Role::Stimulus, Ground::Dark),
    },
    categorical: [
        hex(0x56B4E9),
        hex(0xEE9F12),
        hex(0x7FE3C0),
        hex(0xE56AA6),
        hex(0xEDE554),
        hex(0xFF7A4A),
        hex(0x9A86F2),
        hex(0xC3CAD2),
    ],
};

pub const LIGHT: Tokens = Tokens {
    dark: false,
    well: hex(0xFFFFFF),
    base: hex(0xEBEDF0),
    panel: hex(0xF7F8F9),
    raised: hex(0xFFFFFF),
    overlay: hex(0xFFFFFF),
    hover: hex(0xE6E9EC),
    active: hex(0xD9DDE2),
    span: hex(0xD9DDE2),
    span_strong: hex(0xB3BAC1),
    sel: hex(0xDFE2FB),
    fill: hex(0x4450C4),
    on_fill: hex(0xFFFFFF),
    focus: hex(0x4450C4),
    playhead: hex(0x17191C),
    text: hex(0x17191C),
    text2: hex(0x454C54),
    text3: hex(0x626A72),
    disabled: hex(0xA0A7AE),
    accent: hex(0x4450C4),
    warn: hex(0x8A5A00),
    err: hex(0xBF2B26),
    ok: hex(0x1B7A48),
    control: hex(0x7E868E),
    line: hex(0xDADEE2),
    line_strong: hex(0xB3BAC1),
    hatch: hex(0xC4C9CE),
    shadow: Color32::from_rgba_premultiplied(4, 4, 5, 46),
    image_chip: Color32::from_black_alpha(140),
    playhead_on_map: hex(0xFFFFFF),
    image_halo: Color32::from_black_alpha(178),
    on_image: hex(0xECEEF0),
    roles: Roles {
        stimulus: role(Role::Stimulus, Ground::Light),
        recorded: role(Role::Recorded, Ground::Light),
        intervention: role(Role::Intervention, Ground::Light),
        attended: role(Role::Attended, Ground::Light),
        unattended: role(Role::Unattended, Ground::Light),
        neutral: role(Role::Neutral, Ground::Light),
        attended_on_image: role(Role::Attended, Ground::Dark),
        stimulus_on_image: role(Role::Stimulus, Ground::Dark),
    },
    categorical: [
        hex(0x0565B4),
        hex(0xC66A00),
        hex(0x139467),
        hex(0x97266F),
        hex(0x857200),
        hex(0x7B1E0A),
        hex(0x5A45B8),
        hex(0x31363C),
    ],
};

#[cfg(test)]
mod tests {
    use gainfield::figure::Ink;

    use super::*;

    #[test]
    fn categories_are_those_of_the_figures() {
        for (tokens, ground) in [(&DARK, Ground::Dark), (&LIGHT, Ground::Light)] {
            for (i, category) in tokens.categorical.iter().enumerate() {
                let [r, g, b] = Ink::Category(i).colour(ground);
                assert_eq!(*category, Color32::from_rgb(r, g, b), "{i} {ground:?}");
            }
        }
    }
}
