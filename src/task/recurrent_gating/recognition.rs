//! Recognition in clutter: a digit under a drifting texture, over another.

use serde::{Deserialize, Serialize};

use super::scene::{
    CANVAS, Colour, LARGE_WARP, by_largest, check_count, check_sources, raw_colour, scaled, warped_digit,
};
use super::{Timed, Trial};
use crate::{
    error::Result,
    rng::{self, Rng},
    stimulus::{Affine, Digits, Image, pink_noise},
};

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recognition {
    pub timesteps: usize,
    /// Largest drift, pixels per timestep.
    pub stride: usize,
    /// The occluding texture is invisible: black.
    pub blank: bool,
    /// The textures do not drift.
    #[serde(rename = "static")]
    pub still: bool,
    /// Texture colours are not normalised, which leaves less contrast to the digit.
    pub hard: bool,
    /// Whether there is a texture behind the digit; black otherwise.
    pub background: bool,
}

impl Default for Recognition {
    fn default() -> Self {
        Self { timesteps: 3, stride: 16, blank: false, still: false, hard: false, background: true }
    }
}

/// How a texture moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Columns per timestep.
    pub stride: usize,
    /// Whether the window moves to the left: it then starts `timesteps` strides in.
    pub backwards: bool,
}

/// The random choices of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct RecognitionDraws {
    pub source: usize,
    pub warp: Affine,
    /// Raw colours.
    pub digit: Colour,
    pub background: Colour,
    /// Exponent, amplitude and threshold of the texture behind, each in `[0, 1)`.
    pub abc: [f32; 3],
    /// Uniforms of the texture behind, `[96 * (96 + stride * timesteps)]`.
    pub background_phases: Vec<f32>,
    /// Uniforms of the texture in front.
    pub occluder_phases: Vec<f32>,
    /// `None` if the textures rest.
    pub background_drift: Option<Drift>,
    pub occluder_drift: Drift,
}

/// Cosine of the pink noise behind the digit, before the threshold, `[1, 96, width]`.
pub fn background_noise(uniforms: &[f32], [a, b, _]: [f32; 3], width: usize) -> Image {
    let (exponent, amplitude) = (2.0 + f64::from(a), 0.25 + 0.5 * f64::from(b));
    pink_noise(uniforms, CANVAS, width, exponent, amplitude).map(f32::cos)
}

/// The texture behind the digit, 0 or 1, `[1, 96, width]`.
pub fn background_texture(uniforms: &[f32], abc: [f32; 3], width: usize) -> Image {
    let threshold = 0.25 + 0.5 * abc[2];
    background_noise(uniforms, abc, width).map(|cos| f32::from(0.5 + cos / 2.0 > threshold))
}

/// The occluding texture, 0 or 1, `[1, 96, width]`.
pub fn occluder_texture(uniforms: &[f32], width: usize) -> Image {
    pink_noise(uniforms, CANVAS, width, 2.5, 0.6).map(|noise| f32::from(0.5 + noise.cos() / 2.0 > 0.7))
}

impl Recognition {
    /// Columns of the textures.
    pub fn texture_width(&self) -> usize {
        CANVAS + self.stride * self.timesteps
    }

    /// Draws everything around the digit `source`.
    pub fn draw(&self, source: usize, rng: &mut Rng) -> RecognitionDraws {
        let warp = LARGE_WARP.draw(CANVAS, CANVAS, rng);
        let (digit, background, abc) = (raw_colour(rng), raw_colour(rng), raw_colour(rng));
        let n = CANVAS * self.texture_width();
        let phases = |rng: &mut Rng| (0..n).map(|_| rng::uniform(rng) as f32).collect::<Vec<_>>();
        let (background_phases, occluder_phases) = (phases(rng), phases(rng));
        let drift = |rng: &mut Rng| Drift {
            stride: rng::index(rng, 1, self.stride.max(1) + 1).min(self.stride),
            backwards: rng::index(rng, 0, 2) == 1,
        };
        let background_drift = (!self.still).then(|| drift(rng));
        let occluder_drift = drift(rng);
        RecognitionDraws {
            source,
            warp,
            digit,
            background,
            abc,
            background_phases,
            occluder_phases,
            background_drift,
            occluder_drift,
        }
    }

    /// Texture, digit and occluder per timestep; the mask is the digit without its occlusion.
    pub fn compose(&self, digits: &Digits, draws: &RecognitionDraws) -> Result<Trial> {
        check_sources(digits, &[draws.source])?;
        let width = self.texture_width();
        check_count("drawn background phases", draws.background_phases.len(), CANVAS * width)?;
        check_count("drawn occluder phases", draws.occluder_phases.len(), CANVAS * width)?;
        let digit = warped_digit(digits, draws.source, &draws.warp);
        let digit_colour = by_largest(draws.digit, 1e-6);
        let occluder_colour = draws.background.map(|value| 1.0 - value);
        let texture_colour = |raw: Colour| if self.hard { raw } else { scaled(by_largest(raw, 1e-6), 0.5) };
        let (behind_colour, occluder_colour) =
            (texture_colour(draws.background), texture_colour(occluder_colour));
        let behind = background_texture(&draws.background_phases, draws.abc, width);
        let occluder = occluder_texture(&draws.occluder_phases, width);

        let start = |drift: Option<Drift>, t: usize| match drift {
            Some(drift) if !self.still => drift.stride * if drift.backwards { self.timesteps - t } else { t },
            _ => 0,
        };
        let frame = |t: usize| {
            let (b0, f0) = (start(draws.background_drift, t), start(Some(draws.occluder_drift), t));
            let mut out = Image::zeros(3, CANVAS, CANVAS);
            for channel in 0..3 {
                // The reference applies the colour of the texture behind twice.
                let texture = behind_colour[channel] * behind_colour[channel];
                for row in 0..CANVAS {
                    for column in 0..CANVAS {
                        let x = digit.at(0, row, column);
                        let b = if self.background { behind.at(0, row, b0 + column) } else { 0.0 };
                        let f = occluder.at(0, row, f0 + column);
                        let seen = texture * b * (1.0 - x) + digit_colour[channel] * x;
                        let cover = if self.blank { 0.0 } else { f * occluder_colour[channel] };
                        out.set(channel, row, column, seen * (1.0 - f) + cover);
                    }
                }
            }
            out
        };
        let frames = match self.still {
            true => Timed::held(frame(0), self.timesteps),
            false => Timed::sequence((0..self.timesteps).map(|t| (frame(t), 1))),
        };
        Ok(Trial {
            frames,
            masks: Timed::held(digit.clone(), self.timesteps),
            labels: vec![digits.label(draws.source); self.timesteps],
            prompt: None,
            components: vec![digit],
        })
    }
}
