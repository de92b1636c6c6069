//! Layers: weights by name prefix and the operation that uses them.

pub mod init;
mod norm;
mod rnn;

use candle_core::Tensor;

pub use norm::{Norm, NormKind};
pub use rnn::RnnCell;

use crate::error::Result;
use crate::ops::{self, ConvSpec, ConvTransposeSpec, Workspace};
use crate::weights::{Weight, Weights};

/// A convolution: `{prefix}.weight` `[out, in / groups, kh, kw]` and, where present, `{prefix}.bias`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    pub weight: Weight,
    pub bias: Option<Weight>,
    pub spec: ConvSpec,
}

impl Conv2d {
    /// # Errors
    /// [`crate::Error::Unknown`] if there is no such weight.
    pub fn load(weights: &Weights, prefix: &str, spec: ConvSpec) -> Result<Self> {
        let (weight, bias) = weight_and_bias(weights, prefix)?;
        Ok(Self { weight, bias, spec })
    }

    /// # Errors
    /// As [`ops::conv2d`].
    pub fn forward(&self, x: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        ops::conv2d(x, &self.weight, self.bias.as_ref(), &self.spec, ws)
    }
}

/// A transposed convolution: `{prefix}.weight` `[in, out, kh, kw]` and, where present, `{prefix}.bias`.
#[derive(Clone, Debug)]
pub struct ConvTranspose2d {
    pub weight: Weight,
    pub bias: Option<Weight>,
    pub spec: ConvTransposeSpec,
}

impl ConvTranspose2d {
    /// # Errors
    /// [`crate::Error::Unknown`] if there is no such weight.
    pub fn load(weights: &Weights, prefix: &str, spec: ConvTransposeSpec) -> Result<Self> {
        let (weight, bias) = weight_and_bias(weights, prefix)?;
        Ok(Self { weight, bias, spec })
    }

    /// # Errors
    /// As [`ops::conv_transpose2d`].
    pub fn forward(&self, x: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        ops::conv_transpose2d(x, &self.weight, self.bias.as_ref(), &self.spec, ws)
    }
}

/// An affine map: `{prefix}.weight` `[out, in]` and, where present, `{prefix}.bias`.
#[derive(Clone, Debug)]
pub struct Linear {
    pub weight: Weight,
    pub bias: Option<Weight>,
}

impl Linear {
    /// # Errors
    /// [`crate::Error::Unknown`] if there is no such weight.
    pub fn load(weights: &Weights, prefix: &str) -> Result<Self> {
        let (weight, bias) = weight_and_bias(weights, prefix)?;
        Ok(Self { weight, bias })
    }

    /// # Errors
    /// As [`ops::linear`].
    pub fn forward(&self, x: &Tensor, ws: &mut Workspace) -> Result<Tensor> {
        ops::linear(x, &self.weight, self.bias.as_ref(), ws)
    }
}

/// A table of vectors: `{prefix}.weight` `[rows, width]`.
#[derive(Clone, Debug)]
pub struct Embedding {
    pub weight: Weight,
}

impl Embedding {
    /// # Errors
    /// [`crate::Error::Unknown`] if there is no such weight.
    pub fn load(weights: &Weights, prefix: &str) -> Result<Self> {
        Ok(Self { weight: weights.get(&format!("{prefix}.weight"))?.clone() })
    }

    /// # Errors
    /// As [`ops::embedding`].
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        ops::embedding(ids, self.weight.tensor())
    }
}

fn weight_and_bias(weights: &Weights, prefix: &str) -> Result<(Weight, Option<Weight>)> {
    let weight = weights.get(&format!("{prefix}.weight"))?.clone();
    Ok((weight, weights.find(&format!("{prefix}.bias")).cloned()))
}
