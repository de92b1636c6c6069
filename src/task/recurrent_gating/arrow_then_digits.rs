//! Arrow in time: the arrow first, then arrow and digits, at last the digits alone.

use serde::{Deserialize, Serialize};

use super::arrow::{ARROW_FOR, ArrowDraws, MIDDLE};
use super::arrow_shapes::ArrowShapes;
use super::scene::{CANVAS, Colour, add_coloured, on_canvas, scaled};
use super::{Timed, Trial};
use crate::{
    error::Result,
    rng::Rng,
    stimulus::{Digits, Image},
};

/// Settings (`ArrowCur` of the reference).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArrowThenDigits {
    /// At least 3: arrow, both, digits.
    pub timesteps: usize,
}

impl Default for ArrowThenDigits {
    fn default() -> Self {
        Self { timesteps: 3 }
    }
}

impl ArrowThenDigits {
    /// Distractors never have the target's class.
    pub fn draw(&self, digits: &Digits, target: usize, rng: &mut Rng) -> Result<ArrowDraws> {
        ArrowDraws::draw(digits, target, false, rng)
    }

    /// Each frame is `s + (1 - s) bg` with `s` the coloured sum; the mask is the target throughout.
    pub fn compose(&self, digits: &Digits, shapes: &ArrowShapes, draws: &ArrowDraws) -> Result<Trial> {
        draws.check(digits)?;
        let background = scaled(draws.background, 0.5);
        let coloured = |parts: Vec<(Image, [usize; 2], Colour)>| {
            let mut sum = Image::zeros(3, CANVAS, CANVAS);
            for (cell, corner, colour) in parts {
                add_coloured(&mut sum, &on_canvas(&cell, corner), colour);
            }
            sum
        };
        let arrow =
            coloured(vec![(shapes.cell(ARROW_FOR[draws.position]).clone(), MIDDLE, draws.colours[0])]);
        let others = coloured(draws.cells(digits));
        let mut both = arrow.clone();
        both.add(&others);
        let frame = |sum: &Image| {
            let mut out = sum.clone();
            for (plane, background) in out.planes_mut().zip(background) {
                for value in plane {
                    *value += (1.0 - *value) * background;
                }
            }
            out
        };
        let between = self.timesteps.saturating_sub(2);
        Ok(Trial {
            frames: Timed::sequence([(frame(&arrow), 1), (frame(&both), between), (frame(&others), 1)]),
            masks: Timed::held(draws.mask(digits), self.timesteps),
            labels: vec![digits.label(draws.target); self.timesteps],
            prompt: None,
            components: vec![arrow, others],
        })
    }
}
