//! Configuration of the object-attention networks and the sizes that follow from it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::task::coco::SUPER_CATEGORIES;

/// Side of every kernel of the family.
pub const KERNEL: usize = 4;
/// Rows of a digit picture, and columns of one with a single digit.
const DIGIT_SIDE: usize = 28;
/// Columns that each further digit adds.
const DIGIT_STRIDE: usize = 14;

/// Which of the two published networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Two stages, nearest-neighbour upsampling, grey pictures of overlapping digits.
    Digits,
    /// Four stages, bicubic upsampling, colour photographs.
    Photographs,
}

impl Variant {
    /// `digits` or `photographs`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Photographs => "photographs",
        }
    }

    /// Strength of the gates that the published weights were trained with.
    pub fn default_strength(self) -> f64 {
        match self {
            Self::Digits => 0.2,
            Self::Photographs => 0.3,
        }
    }

    /// Convolution stages of the published network.
    pub fn n_stages(self) -> usize {
        match self {
            Self::Digits => 2,
            Self::Photographs => 4,
        }
    }
}

/// What a network and its protocol are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub variant: Variant,
    /// Objects in a picture, `n` of the source; 1 or more.
    pub objects: usize,
    /// Rows of the picture in pixels.
    pub image_height: usize,
    /// Columns of the picture in pixels.
    pub image_width: usize,
    /// Channels of the picture, then of each stage.
    pub channels: Vec<usize>,
    /// Classes of the read-out.
    pub n_classes: usize,
    /// Strength `s` of the gates, 0 to 1: a map is multiplied by 1 - s·gate. No checkpoint stores
    /// it, and a wrong one degrades the accuracy silently.
    pub strength: f64,
    /// Passes per phase, 1 or more; the source has 5. With one pass nothing has been gated when
    /// the inhibition of the next phase is decided, so everything is inhibited.
    pub passes: usize,
    /// Phases, each attending one object; the source has one per object.
    pub phases: usize,
}

/// Sizes of one stage: `[channels, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What the gate of the stage multiplies, and so the shape of the gate.
    pub input: [usize; 3],
    /// After the convolution.
    pub conv: [usize; 3],
    /// After pooling.
    pub pooled: [usize; 3],
    /// Channels of the gate that are computed; one gate serves all channels of the picture.
    pub gate_channels: usize,
}

/// Passes per phase in the source.
pub const PUBLISHED_PASSES: usize = 5;

impl Config {
    /// The digit network for `objects` overlapping digits (1 to 5 in the source).
    pub fn digits(objects: usize) -> Self {
        Self {
            variant: Variant::Digits,
            objects,
            image_height: DIGIT_SIDE,
            image_width: digits_width(objects),
            channels: vec![1, 20, 50],
            n_classes: 10,
            strength: Variant::Digits.default_strength(),
            passes: PUBLISHED_PASSES,
            phases: objects,
        }
    }

    /// The network for photographs with two objects.
    pub fn photographs() -> Self {
        Self {
            variant: Variant::Photographs,
            objects: 2,
            image_height: 100,
            image_width: 100,
            channels: vec![3, 30, 60, 100, 20],
            n_classes: 12,
            strength: Variant::Photographs.default_strength(),
            passes: PUBLISHED_PASSES,
            phases: 2,
        }
    }

    /// # Errors
    /// [`Error::Config`] naming the field that is out of range.
    pub fn validate(&self) -> Result<()> {
        let counts = [
            ("objects", self.objects, 64),
            ("n_classes", self.n_classes, 1 << 16),
            ("passes", self.passes, 10_000),
            ("phases", self.phases, 10_000),
            ("image_height", self.image_height, 1 << 14),
            ("image_width", self.image_width, 1 << 14),
        ];
        for (field, value, most) in counts {
            if !(1..=most).contains(&value) {
                return Err(Error::config(field, format!("1 to {most}"), value));
            }
        }
        if !(0.0..=1.0).contains(&self.strength) {
            return Err(Error::config("strength", "0 to 1", self.strength));
        }
        let expected = self.variant.n_stages() + 1;
        if self.channels.len() != expected {
            let requirement =
                format!("{expected} numbers for {} (the picture's, then each stage's)", self.variant.name());
            return Err(Error::config("channels", requirement, self.channels.len()));
        }
        if let Some(wrong) = self.channels.iter().find(|&&channels| !(1..=1 << 14).contains(&channels)) {
            return Err(Error::config("channels", "1 to 16384 each", wrong));
        }
        self.stages().map(|_| ())
    }

