//! A grid of the channels of one area: geometry, order, one atlas texture for what is in view.

use std::sync::Arc;

use egui::{Color32, ColorImage, Context, Rect, TextureId, Vec2, pos2, vec2};

use crate::store::RunData;
use crate::texture::{self, Colouring};

/// The order in which channels are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    Index,
    #[default]
    Peak,
    Change,
}

impl Order {
    pub const ALL: [(&'static str, Self); 3] =
        [("by index", Self::Index), ("by peak", Self::Peak), ("by change", Self::Change)];
}

/// The maps of one area at one step, in the order they are shown.
pub struct Cells {
    /// Area, step and reference that the rest was worked out for.
    key: CellsKey,
    /// What is drawn: responses, or differences.
    pub values: Arc<[f32]>,
    /// Channels in order.
    pub order: Vec<usize>,
    /// Per channel, largest value (or largest absolute difference).
    pub peaks: Vec<f32>,
    pub shape: [usize; 3],
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct CellsKey {
    source: usize,
    reference: usize,
    order: Order,
}

impl Cells {
    /// The cells of `values`, minus `reference` where one is given. `known` is returned if it fits.
    pub fn of(
        known: Option<Self>,
        values: &Arc<[f32]>,
        reference: Option<&Arc<[f32]>>,
        shape: [usize; 3],
        order: Order,
    ) -> Self {
        let address = |values: &Arc<[f32]>| values.as_ptr() as usize;
        let key = CellsKey { source: address(values), reference: reference.map_or(0, address), order };
        if let Some(known) = known.filter(|known| known.key == key && known.shape == shape) {
            return known;
        }
        let shown: Arc<[f32]> = match reference {
            Some(reference) => values.iter().zip(reference.iter()).map(|(a, b)| a - b).collect(),
            None => Arc::clone(values),
        };
        let plane = (shape[1] * shape[2]).max(1);
        let peaks: Vec<f32> = shown
            .chunks(plane)
            .take(shape[0])
            .map(|map| {
                let largest = |f: fn(f32) -> f32| map.iter().map(|&v| f(v)).fold(f32::MIN, f32::max);
                if reference.is_some() { largest(f32::abs) } else { largest(|v| v) }
            })
            .collect();
        let mut channels: Vec<usize> = (0..shape[0]).collect();
        if order != Order::Index {
            channels.sort_by(|&a, &b| peaks[b].total_cmp(&peaks[a]).then(a.cmp(&b)));
        }
        Self { key, values: shown, order: channels, peaks, shape }
    }

    /// The largest unit of a channel, as a flat index.
    pub fn peak_unit(&self, channel: usize) -> usize {
        let plane = self.shape[1] * self.shape[2];
        let map = &self.values[channel * plane..(channel + 1) * plane];
        let at = map.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
        channel * plane + at
    }
}

/// Where cells lie: size of a map on screen, columns, gaps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    pub map: Vec2,
    pub columns: usize,
    pub rows: usize,
}

pub const GAP: Vec2 = vec2(6.0, 4.0);
pub const LABEL: f32 = 16.0;

impl Layout {
    /// For `n` maps of `height` × `width` in a column `room` wide.
    pub fn new(n: usize, height: usize, width: usize, room: f32, target: f32) -> Self {
        let longest = height.max(width).max(1) as f32;
        let factor = (target / longest).floor().max(1.0);
        let factor = if factor * longest < 56.0 { factor + 1.0 } else { factor };
        let shrink = if longest > 112.0 { 112.0 / longest } else { 1.0 };
        let map = vec2(width as f32, height as f32) * (factor * shrink);
        let columns = (((room + GAP.x) / (map.x + GAP.x)).floor() as usize).clamp(1, n.max(1));
        Self { map, columns, rows: n.div_ceil(columns) }
    }

    pub fn row_height(&self) -> f32 {
        self.map.y + LABEL + GAP.y
    }

    pub fn height(&self) -> f32 {
        self.rows as f32 * self.row_height()
    }

    /// The map at `position` in the order, relative to the top left of the grid.
    pub fn cell(&self, position: usize) -> Rect {
        let (row, column) = (position / self.columns, position % self.columns);
        let at = pos2(column as f32 * (self.map.x + GAP.x), row as f32 * self.row_height());
        Rect::from_min_size(at, self.map)
    }
}

/// One texture with the cells of rows `from..to`, and the part of it that each position has.
pub struct Atlas {
    texture: TextureId,
    first: usize,
    columns: usize,
    rows: usize,
}

impl Atlas {
    pub fn of(
        ctx: &Context,
        cells: &Cells,
        layout: &Layout,
        rows: std::ops::Range<usize>,
        colouring: Colouring,
    ) -> Self {
        let [_, height, width] = cells.shape;
        let first = rows.start * layout.columns;
        let last = (rows.end * layout.columns).min(cells.order.len());
        let n_rows = rows.len().max(1);
        let salt = (first as u64) << 40
            ^ (last as u64) << 16
            ^ (layout.columns as u64) << 4
            ^ cells.key.order as u64;
        let texture = texture::map(ctx, &cells.values, colouring, salt, || {
            let (w, h) = (layout.columns * width, n_rows * height);
            let mut image = ColorImage::filled([w, h], Color32::TRANSPARENT);
            let plane = height * width;
            for (i, &channel) in cells.order[first..last].iter().enumerate() {
                let (top, left) = (i / layout.columns * height, i % layout.columns * width);
                let map = &cells.values[channel * plane..(channel + 1) * plane];
                for (row, line) in map.chunks_exact(width).enumerate() {
                    let start = (top + row) * w + left;
                    for (pixel, &value) in image.pixels[start..start + width].iter_mut().zip(line) {
                        *pixel = colouring.pixel(value);
                    }
                }
            }
            image
        });
        Self { texture, first, columns: layout.columns, rows: n_rows }
    }

    /// Texture and its part for the cell at `position` of the order.
    pub fn uv(&self, position: usize) -> (TextureId, Rect) {
        let i = position - self.first;
        let (row, column) = (i / self.columns, i % self.columns);
        let step = vec2(1.0 / self.columns as f32, 1.0 / self.rows as f32);
        let min = pos2(column as f32 * step.x, row as f32 * step.y);
        (self.texture, Rect::from_min_size(min, step))
    }
}

/// Rows and columns in which the units of a vector are laid out.
pub fn vector_shape(n: usize) -> [usize; 2] {
    let columns = if n <= 16 { n.max(1) } else { (n as f64).sqrt().ceil() as usize };
    [n.div_ceil(columns), columns]
}

/// The values of a recorded step that changes are measured against, and in words what it is.
pub fn reference<'a>(
    run: &'a RunData,
    baseline: Option<(&'a RunData, usize)>,
    step: usize,
    area: usize,
) -> Option<(&'a Arc<[f32]>, &'static str)> {
    let t = run.recording.steps[step].t;
    if let Some((baseline, _)) = baseline {
        let name = &run.recording.areas[area].name;
        let area = baseline.recording.area(name)?;
        return Some((&baseline.recording.at(t)?.values[area], "baseline"));
    }
    let before = run.recording.steps.get(step.checked_sub(1)?)?;
    Some((&before.values[area], "the timestep before"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_whole_multiples_of_the_map() {
        let side = |n: usize| Layout::new(8, n, n, 400.0, 72.0).map.x;
        assert_eq!([side(24), side(12), side(6), side(8), side(48)], [72.0, 72.0, 72.0, 72.0, 96.0]);
        assert_eq!(Layout::new(8, 28, 42, 400.0, 72.0).map, vec2(84.0, 56.0));
        let layout = Layout::new(32, 24, 24, 462.0, 72.0);
        assert_eq!((layout.columns, layout.rows), (6, 6));
    }

    #[test]
    fn channels_come_by_peak_and_changes_by_size() {
        let values: Arc<[f32]> = vec![0.0, 1.0, 5.0, 0.0, -9.0, 2.0].into();
        let cells = Cells::of(None, &values, None, [3, 1, 2], Order::Peak);
        assert_eq!(cells.order, [1, 2, 0]);
        assert_eq!(cells.peak_unit(2), 5);
        let zero: Arc<[f32]> = vec![0.0; 6].into();
        let changes = Cells::of(None, &values, Some(&zero), [3, 1, 2], Order::Peak);
        assert_eq!(changes.order, [2, 1, 0]);
        assert_eq!(Cells::of(None, &values, None, [3, 1, 2], Order::Index).order, [0, 1, 2]);
    }

    #[test]
    fn vectors_become_blocks() {
        assert_eq!(vector_shape(10), [1, 10]);
        assert_eq!(vector_shape(64), [8, 8]);
        assert_eq!(vector_shape(65), [8, 9]);
    }
}
