//! A grid of small maps: titles over the columns, brackets under them, bars beside them.

use super::bars::{BarFrame, bar_frames};
use super::frame::{Gutters, LETTER_BASELINE, headline_lines, letter_indent};
use super::geometry::Rect;
use super::picture;
use super::writer::{Align, Stroke, Words, Writer};
use crate::figure::colour::Ground;
use crate::figure::fonts::{self, CAP_HEIGHT, DESCENT, LINE, Weight};
use crate::figure::panel::Panel;
use crate::figure::raster::Maps;
use crate::figure::roles::text_colour;
use crate::figure::style::paper;

/// From the maps to the line of a bracket.
const BRACKET_GAP: f64 = 3.5;
/// Under the titles of columns.
const TITLE_GAP: f64 = 3.0;

/// A grid of maps before it is placed.
pub(super) struct MapsFrame<'p> {
    pub maps: &'p Maps,
    pub gutters: Gutters,
    /// Height of all rows with the gaps between them, at full width.
    pub natural_height: f64,
    pub headline: Vec<String>,
    titles: Vec<Vec<String>>,
    title_lines: usize,
    bars: Vec<BarFrame<'p>>,
    /// Height of a map as a part of its width.
    proportion: f64,
}

impl<'p> MapsFrame<'p> {
    pub fn new(panel: &'p Panel, maps: &'p Maps, letter: Option<&str>, width: f64) -> Self {
        let bars = bar_frames(maps.bars());
        let row_titles = maps.row_titles.iter().map(|t| fonts::width(t, paper::TEXT, Weight::Regular));
        let row_titles = row_titles.fold(0.0, f64::max);
        let mut gutters = Gutters::default();
        gutters.left = letter_indent(letter) + if row_titles > 0.0 { row_titles + 3.0 } else { 0.0 };
        gutters.right = bars.iter().map(|bar| bar.width).sum();

        let n = maps.columns() as f64;
        let tile = ((width - gutters.left - gutters.right - (n - 1.0) * paper::MAP_GAP) / n).max(2.0);
        let proportion = |raster: &crate::figure::Raster| raster.rows() as f64 / raster.columns.max(1) as f64;
        let proportion = maps.rows.iter().flatten().map(proportion).fold(0.02, f64::max);
        let n_rows = maps.rows.len() as f64;
        let natural_height = n_rows * tile * proportion + (n_rows - 1.0) * paper::MAP_GAP;

        let titles: Vec<Vec<String>> = maps
            .column_titles
            .iter()
            .map(|t| fonts::wrap(t, paper::TEXT, tile + paper::MAP_GAP - 1.0))
            .collect();
        let labelled_bar = bars.iter().any(BarFrame::label_above);
        let title_lines = titles.iter().map(Vec::len).max().unwrap_or(0).max(usize::from(labelled_bar));
        let headline = headline_lines(panel, letter, width);
        gutters.top = headline.len() as f64 * paper::SMALL * LINE;
        if title_lines > 0 {
            gutters.top += LETTER_BASELINE + (title_lines - 1) as f64 * paper::TEXT * LINE + TITLE_GAP;
        }
        if !maps.brackets.is_empty() {
            gutters.bottom = BRACKET_GAP + 3.0 + paper::TEXT * (CAP_HEIGHT + DESCENT);
        }
        Self { maps, gutters, natural_height, headline, titles, title_lines, bars, proportion }
    }

    pub fn draw(&self, out: &mut Writer, cell: Rect, area: Rect) {
        let ink = text_colour(Ground::Light);
        let (columns, rows) = (self.maps.columns(), self.maps.rows.len());
        let across = (area.w - (columns - 1) as f64 * paper::MAP_GAP) / columns as f64;
        let down = (area.h - (rows - 1) as f64 * paper::MAP_GAP) / rows as f64;
        let tile_width = across.min(down / self.proportion).max(1.0);
        let tile_height = tile_width * self.proportion;
        let tile = |row: usize, column: usize| {
            let x = area.x + column as f64 * (tile_width + paper::MAP_GAP);
            Rect::new(x, area.y + row as f64 * (tile_height + paper::MAP_GAP), tile_width, tile_height)
        };
        for (line, text) in self.headline.iter().enumerate() {
            let at = [cell.right(), cell.y + LETTER_BASELINE + line as f64 * paper::SMALL * LINE];
            out.words(&Words::new(at, text, paper::SMALL, ink).align(Align::End));
        }
        let last_title = area.y - TITLE_GAP;
        for (column, lines) in self.titles.iter().enumerate() {
            for (line, text) in lines.iter().enumerate() {
                let y = last_title - (self.title_lines - 1 - line) as f64 * paper::TEXT * LINE;
                let at = [tile(0, column).centre()[0], y];
                out.words(&Words::new(at, text, paper::TEXT, ink).align(Align::Middle));
            }
        }
        for (row, maps) in self.maps.rows.iter().enumerate() {
            if let Some(title) = self.maps.row_titles.get(row) {
                let at = [area.x - 3.0, tile(row, 0).centre()[1] + 0.5 * paper::TEXT * CAP_HEIGHT];
                out.words(&Words::new(at, title, paper::TEXT, ink).align(Align::End));
            }
            for (column, raster) in maps.iter().enumerate() {
                let frame = tile(row, column);
                let own = raster.rows() as f64 / raster.columns.max(1) as f64;
                let (w, h) = (frame.w.min(frame.h / own), frame.h.min(frame.w * own));
                let [x, y] = frame.centre();
                picture::raster(out, raster, Rect::new(x - 0.5 * w, y - 0.5 * h, w, h), [false; 2]);
            }
        }
        let all =
            Rect { w: tile(0, columns - 1).right() - area.x, h: tile(rows - 1, 0).bottom() - area.y, ..area };
        for bracket in &self.maps.brackets {
            let [from, to] = bracket.columns;
            let (left, right) = (tile(0, from).x, tile(0, to).right());
            let y = all.bottom() + BRACKET_GAP;
            let stroke = Stroke::solid(ink, paper::AXIS).attributes();
            out.polyline(&[vec![[left, y], [right, y]]], &stroke);
            let at = [0.5 * (left + right), y + 3.0 + paper::TEXT * CAP_HEIGHT];
            out.words(&Words::new(at, &bracket.label, paper::TEXT, ink).align(Align::Middle));
        }
        let mut x = all.right();
        for bar in &self.bars {
            bar.draw(out, x, all, last_title);
            x += bar.width;
        }
    }
}
