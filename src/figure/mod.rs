//! Figures: one description of numbers, labels and units, drawn on screen and written to files.
//!
//! A [`Figure`] holds no pixels and no colours. [`svg()`] draws it, [`png()`] rasterises that drawing,
//! [`csv()`] lists everything that is needed to redraw it, [`export()`] writes all of them; the window
//! paints the same description. Colours follow from the meaning of a series
//! ([`roles`]) and from colour maps ([`cmap`]).

pub mod annotation;
pub mod axis;
pub mod cmap;
mod cmap_tables;
pub mod colour;
mod csv;
mod export;
mod extent;
pub mod fonts;
pub mod mark;
pub mod number;
pub mod panel;
pub mod png;
pub mod raster;
pub mod roles;
pub mod strip;
pub mod style;
mod svg;
pub mod thin;
pub mod ticks;

pub use annotation::{Anchor, Image, Reference, ReferenceAt, Span, Text};
pub use axis::{Axis, Category, Range, Scale, Tick, TickText, Ticks};
pub use cmap::ColourMap;
pub use colour::{Ground, Rgb};
pub use csv::csv;
pub use export::{Format, checked_stem, export};
pub use mark::{Band, Bars, Emphasis, Line, Mark, Points, Series};
pub use panel::{Content, Direction, Panel, Plot};
pub use png::png;
pub use raster::{ColourScale, Maps, Pixels, Raster};
pub use roles::{Dash, Ink, Marker, Role};
pub use strip::{Quartiles, Strip};
pub use style::Width;
pub use svg::svg;

use crate::{Error, Result};

/// The part of the grid that a panel fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub row: usize,
    pub column: usize,
    pub row_span: usize,
    pub column_span: usize,
}

impl Cell {
    pub const fn new(row: usize, column: usize) -> Self {
        Self { row, column, row_span: 1, column_span: 1 }
    }

    #[must_use]
    pub const fn spanning(mut self, rows: usize, columns: usize) -> Self {
        (self.row_span, self.column_span) = (rows, columns);
        self
    }

    fn overlaps(self, other: Self) -> bool {
        let apart = |a: usize, n: usize, b: usize, m: usize| a + n <= b || b + m <= a;
        !apart(self.row, self.row_span, other.row, other.row_span)
            && !apart(self.column, self.column_span, other.column, other.column_span)
    }
}

/// Height of one row of panels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RowHeight {
    /// What its panels need: maps by their proportions, strips by their categories, plots at
    /// 0.62 of their width, equal axes square.
    Auto,
    Mm(f64),
}

/// A finished figure: panels in a grid, a width on paper, and what has to be said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub width: Width,
    /// Relative widths of the columns.
    pub columns: Vec<f64>,
    pub rows: Vec<RowHeight>,
    /// In the order of their letters.
    pub panels: Vec<(Cell, Panel)>,
    /// Spread, n, what was excluded and why: offered as text, not drawn.
    pub caption: String,
}

impl Figure {
    /// One panel.
    ///
    /// # Errors
    /// As [`Figure::place`].
    pub fn single(width: Width, panel: Panel) -> Result<Self> {
        Self::grid(width, &[1.0], &[RowHeight::Auto])?.place(Cell::new(0, 0), panel)
    }

    /// Panels beside one another, of equal width.
    ///
    /// # Errors
    /// As [`Figure::place`].
    pub fn row(width: Width, panels: impl IntoIterator<Item = Panel>) -> Result<Self> {
        let panels: Vec<Panel> = panels.into_iter().collect();
        let figure = Self::grid(width, &vec![1.0; panels.len()], &[RowHeight::Auto])?;
        panels
            .into_iter()
            .enumerate()
            .try_fold(figure, |figure, (i, panel)| figure.place(Cell::new(0, i), panel))
    }

    /// An empty grid with these relative column widths and row heights.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no row or column, or a size is not positive and finite.
    pub fn grid(width: Width, columns: &[f64], rows: &[RowHeight]) -> Result<Self> {
        let positive = |v: f64| v.is_finite() && v > 0.0;
        // Below 20 mm not even the ticks of one plot fit; above 2 m no printer follows.
        if !(20.0..=2000.0).contains(&width.mm()) {
            return Err(Error::config("width of the figure", "between 20 and 2000 mm", width.mm()));
        }
        if columns.is_empty() || rows.is_empty() {
            let found = format!("{} rows of {}", rows.len(), columns.len());
            return Err(Error::config("grid of the figure", "at least one panel", found));
        }
        if let Some(bad) = columns.iter().find(|&&v| !positive(v)) {
            return Err(Error::config("column width of the figure", "positive", bad));
        }
        for row in rows {
            if let RowHeight::Mm(mm) = row
                && !(5.0..=2000.0).contains(mm)
            {
                return Err(Error::config("row height of the figure", "between 5 and 2000 mm", mm));
            }
        }
        Ok(Self {
            width,
            columns: columns.to_vec(),
            rows: rows.to_vec(),
            panels: Vec::new(),
            caption: String::new(),
        })
    }

