//! How reference code brings pictures to a network's input: resize and crop on bytes, then normalise.

use std::fmt;

use serde::Serialize;

use super::{Image, resize_bytes};
use crate::error::{Error, Result};

/// One step on the way from a picture to the input of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PreparationStep {
    /// `Shorter side to 256, bilinear with antialiasing, rounded to bytes`.
    pub text: String,
    /// `[channels, height, width]` before it.
    pub from: [usize; 3],
    /// The same after it.
    pub to: [usize; 3],
}

impl PreparationStep {
    pub fn new(text: impl Into<String>, from: [usize; 3], to: [usize; 3]) -> Self {
        Self { text: text.into(), from, to }
    }
}

impl fmt::Display for PreparationStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] =
            [self.from, self.to].map(|[channels, height, width]| format!("{channels} × {height} × {width}"));
        match from == to {
            true => write!(f, "{} ({to})", self.text),
            false => write!(f, "{} ({from} to {to})", self.text),
        }
    }
}

/// Mean and deviation per channel that pictures in `0..=1` are normalised by.
#[derive(Clone, Debug, PartialEq)]
pub struct PixelScale {
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
}

impl PixelScale {
    /// The step in words, on an input of `shape`.
    pub fn step(&self, shape: [usize; 3]) -> PreparationStep {
        let list = |values: &[f32]| {
            let alike = values.windows(2).all(|pair| pair[0] == pair[1]);
            let shown = if alike { &values[..values.len().min(1)] } else { values };
            shown.iter().map(f32::to_string).collect::<Vec<_>>().join(", ")
        };
        let text = format!("Normalised: minus {}, divided by {}", list(&self.mean), list(&self.std));
        PreparationStep::new(text, shape, shape)
    }

    /// `(image - mean) / std`, channel by channel.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of channels.
    pub fn normalise(&self, image: &mut Image) -> Result<()> {
        if image.channels() != self.mean.len() || self.mean.len() != self.std.len() {
            let expected = format!("{} channels", self.mean.len());
            return Err(Error::shape("picture to be normalised", expected, &image.shape()));
        }
        for (channel, (mean, std)) in self.mean.iter().zip(&self.std).enumerate() {
            image.plane_mut(channel).iter_mut().for_each(|value| *value = (*value - mean) / std);
        }
        Ok(())
    }
}

/// Where a picture is resized to before it is cut to the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resizing {
    /// Straight to the input, whatever its proportions.
    Exact,
    /// Its shorter side to this many pixels.
    Shorter(usize),
}

/// Bilinear resizing with antialiasing, rounded to bytes as Pillow does, then a cut from the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Preparation {
    pub resizing: Resizing,
    /// Rows and columns of the input.
    pub side: usize,
}

impl Preparation {
    /// `pixels` `[height, width, channels]` as bytes of the input, `[side, side, channels]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a picture without pixels or with another number of bytes.
    pub fn bytes(&self, pixels: &[u8], shape: [usize; 3]) -> Result<Vec<u8>> {
        let [height, width, channels] = shape;
        if pixels.is_empty() || pixels.len() != height * width * channels {
            return Err(Error::shape("bytes of a picture", shape, &[pixels.len()]));
        }
        let side = self.side;
        if self.resizing == Resizing::Exact {
            return Ok(resize_bytes(pixels, shape, [side, side]));
        }
        let [h, w] = self.resized([height, width]);
        let resized = resize_bytes(pixels, shape, [h, w]);
        let (top, left) = (middle(h, side), middle(w, side));
        let rows = resized.chunks_exact(w * channels).skip(top).take(side);
        Ok(rows.flat_map(|row| &row[left * channels..(left + side) * channels]).copied().collect())
    }

    /// Height and width that a picture of `[height, width]` is resized to; the longer side is truncated.
    fn resized(&self, [height, width]: [usize; 2]) -> [usize; 2] {
        match self.resizing {
            Resizing::Exact => [self.side; 2],
            Resizing::Shorter(shorter) => {
                let shorter = shorter.max(self.side);
                match height <= width {
                    true => [shorter, shorter * width / height.max(1)],
                    false => [shorter * height / width.max(1), shorter],
                }
            }
        }
    }

