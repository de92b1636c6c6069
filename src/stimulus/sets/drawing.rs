//! Schematic faces and objects as functions of place, and pictures of one of them on a shaded ground.

use super::super::Image;
use crate::rng::{self, Rng};

pub(super) type Colour = [f32; 3];

/// What can be drawn: five faces that differ in proportions and hair, five objects that differ in outline.
pub(super) const CLASSES: [&str; 10] =
    ["face a", "face b", "face c", "face d", "face e", "house", "ball", "cup", "tree", "star"];
pub(super) const N_FACES: usize = 5;
/// With the ring and the cross that stand beside others only.
pub(super) const N_THINGS: usize = 12;

const DARK: Colour = [0.08, 0.06, 0.08];

/// Proportions and hair of a face, in units of half its picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Half width of the head.
    pub(super) width: f64,
    /// Distance of the eyes from the middle, and their height.
    pub(super) eyes: [f64; 2],
    /// Half width and bend of the mouth.
    pub(super) mouth: [f64; 2],
    /// Above it everything is hair.
    pub(super) hair_line: f64,
    pub(super) hair: Colour,
    /// Hair beside the head, down to the chin.
    pub(super) is_long: bool,
    /// Hair around the mouth, and heavy brows.
    pub(super) has_beard: bool,
}

impl Look {
    const fn new(numbers: [f64; 6], hair: Colour) -> Self {
        let [width, eyes, height, mouth, bend, hair_line] = numbers;
        Self {
            width,
            eyes: [eyes, height],
            mouth: [mouth, bend],
            hair_line,
            hair,
            is_long: false,
            has_beard: false,
        }
    }
}

const LOOKS: [Look; N_FACES] = [
    Look::new([0.62, 0.26, -0.18, 0.22, 0.06, -0.50], [0.1, 0.07, 0.05]),
    Look::new([0.74, 0.34, -0.12, 0.34, 0.14, -0.62], [0.75, 0.6, 0.25]),
    Look::new([0.54, 0.20, -0.24, 0.16, -0.08, -0.38], [0.45, 0.2, 0.08]),
    Look::new([0.70, 0.22, -0.05, 0.28, -0.02, -0.45], [0.5, 0.5, 0.5]),
    Look::new([0.60, 0.32, -0.28, 0.38, 0.20, -0.72], [0.25, 0.15, 0.1]),
];

/// Colours that a picture draws for the thing in it.
pub(super) struct Paint {
    pub(super) colours: [Colour; 2],
    pub(super) skin: Colour,
}

/// Where and how large the thing may be, in units of half the picture's shorter side.
pub(super) struct Placement {
    pub(super) size: [f64; 2],
    /// Where it usually is: rows, columns from the middle of the picture.
    pub(super) middle: [f64; 2],
    /// Farthest it lies from there: rows, columns.
    pub(super) spread: [f64; 2],
}

/// A picture and each thing's own pixels.
pub(super) struct Drawn {
    /// `[3, height, width]`.
    pub(super) image: Image,
    /// `[1, height, width]`, 0 or 1; no two share a pixel.
    pub(super) masks: Vec<Image>,
}

fn between(rng: &mut Rng, from: f64, to: f64) -> f64 {
    from + (to - from) * rng::uniform(rng)
}

fn colour(rng: &mut Rng) -> Colour {
    [(); 3].map(|()| rng::uniform(rng) as f32)
}

/// Where a thing stands and how far it is tilted.
struct Pose {
    middle: [f64; 2],
    size: f64,
    turn: [f64; 2],
}

impl Pose {
    fn draw(rng: &mut Rng, placement: &Placement) -> Self {
        let angle = between(rng, -0.25, 0.25);
        let mut at = |axis: usize| {
            let (middle, spread) = (placement.middle[axis], placement.spread[axis]);
            middle + between(rng, -spread, spread)
        };
        let middle = [at(0), at(1)];
        let size = between(rng, placement.size[0], placement.size[1]);
        Self { middle, size, turn: [angle.cos(), angle.sin()] }
    }

