//! Tiles: photographs in a 3x3 grid (recognition of a broken one, cueing, search), of any tile size.
//!
//! Source: `composer.py`, classes `Broken_CIFAR`, `Cued_CIFAR` and `Search_CIFAR`.

use std::sync::Arc;

use super::scene::check_count;
use super::{Timed, Trial};
use crate::{
    error::{Error, Result},
    rng::Chance,
    stimulus::{
        DataIdentity, Filter, Image, PictureSet, Pixels, blurred, gaussian_patch, resize_bytes_by,
        tile_window,
    },
};

/// What a photograph is in a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A piece of the ground is cut from it.
    Ground,
    /// A tile, or a quarter of one.
    Tile,
}

/// What training changes about a photograph; the test changes nothing.
pub type Change<'a> = dyn FnMut(Role, Image) -> Result<Image> + 'a;

/// Photographs as they are.
///
/// # Errors
/// None.
pub fn unchanged(_: Role, image: Image) -> Result<Image> {
    Ok(image)
}

/// Tiles per side.
pub const GRID: usize = 3;
/// Places of the grid.
pub const PLACES: usize = GRID * GRID;
/// Standard deviation of the cue, pixels.
const CUE_SIGMA: f64 = 5.0;
/// Softness of the tiles' edges, and spread of the blur there.
const EDGE: f64 = 8.0;
const BLUR: f64 = 8.0;
/// Pieces per side of a photograph that the ground of recognition is made of.
const PIECES: usize = 4;
/// Largest gap between the quarters of a broken photograph, as published.
pub const GAP: i64 = 8;

/// Rows and columns of a published tile.
pub const SIDE: usize = 64;

/// Square photographs of one size with their classes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TileSet {
    tiles: Tiles,
    side: usize,
}

#[derive(Clone, Debug)]
enum Tiles {
    Images {
        tiles: Arc<[Image]>,
        labels: Arc<[u32]>,
    },
    /// Resized when they are asked for, as Pillow does with its bicubic filter.
    Pictures(PictureSet),
}

impl TileSet {
    /// # Errors
    /// [`Error::Shape`] unless there is a label for each, and all are `[3, side, side]` with a side that
    /// four pieces fit into.
    pub fn new(tiles: Vec<Image>, labels: Vec<u32>) -> Result<Self> {
        check_count("labels of photographs", labels.len(), tiles.len())?;
        let side = tiles.first().map_or(0, Image::height);
        if side == 0 || !side.is_multiple_of(PIECES) {
            return Err(Error::shape("photograph", "3 channels, a side that 4 divides", &[3, side, side]));
        }
        match tiles.iter().find(|tile| tile.shape() != [3, side, side]) {
            Some(tile) => Err(Error::shape("photograph", [3, side, side], &tile.shape())),
            None => Ok(Self { tiles: Tiles::Images { tiles: tiles.into(), labels: labels.into() }, side }),
        }
    }

    /// The photographs of `set`, resized to `side` rows and columns.
    ///
    /// # Errors
    /// [`Error::Config`] for a side that four pieces do not fit into, or without photographs.
    pub fn of_pictures(set: PictureSet, side: usize) -> Result<Self> {
        if side == 0 || !side.is_multiple_of(PIECES) {
            return Err(Error::config("side of a tile", "a multiple of 4", side));
        }
        match set.is_empty() {
            true => Err(Error::config("photographs", "at least one", "none")),
            false => Ok(Self { tiles: Tiles::Pictures(set), side }),
        }
    }