    /// What happens to a picture of `[channels, height, width]`, step by step.
    pub fn steps(&self, shape: [usize; 3]) -> Vec<PreparationStep> {
        const HOW: &str = "bilinear with antialiasing, rounded to bytes";
        let [channels, height, width] = shape;
        let [h, w] = self.resized([height, width]);
        let mut steps = Vec::new();
        if [h, w] != [height, width] {
            let text = match self.resizing {
                Resizing::Exact => format!("Resized to {h} × {w} whatever its proportions, {HOW}"),
                Resizing::Shorter(_) => format!("Shorter side resized to {}, {HOW}", h.min(w)),
            };
            steps.push(PreparationStep::new(text, shape, [channels, h, w]));
        }
        if [h, w] != [self.side; 2] {
            let to = [channels, self.side, self.side];
            steps.push(PreparationStep::new("Middle cut out", [channels, h, w], to));
        }
        steps
    }

    /// The picture of interleaved `pixels` as the input sees it, bytes over 255.
    ///
    /// # Errors
    /// As [`Preparation::bytes`].
    pub fn image(&self, pixels: &[u8], shape: [usize; 3]) -> Result<Image> {
        let bytes = self.bytes(pixels, shape)?;
        let [_, _, channels] = shape;
        let mut image = Image::zeros(channels, self.side, self.side);
        for channel in 0..channels {
            let bytes = bytes[channel..].iter().step_by(channels);
            for (value, &byte) in image.plane_mut(channel).iter_mut().zip(bytes) {
                *value = f32::from(byte) / 255.0;
            }
        }
        Ok(image)
    }
}

/// Half of what is left over, halves rounded to even.
fn middle(length: usize, side: usize) -> usize {
    let room = length - side;
    match room % 4 {
        3 => room.div_ceil(2),
        _ => room / 2,
    }
}

impl fmt::Display for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.side;
        match self.resizing {
            Resizing::Exact => write!(f, "resized to {side} × {side} (bilinear, bytes)"),
            Resizing::Shorter(shorter) => {
                write!(
                    f,
                    "shorter side resized to {shorter} (bilinear, bytes), middle {side} × {side} cut out"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_to_even() {
        let found = [341, 343, 256, 225, 226].map(|length| middle(length, 224));
        assert_eq!(found, [58, 60, 16, 0, 1]);
    }

    #[test]
    fn the_middle_is_cut_from_the_longer_side() {
        let pixels: Vec<u8> = (0..2 * 8).map(|i| i as u8 % 8).collect();
        let preparation = Preparation { resizing: Resizing::Shorter(2), side: 2 };
        assert_eq!(preparation.bytes(&pixels, [2, 8, 1]).unwrap(), [3, 4, 3, 4]);
        let exact = Preparation { resizing: Resizing::Exact, side: 2 };
        assert_eq!(exact.bytes(&pixels, [2, 8, 1]).unwrap().len(), 4);
        assert!(exact.bytes(&pixels, [2, 7, 1]).is_err());
    }

    #[test]
    fn steps_have_the_sizes_of_the_pixels() {
        let preparation = Preparation { resizing: Resizing::Shorter(256), side: 224 };
        let steps = preparation.steps([3, 480, 640]);
        assert_eq!([steps[0].to, steps[1].to], [[3, 256, 341], [3, 224, 224]]);
        assert!(steps[0].to_string().ends_with("(3 × 480 × 640 to 3 × 256 × 341)"), "{}", steps[0]);
        let exact = Preparation { resizing: Resizing::Exact, side: 32 };
        assert_eq!(exact.steps([1, 28, 28]).len(), 1);
        assert!(exact.steps([1, 32, 32]).is_empty());
        let scale = PixelScale { mean: vec![0.5; 3], std: vec![0.25, 0.5, 0.5] };
        assert_eq!(
            scale.step([3, 32, 32]).to_string(),
            "Normalised: minus 0.5, divided by 0.25, 0.5, 0.5 (3 × 32 × 32)"
        );
    }

    #[test]
    fn channels_are_planes_and_normalised_one_by_one() {
        let preparation = Preparation { resizing: Resizing::Exact, side: 1 };
        let mut image = preparation.image(&[51, 255, 0], [1, 1, 3]).unwrap();
        assert_eq!(image.data(), [0.2, 1.0, 0.0]);
        let scale = PixelScale { mean: vec![0.2, 0.0, 1.0], std: vec![0.5, 0.5, 2.0] };
        scale.normalise(&mut image).unwrap();
        assert_eq!(image.data(), [0.0, 2.0, -0.5]);
        assert!(scale.normalise(&mut Image::zeros(1, 1, 1)).is_err());
    }
}
