//! Weights of a convolution in the order in which its kernel reads them.

use std::iter::StepBy;
use std::slice::IterMut;

use super::Real;
use super::lanes::has_many_registers;

/// Output channels computed together.
pub(super) fn height() -> usize {
    if has_many_registers() { 8 } else { 4 }
}

/// Entries of the panels of `out` channels with `depth` weights each.
pub(super) fn len(out: usize, depth: usize) -> usize {
    out.next_multiple_of(height()) * depth
}

/// The place of one output channel's weights in a panel.
pub(super) type Column<'a, T> = StepBy<IterMut<'a, T>>;

/// Panels `[out / height, depth, height]`; `fill` writes the `depth` weights of one output channel.
/// Channels that fill the last panel up are zero.
pub(super) fn pack<T: Real>(out: usize, depth: usize, panels: &mut [T], fill: impl Fn(usize, Column<'_, T>)) {
    let height = height();
    for (block, panel) in panels.chunks_exact_mut((depth * height).max(1)).enumerate() {
        for m in 0..height {
            let (o, column) = (block * height + m, panel[m..].iter_mut().step_by(height));
            if o < out {
                fill(o, column);
            } else {
                column.for_each(|to| *to = T::zero());
            }
        }
    }
}
