//! Rotation, shift and scaling of pictures with nearest-neighbour sampling.

use serde::{Deserialize, Serialize};

use super::Image;
use crate::rng::{self, Rng};

/// A warp about the centre of a picture; empty parts become 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Affine {
    /// Clockwise on screen.
    pub deg: f64,
    /// Columns to the right.
    pub tx: f64,
    /// Rows down.
    pub ty: f64,
    pub scale: f64,
}

/// Ranges that a random warp is drawn from, uniformly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AffineRange {
    /// Largest rotation to either side, degrees.
    pub deg: f64,
    /// Largest shift to either side as a share of the width and of the height.
    pub shift: f64,
    /// Smallest and largest scale.
    pub scale: [f64; 2],
}

impl AffineRange {
    /// A warp for a picture of `height` x `width`; shifts are whole pixels.
    pub fn draw(&self, height: usize, width: usize, rng: &mut Rng) -> Affine {
        let deg = symmetric(self.deg, rng);
        let tx = symmetric(self.shift * width as f64, rng).round_ties_even();
        let ty = symmetric(self.shift * height as f64, rng).round_ties_even();
        let [low, high] = self.scale;
        Affine { deg, tx, ty, scale: low + (high - low) * rng::uniform(rng) }
    }
}

fn symmetric(limit: f64, rng: &mut Rng) -> f64 {
    (2.0 * rng::uniform(rng) - 1.0) * limit
}

impl Affine {
    /// `image` under this warp, same size.
    ///
    /// Output pixel (row, column) takes the source pixel nearest to its inverse image, ties to the
    /// even index, as the tensor path of torchvision does.
    pub fn apply(&self, image: &Image) -> Image {
        let (sin, cos) = self.deg.to_radians().sin_cos();
        sampled_nearest(image, |x, y| {
            let (x, y) = (x - self.tx, y - self.ty);
            ((cos * x + sin * y) / self.scale, (cos * y - sin * x) / self.scale)
        })
    }
}

/// A picture of the size of `image` whose pixel (x, y) is that of `image` nearest to `back(x, y)`, ties to
/// the even index, 0 outside. Places are columns and rows from the middle of the picture.
pub(super) fn sampled_nearest(image: &Image, back: impl Fn(f64, f64) -> (f64, f64)) -> Image {
    let [channels, height, width] = image.shape();
    let (middle_x, middle_y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
    let mut out = Image::zeros(channels, height, width);
    for row in 0..height {
        for column in 0..width {
            let (x, y) = back(column as f64 - middle_x, row as f64 - middle_y);
            let from_column = (x + middle_x).round_ties_even();
            let from_row = (y + middle_y).round_ties_even();
            if (0.0..height as f64).contains(&from_row) && (0.0..width as f64).contains(&from_column) {
                for channel in 0..channels {
                    let value = image.at(channel, from_row as usize, from_column as usize);
                    out.set(channel, row, column, value);
                }
            }
        }
    }
    out
}

/// `image` turned counter-clockwise by `deg` about its centre, same size, nearest neighbour.
pub fn rotated(image: &Image, deg: f64) -> Image {
    Affine { deg: -deg, tx: 0.0, ty: 0.0, scale: 1.0 }.apply(image)
}

/// `image` turned counter-clockwise by `deg` about its centre, same size, bilinear; what lies outside
/// counts 0.
pub fn rotated_smoothly(image: &Image, deg: f64) -> Image {
    let [channels, height, width] = image.shape();
    let (middle_x, middle_y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
    let (sin, cos) = (-deg).to_radians().sin_cos();
    let mut out = Image::zeros(channels, height, width);
    for row in 0..height {
        for column in 0..width {
            let (x, y) = (column as f64 - middle_x, row as f64 - middle_y);
            let (from_x, from_y) = (cos * x + sin * y + middle_x, cos * y - sin * x + middle_y);
            let (left, top) = (from_x.floor(), from_y.floor());
            let (share_x, share_y) = (from_x - left, from_y - top);
            let corners = [
                (top, left, (1.0 - share_y) * (1.0 - share_x)),
                (top, left + 1.0, (1.0 - share_y) * share_x),
                (top + 1.0, left, share_y * (1.0 - share_x)),
                (top + 1.0, left + 1.0, share_y * share_x),
            ];
            for channel in 0..channels {
                let inside = |at: f64, n: usize| (0.0..n as f64).contains(&at);
                let sum: f64 = corners
                    .iter()
                    .filter(|(r, c, _)| inside(*r, height) && inside(*c, width))
                    .map(|(r, c, weight)| weight * f64::from(image.at(channel, *r as usize, *c as usize)))
                    .sum();
                out.set(channel, row, column, sum as f32);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered() -> Image {
        Image::from_fn(4, 4, |row, column| (row * 4 + column) as f32)
    }

    #[test]
    fn quarter_turns_are_exact() {
        let turned = rotated(&numbered(), 90.0);
        let want = Image::from_fn(4, 4, |row, column| (column * 4 + 3 - row) as f32);
        assert_eq!(turned, want);
        assert_eq!(rotated(&turned, -90.0), numbered());
    }

    #[test]
    fn shifts_move_right_and_down_and_leave_zeros() {
        let moved = Affine { deg: 0.0, tx: 1.0, ty: 2.0, scale: 1.0 }.apply(&numbered());
        assert_eq!(moved.at(0, 2, 1), 0.0);
        assert_eq!(moved.at(0, 3, 3), 6.0);
        assert!(moved.plane(0)[..8].iter().all(|&value| value == 0.0));
    }

    #[test]
    fn drawn_warps_stay_in_their_ranges_and_shift_by_whole_pixels() {
        let range = AffineRange { deg: 15.0, shift: 0.3, scale: [0.9, 1.1] };
        let mut rng = rng::stream(1, "affine", &[]);
        for _ in 0..200 {
            let warp = range.draw(96, 96, &mut rng);
            assert!(warp.deg.abs() <= 15.0 && (0.9..=1.1).contains(&warp.scale));
            assert!(warp.tx.abs() <= 29.0 && warp.tx.fract() == 0.0 && warp.ty.fract() == 0.0);
        }
    }
}
