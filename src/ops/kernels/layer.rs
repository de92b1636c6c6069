//! One layer of a convolution: slabs filled, work cut into bands and panels.
#![expect(unsafe_code, reason = "panels are not cleared before they are written")]

use std::ops::Range;

use super::fresh::{Room, room};
use super::panels::{Layout, Vectors};
use super::scratch::Scratch;
use super::slab::Slab;
use super::tile::Tile;
use super::windows::Windows;
use super::{ENTRY, Real, each};

/// Entries of a slab that stay in the second-level cache while every panel passes over them.
const BAND_ENTRIES: usize = 64 * 1024;

/// Pieces of work that a machine of many cores should find.
const SIDE_BY_SIDE: usize = 8;

/// Multiplications of the smallest piece that another core is worth asking for.
const SMALL_PIECE: usize = 1 << 18;

/// Into how many pieces rows are cut at the least where the output channels have `panels` of them.
pub(super) fn pieces(multiplications: usize, panels: usize) -> usize {
    (multiplications / SMALL_PIECE).min(SIDE_BY_SIDE).div_ceil(panels.max(1)).max(1)
}

/// Positions of all samples that are few for the entries of a weight.
const FEW: usize = 1024;

/// Entries of a weight that do not stay in the second-level cache.
const LARGE: usize = 64 * 1024;

/// Sums over the windows of one group, sample by sample or all of them panel by panel.
pub(super) struct Layer<'a> {
    pub slab: &'a Slab,
    pub channels: usize,
    pub out: usize,
    /// Rows and columns of the result.
    pub size: (usize, usize),
    pub scratch: &'a Scratch,
    /// Of the panels.
    pub layout: Layout,
}

impl Layer<'_> {
    /// Entries of the result.
    pub fn len(&self) -> usize {
        self.out * self.size.0 * self.size.1
    }

    /// Products in one sum.
    fn depth(&self) -> usize {
        self.channels * self.slab.offsets.len()
    }

    /// Whether a weight that nobody packed is better packed and used panel by panel: where each of its
    /// entries meets so few positions of `samples` that its way through memory counts.
    pub fn goes_panel_by_panel(&self, samples: usize) -> bool {
        let positions = samples * self.size.0 * self.size.1;
        (1..=FEW).contains(&positions) && self.out * self.depth() >= LARGE
    }

    /// Writes all of `to`, `[samples, groups, out, rows, columns]`, from `maps` of as many samples;
    /// `pack` writes a panel of a group.
    pub fn compute_by_panel<T: Real>(
        &self,
        maps: &[T],
        groups: usize,
        bias: Option<&[T]>,
        to: &mut [Room<T>],
        pack: impl Fn((usize, usize), &mut [Room<T>]) + Sync + Send,
    ) {
        let (slab, len, depth) = (self.slab, self.slab.len(self.channels), self.depth());
        let (height, positions) = (self.layout.height, self.size.0 * self.size.1);
        let parts = to.len() / self.len();
        let mut slabs = self.scratch.take(parts * len);
        let of_part = maps.len() / parts;
        each(slabs.chunks_exact_mut(len).enumerate().collect(), ENTRY * maps.len(), |(i, to)| {
            slab.fill(&maps[i * of_part..][..of_part], to);
        });
        // Of every panel of every group, its part of the result in each sample.
        let panels = self.out.div_ceil(height);
        let mut jobs: Vec<Vec<&mut [Room<T>]>> = (0..groups * panels).map(|_| Vec::new()).collect();
        for (i, to) in to.chunks_exact_mut(self.len()).enumerate() {
            let of_group = &mut jobs[i % groups * panels..][..panels];
            of_group.iter_mut().zip(to.chunks_mut(height * positions)).for_each(|(job, to)| job.push(to));
        }
        let work = parts * self.len() * depth;
        each(jobs.into_iter().enumerate().collect(), work, |(job, to)| {
            let (group, panel) = (job / panels, job % panels);
            let mut packed = self.scratch.take(height * depth);
            // SAFETY: a panel is made of numbers.
            pack((group, panel), unsafe { room(&mut packed) });
            for (sample, to) in to.into_iter().enumerate() {
                let (n, first) = (to.len() / positions, group * self.out + panel * height);
                let windows = Windows {
                    slab,
                    maps: &slabs[(sample * groups + group) * len..][..len],
                    channels: self.channels,
                    panels: &packed,
                    layout: self.layout,
                    bias: bias.map(|bias| &bias[first..first + n]),
                    rows: 0..self.size.0,
                    width: self.size.1,
                };
                Tile::cut(to, n, &[positions]).iter_mut().for_each(|tile| windows.sum(tile));
            }
        });
    }

    /// Writes all of `to`, `[out, rows, columns]`.
    pub fn compute<T: Real>(&self, maps: &[T], panels: &[T], bias: Option<&[T]>, to: &mut [Room<T>]) {
        let (slab, (rows, width)) = (self.slab, self.size);
        let buffer;
        let filled = if slab.is_plain() && self.layout.vectors == Vectors::Channels {
            maps
        } else {
            let mut copy = self.scratch.take(slab.len(self.channels));
            slab.fill(maps, &mut copy);
            buffer = copy;
            &buffer[..]
        };
        let bands = self.bands();
        let widths: Vec<usize> = bands.iter().map(|rows| rows.len() * width).collect();
        let outs = self.outs_together(bands.len());
        let mut jobs = Vec::new();
        for (part, to) in to.chunks_mut((outs * rows * width).max(1)).enumerate() {
            let n = to.len() / (rows * width).max(1);
            let tiles = Tile::cut(to, n, &widths);
            jobs.extend(tiles.into_iter().zip(&bands).map(|(tile, rows)| (part * outs, rows.clone(), tile)));
        }
        let depth = self.depth();
        each(jobs, self.len() * depth, |(first, rows, mut tile)| {
            let n = tile.n_rows();
            let windows = Windows {
                slab,
                maps: filled,
                channels: self.channels,
                panels: &panels[first * depth..][..self.layout.len(n, depth)],
                layout: self.layout,
                bias: bias.map(|bias| &bias[first..first + n]),
                rows,
                width,
            };
            windows.sum(&mut tile);
        });
    }

    /// Output rows computed together.
    fn bands(&self) -> Vec<Range<usize>> {
        let rows = self.size.0;
        let cached = (BAND_ENTRIES / (self.channels * self.slab.pitch).max(1)).clamp(1, rows.max(1));
        let pieces = pieces(self.len() * self.depth(), self.out.div_ceil(self.layout.height));
        let together = cached.min(rows.div_ceil(pieces).max(1));
        // Equal parts instead of a small rest.
        let together = rows.div_ceil(rows.div_ceil(together).max(1)).max(1);
        (0..rows).step_by(together).map(|from| from..(from + together).min(rows)).collect()
    }

    /// Output channels computed together.
    fn outs_together(&self, bands: usize) -> usize {
        let panels = self.out.div_ceil(self.layout.height);
        let parts = SIDE_BY_SIDE.div_ceil(bands.max(1)).min(panels).max(1);
        panels.div_ceil(parts) * self.layout.height
    }
}
