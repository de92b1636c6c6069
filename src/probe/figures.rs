//! Figures of probe results, the same on screen and in files.

use std::f64::consts::PI;

use super::tuning::ConditionResult;
use super::{Feature, ReceptiveField, Statistic, TuningResult, UnitId};
use crate::analysis::scaling::slope_interval;
use crate::analysis::statistics;
use crate::error::Result;
use crate::figure::number::counted;
use crate::figure::{
    Axis, Band, ColourMap, ColourScale, Emphasis, Figure, Image, Ink, Line, Panel, Plot, Points, Raster,
    Reference, Role, Series, Text, Width,
};

pub use super::population::{Measure, excluded_line, population, population_caption, population_panel};
pub use super::summary::{over_time, preferred, summary};

/// Points of a drawn fit.
const FIT_POINTS: usize = 181;
/// Points of the band around a regression, and resamples behind each.
const BAND_POINTS: usize = 7;
const BAND_RESAMPLES: usize = 300;

/// Name of a unit as the window writes it: `38 (4, 3)`.
pub fn unit_name(unit: UnitId) -> String {
    format!("{} ({}, {})", unit.channel, unit.row, unit.col)
}

/// Tuning curves of one unit (position in `units`) under all conditions, with fits.
///
/// # Errors
/// Those of the figure description, for curves without a finite point.
pub fn tuning(result: &TuningResult, unit: usize, statistic: Statistic) -> Result<Figure> {
    let panel = tuning_panel(result, unit, statistic)?;
    Ok(Figure::single(Width::OneColumn, panel)?.caption(tuning_caption(result, unit, statistic)))
}

/// The same as a panel, for figures of several.
pub fn tuning_panel(result: &TuningResult, unit: usize, statistic: Statistic) -> Result<Panel> {
    named_tuning_panel(result, unit, statistic, |condition| condition.label.to_owned())
}

/// The same with other names for the conditions.
pub(super) fn named_tuning_panel(
    result: &TuningResult,
    unit: usize,
    statistic: Statistic,
    name: impl Fn(&ConditionResult) -> String,
) -> Result<Panel> {
    let mut x = Axis::new(result.feature.label());
    if !result.feature.unit().is_empty() {
        x = x.unit(result.feature.unit());
    }
    if result.feature == Feature::Orientation {
        x = x.ticks_every(45.0);
    }
    let mut plot = Plot::new(x, Axis::new("Response").unit("a.u."));
    for condition in &result.conditions {
        if condition.responses.n.iter().all(|&n| n == 0) {
            continue;
        }
        let curve = result.curve(condition, unit, statistic);
        let series = Series::new(name(condition), Ink::from(condition.role));
        if statistic == Statistic::Mean {
            plot = plot.with(spread_band(result, condition, unit, &series)?);
        }
        match result.fit(condition, unit, statistic) {
            Some(fit) => {
                let (first, last) = ends(&result.values);
                let at = |i: usize| first + (last - first) * i as f64 / (FIT_POINTS - 1) as f64;
                let radians = if result.feature == Feature::Orientation { PI / 180.0 } else { 1.0 };
                let points = (0..FIT_POINTS).map(|i| [at(i), fit.at(at(i) * radians)]).collect();
                plot = plot.with(Line::new(series.clone().quiet(), points)?);
                plot = plot.with(Points::of(series, &result.values, &curve)?);
            }
            None => {
                plot = plot.with(Line::of(series.clone().quiet(), &result.values, &curve)?);
                plot = plot.with(Points::of(series, &result.values, &curve)?);
            }
        }
    }
    Ok(Panel::new(format!("tuning of {} {}", result.area, unit_name(result.units[unit])), plot))
}

fn spread_band(
    result: &TuningResult,
    condition: &ConditionResult,
    unit: usize,
    series: &Series,
) -> Result<Band> {
    let responses = &condition.responses;
    let (mean, spread) = (responses.mean(unit), responses.standard_deviation(unit));
    // Nothing was seen beyond the extremes, so the band ends there.
    let (least, most) = (responses.min(unit), responses.max(unit));
    let value = |i: usize, sign: f64| (mean[i] + sign * spread[i]).clamp(least[i], most[i]);
    let bound = |sign: f64| {
        let sound = |i: usize| if spread[i].is_finite() { value(i, sign) } else { f64::NAN };
        (0..mean.len()).map(sound).collect::<Vec<_>>()
    };
    let what = format!("s.d. over {}, within what was seen", result.pooled_over);
    Band::new(series.clone().quiet(), result.values.clone(), bound(-1.0), bound(1.0), what)
}

pub(super) fn tuning_caption(result: &TuningResult, unit: usize, statistic: Statistic) -> String {
    let n =
        result.conditions.first().and_then(|condition| condition.responses.n.first()).copied().unwrap_or(0);
    let what = match statistic {
        Statistic::Mean => {
            format!(
                "Mean ± s.d. over {} ({} per value)",
                result.pooled_over,
                counted(n, "stimulus", "stimuli")
            )
        }
        Statistic::Max => format!("Maximum over {}", result.pooled_over),
    };
    format!("{} of {} unit {}. {what}.", result.feature.label(), result.area, unit_name(result.units[unit]))
}

/// Attended against unattended responses of one unit, the other units of the area as grey dots.
///
/// # Errors
/// Those of the figure description. A result without both conditions gives the empty axes.
pub fn scaling(result: &TuningResult, unit: usize, statistic: Statistic) -> Result<Figure> {
    Figure::single(Width::OneColumn, scaling_panel(result, unit, statistic)?)
}

/// How much a panel of scaling says beside its points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// Points coloured by orientation too, the statistics in words.
    Full,
    /// The regression with its band and the slope with its interval in brackets, for narrow panels.
    Narrow,
}

