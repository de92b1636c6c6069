//! Thinned copies of maps and their statistics.

use candle_core::Tensor;
use serde::Deserialize;

use crate::dynamics::flat;
use crate::error::{Error, Result};
use crate::parity::Array;

/// The parameter `slicing`: how many channels, rows and columns are kept.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Slicing {
    channels: usize,
    rows_cols: usize,
}

impl Slicing {
    /// Of `[batch, channels, height, width]`.
    pub(super) fn apply(self, map: &Tensor) -> Result<Tensor> {
        let (_, channels, height, width) = map.dims4()?;
        if self.channels == 0 || channels == 0 {
            return Err(Error::config("slicing", "one channel or more", self.channels));
        }
        let spread = channels / self.channels;
        let kept: Vec<u32> = (0..self.channels).map(|j| ((j * spread + j) % channels) as u32).collect();
        let mut map = map.contiguous()?;
        for (dim, index) in [(1, kept), (2, self.spread_over(height)), (3, self.spread_over(width))] {
            let n = index.len();
            map = map.index_select(&Tensor::from_vec(index, n, map.device())?, dim)?;
        }
        Ok(map)
    }

    /// Evenly spread indices over `n`, halves rounded to even, without repeats.
    fn spread_over(self, n: usize) -> Vec<u32> {
        let step = (n - 1) as f64 / (self.rows_cols.max(2) - 1) as f64;
        let mut index: Vec<u32> =
            (0..self.rows_cols).map(|i| (i as f64 * step).round_ties_even() as u32).collect();
        index.dedup();
        index
    }
}

/// Mean, root mean square, least, largest, share of exact zeros.
pub(super) fn statistics(map: &Tensor) -> Result<[f64; 5]> {
    let values = flat(map)?;
    let n = values.len() as f64;
    let values = || values.iter().map(|&value| f64::from(value));
    let zeros = values().filter(|value| *value == 0.0).count() as f64;
    let least = values().fold(f64::INFINITY, f64::min);
    let largest = values().fold(f64::NEG_INFINITY, f64::max);
    let square = values().map(|value| value * value).sum::<f64>();
    Ok([values().sum::<f64>() / n, (square / n).sqrt(), least, largest, zeros / n])
}

/// Thinned maps and statistics of an area over the steps at which it was recorded.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    pub(super) thinned: Vec<Tensor>,
    pub(super) statistics: Vec<f64>,
}

impl Trace {
    pub(super) fn push(&mut self, map: &Tensor, slicing: Slicing) -> Result<()> {
        self.thinned.push(slicing.apply(map)?);
        self.statistics.extend(statistics(map)?);
        Ok(())
    }

    /// `[step, batch, channels, rows, columns]`.
    pub(super) fn maps(&self) -> Result<Array> {
        Array::from_tensor(&Tensor::stack(&self.thinned, 0)?)
    }

    /// `[step, 5]`.
    pub(super) fn statistics(&self) -> Result<Array> {
        Array::f64(&[self.thinned.len(), 5], self.statistics.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_those_of_the_description() {
        let slicing = Slicing { channels: 8, rows_cols: 4 };
        assert_eq!(slicing.spread_over(16), [0, 5, 10, 15]);
        assert_eq!(slicing.spread_over(8), [0, 2, 5, 7]);
        assert_eq!(slicing.spread_over(2), [0, 1]);
        assert_eq!(slicing.spread_over(1), [0]);
    }
}
