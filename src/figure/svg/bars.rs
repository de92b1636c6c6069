//! Colour bars: one embedded picture, three labels, clip marks.

use super::geometry::Rect;
use super::picture;
use super::writer::{Align, Words, Writer, length};
use crate::figure::cmap::Clipped;
use crate::figure::colour::{Ground, hex};
use crate::figure::fonts::{self, CAP_HEIGHT, LINE, Weight};
use crate::figure::number;
use crate::figure::raster::ColourScale;
use crate::figure::roles::text_colour;
use crate::figure::style::paper;

/// Between what the bar explains and the bar.
const GAP: f64 = 4.0;
/// Height of a clip mark.
const CLIP: f64 = 2.5;
/// Longest bar.
const LONGEST: f64 = 90.0;

/// A bar before it is placed.
pub(super) struct BarFrame<'p> {
    scale: &'p ColourScale,
    clipped: Clipped,
    ticks: Vec<(f64, String)>,
    /// Room at the right of the area, gap included.
    pub width: f64,
    /// The label reads upwards beside the ticks where it is too long to stand above the bar.
    upwards: bool,
}

pub(super) fn bar_frames(bars: Vec<(&ColourScale, Clipped)>) -> Vec<BarFrame<'_>> {
    let frame = |(scale, clipped): (_, _)| BarFrame::new(scale, clipped);
    bars.into_iter().map(frame).collect()
}

impl<'p> BarFrame<'p> {
    fn new(scale: &'p ColourScale, clipped: Clipped) -> Self {
        let values = scale.tick_values();
        let tolerance = 1e-3 * (scale.range[1] - scale.range[0]);
        let ticks: Vec<(f64, String)> = values.iter().map(|&v| (v, number::trimmed(v, tolerance))).collect();
        let widest = |texts: &[(f64, String)]| {
            texts.iter().map(|(_, t)| fonts::width(t, paper::TEXT, Weight::Regular)).fold(0.0, f64::max)
        };
        let body = paper::BAR + paper::TICK_GAP + widest(&ticks);
        let label = fonts::width(&scale.text(), paper::TEXT, Weight::Regular);
        let upwards = label > body + 10.0;
        let width = GAP + if upwards { body + paper::TEXT * LINE + 1.0 } else { body.max(label) };
        Self { scale, clipped, ticks, width, upwards }
    }

    /// Draws the bar right of `area`, from `x` on; the label stands on `label_baseline` unless it is long.
    pub fn draw(&self, out: &mut Writer, x: f64, area: Rect, label_baseline: f64) {
        let ink = text_colour(Ground::Light);
        let x = x + GAP;
        let margin = if self.clipped.low || self.clipped.high { CLIP + 0.8 } else { 0.0 };
        let height = (area.h - 2.0 * margin).min(LONGEST);
        let top = area.y + margin;
        let bar = Rect::new(x, top, paper::BAR, height);
        out.open("g", "class=\"colour-bar\"");
        let pixels: Vec<[u8; 4]> = {
            let table = self.scale.map.table(Ground::Light);
            table.iter().rev().map(|&[r, g, b]| [r, g, b, 255]).collect()
        };
        picture::image(out, &pixels, 1, bar);
        let table = self.scale.map.table(Ground::Light);
        for (clipped, y, tip, colour) in [
            (self.clipped.high, top - 0.8, -CLIP, table[255]),
            (self.clipped.low, bar.bottom() + 0.8, CLIP, table[0]),
        ] {
            if clipped {
                let [left, middle, right] = [x, x + 0.5 * paper::BAR, x + paper::BAR].map(length);
                let (y, tip) = (length(y), length(y + tip));
                let (fill, edge) = (hex(colour), hex(ink));
                out.line(&format!(
                    "<path class=\"clip\" d=\"M{left} {y}L{middle} {tip} {right} {y}Z\" fill=\"{fill}\" stroke=\"{edge}\" stroke-width=\"0.3\"/>"
                ));
            }
        }
        let cap = paper::TEXT * CAP_HEIGHT;
        let mut last_y = f64::INFINITY;
        for (value, text) in &self.ticks {
            let [low, high] = self.scale.range;
            let y = bar.bottom() - (value - low) / (high - low) * height;
            // Labels of the ends stay level with the ends.
            let y = (y + 0.5 * cap).clamp(top + cap, bar.bottom().max(top + cap));
            if last_y - y >= paper::TEXT {
                let at = [x + paper::BAR + paper::TICK_GAP, y];
                out.words(&Words::new(at, text, paper::TEXT, ink));
                last_y = y;
            }
        }
        if self.upwards {
            let at = [x - GAP + self.width - 1.5, bar.centre()[1]];
            let words = Words::new(at, self.scale.text(), paper::TEXT, ink);
            out.words(&words.align(Align::Middle).upwards());
        } else {
            let at = [x - GAP + self.width, label_baseline];
            out.words(&Words::new(at, self.scale.text(), paper::TEXT, ink).align(Align::End));
        }
        out.close("g");
    }

    /// Whether the label needs a line above the area.
    pub fn label_above(&self) -> bool {
        !self.upwards && !self.scale.label.is_empty()
    }
}
