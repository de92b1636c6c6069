//! Configuration of a network and the sizes and tensor names that follow from it.

use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use crate::error::{Error, Result};
use crate::stimulus::PixelScale;

/// Timestep over time constant in every script of the source.
pub const ALPHA: f64 = 0.2;
/// Duration of a timestep in the source: with α = 0.2 the time constant is 10 ms.
pub const DT_MS: f64 = 2.0;
/// Timesteps without a picture before it, and with it, in the source.
pub const STEPS: usize = 100;

/// Suffix of the gain of a weight-normalised layer.
pub(super) const GAIN: &str = ".parametrizations.weight.original0";
/// Suffix of its direction.
pub(super) const DIRECTION: &str = ".parametrizations.weight.original1";
/// Prefix of the convolutional network inside a file of the inverse stage.
pub(super) const TARGET: &str = "target_";

/// What a file of the training pipeline holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Step 1: the convolutional twin with batch normalisation.
    Cnn,
    /// The twin with its normalisation folded into kernels and maps of biases.
    Folded,
    /// Step 2: linear areas beside the folded twin that they imitate.
    Inverse,
    /// Step 3: linear dynamics.
    Linear,
    /// Step 4: a slope below zero that is lowered from 1 to 0.
    Parametric,
    /// Step 5 and the published network: rectified dynamics.
    Final,
}

impl Stage {
    pub const ALL: [Self; 6] =
        [Self::Cnn, Self::Folded, Self::Inverse, Self::Linear, Self::Parametric, Self::Final];

    pub fn name(self) -> &'static str {
        match self {
            Self::Cnn => "cnn",
            Self::Folded => "folded",
            Self::Inverse => "inverse",
            Self::Linear => "linear",
            Self::Parametric => "parametric",
            Self::Final => "final",
        }
    }

    /// Does it answer in one pass, without dynamics?
    pub fn is_feed_forward(self) -> bool {
        matches!(self, Self::Cnn | Self::Folded)
    }

    /// Slope of the areas' nonlinearity below zero, as far as the stage fixes it.
    pub(super) fn slope(self) -> f64 {
        match self {
            Self::Inverse | Self::Linear | Self::Parametric => 1.0,
            Self::Cnn | Self::Folded | Self::Final => 0.0,
        }
    }

    /// Timesteps without a picture that the stage was trained with; the linear one has none.
    pub fn warm_up(self) -> usize {
        if matches!(self, Self::Parametric | Self::Final) { STEPS } else { 0 }
    }

    /// Timesteps with the picture.
    pub fn timesteps(self) -> usize {
        if self.is_feed_forward() { 1 } else { STEPS }
    }
}

/// What a network and its protocol are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Number of areas: 2, 4, 6 or 8.
    pub depth: usize,
    pub stage: Stage,
    /// Sets the classes' names and what pictures are normalised by.
    pub dataset: Dataset,
    /// Channels of each area; areas 2k and 2k + 1 have equally many.
    pub widths: Vec<usize>,
    /// Rows and columns of the picture, in pixels.
    pub image_side: usize,
    pub image_channels: usize,
    pub n_classes: usize,
    /// Are kernels stored as gain and direction?
    pub weight_norm: bool,
    /// Take pictures in 0 to 1 and normalise them by the data set's statistics; false takes pictures
    /// that are normalised already.
    pub normalise: bool,
    /// Timestep over time constant, above 0 and at most 1.
    pub alpha: f64,
    /// Duration of a timestep in ms.
    pub dt_ms: f64,
    /// Timesteps without a picture before onset.
    pub warm_up: usize,
    /// Timesteps with the picture.
    pub timesteps: usize,
}

/// Half a side, as every halving of the network rounds it.
pub(super) fn half(side: usize) -> usize {
    side.saturating_sub(1) / 2 + 1
}

impl Config {
    /// The network of the source for a data set: `base` channels in the first pair of areas (64 in
    /// the publication), pictures of `image_side` pixels (224).
    pub fn new(stage: Stage, dataset: Dataset, depth: usize, base: usize, image_side: usize) -> Self {
        Self {
            depth,
            stage,
            dataset,
            widths: (0..depth).map(|area| base << (area / 2).min(16)).collect(),
            image_side,
            image_channels: dataset.channels(),
            n_classes: dataset.n_classes(),
            weight_norm: true,
            normalise: true,
            alpha: ALPHA,
            dt_ms: DT_MS,
            warm_up: stage.warm_up(),
            timesteps: stage.timesteps(),
        }
    }