    /// A place of the picture in the thing's own frame: columns, rows.
    fn frame(&self, y: f64, x: f64) -> [f64; 2] {
        let (v, u) = ((y - self.middle[0]) / self.size, (x - self.middle[1]) / self.size);
        let [cos, sin] = self.turn;
        [sin * v + cos * u, cos * v - sin * u]
    }
}

/// Things (number `k`'s colour at a place of its own frame, `None` beside it) on a shaded ground, the
/// first in front; places, sizes, tilts, light and colours are drawn from `rng`.
pub(super) fn drawn(
    rng: &mut Rng,
    [height, width]: [usize; 2],
    placements: &[Placement],
    thing: impl Fn(usize, f64, f64, &Paint) -> Option<Colour>,
) -> Drawn {
    let mut poses: Vec<Pose> =
        placements.first().map(|placement| Pose::draw(rng, placement)).into_iter().collect();
    let light = [between(rng, -0.25, 0.25), between(rng, -0.25, 0.25)];
    let (ground, far) = (colour(rng), colour(rng));
    let colours = [colour(rng), colour(rng)];
    let skin = between(rng, 0.45, 0.95) as f32;
    let paint = Paint { colours, skin: [skin, skin * 0.8, skin * 0.65] };
    poses.extend(placements.iter().skip(1).map(|placement| Pose::draw(rng, placement)));
    let mut image = Image::zeros(3, height, width);
    let mut masks = vec![Image::zeros(1, height, width); poses.len()];
    let half = height.min(width) as f64 / 2.0;
    for row in 0..height {
        for column in 0..width {
            let at = |index: usize, length: usize| (index as f64 + 0.5 - length as f64 / 2.0) / half;
            let (y, x) = (at(row, height), at(column, width));
            let found = poses.iter().enumerate().find_map(|(k, pose)| {
                let [u, v] = pose.frame(y, x);
                Some((k, thing(k, u, v, &paint)?))
            });
            if let Some((k, _)) = found {
                masks[k].set(0, row, column, 1.0);
            }
            let share = row as f32 / height as f32;
            let behind: Colour =
                std::array::from_fn(|c| 0.3 + 0.5 * (ground[c] + share * (far[c] - ground[c])));
            let light = (1.0 + light[0] * y + light[1] * x) as f32;
            let grain = (rng::uniform(rng) as f32 - 0.5) * 0.04;
            for (channel, value) in found.map_or(behind, |(_, colour)| colour).into_iter().enumerate() {
                image.set(channel, row, column, (value * light + grain).clamp(0.0, 1.0));
            }
        }
    }
    Drawn { image, masks }
}

/// The colour of the thing `class` at a place; `None` beside it.
pub(super) fn thing(class: usize, u: f64, v: f64, paint: &Paint) -> Option<Colour> {
    match class {
        class if class < N_FACES => face(&LOOKS[class], u, v, paint.skin),
        class => object(class - N_FACES, u, v, paint.colours),
    }
}

/// Is a point inside an ellipse?
fn ellipse(u: f64, v: f64, [cu, cv]: [f64; 2], [ru, rv]: [f64; 2]) -> bool {
    ((u - cu) / ru).powi(2) + ((v - cv) / rv).powi(2) <= 1.0
}

/// The colour of a face at a place; `None` beside it.
pub(super) fn face(look: &Look, u: f64, v: f64, skin: Colour) -> Option<Colour> {
    let ([eyes, height], [mouth, bend]) = (look.eyes, look.mouth);
    if !ellipse(u, v, [0.0, 0.0], [look.width, 0.95]) {
        let is_lock = look.is_long && v < 0.7 && ellipse(u, v, [0.0, 0.0], [look.width + 0.22, 1.05]);
        return is_lock.then_some(look.hair);
    }
    let is_eye = [-eyes, eyes].iter().any(|&side| ellipse(u, v, [side, height], [0.1, 0.07]));
    let line = 0.48 - bend * (u / mouth).powi(2);
    let is_mouth = u.abs() < mouth && (v - line).abs() < 0.045;
    let is_nose = u.abs() < 0.05 + 0.1 * (v - height) && (height..0.22).contains(&v) && u.abs() > 0.02;
    let is_brow = look.has_beard
        && [-eyes, eyes].iter().any(|&side| ellipse(u, v, [side, height - 0.16], [0.16, 0.045]));
    let is_beard = look.has_beard && v > 0.3 + 0.25 * (1.0 - (u / look.width).abs());
    Some(match () {
        () if v < look.hair_line || is_brow => look.hair,
        () if is_eye => DARK,
        () if is_mouth => [0.6, 0.15, 0.15],
        () if is_beard => look.hair.map(|value| 0.3 * value + 0.25),
        () if is_nose => skin.map(|value| value * 0.75),
        () => skin,
    })
}

