//! Which names a plot has to give, and the row under it for those that find no place beside their data.

use super::glyph;
use super::writer::{Stroke, Words, Writer, length};
use crate::figure::colour::{Ground, hex};
use crate::figure::fonts::{self, CAP_HEIGHT, Weight};
use crate::figure::mark::{Emphasis, Mark};
use crate::figure::panel::Plot;
use crate::figure::roles::{Dash, Ink, Marker, muted_colour};
use crate::figure::style::paper;

/// Most series that are named beside their data; more go to the legend.
pub(super) const MOST_DIRECT: usize = 4;

/// Height of one row and the gap above the first.
const ROW: f64 = 9.0;
const ABOVE: f64 = 3.0;
/// Length of a line sample and the gap behind it.
const SAMPLE: f64 = 13.0;
const SAMPLE_GAP: f64 = 3.0;
const ITEM_GAP: f64 = 9.0;

/// What a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Owner {
    /// All marks of this ink with the name.
    Series(Ink),
    /// The reference line at this index of the marks.
    Reference(usize),
    /// The triangles at the edges.
    Outside,
}

/// A name to be written beside its data or in the legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub text: String,
    pub owner: Owner,
    /// Whether some mark asks for the name to be written.
    asked: bool,
    line: Option<Dash>,
    marker: Option<(Marker, bool)>,
    patch: bool,
}

impl Name {
    pub fn new(text: impl Into<String>, owner: Owner) -> Self {
        Self { text: text.into(), owner, asked: true, line: None, marker: None, patch: false }
    }

    pub fn size(&self) -> f64 {
        match self.owner {
            Owner::Series(_) => paper::TEXT,
            Owner::Reference(_) | Owner::Outside => paper::SMALL,
        }
    }

    pub fn colour(&self) -> crate::figure::Rgb {
        match self.owner {
            Owner::Series(ink) => ink.label_colour(Ground::Light),
            Owner::Reference(_) | Owner::Outside => muted_colour(Ground::Light),
        }
    }

    /// Whether `mark`, at `index`, is what the name stands for.
    pub fn owns(&self, index: usize, mark: &Mark) -> bool {
        match self.owner {
            Owner::Series(ink) => {
                mark.series().is_some_and(|series| series.ink == ink && series.name == self.text)
            }
            Owner::Reference(at) => at == index,
            Owner::Outside => false,
        }
    }

    fn width(&self) -> f64 {
        let sample = if self.has_sample() { SAMPLE + SAMPLE_GAP } else { 0.0 };
        sample + fonts::width(&self.text, self.size(), Weight::Regular)
    }

    fn has_sample(&self) -> bool {
        self.line.is_some() || self.marker.is_some() || self.patch
    }
}

/// The names of series and reference lines, in order of appearance. Strips are named by their axis.
pub(super) fn names(plot: &Plot) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    for (index, mark) in plot.marks.iter().enumerate() {
        if let Mark::Reference(reference) = mark {
            if !reference.label.is_empty() {
                let mut name = Name::new(&reference.label, Owner::Reference(index));
                name.line = Some(Dash::Dashed);
                names.push(name);
            }
            continue;
        }
        let Some(series) = mark.series().filter(|series| !series.name.is_empty()) else { continue };
        if matches!(mark, Mark::Strip(_)) {
            continue;
        }
        let owner = Owner::Series(series.ink);
        let at = names.iter().position(|known| known.owner == owner && known.text == series.name);
        let at = at.unwrap_or_else(|| {
            names.push(Name { asked: false, ..Name::new(&series.name, owner) });
            names.len() - 1
        });
        let name = &mut names[at];
        // One labelled mark is enough; its quiet companions still belong to the sample.
        name.asked |= series.labelled;
        match mark {
            Mark::Line(line) if line.emphasis != Emphasis::Faint => {
                name.line = Some(line.dash.unwrap_or(line.series.ink.dash()));
            }
            Mark::Points(points) => {
                name.marker = Some((points.marker.unwrap_or(points.series.ink.marker()), points.filled));
            }
            Mark::Line(_) | Mark::Band(_) | Mark::Bars(_) => name.patch = true,
            Mark::Strip(_) | Mark::Reference(_) | Mark::Span(_) | Mark::Image(_) | Mark::Text(_) => {}
        }
    }
    names.retain(|name| name.asked);
    names
}

