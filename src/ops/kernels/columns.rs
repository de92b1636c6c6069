//! Windows of maps laid out as columns of a matrix, and the sum of columns back into maps.

use std::ops::Range;

use super::Real;
use super::geometry::Geometry;

/// Maps with padding, columns sorted by their remainder modulo the stride ("phase"), so that the
/// entries a tap reads along a row are neighbours whatever the stride.
#[derive(Clone, Copy)]
pub(super) struct SlabShape {
    pub rows: usize,
    phases: usize,
    phase_width: usize,
}

impl SlabShape {
    /// For `rows` rows of the padded input.
    pub fn new(g: &Geometry, rows: usize) -> Self {
        Self { rows, phases: g.stride, phase_width: g.padded().1.div_ceil(g.stride) }
    }

    /// For maps read in place.
    pub fn in_place(g: &Geometry) -> Self {
        Self { rows: g.h, phases: 1, phase_width: g.w }
    }

    #[inline]
    fn row(&self) -> usize {
        self.phases * self.phase_width
    }

    /// Entries of one channel.
    #[inline]
    pub fn channel(&self) -> usize {
        self.rows * self.row()
    }

    /// Where tap `(i, j)` starts to read for output row `r` of the slab.
    #[inline]
    fn start(&self, channel: usize, r: usize, i: usize, j: usize) -> usize {
        channel * self.channel()
            + (r * self.phases + i) * self.row()
            + j % self.phases * self.phase_width
            + j / self.phases
    }
}

/// Copies padded rows `first ..` of each channel of `maps` (`[channels, h, w]`) into a slab.
pub(super) fn fill_slab<T: Real>(g: &Geometry, maps: &[T], first: usize, shape: SlabShape, slab: &mut [T]) {
    let (h, w) = (g.h, g.w);
    for (map, slab) in maps.chunks_exact(h * w).zip(slab.chunks_exact_mut(shape.channel())) {
        for (r, row) in slab.chunks_exact_mut(shape.row()).enumerate() {
            match g.source(first + r, h) {
                Some(y) if first + r < g.padded().0 => fill_row(g, &map[y * w..(y + 1) * w], shape, row),
                _ => row.fill(T::zero()),
            }
        }
    }
}

fn fill_row<T: Real>(g: &Geometry, map: &[T], shape: SlabShape, row: &mut [T]) {
    let p = g.padding;
    let at = |padded: usize| g.source(padded, g.w).map_or(T::zero(), |x| map[x]);
    if shape.phases == 1 {
        row[p..p + g.w].copy_from_slice(map);
        for padded in (0..p).chain(p + g.w..2 * p + g.w) {
            row[padded] = at(padded);
        }
    } else {
        for padded in 0..g.padded().1 {
            row[padded % shape.phases * shape.phase_width + padded / shape.phases] = at(padded);
        }
    }
}

/// Adds a slab of all padded rows to `maps`, each entry to where it came from.
pub(super) fn fold_slab<T: Real>(g: &Geometry, slab: &[T], shape: SlabShape, maps: &mut [T]) {
    let (h, w) = (g.h, g.w);
    for (map, slab) in maps.chunks_exact_mut(h * w).zip(slab.chunks_exact(shape.channel())) {
        for (r, row) in slab.chunks_exact(shape.row()).enumerate() {
            let Some(y) = g.source(r, h) else { continue };
            let map = &mut map[y * w..(y + 1) * w];
            if shape.phases == 1 {
                add(map, &row[g.padding..g.padding + w]);
                for padded in (0..g.padding).chain(g.padding + w..2 * g.padding + w) {
                    if let Some(x) = g.source(padded, w) {
                        map[x] += row[padded];
                    }
                }
            } else {
                for padded in 0..g.padded().1 {
                    if let Some(x) = g.source(padded, w) {
                        map[x] += row[padded % shape.phases * shape.phase_width + padded / shape.phases];
                    }
                }
            }
        }
    }
}

/// Writes the windows of output rows `0 .. rows` of a slab of `channels` as columns
/// `offset .. offset + rows * ow` of `columns`, a matrix `[channels * taps, width]`.
pub(super) fn gather<T: Real>(
    g: &Geometry,
    slab: &[T],
    shape: SlabShape,
    rows: Range<usize>,
    columns: &mut [T],
    (offset, width): (usize, usize),
) {
    for (row, columns) in columns.chunks_exact_mut(width).enumerate() {
        let (channel, i, j) = (row / g.taps(), row / g.kw % g.kh, row % g.kw);
        let columns = &mut columns[offset..offset + rows.len() * g.ow];
        for (r, to) in rows.clone().zip(columns.chunks_exact_mut(g.ow)) {
            let from = shape.start(channel, r, i, j);
            to.copy_from_slice(&slab[from..from + g.ow]);
        }
    }
}

/// Adds columns `offset .. offset + rows * ow` back to the windows of output rows `rows`.
pub(super) fn scatter<T: Real>(
    g: &Geometry,
    columns: &[T],
    (offset, width): (usize, usize),
    rows: Range<usize>,
    shape: SlabShape,
    slab: &mut [T],
) {
    for (row, columns) in columns.chunks_exact(width).enumerate() {
        let (channel, i, j) = (row / g.taps(), row / g.kw % g.kh, row % g.kw);
        let columns = &columns[offset..offset + rows.len() * g.ow];
        for (r, from) in rows.clone().zip(columns.chunks_exact(g.ow)) {
            let to = shape.start(channel, r, i, j);
            add(&mut slab[to..to + g.ow], from);
        }
    }
}

#[inline]
fn add<T: Real>(to: &mut [T], from: &[T]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
