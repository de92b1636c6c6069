//! Colour maps as tables of 256, and the ranges that values are shown over.

use std::sync::LazyLock;

use super::cmap_tables;
use super::colour::{Ground, Rgb, mix, rgb};

/// 256 colours from the low to the high end.
pub type Table = [Rgb; 256];

/// A named colour map. Jet, turbo and rainbow are not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ColourMap {
    /// Responses, probabilities, dissimilarities.
    #[default]
    Viridis,
    Magma,
    Cividis,
    /// Images.
    Grey,
    /// Gain and attention masks: suppressed dark, neutral grey, enhanced bright.
    Gain,
    /// Signed values around zero; its centre is the ground it is drawn on.
    Change,
    /// Angles: both ends are the same colour.
    Twilight,
}

const GAIN: [Rgb; 5] = [rgb(0x08265C), rgb(0x2A5A9C), rgb(0x8A8C8E), rgb(0xDD8A1A), rgb(0xFFE9B8)];
const CHANGE_LIGHT: [Rgb; 7] =
    [rgb(0x08306B), rgb(0x1F6FB5), rgb(0x7DB8E8), rgb(0xF3F2EF), rgb(0xF6B653), rgb(0xC96A00), rgb(0x6B2C00)];
const CHANGE_DARK: [Rgb; 7] =
    [rgb(0x9AD4FF), rgb(0x3D97D8), rgb(0x1B4F7C), rgb(0x16181B), rgb(0x7A4508), rgb(0xDB8A12), rgb(0xFFD98A)];

static VIRIDIS: Table = published(cmap_tables::VIRIDIS);
static MAGMA: Table = published(cmap_tables::MAGMA);
static CIVIDIS: Table = published(cmap_tables::CIVIDIS);
static TWILIGHT: Table = published(cmap_tables::TWILIGHT);
static GREY_TABLE: LazyLock<Table> = LazyLock::new(|| std::array::from_fn(|i| [i as u8; 3]));
static GAIN_TABLE: LazyLock<Table> = LazyLock::new(|| through(&GAIN));
static CHANGE_LIGHT_TABLE: LazyLock<Table> = LazyLock::new(|| through(&CHANGE_LIGHT));
static CHANGE_DARK_TABLE: LazyLock<Table> = LazyLock::new(|| through(&CHANGE_DARK));

const fn digit(byte: u8) -> u8 {
    if byte.is_ascii_digit() { byte - b'0' } else { byte - b'a' + 10 }
}

/// Decodes 256 × `rrggbb`; a table of another length does not compile.
const fn published(hex: &str) -> Table {
    let bytes = hex.as_bytes();
    assert!(bytes.len() == 256 * 6);
    let mut table = [[0; 3]; 256];
    let mut i = 0;
    while i < 256 * 3 {
        table[i / 3][i % 3] = digit(bytes[2 * i]) * 16 + digit(bytes[2 * i + 1]);
        i += 1;
    }
    table
}

/// Linear in sRGB through equally spaced stops.
fn through(stops: &[Rgb]) -> Table {
    std::array::from_fn(|i| {
        let position = i as f64 / 255.0 * (stops.len() - 1) as f64;
        let from = (position as usize).min(stops.len() - 2);
        mix(stops[from], stops[from + 1], position - from as f64)
    })
}

