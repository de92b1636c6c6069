//! Sinusoidal gratings in an aperture, on a canvas of any size.

use serde::{Deserialize, Serialize};

use super::Image;
use crate::error::{Error, Result};

/// Where a grating is visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aperture {
    /// The whole canvas.
    Full,
    /// A disc of diameter `size`, its edge one pixel soft.
    Circle,
    /// A Gaussian window with standard deviation `size / 4`.
    #[default]
    Gaussian,
}

/// A sinusoidal grating. Values are luminances in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grating {
    /// Degrees, counter-clockwise; the stripes of 0 are horizontal.
    pub orientation: f64,
    /// Spatial frequency, cycles per pixel.
    pub sf: f64,
    /// Degrees; at 0 the middle of the aperture is brightest.
    pub phase: f64,
    /// Michelson contrast, 0 to 1.
    pub contrast: f64,
    /// Extent of the aperture, pixels.
    pub size: f64,
    /// Columns right of the middle of the canvas.
    pub x: f64,
    /// Rows below the middle of the canvas.
    pub y: f64,
    pub aperture: Aperture,
    /// Mean luminance inside the aperture.
    pub mean: f64,
    /// Luminance outside the aperture.
    pub background: f64,
}

impl Default for Grating {
    fn default() -> Self {
        Self {
            orientation: 0.0,
            sf: 0.125,
            phase: 0.0,
            contrast: 1.0,
            size: 24.0,
            x: 0.0,
            y: 0.0,
            aperture: Aperture::Gaussian,
            mean: 0.5,
            background: 0.5,
        }
    }
}

impl Grating {
    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn validate(&self) -> Result<()> {
        let finite = [("orientation", self.orientation), ("phase", self.phase), ("x", self.x), ("y", self.y)];
        if let Some((field, value)) = finite.into_iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::config(field, "a finite number", value));
        }
        let shares = [("contrast", self.contrast), ("mean", self.mean), ("background", self.background)];
        if let Some((field, value)) = shares.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return Err(Error::config(field, "0 to 1", value));
        }
        if !(0.0..=0.5).contains(&self.sf) {
            return Err(Error::config("sf", "0 to 0.5 cycles per pixel", self.sf));
        }
        if !(self.size > 0.0 && self.size.is_finite()) {
            return Err(Error::config("size", "above 0 pixels", self.size));
        }
        Ok(())
    }

    /// The grating on `height` x `width` pixels, all `channels` alike, clamped to `[0, 1]`.
    pub fn render(&self, channels: usize, height: usize, width: usize) -> Image {
        let (sin, cos) = self.orientation.to_radians().sin_cos();
        let (middle_x, middle_y) =
            ((width as f64 - 1.0) / 2.0 + self.x, (height as f64 - 1.0) / 2.0 + self.y);
        let plane = Image::from_fn(height, width, |row, column| {
            let (x, y) = (column as f64 - middle_x, row as f64 - middle_y);
            let across = x * sin + y * cos;
            let wave = (std::f64::consts::TAU * self.sf * across + self.phase.to_radians()).cos();
            let window = match self.aperture {
                Aperture::Full => 1.0,
                Aperture::Circle => (self.size / 2.0 - x.hypot(y) + 0.5).clamp(0.0, 1.0),
                Aperture::Gaussian => (-8.0 * (x * x + y * y) / (self.size * self.size)).exp(),
            };
            let inside = self.mean * (1.0 + self.contrast * wave);
            (self.background + window * (inside - self.background)).clamp(0.0, 1.0) as f32
        });
        plane.repeated(channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_grating_has_its_period_contrast_and_mean() {
        let grating =
            Grating { aperture: Aperture::Full, sf: 0.25, contrast: 0.5, y: -0.5, ..Grating::default() };
        let image = grating.render(1, 8, 8);
        for (row, want) in [(3, 0.75), (4, 0.5), (5, 0.25), (6, 0.5), (7, 0.75)] {
            assert!((image.at(0, row, 2) - want).abs() < 1e-6, "row {row}");
        }
        assert!((image.data().iter().sum::<f32>() / 64.0 - 0.5).abs() < 1e-6);
    }

    #[test]
    fn turning_by_ninety_degrees_exchanges_rows_and_columns() {
        let still = Grating { phase: 40.0, ..Grating::default() };
        let (flat, upright) =
            (still.render(1, 20, 20), Grating { orientation: 90.0, ..still }.render(1, 20, 20));
        for row in 0..20 {
            for column in 0..20 {
                assert!((flat.at(0, row, column) - upright.at(0, column, row)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn outside_the_aperture_there_is_background() {
        let grating =
            Grating { aperture: Aperture::Circle, size: 6.0, background: 0.0, ..Grating::default() };
        let image = grating.render(2, 16, 16);
        assert_eq!((image.at(0, 0, 0), image.at(1, 8, 12)), (0.0, 0.0));
        assert!(image.at(1, 8, 8) > 0.9);
    }

    #[test]
    fn unusable_numbers_are_named() {
        for (grating, field) in [
            (Grating { sf: 0.6, ..Grating::default() }, "sf"),
            (Grating { contrast: 1.1, ..Grating::default() }, "contrast"),
            (Grating { x: f64::INFINITY, ..Grating::default() }, "x"),
            (Grating { size: 0.0, ..Grating::default() }, "size"),
        ] {
            assert!(grating.validate().unwrap_err().to_string().starts_with(field));
        }
    }
}
