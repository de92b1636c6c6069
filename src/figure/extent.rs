//! The range that an automatic axis shows: what the marks need, with a margin.

use super::annotation::ReferenceAt;
use super::axis::{Axis, Range, Scale};
use super::mark::Mark;
use super::panel::{Direction, Plot};

/// Margin at either end, as a part of the range.
const MARGIN: f64 = 0.05;
/// A range that starts within this part of its high end starts at zero instead.
const NEAR_ZERO: f64 = 0.25;

impl Plot {
    /// The shown range of x and y: as fixed, else what the marks need with a margin.
    pub fn ranges(&self) -> [[f64; 2]; 2] {
        let [x, y] = [self.range_of(Direction::X), self.range_of(Direction::Y)];
        if !self.equal_axes {
            return [x, y];
        }
        let both = match (self.x.range, self.y.range) {
            (Range::Fixed(fixed), _) | (_, Range::Fixed(fixed)) => fixed,
            (Range::Auto, Range::Auto) => [x[0].min(y[0]), x[1].max(y[1])],
        };
        [both, both]
    }

    fn range_of(&self, direction: Direction) -> [f64; 2] {
        let axis = self.axis(direction);
        if let Range::Fixed(fixed) = axis.range {
            return fixed;
        }
        if axis.is_categorical() {
            return [-0.5, axis.category_list().len() as f64 - 0.5];
        }
        let mut extent = Extent { axis, low: f64::INFINITY, high: f64::NEG_INFINITY, tight: false };
        for mark in &self.marks {
            self.extend(&mut extent, mark, direction);
        }
        extent.range()
    }

    /// Adds what `mark` needs in one direction.
    fn extend(&self, extent: &mut Extent<'_>, mark: &Mark, direction: Direction) {
        let is_x = direction == Direction::X;
        let pick = |p: &[f64; 2]| if is_x { p[0] } else { p[1] };
        match mark {
            Mark::Line(line) => {
                extent.add(line.points.iter().map(pick));
                extent.tight |= is_x;
            }
            Mark::Points(points) => {
                extent.add(points.points.iter().map(pick));
                extent.add(if is_x { &points.x_error } else { &points.y_error }.iter().flatten().copied());
            }
            Mark::Band(band) if is_x => {
                extent.add(band.x.iter().copied());
                extent.tight = true;
            }
            Mark::Band(band) => extent.add(band.low.iter().chain(&band.high).copied()),
            Mark::Bars(bars) if direction == self.categories().unwrap_or(Direction::X) => {
                extent.add(bars.spans.iter().flatten().copied());
                extent.tight = true;
            }
            Mark::Bars(bars) => {
                extent.add([bars.base]);
                extent.add(bars.values.iter().chain(bars.errors.iter().flatten()).copied());
            }
            Mark::Strip(strip) => extent.add(strip.values.iter().copied()),
            Mark::Reference(reference) => match reference.at {
                ReferenceAt::Unity => {}
                ReferenceAt::Horizontal(y) => extent.add((!is_x).then_some(y)),
                ReferenceAt::Vertical(x) => extent.add(is_x.then_some(x)),
            },
            Mark::Span(span) => {
                if is_x {
                    extent.add(span.x);
                    extent.tight = true;
                }
            }
            Mark::Image(image) => {
                extent.add(if is_x { image.x } else { image.y });
                extent.tight = true;
            }
            Mark::Text(_) => {}
        }
    }
}

struct Extent<'a> {
    axis: &'a Axis,
    low: f64,
    high: f64,
    /// The data may touch both ends: lines along x, images.
    tight: bool,
}

impl Extent<'_> {
    fn add(&mut self, values: impl IntoIterator<Item = f64>) {
        for value in values.into_iter().filter(|&v| self.axis.shows(v)) {
            self.low = self.low.min(value);
            self.high = self.high.max(value);
        }
    }

    fn range(&self) -> [f64; 2] {
        let (axis, low, high) = (self.axis, self.low, self.high);
        if low > high {
            return match axis.scale {
                Scale::Linear => [0.0, 1.0],
                Scale::Log { base } => [1.0, base],
            };
        }
        if low == high {
            return match axis.scale {
                Scale::Linear if low == 0.0 => [0.0, 1.0],
                Scale::Linear => [low - 0.5 * low.abs(), low + 0.5 * low.abs()],
                Scale::Log { base } => [low / base, low * base],
            };
        }
        if self.tight {
            return [low, high];
        }
        let (from, to) = (axis.forward(low), axis.forward(high));
        let margin = MARGIN * (to - from);
        let mut range = [axis.inverse(from - margin), axis.inverse(to + margin)];
        if axis.scale == Scale::Linear {
            if low >= 0.0 && low <= NEAR_ZERO * high {
                range[0] = 0.0;
            }
            if high <= 0.0 && high >= NEAR_ZERO * low {
                range[1] = 0.0;
            }
        }
        range
    }
}

