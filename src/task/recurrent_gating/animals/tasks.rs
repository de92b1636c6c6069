//! The four tasks with animals, each with its settings.
//!
//! Source: `composer.py`, classes `Recognition_COCO`, `PerceptualGrouping_COCO`, `Search_COCO` and
//! `SearchGrid_COCO`. What training adds: mirror images, changes of colour, another place of the dot.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use super::super::scene::check_count;
use super::super::{Mode, Timed, Trial};
use super::backgrounds::{Backgrounds, background};
use super::instance::{Fitted, Instance, fitted};
use crate::error::Result;
use crate::rng::Chance;
use crate::stimulus::{Affine, ColourChanges, Image, centre_of_mass, fixation_candidates, square_dot};

/// Rows and columns of the published canvas.
pub const SIDE: usize = 256;
/// Half the side of the dot: it is 10 x 10.
pub const DOT_RADIUS: usize = 5;
/// How far the dot stays from the border.
pub const DOT_MARGIN: usize = 10;
/// Mean and deviation per channel of the noise behind the dot, where it is asked for.
const NATURAL: [[f64; 2]; 3] = [[0.485, 0.229], [0.456, 0.224], [0.406, 0.225]];

/// Changes of colour in training: of whole photographs, and of animals cut out.
const PHOTOGRAPH: ColourChanges = ColourChanges {
    grey: 0.125,
    brightness: Some([0.8, 1.2]),
    saturation: Some([0.8, 1.2]),
    hue: 0.2,
    auto_contrast: 0.125,
    inverted: 0.0,
};
const SEARCHED: ColourChanges = ColourChanges { inverted: 0.125, ..PHOTOGRAPH };
const CUT_OUT: ColourChanges =
    ColourChanges { brightness: Some([0.9, 1.1]), saturation: Some([0.9, 1.1]), hue: 0.1, ..PHOTOGRAPH };

/// An animal cut out of its photograph, over a drifting background.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnimalRecognition {
    pub timesteps: usize,
    /// Largest drift of the background per timestep, pixels.
    pub stride: usize,
    /// The background rests.
    #[serde(rename = "static")]
    pub still: bool,
    /// There is no background.
    pub blank: bool,
    /// Rows and columns of the canvas.
    pub side: usize,
}

/// A dot on an animal, then its photograph: which pixels belong together?
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnimalGrouping {
    pub n_fixate: usize,
    pub n_attend: usize,
    /// The dot lies on noise with the statistics of photographs, not on black.
    pub natural: bool,
    pub side: usize,
}

/// A photograph in which a class is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnimalSearch {
    pub timesteps: usize,
    pub side: usize,
}

/// Four cut-out animals in a grid over a background; the class of one is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnimalGrid {
    pub timesteps: usize,
    pub side: usize,
}

impl Default for AnimalRecognition {
    fn default() -> Self {
        Self { timesteps: 3, stride: 64, still: false, blank: false, side: SIDE }
    }
}

impl Default for AnimalGrouping {
    fn default() -> Self {
        Self { n_fixate: 2, n_attend: 3, natural: false, side: SIDE }
    }
}

impl Default for AnimalSearch {
    fn default() -> Self {
        Self { timesteps: 3, side: SIDE }
    }
}

impl Default for AnimalGrid {
    fn default() -> Self {
        Self { timesteps: 3, side: SIDE }
    }
}

/// `over` where `mask` is 1, `under` where it is 0; `over` is already multiplied by the mask.
fn laid_over(over: &Image, mask: &Image, under: &Image) -> Image {
    let mut out = over.clone();
    for (channel, plane) in out.planes_mut().enumerate() {
        for (at, value) in plane.iter_mut().enumerate() {
            *value += under.plane(channel)[at] * (1.0 - mask.plane(0)[at]);
        }
    }
    out
}

fn labelled(frames: Timed, masks: Timed, class: u32, prompt: bool) -> Trial {
    let labels = vec![class; frames.len()];
    Trial { frames, masks, labels, prompt: prompt.then_some(class), components: Vec::new() }
}

impl AnimalGrouping {
    pub fn timesteps(&self) -> usize {
        self.n_fixate + self.n_attend
    }

    /// The dot lies at the centre of mass; in training as often where the animal fills a box best.
    ///
    /// # Errors
    /// Of an instance whose mask does not fit, or of recorded choices.
    pub fn compose(&self, instance: &Instance, mode: Mode, chance: &mut impl Chance) -> Result<Trial> {
        let side = self.side;
        let mut shown = fitted(instance.stacked()?, side, side, true, chance)?;
        let mut place = centre_of_mass(&shown.mask, DOT_MARGIN);
        if mode == Mode::Train {
            shown = shown.flipped_by(chance)?;
            shown.image = PHOTOGRAPH.apply(&shown.image, chance)?;
            place = centre_of_mass(&shown.mask, DOT_MARGIN);
            if chance.uniform()? < 0.5 {
                let (places, _) = fixation_candidates(&shown.mask);
                if !places.is_empty() {
                    place = places[chance.integer(0, places.len() as i64)? as usize];
                }
            }
        }
        let Fitted { image, mask } = shown;
        let dot = match mask.data().iter().any(|&value| value > 0.0) {
            true => square_dot(side, side, place, DOT_RADIUS),
            false => Image::zeros(1, side, side),
        };
        let cue = if self.natural { on_noise(&dot, chance)? } else { dot.repeated(3) };
        let frames = Timed::sequence([(cue, self.n_fixate), (image, self.n_attend)]);
        let masks = Timed::sequence([(dot, self.n_fixate), (mask, self.n_attend)]);
        Ok(labelled(frames, masks, instance.class, false))
    }
}

