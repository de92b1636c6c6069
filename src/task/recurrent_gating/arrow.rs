//! Arrow: an arrow in the middle points at one of the eight digits around it.

use serde::{Deserialize, Serialize};

use super::arrow_shapes::ArrowShapes;
use super::scene::{
    CANVAS, CELL, Colour, cell_digit, check_count, check_sources, on_canvas, over_background, raw_colour,
    scaled,
};
use super::{Mode, Timed, Trial};
use crate::{
    error::{Error, Result},
    rng::{self, Rng},
    stimulus::{DIGIT_CLASSES, Digits, Image},
};

/// Top-left corners of the eight cells around the middle.
pub(super) const AROUND: [[usize; 2]; 8] = [
    [0, 0],
    [0, CELL],
    [0, 2 * CELL],
    [CELL, 0],
    [CELL, 2 * CELL],
    [2 * CELL, 0],
    [2 * CELL, CELL],
    [2 * CELL, 2 * CELL],
];
/// Which arrow, in the order n, e, w, s, ne, nw, se, sw, points at each of them.
pub(super) const ARROW_FOR: [usize; 8] = [5, 0, 4, 2, 1, 7, 3, 6];
/// Top-left corner of the middle cell.
pub(super) const MIDDLE: [usize; 2] = [CELL, CELL];

/// The arrow that points at one of the eight cells.
///
/// # Errors
/// [`Error::Config`] for another cell.
pub fn arrow_towards(shapes: &ArrowShapes, position: usize) -> Result<&Image> {
    match ARROW_FOR.get(position) {
        Some(&direction) => Ok(shapes.cell(direction)),
        None => Err(Error::config("position", "0 to 7", position)),
    }
}

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Arrow {
    pub timesteps: usize,
}

impl Default for Arrow {
    fn default() -> Self {
        Self { timesteps: 3 }
    }
}

/// The random choices of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrowDraws {
    pub target: usize,
    /// The seven others in the order of the cells, without the target's.
    pub distractors: Vec<usize>,
    /// Which of the eight cells holds the target.
    pub position: usize,
    /// Raw colours: arrow, target, then the distractors.
    pub colours: Vec<Colour>,
    /// Raw colour.
    pub background: Colour,
}

impl ArrowDraws {
    /// Draws around the digit `target`; `same_class` allows distractors of its class.
    pub(super) fn draw(digits: &Digits, target: usize, same_class: bool, rng: &mut Rng) -> Result<Self> {
        check_sources(digits, &[target])?;
        let position = rng::index(rng, 0, AROUND.len());
        let colours = (0..9).map(|_| raw_colour(rng)).collect();
        let background = raw_colour(rng);
        let distractors =
            (0..7).map(|_| distractor(digits, target, same_class, rng)).collect::<Result<_>>()?;
        Ok(Self { target, distractors, position, colours, background })
    }

    pub(super) fn check(&self, digits: &Digits) -> Result<()> {
        check_count("drawn distractors", self.distractors.len(), 7)?;
        check_count("drawn colours", self.colours.len(), 9)?;
        check_sources(digits, &self.distractors)?;
        check_sources(digits, &[self.target])?;
        if self.position >= AROUND.len() {
            return Err(Error::config("position", "0 to 7", self.position));
        }
        Ok(())
    }

    /// The digits in their cells: (cell picture, corner, raw colour), target included.
    pub(super) fn cells(&self, digits: &Digits) -> Vec<(Image, [usize; 2], Colour)> {
        let mut others = self.distractors.iter().zip(&self.colours[2..]);
        (AROUND.iter().enumerate())
            .filter_map(|(position, &corner)| {
                let (source, colour) = match position == self.position {
                    true => (self.target, self.colours[1]),
                    false => others.next().map(|(&source, &colour)| (source, colour))?,
                };
                Some((cell_digit(digits, source), corner, colour))
            })
            .collect()
    }

    /// The target alone on the canvas.
    pub(super) fn mask(&self, digits: &Digits) -> Image {
        on_canvas(&cell_digit(digits, self.target), AROUND[self.position])
    }
}

/// A digit of a class drawn uniformly, of another class than `target` unless `same_class`.
pub(super) fn distractor(digits: &Digits, target: usize, same_class: bool, rng: &mut Rng) -> Result<usize> {
    let taken = digits.label(target);
    let class = match same_class {
        true => rng::index(rng, 0, DIGIT_CLASSES) as u32,
        false => {
            let other = rng::index(rng, 0, DIGIT_CLASSES - 1) as u32;
            other + u32::from(other >= taken)
        }
    };
    digits.draw_of_class(class, rng)
}

impl Arrow {
    /// In training no distractor has the target's class, in test it may.
    pub fn draw(&self, digits: &Digits, target: usize, mode: Mode, rng: &mut Rng) -> Result<ArrowDraws> {
        ArrowDraws::draw(digits, target, mode == Mode::Test, rng)
    }

    /// The static grid; mask and label are those of the digit that the arrow points at.
    pub fn compose(&self, digits: &Digits, shapes: &ArrowShapes, draws: &ArrowDraws) -> Result<Trial> {
        draws.check(digits)?;
        let background = scaled(draws.background, 0.5);
        let mut frame = Image::uniform(&background, CANVAS, CANVAS);
        let arrow = (shapes.cell(ARROW_FOR[draws.position]).clone(), MIDDLE, draws.colours[0]);
        for (cell, [top, left], colour) in draws.cells(digits).into_iter().chain([arrow]) {
            frame.paste(&over_background(&cell, colour, background), top as isize, left as isize);
        }
        Ok(Trial {
            frames: Timed::held(frame, self.timesteps),
            masks: Timed::held(draws.mask(digits), self.timesteps),
            labels: vec![digits.label(draws.target); self.timesteps],
            prompt: None,
            components: Vec::new(),
        })
    }
}
