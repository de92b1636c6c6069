//! What lies between two areas: the operation that a connection is.

use super::geometry::Geometry;

/// The operation of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A convolution, behind a pooling layer where `is_pooled`.
    Conv { kernel: usize, stride: usize, padding: usize, is_pooled: bool },
    /// A transposed convolution, which enlarges the map.
    Transposed { kernel: usize, stride: usize, padding: usize, output_padding: usize },
    /// Max pooling, whatever the pooling option, then an affine map of all its `positions`.
    Bridge { positions: usize },
    /// A transposed convolution of one position whose single result is added to a whole map, as the
    /// source does where its table of kernels has no entry.
    Broadcast,
}

impl Link {
    /// From area `pre` to area `post`; the kernel follows from their nominal map sizes alone.
    ///
    /// `None` if the sizes are no power of two apart, where the source has no kernel either.
    pub fn between(geometry: Geometry, pre: usize, post: usize) -> Option<Self> {
        let sizes = geometry.nominal_sizes();
        let (from, to) = (sizes[pre], sizes[post]);
        let plain = |kernel: usize| Self::Conv { kernel, stride: 1, padding: kernel / 2, is_pooled: false };
        if pre <= post {
            return match (from, to) {
                (1, 1) => Some(plain(1)),
                (from, 1) => Some(Self::Bridge { positions: from.div_ceil(2).pow(2) }),
                _ => match from / to {
                    1 => Some(plain(3)),
                    2 => Some(Self::Conv { kernel: 3, stride: 1, padding: 1, is_pooled: true }),
                    factor @ (4 | 8 | 16) => Some(Self::Conv {
                        kernel: factor + 1,
                        stride: factor / 2,
                        padding: factor / 2,
                        is_pooled: true,
                    }),
                    _ => None,
                },
            };
        }
        match to / from {
            1 => Some(plain(3)),
            factor @ (2 | 4 | 8 | 16) => {
                Some(Self::Transposed { kernel: factor + 1, stride: factor, padding: 1, output_padding: 1 })
            }
            _ if from == 1 => Some(Self::Broadcast),
            _ => None,
        }
    }

    /// What follows `conv_{pre}_{post}` in the name of its weight.
    pub fn key(self) -> &'static str {
        match self {
            Self::Conv { is_pooled: true, .. } => ".conv",
            Self::Bridge { .. } => ".linear",
            Self::Conv { .. } | Self::Transposed { .. } | Self::Broadcast => "",
        }
    }

    /// Shape of its weight between areas of `from` and `to` channels.
    pub fn weight_shape(self, from: usize, to: usize) -> Vec<usize> {
        match self {
            Self::Conv { kernel, .. } => vec![to, from, kernel, kernel],
            Self::Transposed { kernel, .. } => vec![from, to, kernel, kernel],
            Self::Bridge { positions } => vec![to, from * positions],
            Self::Broadcast => vec![from, to, 1, 1],
        }
    }

    /// Whether the pooling option applies to it.
    pub fn is_pooled(self) -> bool {
        matches!(self, Self::Conv { is_pooled: true, .. })
    }
}
