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

/// `-sum(targets * log_softmax(logits))` per row, where `targets` `[rows, classes]` are shares of
/// classes, as mixed pictures have them.
///
/// # Errors
/// [`Error::Shape`] if the shapes differ.
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor, reduction: Reduction) -> Result<Tensor> {
    if logits.rank() != 2 || targets.dims() != logits.dims() {
        return Err(Error::shape("targets of classes", logits.dims(), targets.dims()));
    }
    let terms = (log_softmax(logits, 1)? * targets.detach())?.sum(1)?.neg()?;
    match reduction {
        Reduction::None => Ok(terms),
        Reduction::Sum => Ok(terms.sum_all()?),
        Reduction::Mean => Ok(terms.mean_all()?),
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

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::testing::{check_gradients, difference, normal, values};
    use super::*;

    fn labels() -> Tensor {
        Tensor::new(&[2i64, 0, 1, 2], &Device::Cpu).unwrap()
    }

    #[test]
    fn gradients_agree_with_differences() {
        let weights = Tensor::new(&[0.2f64, 0.5, 0.3], &Device::Cpu).unwrap();
        for dim in 0..3 {
            check_gradients(&[normal(1, &[2, 3, 4])], |x| softmax(&x[0], dim));
            check_gradients(&[normal(1, &[2, 3, 4])], |x| log_softmax(&x[0], dim));
        }
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
            for weights in [None, Some(&weights)] {
                check_gradients(&[normal(1, &[4, 3])], |x| {
                    cross_entropy(&x[0], &labels(), weights, reduction)
                });
            }
        }
        check_gradients(&[normal(1, &[4, 3]), normal(2, &[4, 3])], |x| mse(&x[0], &x[1]));
    }

    #[test]
    fn a_tie_for_the_largest_logit_does_not_bend_the_gradient() {
        let x = Tensor::zeros((2, 3), DType::F64, &Device::Cpu).unwrap();
        check_gradients(&[x], |x| softmax(&x[0], 1));
    }

    #[test]
    fn cross_entropy_by_hand() {
        let logits = Tensor::new(&[[0f64, 0.0], [3f64.ln(), 0.0]], &Device::Cpu).unwrap();
        let labels = Tensor::new(&[0u32, 1], &Device::Cpu).unwrap();
        let weights = Tensor::new(&[1f64, 3.0], &Device::Cpu).unwrap();
        let loss = |weights, reduction| values(&cross_entropy(&logits, &labels, weights, reduction).unwrap());
        let (a, b) = (2f64.ln(), 4f64.ln());
        let close = |found: Vec<f64>, expected: &[f64]| {
            assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-14), "{found:?}");
        };
        close(loss(None, Reduction::None), &[a, b]);
        close(loss(None, Reduction::Mean), &[(a + b) / 2.0]);
        close(loss(Some(&weights), Reduction::Sum), &[a + 3.0 * b]);
        close(loss(Some(&weights), Reduction::Mean), &[(a + 3.0 * b) / 4.0]);
    }

    #[test]
    fn shares_of_classes_generalise_labels() {
        let logits = normal(1, &[4, 3]);
        let one_hot = Tensor::new(&[[0f64, 0., 1.], [1., 0., 0.], [0., 1., 0.], [0., 0., 1.]], &Device::Cpu);
        let one_hot = one_hot.unwrap();
        for reduction in [Reduction::None, Reduction::Sum, Reduction::Mean] {
            let hard = cross_entropy(&logits, &labels(), None, reduction).unwrap();
            let soft = soft_cross_entropy(&logits, &one_hot, reduction).unwrap();
            assert!(difference(&hard, &soft) < 1e-14);
        }
        let shares = (one_hot * 0.7).unwrap().affine(1.0, 0.1).unwrap();
        check_gradients(std::slice::from_ref(&logits), |x| {
            soft_cross_entropy(&x[0], &shares, Reduction::Mean)
        });
        assert!(soft_cross_entropy(&logits, &shares.t().unwrap(), Reduction::Mean).is_err());
    }

    #[test]
    fn large_logits_stay_finite() {
        let x = Tensor::new(&[[1e4f32, -1e4, 0.0]], &Device::Cpu).unwrap();
        let expected = Tensor::new(&[[1f32, 0.0, 0.0]], &Device::Cpu).unwrap();
        assert_eq!(difference(&softmax(&x, 1).unwrap(), &expected), 0.0);
        assert_eq!(values(&log_softmax(&x, 1).unwrap()), [0.0, -2e4, -1e4]);
    }

    #[test]
    fn wrong_labels_are_refused() {
        let logits = normal(1, &[4, 3]);
        let refused = |labels: Tensor| cross_entropy(&logits, &labels, None, Reduction::Mean).is_err();
        assert!(refused(Tensor::new(&[0u32, 1], &Device::Cpu).unwrap()));
        assert!(refused(Tensor::new(&[0u32, 1, 2, 3], &Device::Cpu).unwrap()));
        assert!(refused(Tensor::new(&[0f32, 1.0, 2.0, 0.0], &Device::Cpu).unwrap()));
    }
}
