//! Cross-entropies of a run against its labels.

use std::ops::Range;

use candle_core::{DType, Tensor};

use super::LossTerms;
use crate::error::{Error, Result};
use crate::ops::{self, Reduction};

/// Cross-entropies against the labels of a batch.
pub(in super::super) struct Scorer<'a> {
    groups: Vec<Range<usize>>,
    labels: &'a Tensor,
    class_weights: Option<Tensor>,
    sequential: bool,
}

impl<'a> Scorer<'a> {
    /// `[batch, sweeps]` is the shape of the run (or of the objects); `like` has the logits' type.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Shape`] for groups, labels or weights that do not fit the outputs.
    pub(in super::super) fn new(
        terms: &LossTerms,
        labels: &'a Tensor,
        n_classes: usize,
        [batch, sweeps]: [usize; 2],
        like: &Tensor,
    ) -> Result<Self> {
        let groups = if terms.groups.is_empty() { vec![0..n_classes] } else { terms.groups.clone() };
        if let Some(group) = groups.iter().find(|group| group.start >= group.end || group.end > n_classes) {
            let found = format!("{}..{}", group.start, group.end);
            return Err(Error::config(
                "label groups",
                format!("non-empty ranges of {n_classes} outputs"),
                found,
            ));
        }
        if labels.dims() != [batch, sweeps, groups.len()] {
            return Err(Error::shape("labels", [batch, sweeps, groups.len()], labels.dims()));
        }
        let class_weights = match &terms.class_weights {
            None => None,
            Some(weights) if weights.len() == n_classes => {
                Some(Tensor::from_slice(weights, n_classes, like.device())?.to_dtype(like.dtype())?)
            }
            Some(weights) => {
                return Err(Error::config("class_weights", format!("{n_classes} numbers"), weights.len()));
            }
        };
        Ok(Self { groups, labels, class_weights, sequential: terms.sequential })
    }

    /// The term of the loss over `sweeps`; a read-out pass is one sweep.
    ///
    /// # Errors
    /// Those of [`ops::cross_entropy`].
    pub(in super::super) fn term(&self, logits: &[&Tensor], sweeps: &[usize]) -> Result<Tensor> {
        if !self.sequential {
            return self.cross_entropy(logits, sweeps);
        }
        let mut sum: Option<Tensor> = None;
        for (logits, &sweep) in logits.iter().zip(sweeps) {
            let weight = (sweep + 1) as f64 / sweeps.len() as f64;
            let term = (self.cross_entropy(&[logits], &[sweep])? * weight)?;
            sum = Some(match sum {
                Some(sum) => (sum + term)?,
                None => term,
            });
        }
        sum.ok_or_else(|| Error::config("sweeps of a loss term", "at least one", "none"))
    }

    /// Mean over batch and sweeps together; summed over label groups.
    ///
    /// # Errors
    /// Those of [`ops::cross_entropy`].
    pub(in super::super) fn cross_entropy(&self, logits: &[&Tensor], sweeps: &[usize]) -> Result<Tensor> {
        let all = Tensor::cat(logits, 0)?;
        let mut sum: Option<Tensor> = None;
        for (g, group) in self.groups.iter().enumerate() {
            let mut labels = Vec::with_capacity(sweeps.len());
            for &sweep in sweeps {
                labels.push(self.labels.narrow(1, sweep, 1)?.narrow(2, g, 1)?.flatten_all()?);
            }
            let labels = Tensor::cat(&labels, 0)?.to_device(all.device())?.to_dtype(DType::I64)?;
            let logits = all.narrow(1, group.start, group.len())?;
            let weights = match &self.class_weights {
                Some(weights) => Some(weights.narrow(0, group.start, group.len())?),
                None => None,
            };
            let term = ops::cross_entropy(&logits, &labels, weights.as_ref(), Reduction::Mean)?;
            sum = Some(match sum {
                Some(sum) => (sum + term)?,
                None => term,
            });
        }
        sum.ok_or_else(|| Error::config("label groups", "at least one", "none"))
    }
}
