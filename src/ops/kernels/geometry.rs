//! Sizes of a convolution and how its work is cut into pieces.

use crate::ops::conv::PadMode;

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

/// Entries of a column buffer that stay in the second-level cache.
const BUFFER_ENTRIES: usize = 96 * 1024;

/// Fewer columns than this make poor use of the matrix product.
const LEAST_COLUMNS: usize = 96;

/// Fewer rows than this make the packing of the other operand count.
const LEAST_HEIGHT: usize = 64;

/// Pieces of work that a machine of many cores should find.
const SIDE_BY_SIDE: usize = 8;

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

    /// Whether the input itself is the column matrix.
    pub fn is_pointwise(&self) -> bool {
        self.taps() == 1 && self.stride == 1 && self.padding == 0
    }

    /// Whether windows can be read from the input without a padded copy.
    pub fn reads_in_place(&self) -> bool {
        self.stride == 1 && self.padding == 0
    }

    /// Samples computed together, so that small maps still give enough columns.
    pub fn samples_together(&self) -> usize {
        LEAST_COLUMNS.div_ceil(self.positions().max(1)).min(self.batch).max(1)
    }

    /// Channels of the input computed together when the convolution is transposed: fewer than all
    /// only where batch and groups give too little to do side by side.
    pub fn channels_together(&self) -> usize {
        let blocks = SIDE_BY_SIDE.div_ceil((self.batch * self.groups).max(1));
        let least = LEAST_HEIGHT.div_ceil(self.taps());
        self.group_channels().div_ceil(blocks).max(least).min(self.group_channels()).max(1)
    }

    /// Output rows computed together for `rows_of_columns` rows of the column buffer.
    pub fn rows_together(&self, rows_of_columns: usize) -> usize {
        let columns = (BUFFER_ENTRIES / rows_of_columns.max(1)).max(LEAST_COLUMNS);
        let rows = (columns / self.ow.max(1)).clamp(1, self.oh);
        // Equal parts instead of a small rest.
        self.oh.div_ceil(self.oh.div_ceil(rows))
    }

    /// Rows and columns of the padded input.
    pub fn padded(&self) -> (usize, usize) {
        (self.h + 2 * self.padding, self.w + 2 * self.padding)
    }

    /// Where a padded row or column comes from along an axis of `n` entries; `None` is zero.
    pub fn source(&self, padded: usize, n: usize) -> Option<usize> {
        let distance = padded.abs_diff(self.padding);
        match self.pad_mode {
            _ if padded >= self.padding && distance < n => Some(distance),
            PadMode::Zero => None,
            PadMode::Reflect if distance < n => Some(distance),
            PadMode::Reflect => Some(2 * (n - 1) - distance),
        }
    }
}
