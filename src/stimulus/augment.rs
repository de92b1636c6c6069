//! Random changes of training pictures in `0..=1`, as torchvision's tensor path makes them.

use super::Image;
use super::affine::sampled_nearest;
use crate::error::{Error, Result};
use crate::rng::{self, Rng};

/// A rotation, shift, scaling and shear; empty parts become 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warp {
    /// Clockwise on screen.
    pub deg: f64,
    /// Columns to the right and rows down.
    pub shift: [f64; 2],
    pub scale: f64,
    /// Along columns and along rows, degrees.
    pub shear_deg: [f64; 2],
    /// What stays in place, from the middle of the picture: columns, rows.
    pub centre: [f64; 2],
}

impl Default for Warp {
    fn default() -> Self {
        Self { deg: 0.0, shift: [0.0; 2], scale: 1.0, shear_deg: [0.0; 2], centre: [0.0; 2] }
    }
}

impl Warp {
    /// `image` under this warp, same size, nearest neighbour.
    pub fn apply(&self, image: &Image) -> Image {
        let rotation = self.deg.to_radians();
        let [sx, sy] = self.shear_deg.map(f64::to_radians);
        let a = (rotation - sy).cos() / sy.cos();
        let b = -(rotation - sy).cos() * sx.tan() / sy.cos() - rotation.sin();
        let c = (rotation - sy).sin() / sy.cos();
        let d = -(rotation - sy).sin() * sx.tan() / sy.cos() + rotation.cos();
        let [m0, m1, m3, m4] = [d, -b, -c, a].map(|entry| entry / self.scale);
        let ([cx, cy], [tx, ty]) = (self.centre, self.shift);
        let back = |x: f64, y: f64| {
            let (x, y) = (x - cx - tx, y - cy - ty);
            (m0 * x + m1 * y + cx, m3 * x + m4 * y + cy)
        };
        sampled_nearest(image, back)
    }
}

/// Left and right exchanged.
pub fn flipped(image: &Image) -> Image {
    let [_, _, width] = image.shape();
    let mut out = image.clone();
    out.data_mut().chunks_exact_mut(width.max(1)).for_each(<[f32]>::reverse);
    out
}

/// `share * image + (1 - share) * other`, kept within `0..=1`.
fn blended(image: &Image, other: impl Fn(usize, usize, usize) -> f32, share: f64) -> Image {
    let [channels, height, width] = image.shape();
    let (share, rest) = (share as f32, (1.0 - share) as f32);
    let mut out = image.clone();
    for channel in 0..channels {
        for row in 0..height {
            for column in 0..width {
                let value = share * image.at(channel, row, column) + rest * other(channel, row, column);
                out.set(channel, row, column, value.clamp(0.0, 1.0));
            }
        }
    }
    out
}

/// Luminance of three channels, else the first.
fn grey(image: &Image, row: usize, column: usize) -> f32 {
    match image.channels() {
        3 => {
            let [r, g, b] = [0, 1, 2].map(|channel| image.at(channel, row, column));
            0.2989 * r + 0.587 * g + 0.114 * b
        }
        _ => image.at(0, row, column),
    }
}

/// Every pixel times `factor`.
pub fn brightness(image: &Image, factor: f64) -> Image {
    blended(image, |_, _, _| 0.0, factor)
}

/// Distances to the mean luminance times `factor`.
pub fn contrast(image: &Image, factor: f64) -> Image {
    let [_, height, width] = image.shape();
    let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
    let sum: f64 = pixels.map(|(row, column)| f64::from(grey(image, row, column))).sum();
    let mean = (sum / (height * width).max(1) as f64) as f32;
    blended(image, |_, _, _| mean, factor)
}

/// Distances to the luminance of each pixel times `factor`.
pub fn saturation(image: &Image, factor: f64) -> Image {
    blended(image, |_, row, column| grey(image, row, column), factor)
}

/// Distances to a slightly blurred picture times `factor`; the border stays.
pub fn sharpness(image: &Image, factor: f64) -> Image {
    let [_, height, width] = image.shape();
    if height < 3 || width < 3 {
        return image.clone();
    }
    let blurred = |channel: usize, row: usize, column: usize| {
        if row == 0 || column == 0 || row + 1 == height || column + 1 == width {
            return image.at(channel, row, column);
        }
        let around = (row - 1..=row + 1).flat_map(|r| (column - 1..=column + 1).map(move |c| (r, c)));
        let sum: f32 = around.map(|(r, c)| image.at(channel, r, c)).sum();
        (sum + 4.0 * image.at(channel, row, column)) / 13.0
    };
    blended(image, blurred, factor)
}

