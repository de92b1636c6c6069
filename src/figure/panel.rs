//! One panel of a figure: a plot with two axes, or a grid of maps.

use super::axis::{Axis, Range};
use super::cmap::Clipped;
use super::mark::Mark;
use super::raster::{ColourScale, Maps, bars_of};
use crate::{Error, Result};

/// What a panel shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Plot(Plot),
    Maps(Maps),
}

/// A named part of a figure; its letter follows from its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What it is called in the window and in the `panel` column of the CSV; not printed.
    pub name: String,
    /// One line of statistics at the top right: `slope 4.04, 95 % CI 2.95 to 5.16`.
    pub headline: Option<String>,
    pub content: Content,
}

impl Panel {
    pub fn new(name: impl Into<String>, content: impl Into<Content>) -> Self {
        Self { name: name.into(), headline: None, content: content.into() }
    }

    #[must_use]
    pub fn headline(mut self, headline: impl Into<String>) -> Self {
        self.headline = Some(headline.into());
        self
    }

    /// # Errors
    /// [`Error::Config`] naming what does not fit together.
    pub fn validate(&self) -> Result<()> {
        match &self.content {
            Content::Plot(plot) => plot.validate(),
            Content::Maps(_) => Ok(()),
        }
    }
}

impl From<Plot> for Content {
    fn from(plot: Plot) -> Self {
        Self::Plot(plot)
    }
}

impl From<Maps> for Content {
    fn from(maps: Maps) -> Self {
        Self::Maps(maps)
    }
}

/// Marks over two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    pub x: Axis,
    pub y: Axis,
    pub marks: Vec<Mark>,
    /// Both axes show like quantities: the same range and the same length.
    pub equal_axes: bool,
}

/// A direction of a plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    X,
    Y,
}

impl Plot {
    pub fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, marks: Vec::new(), equal_axes: false }
    }

    #[must_use]
    pub fn with(mut self, mark: impl Into<Mark>) -> Self {
        self.marks.push(mark.into());
        self
    }

    /// Gives both axes the same range and length, for panels that compare like quantities.
    #[must_use]
    pub fn equal_axes(mut self) -> Self {
        self.equal_axes = true;
        self
    }

    pub fn axis(&self, direction: Direction) -> &Axis {
        match direction {
            Direction::X => &self.x,
            Direction::Y => &self.y,
        }
    }

    /// The direction of the categorical axis, if there is one.
    pub fn categories(&self) -> Option<Direction> {
        if self.y.is_categorical() {
            Some(Direction::Y)
        } else if self.x.is_categorical() {
            Some(Direction::X)
        } else {
            None
        }
    }

    /// The distinct colour scales that ask for a bar, with what they clip.
    pub fn bars(&self) -> Vec<(&ColourScale, Clipped)> {
        let mut bars = bars_of(self.marks.iter().filter_map(|mark| match mark {
            Mark::Image(image) => Some(&image.raster),
            Mark::Line(_) | Mark::Points(_) | Mark::Band(_) | Mark::Bars(_) | Mark::Strip(_) => None,
            Mark::Reference(_) | Mark::Span(_) | Mark::Text(_) => None,
        }));
        for mark in &self.marks {
            if let Mark::Points(points) = mark
                && let Some((values, scale)) = points.colouring.as_ref().filter(|(_, scale)| scale.bar)
            {
                let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
                let clipped = Clipped::of(&values, scale.range);
                match bars.iter_mut().find(|(known, _)| *known == scale) {
                    Some((_, known)) => *known = known.or(clipped),
                    None => bars.push((scale, clipped)),
                }
            }
        }
        bars
    }

    /// # Errors
    /// [`Error::Config`] for impossible axes, a strip without its category, or equal axes of
    /// different kind.
    pub fn validate(&self) -> Result<()> {
        self.x.validate()?;
        self.y.validate()?;
        if self.x.is_categorical() && self.y.is_categorical() {
            return Err(Error::config("axes", "categorical in one direction only", "both"));
        }
        if self.equal_axes {
            let same_range = match (self.x.range, self.y.range) {
                (Range::Fixed(x), Range::Fixed(y)) => x == y,
                (Range::Auto, _) | (_, Range::Auto) => true,
            };
            if self.x.scale != self.y.scale || !same_range || self.categories().is_some() {
                return Err(Error::config(
                    "equal axes",
                    "of the same scale and range",
                    format!("{:?} and {:?}", self.x.text(), self.y.text()),
                ));
            }
        }
        let n_categories =
            self.categories().map_or(0, |direction| self.axis(direction).category_list().len());
        for mark in &self.marks {
            if let Mark::Strip(strip) = mark
                && strip.category >= n_categories
            {
                return Err(Error::config(
                    format!("category of {:?}", strip.series.name),
                    format!("below the {n_categories} of a categorical axis"),
                    strip.category,
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::cmap::ColourMap;
    use super::super::mark::{Points, Series};
    use super::super::roles::{Ink, Role};
    use super::super::strip::Strip;
    use super::*;

    fn dots() -> Points {
        Points::new(Series::new("units", Role::Recorded), vec![[1.0, 2.0], [2.0, 8.0]]).unwrap()
    }

    #[test]
    fn a_strip_needs_its_category() {
        let strip = |category| Strip::new(Series::new("conv", Role::Recorded), category, vec![1.0]).unwrap();
        let plot = |category| {
            Plot::new(Axis::new("slope"), Axis::categories("area", ["conv1"])).with(strip(category))
        };
        assert!(plot(0).validate().is_ok());
        assert!(plot(1).validate().is_err());
        assert!(Plot::new(Axis::new("x"), Axis::new("y")).with(strip(0)).validate().is_err());
    }

    #[test]
    fn equal_axes_must_be_alike() {
        let plot = Plot::new(Axis::new("unattended").log(2.0), Axis::new("attended")).equal_axes();
        assert!(plot.validate().is_err());
        let plot = Plot::new(Axis::new("x").range(0.0, 1.0), Axis::new("y").range(0.0, 2.0)).equal_axes();
        assert!(plot.validate().is_err());
        assert!(Plot::new(Axis::new("x").range(0.0, 1.0), Axis::new("y")).equal_axes().validate().is_ok());
    }

    #[test]
    fn points_coloured_by_value_ask_for_a_bar() {
        let scale = ColourScale::new(ColourMap::Twilight, [0.0, 180.0], "orientation").unwrap().unit("°");
        let coloured = dots().coloured_by(vec![0.0, 200.0], scale).unwrap();
        let plot = Plot::new(Axis::new("x"), Axis::new("y")).with(coloured);
        assert_eq!(plot.bars().len(), 1);
        assert_eq!(plot.bars()[0].1, Clipped { low: false, high: true });
        let plain = Points::new(Series::new("a", Ink::Text), vec![[0.0, 0.0]]).unwrap();
        assert!(Plot::new(Axis::new("x"), Axis::new("y")).with(plain).bars().is_empty());
    }
}
