//! Losses and the error vectors that enter the top-down stream.

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ops::{self, Activation, Reduction};

/// A loss, by its name in the reference's configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    CrossEntropy,
    /// Binary cross-entropy of each logit.
    #[serde(rename = "BCE")]
    Bce,
    /// Mean squared error.
    #[serde(rename = "MSE")]
    Mse,
}

impl Loss {
    pub fn name(self) -> &'static str {
        match self {
            Self::CrossEntropy => "CrossEntropy",
            Self::Bce => "BCE",
            Self::Mse => "MSE",
        }
    }

    /// The mean loss of `logits` `[batch, classes]`; `labels` `[batch]` are classes, or 0 and 1 where
    /// there is one class.
    ///
    /// # Errors
    /// [`Error::Shape`] if labels and logits do not belong together.
    pub fn value(self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        match self {
            Self::CrossEntropy => ops::cross_entropy(
                logits,
                &labels.flatten_all()?.to_dtype(DType::I64)?,
                None,
                Reduction::Mean,
            ),
            Self::Mse => ops::mse(logits, &targets(logits, labels)?),
            // softplus(o) - y * o
            Self::Bce => {
                let on = (logits * targets(logits, labels)?)?;
                Ok((ops::activate(logits, Activation::Softplus)? - on)?.mean_all()?)
            }
        }
    }

    /// The error vector of each trial, `[batch, classes]`: the slope of its loss, not divided by the
    /// batch.
    ///
    /// # Errors
    /// As [`Loss::value`].
    pub fn delta(self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        let logits = logits.detach();
        let targets = targets(&logits, labels)?;
        let n_classes = logits.dims()[1] as f64;
        match self {
            Self::CrossEntropy => Ok((ops::softmax(&logits, 1)? - targets)?),
            Self::Bce => Ok(((ops::activate(&logits, Activation::Sigmoid)? - targets)? / n_classes)?),
            Self::Mse => Ok(((logits - targets)? * (2.0 / n_classes))?),
        }
    }
}

/// Labels one-hot, `[batch, classes]`; with one class the labels themselves.
fn targets(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let &[batch, n_classes] = logits.dims() else {
        return Err(Error::shape("logits", "[batch, classes]", logits.dims()));
    };
    if labels.elem_count() != batch {
        return Err(Error::shape("labels", [batch], labels.dims()));
    }
    let labels = labels.reshape((batch, 1))?.to_device(logits.device())?;
    if n_classes == 1 {
        return Ok(labels.to_dtype(logits.dtype())?);
    }
    let labels = labels.to_dtype(DType::I64)?;
    let given: Vec<i64> = labels.flatten_all()?.to_vec1()?;
    if let Some(wrong) = given.iter().find(|&&label| !(0..n_classes as i64).contains(&label)) {
        return Err(Error::config("label", format!("0 to {}", n_classes - 1), wrong));
    }
    let classes = Tensor::arange(0i64, n_classes as i64, logits.device())?.reshape((1, n_classes))?;
    Ok(labels.broadcast_eq(&classes)?.to_dtype(logits.dtype())?)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn error_vectors_are_the_slopes_of_the_losses() {
        let values: Vec<f64> = (0..12).map(|i| f64::from(i * 7 % 11) / 3.0 - 1.5).collect();
        for (loss, classes) in
            [(Loss::CrossEntropy, 4), (Loss::Bce, 4), (Loss::Mse, 4), (Loss::Bce, 1), (Loss::Mse, 1)]
        {
            let rows = 12 / classes;
            let logits = Tensor::from_slice(&values, (rows, classes), &Device::Cpu).unwrap();
            let labels: Vec<i64> = (0..rows as i64).map(|i| i % 2).collect();
            let labels = Tensor::new(labels.as_slice(), &Device::Cpu).unwrap();
            let variable = Var::from_tensor(&logits).unwrap();
            let mean = loss.value(variable.as_tensor(), &labels).unwrap();
            let slope = ops::backward(&mean, &[variable.as_tensor()]).unwrap().remove(0).unwrap();
            let delta = (loss.delta(&logits, &labels).unwrap() / rows as f64).unwrap();
            let difference: f64 =
                (slope - delta).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap();
            assert!(difference < 1e-14, "{loss:?} {classes}: {difference}");
        }
    }

    #[test]
    fn labels_beyond_the_classes_are_refused() {
        let logits = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
        let labels = Tensor::new(&[1i64, 3], &Device::Cpu).unwrap();
        assert!(
            Loss::Mse.value(&logits, &labels).unwrap_err().to_string().starts_with("label must be 0 to 2")
        );
        assert!(Loss::CrossEntropy.delta(&logits, &labels.narrow(0, 0, 1).unwrap()).is_err());
    }
}
