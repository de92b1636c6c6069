//! Figures of training runs: a metric of one or several, and held-out accuracy over updates.

use std::collections::BTreeMap;

use crate::analysis::statistics::wilson;
use crate::error::Result;
use crate::figure::{
    Axis, Band, Emphasis, Figure, Ink, Line, Panel, Plot, Points, Reference, Series, Width, number,
    thin::min_max_columns,
};

use super::{Evaluation, Measure, Measures, RunHistory, Scale};

/// Share of the past in the exponential moving average of a metric, where nothing else is chosen.
pub const SMOOTHING: f64 = 0.9;
/// Columns that a line is thinned to: more than any plot is wide.
const COLUMNS: f64 = 600.0;
/// Most lines in one plot of accuracies.
const MAX_LINES: usize = 10;

/// Runs that differ in their seed alone, or a single one.
#[derive(Clone, Debug)]
pub struct RunGroup<'a> {
    pub name: &'a str,
    pub runs: Vec<&'a RunHistory>,
}

/// A metric of every group over updates: of a single run raw faint and smoothed on top; of several, mean
/// and standard deviation of the smoothed values at updates that all have reached.
///
/// `smoothing`: share of the past, from 0 to below 1. Groups without an update are left out; `None` if
/// none has one.
///
/// # Errors
/// Those of the figure description.
pub fn metric(groups: &[RunGroup<'_>], measure: &Measure, smoothing: f64) -> Result<Option<Figure>> {
    let is_logarithmic = measure.scale == Scale::Logarithmic;
    let mut y = Axis::new(measure.label.as_str());
    if !measure.unit.is_empty() {
        y = y.unit(measure.unit.clone());
    }
    if is_logarithmic {
        y = y.log(10.0);
    }
    let raw: Vec<Vec<Vec<[f64; 2]>>> = groups
        .iter()
        .map(|group| group.runs.iter().map(|run| over_updates(run, measure)).collect())
        .collect();
    let all = || raw.iter().flatten().flatten();
    let y = match measure.scale {
        Scale::Share => y.range(0.0, 1.0),
        Scale::Linear | Scale::Logarithmic => value_range(y, all(), is_logarithmic),
    };
    let mut plot = Plot::new(updates_axis(all()), y);
    let mut last = None;
    for (index, (group, raw)) in groups.iter().zip(&raw).enumerate() {
        let series = Series::new(group.name, Ink::Category(index));
        let smooth: Vec<Vec<[f64; 2]>> = raw.iter().map(|points| smoothed(points, smoothing)).collect();
        let shown = match (raw.as_slice(), smooth.as_slice()) {
            ([raw], [smooth]) if !raw.is_empty() => {
                if smoothing > 0.0 {
                    let thin = min_max_columns(raw, column_width(raw));
                    plot = plot.with(Line::new(series.clone().quiet(), thin)?.emphasis(Emphasis::Faint));
                }
                smooth.clone()
            }
            (_, several) => {
                let (mean, spread) = mean_and_sd(several);
                if mean.is_empty() {
                    continue;
                }
                let low = |(mean, sd): (&[f64; 2], &f64)| match is_logarithmic {
                    true => (mean[1] - sd).max(mean[1] * 1e-2),
                    false => mean[1] - sd,
                };
                let step = (mean.len() as f64 / COLUMNS).ceil().max(1.0) as usize;
                let thinned = || mean.iter().zip(&spread).step_by(step);
                plot = plot.with(Band::new(
                    series.clone().quiet(),
                    thinned().map(|(mean, _)| mean[0]).collect(),
                    thinned().map(low).collect(),
                    thinned().map(|(mean, sd)| mean[1] + sd).collect(),
                    format!("standard deviation over {} seeds", several.len()),
                )?);
                mean
            }
        };
        last = last.or_else(|| shown.last().map(|point| point[1]));
        plot = plot.with(Line::new(series, min_max_columns(&shown, column_width(&shown)))?);
    }
    let Some(last) = last else { return Ok(None) };
    let panel = Panel::new(measure.label.as_str(), plot).headline(number::significant(last, 3));
    let words = match smoothing {
        0.0 => String::new(),
        share => format!(" Smoothed by an exponential moving average ({share})."),
    };
    let caption = format!("{}{words}", measure.definition).trim().to_owned();
    Ok(Some(Figure::single(Width::OneColumn, panel)?.caption(caption)))
}

/// Mean and standard deviation (n − 1) over runs at every update that all have.
fn mean_and_sd(runs: &[Vec<[f64; 2]>]) -> (Vec<[f64; 2]>, Vec<f64>) {
    let mut at: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for [x, y] in runs.iter().flatten() {
        at.entry(*x as u64).or_default().push(*y);
    }
    let common = at.into_iter().filter(|(_, values)| values.len() == runs.len());
    let summed = common.map(|(update, values)| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        ([update as f64, mean], (squares / (n - 1.0).max(1.0)).sqrt())
    });
    summed.unzip()
}

