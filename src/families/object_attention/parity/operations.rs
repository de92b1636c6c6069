//! Kind `ops`: single operations as the header describes them.

use std::collections::BTreeMap;

use candle_core::Tensor;
use serde::Deserialize;

use crate::error::Result;
use crate::ops::{self, ConvTransposeSpec, PoolSpec, Workspace};
use crate::parity::{Array, GoldenInputs, Recomputed};
use crate::weights::Weight;

/// One entry of the parameter `ops`.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Operation {
    Nearest {
        #[serde(rename = "in")]
        input: Input,
        size: (usize, usize),
    },
    Bicubic {
        #[serde(rename = "in")]
        input: Input,
        size: (usize, usize),
    },
    #[serde(rename = "conv_transpose2d")]
    ConvTranspose {
        #[serde(rename = "in")]
        input: Input,
        weight: String,
        bias: String,
        stride: usize,
        padding: usize,
    },
    #[serde(rename = "max_pool2d")]
    MaxPool {
        #[serde(rename = "in")]
        input: Input,
        kernel: usize,
        stride: usize,
        padding: usize,
    },
}

/// A given tensor, or 0, 1, 2, … in a shape.
#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Given(String),
    Counting { arange: Vec<usize> },
}

impl Input {
    fn tensor(&self, inputs: &GoldenInputs) -> Result<Tensor> {
        match self {
            Self::Given(name) => inputs.tensor(name),
            Self::Counting { arange } => {
                let n: usize = arange.iter().product();
                let values: Vec<f32> = (0..n).map(|value| value as f32).collect();
                Ok(Tensor::from_vec(values, arange.as_slice(), inputs.device())?)
            }
        }
    }
}

pub(super) fn recompute(inputs: &GoldenInputs) -> Result<Recomputed> {
    let operations: BTreeMap<String, Operation> = inputs.parameter("ops")?;
    let mut recomputed = Recomputed::new();
    let mut workspace = Workspace::new();
    for (name, operation) in operations {
        let output = match operation {
            Operation::Nearest { input, size } => ops::upsample_nearest(&input.tensor(inputs)?, size)?,
            Operation::Bicubic { input, size } => ops::resize_bicubic(&input.tensor(inputs)?, size)?,
            Operation::ConvTranspose { input, weight, bias, stride, padding } => {
                let weight = Weight::new(inputs.tensor(&weight)?);
                let bias = Weight::new(inputs.tensor(&bias)?);
                let spec = ConvTransposeSpec { stride, padding, output_padding: 0 };
                let input = input.tensor(inputs)?;
                ops::conv_transpose2d(&input, &weight, Some(&bias), &spec, &mut workspace)?
            }
            Operation::MaxPool { input, kernel, stride, padding } => {
                ops::max_pool2d(&input.tensor(inputs)?, &PoolSpec { kernel, stride, padding })?
            }
        };
        recomputed.insert(name, Array::from_tensor(&output)?);
    }
    Ok(recomputed)
}
