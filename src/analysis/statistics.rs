//! Descriptive statistics, intervals and tests, each with its definition.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::rng;

/// Two-sided 97.5 % quantile of the standard normal.
const Z_95: f64 = 1.959_963_984_540_054;

/// A 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// Arithmetic mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample standard deviation (divided by n − 1); NaN below two values.
pub fn standard_deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// Standard error of the mean: sd / √n.
pub fn standard_error(values: &[f64]) -> f64 {
    standard_deviation(values) / (values.len() as f64).sqrt()
}

/// Quantile with linear interpolation between order statistics; NaN of nothing.
pub fn quantile(values: &[f64], fraction: f64) -> f64 {
    let mut sorted: Vec<f64> = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = fraction.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Pearson correlation; `None` if either side does not vary.
///
/// # Panics
/// If the lengths differ.
pub fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "paired values");
    let (mx, my) = (mean(x), mean(y));
    let mut sums = [0.0; 3];
    for (a, b) in x.iter().zip(y) {
        sums[0] += (a - mx) * (b - my);
        sums[1] += (a - mx).powi(2);
        sums[2] += (b - my).powi(2);
    }
    let scale = (sums[1] * sums[2]).sqrt();
    (scale > 0.0).then(|| sums[0] / scale)
}

/// A straight line fitted by least squares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub slope: f64,
    pub offset: f64,
    /// Share of the variance of y it explains.
    pub r2: f64,
}

/// Least-squares line of `y` on `x`; `None` if `x` does not vary.
pub fn regression(x: &[f64], y: &[f64]) -> Option<Line> {
    let (mx, my) = (mean(x), mean(y));
    let sxx: f64 = x.iter().map(|a| (a - mx).powi(2)).sum();
    if sxx <= 0.0 {
        return None;
    }
    let sxy: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    let slope = sxy / sxx;
    let offset = my - slope * mx;
    let total: f64 = y.iter().map(|b| (b - my).powi(2)).sum();
    let rest: f64 = x.iter().zip(y).map(|(a, b)| (b - offset - slope * a).powi(2)).sum();
    Some(Line { slope, offset, r2: if total > 0.0 { 1.0 - rest / total } else { f64::NAN } })
}

/// Slope of the least-squares line through the origin; `None` if all of `x` is 0.
pub fn slope_through_origin(x: &[f64], y: &[f64]) -> Option<f64> {
    let squares: f64 = x.iter().map(|a| a * a).sum();
    (squares > 0.0).then(|| x.iter().zip(y).map(|(a, b)| a * b).sum::<f64>() / squares)
}

/// Mean and spread of values that are not kept, by Welford's recursion.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Running {
    n: u64,
    mean: f64,
    /// Summed squared distances to the mean.
    squares: f64,
}

impl Running {
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
    }

    /// Number of values.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// NaN of nothing.
    pub fn mean(&self) -> f64 {
        if self.n == 0 { f64::NAN } else { self.mean }
    }

    /// 95 % of the mean, by the normal distribution; NaN below two values.
    pub fn interval(&self) -> Interval {
        if self.n < 2 {
            return Interval { low: f64::NAN, high: f64::NAN };
        }
        let error = (self.squares / (self.n - 1) as f64 / self.n as f64).sqrt();
        Interval { low: self.mean - Z_95 * error, high: self.mean + Z_95 * error }
    }
}

/// Wilson's 95 % score interval of a share of `correct` in `n`; the unit interval for n = 0.
pub fn wilson(correct: u64, n: u64) -> Interval {
    if n == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, z2) = (n as f64, Z_95 * Z_95);
    let share = correct as f64 / n;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z_95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

/// Percentile bootstrap: the middle 95 % of `statistic` over `n_resamples` resamplings of the
/// indices `0..n` with replacement. Resamples whose statistic is `None` are left out; `None` if
/// fewer than half remain.
pub fn bootstrap(
    n: usize,
    n_resamples: usize,
    seed: u64,
    statistic: impl Fn(&[usize]) -> Option<f64>,
) -> Option<Interval> {
    if n == 0 {
        return None;
    }
    let mut stream = rng::stream(seed, "bootstrap", &[n as u64]);
    let mut indices = vec![0; n];
    let mut values = Vec::with_capacity(n_resamples);
    for _ in 0..n_resamples {
        for index in &mut indices {
            *index = rng::index(&mut stream, 0, n);
        }
        values.extend(statistic(&indices).filter(|value| value.is_finite()));
    }
    if values.len() * 2 < n_resamples {
        return None;
    }
    Some(Interval { low: quantile(&values, 0.025), high: quantile(&values, 0.975) })
}

