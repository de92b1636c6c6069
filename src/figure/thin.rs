//! Long lines reduced to what a drawing can show.

/// Keeps, of each run of successive points within one column of `width` along x, the first, the
/// lowest, the highest and the last: spikes and ends survive. A NaN y always stays, so that gaps do.
///
/// Points per column may be at most four, so that a line over `n` columns has at most `4 n`.
pub fn min_max_columns(points: &[[f64; 2]], width: f64) -> Vec<[f64; 2]> {
    if !(width > 0.0) {
        return points.to_vec();
    }
    let column = |[x, _]: &[f64; 2]| (x / width).floor();
    let mut kept = Vec::new();
    let mut start = 0;
    while start < points.len() {
        if points[start][1].is_nan() {
            kept.push(points[start]);
            start += 1;
            continue;
        }
        let here = column(&points[start]);
        let run = points[start..].iter().take_while(|p| column(p) == here && !p[1].is_nan()).count().max(1);
        let run = &points[start..start + run];
        start += run.len();
        if run.len() <= 4 {
            kept.extend_from_slice(run);
            continue;
        }
        let by_y = |a: &&usize, b: &&usize| run[**a][1].total_cmp(&run[**b][1]);
        let indices: Vec<usize> = (0..run.len()).collect();
        let lowest = indices.iter().min_by(by_y).copied().unwrap_or(0);
        let highest = indices.iter().max_by(by_y).copied().unwrap_or(0);
        let mut keep = [0, lowest, highest, run.len() - 1];
        keep.sort_unstable();
        for (i, &index) in keep.iter().enumerate() {
            if i == 0 || keep[i - 1] != index {
                kept.push(run[index]);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lines_are_untouched_and_spikes_survive() {
        let short = [[0.0, 1.0], [5.0, 2.0]];
        assert_eq!(min_max_columns(&short, 1.0), short);
        let mut long: Vec<[f64; 2]> = (0..10_000).map(|i| [f64::from(i) * 1e-3, 0.0]).collect();
        long[4321][1] = 9.0;
        long[777][1] = -9.0;
        let thin = min_max_columns(&long, 0.1);
        assert!(thin.len() <= 400, "{}", thin.len());
        assert!(thin.contains(&long[4321]) && thin.contains(&long[777]));
        assert_eq!((thin[0], thin[thin.len() - 1]), (long[0], long[9999]));
        assert!(thin.windows(2).all(|pair| pair[0][0] <= pair[1][0]));
    }

    #[test]
    fn gaps_stay() {
        let points = [[0.0, 1.0], [0.1, f64::NAN], [0.2, 2.0]];
        let thin = min_max_columns(&points, 1.0);
        assert_eq!(thin.len(), 3);
        assert!(thin[1][1].is_nan());
    }
}
