//! What the tasks are composed of.

use super::{ArrowShapes, psychophysics::GaborTable, shape_drawings::ShapeDrawings};
use crate::{
    error::Result,
    stimulus::{DataIdentity, Digits},
};

/// Digits, drawings and patches. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Materials {
    /// Empty for tasks without digits.
    pub digits: Digits,
    pub arrows: ArrowShapes,
    pub shapes: ShapeDrawings,
    pub gabors: GaborTable,
}

impl Materials {
    /// Digits with our own drawings.
    pub fn of_digits(digits: Digits) -> Self {
        Self {
            digits,
            arrows: ArrowShapes::drawn(),
            shapes: ShapeDrawings::drawn(),
            gabors: GaborTable::default(),
        }
    }

    /// Our own drawings, for tasks without digits.
    ///
    /// # Errors
    /// Those of an empty set of digits.
    pub fn without_digits() -> Result<Self> {
        let none = Digits::new(DataIdentity::procedural("drawn stimuli"), Vec::new(), Vec::new())?;
        Ok(Self::of_digits(none))
    }
}