impl ColourMap {
    /// All maps, in the order in which they are offered.
    pub const ALL: [Self; 7] =
        [Self::Viridis, Self::Magma, Self::Cividis, Self::Grey, Self::Gain, Self::Change, Self::Twilight];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Viridis => "viridis",
            Self::Magma => "magma",
            Self::Cividis => "cividis",
            Self::Grey => "grey",
            Self::Gain => "gain",
            Self::Change => "change",
            Self::Twilight => "twilight",
        }
    }

    /// The 256 colours; only [`ColourMap::Change`] depends on the ground.
    pub fn table(self, ground: Ground) -> &'static Table {
        match (self, ground) {
            (Self::Viridis, _) => &VIRIDIS,
            (Self::Magma, _) => &MAGMA,
            (Self::Cividis, _) => &CIVIDIS,
            (Self::Grey, _) => &GREY_TABLE,
            (Self::Gain, _) => &GAIN_TABLE,
            (Self::Change, Ground::Light) => &CHANGE_LIGHT_TABLE,
            (Self::Change, Ground::Dark) => &CHANGE_DARK_TABLE,
            (Self::Twilight, _) => &TWILIGHT,
        }
    }

    /// The value that belongs in the middle of a symmetric range: 0 for changes, 1 for gains.
    pub const fn centre(self) -> Option<f64> {
        match self {
            Self::Change => Some(0.0),
            Self::Gain => Some(1.0),
            Self::Viridis | Self::Magma | Self::Cividis | Self::Grey | Self::Twilight => None,
        }
    }

    /// The range to show `values` over unless the reader sets one: symmetric around the
    /// centre of a diverging map, a full turn for angles in degrees of period 180, else
    /// 0 to the 99.8th percentile. `None` if no value is finite.
    pub fn default_range(self, values: &[f32]) -> Option<[f64; 2]> {
        match (self, self.centre()) {
            (_, Some(centre)) => symmetric_range(values, centre),
            (Self::Twilight, None) => Some([0.0, 180.0]),
            (_, None) => percentile_range(values, 99.8),
        }
    }
}

/// Where a value lies within `[low, high]`, `0..=1`, values outside clipped; `None` for NaN.
/// An infinity is clipped as the large value that it stands for.
pub fn fraction(value: f64, [low, high]: [f64; 2]) -> Option<f64> {
    if value.is_nan() {
        return None;
    }
    let span = high - low;
    Some(if span > 0.0 { ((value - low) / span).clamp(0.0, 1.0) } else { 0.0 })
}

/// The nearest of the 256 entries; `None` for NaN, which is hatched and never given the low colour.
pub fn sample(table: &Table, value: f64, range: [f64; 2]) -> Option<Rgb> {
    fraction(value, range).map(|at| table[(at * 255.0).round() as usize])
}

/// 0 to the `percent`-th percentile of the finite values (linear interpolation), or to the
/// maximum where that percentile is 0. From the minimum instead of 0 where it is negative.
pub fn percentile_range(values: &[f32], percent: f64) -> Option<[f64; 2]> {
    let mut finite: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    finite.sort_by(f32::total_cmp);
    let (&min, &max) = (finite.first()?, finite.last()?);
    let at = percent.clamp(0.0, 100.0) / 100.0 * (finite.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(finite.len() - 1);
    let (a, b) = (f64::from(finite[below]), f64::from(finite[above]));
    let low = f64::from(min).min(0.0);
    let high = a + (b - a) * at.fract();
    let high = if high > low { high } else { f64::from(max) };
    Some(if high > low { [low, high] } else { [low, low + 1.0] })
}

/// `centre` ± the largest finite distance from it.
pub fn symmetric_range(values: &[f32], centre: f64) -> Option<[f64; 2]> {
    let distances = values.iter().filter(|v| v.is_finite()).map(|&v| (f64::from(v) - centre).abs());
    let widest = distances.reduce(f64::max)?;
    let widest = if widest > 0.0 { widest } else { 1.0 };
    Some([centre - widest, centre + widest])
}

/// Which ends of a range some value lies beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Clipped {
    pub low: bool,
    pub high: bool,
}

impl Clipped {
    pub fn of(values: &[f32], [low, high]: [f64; 2]) -> Self {
        // A range read from the data in f64 must not flag its own end.
        let slack = (high - low).abs() * 1e-6;
        Self {
            low: values.iter().any(|&v| f64::from(v) < low - slack),
            high: values.iter().any(|&v| f64::from(v) > high + slack),
        }
    }

    pub fn or(self, other: Self) -> Self {
        Self { low: self.low || other.low, high: self.high || other.high }
    }
}

#[cfg(test)]
mod tests {
    use super::super::colour::{chroma, oklab};
    use super::*;

    const GROUNDS: [Ground; 2] = [Ground::Dark, Ground::Light];

