//! Animals in photographs: recognition, grouping from a dot, search, and search in a grid, on any canvas.
//!
//! Source: `composer.py`, classes `Recognition_COCO`, `PerceptualGrouping_COCO`, `Search_COCO` and
//! `SearchGrid_COCO`.

use super::scene::check_count;
use super::{Timed, Trial};
use crate::{
    error::{Error, Result},
    rng::Chance,
    stimulus::{Affine, Image, centre_of_mass, resize, square_dot},
};

/// Half the side of the dot: it is 10 x 10.
pub const DOT_RADIUS: usize = 5;
/// How far the dot stays from the border.
pub const DOT_MARGIN: usize = 10;
/// Probability that a photograph is cut to a square before it is fitted.
const SQUARE_CROP: f64 = 0.1;

/// One annotated animal.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// `[3, height, width]` in `0..=1`.
    pub image: Image,
    /// `[1, height, width]`, 0 or 1.
    pub mask: Image,
    /// Left, top, width, height in pixels, fractions included.
    pub bbox: [f64; 4],
    pub class: u32,
}

impl Instance {
    fn stacked(&self) -> Result<Image> {
        let [_, height, width] = self.image.shape();
        if self.mask.shape() != [1, height, width] {
            return Err(Error::shape("mask of an instance", [1, height, width], &self.mask.shape()));
        }
        let data = [self.image.data(), self.mask.data()].concat();
        Image::new(self.image.channels() + 1, height, width, data)
    }

    /// Photograph and mask within the bounding box: position truncated, size truncated plus one.
    fn boxed(&self) -> Result<Image> {
        let whole = self.stacked()?;
        let [_, height, width] = whole.shape();
        let [left, top, w, h] = self.bbox.map(|value| value.max(0.0) as usize);
        let (top, left) = (top.min(height), left.min(width));
        let (h, w) = ((h + 1).min(height - top), (w + 1).min(width - left));
        if h == 0 || w == 0 {
            return Err(Error::shape("bounding box", "inside the photograph", &[top, left, h, w]));
        }
        let mut out = Image::zeros(whole.channels(), h, w);
        out.paste(&whole, -(top as isize), -(left as isize));
        Ok(out)
    }
}

/// Photograph and mask on a canvas.
struct Fitted {
    image: Image,
    mask: Image,
}

/// Makes `stacked` (mask last) small enough for `height` x `width` and places it at random.
fn fitted(
    stacked: Image,
    height: usize,
    width: usize,
    may_crop: bool,
    chance: &mut impl Chance,
) -> Result<Fitted> {
    let mut part = stacked;
    if may_crop && chance.uniform()? < SQUARE_CROP && height == width {
        let [channels, h, w] = part.shape();
        let side = h.min(w);
        let offset = if h == w { 0 } else { chance.integer(0, h.abs_diff(w) as i64)? as isize };
        let mut square = Image::zeros(channels, side, side);
        square.paste(&part, if h > w { -offset } else { 0 }, if w > h { -offset } else { 0 });
        part = square;
    }
    let [channels, h, w] = part.shape();
    let scale = (height as f64 / h as f64).min(width as f64 / w as f64);
    if scale < 1.0 {
        let shrunk = |n: usize| ((n as f64 * scale) as usize).saturating_sub(1).max(1);
        part = resize(&part, shrunk(h), shrunk(w), false);
    }
    let (free_rows, free_columns) = (height - part.height(), width - part.width());
    let mut pad = |free: usize| match free {
        0 => Ok(0),
        free => chance.integer(0, free as i64).map(|n| n as usize),
    };
    let (top, right) = (pad(free_rows)?, pad(free_columns)?);
    let left = free_columns - right.min(free_columns);
    let mut out = Image::zeros(channels, height, width);
    out.paste(&part, top as isize, left as isize);
    let last = channels - 1;
    let image = Image::new(last, height, width, out.data()[..last * height * width].to_vec())?;
    Ok(Fitted { image, mask: Image::new(1, height, width, out.plane(last).to_vec())? })
}

