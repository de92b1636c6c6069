//! The object-attention tuning stimuli: a bar on the left, a digit on the right.

use ndarray::{Array4, Array5};
use serde::{Deserialize, Serialize};

use super::trials::{stacked, stacked_sets};
use crate::{
    error::{Error, Result},
    stimulus::{BarGrid, DIGIT_SIZE, Digits, Image, bars::CANVAS_COLUMNS},
};

/// A grid of bars, each shown beside the same digit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BarsAndDigit {
    pub grid: BarGrid,
    /// Index of the digit in its set; the reference shows training digit 6.
    pub digit: usize,
    /// How far targets keep the attended object above the rest, 0 to 1.
    pub strength: f64,
}

impl Default for BarsAndDigit {
    fn default() -> Self {
        Self { grid: BarGrid::reference(), digit: 6, strength: 0.2 }
    }
}

/// All stimuli of one orientation in the grid's order.
#[derive(Clone, Debug)]
pub struct BarBatch {
    /// Bar plus digit `[batch, 1, 28, 42]`, not clamped: up to 2.
    pub x: Array4<f32>,
    /// Targets `[2, batch, 1, 28, 42]`: bar, digit.
    pub targets: Array5<f32>,
    /// The bars and the digit alone, in the same layout.
    pub objects: Array5<f32>,
}

/// A digit in columns 14 to 41 of the canvas, `[1, 28, 42]`.
pub fn digit_on_the_right(digit: &Image) -> Image {
    let mut canvas = Image::zeros(1, DIGIT_SIZE, CANVAS_COLUMNS);
    canvas.paste(digit, 0, (CANVAS_COLUMNS - DIGIT_SIZE) as isize);
    canvas
}

impl BarsAndDigit {
    /// # Errors
    /// [`Error::Config`] naming the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.strength) {
            return Err(Error::config("strength", "0 to 1", self.strength));
        }
        self.grid.validate()
    }

    /// The stimuli of one orientation beside the digit of `digits` that the settings name.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no such digit.
    pub fn batch(&self, digits: &Digits, orientation_deg: f64) -> Result<BarBatch> {
        if self.digit >= digits.len() {
            return Err(Error::config("digit", format!("below {}", digits.len()), self.digit));
        }
        self.batch_beside(&digit_on_the_right(&digits.image(self.digit)), orientation_deg)
    }

    /// The stimuli of one orientation beside `digit`, a canvas `[1, 28, 42]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the canvas has another size.
    pub fn batch_beside(&self, digit: &Image, orientation_deg: f64) -> Result<BarBatch> {
        self.validate()?;
        let canvas = [1, DIGIT_SIZE, CANVAS_COLUMNS];
        if digit.shape() != canvas {
            return Err(Error::shape("digit beside the bars", canvas, &digit.shape()));
        }
        let bars = self.grid.bars(orientation_deg);
        let (rest, kept) = ((1.0 - self.strength) as f32, self.strength as f32);
        let mixed = |x: &Image, object: &Image| {
            let mut target = x.map(|value| rest * value);
            target.add(&object.map(|value| kept * value));
            target
        };
        let shown: Vec<Image> = bars
            .iter()
            .map(|bar| {
                let mut x = bar.clone();
                x.add(digit);
                x
            })
            .collect();
        let bar_targets: Vec<Image> = shown.iter().zip(&bars).map(|(x, bar)| mixed(x, bar)).collect();
        let digit_targets: Vec<Image> = shown.iter().map(|x| mixed(x, digit)).collect();
        Ok(BarBatch {
            x: stacked(&shown)?,
            targets: stacked_sets(&[bar_targets.iter().collect(), digit_targets.iter().collect()])?,
            objects: stacked_sets(&[bars.iter().collect(), vec![digit; bars.len()]])?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stimulus::{Split, procedural_digits::procedural_digits};

    #[test]
    fn bar_and_digit_add_without_a_clamp_and_targets_keep_one_of_them() {
        let digits = procedural_digits(1, Split::Train, 20);
        let grid =
            BarGrid { xs: vec![-15.0, -10.0], ys: vec![0.0], sigmas: vec![2.0], ..BarGrid::reference() };
        let task = BarsAndDigit { grid, ..BarsAndDigit::default() };
        let batch = task.batch(&digits, 90.0).unwrap();
        assert_eq!((batch.x.dim(), batch.targets.dim()), ((2, 1, 28, 42), (2, 2, 1, 28, 42)));
        for (at, &x) in batch.x.indexed_iter() {
            let (b, c, row, column) = at;
            let [bar, digit] = [0, 1].map(|object| batch.objects[[object, b, c, row, column]]);
            assert_eq!(x, bar + digit);
            assert!((batch.targets[[0, b, c, row, column]] - (0.8 * x + 0.2 * bar)).abs() < 1e-6);
            assert!((batch.targets[[1, b, c, row, column]] - (0.8 * x + 0.2 * digit)).abs() < 1e-6);
        }
        assert!(BarsAndDigit { digit: 20, ..task }.batch(&digits, 0.0).is_err());
    }
}
