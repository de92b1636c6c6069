//! The Gabor patches of the grid, one per degree.

use std::f64::consts::PI;
use std::sync::Arc;

use crate::stimulus::{Image, gaussian_patch, resize};

/// Rows and columns that a patch is computed on before it is halved.
const FINE: usize = 64;
/// Spatial frequency and width of the published patches.
const FREQUENCY: f64 = 0.75;
const WIDTH: f64 = 12.0;

/// Patches of 0, 1, … 179 degrees, each `[1, 32, 32]` in `0..=1`. Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct GaborTable(Arc<[Image]>);

impl Default for GaborTable {
    fn default() -> Self {
        Self((0..180).map(|deg| gabor(f64::from(deg))).collect())
    }
}

impl GaborTable {
    /// The patch at whole degrees, any number of half turns away.
    pub fn at(&self, deg: i64) -> &Image {
        &self.0[deg.rem_euclid(180) as usize]
    }
}

/// `exp(-f^2 (4 x^2 + y^2) / (8 k^2)) cos(f x)` on `size` x `size` pixels around (size/2, size/2);
/// x lies along rows at 0 degrees.
fn wave(size: usize, deg: f64, frequency: f64, width: f64) -> Vec<f64> {
    let (sin, cos) = deg.to_radians().sin_cos();
    let middle = (size / 2) as f64;
    let falloff = frequency * frequency / (8.0 * width * width);
    (0..size * size)
        .map(|at| {
            let (i, j) = ((at / size) as f64 - middle, (at % size) as f64 - middle);
            let (x, y) = (i * cos + j * sin, j * cos - i * sin);
            (-falloff * (4.0 * x * x + y * y)).exp() * (frequency * x).cos()
        })
        .collect()
}

fn picture(size: usize, values: &[f64], factor: f64) -> Image {
    Image::from_fn(size, size, |row, column| (values[row * size + column] * factor).clamp(0.0, 1.0) as f32)
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(f64::abs).fold(0.0, f64::max)
}

/// The patch of a cell: dark bars cut off at 0, windowed, largest value 1, `[1, 32, 32]`.
///
/// The reference does not define its generator; this form was inferred from the published networks.
pub fn gabor(deg: f64) -> Image {
    let values = wave(FINE, deg, FREQUENCY, WIDTH);
    let mut patch = picture(FINE, &values, 1.0 / largest(values.iter().copied()));
    let window = gaussian_patch(FINE, FINE, WIDTH);
    for (value, &w) in patch.data_mut().iter_mut().zip(window.data()) {
        *value *= w;
    }
    let peak = largest(patch.data().iter().map(|&v| f64::from(v)));
    resize(&patch.map(|value| (f64::from(value) / peak) as f32), FINE / 2, FINE / 2, true)
}

/// The patch of the tuning analysis on `size` x `size` pixels: `frequency` in radians per pixel, `width`
/// the number k of the wavelet, dark bars cut off at 0.
///
/// Source: `curves_utils.py`; the small constant of its normaliser lowers the peak of narrow patches.
pub fn steep_gabor(size: usize, deg: f64, frequency: f64, width: f64) -> Image {
    let factor = frequency * frequency / (4.0 * PI * width * width) * (width * width / 2.0).exp();
    let values = wave(size, deg, frequency, width);
    let peak = largest(values.iter().map(|value| value * factor)) + 1e-6;
    picture(size, &values, factor / peak)
}
