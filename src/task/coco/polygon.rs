//! Polygons as masks, pixel for pixel as the COCO tool draws them.

use super::RunLengths;
use crate::error::{Error, Result};

/// Finer grid that edges are walked on, per pixel.
const FINE: f64 = 5.0;
/// Longest outline that is drawn, in steps of the finer grid.
const MAX_STEPS: u64 = 50_000_000;

/// The union of `polygons`, each `[x0, y0, x1, y1, …]` in pixels.
///
/// A last odd number is ignored; fewer than three vertices give nothing.
///
/// # Errors
/// [`Error::Config`] for numbers that are not finite, outlines that are too long, or too large a mask.
pub fn rasterised(polygons: &[Vec<f64>], height: usize, width: usize) -> Result<RunLengths> {
    let masks = polygons
        .iter()
        .map(|polygon| RunLengths::from_toggles(height, width, toggles(polygon, height, width)?))
        .collect::<Result<Vec<_>>>()?;
    match <[RunLengths; 1]>::try_from(masks) {
        Ok([mask]) => Ok(mask),
        Err(masks) => RunLengths::union(height, width, &masks),
    }
}

/// Positions (column * height + row) at which the filled polygon toggles.
fn toggles(polygon: &[f64], height: usize, width: usize) -> Result<Vec<u64>> {
    if let Some(value) = polygon.iter().find(|value| !(-1e9..=1e9).contains(*value)) {
        return Err(Error::config("polygon coordinate", "a number up to 1e9", value));
    }
    let fine = |value: f64| (FINE * value + 0.5) as i64;
    let vertices: Vec<[i64; 2]> =
        polygon.as_chunks::<2>().0.iter().map(|&[x, y]| [fine(x), fine(y)]).collect();
    if vertices.len() < 3 {
        return Ok(Vec::new());
    }
    let edges = || vertices.iter().zip(vertices.iter().cycle().skip(1));
    let steps: u64 =
        edges().map(|(from, to)| (0..2).map(|k| from[k].abs_diff(to[k])).max().unwrap_or(0)).sum();
    if steps > MAX_STEPS {
        let longest = format!("at most {} pixels long", MAX_STEPS as f64 / FINE);
        return Err(Error::config("polygon outline", longest, steps as f64 / FINE));
    }

    let mut positions = Vec::new();
    let mut previous: Option<[i64; 2]> = None;
    for (&from, &to) in edges() {
        walk(from, to, |point| {
            if let Some(last) = previous
                && last[0] != point[0]
            {
                let q = last[0].min(point[0]) - 2;
                let column = q.div_euclid(5);
                if q.rem_euclid(5) == 0 && (0..width as i64).contains(&column) {
                    let row = (last[1].min(point[1]) + 2).div_euclid(5).clamp(0, height as i64);
                    positions.push(column as u64 * height as u64 + row as u64);
                }
            }
            previous = Some(point);
        });
    }
    Ok(positions)
}

/// Visits the grid points of an edge, both ends included; none for an edge of length 0.
fn walk(from: [i64; 2], to: [i64; 2], mut visit: impl FnMut([i64; 2])) {
    let lengths = [0, 1].map(|k| (to[k] - from[k]).abs());
    let along = usize::from(lengths[0] < lengths[1]);
    let across = 1 - along;
    let n = lengths[along];
    if n == 0 {
        return;
    }
    // The line is always computed from the smaller end; only the order of the visits is the edge's.
    let reversed = from[along] > to[along];
    let (low, high) = if reversed { (to, from) } else { (from, to) };
    let slope = (high[across] - low[across]) as f64 / n as f64;
    for step in 0..=n {
        let t = if reversed { n - step } else { step };
        let mut point = [0; 2];
        point[along] = low[along] + t;
        point[across] = (low[across] as f64 + slope * t as f64 + 0.5) as i64;
        visit(point);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_box_covers_its_pixels() {
        let square = vec![1.0, 1.0, 4.0, 1.0, 4.0, 3.0, 1.0, 3.0];
        let mask = rasterised(&[square], 5, 6).unwrap();
        let want: Vec<bool> =
            (0..30).map(|at| (1..3).contains(&(at / 6)) && (1..4).contains(&(at % 6))).collect();
        assert_eq!(mask.rows(), want);
    }

    #[test]
    fn degenerate_and_hostile_polygons_are_empty_or_refused() {
        assert_eq!(rasterised(&[vec![1.0, 1.0, 3.0, 3.0, 9.0]], 5, 5).unwrap().area(), 0);
        assert_eq!(rasterised(&[], 5, 5).unwrap().area(), 0);
        assert!(rasterised(&[vec![f64::NAN; 6]], 5, 5).is_err());
        assert!(rasterised(&[vec![0.0, 0.0, 1e9, 0.0, 0.0, 1e9]], 5, 5).is_err());
    }

    proptest! {
        #[test]
        fn any_numbers_are_drawn_or_refused(polygon in prop::collection::vec(-300.0_f64..300.0, 0..30)) {
            let mask = rasterised(&[polygon], 40, 30).unwrap();
            prop_assert!(mask.area() <= 1200);
        }
    }
}
