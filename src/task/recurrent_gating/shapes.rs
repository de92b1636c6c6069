//! Shapes: a textured and coloured silhouette on a textured and coloured ground; three questions at once.

use serde::{Deserialize, Serialize};

use super::scene::{Colour, raw_colour};
use super::shape_drawings::{SHAPES, ShapeDrawings};
use super::{Mode, Timed, Trial};
use crate::{
    error::{Error, Result},
    rng::{self, Rng},
    stimulus::{Affine, AffineRange, Image, pink_noise},
};

/// Rows and columns of a frame.
pub const SIDE: usize = 128;
/// The colours in the order of their classes.
pub const COLOURS: [(&str, Colour); 6] = [
    ("red", [1.0, 0.0, 0.0]),
    ("green", [0.0, 1.0, 0.0]),
    ("blue", [0.0, 0.0, 1.0]),
    ("yellow", [0.7, 0.7, 0.0]),
    ("cyan", [0.0, 0.7, 0.7]),
    ("magenta", [0.7, 0.0, 0.7]),
];
/// The textures in the order of their classes.
pub const TEXTURES: [&str; 4] = ["speckle", "tiles", "pink", "solid"];
/// First output and one past the last of the three questions.
pub const GROUPS: [(usize, usize); 3] = [(0, 9), (9, 15), (15, 19)];

/// Largest standard deviation of the noise on a colour.
const COLOUR_NOISE: f64 = 0.25;
/// Side of the repeated tile.
const TILE: usize = 5;
/// The warp of training.
const WARP: AffineRange = AffineRange { deg: 180.0, shift: 0.2, scale: [0.7, 1.2] };

/// Settings (`ShapeRecognition_FBG` of the reference).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shapes {
    pub timesteps: usize,
    /// Only the conjunctions that training leaves out.
    pub hard: bool,
    /// Figure and ground share their colour or their texture.
    pub superhard: bool,
    /// The figure is black.
    pub invert: bool,
    /// The ground is black where `background` is false.
    pub empty: bool,
    pub background: bool,
}

impl Default for Shapes {
    fn default() -> Self {
        Self { timesteps: 1, hard: false, superhard: false, invert: false, empty: false, background: true }
    }
}

/// A surface: texture `[1 or 3, height, width]` times colour.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    pub texture: Image,
    pub colour: Colour,
}

impl Surface {
    fn at(&self, channel: usize, at: usize) -> f32 {
        self.texture.plane(channel.min(self.texture.channels() - 1))[at] * self.colour[channel]
    }
}

/// The random choices of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapesDraws {
    /// Classes of shape, colour and texture.
    pub labels: [usize; 3],
    pub warp: Affine,
    pub figure: Surface,
    pub ground: Surface,
}

/// A texture sample; only the solid one has three channels.
pub fn texture(kind: usize, side: usize, rng: &mut Rng) -> Image {
    match kind {
        0 => Image::from_fn(side, side, |_, _| f32::from(rng::uniform(rng) < 0.5)),
        1 => {
            let tile = Image::from_fn(TILE, TILE, |_, _| f32::from(rng::uniform(rng) < 0.5));
            Image::from_fn(side, side, |row, column| tile.at(0, row % TILE, column % TILE))
        }
        2 => {
            let uniforms: Vec<f32> = (0..side * side).map(|_| rng::uniform(rng) as f32).collect();
            pink_noise(&uniforms, side, side, 2.5, 0.5).map(|v| 0.5 + 0.5 * v.cos())
        }
        _ => Image::uniform(&raw_colour(rng), side, side),
    }
}

fn colour(kind: usize, mode: Mode, rng: &mut Rng) -> Colour {
    let clean = COLOURS[kind].1;
    match mode {
        Mode::Test => clean,
        Mode::Train => {
            let amplitude = COLOUR_NOISE * rng::uniform(rng);
            clean.map(|value| (f64::from(value) + amplitude * rng::normal(rng)).clamp(0.0, 1.0) as f32)
        }
    }
}

/// `mask * figure + (1 - mask) * ground`, all of one size.
///
/// # Errors
/// [`Error::Shape`] if they are not.
pub fn composed(mask: &Image, figure: Option<&Surface>, ground: Option<&Surface>) -> Result<Image> {
    let [_, height, width] = mask.shape();
    for surface in figure.iter().chain(&ground) {
        let texture = surface.texture.shape();
        if texture[1..] != [height, width] || ![1, 3].contains(&texture[0]) {
            return Err(Error::shape("texture", ("1 or 3", height, width), &texture));
        }
    }
    let mut out = Image::zeros(3, height, width);
    for channel in 0..3 {
        let shade = |surface: Option<&Surface>, at| surface.map_or(0.0, |surface| surface.at(channel, at));
        for (at, value) in out.plane_mut(channel).iter_mut().enumerate() {
            let m = mask.plane(0)[at];
            *value = m * shade(figure, at) + (1.0 - m) * shade(ground, at);
        }
    }
    Ok(out)
}