/// The top-left `height` x `width` of a photograph, mirrored where it is too small, shrunk where it is
/// larger both ways.
pub fn background(photograph: &Image, height: usize, width: usize) -> Image {
    let [channels, h, w] = photograph.shape();
    let (missing_rows, missing_columns) = (height.saturating_sub(h), width.saturating_sub(w));
    let mut image = photograph.clone();
    if missing_rows > 0 || missing_columns > 0 {
        // An axis without any deficit still gets one row or column on each side.
        let (above, beside) = (1 + missing_rows / 2, 1 + missing_columns / 2);
        let mirrored = |at: usize, pad: usize, n: usize| {
            let period = 2 * (n.max(2) - 1);
            let at = (at as isize - pad as isize).unsigned_abs() % period;
            (if at >= n { period - at } else { at }).min(n - 1)
        };
        let (tall, wide) = (h + 2 * above, w + 2 * beside);
        image = Image::zeros(channels, tall, wide);
        for channel in 0..channels {
            for row in 0..tall {
                for column in 0..wide {
                    let source = (mirrored(row, above, h), mirrored(column, beside, w));
                    image.set(channel, row, column, photograph.at(channel, source.0, source.1));
                }
            }
        }
    }
    let [_, h, w] = image.shape();
    if h > height && w > width {
        let scale = (h as f64 / height as f64).min(w as f64 / width as f64);
        let shrunk = |n: usize| (n as f64 / scale) as usize + 1;
        image = resize(&image, shrunk(h), shrunk(w), false);
    }
    let mut out = Image::zeros(channels, height, width);
    out.paste(&image, 0, 0);
    out
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

fn masked(image: &Image, mask: &Image) -> Image {
    let mut out = image.clone();
    for plane in out.planes_mut() {
        for (value, &m) in plane.iter_mut().zip(mask.plane(0)) {
            *value *= m;
        }
    }
    out
}

fn labelled(frames: Timed, masks: Timed, class: u32, prompt: bool) -> Trial {
    let labels = vec![class; frames.len()];
    Trial { frames, masks, labels, prompt: prompt.then_some(class), components: Vec::new() }
}

/// A dot on an animal, then the photograph.
///
/// # Errors
/// Of an instance whose mask does not fit, or of recorded choices.
pub fn grouping(
    instance: &Instance,
    side: usize,
    fix_attend: [usize; 2],
    chance: &mut impl Chance,
) -> Result<Trial> {
    let Fitted { image, mask } = fitted(instance.stacked()?, side, side, true, chance)?;
    let dot = match mask.data().iter().any(|&value| value > 0.0) {
        true => square_dot(side, side, centre_of_mass(&mask, DOT_MARGIN), DOT_RADIUS),
        false => Image::zeros(1, side, side),
    };
    let [fixate, attend] = fix_attend;
    let frames = Timed::sequence([(dot.repeated(3), fixate), (image, attend)]);
    Ok(labelled(frames, Timed::sequence([(dot, fixate), (mask, attend)]), instance.class, false))
}

/// A photograph in which the class of `instance` is looked for.
///
/// # Errors
/// As [`grouping`].
pub fn search(instance: &Instance, side: usize, timesteps: usize, chance: &mut impl Chance) -> Result<Trial> {
    let Fitted { image, mask } = fitted(instance.stacked()?, side, side, true, chance)?;
    let (frames, masks) = (Timed::held(image, timesteps), Timed::held(mask, timesteps));
    Ok(labelled(frames, masks, instance.class, true))
}

/// How the animal of [`recognition`] is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moving {
    pub timesteps: usize,
    /// Largest drift of the background per timestep, pixels.
    pub stride: i64,
    /// The background rests.
    pub still: bool,
    /// There is no background.
    pub blank: bool,
}

/// An animal cut out of its photograph, over a drifting background.
///
/// # Errors
/// As [`grouping`]; of `backgrounds` without any photograph.
pub fn recognition(
    instance: &Instance,
    backgrounds: &[Image],
    side: usize,
    moving: Moving,
    chance: &mut impl Chance,
) -> Result<Trial> {
    let Fitted { image, mask } = fitted(instance.boxed()?, side, side, false, chance)?;
    let (mut image, mut mask) = (image, mask);
    // 0 applies the change of scale, in training and in the test.
    if chance.inclusive(0, 1)? == 0 {
        let warp = Affine { deg: 0.0, tx: 0.0, ty: 0.0, scale: 0.5 + 0.5 * chance.uniform()? };
        (image, mask) = (warp.apply(&image), warp.apply(&mask));
    }
    let animal = masked(&image, &mask);
    let n = moving.timesteps;
    let drift = [chance.inclusive(1, moving.stride)?, chance.inclusive(1, moving.stride)?];
    let drift = drift.map(|v| v as usize);
    let ground = match backgrounds.is_empty() {
        true => return Err(Error::config("backgrounds", "at least one photograph", "none")),
        false => &backgrounds[chance.integer(0, backgrounds.len() as i64)? as usize],
    };
    let wide = background(ground, side + n * drift[0], side + n * drift[1]);
    let backwards = chance.inclusive(0, 1)? == 1;
    let frame = |t: usize| {
        if moving.blank {
            return animal.clone();
        }
        let k = if moving.still {
            0
        } else if backwards {
            n - t
        } else {
            t
        };
        let mut window = Image::zeros(3, side, side);
        window.paste(&wide, -((k * drift[0]) as isize), -((k * drift[1]) as isize));
        laid_over(&animal, &mask, &window)
    };
    let frames = Timed::sequence((0..n).map(|t| (frame(t), 1)));
    Ok(labelled(frames, Timed::held(mask, n), instance.class, true))
}

/// Four animals in a grid over a background; the class of `instance` is looked for.
///
/// `cells`: the places in the order in which the three `others`, then the target, take them.
///
/// # Errors
/// As [`recognition`].
pub fn search_grid(
    instance: &Instance,
    others: &[&Instance],
    backgrounds: &[Image],
    side: usize,
    timesteps: usize,
    cells: &[usize],
    chance: &mut impl Chance,
) -> Result<Trial> {
    check_count("animals beside the target", others.len(), 3)?;
    check_count("cells of the grid", cells.len(), 4)?;
    let half = side / 2;
    let target = fitted(instance.boxed()?, half, half, false, chance)?;
    let ground = match backgrounds.is_empty() {
        true => return Err(Error::config("backgrounds", "at least one photograph", "none")),
        false => &backgrounds[chance.integer(0, backgrounds.len() as i64)? as usize],
    };
    let mut parts = Vec::with_capacity(4);
    for other in others {
        parts.push(fitted(other.boxed()?, half, half, false, chance)?);
    }
    parts.push(target);
    let (mut animals, mut all) = (Image::zeros(3, side, side), Image::zeros(1, side, side));
    let mut mask = all.clone();
    for (k, (part, &cell)) in parts.iter().zip(cells).enumerate() {
        let (top, left) = ((cell / 2 * half) as isize, (cell % 2 * half) as isize);
        animals.paste(&masked(&part.image, &part.mask), top, left);
        all.paste(&part.mask, top, left);
        if k == 3 {
            mask.paste(&part.mask, top, left);
        }
    }
    let frame = laid_over(&animals, &all, &background(ground, side, side));
    let (frames, masks) = (Timed::held(frame, timesteps), Timed::held(mask, timesteps));
    Ok(labelled(frames, masks, instance.class, true))
}
