//! Marks as SVG elements.

use super::axes::across;
use super::geometry::{Rect, Transform};
use super::glyph;
use super::picture;
use super::shapes::{self, Outside};
use super::writer::{Align, Stroke, Words, Writer, escape, length, path};
use crate::figure::annotation::{Anchor, Span, Text};
use crate::figure::colour::{Ground, Rgb, hex};
use crate::figure::mark::{Bars, Emphasis, Line, Mark, Points};
use crate::figure::panel::Direction;
use crate::figure::roles::{Ink, Marker, muted_colour, text_colour};
use crate::figure::strip::Strip;
use crate::figure::style::paper;

/// Order of drawing; axes come between [`BEHIND_AXES`] and the rest.
pub(super) fn layer(mark: &Mark) -> u8 {
    let by_emphasis = |emphasis, main| match emphasis {
        Emphasis::Faint => 4,
        Emphasis::Ghost => 6,
        Emphasis::Main => main,
    };
    match mark {
        Mark::Span(_) => 0,
        Mark::Image(_) => 1,
        Mark::Band(_) => 2,
        Mark::Bars(_) => 3,
        Mark::Strip(_) => 5,
        Mark::Reference(_) => 5,
        Mark::Line(line) => by_emphasis(line.emphasis, 7),
        Mark::Points(points) => by_emphasis(points.emphasis, 8),
        Mark::Text(_) => 9,
    }
}

/// Layers up to this one lie under the axes.
pub(super) const BEHIND_AXES: u8 = 2;

/// Draws marks of one plot.
pub(super) struct Pen<'t, 'p> {
    pub transform: &'t Transform<'p>,
    /// Id of the clip path of the area.
    pub clip: &'t str,
    pub outside: Vec<(Outside, Rgb)>,
}

impl Pen<'_, '_> {
    pub fn draw(&mut self, out: &mut Writer, mark: &Mark) {
        let name = mark.series().map_or("", |series| series.name.as_str());
        let label =
            if name.is_empty() { String::new() } else { format!(" data-series=\"{}\"", escape(name)) };
        out.open("g", &format!("class=\"{}\"{label}", mark.kind()));
        match mark {
            Mark::Line(line) => self.line(out, line),
            Mark::Points(points) => self.points(out, points),
            Mark::Band(band) => {
                let outlines = shapes::band(self.transform, band);
                let fill = hex(band.series.ink.colour(Ground::Light));
                let opacity = length(paper::BAND_OPACITY);
                let clip = self.clip_for(&outlines);
                let d: String =
                    outlines.iter().map(|outline| path(std::slice::from_ref(outline)) + "Z").collect();
                out.line(&format!("<path d=\"{d}\" fill=\"{fill}\" fill-opacity=\"{opacity}\"{clip}/>"));
            }
            Mark::Bars(bars) => self.bars(out, bars),
            Mark::Strip(strip) => self.strip(out, strip),
            Mark::Reference(reference) => {
                let colour = muted_colour(Ground::Light);
                let stroke = Stroke { colour, width: paper::AXIS, dash: &paper::REFERENCE_DASH };
                let run = shapes::reference(self.transform, reference);
                out.polyline(&[run], &format!("fill=\"none\" {}", stroke.attributes()));
            }
            Mark::Span(span) => self.span(out, span),
            Mark::Image(image) => {
                let [x0, x1] = image.x.map(|v| self.transform.x(v));
                let [y0, y1] = image.y.map(|v| self.transform.y(v));
                let frame = Rect::new(x0.min(x1), y0.min(y1), (x1 - x0).abs(), (y1 - y0).abs());
                picture::raster(out, &image.raster, frame, [x0 > x1, y0 > y1]);
            }
            Mark::Text(text) => self.text(out, text),
        }
        out.close("g");
    }

    /// A reference to the clip path where some of `runs` leave the area.
    fn clip_for(&self, runs: &[Vec<[f64; 2]>]) -> String {
        let area = self.transform.area.grown(0.01);
        let leaves = runs.iter().flatten().any(|&p| !area.contains(p));
        if leaves { format!(" clip-path=\"url(#{})\"", self.clip) } else { String::new() }
    }