    pub fn len(&self) -> usize {
        match &self.tiles {
            Tiles::Images { tiles, .. } => tiles.len(),
            Tiles::Pictures(set) => set.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the photographs are from; `None` for some at hand.
    pub fn identity(&self) -> Option<&DataIdentity> {
        match &self.tiles {
            Tiles::Images { .. } => None,
            Tiles::Pictures(set) => Some(set.identity()),
        }
    }

    /// Names of the classes; empty for photographs at hand.
    pub fn class_names(&self) -> &[String] {
        match &self.tiles {
            Tiles::Images { .. } => &[],
            Tiles::Pictures(set) => set.class_names(),
        }
    }

    /// The same photographs as tiles of another size.
    ///
    /// # Errors
    /// As [`TileSet::of_pictures`]; [`Error::Shape`] for photographs at hand, which keep their size.
    pub fn with_side(&self, side: usize) -> Result<Self> {
        match &self.tiles {
            _ if side == self.side => Ok(self.clone()),
            Tiles::Pictures(set) => Self::of_pictures(set.clone(), side),
            Tiles::Images { .. } => Err(Error::shape("tile", [3, side, side], &[3, self.side, self.side])),
        }
    }

    /// Rows and columns of a tile.
    pub fn side(&self) -> usize {
        self.side
    }

    fn check(&self, index: usize) -> Result<()> {
        match index < self.len() {
            true => Ok(()),
            false => Err(Error::config("photograph", format!("below {}", self.len()), index)),
        }
    }

    fn tile(&self, index: usize) -> Result<Image> {
        self.check(index)?;
        match &self.tiles {
            Tiles::Images { tiles, .. } => Ok(tiles[index].clone()),
            Tiles::Pictures(set) => {
                let pixels = set.pixels(index)?.with_channels(3)?;
                let to = [self.side; 2];
                let bytes = resize_bytes_by(Filter::Bicubic, &pixels.bytes, pixels.shape, to);
                Ok(Pixels { shape: [self.side, self.side, 3], bytes }.to_image())
            }
        }
    }

    fn label(&self, index: usize) -> Result<u32> {
        self.check(index)?;
        Ok(match &self.tiles {
            Tiles::Images { labels, .. } => labels[index],
            Tiles::Pictures(set) => set.label(index),
        })
    }

    fn labels(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).filter_map(|index| self.label(index).ok())
    }

    fn any(&self, chance: &mut impl Chance) -> Result<usize> {
        Ok(chance.integer(0, self.len() as i64)? as usize)
    }
}

/// Row and column of the top-left pixel of a place.
fn corner(place: usize, side: usize) -> [isize; 2] {
    [(place / GRID * side) as isize, (place % GRID * side) as isize]
}

/// Copies of `image` moved down and right around the border.
fn rolled(image: &Image, [down, right]: [i64; 2]) -> Image {
    let [channels, height, width] = image.shape();
    let mut out = Image::zeros(channels, height, width);
    let moved = |at: usize, by: i64, n: usize| (at as i64 + by).rem_euclid(n as i64) as usize;
    for channel in 0..channels {
        for row in 0..height {
            for column in 0..width {
                let value = image.at(channel, row, column);
                out.set(channel, moved(row, down, height), moved(column, right, width), value);
            }
        }
    }
    out
}

/// `x g + blur(x) (1 - g)`.
fn soft_edged(image: &Image, window: &Image) -> Image {
    let soft = blurred(image, BLUR);
    let mut out = image.clone();
    for (channel, plane) in out.planes_mut().enumerate() {
        for (at, value) in plane.iter_mut().enumerate() {
            let g = window.plane(0)[at];
            *value = *value * g + soft.plane(channel)[at] * (1.0 - g);
        }
    }
    out
}

/// A photograph broken into quarters on a ground of pieces.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokenDraws {
    pub target: usize,
    /// Nine photographs of the ground.
    pub ground: Vec<usize>,
    /// Which piece each of the 144 cells shows.
    pub pieces: Vec<usize>,
    /// Pixels that each quarter is moved outwards.
    pub gap: i64,
    /// Rows and columns off the middle.
    pub offset: [i64; 2],
}

impl BrokenDraws {
    /// `gap`: the largest; 0 is the test, without gap and offset.
    ///
    /// # Errors
    /// Of recorded choices that have come to their end.
    pub fn draw(tiles: &TileSet, target: usize, gap: i64, chance: &mut impl Chance) -> Result<Self> {
        let ground = (0..PLACES).map(|_| tiles.any(chance)).collect::<Result<_>>()?;
        let pieces = chance.permutation(PLACES * PIECES * PIECES)?;
        let mut draws = Self { target, ground, pieces, gap: 0, offset: [0, 0] };
        if gap > 0 {
            draws.gap = chance.integer(1, gap + 1)?;
            let room = tiles.side as i64 - draws.gap;
            draws.offset = [chance.integer(-room, room)?, chance.integer(-room, room)?];
        }
        Ok(draws)
    }