    /// Sizes of all stages, from the picture upwards.
    ///
    /// # Errors
    /// [`Error::Config`] if the picture is too small for them.
    pub fn stages(&self) -> Result<Vec<Stage>> {
        let mut stages = Vec::with_capacity(self.channels.len());
        let (mut height, mut width) = (self.image_height, self.image_width);
        for (index, pair) in self.channels.windows(2).enumerate() {
            let input = [pair[0], height, width];
            // A kernel of 4 and then windows of 2 that must hold at least one entry.
            for (field, side, full) in
                [("image_height", height, self.image_height), ("image_width", width, self.image_width)]
            {
                if side < KERNEL + 1 {
                    let requirement = format!("large enough for {} stages", self.channels.len() - 1);
                    return Err(Error::config(field, requirement, full));
                }
            }
            (height, width) = (height + 1 - KERNEL, width + 1 - KERNEL);
            let conv = [pair[1], height, width];
            (height, width) = (height / 2, width / 2);
            let pooled = [pair[1], height, width];
            let gate_channels = if index == 0 { 1 } else { pair[0] };
            stages.push(Stage { input, conv, pooled, gate_channels });
        }
        Ok(stages)
    }

    /// Units that the read-out sees.
    ///
    /// # Errors
    /// As [`Config::stages`].
    pub fn n_features(&self) -> Result<usize> {
        Ok(self.stages()?.last().map_or(0, |stage| stage.pooled.iter().product()))
    }

    /// Names and shapes of the source's tensors, in the order of its files.
    ///
    /// # Errors
    /// As [`Config::stages`].
    pub fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let stages = self.stages()?;
        let n_features = self.n_features()?;
        let mut tensors = Vec::new();
        let mut layer = |name: String, weight: Vec<usize>, bias: usize| {
            tensors.push((format!("{name}.weight"), weight));
            tensors.push((format!("{name}.bias"), vec![bias]));
        };
        for (i, stage) in stages.iter().enumerate() {
            let (input, output) = (stage.input[0], stage.conv[0]);
            layer(format!("conv{}", i + 1), vec![output, input, KERNEL, KERNEL], output);
        }
        for (i, stage) in stages.iter().enumerate().rev() {
            let (both, gate) = (2 * stage.pooled[0], stage.gate_channels);
            layer(format!("conv{}_t", i + 1), vec![both, gate, KERNEL, KERNEL], gate);
        }
        layer("linear_out".to_owned(), vec![self.n_classes, n_features], self.n_classes);
        layer("linear_out_t".to_owned(), vec![n_features, self.n_classes], n_features);
        Ok(tensors)
    }

    /// Names of the classes in the order of the read-out.
    pub fn class_names(&self) -> Vec<String> {
        if self.variant == Variant::Photographs && self.n_classes == SUPER_CATEGORIES.len() {
            return SUPER_CATEGORIES.map(str::to_owned).to_vec();
        }
        (0..self.n_classes).map(|class| class.to_string()).collect()
    }
}

/// Columns of a picture of `objects` overlapping digits.
pub(super) fn digits_width(objects: usize) -> usize {
    DIGIT_SIDE + DIGIT_STRIDE * objects.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digit_sizes_are_those_of_the_table() {
        let sizes = [(1, 4, 800), (2, 8, 1600), (3, 11, 2200), (4, 15, 3000), (5, 18, 3600)];
        for (objects, width, features) in sizes {
            let config = Config::digits(objects);
            config.validate().unwrap();
            let stages = config.stages().unwrap();
            assert_eq!(stages[1].pooled, [50, 4, width]);
            assert_eq!(config.n_features().unwrap(), features);
        }
        let stage = Config::digits(2).stages().unwrap()[0];
        assert_eq!((stage.conv, stage.pooled), ([20, 25, 39], [20, 12, 19]));
    }

    #[test]
    fn parameter_counts_are_those_of_the_published_files() {
        let count = |config: Config| -> usize {
            config.tensors().unwrap().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
        };
        assert_eq!(count(Config::digits(2)), 82_661);
        assert_eq!(count(Config::photographs()), 477_713);
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let cases: [(&str, fn(&mut Config)); 5] = [
            ("strength", |config| config.strength = 1.5),
            ("image_width", |config| config.image_width = 11),
            ("channels", |config| config.channels = vec![1, 20]),
            ("passes", |config| config.passes = 0),
            ("objects", |config| config.objects = 0),
        ];
        for (field, break_it) in cases {
            let mut config = Config::digits(2);
            break_it(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.starts_with(field), "{message}");
        }
    }
}