/// The upper `bits` of each value.
pub fn posterised(image: &Image, bits: u32) -> Image {
    let levels = 2f32.powi(bits.min(24) as i32);
    image.map(|value| (value * levels).floor().clamp(0.0, levels - 1.0) / levels)
}

/// Values from `threshold` on turned over.
pub fn solarised(image: &Image, threshold: f32) -> Image {
    image.map(|value| if value >= threshold { 1.0 - value } else { value })
}

/// Each channel stretched to `0..=1`; a constant one stays.
pub fn auto_contrast(image: &Image) -> Image {
    let mut out = image.clone();
    for channel in 0..image.channels() {
        let plane = out.plane_mut(channel);
        let low = plane.iter().fold(f32::INFINITY, |low, &value| low.min(value));
        let high = plane.iter().fold(f32::NEG_INFINITY, |high, &value| high.max(value));
        if high > low {
            plane.iter_mut().for_each(|value| *value = ((*value - low) / (high - low)).clamp(0.0, 1.0));
        }
    }
    out
}

/// Each channel with its 256 levels spread evenly over its pixels.
pub fn equalised(image: &Image) -> Image {
    let mut out = image.clone();
    for channel in 0..image.channels() {
        let plane = out.plane_mut(channel);
        let level = |value: f32| ((value * 255.999).max(0.0) as usize).min(255);
        let mut histogram = [0_usize; 256];
        plane.iter().for_each(|&value| histogram[level(value)] += 1);
        let Some(last) = histogram.iter().rposition(|&count| count > 0) else { continue };
        let step = (plane.len() - histogram[last]) / 255;
        if step == 0 {
            continue;
        }
        let mut below = 0;
        let table = histogram.map(|count| {
            let entry = ((below + step / 2) / step).min(255);
            below += count;
            entry
        });
        for value in plane.iter_mut() {
            *value = table[level(*value)] as f32 / 255.0;
        }
    }
    out
}

/// Smooth random displacement: noise blurred by a Gaussian of `sigma` pixels times `alpha` pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elastic {
    pub alpha: f64,
    pub sigma: f64,
}

impl Elastic {
    /// Displacement along one axis as a share of half of that side, from `noise` in `-1..=1`.
    pub fn displacement(&self, noise: &Image, side: usize) -> Image {
        let reach = (4.0 * self.sigma).round() as isize;
        let taps: Vec<f64> =
            (-reach..=reach).map(|t| (-(t * t) as f64 / (2.0 * self.sigma * self.sigma)).exp()).collect();
        let sum: f64 = taps.iter().sum();
        let [_, height, width] = noise.shape();
        let blurred = |at: isize, n: usize, value: &dyn Fn(usize) -> f32| {
            let terms = (-reach..).zip(&taps);
            let total: f64 = terms.map(|(t, tap)| tap * f64::from(value(mirrored(at + t, n)))).sum();
            (total / sum) as f32
        };
        let wide = Image::from_fn(height, width, |row, column| {
            blurred(column as isize, width, &|column| noise.at(0, row, column))
        });
        let scale = (self.alpha / side as f64) as f32;
        Image::from_fn(height, width, |row, column| {
            scale * blurred(row as isize, height, &|row| wide.at(0, row, column))
        })
    }

    /// `image` sampled bilinearly where the displacements `across` and `down` point; zeros outside.
    ///
    /// # Errors
    /// [`Error::Shape`] unless both have the size of the picture.
    pub fn displaced(image: &Image, across: &Image, down: &Image) -> Result<Image> {
        let [channels, height, width] = image.shape();
        for displacement in [across, down] {
            if displacement.shape() != [1, height, width] {
                return Err(Error::shape("displacement", [1, height, width], &displacement.shape()));
            }
        }
        let mut out = Image::zeros(channels, height, width);
        let inside = |at: f32, n: usize| (0.0..n as f32).contains(&at).then_some(at as usize);
        for row in 0..height {
            for column in 0..width {
                let x = column as f32 + across.at(0, row, column) * width as f32 / 2.0;
                let y = row as f32 + down.at(0, row, column) * height as f32 / 2.0;
                let (left, top) = (x.floor(), y.floor());
                for channel in 0..channels {
                    let mut value = 0.0;
                    for (at_y, share_y) in [(top, 1.0 - (y - top)), (top + 1.0, y - top)] {
                        for (at_x, share_x) in [(left, 1.0 - (x - left)), (left + 1.0, x - left)] {
                            if let (Some(r), Some(c)) = (inside(at_y, height), inside(at_x, width)) {
                                value += share_y * share_x * image.at(channel, r, c);
                            }
                        }
                    }
                    out.set(channel, row, column, value);
                }
            }
        }
        Ok(out)
    }
}

