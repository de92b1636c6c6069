//! The normalisation layer in all its kinds.

use candle_core::Tensor;

use crate::error::Result;
use crate::ops::{self, BatchStatistics, Moments};
use crate::weights::{Weight, Weights};

/// Over which entries mean and variance are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Per sample, over each of this many equal groups of channels.
    Group(usize),
    /// Per sample and channel.
    Instance,
    /// Per channel, over the batch.
    Batch,
}

/// A normalisation, with `{prefix}.weight` and `.bias` where present (affine) and
/// `{prefix}.running_mean` and `.running_var` where present (stored statistics).
#[derive(Clone, Debug)]
pub struct Norm {
    pub kind: NormKind,
    pub weight: Option<Weight>,
    pub bias: Option<Weight>,
    pub running: Option<Moments>,
    pub eps: f64,
}

impl Norm {
    /// What `weights` hold under `prefix`; `eps` is 1e-5, PyTorch's default.
    pub fn load(weights: &Weights, prefix: &str, kind: NormKind) -> Self {
        let find = |name: &str| weights.find(&format!("{prefix}.{name}")).cloned();
        let running = match (find("running_mean"), find("running_var")) {
            (Some(mean), Some(variance)) if !matches!(kind, NormKind::Group(_)) => {
                Some(Moments { mean: mean.tensor().clone(), variance: variance.tensor().clone() })
            }
            _ => None,
        };
        Self { kind, weight: find("weight"), bias: find("bias"), running, eps: 1e-5 }
    }

    /// Normalises by the stored statistics, or by those of `x` where none are stored.
    ///
    /// # Errors
    /// As [`ops::batch_norm`].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.running {
            Some(Moments { mean, variance }) => {
                let stored = BatchStatistics::Stored { mean, variance };
                ops::batch_norm(x, stored, self.weight.as_ref(), self.bias.as_ref(), self.eps)
            }
            None => self.forward_current(x),
        }
    }

    /// Normalises by the statistics of `x`, as in training.
    ///
    /// # Errors
    /// As [`ops::batch_norm`].
    pub fn forward_current(&self, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (self.weight.as_ref(), self.bias.as_ref());
        match self.kind {
            NormKind::Group(groups) => ops::group_norm(x, groups, weight, bias, self.eps),
            NormKind::Instance => ops::instance_norm(x, weight, bias, self.eps),
            NormKind::Batch => ops::batch_norm(x, BatchStatistics::Current, weight, bias, self.eps),
        }
    }

    /// `running` moved by `momentum` towards the mean and the unbiased variance of `x`.
    ///
    /// # Errors
    /// Those of the tensor library; [`crate::Error::Config`] where the unbiased variance needs
    /// more than one entry.
    pub fn moved_towards(&self, running: &Moments, x: &Tensor, momentum: f64) -> Result<Moments> {
        let (batch, _, h, w) = x.dims4()?;
        let (now, n) = match self.kind {
            NormKind::Batch => (ops::batch_moments(x)?, batch * h * w),
            NormKind::Instance | NormKind::Group(_) => (ops::instance_moments(x)?, h * w),
        };
        if n < 2 {
            return Err(crate::Error::config("entries per running statistic", "2 or more", n));
        }
        let unbiased = (now.variance * (n as f64 / (n - 1) as f64))?;
        let moved = |old: &Tensor, new: &Tensor| -> Result<Tensor> {
            Ok(((old * (1.0 - momentum))? + (new * momentum)?)?)
        };
        Ok(Moments { mean: moved(&running.mean, &now.mean)?, variance: moved(&running.variance, &unbiased)? })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn image() -> Tensor {
        let values = vec![1f64, 3., 0., 0., 5., 7., 0., 2.];
        Tensor::from_vec(values, (2, 2, 1, 2), &Device::Cpu).unwrap()
    }

    fn stored() -> Weights {
        let tensor = |values: &[f64]| Tensor::new(values, &Device::Cpu).unwrap();
        Weights::from_tensors([
            ("n.running_mean".to_owned(), tensor(&[1.0, 0.0])),
            ("n.running_var".to_owned(), tensor(&[4.0, 1.0])),
        ])
    }

    fn values(x: &Tensor) -> Vec<f64> {
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn stored_statistics_are_used_where_they_exist() {
        let mut norm = Norm::load(&stored(), "n", NormKind::Batch);
        norm.eps = 0.0;
        assert_eq!(values(&norm.forward(&image()).unwrap()), [0.0, 1.0, 0.0, 0.0, 2.0, 3.0, 0.0, 2.0]);
        let group = Norm::load(&stored(), "n", NormKind::Group(1));
        assert!(group.running.is_none());
    }

    #[test]
    fn running_statistics_move_to_the_unbiased_variance() {
        let moved = |kind| {
            let norm = Norm::load(&stored(), "n", kind);
            let now = norm.moved_towards(norm.running.as_ref().unwrap(), &image(), 0.5).unwrap();
            (values(&now.mean), values(&now.variance))
        };
        // Batch: means 4 and 0.5, variances 5 and 0.75 over four entries.
        let (mean, variance) = moved(NormKind::Batch);
        assert_eq!(mean, [2.5, 0.25]);
        assert!((variance[0] - 16.0 / 3.0).abs() < 1e-14 && (variance[1] - 1.0).abs() < 1e-14);
        // Instance: variances 1, 0 and 1, 1 over two entries, averaged over the samples.
        assert_eq!(moved(NormKind::Instance), (vec![2.5, 0.25], vec![3.0, 1.0]));
    }
}
