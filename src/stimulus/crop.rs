//! Cuts of pictures at random places, as torchvision draws them.

use super::picture_set::Pixels;
use super::resize_bytes;
use crate::rng::{self, Rng};

/// Tries before the middle is taken instead.
const TRIES: usize = 10;
/// Width over height of a cut.
const ASPECTS: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];

impl Pixels {
    /// The rectangle with its corner at (`top`, `left`), which must lie inside.
    fn cut(&self, [top, left]: [usize; 2], [height, width]: [usize; 2]) -> Self {
        let [_, own_width, channels] = self.shape;
        let rows = self.bytes.chunks_exact(own_width * channels).skip(top).take(height);
        let bytes = rows.flat_map(|row| &row[left * channels..(left + width) * channels]).copied().collect();
        Self { shape: [height, width, channels], bytes }
    }

    /// Resized as Pillow does.
    #[must_use]
    pub fn resized(&self, [height, width]: [usize; 2]) -> Self {
        let [own_height, own_width, channels] = self.shape;
        if [height, width] == [own_height, own_width] {
            return self.clone();
        }
        Self {
            shape: [height, width, channels],
            bytes: resize_bytes(&self.bytes, self.shape, [height, width]),
        }
    }

    /// The shorter side resized to `side`, the longer in proportion and truncated.
    #[must_use]
    pub fn shorter_side(&self, side: usize) -> Self {
        let [height, width, _] = self.shape;
        match height <= width {
            true => self.resized([side, side * width / height.max(1)]),
            false => self.resized([side * height / width.max(1), side]),
        }
    }

    /// `side` rows and columns at a random place, resized up first where the picture is smaller.
    #[must_use]
    pub fn random_cut(&self, side: usize, rng: &mut Rng) -> Self {
        let [height, width, _] = self.shape;
        let large = if height.min(width) < side { self.shorter_side(side) } else { self.clone() };
        let [height, width, _] = large.shape;
        let corner = [height, width].map(|length| rng::index(rng, 0, length - side + 1));
        large.cut(corner, [side, side])
    }

    /// RandomResizedCrop: a cut of a share of the area in `areas` and an aspect of 3/4 to 4/3, resized to
    /// `side` rows and columns; where ten draws do not fit, the largest middle of such an aspect.
    #[must_use]
    pub fn random_resized_cut(&self, side: usize, areas: [f64; 2], rng: &mut Rng) -> Self {
        let [height, width, _] = self.shape;
        let [low, high] = ASPECTS.map(f64::ln);
        for _ in 0..TRIES {
            let area = (height * width) as f64 * (areas[0] + (areas[1] - areas[0]) * rng::uniform(rng));
            let aspect = (low + (high - low) * rng::uniform(rng)).exp();
            let (w, h) = ((area * aspect).sqrt().round() as usize, (area / aspect).sqrt().round() as usize);
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let top = rng::index(rng, 0, height - h + 1);
                let left = rng::index(rng, 0, width - w + 1);
                return self.cut([top, left], [h, w]).resized([side, side]);
            }
        }
        let own = width as f64 / height.max(1) as f64;
        let (h, w) = match own {
            own if own < ASPECTS[0] => ((width as f64 / ASPECTS[0]).round() as usize, width),
            own if own > ASPECTS[1] => (height, (height as f64 * ASPECTS[1]).round() as usize),
            _ => (height, width),
        };
        let (h, w) = (h.min(height), w.min(width));
        self.cut([(height - h) / 2, (width - w) / 2], [h, w]).resized([side, side])
    }

    /// Left and right exchanged.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let [_, width, channels] = self.shape;
        let rows = self.bytes.chunks_exact((width * channels).max(1));
        let bytes = rows.flat_map(|row| row.rchunks_exact(channels).flatten()).copied().collect();
        Self { shape: self.shape, bytes }
    }

    /// Blurred by a Gaussian of `taps` (odd) entries per axis, mirrored at the border without repeating
    /// the edge, rounded to bytes.
    #[must_use]
    pub fn smoothed(&self, taps: usize, sigma: f64) -> Self {
        let [height, width, channels] = self.shape;
        let reach = (taps / 2) as isize;
        let weights: Vec<f64> = (-reach..=reach).map(|t| (-0.5 * (t as f64 / sigma).powi(2)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let mirror = |at: isize, n: usize| {
            let period = 2 * (n as isize - 1).max(1);
            let folded = at.rem_euclid(period);
            folded.min(period - folded).min(n as isize - 1) as usize
        };
        let wide: Vec<f64> = (0..height * width * channels)
            .map(|at| {
                let (row, column, channel) = (at / (width * channels), at / channels % width, at % channels);
                let value = |t: isize| {
                    f64::from(
                        self.bytes[(row * width + mirror(column as isize + t, width)) * channels + channel],
                    )
                };
                (-reach..).zip(&weights).map(|(t, weight)| weight * value(t)).sum::<f64>() / sum
            })
            .collect();
        let bytes = (0..height * width * channels).map(|at| {
            let (row, rest) = (at / (width * channels), at % (width * channels));
            let value = |t: isize| wide[mirror(row as isize + t, height) * width * channels + rest];
            let total: f64 = (-reach..).zip(&weights).map(|(t, weight)| weight * value(t)).sum();
            (total / sum).round().clamp(0.0, 255.0) as u8
        });
        Self { shape: self.shape, bytes: bytes.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(height: usize, width: usize) -> Pixels {
        let bytes = (0..height * width * 3).map(|at| (at / 3) as u8).collect();
        Pixels { shape: [height, width, 3], bytes }
    }

    #[test]
    fn cuts_lie_inside_and_have_the_size_asked_for() {
        for (height, width) in [(12, 9), (3, 30), (30, 3), (1, 1)] {
            let picture = numbered(height, width);
            for seed in 0..20 {
                let rng = &mut rng::stream(seed, "cut", &[]);
                assert_eq!(picture.random_resized_cut(8, [0.08, 1.0], rng).shape, [8, 8, 3]);
                assert_eq!(picture.random_cut(8, rng).shape, [8, 8, 3]);
            }
        }
        let rng = &mut rng::stream(1, "cut", &[]);
        let found = numbered(12, 9).random_cut(9, rng);
        let first = usize::from(found.bytes[0]);
        assert!(first.is_multiple_of(9) && first <= 27, "{first}");
        let all = numbered(4, 4).random_resized_cut(4, [1.0, 1.0], rng);
        assert_eq!(all, numbered(4, 4));
    }

    #[test]
    fn mirrors_and_blurs_keep_sizes_and_constants() {
        let picture = numbered(2, 3);
        assert_eq!(picture.mirrored().bytes[..9], [2, 2, 2, 1, 1, 1, 0, 0, 0]);
        assert_eq!(picture.mirrored().mirrored(), picture);
        let constant = Pixels { shape: [5, 4, 1], bytes: vec![77; 20] };
        assert_eq!(constant.smoothed(7, 3.0), constant);
        let point = Pixels { shape: [1, 5, 1], bytes: vec![0, 0, 200, 0, 0] };
        let blurred = point.smoothed(3, 1.0);
        assert_eq!(blurred.bytes, [0, 55, 90, 55, 0]);
        assert_eq!(point.smoothed(7, 0.01), point);
    }
}
