//! Psychophysics on a 3x3 grid: contrast, discrimination of contrasts, change of orientation.
//!
//! Cells are numbered row by row; class 4, the middle, is "nothing". Source: `composer.py`, classes
//! `PsychGrating`, `PsychCompare` and `PsychChange`. There is no test mode: noise stays on.

mod change;
mod contrast;
mod discrimination;
mod gabor;

use serde::{Deserialize, Serialize};

pub use self::{
    change::{Change, ChangeDraws, NOISE as CHANGE_NOISE},
    contrast::{Contrast, ContrastDraws},
    discrimination::{Discrimination, DiscriminationDraws},
    gabor::{GaborTable, gabor, steep_gabor},
};
use super::{Timed, Trial};
use crate::{
    error::{Error, Result},
    rng::{self, Chance, Rng},
    stimulus::{Image, gaussian_patch},
};

/// Rows and columns of a frame.
pub const SIDE: usize = 96;
/// Rows and columns of a cell.
pub const CELL: usize = SIDE / 3;
/// Orientations of the table, one per degree.
pub const ORIENTATIONS: i64 = 180;
/// The cell in the middle.
pub const MIDDLE: usize = 4;
/// The cells around the middle, in order.
pub const AROUND: [usize; 8] = [0, 1, 2, 3, 5, 6, 7, 8];
/// Number of cells.
pub const CELLS: i64 = 9;

/// A number, or the ends of a range that one is drawn from uniformly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Span {
    Fixed(f64),
    Between([f64; 2]),
}

impl Span {
    fn draw(self, chance: &mut impl Chance) -> Result<f64> {
        match self {
            Self::Fixed(value) => Ok(value),
            Self::Between([low, high]) => Ok(low + chance.uniform()? * (high - low)),
        }
    }

    fn validate(self, field: &str) -> Result<()> {
        let ends = match self {
            Self::Fixed(value) => [value; 2],
            Self::Between(ends) => ends,
        };
        match ends.iter().find(|end| !(0.0..=1.0).contains(*end)) {
            Some(end) => Err(Error::config(field, "0 to 1, or a list of two such numbers", end)),
            None => Ok(()),
        }
    }
}

/// Timesteps of noise, cue, noise and stimulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Episodes(pub [usize; 4]);

/// What a timestep shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Episode {
    Noise,
    Cue,
    /// With the number of the stimulus frame.
    Stimulus(usize),
}

impl Episodes {
    pub fn timesteps(self) -> usize {
        self.0.iter().sum()
    }

    /// First and one past the last timestep of the cue and of the stimulus.
    pub fn bounds(self) -> [[usize; 2]; 2] {
        let [before, cue, between, stimulus] = self.0;
        let onset = before + cue + between;
        [[before, before + cue], [onset, onset + stimulus]]
    }

    fn sequence(self) -> impl Iterator<Item = Episode> {
        let [cue, stimulus] = self.bounds();
        (0..self.timesteps()).map(move |t| {
            if (cue[0]..cue[1]).contains(&t) {
                Episode::Cue
            } else if t >= stimulus[0] {
                Episode::Stimulus(t - stimulus[0])
            } else {
                Episode::Noise
            }
        })
    }

    fn validate(self) -> Result<()> {
        match self.0.iter().all(|&n| n <= 1000) && self.0[1] > 0 && self.0[3] > 0 {
            true => Ok(()),
            false => Err(Error::config(
                "episodes",
                "four numbers of timesteps up to 1000, cue and stimulus above 0",
                format!("{:?}", self.0),
            )),
        }
    }
}

/// A composed trial without its noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Clean {
    /// `[1, 96, 96]` per timestep.
    pub frames: Vec<Image>,
    /// `[1, 96, 96]` per timestep, in the range that the loss compares with.
    pub masks: Vec<Image>,
    /// Cell per timestep.
    pub labels: Vec<u32>,
    /// Standard deviation of the noise per timestep.
    pub noise: Vec<f64>,
    /// Upper end of uniform noise per timestep, besides.
    pub speckle: Vec<f64>,
    /// Luminance that is added to every frame.
    pub pedestal: f64,
}