    /// `by_quarter`: each quarter of the target is changed on its own.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Shape`] for draws that do not fit the photographs.
    pub fn compose(
        &self,
        tiles: &TileSet,
        timesteps: usize,
        by_quarter: bool,
        change: &mut Change<'_>,
    ) -> Result<Trial> {
        check_count("photographs of the ground", self.ground.len(), PLACES)?;
        check_count("pieces of the ground", self.pieces.len(), PLACES * PIECES * PIECES)?;
        let (side, piece) = (tiles.side, tiles.side / PIECES);
        let mut frame = Image::zeros(3, GRID * side, GRID * side);
        let per_row = GRID * PIECES;
        let mut ground = Vec::with_capacity(PLACES);
        for &source in &self.ground {
            ground.push(change(Role::Ground, tiles.tile(source)?)?);
        }
        for (cell, &shown) in self.pieces.iter().enumerate() {
            let Some(source) = ground.get(shown / (PIECES * PIECES)) else {
                let requirement = format!("below {}", PLACES * PIECES * PIECES);
                return Err(Error::config("piece of the ground", requirement, shown));
            };
            let within = shown % (PIECES * PIECES);
            let part = cut(source, [within / PIECES * piece, within % PIECES * piece], piece);
            frame.paste(&part, (cell / per_row * piece) as isize, (cell % per_row * piece) as isize);
        }
        let mut target = tiles.tile(self.target)?;
        if !by_quarter {
            target = change(Role::Tile, target)?;
        }
        let (half, middle) = ((side / 2) as i64, (GRID * side / 2) as i64);
        for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let start = |second: usize, offset: i64| match second {
                0 => middle - half - self.gap + offset,
                _ => middle + self.gap + offset,
            };
            let mut quarter = cut(&target, [row * side / 2, column * side / 2], side / 2);
            if by_quarter {
                quarter = change(Role::Tile, quarter)?;
            }
            frame.paste(
                &quarter,
                start(row, self.offset[0]) as isize,
                start(column, self.offset[1]) as isize,
            );
        }
        Ok(Trial {
            frames: Timed::held(frame, timesteps),
            masks: Timed::default(),
            labels: vec![tiles.label(self.target)?; timesteps],
            prompt: None,
            components: Vec::new(),
        })
    }
}

fn cut(image: &Image, [top, left]: [usize; 2], side: usize) -> Image {
    let mut out = Image::zeros(image.channels(), side, side);
    out.paste(image, -(top as isize), -(left as isize));
    out
}

/// A cue on one of nine photographs.
#[derive(Clone, Debug, PartialEq)]
pub struct CuedTilesDraws {
    pub target: usize,
    /// The eight others.
    pub others: Vec<usize>,
    /// Which image each place shows; 0 is the target, k the k-th other.
    pub order: Vec<usize>,
    /// Rows and columns that everything is moved by, around the border.
    pub roll: [i64; 2],
}

impl CuedTilesDraws {
    /// In the test the target is in the middle and nothing is moved.
    ///
    /// # Errors
    /// Of recorded choices that have come to their end.
    pub fn draw(tiles: &TileSet, target: usize, is_test: bool, chance: &mut impl Chance) -> Result<Self> {
        let mut order = chance.permutation(PLACES)?;
        let others = (1..PLACES).map(|_| tiles.any(chance)).collect::<Result<_>>()?;
        let mut roll = [0, 0];
        if is_test {
            let place = order.iter().position(|&image| image == 0).unwrap_or(0);
            order.swap(place, PLACES / 2);
        } else {
            let place = order.iter().position(|&image| image == 0).unwrap_or(0);
            let side = tiles.side as i64;
            for (by, at) in roll.iter_mut().zip([place / GRID, place % GRID]) {
                *by = chance.integer(-side * at as i64, side * (GRID - 1 - at) as i64)?;
            }
        }
        Ok(Self { target, others, order, roll })
    }

    /// The cue, then the photographs.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Shape`] for draws that do not fit the photographs.
    pub fn compose(&self, tiles: &TileSet, fix_attend: [usize; 2], change: &mut Change<'_>) -> Result<Trial> {
        check_count("order of the photographs", self.order.len(), PLACES)?;
        check_count("photographs around the target", self.others.len(), PLACES - 1)?;
        let side = tiles.side;
        let mut scene = Image::zeros(3, GRID * side, GRID * side);
        let mut dot = Image::zeros(1, GRID * side, GRID * side);
        let mut mask = dot.clone();
        for (place, &image) in self.order.iter().enumerate() {
            let source = match image {
                0 => self.target,
                _ => *self.others.get(image - 1).unwrap_or(&usize::MAX),
            };
            let [top, left] = corner(place, side);
            scene.paste(&change(Role::Tile, tiles.tile(source)?)?, top, left);
            if image == 0 {
                dot.paste(&gaussian_patch(side, side, CUE_SIGMA), top, left);
                mask.paste(&Image::uniform(&[1.0], side, side), top, left);
            }
        }
        let window = rolled(&tile_window(GRID * side, GRID * side, [GRID; 2], EDGE), self.roll);
        let dot = rolled(&dot, self.roll);
        let scene = soft_edged(&rolled(&scene, self.roll), &window);
        let mask = soft_edged(&rolled(&mask, self.roll), &window);
        let [fixate, attend] = fix_attend;
        Ok(Trial {
            frames: Timed::sequence([(dot.repeated(3), fixate), (scene, attend)]),
            masks: Timed::sequence([(dot, fixate), (mask, attend)]),
            labels: vec![tiles.label(self.target)?; fixate + attend],
            prompt: None,
            components: Vec::new(),
        })
    }
}

