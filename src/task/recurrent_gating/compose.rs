//! One trial of any task, from its materials and a stream of random numbers.

use super::animals::Animals;
use super::psychophysics;
use super::{Contrast, Discrimination, GatingTask, Materials, Mode, TRAINING_NOISE, Trial};
use crate::error::Result;
use crate::rng;

impl GatingTask {
    /// Draws and composes one finished trial.
    ///
    /// `target` is the digit, animal, photograph or face that is meant; inhibition of return, cueing and
    /// search among digits draw all and ignore it, as do animals in training and the tasks without data.
    /// `noise`: `None` is the task's own in this mode.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for settings out of range, [`crate::Error::Unsupported`] if a class is missing.
    pub fn trial(
        &self,
        materials: &Materials,
        target: usize,
        mode: Mode,
        noise: Option<f64>,
        rng: &mut rng::Rng,
    ) -> Result<Trial> {
        self.validate()?;
        let (digits, arrows) = (&materials.digits, &materials.arrows);
        let fixed = |span: psychophysics::Span| noise.map_or(span, psychophysics::Span::Fixed);
        let mut trial = match self {
            Self::Ior(task) => task.compose(digits, &task.draw(digits, rng)?)?,
            Self::Arrow(task) => task.compose(digits, arrows, &task.draw(digits, target, mode, rng)?)?,
            Self::Cue(task) => task.compose(digits, &task.draw(digits, rng)?)?,
            Self::Tracking(task) => task.compose(digits, &task.draw(digits, target, rng)?)?,
            Self::Recognition(task) => task.compose(digits, &task.draw(target, rng))?,
            Self::Search(task) => task.compose(digits, &task.draw(digits, rng)?)?,
            Self::Popout(task) => task.compose(digits, &task.draw(digits, target, mode, rng)?)?,
            Self::ArrowThenDigits(task) => task.compose(digits, arrows, &task.draw(digits, target, rng)?)?,
            Self::Lattice(task) => task.compose(digits, &task.draw(target, rng))?,
            Self::Stripes(task) => task.compose(digits, &task.draw(target, rng))?,
            Self::Shapes(task) => task.compose(&materials.shapes, &task.draw(mode, rng))?,
            Self::CocoRecognition(task) => {
                let Animals { set, backgrounds } = materials.animals(self)?;
                let instance = set.instance(chosen(mode, target, set.len(), rng))?;
                task.compose(&instance, backgrounds, mode, rng)?
            }
            Self::CocoGrouping(task) => {
                let set = &materials.animals(self)?.set;
                task.compose(&set.instance(chosen(mode, target, set.len(), rng))?, mode, rng)?
            }
            Self::CocoSearch(task) => {
                let set = &materials.animals(self)?.set;
                let alone = set.alone(chosen(mode, target, set.n_alone(), rng))?;
                task.compose(&set.instance(alone)?, mode, rng)?
            }
            Self::CocoGrid(task) => {
                let Animals { set, backgrounds } = materials.animals(self)?;
                let instance = set.instance(chosen(mode, target, set.len(), rng))?;
                let others = set.others(instance.class, rng)?;
                let others: Vec<_> =
                    others.into_iter().map(|other| set.instance(other)).collect::<Result<_>>()?;
                let cells = rng::permutation(rng, 4);
                task.compose(&instance, &others, backgrounds, &cells, mode, rng)?
            }
            Self::Stl10Recognition(task) => {
                task.compose(&materials.tiles(self)?.with_side(task.side)?, target, mode, rng)?
            }
            Self::Stl10Cue(task) => {
                task.compose(&materials.tiles(self)?.with_side(task.side)?, target, mode, rng)?
            }
            Self::Stl10Search(task) => {
                task.compose(&materials.tiles(self)?.with_side(task.side)?, target, mode, rng)?
            }
            Self::CelebaSex(task) => task.compose(materials.faces(self)?, target, mode, rng)?,
            Self::Curves(task) => {
                let mut trial = task.compose(&task.draw(rng));
                trial.finish_normal(noise.unwrap_or(published_noise(mode)), rng);
                return Ok(trial);
            }
            Self::Contrast(task) => {
                let task = Contrast { n_range: fixed(task.n_range), ..*task };
                return Ok(task.compose(&materials.gabors, &task.draw(rng)?).finish(rng));
            }
            Self::Discrimination(task) => {
                let task = Discrimination { n_range: fixed(task.n_range), ..*task };
                return Ok(task.compose(&materials.gabors, &task.draw(rng)?).finish(rng));
            }
            Self::Change(task) => {
                let noise = noise.unwrap_or(psychophysics::CHANGE_NOISE);
                return Ok(task.compose(&materials.gabors, &task.draw(rng)?, noise).finish(rng));
            }
        };
        if !self.has_prompt() {
            trial.prompt = None;
        }
        if let Self::CocoGrouping(_) = self {
            // All of the noise, not a random share of it.
            trial.finish_with(noise.unwrap_or(published_noise(mode)), rng);
            return Ok(trial);
        }
        let published = if matches!(self, Self::Stripes(_)) { 0.0 } else { published_noise(mode) };
        trial.finish(noise.unwrap_or(published), rng);
        Ok(trial)
    }
}

/// The item that a trial shows: any in training, the one asked for in the test.
fn chosen(mode: Mode, target: usize, n: usize, rng: &mut rng::Rng) -> usize {
    match mode {
        Mode::Train if n > 0 => rng::index(rng, 0, n),
        _ => target,
    }
}

fn published_noise(mode: Mode) -> f64 {
    match mode {
        Mode::Test => 0.0,
        Mode::Train => TRAINING_NOISE,
    }
}
