//! The three tasks with tiles, each with its settings.

use serde::{Deserialize, Serialize};

use super::tiles::{
    BrokenDraws, CuedTilesDraws, GAP, GRID, Role, SIDE, SearchTilesDraws, TileSet, unchanged,
};
use super::{Mode, Trial};
use crate::error::Result;
use crate::rng::{Chance as _, Rng};
use crate::stimulus::augment::flipped;
use crate::stimulus::{ColourChanges, Image};

/// Changes of a tile in training.
const CHANGES: ColourChanges = ColourChanges {
    grey: 0.5,
    brightness: Some([0.8, 1.8]),
    saturation: Some([0.8, 1.2]),
    hue: 0.2,
    auto_contrast: 0.5,
    inverted: 0.0,
};

/// A photograph broken into quarters on a ground of pieces of others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TileRecognition {
    pub timesteps: usize,
    /// Most pixels that training moves each quarter outwards.
    pub gap: usize,
    /// Training changes the colours of each quarter on its own.
    pub hard: bool,
    /// Rows and columns of a tile; the canvas has three times as many.
    pub side: usize,
}

/// A cue on one of nine photographs, then the photographs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TileCue {
    pub n_fixate: usize,
    pub n_attend: usize,
    /// Training moves everything around the border.
    pub roll: bool,
    pub side: usize,
}

/// A class to look for among nine photographs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TileSearch {
    pub timesteps: usize,
    pub side: usize,
}

impl Default for TileRecognition {
    fn default() -> Self {
        Self { timesteps: 1, gap: GAP as usize, hard: false, side: SIDE }
    }
}

impl Default for TileCue {
    fn default() -> Self {
        Self { n_fixate: 2, n_attend: 1, roll: true, side: SIDE }
    }
}

impl Default for TileSearch {
    fn default() -> Self {
        Self { timesteps: 2, side: SIDE }
    }
}

/// Rows and columns of the canvas of tiles of `side`.
pub(super) fn canvas(side: usize) -> usize {
    GRID * side
}

/// Mirrored half the time where it is a tile, and changed in its colours.
fn changed(role: Role, image: Image, rng: &mut Rng) -> Result<Image> {
    let is_mirrored = role == Role::Tile && rng.uniform()? < 0.5;
    CHANGES.apply(&if is_mirrored { flipped(&image) } else { image }, rng)
}

impl TileRecognition {
    /// # Errors
    /// Of a photograph that cannot be read, or of a set without photographs.
    pub fn compose(&self, tiles: &TileSet, target: usize, mode: Mode, rng: &mut Rng) -> Result<Trial> {
        match mode {
            Mode::Test => {
                let draws = BrokenDraws::draw(tiles, target, 0, rng)?;
                draws.compose(tiles, self.timesteps, false, &mut unchanged)
            }
            Mode::Train => {
                let draws = BrokenDraws::draw(tiles, target, self.gap as i64, rng)?;
                let mut change = |role, image| changed(role, image, rng);
                draws.compose(tiles, self.timesteps, self.hard, &mut change)
            }
        }
    }
}

impl TileCue {
    pub fn timesteps(&self) -> usize {
        self.n_fixate + self.n_attend
    }

    /// # Errors
    /// As [`TileRecognition::compose`].
    pub fn compose(&self, tiles: &TileSet, target: usize, mode: Mode, rng: &mut Rng) -> Result<Trial> {
        let mut draws = CuedTilesDraws::draw(tiles, target, mode == Mode::Test, rng)?;
        if !self.roll {
            draws.roll = [0, 0];
        }
        let parts = [self.n_fixate, self.n_attend];
        match mode {
            Mode::Test => draws.compose(tiles, parts, &mut unchanged),
            Mode::Train => draws.compose(tiles, parts, &mut |role, image| changed(role, image, rng)),
        }
    }
}

impl TileSearch {
    /// # Errors
    /// As [`TileRecognition::compose`]; [`crate::Error::Unsupported`] if all photographs have one class.
    pub fn compose(&self, tiles: &TileSet, target: usize, mode: Mode, rng: &mut Rng) -> Result<Trial> {
        let draws = SearchTilesDraws::draw(tiles, target, mode == Mode::Test, rng)?;
        match mode {
            Mode::Test => draws.compose(tiles, self.timesteps, &mut unchanged),
            Mode::Train => draws.compose(tiles, self.timesteps, &mut |role, image| changed(role, image, rng)),
        }
    }
}
