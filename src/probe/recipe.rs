//! What a probe varies, holds and reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dynamics::Units;
use crate::error::{Error, Result};
use crate::provenance::quoted;

/// The stimulus feature that varies along the axis of a tuning curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    Orientation,
    SpatialFrequency,
    Contrast,
    PositionX,
    PositionY,
    Size,
}

impl Feature {
    pub const ALL: [Self; 6] = [
        Self::Orientation,
        Self::SpatialFrequency,
        Self::Contrast,
        Self::PositionX,
        Self::PositionY,
        Self::Size,
    ];

    /// Name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Orientation => "orientation",
            Self::SpatialFrequency => "spatial_frequency",
            Self::Contrast => "contrast",
            Self::PositionX => "position_x",
            Self::PositionY => "position_y",
            Self::Size => "size",
        }
    }

    /// On axes.
    pub fn label(self) -> &'static str {
        match self {
            Self::Orientation => "Orientation",
            Self::SpatialFrequency => "Spatial frequency",
            Self::Contrast => "Contrast",
            Self::PositionX => "Horizontal position",
            Self::PositionY => "Vertical position",
            Self::Size => "Size",
        }
    }

    /// Unit of its values; empty for a pure number.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Orientation => "°",
            Self::SpatialFrequency => "cycles/px",
            Self::Contrast => "",
            Self::PositionX | Self::PositionY | Self::Size => "px",
        }
    }

    /// Values that cover the feature on a canvas `side` pixels wide.
    pub fn default_values(self, side: usize) -> Vec<f64> {
        let side = side as f64;
        let steps = |from: f64, to: f64, n: u32| {
            (0..n).map(|i| from + (to - from) * f64::from(i) / f64::from(n - 1)).collect::<Vec<_>>()
        };
        match self {
            Self::Orientation => steps(0.0, 180.0, 21),
            Self::SpatialFrequency => steps(0.02, 0.4, 20),
            Self::Contrast => steps(0.0, 1.0, 13),
            Self::PositionX | Self::PositionY => steps(-side / 2.0, side / 2.0, 21),
            Self::Size => steps(2.0, side, 14),
        }
    }
}

impl std::str::FromStr for Feature {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|feature| feature.name() == text);
        found.ok_or_else(|| Error::unknown("probe", text, Self::ALL.map(Self::name)))
    }
}

/// What carries the feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// A light bar with a Gaussian profile on the background.
    #[default]
    Bar,
    /// A sinusoidal grating in a Gaussian window.
    Grating,
}

/// One probe of one area. The same struct serves the window, the command line and the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeRecipe {
    pub feature: Feature,
    /// Values of the feature; empty for the feature's own.
    pub values: Vec<f64>,
    pub area: String,
    pub units: Units,
    /// Names of conditions (see [`Condition`](super::Condition)); empty for the usual ones.
    pub conditions: Vec<String>,
    /// Areas whose units at the same place take part in the summary of the population besides those of
    /// `area`; empty for every area of maps.
    pub other_areas: Vec<String>,
    /// Controls of the model that differ from their defaults, such as the strength of attention.
    pub controls: BTreeMap<String, f64>,
    pub carrier: Carrier,
    /// Degrees, counter-clockwise, where orientation does not vary.
    pub orientation: f64,
    /// Cycles per pixel, where spatial frequency does not vary.
    pub spatial_frequency: f64,
    /// 0 to 1, where contrast does not vary.
    pub contrast: f64,
    /// Length of a bar or extent of a grating in pixels, where size does not vary.
    pub size: f64,
    /// Luminance of the background, 0 to 1.
    pub background: f64,
    /// Standard deviations of a bar's profile in pixels; responses are pooled over them.
    pub widths: Vec<f64>,
    /// Positions per axis that responses are pooled over: this many by this many.
    pub positions: usize,
    /// Distance between those positions in pixels.
    pub spacing: f64,
    /// Phases of a grating in degrees; responses are pooled over them.
    pub phases: Vec<f64>,
    /// Class of the distractor digit that shares the picture (object attention).
    pub distractor: u32,
    /// Task for networks that need one; empty for `Recognition` or the first.
    pub task: String,
    /// Responsive units: maximum over the values above this in both conditions compared.
    pub threshold: f64,
    pub seed: u64,
}

impl Default for ProbeRecipe {
    fn default() -> Self {
        Self {
            feature: Feature::Orientation,
            values: Vec::new(),
            area: String::new(),
            units: Units::all(),
            conditions: Vec::new(),
            other_areas: Vec::new(),
            controls: BTreeMap::new(),
            carrier: Carrier::Bar,
            orientation: 0.0,
            spatial_frequency: 0.125,
            contrast: 1.0,
            size: 20.0,
            background: 0.0,
            widths: vec![0.7, 1.5, 2.4],
            positions: 4,
            spacing: 2.0,
            phases: vec![0.0, 90.0, 180.0, 270.0],
            distractor: 1,
            task: String::new(),
            threshold: 0.0,
            seed: 0,
        }
    }
}

impl ProbeRecipe {
    /// The command that makes this probe of the model at `path`: only what differs from the defaults.
    pub fn command(&self, path: &str) -> String {
        let (values, defaults) = (serde_json::json!(self), serde_json::json!(Self::default()));
        let mut line =
            format!("gainfield probe {} --probe {} --area {}", quoted(path), self.feature.name(), self.area);
        if !self.units.is_all() {
            line += &format!(" --units {}", quoted(&self.units.to_string()));
        }
        for condition in &self.conditions {
            line += &format!(" --condition {condition}");
        }
        let named = ["feature", "area", "units", "conditions"];
        let Some(values) = values.as_object() else { return line };
        for (key, value) in
            values.iter().filter(|(key, value)| !named.contains(&key.as_str()) && **value != defaults[*key])
        {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            line += &format!(" --set {}", quoted(&format!("{key}={text}")));
        }
        line + " --out probe"
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn validate(&self) -> Result<()> {
        let limits = [
            ("contrast", self.contrast, 0.0, 1.0),
            ("background", self.background, 0.0, 1.0),
            ("spatial_frequency", self.spatial_frequency, 0.0, 0.5),
            ("size", self.size, 0.5, 1e4),
            ("spacing", self.spacing, 0.0, 1e4),
            ("orientation", self.orientation, -1e4, 1e4),
            ("threshold", self.threshold, 0.0, f64::MAX),
        ];
        for (field, value, min, max) in limits {
            if !(min..=max).contains(&value) {
                return Err(Error::config(field, format!("{min} to {max}"), value));
            }
        }
        if !(1..=64).contains(&self.positions) {
            return Err(Error::config("positions", "1 to 64 per axis", self.positions));
        }
        for (field, values) in [("widths", &self.widths), ("phases", &self.phases)] {
            if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
                return Err(Error::config(field, "at least one finite number", format!("{values:?}")));
            }
        }
        if let Some(value) = self.values.iter().find(|value| !value.is_finite()) {
            return Err(Error::config("values", "finite numbers", value));
        }
        if self.distractor > 9 {
            return Err(Error::config("distractor", "a digit class, 0 to 9", self.distractor));
        }
        Ok(())
    }
}
