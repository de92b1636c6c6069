//! Weights of a convolution in the order in which its kernel reads them.

use super::fresh::Room;
use super::instruction_set::has_many_registers;
use super::lanes::{Lanes, lanes};
use super::prefetch::prefetch;
use super::{ENTRY, Real, each};

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

/// Rows of a panel that are asked for before they are read: large weights come from far.
pub(super) const AHEAD: usize = 64;

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

    /// Writes all panels of `weight` `[out, depth]`; channels that fill the last panel up are zero.
    pub fn pack<T: Real>(self, weight: &[T], size: (usize, usize), panels: &mut [Room<T>]) {
        let (work, panel) = (ENTRY * panels.len(), (size.1 * self.height).max(1));
        each(panels.chunks_exact_mut(panel).enumerate().collect(), work, |(i, panel)| {
            self.pack_panel(weight, size, i, panel);
        });
    }

    /// Writes panel `i` of them.
    pub fn pack_panel<T: Real>(
        self,
        weight: &[T],
        (out, depth): (usize, usize),
        i: usize,
        panel: &mut [Room<T>],
    ) {
        let height = self.height;
        // What is written and what is read stays in the first-level cache.
        for (part, panel) in panel.chunks_mut(CHUNK * height).enumerate() {
            for m in 0..height {
                let (o, column) = (i * height + m, panel[m..].iter_mut().step_by(height));
                if o < out {
                    let from = &weight[o * depth + part * CHUNK..(o + 1) * depth];
                    prefetch(&from[from.len().min(CHUNK)..from.len().min(2 * CHUNK)]);
                    column.zip(from).for_each(|(to, &weight)| _ = to.write(weight));
                } else {
                    column.for_each(|to| _ = to.write(T::zero()));
                }
            }
        }
    }
}

/// Weights of one output channel that are laid out at a time.
const CHUNK: usize = 72;
