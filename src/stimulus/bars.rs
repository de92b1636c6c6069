//! Oriented bars: the reference's tuning grid exactly, and a general form for any canvas.

use serde::{Deserialize, Serialize};

use super::Image;
use crate::error::{Error, Result};

/// Rows of the reference canvas and of its bars.
pub const BAR_ROWS: usize = 28;
/// Columns of the reference's bar before it is shifted.
pub const BAR_COLUMNS: usize = 20;
/// Columns of the reference canvas.
pub const CANVAS_COLUMNS: usize = 42;

/// The reference's tuning stimuli: every orientation with every width and position.
///
/// Source: `analysis/tuning_curves.py` of the object-attention reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BarGrid {
    /// Counter-clockwise; a bar at 0 is horizontal.
    pub orientations_deg: Vec<f64>,
    /// Standard deviation of the profile across the bar, in units of which the 28 rows span -10 to 10.
    pub sigmas: Vec<f64>,
    /// Horizontal positions, in pixels of an arbitrary origin: larger is further right.
    pub xs: Vec<f64>,
    /// Vertical positions in pixels, larger is further up.
    pub ys: Vec<f64>,
}

/// One stimulus of a [`BarGrid`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarPlace {
    pub sigma: f64,
    pub x: f64,
    pub y: f64,
}

impl Default for BarGrid {
    fn default() -> Self {
        Self::reference()
    }
}

impl BarGrid {
    /// The published grid: 21 orientations, 6 widths, 11 x 11 positions.
    pub fn reference() -> Self {
        let steps = |from: f64, step: f64, n: u32| (0..n).map(|k| from + step * f64::from(k)).collect();
        Self {
            orientations_deg: steps(0.0, 9.0, 21),
            sigmas: vec![0.5, 0.8, 1.1, 1.4, 1.7, 2.0],
            xs: steps(-15.0, 0.5, 11),
            ys: steps(-10.0, 2.0, 11),
        }
    }

    /// # Errors
    /// [`Error::Config`] naming the list that is empty or holds an unusable number.
    pub fn validate(&self) -> Result<()> {
        let lists = [
            ("orientations_deg", &self.orientations_deg),
            ("sigmas", &self.sigmas),
            ("xs", &self.xs),
            ("ys", &self.ys),
        ];
        for (field, values) in lists {
            if values.is_empty() {
                return Err(Error::config(field, "at least one number", "none"));
            }
            if let Some(value) = values.iter().find(|value| !value.is_finite() || value.abs() > 1e4) {
                return Err(Error::config(field, "numbers from -10000 to 10000", value));
            }
        }
        match self.sigmas.iter().find(|&&sigma| sigma <= 0.0) {
            Some(sigma) => Err(Error::config("sigmas", "above 0", sigma)),
            None => Ok(()),
        }
    }

    /// Stimuli per orientation.
    pub fn n_places(&self) -> usize {
        self.sigmas.len() * self.xs.len() * self.ys.len()
    }

    /// The stimuli of every orientation in order: sigma outermost, then x, y innermost.
    pub fn places(&self) -> impl Iterator<Item = BarPlace> + '_ {
        self.sigmas.iter().flat_map(move |&sigma| {
            self.xs.iter().flat_map(move |&x| self.ys.iter().map(move |&y| BarPlace { sigma, x, y }))
        })
    }

    /// All bars of one orientation in the order of [`BarGrid::places`], each `[1, 28, 42]`.
    pub fn bars(&self, orientation_deg: f64) -> Vec<Image> {
        let mut bars = Vec::with_capacity(self.n_places());
        for &sigma in &self.sigmas {
            let bar = rotated_bar(orientation_deg, sigma);
            for &x in &self.xs {
                bars.extend(self.ys.iter().map(|&y| shifted_bar(&bar, x, y)));
            }
        }
        bars
    }
}