/// A white dot on normal noise with the mean and deviation of photographs.
fn on_noise(dot: &Image, chance: &mut impl Chance) -> Result<Image> {
    let mut out = dot.repeated(3);
    for (plane, [mean, deviation]) in out.planes_mut().zip(NATURAL) {
        for value in plane.iter_mut() {
            let (radius, angle) = ((-2.0 * (1.0 - chance.uniform()?).ln()).sqrt(), TAU * chance.uniform()?);
            let noise = (mean + deviation * radius * angle.cos()) as f32;
            *value += (1.0 - *value) * noise;
        }
    }
    Ok(out)
}

impl AnimalSearch {
    /// # Errors
    /// As [`AnimalGrouping::compose`].
    pub fn compose(&self, instance: &Instance, mode: Mode, chance: &mut impl Chance) -> Result<Trial> {
        let mut shown = fitted(instance.stacked()?, self.side, self.side, true, chance)?;
        if mode == Mode::Train {
            shown = shown.flipped_by(chance)?;
            shown.image = SEARCHED.apply(&shown.image, chance)?;
        }
        let frames = Timed::held(shown.image, self.timesteps);
        Ok(labelled(frames, Timed::held(shown.mask, self.timesteps), instance.class, true))
    }
}

impl AnimalRecognition {
    /// # Errors
    /// As [`AnimalGrouping::compose`]; of `backgrounds` without any photograph.
    pub fn compose(
        &self,
        instance: &Instance,
        backgrounds: &Backgrounds,
        mode: Mode,
        chance: &mut impl Chance,
    ) -> Result<Trial> {
        let (side, n) = (self.side, self.timesteps);
        let mut shown = fitted(instance.boxed()?, side, side, false, chance)?;
        if mode == Mode::Train {
            shown = shown.flipped_by(chance)?;
        }
        // 0 applies the change of scale, in training and in the test.
        if chance.inclusive(0, 1)? == 0 {
            let scale = 0.5 + 0.5 * chance.uniform()?;
            shown = shown.warped(Affine { deg: 0.0, tx: 0.0, ty: 0.0, scale });
        }
        if mode == Mode::Train {
            shown.image = CUT_OUT.apply(&shown.image, chance)?;
        }
        let (animal, mask) = (shown.cut_out(), shown.mask);
        let stride = self.stride as i64;
        let drift = [chance.inclusive(1, stride)? as usize, chance.inclusive(1, stride)? as usize];
        let wide = background(&backgrounds.any(chance)?, side + n * drift[0], side + n * drift[1]);
        let backwards = chance.inclusive(0, 1)? == 1;
        let frame = |t: usize| {
            let k = match (self.still, backwards) {
                (true, _) => 0,
                (false, true) => n - t,
                (false, false) => t,
            };
            let mut window = Image::zeros(3, side, side);
            window.paste(&wide, -((k * drift[0]) as isize), -((k * drift[1]) as isize));
            laid_over(&animal, &mask, &window)
        };
        let frames = match self.blank {
            true => Timed::sequence((0..n).map(|_| (animal.clone(), 1))),
            false => Timed::sequence((0..n).map(|t| (frame(t), 1))),
        };
        Ok(labelled(frames, Timed::held(mask, n), instance.class, true))
    }
}

impl AnimalGrid {
    /// `cells`: the places in the order in which the three `others`, then the target, take them.
    ///
    /// # Errors
    /// As [`AnimalRecognition::compose`].
    pub fn compose(
        &self,
        instance: &Instance,
        others: &[Instance],
        backgrounds: &Backgrounds,
        cells: &[usize],
        mode: Mode,
        chance: &mut impl Chance,
    ) -> Result<Trial> {
        check_count("animals beside the target", others.len(), 3)?;
        check_count("cells of the grid", cells.len(), 4)?;
        let (side, half) = (self.side, self.side / 2);
        let part = |instance: &Instance, chance: &mut _| -> Result<Fitted> {
            let part = fitted(instance.boxed()?, half, half, false, chance)?;
            if mode == Mode::Train { part.flipped_by(chance) } else { Ok(part) }
        };
        let target = part(instance, chance)?;
        let ground = backgrounds.any(chance)?;
        let mut parts = Vec::with_capacity(4);
        for other in others {
            parts.push(part(other, chance)?);
        }
        parts.push(target);
        let (mut animals, mut all) = (Image::zeros(3, side, side), Image::zeros(1, side, side));
        let mut mask = all.clone();
        for (k, (part, &cell)) in parts.iter().zip(cells).enumerate() {
            let (top, left) = ((cell / 2 * half) as isize, (cell % 2 * half) as isize);
            animals.paste(&part.cut_out(), top, left);
            all.paste(&part.mask, top, left);
            if k == 3 {
                mask.paste(&part.mask, top, left);
            }
        }
        let frame = laid_over(&animals, &all, &background(&ground, side, side));
        let masks = Timed::held(mask, self.timesteps);
        Ok(labelled(Timed::held(frame, self.timesteps), masks, instance.class, true))
    }
}
