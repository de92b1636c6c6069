//! Attention-mediated scaling: what attention does to a unit's responses.

use serde::{Deserialize, Serialize};

use super::statistics::{self, Interval, Line};
use super::tuning;

/// Resamples behind a slope's interval.
const N_RESAMPLES: usize = 1000;

/// One unit, attended against unattended, over the values of a stimulus feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitScaling {
    pub unit: usize,
    /// Ratio of the mean responses, attended / unattended.
    pub ratio_of_means: f64,
    /// Least-squares line of attended on unattended: slope (gain) and offset.
    pub line: Option<Line>,
    pub slope_through_origin: Option<f64>,
    /// Between the two curves.
    pub correlation: Option<f64>,
    /// (attended − unattended) / (attended + unattended) of the means; `None` if the sum is 0.
    pub attention_modulation_index: Option<f64>,
    /// Shift of the preferred orientation, attended − unattended, in `[−π/2, π/2)`; only for orientations.
    pub preferred_shift_rad: Option<f64>,
}

/// Why a unit takes no part in a population summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Excluded {
    SilentInBoth,
    SilentAttended,
    SilentUnattended,
    BelowThreshold,
}

impl Excluded {
    /// For "31 excluded: …".
    pub fn reason(self) -> &'static str {
        match self {
            Self::SilentInBoth => "silent in both conditions",
            Self::SilentAttended => "silent when attended",
            Self::SilentUnattended => "silent when unattended",
            Self::BelowThreshold => "peak below the threshold",
        }
    }
}

/// Scaling of an area.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AreaScaling {
    pub units: Vec<UnitScaling>,
    pub excluded: Vec<(usize, Excluded)>,
    pub n_scaled_up: usize,
    pub median_ratio: f64,
    pub median_correlation: f64,
    /// Σ attended·unattended / Σ unattended² over all units and feature values.
    pub pooled_slope: Option<f64>,
}

/// Scaling of one unit. `orientations_rad` adds the shift of the preferred orientation.
pub fn unit_scaling(
    unit: usize,
    attended: &[f64],
    unattended: &[f64],
    orientations_rad: Option<&[f64]>,
) -> UnitScaling {
    let (a, u) = (statistics::mean(attended), statistics::mean(unattended));
    let shift = orientations_rad.and_then(|thetas| {
        let preferred = |responses| tuning::orientation_vector(thetas, responses).preferred_orientation_rad;
        Some(tuning::orientation_difference(preferred(attended)?, preferred(unattended)?))
    });
    UnitScaling {
        unit,
        ratio_of_means: a / u,
        line: statistics::regression(unattended, attended),
        slope_through_origin: statistics::slope_through_origin(unattended, attended),
        correlation: statistics::correlation(attended, unattended),
        attention_modulation_index: attention_modulation_index(a, u),
        preferred_shift_rad: shift,
    }
}

/// (attended − unattended) / (attended + unattended); `None` if the sum is 0.
pub fn attention_modulation_index(attended: f64, unattended: f64) -> Option<f64> {
    let sum = attended + unattended;
    (sum != 0.0).then(|| (attended - unattended) / sum)
}

/// Scaling of all units of an area: `attended[unit][value]`, `unattended[unit][value]`.
///
/// A unit is responsive if its maximum over the values exceeds `threshold` in both conditions
/// (object attention f.4: 0); the others are listed with the reason.
pub fn area_scaling(
    attended: &[Vec<f64>],
    unattended: &[Vec<f64>],
    threshold: f64,
    orientations_rad: Option<&[f64]>,
) -> AreaScaling {
    let responds = |responses: &[f64]| responses.iter().any(|&response| response > threshold);
    let mut units = Vec::new();
    let mut excluded = Vec::new();
    let (mut products, mut squares) = (0.0, 0.0);
    for (unit, (a, u)) in attended.iter().zip(unattended).enumerate() {
        match (responds(a), responds(u)) {
            (true, true) => {
                products += a.iter().zip(u).map(|(a, u)| a * u).sum::<f64>();
                squares += u.iter().map(|u| u * u).sum::<f64>();
                units.push(unit_scaling(unit, a, u, orientations_rad));
            }
            _ if threshold > 0.0 => excluded.push((unit, Excluded::BelowThreshold)),
            (false, false) => excluded.push((unit, Excluded::SilentInBoth)),
            (false, true) => excluded.push((unit, Excluded::SilentAttended)),
            (true, false) => excluded.push((unit, Excluded::SilentUnattended)),
        }
    }
    let ratios: Vec<f64> = units.iter().map(|unit| unit.ratio_of_means).collect();
    let correlations: Vec<f64> = units.iter().filter_map(|unit| unit.correlation).collect();
    AreaScaling {
        n_scaled_up: ratios.iter().filter(|&&ratio| ratio > 1.0).count(),
        median_ratio: statistics::median(&ratios),
        median_correlation: statistics::median(&correlations),
        pooled_slope: (squares > 0.0).then(|| products / squares),
        units,
        excluded,
    }
}

/// 95 % bootstrap interval of the slope of attended on unattended, resampling feature values.
pub fn slope_interval(attended: &[f64], unattended: &[f64], seed: u64) -> Option<Interval> {
    statistics::bootstrap(attended.len(), N_RESAMPLES, seed, |indices| {
        let pick = |values: &[f64]| indices.iter().map(|&i| values[i]).collect::<Vec<_>>();
        statistics::regression(&pick(unattended), &pick(attended)).map(|line| line.slope)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_copy_has_its_gain_as_slope_and_no_offset() {
        let unattended = vec![0.0, 0.5, 1.0, 0.5];
        let attended: Vec<f64> = unattended.iter().map(|u| 1.25 * u).collect();
        let unit = unit_scaling(3, &attended, &unattended, None);
        let line = unit.line.unwrap();
        assert!((line.slope - 1.25).abs() < 1e-12 && line.offset.abs() < 1e-12);
        assert!((unit.ratio_of_means - 1.25).abs() < 1e-12);
        assert!((unit.attention_modulation_index.unwrap() - 0.25 / 2.25).abs() < 1e-12);
        let interval = slope_interval(&attended, &unattended, 0).unwrap();
        assert!((interval.low - 1.25).abs() < 1e-9 && (interval.high - 1.25).abs() < 1e-9);
    }

    #[test]
    fn silent_units_are_listed_with_the_reason() {
        let attended = vec![vec![1.0, 2.0], vec![0.0, 0.0], vec![0.0, 0.0]];
        let unattended = vec![vec![0.5, 1.0], vec![0.0, 0.0], vec![1.0, 0.0]];
        let area = area_scaling(&attended, &unattended, 0.0, None);
        assert_eq!(area.units.len(), 1);
        assert_eq!(area.excluded, [(1, Excluded::SilentInBoth), (2, Excluded::SilentAttended)]);
        assert_eq!((area.n_scaled_up, area.median_ratio, area.pooled_slope), (1, 2.0, Some(2.0)));
    }

    #[test]
    fn gain_one_is_no_attention() {
        let responses = vec![0.2, 0.9, 0.4];
        let unit = unit_scaling(0, &responses, &responses, Some(&[0.0, 1.0, 2.0]));
        assert_eq!(unit.attention_modulation_index, Some(0.0));
        assert_eq!(unit.preferred_shift_rad, Some(0.0));
    }
}
