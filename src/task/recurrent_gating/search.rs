//! Search: four digits of different classes, one of which is named by the prompt.

use serde::{Deserialize, Serialize};

use super::scene::Scattered;
use super::{Timed, Trial};
use crate::{
    error::{Error, Result},
    rng::{self, Rng},
    stimulus::{DIGIT_CLASSES, Digits},
};

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    pub timesteps: usize,
    /// Number of digits, at most 10: their classes differ.
    pub n_digits: usize,
    /// Largest shared ink of a digit and those before it, in pixels.
    pub overlap: f64,
}

impl Default for Search {
    fn default() -> Self {
        Self { timesteps: 2, n_digits: 4, overlap: 1.0 }
    }
}

/// The random choices of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchDraws {
    pub scattered: Scattered,
    /// Which of the digits is searched for.
    pub target: usize,
}

impl Search {
    /// Draws the classes first, then a scene with a digit of each.
    pub fn draw(&self, digits: &Digits, rng: &mut Rng) -> Result<SearchDraws> {
        let classes = rng::permutation(rng, DIGIT_CLASSES);
        let pick = |k: usize, rng: &mut Rng| digits.draw_of_class(classes[k] as u32, rng);
        let scattered = Scattered::draw(digits, self.n_digits, self.overlap, rng, pick)?;
        Ok(SearchDraws { scattered, target: rng::index(rng, 0, self.n_digits) })
    }

    /// The static scene; mask, label and prompt are those of the target.
    pub fn compose(&self, digits: &Digits, draws: &SearchDraws) -> Result<Trial> {
        let components = draws.scattered.components(digits, self.n_digits)?;
        let Some(target) = components.get(draws.target) else {
            return Err(Error::config("target", format!("below {}", self.n_digits), draws.target));
        };
        let label = digits.label(draws.scattered.sources[draws.target]);
        Ok(Trial {
            frames: Timed::held(draws.scattered.blended(&components), self.timesteps),
            masks: Timed::held(target.clone(), self.timesteps),
            labels: vec![label; self.timesteps],
            prompt: Some(label),
            components,
        })
    }
}
