//! Maps and images: values under a colour scale, or pixels as they are.

use std::borrow::Cow;

use super::cmap::{self, Clipped, ColourMap};
use super::colour::{Ground, Rgb};
use crate::{Error, Result};

/// How values become colours, and what the bar beside the map says.
#[derive(Clone, Debug, PartialEq)]
pub struct ColourScale {
    pub map: ColourMap,
    /// Values at the two ends; beyond them the end colour and a clip mark.
    pub range: [f64; 2],
    /// What the colour measures.
    pub label: String,
    pub unit: Option<Cow<'static, str>>,
    /// Ticks of the bar; empty for low, middle and high.
    pub ticks: Vec<f64>,
    /// Whether a bar is drawn. Only images of what was shown go without.
    pub bar: bool,
}

impl ColourScale {
    /// # Errors
    /// [`Error::Config`] if the range is not finite and rising.
    pub fn new(map: ColourMap, range: [f64; 2], label: impl Into<String>) -> Result<Self> {
        let label = label.into();
        let [low, high] = range;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(Error::config(
                format!("range of the colour scale {label:?}"),
                "finite and rising",
                format!("{low} to {high}"),
            ));
        }
        Ok(Self { map, range, label, unit: None, ticks: Vec::new(), bar: true })
    }

    /// A scale over the default range of `values` ([`ColourMap::default_range`]); 0 to 1 if none is finite.
    pub fn fitting(map: ColourMap, values: &[f32], label: impl Into<String>) -> Self {
        let centre = map.centre().unwrap_or(0.5);
        let range = map.default_range(values).unwrap_or([centre - 0.5, centre + 0.5]);
        Self { map, range, label: label.into(), unit: None, ticks: Vec::new(), bar: true }
    }

    /// Grey from 0 to 1, without a bar: the image that a network was shown.
    pub fn image() -> Self {
        Self {
            map: ColourMap::Grey,
            range: [0.0, 1.0],
            label: "brightness".to_owned(),
            unit: None,
            ticks: Vec::new(),
            bar: false,
        }
    }

    #[must_use]
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    #[must_use]
    pub fn ticks(mut self, ticks: impl Into<Vec<f64>>) -> Self {
        self.ticks = ticks.into();
        self
    }

    /// Label with the unit in brackets.
    pub fn text(&self) -> String {
        match &self.unit {
            Some(unit) => format!("{} ({unit})", self.label),
            None => self.label.clone(),
        }
    }

    /// Colour of a value; `None` for NaN, which is hatched.
    pub fn colour(&self, value: f64, ground: Ground) -> Option<Rgb> {
        cmap::sample(self.map.table(ground), value, self.range)
    }

    /// The values written beside the bar: as set, else low, middle and high.
    pub fn tick_values(&self) -> Vec<f64> {
        let [low, high] = self.range;
        if self.ticks.is_empty() {
            vec![low, 0.5 * (low + high), high]
        } else {
            self.ticks.iter().copied().filter(|&v| v >= low && v <= high).collect()
        }
    }
}

/// What the pixels of a [`Raster`] are.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// Row-major, row 0 at the top; NaN means missing or not reached yet.
    Values { values: Vec<f32>, scale: ColourScale },
    /// Colours as they are, row-major.
    Rgb(Vec<Rgb>),
}

/// A map or image at its own resolution; shown at whole multiples, never smoothed.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    pub columns: usize,
    pub pixels: Pixels,
}

impl Raster {
    /// A map of `values` (row-major, `columns` to a row) under `scale`.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no value or they do not fill whole rows.
    pub fn new(values: Vec<f32>, columns: usize, scale: ColourScale) -> Result<Self> {
        whole_rows(values.len(), columns)?;
        Ok(Self { columns, pixels: Pixels::Values { values, scale } })
    }

    /// An image of brightness `0..=1`.
    ///
    /// # Errors
    /// As [`Raster::new`].
    pub fn grey(values: Vec<f32>, columns: usize) -> Result<Self> {
        Self::new(values, columns, ColourScale::image())
    }

