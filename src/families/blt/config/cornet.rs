//! Configuration of the CORnet family (Kubilius et al. 2018, 2019).

use serde::{Deserialize, Serialize};

use super::Tensors;
use super::preparation::Normalisation;
use super::recurrent::{GROUPS, IMAGE_SIZE};
use crate::error::{Error, Result};

/// Areas from the picture upwards.
pub const CORNET_AREAS: [&str; 4] = ["V1", "V2", "V4", "IT"];
/// Passes of each area of CORnet-S.
pub const S_PASSES: [usize; 4] = [1, 2, 4, 2];
/// The middle of a CORnet-S block is this many times wider.
pub const S_EXPANSION: usize = 4;

/// Which member of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cornet {
    /// Four convolutions.
    Z,
    /// Each area runs several times before the next begins.
    S,
    /// Every timestep sweeps through the areas; each sees its predecessor of the same timestep.
    R,
    /// Each area sees its predecessor of the timestep before.
    Rt,
}

impl Cornet {
    /// Name in the source's builder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Z => "cornet_z",
            Self::S => "cornet_s",
            Self::R => "cornet_r",
            Self::Rt => "cornet_rt",
        }
    }
}

/// A network of the CORnet family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CornetConfig {
    pub member: Cornet,
    /// Channels of each area.
    pub widths: Vec<usize>,
    /// Timesteps of R and RT.
    pub times: usize,
    pub n_classes: usize,
    /// Side of the square picture in pixels; 224 for R and RT in the source.
    pub image_size: usize,
    pub normalisation: Normalisation,
}

impl CornetConfig {
    pub fn new(member: Cornet) -> Self {
        Self {
            member,
            widths: vec![64, 128, 256, 512],
            times: 5,
            n_classes: 1000,
            image_size: IMAGE_SIZE,
            normalisation: Normalisation::default(),
        }
    }

    /// Timesteps of a run as published; those of CORnet-S are the passes of its areas.
    pub fn n_timesteps(&self) -> usize {
        match self.member {
            Cornet::Z => 1,
            Cornet::S => S_PASSES.iter().sum(),
            Cornet::R | Cornet::Rt => self.times,
        }
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn validate(&self) -> Result<()> {
        let n = CORNET_AREAS.len();
        if self.widths.len() != n || self.widths.iter().any(|width| !(1..=1 << 14).contains(width)) {
            let found = format!("{:?}", self.widths);
            return Err(Error::config("widths", format!("{n} numbers of 1 to 16384"), found));
        }
        let is_grouped = matches!(self.member, Cornet::R | Cornet::Rt);
        if let Some(width) = self.widths.iter().find(|width| is_grouped && !width.is_multiple_of(GROUPS)) {
            return Err(Error::config("widths", format!("multiples of {GROUPS}"), width));
        }
        if !(1..=1 << 16).contains(&self.n_classes) {
            return Err(Error::config("n_classes", "1 to 65536", self.n_classes));
        }
        if !(1..=100_000).contains(&self.times) {
            return Err(Error::config("times", "1 or more", self.times));
        }
        if !self.image_size.is_multiple_of(32) || !(32..=1 << 13).contains(&self.image_size) {
            return Err(Error::config("image_size", "a multiple of 32", self.image_size));
        }
        Ok(())
    }

    /// Side of each area's map.
    pub fn map_sizes(&self) -> [usize; 4] {
        [4, 8, 16, 32].map(|scale| self.image_size / scale)
    }

    /// Names and shapes of the source's tensors.
    pub fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::new();
        let mut below = 3;
        for (index, (area, &width)) in CORNET_AREAS.iter().zip(&self.widths).enumerate() {
            match self.member {
                Cornet::Z => {
                    let kernel = if index == 0 { 7 } else { 3 };
                    tensors.layer(&format!("{area}.conv"), vec![width, below, kernel, kernel], Some(width));
                }
                Cornet::S => s_block(&mut tensors, area, index, below, width),
                Cornet::R | Cornet::Rt => {
                    let kernel = if index == 0 { 7 } else { 3 };
                    let input = vec![width, below, kernel, kernel];
                    tensors.layer(&format!("{area}.conv_input"), input, Some(width));
                    tensors.layer(&format!("{area}.norm_input"), vec![width], Some(width));
                    tensors.layer(&format!("{area}.conv1"), vec![width, width, 3, 3], None);
                    tensors.layer(&format!("{area}.norm1"), vec![width], Some(width));
                }
            }
            below = width;
        }
        tensors.layer("decoder.linear", vec![self.n_classes, below], Some(self.n_classes));
        tensors
    }
}

fn s_block(tensors: &mut Tensors, area: &str, index: usize, below: usize, width: usize) {
    if index == 0 {
        tensors.layer(&format!("{area}.conv1"), vec![width, below, 7, 7], None);
        tensors.batch_norm(&format!("{area}.norm1"), width);
        tensors.layer(&format!("{area}.conv2"), vec![width, width, 3, 3], None);
        tensors.batch_norm(&format!("{area}.norm2"), width);
        return;
    }
    let middle = S_EXPANSION * width;
    tensors.layer(&format!("{area}.conv_input"), vec![width, below, 1, 1], None);
    tensors.layer(&format!("{area}.skip"), vec![width, width, 1, 1], None);
    tensors.batch_norm(&format!("{area}.norm_skip"), width);
    tensors.layer(&format!("{area}.conv1"), vec![middle, width, 1, 1], None);
    tensors.layer(&format!("{area}.conv2"), vec![middle, middle, 3, 3], None);
    tensors.layer(&format!("{area}.conv3"), vec![width, middle, 1, 1], None);
    for pass in 0..S_PASSES[index] {
        tensors.batch_norm(&format!("{area}.norm1_{pass}"), middle);
        tensors.batch_norm(&format!("{area}.norm2_{pass}"), middle);
        tensors.batch_norm(&format!("{area}.norm3_{pass}"), width);
    }
}
