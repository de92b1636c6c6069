//! Padded maps in which every tap of a window reads neighbours, row after row.

use std::ops::Range;

use super::Real;
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
        for (map, slab) in maps.chunks_exact(size).zip(slab.chunks_exact_mut(self.channel)) {
            for (i, row) in slab.chunks_exact_mut(self.pitch).enumerate() {
                let (plane, r) = (i / self.rows, i % self.rows);
                if plane / self.stride >= self.kernel.0 || plane % self.stride >= self.kernel.1 {
                    // No tap reads this remainder.
                    continue;
                }
                let source = source(r * self.stride + plane / self.stride, self.top, self.h, self.mode);
                match source {
                    Some(y) => self.fill_row(&map[y * self.w..(y + 1) * self.w], plane % self.stride, row),
                    None => row.fill(T::zero()),
                }
            }
        }
    }

    fn fill_row<T: Real>(&self, map: &[T], phase: usize, row: &mut [T]) {
        let at = |padded: usize| source(padded, self.left, self.w, self.mode).map_or(T::zero(), |x| map[x]);
        if self.stride == 1 {
            let end = (self.left + self.w).min(row.len());
            row[self.left..end].copy_from_slice(&map[..end - self.left]);
            for padded in (0..self.left).chain(end..row.len()) {
                row[padded] = at(padded);
            }
        } else {
            row.iter_mut().enumerate().for_each(|(c, to)| *to = at(c * self.stride + phase));
        }
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
