//! The border to the models: trials as tensors.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::Trials;
use crate::{
    dynamics::{Frame, Instruction, LabelSet, Presentation},
    error::{Error, Result},
};

/// An array as a tensor on `device`.
///
/// # Errors
/// [`Error::Tensor`] if the device cannot hold it.
pub fn tensor<D: ndarray::Dimension>(array: &ndarray::Array<f32, D>, device: &Device) -> Result<Tensor> {
    let shape = array.shape();
    let tensor = match array.as_slice() {
        Some(values) => Tensor::from_slice(values, shape, device),
        None => Tensor::from_vec(array.iter().copied().collect::<Vec<_>>(), shape, device),
    };
    tensor.map_err(Error::from)
}

impl Trials {
    /// What is shown and asked, as the dynamics take it. Each distinct frame becomes one tensor.
    pub fn presentation(&self, device: &Device) -> Result<Presentation> {
        let distinct = (self.frames.iter())
            .map(|frame| Ok(Arc::new(Frame::new(tensor(frame, device)?))))
            .collect::<Result<Vec<_>>>()?;
        let prompt = self.prompt.as_ref().map(|prompt| tensor(prompt, device)).transpose()?;
        let is_asked = self.embedding_row.is_some() || prompt.is_some();
        let instruction = is_asked.then(|| Instruction { task: self.embedding_row, prompt: prompt.clone() });
        let instructions = match instruction {
            Some(instruction) => vec![Some(instruction); self.frame_index.len()],
            None => Vec::new(),
        };
        let blank = Arc::new(Frame::blank(self.batch(), self.frame_shape())?);
        let frame = |&k: &usize| Arc::clone(distinct.get(k).unwrap_or(&blank));
        Ok(Presentation {
            frames: self.frame_index.iter().map(frame).collect(),
            beyond: self.goes_off.then(|| Arc::clone(&blank)),
            instructions,
            target: match &self.targets {
                Some(targets) => Some(tensor(targets, device)?),
                None => self.answers(device)?,
            },
            segments: self.segments.clone(),
        })
    }

    /// The one answer of each trial, `[batch]`, where it is asked for once.
    fn answers(&self, device: &Device) -> Result<Option<Tensor>> {
        match &self.labels {
            Some(LabelSet::PerTimestep(rows)) if rows.len() == 1 => {
                Ok(Some(Tensor::new(rows[0].as_slice(), device)?))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{StimulusSource, StimulusSpec};

    #[test]
    fn held_frames_stay_one_tensor_and_instructions_follow_the_task() {
        let spec: StimulusSpec = "search".parse().unwrap();
        let trials = StimulusSource::open(&spec, None).unwrap().trials(0, 3, 1).unwrap();
        let shown = trials.presentation(&Device::Cpu).unwrap();
        assert_eq!(shown.frames.len(), 2);
        assert!(Arc::ptr_eq(&shown.frames[0], &shown.frames[1]));
        assert_eq!(shown.frames[0].image().dims(), [3, 3, 96, 96]);
        let instruction = shown.instructions[1].as_ref().unwrap();
        assert_eq!(instruction.task, Some(5));
        let prompt: Vec<Vec<f32>> = instruction.prompt.as_ref().unwrap().to_vec2().unwrap();
        let Some(LabelSet::PerTimestep(labels)) = &trials.labels else { panic!("no labels") };
        assert!((0..3).all(|trial| prompt[trial][labels[0][trial] as usize] == 1.0));
    }
}
