//! Cueing: a dot, then four digits; the one where the dot was is meant.

use serde::{Deserialize, Serialize};

use super::scene::{CANVAS, Scattered, over_background};
use super::{Timed, Trial};
use crate::{
    error::{Error, Result},
    rng::{self, Rng},
    stimulus::{Digits, fixation_candidates, fixation_dot},
};

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cue {
    /// Number of digits.
    pub n_digits: usize,
    /// Timesteps that show the dot.
    pub n_fixate: usize,
    /// Timesteps that show the digits.
    pub n_attend: usize,
    /// Whether a second cue and the same digits follow, another digit being meant.
    pub shift: bool,
    /// Largest shared ink of a digit and those before it, in pixels.
    pub overlap: f64,
}

impl Default for Cue {
    fn default() -> Self {
        Self { n_digits: 4, n_fixate: 2, n_attend: 3, shift: false, overlap: 0.0 }
    }
}

/// The random choices of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct CueDraws {
    pub scattered: Scattered,
    /// Which of the digits is meant.
    pub target: usize,
    /// Row and column of the dot.
    pub dot: [usize; 2],
    /// The same of the second cue.
    pub second: Option<(usize, [usize; 2])>,
}

impl Cue {
    pub fn timesteps(&self) -> usize {
        (self.n_fixate + self.n_attend) * (1 + usize::from(self.shift))
    }

    /// Draws the scene, the target, and one of the best places for the dot on it; then another target.
    pub fn draw(&self, digits: &Digits, rng: &mut Rng) -> Result<CueDraws> {
        let scattered = Scattered::draw(digits, self.n_digits, self.overlap, rng, |_, rng| digits.draw(rng))?;
        let target = rng::index(rng, 0, self.n_digits);
        let parts = scattered.components(digits, self.n_digits)?;
        let dot_on = |target: usize, rng: &mut Rng| {
            let (places, _) = fixation_candidates(&parts[target]);
            if places.is_empty() { [CANVAS / 2; 2] } else { places[rng::index(rng, 0, places.len())] }
        };
        let dot = dot_on(target, rng);
        let second = (self.shift && self.n_digits > 1).then(|| {
            let other = (target + rng::index(rng, 1, self.n_digits)) % self.n_digits;
            (other, dot_on(other, rng))
        });
        Ok(CueDraws { scattered, target, dot, second })
    }

    /// The dot on the background, then the digits; the mask is the dot, then the target.
    pub fn compose(&self, digits: &Digits, draws: &CueDraws) -> Result<Trial> {
        let components = draws.scattered.components(digits, self.n_digits)?;
        let scene = draws.scattered.blended(&components);
        let (mut frames, mut masks, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        let first = Some((draws.target, draws.dot));
        let second = if self.shift { draws.second.or(first) } else { None };
        for (target, dot) in first.into_iter().chain(second) {
            let Some(object) = components.get(target) else {
                return Err(Error::config("target", format!("below {}", self.n_digits), target));
            };
            let dot = fixation_dot(CANVAS, CANVAS, dot);
            let cue = over_background(&dot, [1.0; 3], draws.scattered.background_colour());
            frames.extend([(cue, self.n_fixate), (scene.clone(), self.n_attend)]);
            masks.extend([(dot, self.n_fixate), (object.clone(), self.n_attend)]);
            let label = digits.label(draws.scattered.sources[target]);
            labels.extend(std::iter::repeat_n(label, self.n_fixate + self.n_attend));
        }
        Ok(Trial {
            frames: Timed::sequence(frames),
            masks: Timed::sequence(masks),
            labels,
            prompt: None,
            components,
        })
    }
}