/// A bar of the reference before shifting: `[1, 28, 20]`, turned counter-clockwise.
///
/// The profile over rows is `exp(-u^2 / (2 sigma^2))`, u = linspace(-10, 10, 28), divided by its
/// largest value. Turning samples the nearest pixel exactly as Pillow does (16.16 fixed point).
pub fn rotated_bar(orientation_deg: f64, sigma: f64) -> Image {
    let profile: Vec<f64> = (0..BAR_ROWS)
        .map(|row| {
            let u = -10.0 + 20.0 * row as f64 / (BAR_ROWS - 1) as f64;
            (-u * u / (2.0 * sigma * sigma)).exp()
        })
        .collect();
    let peak = profile.iter().copied().fold(0.0, f64::max);
    let bar = Image::from_fn(BAR_ROWS, BAR_COLUMNS, |row, _| (profile[row] / peak) as f32);

    let deg = orientation_deg.rem_euclid(360.0);
    if deg == 0.0 {
        return bar;
    }
    if deg == 180.0 {
        return Image::from_fn(BAR_ROWS, BAR_COLUMNS, |row, column| {
            bar.at(0, BAR_ROWS - 1 - row, BAR_COLUMNS - 1 - column)
        });
    }
    let round = |value: f64| (value * 1e15).round() / 1e15;
    let (sin, cos) = (-deg.to_radians()).sin_cos();
    let (a, b, d, e) = (round(cos), round(sin), round(-sin), round(cos));
    let (centre_x, centre_y) = (BAR_COLUMNS as f64 / 2.0, BAR_ROWS as f64 / 2.0);
    let x0 = centre_x - centre_x * a - centre_y * b + (a + b) / 2.0;
    let y0 = centre_y - centre_x * d - centre_y * e + (d + e) / 2.0;
    let fixed = |value: f64| (value * 65536.0 + 0.5).floor() as i64;
    let (a, b, d, e, x0, y0) = (fixed(a), fixed(b), fixed(d), fixed(e), fixed(x0), fixed(y0));
    Image::from_fn(BAR_ROWS, BAR_COLUMNS, |row, column| {
        let (r, q) = (row as i64, column as i64);
        let from_column = usize::try_from((x0 + a * q + b * r) >> 16);
        let from_row = usize::try_from((y0 + d * q + e * r) >> 16);
        match (from_row, from_column) {
            (Ok(r), Ok(c)) if r < BAR_ROWS && c < BAR_COLUMNS => bar.at(0, r, c),
            _ => 0.0,
        }
    })
}

/// A bar placed on the reference canvas: `out[r, q] = bar[r + y, q + trunc(-x + 10 - 21)]`, zeros outside.
///
/// Truncation goes toward zero, so that several `x` give one stimulus; the reference counts them all.
pub fn shifted_bar(bar: &Image, x: f64, y: f64) -> Image {
    let (down, right) = (y.trunc() as isize, (-x + 10.0 - 21.0).trunc() as isize);
    let mut canvas = Image::zeros(1, BAR_ROWS, CANVAS_COLUMNS);
    canvas.paste(bar, -down, -right);
    canvas
}

/// A bar with a Gaussian profile on a canvas of any size, for models of any input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bar {
    /// Degrees, counter-clockwise; a bar at 0 is horizontal.
    pub orientation: f64,
    /// Standard deviation across the bar, pixels.
    pub width: f64,
    /// Length along the bar, pixels; its ends are straight.
    pub length: f64,
    /// Columns right of the middle of the canvas.
    pub x: f64,
    /// Rows below the middle of the canvas.
    pub y: f64,
    /// Value in the middle of the bar above the background; negative for a dark bar.
    pub contrast: f64,
    /// Value away from the bar.
    pub background: f64,
}

impl Default for Bar {
    fn default() -> Self {
        Self { orientation: 0.0, width: 1.1, length: 20.0, x: 0.0, y: 0.0, contrast: 1.0, background: 0.0 }
    }
}

