//! The object-attention digit task: n overlapping digits in a row, one attended after the other.

use ndarray::{Array2, Array4, Array5};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    rng::{self, Rng},
    stimulus::{DIGIT_SIZE, Digits, Image},
};

/// Columns from one digit to the next; neighbours overlap by as many.
pub const DIGIT_STRIDE: usize = 14;

/// How digits are composed. Source: `data/mnist_loader.py` of the reference implementation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DigitPairs {
    /// Number of digits, 1 to 5.
    pub n: usize,
    /// Upper end of the uniform noise added to exactly black pixels, 0 to 1.
    pub noise: f64,
    /// How far targets keep the attended digit above the rest, 0 to 1.
    pub strength: f64,
    /// Whether two digits may have the same class.
    pub resample: bool,
}

impl Default for DigitPairs {
    fn default() -> Self {
        Self { n: 2, noise: 0.3, strength: 0.2, resample: true }
    }
}

/// The random choices of one stimulus.
#[derive(Clone, Debug, PartialEq)]
pub struct DigitDraws {
    /// Index of each digit in its set, left to right.
    pub digits: Vec<usize>,
    /// What is added where the picture is black, `[28 * width]`.
    pub noise: Vec<f64>,
}

/// One composed stimulus.
#[derive(Clone, Debug, PartialEq)]
pub struct DigitScene {
    /// The picture, `[1, 28, width]`.
    pub picture: Image,
    /// What attending to each digit should leave, left to right, each `[1, 28, width]`.
    pub targets: Vec<Image>,
    /// Class of each digit, left to right.
    pub labels: Vec<u32>,
    /// Each digit alone on the canvas, left to right.
    pub objects: Vec<Image>,
}

/// Composed stimuli in the layout that the model reads.
#[derive(Clone, Debug)]
pub struct DigitBatch {
    /// Pictures `[batch, 1, 28, width]`.
    pub x: Array4<f32>,
    /// Targets `[n, batch, 1, 28, width]`, left to right.
    pub targets: Array5<f32>,
    /// Classes `[n, batch]`, left to right.
    pub labels: Array2<u32>,
    /// Indices into the digit set `[n, batch]`, left to right.
    pub sources: Array2<usize>,
}