    /// A colour image.
    ///
    /// # Errors
    /// As [`Raster::new`].
    pub fn rgb(pixels: Vec<Rgb>, columns: usize) -> Result<Self> {
        whole_rows(pixels.len(), columns)?;
        Ok(Self { columns, pixels: Pixels::Rgb(pixels) })
    }

    pub fn len(&self) -> usize {
        match &self.pixels {
            Pixels::Values { values, .. } => values.len(),
            Pixels::Rgb(pixels) => pixels.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn rows(&self) -> usize {
        self.len() / self.columns.max(1)
    }

    /// The colour scale, unless the pixels are colours already.
    pub fn scale(&self) -> Option<&ColourScale> {
        match &self.pixels {
            Pixels::Values { scale, .. } => Some(scale),
            Pixels::Rgb(_) => None,
        }
    }

    /// Whether some value is NaN, so that a hatch must lie under the picture.
    pub fn has_missing(&self) -> bool {
        match &self.pixels {
            Pixels::Values { values, .. } => values.iter().any(|v| v.is_nan()),
            Pixels::Rgb(_) => false,
        }
    }

    /// Which ends of its scale the map exceeds.
    pub fn clipped(&self) -> Clipped {
        match &self.pixels {
            Pixels::Values { values, scale } => Clipped::of(values, scale.range),
            Pixels::Rgb(_) => Clipped::default(),
        }
    }

    /// One colour per value with alpha 255, and alpha 0 where the value is missing.
    pub fn rgba(&self, ground: Ground) -> Vec<[u8; 4]> {
        match &self.pixels {
            Pixels::Values { values, scale } => {
                let table = scale.map.table(ground);
                let colour = |&value: &f32| match cmap::sample(table, f64::from(value), scale.range) {
                    Some([r, g, b]) => [r, g, b, 255],
                    None => [0; 4],
                };
                values.iter().map(colour).collect()
            }
            Pixels::Rgb(pixels) => pixels.iter().map(|&[r, g, b]| [r, g, b, 255]).collect(),
        }
    }
}

fn whole_rows(len: usize, columns: usize) -> Result<()> {
    if columns > 0 && len > 0 && len.is_multiple_of(columns) {
        return Ok(());
    }
    Err(Error::Shape {
        what: "pixels of a map".to_owned(),
        expected: format!("a positive multiple of {columns} columns"),
        found: vec![len],
    })
}

/// One bracket under a run of columns: `phase 1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Bracket {
    /// First and last column, both included.
    pub columns: [usize; 2],
    pub label: String,
}

/// Small maps in rows and columns with titles over the columns and shared colour bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Maps {
    pub column_titles: Vec<String>,
    pub row_titles: Vec<String>,
    /// Row by row, all rows of the same length.
    pub rows: Vec<Vec<Raster>>,
    pub brackets: Vec<Bracket>,
}

impl Maps {
    /// # Errors
    /// [`Error::Shape`] if there is no map, or rows differ in length.
    pub fn new(rows: Vec<Vec<Raster>>) -> Result<Self> {
        let columns = rows.first().map_or(0, Vec::len);
        if columns == 0 || rows.iter().any(|row| row.len() != columns) {
            return Err(Error::Shape {
                what: "rows of maps".to_owned(),
                expected: format!("{} maps in every row, at least one", columns.max(1)),
                found: rows.iter().map(Vec::len).collect(),
            });
        }
        Ok(Self { column_titles: Vec::new(), row_titles: Vec::new(), rows, brackets: Vec::new() })
    }

    /// # Errors
    /// [`Error::Shape`] unless there is one title per column.
    pub fn column_titles(mut self, titles: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        self.column_titles = titles.into_iter().map(Into::into).collect();
        one_each("column titles", self.columns(), self.column_titles.len())?;
        Ok(self)
    }

