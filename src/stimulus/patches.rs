//! Soft windows and blurs that cues, cells and tiles are made with.

use super::Image;

/// `exp(-(x^2 + y^2) / (2 sigma^2))` at coordinates `1 - n/2 ..= n/2`, `[1, height, width]`.
///
/// The maximum 1 lies at index `n/2 - 1`, half a pixel off the middle of an even side, as published.
pub fn gaussian_patch(height: usize, width: usize, sigma: f64) -> Image {
    let at = |index: usize, n: usize| index as f64 + 1.0 - (n / 2) as f64;
    Image::from_fn(height, width, |row, column| {
        let (y, x) = (at(row, height), at(column, width));
        (-(x * x + y * y) / (2.0 * sigma * sigma)).exp() as f32
    })
}

/// 1 inside tiles, falling to 0 along their edges, `[1, height, width]`.
///
/// Along an axis of `n` points with `k` tiles: `prod_q (1 - exp(-(x - q floor(n / k))^2 / softness))`
/// for q = 0 … k, x = linspace(0, n, n). `softness` divides as it is, neither doubled nor squared.
pub fn tile_window(height: usize, width: usize, tiles: [usize; 2], softness: f64) -> Image {
    let profile = |n: usize, k: usize| -> Vec<f64> {
        let step = n as f64 / (n.max(2) - 1) as f64;
        let spacing = (n / k.max(1)) as f64;
        (0..n)
            .map(|i| {
                let x = i as f64 * step;
                (0..=k).map(|q| 1.0 - (-(x - q as f64 * spacing).powi(2) / softness).exp()).product()
            })
            .collect()
    };
    let (rows, columns) = (profile(height, tiles[0]), profile(width, tiles[1]));
    Image::from_fn(height, width, |row, column| (rows[row] * columns[column]) as f32)
}

/// Each channel blurred by five taps `exp(-k^2 / (2 sigma^2))` per axis, mirrored at the border without
/// repeating the edge.
pub fn blurred(image: &Image, sigma: f64) -> Image {
    const RADIUS: isize = 2;
    let mut taps: Vec<f64> =
        (-RADIUS..=RADIUS).map(|k| (-(k as f64).powi(2) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter_mut().for_each(|tap| *tap /= sum);
    let mirrored = |at: isize, n: usize| {
        let last = n as isize - 1;
        let at = at.abs();
        (if at > last { 2 * last - at } else { at }).clamp(0, last) as usize
    };
    let [channels, height, width] = image.shape();
    let pass = |from: &Image, along_rows: bool| {
        let mut out = Image::zeros(channels, height, width);
        for channel in 0..channels {
            for row in 0..height {
                for column in 0..width {
                    let value: f64 = (-RADIUS..=RADIUS)
                        .zip(&taps)
                        .map(|(k, tap)| {
                            let source = match along_rows {
                                true => from.at(channel, mirrored(row as isize + k, height), column),
                                false => from.at(channel, row, mirrored(column as isize + k, width)),
                            };
                            tap * f64::from(source)
                        })
                        .sum();
                    out.set(channel, row, column, value as f32);
                }
            }
        }
        out
    };
    pass(&pass(image, true), false)
}

/// The largest value within `radius` rows and columns, per channel; what lies outside does not count.
pub fn dilated(image: &Image, radius: usize) -> Image {
    let [channels, height, width] = image.shape();
    let mut out = image.clone();
    for channel in 0..channels {
        for row in 0..height {
            for column in 0..width {
                let rows = row.saturating_sub(radius)..(row + radius + 1).min(height);
                let columns = column.saturating_sub(radius)..(column + radius + 1).min(width);
                let around = rows.flat_map(|r| columns.clone().map(move |c| (r, c)));
                let largest = around.map(|(r, c)| image.at(channel, r, c)).fold(f32::NEG_INFINITY, f32::max);
                out.set(channel, row, column, largest);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_peaks_half_a_pixel_off_the_middle() {
        let patch = gaussian_patch(8, 8, 2.0);
        assert_eq!(patch.at(0, 3, 3), 1.0);
        assert_eq!(patch.at(0, 2, 3), patch.at(0, 4, 3));
    }

    #[test]
    fn windows_vanish_at_the_border() {
        let window = tile_window(12, 12, [3, 3], 8.0);
        assert_eq!((window.at(0, 0, 5), window.at(0, 11, 5)), (0.0, 0.0));
        assert!(window.data().iter().all(|v| (0.0..1.0).contains(v)));
    }

    #[test]
    fn blurring_keeps_constants_and_dilation_grows_points() {
        let grey = Image::uniform(&[0.3, 0.7], 6, 5);
        let same = blurred(&grey, 8.0);
        assert!(same.data().iter().zip(grey.data()).all(|(a, b)| (a - b).abs() < 1e-6));
        let point = Image::from_fn(5, 5, |row, column| f32::from(row == 0 && column == 2));
        let grown = dilated(&point, 1);
        assert_eq!(grown.data().iter().sum::<f32>(), 6.0);
    }
}