impl Bar {
    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn validate(&self) -> Result<()> {
        for (field, value) in [("orientation", self.orientation), ("x", self.x), ("y", self.y)] {
            if !value.is_finite() {
                return Err(Error::config(field, "a finite number", value));
            }
        }
        for (field, value) in [("width", self.width), ("length", self.length)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::config(field, "above 0 pixels", value));
            }
        }
        if !(-1.0..=1.0).contains(&self.contrast) {
            return Err(Error::config("contrast", "-1 to 1", self.contrast));
        }
        if !(0.0..=1.0).contains(&self.background) {
            return Err(Error::config("background", "0 to 1", self.background));
        }
        Ok(())
    }

    /// The bar on `height` x `width` pixels, all `channels` alike, clamped to `[0, 1]`.
    pub fn render(&self, channels: usize, height: usize, width: usize) -> Image {
        let (sin, cos) = self.orientation.to_radians().sin_cos();
        let (middle_x, middle_y) =
            ((width as f64 - 1.0) / 2.0 + self.x, (height as f64 - 1.0) / 2.0 + self.y);
        let plane = Image::from_fn(height, width, |row, column| {
            let (x, y) = (column as f64 - middle_x, row as f64 - middle_y);
            // y points down, so the direction of a counter-clockwise turn is (cos, -sin).
            let (along, across) = (x * cos - y * sin, x * sin + y * cos);
            // The end falls off over one pixel.
            let inside = (self.length / 2.0 - along.abs() + 0.5).clamp(0.0, 1.0);
            let profile = (-across * across / (2.0 * self.width * self.width)).exp();
            (self.background + self.contrast * inside * profile).clamp(0.0, 1.0) as f32
        });
        plane.repeated(channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_grid_has_726_stimuli_per_orientation_in_order() {
        let grid = BarGrid::reference();
        grid.validate().unwrap();
        let places: Vec<BarPlace> = grid.places().collect();
        assert_eq!((places.len(), grid.n_places(), grid.orientations_deg[20]), (726, 726, 180.0));
        assert_eq!(places[1], BarPlace { sigma: 0.5, x: -15.0, y: -8.0 });
        assert_eq!(places[11], BarPlace { sigma: 0.5, x: -14.5, y: -10.0 });
        assert_eq!(places[725], BarPlace { sigma: 2.0, x: -10.0, y: 10.0 });
    }

    #[test]
    fn shifts_truncate_toward_zero() {
        let bar = rotated_bar(0.0, 1.0);
        let first_column = |x: f64| {
            let canvas = shifted_bar(&bar, x, 0.0);
            (0..CANVAS_COLUMNS).position(|c| canvas.at(0, 13, c) > 0.0)
        };
        assert_eq!(
            (first_column(-10.0), first_column(-10.5), first_column(-11.0)),
            (Some(1), Some(0), Some(0))
        );
        assert_eq!(shifted_bar(&bar, -10.5, 0.0), shifted_bar(&bar, -11.0, 0.0));
        let up = shifted_bar(&bar, -11.0, 10.0);
        assert_eq!(up.at(0, 3, 5), bar.at(0, 13, 5));
    }

    #[test]
    fn a_vertical_bar_is_a_turned_horizontal_one() {
        let flat = Bar { length: 9.0, ..Bar::default() }.render(1, 21, 21);
        let upright = Bar { length: 9.0, orientation: 90.0, ..Bar::default() }.render(1, 21, 21);
        for row in 0..21 {
            for column in 0..21 {
                assert!((flat.at(0, row, column) - upright.at(0, column, row)).abs() < 1e-6);
            }
        }
        // Counter-clockwise: at 45 degrees the bar rises to the right.
        let rising = Bar { orientation: 45.0, ..Bar::default() }.render(3, 21, 21);
        assert!(rising.at(2, 5, 15) > 0.9 && rising.at(2, 15, 15) < 0.1);
    }

    #[test]
    fn unusable_numbers_are_named() {
        let grid = BarGrid { sigmas: vec![0.0], ..BarGrid::reference() };
        assert!(grid.validate().unwrap_err().to_string().contains("sigmas"));
        let bar = Bar { length: f64::NAN, ..Bar::default() };
        assert!(bar.validate().unwrap_err().to_string().contains("length"));
    }
}
