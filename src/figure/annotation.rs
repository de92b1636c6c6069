//! What stands beside the data of a plot: reference lines, spans, maps laid over the axes, words.

use super::mark::check_finite;
use super::raster::Raster;
use super::roles::Ink;
use crate::{Error, Result};

/// Where a reference line runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReferenceAt {
    /// y = x.
    Unity,
    /// y = this: zero, chance.
    Horizontal(f64),
    /// x = this: the preferred orientation, stimulus onset.
    Vertical(f64),
}

/// A thin dashed line to compare with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub at: ReferenceAt,
    /// Written at the line; empty for none.
    pub label: String,
}

impl Reference {
    pub fn unity() -> Self {
        Self { at: ReferenceAt::Unity, label: "unity".to_owned() }
    }

    /// # Errors
    /// [`Error::Config`] if `y` is not finite.
    pub fn horizontal(y: f64, label: impl Into<String>) -> Result<Self> {
        let label = label.into();
        check_finite("position of the reference", &label, y)?;
        Ok(Self { at: ReferenceAt::Horizontal(y), label })
    }

    /// # Errors
    /// [`Error::Config`] if `x` is not finite.
    pub fn vertical(x: f64, label: impl Into<String>) -> Result<Self> {
        let label = label.into();
        check_finite("position of the reference", &label, x)?;
        Ok(Self { at: ReferenceAt::Vertical(x), label })
    }
}

/// A stretch of x behind the data: a phase, a stimulus, an intervention.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub x: [f64; 2],
    pub label: String,
    pub ink: Ink,
}

impl Span {
    /// # Errors
    /// [`Error::Config`] if the ends are not finite or fall.
    pub fn new(from: f64, to: f64, label: impl Into<String>, ink: impl Into<Ink>) -> Result<Self> {
        let label = label.into();
        check_finite("start of the span", &label, from)?;
        check_finite("end of the span", &label, to)?;
        if from > to {
            return Err(Error::config(format!("span {label:?}"), "rising", format!("{from} to {to}")));
        }
        Ok(Self { x: [from, to], label, ink: ink.into() })
    }
}

/// A map laid over the axes: an RDM, a receptive field, classes over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pub name: String,
    pub raster: Raster,
    /// Outer edges of the first and the last column.
    pub x: [f64; 2],
    /// Outer edges of the first (top) and the last row; on a reversed y axis they rise.
    pub y: [f64; 2],
}

impl Image {
    /// Columns and rows at the whole numbers from 0; give the plot a reversed y axis.
    pub fn new(name: impl Into<String>, raster: Raster) -> Self {
        let (columns, rows) = (raster.columns as f64, raster.rows() as f64);
        Self { name: name.into(), raster, x: [-0.5, columns - 0.5], y: [-0.5, rows - 0.5] }
    }

    /// The same over other coordinates: outer edges of first and last column and row.
    ///
    /// # Errors
    /// [`Error::Config`] if they are not finite or enclose nothing.
    pub fn spanning(mut self, x: [f64; 2], y: [f64; 2]) -> Result<Self> {
        for [from, to] in [x, y] {
            if !(from.is_finite() && to.is_finite() && from != to) {
                let field = format!("edges of the map {:?}", self.name);
                return Err(Error::config(field, "two different finite numbers", format!("{from} and {to}")));
            }
        }
        (self.x, self.y) = (x, y);
        Ok(self)
    }

    /// Centre of the pixel at `row` and `column`, in the coordinates of the axes.
    pub fn centre(&self, row: usize, column: usize) -> [f64; 2] {
        let at = |[from, to]: [f64; 2], i: usize, n: usize| {
            from + (to - from) * (i as f64 + 0.5) / n.max(1) as f64
        };
        [at(self.x, column, self.raster.columns), at(self.y, row, self.raster.rows())]
    }
}

/// Which point of the words lies at the given position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Words at a position of the axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub at: [f64; 2],
    pub text: String,
    pub anchor: Anchor,
    pub ink: Ink,
}

impl Text {
    /// # Errors
    /// [`Error::Config`] if the position is not finite.
    pub fn new(at: [f64; 2], text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        for v in at {
            check_finite("position of the words", &text, v)?;
        }
        Ok(Self { at, text, anchor: Anchor::Start, ink: Ink::Muted })
    }

    #[must_use]
    pub fn anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    #[must_use]
    pub fn ink(mut self, ink: impl Into<Ink>) -> Self {
        self.ink = ink.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_must_be_finite_and_spans_rise() {
        assert!(Reference::horizontal(f64::NAN, "chance").is_err());
        assert!(Reference::vertical(f64::INFINITY, "onset").is_err());
        assert!(Span::new(2.0, 1.0, "cue", Ink::Text).is_err());
        assert!(Span::new(f64::NAN, 1.0, "cue", Ink::Text).is_err());
        assert!(Text::new([0.0, f64::INFINITY], "here").is_err());
    }

    #[test]
    fn pixels_lie_at_the_centres_of_their_cells() {
        let image = Image::new("rf", Raster::grey(vec![0.0; 6], 3).unwrap());
        assert_eq!(image.centre(0, 0), [0.0, 0.0]);
        assert_eq!(image.centre(1, 2), [2.0, 1.0]);
        let image = image.spanning([0.0, 3.0], [4.0, 0.0]).unwrap();
        assert_eq!(image.centre(0, 2), [2.5, 3.0]);
        assert!(image.spanning([0.0, 0.0], [0.0, 1.0]).is_err());
    }
}
