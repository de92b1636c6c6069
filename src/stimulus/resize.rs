//! Resizing with a triangle filter, or a cubic one: on bytes exactly as Pillow does, and on floats.

use super::Image;

/// The source pixels of one output pixel and their weights, summing to 1.
struct Taps {
    first: usize,
    weights: Vec<f64>,
}

/// How neighbouring pixels are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// A triangle, one pixel to each side.
    Bilinear,
    /// Keys' cubic with slope -1/2, two pixels to each side; overshoots.
    Bicubic,
}

impl Filter {
    /// Pixels to each side that count, at the size of the output.
    fn reach(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// Weight at a distance of `x` or more pixels of the output.
    fn at(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => ((x - 5.0) * x + 8.0) * x * -0.5 + 2.0,
            Self::Bicubic => 0.0,
        }
    }
}

/// Taps of every output pixel of an axis of length `from` that becomes `to` long.
///
/// With `antialias` the filter widens with the reduction; without it, it keeps its width.
fn taps(from: usize, to: usize, antialias: bool, filter: Filter) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let widening = if antialias { scale.max(1.0) } else { 1.0 };
    let support = filter.reach() * widening;
    (0..to)
        .map(|i| {
            let centre = (i as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let last = ((centre + support + 0.5).max(0.0) as usize).min(from);
            let mut weights: Vec<f64> =
                (first..last).map(|j| filter.at((j as f64 + 0.5 - centre) / widening)).collect();
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
            Taps { first, weights }
        })
        .collect()
}

/// Bilinear resize with half-pixel centres; `antialias` averages over all source pixels when shrinking.
///
/// The two agree when enlarging. An axis whose size does not change is left alone.
pub fn resize(image: &Image, height: usize, width: usize, antialias: bool) -> Image {
    let [channels, from_height, from_width] = image.shape();
    let mut wide = Image::zeros(channels, from_height, width);
    let columns = taps(from_width, width, antialias, Filter::Bilinear);
    for channel in 0..channels {
        for row in 0..from_height {
            for (column, taps) in columns.iter().enumerate() {
                let value = (0..)
                    .zip(&taps.weights)
                    .map(|(k, &weight)| weight * f64::from(image.at(channel, row, taps.first + k)));
                wide.set(channel, row, column, value.sum::<f64>() as f32);
            }
        }
    }
    let mut out = Image::zeros(channels, height, width);
    for (row, taps) in taps(from_height, height, antialias, Filter::Bilinear).iter().enumerate() {
        for channel in 0..channels {
            for column in 0..width {
                let value = (0..)
                    .zip(&taps.weights)
                    .map(|(k, &weight)| weight * f64::from(wide.at(channel, taps.first + k, column)));
                out.set(channel, row, column, value.sum::<f64>() as f32);
            }
        }
    }
    out
}

/// Fraction bits of Pillow's integer weights.
const PRECISION_BITS: u32 = 22;

/// Pillow's bilinear resize of interleaved bytes, bit for bit: columns first, rounded to bytes, then rows.
///
/// `pixels`: `[height, width, channels]`. An axis whose size does not change is skipped.
pub fn resize_bytes(pixels: &[u8], shape: [usize; 3], to: [usize; 2]) -> Vec<u8> {
    resize_bytes_by(Filter::Bilinear, pixels, shape, to)
}

/// As [`resize_bytes`] with another of Pillow's filters.
pub fn resize_bytes_by(
    filter: Filter,
    pixels: &[u8],
    [height, width, channels]: [usize; 3],
    [to_height, to_width]: [usize; 2],
) -> Vec<u8> {
    let wide = if to_width == width {
        pixels.to_vec()
    } else {
        let columns = integer_taps(width, to_width, filter);
        let mut out = Vec::with_capacity(height * to_width * channels);
        for row in pixels.chunks_exact(width * channels) {
            for (first, weights) in &columns {
                for channel in 0..channels {
                    let source = row[first * channels + channel..].iter().step_by(channels);
                    out.push(weighted(source.copied(), weights));
                }
            }
        }
        out
    };
    if to_height == height {
        return wide;
    }
    let stride = to_width * channels;
    let mut out = Vec::with_capacity(to_height * stride);
    for (first, weights) in &integer_taps(height, to_height, filter) {
        for at in 0..stride {
            out.push(weighted(wide[first * stride + at..].iter().step_by(stride).copied(), weights));
        }
    }
    out
}

fn integer_taps(from: usize, to: usize, filter: Filter) -> Vec<(usize, Vec<i64>)> {
    let quantised = |weight: &f64| (weight * f64::from(1_u32 << PRECISION_BITS)).round() as i64;
    taps(from, to, true, filter)
        .iter()
        .map(|taps| (taps.first, taps.weights.iter().map(quantised).collect()))
        .collect()
}

fn weighted(source: impl Iterator<Item = u8>, weights: &[i64]) -> u8 {
    let sum: i64 = source.zip(weights).map(|(pixel, weight)| i64::from(pixel) * weight).sum();
    ((sum + (1 << (PRECISION_BITS - 1))) >> PRECISION_BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_weighs_four_source_pixels() {
        // Support 2, centres 1 and 3: weights 0, 1/4 … of the triangle, normalised at the border.
        let image = Image::new(1, 1, 4, vec![0.0, 0.0, 8.0, 8.0]).unwrap();
        let out = resize(&image, 1, 2, true);
        let want = [8.0 * 0.25 / (0.75 + 0.75 + 0.25), 8.0 * 1.5 / 1.75];
        for (found, want) in out.data().iter().zip(want) {
            assert!((f64::from(*found) - want).abs() < 1e-6);
        }
    }

    #[test]
    fn without_antialiasing_two_neighbours_count() {
        let image = Image::new(1, 1, 4, vec![0.0, 4.0, 8.0, 20.0]).unwrap();
        assert_eq!(resize(&image, 1, 2, false).data(), [2.0, 14.0]);
    }

    #[test]
    fn enlarging_agrees_with_and_without_antialiasing_and_keeps_constants() {
        let image = Image::from_fn(5, 7, |row, column| (row * 3 + column) as f32);
        assert_eq!(resize(&image, 11, 9, true), resize(&image, 11, 9, false));
        assert!(resize(&image.map(|_| 0.3), 3, 4, true).data().iter().all(|v| (v - 0.3).abs() < 1e-6));
        assert_eq!(resize(&image, 5, 7, true), image);
    }

    #[test]
    fn bytes_round_between_the_two_directions() {
        let pixels = [0, 255, 255, 0];
        assert_eq!(resize_bytes(&pixels, [2, 2, 1], [1, 1]), [128]);
        assert_eq!(resize_bytes(&pixels, [2, 2, 1], [2, 2]), pixels);
    }

    #[test]
    fn cubic_bytes_are_those_of_an_antialiased_bicubic_resize() {
        let pixels: Vec<u8> = (0..36).map(|i| ((i * 37 + 11) % 256) as u8).collect();
        // torch.nn.functional.interpolate(mode="bicubic", antialias=True) on bytes.
        let expected = [65, 55, 124, 175, 204, 76, 62, 127, 172, 211, 81, 64, 118, 176, 214, 78];
        let found = resize_bytes_by(Filter::Bicubic, &pixels, [6, 6, 1], [4, 4]);
        for (found, expected) in found.iter().zip(expected) {
            assert!((i32::from(*found) - expected).abs() <= 1, "{found} {expected}");
        }
        assert_eq!(resize_bytes_by(Filter::Bicubic, &[9; 25], [5, 5, 1], [3, 7]), [9; 21]);
    }
}
