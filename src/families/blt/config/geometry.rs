//! Widths, map sizes and pooling.

use serde::{Deserialize, Serialize};

use super::connections::N_AREAS;

/// Which of the source's three sets of widths and map sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Geometry {
    Standard,
    /// The two highest areas are vectors.
    Top2linear,
    /// As many parameters as a network with lateral connections, in one pass: larger maps.
    Pm,
}

impl Geometry {
    /// Channels of each area in the source.
    pub fn default_widths(self) -> [usize; N_AREAS] {
        match self {
            Self::Standard => [64, 64, 128, 256, 512, 512],
            Self::Top2linear => [64, 128, 256, 512, 1024, 2048],
            Self::Pm => [64, 128, 256, 256, 512, 512],
        }
    }

    /// Side of each area's map for pictures of 224 pixels, by which kernels are chosen.
    pub fn nominal_sizes(self) -> [usize; N_AREAS] {
        match self {
            Self::Standard => [56, 56, 28, 14, 7, 7],
            Self::Top2linear => [56, 28, 14, 7, 1, 1],
            Self::Pm => [112, 56, 28, 28, 14, 7],
        }
    }

    /// Kernel, stride and padding of the first convolution.
    pub fn stem(self) -> [usize; 3] {
        match self {
            Self::Pm => [5, 1, 2],
            Self::Standard | Self::Top2linear => [7, 2, 3],
        }
    }
}

/// How maps are halved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    Max,
    /// Padding counts as zeros.
    #[serde(alias = "average")]
    Avg,
    /// Binomial blur before every second entry (Zhang 2019), without a maximum before it.
    Blur,
}

impl Pooling {
    /// `max`, `avg` or `blur`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Blur => "blur",
        }
    }
}
