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
    /// Largest shared ink of a digit and those before it, in pixels.
    pub overlap: f64,
}

impl Default for Cue {
    fn default() -> Self {
        Self { n_digits: 4, n_fixate: 2, n_attend: 3, overlap: 0.0 }
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
}

impl Cue {
    pub fn timesteps(&self) -> usize {
        self.n_fixate + self.n_attend
    }

    /// Draws the scene, the target, and one of the best places for the dot on it.
    pub fn draw(&self, digits: &Digits, rng: &mut Rng) -> Result<CueDraws> {
        let scattered = Scattered::draw(digits, self.n_digits, self.overlap, rng, |_, rng| digits.draw(rng))?;
        let target = rng::index(rng, 0, self.n_digits);
        let parts = scattered.components(digits, self.n_digits)?;
        let (places, _) = fixation_candidates(&parts[target]);
        let dot = if places.is_empty() { [CANVAS / 2; 2] } else { places[rng::index(rng, 0, places.len())] };
        Ok(CueDraws { scattered, target, dot })
    }

    /// The dot on the background, then the digits; the mask is the dot, then the target.
    pub fn compose(&self, digits: &Digits, draws: &CueDraws) -> Result<Trial> {
        let components = draws.scattered.components(digits, self.n_digits)?;
        let Some(target) = components.get(draws.target) else {
            return Err(Error::config("target", format!("below {}", self.n_digits), draws.target));
        };
        let dot = fixation_dot(CANVAS, CANVAS, draws.dot);
        let cue = over_background(&dot, [1.0; 3], draws.scattered.background_colour());
        let scene = draws.scattered.blended(&components);
        let label = digits.label(draws.scattered.sources[draws.target]);
        Ok(Trial {
            frames: Timed::sequence([(cue, self.n_fixate), (scene, self.n_attend)]),
            masks: Timed::sequence([(dot, self.n_fixate), (target.clone(), self.n_attend)]),
            labels: vec![label; self.timesteps()],
            prompt: None,
            components,
        })
    }
}
