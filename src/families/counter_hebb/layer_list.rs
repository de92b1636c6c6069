//! A trunk as a list of layers.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One layer of a listed trunk, from the picture upwards. Every one is rectified and gated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerSpec {
    Conv {
        /// Output maps.
        channels: usize,
        /// Rows and columns of the kernel.
        kernel: usize,
        #[serde(default = "one")]
        stride: usize,
        #[serde(default)]
        padding: usize,
        #[serde(default = "one")]
        dilation: usize,
        #[serde(default = "one")]
        groups: usize,
        #[serde(default = "yes")]
        bias: bool,
    },
    Linear {
        units: usize,
        #[serde(default = "yes")]
        bias: bool,
    },
    /// Two 3 x 3 convolutions beside a shortcut.
    Block {
        channels: usize,
        #[serde(default = "one")]
        stride: usize,
    },
    /// The largest of each window; it has no weights. Downwards an instruction spreads over the
    /// window, an error goes to the unit that won.
    MaxPool {
        kernel: usize,
        stride: usize,
        #[serde(default)]
        padding: usize,
    },
    /// The mean of each map; it has no weights.
    GlobalAveragePool,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

impl LayerSpec {
    /// # Errors
    /// [`Error::Config`] naming the layer and its number out of range.
    pub(super) fn validate(&self, index: usize) -> Result<()> {
        let check = |field: &str, value: usize, least: usize, most: usize| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(Error::config(format!("layers[{index}].{field}"), format!("{least} to {most}"), value))
        };
        match *self {
            Self::Conv { channels, kernel, stride, padding, dilation, groups, .. } => {
                check("channels", channels, 1, 1 << 16)?;
                check("kernel", kernel, 1, 255)?;
                check("stride", stride, 1, 255)?;
                check("padding", padding, 0, 255)?;
                check("dilation", dilation, 1, 255)?;
                check("groups", groups, 1, channels)?;
                match channels % groups {
                    0 => Ok(()),
                    _ => {
                        Err(Error::config(format!("layers[{index}].groups"), "a divisor of channels", groups))
                    }
                }
            }
            Self::Linear { units, .. } => check("units", units, 1, 1 << 20),
            Self::Block { channels, stride } => {
                check("channels", channels, 1, 1 << 16)?;
                check("stride", stride, 1, 255)
            }
            Self::MaxPool { kernel, stride, padding } => {
                check("kernel", kernel, 1, 255)?;
                check("stride", stride, 1, 255)?;
                check("padding", padding, 0, kernel / 2)
            }
            Self::GlobalAveragePool => Ok(()),
        }
    }

    /// A plain convolution without padding.
    pub fn conv(channels: usize, kernel: usize) -> Self {
        Self::Conv { channels, kernel, stride: 1, padding: 0, dilation: 1, groups: 1, bias: true }
    }

    /// The trunk of torchvision's ResNet-18.
    pub fn torchvision_resnet18() -> Vec<Self> {
        let stem = Self::Conv {
            channels: 64,
            kernel: 7,
            stride: 2,
            padding: 3,
            dilation: 1,
            groups: 1,
            bias: false,
        };
        let blocks = [(64, 1), (128, 2), (256, 2), (512, 2)].into_iter().flat_map(|(channels, stride)| {
            [Self::Block { channels, stride }, Self::Block { channels, stride: 1 }]
        });
        [stem, Self::MaxPool { kernel: 3, stride: 2, padding: 1 }]
            .into_iter()
            .chain(blocks)
            .chain([Self::GlobalAveragePool])
            .collect()
    }
}
