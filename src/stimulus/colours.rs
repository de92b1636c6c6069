//! Random changes of the colours of a picture in `0..=1`, as torchvision makes them on tensors.

use super::Image;
use super::augment::{auto_contrast, brightness, saturation};
use crate::error::Result;
use crate::rng::Chance;

/// Which changes are made, and how far they go. They happen in the order of the fields; the three with
/// a range in random order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ColourChanges {
    /// Probability that all channels become the luminance.
    pub grey: f64,
    /// Range of the factor.
    pub brightness: Option<[f64; 2]>,
    /// Range of the factor.
    pub saturation: Option<[f64; 2]>,
    /// Farthest turn of the hues either way, as a share of the circle; 0 is none.
    pub hue: f64,
    /// Probability that each channel is stretched to `0..=1`.
    pub auto_contrast: f64,
    /// Probability that the picture is turned over, `1 - x`.
    pub inverted: f64,
}

impl ColourChanges {
    /// `image`, of three channels, with colours changed by chance.
    ///
    /// # Errors
    /// Of recorded choices that have come to their end.
    pub fn apply(&self, image: &Image, chance: &mut impl Chance) -> Result<Image> {
        let mut out = image.clone();
        if happens(self.grey, chance)? {
            out = greyed(&out);
        }
        let mut jitters: Vec<(usize, f64)> = Vec::with_capacity(3);
        let hue = (self.hue > 0.0).then_some([-self.hue, self.hue]);
        for (which, range) in [self.brightness, self.saturation, hue].into_iter().enumerate() {
            if let Some([low, high]) = range {
                jitters.push((which, low + (high - low) * chance.uniform()?));
            }
        }
        if !jitters.is_empty() {
            for at in chance.permutation(jitters.len())? {
                let (which, amount) = jitters[at];
                out = match which {
                    0 => brightness(&out, amount),
                    1 => saturation(&out, amount),
                    _ => hue_turned(&out, amount),
                };
            }
        }
        if happens(self.auto_contrast, chance)? {
            out = auto_contrast(&out);
        }
        if happens(self.inverted, chance)? {
            out = out.map(|value| 1.0 - value);
        }
        Ok(out)
    }
}

/// A change that is never made takes no draw.
fn happens(probability: f64, chance: &mut impl Chance) -> Result<bool> {
    Ok(probability > 0.0 && chance.uniform()? < probability)
}

/// The luminance in all three channels.
pub fn greyed(image: &Image) -> Image {
    saturation(image, 0.0)
}

/// Every hue turned by `share` of the circle; `image` has three channels.
pub fn hue_turned(image: &Image, share: f64) -> Image {
    let mut out = image.clone();
    for row in 0..image.height() {
        for column in 0..image.width() {
            let pixel = [0, 1, 2].map(|channel| image.at(channel, row, column));
            for (channel, value) in turned(pixel, share as f32).into_iter().enumerate() {
                out.set(channel, row, column, value);
            }
        }
    }
    out
}

fn turned([red, green, blue]: [f32; 3], share: f32) -> [f32; 3] {
    let (high, low) = (red.max(green).max(blue), red.min(green).min(blue));
    let range = high - low;
    if range == 0.0 {
        return [red, green, blue];
    }
    let far = |value: f32| (high - value) / range;
    let sixths = match high {
        high if high == red => far(blue) - far(green),
        high if high == green => 2.0 + far(red) - far(blue),
        _ => 4.0 + far(green) - far(red),
    };
    let hue = (sixths / 6.0 + share).rem_euclid(1.0) * 6.0;
    let (sector, within) = (hue.floor(), hue - hue.floor());
    let depth = range / high;
    let [p, q, t] = [1.0 - depth, 1.0 - depth * within, 1.0 - depth * (1.0 - within)]
        .map(|share| (high * share).clamp(0.0, 1.0));
    match sector as u32 % 6 {
        0 => [high, t, p],
        1 => [q, high, p],
        2 => [p, high, t],
        3 => [p, q, high],
        4 => [t, p, high],
        _ => [high, p, q],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    fn near(found: [f32; 3], expected: [f32; 3]) {
        let is_near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(is_near, "{found:?} {expected:?}");
    }

    #[test]
    fn a_third_of_the_circle_exchanges_the_channels() {
        near(turned([1.0, 0.0, 0.0], 1.0 / 3.0), [0.0, 1.0, 0.0]);
        near(turned([0.2, 0.5, 0.8], 1.0 / 3.0), [0.8, 0.2, 0.5]);
        near(turned([0.2, 0.5, 0.8], -1.0 / 3.0), [0.5, 0.8, 0.2]);
        near(turned([0.9, 0.3, 0.6], 0.0), [0.9, 0.3, 0.6]);
        near(turned([0.4, 0.4, 0.4], 0.2), [0.4, 0.4, 0.4]);
        // Halfway from yellow to green.
        near(turned([1.0, 1.0, 0.0], 1.0 / 12.0), [0.5, 1.0, 0.0]);
    }

    #[test]
    fn changes_that_are_certain_are_made_and_others_draw_nothing() {
        let image = Image::uniform(&[0.2, 0.4, 0.6], 2, 2);
        let mut rng = rng::stream(1, "t", &[]);
        assert_eq!(ColourChanges::default().apply(&image, &mut rng).unwrap(), image);
        assert_eq!(rng::uniform(&mut rng), rng::uniform(&mut rng::stream(1, "t", &[])));
        let inverted = ColourChanges { inverted: 1.1, ..ColourChanges::default() };
        let found = inverted.apply(&image, &mut rng).unwrap();
        assert!((found.at(2, 1, 1) - 0.4).abs() < 1e-6);
        let grey = ColourChanges { grey: 1.1, ..ColourChanges::default() }.apply(&image, &mut rng).unwrap();
        let luminance = 0.2989 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6;
        assert!([0, 1, 2].iter().all(|&channel| (grey.at(channel, 0, 0) - luminance).abs() < 1e-6));
    }

    #[test]
    fn jitter_stays_within_its_ranges() {
        let image = Image::uniform(&[0.4, 0.4, 0.4], 1, 1);
        let changes = ColourChanges {
            brightness: Some([0.8, 1.2]),
            saturation: Some([0.8, 1.2]),
            hue: 0.2,
            ..ColourChanges::default()
        };
        let values: Vec<f32> = (0..200)
            .map(|k| changes.apply(&image, &mut rng::stream(k, "t", &[])).unwrap().at(0, 0, 0))
            .collect();
        // Grey has neither hue nor saturation, up to weights of the luminance that sum to 0.9999.
        assert!(values.iter().all(|value| (0.319..=0.481).contains(value)));
        assert!(values.iter().any(|value| *value < 0.35) && values.iter().any(|value| *value > 0.45));
    }
}
