//! The frame of a plot before it is placed: ticks, titles, and the room they need.

use super::bars::{BarFrame, bar_frames};
use super::legend::Legend;
use crate::figure::axis::{Axis, Category, Tick, TickText, Ticks};
use crate::figure::fonts::{self, CAP_HEIGHT, DESCENT, LINE, Weight};
use crate::figure::mark::Mark;
use crate::figure::panel::{Panel, Plot};
use crate::figure::style::{HEIGHT_OF_WIDTH, paper};

/// From the top of a panel to the baseline of its letter.
pub(super) const LETTER_BASELINE: f64 = paper::LETTER * CAP_HEIGHT + 0.5;
/// From the top of a panel with a letter or headline to its axes.
const UNDER_LETTER: f64 = LETTER_BASELINE + 6.5;
/// Least height of the area of a plot.
const LEAST_AREA: f64 = 46.0;
/// Distance of lines of the smallest text.
pub(super) const SMALL_LINE: f64 = paper::SMALL * LINE;

/// Room around the area of a panel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Gutters {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

/// Everything about a plot that is measured before it is placed.
pub(super) struct PlotFrame<'p> {
    pub plot: &'p Plot,
    pub ranges: [[f64; 2]; 2],
    pub gutters: Gutters,
    /// Height that the area would like to have.
    pub natural_height: f64,
    pub bars: Vec<BarFrame<'p>>,
    pub headline: Vec<String>,
    pub legend: Legend,
    /// From the area down to the legend.
    pub legend_below: f64,
    /// Left end, from the left of the cell, and width of the legend, as measured before panels were aligned.
    pub legend_span: [f64; 2],
    pub x_ticks: Vec<Tick>,
    pub y_ticks: Vec<Tick>,
    pub x_labels: CategoryLabels,
    pub has_letter: bool,
    pub x_title: Vec<String>,
    pub y_title: Vec<String>,
    /// Left edge of the labels of a categorical y axis, from the left of the cell.
    pub indent: f64,
    /// Names of spans above the area: line, x in data coordinates, text.
    pub span_labels: Vec<(usize, f64, String)>,
}

/// Width of the letter with the gap to what stands beside it; 0 without a letter.
pub(super) fn letter_indent(letter: Option<&str>) -> f64 {
    letter.map_or(0.0, |letter| fonts::width(letter, paper::LETTER, Weight::Bold) + 5.0)
}

fn widest<'t>(texts: impl IntoIterator<Item = &'t str>, size: f64) -> f64 {
    texts.into_iter().map(|text| fonts::width(text, size, Weight::Regular)).fold(0.0, f64::max)
}

impl<'p> PlotFrame<'p> {
    /// Measures `panel` for a cell `width` wide and about `height` high.
    pub fn new(
        panel: &'p Panel,
        plot: &'p Plot,
        letter: Option<&str>,
        [width, height]: [f64; 2],
        legend: Legend,
    ) -> Self {
        let ranges = plot.ranges();
        let bars = bar_frames(plot.bars());
        let headline = headline_lines(panel, letter, width);
        let most_y = ((height - 30.0) / 17.0).clamp(3.0, 6.0) as usize;
        let y_ticks = plot.y.tick_list(ranges[1], most_y, TickText::Trimmed);
        // Clear of the letter, and on a square panel no longer than its side.
        let y_room = if plot.equal_axes { height.min(0.6 * width) } else { height - UNDER_LETTER - 2.0 };
        let y_title = title(&plot.y, y_room.max(30.0));
        let indent = if plot.y.is_categorical() { letter_indent(letter) } else { 0.0 };
        let left = left_gutter(&plot.y, &y_ticks, y_title.len(), indent);

        let bars_width: f64 = bars.iter().map(|bar| bar.width).sum();
        let nominal = (width - left - bars_width - 3.0).max(20.0);
        let x_ticks = fitting_ticks(plot, ranges[0], nominal, most_y, &y_ticks);
        let right =
            bars_width.max(overhang(&plot.x, &x_ticks, ranges[0], nominal)).max(0.5 * paper::MARKER + 0.5);
        let area_width = (width - left - right).max(20.0);
        let x_labels = CategoryLabels::new(&plot.x, area_width);
        let x_title = title(&plot.x, width.min(area_width + left));
        let legend_below = bottom_gutter(x_labels.depth, x_title.len());
        let span_labels = span_labels(plot, ranges[0], area_width);

        let has_first_line = (letter.is_some() && !plot.y.is_categorical())
            || !headline.is_empty()
            || bars.iter().any(BarFrame::label_above);
        let first_line = if has_first_line { UNDER_LETTER } else { 0.5 * paper::TEXT * CAP_HEIGHT + 1.0 };
        let span_lines = span_labels.iter().map(|(line, ..)| line + 1).max().unwrap_or(0);
        let further_lines = headline.len().saturating_sub(1) + span_lines;
        let gutters = Gutters {
            left,
            right,
            top: first_line + further_lines as f64 * SMALL_LINE,
            bottom: legend_below + legend.height(area_width),
        };
        let natural_height = if plot.y.is_categorical() {
            let categories = plot.y.category_list();
            let pitch = if categories.iter().any(|c| c.note.is_some()) { 18.0 } else { 14.0 };
            categories.len() as f64 * pitch
        } else if plot.equal_axes {
            area_width
        } else {
            (HEIGHT_OF_WIDTH * width - gutters.top - gutters.bottom).max(LEAST_AREA)
        };
        Self {
            plot,
            ranges,
            gutters,
            natural_height,
            bars,
            headline,
            legend,
            legend_below,
            legend_span: [left, area_width],
            x_ticks,
            y_ticks,
            x_labels,
            has_letter: letter.is_some(),
            x_title,
            y_title,
            indent,
            span_labels,
        }
    }

