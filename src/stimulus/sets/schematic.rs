//! Schematic faces and objects drawn from a seed, where no photographs are at hand.
//!
//! Ours: five faces that differ in proportions and hair, five objects that differ in outline; place,
//! size, tilt, light and colours vary from picture to picture.

use super::super::picture_set::{Attributes, PictureSet, Pictures, Pixels};
use super::super::{DataIdentity, Image, Split};
use super::drawing::{CLASSES, Drawn, Look, N_THINGS, Placement, drawn, face, thing};
use crate::error::Result;
use crate::rng::{self, Rng};

/// Rows and columns of a picture.
const SIDE: usize = 64;
/// Rows and columns of a face with attributes: those of CelebA.
const FACE: [usize; 2] = [218, 178];
/// Rows and columns of a picture with an outlined thing.
const SCENE: [usize; 2] = [180, 240];
/// Rows and columns of a picture of two things.
const PAIR: [usize; 2] = [120, 150];
/// What faces with attributes are told apart by, as CelebA names it.
const ATTRIBUTES: [&str; 3] = ["Black_Hair", "Blond_Hair", "Male"];
/// Share of blond faces, and of men among the blond and the black-haired: as uneven as in CelebA.
const BLOND: f64 = 0.38;
const MEN: [f64; 2] = [0.06, 0.52];

fn stream_of(what: &str, seed: u64, split: Split, number: usize) -> Rng {
    rng::stream(seed, &format!("schematic {what}, {split}"), &[number as u64])
}

/// `n` pictures, classes 0, 1, …, 9, 0, 1, …; training and test pictures differ.
///
/// # Errors
/// None in practice: labels are made to fit.
pub fn schematic(seed: u64, split: Split, n: usize) -> Result<PictureSet> {
    let draw: fn(u64, usize) -> Pixels = match split {
        Split::Train => |seed, number| picture(seed, Split::Train, number),
        Split::Test => |seed, number| picture(seed, Split::Test, number),
    };
    let name = format!("schematic faces and objects, {split}, seed {seed}, {n}");
    let labels = (0..n).map(|number| (number % CLASSES.len()) as u32).collect();
    let classes = CLASSES.map(str::to_owned).to_vec();
    let pictures = Pictures::Drawn { seed, draw };
    PictureSet::new(DataIdentity::procedural(name), classes, pictures, labels, Attributes::default())
}

fn picture(seed: u64, split: Split, number: usize) -> Pixels {
    let rng = &mut stream_of("picture", seed, split, number);
    let placement = Placement { size: [0.55, 0.8], middle: [0.0; 2], spread: [0.2; 2] };
    let class = number % CLASSES.len();
    Pixels::of_image(&drawn(rng, [SIDE; 2], &[placement], |_, u, v, paint| thing(class, u, v, paint)).image)
}

/// A picture with the outline of the one thing in it.
#[derive(Clone, Debug, PartialEq)]
pub struct SchematicScene {
    /// `[3, height, width]` in `0..=1`.
    pub image: Image,
    /// `[1, height, width]`, 0 or 1.
    pub mask: Image,
    /// `number % 10`.
    pub class: u32,
}

/// Classes of [`schematic_scene`].
pub fn schematic_classes() -> Vec<String> {
    CLASSES.map(str::to_owned).to_vec()
}

/// Picture `number` of a split: one of the things somewhere in a larger picture.
pub fn schematic_scene(seed: u64, split: Split, number: usize) -> SchematicScene {
    let rng = &mut stream_of("scene", seed, split, number);
    let placement = Placement { size: [0.3, 0.75], middle: [0.0; 2], spread: [0.3, 0.6] };
    let class = number % CLASSES.len();
    let scene = drawn(rng, SCENE, &[placement], |_, u, v, paint| thing(class, u, v, paint));
    let [height, width] = SCENE;
    let mask = scene.masks.into_iter().next().unwrap_or_else(|| Image::zeros(1, height, width));
    SchematicScene { image: scene.image, mask, class: class as u32 }
}

/// A picture of two things side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct SchematicPair {
    /// `[3, height, width]` in `0..=1`.
    pub image: Image,
    /// Each thing's own pixels `[1, height, width]`, 0 or 1, the larger first.
    pub masks: Vec<Image>,
    /// 0 to 11.
    pub classes: [u32; 2],
}

/// Classes of the two things of picture `number`: `number % 12` and another.
pub fn schematic_pair_classes(seed: u64, split: Split, number: usize) -> [u32; 2] {
    classes_of(number, &mut stream_of("pair", seed, split, number)).map(|class| class as u32)
}

fn classes_of(number: usize, rng: &mut Rng) -> [usize; 2] {
    let first = number % N_THINGS;
    [first, (first + rng::index(rng, 1, N_THINGS)) % N_THINGS]
}

/// Picture `number` of a split: two things side by side.
pub fn schematic_pair(seed: u64, split: Split, number: usize) -> SchematicPair {
    let rng = &mut stream_of("pair", seed, split, number);
    let mut classes = classes_of(number, rng);
    let side = if rng::uniform(rng) < 0.5 { 0.62 } else { -0.62 };
    let placement = |column: f64| Placement { size: [0.5, 0.62], middle: [0.0, column], spread: [0.2, 0.05] };
    let placements = [placement(side), placement(-side)];
    let scene = drawn(rng, PAIR, &placements, |k, u, v, paint| thing(classes[k], u, v, paint));
    let Drawn { image, mut masks } = scene;
    let area = |mask: &Image| mask.data().iter().sum::<f32>();
    if area(&masks[0]) < area(&masks[1]) {
        masks.swap(0, 1);
        classes.swap(0, 1);
    }
    SchematicPair { image, masks, classes: classes.map(|class| class as u32) }
}

