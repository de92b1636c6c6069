//! Axis lines, ticks, titles and headline of a plot as SVG elements.

use super::frame::{LETTER_BASELINE, PlotFrame, SMALL_LINE};
use super::geometry::{Rect, Transform};
use super::writer::{Align, Stroke, Words, Writer, length};
use crate::figure::axis::Category;
use crate::figure::colour::Ground;
use crate::figure::fonts::{self, CAP_HEIGHT, LINE, Weight};
use crate::figure::panel::{Direction, Plot};
use crate::figure::roles::{muted_colour, text_colour};
use crate::figure::style::paper;

impl PlotFrame<'_> {
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
        let first = area.bottom() + paper::TICK + paper::TICK_GAP + cap;
        if self.plot.x.is_categorical() {
            self.draw_categories(out, transform, first);
        } else {
            for tick in &self.x_ticks {
                let at = [transform.x(tick.value), first];
                out.words(&Words::new(at, &tick.label, paper::TEXT, ink).align(Align::Middle));
            }
        }
        let baseline = first + self.x_labels.depth;
        for (line, text) in self.x_title.iter().enumerate() {
            let y = baseline + paper::TITLE_GAP + cap + line as f64 * paper::TEXT * LINE;
            let half = 0.5 * fonts::width(text, paper::TEXT, Weight::Regular);
            // Centred on the axis, but never out of the panel.
            let x = area.centre()[0].min(cell.right() - half).max(cell.x + half);
            out.words(&Words::new([x, y], text, paper::TEXT, ink).align(Align::Middle));
        }
    }

    /// The names under a categorical x axis, the first lines on the baseline `first`.
    fn draw_categories(&self, out: &mut Writer, transform: &Transform<'_>, first: f64) {
        let (ink, cap) = (text_colour(Ground::Light), paper::TEXT * CAP_HEIGHT);
        for (i, lines) in self.x_labels.lines.iter().enumerate().step_by(self.x_labels.stride) {
            let x = transform.x(i as f64);
            if self.x_labels.upwards {
                for text in lines {
                    let at = [x + 0.5 * cap, first - cap];
                    out.words(&Words::new(at, text, paper::TEXT, ink).align(Align::End).upwards());
                }
                continue;
            }
            for (line, text) in lines.iter().enumerate() {
                let y = first + line as f64 * paper::TEXT * LINE;
                out.words(&Words::new([x, y], text, paper::TEXT, ink).align(Align::Middle));
            }
            if let Some(note) = self.plot.x.category_list().get(i).and_then(|c| c.note.as_ref()) {
                let at = [x, first + (lines.len() - 1) as f64 * paper::TEXT * LINE + SMALL_LINE];
                out.words(
                    &Words::new(at, note, paper::SMALL, muted_colour(Ground::Light)).align(Align::Middle),
                );
            }
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
            // Centred on the axis, but never out of the panel nor on its letter.
            let top = if self.has_letter { cell.y + LETTER_BASELINE + 2.0 } else { cell.y };
            let y = area.centre()[1].min(cell.bottom() - half).max(top + half);
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

/// The direction across which bars and strips stand; upright bars where no axis is categorical.
pub(super) fn across(plot: &Plot) -> Direction {
    plot.categories().unwrap_or(Direction::X)
}