/// The same as a panel.
pub fn scaling_panel(result: &TuningResult, unit: usize, statistic: Statistic) -> Result<Panel> {
    scaling_detail(result, unit, statistic, Detail::Full)
}

pub(super) fn scaling_detail(
    result: &TuningResult,
    unit: usize,
    statistic: Statistic,
    detail: Detail,
) -> Result<Panel> {
    let full = detail == Detail::Full;
    let mut plot = Plot::new(Axis::new("Unattended").unit("a.u."), Axis::new("Attended").unit("a.u."))
        .with(Reference::unity())
        .equal_axes();
    let name = format!("attention scaling of {} {}", result.area, unit_name(result.units[unit]));
    let (Some(attended), Some(unattended)) = (result.condition("attended"), result.condition("unattended"))
    else {
        return Ok(Panel::new(name, plot));
    };
    let pair =
        |unit: usize| (result.curve(unattended, unit, statistic), result.curve(attended, unit, statistic));
    let others: Vec<[f64; 2]> = (0..result.units.len())
        .filter(|&other| other != unit)
        .flat_map(|other| {
            let (u, a) = pair(other);
            u.into_iter().zip(a).map(|(u, a)| [u, a]).collect::<Vec<_>>()
        })
        .filter(|[u, a]| u.is_finite() && a.is_finite())
        .collect();
    if !others.is_empty() {
        let series = Series::new("other units", Ink::Muted).quiet();
        plot = plot.with(Points::new(series, others)?.filled().emphasis(Emphasis::Faint));
    }
    let (u, a) = pair(unit);
    let line = crate::analysis::statistics::regression(&u, &a);
    if let Some(line) = line {
        let (low, high) = ends(&u);
        if let Some(band) = line_band(&a, &u, [low, high], result.recipe.seed)? {
            plot = plot.with(band);
        }
        let points = vec![[low, line.offset + line.slope * low], [high, line.offset + line.slope * high]];
        plot = plot.with(Line::new(Series::new("regression", Ink::from(Role::Attended)).quiet(), points)?);
    }
    let mut points = Points::of(Series::new(unit_name(result.units[unit]), Ink::Text).quiet(), &u, &a)?;
    if full && result.feature == Feature::Orientation {
        let scale = ColourScale::new(ColourMap::Twilight, [0.0, 180.0], "orientation")?.unit("°");
        points = points.filled().coloured_by(result.values.clone(), scale)?;
    }
    plot = plot.with(points);
    let panel = Panel::new(name, plot);
    Ok(match (line, slope_interval(&a, &u, result.recipe.seed)) {
        (Some(line), Some(interval)) if !full => {
            panel.headline(format!("slope {:.2} [{:.2}, {:.2}]", line.slope, interval.low, interval.high))
        }
        (Some(line), Some(interval)) => panel.headline(format!(
            "slope {:.2}, 95 % CI {:.2} to {:.2} (values resampled)",
            line.slope, interval.low, interval.high
        )),
        (Some(line), None) => panel.headline(format!("slope {:.2}", line.slope)),
        (None, _) => panel,
    })
}

/// One receptive field over the image.
///
/// # Errors
/// Those of the figure description.
pub fn receptive_field(area: &str, field: &ReceptiveField) -> Result<Figure> {
    let extreme = field.map.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let reach = f64::from(if extreme > 0.0 { extreme } else { 1.0 });
    let scale = ColourScale::new(ColourMap::Change, [-reach, reach], "response change")?.unit("a.u.");
    let raster = Raster::new(field.map.clone(), field.columns, scale)?;
    let step = field.step_px as f64;
    let (width, height) = (field.columns as f64 * step, raster.rows() as f64 * step);
    let image = Image::new("receptive field", raster).spanning([0.0, width], [0.0, height])?;
    let mut plot =
        Plot::new(Axis::new("Column").unit("px"), Axis::new("Row").unit("px").reversed()).with(image);
    if let Some(center) = field.center_px {
        plot = plot.with(Text::new(center, "+")?.ink(Ink::Text));
    }
    let name = format!("receptive field of {area} unit {}", field.unit);
    let panel = Panel::new(name, plot);
    let panel = match (field.center_px, field.size_px) {
        (Some([x, y]), Some([across, down])) => {
            panel.headline(format!("centre {x:.1}, {y:.1} px, FWHM {across:.1} × {down:.1} px"))
        }
        _ => panel.headline("no response to any spot"),
    };
    Figure::single(Width::OneColumn, panel)
}

/// 95 % of the lines through resampled feature values, between the ends of `u`.
fn line_band(a: &[f64], u: &[f64], [low, high]: [f64; 2], seed: u64) -> Result<Option<Band>> {
    let at = |k: usize| low + (high - low) * k as f64 / (BAND_POINTS - 1) as f64;
    let x: Vec<f64> = (0..BAND_POINTS).map(at).collect();
    let intervals: Option<Vec<_>> = x
        .iter()
        .map(|&x| {
            statistics::bootstrap(a.len(), BAND_RESAMPLES, seed, |indices| {
                let pick = |values: &[f64]| indices.iter().map(|&i| values[i]).collect::<Vec<_>>();
                statistics::regression(&pick(u), &pick(a)).map(|line| line.offset + line.slope * x)
            })
        })
        .collect();
    let Some(intervals) = intervals.filter(|_| high > low) else { return Ok(None) };
    let series = Series::new("regression", Ink::from(Role::Attended)).quiet();
    let bounds = |of: fn(&statistics::Interval) -> f64| intervals.iter().map(of).collect::<Vec<_>>();
    let band = Band::new(series, x, bounds(|i| i.low), bounds(|i| i.high), "95 %, values resampled")?;
    Ok(Some(band))
}

fn ends(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}
