//! Figures of training runs: loss terms and held-out accuracy by pass.

use crate::analysis::statistics::wilson;
use crate::error::Result;
use crate::figure::{
    Axis, Emphasis, Figure, Ink, Line, Panel, Plot, Reference, Series, Width, number, thin::min_max_columns,
};

use super::{Evaluation, RunHistory};

/// Share of the past in the exponential moving average of a loss.
pub const SMOOTHING: f64 = 0.9;
/// Columns that a line is thinned to: more than any plot is wide.
const COLUMNS: f64 = 600.0;

/// Most lines of passes in one plot.
const MAX_LINES: usize = 10;

/// One run in a figure of several.
#[derive(Clone, Copy, Debug)]
pub struct NamedRun<'a> {
    pub name: &'a str,
    pub history: &'a RunHistory,
}

/// One loss term of every run over updates: raw faint, smoothed on top, the mean over phases.
///
/// `term`: `class_loss` or `mask_loss`. Runs without an update are left out; `None` if none has one.
///
/// # Errors
/// Those of the figure description.
pub fn loss(runs: &[NamedRun<'_>], term: &str) -> Result<Option<Figure>> {
    let (label, unit, is_logarithmic) = match term {
        "mask_loss" => ("Mean squared error", "", true),
        _ => ("Cross-entropy", "nats", false),
    };
    let mut y = Axis::new(label);
    if !unit.is_empty() {
        y = y.unit(unit);
    }
    if is_logarithmic {
        y = y.log(10.0);
    }
    let all: Vec<Vec<[f64; 2]>> = runs.iter().map(|run| term_over_updates(run.history, term)).collect();
    let mut plot = Plot::new(updates_axis(all.iter().flatten()), loss_range(y, &all, is_logarithmic));
    let mut last = None;
    for (index, (run, raw)) in runs.iter().zip(&all).enumerate() {
        let Some(&[_, latest]) = raw.last() else { continue };
        let smooth = smoothed(raw);
        last = last.or_else(|| smooth.last().map(|point| point[1]));
        let series = Series::new(run.name, Ink::Category(index));
        let faint = Line::new(series.clone().quiet(), min_max_columns(raw, column_width(raw)))?;
        plot = plot.with(faint.emphasis(Emphasis::Faint));
        plot = plot.with(Line::new(series, min_max_columns(&smooth, column_width(&smooth)))?);
        debug_assert!(latest.is_finite(), "a run stops before it reports a loss that is not");
    }
    let Some(last) = last else { return Ok(None) };
    let name = term.replace('_', " ");
    let panel = Panel::new(name, plot).headline(number::significant(last, 3));
    let caption =
        format!("Smoothed by an exponential moving average ({SMOOTHING}), raw faint; mean over phases.");
    Ok(Some(Figure::single(Width::OneColumn, panel)?.caption(caption)))
}

/// Held-out accuracy of one phase over updates, one line per pass from faint to strong.
///
/// The first pass has no gain yet: it is the no-attention line. `None` without an evaluation.
///
/// # Errors
/// Those of the figure description.
pub fn accuracy(history: &RunHistory, phase: usize, n_classes: usize) -> Result<Option<Figure>> {
    let validations: Vec<&Evaluation> =
        history.evaluations.iter().filter(|evaluation| evaluation.split == "validation").collect();
    let Some(latest) = validations.last() else { return Ok(None) };
    let Some(passes) = latest.accuracy.get(phase) else { return Ok(None) };
    let updates: Vec<[f64; 2]> = validations.iter().map(|one| [one.update as f64, 0.0]).collect();
    let mut plot = Plot::new(updates_axis(updates.iter()), Axis::new("Validation accuracy").range(0.0, 1.0))
        .with(Reference::horizontal(1.0 / n_classes as f64, "chance")?);
    for pass in shown(passes.len()) {
        let value = |evaluation: &&Evaluation| {
            let accuracy = *evaluation.accuracy.get(phase)?.get(pass)?;
            Some([evaluation.update as f64, accuracy])
        };
        let points: Vec<[f64; 2]> = validations.iter().filter_map(value).collect();
        let name = match pass {
            0 => "pass 1, no gain".to_owned(),
            pass => format!("pass {}", pass + 1),
        };
        let ink = Ink::Ordered { index: pass, of: passes.len() };
        plot = plot.with(Line::new(Series::new(name, ink), points)?);
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
    let panel = Panel::new(format!("accuracy by pass, phase {}", phase + 1), plot).headline(headline);
    let caption = "Held-out stimuli that pick the best weights; the interval is Wilson's 95 %.".to_owned();
    Ok(Some(Figure::single(Width::OneColumn, panel)?.caption(caption)))
}

/// Which of `n` passes are drawn: all of a few, else some at equal distances with the last.
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

/// A loss from 0, or over whole powers of ten where it is logarithmic.
fn loss_range(axis: Axis, all: &[Vec<[f64; 2]>], is_logarithmic: bool) -> Axis {
    let values = || all.iter().flatten().map(|point| point[1]).filter(|value| *value > 0.0);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    if high <= 0.0 {
        return axis;
    }
    if is_logarithmic {
        let (low, high) = (low.log10().floor(), high.log10().ceil());
        let ticks = (low as i32..=high as i32).map(|e| (10_f64.powi(e), number::power_of_ten(e)));
        return axis.range(10_f64.powf(low), 10_f64.powf(high.max(low + 1.0))).ticks_at(ticks);
    }
    axis.range(0.0, high.ceil())
}

/// The mean over phases of every metric called `term/…`, by update.
fn term_over_updates(history: &RunHistory, term: &str) -> Vec<[f64; 2]> {
    let of_update = |report: &super::UpdateReport| {
        let is_term = |name: &str| name.split('/').next() == Some(term);
        let values: Vec<f64> =
            report.metrics.iter().filter(|metric| is_term(&metric.name)).map(|metric| metric.value).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        mean.is_finite().then_some([report.update as f64, mean])
    };
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
fn smoothed(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let (mut sum, mut weight) = (0.0, 0.0);
    points
        .iter()
        .map(|&[x, y]| {
            sum = SMOOTHING * sum + (1.0 - SMOOTHING) * y;
            weight = SMOOTHING * weight + (1.0 - SMOOTHING);
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

    #[test]
    fn a_constant_loss_is_smooth_from_its_first_update_and_averaged_over_phases() {
        let points = term_over_updates(&history(), "class_loss");
        assert_eq!(points[0], [1.0, 2.0]);
        assert!(smoothed(&points).iter().all(|point| (point[1] - 2.0).abs() < 1e-12));
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
    fn figures_come_with_their_data_only() {
        let history = history();
        let run = NamedRun { name: "a", history: &history };
        assert!(loss(&[run], "class_loss").unwrap().is_some());
        assert!(loss(&[], "class_loss").unwrap().is_none());
        let figure = accuracy(&history, 1, 10).unwrap().unwrap();
        assert!(figure.panels[0].1.headline.as_deref().unwrap().starts_with("0.800 ["));
        assert!(accuracy(&RunHistory::default(), 0, 10).unwrap().is_none());
    }
}
