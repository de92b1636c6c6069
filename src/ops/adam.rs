//! The update of Adam.

use candle_core::{Tensor, Var};

use super::kernels;
use super::workspace::Path;
use crate::error::{Error, Result};

/// One step of Adam with bias-corrected moments (Kingma and Ba 2015, algorithm 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    pub rate: f64,
    pub betas: [f64; 2],
    pub eps: f64,
    /// Share of the weight that is added to the gradient.
    pub l2: f64,
    /// Factor of the weight before the step: below 1 for decoupled decay.
    pub kept: f64,
    /// Steps with this one.
    pub updates: u64,
}

impl AdamStep {
    /// What the moments are divided by.
    pub(super) fn corrections(&self) -> [f64; 2] {
        self.betas.map(|beta| 1.0 - beta.powf(self.updates as f64))
    }
}

/// The weight and its two moments after `step`, outside any graph; all tensors of one shape. The weight is
/// a variable where it was one.
///
/// # Errors
/// [`Error::Shape`] if they differ.
pub fn adam(
    step: &AdamStep,
    weight: &Tensor,
    gradient: &Tensor,
    moments: [&Tensor; 2],
) -> Result<[Tensor; 3]> {
    adam_by(Path::Auto, step, weight, gradient, moments)
}

fn adam_by(
    path: Path,
    step: &AdamStep,
    weight: &Tensor,
    gradient: &Tensor,
    moments: [&Tensor; 2],
) -> Result<[Tensor; 3]> {
    for other in [gradient, moments[0], moments[1]] {
        if other.dims() != weight.dims() {
            return Err(Error::shape("gradient or moment of Adam", weight.dims(), other.dims()));
        }
    }
    if path.takes_kernel(weight)? {
        return Ok(kernels::adam(step, weight, gradient, moments)?);
    }
    let (is_variable, weight, gradient) = (weight.is_variable(), weight.detach(), gradient.detach());
    let [beta1, beta2] = step.betas;
    let gradient = if step.l2 == 0.0 { gradient } else { (gradient + (&weight * step.l2)?)? };
    let [first, second] = moments.map(Tensor::detach);
    let first = (&first + ((&gradient - &first)? * (1.0 - beta1))?)?;
    let second = ((second * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
    let [correction1, correction2] = step.corrections();
    let deviation = ((second.sqrt()? / correction2.sqrt())? + step.eps)?;
    let weight = ((weight * step.kept)? - ((&first / deviation)? * (step.rate / correction1))?)?;
    let weight = if is_variable { Var::from_tensor(&weight)?.into_inner() } else { weight };
    Ok([weight, first, second])
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::super::testing::{PATHS, difference, normal};
    use super::*;

    #[test]
    fn both_paths_agree() {
        // More than one piece of work.
        for dims in [vec![3, 5], vec![170, 101], vec![0, 4]] {
            let [w, g, first] = [1, 2, 3].map(|seed| normal(seed, &dims));
            let second = normal(4, &dims).sqr().unwrap();
            for (l2, kept, updates) in [(0.0, 1.0, 1), (0.1, 1.0, 7), (0.0, 0.99, 1000)] {
                let step = AdamStep { rate: 0.01, betas: [0.9, 0.999], eps: 1e-8, l2, kept, updates };
                for (dtype, allowed) in [(DType::F64, 1e-13), (DType::F32, 1e-5)] {
                    let [w, g, first, second] = [&w, &g, &first, &second].map(|x| x.to_dtype(dtype).unwrap());
                    let found = PATHS.map(|path| adam_by(path, &step, &w, &g, [&first, &second]).unwrap());
                    for (a, b) in found[0].iter().zip(&found[1]) {
                        assert!(difference(a, b) < allowed);
                    }
                }
            }
        }
        let (a, b) = (normal(1, &[2]), normal(1, &[3]));
        let step = AdamStep { rate: 0.1, betas: [0.9, 0.999], eps: 1e-8, l2: 0.0, kept: 1.0, updates: 1 };
        assert!(adam(&step, &a, &b, [&a, &a]).is_err());
    }
}
