//! The kernels of a network and the paths between areas, shared by the dynamics and the twin.

use candle_core::Tensor;

use super::config::Config;
use super::weights::kernel;
use crate::error::{Error, Result};
use crate::ops::{self, ConvSpec, PadMode, PoolSpec, Workspace};
use crate::weights::{Weight, Weights};

/// 3 x 3, same size.
pub(super) const SAME: ConvSpec = spec(1, 1);
const HALVING: ConvSpec = spec(2, 1);
const PICKING: ConvSpec = spec(2, 0);
const INPUT: ConvSpec = spec(2, 3);
pub(super) const INPUT_POOL: PoolSpec = PoolSpec { kernel: 3, stride: 2, padding: 1 };

const fn spec(stride: usize, padding: usize) -> ConvSpec {
    ConvSpec { stride, padding, pad_mode: PadMode::Zero, groups: 1 }
}

/// Effective kernels; per area unless said otherwise.
#[derive(Clone, Debug)]
pub struct Trunk {
    inp_conv: Weight,
    inp_skip: Weight,
    /// Recurrent, or the second of the twin's two convolutions.
    pub(super) area_conv: Vec<Weight>,
    /// From the stage below.
    pub(super) area_area: Vec<Weight>,
    /// Per skip.
    skip_area: Vec<Weight>,
}

/// The read-out of the two last areas.
#[derive(Clone, Debug)]
pub(super) struct ReadOut {
    weight: Weight,
    bias: Weight,
}

/// What the picture sends to the first two areas.
#[derive(Clone, Debug)]
pub(super) struct InputDrive {
    /// Convolved for area 0.
    pub(super) area0: Tensor,
    /// Added to the rates of area 0 for area 1.
    pub(super) skip: Tensor,
}

impl Trunk {
    /// The kernels whose names begin with `prefix`.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Shape`] for a missing or misshapen tensor.
    pub(super) fn load(config: &Config, weights: &Weights, prefix: &str) -> Result<Self> {
        let one = |name: &str| kernel(weights, &format!("{prefix}{name}"));
        let list = |name: &str, n: usize| -> Result<Vec<Weight>> {
            (0..n).map(|i| one(&format!("{name}.{i}"))).collect()
        };
        Ok(Self {
            inp_conv: one("inp_conv")?,
            inp_skip: one("inp_skip")?,
            area_conv: list("area_conv", config.depth)?,
            area_area: list("area_area", config.depth)?,
            skip_area: list("skip_area", config.n_skips())?,
        })
    }

    /// A tensor of its type on its device.
    pub(super) fn like(&self) -> &Tensor {
        self.inp_conv.tensor()
    }

    /// The highest generation of its kernels.
    pub(super) fn generation(&self) -> u64 {
        let single = [&self.inp_conv, &self.inp_skip];
        let all = single.into_iter().chain(&self.area_conv).chain(&self.area_area).chain(&self.skip_area);
        all.map(Weight::generation).max().unwrap_or(0)
    }

    /// The first convolution, before normalisation and pooling.
    pub(super) fn input(&self, image: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        ops::conv2d(image, &self.inp_conv, None, &INPUT, ws)
    }

    /// `pooled` through the skip to area 1.
    pub(super) fn input_skip(&self, pooled: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        ops::conv2d(pooled, &self.inp_skip, None, &SAME, ws)
    }

    /// What the normalised picture sends, computed once per picture.
    pub(super) fn drive(&self, image: &Tensor, ws: &mut Workspace) -> Result<InputDrive> {
        let pooled = ops::avg_pool2d(&self.input(image, ws)?, &INPUT_POOL)?;
        Ok(InputDrive { area0: self.forward(0, &pooled, ws)?, skip: self.input_skip(&pooled, ws)? })
    }

    /// `below` through the convolution into `area`.
    pub(super) fn forward(&self, area: usize, below: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        let spec = if area > 0 && area.is_multiple_of(2) { HALVING } else { SAME };
        ops::conv2d(below, &self.area_area[area], None, &spec, ws)
    }

    /// Rates `x` of area `2k + 1` through skip `k`, which reaches area `2k + 3`.
    pub(super) fn skip(&self, skip: usize, x: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        ops::conv2d(x, &self.skip_area[skip], None, &PICKING, ws)
    }

    /// What arrives at `area` from the rates `r` below it and from the picture; `None` for area 0
    /// without a picture. Rates are rectified on the way.
    pub(super) fn arriving(
        &self,
        area: usize,
        r: &[Tensor],
        drive: Option<&InputDrive>,
        ws: &mut Workspace,
    ) -> Result<Option<Tensor>> {
        let below = match area {
            0 => return Ok(drive.map(|drive| drive.area0.clone())),
            1 => match drive {
                Some(drive) => ops::add_rectified(&r[0], &drive.skip, false)?,
                None => ops::relu(&r[0])?,
            },
            _ if area.is_multiple_of(2) => ops::add_rectified(&r[area - 1], &r[area - 2], true)?,
            _ => {
                let skipped = self.skip((area - 3) / 2, &ops::relu(&r[area - 2])?, ws)?;
                ops::add_rectified(&r[area - 1], &skipped, false)?
            }
        };
        self.forward(area, &below, ws).map(Some)
    }
}

impl ReadOut {
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Shape`] for a missing or misshapen tensor.
    pub(super) fn load(config: &Config, weights: &Weights) -> Result<Self> {
        let bias = weights.get_shaped("out_fc.bias", &[config.n_classes])?.clone();
        Ok(Self { weight: kernel(weights, "out_fc")?, bias })
    }

    /// Logits `[batch, classes]` of the rates of all areas, of which the last two are read.
    pub(super) fn logits(&self, r: &[Tensor], ws: &mut Workspace) -> Result<Tensor> {
        let [.., before, last] = r else {
            return Err(Error::shape("areas that are read out", "2 or more", &[r.len()]));
        };
        let pooled = ops::global_avg_pool2d(&ops::add_rectified(last, before, true)?)?;
        ops::linear(&pooled, &self.weight, Some(&self.bias), ws)
    }
}
