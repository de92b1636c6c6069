//! What several tasks are composed of: warped digits, colours, cells, the overlap rule.

use crate::{
    error::{Error, Result},
    rng::{self, Rng},
    stimulus::{Affine, AffineRange, Digits, Image},
};

/// Rows and columns of a frame.
pub const CANVAS: usize = 96;
/// Rows and columns of a cell of the 3x3 grid.
pub const CELL: usize = CANVAS / 3;
/// Zeros around a digit before it is warped.
const DIGIT_MARGIN: usize = 34;
/// Zeros around a digit in a cell.
const CELL_MARGIN: usize = 2;
/// Attempts at placing a digit without too much overlap.
const ATTEMPTS: usize = 17;

/// The warp of digits in a scene.
pub const SCENE_WARP: AffineRange = AffineRange { deg: 15.0, shift: 0.3, scale: [0.9, 1.1] };
/// The warp of a single large digit.
pub const LARGE_WARP: AffineRange = AffineRange { deg: 15.0, shift: 0.3, scale: [1.3, 1.5] };

/// Red, green, blue.
pub type Colour = [f32; 3];

/// Three uniform numbers.
pub fn raw_colour(rng: &mut Rng) -> Colour {
    std::array::from_fn(|_| rng::uniform(rng) as f32)
}

/// The colour times `factor`.
pub fn scaled(colour: Colour, factor: f32) -> Colour {
    colour.map(|value| value * factor)
}

/// The colour divided by its largest component plus `epsilon`.
pub fn by_largest(colour: Colour, epsilon: f32) -> Colour {
    let largest = colour.into_iter().fold(f32::NEG_INFINITY, f32::max) + epsilon;
    colour.map(|value| value / largest)
}

/// A digit in the middle of the canvas, then warped, `[1, 96, 96]`.
pub fn warped_digit(digits: &Digits, source: usize, warp: &Affine) -> Image {
    warp.apply(&digits.image(source).padded(DIGIT_MARGIN))
}

/// A digit in a cell, `[1, 32, 32]`.
pub fn cell_digit(digits: &Digits, source: usize) -> Image {
    digits.image(source).padded(CELL_MARGIN)
}

/// `part * colour + (1 - part) * background`, `part` one channel.
pub fn over_background(part: &Image, colour: Colour, background: Colour) -> Image {
    let mut out = Image::zeros(3, part.height(), part.width());
    for (plane, (colour, background)) in out.planes_mut().zip(colour.into_iter().zip(background)) {
        for (value, &p) in plane.iter_mut().zip(part.plane(0)) {
            *value = p * colour + (1.0 - p) * background;
        }
    }
    out
}

/// Adds `part * colour`, `part` one channel of the same size.
pub fn add_coloured(sum: &mut Image, part: &Image, colour: Colour) {
    for (plane, colour) in sum.planes_mut().zip(colour) {
        for (value, &p) in plane.iter_mut().zip(part.plane(0)) {
            *value += p * colour;
        }
    }
}

/// A canvas with `part` at (`top`, `left`) and zeros elsewhere, `[1, 96, 96]`.
pub fn on_canvas(part: &Image, [top, left]: [usize; 2]) -> Image {
    let mut canvas = Image::zeros(1, CANVAS, CANVAS);
    canvas.paste(part, top as isize, left as isize);
    canvas
}

/// `Error::Config` unless every index is one of the set's.
pub fn check_sources(digits: &Digits, sources: &[usize]) -> Result<()> {
    match sources.iter().find(|&&source| source >= digits.len()) {
        Some(source) => Err(Error::config("digit index", format!("below {}", digits.len()), source)),
        None => Ok(()),
    }
}

/// `Error::Shape` unless `what` has `expected` entries.
pub fn check_count(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::shape(what, [expected], &[found])) }
}

/// Digits strewn over the canvas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scattered {
    /// Index of each digit in its set.
    pub sources: Vec<usize>,
    pub warps: Vec<Affine>,
    /// Raw colour of each digit.
    pub colours: Vec<Colour>,
    /// Raw colour of the background.
    pub background: Colour,
}

