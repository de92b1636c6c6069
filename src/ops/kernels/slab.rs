//! Padded maps in which every tap of a window reads neighbours, row after row.

use std::ops::Range;

use super::{ENTRY, Real, each};
use crate::ops::conv::PadMode;

/// Entries after the last map, so that a kernel may read whole vectors beyond the last window.
pub(super) const SLACK: usize = 256;

/// How maps `[channels, h, w]` are laid out with padding.
///
/// Rows and columns are sorted by their remainder modulo the stride. The window at output `(r, c)`
/// then reads tap `k` at `offsets[k] + r * pitch + c`, so that a run of positions reads a run of
/// entries whatever the stride.
pub(super) struct Slab {
    h: usize,
    w: usize,
    top: usize,
    left: usize,
    mode: PadMode,
    stride: usize,
    /// Rows of one remainder.
    rows: usize,
    /// From one output row to the next.
    pub pitch: usize,
    /// From one channel to the next.
    pub channel: usize,
    /// Of each tap of the kernel, row by row.
    pub offsets: Vec<usize>,
    /// Rows and columns of the kernel.
    kernel: (usize, usize),
}

impl Slab {
    /// Maps of `h` by `w` with `top` rows and `left` columns before them, `rows` by `columns` with all
    /// padding, for windows of `kernel` taps that move by `stride`.
    pub fn new(
        (h, w): (usize, usize),
        (top, left): (usize, usize),
        (rows, columns): (usize, usize),
        mode: PadMode,
        kernel: (usize, usize),
        stride: usize,
    ) -> Self {
        let (rows, pitch) = (rows.div_ceil(stride), columns.div_ceil(stride));
        let plane = rows * pitch;
        let tap =
            |i: usize, j: usize| (i % stride * stride + j % stride) * plane + i / stride * pitch + j / stride;
        let offsets = (0..kernel.0 * kernel.1).map(|k| tap(k / kernel.1, k % kernel.1)).collect();
        Self { h, w, top, left, mode, stride, rows, pitch, channel: stride * stride * plane, offsets, kernel }
    }

    /// The taps that read more than the zeros around the map somewhere in output rows `first` to `last`.
    pub fn taps(&self, first: usize, last: usize) -> Range<usize> {
        let (rows, columns) = self.kernel;
        if self.mode != PadMode::Zero {
            return 0..rows * columns;
        }
        let from = self.top.saturating_sub(last * self.stride).min(rows);
        let to = (self.top + self.h).saturating_sub(first * self.stride).clamp(from, rows);
        from * columns..to * columns
    }

    /// Whether the maps lie as they are laid out here, without anything around them.
    pub fn is_plain(&self) -> bool {
        (self.top, self.left, self.stride) == (0, 0, 1) && (self.rows, self.pitch) == (self.h, self.w)
    }

    /// Entries of `channels` maps.
    pub fn len(&self, channels: usize) -> usize {
        channels * self.channel + SLACK
    }

    /// Copies `maps` `[channels, h, w]` with their padding into `slab`.
    pub fn fill<T: Real>(&self, maps: &[T], slab: &mut [T]) {
        let size = self.h * self.w;
        if size == 0 {
            return slab.fill(T::zero());
        }
        let channels = maps.chunks_exact(size).zip(slab.chunks_exact_mut(self.channel)).collect();
        each(channels, ENTRY * maps.len(), |(map, slab): (&[T], &mut [T])| {
            for (i, plane) in slab.chunks_exact_mut((self.rows * self.pitch).max(1)).enumerate() {
                // A plane per remainder of row and column.
                let (row, column) = (i / self.stride, i % self.stride);
                if row < self.kernel.0 && column < self.kernel.1 {
                    self.fill_plane(map, (row, column), plane);
                }
            }
        });
    }

    fn fill_plane<T: Real>(&self, map: &[T], (row, column): (usize, usize), plane: &mut [T]) {
        let columns = Stretch::of((self.left, self.w), (column, self.stride), self.pitch);
        let entry = |map: &[T], c: usize| {
            let from = source(c * self.stride + column, self.left, self.w, self.mode);
            from.map_or(T::zero(), |x| map[x])
        };
        for (r, to) in plane.chunks_exact_mut(self.pitch).enumerate() {
            let Some(y) = source(r * self.stride + row, self.top, self.h, self.mode) else {
                to.fill(T::zero());
                continue;
            };
            let map = &map[y * self.w..(y + 1) * self.w];
            for c in (0..columns.at.start).chain(columns.at.end..self.pitch) {
                to[c] = entry(map, c);
            }
            let to = &mut to[columns.at.clone()];
            match self.stride {
                1 => copy_row(&map[columns.from..][..to.len()], to),
                stride => {
                    let from = map[columns.from.min(map.len())..].iter().step_by(stride);
                    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
                }
            }
        }
    }
}

/// Which padded columns, of one remainder modulo the stride, are columns of the map itself.
pub(super) struct Stretch {
    pub at: Range<usize>,
    /// Column of the map at the first of them; the next ones are a stride apart.
    pub from: usize,
}

impl Stretch {
    /// Of `n` padded columns around a map of `w` columns with `before` columns before it.
    pub fn of((before, w): (usize, usize), (remainder, stride): (usize, usize), n: usize) -> Self {
        let until = |padded: usize| padded.saturating_sub(remainder).div_ceil(stride).min(n);
        let at = until(before)..until(before + w);
        let from = (at.start * stride + remainder).saturating_sub(before);
        Self { at, from }
    }
}

/// Copies a row of a map, which is often shorter than the call of a function.
#[inline(always)]
fn copy_row<T: Real>(from: &[T], to: &mut [T]) {
    match to.len() {
        0..4 => to.iter_mut().zip(from).for_each(|(to, &from)| *to = from),
        4..8 => copy_by::<T, 4>(from, to),
        8..=128 => copy_by::<T, 8>(from, to),
        _ => to.copy_from_slice(from),
    }
}

/// At least `N` entries, `N` at a time; the last of them may be copied twice.
#[inline(always)]
fn copy_by<T: Real, const N: usize>(from: &[T], to: &mut [T]) {
    let parts = from.as_chunks::<N>().0.iter().zip(to.as_chunks_mut::<N>().0);
    parts.for_each(|(from, to)| *to = *from);
    if let (Some(from), Some(to)) = (from.last_chunk::<N>(), to.last_chunk_mut::<N>()) {
        *to = *from;
    }
}

/// Where a padded row or column comes from along an axis of `n` entries; `None` is zero.
pub(super) fn source(padded: usize, before: usize, n: usize, mode: PadMode) -> Option<usize> {
    let distance = padded.abs_diff(before);
    match mode {
        _ if padded >= before && distance < n => Some(distance),
        PadMode::Zero => None,
        // Only rows that round the size up to the stride lie further out; no window reads them.
        PadMode::Reflect if padded >= before => (2 * (n - 1)).checked_sub(distance),
        PadMode::Reflect => Some(distance),
    }
}