/// `at` mirrored into `0..n` without repeating the edge.
fn mirrored(at: isize, n: usize) -> usize {
    let period = 2 * (n as isize - 1).max(1);
    let folded = at.rem_euclid(period);
    folded.min(period - folded).min(n as isize - 1) as usize
}

/// One operation of RandAugment and what its magnitude means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RandAugment {
    Identity,
    /// Tangent of the angle.
    ShearX,
    ShearY,
    /// Pixels, truncated.
    TranslateX,
    TranslateY,
    /// Degrees counter-clockwise.
    Rotate,
    /// Added to a factor of 1.
    Brightness,
    Color,
    Contrast,
    Sharpness,
    /// Bits.
    Posterize,
    /// Threshold.
    Solarize,
    AutoContrast,
    Equalize,
}

impl RandAugment {
    pub const ALL: [Self; 14] = [
        Self::Identity,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
        Self::Rotate,
        Self::Brightness,
        Self::Color,
        Self::Contrast,
        Self::Sharpness,
        Self::Posterize,
        Self::Solarize,
        Self::AutoContrast,
        Self::Equalize,
    ];

    /// torchvision's name.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// `image` under the operation, with the sign in `magnitude`.
    pub fn apply(self, image: &Image, magnitude: f64) -> Image {
        let [_, height, width] = image.shape();
        let corner = [-(width as f64) / 2.0, -(height as f64) / 2.0];
        let angle = magnitude.atan().to_degrees();
        let warp = match self {
            Self::Identity => return image.clone(),
            Self::Brightness => return brightness(image, 1.0 + magnitude),
            Self::Color => return saturation(image, 1.0 + magnitude),
            Self::Contrast => return contrast(image, 1.0 + magnitude),
            Self::Sharpness => return sharpness(image, 1.0 + magnitude),
            Self::Posterize => return posterised(image, magnitude.max(0.0) as u32),
            Self::Solarize => return solarised(image, magnitude as f32),
            Self::AutoContrast => return auto_contrast(image),
            Self::Equalize => return equalised(image),
            Self::ShearX => Warp { shear_deg: [angle, 0.0], centre: corner, ..Warp::default() },
            Self::ShearY => Warp { shear_deg: [0.0, angle], centre: corner, ..Warp::default() },
            Self::TranslateX => Warp { shift: [magnitude.trunc(), 0.0], ..Warp::default() },
            Self::TranslateY => Warp { shift: [0.0, magnitude.trunc()], ..Warp::default() },
            Self::Rotate => Warp { deg: -magnitude, ..Warp::default() },
        };
        warp.apply(image)
    }
}

/// RandAugment at its defaults: two operations drawn with replacement at bin 9 of 31 magnitudes, signed
/// ones with either sign.
pub fn rand_augmented(image: &Image, rng: &mut Rng) -> Image {
    let [_, height, width] = image.shape();
    // Translations are a share of 150 of 331 pixels.
    let share = 0.3;
    let mut out = image.clone();
    for _ in 0..2 {
        let operation = RandAugment::ALL[rng::index(rng, 0, RandAugment::ALL.len())];
        let sign = if rng::uniform(rng) < 0.5 { 1.0 } else { -1.0 };
        let magnitude = match operation {
            RandAugment::ShearX | RandAugment::ShearY => sign * 0.3 * share,
            RandAugment::TranslateX => sign * (share * 150.0 / 331.0 * width as f64).trunc(),
            RandAugment::TranslateY => sign * (share * 150.0 / 331.0 * height as f64).trunc(),
            RandAugment::Rotate => sign * 30.0 * share,
            RandAugment::Brightness | RandAugment::Color | RandAugment::Contrast | RandAugment::Sharpness => {
                sign * 0.9 * share
            }
            RandAugment::Posterize => 7.0,
            RandAugment::Solarize => 1.0 - share,
            RandAugment::Identity | RandAugment::AutoContrast | RandAugment::Equalize => 0.0,
        };
        out = operation.apply(&out, magnitude);
    }
    out
}