    /// Puts a panel into the grid; letters follow the order of placing.
    ///
    /// # Errors
    /// [`Error::Config`] if the cell lies outside the grid or over another panel, if a panel of
    /// that name exists, or if the panel is not sound ([`Panel::validate`]).
    pub fn place(mut self, cell: Cell, panel: Panel) -> Result<Self> {
        panel.validate()?;
        let inside = cell.row_span > 0
            && cell.column_span > 0
            && cell.row.saturating_add(cell.row_span) <= self.rows.len()
            && cell.column.saturating_add(cell.column_span) <= self.columns.len();
        if !inside {
            return Err(Error::config(
                format!("cell of panel {:?}", panel.name),
                format!("within {} rows and {} columns", self.rows.len(), self.columns.len()),
                format!("{cell:?}"),
            ));
        }
        for (taken, other) in &self.panels {
            if taken.overlaps(cell) {
                let requirement = format!("free of panel {:?}", other.name);
                return Err(Error::config(
                    format!("cell of panel {:?}", panel.name),
                    requirement,
                    format!("{cell:?}"),
                ));
            }
            if other.name == panel.name {
                return Err(Error::config("name of a panel", "different from the others", &panel.name));
            }
        }
        self.panels.push((cell, panel));
        Ok(self)
    }

    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// The letter of a panel: a, b, c, … (then aa, ab, …); none where there is one panel only.
    pub fn letter(&self, panel: usize) -> Option<String> {
        if self.panels.len() < 2 || panel >= self.panels.len() {
            return None;
        }
        let letter = |i: usize| char::from(b'a' + (i % 26) as u8);
        Some(match panel {
            0..26 => letter(panel).to_string(),
            _ => format!("{}{}", letter(panel / 26 - 1), letter(panel)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(name: &str) -> Panel {
        Panel::new(name, Plot::new(Axis::new("x"), Axis::new("y")))
    }

    #[test]
    fn panels_get_letters_in_the_order_of_placing() {
        let figure = Figure::row(Width::TwoColumns, [panel("one"), panel("two")]).unwrap();
        assert_eq!(figure.letter(1).as_deref(), Some("b"));
        assert_eq!(figure.letter(2), None);
        assert_eq!(Figure::single(Width::OneColumn, panel("one")).unwrap().letter(0), None);
    }

    #[test]
    fn cells_must_be_inside_and_free() {
        let grid = || Figure::grid(Width::OneColumn, &[2.0, 1.0], &[RowHeight::Auto; 2]).unwrap();
        assert!(grid().place(Cell::new(0, 0).spanning(2, 2), panel("a")).is_ok());
        assert!(grid().place(Cell::new(2, 0), panel("a")).is_err());
        assert!(grid().place(Cell::new(0, 1).spanning(1, 2), panel("a")).is_err());
        assert!(grid().place(Cell::new(0, 0).spanning(0, 1), panel("a")).is_err());
        assert!(grid().place(Cell::new(usize::MAX, 0), panel("a")).is_err());
        let one = grid().place(Cell::new(0, 0).spanning(2, 1), panel("a")).unwrap();
        assert!(one.clone().place(Cell::new(1, 0), panel("b")).is_err());
        assert!(one.clone().place(Cell::new(1, 1), panel("a")).is_err());
        assert!(one.place(Cell::new(1, 1), panel("b")).is_ok());
    }

    #[test]
    fn impossible_grids_are_refused() {
        assert!(Figure::grid(Width::OneColumn, &[], &[RowHeight::Auto]).is_err());
        assert!(Figure::grid(Width::OneColumn, &[1.0, 0.0], &[RowHeight::Auto]).is_err());
        assert!(Figure::grid(Width::OneColumn, &[1.0], &[RowHeight::Mm(f64::NAN)]).is_err());
        assert!(Figure::grid(Width::Mm(3.0), &[1.0], &[RowHeight::Auto]).is_err());
        assert!(Figure::row(Width::OneColumn, []).is_err());
    }
}
