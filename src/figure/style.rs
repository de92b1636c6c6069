//! Sizes of figures on paper and the lengths that go with them, all in points.

/// Points in a millimetre.
pub const PT_PER_MM: f64 = 72.0 / 25.4;

/// Widths that journals ask for.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Width {
    /// 85 mm.
    #[default]
    OneColumn,
    /// 120 mm.
    OneAndAHalf,
    /// 178 mm.
    TwoColumns,
    /// Any other.
    Mm(f64),
}

impl Width {
    /// The presets, in the order in which they are offered.
    pub const PRESETS: [Self; 3] = [Self::OneColumn, Self::OneAndAHalf, Self::TwoColumns];

    pub const fn mm(self) -> f64 {
        match self {
            Self::OneColumn => 85.0,
            Self::OneAndAHalf => 120.0,
            Self::TwoColumns => 178.0,
            Self::Mm(mm) => mm,
        }
    }

    pub fn pt(self) -> f64 {
        self.mm() * PT_PER_MM
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::OneColumn => "one column",
            Self::OneAndAHalf => "1.5 columns",
            Self::TwoColumns => "two columns",
            Self::Mm(_) => "custom",
        }
    }
}

/// Height of a single plot as a part of its width.
pub const HEIGHT_OF_WIDTH: f64 = 0.62;

/// Resolutions offered for PNG: screen-like, default, line art.
pub const DPI: [u32; 3] = [300, 600, 1000];
/// The default of [`DPI`].
pub const DEFAULT_DPI: u32 = 600;

/// Lengths on paper, in points.
pub mod paper {
    /// Labels and ticks.
    pub const TEXT: f64 = 7.0;
    /// Intervals, counts, reference labels: the smallest.
    pub const SMALL: f64 = 6.0;
    /// Panel letters, bold.
    pub const LETTER: f64 = 8.0;
    pub const AXIS: f64 = 0.6;
    pub const DATA: f64 = 1.0;
    pub const GHOST: f64 = 0.7;
    pub const FAINT: f64 = 0.6;
    pub const ERROR_BAR: f64 = 0.4;
    pub const MEDIAN: f64 = 1.2;
    /// On and off of reference lines, which are as thick as axes.
    pub const REFERENCE_DASH: [f64; 2] = [2.0, 1.5];
    /// Diameter of markers.
    pub const MARKER: f64 = 3.0;
    pub const MARKER_STROKE: f64 = 0.75;
    pub const TICK: f64 = 2.5;
    /// Between a tick and its label.
    pub const TICK_GAP: f64 = 2.0;
    /// Between tick labels and the title of the axis.
    pub const TITLE_GAP: f64 = 3.5;
    pub const PANEL_GAP: f64 = 9.0;
    pub const MAP_GAP: f64 = 2.8;
    /// Width of colour bars.
    pub const BAR: f64 = 4.0;
    pub const BAND_OPACITY: f64 = 0.18;
    pub const SPAN_OPACITY: f64 = 0.07;
    pub const FAINT_OPACITY: f64 = 0.22;
    pub const DOT_OPACITY: f64 = 0.55;
    /// Around the whole figure, so that no stroke is cut.
    pub const MARGIN: f64 = 1.5;
}
