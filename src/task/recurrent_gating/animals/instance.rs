//! An annotated animal, and how it is brought onto a canvas.

use crate::error::{Error, Result};
use crate::rng::Chance;
use crate::stimulus::augment::flipped;
use crate::stimulus::{Affine, Image, resize};

/// Probability that a photograph is cut to a square before it is fitted.
const SQUARE_CROP: f64 = 0.1;

/// One annotated animal.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// `[3, height, width]` in `0..=1`.
    pub image: Image,
    /// `[1, height, width]`, 0 or 1.
    pub mask: Image,
    /// Left, top, width, height in pixels, fractions included.
    pub bbox: [f64; 4],
    pub class: u32,
}

impl Instance {
    pub(super) fn stacked(&self) -> Result<Image> {
        let [_, height, width] = self.image.shape();
        if self.mask.shape() != [1, height, width] {
            return Err(Error::shape("mask of an instance", [1, height, width], &self.mask.shape()));
        }
        let data = [self.image.data(), self.mask.data()].concat();
        Image::new(self.image.channels() + 1, height, width, data)
    }

    /// Photograph and mask within the bounding box: position truncated, size truncated plus one.
    pub(super) fn boxed(&self) -> Result<Image> {
        let whole = self.stacked()?;
        let [_, height, width] = whole.shape();
        let [left, top, w, h] = self.bbox.map(|value| value.max(0.0) as usize);
        let (top, left) = (top.min(height), left.min(width));
        let (h, w) = ((h + 1).min(height - top), (w + 1).min(width - left));
        if h == 0 || w == 0 {
            return Err(Error::shape("bounding box", "inside the photograph", &[top, left, h, w]));
        }
        let mut out = Image::zeros(whole.channels(), h, w);
        out.paste(&whole, -(top as isize), -(left as isize));
        Ok(out)
    }
}

/// Photograph and mask on a canvas.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitted {
    pub(super) image: Image,
    pub(super) mask: Image,
}

/// Makes `stacked` (mask last) small enough for `height` x `width` and places it at random.
pub(super) fn fitted(
    stacked: Image,
    height: usize,
    width: usize,
    may_crop: bool,
    chance: &mut impl Chance,
) -> Result<Fitted> {
    let mut part = stacked;
    if may_crop && chance.uniform()? < SQUARE_CROP && height == width {
        let [channels, h, w] = part.shape();
        let side = h.min(w);
        let offset = if h == w { 0 } else { chance.integer(0, h.abs_diff(w) as i64)? as isize };
        let mut square = Image::zeros(channels, side, side);
        square.paste(&part, if h > w { -offset } else { 0 }, if w > h { -offset } else { 0 });
        part = square;
    }
    let [channels, h, w] = part.shape();
    let scale = (height as f64 / h as f64).min(width as f64 / w as f64);
    if scale < 1.0 {
        let shrunk = |n: usize| ((n as f64 * scale) as usize).saturating_sub(1).max(1);
        part = resize(&part, shrunk(h), shrunk(w), false);
    }
    let (free_rows, free_columns) = (height - part.height(), width - part.width());
    let mut pad = |free: usize| match free {
        0 => Ok(0),
        free => chance.integer(0, free as i64).map(|n| n as usize),
    };
    let (top, right) = (pad(free_rows)?, pad(free_columns)?);
    let left = free_columns - right.min(free_columns);
    let mut out = Image::zeros(channels, height, width);
    out.paste(&part, top as isize, left as isize);
    let last = channels - 1;
    let image = Image::new(last, height, width, out.data()[..last * height * width].to_vec())?;
    Ok(Fitted { image, mask: Image::new(1, height, width, out.plane(last).to_vec())? })
}

impl Fitted {
    /// Left and right exchanged with probability 1/2.
    pub(super) fn flipped_by(mut self, chance: &mut impl Chance) -> Result<Self> {
        if chance.uniform()? < 0.5 {
            (self.image, self.mask) = (flipped(&self.image), flipped(&self.mask));
        }
        Ok(self)
    }

    pub(super) fn warped(&self, warp: Affine) -> Self {
        Self { image: warp.apply(&self.image), mask: warp.apply(&self.mask) }
    }

    /// The animal's own pixels, black around.
    pub(super) fn cut_out(&self) -> Image {
        let mut out = self.image.clone();
        for plane in out.planes_mut() {
            for (value, &m) in plane.iter_mut().zip(self.mask.plane(0)) {
                *value *= m;
            }
        }
        out
    }
}
