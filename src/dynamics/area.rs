//! Areas: the named stages of a network that can be recorded, probed and intervened on.

use serde::Serialize;

use crate::error::{Error, Result};

/// A named stage, for example `conv2`, or a gain map that multiplies the input of one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Area {
    /// The source's own name.
    pub name: String,
    /// Shape of one trial: `[channels, height, width]` or `[units]`.
    pub shape: Vec<usize>,
    pub kind: AreaKind,
}

/// What the numbers of an area are.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AreaKind {
    /// Responses, after the nonlinearity.
    Activity,
    /// A map that multiplies something.
    Gain(GainRule),
    /// A map of zeros and ones that closes and opens units of an area.
    Gate { target: String },
    /// Vectors carried from step to step or between the streams.
    Hidden,
}

/// How a gain map multiplies: `target * (1 + sign * control * map)`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GainRule {
    /// What is multiplied: an area's name, or `input`.
    pub target: String,
    /// +1 where a high map enhances, -1 where it suppresses.
    pub sign: f64,
    /// Name of the [`Control`](super::Control) that scales it.
    pub control: String,
}

impl Area {
    pub fn new(name: impl Into<String>, shape: &[usize], kind: AreaKind) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), kind }
    }

    pub fn activity(name: impl Into<String>, shape: &[usize]) -> Self {
        Self::new(name, shape, AreaKind::Activity)
    }

    /// Units of one trial.
    pub fn n_units(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_gain(&self) -> bool {
        matches!(self.kind, AreaKind::Gain(_))
    }

    /// Is it a map of gains or a gate?
    pub fn multiplies(&self) -> bool {
        matches!(self.kind, AreaKind::Gain(_) | AreaKind::Gate { .. })
    }

    /// `[channels, height, width]`; a vector area is `[units, 1, 1]`.
    pub fn map_shape(&self) -> [usize; 3] {
        match *self.shape.as_slice() {
            [channels, height, width] => [channels, height, width],
            _ => [self.n_units(), 1, 1],
        }
    }
}

/// Position of the area called `name`.
///
/// # Errors
/// [`Error::Unknown`] with the names there are.
pub fn find_area(areas: &[Area], name: &str) -> Result<usize> {
    areas
        .iter()
        .position(|area| area.name == name)
        .ok_or_else(|| Error::unknown("area", name, areas.iter().map(|area| area.name.clone())))
}
