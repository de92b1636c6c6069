//! Change: does one of several Gabor patches keep turning, and which?

use serde::{Deserialize, Serialize};

use super::{
    AROUND, Clean, Episode, Episodes, GaborTable, MIDDLE, ORIENTATIONS, cell, cell_patch, empty, in_cell,
    put, share,
};
use crate::{
    error::{Error, Result},
    rng::Chance,
};

/// Standard deviation of the cue, pixels.
const SIGMA: f64 = 6.0;
/// Upper end of the noise's standard deviation as published.
pub const NOISE: f64 = 0.25;

/// Settings (`PsychChange` of the reference).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Change {
    /// Timesteps of noise, cue, noise and stimulus.
    pub episodes: Episodes,
    /// Largest turn from one stimulus frame to the next, degrees (exclusive unless forced).
    pub r_range: i64,
    /// Smallest turn, and bound of the jitter of every patch in every frame, degrees.
    pub r_base: i64,
    /// Share of trials whose cue is forced to the changing patch; below 0 the cue is at another one.
    pub biased: f64,
    /// Every turn is exactly `r_range`.
    pub force_range: bool,
    /// A change in every trial.
    pub force_label: bool,
    /// Every cue in the middle.
    pub force_neutral: bool,
    /// Number of patches, 1 to 8; -1 draws it.
    pub n_objects: i64,
}

impl Default for Change {
    fn default() -> Self {
        Self {
            episodes: Episodes([0, 2, 0, 3]),
            r_range: 30,
            r_base: 5,
            biased: 0.5,
            force_range: false,
            force_label: false,
            force_neutral: false,
            n_objects: -1,
        }
    }
}

/// The random choices of one trial, but for the noise itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeDraws {
    /// Cells of the patches; the first is the one that changes.
    pub cells: Vec<usize>,
    /// Degrees per patch and stimulus frame.
    pub jitter: Vec<Vec<i64>>,
    /// Degrees per patch.
    pub offsets: Vec<i64>,
    /// Degrees per stimulus frame of the first patch; `None` if nothing changes.
    pub turn: Option<i64>,
    pub cue: usize,
    /// Share of the noise, 0 to 1.
    pub noise: f64,
}

impl Change {
    /// # Errors
    /// Of recorded choices that have come to their end.
    pub fn draw(&self, chance: &mut impl Chance) -> Result<ChangeDraws> {
        let n = match self.n_objects {
            n if n > 0 => n as usize,
            _ => chance.integer(1, 9)? as usize,
        };
        let is_change = self.force_label || chance.uniform()? >= 0.5;
        let order = chance.permutation(AROUND.len())?;
        let cells: Vec<usize> = order.iter().take(n).map(|&place| AROUND[place]).collect();
        let frames = self.episodes.0[3];
        let mut jitter = Vec::with_capacity(n);
        for _ in 0..n {
            let row = (0..frames).map(|_| chance.integer(-self.r_base, self.r_base));
            jitter.push(row.collect::<Result<Vec<i64>>>()?);
        }
        let offsets = (0..n).map(|_| chance.integer(0, ORIENTATIONS)).collect::<Result<_>>()?;
        let turn = match is_change {
            false => None,
            true => {
                let sign = if chance.uniform()? < 0.5 { -1 } else { 1 };
                Some(match self.force_range {
                    true => self.r_range,
                    false => sign * chance.integer(self.r_base, self.r_range)?,
                })
            }
        };
        let mut cue = match self.biased {
            biased if biased < 0.0 && n > 1 => cells[1],
            biased if chance.uniform()? < biased => cells[0],
            _ => cell(chance)?,
        };
        if self.force_neutral {
            cue = MIDDLE;
        }
        Ok(ChangeDraws { cells, jitter, offsets, turn, cue, noise: chance.uniform()? })
    }

    /// The masks stay in `0..=1`, as published; `noise` is the upper end of the noise.
    pub fn compose(&self, gabors: &GaborTable, draws: &ChangeDraws, noise: f64) -> Clean {
        let patch = cell_patch(SIGMA);
        let cue = in_cell(&patch, draws.cue);
        let (label, mask) = match draws.turn {
            Some(_) => (draws.cells[0], in_cell(&patch, draws.cells[0])),
            None => (MIDDLE, empty()),
        };
        let n = self.episodes.timesteps();
        let mut clean = Clean {
            frames: Vec::with_capacity(n),
            masks: Vec::with_capacity(n),
            labels: Vec::with_capacity(n),
            noise: vec![noise * draws.noise; n],
            speckle: Vec::with_capacity(n),
            pedestal: 0.0,
        };
        for episode in self.episodes.sequence() {
            let (frame, mask, label, speckle) = match episode {
                Episode::Noise => (empty(), empty(), 0, noise),
                Episode::Cue => (cue.clone(), cue.clone(), 0, 0.0),
                Episode::Stimulus(t) => {
                    let mut frame = empty();
                    for (k, &cell) in draws.cells.iter().enumerate() {
                        let turned = draws.turn.filter(|_| k == 0).unwrap_or(0) * t as i64;
                        put(&mut frame, gabors.at(draws.offsets[k] + draws.jitter[k][t] + turned), cell);
                    }
                    (frame, mask.clone(), label, 0.0)
                }
            };
            clean.frames.push(frame);
            clean.masks.push(mask);
            clean.labels.push(label as u32);
            clean.speckle.push(speckle);
        }
        clean
    }

    /// # Errors
    /// [`Error::Config`] naming the setting that is out of range.
    pub fn validate(&self) -> Result<()> {
        self.episodes.validate()?;
        if !(1..=90).contains(&self.r_base) {
            return Err(Error::config("r_base", "1 to 90 degrees", self.r_base));
        }
        let low = if self.force_range { -180 } else { self.r_base + 1 };
        if !(low..=180).contains(&self.r_range) {
            return Err(Error::config("r_range", format!("{low} to 180 degrees"), self.r_range));
        }
        if self.n_objects != -1 && !(1..=8).contains(&self.n_objects) {
            return Err(Error::config("n_objects", "1 to 8, or -1 to draw it", self.n_objects));
        }
        share("biased", self.biased, -1.0)
    }
}