    /// Whether the panel lines up its axes with others in its row.
    pub fn aligns(&self) -> bool {
        !self.plot.y.is_categorical()
    }
}

/// Lines of the title of an axis; categories speak for themselves.
fn title(axis: &Axis, room: f64) -> Vec<String> {
    match axis.text() {
        text if text.is_empty() || axis.is_categorical() => Vec::new(),
        text => fonts::wrap(&text, paper::TEXT, room),
    }
}

fn left_gutter(axis: &Axis, ticks: &[Tick], title_lines: usize, indent: f64) -> f64 {
    if axis.is_categorical() {
        let categories = axis.category_list();
        let labels = widest(categories.iter().map(|c| c.label.as_str()), paper::TEXT);
        let notes = widest(categories.iter().filter_map(|c| c.note.as_deref()), paper::SMALL);
        return indent + labels.max(notes) + 5.0;
    }
    let labels = widest(ticks.iter().map(|tick| tick.label.as_str()), paper::TEXT);
    // The title reads upwards: its descenders reach into the gap.
    let title = if title_lines > 0 { paper::TITLE_GAP - paper::TEXT * DESCENT } else { 0.0 };
    paper::TICK + paper::TICK_GAP + labels + title_lines as f64 * paper::TEXT * LINE + title
}

/// How far the last tick label reaches beyond an axis of this length.
fn overhang(axis: &Axis, ticks: &[Tick], range: [f64; 2], length: f64) -> f64 {
    if axis.is_categorical() {
        return 0.0;
    }
    let beyond = |tick: &Tick| {
        let at = axis.position(tick.value, range);
        let at = if axis.reversed { 1.0 - at } else { at };
        0.5 * fonts::width(&tick.label, paper::TEXT, Weight::Regular) - (1.0 - at) * length
    };
    ticks.iter().map(beyond).fold(0.0, f64::max)
}

/// `depth`: of the tick labels below their first line.
fn bottom_gutter(depth: f64, title_lines: usize) -> f64 {
    let labels = paper::TICK + paper::TICK_GAP + paper::TEXT * (CAP_HEIGHT + DESCENT) + depth;
    match title_lines {
        0 => labels,
        n => labels + paper::TITLE_GAP + paper::TEXT * CAP_HEIGHT + (n - 1) as f64 * paper::TEXT * LINE,
    }
}

pub(super) fn headline_lines(panel: &Panel, letter: Option<&str>, width: f64) -> Vec<String> {
    let room = (width - letter_indent(letter)).max(20.0);
    panel.headline.as_deref().map_or_else(Vec::new, |text| fonts::wrap(text, paper::SMALL, room))
}

