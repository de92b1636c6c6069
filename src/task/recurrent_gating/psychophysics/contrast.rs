//! Contrast: is there a Gabor patch, and where?

use serde::{Deserialize, Serialize};

use super::{
    AROUND, Clean, Episode, Episodes, GaborTable, MIDDLE, ORIENTATIONS, Span, around, cell, cell_patch,
    empty, in_cell, ranges, share,
};
use crate::{
    error::{Error, Result},
    rng::Chance,
};

/// Standard deviation of the cue, pixels.
const SIGMA: f64 = 8.0;

/// Settings (`PsychGrating` of the reference).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contrast {
    /// Timesteps of noise, cue, noise and stimulus.
    pub episodes: Episodes,
    /// Contrast of the patch.
    pub a_range: Span,
    /// Standard deviation of the noise.
    pub n_range: Span,
    /// Luminance of the background.
    pub b_range: Span,
    /// Share of trials whose cue is forced to the patch; the others' cue is anywhere.
    pub biased: f64,
    /// A patch in every trial.
    pub force_label: bool,
    /// A cue in every trial.
    pub force_cue: bool,
    /// Every cue at the patch.
    pub force_loc: bool,
    /// Every cue away from the patch.
    pub cue_loc_off: bool,
    /// The cue is a Gabor patch itself.
    pub gabor_cue: bool,
    /// Mark the middle where no cue is shown.
    pub show_cue: bool,
    /// Factor of the noise from one stimulus frame to the next; 0 leaves it constant.
    pub decay_rate: f64,
}

impl Default for Contrast {
    fn default() -> Self {
        Self {
            episodes: Episodes([0, 2, 0, 2]),
            a_range: Span::Between([0.0, 0.75]),
            n_range: Span::Between([0.0, 0.25]),
            b_range: Span::Between([0.0, 0.25]),
            biased: 0.125,
            force_label: false,
            force_cue: false,
            force_loc: false,
            cue_loc_off: false,
            gabor_cue: false,
            show_cue: true,
            decay_rate: 0.0,
        }
    }
}

/// The random choices of one trial, but for the noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContrastDraws {
    /// Cell and degrees of the patch; `None` shows none.
    pub gabor: Option<(usize, i64)>,
    /// The cell of the cue; `None` shows none.
    pub cue: Option<usize>,
    /// Degrees of a cue that is a patch.
    pub cue_deg: i64,
    pub amplitude: f64,
    pub noise: f64,
    pub background: f64,
}

impl Contrast {
    /// # Errors
    /// Of recorded choices that have come to their end.
    pub fn draw(&self, chance: &mut impl Chance) -> Result<ContrastDraws> {
        let is_shown = self.force_label || chance.uniform()? < 0.5;
        let is_cued = self.force_cue || chance.uniform()? < 0.5;
        let place = around(chance)?;
        let mut cue = match self.force_loc {
            true => place,
            false if chance.uniform()? < self.biased => place,
            false => cell(chance)?,
        };
        if self.cue_loc_off {
            // The reference indexes the cells around the middle by the number of a cell.
            cue = AROUND[(place + 4) % AROUND.len()];
        }
        let amplitude = self.a_range.draw(chance)?;
        let cue_deg = if self.gabor_cue { chance.integer(0, ORIENTATIONS)? } else { 0 };
        let deg = if is_shown { chance.integer(0, ORIENTATIONS)? } else { 0 };
        Ok(ContrastDraws {
            gabor: is_shown.then_some((place, deg)),
            cue: is_cued.then_some(cue),
            cue_deg,
            amplitude,
            noise: self.n_range.draw(chance)?,
            background: self.b_range.draw(chance)?,
        })
    }

    pub fn compose(&self, gabors: &GaborTable, draws: &ContrastDraws) -> Clean {
        let patch = cell_patch(SIGMA);
        let stimulus = match draws.gabor {
            Some((place, deg)) => {
                let amplitude = draws.amplitude as f32;
                (in_cell(&gabors.at(deg).map(|v| v * amplitude), place), in_cell(&patch, place), place)
            }
            None => (empty(), empty(), MIDDLE),
        };
        let cue_part = if self.gabor_cue { gabors.at(draws.cue_deg) } else { &patch };
        let cue = match draws.cue {
            Some(place) => (in_cell(cue_part, place), in_cell(&patch, place), place),
            None if self.show_cue => (in_cell(&patch, MIDDLE), in_cell(&patch, MIDDLE), MIDDLE),
            None => (empty(), empty(), MIDDLE),
        };
        let noise = |episode| match episode {
            Episode::Stimulus(k) if self.decay_rate > 0.0 => draws.noise * self.decay_rate.powi(k as i32),
            _ => draws.noise,
        };
        let pedestal = draws.background.min(1.0 - draws.amplitude);
        Clean::of(self.episodes, [&cue, &stimulus], noise, pedestal)
    }

    /// # Errors
    /// [`Error::Config`] naming the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        ranges(self.episodes, self.a_range, self.n_range, self.b_range)?;
        share("decay_rate", self.decay_rate, 0.0)?;
        if self.force_loc && self.cue_loc_off {
            return Err(Error::config("cue_loc_off", "false where force_loc is true", true));
        }
        share("biased", self.biased, -1.0)
    }
}
