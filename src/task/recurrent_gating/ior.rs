//! Inhibition of return: a static scene whose digits are to be visited one after the other.

use serde::{Deserialize, Serialize};

use super::scene::{CANVAS, Scattered, by_largest};
use super::{Timed, Trial};
use crate::{
    error::Result,
    rng::Rng,
    stimulus::{Digits, Image},
};

/// Settings; labels and masks are unordered sets, one entry per digit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ior {
    /// Number of digits.
    pub n_digits: usize,
    /// Timesteps per digit.
    pub n_attend: usize,
    /// Largest shared ink of a digit and those before it, in pixels.
    pub overlap: f64,
}

impl Default for Ior {
    fn default() -> Self {
        Self { n_digits: 3, n_attend: 2, overlap: 1.0 }
    }
}

impl Ior {
    pub fn timesteps(&self) -> usize {
        self.n_digits * self.n_attend
    }

    /// Draws the scene; classes may repeat.
    pub fn draw(&self, digits: &Digits, rng: &mut Rng) -> Result<Scattered> {
        Scattered::draw(digits, self.n_digits, self.overlap, rng, |_, rng| digits.draw(rng))
    }

    /// Later digits cover earlier ones; the masks are those of the uncovered digits.
    pub fn compose(&self, digits: &Digits, draws: &Scattered) -> Result<Trial> {
        let components = draws.components(digits, self.n_digits)?;
        let mut frame = Image::uniform(&draws.background_colour(), CANVAS, CANVAS);
        for (digit, colour) in components.iter().zip(&draws.colours) {
            let colour = by_largest(*colour, 0.0);
            for (plane, colour) in frame.planes_mut().zip(colour) {
                for (value, &x) in plane.iter_mut().zip(digit.plane(0)) {
                    *value = (1.0 - x) * *value + x * colour;
                }
            }
        }
        Ok(Trial {
            frames: Timed::held(frame, self.timesteps()),
            masks: Timed::sequence(components.iter().map(|digit| (digit.clone(), 1))),
            labels: draws.sources.iter().map(|&source| digits.label(source)).collect(),
            prompt: None,
            components,
        })
    }
}