/// As many ticks on x as fit beside one another; like axes get like ticks.
fn fitting_ticks(plot: &Plot, range: [f64; 2], length: f64, most_y: usize, y_ticks: &[Tick]) -> Vec<Tick> {
    let collide = |ticks: &[Tick]| {
        let ends = |tick: &Tick| {
            let half = 0.5 * fonts::width(&tick.label, paper::TEXT, Weight::Regular) + 2.5;
            let at = plot.x.position(tick.value, range) * length;
            [at - half, at + half]
        };
        ticks.windows(2).any(|pair| ends(&pair[1])[0] < ends(&pair[0])[1])
    };
    if plot.equal_axes && plot.x.ticks == plot.y.ticks && !collide(y_ticks) {
        return y_ticks.to_vec();
    }
    let most = if plot.equal_axes { most_y } else { 6 };
    let mut ticks = plot.x.tick_list(range, most, TickText::Trimmed);
    for most in (3..most).rev() {
        if plot.x.ticks != Ticks::Auto || !collide(&ticks) {
            break;
        }
        ticks = plot.x.tick_list(range, most, TickText::Trimmed);
    }
    // Given ticks, or wide labels: every second, third, … label, ticks and all.
    let all = ticks.clone();
    let mut stride = 2;
    while !plot.x.is_categorical() && collide(&ticks) && stride <= all.len() {
        ticks = all.iter().step_by(stride).cloned().collect();
        stride += 1;
    }
    ticks
}

/// The names under a categorical x axis.
pub(super) struct CategoryLabels {
    /// Lines of each; one where they read upwards.
    pub lines: Vec<Vec<String>>,
    /// Turned where a word is wider than its column; notes then follow the name.
    pub upwards: bool,
    /// Every how many-th is written, where columns are narrower than text is high.
    pub stride: usize,
    /// How far they reach below their first line.
    pub depth: f64,
}

impl CategoryLabels {
    fn new(axis: &Axis, area_width: f64) -> Self {
        let categories = axis.category_list();
        let band = area_width / categories.len().max(1) as f64;
        let room = band - 3.0;
        let lines: Vec<Vec<String>> =
            categories.iter().map(|c| fonts::wrap(&c.label, paper::TEXT, room)).collect();
        let fits = |text: &str, size: f64| fonts::width(text, size, Weight::Regular) <= room;
        let level = lines.iter().flatten().all(|line| fits(line, paper::TEXT))
            && categories.iter().all(|c| c.note.as_deref().is_none_or(|note| fits(note, paper::SMALL)));
        if level {
            let depth = |(lines, category): (&Vec<String>, &Category)| {
                let note = if category.note.is_some() { SMALL_LINE } else { 0.0 };
                lines.len().saturating_sub(1) as f64 * paper::TEXT * LINE + note
            };
            let depth = lines.iter().zip(categories).map(depth).fold(0.0, f64::max);
            return Self { lines, upwards: false, stride: 1, depth };
        }
        let whole = |c: &Category| match &c.note {
            Some(note) => format!("{}, {note}", c.label),
            None => c.label.clone(),
        };
        let lines: Vec<Vec<String>> = categories.iter().map(|c| vec![whole(c)]).collect();
        let depth =
            widest(lines.iter().flatten().map(String::as_str), paper::TEXT) - paper::TEXT * CAP_HEIGHT;
        let stride = (paper::TEXT * LINE / band).ceil().max(1.0) as usize;
        Self { lines, upwards: true, stride, depth: depth.max(0.0) }
    }
}

/// Names of spans, each on the first line on which it touches no other.
fn span_labels(plot: &Plot, range: [f64; 2], area_width: f64) -> Vec<(usize, f64, String)> {
    let mut ends: Vec<f64> = Vec::new();
    let mut labels = Vec::new();
    for mark in &plot.marks {
        let Mark::Span(span) = mark else { continue };
        if span.label.is_empty() || span.x[1] < range[0] || span.x[0] > range[1] {
            continue;
        }
        let at = if plot.x.reversed { span.x[1] } else { span.x[0] };
        let fraction = plot.x.position(at, range);
        let from = (area_width * if plot.x.reversed { 1.0 - fraction } else { fraction }).max(0.0);
        let to = from + fonts::width(&span.label, paper::SMALL, Weight::Regular) + 3.0;
        let line = ends.iter().position(|&end| end <= from).unwrap_or(ends.len());
        if line == ends.len() {
            ends.push(to);
        } else {
            ends[line] = to;
        }
        labels.push((line, at, span.label.clone()));
    }
    labels
}
