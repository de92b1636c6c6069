//! Schematic faces and objects drawn from a seed, where no photographs are at hand.
//!
//! Ours: five faces that differ in proportions and hair, five objects that differ in outline; place,
//! size, tilt, light and colours vary from picture to picture.

use super::super::picture_set::{Attributes, PictureSet, Pictures, Pixels};
use super::super::{DataIdentity, Image, Split};
use crate::error::Result;
use crate::rng::{self, Rng};

/// Rows and columns of a picture.
const SIDE: usize = 64;
const CLASSES: [&str; 10] =
    ["face a", "face b", "face c", "face d", "face e", "house", "ball", "cup", "tree", "star"];
const N_FACES: usize = 5;

type Colour = [f32; 3];

/// `n` pictures, classes 0, 1, …, 9, 0, 1, …; training and test pictures differ.
///
/// # Errors
/// None in practice: labels are made to fit.
pub fn schematic(seed: u64, split: Split, n: usize) -> Result<PictureSet> {
    let (seed, draw): (u64, fn(u64, usize) -> Pixels) = match split {
        Split::Train => (seed, |seed, number| drawn(seed, "schematic picture, train", number)),
        Split::Test => (seed, |seed, number| drawn(seed, "schematic picture, test", number)),
    };
    let name = format!("schematic faces and objects, {split}, seed {seed}, {n}");
    let labels = (0..n).map(|number| (number % CLASSES.len()) as u32).collect();
    let classes = CLASSES.map(str::to_owned).to_vec();
    let pictures = Pictures::Drawn { seed, draw };
    PictureSet::new(DataIdentity::procedural(name), classes, pictures, labels, Attributes::default())
}

/// Where and how the thing stands in the picture.
struct Pose {
    middle: [f64; 2],
    size: f64,
    turn: [f64; 2],
    light: [f64; 2],
}

fn between(rng: &mut Rng, from: f64, to: f64) -> f64 {
    from + (to - from) * rng::uniform(rng)
}

fn colour(rng: &mut Rng) -> Colour {
    [(); 3].map(|()| rng::uniform(rng) as f32)
}

fn drawn(seed: u64, stream: &str, number: usize) -> Pixels {
    let mut rng = rng::stream(seed, stream, &[number as u64]);
    let rng = &mut rng;
    let class = number % CLASSES.len();
    let angle = between(rng, -0.25, 0.25);
    let pose = Pose {
        middle: [between(rng, -0.2, 0.2), between(rng, -0.2, 0.2)],
        size: between(rng, 0.55, 0.8),
        turn: [angle.cos(), angle.sin()],
        light: [between(rng, -0.25, 0.25), between(rng, -0.25, 0.25)],
    };
    let (ground, far) = (colour(rng), colour(rng));
    let paint = [colour(rng), colour(rng)];
    let skin = between(rng, 0.45, 0.95) as f32;
    let skin: Colour = [skin, skin * 0.8, skin * 0.65];
    let mut image = Image::zeros(3, SIDE, SIDE);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let at = |index: usize| (index as f64 + 0.5) / SIDE as f64 * 2.0 - 1.0;
            let (y, x) = (at(row), at(column));
            let (v, u) = ((y - pose.middle[0]) / pose.size, (x - pose.middle[1]) / pose.size);
            let [cos, sin] = pose.turn;
            let (v, u) = (cos * v - sin * u, sin * v + cos * u);
            let thing = match class {
                class if class < N_FACES => face(class, u, v, skin),
                class => object(class - N_FACES, u, v, paint),
            };
            let share = row as f32 / SIDE as f32;
            let behind: Colour =
                std::array::from_fn(|c| 0.3 + 0.5 * (ground[c] + share * (far[c] - ground[c])));
            let light = (1.0 + pose.light[0] * y + pose.light[1] * x) as f32;
            let grain = (rng::uniform(rng) as f32 - 0.5) * 0.04;
            for (channel, value) in thing.unwrap_or(behind).into_iter().enumerate() {
                image.set(channel, row, column, (value * light + grain).clamp(0.0, 1.0));
            }
        }
    }
    Pixels::of_image(&image)
}