    #[test]
    fn the_published_tables_have_their_published_entries() {
        let ends = |map: ColourMap| (map.table(Ground::Light)[0], map.table(Ground::Light)[255]);
        assert_eq!(ends(ColourMap::Viridis), (rgb(0x440154), rgb(0xFDE725)));
        assert_eq!(ColourMap::Viridis.table(Ground::Dark)[128], rgb(0x21918C));
        assert_eq!(ends(ColourMap::Magma), (rgb(0x000004), rgb(0xFCFDBF)));
        assert_eq!(ends(ColourMap::Cividis), (rgb(0x00224E), rgb(0xFEE838)));
        assert_eq!(ends(ColourMap::Twilight), (rgb(0xE2D9E2), rgb(0xE2D9E2)));
        assert_eq!(ends(ColourMap::Grey), ([0; 3], [255; 3]));
        assert_eq!(ends(ColourMap::Gain), (rgb(0x08265C), rgb(0xFFE9B8)));
    }

    #[test]
    fn lightness_never_falls() {
        use ColourMap::{Cividis, Gain, Grey, Magma, Viridis};
        for map in [Viridis, Magma, Cividis, Grey, Gain] {
            let table = map.table(Ground::Light);
            for (i, pair) in table.windows(2).enumerate() {
                let rise = oklab(pair[1])[0] - oklab(pair[0])[0];
                // Half a step of 8 bits: what rounding alone may take (0.0003 in viridis as published).
                assert!(rise > -2e-3, "{} falls at {i} by {rise}", map.name());
            }
            for (i, pair) in table.iter().step_by(5).collect::<Vec<_>>().windows(2).enumerate() {
                assert!(oklab(*pair[1])[0] > oklab(*pair[0])[0], "{} falls near {}", map.name(), 5 * i);
            }
        }
    }

    #[test]
    fn diverging_centres_are_achromatic() {
        for map in [ColourMap::Change, ColourMap::Gain] {
            for ground in GROUNDS {
                for i in [127, 128] {
                    let found = chroma(map.table(ground)[i]);
                    assert!(found < 0.02, "{} {ground:?} [{i}]: chroma {found}", map.name());
                }
            }
        }
    }

    #[test]
    fn change_darkens_or_brightens_away_from_its_centre() {
        for (ground, sign) in [(Ground::Light, -1.0), (Ground::Dark, 1.0)] {
            let table = ColourMap::Change.table(ground);
            let lightness = |i: usize| oklab(table[i])[0];
            assert!(sign * (lightness(0) - lightness(127)) > 0.3);
            assert!(sign * (lightness(255) - lightness(127)) > 0.3);
        }
    }

    #[test]
    fn ranges_ignore_what_is_not_finite() {
        let values = [f32::NAN, 0.0, 1.0, 2.0, 3.0, 4.0, f32::INFINITY];
        assert_eq!(percentile_range(&values, 100.0), Some([0.0, 4.0]));
        assert_eq!(percentile_range(&values, 50.0), Some([0.0, 2.0]));
        assert_eq!(percentile_range(&[-2.0, 2.0], 100.0), Some([-2.0, 2.0]));
        assert_eq!(percentile_range(&[0.0; 9], 99.8), Some([0.0, 1.0]));
        assert_eq!(percentile_range(&[f32::NAN], 99.8), None);
        assert_eq!(symmetric_range(&[f32::NAN, 0.5, 1.2], 1.0), Some([0.5, 1.5]));
        assert_eq!(ColourMap::Change.default_range(&[0.5, -2.0]), Some([-2.0, 2.0]));
    }

    #[test]
    fn one_outlier_does_not_set_the_range() {
        let mut values = vec![1.0; 10_000];
        values[77] = 1e6;
        assert_eq!(percentile_range(&values, 99.8), Some([0.0, 1.0]));
        assert_eq!(Clipped::of(&values, [0.0, 1.0]), Clipped { low: false, high: true });
    }

    #[test]
    fn sampling_takes_the_nearest_entry_and_leaves_nan_out() {
        let grey = ColourMap::Grey.table(Ground::Light);
        assert_eq!(sample(grey, 0.5, [0.0, 1.0]), Some([128; 3]));
        assert_eq!(sample(grey, -9.0, [0.0, 1.0]), Some([0; 3]));
        assert_eq!(sample(grey, f64::INFINITY, [0.0, 1.0]), Some([255; 3]));
        assert_eq!(sample(grey, f64::NAN, [0.0, 1.0]), None);
        assert_eq!(sample(grey, 3.0, [3.0, 3.0]), Some([0; 3]));
    }
}