    fn line(&self, out: &mut Writer, line: &Line) {
        let colour = line.series.ink.colour(Ground::Light);
        let dash = line.dash.unwrap_or(line.series.ink.dash());
        let (width, dash, opacity) = match line.emphasis {
            Emphasis::Main => (paper::DATA, glyph::dash(dash, paper::DATA), ""),
            Emphasis::Ghost => (paper::GHOST, vec![1.2, 1.8], ""),
            Emphasis::Faint => (paper::FAINT, Vec::new(), " stroke-opacity=\"0.22\""),
        };
        let runs = shapes::runs(self.transform, &line.points);
        let stroke = Stroke { colour, width, dash: &dash }.attributes();
        let clip = self.clip_for(&runs);
        let caps = if dash.is_empty() { " stroke-linecap=\"round\"" } else { "" };
        out.polyline(
            &runs,
            &format!("fill=\"none\" {stroke}{caps} stroke-linejoin=\"round\"{opacity}{clip}"),
        );
    }

    fn error_bars(&self, out: &mut Writer, bars: Vec<Vec<[f64; 2]>>, ink: Ink) {
        let colour = match ink {
            Ink::Text => muted_colour(Ground::Light),
            Ink::Role(_) | Ink::Category(_) | Ink::Ordered { .. } | Ink::Muted => ink.colour(Ground::Light),
        };
        out.polyline(
            &bars,
            &format!("fill=\"none\" {}", Stroke::solid(colour, paper::ERROR_BAR).attributes()),
        );
    }

    fn points(&mut self, out: &mut Writer, points: &Points) {
        let ink = points.series.ink;
        let colour = ink.colour(Ground::Light);
        let places = shapes::scatter(self.transform, points);
        let mut bars = Vec::new();
        for (i, place) in &places {
            let [x, y] = points.points[*i];
            if place.is_ok() {
                let x_bar = points
                    .x_error
                    .get(*i)
                    .and_then(|&e| shapes::error_bar(self.transform, Direction::X, y, e));
                let y_bar = points
                    .y_error
                    .get(*i)
                    .and_then(|&e| shapes::error_bar(self.transform, Direction::Y, x, e));
                bars.extend(x_bar);
                bars.extend(y_bar);
            }
        }
        self.error_bars(out, bars, ink);
        let marker = points.marker.unwrap_or(ink.marker());
        let faint = points.emphasis == Emphasis::Faint;
        let size = if faint { 1.6 } else { paper::MARKER };
        let style = if faint {
            format!("fill=\"{}\" fill-opacity=\"0.35\"", hex(colour))
        } else if points.colouring.is_some() {
            let edge = hex(text_colour(Ground::Light));
            format!("stroke=\"{edge}\" stroke-width=\"0.4\"")
        } else {
            glyph::style(marker, points.filled, colour)
        };
        out.open("g", &style);
        for (i, place) in places {
            match place {
                Ok(at) => {
                    let shape = glyph::shape(if faint { Marker::Circle } else { marker }, at, size);
                    let own = points.colouring.as_ref().and_then(|(values, scale)| {
                        let colour = scale.colour(*values.get(i)?, Ground::Light);
                        Some(colour.map_or_else(|| "#ffffff".to_owned(), hex))
                    });
                    match own {
                        Some(fill) => out.line(&format!("<g fill=\"{fill}\">{shape}</g>")),
                        None => out.line(&shape),
                    }
                }
                Err(outside) => self.outside.push((outside, colour)),
            }
        }
        out.close("g");
    }

    fn bars(&self, out: &mut Writer, bars: &Bars) {
        let across = across(self.transform.plot);
        let fill = hex(bars.series.ink.colour(Ground::Light));
        out.open("g", &format!("fill=\"{fill}\" fill-opacity=\"{}\"", length(paper::DOT_OPACITY)));
        let rects = shapes::bars(self.transform, bars, across);
        let mut errors = Vec::new();
        for (i, [left, top, right, bottom]) in rects {
            let [x, y, w, h] = [left, top, right - left, bottom - top].map(length);
            out.line(&format!("<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/>"));
            if let Some(&interval) = bars.errors.get(i) {
                let middle = 0.5 * (bars.spans[i][0] + bars.spans[i][1]);
                let along = if across == Direction::X { Direction::Y } else { Direction::X };
                errors.extend(shapes::error_bar(self.transform, along, middle, interval));
            }
        }
        out.close("g");
        self.error_bars(out, errors, Ink::Text);
    }

