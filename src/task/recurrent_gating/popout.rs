//! Pop-out: eight identical digits and one odd one.

use serde::{Deserialize, Serialize};

use super::arrow::distractor;
use super::scene::{
    CANVAS, CELL, Colour, cell_digit, check_sources, on_canvas, over_background, raw_colour, scaled,
};
use super::{Mode, Timed, Trial};
use crate::{
    error::{Error, Result},
    rng::{self, Rng},
    stimulus::{Digits, Image},
};

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Popout {
    pub timesteps: usize,
}

impl Default for Popout {
    fn default() -> Self {
        Self { timesteps: 2 }
    }
}

/// The random choices of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct PopoutDraws {
    pub odd: usize,
    pub repeated: usize,
    /// Cell of the odd digit, 0 to 8 row by row.
    pub position: usize,
    /// Raw colours of the odd digit and of the others.
    pub colours: [Colour; 2],
    /// Raw colour.
    pub background: Colour,
}

impl Popout {
    /// In training the two digits differ in class, in test they need not.
    pub fn draw(&self, digits: &Digits, odd: usize, mode: Mode, rng: &mut Rng) -> Result<PopoutDraws> {
        check_sources(digits, &[odd])?;
        Ok(PopoutDraws {
            odd,
            repeated: distractor(digits, odd, mode == Mode::Test, rng)?,
            position: rng::index(rng, 0, 9),
            colours: [raw_colour(rng), raw_colour(rng)],
            background: raw_colour(rng),
        })
    }

    /// The static grid; mask and label are those of the odd digit.
    pub fn compose(&self, digits: &Digits, draws: &PopoutDraws) -> Result<Trial> {
        check_sources(digits, &[draws.odd, draws.repeated])?;
        if draws.position >= 9 {
            return Err(Error::config("position", "0 to 8", draws.position));
        }
        let background = scaled(draws.background, 0.5);
        let corner = |position: usize| [position / 3 * CELL, position % 3 * CELL];
        let (odd, repeated) = (cell_digit(digits, draws.odd), cell_digit(digits, draws.repeated));
        let mut frame = Image::zeros(3, CANVAS, CANVAS);
        for position in 0..9 {
            let [top, left] = corner(position);
            let (cell, colour) = match position == draws.position {
                true => (&odd, draws.colours[0]),
                false => (&repeated, draws.colours[1]),
            };
            frame.paste(&over_background(cell, colour, background), top as isize, left as isize);
        }
        Ok(Trial {
            frames: Timed::held(frame, self.timesteps),
            masks: Timed::held(on_canvas(&odd, corner(draws.position)), self.timesteps),
            labels: vec![digits.label(draws.odd); self.timesteps],
            prompt: None,
            components: Vec::new(),
        })
    }
}