/// A class to look for among nine photographs.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchTilesDraws {
    pub target: usize,
    /// The eight others, of other classes.
    pub others: Vec<usize>,
    /// Place of the target, then of each other.
    pub cells: Vec<usize>,
}

impl SearchTilesDraws {
    /// In the test the target is in the middle.
    ///
    /// # Errors
    /// Of recorded choices that have come to their end; [`Error::Unsupported`] if all photographs have
    /// the target's class.
    pub fn draw(tiles: &TileSet, target: usize, is_test: bool, chance: &mut impl Chance) -> Result<Self> {
        let class = tiles.label(target)?;
        if tiles.labels().all(|label| label == class) {
            return Err(Error::Unsupported("search needs photographs of a second class".to_owned()));
        }
        let mut cells = chance.permutation(PLACES)?;
        if is_test {
            let at = cells.iter().position(|&cell| cell == PLACES / 2).unwrap_or(0);
            cells.swap(0, at);
        }
        let mut others = Vec::with_capacity(PLACES - 1);
        while others.len() < PLACES - 1 {
            let other = tiles.any(chance)?;
            if tiles.label(other)? != class {
                others.push(other);
            }
        }
        Ok(Self { target, others, cells })
    }

    /// Static; the prompt is the target's class.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Shape`] for draws that do not fit the photographs.
    pub fn compose(&self, tiles: &TileSet, timesteps: usize, change: &mut Change<'_>) -> Result<Trial> {
        check_count("places of the photographs", self.cells.len(), PLACES)?;
        check_count("photographs around the target", self.others.len(), PLACES - 1)?;
        let side = tiles.side;
        let mut scene = Image::zeros(3, GRID * side, GRID * side);
        let mut mask = Image::zeros(1, GRID * side, GRID * side);
        let sources = std::iter::once(&self.target).chain(&self.others);
        for (k, (&source, &cell)) in sources.zip(&self.cells).enumerate() {
            let [top, left] = corner(cell, side);
            scene.paste(&change(Role::Tile, tiles.tile(source)?)?, top, left);
            if k == 0 {
                mask.paste(&Image::uniform(&[1.0], side, side), top, left);
            }
        }
        let window = tile_window(GRID * side, GRID * side, [GRID; 2], EDGE);
        let label = tiles.label(self.target)?;
        Ok(Trial {
            frames: Timed::held(soft_edged(&scene, &window), timesteps),
            masks: Timed::held(soft_edged(&mask, &window), timesteps),
            labels: vec![label; timesteps],
            prompt: Some(label),
            components: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    fn tiles() -> TileSet {
        let tile = |k: usize| Image::uniform(&[k as f32 / 12.0, 0.5, 0.1], 16, 16);
        TileSet::new((0..12).map(tile).collect(), (0..12).map(|k| k % 3).collect()).unwrap()
    }

    #[test]
    fn in_the_test_the_target_is_in_the_middle() {
        let (tiles, mut rng) = (tiles(), rng::stream(1, "t", &[]));
        let cued = CuedTilesDraws::draw(&tiles, 5, true, &mut rng).unwrap();
        let trial = cued.compose(&tiles, [2, 1], &mut unchanged).unwrap();
        assert!((trial.frames.at(2).at(0, 24, 24) - 5.0 / 12.0).abs() < 1e-3);
        let search = SearchTilesDraws::draw(&tiles, 5, true, &mut rng).unwrap();
        let trial = search.compose(&tiles, 2, &mut unchanged).unwrap();
        assert!((trial.frames.at(0).at(0, 24, 24) - 5.0 / 12.0).abs() < 1e-3);
        assert_eq!((trial.prompt, trial.masks.at(0).at(0, 24, 24)), (Some(2), 1.0));
        assert!(search.others.iter().all(|&other| other % 3 != 2));
        let broken = BrokenDraws::draw(&tiles, 5, 0, &mut rng).unwrap();
        let broken = broken.compose(&tiles, 1, false, &mut unchanged).unwrap();
        assert!((broken.frames.at(0).at(0, 24, 24) - 5.0 / 12.0).abs() < 1e-6);
    }

    #[test]
    fn moving_around_the_border_keeps_the_target_whole() {
        let (tiles, mut rng) = (tiles(), rng::stream(2, "t", &[]));
        for _ in 0..20 {
            let draws = CuedTilesDraws::draw(&tiles, 3, false, &mut rng).unwrap();
            let trial = draws.compose(&tiles, [1, 1], &mut unchanged).unwrap();
            let ink: f32 = trial.masks.at(0).data().iter().sum();
            let whole: f32 = gaussian_patch(16, 16, CUE_SIGMA).data().iter().sum();
            assert!((ink - whole).abs() < 1e-2);
        }
    }
}
