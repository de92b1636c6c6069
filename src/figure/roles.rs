//! What a colour means: six roles, eight categories, and the dash and marker that go with each.

use serde::{Deserialize, Serialize};

use super::colour::{Ground, Rgb, mix, rgb};

/// The only meanings that a hue has outside a colour map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Frames, cue, task, scored time. Only spans and marks, never a data line.
    Stimulus,
    /// Lanes of areas, one dot per unit.
    Recorded,
    /// Intervention spans; branch B of a comparison.
    Intervention,
    Attended,
    Unattended,
    /// Baseline, first pass, whatever the others are compared with.
    Neutral,
}

/// Dash of a line; the second cue beside its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dash {
    Solid,
    Dashed,
    Dotted,
    DashDot,
}

/// Shape of a point; the second cue beside its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Marker {
    Circle,
    Square,
    Diamond,
    TriangleUp,
    TriangleDown,
    Cross,
    Plus,
    Star,
}

/// The colour of a mark, by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ink {
    Role(Role),
    /// One of up to eight units, runs or classes, counted from 0; a ninth repeats the first.
    Category(usize),
    /// The `index`-th of `of` ordered series (passes, epochs): one hue from faint to strong.
    Ordered {
        index: usize,
        of: usize,
    },
    /// The colour of text: axes, medians, points that carry no condition.
    Text,
    /// Secondary text: error bars, reference lines, branch A of a comparison.
    Muted,
}

/// Number of colours in the categorical order.
pub const N_CATEGORIES: usize = 8;

/// Categorical colours on dark and light ground with dash and marker (Okabe-Ito hues, lightness moved).
const CATEGORIES: [(Rgb, Rgb, Dash, Marker); N_CATEGORIES] = [
    (rgb(0x56B4E9), rgb(0x0565B4), Dash::Solid, Marker::Circle),
    (rgb(0xEE9F12), rgb(0xC66A00), Dash::Dashed, Marker::Square),
    (rgb(0x7FE3C0), rgb(0x139467), Dash::Dotted, Marker::Diamond),
    (rgb(0xE56AA6), rgb(0x97266F), Dash::DashDot, Marker::TriangleUp),
    (rgb(0xEDE554), rgb(0x857200), Dash::Dashed, Marker::TriangleDown),
    (rgb(0xFF7A4A), rgb(0x7B1E0A), Dash::Dotted, Marker::Cross),
    (rgb(0x9A86F2), rgb(0x5A45B8), Dash::DashDot, Marker::Plus),
    (rgb(0xC3CAD2), rgb(0x31363C), Dash::Solid, Marker::Star),
];

/// The ground that figures are drawn on: the image ground of the window, or paper.
pub const fn ground_colour(ground: Ground) -> Rgb {
    match ground {
        Ground::Dark => rgb(0x0D0E10),
        Ground::Light => rgb(0xFFFFFF),
    }
}

/// Primary text and axes.
pub const fn text_colour(ground: Ground) -> Rgb {
    match ground {
        Ground::Dark => rgb(0xECEEF0),
        Ground::Light => rgb(0x17191C),
    }
}

/// Secondary text: intervals, counts, reference labels.
pub const fn muted_colour(ground: Ground) -> Rgb {
    match ground {
        Ground::Dark => rgb(0xB4BAC1),
        Ground::Light => rgb(0x4A5159),
    }
}

/// Diagonals of the hatch that stands for "missing" or "not reached yet".
pub const fn hatch_colour(ground: Ground) -> Rgb {
    match ground {
        Ground::Dark => rgb(0x5C646C),
        Ground::Light => rgb(0xC4C9CE),
    }
}

impl Role {
    /// All roles, in the order of the design document.
    pub const ALL: [Self; 6] =
        [Self::Stimulus, Self::Recorded, Self::Intervention, Self::Attended, Self::Unattended, Self::Neutral];

    /// Colour of spans, lines and markers.
    pub const fn colour(self, ground: Ground) -> Rgb {
        let (dark, light) = match self {
            Self::Stimulus => (0xE8DC4A, 0x6E6000),
            Self::Recorded => (0x2DB57A, 0x04705A),
            Self::Intervention => (0xFF9AC6, 0x8C1F72),
            Self::Attended => (0xF5A524, 0xB55A00),
            Self::Unattended => (0x62BDF5, 0x0B66B8),
            Self::Neutral => (0x7F8892, 0x6F7881),
        };
        match ground {
            Ground::Dark => rgb(dark),
            Ground::Light => rgb(light),
        }
    }

    /// The word used in legends and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stimulus => "stimulus",
            Self::Recorded => "recorded",
            Self::Intervention => "intervention",
            Self::Attended => "attended",
            Self::Unattended => "unattended",
            Self::Neutral => "neutral",
        }
    }
}