impl DigitPairs {
    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn validate(&self) -> Result<()> {
        if !(1..=5).contains(&self.n) {
            return Err(Error::config("n", "1 to 5 digits", self.n));
        }
        for (field, value) in [("noise", self.noise), ("strength", self.strength)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::config(field, "0 to 1", value));
            }
        }
        Ok(())
    }

    /// Columns of the picture: 28 for one digit, 14 more for each further one.
    pub fn width(&self) -> usize {
        DIGIT_SIZE + DIGIT_STRIDE * (self.n - 1)
    }

    /// Draws the digits of a stimulus that contains digit `first`, their order, and the noise.
    ///
    /// # Errors
    /// [`Error::Config`] for a digit outside the set, [`Error::Unsupported`] if all classes must
    /// differ and the set has too few.
    pub fn draw(&self, digits: &Digits, first: usize, rng: &mut Rng) -> Result<DigitDraws> {
        self.validate()?;
        if first >= digits.len() {
            return Err(Error::config("digit index", format!("below {}", digits.len()), first));
        }
        let classes = (0..10).filter(|&class| !digits.of_class(class).is_empty()).count();
        if !self.resample && classes < self.n {
            return Err(Error::Unsupported(format!(
                "{} digits of different classes need as many classes, {} has {classes}; allow equal classes or lower n",
                self.n,
                digits.identity().name
            )));
        }
        let mut chosen = vec![first];
        while chosen.len() < self.n {
            let next = rng::index(rng, 0, digits.len());
            let taken = chosen.iter().any(|&other| digits.label(other) == digits.label(next));
            if self.resample || !taken {
                chosen.push(next);
            }
        }
        let order = rng::permutation(rng, self.n);
        let noise = (0..DIGIT_SIZE * self.width()).map(|_| rng::uniform(rng) * self.noise).collect();
        Ok(DigitDraws { digits: order.into_iter().map(|k| chosen[k]).collect(), noise })
    }

    /// The stimulus that `draws` describe.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Shape`] if the draws do not belong to this composition.
    pub fn compose(&self, digits: &Digits, draws: &DigitDraws) -> Result<DigitScene> {
        self.validate()?;
        let width = self.width();
        if draws.digits.len() != self.n {
            return Err(Error::shape("drawn digits", [self.n], &[draws.digits.len()]));
        }
        if draws.noise.len() != DIGIT_SIZE * width {
            return Err(Error::shape("drawn noise", [DIGIT_SIZE, width], &[draws.noise.len()]));
        }
        if let Some(index) = draws.digits.iter().find(|&&index| index >= digits.len()) {
            return Err(Error::config("digit index", format!("below {}", digits.len()), index));
        }
        let objects: Vec<Image> = (draws.digits.iter().enumerate())
            .map(|(k, &index)| {
                let mut canvas = Image::zeros(1, DIGIT_SIZE, width);
                canvas.paste(&digits.image(index), 0, (DIGIT_STRIDE * k) as isize);
                canvas
            })
            .collect();
        let mut picture = Image::zeros(1, DIGIT_SIZE, width);
        for object in &objects {
            picture.add(object);
        }
        for (value, &noise) in picture.data_mut().iter_mut().zip(&draws.noise) {
            *value = value.clamp(0.0, 1.0);
            if *value <= 0.0 {
                *value += noise as f32;
            }
        }
        let (rest, kept) = ((1.0 - self.strength) as f32, self.strength as f32);
        let targets = objects
            .iter()
            .map(|object| {
                let mut target = picture.map(|value| rest * value);
                target.add(&object.map(|value| kept * value));
                target
            })
            .collect();
        let labels = draws.digits.iter().map(|&index| digits.label(index)).collect();
        Ok(DigitScene { picture, targets, labels, objects })
    }

    /// The stimulus of digit `first` in `epoch`, with the draws behind it.
    ///
    /// # Errors
    /// As [`DigitPairs::draw`].
    pub fn scene(
        &self,
        digits: &Digits,
        first: usize,
        seed: u64,
        epoch: u64,
    ) -> Result<(DigitDraws, DigitScene)> {
        let mut rng = rng::stream(seed, "digit pairs", &[epoch, first as u64]);
        let draws = self.draw(digits, first, &mut rng)?;
        let scene = self.compose(digits, &draws)?;
        Ok((draws, scene))
    }

    /// One stimulus per entry of `firsts`, which are digits that it contains.
    ///
    /// The draws of each depend on (`seed`, `epoch`, its digit) alone, not on the rest of the batch.
    ///
    /// # Errors
    /// As [`DigitPairs::draw`].
    pub fn batch(&self, digits: &Digits, firsts: &[usize], seed: u64, epoch: u64) -> Result<DigitBatch> {
        let (n, b, w) = (self.n, firsts.len(), self.width());
        let mut x = Vec::with_capacity(b * DIGIT_SIZE * w);
        let mut targets = Array5::zeros((n, b, 1, DIGIT_SIZE, w));
        let mut labels = Array2::zeros((n, b));
        let mut sources = Array2::zeros((n, b));
        for (i, &first) in firsts.iter().enumerate() {
            let (draws, scene) = self.scene(digits, first, seed, epoch)?;
            x.extend_from_slice(scene.picture.data());
            for k in 0..n {
                let mut place = targets.slice_mut(ndarray::s![k, i, 0, .., ..]);
                place.iter_mut().zip(scene.targets[k].data()).for_each(|(to, &from)| *to = from);
                labels[[k, i]] = scene.labels[k];
                sources[[k, i]] = draws.digits[k];
            }
        }
        let x = Array4::from_shape_vec((b, 1, DIGIT_SIZE, w), x)
            .map_err(|err| Error::Unsupported(format!("digit batch: {err}")))?;
        Ok(DigitBatch { x, targets, labels, sources })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stimulus::{Split, procedural_digits::procedural_digits};

    #[test]
    fn noise_falls_on_black_pixels_only_and_targets_keep_the_attended_digit() {
        let digits = procedural_digits(1, Split::Train, 100);
        let task = DigitPairs { n: 3, ..DigitPairs::default() };
        let draws = task.draw(&digits, 7, &mut rng::stream(0, "t", &[])).unwrap();
        assert!(draws.digits.contains(&7));
        let scene = task.compose(&digits, &draws).unwrap();
        assert_eq!(scene.picture.shape(), [1, 28, 56]);
        for (at, &x) in scene.picture.data().iter().enumerate() {
            let ink: f32 = scene.objects.iter().map(|object| object.data()[at]).sum();
            if ink > 0.0 {
                assert_eq!(x, ink.min(1.0));
            } else {
                assert_eq!(x, draws.noise[at] as f32);
                assert!(x < 0.3);
            }
            for (target, object) in scene.targets.iter().zip(&scene.objects) {
                let want = 0.8 * x + 0.2 * object.data()[at];
                assert!((target.data()[at] - want).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn without_resampling_all_classes_differ() {
        let digits = procedural_digits(1, Split::Train, 50);
        let task = DigitPairs { n: 5, resample: false, ..DigitPairs::default() };
        for first in 0..50 {
            let draws = task.draw(&digits, first, &mut rng::stream(0, "t", &[first as u64])).unwrap();
            let mut labels: Vec<u32> = draws.digits.iter().map(|&i| digits.label(i)).collect();
            labels.sort_unstable();
            labels.dedup();
            assert_eq!(labels.len(), 5);
        }
        let few = digits.part("two classes", &[0, 1, 10, 11]).unwrap();
        let message = task.draw(&few, 0, &mut rng::stream(0, "t", &[])).unwrap_err().to_string();
        assert!(message.contains("has 2"), "{message}");
    }

    #[test]
    fn a_stimulus_does_not_depend_on_the_rest_of_its_batch() {
        let digits = procedural_digits(1, Split::Train, 30);
        let task = DigitPairs::default();
        let (one, two) =
            (task.batch(&digits, &[4], 9, 0).unwrap(), task.batch(&digits, &[11, 4], 9, 0).unwrap());
        assert_eq!(one.x.index_axis(ndarray::Axis(0), 0), two.x.index_axis(ndarray::Axis(0), 1));
        let later = task.batch(&digits, &[4], 9, 1).unwrap();
        assert_ne!(one.x, later.x);
    }

    #[test]
    fn fields_out_of_range_are_named() {
        for (task, field) in [
            (DigitPairs { n: 6, ..DigitPairs::default() }, "n must"),
            (DigitPairs { noise: -0.1, ..DigitPairs::default() }, "noise must"),
            (DigitPairs { strength: f64::NAN, ..DigitPairs::default() }, "strength must"),
        ] {
            assert!(task.validate().unwrap_err().to_string().starts_with(field));
        }
    }
}