impl Scattered {
    /// Draws `n` digits; `pick(k, rng)` draws the source of the k-th, anew at each attempt.
    ///
    /// An attempt is accepted when the sum over all pixels of (digits so far x digit) is at most
    /// `overlap`; after 17 the last is used anyway.
    pub fn draw(
        digits: &Digits,
        n: usize,
        overlap: f64,
        rng: &mut Rng,
        mut pick: impl FnMut(usize, &mut Rng) -> Result<usize>,
    ) -> Result<Self> {
        let mut scattered = Self { background: raw_colour(rng), ..Self::default() };
        let mut covered = Image::zeros(1, CANVAS, CANVAS);
        for k in 0..n {
            let mut attempt = 0;
            let (source, warp, digit) = loop {
                attempt += 1;
                let source = pick(k, rng)?;
                let warp = SCENE_WARP.draw(CANVAS, CANVAS, rng);
                let digit = warped_digit(digits, source, &warp);
                let shared: f32 = covered.data().iter().zip(digit.data()).map(|(a, b)| a * b).sum();
                if f64::from(shared) <= overlap || attempt == ATTEMPTS {
                    break (source, warp, digit);
                }
            };
            covered.add(&digit);
            scattered.sources.push(source);
            scattered.warps.push(warp);
            scattered.colours.push(raw_colour(rng));
        }
        Ok(scattered)
    }

    /// The warped digits, each alone, `[1, 96, 96]`.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Config`] if these are not draws of `n` digits of this set.
    pub fn components(&self, digits: &Digits, n: usize) -> Result<Vec<Image>> {
        check_count("drawn digits", self.sources.len(), n)?;
        check_count("drawn warps", self.warps.len(), n)?;
        check_count("drawn colours", self.colours.len(), n)?;
        check_sources(digits, &self.sources)?;
        Ok(self.sources.iter().zip(&self.warps).map(|(&s, warp)| warped_digit(digits, s, warp)).collect())
    }

    /// The colour behind the digits.
    pub fn background_colour(&self) -> Colour {
        scaled(self.background, 0.5)
    }

    /// `sum_k x_k c_k + (1 - sum_k x_k) bg`, each colour divided by its largest component.
    ///
    /// Where digits overlap, the weight of the background falls below 0; the finish clamps.
    pub fn blended(&self, components: &[Image]) -> Image {
        let mut frame = Image::zeros(3, CANVAS, CANVAS);
        let mut ink = Image::zeros(1, CANVAS, CANVAS);
        for (digit, &colour) in components.iter().zip(&self.colours) {
            add_coloured(&mut frame, digit, by_largest(colour, 0.0));
            ink.add(digit);
        }
        add_coloured(&mut frame, &ink.map(|x| 1.0 - x), self.background_colour());
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stimulus::{Split, procedural_digits::procedural_digits};

    #[test]
    fn strewn_digits_keep_the_overlap_rule_where_they_can() {
        let digits = procedural_digits(1, Split::Train, 100);
        let mut kept = 0;
        for trial in 0..20 {
            let mut rng = rng::stream(trial, "t", &[]);
            let scattered = Scattered::draw(&digits, 3, 1.0, &mut rng, |_, rng| digits.draw(rng)).unwrap();
            let parts = scattered.components(&digits, 3).unwrap();
            let shared =
                |a: &Image, b: &Image| -> f32 { a.data().iter().zip(b.data()).map(|(a, b)| a * b).sum() };
            let overlap = shared(&parts[0], &parts[1]).max(shared(&parts[0], &parts[2]));
            kept += usize::from(overlap <= 1.0);
        }
        assert!(kept >= 18, "{kept}");
    }

    #[test]
    fn draws_of_another_set_are_refused() {
        let digits = procedural_digits(1, Split::Train, 10);
        let mut rng = rng::stream(1, "t", &[]);
        let scattered = Scattered::draw(&digits, 2, 0.0, &mut rng, |_, rng| digits.draw(rng)).unwrap();
        let fewer = digits.part("one", &[0]).unwrap();
        assert!(scattered.components(&digits, 3).is_err());
        let outside = Scattered { sources: vec![3, 4], ..scattered };
        assert!(outside.components(&fewer, 2).is_err());
    }
}
