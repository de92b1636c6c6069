//! One composed trial, and the last step that all tasks share.

use crate::{
    rng::{self, Rng},
    stimulus::Image,
};

/// Pictures over time: each distinct one once, and which of them every timestep shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timed {
    pub distinct: Vec<Image>,
    /// `[timesteps]`, indices into `distinct`.
    pub index: Vec<usize>,
}

impl Timed {
    /// One picture held for `timesteps`.
    pub fn held(image: Image, timesteps: usize) -> Self {
        Self { distinct: vec![image], index: vec![0; timesteps] }
    }

    /// Each picture for its number of timesteps.
    pub fn sequence(parts: impl IntoIterator<Item = (Image, usize)>) -> Self {
        let mut timed = Self::default();
        for (k, (image, timesteps)) in parts.into_iter().enumerate() {
            timed.distinct.push(image);
            timed.index.extend(std::iter::repeat_n(k, timesteps));
        }
        timed
    }

    /// One picture per timestep, of which equal ones are kept once, in the order of their first show.
    pub fn distinct(images: impl IntoIterator<Item = Image>) -> Self {
        let mut timed = Self::default();
        for image in images {
            let known = timed.distinct.iter().position(|known| *known == image);
            timed.index.push(known.unwrap_or(timed.distinct.len()));
            if known.is_none() {
                timed.distinct.push(image);
            }
        }
        timed
    }

    /// The picture of timestep `t`. Panics outside `0..len()`.
    pub fn at(&self, t: usize) -> &Image {
        &self.distinct[self.index[t]]
    }

    /// Number of timesteps.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

/// One trial of a recurrent-gating task.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// `[channels, height, width]` per timestep, in `[0, 1]` once finished.
    pub frames: Timed,
    /// `[1, height, width]` per timestep (inhibition of return: per digit), `-1..=1` once finished. Empty
    /// where the task asks for no mask.
    pub masks: Timed,
    /// Class per timestep (inhibition of return: per digit; shapes: shape, colour and texture of each
    /// timestep in turn). Empty where nothing is to be named.
    pub labels: Vec<u32>,
    /// The class to search for.
    pub prompt: Option<u32>,
    /// The objects, each alone, `[1, height, width]`; empty for tasks that do not keep them.
    pub components: Vec<Image>,
}

impl Trial {
    /// The last step of all composers: noise, clamp, and masks stretched from `0..=1` to `-1..=1`.
    ///
    /// With `noise` above 0 every timestep gets its own noise, so that nothing is held any more.
    pub fn finish(&mut self, noise: f64, rng: &mut Rng) {
        let amplitude = if noise > 0.0 { rng::uniform(rng) * noise } else { 0.0 };
        self.finish_with(amplitude, rng);
    }

    /// As [`Trial::finish`], with noise up to `amplitude` itself.
    pub fn finish_with(&mut self, amplitude: f64, rng: &mut Rng) {
        if amplitude > 0.0 {
            let amplitude = amplitude as f32;
            let noisy = self.frames.index.iter().map(|&k| {
                let clean = &self.frames.distinct[k];
                let uniforms: Vec<f32> = (0..clean.data().len()).map(|_| rng::uniform(rng) as f32).collect();
                with_noise(clean, amplitude, &uniforms)
            });
            self.frames = Timed::sequence(noisy.map(|image| (image, 1)).collect::<Vec<_>>());
        } else {
            self.frames.distinct.iter_mut().for_each(|frame| *frame = frame.map(|v| v.clamp(0.0, 1.0)));
        }
        self.masks.distinct.iter_mut().for_each(|mask| *mask = stretched_mask(mask));
    }
}

impl Trial {
    /// The last step of curve tracing: normal noise instead of uniform noise.
    pub fn finish_normal(&mut self, noise: f64, rng: &mut Rng) {
        self.masks.distinct.iter_mut().for_each(|mask| *mask = stretched_mask(mask));
        if noise <= 0.0 {
            return;
        }
        let amplitude = (rng::uniform(rng) * noise) as f32;
        let noisy = self.frames.index.iter().map(|&k| {
            let clean = &self.frames.distinct[k];
            let normals: Vec<f32> = (0..clean.data().len()).map(|_| rng::normal(rng) as f32).collect();
            (with_noise(clean, amplitude, &normals), 1)
        });
        self.frames = Timed::sequence(noisy.collect::<Vec<_>>());
    }
}

/// `clamp(frame + amplitude * uniforms, 0, 1)`; `uniforms` has one number per value.
pub fn with_noise(frame: &Image, amplitude: f32, uniforms: &[f32]) -> Image {
    let mut out = frame.clone();
    for (value, &u) in out.data_mut().iter_mut().zip(uniforms) {
        *value = (*value + amplitude * u).clamp(0.0, 1.0);
    }
    out
}

/// `2 * (clamp(mask, 0, 1) - 0.5)`.
pub fn stretched_mask(mask: &Image) -> Image {
    mask.map(|value| 2.0 * (value.clamp(0.0, 1.0) - 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial() -> Trial {
        let grey = Image::uniform(&[0.5, 1.2], 2, 2);
        let mask = Image::from_fn(2, 2, |row, _| row as f32);
        Trial {
            frames: Timed::held(grey, 3),
            masks: Timed::held(mask, 3),
            labels: vec![1; 3],
            prompt: None,
            components: Vec::new(),
        }
    }

    #[test]
    fn without_noise_a_held_frame_stays_one_frame() {
        let mut trial = trial();
        trial.finish(0.0, &mut rng::stream(0, "t", &[]));
        assert_eq!((trial.frames.distinct.len(), trial.frames.len()), (1, 3));
        assert_eq!(trial.frames.at(2).data(), [0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(trial.masks.at(0).data(), [-1.0, -1.0, 1.0, 1.0]);
    }

    #[test]
    fn noise_differs_between_timesteps_and_stays_below_its_amplitude() {
        let mut trial = trial();
        trial.finish(0.25, &mut rng::stream(0, "t", &[]));
        assert_eq!(trial.frames.index, [0, 1, 2]);
        assert_ne!(trial.frames.at(0), trial.frames.at(1));
        assert!(trial.frames.at(1).plane(0).iter().all(|v| (0.5..0.75).contains(v)));
    }
}
