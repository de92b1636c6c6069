//! An axis: what it measures, in which unit, over which range, and where its ticks are.

use std::borrow::Cow;

use super::{number, ticks};
use crate::{Error, Result};

/// How values map to distance along the axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    Linear,
    Log { base: f64 },
}

/// The part of the axis that is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// What the marks need, with a margin.
    Auto,
    /// From low to high; marks beyond are cut, points beyond become counted triangles at the edge.
    Fixed([f64; 2]),
}

/// One row or column of a categorical axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Category {
    pub label: String,
    /// A second, smaller line: `n = 19 of 50`.
    pub note: Option<String>,
}

impl Category {
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), note: None }
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

impl<T: Into<String>> From<T> for Category {
    fn from(label: T) -> Self {
        Self::new(label)
    }
}

/// Which ticks an axis carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Ticks {
    /// 1-2-5 steps, or powers on a logarithmic axis.
    Auto,
    /// Multiples of a step, such as 45 for degrees.
    Every(f64),
    /// These values with these labels.
    Given(Vec<Tick>),
    /// Named rows or columns at 0, 1, 2, …; listed downwards on a y axis.
    Categories(Vec<Category>),
}

/// One tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub value: f64,
    pub label: String,
}

/// How tick labels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickText {
    /// Each as short as it can be: `0 0.5 1`. For paper.
    Trimmed,
    /// All with the same decimals: `0.00 0.25 0.50`. For axes that are read while they move.
    Aligned,
}

/// What one direction of a plot measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub label: String,
    /// `None` for a pure number; `a.u.` only where that is meant.
    pub unit: Option<Cow<'static, str>>,
    pub scale: Scale,
    pub range: Range,
    pub ticks: Ticks,
    /// Values grow downwards or leftwards, as the rows of an image do.
    pub reversed: bool,
}

