//! What pixels are before they reach a network.

use serde::{Deserialize, Serialize};

use crate::stimulus::PixelScale;

/// Mean and deviation per channel, by the data a network was trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    #[default]
    Imagenet,
    Vggface2,
    /// The pixels as they are.
    None,
}

impl Normalisation {
    /// `[mean, deviation]` of red, green and blue in 0 to 1.
    pub fn moments(self) -> Option<[[f32; 3]; 2]> {
        match self {
            Self::Imagenet => Some([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]),
            Self::Vggface2 => Some([[0.6068, 0.4517, 0.3800], [0.2492, 0.2173, 0.2082]]),
            Self::None => None,
        }
    }

    /// The same per channel.
    pub fn scale(self) -> Option<PixelScale> {
        let [mean, std] = self.moments()?;
        Some(PixelScale { mean: mean.to_vec(), std: std.to_vec() })
    }
}
