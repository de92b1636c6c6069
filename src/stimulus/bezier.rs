//! Bézier curves.

/// The curve of `points` at `t` in `[0, 1]`, coordinate by coordinate.
pub fn bezier(points: &[[f64; 2]], t: f64) -> [f64; 2] {
    let degree = points.len().saturating_sub(1);
    let mut binomial = 1.0;
    let mut sum = [0.0; 2];
    for (k, point) in points.iter().enumerate() {
        let weight = binomial * (1.0 - t).powi((degree - k) as i32) * t.powi(k as i32);
        sum = [sum[0] + weight * point[0], sum[1] + weight * point[1]];
        binomial = binomial * (degree - k) as f64 / (k + 1) as f64;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quadratic_curve_has_its_ends_and_its_middle() {
        let points = [[0.0, 1.0], [1.0, 0.0], [2.0, 3.0]];
        assert_eq!(bezier(&points, 0.0), [0.0, 1.0]);
        assert_eq!(bezier(&points, 1.0), [2.0, 3.0]);
        assert_eq!(bezier(&points, 0.5), [1.0, 1.0]);
    }
}
