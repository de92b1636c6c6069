//! The layers of a network, bottom-up and top-down, by the names of the source.

use candle_core::Tensor;

use super::config::{Config, Stage, Variant};
use crate::error::Result;
use crate::nn::{Conv2d, ConvTranspose2d, Linear};
use crate::ops::{self, ConvSpec, ConvTransposeSpec, Workspace};
use crate::weights::Weights;

/// All weights of a network.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    /// Per stage: `conv{i}`.
    pub(super) forward: Vec<Conv2d>,
    /// Per stage: `conv{i}_t`, which makes the gate of the stage.
    pub(super) feedback: Vec<ConvTranspose2d>,
    pub(super) readout: Linear,
    pub(super) readout_feedback: Linear,
    upsampling: Upsampling,
}

#[derive(Clone, Copy, Debug)]
enum Upsampling {
    Nearest,
    Bicubic,
}

impl Layers {
    /// # Errors
    /// [`crate::Error::Unknown`] or [`crate::Error::Shape`] for a missing or misshapen tensor.
    pub(super) fn load(config: &Config, weights: &Weights) -> Result<Self> {
        for (name, shape) in config.tensors()? {
            weights.get_shaped(&name, &shape)?;
        }
        let n_stages = config.variant.n_stages();
        let forward = (1..=n_stages)
            .map(|i| Conv2d::load(weights, &format!("conv{i}"), ConvSpec::default()))
            .collect::<Result<_>>()?;
        let feedback = (1..=n_stages)
            .map(|i| ConvTranspose2d::load(weights, &format!("conv{i}_t"), ConvTransposeSpec::default()))
            .collect::<Result<_>>()?;
        let upsampling = match config.variant {
            Variant::Digits => Upsampling::Nearest,
            Variant::Photographs => Upsampling::Bicubic,
        };
        Ok(Self {
            forward,
            feedback,
            readout: Linear::load(weights, "linear_out")?,
            readout_feedback: Linear::load(weights, "linear_out_t")?,
            upsampling,
        })
    }

    /// A tensor of the type of the network on its device.
    pub(super) fn like(&self) -> &Tensor {
        self.readout.weight.tensor()
    }

    /// The highest generation of its weights.
    pub(super) fn generation(&self) -> u64 {
        let convolutions = self.forward.iter().map(|layer| (&layer.weight, &layer.bias));
        let transposed = self.feedback.iter().map(|layer| (&layer.weight, &layer.bias));
        let linear = [&self.readout, &self.readout_feedback].map(|layer| (&layer.weight, &layer.bias));
        convolutions
            .chain(transposed)
            .chain(linear)
            .flat_map(|(weight, bias)| [Some(weight), bias.as_ref()])
            .flatten()
            .map(crate::weights::Weight::generation)
            .max()
            .unwrap_or(0)
    }

    /// What becomes the gate of stage `index` through tanh: `top_down` (the raw gate of the stage
    /// above, or the read-out's feedback) and the pooled responses of this stage, in this order,
    /// enlarged to the size of the convolution and transposed-convolved back to that of its input.
    pub(super) fn gate_preactivation(
        &self,
        index: usize,
        stage: &Stage,
        top_down: &Tensor,
        pooled: &Tensor,
        ws: &mut Workspace,
    ) -> Result<Tensor> {
        let both = Tensor::cat(&[top_down, pooled], 1)?;
        let size = (stage.conv[1], stage.conv[2]);
        let both = match self.upsampling {
            Upsampling::Nearest => ops::upsample_nearest(&both, size)?,
            Upsampling::Bicubic => ops::resize_bicubic(&both, size)?,
        };
        self.feedback[index].forward(&both, ws)
    }
}