    /// `r8`, `r4-linear`.
    pub fn variant(&self) -> String {
        match self.stage {
            Stage::Final => format!("r{}", self.depth),
            stage => format!("r{}-{}", self.depth, stage.name()),
        }
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn validate(&self) -> Result<()> {
        if ![2, 4, 6, 8].contains(&self.depth) {
            return Err(Error::config("depth", "2, 4, 6 or 8 areas", self.depth));
        }
        if self.widths.len() != self.depth {
            let requirement = format!("{} numbers, one per area", self.depth);
            return Err(Error::config("widths", requirement, self.widths.len()));
        }
        if let Some(pair) = self.widths.chunks(2).find(|pair| pair[0] != pair[1]) {
            let requirement = "equal in areas 2k and 2k + 1, whose rates are added";
            return Err(Error::config("widths", requirement, format!("{} and {}", pair[0], pair[1])));
        }
        let counts = [
            ("widths", *self.widths.iter().max().unwrap_or(&0), 1 << 14),
            ("widths", *self.widths.iter().min().unwrap_or(&0), 1 << 14),
            ("image_side", self.image_side, 1 << 13),
            ("image_channels", self.image_channels, 1 << 10),
            ("n_classes", self.n_classes, 1 << 20),
            ("timesteps", self.timesteps, 1_000_000),
            ("warm_up", self.warm_up + 1, 1_000_000),
        ];
        for (field, value, most) in counts {
            if !(1..=most).contains(&value) {
                return Err(Error::config(field, format!("1 to {most}"), value));
            }
        }
        if !(self.alpha > 0.0 && self.alpha <= 1.0) {
            return Err(Error::config("alpha", "above 0 and at most 1", self.alpha));
        }
        if !(self.dt_ms > 0.0 && self.dt_ms.is_finite()) {
            return Err(Error::config("dt_ms", "a positive number of milliseconds", self.dt_ms));
        }
        let channels = self.dataset.channels();
        if self.normalise && channels != self.image_channels {
            let requirement =
                format!("one with pictures of {} channels, or normalise false", self.image_channels);
            return Err(Error::config("dataset", requirement, self.dataset.name()));
        }
        Ok(())
    }

    /// `[channels, height, width]` of the picture.
    pub fn input_shape(&self) -> [usize; 3] {
        [self.image_channels, self.image_side, self.image_side]
    }

    /// Side of each area's map.
    pub fn sides(&self) -> Vec<usize> {
        let mut side = half(half(self.image_side));
        let mut sides = Vec::with_capacity(self.depth);
        for area in 0..self.depth {
            if area > 0 && area % 2 == 0 {
                side = half(side);
            }
            sides.push(side);
        }
        sides
    }

    /// `[channels, side, side]` of each area.
    pub fn area_shapes(&self) -> Vec<[usize; 3]> {
        self.widths.iter().zip(self.sides()).map(|(&width, side)| [width, side, side]).collect()
    }

    /// Number of skip convolutions.
    pub fn n_skips(&self) -> usize {
        (self.depth / 2).saturating_sub(1)
    }

    /// Channels that reach `area` from below.
    pub(super) fn inputs_of(&self, area: usize) -> usize {
        self.widths[area.saturating_sub(1)]
    }

    /// Names and shapes of the tensors of the stage, in the order of the source's files.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = Tensors { config: self, list: Vec::new() };
        if self.stage == Stage::Parametric {
            tensors.add("prelu.weight", &[1]);
        }
        tensors.trunk("");
        if self.stage == Stage::Inverse {
            tensors.trunk(TARGET);
        }
        tensors.add("out_fc.bias", &[self.n_classes]);
        tensors.kernel("out_fc", &[self.n_classes, self.widths[self.depth - 1]]);
        tensors.list
    }

    /// By what pictures are normalised, unless they are already.
    pub fn pixel_scale(&self) -> Option<PixelScale> {
        self.normalise.then(|| self.dataset.pixel_scale())
    }

    /// Names of the classes in the order of the read-out.
    pub fn class_names(&self) -> Vec<String> {
        match self.n_classes == self.dataset.n_classes() {
            true => self.dataset.class_names(),
            false => (0..self.n_classes).map(|class| class.to_string()).collect(),
        }
    }
}

struct Tensors<'a> {
    config: &'a Config,
    list: Vec<(String, Vec<usize>)>,
}

