//! Where the panels of a figure lie: columns by weight, rows by need, axes in line.

use super::frame::{Gutters, PlotFrame};
use super::geometry::Rect;
use super::legend::Legend;
use super::maps::MapsFrame;
use crate::figure::panel::{Content, Panel};
use crate::figure::style::{HEIGHT_OF_WIDTH, PT_PER_MM, paper};
use crate::figure::{Cell, Figure, RowHeight};

/// What a placed panel shows.
pub(super) enum Frame<'f> {
    Plot(PlotFrame<'f>),
    Maps(MapsFrame<'f>),
}

/// A panel with its cell of the grid and, within it, the area of its axes or maps.
pub(super) struct Placed<'f> {
    pub panel: &'f Panel,
    pub letter: Option<String>,
    pub cell: Rect,
    pub area: Rect,
    pub frame: Frame<'f>,
}

/// A figure laid out on its page.
pub(super) struct Layout<'f> {
    pub width: f64,
    pub height: f64,
    pub panels: Vec<Placed<'f>>,
}

impl Frame<'_> {
    fn gutters(&self) -> Gutters {
        match self {
            Self::Plot(frame) => frame.gutters,
            Self::Maps(frame) => frame.gutters,
        }
    }

    fn natural_height(&self) -> f64 {
        match self {
            Self::Plot(frame) => frame.natural_height,
            Self::Maps(frame) => frame.natural_height,
        }
    }

    fn aligns(&self) -> bool {
        match self {
            Self::Plot(frame) => frame.aligns(),
            Self::Maps(_) => false,
        }
    }

    fn set_gutters(&mut self, gutters: Gutters) {
        match self {
            Self::Plot(frame) => frame.gutters = gutters,
            Self::Maps(frame) => frame.gutters = gutters,
        }
    }
}

impl<'f> Layout<'f> {
    /// Lays out `figure` with these legends, one per panel.
    pub fn new(figure: &'f Figure, legends: &[Legend]) -> Self {
        let width = figure.width.pt();
        let columns = columns(figure, width);
        let cell_width = |cell: Cell| {
            let last = columns[cell.column + cell.column_span - 1];
            last[0] + last[1] - columns[cell.column][0]
        };
        let mut frames: Vec<Frame<'f>> = Vec::with_capacity(figure.panels.len());
        for (i, (cell, panel)) in figure.panels.iter().enumerate() {
            let letter = figure.letter(i);
            let (letter, width) = (letter.as_deref(), cell_width(*cell));
            frames.push(match &panel.content {
                Content::Plot(plot) => {
                    let height = fixed_height(figure, *cell).unwrap_or(HEIGHT_OF_WIDTH * width);
                    let legend = legends.get(i).cloned().unwrap_or_default();
                    Frame::Plot(PlotFrame::new(panel, plot, letter, [width, height], legend))
                }
                Content::Maps(maps) => Frame::Maps(MapsFrame::new(panel, maps, letter, width)),
            });
        }
        align(figure, &mut frames);

        let heights = row_heights(figure, &frames);
        let mut tops = vec![paper::MARGIN];
        for height in &heights {
            tops.push(tops[tops.len() - 1] + height + paper::PANEL_GAP);
        }
        let panels = figure.panels.iter().zip(frames).enumerate().map(|(i, ((cell, panel), frame))| {
            let bottom = tops[cell.row + cell.row_span] - paper::PANEL_GAP;
            let top = tops[cell.row];
            let outer = Rect::new(columns[cell.column][0], top, cell_width(*cell), bottom - top);
            let area = area_of(&frame, outer);
            Placed { panel, letter: figure.letter(i), cell: outer, area, frame }
        });
        let panels = panels.collect();
        let height = tops[tops.len() - 1] - paper::PANEL_GAP + paper::MARGIN;
        Self { width, height, panels }
    }
}

/// Left edge and width of every column.
fn columns(figure: &Figure, width: f64) -> Vec<[f64; 2]> {
    let gaps = (figure.columns.len() - 1) as f64 * paper::PANEL_GAP;
    let usable = (width - 2.0 * paper::MARGIN - gaps).max(1.0);
    let total: f64 = figure.columns.iter().sum();
    let mut x = paper::MARGIN;
    let place = |weight: &f64| {
        let column = [x, usable * weight / total];
        x += column[1] + paper::PANEL_GAP;
        column
    };
    figure.columns.iter().map(place).collect()
}

/// Height of a cell whose rows are all fixed.
fn fixed_height(figure: &Figure, cell: Cell) -> Option<f64> {
    let rows = &figure.rows[cell.row..cell.row + cell.row_span];
    let heights = rows.iter().map(|row| match row {
        RowHeight::Mm(mm) => Some(mm * PT_PER_MM),
        RowHeight::Auto => None,
    });
    let gaps = (cell.row_span - 1) as f64 * paper::PANEL_GAP;
    heights.sum::<Option<f64>>().map(|height| height + gaps)
}

/// Axes of plots in one row share their height on the page, those of one column their left edge.
fn align(figure: &Figure, frames: &mut [Frame<'_>]) {
    let before: Vec<(Cell, Gutters, bool)> = figure
        .panels
        .iter()
        .zip(frames.iter())
        .map(|((cell, _), f)| (*cell, f.gutters(), f.aligns()))
        .collect();
    for ((cell, own, aligns), frame) in before.iter().zip(frames.iter_mut()) {
        if !aligns {
            continue;
        }
        let mut gutters = *own;
        for (other, theirs, _) in before.iter().filter(|(_, _, aligns)| *aligns) {
            if other.row == cell.row {
                gutters.top = gutters.top.max(theirs.top);
            }
            if other.row + other.row_span == cell.row + cell.row_span {
                gutters.bottom = gutters.bottom.max(theirs.bottom);
            }
            if (other.column, other.column_span) == (cell.column, cell.column_span) {
                gutters.left = gutters.left.max(theirs.left);
            }
        }
        frame.set_gutters(gutters);
    }
}

fn row_heights(figure: &Figure, frames: &[Frame<'_>]) -> Vec<f64> {
    let need = |row: usize| {
        let mut need: f64 = 10.0;
        for ((cell, _), frame) in figure.panels.iter().zip(frames) {
            if (cell.row..cell.row + cell.row_span).contains(&row) {
                let gutters = frame.gutters();
                let gaps = (cell.row_span - 1) as f64 * paper::PANEL_GAP;
                let whole = gutters.top + frame.natural_height() + gutters.bottom - gaps;
                need = need.max(whole / cell.row_span as f64);
            }
        }
        need
    };
    let height = |(row, height): (usize, &RowHeight)| match height {
        RowHeight::Mm(mm) => mm * PT_PER_MM,
        RowHeight::Auto => need(row),
    };
    figure.rows.iter().enumerate().map(height).collect()
}

fn area_of(frame: &Frame<'_>, cell: Rect) -> Rect {
    let gutters = frame.gutters();
    let w = (cell.w - gutters.left - gutters.right).max(10.0);
    let h = (cell.h - gutters.top - gutters.bottom).max(10.0);
    let area = Rect::new(cell.x + gutters.left, cell.y + gutters.top, w, h);
    match frame {
        Frame::Plot(frame) if frame.plot.equal_axes => {
            let side = w.min(h);
            Rect::new(area.x, area.bottom() - side, side, side)
        }
        Frame::Plot(_) | Frame::Maps(_) => area,
    }
}