/// `n` schematic faces of CelebA's size with its attributes of hair colour and sex, as unevenly paired
/// as there; men are bearded and short-haired. All belong to one class.
///
/// # Errors
/// None in practice: labels and attributes are made to fit.
pub fn schematic_faces(seed: u64, split: Split, n: usize) -> Result<PictureSet> {
    let draw: fn(u64, usize) -> Pixels = match split {
        Split::Train => |seed, number| hair_face(seed, Split::Train, number),
        Split::Test => |seed, number| hair_face(seed, Split::Test, number),
    };
    let values = (0..n).flat_map(|number| {
        let (_, [is_blond, is_man]) = hair_and_sex(seed, split, number);
        [!is_blond, is_blond, is_man].map(u8::from)
    });
    let attributes = Attributes { names: ATTRIBUTES.map(str::to_owned).to_vec(), values: values.collect() };
    let name = format!("schematic faces with attributes, {split}, seed {seed}, {n}");
    let pictures = Pictures::Drawn { seed, draw };
    PictureSet::new(DataIdentity::procedural(name), vec!["face".to_owned()], pictures, vec![0; n], attributes)
}

/// Whether a face is blond and whether it is a man's, and the generator that goes on from there.
fn hair_and_sex(seed: u64, split: Split, number: usize) -> (Rng, [bool; 2]) {
    let mut rng = stream_of("face", seed, split, number);
    let is_blond = rng::uniform(&mut rng) < BLOND;
    let is_man = rng::uniform(&mut rng) < MEN[usize::from(!is_blond)];
    (rng, [is_blond, is_man])
}

fn hair_face(seed: u64, split: Split, number: usize) -> Pixels {
    let (mut rng, [is_blond, is_man]) = hair_and_sex(seed, split, number);
    let rng = &mut rng;
    let mut between = |from: f64, to: f64| from + (to - from) * rng::uniform(rng);
    let look = Look {
        width: between(0.58, 0.72),
        eyes: [between(0.22, 0.32), between(-0.25, -0.1)],
        mouth: [between(0.18, 0.36), between(-0.05, 0.18)],
        hair_line: between(-0.7, -0.45),
        hair: if is_blond { [0.85, 0.7, 0.35] } else { [0.07, 0.05, 0.05] },
        is_long: !is_man,
        has_beard: is_man,
    };
    let placement = Placement { size: [0.75, 0.9], middle: [0.0; 2], spread: [0.08; 2] };
    Pixels::of_image(&drawn(rng, FACE, &[placement], |_, u, v, paint| face(&look, u, v, paint.skin)).image)
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
    fn scenes_outline_what_they_show() {
        for number in 0..10 {
            let scene = schematic_scene(1, Split::Train, number);
            assert_eq!((scene.class as usize, scene.mask.shape()), (number, [1, 180, 240]));
            let covered: f32 = scene.mask.data().iter().sum();
            assert!((300.0..20_000.0).contains(&covered), "{number}: {covered}");
        }
        assert_eq!(schematic_scene(1, Split::Test, 3), schematic_scene(1, Split::Test, 3));
        assert_ne!(schematic_scene(1, Split::Test, 3), schematic_scene(1, Split::Train, 3));
    }

    #[test]
    fn pairs_are_large_apart_and_of_two_classes() {
        for number in 0..24 {
            let pair = schematic_pair(1, Split::Train, number);
            let areas = [0, 1].map(|k: usize| pair.masks[k].data().iter().sum::<f32>());
            assert!(areas[0] >= areas[1] && areas[1] > 0.05 * 120.0 * 150.0, "{number}: {areas:?}");
            let mut classes = schematic_pair_classes(1, Split::Train, number);
            classes.sort_by_key(|&class| class != pair.classes[0]);
            assert_eq!(classes, pair.classes);
            assert!(pair.classes[0] != pair.classes[1] && pair.classes.contains(&(number as u32 % 12)));
            let shared =
                pair.masks[0].data().iter().zip(pair.masks[1].data()).filter(|(a, b)| **a * **b > 0.0);
            assert_eq!(shared.count(), 0);
        }
    }

    #[test]
    fn hair_tells_the_sex_more_often_than_not() {
        let set = schematic_faces(2, Split::Train, 600).unwrap();
        let count = |hair: usize, man: bool| {
            (0..600).filter(|&i| set.has_attribute(i, hair) && set.has_attribute(i, 2) == man).count()
        };
        let (blond_men, blond_women) = (count(1, true), count(1, false));
        let (black_men, black_women) = (count(0, true), count(0, false));
        assert_eq!(blond_men + blond_women + black_men + black_women, 600);
        assert!(blond_men * 5 < blond_women && black_men * 2 > black_women, "{blond_men} {black_men}");
        assert_eq!(set.pixels(0).unwrap().shape, [218, 178, 3]);
    }
}
