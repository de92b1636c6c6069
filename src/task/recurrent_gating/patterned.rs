//! Recognition of a digit seen through a lattice, and of a digit made of stripes (test only).

use serde::{Deserialize, Serialize};

use super::scene::{
    CANVAS, Colour, LARGE_WARP, by_largest, check_sources, on_canvas, raw_colour, scaled, warped_digit,
};
use super::{Timed, Trial};
use crate::{
    error::{Error, Result},
    rng::{self, Rng},
    stimulus::{Affine, Digits, Image, resize},
};

/// Distance between the bars of the lattice.
const LATTICE: usize = 5;
/// Rows and columns of the striped digit.
const STRIPED: usize = 42;

/// A digit and its background, both black on the lattice (`PatternedRecognition` of the reference).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lattice {
    pub timesteps: usize,
}

/// A digit told from its background by the direction of stripes (`LineRecognition` of the reference).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stripes {
    pub timesteps: usize,
}

impl Default for Lattice {
    fn default() -> Self {
        Self { timesteps: 3 }
    }
}

impl Default for Stripes {
    fn default() -> Self {
        Self { timesteps: 3 }
    }
}

/// The random choices of one trial of [`Lattice`].
#[derive(Clone, Debug, PartialEq)]
pub struct LatticeDraws {
    pub source: usize,
    pub warp: Affine,
    /// Raw colours.
    pub digit: Colour,
    pub background: Colour,
}

/// The random choices of one trial of [`Stripes`].
#[derive(Clone, Debug, PartialEq)]
pub struct StripesDraws {
    pub source: usize,
    /// Raw colour of both digit and background.
    pub colour: Colour,
    /// Whether the background has the vertical stripes.
    pub vertical_ground: bool,
    /// Where the digit's top-left corner is.
    pub corner: [usize; 2],
}

impl Lattice {
    pub fn draw(&self, source: usize, rng: &mut Rng) -> LatticeDraws {
        let warp = LARGE_WARP.draw(CANVAS, CANVAS, rng);
        LatticeDraws { source, warp, digit: raw_colour(rng), background: raw_colour(rng) }
    }

    /// Static; the mask is the whole digit.
    pub fn compose(&self, digits: &Digits, draws: &LatticeDraws) -> Result<Trial> {
        check_sources(digits, &[draws.source])?;
        let digit = warped_digit(digits, draws.source, &draws.warp);
        let colour = by_largest(draws.digit, 1e-6);
        let ground = scaled(by_largest(draws.background, 1e-6), 0.5);
        let mut frame = Image::zeros(3, CANVAS, CANVAS);
        for (channel, (colour, ground)) in colour.into_iter().zip(ground).enumerate() {
            for row in (0..CANVAS).filter(|row| row % LATTICE != 0) {
                for column in (0..CANVAS).filter(|column| column % LATTICE != 0) {
                    let x = digit.at(0, row, column);
                    frame.set(channel, row, column, x * colour + (1.0 - x) * ground);
                }
            }
        }
        Ok(Trial {
            frames: Timed::held(frame, self.timesteps),
            masks: Timed::held(digit.clone(), self.timesteps),
            labels: vec![digits.label(draws.source); self.timesteps],
            prompt: None,
            components: vec![digit],
        })
    }
}

impl Stripes {
    pub fn draw(&self, source: usize, rng: &mut Rng) -> StripesDraws {
        let room = CANVAS - STRIPED;
        StripesDraws {
            source,
            colour: raw_colour(rng),
            vertical_ground: rng::index(rng, 0, 2) == 1,
            corner: [rng::index(rng, 0, room), rng::index(rng, 0, room)],
        }
    }

    /// Static; the mask is the binary digit.
    pub fn compose(&self, digits: &Digits, draws: &StripesDraws) -> Result<Trial> {
        check_sources(digits, &[draws.source])?;
        if draws.corner.iter().any(|&at| at > CANVAS - STRIPED) {
            return Err(Error::config("corner", "at most 54", format!("{:?}", draws.corner)));
        }
        let large = resize(&digits.image(draws.source), STRIPED, STRIPED, true);
        let digit = on_canvas(&large.map(|value| f32::from(value > 0.5)), draws.corner);
        let mut frame = Image::zeros(3, CANVAS, CANVAS);
        for channel in 0..3 {
            for row in 0..CANVAS {
                for column in 0..CANVAS {
                    let inside = digit.at(0, row, column) > 0.0;
                    // Horizontal stripes light even rows, vertical ones even columns.
                    let at = if draws.vertical_ground == inside { row } else { column };
                    let lit = f32::from(at % 2 == 0);
                    frame.set(channel, row, column, draws.colour[channel] * lit);
                }
            }
        }
        Ok(Trial {
            frames: Timed::held(frame, self.timesteps),
            masks: Timed::held(digit.clone(), self.timesteps),
            labels: vec![digits.label(draws.source); self.timesteps],
            prompt: None,
            components: vec![digit],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stimulus::{DIGIT_SIZE, DataIdentity};

    #[test]
    fn stripes_run_one_way_inside_the_digit_and_the_other_way_outside() {
        let full = Digits::new(DataIdentity::default(), vec![255; DIGIT_SIZE * DIGIT_SIZE], vec![3]).unwrap();
        let draws = StripesDraws { source: 0, colour: [1.0; 3], vertical_ground: false, corner: [10, 10] };
        let trial = Stripes::default().compose(&full, &draws).unwrap();
        let frame = trial.frames.at(0);
        // Ground: rows; figure: columns.
        assert_eq!((frame.at(0, 0, 1), frame.at(0, 1, 0)), (1.0, 0.0));
        assert_eq!((frame.at(0, 21, 20), frame.at(0, 20, 21)), (1.0, 0.0));
    }
}
