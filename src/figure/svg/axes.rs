//! The frame of a plot: titles, ticks and the room they need, and how they are drawn.

use super::bars::{BarFrame, bar_frames};
use super::geometry::{Rect, Transform};
use super::legend::Legend;
use super::writer::{Align, Stroke, Words, Writer, length};
use crate::figure::axis::{Axis, Category, Tick, TickText, Ticks};
use crate::figure::colour::Ground;
use crate::figure::fonts::{self, CAP_HEIGHT, DESCENT, LINE, Weight};
use crate::figure::mark::Mark;
use crate::figure::panel::{Direction, Panel, Plot};
use crate::figure::roles::{muted_colour, text_colour};
use crate::figure::style::{HEIGHT_OF_WIDTH, paper};

/// From the top of a panel to the baseline of its letter.
pub(super) const LETTER_BASELINE: f64 = paper::LETTER * CAP_HEIGHT + 0.5;
/// From the top of a panel with a letter or headline to its axes.
const UNDER_LETTER: f64 = LETTER_BASELINE + 6.5;
/// Least height of the area of a plot.
const LEAST_AREA: f64 = 46.0;
/// Distance of lines of the smallest text.
const SMALL_LINE: f64 = paper::SMALL * LINE;

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
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    /// Lines of each label under a categorical x axis.
    x_labels: Vec<Vec<String>>,
    x_title: Vec<String>,
    y_title: Vec<String>,
    /// Left edge of the labels of a categorical y axis, from the left of the cell.
    indent: f64,
    /// Names of spans above the area: line, x in data coordinates, text.
    span_labels: Vec<(usize, f64, String)>,
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
        width: f64,
        height: f64,
        legend: Legend,
    ) -> Self {
        let ranges = plot.ranges();
        let bars = bar_frames(plot.bars());
        let most = |extent: f64, pitch: f64| ((extent / pitch) as usize).clamp(3, 6);
        let most_y = most(height - 30.0, 17.0);
        let y_ticks = plot.y.tick_list(ranges[1], most_y, TickText::Trimmed);

        let mut gutters = Gutters::default();
        let mut indent = 0.0;
        let y_title = match plot.y.text() {
            text if text.is_empty() || plot.y.is_categorical() => Vec::new(),
            text => fonts::wrap(&text, paper::TEXT, (height - 8.0).max(30.0)),
        };
        if plot.y.is_categorical() {
            let categories = plot.y.category_list();
            let labels = widest(categories.iter().map(|c| c.label.as_str()), paper::TEXT);
            let notes = widest(categories.iter().filter_map(|c| c.note.as_deref()), paper::SMALL);
            indent = letter_indent(letter);
            gutters.left = indent + labels.max(notes) + 5.0;
        } else {
            gutters.left = paper::TICK + paper::TICK_GAP + widest(labels_of(&y_ticks), paper::TEXT);
            if !y_title.is_empty() {
                gutters.left += y_title.len() as f64 * paper::TEXT * LINE + paper::TITLE_GAP - 1.5;
            }
        }

        let bars_width: f64 = bars.iter().map(|bar| bar.width).sum();
        let nominal = (width - gutters.left - bars_width - 3.0).max(20.0);
        let x_ticks = fitting_ticks(plot, ranges[0], nominal, most_y, &y_ticks);
        let overhang = x_ticks.last().map_or(0.0, |tick| {
            let at = plot.x.position(tick.value, ranges[0]);
            let at = if plot.x.reversed { 1.0 - at } else { at };
            0.5 * fonts::width(&tick.label, paper::TEXT, Weight::Regular) - (1.0 - at) * nominal
        });
        let overhang = if plot.x.is_categorical() { 0.0 } else { overhang };
        gutters.right = bars_width.max(overhang).max(0.5 * paper::MARKER + 0.5);
        let area_width = (width - gutters.left - gutters.right).max(20.0);

        let x_labels = category_lines(&plot.x, area_width);
        let x_title = match plot.x.text() {
            text if text.is_empty() || plot.x.is_categorical() => Vec::new(),
            text => fonts::wrap(&text, paper::TEXT, width.min(area_width + gutters.left)),
        };
        gutters.bottom = paper::TICK
            + paper::TICK_GAP
            + paper::TEXT * (CAP_HEIGHT + DESCENT)
            + lines_below_first(&plot.x, &x_labels);
        if !x_title.is_empty() {
            gutters.bottom += paper::TITLE_GAP + paper::TEXT * CAP_HEIGHT;
            gutters.bottom += (x_title.len() - 1) as f64 * paper::TEXT * LINE;
        }
        let legend_below = gutters.bottom;
        gutters.bottom += legend.height(area_width);

        let headline = headline_lines(panel, letter, width);
        let has_first_line = (letter.is_some() && !plot.y.is_categorical())
            || !headline.is_empty()
            || bars.iter().any(BarFrame::label_above);
        gutters.top = if has_first_line {
            UNDER_LETTER + headline.len().saturating_sub(1) as f64 * SMALL_LINE
        } else {
            0.5 * paper::TEXT * CAP_HEIGHT + 1.0
        };
        let span_labels = span_labels(plot, ranges[0], area_width);
        let span_lines = span_labels.iter().map(|(line, ..)| line + 1).max().unwrap_or(0);
        gutters.top += span_lines as f64 * SMALL_LINE;

        let natural_height = if plot.y.is_categorical() {
            let notes = plot.y.category_list().iter().any(|c| c.note.is_some());
            plot.y.category_list().len() as f64 * if notes { 18.0 } else { 14.0 }
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
            x_ticks,
            y_ticks,
            x_labels,
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

    /// Axis lines, ticks and titles.
    pub fn draw(&self, out: &mut Writer, transform: &Transform<'_>, cell: Rect) {
        let area = transform.area;
        let ink = text_colour(Ground::Light);
        out.open("g", "class=\"axes\"");
        let mut runs = vec![vec![[area.x, area.bottom()], [area.right(), area.bottom()]]];
        if !self.plot.y.is_categorical() {
            runs.push(vec![[area.x, area.y], [area.x, area.bottom()]]);
            for tick in &self.y_ticks {
                let y = transform.y(tick.value);
                runs.push(vec![[area.x, y], [area.x - paper::TICK, y]]);
            }
        }
        if !self.plot.x.is_categorical() {
            for tick in &self.x_ticks {
                let x = transform.x(tick.value);
                runs.push(vec![[x, area.bottom()], [x, area.bottom() + paper::TICK]]);
            }
        }
        let stroke = Stroke::solid(ink, paper::AXIS).attributes();
        out.polyline(&runs, &format!("fill=\"none\" {stroke} stroke-linecap=\"square\""));
        self.draw_x_labels(out, transform, cell);
        self.draw_y_labels(out, transform, cell);
        out.close("g");
        for (line, at, text) in &self.span_labels {
            let lines = self.span_labels.iter().map(|(line, ..)| line + 1).max().unwrap_or(0);
            let y = area.y - 2.0 - (lines - 1 - line) as f64 * SMALL_LINE;
            let x = transform.x(*at).max(area.x);
            out.words(&Words::new([x, y], text, paper::SMALL, muted_colour(Ground::Light)));
        }
    }

    fn draw_x_labels(&self, out: &mut Writer, transform: &Transform<'_>, cell: Rect) {
        let (area, ink) = (transform.area, text_colour(Ground::Light));
        let cap = paper::TEXT * CAP_HEIGHT;
        let mut baseline = area.bottom() + paper::TICK + paper::TICK_GAP + cap;
        if self.plot.x.is_categorical() {
            for (i, (lines, category)) in self.x_labels.iter().zip(self.plot.x.category_list()).enumerate() {
                let x = transform.x(i as f64);
                for (line, text) in lines.iter().enumerate() {
                    let y = baseline + line as f64 * paper::TEXT * LINE;
                    out.words(&Words::new([x, y], text, paper::TEXT, ink).align(Align::Middle));
                }
                if let Some(note) = &category.note {
                    let y = baseline + lines.len() as f64 * paper::TEXT * LINE;
                    let muted = muted_colour(Ground::Light);
                    out.words(&Words::new([x, y], note, paper::SMALL, muted).align(Align::Middle));
                }
            }
            baseline += lines_below_first(&self.plot.x, &self.x_labels);
        } else {
            for tick in &self.x_ticks {
                let at = [transform.x(tick.value), baseline];
                out.words(&Words::new(at, &tick.label, paper::TEXT, ink).align(Align::Middle));
            }
        }
        for (line, text) in self.x_title.iter().enumerate() {
            let y = baseline + paper::TITLE_GAP + cap + line as f64 * paper::TEXT * LINE;
            let half = 0.5 * fonts::width(text, paper::TEXT, Weight::Regular);
            // Centred on the axis, but never out of the panel.
            let x = area.centre()[0].min(cell.right() - half).max(cell.x + half);
            out.words(&Words::new([x, y], text, paper::TEXT, ink).align(Align::Middle));
        }
    }

    fn draw_y_labels(&self, out: &mut Writer, transform: &Transform<'_>, cell: Rect) {
        let (area, ink) = (transform.area, text_colour(Ground::Light));
        let half_cap = 0.5 * paper::TEXT * CAP_HEIGHT;
        if self.plot.y.is_categorical() {
            for (i, category) in self.plot.y.category_list().iter().enumerate() {
                let (x, y) = (cell.x + self.indent, self.category_baseline(transform, i, category));
                out.words(&Words::new([x, y], &category.label, paper::TEXT, ink));
                if let Some(note) = &category.note {
                    let at = [x, y + SMALL_LINE];
                    out.words(&Words::new(at, note, paper::SMALL, muted_colour(Ground::Light)));
                }
            }
            return;
        }
        for tick in &self.y_ticks {
            let at = [area.x - paper::TICK - paper::TICK_GAP, transform.y(tick.value) + half_cap];
            out.words(&Words::new(at, &tick.label, paper::TEXT, ink).align(Align::End));
        }
        for (line, text) in self.y_title.iter().enumerate() {
            let x = area.x - self.gutters.left + paper::TEXT * CAP_HEIGHT + line as f64 * paper::TEXT * LINE;
            let half = 0.5 * fonts::width(text, paper::TEXT, Weight::Regular);
            let y = area.centre()[1].min(cell.bottom() - half).max(cell.y + half);
            out.words(&Words::new([x, y], text, paper::TEXT, ink).align(Align::Middle).upwards());
        }
    }

    /// Baseline of the letter: on the first line of what stands beside it.
    pub fn letter_baseline(&self, transform: &Transform<'_>, cell: Rect) -> f64 {
        match self.plot.y.category_list().first() {
            Some(first) if self.headline.is_empty() => self.category_baseline(transform, 0, first),
            Some(_) | None => cell.y + LETTER_BASELINE,
        }
    }

    fn category_baseline(&self, transform: &Transform<'_>, index: usize, category: &Category) -> f64 {
        let lift = if category.note.is_some() { 0.5 * SMALL_LINE } else { 0.0 };
        transform.y(index as f64) + 0.5 * paper::TEXT * CAP_HEIGHT - lift
    }

    /// The headline, right-aligned on the line of the letter.
    pub fn draw_headline(&self, out: &mut Writer, cell: Rect) {
        for (line, text) in self.headline.iter().enumerate() {
            let at = [cell.right(), cell.y + LETTER_BASELINE + line as f64 * SMALL_LINE];
            out.words(&Words::new(at, text, paper::SMALL, text_colour(Ground::Light)).align(Align::End));
        }
    }

    /// A clip path that keeps lines inside the axes, where some data lie beyond.
    pub fn clip_path(area: Rect, id: &str) -> String {
        let Rect { x, y, w, h } = area;
        format!(
            "<clipPath id=\"{id}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>",
            length(x),
            length(y),
            length(w),
            length(h)
        )
    }
}

fn labels_of(ticks: &[Tick]) -> impl Iterator<Item = &str> {
    ticks.iter().map(|tick| tick.label.as_str())
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

fn category_lines(axis: &Axis, area_width: f64) -> Vec<Vec<String>> {
    let categories = axis.category_list();
    let band = area_width / categories.len().max(1) as f64;
    categories.iter().map(|c| fonts::wrap(&c.label, paper::TEXT, band - 2.0)).collect()
}

/// Depth of the labels of categories and their notes below their first line.
fn lines_below_first(axis: &Axis, labels: &[Vec<String>]) -> f64 {
    let depth = |(lines, category): (&Vec<String>, &Category)| {
        let note = if category.note.is_some() { SMALL_LINE } else { 0.0 };
        lines.len().saturating_sub(1) as f64 * paper::TEXT * LINE + note
    };
    labels.iter().zip(axis.category_list()).map(depth).fold(0.0, f64::max)
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

/// The direction across which bars and strips stand; upright bars where no axis is categorical.
pub(super) fn across(plot: &Plot) -> Direction {
    plot.categories().unwrap_or(Direction::X)
}