impl Tensors<'_> {
    fn add(&mut self, name: impl Into<String>, shape: &[usize]) {
        self.list.push((name.into(), shape.to_vec()));
    }

    fn kernel(&mut self, name: impl std::fmt::Display, shape: &[usize]) {
        if self.config.weight_norm {
            let mut gain = vec![1; shape.len()];
            gain[0] = shape[0];
            self.add(format!("{name}{GAIN}"), &gain);
            self.add(format!("{name}{DIRECTION}"), shape);
        } else {
            self.add(format!("{name}.weight"), shape);
        }
    }

    fn norm(&mut self, name: impl std::fmt::Display, channels: usize) {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            self.add(format!("{name}.{part}"), &[channels]);
        }
        self.add(format!("{name}.num_batches_tracked"), &[]);
    }

    fn maps(&mut self, name: &str) {
        for (area, shape) in self.config.area_shapes().iter().enumerate() {
            self.add(format!("{name}.{area}"), shape);
        }
    }

    fn trunk(&mut self, prefix: &str) {
        let config = self.config;
        let is_cnn = config.stage == Stage::Cnn;
        let widths = &config.widths;
        self.kernel(format!("{prefix}inp_conv"), &[widths[0], config.image_channels, 7, 7]);
        if is_cnn {
            self.norm("inp_norm", widths[0]);
        }
        self.kernel(format!("{prefix}inp_skip"), &[widths[0], widths[0], 3, 3]);
        for (area, &width) in widths.iter().enumerate() {
            self.kernel(format!("{prefix}area_conv.{area}"), &[width, width, 3, 3]);
        }
        if config.stage.is_feed_forward() || !prefix.is_empty() {
            self.maps(&format!("{prefix}area_bias"));
        }
        if is_cnn {
            for name in ["area_norm", "area_nrm2"] {
                for (area, &width) in widths.iter().enumerate() {
                    self.norm(format!("{name}.{area}"), width);
                }
            }
        } else {
            self.maps(&format!("{prefix}conv_bias"));
        }
        for (area, &width) in widths.iter().enumerate() {
            self.kernel(format!("{prefix}area_area.{area}"), &[width, config.inputs_of(area), 3, 3]);
        }
        for skip in 0..config.n_skips() {
            let shape = [widths[2 * skip + 2], widths[2 * skip], 1, 1];
            self.kernel(format!("{prefix}skip_area.{skip}"), &shape);
        }
        if is_cnn {
            for skip in 0..config.n_skips() {
                self.norm(format!("skip_norm.{skip}"), widths[2 * skip + 2]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(stage: Stage, dataset: Dataset, depth: usize) -> (usize, usize) {
        let tensors = Config::new(stage, dataset, depth, 64, 224).tensors();
        (tensors.len(), tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum())
    }

    #[test]
    fn counts_are_those_of_the_published_files() {
        let published = [
            (Dataset::Mnist, 2, (17, 589_908)),
            (Dataset::Mnist, 4, (29, 1_316_180)),
            (Dataset::FashionMnist, 6, (41, 3_516_244)),
            (Dataset::Mnist, 8, (53, 11_960_148)),
            (Dataset::Cifar10, 2, (17, 596_180)),
            (Dataset::Cifar10, 8, (53, 11_966_420)),
            (Dataset::Cifar100, 6, (41, 3_545_736)),
            (Dataset::Imagenet, 4, (29, 1_451_152)),
            (Dataset::Imagenet, 8, (53, 12_475_280)),
        ];
        for (dataset, depth, counts) in published {
            assert_eq!(count(Stage::Final, dataset, depth), counts, "{dataset:?} {depth}");
        }
        for (stage, tensors) in [
            (Stage::Cnn, [42, 79, 116, 153]),
            (Stage::Folded, [19, 33, 47, 61]),
            (Stage::Inverse, [33, 59, 85, 111]),
            (Stage::Parametric, [18, 30, 42, 54]),
        ] {
            assert_eq!([2, 4, 6, 8].map(|depth| count(stage, Dataset::Mnist, depth).0), tensors);
        }
    }

    #[test]
    fn sides_halve_as_in_the_table() {
        let config = Config::new(Stage::Final, Dataset::Imagenet, 8, 64, 224);
        assert_eq!(config.sides(), [56, 56, 28, 28, 14, 14, 7, 7]);
        assert_eq!(Config { image_side: 61, ..config.clone() }.sides(), [16, 16, 8, 8, 4, 4, 2, 2]);
        assert_eq!(config.widths, [64, 64, 128, 128, 256, 256, 512, 512]);
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let cases: [(&str, fn(&mut Config)); 6] = [
            ("depth", |config| config.depth = 3),
            ("widths", |config| config.widths = vec![4, 5, 8, 8]),
            ("widths", |config| config.widths = vec![4, 4]),
            ("alpha", |config| config.alpha = 0.0),
            ("dataset", |config| config.dataset = Dataset::Mnist),
            ("dt_ms", |config| config.dt_ms = f64::NAN),
        ];
        for (field, break_it) in cases {
            let mut config = Config::new(Stage::Final, Dataset::Cifar10, 4, 4, 32);
            break_it(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.starts_with(field), "{message}");
        }
    }
}