    fn strip(&mut self, out: &mut Writer, strip: &Strip) {
        let across = across(self.transform.plot);
        let dots = shapes::strip(self.transform, strip, across);
        let colour = strip.series.ink.colour(Ground::Light);
        let ink = text_colour(Ground::Light);
        let axis = match across {
            Direction::X => (&self.transform.plot.y, self.transform.ranges[1]),
            Direction::Y => (&self.transform.plot.x, self.transform.ranges[0]),
        };
        let place = |value: f64| {
            let shown = if axis.0.shows(value) { value.clamp(axis.1[0], axis.1[1]) } else { axis.1[0] };
            self.transform.point(self.transform.turned(across, strip.category as f64, shown))
        };
        let quartiles = strip.quartiles();
        if let Some(quartiles) = quartiles {
            let ([x0, y0], [x1, y1]) = (place(quartiles.lower), place(quartiles.upper));
            let rect = match across {
                Direction::X => [x0 - dots.reach, y0.min(y1), 2.0 * dots.reach, (y1 - y0).abs()],
                Direction::Y => [x0.min(x1), y0 - dots.reach, (x1 - x0).abs(), 2.0 * dots.reach],
            };
            let [x, y, w, h] = rect.map(length);
            let fill = hex(ink);
            out.line(&format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{fill}\" fill-opacity=\"{}\"/>",
                length(paper::SPAN_OPACITY)
            ));
        }
        out.open("g", &format!("fill=\"{}\" fill-opacity=\"{}\"", hex(colour), length(paper::DOT_OPACITY)));
        for (_, at) in &dots.inside {
            out.line(&glyph::shape(Marker::Circle, *at, paper::MARKER));
        }
        out.close("g");
        self.outside.extend(dots.outside.iter().map(|&outside| (outside, colour)));
        if let Some(quartiles) = quartiles {
            let [x, y] = place(quartiles.median);
            let reach = dots.reach + 0.8;
            let run = match across {
                Direction::X => vec![[x - reach, y], [x + reach, y]],
                Direction::Y => vec![[x, y - reach], [x, y + reach]],
            };
            out.polyline(&[run], &Stroke::solid(ink, paper::MEDIAN).attributes());
        }
        let chosen = strip.chosen.and_then(|chosen| dots.inside.iter().find(|(i, _)| *i == chosen));
        if let Some((_, [x, y])) = chosen {
            let (x, y, edge) = (length(*x), length(*y), hex(ink));
            out.line(&format!(
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"2.6\" fill=\"none\" stroke=\"{edge}\" stroke-width=\"0.75\"/>"
            ));
        }
    }

    fn span(&self, out: &mut Writer, span: &Span) {
        let area = self.transform.area;
        let [a, b] = span.x.map(|v| {
            let v = if self.transform.plot.x.shows(v) { v } else { self.transform.ranges[0][0] };
            self.transform.x(v).clamp(area.x, area.right())
        });
        let [x, y, w, h] = [a.min(b), area.y, (b - a).abs(), area.h].map(length);
        let fill = hex(span.ink.colour(Ground::Light));
        out.line(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{fill}\" fill-opacity=\"{}\"/>",
            length(paper::SPAN_OPACITY)
        ));
    }

    fn text(&self, out: &mut Writer, text: &Text) {
        if self.transform.shows(text.at) {
            out.words(&words_of(self.transform, text));
        }
    }

    /// The triangles at the edges, on top of everything else.
    pub fn edges(&self, out: &mut Writer) {
        if self.outside.is_empty() {
            return;
        }
        out.open("g", "class=\"outside\"");
        for ((at, towards), colour) in &self.outside {
            out.line(&format!("<g fill=\"{}\">{}</g>", hex(*colour), glyph::edge_triangle(*at, *towards)));
        }
        out.close("g");
    }
}

/// A text mark on the page.
pub(super) fn words_of(transform: &Transform<'_>, text: &Text) -> Words {
    let align = match text.anchor {
        Anchor::Start => Align::Start,
        Anchor::Middle => Align::Middle,
        Anchor::End => Align::End,
    };
    let colour = text.ink.label_colour(Ground::Light);
    Words::new(transform.point(text.at), &text.text, paper::SMALL, colour).align(align)
}
