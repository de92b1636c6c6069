//! Five numbers per area and timestep, for lanes and colour ranges.

use serde::Serialize;

/// Distribution of an area's activity over its units and trials at one timestep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub mean: f32,
    pub min: f32,
    pub lower_quartile: f32,
    pub upper_quartile: f32,
    /// 99.8th percentile: the upper end of the default colour range.
    pub high: f32,
    pub max: f32,
    /// Entries that are NaN or infinite; they are left out of the other numbers.
    pub n_non_finite: u32,
}

impl Summary {
    /// Of all `values`; all zero if none is finite.
    pub fn of(values: &[f32]) -> Self {
        let mut finite: Vec<f32> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let n_non_finite = (values.len() - finite.len()) as u32;
        if finite.is_empty() {
            let zero = 0.0;
            return Self {
                mean: zero,
                min: zero,
                lower_quartile: zero,
                upper_quartile: zero,
                high: zero,
                max: zero,
                n_non_finite,
            };
        }
        let sum: f64 = finite.iter().map(|&value| f64::from(value)).sum();
        let mean = (sum / finite.len() as f64) as f32;
        let last = finite.len() - 1;
        let mut at = |fraction: f64| {
            let index = (fraction * last as f64).round() as usize;
            *finite.select_nth_unstable_by(index, f32::total_cmp).1
        };
        Self {
            mean,
            min: at(0.0),
            lower_quartile: at(0.25),
            upper_quartile: at(0.75),
            high: at(0.998),
            max: at(1.0),
            n_non_finite,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_order_statistics_and_nan_is_counted() {
        let values: Vec<f32> = (0..=100).map(|v| v as f32).chain([f32::NAN]).collect();
        let summary = Summary::of(&values);
        assert_eq!(
            (summary.min, summary.lower_quartile, summary.upper_quartile, summary.max),
            (0.0, 25.0, 75.0, 100.0)
        );
        assert_eq!(summary.mean, 50.0);
        assert_eq!(summary.n_non_finite, 1);
    }
}