/// A frame with its mask in `0..=1` and its cell.
type Shown = (Image, Image, usize);

impl Clean {
    /// Nothing, then the cue, nothing and the stimulus, with masks in `-1..=1`; `noise` per episode.
    fn of(
        episodes: Episodes,
        [cue, stimulus]: [&Shown; 2],
        noise: impl Fn(Episode) -> f64,
        pedestal: f64,
    ) -> Self {
        let nothing = (empty(), empty(), MIDDLE);
        let n = episodes.timesteps();
        let mut clean = Self {
            frames: Vec::with_capacity(n),
            masks: Vec::with_capacity(n),
            labels: Vec::with_capacity(n),
            noise: Vec::with_capacity(n),
            speckle: vec![0.0; n],
            pedestal,
        };
        for episode in episodes.sequence() {
            let (frame, mask, label) = match episode {
                Episode::Noise => &nothing,
                Episode::Cue => cue,
                Episode::Stimulus(_) => stimulus,
            };
            clean.frames.push(frame.clone());
            clean.masks.push(signed(mask));
            clean.labels.push(*label as u32);
            clean.noise.push(noise(episode));
        }
        clean
    }

    /// The frame of timestep `t` with `normals`, one standard normal number per pixel:
    /// `clamp(frame + noise * normal + pedestal, 0, 1)`.
    pub fn with_normals(&self, frame: &Image, t: usize, normals: &[f32]) -> Image {
        let mut out = frame.clone();
        for (value, &normal) in out.data_mut().iter_mut().zip(normals) {
            let noisy = f64::from(*value) + self.noise[t] * f64::from(normal) + self.pedestal;
            *value = noisy.clamp(0.0, 1.0) as f32;
        }
        out
    }

    /// Draws the noise.
    pub fn finish(self, rng: &mut Rng) -> Trial {
        let frames: Vec<(Image, usize)> = (0..self.frames.len())
            .map(|t| {
                let mut frame = self.frames[t].clone();
                if self.speckle[t] > 0.0 {
                    for value in frame.data_mut() {
                        *value += (self.speckle[t] * rng::uniform(rng)) as f32;
                    }
                }
                let normals: Vec<f32> = (0..frame.data().len()).map(|_| rng::normal(rng) as f32).collect();
                (self.with_normals(&frame, t, &normals), 1)
            })
            .collect();
        Trial {
            frames: Timed::sequence(frames),
            masks: Timed::distinct(self.masks),
            labels: self.labels,
            prompt: None,
            components: Vec::new(),
        }
    }
}

/// The window that marks a cell, `[1, 32, 32]`.
pub fn cell_patch(sigma: f64) -> Image {
    gaussian_patch(CELL, CELL, sigma)
}

/// `part` in `cell` of an empty frame.
fn in_cell(part: &Image, cell: usize) -> Image {
    let mut frame = Image::zeros(1, SIDE, SIDE);
    put(&mut frame, part, cell);
    frame
}

fn put(frame: &mut Image, part: &Image, cell: usize) {
    frame.paste(part, (cell / 3 * CELL) as isize, (cell % 3 * CELL) as isize);
}

fn empty() -> Image {
    Image::zeros(1, SIDE, SIDE)
}

/// From `0..=1` to `-1..=1`.
fn signed(mask: &Image) -> Image {
    mask.map(|value| 2.0 * value - 1.0)
}

fn cell(chance: &mut impl Chance) -> Result<usize> {
    Ok(chance.integer(0, CELLS)? as usize)
}

fn around(chance: &mut impl Chance) -> Result<usize> {
    let place = chance.integer(0, AROUND.len() as i64)? as usize;
    Ok(AROUND[place.min(AROUND.len() - 1)])
}

/// Contrast, noise and background of the tasks with gratings.
fn ranges(episodes: Episodes, contrast: Span, noise: Span, background: Span) -> Result<()> {
    episodes.validate()?;
    contrast.validate("a_range")?;
    noise.validate("n_range")?;
    background.validate("b_range")
}

fn share(field: &str, value: f64, low: f64) -> Result<()> {
    match (low..=1.0).contains(&value) {
        true => Ok(()),
        false => Err(Error::config(field, format!("{low} to 1"), value)),
    }
}
