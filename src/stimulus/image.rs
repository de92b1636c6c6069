//! One picture on the CPU: channels first, rows from the top, `f32`.

use crate::error::{Error, Result};

/// A picture of `channels` planes of `height` x `width` values, row-major, usually in `[0, 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    channels: usize,
    height: usize,
    width: usize,
    data: Vec<f32>,
}

impl Image {
    /// A picture of zeros.
    pub fn zeros(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width, data: vec![0.0; channels * height * width] }
    }

    /// A picture that holds `data`, `[channels, height, width]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of values differs.
    pub fn new(channels: usize, height: usize, width: usize, data: Vec<f32>) -> Result<Self> {
        if data.len() != channels * height * width {
            return Err(Error::shape("picture", [channels, height, width], &[data.len()]));
        }
        Ok(Self { channels, height, width, data })
    }

    /// One channel whose value at (row, column) is `value(row, column)`.
    pub fn from_fn(height: usize, width: usize, mut value: impl FnMut(usize, usize) -> f32) -> Self {
        let mut image = Self::zeros(1, height, width);
        for row in 0..height {
            for column in 0..width {
                image.data[row * width + column] = value(row, column);
            }
        }
        image
    }

    /// One channel of bytes divided by 255; `bytes` has `height * width` entries.
    pub fn from_grey_bytes(height: usize, width: usize, bytes: &[u8]) -> Self {
        Self::from_fn(height, width, |row, column| f32::from(bytes[row * width + column]) / 255.0)
    }

    /// Each channel constant at its colour.
    pub fn uniform(colour: &[f32], height: usize, width: usize) -> Self {
        let mut image = Self::zeros(colour.len(), height, width);
        for (plane, &value) in image.planes_mut().zip(colour) {
            plane.fill(value);
        }
        image
    }

    pub fn channels(&self) -> usize {
        self.channels
    }

    pub fn height(&self) -> usize {
        self.height
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// All values, channel by channel, row by row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All values, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The values, without the shape.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// One channel, `[height * width]`.
    pub fn plane(&self, channel: usize) -> &[f32] {
        let size = self.height * self.width;
        &self.data[channel * size..(channel + 1) * size]
    }

    /// One channel, `[height * width]`, to be changed in place.
    pub fn plane_mut(&mut self, channel: usize) -> &mut [f32] {
        let size = self.height * self.width;
        &mut self.data[channel * size..(channel + 1) * size]
    }

    /// The channels in order, each `[height * width]`, to be changed in place.
    pub fn planes_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.data.chunks_exact_mut((self.height * self.width).max(1))
    }

    /// The value of `channel` at (`row`, `column`).
    pub fn at(&self, channel: usize, row: usize, column: usize) -> f32 {
        self.data[(channel * self.height + row) * self.width + column]
    }

    /// Sets the value of `channel` at (`row`, `column`).
    pub fn set(&mut self, channel: usize, row: usize, column: usize, value: f32) {
        self.data[(channel * self.height + row) * self.width + column] = value;
    }

    /// A picture with `f` applied to each value.
    pub fn map(&self, f: impl Fn(f32) -> f32) -> Self {
        Self { data: self.data.iter().map(|&value| f(value)).collect(), ..*self }
    }

    /// Copies `part` (as many channels) with its top-left corner at (`top`, `left`); what lies outside is dropped.
    pub fn paste(&mut self, part: &Self, top: isize, left: isize) {
        for channel in 0..self.channels.min(part.channels) {
            for row in 0..part.height {
                let Some(to_row) = top.checked_add_unsigned(row).and_then(|r| usize::try_from(r).ok()) else {
                    continue;
                };
                for column in 0..part.width {
                    let Some(to_column) =
                        left.checked_add_unsigned(column).and_then(|c| usize::try_from(c).ok())
                    else {
                        continue;
                    };
                    if to_row < self.height && to_column < self.width {
                        self.set(channel, to_row, to_column, part.at(channel, row, column));
                    }
                }
            }
        }
    }

    /// The first channel, `channels` times.
    pub fn repeated(&self, channels: usize) -> Self {
        Self { channels, data: self.plane(0).repeat(channels), ..*self }
    }

    /// The picture with `margin` zeros on each side.
    pub fn padded(&self, margin: usize) -> Self {
        let mut out = Self::zeros(self.channels, self.height + 2 * margin, self.width + 2 * margin);
        for channel in 0..self.channels {
            for row in 0..self.height {
                for column in 0..self.width {
                    out.set(channel, row + margin, column + margin, self.at(channel, row, column));
                }
            }
        }
        out
    }

    /// Adds `other` (same shape), value by value.
    pub fn add(&mut self, other: &Self) {
        debug_assert_eq!(self.shape(), other.shape());
        for (value, &more) in self.data.iter_mut().zip(&other.data) {
            *value += more;
        }
    }

    /// Every `step`-th row and column, from the first.
    pub fn thinned(&self, step: usize) -> Self {
        let (height, width) = (self.height.div_ceil(step), self.width.div_ceil(step));
        let mut out = Self::zeros(self.channels, height, width);
        for channel in 0..self.channels {
            for row in 0..height {
                for column in 0..width {
                    out.set(channel, row, column, self.at(channel, row * step, column * step));
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasting_drops_what_lies_outside() {
        let mut image = Image::zeros(1, 3, 3);
        let part = Image::from_fn(2, 2, |row, column| (row * 2 + column + 1) as f32);
        image.paste(&part, -1, 2);
        assert_eq!(image.data(), [0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_wrong_number_of_values_is_an_error() {
        assert!(Image::new(1, 2, 2, vec![0.0; 3]).is_err());
    }
}