impl Axis {
    /// A linear axis that fits its data.
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            unit: None,
            scale: Scale::Linear,
            range: Range::Auto,
            ticks: Ticks::Auto,
            reversed: false,
        }
    }

    /// An axis of named rows or columns.
    pub fn categories(
        label: impl Into<String>,
        categories: impl IntoIterator<Item = impl Into<Category>>,
    ) -> Self {
        let categories = categories.into_iter().map(Into::into).collect();
        Self { ticks: Ticks::Categories(categories), ..Self::new(label) }
    }

    #[must_use]
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Logarithmic to `base` (2 for ratios, 10 for losses).
    #[must_use]
    pub fn log(mut self, base: f64) -> Self {
        self.scale = Scale::Log { base };
        self
    }

    #[must_use]
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Range::Fixed([low, high]);
        self
    }

    #[must_use]
    pub fn ticks_every(mut self, step: f64) -> Self {
        self.ticks = Ticks::Every(step);
        self
    }

    #[must_use]
    pub fn ticks_at(mut self, ticks: impl IntoIterator<Item = (f64, impl Into<String>)>) -> Self {
        let ticks = ticks.into_iter().map(|(value, label)| Tick { value, label: label.into() });
        self.ticks = Ticks::Given(ticks.collect());
        self
    }

    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.reversed = true;
        self
    }

    /// Label with the unit in brackets, as printed and as the header of a column.
    pub fn text(&self) -> String {
        match &self.unit {
            Some(unit) if self.label.is_empty() => format!("({unit})"),
            Some(unit) => format!("{} ({unit})", self.label),
            None => self.label.clone(),
        }
    }

    pub fn is_categorical(&self) -> bool {
        matches!(self.ticks, Ticks::Categories(_))
    }

    /// The named rows or columns; empty on a numeric axis.
    pub fn category_list(&self) -> &[Category] {
        match &self.ticks {
            Ticks::Categories(categories) => categories,
            Ticks::Auto | Ticks::Every(_) | Ticks::Given(_) => &[],
        }
    }

    /// Whether the axis can show `value` at all: finite, and positive where logarithmic.
    pub fn shows(&self, value: f64) -> bool {
        match self.scale {
            Scale::Linear => value.is_finite(),
            Scale::Log { .. } => value.is_finite() && value > 0.0,
        }
    }

    /// Distance along the axis before placement: the value or its logarithm.
    pub fn forward(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log { base } => value.ln() / base.ln(),
        }
    }

    /// The inverse of [`Axis::forward`].
    pub fn inverse(&self, distance: f64) -> f64 {
        match self.scale {
            Scale::Linear => distance,
            Scale::Log { base } => base.powf(distance),
        }
    }

    /// Where `value` lies within `range`, 0 at the low and 1 at the high end, unclipped.
    pub fn position(&self, value: f64, range: [f64; 2]) -> f64 {
        let [low, high] = range.map(|v| self.forward(v));
        (self.forward(value) - low) / (high - low)
    }

    /// The ticks within `range` (as resolved by [`super::Plot::ranges`]), about `most` of them
    /// (3 to 6) where they are chosen automatically.
    pub fn tick_list(&self, range: [f64; 2], most: usize, text: TickText) -> Vec<Tick> {
        let [low, high] = range;
        match &self.ticks {
            Ticks::Auto => match self.scale {
                Scale::Linear => labelled(ticks::linear(low, high, most).1, text),
                Scale::Log { base } => {
                    let values = ticks::logarithmic(low, high, base, most + 2);
                    let decades =
                        base == 10.0 && values.len() > 1 && values.iter().all(|&v| is_power_of_ten(v));
                    if decades && (values[0] < 0.01 || values[values.len() - 1] > 1000.0) {
                        let label = |v: f64| number::power_of_ten(v.log10().round() as i32);
                        values.into_iter().map(|value| Tick { value, label: label(value) }).collect()
                    } else {
                        let halved = base == 2.0;
                        let mut ticks = labelled(values, TickText::Trimmed);
                        // Shorter and plainer than 0.015625.
                        for tick in ticks.iter_mut().filter(|tick| halved && tick.value < 0.1) {
                            tick.label = format!("1/{:.0}", 1.0 / tick.value);
                        }
                        ticks
                    }
                }
            },
            Ticks::Every(step) => labelled(ticks::every(low, high, *step), text),
            Ticks::Given(given) => {
                let slack = (high - low) * 1e-9;
                let inside = |tick: &&Tick| tick.value >= low - slack && tick.value <= high + slack;
                given.iter().filter(inside).cloned().collect()
            }
            Ticks::Categories(categories) => categories
                .iter()
                .enumerate()
                .map(|(i, category)| Tick { value: i as f64, label: category.label.clone() })
                .collect(),
        }
    }

    /// # Errors
    /// [`Error::Config`] where range, base, step or ticks make no axis.
    pub fn validate(&self) -> Result<()> {
        let field = |part: &str| format!("{part} of the axis {:?}", self.label);
        if let Scale::Log { base } = self.scale
            && !(base > 1.0 && base.is_finite())
        {
            return Err(Error::config(field("log base"), "above 1", base));
        }
        if let Range::Fixed([low, high]) = self.range {
            if !(low < high && low.is_finite() && high.is_finite()) {
                return Err(Error::config(
                    field("range"),
                    "finite and rising; swap directions with `reversed`",
                    format!("{low} to {high}"),
                ));
            }
            if !self.shows(low) {
                return Err(Error::config(field("range"), "positive on a logarithmic axis", low));
            }
        }
        match &self.ticks {
            Ticks::Auto => Ok(()),
            Ticks::Every(step) if step.is_finite() && *step > 0.0 => Ok(()),
            Ticks::Every(step) => Err(Error::config(field("tick step"), "positive", step)),
            Ticks::Given(given) => match given.iter().find(|tick| !self.shows(tick.value)) {
                Some(tick) => {
                    Err(Error::config(field("ticks"), "finite, positive if logarithmic", tick.value))
                }
                None => Ok(()),
            },
            Ticks::Categories(categories) if categories.is_empty() => {
                Err(Error::config(field("categories"), "at least one", 0))
            }
            Ticks::Categories(_) if self.scale != Scale::Linear => {
                Err(Error::config(field("scale"), "linear for categories", "logarithmic"))
            }
            Ticks::Categories(_) => Ok(()),
        }
    }
}