#[cfg(test)]
mod tests {
    use super::super::annotation::{Image, Reference};
    use super::super::mark::{Band, Bars, Line, Points, Series};
    use super::super::raster::Raster;
    use super::super::roles::Ink;
    use super::*;

    fn series() -> Series {
        Series::new("s", Ink::Text)
    }

    fn plot(x: Axis, y: Axis, mark: impl Into<Mark>) -> Plot {
        Plot::new(x, y).with(mark)
    }

    fn axes() -> (Axis, Axis) {
        (Axis::new("x"), Axis::new("y"))
    }

    #[test]
    fn lines_fill_x_and_leave_a_margin_above() {
        let (x, y) = axes();
        let line = Line::new(series(), vec![[3.0, 0.1], [9.0, 1.0], [5.0, f64::NAN]]).unwrap();
        let [x, y] = plot(x, y, line).ranges();
        assert_eq!(x, [3.0, 9.0]);
        assert_eq!(y[0], 0.0);
        assert!((y[1] - 1.045).abs() < 1e-12);
    }

    #[test]
    fn equal_axes_share_the_wider_range_or_the_fixed_one() {
        let points = || Points::new(series(), vec![[1.0, 10.0], [5.0, 50.0]]).unwrap();
        let (x, y) = axes();
        let [x, y] = plot(x, y, points()).equal_axes().ranges();
        assert_eq!(x, y);
        assert!(x[1] > 50.0);
        let [x, y] = plot(Axis::new("x").range(0.0, 7.0), Axis::new("y"), points()).equal_axes().ranges();
        assert_eq!((x, y), ([0.0, 7.0], [0.0, 7.0]));
    }

    #[test]
    fn error_bars_bands_references_and_bases_are_needed() {
        let (x, y) = axes();
        let points = Points::new(series(), vec![[1.0, 2.0], [2.0, 4.0]]).unwrap();
        let points = points.y_error(vec![[1.0, 3.0], [-8.0, 9.0]], "range").unwrap();
        let [_, range] = plot(x, y, points).ranges();
        assert!(range[0] < -8.0 && range[1] > 9.0);

        let (x, y) = axes();
        let band = Band::new(series(), vec![0.0, 1.0], vec![-3.0, 1.0], vec![1.0, 2.0], "range").unwrap();
        let [_, range] = plot(x, y, band).with(Reference::horizontal(7.0, "chance").unwrap()).ranges();
        assert!(range[0] < -3.0 && range[1] > 7.0);

        let bars = Bars::categories(series(), vec![0.8, 0.9]).unwrap();
        let [x, y] = plot(Axis::categories("phase", ["1", "2"]), Axis::new("accuracy"), bars).ranges();
        assert_eq!(x, [-0.5, 1.5]);
        assert_eq!(y[0], 0.0);
    }

    #[test]
    fn images_are_tight_and_logarithms_take_positive_values_only() {
        let (x, y) = axes();
        let image = Image::new("rf", Raster::grey(vec![0.0; 6], 3).unwrap());
        assert_eq!(plot(x, y.reversed(), image).ranges(), [[-0.5, 2.5], [-0.5, 1.5]]);
        let points = Points::new(series(), vec![[0.0, 1.0], [1.0, -1.0], [10.0, 100.0]]).unwrap();
        let [x, y] = plot(Axis::new("x").log(10.0), Axis::new("y").log(10.0), points).ranges();
        assert!(x[0] > 0.8 && x[0] < 1.0 && y[0] > 0.5 && y[0] < 1.0);
    }

    #[test]
    fn nothing_and_one_value_still_make_a_range() {
        let (x, y) = axes();
        assert_eq!(Plot::new(x, y.log(2.0)).ranges(), [[0.0, 1.0], [1.0, 2.0]]);
        let (x, y) = axes();
        let [x, y] = plot(x, y, Points::new(series(), vec![[4.0, 0.0]]).unwrap()).ranges();
        assert!(x[0] < 4.0 && x[1] > 4.0);
        assert_eq!(y, [0.0, 1.0]);
    }
}