/// Held-out accuracy of one row over updates, one line per column from faint to strong.
///
/// `None` without an evaluation.
///
/// # Errors
/// Those of the figure description.
pub fn accuracy(history: &RunHistory, row: usize, measures: &Measures) -> Result<Option<Figure>> {
    let validations: Vec<&Evaluation> =
        history.evaluations.iter().filter(|evaluation| evaluation.split == "validation").collect();
    let Some(latest) = validations.last() else { return Ok(None) };
    let Some(passes) = latest.accuracy.get(row) else { return Ok(None) };
    let updates: Vec<[f64; 2]> = validations.iter().map(|one| [one.update as f64, 0.0]).collect();
    let mut plot = Plot::new(updates_axis(updates.iter()), Axis::new("Validation accuracy").range(0.0, 1.0));
    let named = measures.rows.get(row);
    if let Some(chance) = named.and_then(|row| row.chance) {
        plot = plot.with(Reference::horizontal(chance, "chance")?);
    }
    for pass in shown(passes.len()) {
        let value = |evaluation: &&Evaluation| {
            let accuracy = *evaluation.accuracy.get(row)?.get(pass)?;
            Some([evaluation.update as f64, accuracy])
        };
        let points: Vec<[f64; 2]> = validations.iter().filter_map(value).collect();
        let column = if measures.columns.is_empty() { "answer" } else { &measures.columns };
        let name = match (pass, passes.len(), measures.first_column.as_str()) {
            (_, 1, _) => "validation".to_owned(),
            (0, _, first) if !first.is_empty() => format!("{column} 1, {first}"),
            _ => format!("{column} {}", pass + 1),
        };
        let series = Series::new(name, Ink::Ordered { index: pass, of: passes.len() });
        if points.len() == 1 {
            // A line of one point is not seen.
            plot = plot.with(Points::new(series.clone().quiet(), points.clone())?.filled());
        }
        plot = plot.with(Line::new(series, points)?);
    }
    let n = latest.n_stimuli as u64;
    let share = passes.last().copied().unwrap_or(f64::NAN);
    let interval = wilson((share * n as f64).round() as u64, n);
    let headline = format!(
        "{} [{}, {}], n = {}",
        number::fixed(share, 3),
        number::fixed(interval.low, 3),
        number::fixed(interval.high, 3),
        number::count(latest.n_stimuli)
    );
    let label = named.map_or_else(|| format!("row {}", row + 1), |row| row.label.to_lowercase());
    let panel = Panel::new(format!("accuracy, {label}"), plot).headline(headline);
    let caption = "Held-out stimuli that pick the best weights; the interval is Wilson's 95 %.".to_owned();
    Ok(Some(Figure::single(Width::OneColumn, panel)?.caption(caption)))
}

/// Which of `n` columns are drawn: all of a few, else some at equal distances with the last.
fn shown(n: usize) -> Vec<usize> {
    let step = n.div_ceil(MAX_LINES).max(1);
    (0..n).rev().step_by(step).collect::<Vec<_>>().into_iter().rev().collect()
}

/// Updates from 0 to the next round number.
fn updates_axis<'p>(points: impl Iterator<Item = &'p [f64; 2]>) -> Axis {
    let last = points.map(|point| point[0]).fold(1.0, f64::max);
    let step = 10_f64.powf(last.log10().floor()) / 2.0;
    Axis::new("Update").range(0.0, ((last / step).ceil() * step).max(10.0))
}

/// From 0 (or the lowest, where that is below), or over whole powers of ten.
fn value_range<'p>(
    axis: Axis,
    points: impl Iterator<Item = &'p [f64; 2]> + Clone,
    is_logarithmic: bool,
) -> Axis {
    let values = || points.clone().map(|point| point[1]);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    if is_logarithmic {
        let low = values().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        if !(high > 0.0) {
            return axis;
        }
        let (low, high) = (low.log10().floor(), high.log10().ceil());
        let ticks = (low as i32..=high as i32).map(|e| (10_f64.powi(e), number::power_of_ten(e)));
        return axis.range(10_f64.powf(low), 10_f64.powf(high.max(low + 1.0))).ticks_at(ticks);
    }
    let low = values().fold(0.0, f64::min);
    if !(high > low) {
        return axis;
    }
    let step = 10_f64.powf((high - low).log10().floor()) / 2.0;
    axis.range((low / step).floor() * step, (high / step).ceil() * step)
}