fn is_power_of_ten(value: f64) -> bool {
    let exponent = value.log10();
    (exponent - exponent.round()).abs() < 1e-9
}

fn labelled(values: Vec<f64>, text: TickText) -> Vec<Tick> {
    let step = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(f64::INFINITY, f64::min);
    let tolerance = if step.is_finite() { step * 1e-6 } else { 1e-12 };
    let labels = match text {
        TickText::Trimmed => values.iter().map(|&v| number::trimmed(v, tolerance)).collect(),
        TickText::Aligned => number::aligned(&values, tolerance),
    };
    values.into_iter().zip(labels).map(|(value, label)| Tick { value, label }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, range: [f64; 2]) -> Vec<String> {
        axis.tick_list(range, 6, TickText::Trimmed).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn labels_of_linear_and_logarithmic_axes() {
        assert_eq!(labels(&Axis::new("response"), [0.0, 1.25]), ["0", "0.5", "1"]);
        assert_eq!(
            labels(&Axis::new("angle").ticks_every(45.0), [0.0, 180.0]),
            ["0", "45", "90", "135", "180"]
        );
        assert_eq!(labels(&Axis::new("slope").log(2.0), [0.25, 4.0]), ["0.25", "0.5", "1", "2", "4"]);
        assert_eq!(labels(&Axis::new("ratio").log(2.0), [0.0625, 0.25]), ["1/16", "0.125", "0.25"]);
        assert_eq!(labels(&Axis::new("loss").log(10.0), [1e-4, 0.1]), ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]);
        assert_eq!(labels(&Axis::new("x").log(10.0), [0.1, 10.0]), ["0.1", "1", "10"]);
        assert_eq!(labels(&Axis::new("z"), [-2.0, 2.0]), ["−2", "−1", "0", "1", "2"]);
        let aligned = Axis::new("p").ticks_every(0.25).tick_list([0.0, 0.5], 6, TickText::Aligned);
        assert_eq!(aligned[2].label, "0.50");
    }

    #[test]
    fn position_inverts_on_both_scales() {
        for axis in [Axis::new("a"), Axis::new("b").log(2.0)] {
            assert!((axis.position(0.5, [0.5, 8.0])).abs() < 1e-12);
            assert!((axis.position(8.0, [0.5, 8.0]) - 1.0).abs() < 1e-12);
            assert!((axis.inverse(axis.forward(3.3)) - 3.3).abs() < 1e-12);
        }
        assert!((Axis::new("b").log(2.0).position(2.0, [0.5, 8.0]) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn text_joins_label_and_unit() {
        assert_eq!(Axis::new("Response").unit("a.u.").text(), "Response (a.u.)");
        assert_eq!(Axis::new("Gain").text(), "Gain");
    }

    #[test]
    fn impossible_axes_are_refused() {
        assert!(Axis::new("x").range(1.0, 1.0).validate().is_err());
        assert!(Axis::new("x").range(2.0, 1.0).validate().is_err());
        assert!(Axis::new("x").range(0.0, f64::NAN).validate().is_err());
        assert!(Axis::new("x").log(10.0).range(0.0, 1.0).validate().is_err());
        assert!(Axis::new("x").log(1.0).validate().is_err());
        assert!(Axis::new("x").ticks_every(0.0).validate().is_err());
        assert!(Axis::new("x").ticks_at([(f64::NAN, "?")]).validate().is_err());
        assert!(Axis::categories("x", Vec::<String>::new()).validate().is_err());
        let message = Axis::new("x").log(10.0).range(0.0, 1.0).validate().unwrap_err().to_string();
        assert!(message.contains("axis \"x\"") && message.contains("positive"), "{message}");
    }
}