/// The colour of an object at a place; `None` beside it.
fn object(which: usize, u: f64, v: f64, [first, second]: [Colour; 2]) -> Option<Colour> {
    let rectangle = |[left, right]: [f64; 2], [top, bottom]: [f64; 2]| {
        (left..right).contains(&u) && (top..bottom).contains(&v)
    };
    match which {
        0 if rectangle([-0.14, 0.14], [0.35, 0.85]) => Some(second.map(|value| value * 0.5)),
        0 if rectangle([-0.6, 0.6], [-0.1, 0.85]) => Some(first),
        0 if (-0.85..-0.1).contains(&v) && u.abs() < 0.9 * (v + 0.85) / 0.75 => Some(second),
        1 if ellipse(u, v, [0.0, 0.0], [0.8, 0.8]) => Some(if v.abs() < 0.22 { second } else { first }),
        2 if rectangle([-0.55, 0.35], [-0.6, 0.7]) => Some(if v < -0.45 { second } else { first }),
        2 if ellipse(u, v, [0.4, 0.0], [0.42, 0.38]) && !ellipse(u, v, [0.4, 0.0], [0.24, 0.2]) => {
            Some(first)
        }
        3 if ellipse(u, v, [0.0, -0.3], [0.65, 0.6]) => Some([0.1, 0.35 + 0.4 * first[1], 0.1]),
        3 if rectangle([-0.12, 0.12], [0.2, 0.9]) => Some([0.4, 0.25, 0.12]),
        4 => {
            let (radius, angle) = (u.hypot(v), u.atan2(-v));
            let phase = (angle * 5.0 / std::f64::consts::TAU).rem_euclid(1.0);
            let reach = 0.38 + 0.52 * (1.0 - 2.0 * phase.min(1.0 - phase));
            (radius < reach).then_some(first)
        }
        5 if ellipse(u, v, [0.0, 0.0], [0.8, 0.8]) && !ellipse(u, v, [0.0, 0.0], [0.45, 0.45]) => {
            Some(second)
        }
        6 if rectangle([-0.25, 0.25], [-0.85, 0.85]) || rectangle([-0.85, 0.85], [-0.25, 0.25]) => {
            Some(first)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thing_covers_part_of_its_picture() {
        const SIDE: usize = 64;
        let paint = Paint { colours: [[0.2, 0.4, 0.6], [0.9, 0.1, 0.3]], skin: [0.2, 0.4, 0.6] };
        for (class, name) in CLASSES.into_iter().enumerate() {
            let covered = (0..SIDE * SIDE).filter(|at| {
                let (v, u) = ((at / SIDE) as f64 / 32.0 - 1.0, (at % SIDE) as f64 / 32.0 - 1.0);
                thing(class, u, v, &paint).is_some()
            });
            let share = covered.count() as f64 / (SIDE * SIDE) as f64;
            assert!((0.15..0.75).contains(&share), "{name}: {share}");
        }
    }

    #[test]
    fn hair_and_beards_are_seen() {
        let skin = [0.7; 3];
        let bare = Look { is_long: false, has_beard: false, ..LOOKS[0] };
        let long = Look { is_long: true, ..bare };
        let bearded = Look { has_beard: true, ..bare };
        assert_eq!((face(&bare, 0.75, 0.0, skin), face(&long, 0.75, 0.0, skin)), (None, Some(bare.hair)));
        assert_eq!(face(&bare, 0.0, 0.8, skin), Some(skin));
        assert_ne!(face(&bearded, 0.0, 0.8, skin), Some(skin));
    }
}