/// Is a point inside an ellipse?
fn ellipse(u: f64, v: f64, [cu, cv]: [f64; 2], [ru, rv]: [f64; 2]) -> bool {
    ((u - cu) / ru).powi(2) + ((v - cv) / rv).powi(2) <= 1.0
}

/// The colour of face `identity` at a place; `None` beside it.
fn face(identity: usize, u: f64, v: f64, skin: Colour) -> Option<Colour> {
    // Half width, eye distance, eye height, width and bend of the mouth, hair line.
    const PROPORTIONS: [[f64; 6]; N_FACES] = [
        [0.62, 0.26, -0.18, 0.22, 0.06, -0.50],
        [0.74, 0.34, -0.12, 0.34, 0.14, -0.62],
        [0.54, 0.20, -0.24, 0.16, -0.08, -0.38],
        [0.70, 0.22, -0.05, 0.28, -0.02, -0.45],
        [0.60, 0.32, -0.28, 0.38, 0.20, -0.72],
    ];
    const HAIR: [Colour; N_FACES] =
        [[0.1, 0.07, 0.05], [0.75, 0.6, 0.25], [0.45, 0.2, 0.08], [0.5, 0.5, 0.5], [0.25, 0.15, 0.1]];
    let [width, eyes, height, mouth, bend, hair] = PROPORTIONS[identity];
    if !ellipse(u, v, [0.0, 0.0], [width, 0.95]) {
        return None;
    }
    let dark: Colour = [0.08, 0.06, 0.08];
    let is_eye = [-eyes, eyes].iter().any(|&side| ellipse(u, v, [side, height], [0.1, 0.07]));
    let line = 0.48 - bend * (u / mouth).powi(2);
    let is_mouth = u.abs() < mouth && (v - line).abs() < 0.045;
    let is_nose = u.abs() < 0.05 + 0.1 * (v - height) && (height..0.22).contains(&v) && u.abs() > 0.02;
    Some(match () {
        () if v < hair => HAIR[identity],
        () if is_eye => dark,
        () if is_mouth => [0.6, 0.15, 0.15],
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
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_repeat_and_classes_differ() {
        let set = schematic(3, Split::Train, 20).unwrap();
        assert_eq!((set.len(), set.label(13), set.class_names().len()), (20, 3, 10));
        assert_eq!(set.pixels(4).unwrap(), schematic(3, Split::Train, 5).unwrap().pixels(4).unwrap());
        let pictures: Vec<Pixels> = (0..20).map(|number| set.pixels(number).unwrap()).collect();
        for (a, picture) in pictures.iter().enumerate() {
            assert_eq!(picture.shape, [SIDE, SIDE, 3]);
            assert!(pictures[..a].iter().all(|other| other != picture));
        }
        assert_ne!(pictures[0], schematic(3, Split::Test, 1).unwrap().pixels(0).unwrap());
    }

    #[test]
    fn every_thing_covers_part_of_its_picture() {
        let paint = [[0.2, 0.4, 0.6], [0.9, 0.1, 0.3]];
        for (class, name) in CLASSES.into_iter().enumerate() {
            let covered = (0..SIDE * SIDE).filter(|at| {
                let (v, u) = ((at / SIDE) as f64 / 32.0 - 1.0, (at % SIDE) as f64 / 32.0 - 1.0);
                match class < N_FACES {
                    true => face(class, u, v, paint[0]).is_some(),
                    false => object(class - N_FACES, u, v, paint).is_some(),
                }
            });
            let share = covered.count() as f64 / (SIDE * SIDE) as f64;
            assert!((0.15..0.75).contains(&share), "{name}: {share}");
        }
    }
}
