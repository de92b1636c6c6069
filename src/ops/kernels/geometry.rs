//! Sizes of a convolution.

use super::slab::Slab;
use crate::ops::conv::PadMode;

/// Positions of a map whose rows are short; longer ones are cut into bands of rows that stay in the cache.
const SHORT_ROWS: usize = 128;

/// A convolution from `[batch, channels, h, w]` to `[batch, out, oh, ow]`.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Geometry {
    pub batch: usize,
    pub channels: usize,
    pub h: usize,
    pub w: usize,
    pub out: usize,
    pub oh: usize,
    pub ow: usize,
    pub kh: usize,
    pub kw: usize,
    pub stride: usize,
    pub padding: usize,
    pub pad_mode: PadMode,
    pub groups: usize,
}

impl Geometry {
    /// Channels of one group of the input.
    pub fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    /// Channels of one group of the output.
    pub fn group_out(&self) -> usize {
        self.out / self.groups
    }

    /// Entries of one kernel.
    pub fn taps(&self) -> usize {
        self.kh * self.kw
    }

    /// Positions of one output map.
    pub fn positions(&self) -> usize {
        self.oh * self.ow
    }

    /// Entries of one sample's group of the input.
    pub fn group_entries(&self) -> usize {
        self.group_channels() * self.h * self.w
    }

    /// Multiplications of the whole convolution.
    pub fn multiplications(&self) -> usize {
        self.batch * self.positions() * self.out * self.group_channels() * self.taps()
    }

    /// Weights of one output channel.
    pub fn depth(&self) -> usize {
        self.group_channels() * self.taps()
    }

    /// The same convolution over one long row, where a kernel of one tap meets rows too short for vectors
    /// and tiles.
    pub(super) fn in_one_row(self) -> Self {
        let is_of_points = (self.kh, self.kw, self.stride, self.padding) == (1, 1, 1, 0);
        if is_of_points && self.h * self.w <= SHORT_ROWS {
            Self { h: 1, w: self.h * self.w, oh: 1, ow: self.oh * self.ow, ..self }
        } else {
            self
        }
    }

    /// How the input of one group of one sample is laid out for its windows.
    pub(super) fn slab(&self) -> Slab {
        let p = self.padding;
        let padded = (self.h + 2 * p, self.w + 2 * p);
        Slab::new((self.h, self.w), (p, p), padded, self.pad_mode, (self.kh, self.kw), self.stride)
    }
}