impl Shapes {
    /// Training warps the shape and disturbs colours, and leaves out the conjunctions of equal classes.
    pub fn draw(&self, mode: Mode, rng: &mut Rng) -> ShapesDraws {
        let mut labels = [SHAPES.len(), COLOURS.len(), TEXTURES.len()].map(|n| rng::index(rng, 0, n));
        if self.hard {
            labels = [rng::index(rng, 0, 3); 3];
        } else if mode == Mode::Train && labels[0] == labels[1] && labels[1] == labels[2] {
            match labels[0] {
                0 => labels[2] = rng::index(rng, 1, TEXTURES.len()),
                1 => labels[1] = rng::index(rng, 2, COLOURS.len()),
                _ => labels[0] = rng::index(rng, 3, SHAPES.len()),
            }
        }
        let target = [labels[1], labels[2]];
        let mut ground = target;
        while ground == target {
            ground = [rng::index(rng, 0, COLOURS.len()), rng::index(rng, 0, TEXTURES.len())];
            if self.superhard {
                let shared = usize::from(rng::uniform(rng) >= 0.5);
                ground[shared] = target[shared];
            }
        }
        let warp = match mode {
            Mode::Train => WARP.draw(SIDE, SIDE, rng),
            Mode::Test => Affine { deg: 0.0, tx: 0.0, ty: 0.0, scale: 1.0 },
        };
        let mut surface = |[hue, kind]: [usize; 2]| Surface {
            texture: texture(kind, SIDE, rng),
            colour: colour(hue, mode, rng),
        };
        ShapesDraws { labels, warp, figure: surface(target), ground: surface(ground) }
    }

    /// Static; the labels are shape, colour and texture of every timestep in turn.
    ///
    /// # Errors
    /// [`Error::Config`] for a shape that does not exist.
    pub fn compose(&self, shapes: &ShapeDrawings, draws: &ShapesDraws) -> Result<Trial> {
        let mask = draws.warp.apply(&shapes.on_canvas(draws.labels[0])?);
        let figure = (!self.invert).then_some(&draws.figure);
        let ground = (self.background || !self.empty).then_some(&draws.ground);
        let frame = composed(&mask, figure, ground)?;
        Ok(Trial {
            frames: Timed::held(frame, self.timesteps),
            masks: Timed::held(mask.clone(), self.timesteps),
            labels: draws.labels.map(|label| label as u32).repeat(self.timesteps),
            prompt: None,
            components: vec![mask],
        })
    }
}

/// Names of the outputs: shapes, colours, textures.
pub fn class_names() -> Vec<String> {
    let shapes = ["triangle", "square", "circle", "cross", "hexagon", "star", "heart", "hexagram", "crs"];
    let colours = COLOURS.map(|(name, _)| name);
    shapes.iter().chain(&colours).chain(&TEXTURES).map(|&name| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_leaves_out_equal_classes_and_hard_tests_show_them() {
        let mut rng = rng::stream(1, "t", &[]);
        for _ in 0..300 {
            let [shape, colour, texture] = Shapes::default().draw(Mode::Train, &mut rng).labels;
            assert!(shape != colour || colour != texture || shape == 3);
            let hard = Shapes { hard: true, ..Shapes::default() }.draw(Mode::Test, &mut rng);
            assert!(hard.labels[0] < 3 && hard.labels == [hard.labels[0]; 3]);
        }
    }

    #[test]
    fn figure_and_ground_take_their_places() {
        let (task, mut rng) = (Shapes::default(), rng::stream(1, "t", &[]));
        let mut draws = task.draw(Mode::Test, &mut rng);
        draws.labels[0] = 1;
        draws.figure = Surface { texture: Image::uniform(&[1.0], SIDE, SIDE), colour: [1.0, 0.0, 0.0] };
        draws.ground = Surface { texture: Image::uniform(&[0.5; 3], SIDE, SIDE), colour: [0.0, 0.0, 1.0] };
        let trial = task.compose(&ShapeDrawings::drawn(), &draws).unwrap();
        let frame = trial.frames.at(0);
        assert_eq!((frame.at(0, 64, 64), frame.at(2, 64, 64)), (1.0, 0.0));
        assert_eq!((frame.at(0, 2, 2), frame.at(2, 2, 2)), (0.0, 0.5));
    }
}
