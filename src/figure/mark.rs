//! What is drawn in a plot: lines, points, bands, bars, and what is said about them.

use super::annotation::{Image, Reference, Span, Text};
use super::raster::ColourScale;
use super::roles::{Dash, Ink, Marker};
use super::strip::Strip;
use crate::{Error, Result};

/// Name and meaning of one set of data. Marks of one name and ink belong together: they share
/// one label, and rows of the CSV carry the name.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub ink: Ink,
    /// Whether the name is written beside the data (or in the legend row of more than four).
    pub labelled: bool,
}

impl Series {
    pub fn new(name: impl Into<String>, ink: impl Into<Ink>) -> Self {
        Self { name: name.into(), ink: ink.into(), labelled: true }
    }

    /// The same without a label: raw data under a smoothed line, the other units of an area.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.labelled = false;
        self
    }
}

/// How strongly a mark is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Emphasis {
    #[default]
    Main,
    /// Thinner and dashed: the earlier run.
    Ghost,
    /// Thin at 22 %: raw values under smoothed ones, other units.
    Faint,
}

/// A polyline; points with NaN y break it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub series: Series,
    pub points: Vec<[f64; 2]>,
    /// `None` takes the dash that goes with the ink.
    pub dash: Option<Dash>,
    pub emphasis: Emphasis,
}

impl Line {
    /// # Errors
    /// [`Error::Config`] if there is no point, an x is not finite, or a y is infinite.
    pub fn new(series: Series, points: Vec<[f64; 2]>) -> Result<Self> {
        check_points(&series.name, &points)?;
        Ok(Self { series, points, dash: None, emphasis: Emphasis::Main })
    }

    /// A line through `y` at `x`.
    ///
    /// # Errors
    /// As [`Line::new`], and [`Error::Shape`] if the lengths differ.
    pub fn of(series: Series, x: &[f64], y: &[f64]) -> Result<Self> {
        let points = zipped(&series.name, x, y)?;
        Self::new(series, points)
    }

    #[must_use]
    pub fn dash(mut self, dash: Dash) -> Self {
        self.dash = Some(dash);
        self
    }

    #[must_use]
    pub fn emphasis(mut self, emphasis: Emphasis) -> Self {
        self.emphasis = emphasis;
        self
    }
}

/// Points, hollow unless filled, with intervals in either direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    pub series: Series,
    pub points: Vec<[f64; 2]>,
    /// `None` takes the marker that goes with the ink.
    pub marker: Option<Marker>,
    pub filled: bool,
    pub emphasis: Emphasis,
    /// `[low, high]` of each point's x; empty for none.
    pub x_error: Vec<[f64; 2]>,
    /// `[low, high]` of each point's y; empty for none.
    pub y_error: Vec<[f64; 2]>,
    /// What the intervals are: `s.e.m., 48 bars`.
    pub spread: String,
    /// Values that colour the points, with their scale (orientation, time).
    pub colouring: Option<(Vec<f64>, ColourScale)>,
}

impl Points {
    /// # Errors
    /// [`Error::Config`] if there is no point, an x is not finite, or a y is infinite.
    pub fn new(series: Series, points: Vec<[f64; 2]>) -> Result<Self> {
        check_points(&series.name, &points)?;
        Ok(Self {
            series,
            points,
            marker: None,
            filled: false,
            emphasis: Emphasis::Main,
            x_error: Vec::new(),
            y_error: Vec::new(),
            spread: String::new(),
            colouring: None,
        })
    }

    /// Points at `x` and `y`.
    ///
    /// # Errors
    /// As [`Points::new`], and [`Error::Shape`] if the lengths differ.
    pub fn of(series: Series, x: &[f64], y: &[f64]) -> Result<Self> {
        let points = zipped(&series.name, x, y)?;
        Self::new(series, points)
    }

    #[must_use]
    pub fn marker(mut self, marker: Marker) -> Self {
        self.marker = Some(marker);
        self
    }

    #[must_use]
    pub fn filled(mut self) -> Self {
        self.filled = true;
        self
    }

    #[must_use]
    pub fn emphasis(mut self, emphasis: Emphasis) -> Self {
        self.emphasis = emphasis;
        self
    }

    /// Intervals `[low, high]` of x; `spread` says what they are.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of intervals than points, [`Error::Config`] if one
    /// is infinite or has its low above its high. NaN stands for no interval.
    pub fn x_error(mut self, intervals: Vec<[f64; 2]>, spread: impl Into<String>) -> Result<Self> {
        check_intervals(&self.series.name, &intervals, self.points.len())?;
        self.x_error = intervals;
        self.spread = spread.into();
        Ok(self)
    }

