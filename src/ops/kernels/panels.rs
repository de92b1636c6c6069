//! Weights of a convolution in the order in which its kernel reads them.

use std::iter::StepBy;
use std::ops::Range;
use std::slice::IterMut;

use super::Real;
use super::instruction_set::has_many_registers;
use super::lanes::{Lanes, lanes};

/// What the vectors of a kernel run over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vectors {
    /// Neighbouring positions: for few output channels and short sums.
    Positions,
    /// Neighbouring output channels: no position is computed in vain, whatever the width of the map.
    Channels,
}

/// How panels are laid out: `[out / height, depth, height]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub vectors: Vectors,
    /// Output channels computed together.
    pub height: usize,
}

/// Vectors of output channels that are computed together.
pub(super) const CHANNEL_VECTORS: usize = 2;

/// Products per sum from which it pays that results are turned around.
const DEEP: usize = 160;

impl Layout {
    /// For sums of `depth` products in each of `out` output channels.
    pub fn of<T: Lanes>(out: usize, depth: usize) -> Self {
        let lanes = lanes::<T>();
        if lanes >= 4 && out >= lanes && depth >= DEEP {
            Self { vectors: Vectors::Channels, height: CHANNEL_VECTORS * lanes }
        } else {
            Self::of_positions()
        }
    }

    pub fn of_positions() -> Self {
        Self { vectors: Vectors::Positions, height: if has_many_registers() { 8 } else { 4 } }
    }

    /// Entries of the panels of `out` channels with `depth` weights each.
    pub fn len(self, out: usize, depth: usize) -> usize {
        out.next_multiple_of(self.height) * depth
    }

    /// Lays `panels` out; `fill` writes some weights of one output channel, a range of the `depth` that
    /// starts and ends at multiples of `unit`. Channels that fill the last panel up are zero.
    pub fn pack<T: Real>(
        self,
        (out, depth, unit): (usize, usize, usize),
        panels: &mut [T],
        fill: impl Fn(usize, Range<usize>, Column<'_, T>),
    ) {
        let height = self.height;
        // What is written and what is read stays in the first-level cache.
        let together = (CHUNK / unit.max(1)).max(1) * unit.max(1);
        for (block, panel) in panels.chunks_exact_mut((depth * height).max(1)).enumerate() {
            for (part, panel) in panel.chunks_mut(together * height).enumerate() {
                let weights = part * together..part * together + panel.len() / height;
                for m in 0..height {
                    let (o, column) = (block * height + m, panel[m..].iter_mut().step_by(height));
                    if o < out {
                        fill(o, weights.clone(), column);
                    } else {
                        column.for_each(|to| *to = T::zero());
                    }
                }
            }
        }
    }
}

/// Weights of one output channel that are laid out at a time.
const CHUNK: usize = 72;

/// The place of one output channel's weights in a panel.
pub(super) type Column<'a, T> = StepBy<IterMut<'a, T>>;