    /// # Errors
    /// [`Error::Shape`] unless there is one title per row.
    pub fn row_titles(mut self, titles: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        self.row_titles = titles.into_iter().map(Into::into).collect();
        one_each("row titles", self.rows.len(), self.row_titles.len())?;
        Ok(self)
    }

    /// A bracket under the columns `first..=last`.
    ///
    /// # Errors
    /// [`Error::Config`] if they are not columns in rising order.
    pub fn bracket(mut self, first: usize, last: usize, label: impl Into<String>) -> Result<Self> {
        if first > last || last >= self.columns() {
            return Err(Error::config(
                "columns of a bracket",
                format!("rising and below {}", self.columns()),
                format!("{first} to {last}"),
            ));
        }
        self.brackets.push(Bracket { columns: [first, last], label: label.into() });
        Ok(self)
    }

    pub fn columns(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// The distinct scales that ask for a bar, in order of appearance, with what they clip.
    pub fn bars(&self) -> Vec<(&ColourScale, Clipped)> {
        bars_of(self.rows.iter().flatten())
    }
}

pub(super) fn bars_of<'r>(rasters: impl Iterator<Item = &'r Raster>) -> Vec<(&'r ColourScale, Clipped)> {
    let mut bars: Vec<(&ColourScale, Clipped)> = Vec::new();
    for raster in rasters {
        let Some(scale) = raster.scale().filter(|scale| scale.bar) else { continue };
        match bars.iter_mut().find(|(known, _)| *known == scale) {
            Some((_, clipped)) => *clipped = clipped.or(raster.clipped()),
            None => bars.push((scale, raster.clipped())),
        }
    }
    bars
}

fn one_each(what: &str, expected: usize, found: usize) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::shape(what, [expected], &[found])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale() -> ColourScale {
        ColourScale::new(ColourMap::Grey, [0.0, 1.0], "response").unwrap()
    }

    #[test]
    fn pixels_must_fill_rows() {
        assert!(Raster::new(vec![0.0; 6], 3, scale()).is_ok());
        assert!(Raster::new(vec![0.0; 7], 3, scale()).is_err());
        assert!(Raster::new(vec![], 3, scale()).is_err());
        assert!(Raster::new(vec![0.0; 3], 0, scale()).is_err());
        assert!(Raster::rgb(vec![[0; 3]; 5], 2).is_err());
        assert!(ColourScale::new(ColourMap::Grey, [1.0, 1.0], "x").is_err());
        assert!(ColourScale::new(ColourMap::Grey, [0.0, f64::NAN], "x").is_err());
    }

    #[test]
    fn missing_values_are_transparent_never_the_low_colour() {
        let raster = Raster::new(vec![0.0, f32::NAN, 1.0], 3, scale()).unwrap();
        assert!(raster.has_missing());
        assert_eq!(raster.rgba(Ground::Light), [[0, 0, 0, 255], [0; 4], [255; 4]]);
        assert_eq!(raster.rows(), 1);
    }

    #[test]
    fn maps_share_a_bar_and_its_clip_marks() {
        let map = |v: f32| Raster::new(vec![v], 1, scale()).unwrap();
        let image = Raster::grey(vec![0.5], 1).unwrap();
        let maps = Maps::new(vec![vec![image, map(0.5), map(2.0)]]).unwrap();
        let bars = maps.bars();
        assert_eq!(bars.len(), 1);
        assert_eq!(bars[0].1, Clipped { low: false, high: true });
    }

    #[test]
    fn maps_refuse_ragged_rows_and_wrong_titles() {
        let map = || Raster::grey(vec![0.0], 1).unwrap();
        assert!(Maps::new(vec![vec![map()], vec![]]).is_err());
        assert!(Maps::new(vec![]).is_err());
        let maps = Maps::new(vec![vec![map(), map()]]).unwrap();
        assert!(maps.clone().column_titles(["a"]).is_err());
        assert!(maps.clone().row_titles(["a", "b"]).is_err());
        assert!(maps.clone().bracket(1, 2, "phase").is_err());
        assert!(maps.bracket(0, 1, "phase").is_ok());
    }
}