/// Each entry mixed with the one before it, the first with the last: `share * x + (1 - share) * before`.
pub fn mixed(entries: &[Vec<f32>], share: f64) -> Vec<Vec<f32>> {
    let (share, rest) = (share as f32, (1.0 - share) as f32);
    let before = entries.iter().cycle().skip(entries.len().saturating_sub(1));
    let blend = |(a, b): (&Vec<f32>, &Vec<f32>)| a.iter().zip(b).map(|(a, b)| share * a + rest * b).collect();
    entries.iter().zip(before).map(blend).collect()
}

/// Columns `x[0]..x[1]` and rows `y[0]..y[1]` of each picture replaced by those of the one before it; and
/// the share of a picture that stays.
pub fn cut_mixed(pictures: &[Image], x: [usize; 2], y: [usize; 2]) -> (Vec<Image>, f64) {
    let before = pictures.iter().cycle().skip(pictures.len().saturating_sub(1));
    let mut share = 1.0;
    let replaced = pictures.iter().zip(before).map(|(picture, before)| {
        let [channels, height, width] = picture.shape();
        let (columns, rows) = (x[0]..x[1].min(width), y[0]..y[1].min(height));
        share = 1.0 - (columns.len() * rows.len()) as f64 / (width * height).max(1) as f64;
        let mut out = picture.clone();
        for channel in 0..channels {
            for row in rows.clone() {
                for column in columns.clone() {
                    out.set(channel, row, column, before.at(channel, row, column));
                }
            }
        }
        out
    });
    let replaced = replaced.collect();
    (replaced, share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered() -> Image {
        Image::from_fn(3, 4, |row, column| (row * 4 + column) as f32 / 12.0)
    }

    #[test]
    fn nothing_changes_where_nothing_is_asked() {
        let image = numbered().repeated(3);
        assert_eq!(Warp::default().apply(&image), image);
        assert_eq!(flipped(&flipped(&image)), image);
        for operation in [RandAugment::Brightness, RandAugment::Sharpness, RandAugment::Rotate] {
            assert_eq!(operation.apply(&image, 0.0), image, "{operation:?}");
        }
        let still = Image::zeros(1, 3, 4);
        assert_eq!(Elastic::displaced(&numbered(), &still, &still).unwrap(), numbered());
        assert!(Elastic::displaced(&numbered(), &still, &Image::zeros(1, 3, 3)).is_err());
    }

    #[test]
    fn random_changes_repeat_with_their_seed_and_keep_the_range() {
        let image = Image::from_fn(12, 12, |row, column| (row * 12 + column) as f32 / 144.0).repeated(3);
        let changed = |seed| rand_augmented(&image, &mut rng::stream(seed, "changes", &[]));
        let all: Vec<Image> = (0..30).map(changed).collect();
        assert_eq!(all[3], changed(3));
        assert!(all.iter().all(|other| other.data().iter().all(|value| (0.0..=1.0).contains(value))));
        assert!(all.iter().filter(|other| **other != image).count() > 20);
    }

    #[test]
    fn pictures_mix_with_the_one_before() {
        let entries = [vec![1.0], vec![2.0], vec![4.0]];
        assert_eq!(mixed(&entries, 0.5), [vec![2.5], vec![1.5], vec![3.0]]);
        let pictures = [0.0, 1.0].map(|value| Image::uniform(&[value], 2, 4));
        let (cut, share) = cut_mixed(&pictures, [1, 3], [0, 9]);
        assert_eq!((cut[0].data(), share), (&[0., 1., 1., 0., 0., 1., 1., 0.][..], 0.5));
        assert!(cut_mixed(&[], [0, 1], [0, 1]).0.is_empty() && mixed(&[], 0.3).is_empty());
    }

    #[test]
    fn mirrors_do_not_repeat_the_edge() {
        assert_eq!([-2, -1, 0, 3, 4, 9].map(|at| mirrored(at, 4)), [2, 1, 0, 3, 2, 3]);
        assert_eq!(mirrored(-7, 1), 0);
    }

    #[test]
    fn levels_spread_and_constants_stay() {
        let image = Image::from_fn(16, 64, |_, column| if column < 32 { 0.4 } else { 0.5 });
        let out = equalised(&image);
        assert_eq!((out.at(0, 0, 0), out.at(0, 0, 40)), (0.0, 1.0));
        let constant = Image::uniform(&[0.3], 4, 4);
        assert_eq!((equalised(&constant), auto_contrast(&constant)), (constant.clone(), constant.clone()));
        assert_eq!(posterised(&Image::uniform(&[1.0], 1, 1), 2).data(), [0.75]);
        assert_eq!(solarised(&Image::new(1, 1, 2, vec![0.6, 0.7]).unwrap(), 0.7).data(), [0.6, 0.3]);
    }
}
