//! Steps that both networks share: the image, gains, currents before pooling, dropout.

use candle_core::Tensor;

use crate::dynamics::Frame;
use crate::error::Result;
use crate::ops;
use crate::rng;
use crate::stimulus::PixelScale;

/// The image as the first stage sees it.
#[derive(Clone, Debug)]
pub struct ImageInput {
    in_dims: [usize; 3],
    scale: Option<PixelScale>,
    /// A tensor of the type and on the device of the network.
    like: Tensor,
}

impl ImageInput {
    /// `normalisation`: mean and standard deviation per channel; the numbers have the dtype and
    /// device of `like`.
    pub fn new(in_dims: [usize; 3], normalisation: Option<(&[f64], &[f64])>, like: &Tensor) -> Self {
        let short = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
        let scale = normalisation.map(|(mean, std)| PixelScale { mean: short(mean), std: short(std) });
        Self { in_dims, scale, like: like.detach() }
    }

    /// `(x - mean) / std` per channel.
    ///
    /// # Errors
    /// As [`Frame::pixels`].
    pub fn prepare(&self, frame: &Frame) -> Result<Tensor> {
        frame.normalised(self.in_dims, self.scale.as_ref(), &self.like)
    }

    /// By what pixels are normalised.
    pub fn scale(&self) -> Option<PixelScale> {
        self.scale.clone()
    }

    pub fn shape(&self) -> [usize; 3] {
        self.in_dims
    }

    /// A tensor of the type and on the device of the network.
    pub fn like(&self) -> &Tensor {
        &self.like
    }
}

/// `x * (1 + softness * map)`; a map of one channel acts on all channels.
pub fn gained(x: &Tensor, map: &Tensor, softness: f64) -> Result<Tensor> {
    Ok(x.broadcast_mul(&((map * softness)? + 1.0)?)?)
}

/// A current into a pooled area, spread over the pooling windows that its units look at.
///
/// Taps see areas as they are recorded, after pooling; what is added before the nonlinearity has the
/// finer grid. `tap` is asked with zeros of the area's shape.
pub fn add_pooled_current(
    preactivation: Tensor,
    area_shape: &[usize],
    scale: usize,
    tap: impl FnOnce(Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    if scale == 1 {
        return tap(preactivation);
    }
    let (batch, _, height, width) = preactivation.dims4()?;
    let shape = [&[batch], area_shape].concat();
    let nothing = Tensor::zeros(shape, preactivation.dtype(), preactivation.device())?;
    let current = tap(nothing.clone())?;
    if current.id() == nothing.id() {
        return Ok(preactivation);
    }
    let (h, w) = (area_shape[1] * scale, area_shape[2] * scale);
    let spread = ops::upsample_nearest(&current, (h, w))?;
    // Rows and columns that fill no window are not read by the pooling.
    let spread = spread.pad_with_zeros(2, 0, height - h)?.pad_with_zeros(3, 0, width - w)?;
    ops::add(&preactivation, &spread)
}

/// Dropout of one training update: new masks in every timestep, the same for the same update.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    pub seed: u64,
    pub update: u64,
}

impl Dropout {
    /// Whole maps of `x` dropped with probability `p`.
    pub fn maps(self, x: &Tensor, p: f64, t: usize, stage: usize) -> Result<Tensor> {
        ops::dropout2d(x, p, &mut self.stream(t, stage))
    }

    /// Entries of `x` dropped with probability `p`.
    pub fn entries(self, x: &Tensor, p: f64, t: usize, stage: usize) -> Result<Tensor> {
        ops::dropout(x, p, &mut self.stream(t, stage))
    }

    fn stream(self, t: usize, stage: usize) -> rng::Rng {
        rng::stream(self.seed, "dropout", &[self.update, t as u64, stage as u64])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn a_current_reaches_the_whole_pooling_window() {
        let before = Tensor::zeros((1, 1, 5, 4), DType::F32, &Device::Cpu).unwrap();
        let after = add_pooled_current(before, &[1, 2, 2], 2, |nothing| {
            let index = Tensor::from_vec(vec![0f32, 0.0, 1.0, 0.0], (1, 1, 2, 2), &Device::Cpu)?;
            Ok((nothing + index)?)
        })
        .unwrap();
        let rows = after.squeeze(0).unwrap().squeeze(0).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(rows[1], [0.0; 4]);
        assert_eq!(rows[2], [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(rows[4], [0.0; 4]);
    }
}
