//! The data sets that networks were trained on: classes, channels and pixel statistics.

use serde::{Deserialize, Serialize};

use crate::stimulus::PixelScale;

/// A data set of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dataset {
    Imagenet,
    Cifar100,
    Cifar10,
    Mnist,
    FashionMnist,
}

impl Dataset {
    pub const ALL: [Self; 5] =
        [Self::Imagenet, Self::Cifar100, Self::Cifar10, Self::Mnist, Self::FashionMnist];

    /// The source's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imagenet => "imagenet",
            Self::Cifar100 => "cifar100",
            Self::Cifar10 => "cifar10",
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashionmnist",
        }
    }

    /// The data set of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dataset| dataset.name() == name)
    }

    pub fn n_classes(self) -> usize {
        match self {
            Self::Imagenet => 1000,
            Self::Cifar100 => 100,
            Self::Cifar10 | Self::Mnist | Self::FashionMnist => 10,
        }
    }

    /// Channels of a picture.
    pub fn channels(self) -> usize {
        match self {
            Self::Imagenet | Self::Cifar100 | Self::Cifar10 => 3,
            Self::Mnist | Self::FashionMnist => 1,
        }
    }

    /// Mean and deviation that pictures are normalised by; `utils.py` of the source.
    pub fn pixel_scale(self) -> PixelScale {
        let (mean, std): (&[f32], &[f32]) = match self {
            Self::Imagenet => (&[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]),
            Self::Cifar100 => (&[0.5071, 0.4865, 0.4409], &[0.2673, 0.2564, 0.2762]),
            Self::Cifar10 => (&[0.4914, 0.4822, 0.4465], &[0.2470, 0.2435, 0.2616]),
            Self::Mnist => (&[0.1307], &[0.3081]),
            Self::FashionMnist => (&[0.2860], &[0.3530]),
        };
        PixelScale { mean: mean.to_vec(), std: std.to_vec() }
    }

    /// Names of the classes where they are few, else their numbers.
    pub fn class_names(self) -> Vec<String> {
        const CIFAR10: [&str; 10] =
            ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
        const FASHION: [&str; 10] = [
            "t-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ];
        match self {
            Self::Cifar10 => CIFAR10.map(str::to_owned).to_vec(),
            Self::FashionMnist => FASHION.map(str::to_owned).to_vec(),
            _ => (0..self.n_classes()).map(|class| class.to_string()).collect(),
        }
    }
}
