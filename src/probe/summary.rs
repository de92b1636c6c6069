//! What a probe comes to: responses on the way to the read, and all panels of a result in one figure.

use super::figures::{Detail, named_tuning_panel, scaling_detail, tuning_caption, unit_name};
use super::population::{Measure, population_caption, population_panel};
use super::tuning::ConditionResult;
use super::{Statistic, TuningResult};
use crate::analysis::scaling::AreaScaling;
use crate::analysis::tuning::peak;
use crate::dynamics::TimeUnit;
use crate::error::Result;
use crate::figure::number::significant;
use crate::figure::{
    Axis, Band, Cell, Figure, Ink, Line, Maps, Panel, Plot, Points, RowHeight, Series, Width,
};

/// Relative widths of tuning and scaling, which is square.
const COLUMNS: [f64; 2] = [1.62, 1.0];

/// Response of one unit (position in `units`) to its preferred value over time, by condition.
///
/// # Errors
/// Those of the figure description. A result that kept no course gives empty axes.
pub fn over_time(result: &TuningResult, unit: usize, statistic: Statistic) -> Result<Figure> {
    let value = preferred(result, unit, statistic);
    let shown = significant(result.values.get(value).copied().unwrap_or(0.0), 3);
    let at = format!("{} {shown}{}", result.feature.label().to_lowercase(), result.feature.unit());
    let x = match result.time_unit {
        TimeUnit::Ms { .. } => Axis::new("Time").unit("ms"),
        unit => Axis::new(capital(unit.name())),
    };
    let time = |k: usize| match result.time_unit {
        TimeUnit::Ms { dt_ms } => k as f64 * dt_ms,
        TimeUnit::Sweep | TimeUnit::Pass | TimeUnit::Timestep => (k + 1) as f64,
    };
    let mut plot = Plot::new(x, Axis::new("Response").unit("a.u."));
    for condition in &result.conditions {
        let Some(course) = &condition.course else { continue };
        let times: Vec<f64> = (0..course.n_times()).map(time).collect();
        let (mean, spread) = (course.mean(unit, value), course.standard_deviation(unit, value));
        if mean.iter().all(|mean| mean.is_nan()) {
            continue;
        }
        let series = Series::new(condition.label.as_str(), Ink::from(condition.role));
        // A rectified response has no spread below 0.
        let low = mean.iter().zip(&spread).map(|(m, s)| (m - s).max(m.min(0.0))).collect();
        let high = mean.iter().zip(&spread).map(|(m, s)| m + s).collect();
        let what = format!("s.d. over {}", result.pooled_over);
        plot = plot.with(Band::new(series.clone().quiet(), times.clone(), low, high, what)?);
        plot = plot.with(Line::of(series.clone().quiet(), &times, &mean)?);
        plot = plot.with(Points::of(series, &times, &mean)?);
    }
    let name = format!("course of {} {}", result.area, unit_name(result.units[unit]));
    let caption = format!(
        "Response of {} unit {} to {at} on the way to the read; mean ± s.d. over {}.",
        result.area,
        unit_name(result.units[unit]),
        result.pooled_over
    );
    Ok(Figure::single(Width::OneColumn, Panel::new(name, plot).headline(format!("at {at}")))?
        .caption(caption))
}

/// The value a unit responds to most in the first condition.
pub fn preferred(result: &TuningResult, unit: usize, statistic: Statistic) -> usize {
    let curve = result.conditions.first().map(|condition| result.curve(condition, unit, statistic));
    curve.and_then(|curve| peak(&curve)).unwrap_or(0)
}

/// Tuning and scaling of a unit, maps of attention where some are given, and the population by area:
/// one figure for one column.
///
/// # Errors
/// Those of the figure description.
pub fn summary(
    result: &TuningResult,
    unit: usize,
    statistic: Statistic,
    maps: Option<(Maps, String)>,
    areas: &[(String, AreaScaling)],
    measure: Measure,
) -> Result<Figure> {
    let interval = "Slope and line with their 95 % intervals, feature values resampled.".to_owned();
    let mut captions = vec![tuning_caption(result, unit, statistic), interval];
    let mut rows: Vec<Panel> = Vec::new();
    if let Some((maps, caption)) = maps {
        rows.push(Panel::new("maps of attention", maps));
        captions.push(caption);
    }
    if areas.iter().any(|(_, scaling)| !scaling.units.is_empty()) {
        rows.push(population_panel(areas, None, measure)?);
        captions.push(population_caption(areas));
    }
    let figure = Figure::grid(Width::OneColumn, &COLUMNS, &vec![RowHeight::Auto; 1 + rows.len()])?
        .place(Cell::new(0, 0), named_tuning_panel(result, unit, statistic, short)?)?
        .place(Cell::new(0, 1), scaling_detail(result, unit, statistic, Detail::Narrow)?)?;
    let figure = rows
        .into_iter()
        .enumerate()
        .try_fold(figure, |figure, (row, panel)| figure.place(Cell::new(1 + row, 0).spanning(1, 2), panel))?;
    Ok(figure.caption(captions.join(" ")))
}

/// `first pass`: a condition in a narrow panel.
fn short(condition: &ConditionResult) -> String {
    condition.name.replace('_', " ")
}

/// With a capital first letter.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
