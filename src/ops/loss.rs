//! Softmax and losses.

use candle_core::{DType, Tensor};

use crate::error::{Error, Result};

/// How the terms of a loss are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    #[default]
    Mean,
    Sum,
    /// One term per row.
    None,
}

/// Exponentials along `dim` divided by their sum.
///
/// # Errors
/// Those of the tensor library.
pub fn softmax(x: &Tensor, dim: usize) -> Result<Tensor> {
    let exp = below_max(x, dim)?.exp()?;
    Ok(exp.broadcast_div(&exp.sum_keepdim(dim)?)?)
}

/// Logarithm of [`softmax`], without its cancellation.
///
/// # Errors
/// Those of the tensor library.
pub fn log_softmax(x: &Tensor, dim: usize) -> Result<Tensor> {
    let x = below_max(x, dim)?;
    Ok(x.broadcast_sub(&x.exp()?.sum_keepdim(dim)?.log()?)?)
}

/// Negative log-likelihood of `labels` (`[rows]`, `u32` or `i64`) under `logits` `[rows, classes]`.
///
/// With `class_weights` `[classes]` each term is weighted by its label's, and the mean divides by
/// the sum of these weights.
///
/// # Errors
/// [`Error::Shape`] if rows or classes do not match; a label beyond the classes is an error too.
pub fn cross_entropy(
    logits: &Tensor,
    labels: &Tensor,
    class_weights: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let &[rows, classes] = logits.dims() else {
        return Err(Error::shape("logits", "[rows, classes]", logits.dims()));
    };
    if labels.dims() != [rows] {
        return Err(Error::shape("labels", [rows], labels.dims()));
    }
    if !matches!(labels.dtype(), DType::U32 | DType::I64) {
        return Err(Error::Unsupported(format!("labels must be u32 or i64, found {:?}", labels.dtype())));
    }
    let labels = labels.contiguous()?;
    let terms = log_softmax(logits, 1)?.gather(&labels.unsqueeze(1)?, 1)?.squeeze(1)?.neg()?;
    let weights = match class_weights {
        None => None,
        Some(weights) if weights.dims() == [classes] => {
            Some(weights.detach().to_dtype(logits.dtype())?.index_select(&labels, 0)?)
        }
        Some(weights) => return Err(Error::shape("class weights", [classes], weights.dims())),
    };
    let terms = match &weights {
        Some(weights) => (terms * weights)?,
        None => terms,
    };
    match (reduction, weights) {
        (Reduction::None, _) => Ok(terms),
        (Reduction::Sum, _) => Ok(terms.sum_all()?),
        (Reduction::Mean, None) => Ok(terms.mean_all()?),
        (Reduction::Mean, Some(weights)) => Ok((terms.sum_all()? / weights.sum_all()?)?),
    }
}

/// Mean squared difference over all entries.
///
/// # Errors
/// [`Error::Shape`] if the shapes differ.
pub fn mse(x: &Tensor, target: &Tensor) -> Result<Tensor> {
    if x.dims() != target.dims() {
        return Err(Error::shape("target of the squared error", x.dims(), target.dims()));
    }
    Ok((x - target)?.sqr()?.mean_all()?)
}

fn below_max(x: &Tensor, dim: usize) -> Result<Tensor> {
    Ok(x.broadcast_sub(&x.detach().max_keepdim(dim)?)?)
}
