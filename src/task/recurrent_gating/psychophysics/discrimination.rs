//! Discrimination: which of two Gabor patches has the higher contrast?

use serde::{Deserialize, Serialize};

use super::{
    AROUND, Clean, Episodes, GaborTable, MIDDLE, ORIENTATIONS, Span, cell, cell_patch, empty, in_cell, put,
    ranges, share,
};
use crate::{
    error::{Error, Result},
    rng::Chance,
};

/// Standard deviation of the cue, pixels.
const SIGMA: f64 = 6.0;

/// Settings (`PsychCompare` of the reference, which reads neither its `d_range` nor its `force_cue`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Discrimination {
    /// Timesteps of noise, cue, noise and stimulus.
    pub episodes: Episodes,
    /// Contrasts of both patches.
    pub a_range: Span,
    /// Standard deviation of the noise.
    pub n_range: Span,
    /// Luminance of the background.
    pub b_range: Span,
    /// Share of trials whose cue is forced to the patch of higher contrast.
    pub biased: f64,
    /// The answer is always the first (test) patch.
    pub force_label: bool,
    /// Every cue at the first patch.
    pub force_loc: bool,
    /// Where the cue is: 0 the first patch, 1 the second, another number the middle.
    pub cue_loc: Option<usize>,
    /// Contrast of the first patch, in place of the drawn one.
    pub gabor_a_0: Option<f64>,
    /// Contrast of the second patch, in place of the drawn one.
    pub gabor_a_1: Option<f64>,
    /// The second patch's contrast lies this far below the first's.
    pub force_diff: Option<f64>,
}

impl Default for Discrimination {
    fn default() -> Self {
        Self {
            episodes: Episodes([0, 2, 0, 2]),
            a_range: Span::Between([0.2, 0.8]),
            n_range: Span::Between([0.0, 0.2]),
            b_range: Span::Between([0.125, 0.25]),
            biased: 0.0,
            force_label: false,
            force_loc: false,
            cue_loc: None,
            gabor_a_0: None,
            gabor_a_1: None,
            force_diff: None,
        }
    }
}

/// The random choices of one trial, but for the noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiscriminationDraws {
    /// The two cells.
    pub cells: [usize; 2],
    pub contrasts: [f64; 2],
    pub degrees: [i64; 2],
    pub cue: usize,
    pub noise: f64,
    pub background: f64,
}

impl DiscriminationDraws {
    /// The cell of the higher contrast; the second's if they are equal.
    pub fn target(&self) -> usize {
        if self.contrasts[0] > self.contrasts[1] { self.cells[0] } else { self.cells[1] }
    }
}

impl Discrimination {
    /// # Errors
    /// Of recorded choices that have come to their end.
    pub fn draw(&self, chance: &mut impl Chance) -> Result<DiscriminationDraws> {
        let order = chance.permutation(AROUND.len())?;
        let cells = [AROUND[order[0]], AROUND[order[1]]];
        let first = self.a_range.draw(chance)?;
        let second = match self.force_diff {
            Some(difference) => first - difference,
            None => self.a_range.draw(chance)?,
        };
        let contrasts = [self.gabor_a_0.unwrap_or(first), self.gabor_a_1.unwrap_or(second)];
        let degrees = [chance.integer(0, ORIENTATIONS)?, chance.integer(0, ORIENTATIONS)?];
        let mut draws =
            DiscriminationDraws { cells, contrasts, degrees, cue: MIDDLE, noise: 0.0, background: 0.0 };
        draws.cue = match self.cue_loc {
            Some(0) => cells[0],
            Some(1) => cells[1],
            Some(_) => MIDDLE,
            None if self.force_loc => cells[0],
            None if chance.uniform()? < self.biased => draws.target(),
            None => cell(chance)?,
        };
        draws.noise = self.n_range.draw(chance)?;
        draws.background = self.b_range.draw(chance)?;
        Ok(draws)
    }

    pub fn compose(&self, gabors: &GaborTable, draws: &DiscriminationDraws) -> Clean {
        let patch = cell_patch(SIGMA);
        let target = draws.target();
        let mut frame = empty();
        for k in 0..2 {
            let contrast = draws.contrasts[k] as f32;
            put(&mut frame, &gabors.at(draws.degrees[k]).map(|v| v * contrast), draws.cells[k]);
        }
        let label = if self.force_label { draws.cells[0] } else { target };
        let stimulus = (frame, in_cell(&patch, target), label);
        let cue = (in_cell(&patch, draws.cue), in_cell(&patch, draws.cue), draws.cue);
        let highest = draws.contrasts[0].max(draws.contrasts[1]);
        let pedestal = draws.background.min(1.0 - highest);
        Clean::of(self.episodes, [&cue, &stimulus], |_| draws.noise, pedestal)
    }

    /// # Errors
    /// [`Error::Config`] naming the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        ranges(self.episodes, self.a_range, self.n_range, self.b_range)?;
        let given = [
            ("gabor_a_0", self.gabor_a_0, 0.0),
            ("gabor_a_1", self.gabor_a_1, 0.0),
            ("force_diff", self.force_diff, -1.0),
        ];
        for (field, value, low) in given {
            share(field, value.unwrap_or(0.0), low)?;
        }
        if self.cue_loc.is_some_and(|place| place > 8) {
            return Err(Error::config("cue_loc", "0 to 8", self.cue_loc.unwrap_or_default()));
        }
        share("biased", self.biased, -1.0)
    }
}
