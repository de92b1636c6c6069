//! Where a fixation dot goes on a digit, and the dot.

use super::Image;

/// Side of the box that the dot should lie in.
const BOX: usize = 5;
/// Half the side of the dot: it is 4x4, rows `i - 2 .. i + 2`.
const HALF: usize = BOX / 2;

/// Pixels where the digit fills a 5x5 box best, row-major, and how many pixels of the box may be missing.
///
/// For slack 0, 1, … the pixels whose box sum reaches `24 - slack` are collected; the first non-empty
/// list is returned with its slack. Empty if nothing reaches 0 (an empty picture gives slack 24 and all
/// pixels). `digit`: one channel; outside counts 0.
pub fn fixation_candidates(digit: &Image) -> (Vec<[usize; 2]>, usize) {
    let (height, width) = (digit.height(), digit.width());
    let sum = |row: usize, column: usize| -> f32 {
        let rows = row.saturating_sub(HALF)..(row + HALF + 1).min(height);
        rows.map(|r| {
            let columns = column.saturating_sub(HALF)..(column + HALF + 1).min(width);
            digit.plane(0)[r * width..][columns].iter().sum::<f32>()
        })
        .sum()
    };
    let sums: Vec<f32> = (0..height * width).map(|at| sum(at / width, at % width)).collect();
    for slack in 0..BOX * BOX {
        let least = (BOX * BOX - 1 - slack) as f32;
        let found: Vec<[usize; 2]> =
            (0..sums.len()).filter(|&at| sums[at] >= least).map(|at| [at / width, at % width]).collect();
        if !found.is_empty() {
            return (found, slack);
        }
    }
    (Vec::new(), BOX * BOX)
}

/// A white 4x4 dot on black: rows `i - 2 .. i + 2`, columns `j - 2 .. j + 2`, clipped at the border.
pub fn fixation_dot(height: usize, width: usize, [i, j]: [usize; 2]) -> Image {
    square_dot(height, width, [i, j], HALF)
}

/// Row and column of the centre of mass, truncated and kept `margin` pixels from the border.
///
/// `mask`: one channel. Source: `composer.py` of the bidirectional gating reference, margin 10.
pub fn centre_of_mass(mask: &Image, margin: usize) -> [usize; 2] {
    let (height, width) = (mask.height(), mask.width());
    let (mut total, mut rows, mut columns) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (at, &value) in mask.plane(0).iter().enumerate() {
        let value = f64::from(value);
        total += value;
        rows += value * (at / width) as f64;
        columns += value * (at % width) as f64;
    }
    // Single precision as in the reference: the small constant vanishes beside any ink.
    let kept = |sum: f64, n: usize| {
        let high = n.saturating_sub(margin);
        ((sum as f32 / (total as f32 + 1e-9)) as usize).min(high).max(margin.min(high))
    };
    [kept(rows, height), kept(columns, width)]
}

/// Ones on rows `i - radius .. i + radius` and the same columns, clipped at the border, `[1, height, width]`.
pub fn square_dot(height: usize, width: usize, [i, j]: [usize; 2], radius: usize) -> Image {
    let within = |at: usize, centre: usize| at + radius >= centre && at < centre + radius;
    Image::from_fn(height, width, |row, column| f32::from(within(row, i) && within(column, j)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_filled_box_needs_no_slack() {
        let digit = Image::from_fn(12, 12, |row, column| {
            f32::from((3..8).contains(&row) && (4..9).contains(&column))
        });
        assert_eq!(fixation_candidates(&digit), (vec![[5, 6]], 0));
    }

    #[test]
    fn the_dot_is_four_by_four_and_clipped() {
        let dot = fixation_dot(10, 10, [5, 5]);
        assert_eq!(dot.data().iter().sum::<f32>(), 16.0);
        assert_eq!((dot.at(0, 3, 3), dot.at(0, 6, 6), dot.at(0, 7, 7)), (1.0, 1.0, 0.0));
        assert_eq!(fixation_dot(10, 10, [0, 1]).data().iter().sum::<f32>(), 6.0);
    }
}