/// A metric by update; updates that do not have it are left out.
fn over_updates(history: &RunHistory, measure: &Measure) -> Vec<[f64; 2]> {
    let of_update = |report: &super::UpdateReport| Some([report.update as f64, measure.of(report)?]);
    history.updates.iter().filter_map(of_update).collect()
}

/// Updates per column of a thinned line.
fn column_width(points: &[[f64; 2]]) -> f64 {
    match points {
        [[first, _], .., [last, _]] => (last - first) / COLUMNS,
        _ => 0.0,
    }
}

/// Exponential moving average, corrected for its start.
fn smoothed(points: &[[f64; 2]], share: f64) -> Vec<[f64; 2]> {
    let (mut sum, mut weight) = (0.0, 0.0);
    points
        .iter()
        .map(|&[x, y]| {
            sum = share * sum + (1.0 - share) * y;
            weight = share * weight + (1.0 - share);
            [x, sum / weight]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Metric, UpdateReport};

    fn history() -> RunHistory {
        let update = |update: u64| UpdateReport {
            update,
            metrics: vec![
                Metric { name: "class_loss/phase0".to_owned(), value: 1.0 },
                Metric { name: "class_loss/phase1".to_owned(), value: 3.0 },
                Metric { name: "mask_loss/phase0".to_owned(), value: 1e-3 },
            ],
            learning_rate: 1e-3,
            gradient_norm: 1.0,
            n_stimuli: 8,
        };
        let evaluation = Evaluation {
            update: 2,
            split: "validation".to_owned(),
            n_stimuli: 100,
            accuracy: vec![vec![0.5, 0.9], vec![0.4, 0.8]],
            score: 0.85,
            is_best: true,
            metrics: Vec::new(),
        };
        RunHistory { updates: (1..=5).map(update).collect(), evaluations: vec![evaluation] }
    }

    fn class_loss() -> Measure {
        Measure::new("class_loss", "Class loss", "Cross-entropy.").nats()
    }

    #[test]
    fn a_constant_loss_is_smooth_from_its_first_update_and_averaged_over_phases() {
        let points = over_updates(&history(), &class_loss());
        assert_eq!(points[0], [1.0, 2.0]);
        assert!(smoothed(&points, 0.9).iter().all(|point| (point[1] - 2.0).abs() < 1e-12));
        assert_eq!(smoothed(&[[1.0, 3.0], [2.0, 5.0]], 0.0), [[1.0, 3.0], [2.0, 5.0]]);
    }

    #[test]
    fn seeds_have_a_mean_and_a_spread_where_all_have_come() {
        let (mean, sd) = mean_and_sd(&[vec![[1.0, 1.0], [2.0, 2.0]], vec![[1.0, 3.0]]]);
        assert_eq!(mean, [[1.0, 2.0]]);
        assert!((sd[0] - 2.0_f64.sqrt()).abs() < 1e-12);
        let (one, two) = (history(), history());
        let group = RunGroup { name: "two seeds", runs: vec![&one, &two] };
        let figure = metric(&[group], &class_loss(), SMOOTHING).unwrap().unwrap();
        let panel = &figure.panels[0].1;
        assert_eq!((panel.headline.as_deref(), panel.name.as_str()), (Some("2.00"), "Class loss"));
    }

    #[test]
    fn many_passes_are_thinned_to_the_last() {
        assert_eq!(shown(3), [0, 1, 2]);
        assert_eq!(shown(100), [9, 19, 29, 39, 49, 59, 69, 79, 89, 99]);
        assert!(shown(0).is_empty());
    }

    #[test]
    fn a_short_run_is_drawn_with_every_update() {
        let points: Vec<[f64; 2]> = (0..50).map(|i| [f64::from(i), f64::from(i % 7)]).collect();
        assert_eq!(min_max_columns(&points, column_width(&points)), points);
    }

    #[test]
    fn figures_come_with_their_data_only_and_say_what_it_is() {
        let history = history();
        let group = RunGroup { name: "a", runs: vec![&history] };
        assert!(metric(std::slice::from_ref(&group), &class_loss(), 0.0).unwrap().is_some());
        assert!(metric(&[], &class_loss(), 0.0).unwrap().is_none());
        let absent = Measure::new("eigen", "Eigenvalue term", "");
        assert!(metric(&[group], &absent, 0.0).unwrap().is_none());
        let measures = Measures::one_row(Vec::new(), "Answers", 10, "timestep");
        let figure = accuracy(&history, 1, &measures).unwrap().unwrap();
        assert!(figure.panels[0].1.headline.as_deref().unwrap().starts_with("0.800 ["));
        assert!(!format!("{figure:?}").contains("no gain"));
        assert!(format!("{figure:?}").contains("timestep 2"));
        assert!(accuracy(&RunHistory::default(), 0, &measures).unwrap().is_none());
    }
}