impl Ink {
    /// Colour of lines, bands and markers.
    pub fn colour(self, ground: Ground) -> Rgb {
        match self {
            Self::Role(role) => role.colour(ground),
            Self::Category(index) => {
                let (dark, light, _, _) = CATEGORIES[index % N_CATEGORIES];
                match ground {
                    Ground::Dark => dark,
                    Ground::Light => light,
                }
            }
            Self::Ordered { index, of } => {
                let strong = Self::Category(0).colour(ground);
                let position = if of < 2 { 1.0 } else { index.min(of - 1) as f64 / (of - 1) as f64 };
                mix(ground_colour(ground), strong, 0.45 + 0.55 * position)
            }
            Self::Text => text_colour(ground),
            Self::Muted => muted_colour(ground),
        }
    }

    /// Colour of words that name the series: as the mark, save where that would be too faint to read.
    pub fn label_colour(self, ground: Ground) -> Rgb {
        match self {
            Self::Role(Role::Neutral) | Self::Ordered { .. } => muted_colour(ground),
            Self::Category(_) if ground == Ground::Light => {
                mix(self.colour(ground), text_colour(ground), 0.18)
            }
            Self::Role(_) | Self::Category(_) | Self::Text | Self::Muted => self.colour(ground),
        }
    }

    pub fn dash(self) -> Dash {
        match self {
            Self::Role(Role::Neutral) => Dash::Dashed,
            Self::Category(index) => CATEGORIES[index % N_CATEGORIES].2,
            Self::Role(_) | Self::Ordered { .. } | Self::Text | Self::Muted => Dash::Solid,
        }
    }

    pub fn marker(self) -> Marker {
        match self {
            Self::Role(Role::Unattended) => Marker::Square,
            Self::Role(Role::Neutral) => Marker::Diamond,
            Self::Category(index) => CATEGORIES[index % N_CATEGORIES].3,
            Self::Role(_) | Self::Ordered { .. } | Self::Text | Self::Muted => Marker::Circle,
        }
    }
}

impl From<Role> for Ink {
    fn from(role: Role) -> Self {
        Self::Role(role)
    }
}

impl Dash {
    /// On and off lengths in points under the 1.8 pt data line of the window; empty when solid.
    /// A line of another width scales them by its width.
    pub const fn pattern(self) -> &'static [f32] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[6.0, 3.0],
            Self::Dotted => &[2.0, 3.0],
            Self::DashDot => &[8.0, 3.0, 2.0, 3.0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::colour::contrast;
    use super::*;

    const WELL: [(Ground, Rgb); 2] = [(Ground::Dark, rgb(0x0D0E10)), (Ground::Light, rgb(0xFFFFFF))];
    const PANEL: [(Ground, Rgb); 2] = [(Ground::Dark, rgb(0x191C1F)), (Ground::Light, rgb(0xF7F8F9))];

    #[test]
    fn roles_have_the_stated_contrast_on_panel() {
        let stated = [(12.0, 5.9), (6.5, 5.7), (8.7, 7.7), (8.4, 4.5), (8.2, 5.5), (4.8, 4.2)];
        for (role, (dark, light)) in Role::ALL.into_iter().zip(stated) {
            for ((ground, panel), expected) in PANEL.into_iter().zip([dark, light]) {
                let found = contrast(role.colour(ground), panel);
                assert!(
                    (found - expected).abs() < 0.06,
                    "{role:?} {ground:?}: {found:.2}, stated {expected}"
                );
            }
        }
    }

    #[test]
    fn role_names_are_readable_as_text() {
        for (ground, surface) in WELL.into_iter().chain(PANEL) {
            for role in Role::ALL {
                let found = contrast(Ink::Role(role).label_colour(ground), surface);
                assert!(found >= 4.45, "{role:?} {ground:?}: {found:.2}");
            }
        }
    }

    #[test]
    fn categories_have_three_to_one_and_their_labels_more() {
        for (ground, well) in WELL {
            for index in 0..N_CATEGORIES {
                let ink = Ink::Category(index);
                assert!(contrast(ink.colour(ground), well) >= 3.0, "{index} {ground:?}");
                let label = contrast(ink.label_colour(ground), well);
                assert!(label >= 4.5, "label {index} {ground:?}: {label:.2}");
            }
            for index in 0..5 {
                let ink = Ink::Ordered { index, of: 5 };
                assert!(contrast(ink.colour(ground), well) >= 2.0, "ordered {index} {ground:?}");
            }
        }
    }

    #[test]
    fn categories_differ_by_dash_or_marker_as_well() {
        let cues: Vec<_> =
            (0..N_CATEGORIES).map(|i| (Ink::Category(i).dash(), Ink::Category(i).marker())).collect();
        for (i, a) in cues.iter().enumerate() {
            assert!(cues[i + 1..].iter().all(|b| a != b));
        }
        assert_eq!(Ink::Category(8).colour(Ground::Light), Ink::Category(0).colour(Ground::Light));
    }

    #[test]
    fn ordered_series_grow_stronger() {
        for (ground, well) in WELL {
            let strengths: Vec<f64> =
                (0..6).map(|index| contrast(Ink::Ordered { index, of: 6 }.colour(ground), well)).collect();
            assert!(strengths.windows(2).all(|pair| pair[0] < pair[1]), "{strengths:?}");
        }
    }
}
