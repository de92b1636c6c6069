//! Configuration of the ResNet baseline (He et al. 2016).

use serde::{Deserialize, Serialize};

use super::Tensors;
use super::preparation::Normalisation;
use super::recurrent::IMAGE_SIZE;
use crate::error::{Error, Result};

/// Bottleneck blocks per stage of the network with 50 layers, which the source builds.
pub const BLOCKS_50: [usize; 4] = [3, 4, 6, 3];
/// A block's output is this many times wider than its middle.
const EXPANSION: usize = 4;
/// Channels behind the first convolution and in the middle of the first stage.
const BASE: usize = 64;

/// A residual network of bottleneck blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResnetConfig {
    /// Blocks per stage.
    pub blocks: Vec<usize>,
    pub n_classes: usize,
    /// Side of the square picture in pixels.
    pub image_size: usize,
    pub normalisation: Normalisation,
}

/// One bottleneck block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// `stage_{1..4}.{0..}`.
    pub name: String,
    /// Of its stage, from 0.
    pub stage: usize,
    pub is_last: bool,
    pub input: usize,
    pub middle: usize,
    pub output: usize,
    pub stride: usize,
}

impl Block {
    /// Whether its shortcut is a convolution.
    pub fn has_projection(&self) -> bool {
        self.input != self.output
    }
}

impl ResnetConfig {
    pub fn new(blocks: &[usize]) -> Self {
        Self {
            blocks: blocks.to_vec(),
            n_classes: 1000,
            image_size: IMAGE_SIZE,
            normalisation: Normalisation::default(),
        }
    }

    /// `resnet50` and the like: three layers per block, the first and the last.
    pub fn name(&self) -> String {
        format!("resnet{}", 3 * self.blocks.iter().sum::<usize>() + 2)
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn validate(&self) -> Result<()> {
        if self.blocks.len() != 4 || self.blocks.iter().any(|blocks| !(1..=200).contains(blocks)) {
            return Err(Error::config("blocks", "4 numbers of 1 to 200", format!("{:?}", self.blocks)));
        }
        if !(1..=1 << 16).contains(&self.n_classes) {
            return Err(Error::config("n_classes", "1 to 65536", self.n_classes));
        }
        if !self.image_size.is_multiple_of(32) || !(32..=1 << 13).contains(&self.image_size) {
            return Err(Error::config("image_size", "a multiple of 32", self.image_size));
        }
        Ok(())
    }

    /// All blocks from the picture upwards.
    pub fn all_blocks(&self) -> Vec<Block> {
        let mut input = BASE;
        let mut blocks = Vec::new();
        for (stage, &n) in self.blocks.iter().enumerate() {
            let middle = BASE << stage;
            for index in 0..n {
                let stride = if index == 0 && stage > 0 { 2 } else { 1 };
                let output = EXPANSION * middle;
                let name = format!("stage_{}.{index}", stage + 1);
                let is_last = index + 1 == n;
                blocks.push(Block { name, stage, is_last, input, middle, output, stride });
                input = output;
            }
        }
        blocks
    }

    /// Channels and side of the map behind the first pooling and behind each stage.
    pub fn area_shapes(&self) -> Vec<[usize; 3]> {
        let stage = |stage: usize| {
            let side = self.image_size / (4 << stage);
            [EXPANSION * (BASE << stage), side, side]
        };
        let first = self.image_size / 4;
        std::iter::once([BASE, first, first]).chain((0..4).map(stage)).collect()
    }

    /// Names and shapes of the source's tensors.
    pub fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::new();
        let mut unit = |name: &str, to: usize, from: usize, kernel: usize| {
            tensors.layer(&format!("{name}.0"), vec![to, from, kernel, kernel], None);
            tensors.batch_norm(&format!("{name}.1"), to);
        };
        unit("basic_conv", BASE, 3, 7);
        let blocks = self.all_blocks();
        for block in &blocks {
            let Block { name, input, middle, output, .. } = block;
            unit(&format!("{name}.conv1"), *middle, *input, 1);
            unit(&format!("{name}.conv2"), *middle, *middle, 3);
            unit(&format!("{name}.conv3"), *output, *middle, 1);
            if block.has_projection() {
                unit(&format!("{name}.shortcut"), *output, *input, 1);
            }
        }
        let top = blocks.last().map_or(BASE, |block| block.output);
        tensors.layer("classifier", vec![self.n_classes, top], Some(self.n_classes));
        tensors
    }
}
