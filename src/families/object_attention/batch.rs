//! Stimuli of the attention task as tensors.

use candle_core::{Device, Tensor};

use crate::dynamics::{LabelSet, Presentation};
use crate::error::{Error, Result};
use crate::task::digit_pairs::DigitBatch;

/// Stimuli of several objects, and what attending to each object alone should leave of them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, channels, height, width]`.
    pub x: Tensor,
    /// `[objects, batch, channels, height, width]`.
    pub targets: Tensor,
    /// `[object][trial]`.
    pub labels: Vec<Vec<i64>>,
    /// How far the targets keep their object above the rest, 0 to 1.
    pub target_strength: f64,
}

impl Batch {
    /// # Errors
    /// [`Error::Shape`] if the parts do not belong together.
    pub fn new(x: Tensor, targets: Tensor, labels: Vec<Vec<i64>>, target_strength: f64) -> Result<Self> {
        let expected = [&[labels.len()], x.dims()].concat();
        if x.rank() != 4 || targets.dims() != expected {
            return Err(Error::shape("targets", expected, targets.dims()));
        }
        if let Some(row) = labels.iter().find(|row| row.len() != x.dims()[0]) {
            return Err(Error::shape("labels of one object", [x.dims()[0]], &[row.len()]));
        }
        Ok(Self { x, targets, labels, target_strength })
    }

    /// Composed digits on `device`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn from_digits(digits: &DigitBatch, target_strength: f64, device: &Device) -> Result<Self> {
        let x: Vec<f32> = digits.x.iter().copied().collect();
        let targets: Vec<f32> = digits.targets.iter().copied().collect();
        let labels = digits.labels.outer_iter();
        Self::new(
            Tensor::from_vec(x, digits.x.shape(), device)?,
            Tensor::from_vec(targets, digits.targets.shape(), device)?,
            labels.map(|row| row.iter().map(|&label| i64::from(label)).collect()).collect(),
            target_strength,
        )
    }

    /// Number of trials.
    pub fn len(&self) -> usize {
        self.x.dims()[0]
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn n_objects(&self) -> usize {
        self.labels.len()
    }

    /// The pictures, held for the whole protocol, with their targets.
    pub fn presentation(&self) -> Presentation {
        Presentation { target: Some(self.targets.clone()), ..Presentation::held(self.x.clone()) }
    }

    pub fn label_set(&self) -> LabelSet {
        LabelSet::PerObject(self.labels.clone())
    }

    /// `targets[pick[trial]][trial]`, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// [`Error::Config`] if a trial picked nothing.
    pub fn picked_targets(&self, pick: &[i64]) -> Result<Tensor> {
        let batch = self.len();
        let index = pick.iter().enumerate().map(|(trial, &object)| {
            let object = u32::try_from(object).ok().filter(|&object| (object as usize) < self.n_objects());
            let object = object.ok_or_else(|| {
                let requirement = format!("at most the number of objects, {}", self.n_objects());
                Error::config("phases", requirement, "one in which all objects are taken")
            })?;
            Ok(object * batch as u32 + trial as u32)
        });
        let index = Tensor::from_vec(index.collect::<Result<Vec<_>>>()?, batch, self.targets.device())?;
        Ok(self.targets.flatten(0, 1)?.index_select(&index, 0)?)
    }

    /// Trials `from..to`, for running large sets in parts.
    ///
    /// # Errors
    /// Those of the tensor library, if the range leaves the batch.
    pub fn part(&self, from: usize, to: usize) -> Result<Self> {
        let x = self.x.narrow(0, from, to - from)?;
        let targets = self.targets.narrow(1, from, to - from)?.contiguous()?;
        let labels = self.labels.iter().map(|row| row[from..to].to_vec()).collect();
        Self::new(x, targets, labels, self.target_strength)
    }
}
