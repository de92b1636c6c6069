//! One dot per unit with median and quartiles: the population of an area in one row.

use super::axis::Axis;
use super::mark::Series;
use crate::{Error, Result};

/// The units of one category as dots, with a box over the quartiles and a bar at the median.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    pub series: Series,
    /// Index on the categorical axis.
    pub category: usize,
    /// One value per unit; NaN units are left out and counted by [`Strip::n_missing`].
    pub values: Vec<f64>,
    /// Index into `values` of the unit to ring.
    pub chosen: Option<usize>,
}

/// Median and quartiles (linear interpolation between order statistics).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quartiles {
    pub lower: f64,
    pub median: f64,
    pub upper: f64,
    /// Number of values behind them.
    pub n: usize,
}

impl Quartiles {
    /// Of the values that are not NaN; `None` without any.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let at = |fraction: f64| {
            let position = fraction * n.checked_sub(1)? as f64;
            let below = position.floor() as usize;
            let (a, b) = (sorted[below], sorted[(below + 1).min(n - 1)]);
            Some(if a == b { a } else { a + (b - a) * position.fract() })
        };
        Some(Self { lower: at(0.25)?, median: at(0.5)?, upper: at(0.75)?, n })
    }
}

/// Where a value lies with respect to the shown range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Below,
    Inside,
    Above,
}

impl Edge {
    /// Of `value` on `axis` over `range`; values that a logarithmic axis cannot show lie below.
    pub fn of(axis: &Axis, value: f64, [low, high]: [f64; 2]) -> Self {
        let slack = 1e-9 * (high - low).abs();
        if value < low - slack || !axis.shows(value) && value < high {
            Self::Below
        } else if value > high + slack {
            Self::Above
        } else {
            Self::Inside
        }
    }
}

impl Strip {
    /// # Errors
    /// [`Error::Config`] if no value is given or one is infinite.
    pub fn new(series: Series, category: usize, values: Vec<f64>) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::config(format!("values of {:?}", series.name), "at least one", 0));
        }
        if let Some(i) = values.iter().position(|v| v.is_infinite()) {
            let found = format!("{} at index {i}", values[i]);
            return Err(Error::config(
                format!("values of {:?}", series.name),
                "finite, or NaN for missing",
                found,
            ));
        }
        Ok(Self { series, category, values, chosen: None })
    }

    /// Rings the unit at `index`.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no such unit.
    pub fn chosen(mut self, index: usize) -> Result<Self> {
        if index >= self.values.len() {
            let requirement = format!("below {}", self.values.len());
            return Err(Error::config(format!("chosen unit of {:?}", self.series.name), requirement, index));
        }
        self.chosen = Some(index);
        Ok(self)
    }

    pub fn quartiles(&self) -> Option<Quartiles> {
        Quartiles::of(&self.values)
    }

    pub fn n_missing(&self) -> usize {
        self.values.iter().filter(|v| v.is_nan()).count()
    }

    /// How many values lie below and above the shown range.
    pub fn outside(&self, axis: &Axis, range: [f64; 2]) -> [usize; 2] {
        let count =
            |edge| self.values.iter().filter(|v| !v.is_nan() && Edge::of(axis, **v, range) == edge).count();
        [count(Edge::Below), count(Edge::Above)]
    }
}

/// Sideways offsets that keep dots at `along` from touching: a dot moves as little as possible
/// from the middle line, at most `reach`; dots that cannot be freed stay at the least crowded place.
///
/// All lengths in the same unit (points on paper, pixels on screen). The same for every
/// renderer, and independent of the order of equal values.
pub fn swarm(along: &[f32], diameter: f32, reach: f32) -> Vec<f32> {
    let mut order: Vec<usize> = (0..along.len()).collect();
    order.sort_by(|&a, &b| along[a].total_cmp(&along[b]).then(a.cmp(&b)));
    let step = diameter * 0.25;
    let n_steps = if step > 0.0 { (reach / step).floor().min(400.0) as i32 } else { 0 };
    let mut offsets = vec![0.0; along.len()];
    let mut placed: Vec<[f32; 2]> = Vec::with_capacity(along.len());
    for (rank, &i) in order.iter().enumerate() {
        let near = placed.iter().rev().take_while(|p| along[i] - p[0] < diameter);
        let near: Vec<[f32; 2]> = near.copied().collect();
        let clearance = |offset: f32| {
            near.iter().map(|p| (along[i] - p[0]).hypot(offset - p[1])).fold(f32::INFINITY, f32::min)
        };
        // Sides alternate so that the swarm stays balanced.
        let side = if rank % 2 == 0 { 1.0 } else { -1.0 };
        let candidates = (0..=n_steps).flat_map(|k| [k as f32 * step * side, -(k as f32) * step * side]);
        let mut best = (0.0, clearance(0.0));
        for offset in candidates {
            let free = clearance(offset);
            if free >= diameter {
                best = (offset, free);
                break;
            }
            if free > best.1 {
                best = (offset, free);
            }
        }
        offsets[i] = best.0;
        placed.push([along[i], best.0]);
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::super::roles::Role;
    use super::*;

    fn strip(values: Vec<f64>) -> Result<Strip> {
        Strip::new(Series::new("conv1", Role::Recorded), 0, values)
    }

    #[test]
    fn quartiles_interpolate_and_leave_missing_out() {
        let found = strip(vec![4.0, f64::NAN, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!(found.quartiles(), Some(Quartiles { lower: 1.75, median: 2.5, upper: 3.25, n: 4 }));
        assert_eq!(found.n_missing(), 1);
        assert_eq!(Quartiles::of(&[f64::NAN]), None);
        assert_eq!(Quartiles::of(&[7.0]).unwrap().median, 7.0);
    }

    #[test]
    fn values_outside_are_counted() {
        let axis = Axis::new("slope").log(2.0);
        let found = strip(vec![-1.0, 0.0, 0.1, 0.25, 1.0, 32.0, 40.0, f64::NAN]).unwrap();
        assert_eq!(found.outside(&axis, [0.25, 32.0]), [3, 1]);
    }

    #[test]
    fn empty_and_infinite_values_are_refused() {
        assert!(strip(vec![]).is_err());
        assert!(strip(vec![1.0, f64::INFINITY]).is_err());
        assert!(strip(vec![1.0]).unwrap().chosen(1).is_err());
    }

    #[test]
    fn dots_of_a_swarm_do_not_touch_while_there_is_room() {
        let along: Vec<f32> = (0..40).map(|i| (i as f32 * 0.7).sin() * 20.0).collect();
        let offsets = swarm(&along, 3.0, 60.0);
        for i in 0..40 {
            for j in 0..i {
                let distance = (along[i] - along[j]).hypot(offsets[i] - offsets[j]);
                assert!(distance >= 3.0 - 1e-4, "{i} and {j} are {distance} apart");
            }
        }
        assert_eq!(swarm(&[1.0, 10.0], 3.0, 9.0), [0.0, 0.0]);
        assert!(swarm(&[1.0; 500], 3.0, 9.0).iter().all(|o| o.abs() <= 9.0));
    }
}