    /// Intervals `[low, high]` of y; `spread` says what they are.
    ///
    /// # Errors
    /// As [`Points::x_error`].
    pub fn y_error(mut self, intervals: Vec<[f64; 2]>, spread: impl Into<String>) -> Result<Self> {
        check_intervals(&self.series.name, &intervals, self.points.len())?;
        self.y_error = intervals;
        self.spread = spread.into();
        Ok(self)
    }

    /// Colours the points by `values`, one each.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of values than points.
    pub fn coloured_by(mut self, values: Vec<f64>, scale: ColourScale) -> Result<Self> {
        same_length(&self.series.name, self.points.len(), values.len())?;
        self.colouring = Some((values, scale));
        Ok(self)
    }
}

/// The area between `low` and `high`; NaN leaves a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    pub series: Series,
    pub x: Vec<f64>,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    /// What lies between: `s.e.m., 48 bars`, `quartiles of units`.
    pub spread: String,
}

impl Band {
    /// # Errors
    /// [`Error::Shape`] if lengths differ; [`Error::Config`] if there is no point, an x is not
    /// finite, a bound is infinite, or a low lies above its high.
    pub fn new(
        series: Series,
        x: Vec<f64>,
        low: Vec<f64>,
        high: Vec<f64>,
        spread: impl Into<String>,
    ) -> Result<Self> {
        let name = &series.name;
        check_points(name, &zipped(name, &x, &low)?)?;
        check_points(name, &zipped(name, &x, &high)?)?;
        let intervals: Vec<_> = low.iter().zip(&high).map(|(&low, &high)| [low, high]).collect();
        check_intervals(name, &intervals, x.len())?;
        Ok(Self { series, x, low, high, spread: spread.into() })
    }
}

/// Bars from `base`: a histogram over x, or one bar per category.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    pub series: Series,
    /// From and to of each bar along its axis: bin edges, or around the index of a category.
    pub spans: Vec<[f64; 2]>,
    /// Length of each bar; NaN leaves it out.
    pub values: Vec<f64>,
    pub base: f64,
    /// `[low, high]` of each value; empty for none.
    pub errors: Vec<[f64; 2]>,
    /// What the intervals are.
    pub spread: String,
}

impl Bars {
    /// A histogram: `counts[i]` between `edges[i]` and `edges[i + 1]`.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one edge more than counts; [`Error::Config`] if edges
    /// are not finite and rising, or a count is infinite.
    pub fn histogram(series: Series, edges: &[f64], counts: Vec<f64>) -> Result<Self> {
        if counts.is_empty() || edges.len() != counts.len() + 1 {
            return Err(Error::shape(
                format!("edges of {:?}", series.name),
                [counts.len() + 1],
                &[edges.len()],
            ));
        }
        if let Some(i) = edges.windows(2).position(|pair| !(pair[0] < pair[1])) {
            return Err(Error::config(
                format!("edges of {:?}", series.name),
                "rising",
                format!("{edges:?} at {i}"),
            ));
        }
        let spans = edges.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        Self::checked(series, spans, counts)
    }

    /// One bar at each category 0, 1, 2, …
    ///
    /// # Errors
    /// [`Error::Config`] if there is no value or one is infinite.
    pub fn categories(series: Series, values: Vec<f64>) -> Result<Self> {
        let spans = (0..values.len()).map(|i| [i as f64 - 0.35, i as f64 + 0.35]).collect();
        Self::checked(series, spans, values)
    }

    fn checked(series: Series, spans: Vec<[f64; 2]>, values: Vec<f64>) -> Result<Self> {
        let points: Vec<_> = spans.iter().zip(&values).map(|(&[from, _], &value)| [from, value]).collect();
        check_points(&series.name, &points)?;
        Ok(Self { series, spans, values, base: 0.0, errors: Vec::new(), spread: String::new() })
    }

    /// Intervals `[low, high]` of the values.
    ///
    /// # Errors
    /// As [`Points::x_error`].
    pub fn errors(mut self, intervals: Vec<[f64; 2]>, spread: impl Into<String>) -> Result<Self> {
        check_intervals(&self.series.name, &intervals, self.values.len())?;
        self.errors = intervals;
        self.spread = spread.into();
        Ok(self)
    }
}

/// One thing drawn in a plot. Every renderer matches all of them, without a catch-all arm.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    Line(Line),
    Points(Points),
    Band(Band),
    Bars(Bars),
    Strip(Strip),
    Reference(Reference),
    Span(Span),
    Image(Image),
    Text(Text),
}