/// The names that are not written beside their data.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Legend {
    pub names: Vec<Name>,
}

impl Legend {
    /// All series of a plot with more than four, else none: the rest is for the placer to find.
    pub fn at_first(plot: &Plot) -> Self {
        let series: Vec<Name> =
            names(plot).into_iter().filter(|name| matches!(name.owner, Owner::Series(_))).collect();
        if series.len() > MOST_DIRECT { Self { names: series } } else { Self::default() }
    }

    pub fn holds(&self, name: &Name) -> bool {
        self.names.contains(name)
    }

    /// Height of the rows within `width`, gap included; 0 without names.
    pub fn height(&self, width: f64) -> f64 {
        match self.places(width).last() {
            Some([_, y]) => ABOVE + y + ROW,
            None => 0.0,
        }
    }

    /// Left end and top of every name, broken into rows.
    fn places(&self, width: f64) -> Vec<[f64; 2]> {
        let (mut x, mut y) = (0.0, 0.0);
        let place = |name: &Name| {
            if x > 0.0 && x + name.width() > width {
                (x, y) = (0.0, y + ROW);
            }
            let at = [x, y];
            x += name.width() + ITEM_GAP;
            at
        };
        self.names.iter().map(place).collect()
    }

    pub fn draw(&self, out: &mut Writer, left: f64, top: f64, width: f64) {
        if self.names.is_empty() {
            return;
        }
        out.open("g", "class=\"legend\"");
        for (name, [x, y]) in self.names.iter().zip(self.places(width)) {
            let (x, baseline) = (left + x, top + ABOVE + y + 0.5 * ROW + 0.5 * paper::TEXT * CAP_HEIGHT);
            let middle = baseline - 0.5 * name.size() * CAP_HEIGHT;
            name.draw_sample(out, x, middle);
            let text_x = if name.has_sample() { x + SAMPLE + SAMPLE_GAP } else { x };
            out.words(&Words::new([text_x, baseline], &name.text, name.size(), name.colour()));
        }
        out.close("g");
    }
}

impl Name {
    fn draw_sample(&self, out: &mut Writer, x: f64, y: f64) {
        let (ink, width) = match self.owner {
            Owner::Series(ink) => (ink, paper::DATA),
            Owner::Reference(_) | Owner::Outside => (Ink::Muted, paper::AXIS),
        };
        let colour = ink.colour(Ground::Light);
        if self.patch && self.line.is_none() && self.marker.is_none() {
            out.line(&format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"5\" fill=\"{}\" fill-opacity=\"{}\"/>",
                length(x),
                length(y - 2.5),
                length(SAMPLE),
                hex(colour),
                length(paper::DOT_OPACITY)
            ));
        }
        if let Some(dash) = self.line {
            let dash = match self.owner {
                Owner::Reference(_) => paper::REFERENCE_DASH.to_vec(),
                Owner::Series(_) | Owner::Outside => glyph::dash(dash, paper::DATA),
            };
            let stroke = Stroke { colour, width, dash: &dash }.attributes();
            out.polyline(&[vec![[x, y], [x + SAMPLE, y]]], &stroke);
        }
        if let Some((marker, filled)) = self.marker {
            let style = glyph::style(marker, filled, colour);
            let shape = glyph::shape(marker, [x + 0.5 * SAMPLE, y], paper::MARKER);
            out.line(&format!("<g {style}>{shape}</g>"));
        }
    }
}
