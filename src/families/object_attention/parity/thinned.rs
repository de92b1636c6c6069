//! Thinned copies of maps, by the suffix of their name.

use candle_core::Tensor;

use crate::error::Result;

/// Forms in which the source's tensors are stored: the area's name is followed by one of these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Thinning {
    Full,
    /// `_rows`: every fourth row.
    Rows,
    /// `_s{k}`: every k-th row and column.
    Stride(usize),
    /// `_ch0`: the first channel, its axis kept.
    FirstChannel,
}

impl Thinning {
    pub(super) fn suffix(self) -> String {
        match self {
            Self::Full => String::new(),
            Self::Rows => "_rows".to_owned(),
            Self::Stride(stride) => format!("_s{stride}"),
            Self::FirstChannel => "_ch0".to_owned(),
        }
    }

    /// Of `[batch, channels, height, width]`.
    pub(super) fn apply(self, map: &Tensor) -> Result<Tensor> {
        match self {
            Self::Full => Ok(map.clone()),
            Self::Rows => every(map, 2, 4),
            Self::Stride(stride) => every(&every(map, 2, stride)?, 3, stride),
            Self::FirstChannel => Ok(map.narrow(1, 0, 1)?),
        }
    }
}

fn every(map: &Tensor, dim: usize, stride: usize) -> Result<Tensor> {
    let index: Vec<u32> = (0..map.dim(dim)? as u32).step_by(stride).collect();
    let n = index.len();
    Ok(map.contiguous()?.index_select(&Tensor::from_vec(index, n, map.device())?, dim)?)
}
