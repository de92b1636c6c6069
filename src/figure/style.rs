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
