//! Recorded random choices, handed out in their order.

use std::collections::VecDeque;

use crate::error::{Error, Result};
use crate::rng::Chance;

/// Choices of one composer. What has no record of its own comes from the common one.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorded {
    pub(super) common: VecDeque<f64>,
    pub(super) uniforms: Option<VecDeque<f64>>,
    pub(super) inclusives: Option<VecDeque<f64>>,
    pub(super) permutations: VecDeque<Vec<usize>>,
}

impl Recorded {
    pub(super) fn of(common: impl IntoIterator<Item = f64>) -> Self {
        Self { common: common.into_iter().collect(), ..Self::default() }
    }

    pub(super) fn with_permutation(mut self, order: Vec<usize>) -> Self {
        self.permutations.push_back(order);
        self
    }
}

fn next(queue: &mut VecDeque<f64>, what: &str) -> Result<f64> {
    queue.pop_front().ok_or_else(|| Error::config("recorded choices", format!("one more, {what}"), "none"))
}

fn whole(value: f64, from: i64, to: i64) -> Result<i64> {
    let is_within = value.fract() == 0.0 && (from as f64..to as f64).contains(&value);
    match is_within {
        true => Ok(value as i64),
        false => {
            Err(Error::config("recorded choice", format!("a whole number from {from} below {to}"), value))
        }
    }
}

impl Chance for Recorded {
    fn uniform(&mut self) -> Result<f64> {
        next(self.uniforms.as_mut().unwrap_or(&mut self.common), "a uniform number")
    }

    fn integer(&mut self, from: i64, to: i64) -> Result<i64> {
        whole(next(&mut self.common, "an integer")?, from, to)
    }

    fn inclusive(&mut self, from: i64, to: i64) -> Result<i64> {
        whole(next(self.inclusives.as_mut().unwrap_or(&mut self.common), "an integer")?, from, to + 1)
    }

    fn permutation(&mut self, n: usize) -> Result<Vec<usize>> {
        let order = self.permutations.pop_front().unwrap_or_default();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        match sorted.iter().copied().eq(0..n) {
            true => Ok(order),
            false => {
                Err(Error::config("recorded permutation", format!("of 0 to {}", n - 1), format!("{order:?}")))
            }
        }
    }
}