/// Result of a paired t-test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairedT {
    pub t: f64,
    pub degrees_of_freedom: usize,
    /// Two-sided.
    pub p: f64,
}

/// Paired t-test of `x − y` against 0; `None` below two pairs or without any spread.
pub fn paired_t(x: &[f64], y: &[f64]) -> Option<PairedT> {
    let differences: Vec<f64> = x.iter().zip(y).map(|(a, b)| a - b).collect();
    let error = standard_error(&differences);
    if error.is_nan() || error <= 0.0 {
        return None;
    }
    let degrees_of_freedom = differences.len() - 1;
    let t = mean(&differences) / error;
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom as f64).ok()?;
    Some(PairedT { t, degrees_of_freedom, p: 2.0 * distribution.sf(t.abs()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn spread_and_quantiles_match_pencil_and_paper() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert!(close(mean(&values), 5.0));
        assert!(close(standard_deviation(&values), (32.0_f64 / 7.0).sqrt()));
        assert!(close(quantile(&values, 0.25), 4.0));
        assert!(close(median(&[1.0, 2.0]), 1.5));
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn running_values_agree_with_kept_ones() {
        let values = [1e6 + 2.0, 1e6 + 4.0, 1e6 + 4.5, 1e6 + 9.0];
        let mut running = Running::default();
        assert!(running.mean().is_nan());
        values.iter().for_each(|&value| running.add(value));
        let half = Z_95 * standard_error(&values);
        let interval = running.interval();
        assert!(close(running.mean(), mean(&values)) && running.n() == 4);
        assert!(close(interval.high - running.mean(), half) && close(running.mean() - interval.low, half));
    }

    #[test]
    fn a_line_is_found_exactly() {
        let x = [0.0, 1.0, 2.0, 3.0];
        let y = x.map(|x| 3.0 * x - 1.0);
        let line = regression(&x, &y).unwrap();
        assert!(close(line.slope, 3.0) && close(line.offset, -1.0) && close(line.r2, 1.0));
        assert!(close(correlation(&x, &y).unwrap(), 1.0));
        assert!(regression(&[1.0, 1.0], &[0.0, 2.0]).is_none());
        assert!(close(slope_through_origin(&[1.0, 2.0], &[2.0, 4.0]).unwrap(), 2.0));
    }

    #[test]
    fn wilson_matches_published_values() {
        // Newcombe 1998, table I: 81 of 263.
        let interval = wilson(81, 263);
        assert!((interval.low - 0.2553).abs() < 5e-5 && (interval.high - 0.3662).abs() < 5e-5);
        assert_eq!(wilson(0, 0), Interval { low: 0.0, high: 1.0 });
        assert!(wilson(10, 10).high <= 1.0 && wilson(0, 10).low >= 0.0);
    }

    #[test]
    fn a_paired_t_test_matches_a_worked_example() {
        // Differences 1, 2, 3: mean 2, sd 1, t = 2 √3, p of t on 2 degrees of freedom.
        let result = paired_t(&[2.0, 4.0, 6.0], &[1.0, 2.0, 3.0]).unwrap();
        assert!(close(result.t, 2.0 * 3.0_f64.sqrt()));
        assert_eq!(result.degrees_of_freedom, 2);
        // On two degrees of freedom p = 1 − t / √(t² + 2).
        assert!(close(result.p, 1.0 - result.t / (result.t * result.t + 2.0).sqrt()));
        assert!(paired_t(&[1.0], &[0.0]).is_none());
    }

    #[test]
    fn a_bootstrap_repeats_and_covers_the_mean() {
        let values: Vec<f64> = (0..50).map(f64::from).collect();
        let statistic = |indices: &[usize]| Some(indices.iter().map(|&i| values[i]).sum::<f64>() / 50.0);
        let interval = bootstrap(50, 500, 1, statistic).unwrap();
        assert_eq!(bootstrap(50, 500, 1, statistic).unwrap(), interval);
        assert!(interval.low < 24.5 && 24.5 < interval.high && interval.high - interval.low < 12.0);
    }
}