macro_rules! mark_from {
    ($($kind:ident),*) => {
        $(impl From<$kind> for Mark {
            fn from(mark: $kind) -> Self {
                Self::$kind(mark)
            }
        })*
    };
}
mark_from!(Line, Points, Band, Bars, Strip, Reference, Span, Image, Text);

impl Mark {
    /// The series, for marks that carry data of one.
    pub fn series(&self) -> Option<&Series> {
        match self {
            Self::Line(line) => Some(&line.series),
            Self::Points(points) => Some(&points.series),
            Self::Band(band) => Some(&band.series),
            Self::Bars(bars) => Some(&bars.series),
            Self::Strip(strip) => Some(&strip.series),
            Self::Reference(_) | Self::Span(_) | Self::Image(_) | Self::Text(_) => None,
        }
    }

    /// The word for this kind of mark in the CSV.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Line(_) => "line",
            Self::Points(_) => "points",
            Self::Band(_) => "band",
            Self::Bars(_) => "bars",
            Self::Strip(_) => "strip",
            Self::Reference(_) => "reference",
            Self::Span(_) => "span",
            Self::Image(_) => "map",
            Self::Text(_) => "text",
        }
    }
}

pub(super) fn check_finite(what: &str, name: &str, value: f64) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(Error::config(format!("{what} {name:?}"), "finite", value)) }
}

fn check_points(name: &str, points: &[[f64; 2]]) -> Result<()> {
    if points.is_empty() {
        return Err(Error::config(format!("points of {name:?}"), "at least one", 0));
    }
    for (i, &[x, y]) in points.iter().enumerate() {
        if !x.is_finite() {
            return Err(Error::config(format!("x of {name:?}"), "finite", format!("{x} at index {i}")));
        }
        if y.is_infinite() {
            let requirement = "finite, or NaN for a missing value";
            return Err(Error::config(format!("y of {name:?}"), requirement, format!("{y} at index {i}")));
        }
    }
    Ok(())
}

fn check_intervals(name: &str, intervals: &[[f64; 2]], n: usize) -> Result<()> {
    same_length(name, n, intervals.len())?;
    for (i, &[low, high]) in intervals.iter().enumerate() {
        if low > high || low.is_infinite() || high.is_infinite() {
            return Err(Error::config(
                format!("interval of {name:?}"),
                "finite and rising, or NaN for none",
                format!("{low} to {high} at index {i}"),
            ));
        }
    }
    Ok(())
}

fn same_length(name: &str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        Ok(())
    } else {
        Err(Error::shape(format!("values of {name:?}"), [expected], &[found]))
    }
}

fn zipped(name: &str, x: &[f64], y: &[f64]) -> Result<Vec<[f64; 2]>> {
    same_length(name, x.len(), y.len())?;
    Ok(x.iter().zip(y).map(|(&x, &y)| [x, y]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series {
        Series::new("s", Ink::Text)
    }

    #[test]
    fn lengths_must_agree() {
        assert!(Line::of(series(), &[0.0, 1.0], &[0.0]).is_err());
        assert!(Band::new(series(), vec![0.0], vec![0.0], vec![], "range").is_err());
        assert!(Bars::histogram(series(), &[0.0, 1.0], vec![1.0, 2.0]).is_err());
        let points = Points::new(series(), vec![[0.0, 1.0]]).unwrap();
        assert!(points.clone().y_error(vec![], "s.e.m.").is_err());
        assert!(points.clone().x_error(vec![[0.0, 1.0]; 2], "s.e.m.").is_err());
        assert!(points.coloured_by(vec![], ColourScale::image()).is_err());
    }

    #[test]
    fn infinities_and_empty_data_are_refused_and_missing_y_is_kept() {
        assert!(Line::new(series(), vec![]).is_err());
        assert!(Line::new(series(), vec![[f64::NAN, 0.0]]).is_err());
        assert!(Line::new(series(), vec![[0.0, f64::INFINITY]]).is_err());
        assert!(Line::new(series(), vec![[0.0, f64::NAN], [1.0, 1.0]]).is_ok());
        assert!(Band::new(series(), vec![0.0], vec![2.0], vec![1.0], "range").is_err());
        assert!(Band::new(series(), vec![0.0], vec![f64::NAN], vec![f64::NAN], "range").is_ok());
        assert!(Bars::histogram(series(), &[0.0, 0.0], vec![1.0]).is_err());
    }

    #[test]
    fn errors_name_the_series_and_the_index() {
        let error = Line::new(Series::new("attended", Ink::Text), vec![[0.0, 1.0], [f64::NAN, 2.0]]);
        let message = error.unwrap_err().to_string();
        assert!(message.contains("attended") && message.contains("index 1"), "{message}");
    }
}
