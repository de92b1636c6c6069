//! Ten classes of drawn digits made from a seed, for use where no data files are at hand.

mod glyphs;
mod pen;
mod render;

use rayon::prelude::*;

use super::{
    DataIdentity, Digits,
    digits::{DIGIT_CLASSES, DIGIT_SIZE, Split},
};
use crate::rng::{self, Rng};

/// Line segments through these points, x to the right and y down, about one unit high.
type Polyline = Vec<[f32; 2]>;

/// How one digit is drawn: its lines before any distortion.
enum Drawing<'a> {
    /// Closed outlines of a glyph, to be filled.
    Outline(&'a [Polyline]),
    /// Open lines, to be followed with a pen.
    Pen(&'a [Polyline]),
}

/// Parameters of one digit, all drawn before anything is rendered.
struct Distortion {
    /// Width of the drawing relative to its height, before rotation.
    aspect: f32,
    shear: f32,
    rotation_rad: f32,
    /// Longer side of the drawing in pixels.
    size_px: f32,
    shift_px: [f32; 2],
    /// Pen width; for outlines the amount added around them (negative: taken off).
    stroke_px: f32,
    waves: [Wave; 3],
    /// Share of a 3x3 binomial blur.
    blur: f32,
    gain: f32,
    /// Share of the ink that varies from pixel to pixel.
    grain: f32,
}

/// One smooth displacement of the plane, `amplitude * sin(frequency . p + phase)`.
struct Wave {
    amplitude: [f32; 2],
    frequency: [f32; 2],
    phase: f32,
}

/// `n` digits, classes 0, 1, …, 9, 0, 1, …; training and test digits come from separate streams.
///
/// Two in five are glyph outlines of the bundled fonts, the others pen strokes; all with random rotation,
/// shear, aspect, size, position, stroke width, a smooth warp and grain. The background is exactly 0.
/// Digit `i` depends on (`seed`, `split`, `i`) alone, so a longer set begins with the shorter one.
pub fn procedural_digits(seed: u64, split: Split, n: usize) -> Digits {
    let mut images = vec![0_u8; n * DIGIT_SIZE * DIGIT_SIZE];
    images.par_chunks_exact_mut(DIGIT_SIZE * DIGIT_SIZE).enumerate().for_each(|(index, pixels)| {
        let name = match split {
            Split::Train => "procedural digit, train",
            Split::Test => "procedural digit, test",
        };
        digit((index % DIGIT_CLASSES) as u8, &mut rng::stream(seed, name, &[index as u64]), pixels);
    });
    let labels = (0..n).map(|index| (index % DIGIT_CLASSES) as u8).collect();
    let identity = DataIdentity::procedural(format!("procedural digits, {split}, seed {seed}, {n}"));
    Digits::new(identity, images, labels).expect("as many 28x28 images as labels from 0 to 9")
}

fn digit(class: u8, rng: &mut Rng, pixels: &mut [u8]) {
    let drawing = if rng::uniform(rng) < 0.4 {
        let fonts = glyphs::digit_outlines();
        Drawing::Outline(&fonts[rng::index(rng, 0, fonts.len())][usize::from(class)])
    } else {
        let variants = pen::digit_strokes(class);
        Drawing::Pen(&variants[rng::index(rng, 0, variants.len())])
    };
    let distortion = Distortion::draw(&drawing, class, rng);
    render::render(&drawing, &distortion, rng, pixels);
}

impl Distortion {
    fn draw(drawing: &Drawing<'_>, class: u8, rng: &mut Rng) -> Self {
        let between = |rng: &mut Rng, from: f64, to: f64| (from + (to - from) * rng::uniform(rng)) as f32;
        let (aspect, stroke_px) = match (drawing, class) {
            (Drawing::Outline(_), _) => (between(rng, 0.75, 1.15), between(rng, -0.3, 1.5)),
            (Drawing::Pen(_), 1) => (between(rng, 0.2, 0.5), between(rng, 1.4, 3.6)),
            (Drawing::Pen(_), _) => (between(rng, 0.5, 0.95), between(rng, 1.4, 3.6)),
        };
        let wobble = between(rng, 0.3, 1.0);
        let waves = std::array::from_fn(|k| {
            let reach = f64::from(wobble) * 0.07 / (k + 1) as f64;
            let frequency = 2.5 + 2.0 * k as f64;
            Wave {
                amplitude: [(reach * rng::normal(rng)) as f32, (reach * rng::normal(rng)) as f32],
                frequency: [between(rng, -frequency, frequency), between(rng, -frequency, frequency)],
                phase: between(rng, 0.0, std::f64::consts::TAU),
            }
        });
        Self {
            aspect,
            shear: (0.17 * rng::normal(rng)).clamp(-0.45, 0.45) as f32,
            rotation_rad: (0.13 * rng::normal(rng)).clamp(-0.35, 0.35) as f32,
            size_px: between(rng, 16.5, 21.0) - stroke_px.max(0.0) * 0.5,
            shift_px: [between(rng, -1.5, 1.5), between(rng, -1.5, 1.5)],
            stroke_px,
            waves,
            blur: between(rng, 0.0, 0.7),
            gain: between(rng, 1.0, 1.35),
            grain: between(rng, 0.0, 0.15),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_set_begins_with_the_shorter_and_splits_differ() {
        let (short, long) = (procedural_digits(3, Split::Train, 20), procedural_digits(3, Split::Train, 40));
        assert!((0..20).all(|i| short.bytes(i) == long.bytes(i)));
        let test = procedural_digits(3, Split::Test, 20);
        let other = procedural_digits(4, Split::Train, 20);
        assert!((0..20).all(|i| short.bytes(i) != test.bytes(i) && short.bytes(i) != other.bytes(i)));
    }

    #[test]
    fn every_digit_has_ink_inside_an_empty_border() {
        let digits = procedural_digits(1, Split::Train, 1000);
        for i in 0..digits.len() {
            let pixels = digits.bytes(i);
            let ink: u32 = pixels.iter().map(|&p| u32::from(p)).sum();
            assert!((255 * 15..255 * 400).contains(&ink), "digit {i}: ink {}", ink / 255);
            assert!(*pixels.iter().max().unwrap() > 150, "digit {i} is faint");
            let corners = [0, 27, 27 * 28, 783];
            assert!(corners.iter().all(|&at| pixels[at] == 0), "digit {i} touches a corner");
        }
    }

    #[test]
    fn classes_are_told_apart_by_their_nearest_mean() {
        // Not a benchmark: drawings of one class must resemble one another more than others.
        let train = procedural_digits(1, Split::Train, 3000);
        let mut means = vec![[0.0_f64; 784]; 10];
        for i in 0..train.len() {
            for (mean, &p) in means[train.label(i) as usize].iter_mut().zip(train.bytes(i)) {
                *mean += f64::from(p) / 300.0;
            }
        }
        let test = procedural_digits(1, Split::Test, 500);
        let distance = |mean: &[f64; 784], i| {
            mean.iter().zip(test.bytes(i)).map(|(m, &p)| (m - f64::from(p)).powi(2)).sum::<f64>()
        };
        let hits = (0..test.len())
            .filter(|&i| {
                let nearest =
                    (0..10).min_by(|&a, &b| distance(&means[a], i).total_cmp(&distance(&means[b], i)));
                nearest == Some(test.label(i) as usize)
            })
            .count();
        assert!(hits > 350, "{hits} of 500");
    }
}
